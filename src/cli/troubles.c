/* What a table of jobs cannot say. */
#include "cli/troubles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cli/job_row.h"
#include "codec/status_json.h"
#include "codec/text.h"
#include "model/schedule.h"

struct troubles {
	troubles_fn fn;
	void *user;
	int64_t now_us;
};

static void _printf_(2, 3) say(const struct troubles *t, const char *fmt, ...)
{
	char text[2 * ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	utf8_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	t->fn(t->user, text);
}

/* Kinds whose lists fail while the rest of the account is answered. */
static void warn_of_collections(const struct troubles *t, const char *account,
				const struct account_view *v)
{
	for (size_t i = 0; i < v->n_collections; i++)
		if (*v->collections[i].last_error)
			say(t, "account %s: %s jobs are not listed: %s", account,
			    v->collections[i].kind, v->collections[i].last_error);
}

/* Until a kind was looked at, its jobs are not missing, but not known. */
static void warn_of_unseen(const struct troubles *t, const char *account,
			   const struct account_view *v)
{
	_cleanup_buf_ struct buf kinds = BUF_INIT(STATUS_JSON_MAX);
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->n_collections; i++)
		if (v->collections[i].unseen && !*v->collections[i].last_error)
			r = buf_printf(&kinds, "%s%s", kinds.len > 0 ? ", " : "",
				       v->collections[i].kind);
	if (r == 0 && kinds.len > 0)
		say(t, "account %s: these kinds were not looked at yet: %s", account,
		    buf_str(&kinds));
}

static int warn_of_account(void *user, const struct account_view *v)
{
	const char *account = *v->account ? v->account : v->name;
	const struct troubles *t = user;
	char span[CLOCK_SPAN_MAX], wanted[CLOCK_SPAN_MAX];

	if (!v->in_sight) {
		job_row_age(v->out_since_us, t->now_us, span);
		say(t, "account %s has not been seen for %s: %s", account, span, v->last_error);
		return 0;
	}
	if (schedule_is_stale(v->wanted_ms, v->freshness_ms)) {
		job_row_span(v->freshness_ms, span);
		clock_format_span_ms(v->wanted_ms, wanted);
		say(t,
		    "account %s: %" PRIu32 " %s for a look every %s "
		    "(%s wanted)",
		    account, v->rate,
		    v->rate == 1 ? "request a minute suffices" : "requests a minute suffice", span,
		    wanted);
	}
	warn_of_unseen(t, account, v);
	warn_of_collections(t, account, v);
	return 0;
}

static int warn_of_notifier(void *user, const struct notifier_view *v)
{
	const struct troubles *t = user;

	if (v->off)
		say(t, "notifier %s is off until the next reload: %s", v->name, v->last_error);
	if (v->pending > 0 && v->removed)
		say(t, "%zu %s for the notifier %s, which is not in the configuration", v->pending,
		    v->pending == 1 ? "delivery waits" : "deliveries wait", v->name);
	else if (v->pending > 0 && v->retried > 0)
		say(t, "%zu %s for the notifier %s: %s", v->pending,
		    v->pending == 1 ? "delivery waits" : "deliveries wait", v->name, v->last_error);
	if (v->dead > 0)
		say(t,
		    "notifier %s gave up %" PRIu64 " %s since the start. "
		    "Try: tunewatch deliveries",
		    v->name, v->dead, v->dead == 1 ? "delivery" : "deliveries");
	return 0;
}

static int warn_of_errors(void *user, const char *store, const char *configuration)
{
	const struct troubles *t = user;

	if (*store)
		say(t, "the store fails, nothing new is taken in: %s", store);
	if (*configuration)
		say(t, "the last reload was refused: %s", configuration);
	return 0;
}

int troubles_read(const char *body, size_t len, int64_t now_us, troubles_fn fn, void *user)
{
	static const struct status_reader reader = {.account = warn_of_account,
						    .notifier = warn_of_notifier,
						    .errors = warn_of_errors};
	struct troubles t = {.fn = fn, .user = user, .now_us = now_us};

	return status_json_parse_status(body, len, &reader, &t);
}
