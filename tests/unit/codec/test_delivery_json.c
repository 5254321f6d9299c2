/* The outbox's document, there and back. */
#include "codec/delivery_json.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/macro.h"

#define T0 1795156316123000LL /* 2026-11-20T06:31:56.123Z */

static const struct delivery_view views[] = {
	{.event = "evt_0f3k",
	 .notifier = "deploy.to prod",
	 .type = "job.succeeded",
	 .subject = "accounts/acme/supervisedFineTuningJobs/abc",
	 .sequence = UINT64_MAX,
	 .state = "pending",
	 .tries = 3,
	 .replaced = 2,
	 .created_us = T0,
	 .next_try_us = T0 + 5000000,
	 .waiting_for = "",
	 .last_error = "exit status 75 \"soon\""},
	{.event = "evt_1",
	 .notifier = "slack",
	 .type = "watcher.degraded",
	 .subject = "accounts/acme",
	 .sequence = 1,
	 .state = "dead",
	 .created_us = T0,
	 .waiting_for = "model",
	 .last_error = ""},
};

/* Golden: scripts read these names. */
static const char document[] =
	"{\"deliveries\":[{\"id\":\"evt_0f3k.deploy.to prod\",\"event\":\"evt_0f3k\","
	"\"type\":\"job.succeeded\",\"subject\":\"accounts/acme/supervisedFineTuningJobs/abc\","
	"\"sequence\":18446744073709551615,\"notifier\":\"deploy.to prod\",\"state\":\"pending\","
	"\"tries\":3,\"replaced\":2,\"createTime\":\"2026-11-20T06:31:56.123Z\","
	"\"nextTry\":\"2026-11-20T06:32:01.123Z\",\"waitingFor\":null,\"lastError\":\"exit status 75 \\\"soon\\\"\"},"
	"{\"id\":\"evt_1.slack\",\"event\":\"evt_1\",\"type\":\"watcher.degraded\","
	"\"subject\":\"accounts/acme\",\"sequence\":1,\"notifier\":\"slack\",\"state\":\"dead\","
	"\"tries\":0,\"replaced\":0,\"createTime\":\"2026-11-20T06:31:56.123Z\","
	"\"nextTry\":null,\"waitingFor\":\"model\",\"lastError\":null}],\"more\":true}";

Test(delivery_json, the_document)
{
	_cleanup_buf_ struct buf b = BUF_INIT(4096);

	cr_assert_eq(delivery_json_begin(&b), 0);
	for (size_t i = 0; i < ARRAY_LEN(views); i++)
		cr_assert_eq(delivery_json_add(&views[i], &b), 0);
	cr_assert_eq(delivery_json_end(true, &b), 0);
	cr_expect_str_eq(buf_str(&b), document);
}

static int compare(void *user, const struct delivery_view *v)
{
	size_t *n = user;
	const struct delivery_view *want = &views[(*n)++];

	cr_expect_str_eq(v->event, want->event);
	cr_expect_str_eq(v->notifier, want->notifier);
	cr_expect_str_eq(v->type, want->type);
	cr_expect_str_eq(v->subject, want->subject);
	cr_expect_str_eq(v->state, want->state);
	cr_expect_str_eq(v->last_error, want->last_error);
	cr_expect_str_eq(v->waiting_for, want->waiting_for);
	cr_expect_eq(v->sequence, want->sequence);
	cr_expect_eq(v->tries, want->tries);
	cr_expect_eq(v->replaced, want->replaced);
	cr_expect_eq(v->created_us, want->created_us);
	cr_expect_eq(v->next_try_us, want->next_try_us);
	return 0;
}

Test(delivery_json, there_and_back)
{
	bool more = false;
	size_t n = 0;

	cr_assert_eq(delivery_json_parse(document, strlen(document), compare, &n, &more), 0);
	cr_expect_eq(n, ARRAY_LEN(views));
	cr_expect(more);
}

static int count(void *user, const struct delivery_view *v)
{
	size_t *n = user;

	(*n)++;
	return v->event[0] ? 0 : -EBADMSG;
}

Test(delivery_json, what_is_no_such_document)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"deliveries\":{}}",
		"{\"deliveries\":[1],\"more\":false}",
		"{\"deliveries\":[{\"event\":\"e\",\"sequence\":\"1\"}],\"more\":false}",
		"{\"deliveries\":[{\"event\":7,\"sequence\":1}],\"more\":false}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		bool more;
		size_t n = 0;

		cr_expect_eq(delivery_json_parse(bad[i], strlen(bad[i]), count, &n, &more),
			     -EBADMSG, "%s", bad[i]);
	}
}

Test(delivery_json, ids)
{
	static const struct {
		const char *id, *event, *notifier;
	} cases[] = {
		{"evt_1.slack", "evt_1", "slack"},
		{"evt_1.a.b", "evt_1", "a.b"},
		{"evt_1", NULL, NULL},
		{"evt_1.", NULL, NULL},
		{".slack", NULL, NULL},
		{"", NULL, NULL},
		{"evt_0123456789012345678901234567890123456789.slack", NULL, NULL},
		{"evt_1.0123456789012345678901234567890123456789012345678901234567890123", NULL,
		 NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char event[EVENT_ID_MAX], notifier[DELIVERY_NOTIFIER_MAX];
		int r = delivery_id_parse(cases[i].id, event, notifier);

		cr_expect_eq(r, cases[i].event ? 0 : -EINVAL, "%s", cases[i].id);
		if (r == 0) {
			cr_expect_str_eq(event, cases[i].event);
			cr_expect_str_eq(notifier, cases[i].notifier);
		}
	}
}
