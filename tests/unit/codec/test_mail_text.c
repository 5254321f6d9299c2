/*
 * Events as mail: golden messages, and what must hold whatever the names and messages of jobs are.
 * For golden/mail/ see test_chat.c; the lines there end with a newline alone.
 */
#include "codec/mail_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sample_events.h"

#include "codec/chat.h"
#include "support/rand.h"

static char anna[] = "anna@example.org", ops[] = "ops@example.com";
static char *const to[] = {anna, ops, NULL};
static const char *const ids[] = {"evt_0f3k", "evt_1", "evt_2", "evt_3", "evt_4", "evt_5"};

static void format(const struct event_fields *events, size_t n, struct buf *b)
{
	const struct mail_text text = {.from = "tunewatch@example.org",
				       .to = to,
				       .events = events,
				       .n = n,
				       .ids = ids,
				       .n_ids = n};

	cr_assert_eq(mail_text_format(&text, b), 0);
}

/* The value of a header, folded or not; fails where it is not there once. */
static const char *header(const char *message, const char *name)
{
	static char value[4096];
	char wanted[64];
	const char *at, *end;

	snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
	at = strncmp(message, wanted + 2, strlen(wanted + 2)) == 0 ? message - 2
								   : strstr(message, wanted);
	cr_assert(at && at < strstr(message, "\r\n\r\n"), "no %s in %s", name, message);
	cr_assert_null(strstr(at + 2, wanted), "%s twice", name);
	at += strlen(wanted);
	for (end = strstr(at, "\r\n"); end[2] == ' '; end = strstr(end + 2, "\r\n"))
		;
	snprintf(value, sizeof(value), "%.*s", (int)(end - at), at);
	return value;
}

/* ---- golden files ---- */

static void expect_golden(const char *name, const struct event_fields *events, size_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);
	_cleanup_free_ char *path = NULL, *wanted = calloc(1, MAIL_TEXT_MAX);
	const char *top = getenv("top_srcdir");
	bool update = getenv("TUNEWATCH_GOLDEN_UPDATE");
	char *got, *out;
	FILE *file;

	cr_assert(top && wanted, "this test runs under `make check`, or with top_srcdir set");
	cr_assert_geq(asprintf(&path, "%s/tests/unit/codec/golden/mail/%s.txt", top, name), 0);
	format(events, n, &b);
	got = out = buf_take(&b);
	for (const char *s = got; *s; s++)
		if (*s != '\r')
			*out++ = *s;
	*out = '\0';
	file = fopen(path, update ? "w" : "r");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	if (update) {
		cr_assert_eq(fwrite(got, 1, strlen(got), file), strlen(got));
	} else {
		cr_assert_geq(fread(wanted, 1, MAIL_TEXT_MAX - 1, file), 1, "%s", path);
		cr_expect_str_eq(got, wanted, "%s:\n%s", path, got);
	}
	cr_assert_eq(fclose(file), 0);
	free(got);
}

Test(mail_text, golden_for_every_event_type)
{
	for (enum event_type type = EVENT_NONE + 1; type < EVENT_COUNT_; type++) {
		struct event_fields f = fields_of_type(type);

		expect_golden(event_type_name(type), &f, 1);
		event_fields_done(&f);
	}
}

Test(mail_text, golden_for_hostile_texts)
{
	struct event_fields f = hostile_fields();

	expect_golden("hostile", &f, 1);
	event_fields_done(&f);
}

Test(mail_text, golden_for_a_digest)
{
	struct event_fields f[] = {
		fields_of_type(EVENT_JOB_SUCCEEDED),    fields_of_type(EVENT_JOB_FAILED),
		fields_of_type(EVENT_JOB_PROGRESS),     fields_of_type(EVENT_JOB_SUCCEEDED),
		fields_of_type(EVENT_WATCHER_DEGRADED), hostile_fields(),
	};

	expect_golden("digest", f, ARRAY_LEN(f));
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		event_fields_done(&f[i]);
}

/* ---- threads ---- */

