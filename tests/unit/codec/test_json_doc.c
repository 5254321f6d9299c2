/* Documents that people write: strict, with lines. */
#include "codec/json_doc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc = NULL;
	unsigned line = 0;
	const char *why = "";
	int r = json_doc_parse(text, strlen(text), true, &doc, &line, &why);

	cr_assert(r == 0, "%s: line %u: %s", text, line, why);
	return doc;
}

Test(json_doc, values)
{
	struct json_doc *doc = parse("{\"a\": [null, true, false, -1.50e+2, \"x\", {}, []]}");
	const struct json_node *a = json_doc_root(doc)->first, *v = a->first;

	cr_assert(a->n == 7 && json_doc_root(doc)->n == 1);
	cr_assert_str_eq(a->key, "a");
	cr_assert(v->type == JSON_DOC_NULL && !v->key && !*v->text);
	v = v->next;
	cr_assert(v->type == JSON_DOC_BOOL && v->truth);
	v = v->next;
	cr_assert(v->type == JSON_DOC_BOOL && !v->truth);
	v = v->next;
	cr_assert(v->type == JSON_DOC_NUMBER);
	cr_assert_str_eq(v->text, "-1.50e+2");
	v = v->next;
	cr_assert(v->type == JSON_DOC_STRING);
	cr_assert_str_eq(v->text, "x");
	v = v->next;
	cr_assert(v->type == JSON_DOC_OBJECT && v->n == 0 && !v->first);
	v = v->next;
	cr_assert(v->type == JSON_DOC_ARRAY && v->n == 0 && !v->next);
	json_doc_free(doc);
}

/* The longest that a text's room has to be: a number that nothing ends. */
Test(json_doc, values_that_are_all_of_it)
{
	static const char *const texts[] = {"0", "-0", "12345678", "1e5", "\"\"", "null", " 1 "};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_doc_free(parse(texts[i]));
}

Test(json_doc, escapes)
{
	struct json_doc *doc =
		parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"");

	cr_assert_str_eq(json_doc_root(doc)->text, "\"\\/\b\f\n\r\tAé€😀");
	json_doc_free(doc);
}

Test(json_doc, lines_and_comments)
{
	struct json_doc *doc = parse("// one \"{\n"
				     "/* two\r\n"
				     "   three **/ {\n"
				     "  \"a\": /* four */ 1, // \"b\": 2\n"
				     "\n"
				     "  \"c\":\n"
				     "    [ // seven\n"
				     "      \"// no comment /* nor this */\",\n"
				     "      9 ]\n"
				     "} // end");
	const struct json_node *root = json_doc_root(doc), *c = json_doc_member(root, "c");

	cr_assert_eq(root->line, 3);
	cr_assert_eq(root->n, 2);
	cr_assert_eq(json_doc_member(root, "a")->line, 4);
	cr_assert_eq(c->line, 6, "a member's line is its key's");
	cr_assert_eq(c->first->line, 8);
	cr_assert_str_eq(c->first->text, "// no comment /* nor this */");
	cr_assert_eq(c->first->next->line, 9);
	json_doc_free(doc);
}

static void check_refused(const char *text, size_t len, bool comments, unsigned want_line,
			  const char *want_why)
{
	struct json_doc *doc = NULL;
	unsigned line = 0;
	const char *why = "";
	int r = json_doc_parse(text, len, comments, &doc, &line, &why);

	cr_expect(r == -EBADMSG && !doc, "%s: %d", text, r);
	cr_expect(strcmp(why, want_why) == 0, "%s: %s", text, why);
	cr_expect(line == want_line, "%s: line %u", text, line);
}

