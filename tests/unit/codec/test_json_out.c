/* What is written straight into a buffer, held against json-c. */
#include "codec/json_out.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <criterion/criterion.h>

#include "codec/json_util.h"
#include "support/rand.h"

/* One object with one member of each sort, by both. */
struct values {
	const char *text;
	int64_t i;
	uint64_t u;
	bool b;
	int64_t time_us;
};

static void write_out(const struct values *v, struct buf *b)
{
	struct json_out out = json_out_begin(b);

	json_out_open(&out, '{');
	json_out_key(&out, "text");
	json_out_text(&out, v->text);
	json_out_key(&out, "int");
	json_out_int(&out, v->i);
	json_out_key(&out, "list");
	json_out_open(&out, '[');
	for (int i = 0; i < 2; i++) {
		json_out_item(&out);
		json_out_text(&out, v->text);
	}
	json_out_close(&out, ']');
	json_out_key(&out, "uint");
	json_out_uint(&out, v->u);
	json_out_key(&out, "bool");
	json_out_bool(&out, v->b);
	json_out_key(&out, "empty");
	json_out_open(&out, '{');
	json_out_close(&out, '}');
	json_out_key(&out, "null");
	json_out_null(&out);
	json_out_key(&out, "time");
	json_out_time(&out, v->time_us);
	json_out_close(&out, '}');
	cr_assert_eq(json_out_end(&out), 0);
}

static void write_tree(const struct values *v, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *list;

	cr_assert(json_util_add_text(doc, "text", v->text) && json_util_add_int(doc, "int", v->i));
	list = json_util_add_array(doc, "list");
	cr_assert(json_util_append_text(list, v->text) && json_util_append_text(list, v->text));
	cr_assert(json_util_add_uint(doc, "uint", v->u) && json_util_add_bool(doc, "bool", v->b) &&
		  json_util_add_object(doc, "empty") && json_util_add_null(doc, "null") &&
		  json_util_add_time(doc, "time", v->time_us));
	cr_assert_eq(json_util_write(doc, true, "", b), 0);
}

static void assert_as_json_c(const struct values *v)
{
	_cleanup_buf_ struct buf own = BUF_INIT(1UL << 20), tree = BUF_INIT(1UL << 20);

	write_out(v, &own);
	write_tree(v, &tree);
	cr_assert_str_eq(buf_str(&own), buf_str(&tree));
}

/* Whole characters, and bytes of all sorts. */
static void random_text(struct rnd *r, char *ret, size_t max)
{
	static const char *const parts[] = {"a",    "\"",           "\\",     "/",
					    "\x7f", "\xc2\x80",     "€",      "\U0001f600",
					    "\xe2", "\xed\xa0\x80", "\u2028", "plain"};
	bool any_byte = rnd_below(r, 4) == 0;
	size_t n = rnd_below(r, 40), len = 0;

	for (size_t i = 0; i < n && len + 8 < max; i++) {
		const char *part = parts[rnd_below(r, any_byte ? ARRAY_LEN(parts) : 8)];

		if (rnd_below(r, 3) == 0)
			ret[len++] = (char)(1 + rnd_below(r, any_byte ? 255 : 127));
		else
			len = (size_t)(stpcpy(ret + len, part) - ret);
	}
	ret[len] = '\0';
}

Test(json_out, random_values_as_json_c_prints_them)
{
	struct rnd r = rnd_open("json_out");

	for (int round = 0; round < 20000; round++) {
		int shift = (int)rnd_below(&r, 64);
		char text[256];
		struct values v = {.text = text,
				   .i = (int64_t)rnd_next(&r) >> shift,
				   .u = rnd_next(&r) >> shift,
				   .b = rnd_below(&r, 2),
				   .time_us = (int64_t)rnd_below(&r, 4000000000000000)};

		random_text(&r, text, sizeof(text));
		assert_as_json_c(&v);
	}
}

Test(json_out, limits_and_every_byte)
{
	static const struct values limits[] = {
		{"", INT64_MIN, 0, false, 0},
		{"\xc0\x80 overlong", INT64_MAX, UINT64_MAX, true, 1},
		{"half at the end \xf0\x9f\x98", -1, 1, true, -1},
	};
	char one[2] = "";

	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		assert_as_json_c(&limits[i]);
	for (int c = 1; c <= UCHAR_MAX; c++) {
		struct values v = {.text = one};

		one[0] = (char)c;
		assert_as_json_c(&v);
	}
}

/* Wherever it runs out of room, what was there before stays as it was. */
Test(json_out, a_failure_appends_nothing)
{
	const struct values v = {.text = "a\"€\x01\xff"};
	_cleanup_buf_ struct buf whole = BUF_INIT(1000);
	size_t max = 3;

	write_out(&v, &whole);
	for (; max < 3 + whole.len; max++) {
		_cleanup_buf_ struct buf b = BUF_INIT(max);
		struct json_out out;

		cr_assert_eq(buf_puts(&b, "abc"), 0);
		out = json_out_begin(&b);
		json_out_open(&out, '{');
		json_out_key(&out, "text");
		while (out.r == 0)
			json_out_text(&out, v.text);
		json_out_null(&out);
		cr_assert_eq(json_out_end(&out), -EMSGSIZE);
		cr_assert_str_eq(buf_str(&b), "abc");
	}
}
