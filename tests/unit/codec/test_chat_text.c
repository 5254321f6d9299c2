/* Texts of others in chat messages. */
#include "codec/chat_message.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "codec/text.h"

#define BREAK    "\xe2\x80\x8b"
#define ELLIPSIS "\xe2\x80\xa6"

Test(chat_text, cases)
{
	static const struct {
		enum chat_escape escape;
		const char *text;
		size_t max;
		const char *wanted;
	} cases[] = {
		{CHAT_PLAIN, "", 10, ""},
		{CHAT_PLAIN, "plain <b> & *x*", 100, "plain <b> & *x*"},
		{CHAT_ENTITIES, "plain <b> & *x*", 100, "plain &lt;b&gt; &amp; *x*"},
		{CHAT_BACKSLASH, "a <b> *x*", 100, "a \\<b\\> \\*x\\*"},
		{CHAT_BACKSLASH, "\\", 100, "\\\\"},
		/* control and direction characters, bytes that are none */
		{CHAT_PLAIN, "a\r\nb\x1b[1m\xc2\x85\xe2\x80\xa9|", 100, "a  b [1m  |"},
		{CHAT_PLAIN,
		 "\xe2\x80\xae"
		 "abc"
		 "\xe2\x80\xac\xd8\x9c\xe2\x81\xa9\xe2\x80\x8e",
		 100, "abc"},
		{CHAT_PLAIN, "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xaa", 100,
		 " \xe2\x80\xaf\xe2\x81\xaa"},
		{CHAT_PLAIN, "\xff\xc3", 100, "??"},
		/* links and mentions */
		{CHAT_PLAIN, "https://a.b", 100, "https:" BREAK "//a." BREAK "b"},
		{CHAT_PLAIN, "v3.1 1.5 x. y ...", 100, "v3.1 1.5 x. y ..."},
		{CHAT_PLAIN, "a.\xd1\x80\xd1\x84", 100, "a." BREAK "\xd1\x80\xd1\x84"},
		{CHAT_PLAIN, "@all a@b @ 1", 100, "@" BREAK "all a@" BREAK "b @ 1"},
		{CHAT_PLAIN, "{{x}} {y}", 100, "{" BREAK "{x}} {y}"},
		{CHAT_BACKSLASH, "@x", 100, "\\@" BREAK "x"},
		{CHAT_VERBATIM, "https://a.b @all {{x}} <b>\r\n\xe2\x80\xae", 100,
		 "https://a.b @all {{x}} <b>  "},
		{CHAT_PLAIN, "{\xe2\x81\xa6{ :\xe2\x80\xae//", 100, "{" BREAK "{ :" BREAK "//"},
		/* cutting: the bytes of the ellipsis count, no escape is split */
		{CHAT_PLAIN, "abcdef", 6, "abcdef"},
		{CHAT_PLAIN, "abcdefg", 6, "abc" ELLIPSIS},
		{CHAT_PLAIN, "a\xc3\xa4\xc3\xa4\xc3\xa4", 6, "a\xc3\xa4" ELLIPSIS},
		{CHAT_PLAIN, "\xf0\x9f\x94\xa5\xf0\x9f\x94\xa5", 6, ELLIPSIS},
		{CHAT_ENTITIES, "a&bcdef", 9, "a&amp;" ELLIPSIS},
		{CHAT_ENTITIES, "a&bcdef", 8, "a" ELLIPSIS},
		{CHAT_BACKSLASH, "ab*cd", 6, "ab\\*cd"},
		{CHAT_BACKSLASH, "ab*cde", 6, "ab" ELLIPSIS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(200);

		cr_assert_eq(chat_text(cases[i].text, cases[i].max, cases[i].escape, &b), 0);
		cr_expect_str_eq(buf_str(&b), cases[i].wanted, "case %zu: %s", i, buf_str(&b));
		cr_expect_leq(b.len, cases[i].max, "case %zu", i);
		cr_expect(text_is_utf8(buf_str(&b)));
	}
}

/* Wherever a text is cut, it is the beginning of the whole. */
Test(chat_text, is_cut_anywhere)
{
	static const char text[] = "<a> & https://x.y/\xf0\x9f\x94\xa5 @you {{\xc3\xa4}} \\*";

	for (enum chat_escape escape = CHAT_PLAIN; escape <= CHAT_BACKSLASH; escape++) {
		_cleanup_buf_ struct buf whole = BUF_INIT(500);

		cr_assert_eq(chat_text(text, 500, escape, &whole), 0);
		for (size_t max = strlen(ELLIPSIS); max < whole.len; max++) {
			_cleanup_buf_ struct buf b = BUF_INIT(500);
			size_t kept;

			cr_assert_eq(chat_text(text, max, escape, &b), 0);
			cr_assert_geq(b.len, strlen(ELLIPSIS));
			kept = b.len - strlen(ELLIPSIS);
			cr_expect_leq(b.len, max);
			cr_expect_str_eq(b.data + kept, ELLIPSIS);
			cr_expect_eq(memcmp(b.data, whole.data, kept), 0);
			cr_expect_gt(b.len + 10, max, "more than a character is missing");
		}
	}
}

Test(chat_text, respects_the_buffers_maximum)
{
	_cleanup_buf_ struct buf b = BUF_INIT(3);

	cr_expect_eq(chat_text("abcd", 100, CHAT_PLAIN, &b), -EMSGSIZE);
}
