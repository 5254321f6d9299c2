/* The daemon's answers to a job that was submitted. */
#include "codec/submit_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "codec/text.h"

#define JOB "\"name\":\"accounts/acme/supervisedFineTuningJobs/abc\""

static int parse(const char *body, struct submit_answer *ret)
{
	return submit_json_parse(body, strlen(body), ret);
}

Test(submit_json, outcomes)
{
	struct submit_answer a;

	cr_assert_eq(parse("{\"outcome\":\"created\",\"job\":{" JOB ",\"phase\":null}}", &a), 0);
	cr_assert(a.created && a.phase == PHASE_UNKNOWN && a.name.kind == KIND_SFT);
	cr_assert_str_eq(a.name.account, "acme");
	cr_assert_str_eq(a.name.id, "abc");
	cr_assert_eq(parse("{\"outcome\":\"found\",\"job\":{" JOB ",\"phase\":\"failed\"}}", &a),
		     0);
	cr_assert(!a.created && a.phase == PHASE_FAILED);
	cr_assert_eq(parse("{\"outcome\":\"found\",\"job\":{" JOB ",\"phase\":\"newer\"}}", &a), 0);
	cr_assert_eq(a.phase, PHASE_UNKNOWN);
}

Test(submit_json, answers_of_others)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"{}",
		"{\"outcome\":\"created\"}",
		"{\"outcome\":\"created\",\"job\":[]}",
		"{\"outcome\":\"made\",\"job\":{" JOB "}}",
		"{\"outcome\":1,\"job\":{" JOB "}}",
		"{\"job\":{" JOB "}}",
		"{\"outcome\":\"created\",\"job\":{}}",
		"{\"outcome\":\"created\",\"job\":{\"name\":\"abc\"}}",
		"{\"outcome\":\"created\",\"job\":{" JOB ",\"phase\":1}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct submit_answer a = {.phase = PHASE_PAUSED};

		cr_expect_eq(parse(bodies[i], &a), -EBADMSG, "%s", bodies[i]);
		cr_expect_eq(a.phase, PHASE_PAUSED, "written on success only");
	}
}

static void on_difference(void *user, const char *field, const char *there, const char *here)
{
	cr_assert(text_is_utf8(there) && !text_has_control(there));
	cr_assert_eq(buf_printf(user, "%s: %s | %s\n", field, there, here), 0);
}

static int differences(const char *body, struct buf *b)
{
	buf_clear(b);
	return submit_json_parse_differences(body, strlen(body), on_difference, b);
}

Test(submit_json, differences)
{
	_cleanup_buf_ struct buf b = BUF_INIT(4096);
	char large[2048], text[1200];

	cr_assert_eq(differences("{\"error\":{\"code\":\"conflict\",\"differences\":["
				 "{\"field\":\"epochs\",\"there\":\"2\",\"here\":\"3\"},"
				 "{\"field\":\"a.b\",\"there\":\"\\u001b[2J\",\"here\":\"é\"}]}}",
				 &b),
		     0);
	cr_assert_str_eq(buf_str(&b), "epochs: 2 | 3\na.b:  [2J | é\n");
	cr_assert_eq(differences("{\"error\":{\"code\":\"conflict\"}}", &b), 0);
	cr_assert_eq(differences("{}", &b), 0);
	cr_assert_str_eq(buf_str(&b), "");
	cr_assert_eq(differences("{\"error\":{\"differences\":[1]}}", &b), -EBADMSG);
	cr_assert_eq(differences("{\"error\":{\"differences\":[{\"field\":1}]}}", &b), -EBADMSG);
	cr_assert_eq(differences("{\"error\":{\"differences\":{\"a\":1}}}", &b), -EBADMSG);

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	snprintf(large, sizeof(large), "{\"error\":{\"differences\":[{\"there\":\"%s\"}]}}", text);
	cr_assert_eq(differences(large, &b), 0);
	cr_assert(b.len < 600, "cut");
}
