/* Server-sent events, whole and cut into pieces. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/sse.h"

/* Writes "id|type|data;" for each event, "id;" for a block without data. */
static int note(void *user, const struct sse_event *e)
{
	return e->data ? buf_printf(user, "%s|%s|%.*s;", e->id, e->type, (int)e->len, e->data)
		       : buf_printf(user, "%s;", e->id);
}

static const struct {
	const char *stream, *events;
} cases[] = {
	{"", ""},
	{"data: a", ""},
	{"data: a\n", ""},
	{"data: a\n\n", "|message|a;"},
	{"data:a\n\n", "|message|a;"},
	{"data:  a\n\n", "|message| a;"},
	{"data\n\n", "|message|;"},
	{"data: a\r\n\r\n", "|message|a;"},
	{"data: a\r\rdata: b\r\r", "|message|a;|message|b;"},
	{"data: a\r\ndata: b\n\n", "|message|a\nb;"},
	{"data: a\ndata\ndata: c\n\n", "|message|a\n\nc;"},
	{"\xef\xbb\xbf"
	 "data: a\n\n",
	 "|message|a;"},
	{": comment\n\n", ""},
	{"data: a\n: comment\n\n\n\n", "|message|a;"},
	{"event: job.failed\nid: 7\ndata: {}\n\ndata: x\n\n", "7|job.failed|{};7|message|x;"},
	{"event: x\n\ndata: a\n\n", "|message|a;"},
	{"retry: 1000\nid: 41\n\nid: 42\ndata: a\n\n", "41;42|message|a;"},
	{"id: 1\ndata: a\n\nid\ndata: b\n\n", "1|message|a;|message|b;"},
	{"other: x\ndata: a:b\nnothing\n\n", "|message|a:b;"},
};

static void read_in_pieces(const char *stream, size_t len, size_t piece, const char *want)
{
	_cleanup_buf_ struct buf got = BUF_INIT(1000);
	struct sse s;

	sse_init(&s, 100);
	for (size_t at = 0; at < len; at += piece)
		cr_assert_eq(sse_feed(&s, stream + at, MIN(piece, len - at), note, &got), 0);
	cr_assert_str_eq(buf_str(&got), want, "%s in pieces of %zu", stream, piece);
	sse_done(&s);
}

Test(sse, cut_anywhere)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].stream);

		for (size_t piece = 1; piece <= len; piece++)
			read_in_pieces(cases[i].stream, len, piece, cases[i].events);
	}
}

Test(sse, two_pieces)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t cut = 0, len = strlen(cases[i].stream); cut <= len; cut++) {
			_cleanup_buf_ struct buf got = BUF_INIT(1000);
			struct sse s;

			sse_init(&s, 100);
			cr_assert_eq(sse_feed(&s, cases[i].stream, cut, note, &got), 0);
			cr_assert_eq(sse_feed(&s, cases[i].stream + cut, len - cut, note, &got), 0);
			cr_assert_str_eq(buf_str(&got), cases[i].events);
			sse_done(&s);
		}
}

Test(sse, nul_bytes)
{
	static const char stream[] = "id: a\0b\ndata: x\0y\n\n";

	read_in_pieces(stream, sizeof(stream) - 1, sizeof(stream), "|message|x;");
}

Test(sse, retry)
{
	static const struct {
		const char *stream;
		uint64_t ms;
	} waits[] = {
		{"retry: 1000\n", 1000}, {"retry: 10s\n", 0},
		{"retry:\n", 0},         {"retry: 99999999999999999999\n", 60000},
		{"retry: -1\n", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		struct sse s;

		sse_init(&s, 100);
		cr_assert_eq(sse_feed(&s, waits[i].stream, strlen(waits[i].stream), note, NULL), 0);
		cr_assert_eq(s.retry_ms, waits[i].ms);
		sse_done(&s);
	}
}

Test(sse, bounds)
{
	_cleanup_buf_ struct buf got = BUF_INIT(1000);
	char line[] = "data: 0123456789012345678901234567890123456789\n";
	char id[2 * SSE_ID_MAX];
	struct sse s;

	sse_init(&s, 100);
	cr_assert_eq(sse_feed(&s, line, strlen(line), note, &got), 0);
	cr_assert_eq(sse_feed(&s, line, strlen(line), note, &got), 0);
	cr_assert_eq(sse_feed(&s, line, strlen(line), note, &got), -EMSGSIZE, "data");
	sse_done(&s);
	sse_init(&s, 20);
	cr_assert_eq(sse_feed(&s, line, strlen(line), note, &got), -EMSGSIZE, "a line");
	sse_done(&s);
	/* An id that is too long is none, and the event is one. */
	sse_init(&s, 1000);
	snprintf(id, sizeof(id), "id: %0*d\n", SSE_ID_MAX, 1);
	cr_assert_eq(sse_feed(&s, id, strlen(id), note, &got), 0);
	cr_assert_eq(sse_feed(&s, "data: x\n\n", 9, note, &got), 0);
	cr_assert_str_eq(buf_str(&got), "|message|x;");
	sse_done(&s);
}

static int refuse(void *user _unused_, const struct sse_event *e _unused_)
{
	return -ECANCELED;
}

Test(sse, the_callback_can_stop)
{
	struct sse s;

	sse_init(&s, 100);
	cr_assert_eq(sse_feed(&s, "data: a\n\ndata: b\n\n", 18, refuse, NULL), -ECANCELED);
	sse_done(&s);
}