Test(mail_text, a_thread_for_each_job)
{
	const struct job_name other = {"acme", KIND_SFT, "abd"}, dpo = {"acme", KIND_DPO, "abc"},
			      beta = {"beta", KIND_SFT, "abc"};
	struct event_fields f[] = {
		fields_of_type(EVENT_JOB_RUNNING), /* of sft */
		fields_of_type(EVENT_JOB_SUCCEEDED),
		job_fields(EVENT_JOB_FAILED, &other, NULL, &running, texts),
		job_fields(EVENT_JOB_FAILED, &dpo, NULL, &running, texts),
		job_fields(EVENT_JOB_FAILED, &beta, NULL, &running, texts),
		watcher_fields(EVENT_WATCHER_DEGRADED, VENDOR),
		watcher_fields(EVENT_WATCHER_DEGRADED, "https://api.example"),
	};
	char roots[ARRAY_LEN(f)][128];

	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);

		format(&f[i], 1, &b);
		snprintf(roots[i], sizeof(roots[i]), "%s", header(buf_str(&b), "References"));
		cr_expect_str_eq(header(buf_str(&b), "In-Reply-To"), roots[i]);
		cr_expect_str_eq(header(buf_str(&b), "Message-ID"), "<evt_0f3k@example.org>");
		cr_expect(strncmp(roots[i], "<thread-", 8) == 0 &&
				  strstr(roots[i], "@example.org>"),
			  "%s", roots[i]);
		for (size_t k = 0; k < i; k++)
			cr_expect_eq(strcmp(roots[i], roots[k]) == 0, i == 1 && k == 0,
				     "%zu and %zu: %s", i, k, roots[i]);
		event_fields_done(&f[i]);
	}
	/* The same for ever: what was sent before an update is of the same thread after it. */
	cr_expect_str_eq(roots[0], "<thread-j37ojb8utfm3nv2sldsqnpmjba@example.org>");
}

Test(mail_text, programs_that_thread_by_subject_find_the_same_one)
{
	struct event_fields f[] = {fields_of_type(EVENT_JOB_RUNNING),
				   fields_of_type(EVENT_JOB_SUCCEEDED)};
	_cleanup_buf_ struct buf a = BUF_INIT(MAIL_TEXT_MAX), b = BUF_INIT(MAIL_TEXT_MAX);

	format(&f[0], 1, &a);
	format(&f[1], 1, &b);
	cr_expect_str_eq(header(buf_str(&a), "Subject"), "acme/sft/abc (nightly run)");
	cr_expect_str_eq(header(buf_str(&b), "Subject"), "acme/sft/abc (nightly run)");
	cr_expect_str_eq(header(buf_str(&a), "From"),
			 "\"tunewatch: is running\" <tunewatch@example.org>");
	cr_expect_str_eq(header(buf_str(&b), "From"),
			 "\"tunewatch: succeeded\" <tunewatch@example.org>");
	event_fields_done(&f[0]);
	event_fields_done(&f[1]);
}

Test(mail_text, a_digest_of_other_events_is_another_message)
{
	struct event_fields f[3];
	char known[3][128];

	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		f[i] = fields_of_type(EVENT_JOB_SUCCEEDED);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);
		const size_t more[EVENT_COUNT_] = {[EVENT_JOB_FAILED] = i};
		const struct mail_text text = {.from = "a@example.org",
					       .to = to,
					       .events = f,
					       .n = 2,
					       .more = more,
					       .ids = ids,
					       .n_ids = 2 + i};

		cr_assert_eq(mail_text_format(&text, &b), 0);
		snprintf(known[i], sizeof(known[i]), "%s", header(buf_str(&b), "Message-ID"));
		cr_expect_null(strstr(buf_str(&b), "References"));
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(known[i], known[k]);
	}
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		event_fields_done(&f[i]);
}

/* ---- what holds for all texts ---- */

static const char *const names[] = {
	"From",
	"Subject",
	"Message-ID",
	"In-Reply-To",
	"References",
	"X-Tunewatch-Event",
	"X-Tunewatch-Job",
	"To",
	"Date",
	"Auto-Submitted",
	"MIME-Version",
	"Content-Type",
	"Content-Transfer-Encoding",
};

/* Lines of ASCII that end with CRLF, none too long; the known headers in their order, and no other. */
static void check_form(const char *message)
{
	size_t n = 0, len;
	bool body = false;

	for (const char *line = message; *line; line += len + 2) {
		const char *end = strstr(line, "\r\n");

		cr_assert(end, "no line: %s", line);
		len = (size_t)(end - line);
		cr_assert_leq(len, body ? 76U : 300U, "%.*s", (int)len, line);
		for (size_t i = 0; i < len; i++)
			cr_assert(isascii((unsigned char)line[i]) &&
					  isprint((unsigned char)line[i]),
				  "%02x in %.*s", (unsigned char)line[i], (int)len, line);
		if (body) {
			cr_assert_neq(line[0], '.', "%.*s", (int)len, line);
			cr_assert(strncmp(line, "From ", 5) != 0);
			cr_assert(len == 0 || line[len - 1] != ' ', "a blank at the end");
			continue;
		}
		body = len == 0;
		if (body || line[0] == ' ')
			continue;
		while (n < ARRAY_LEN(names) && (strncmp(line, names[n], strlen(names[n])) != 0 ||
						line[strlen(names[n])] != ':'))
			n++;
		cr_assert_lt(n, ARRAY_LEN(names), "an unknown header: %.*s", (int)len, line);
	}
	cr_assert(body);
}

