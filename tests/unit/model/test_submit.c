/* Creating a job exactly once: what is asked after what, whatever is lost on the way. */
#include "model/submit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

#define NOW 1000000

Test(submit, what_an_answer_says)
{
	static const struct {
		int r;
		enum trouble trouble;
		long status;
		bool is_api;
		enum submit_reply want;
	} rows[] = {
		{0, TROUBLE_NONE, 200, true, SUBMIT_JOB},
		{0, TROUBLE_NONE, 201, true, SUBMIT_JOB},
		{0, TROUBLE_NONE, 409, true, SUBMIT_EXISTS},
		{0, TROUBLE_NONE, 404, true, SUBMIT_ABSENT},
		{0, TROUBLE_NONE, 404, false, SUBMIT_LOST}, /* a proxy's */
		{0, TROUBLE_NONE, 400, true, SUBMIT_REFUSED},
		{0, TROUBLE_NONE, 422, true, SUBMIT_REFUSED},
		{0, TROUBLE_NONE, 401, true, SUBMIT_FORBIDDEN},
		{0, TROUBLE_NONE, 403, true, SUBMIT_FORBIDDEN},
		{0, TROUBLE_NONE, 412, true, SUBMIT_FORBIDDEN},
		{0, TROUBLE_NONE, 408, true, SUBMIT_BUSY},
		{0, TROUBLE_NONE, 425, true, SUBMIT_BUSY},
		{0, TROUBLE_NONE, 429, true, SUBMIT_BUSY},
		{0, TROUBLE_NONE, 500, true, SUBMIT_LOST},
		{0, TROUBLE_NONE, 503, true, SUBMIT_LOST},
		{0, TROUBLE_NONE, 302, true, SUBMIT_LOST},
		{-EIO, TROUBLE_DNS, 0, false, SUBMIT_UNSENT},
		{-EIO, TROUBLE_CONNECT, 0, false, SUBMIT_UNSENT},
		{-EIO, TROUBLE_TLS, 0, false, SUBMIT_UNSENT},
		{-EIO, TROUBLE_RESET, 0, false, SUBMIT_LOST},
		{-EIO, TROUBLE_TIMEOUT, 0, false, SUBMIT_LOST},
		{-EIO, TROUBLE_TOO_LARGE, 0, false, SUBMIT_LOST},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(submit_reply_of(rows[i].r, rows[i].trouble, rows[i].status,
					     rows[i].is_api),
			     rows[i].want, "row %zu", i);
}

/* Answers as letters; the questions that they bring about: P, G, and the verdict at the end. */
static const char *play(const char *replies, bool known, bool lookup)
{
	static const char letters[] = "JEAUBLFR"; /* in the order of enum submit_reply */
	static const char verdicts[] = ".CFNDT";  /* in the order of enum submit_verdict */
	static char told[64];
	struct submit s;
	char *at = told;
	uint64_t now = NOW;

	if (lookup)
		submit_restore(&s);
	else
		submit_begin(&s, known, now);
	for (; *replies; replies++) {
		enum submit_reply reply = (enum submit_reply)(strchr(letters, *replies) - letters);
		enum submit_verdict v;

		*at++ = s.next == SUBMIT_POST ? 'P' : 'G';
		submit_asked(&s);
		v = submit_replied(&s, reply, 0, now, 0);
		if (v != SUBMIT_AGAIN) {
			*at++ = verdicts[v];
			break;
		}
		cr_expect_geq(s.at_ms, now);
		now = s.at_ms;
	}
	*at = '\0';
	return told;
}

Test(submit, what_is_asked_next)
{
	static const struct {
		const char *replies, *want;
		bool known, lookup;
	} rows[] = {
		{"J", "PC", false, false},
		{"EJ", "PGF", false, false},   /* it was there */
		{"EA", "PGT", false, false},   /* the API contradicts itself: its words are told */
		{"LJ", "PGF", false, false},   /* the answer was lost, the job was not */
		{"LAJ", "PGPC", false, false}, /* both were */
		{"LAEJ", "PGPGF", false, false}, /* it came late */
		{"LLAJ", "PGGPC", false, false},
		{"LUBAJ", "PGGGPC", false, false},
		{"LFJ", "PGGF", false,
		 false}, /* it may be there: it is asked for until that is known */
		{"UUJ", "PPPC", false, false},
		{"BBJ", "PPPC", false, false},
		{"F", "PD", false, false},
		{"R", "PT", false, false},
		{"A", "PT", false, false}, /* the account, or what it is made from */
		{"LAR", "PGPT", false, false},
		{"EF", "PGD", false, false},
		{"EBJ", "PGGF", false, false},
		{"J", "GF", true, false}, /* it was known: one request instead of two */
		{"AJ", "GPC", true, false},
		{"LJ", "GGF", true, false},
		{"J", "GF", false, true}, /* after a restart */
		{"AA", "GGN", false, true},
		{"ALAA", "GGGGN", false, true},
		{"AJ", "GGF", false, true}, /* the POST was still on its way */
		{"FRUBLJ", "GGGGGGF", false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_str_eq(play(rows[i].replies, rows[i].known, rows[i].lookup), rows[i].want,
				 "%s: %s", rows[i].replies,
				 play(rows[i].replies, rows[i].known, rows[i].lookup));
}

Test(submit, a_lookup_never_creates)
{
	static const char letters[] = "JEAUBLFR";

	for (int code = 0; code < 8 * 8 * 8 * 8; code++) {
		char replies[5];

		for (int i = 0, rest = code; i < 4; i++, rest /= 8)
			replies[i] = letters[rest % 8];
		replies[4] = '\0';
		cr_expect_null(strchr(play(replies, false, true), 'P'), "%s", replies);
	}
}

/* One question, and what is answered. */
static enum submit_verdict round_trip(struct submit *s, enum submit_reply reply)
{
	submit_asked(s);
	return submit_replied(s, reply, 0, NOW, 0);
}

Test(submit, waits_as_long_as_it_is_told_and_longer_each_time)
{
	struct submit s;
	uint64_t before = 0;

	submit_begin(&s, false, NOW);
	cr_expect_eq(s.at_ms, NOW);
	submit_asked(&s);
	cr_assert_eq(submit_replied(&s, SUBMIT_BUSY, 77000, NOW, 0), SUBMIT_AGAIN);
	cr_expect_geq(s.at_ms, NOW + 77000);
	submit_begin(&s, false, NOW);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(round_trip(&s, SUBMIT_UNSENT), SUBMIT_AGAIN);
		cr_expect_gt(s.at_ms - NOW, before);
		before = s.at_ms - NOW;
	}
}

Test(submit, knows_when_it_is_not_known_what_became_of_it)
{
	struct submit s;

	submit_begin(&s, false, NOW);
	cr_expect(!submit_is_unsure(&s), "nothing was sent");
	submit_asked(&s);
	cr_expect(submit_is_unsure(&s), "it is under way");
	submit_unasked(&s, NOW + 5);
	cr_expect(!submit_is_unsure(&s), "it was not sent after all");
	cr_expect_eq(s.at_ms, NOW + 5);
	round_trip(&s, SUBMIT_BUSY);
	cr_expect(!submit_is_unsure(&s), "nothing was done");
	round_trip(&s, SUBMIT_LOST);
	cr_expect(submit_is_unsure(&s));
	round_trip(&s, SUBMIT_ABSENT);
	cr_expect(submit_is_unsure(&s), "what was lost may be on its way still");
	round_trip(&s, SUBMIT_BUSY);
	cr_expect(submit_is_unsure(&s), "and was not made again");
	submit_begin(&s, true, NOW);
	submit_asked(&s);
	cr_expect(!submit_is_unsure(&s), "a GET makes nothing");
	submit_begin(&s, true, NOW);
	submit_look_again(&s, NOW + 9);
	cr_expect(submit_is_unsure(&s), "it is there");
	cr_expect_eq(s.at_ms, NOW + 9);
}

Test(submit, what_nobody_waits_for_is_the_end_unless_there_may_be_a_job)
{
	struct submit s;

	submit_begin(&s, false, NOW);
	cr_expect(submit_leave(&s, NOW));
	round_trip(&s, SUBMIT_BUSY);
	cr_expect(submit_leave(&s, NOW));
	submit_begin(&s, true, NOW);
	submit_asked(&s);
	cr_expect(submit_leave(&s, NOW), "a GET is under way");

	/* A POST is: its answer is a POST's, though only GETs follow. */
	submit_begin(&s, false, NOW);
	submit_asked(&s);
	cr_expect(!submit_leave(&s, NOW));
	cr_expect_eq(submit_replied(&s, SUBMIT_JOB, 0, NOW, 0), SUBMIT_CREATED);
	submit_begin(&s, false, NOW);
	submit_asked(&s);
	cr_expect(!submit_leave(&s, NOW));
	cr_expect_eq(submit_replied(&s, SUBMIT_BUSY, 0, NOW, 0), SUBMIT_NOT_CREATED);
	submit_begin(&s, false, NOW);
	submit_asked(&s);
	cr_expect(!submit_leave(&s, NOW));
	cr_expect_eq(submit_replied(&s, SUBMIT_EXISTS, 0, NOW, 0), SUBMIT_AGAIN);
	cr_expect_eq(s.next, SUBMIT_GET);

	/* One before it was lost: two looks, and no POST. */
	submit_begin(&s, false, NOW);
	round_trip(&s, SUBMIT_LOST);
	round_trip(&s, SUBMIT_ABSENT);
	submit_asked(&s);
	cr_expect(!submit_leave(&s, NOW));
	cr_expect_eq(submit_replied(&s, SUBMIT_BUSY, 0, NOW, 0), SUBMIT_AGAIN);
	cr_expect_eq(s.next, SUBMIT_GET);
	cr_expect_eq(round_trip(&s, SUBMIT_ABSENT), SUBMIT_AGAIN);
	cr_expect_eq(round_trip(&s, SUBMIT_ABSENT), SUBMIT_NOT_CREATED);
	cr_expect(submit_leave(&s, NOW), "now it is known");
}

Test(submit, who_comes_back_does_not_wait_for_what_nobody_waited_for)
{
	struct submit s;

	submit_begin(&s, false, NOW);
	round_trip(&s, SUBMIT_LOST);
	submit_leave(&s, NOW);
	for (int i = 0; i < 5; i++)
		round_trip(&s, SUBMIT_UNSENT);
	cr_assert_gt(s.at_ms, NOW);
	submit_join(&s, NOW);
	cr_expect_eq(s.at_ms, NOW);
	cr_expect_eq(round_trip(&s, SUBMIT_ABSENT), SUBMIT_AGAIN);
	cr_expect_eq(s.next, SUBMIT_POST, "it is wanted again");

	submit_begin(&s, false, NOW);
	round_trip(&s, SUBMIT_LOST);
	submit_leave(&s, NOW);
	submit_asked(&s);
	submit_replied(&s, SUBMIT_BUSY, 50000, NOW, 0);
	submit_join(&s, NOW + 10);
	cr_expect_eq(s.at_ms, NOW + 50000, "the API has said when");

	/* Who joins others waits as they do. */
	submit_begin(&s, false, NOW);
	round_trip(&s, SUBMIT_UNSENT);
	submit_join(&s, NOW);
	cr_expect_gt(s.at_ms, NOW);
}

Test(submit, a_wait_beyond_the_time_is_not_waited_for)
{
	struct submit s;

	submit_begin(&s, false, NOW);
	cr_expect(!submit_is_late(&s, NOW + 1, NOW));
	cr_expect(submit_is_late(&s, NOW, NOW));
	submit_unasked(&s, NOW + 100);
	cr_expect(submit_is_late(&s, NOW + 99, NOW));
	cr_expect(!submit_is_late(&s, NOW + 100, NOW));
	submit_asked(&s);
	cr_expect(!submit_is_late(&s, NOW + 99, NOW), "an answer may come in time");
}
