/* Events to the system's log: the journal, or syslog(3). */
#include "notify/syslog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "codec/event_json.h"
#include "io/journal.h"
#include "notify/document.h"
#include "notify/variables.h"

#define SENTENCE_MAX EVENT_JSON_MAX /* bytes of MESSAGE */

struct syslog_call {
	const struct notifier *notifier;
	verdict_fn fn;
	void *user;
	struct journal_entry *entry;
	enum log_level level;
	char message[];
};

/*
 * How each event is marked: syslog's level, and a 128-bit id by which programs find all of a type
 * (drawn once, at random; never changed).
 */
static const struct {
	enum log_level level;
	const char *message_id;
} marks[EVENT_COUNT_] = {
	[EVENT_JOB_QUEUED] = {LOG_LEVEL_INFO, "6f4bc82b114d46e5baa9cbcdf22025f2"},
	[EVENT_JOB_STARTING] = {LOG_LEVEL_INFO, "8938cdcafba841cba66cc3969b146388"},
	[EVENT_JOB_RUNNING] = {LOG_LEVEL_INFO, "6a94265ca8a84279b0dfddfd29f6a40a"},
	[EVENT_JOB_FINISHING] = {LOG_LEVEL_INFO, "70b72ac579e2486a9b19a00cacbe6260"},
	[EVENT_JOB_PAUSED] = {LOG_LEVEL_WARNING, "c244690c0add4479a765b56751863a07"},
	[EVENT_JOB_CANCELLING] = {LOG_LEVEL_INFO, "44ed8d330d374c8db68029ed64dae928"},
	[EVENT_JOB_REMOVING] = {LOG_LEVEL_INFO, "8a6a86e4882c4625a7db928f454ea0e6"},
	[EVENT_JOB_SUCCEEDED] = {LOG_LEVEL_NOTICE, "b5d2ef34887d4ad2882102c0ea7f9a75"},
	[EVENT_JOB_EARLY_STOPPED] = {LOG_LEVEL_WARNING, "9d965f995610469f9f13822e05183ef3"},
	[EVENT_JOB_FAILED] = {LOG_LEVEL_ERR, "37c7bea586fe45a8ba9bb5b0e0292419"},
	[EVENT_JOB_EXPIRED] = {LOG_LEVEL_ERR, "c1c3f4f8914c433d92223e2c38b14c67"},
	[EVENT_JOB_CANCELLED] = {LOG_LEVEL_NOTICE, "815e1ff1081e4789bb811cab91a8ac88"},
	[EVENT_JOB_REMOVED] = {LOG_LEVEL_NOTICE, "ebef5fbbe10b48638768d663273ff06b"},
	[EVENT_JOB_STATE] = {LOG_LEVEL_INFO, "220b4682ea37424dab014946647261ee"},
	[EVENT_JOB_STATUS] = {LOG_LEVEL_INFO, "5db04f08b6fd4c0f8d79738ab9799134"},
	[EVENT_JOB_PROGRESS] = {LOG_LEVEL_INFO, "72e1b00492d4418eaca3a20f0367ed65"},
	[EVENT_JOB_FOUND] = {LOG_LEVEL_INFO, "72593587879240c692fcf86b490caf35"},
	[EVENT_JOB_STALLED] = {LOG_LEVEL_WARNING, "319ef020a20b4e65a12f4bc79e518c66"},
	[EVENT_JOB_RECOVERED] = {LOG_LEVEL_INFO, "3ca7b818c2fc4918a838aeef73eaaeb9"},
	[EVENT_WATCHER_DEGRADED] = {LOG_LEVEL_WARNING, "fe6edbda69fa402b824b5096dc147a54"},
	[EVENT_WATCHER_RESTORED] = {LOG_LEVEL_INFO, "e3392bb3a19a4e52b4b33e6454ae1af0"},
};

enum log_level syslog_level(enum event_type type)
{
	return marks[type].level;
}

const char *syslog_message_id(enum event_type type)
{
	return marks[type].message_id;
}

enum verdict syslog_verdict(int r)
{
	if (r >= 0)
		return VERDICT_DELIVERED;
	return r == -ECANCELED ? VERDICT_CANCELLED : VERDICT_RETRY;
}

static void on_sent(void *user, int r)
{
	struct syslog_call *call = user;
	struct verdict_result result = {.verdict = syslog_verdict(r)};
	char text[128];

	if (r == SYSTEM_LOG_ABSENT) {
		call->notifier->env->log(call->notifier->env->log_user, call->level, call->message);
		result.text = "there is no system log here: written to the daemon's own";
	} else if (r == 0) {
		result.text = "the log took it";
	} else if (r == -ECANCELED) {
		result.text = "cancelled";
	} else {
		snprintf(text, sizeof(text), "the log did not take it: %s", strerror(-r));
		result.text = text;
	}
	call->fn(call->user, &result);
	free(call);
}

static int send_entry(struct syslog_call *call, const struct event_fields *f,
		      const struct notifier_delivery *d)
{
	struct journal_field fields[VARIABLE_COUNT + 3];
	char try[VARIABLE_NUMBER_MAX], replaced[VARIABLE_NUMBER_MAX];
	size_t n = 0;

	snprintf(try, sizeof(try), "%u", d->number);
	snprintf(replaced, sizeof(replaced), "%u", d->replaced);
	fields[n++] = (struct journal_field){"MESSAGE_ID", syslog_message_id(f->type)};
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		fields[n++] =
			(struct journal_field){variables[i].name, f->values[variables[i].field]};
	fields[n++] = (struct journal_field){VARIABLE_DELIVERY_TRY, try};
	if (d->replaced > 0)
		fields[n++] = (struct journal_field){VARIABLE_REPLACED, replaced};
	return journal_send(call->notifier->env->journal, call->level, call->message, fields, n,
			    on_sent, call, &call->entry);
}

static int syslog_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			  verdict_fn fn, void *user, struct notifier_call **ret)
{
	_cleanup_(event_fields_done) struct event_fields fields = {0};
	_cleanup_buf_ struct buf sentence = BUF_INIT(SENTENCE_MAX);
	_cleanup_free_ struct syslog_call *call = NULL;
	int r;

	r = document_fields(d, &fields);
	if (r < 0)
		return r;
	r = event_fields_sentence(&fields, &sentence);
	if (r < 0)
		return r;
	call = calloc(1, sizeof(*call) + sentence.len + 1);
	if (!call)
		return -ENOMEM;
	*call = (struct syslog_call){.notifier = n,
				     .fn = fn,
				     .user = user,
				     .level = syslog_level(fields.type)};
	memcpy(call->message, buf_str(&sentence), sentence.len);
	r = send_entry(call, &fields, d);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void syslog_cancel(struct notifier *n, struct notifier_call *call)
{
	journal_cancel(((struct syslog_call *)call)->entry);
}

/* The entries of all go one at a time: more under way would only wait elsewhere. */
static unsigned syslog_max_parallel(const struct notifier *n)
{
	return 1;
}

const struct notifier_type_info notifier_syslog = {
	.name = "syslog",
	.deliver = syslog_deliver,
	.cancel = syslog_cancel,
	.max_parallel = syslog_max_parallel,
};
