/*
 * Events as mail. The body is quoted-printable whatever it holds, so that no server has to take, or to
 * turn into something else, more than ASCII in short lines.
 */
#include "codec/mail_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "codec/chat_message.h"
#include "codec/text.h"

#define SUBJECT_MAX  250 /* bytes, before they are encoded */
#define JOB_NAME_MAX 120 /* of these, of a job's own name */
#define SENTENCE_MAX 1500
#define WORD_BYTES   39 /* in an encoded word: a line has at most 76 characters, RFC 2047 */
#define QP_LINE_MAX  75 /* of a quoted-printable line, without the "=" of a soft break */
#define ID_CHARS     26 /* of a hash in base32hex: 130 bits */
#define UTF8_MAX     4

static const struct chat_style style = {
	.escape = CHAT_VERBATIM,
	.title_max = SUBJECT_MAX,
	.lines_max = 16000,
	.full = true,
};

/* ---- ids ---- */

static const char *domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at ? at + 1 : "localhost";
}

static int put_hash(const char *data, size_t len, struct buf *b)
{
	uint8_t digest[HASH_SHA256_BYTES];
	char chars[ID_CHARS + 1];
	int r = hash_sha256(data, len, digest);

	if (r < 0)
		return r;
	hash_base32hex(digest, ID_CHARS, chars);
	return buf_puts(b, chars);
}

/* "<thread-…@example.org>": of the job, or of the account where the event is about that. */
static int put_thread(const struct mail_text *t, struct buf *b)
{
	const char *const *v = t->events[0].values;
	_cleanup_buf_ struct buf key = BUF_INIT(EVENT_JSON_MAX);
	int r = buf_printf(&key, "%s\n%s", v[EVENT_FIELD_SOURCE], v[EVENT_FIELD_SUBJECT]);

	if (r == 0)
		r = buf_puts(b, "<thread-");
	if (r == 0)
		r = put_hash(key.data, key.len, b);
	return r < 0 ? r : buf_printf(b, "@%s>", domain_of(t->from));
}

/* Other events, another digest: a server that knows the id may take it for the same message. */
static int put_digest_id(const struct mail_text *t, struct buf *b)
{
	_cleanup_buf_ struct buf key = BUF_INIT(SIZE_MAX / 2);
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n_ids; i++)
		r = buf_printf(&key, "%s\n", t->ids[i]);
	if (r == 0)
		r = buf_puts(b, "<digest-");
	if (r == 0)
		r = put_hash(key.data, key.len, b);
	return r < 0 ? r : buf_printf(b, "@%s>", domain_of(t->from));
}

/* ---- headers ---- */

/* "Fri, 20 Nov 2026 06:31:56 +0000", in no locale's words. */
static int put_date(const char *rfc3339, struct buf *b)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t us = 0;
	time_t s;
	struct tm tm;

	(void)clock_parse_rfc3339(rfc3339, &us); /* our own; else 1970 */
	s = (time_t)(us / US_PER_S);
	if (!gmtime_r(&s, &tm))
		return -EINVAL;
	return buf_printf(b, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
			  tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
			  tm.tm_sec);
}

static bool is_plain(const char *s)
{
	for (const char *c = s; *c; c++)
		if (!isascii((unsigned char)*c) || !isprint((unsigned char)*c))
			return false;
	return !strstr(s, "=?");
}

/* How much of the text goes into one encoded word: whole characters. */
static size_t word_bytes(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		size_t len = text_char_bytes(s + n, strnlen(s + n, UTF8_MAX));

		len = MAX(len, 1U);
		if (n + len > WORD_BYTES)
			break;
		n += len;
	}
	return n;
}

/* The text has no control characters. */
static int put_subject(const char *text, struct buf *b)
{
	char word[HASH_BASE64_MAX(WORD_BYTES)];
	const char *space = "";
	int r = buf_puts(b, "Subject: ");

	if (is_plain(text))
		return r < 0 ? r : buf_printf(b, "%s\r\n", text);
	for (size_t n; r == 0 && *text; text += n) {
		n = word_bytes(text);
		hash_base64((const uint8_t *)text, n, word);
		r = buf_printf(b, "%s=?utf-8?B?%s?=", space, word);
		space = "\r\n ";
	}
	return r < 0 ? r : buf_puts(b, "\r\n");
}

/* "acme/sft/abc (nightly run)": the same for all events of the job. */
static int put_job_subject(const struct event_fields *f, struct buf *b)
{
	_cleanup_buf_ struct buf raw = BUF_INIT(EVENT_JSON_MAX), text = BUF_INIT(SUBJECT_MAX);
	const char *name = f->values[EVENT_FIELD_DISPLAY_NAME];
	int r = chat_message_subject(f, &raw);

	if (r == 0)
		r = chat_text(buf_str(&raw), SUBJECT_MAX - JOB_NAME_MAX - 3, style.escape, &text);
	if (r == 0 && *name) {
		r = buf_puts(&text, " (");
		if (r == 0)
			r = chat_text(name, JOB_NAME_MAX, style.escape, &text);
		if (r == 0)
			r = buf_puts(&text, ")");
	}
	return r < 0 ? r : put_subject(buf_str(&text), b);
}

