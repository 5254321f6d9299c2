/* Reading JSON value by value: what is taken, what is refused, and json-c's opinion of both. */
#include "codec/json_in.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "codec/status_json.h"
#include "support/jobs_check.h"
#include "support/rand.h"

/* Skips the one value that the bytes are to be, from an allocation that ends where they do. */
static int skip(const char *body, size_t len)
{
	_cleanup_free_ char *exact = malloc(len ? len : 1);
	struct json_in in = {0};
	int r;

	memcpy(exact, body, len);
	r = json_in_init(&in, exact, len);
	if (r == 0)
		r = json_in_skip(&in);
	if (r == 0)
		r = json_in_end(&in);
	json_in_done(&in);
	return r;
}

Test(json_in, what_is_json)
{
	static const char *const good[] = {
		"null",
		" true ",
		"\t\r\nfalse",
		"0",
		"-0",
		"-1",
		"10",
		"1.5",
		"0.0e0",
		"1E+9",
		"1e-9",
		"\"\"",
		"\"a\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20aC\"",
		"[]",
		"[ ]",
		"{}",
		"[1,2]",
		"[[],[[]]]",
		"{\"a\":1}",
		"{ \"a\" : [ { } , 1 ] }",
		"\"\x7f\"",
		"\"€\"",
		"\"\\ud83d\\ude00\"",
		"{\"\":null}",
	};
	static const char *const bad[] = {
		"",
		" ",
		"nul",
		"nulll",
		"True",
		"NULL",
		"NaN",
		"Infinity",
		"-",
		"+1",
		"01",
		"-01",
		"1.",
		".5",
		"1e",
		"1e+",
		"0x1",
		"1 2",
		"\"",
		"\"a",
		"\"\\",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\u0000\"",
		"\"\\ud83d\"",
		"\"\\ud83dx\"",
		"\"\\ud83d\\n\"",
		"\"\\ud83d\\u0041\"",
		"\"\\ude00\"",
		"'a'",
		"\"\n\"",
		"\"\x1f\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xe2\x82\"",
		"[",
		"]",
		"[1",
		"[1,",
		"[1,]",
		"[,]",
		"[1 2]",
		"[1}",
		"{",
		"}",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{a:1}",
		"{1:1}",
		"{\"a\" 1}",
		"{\"a\":1]",
		"{,}",
		"[]]",
		"/**/1",
		"\v1",
		"\xef\xbb\xbf{}",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		cr_expect_eq(skip(good[i], strlen(good[i])), 0, "%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(skip(bad[i], strlen(bad[i])), -EBADMSG, "%s", bad[i]);
	cr_expect_eq(skip("1\0", 2), -EBADMSG, "a NUL behind the value");
	cr_expect_eq(skip("\0", 1), -EBADMSG);
}

Test(json_in, depth_is_bounded)
{
	char deep[2 * (JSON_IN_DEPTH_MAX + 1)];

	for (size_t n = JSON_IN_DEPTH_MAX; n <= JSON_IN_DEPTH_MAX + 1; n++) {
		memset(deep, '[', n);
		memset(deep + n, ']', n);
		cr_assert_eq(skip(deep, 2 * n), n > JSON_IN_DEPTH_MAX ? -EBADMSG : 0, "%zu", n);
	}
}

static struct json_in reader(const char *body)
{
	struct json_in in = {0};

	cr_assert_eq(json_in_init(&in, body, strlen(body)), 0);
	return in;
}

Test(json_in, texts)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{"\"\"", ""},
		{"\"plain\"", "plain"},
		{"\"\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		 "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
		{"\"\\ud800\\udc00 \\udbff\\udfff\"", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"},
		{"\"a\\\\\\\"/\\/€\"", "a\\\"//€"},
		{"\"\\n\"", "\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_in in = reader(cases[i].body);
		const char *text = NULL;

		cr_assert_eq(json_in_text(&in, &text), 0, "%s", cases[i].body);
		cr_expect_str_eq(text, cases[i].text);
		cr_expect_eq(json_in_end(&in), 0);
		json_in_done(&in);
	}
}

Test(json_in, integers)
{
	static const struct {
		const char *body;
		int r_int, r_uint;
		int64_t i;
		uint64_t u;
	} cases[] = {
		{"0", 0, 0, 0, 0},
		{"-0", 0, -EBADMSG, 0, 0},
		{"9223372036854775807", 0, 0, INT64_MAX, INT64_MAX},
		{"9223372036854775808", -EBADMSG, 0, 0, 1UL << 63},
		{"-9223372036854775808", 0, -EBADMSG, INT64_MIN, 0},
		{"-9223372036854775809", -EBADMSG, -EBADMSG, 0, 0},
		{"18446744073709551615", -EBADMSG, 0, 0, UINT64_MAX},
		{"18446744073709551616", -EBADMSG, -EBADMSG, 0, 0},
		{"99999999999999999999999", -EBADMSG, -EBADMSG, 0, 0},
		{"1.0", -EBADMSG, -EBADMSG, 0, 0},
		{"1e0", -EBADMSG, -EBADMSG, 0, 0},
		{"01", -EBADMSG, -EBADMSG, 0, 0},
		{"- 1", -EBADMSG, -EBADMSG, 0, 0},
		{"\"1\"", -EBADMSG, -EBADMSG, 0, 0},
		{"true", -EBADMSG, -EBADMSG, 0, 0},
		{"", -EBADMSG, -EBADMSG, 0, 0},
	};

	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct json_in in = reader(cases[k].body);
		uint64_t u = 0;
		int64_t i = 0;

		cr_expect_eq(json_in_int(&in, INT64_MIN, INT64_MAX, &i), cases[k].r_int, "%s",
			     cases[k].body);
		cr_expect_eq(i, cases[k].i, "%s", cases[k].body);
		json_in_done(&in);
		in = reader(cases[k].body);
		cr_expect_eq(json_in_uint(&in, UINT64_MAX, &u), cases[k].r_uint, "%s",
			     cases[k].body);
		cr_expect_eq(u, cases[k].u, "%s", cases[k].body);
		json_in_done(&in);
	}
}

Test(json_in, what_is_read_must_be_of_its_sort)
{
	struct json_in in = reader("[null, -5, 5, true, {\"a\\u0062\":1}]");
	const char *text;
	uint64_t u;
	int64_t i;
	bool b;

	cr_assert_eq(json_in_open(&in, '{'), -EBADMSG);
	json_in_done(&in);
	in = reader("[null, -5, 5, true, {\"a\\u0062\":1}]");
	cr_assert_eq(json_in_open(&in, '['), 0);
	cr_assert_eq(json_in_more(&in, ']'), 1);
	cr_assert(json_in_null(&in) && !json_in_null(&in));
	cr_assert_eq(json_in_more(&in, ']'), 1);
	cr_assert_eq(json_in_int(&in, -5, 5, &i), 0);
	cr_assert_eq(json_in_more(&in, ']'), 1);
	cr_assert_eq(json_in_uint(&in, 5, &u), 0);
	cr_assert(i == -5 && u == 5);
	cr_assert_eq(json_in_more(&in, ']'), 1);
	cr_assert_eq(json_in_bool(&in, &b), 0);
	cr_assert_eq(json_in_more(&in, ']'), 1);
	cr_assert_eq(json_in_open(&in, '{'), 0);
	cr_assert_eq(json_in_more(&in, '}'), 1);
	cr_assert_eq(json_in_key(&in, &text), 0);
	cr_assert_str_eq(text, "ab");
	cr_assert_eq(json_in_uint(&in, 0, &u), -EBADMSG, "beyond the maximum");
	cr_assert_eq(json_in_more(&in, '}'), 0);
	cr_assert_eq(json_in_more(&in, ']'), 0);
	cr_assert_eq(json_in_end(&in), 0);
	json_in_done(&in);
}

static const char *const names[] = {"slack", "\"€\""};

/* A document of a few jobs, of which one bit here and there is wrong. */
static void write_jobs(struct rnd *r, struct buf *b)
{
	static const char *const texts[] = {"", "a", "€\U0001f600", "\"\\\n\x01"};
	struct job_view v = {.name = "n", .account = "a", .kind = "k", .id = "i"};

	cr_assert_eq(status_json_jobs_begin(b), 0);
	for (uint64_t n = rnd_below(r, 3); n > 0; n--) {
		for (int i = 0; i < TEXT_COUNT_; i++)
			v.text[i] = texts[rnd_below(r, ARRAY_LEN(texts))];
		v.phase = v.last_error = v.text[0];
		v.progress.given = rnd_below(r, 2);
		v.eta_us = (int64_t)rnd_below(r, 2) * 1000;
		v.moved_us = (int64_t)rnd_below(r, 2) * 1000;
		v.notify_chosen = rnd_below(r, 2);
		v.notify = names;
		v.n_notify = rnd_below(r, ARRAY_LEN(names) + 1);
		cr_assert_eq(status_json_job(&v, NULL, b), 0);
	}
	cr_assert_eq(status_json_jobs_end(b), 0);
}

Test(json_in, mutilated_jobs_as_json_c_reads_them)
{
	static const char spice[] = "\"\\{}[],:0-9.eEtfnu \n";
	struct rnd r = rnd_open("json_in");

	for (int round = 0; round < 20000; round++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1UL << 20);
		const char *wrong;

		write_jobs(&r, &b);
		for (uint64_t n = rnd_below(&r, 3); n > 0; n--)
			b.data[rnd_below(&r, b.len)] =
				rnd_below(&r, 4) ? spice[rnd_below(&r, sizeof(spice) - 1)]
						 : (char)rnd_next(&r);
		wrong = jobs_check(b.data, b.len);
		cr_assert_null(wrong, "%s: %s", wrong, b.data);
	}
}
