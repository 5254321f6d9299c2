/* Events: types and identity. Receivers keep both, so the values here are for ever. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "model/event.h"
#include "support/rand.h"

Test(event, type_names)
{
	static const struct {
		enum event_type type;
		const char *name;
		bool end;
	} cases[] = {
		{EVENT_JOB_QUEUED, "job.queued", false},
		{EVENT_JOB_STARTING, "job.starting", false},
		{EVENT_JOB_RUNNING, "job.running", false},
		{EVENT_JOB_FINISHING, "job.finishing", false},
		{EVENT_JOB_PAUSED, "job.paused", false},
		{EVENT_JOB_CANCELLING, "job.cancelling", false},
		{EVENT_JOB_REMOVING, "job.removing", false},
		{EVENT_JOB_SUCCEEDED, "job.succeeded", true},
		{EVENT_JOB_EARLY_STOPPED, "job.early_stopped", true},
		{EVENT_JOB_FAILED, "job.failed", true},
		{EVENT_JOB_EXPIRED, "job.expired", true},
		{EVENT_JOB_CANCELLED, "job.cancelled", true},
		{EVENT_JOB_REMOVED, "job.removed", true},
		{EVENT_JOB_STATE, "job.state", false},
		{EVENT_JOB_STATUS, "job.status", false},
		{EVENT_JOB_PROGRESS, "job.progress", false},
		{EVENT_JOB_FOUND, "job.found", false},
		{EVENT_JOB_STALLED, "job.stalled", false},
		{EVENT_JOB_RECOVERED, "job.recovered", false},
		{EVENT_WATCHER_DEGRADED, "watcher.degraded", false},
		{EVENT_WATCHER_RESTORED, "watcher.restored", false},
	};
	enum event_type type = EVENT_NONE;

	cr_assert_eq(ARRAY_LEN(cases), EVENT_COUNT_ - 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_str_eq(event_type_name(cases[i].type), cases[i].name);
		cr_assert_eq(event_type_from_name(cases[i].name, &type), 0);
		cr_assert_eq(type, cases[i].type);
		cr_assert_eq(event_type_is_end(cases[i].type), cases[i].end);
	}
	cr_assert_null(event_type_name(EVENT_NONE));
	cr_assert_not(event_type_is_end(EVENT_NONE));
	type = EVENT_NONE;
	cr_assert_eq(event_type_from_name("job.unknown", &type), -ENOENT);
	cr_assert_eq(event_type_from_name("", &type), -ENOENT);
	cr_assert_eq(type, EVENT_NONE);
}

Test(event, type_of_a_phase_is_named_after_it)
{
	for (enum phase p = PHASE_UNKNOWN + 1; p < PHASE_COUNT_; p++) {
		const char *name = event_type_name(event_type_of_phase(p));

		cr_assert_eq(strncmp(name, "job.", 4), 0);
		cr_assert_str_eq(name + 4, phase_name(p));
		cr_assert_eq(event_type_is_end(event_type_of_phase(p)), phase_is_end(p));
	}
	cr_assert_eq(event_type_of_phase(PHASE_UNKNOWN), EVENT_JOB_STATE);
}

/* Made by another implementation of SHA-256 and base32hex. */
Test(event, golden_ids)
{
	static const struct {
		const char *endpoint, *subject;
		uint64_t sequence;
		const char *id;
	} cases[] = {
		{"https://api.fireworks.ai", "accounts/acme/supervisedFineTuningJobs/abc", 7,
		 "evt_601f8gmkiq60p851hdbqa9rjpb"},
		{"https://api.fireworks.ai", "accounts/acme", 1, "evt_abrt6uvfq9ocdeurnumgrfir22"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char id[EVENT_ID_MAX];

		cr_assert_eq(event_id(cases[i].endpoint, cases[i].subject, cases[i].sequence, id),
			     0);
		cr_assert_str_eq(id, cases[i].id);
	}
}

/* Webhook signatures join id and body with a full stop, so an id holds none. */
Test(event, ids_are_plain_and_differ)
{
	enum { N = 1000 };
	static char ids[N][EVENT_ID_MAX];
	struct rnd r = rnd_open("event");

	for (uint64_t i = 0; i < N; i++) {
		char subject[32], again[EVENT_ID_MAX];
		uint64_t sequence = i % 2 ? i : UINT64_MAX - i;

		snprintf(subject, sizeof(subject), "accounts/%d", (int)rnd_below(&r, 3));
		cr_assert_eq(event_id("https://a.b", subject, sequence, ids[i]), 0);
		cr_assert_eq(event_id("https://a.b", subject, sequence, again), 0);
		cr_assert_str_eq(ids[i], again);
		cr_assert_eq(strlen(ids[i]), 30);
		cr_assert_eq(strspn(ids[i] + 4, "0123456789abcdefghijklmnopqrstuv"), 26);
		for (uint64_t k = 0; k < i; k++)
			cr_assert_str_neq(ids[i], ids[k]);
	}
	cr_assert_eq(event_id("https://a.b/x", "accounts/0", 1, ids[0]), 0);
	cr_assert_eq(event_id("https://a.b", "x/accounts/0", 1, ids[1]), 0);
	cr_assert_str_neq(ids[0], ids[1]);
}
