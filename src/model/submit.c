/* Creating a job exactly once. */
#include "model/submit.h"

#include "model/schedule.h"

/*
 * A POST whose answer was lost may still be on its way when the first GET finds nothing. Where it is
 * not made again, a second look decides.
 */
#define ABSENCES_TO_BELIEVE 2

enum submit_reply submit_reply_of(int r, enum trouble trouble, long status, bool is_api)
{
	if (r < 0)
		return trouble == TROUBLE_DNS || trouble == TROUBLE_CONNECT ||
				       trouble == TROUBLE_TLS
			       ? SUBMIT_UNSENT
			       : SUBMIT_LOST;
	switch (status) {
	case 200:
	case 201:
		return SUBMIT_JOB;
	case 404:
		return is_api ? SUBMIT_ABSENT : SUBMIT_LOST;
	case 409:
		return SUBMIT_EXISTS;
	case 408:
	case 425:
	case 429:
		return SUBMIT_BUSY;
	case 401:
	case 403:
	case 412:
		return SUBMIT_FORBIDDEN;
	}
	return status >= 400 && status < 500 ? SUBMIT_REFUSED : SUBMIT_LOST;
}

void submit_begin(struct submit *s, bool known, uint64_t now_ms)
{
	*s = (struct submit){.next = known ? SUBMIT_GET : SUBMIT_POST, .at_ms = now_ms};
}

void submit_restore(struct submit *s)
{
	*s = (struct submit){.next = SUBMIT_GET, .unsure = true, .lookup = true};
}

void submit_asked(struct submit *s)
{
	s->asked = s->next;
	s->under_way = true;
}

void submit_unasked(struct submit *s, uint64_t at_ms)
{
	s->under_way = false;
	s->at_ms = at_ms;
}

void submit_look_again(struct submit *s, uint64_t at_ms)
{
	s->unsure = true;
	s->next = SUBMIT_GET;
	s->at_ms = at_ms;
}

bool submit_is_unsure(const struct submit *s)
{
	return s->unsure || (s->under_way && s->asked == SUBMIT_POST);
}

bool submit_is_late(const struct submit *s, uint64_t deadline_ms, uint64_t now_ms)
{
	return deadline_ms <= now_ms || (!s->under_way && s->at_ms > deadline_ms);
}

bool submit_leave(struct submit *s, uint64_t now_ms)
{
	if (!submit_is_unsure(s))
		return true;
	s->lookup = true;
	s->absences = 0;
	s->next = SUBMIT_GET;
	if (s->at_ms < now_ms)
		s->at_ms = now_ms;
	return false;
}

void submit_join(struct submit *s, uint64_t now_ms)
{
	if (s->lookup && s->at_ms > now_ms)
		s->at_ms = s->closed_until_ms > now_ms ? s->closed_until_ms : now_ms;
	s->lookup = false;
}

static enum submit_verdict again(struct submit *s, enum submit_question next, uint64_t at_ms)
{
	s->next = next;
	s->at_ms = at_ms;
	return SUBMIT_AGAIN;
}

static enum submit_verdict later(struct submit *s, enum submit_question next,
				 uint64_t retry_after_ms, uint64_t now_ms, uint32_t chance)
{
	uint64_t at_ms;

	s->failures++;
	at_ms = now_ms + schedule_backoff_ms(s->failures, retry_after_ms, chance);
	if (retry_after_ms > 0)
		s->closed_until_ms = at_ms;
	return again(s, next, at_ms);
}

/* Nothing was done: it is tried again, unless nobody waits for it. */
static enum submit_verdict undone(struct submit *s, uint64_t retry_after_ms, uint64_t now_ms,
				  uint32_t chance)
{
	if (!s->lookup)
		return later(s, SUBMIT_POST, retry_after_ms, now_ms, chance);
	return s->unsure ? later(s, SUBMIT_GET, retry_after_ms, now_ms, chance)
			 : SUBMIT_NOT_CREATED;
}

static enum submit_verdict posted(struct submit *s, enum submit_reply reply,
				  uint64_t retry_after_ms, uint64_t now_ms, uint32_t chance)
{
	switch (reply) {
	case SUBMIT_JOB:
		return SUBMIT_CREATED;
	case SUBMIT_EXISTS:
		s->taken = true;
		return again(s, SUBMIT_GET, now_ms);
	case SUBMIT_LOST:
		s->unsure = true;
		return later(s, SUBMIT_GET, retry_after_ms, now_ms, chance);
	case SUBMIT_UNSENT:
	case SUBMIT_BUSY:
		return undone(s, retry_after_ms, now_ms, chance);
	case SUBMIT_FORBIDDEN:
		return SUBMIT_NOT_ALLOWED;
	case SUBMIT_ABSENT: /* of the account, or of what the job is made from */
	case SUBMIT_REFUSED:
		break;
	}
	return SUBMIT_NOT_TAKEN;
}

/*
 * There is no such job: it is made, unless nobody waits for it, or the API has said otherwise. Where a
 * POST of before was lost, that stays so until the next one is answered.
 */
static enum submit_verdict absent(struct submit *s, uint64_t now_ms, uint32_t chance)
{
	if (s->lookup && ++s->absences < ABSENCES_TO_BELIEVE)
		return later(s, SUBMIT_GET, 0, now_ms, chance);
	if (s->lookup) {
		s->unsure = false;
		return SUBMIT_NOT_CREATED;
	}
	return s->taken ? SUBMIT_NOT_TAKEN : again(s, SUBMIT_POST, now_ms);
}

static enum submit_verdict got(struct submit *s, enum submit_reply reply, uint64_t retry_after_ms,
			       uint64_t now_ms, uint32_t chance)
{
	switch (reply) {
	case SUBMIT_JOB:
		return SUBMIT_FOUND;
	case SUBMIT_ABSENT:
		return absent(s, now_ms, chance);
	case SUBMIT_FORBIDDEN:
	case SUBMIT_REFUSED:
	case SUBMIT_EXISTS:
		/* While it may be there, it is asked for until that is known. */
		if (s->unsure || s->lookup)
			return later(s, SUBMIT_GET, retry_after_ms, now_ms, chance);
		return reply == SUBMIT_FORBIDDEN ? SUBMIT_NOT_ALLOWED : SUBMIT_NOT_TAKEN;
	case SUBMIT_UNSENT:
	case SUBMIT_BUSY:
	case SUBMIT_LOST:
		break;
	}
	return later(s, SUBMIT_GET, retry_after_ms, now_ms, chance);
}

enum submit_verdict submit_replied(struct submit *s, enum submit_reply reply,
				   uint64_t retry_after_ms, uint64_t now_ms, uint32_t chance)
{
	s->under_way = false;
	if (s->asked == SUBMIT_POST)
		return posted(s, reply, retry_after_ms, now_ms, chance);
	if (reply != SUBMIT_ABSENT)
		s->absences = 0;
	return got(s, reply, retry_after_ms, now_ms, chance);
}