Test(json_doc, refused)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *why;
	} cases[] = {
		{"", 1, "the document ends early"},
		{"\n// x", 2, "the document ends early"},
		{"{\"a\":1", 1, "the document ends early"},
		{"{\"a\"", 1, "the document ends early"},
		{"{\"a\":\n", 2, "the document ends early"},
		{"[", 1, "the document ends early"},
		{"\"a", 1, "the document ends early"},
		{"\"a\\", 1, "the document ends early"},
		{"\"\\u00", 1, "the document ends early"},
		{"{}\n{}", 2, "something stands behind the end"},
		{"1 2", 1, "something stands behind the end"},
		{"{\n\"a\":1\n\"b\":2}", 3, "a comma or a closing bracket is missing before this"},
		{"[1 2]", 1, "a comma or a closing bracket is missing before this"},
		{"[1}", 1, "a comma or a closing bracket is missing before this"},
		{"{\"a\":1,\n}", 2, "a comma behind the last value"},
		{"[1,]", 1, "a comma behind the last value"},
		{"[,1]", 1, "not a JSON value"},
		{"{\n'a':1}", 2, "a name in single quotes instead of double ones"},
		{"{a:1}", 1, "a name in double quotes is missing"},
		{"{1:1}", 1, "a name in double quotes is missing"},
		{"{,}", 1, "a name in double quotes is missing"},
		{"{\"a\" 1}", 1, "a colon is missing behind a name"},
		{"['a']", 1, "a text in single quotes instead of double ones"},
		{"[\"a\n\"]", 1, "a text does not end on its line"},
		{"[\"a\tb\"]", 1, "a control character in a text"},
		{"[\"\xff\"]", 1, "a text is not UTF-8"},
		{"[\"\xc0\x80\"]", 1, "a text is not UTF-8"},
		{"[\"\xed\xa0\x80\"]", 1, "a text is not UTF-8"},
		{"[\"\\x\"]", 1, "a backslash before a character that needs none"},
		{"[\"\\u00g0\"]", 1, "\\u without four hexadecimal digits"},
		{"[\"\\ud800\"]", 1, "half a surrogate pair in a text"},
		{"[\"\\ud800\\u0041\"]", 1, "half a surrogate pair in a text"},
		{"[\"\\udc00\"]", 1, "half a surrogate pair in a text"},
		{"[\"\\u0000\"]", 1, "a NUL in a text"},
		{"{\"dataset\\u0000x\":1}", 1, "a NUL in a text"},
		{"[-]", 1, "a minus without a number"},
		{"[-Infinity]", 1, "a minus without a number"},
		{"[01]", 1, "a number that begins with 0"},
		{"[-00]", 1, "a number that begins with 0"},
		{"[1.]", 1, "a point without digits behind it"},
		{"[1e]", 1, "an exponent without digits"},
		{"[1e+]", 1, "an exponent without digits"},
		{"[1x]", 1, "not a number"},
		{"[1.2.3]", 1, "not a number"},
		{"[1-2]", 1, "not a number"},
		{"[.5]", 1, "not a JSON value"},
		{"[+1]", 1, "not a JSON value"},
		{"[NaN]", 1, "not a JSON value"},
		{"[Infinity]", 1, "not a JSON value"},
		{"[True]", 1, "not a JSON value"},
		{"[nullx]", 1, "not a JSON value"},
		{"[true1]", 1, "not a JSON value"},
		{"\xef\xbb\xbf{}", 1, "not a JSON value"},
		{"[/]", 1, "a single slash"},
		{"{\n/* a\n\n}", 2, "a comment that begins here does not end"},
		{"[1]/*/", 1, "a comment that begins here does not end"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_refused(cases[i].text, strlen(cases[i].text), true, cases[i].line,
			      cases[i].why);
	check_refused("{}\0", 3, true, 1, "something stands behind the end");
	check_refused("[\"\0\"]", 5, true, 1, "a control character in a text");
	check_refused("[1\0]", 4, true, 1, "not a number");
}

Test(json_doc, comments_only_where_they_are_wanted)
{
	check_refused("// x\n{}", 7, false, 1, "a comment, which JSON has not");
	check_refused("{/**/}", 6, false, 1, "a name in double quotes is missing");
	check_refused("{} //", 5, false, 1, "something stands behind the end");
}

/* "[[[…]]]" */
static size_t nest(char *text, size_t depth)
{
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return 2 * depth;
}

Test(json_doc, bounds)
{
	_cleanup_free_ char *text = malloc(JSON_DOC_MAX_BYTES + 1);
	struct json_doc *doc;
	unsigned line;
	const char *why;
	size_t len;

	cr_assert(text);
	len = nest(text, JSON_DOC_MAX_DEPTH);
	cr_assert_eq(json_doc_parse(text, len, false, &doc, &line, &why), 0);
	json_doc_free(doc);
	json_doc_free(parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
			    "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"));
	len = nest(text, JSON_DOC_MAX_DEPTH + 1);
	check_refused(text, len, false, 1, "too many objects and arrays inside each other");

	memset(text, ' ', JSON_DOC_MAX_BYTES + 1);
	text[0] = '0';
	cr_assert_eq(json_doc_parse(text, JSON_DOC_MAX_BYTES, false, &doc, &line, &why), 0);
	json_doc_free(doc);
	check_refused(text, JSON_DOC_MAX_BYTES + 1, false, 1, "larger than 1 MiB");

	/* The array counts. */
	text[0] = '[';
	for (size_t i = 0; i < JSON_DOC_MAX_VALUES - 1; i++)
		memcpy(text + 1 + 2 * i, "1,", 2);
	len = 2 * (JSON_DOC_MAX_VALUES - 1);
	text[len++] = ']';
	cr_assert_eq(json_doc_parse(text, len, false, &doc, &line, &why), 0);
	json_doc_free(doc);
	memcpy(text + len - 1, ",1]", 3);
	check_refused(text, len + 2, false, 1, "too many values");
}

Test(json_doc, members)
{
	struct json_doc *doc = parse("{\"b\":1,\"a\":2,\"b\":3,\"ab\":4,\"b\":5}");
	const struct json_node *root = json_doc_root(doc);
	const struct json_node **sorted = json_doc_sorted(root);
	static const char *const want[] = {"2", "4", "1", "3", "5"};

	cr_assert_str_eq(json_doc_member(root, "b")->text, "1", "the first one");
	cr_assert(!json_doc_member(root, "c"));
	cr_assert(!json_doc_member(root->first, "b"), "a number has no members");
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		cr_assert_str_eq(sorted[i]->text, want[i]);
	free(sorted);
	json_doc_free(doc);
	cr_assert(!json_doc_free(NULL));
}

Test(json_doc, quote)
{
	_cleanup_buf_ struct buf b = BUF_INIT(100);

	cr_assert_eq(json_doc_quote("a\"\\/\b\f\n\r\t\x01\x1f\x7fé", &b), 0);
	cr_assert_str_eq(buf_str(&b), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7fé\"");
	buf_clear(&b);
	cr_assert_eq(json_doc_quote("", &b), 0);
	cr_assert_str_eq(buf_str(&b), "\"\"");
	b.max = b.len + 2;
	cr_assert_eq(json_doc_quote("abc", &b), -EMSGSIZE);
}

/* Whatever its length, also around that of what is appended at once. */
Test(json_doc, quote_of_any_length)
{
	for (size_t len = 0; len < 1500; len++) {
		_cleanup_buf_ struct buf b = BUF_INIT(10000);
		char text[1501];
		struct json_doc *doc;

		for (size_t i = 0; i < len; i++)
			text[i] = "a\n\x01"[i % 3];
		text[len] = '\0';
		cr_assert_eq(json_doc_quote(text, &b), 0);
		doc = parse(buf_str(&b));
		cr_assert_str_eq(json_doc_root(doc)->text, text);
		json_doc_free(doc);
	}
}
