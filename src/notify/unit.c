/* Events to a unit of systemd. */
#include "notify/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/macro.h"
#include "base/utf8.h"
#include "io/private_file.h"
#include "model/unit_name.h"
#include "notify/document.h"

struct unit_call {
	const struct notifier *notifier;
	verdict_fn fn;
	void *user;
	struct unit_start *start;
	struct error error; /* why the event could not be handed over */
	char name[UNIT_NAME_MAX + 1];
	size_t len;
	char body[]; /* the document */
};

/* UNIT_FAILED: a result that is not here is for good. */
static const char *const passing[] = {"resources", "start-limit-hit"};

static bool may_pass(const struct unit_result *result)
{
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (strcmp(result->result, passing[i]) == 0)
			return true;
	return result->exit_status == EX_TEMPFAIL;
}

enum verdict unit_verdict(const struct unit_result *result)
{
	switch (result->end) {
	case UNIT_DONE:
		return VERDICT_DELIVERED;
	case UNIT_FAILED:
		return may_pass(result) ? VERDICT_RETRY : VERDICT_DEAD;
	case UNIT_CANCELED:
	case UNIT_DEPENDENCY:
	case UNIT_BUSY:
	case UNIT_UNKNOWN:
		return VERDICT_RETRY;
	case UNIT_TIMED_OUT:
	case UNIT_SKIPPED:
	case UNIT_NOT_RUN:
	case UNIT_ACTIVE:
	case UNIT_REFUSED:
	case UNIT_DENIED:
		return VERDICT_DEAD;
	case UNIT_INTERRUPTED:
		return VERDICT_CANCELLED;
	}
	return VERDICT_DEAD;
}

static void failed_text(const char *name, const struct unit_result *result, char *ret, size_t size)
{
	if (result->exit_status >= 0)
		utf8_snprintf(ret, size, "%s failed: exit status %d", name, result->exit_status);
	else if (result->signal > 0)
		utf8_snprintf(ret, size, "%s failed: ended by signal %d (%s)", name, result->signal,
			      strsignal(result->signal));
	else
		utf8_snprintf(ret, size, "%s failed%s%s", name, result->result[0] ? ": " : "",
			      result->result);
}

void unit_text(const char *name, const struct unit_result *result, char *ret, size_t size)
{
	static const char *const what[] = {
		[UNIT_DONE] = "is done",
		[UNIT_TIMED_OUT] = "took too long to start",
		[UNIT_CANCELED] = "was stopped before it was done",
		[UNIT_DEPENDENCY] = "did not run: a unit that it needs failed",
		[UNIT_SKIPPED] = "did not run: a condition of its own was not met",
		[UNIT_ACTIVE] = "is active already and was not started: it needs Type=oneshot, "
				"and no RemainAfterExit=",
		[UNIT_BUSY] = "is busy with something else",
		[UNIT_INTERRUPTED] = "is not followed any more",
	};

	if (result->end == UNIT_FAILED)
		failed_text(name, result, ret, size);
	else if (result->end == UNIT_NOT_RUN)
		utf8_snprintf(ret, size, "%s did not run: %s", name, result->result);
	else if (result->end == UNIT_REFUSED)
		utf8_snprintf(ret, size, "%s is not started: %s", name, result->detail);
	else if (result->end == UNIT_DENIED)
		utf8_snprintf(ret, size,
			      "not allowed to start %s: %s A polkit rule has to allow it, see "
			      "tunewatch.conf(5)",
			      name, result->detail);
	else if (result->end == UNIT_UNKNOWN)
		utf8_snprintf(ret, size, "cannot start or follow %s: %s", name, result->detail);
	else
		utf8_snprintf(ret, size, "%s %s", name, what[result->end]);
}

/* Unless it may be running: then the next try has to know for what. */
static bool is_over(enum unit_end end)
{
	return end != UNIT_UNKNOWN && end != UNIT_INTERRUPTED && end != UNIT_BUSY;
}

static int on_prepare(void *user)
{
	struct unit_call *call = user;

	return private_file_write(call->notifier->env->unit_dir, call->name, call->body, call->len,
				  &call->error);
}

static void on_end(void *user, const struct unit_result *end)
{
	struct unit_call *call = user;
	char text[STORE_ERROR_MAX];
	struct verdict_result result = {.verdict = unit_verdict(end), .text = text};

	if (is_over(end->end))
		private_file_remove(call->notifier->env->unit_dir, call->name);
	if (call->error.text[0])
		utf8_snprintf(text, sizeof(text), "%s", call->error.text);
	else
		unit_text(call->name, end, text, sizeof(text));
	call->fn(call->user, &result);
	free(call);
}

static int unit_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			verdict_fn fn, void *user, struct notifier_call **ret)
{
	_cleanup_(event_fields_done) struct event_fields fields = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_free_ struct unit_call *call = NULL;
	struct unit_start_options options;
	int r;

	r = document_init(&document, d);
	if (r < 0)
		return r;
	r = event_fields_parse(document.body, document.len, &fields);
	if (r < 0)
		return r;
	call = calloc(1, sizeof(*call) + document.len);
	if (!call)
		return -ENOMEM;
	*call = (struct unit_call){.notifier = n, .fn = fn, .user = user, .len = document.len};
	memcpy(call->body, document.body, document.len);
	/* What is cut is no name, and systemd says so: the verdict comes as any other. */
	r = unit_name_format(n->config->unit, fields.values[EVENT_FIELD_SUBJECT], call->name);
	if (r < 0)
		error_set(&call->error, r,
			  "the unit's name would be longer than %d bytes; %%i is shorter than %%j",
			  UNIT_NAME_MAX);
	options = (struct unit_start_options){
		.name = call->name,
		.join = private_file_holds(n->env->unit_dir, call->name, call->body, call->len),
		.prepare = on_prepare,
	};
	r = units_start(n->env->units, &options, on_end, call, &call->start);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void unit_cancel(struct notifier *n, struct notifier_call *call)
{
	unit_start_cancel(((struct unit_call *)call)->start);
}

static unsigned unit_max_parallel(const struct notifier *n)
{
	return n->config->max_parallel;
}

const struct notifier_type_info notifier_unit = {
	.name = "unit",
	.deliver = unit_deliver,
	.cancel = unit_cancel,
	.max_parallel = unit_max_parallel,
	.counts_starts = true,
	.goes_on = true,
};
