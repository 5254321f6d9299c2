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

	submit_begin(&s, known, now);
	if (lookup) {
		s.unsure = true;
		submit_look(&s, now);
	}
	for (; *replies; replies++) {
		enum submit_reply reply = (enum submit_reply)(strchr(letters, *replies) - letters);
		enum submit_verdict v;

		*at++ = s.next == SUBMIT_POST ? 'P' : 'G';
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

Test(submit, waits_as_long_as_it_is_told_and_longer_each_time)
{
	struct submit s;
	uint64_t before = 0;

	submit_begin(&s, false, NOW);
	cr_expect_eq(s.at_ms, NOW);
	cr_assert_eq(submit_replied(&s, SUBMIT_BUSY, 77000, NOW, 0), SUBMIT_AGAIN);
	cr_expect_geq(s.at_ms, NOW + 77000);
	submit_begin(&s, false, NOW);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(submit_replied(&s, SUBMIT_UNSENT, 0, NOW, 0), SUBMIT_AGAIN);
		cr_expect_gt(s.at_ms - NOW, before);
		before = s.at_ms - NOW;
	}
}

Test(submit, knows_when_it_is_not_known_what_became_of_it)
{
	struct submit s;

	submit_begin(&s, false, NOW);
	submit_replied(&s, SUBMIT_BUSY, 0, NOW, 0);
	cr_expect(!s.unsure, "nothing was done");
	submit_replied(&s, SUBMIT_LOST, 0, NOW, 0);
	cr_expect(s.unsure);
	submit_replied(&s, SUBMIT_ABSENT, 0, NOW, 0);
	cr_expect(!s.unsure, "it is not there");
}