/* Pieces of what could end a header, a line, or the message. */
static const char *random_text(struct rnd *r, char *ret, size_t size)
{
	static const char *const pieces[] = {
		"\r\n",
		"\n",
		"\r",
		"\r\n\r\n",
		".",
		"\r\n.\r\n",
		"Bcc: x@y\r\n",
		"From ",
		"=?",
		"?=",
		"=",
		"\xc3\xa4",
		"\xf0\x9f\x94\xa5",
		"\xff",
		"\xe2\x80\xa8",
		"\t",
		" ",
		"x",
		"\"",
		"\\",
		"<a@b>",
		"\x01",
		"very-long-word-without-any-blank-in-it",
		"\xe2\x80\xae",
		"%s",
	};
	size_t n = rnd_below(r, 30);

	ret[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *piece = pieces[rnd_below(r, ARRAY_LEN(pieces))];

		if (strlen(ret) + strlen(piece) + 1 < size)
			strcat(ret, piece); /* NOLINT: its room was looked at */
	}
	return ret;
}

Test(mail_text, no_text_begins_a_header_or_a_line)
{
	struct rnd r = rnd_open("mail_text");

	for (size_t i = 0; i < 3000; i++) {
		char text[EVENT_FIELD_COUNT_][512];
		struct event_fields f = {
			.type = (enum event_type)(1 + rnd_below(&r, EVENT_COUNT_ - 1))};
		_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);
		static struct event_fields several[3];

		for (size_t k = 0; k < EVENT_FIELD_COUNT_; k++)
			f.values[k] = random_text(&r, text[k], sizeof(text[k]));
		for (size_t k = 0; k < ARRAY_LEN(several); k++)
			several[k] = f;
		format(several, i % 3 == 0 ? 3 : 1, &b);
		check_form(buf_str(&b));
	}
}

Test(mail_text, the_largest_fits)
{
	static char address[255], big[8][4096];
	char *many[51] = {0};
	static const char *many_ids[5000];
	struct event_fields f[CHAT_EVENTS_MAX];
	size_t more[EVENT_COUNT_] = {[EVENT_JOB_FAILED] = ARRAY_LEN(many_ids) - CHAT_EVENTS_MAX};
	_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);
	struct mail_text text = {.to = many, .events = f, .more = more, .ids = many_ids};

	memset(address, 'a', sizeof(address) - 1);
	address[60] = '@';
	text.from = address;
	for (size_t i = 0; i < ARRAY_LEN(many) - 1; i++)
		many[i] = address;
	for (size_t i = 0; i < ARRAY_LEN(many_ids); i++)
		many_ids[i] = "evt_0123456789abcdef";
	for (size_t k = 0; k < ARRAY_LEN(big); k++)
		for (size_t i = 0; i + 2 < sizeof(big[k]); i += 2)
			memcpy(big[k] + i, "\xc3\xa4", 3);
	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		f[i] = (struct event_fields){.type = EVENT_JOB_FAILED};
		for (size_t k = 0; k < EVENT_FIELD_COUNT_; k++)
			f[i].values[k] = big[k % ARRAY_LEN(big)];
	}
	text.n = 1;
	text.n_ids = 1;
	text.more = NULL;
	cr_expect_eq(mail_text_format(&text, &b), 0);
	buf_clear(&b);
	text.n = CHAT_EVENTS_MAX;
	text.n_ids = ARRAY_LEN(many_ids);
	text.more = more;
	cr_expect_eq(mail_text_format(&text, &b), 0);
	fprintf(stderr, "the largest digest has %zu bytes\n", b.len);
}

Test(mail_text, bytes_that_are_hidden)
{
	struct event_fields f = fields_of_type(EVENT_JOB_FAILED);
	_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);

	f.values[EVENT_FIELD_DISPLAY_NAME] = "Gr\xc3\xb6\xc3\x9f"
					     "e = 1";
	f.values[EVENT_FIELD_STATUS_MESSAGE] = "see https://docs.example/a.b?x=y and me@x.example";
	format(&f, 1, &b);
	cr_expect_str_eq(header(buf_str(&b), "Subject"),
			 "=?utf-8?B?YWNtZS9yZnQvc2NvcmUgKEdyw7bDn2UgPSAxKQ==?=");
	cr_expect_not_null(strstr(buf_str(&b), "\r\nName: Gr=C3=B6=C3=9Fe =3D 1\r\n"), "%s",
			   buf_str(&b));
	/* nothing is put into what people copy */
	cr_expect_not_null(strstr(buf_str(&b), "https://docs.example/a.b?x=3Dy"), "%s",
			   buf_str(&b));
	event_fields_done(&f);
}