static int put_recipients(char *const *to, struct buf *b)
{
	int r = buf_puts(b, "To: ");

	for (size_t i = 0; r == 0 && to[i]; i++)
		r = buf_printf(b, "%s%s", i > 0 ? ",\r\n " : "", to[i]);
	return r < 0 ? r : buf_puts(b, "\r\n");
}

/* A name of the API, which is a word; one that is not would be no header. */
static int put_word(const char *header, const char *word, struct buf *b)
{
	for (const char *c = word; *c; c++)
		if (!isascii((unsigned char)*c) || !isgraph((unsigned char)*c))
			return 0;
	return *word ? buf_printf(b, "%s: %s\r\n", header, word) : 0;
}

/* Of one event. */
static int put_event_headers(const struct mail_text *t, const struct chat_message *m, struct buf *b)
{
	const struct event_fields *f = &t->events[0];
	_cleanup_buf_ struct buf thread = BUF_INIT(EVENT_JSON_MAX);
	int r = put_thread(t, &thread);

	if (r == 0)
		r = buf_printf(b, "From: \"tunewatch: %s\" <%s>\r\n", m->news, t->from);
	if (r == 0)
		r = put_job_subject(f, b);
	if (r == 0)
		r = buf_printf(b,
			       "Message-ID: <%s@%s>\r\nIn-Reply-To: %s\r\n"
			       "References: %s\r\n",
			       t->ids[0], domain_of(t->from), buf_str(&thread), buf_str(&thread));
	if (r == 0)
		r = put_word("X-Tunewatch-Event", f->values[EVENT_FIELD_TYPE], b);
	return r < 0 ? r : put_word("X-Tunewatch-Job", f->values[EVENT_FIELD_JOB], b);
}

static int put_digest_headers(const struct mail_text *t, const struct chat_message *m,
			      struct buf *b)
{
	int r = buf_printf(b, "From: \"tunewatch\" <%s>\r\n", t->from);

	if (r == 0)
		r = put_subject(m->title, b);
	if (r == 0)
		r = buf_puts(b, "Message-ID: ");
	if (r == 0)
		r = put_digest_id(t, b);
	return r < 0 ? r : buf_puts(b, "\r\n");
}

/* ---- the body ---- */

/* A newline ends a line. A dot, and "From ", are hidden where they begin one, also after a soft
 * break: on the way, and in mailboxes, they would be marks. */
static void encode(const char *s, bool first, char ret[static 4])
{
	unsigned char c = (unsigned char)*s;
	bool hidden = c == '=' || c > '~' || c < ' ';

	hidden |= c == ' ' && (s[1] == '\n' || s[1] == '\0');
	hidden |= first && (c == '.' || strncmp(s, "From ", 5) == 0);
	snprintf(ret, 4, hidden ? "=%02X" : "%c", c);
}

static int put_quoted_printable(const char *s, struct buf *b)
{
	size_t column = 0;
	char unit[4];
	int r = 0;

	for (; r == 0 && *s; s++) {
		if (*s == '\n') {
			r = buf_puts(b, "\r\n");
			column = 0;
			continue;
		}
		encode(s, column == 0, unit);
		if (column + strlen(unit) > QP_LINE_MAX) {
			r = buf_puts(b, "=\r\n");
			column = 0;
			encode(s, true, unit);
		}
		if (r == 0)
			r = buf_puts(b, unit);
		column += strlen(unit);
	}
	return r;
}

static int put_first_line(const struct mail_text *t, const struct chat_message *m, struct buf *b)
{
	_cleanup_buf_ struct buf sentence = BUF_INIT(EVENT_JSON_MAX);
	int r;

	if (!m->news)
		return buf_puts(b, m->title);
	r = event_fields_sentence(&t->events[0], &sentence);
	return r < 0 ? r : chat_text(buf_str(&sentence), SENTENCE_MAX, style.escape, b);
}

static int put_body(const struct mail_text *t, const struct chat_message *m, struct buf *b)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAIL_TEXT_MAX);
	int r = put_first_line(t, m, &text);

	if (r == 0)
		r = buf_puts(&text, "\n\n");
	if (r == 0)
		r = chat_message_join(m, "", "", &text);
	if (r == 0)
		r = buf_puts(&text, "\n");
	if (r == 0 && m->link)
		r = buf_printf(&text, "\n%s\n", m->link);
	return r < 0 ? r : put_quoted_printable(buf_str(&text), b);
}

int mail_text_format(const struct mail_text *t, struct buf *b)
{
	_cleanup_chat_message_ struct chat_message m;
	int r = chat_message_init(&m, &style, t->events, t->n, t->more);

	if (r == 0)
		r = m.news ? put_event_headers(t, &m, b) : put_digest_headers(t, &m, b);
	if (r == 0)
		r = put_recipients(t->to, b);
	if (r == 0)
		r = put_date(m.time, b);
	if (r == 0)
		r = buf_puts(b, "Auto-Submitted: auto-generated\r\n"
				"MIME-Version: 1.0\r\n"
				"Content-Type: text/plain; charset=utf-8\r\n"
				"Content-Transfer-Encoding: quoted-printable\r\n"
				"\r\n");
	return r < 0 ? r : put_body(t, &m, b);
}
