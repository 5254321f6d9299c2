/* Events to a program. */
#include "notify/exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/macro.h"
#include "notify/document.h"
#include "notify/excerpt.h"

#define LINE_PREFIX_MAX (STORE_NOTIFIER_MAX + 8) /* "hook NAME: " */

_Static_assert(LINE_PREFIX_MAX + PROCESS_LINE_MAX < LOG_LINE_MAX / 2, "the log cuts no line");

struct exec_call {
	const struct notifier *notifier;
	verdict_fn fn;
	void *user;
	struct process *process;
};

/* The machine may have more of these later; other reasons not to start stay. */
static const int scarce[] = {-EAGAIN, -ENOMEM, -EMFILE, -ENFILE};

static bool is_scarcity(int r)
{
	for (size_t i = 0; i < ARRAY_LEN(scarce); i++)
		if (r == scarce[i])
			return true;
	return false;
}

enum verdict exec_verdict(const struct process_result *result)
{
	if (result->cancelled)
		return VERDICT_CANCELLED;
	if (result->r < 0)
		return is_scarcity(result->r) ? VERDICT_RETRY : VERDICT_DEAD;
	if (result->timed_out || result->signal != 0)
		return VERDICT_DEAD;
	if (result->exit_status == 0)
		return VERDICT_DELIVERED;
	return result->exit_status == EX_TEMPFAIL ? VERDICT_RETRY : VERDICT_DEAD;
}

void exec_text(const struct process_result *result, uint64_t timeout_ms, char *ret, size_t size)
{
	char span[CLOCK_SPAN_MAX];

	if (result->cancelled) {
		snprintf(ret, size, "cancelled");
	} else if (result->r < 0) {
		snprintf(ret, size, "could not be started: %s", strerror(-result->r));
	} else if (result->timed_out) {
		clock_format_span_ms(timeout_ms, span);
		snprintf(ret, size, "timed out after %s", span);
	} else if (result->signal != 0) {
		snprintf(ret, size, "ended by signal %d (%s)", result->signal,
			 strsignal(result->signal));
	} else {
		snprintf(ret, size, "exit status %d", result->exit_status);
	}
}

static void on_line(void *user, const char *line, size_t len, size_t dropped)
{
	struct exec_call *call = user;
	const struct notifier *n = call->notifier;
	const char *name = n->config->name;
	char clean[PROCESS_LINE_MAX + 1], text[LINE_PREFIX_MAX + PROCESS_LINE_MAX + 1];

	if (dropped > 0)
		snprintf(text, sizeof(text), "hook %s: %zu more bytes of output dropped", name,
			 dropped);
	else {
		excerpt_printable(line, len, clean, sizeof(clean));
		snprintf(text, sizeof(text), "hook %s: %s", name, clean);
	}
	n->env->log(n->env->log_user, LOG_LEVEL_INFO, text);
}

static void on_end(void *user, const struct process_result *end)
{
	struct exec_call *call = user;
	char text[STORE_ERROR_MAX];
	struct verdict_result result = {.verdict = exec_verdict(end), .text = text};

	exec_text(end, call->notifier->config->timeout_ms, text, sizeof(text));
	call->fn(call->user, &result);
	free(call);
}

static int exec_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			verdict_fn fn, void *user, struct notifier_call **ret)
{
	_cleanup_(event_fields_done) struct event_fields fields = {0};
	_cleanup_(exec_environment_done) struct exec_environment environment = {0};
	_cleanup_document_ struct document document = {0};
	_cleanup_free_ struct exec_call *call = NULL;
	struct process_options options;
	int r;

	r = document_init(&document, d);
	if (r < 0)
		return r;
	r = event_fields_parse(document.body, document.len, &fields);
	if (r < 0)
		return r;
	r = exec_environment_init(&fields, d, getenv, &environment);
	if (r < 0)
		return r;
	call = malloc(sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct exec_call){.notifier = n, .fn = fn, .user = user};
	options = (struct process_options){
		.argv = n->config->command,
		.env = environment.list,
		.input = document.body,
		.input_len = document.len,
		.timeout_ms = n->config->timeout_ms,
		.line = on_line,
	};
	r = process_start(call->notifier->env->loop, &options, on_end, call, &call->process);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void exec_cancel(struct notifier *n, struct notifier_call *call)
{
	process_cancel(((struct exec_call *)call)->process);
}

static unsigned exec_max_parallel(const struct notifier *n)
{
	return n->config->max_parallel;
}

const struct notifier_type_info notifier_exec = {
	.name = "exec",
	.deliver = exec_deliver,
	.cancel = exec_cancel,
	.max_parallel = exec_max_parallel,
	.counts_starts = true,
};
