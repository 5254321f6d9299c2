/* What can stand between the daemon and a job. */
#include "model/trouble.h"

#include "base/clock.h"
#include "base/utf8.h"

static const char *const trouble_names[TROUBLE_COUNT_] = {
	[TROUBLE_NONE] = "none",
	[TROUBLE_DNS] = "dns",
	[TROUBLE_CONNECT] = "connect",
	[TROUBLE_TLS] = "tls",
	[TROUBLE_RESET] = "reset",
	[TROUBLE_TIMEOUT] = "timeout",
	[TROUBLE_TOO_LARGE] = "too_large",
	[TROUBLE_REDIRECT] = "redirect",
	[TROUBLE_UNAUTHORIZED] = "unauthorized",
	[TROUBLE_SUSPENDED] = "suspended",
	[TROUBLE_RATE_LIMITED] = "rate_limited",
	[TROUBLE_SERVER] = "server",
	[TROUBLE_HTTP] = "http",
	[TROUBLE_NOT_API] = "not_api",
	[TROUBLE_WRONG_JOB] = "wrong_job",
};

const char *trouble_name(enum trouble trouble)
{
	return trouble_names[trouble];
}

enum trouble trouble_of_status(long status)
{
	switch (status) {
	case 200:
		return TROUBLE_NONE;
	case 401:
	case 403:
		return TROUBLE_UNAUTHORIZED;
	case 412:
		return TROUBLE_SUSPENDED;
	case 429:
		return TROUBLE_RATE_LIMITED;
	}
	switch (status / 100) {
	case 2: /* the API answers no GET like this */
		return TROUBLE_NOT_API;
	case 3:
		return TROUBLE_REDIRECT;
	case 5:
		return TROUBLE_SERVER;
	}
	return TROUBLE_HTTP;
}

#define MANY_FAILURES 3

bool trouble_blocks_account(enum trouble trouble, unsigned failures)
{
	switch (trouble) {
	case TROUBLE_NONE:
		return false;
	case TROUBLE_TOO_LARGE:
	case TROUBLE_HTTP:
	case TROUBLE_NOT_API:
	case TROUBLE_WRONG_JOB:
		return failures >= MANY_FAILURES;
	case TROUBLE_DNS:
	case TROUBLE_CONNECT:
	case TROUBLE_TLS:
	case TROUBLE_RESET:
	case TROUBLE_TIMEOUT:
	case TROUBLE_REDIRECT:
	case TROUBLE_UNAUTHORIZED:
	case TROUBLE_SUSPENDED:
	case TROUBLE_RATE_LIMITED:
	case TROUBLE_SERVER:
	case TROUBLE_COUNT_:
		break;
	}
	return true;
}

uint64_t outage_ms(const struct outage *o)
{
	return o->until_us > o->since_us ? (uint64_t)(o->until_us - o->since_us) / US_PER_MS : 0;
}

void sight_failed(struct sight *s, enum trouble trouble, const char *text, uint64_t now_ms,
		  int64_t now_us)
{
	if (!s->out) {
		*s = (struct sight){.out = true, .out_since_ms = now_ms};
		s->outage.since_us = now_us;
		utf8_snprintf(s->outage.first, sizeof(s->outage.first), "%s", text);
	}
	s->outage.trouble = trouble;
	s->outage.failures++;
	utf8_snprintf(s->outage.last, sizeof(s->outage.last), "%s", text);
}

enum sight_verdict sight_succeeded(struct sight *s, int64_t now_us)
{
	if (!s->out)
		return SIGHT_SAME;
	s->out = false;
	s->outage.until_us = now_us;
	if (!s->announced)
		return SIGHT_SAME;
	s->announced = false;
	return SIGHT_RESTORED;
}

uint64_t sight_due_ms(const struct sight *s, uint64_t degraded_after_ms)
{
	if (!s->out || s->announced || degraded_after_ms >= UINT64_MAX - s->out_since_ms)
		return UINT64_MAX;
	return s->out_since_ms + degraded_after_ms;
}

enum sight_verdict sight_check(struct sight *s, uint64_t degraded_after_ms, uint64_t now_ms)
{
	if (now_ms < sight_due_ms(s, degraded_after_ms))
		return SIGHT_SAME;
	s->announced = true;
	return SIGHT_DEGRADED;
}
