/* The layout of tables. */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

static const struct table_column columns[] = {
	{"JOB", 4, false},
	{"NAME", 2, false},
	{"PHASE", 0, true},
};

static struct table *table_of(size_t n, const char *const rows[][3])
{
	struct table *t = NULL;

	setlocale(LC_CTYPE, "C.UTF-8");
	cr_assert_eq(table_new(columns, ARRAY_LEN(columns), &t), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(table_add(t, (enum table_colour)(i % TABLE_COLOUR_COUNT_), rows[i]),
			     0);
	return t;
}

static void assert_format(const struct table *t, size_t width, bool colour, const char *want)
{
	_cleanup_buf_ struct buf b = BUF_INIT(10000);

	cr_assert_eq(table_format(t, width, colour, &b), 0);
	cr_assert_str_eq(buf_str(&b), want, "width %zu:\n%s", width, buf_str(&b));
}

Test(table, columns_are_as_wide_as_their_cells)
{
	static const char *const rows[][3] = {{"a", "longer", "x"}, {"bbbbb", "", "yyyyyyy"}};
	_cleanup_table_ struct table *t = table_of(2, rows);

	assert_format(t, 0, false,
		      "JOB    NAME    PHASE\n"
		      "a      longer  x\n"
		      "bbbbb          yyyyyyy\n");
}

Test(table, without_rows)
{
	_cleanup_table_ struct table *t = table_of(0, NULL);

	assert_format(t, 0, false, "JOB  NAME  PHASE\n");
	cr_assert_eq(table_rows(t), 0);
}

Test(table, sorts_by_the_first_cell)
{
	static const char *const rows[][3] = {{"b", "1", "x"}, {"c", "2", "x"}, {"a", "3", "x"}};
	_cleanup_table_ struct table *t = table_of(3, rows);

	table_sort(t);
	assert_format(t, 0, false, "JOB  NAME  PHASE\na    3     x\nb    1     x\nc    2     x\n");
}

Test(table, many_rows)
{
	_cleanup_table_ struct table *t = table_of(0, NULL);
	_cleanup_buf_ struct buf b = BUF_INIT(1UL << 20);
	const char *line;

	for (int i = 0; i < 1000; i++) {
		char job[8];
		const char *const cells[] = {job, i % 2 ? "█░ ü" : "", "x"};

		snprintf(job, sizeof(job), "%03d", (i * 7 + 3) % 1000);
		cr_assert_eq(table_add(t, TABLE_PLAIN, cells), 0);
	}
	cr_assert_eq(table_rows(t), 1000);
	for (int round = 0; round < 2; round++) { /* in order already, the second time */
		table_sort(t);
		buf_clear(&b);
		cr_assert_eq(table_format(t, 0, false, &b), 0);
		line = buf_str(&b);
		for (int i = 0; i < 1000; i++) {
			line = strchr(line, '\n') + 1;
			cr_assert_eq(atoi(line), i);
		}
	}
}

Test(table, wide_and_combining_characters)
{
	static const char *const rows[][3] = {{"日本", "x", "p"},
					      {"e\u0301", "x", "p"},
					      {"\U0001f600", "x", "p"}};
	_cleanup_table_ struct table *t = table_of(3, rows);

	assert_format(t, 0, false,
		      "JOB   NAME  PHASE\n"
		      "日本  x     p\n"
		      "e\u0301     x     p\n"
		      "\U0001f600    x     p\n");
}

Test(table, nothing_that_moves_the_cursor_gets_through)
{
	static const char *const rows[][3] = {
		{"\x1b[2J", "a\nb\tc\r", "\x7f\x07"},
		{"\xc2\x9b"
		 "2J",
		 "\u202e\u2066x", "\xff\xe2\x82"},
		{"\u200f", "\u2028", "\xed\xa0\x80"},
	};
	_cleanup_table_ struct table *t = table_of(3, rows);

	assert_format(t, 0, false,
		      "JOB   NAME    PHASE\n"
		      "?[2J  a?b?c?  ??\n"
		      "?2J   ??x     ???\n"
		      "?     ?       ???\n");
}

Test(table, cut_to_the_terminal)
{
	static const char *const rows[][3] = {{"aaaaaaaaaa", "日本語日本語", "pppp"}};
	static const struct {
		size_t width;
		const char *text;
	} cases[] = {
		{31, "JOB         NAME          PHASE\naaaaaaaaaa  日本語日本語  pppp\n"},
		{30, "JOB         NAME         PHASE\naaaaaaaaaa  日本語日本…  pppp\n"},
		{29, "JOB         NAME        PHASE\naaaaaaaaaa  日本語日…   pppp\n"},
		{15, "JOB   N…  PHASE\naaa…  …   pppp\n"},
		{14, "JOB   N…  PHA…\naaa…  …   pppp\n"},
		{9, "JOB   N…\naaa…  …\n"},
		{6, "JOB\naaa…\n"},
		{3, "JOB\naa…\n"},
		{1, "…\n…\n"},
	};
	_cleanup_table_ struct table *t = table_of(1, rows);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_format(t, cases[i].width, false, cases[i].text);
}

Test(table, colours_one_column)
{
	static const char *const rows[][3] = {{"a", "b", "c"}, {"a", "b", "c"}};
	_cleanup_table_ struct table *t = table_of(2, rows);

	assert_format(t, 0, true,
		      "JOB  NAME  PHASE\n"
		      "a    b     c\n"
		      "a    b     \033[32mc\033[0m\n");
}

Test(table, other_locales_get_question_marks)
{
	static const char *const rows[][3] = {{"ä", "aaaaaaaa", "x"}};
	_cleanup_table_ struct table *t = table_of(1, rows);

	setlocale(LC_CTYPE, "C");
	assert_format(t, 15, false, "JOB  NA.  PHASE\n??   aa.  x\n");
}

Test(table, full_buffer)
{
	static const char *const rows[][3] = {{"a", "b", "c"}};
	_cleanup_table_ struct table *t = table_of(1, rows);

	for (size_t max = 0; max < 20; max++) {
		_cleanup_buf_ struct buf b = BUF_INIT(max);

		cr_assert_eq(table_format(t, 0, false, &b), -EMSGSIZE, "%zu", max);
	}
}
