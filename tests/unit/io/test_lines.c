/* The line splitter: limits on the line and on the whole, however the bytes arrive. */
#include "io/lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/macro.h"

/* Writes "[line]" for each line and "-N" for N dropped bytes. */
static void note(void *user, const char *line, size_t len, size_t dropped)
{
	struct buf *b = user;

	if (dropped > 0) {
		cr_assert_eq(len, 0);
		cr_assert_eq(buf_printf(b, "-%zu", dropped), 0);
		return;
	}
	cr_assert_eq(buf_puts(b, "["), 0);
	cr_assert_eq(buf_append(b, line, len), 0);
	cr_assert_eq(buf_puts(b, "]"), 0);
}

static const struct {
	const char *what, *in;
	size_t line_max, lines_max, total_max;
	const char *out;
} cases[] = {
	{"nothing", "", 8, 100, 100, ""},
	{"one line", "abc\n", 8, 100, 100, "[abc]"},
	{"no newline at the end", "abc\nde", 8, 100, 100, "[abc][de]"},
	{"empty lines count", "\n\na\n\n", 8, 100, 100, "[][][a][]"},
	{"a line of just the size", "12345678\nx\n", 8, 100, 100, "[12345678][x]"},
	{"just the size without newline", "12345678", 8, 100, 100, "[12345678]"},
	{"one more is a piece", "123456789\n", 8, 100, 100, "[12345678][9]"},
	{"three pieces", "12345678abcdefgh1\n\n", 8, 100, 100, "[12345678][abcdefgh][1][]"},
	{"two bytes that do not fit", "1234567\303\244b\n", 8, 100, 100, "[1234567][\303\244b]"},
	{"two bytes that fit", "123456\303\244b\n", 8, 100, 100, "[123456\303\244][b]"},
	{"three bytes, two inside", "123456\342\202\254\n", 8, 100, 100, "[123456][\342\202\254]"},
	{"four bytes, three inside", "12345\360\237\230\200\n", 8, 100, 100,
	 "[12345][\360\237\230\200]"},
	{"four bytes that fit", "1234\360\237\230\2005\n", 8, 100, 100,
	 "[1234\360\237\230\200][5]"},
	{"not UTF-8", "\200\200\200\200\200\200\200\200\200\n", 8, 100, 100,
	 "[\200\200\200\200\200\200\200\200][\200]"},
	{"the smallest line", "\377\377\377\377\377\n", 4, 100, 100, "[\377\377\377][\377\377]"},
	{"the whole, and no more", "abc\nde\n", 8, 100, 7, "[abc][de]"},
	{"over in a line", "abc\ndefgh\n", 8, 100, 6, "[abc][de]-4"},
	{"over at a newline", "abc\ndef", 8, 100, 3, "[abc]-4"},
	{"over after a newline", "abc\ndef", 8, 100, 4, "[abc]-3"},
	{"nothing allowed", "abc\n", 8, 100, 0, "-4"},
	{"the last line allowed", "a\nb\n", 8, 2, 100, "[a][b]"},
	{"one line more", "a\nb\nc\n", 8, 2, 100, "[a][b]-2"},
	{"more without newline", "a\nb\nc", 8, 2, 100, "[a][b]-1"},
	{"more lines that are empty", "\n\n\n\n\n", 8, 2, 100, "[][]-3"},
	{"pieces are lines", "123456789abcdefghi\nx\n", 8, 2, 100, "[12345678][9abcdefg]-5"},
	{"a piece that leaves bytes", "1234567\303\244b\n", 8, 1, 100, "[1234567]-4"},
	{"more lines and bytes", "a\nb\nc\n", 8, 1, 3, "[a]-4"},
};

static void run(size_t i, size_t chunk)
{
	char room[16];
	_cleanup_buf_ struct buf out = BUF_INIT(1024);
	struct lines l;
	size_t len = strlen(cases[i].in);

	lines_init(&l, room, cases[i].line_max, cases[i].lines_max, cases[i].total_max, note, &out);
	for (size_t at = 0; at < len; at += chunk)
		lines_feed(&l, cases[i].in + at, MIN(chunk, len - at));
	lines_end(&l);
	cr_expect_str_eq(buf_str(&out), cases[i].out, "%s, by %zu: %s", cases[i].what, chunk,
			 buf_str(&out));
}

Test(lines, cases)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t chunk = 1; chunk <= 20; chunk++)
			run(i, chunk);
}

Test(lines, zero_bytes_are_bytes)
{
	char room[8];
	_cleanup_buf_ struct buf out = BUF_INIT(64);
	struct lines l;

	lines_init(&l, room, sizeof(room), 64, 64, note, &out);
	lines_feed(&l, "a\0b\n\0", 5);
	lines_end(&l);
	cr_assert_eq(out.len, 8);
	cr_assert_eq(memcmp(out.data, "[a\0b][\0]", 8), 0);
}
