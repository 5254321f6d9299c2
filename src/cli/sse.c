/* Server-sent events. */
#include "cli/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MAX_MS 60000

void sse_init(struct sse *s, size_t max_bytes)
{
	*s = (struct sse){.line = BUF_INIT(max_bytes), .data = BUF_INIT(max_bytes)};
}

void sse_done(struct sse *s)
{
	buf_done(&s->line);
	buf_done(&s->data);
}

/* A value that does not fit is as if it was not there. */
static bool copy(char *ret, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (len >= size)
		return false;
	memcpy(ret, value, len + 1);
	return true;
}

static int take_field(struct sse *s, const char *name, const char *value, size_t len)
{
	int r;

	if (strcmp(name, "data") == 0) {
		r = s->has_data ? buf_puts(&s->data, "\n") : 0;
		s->has_data = true;
		return r == 0 ? buf_append(&s->data, value, len) : r;
	}
	if (strcmp(name, "event") == 0)
		copy(s->type, sizeof(s->type), value);
	else if (strcmp(name, "id") == 0 && !memchr(value, '\0', len))
		s->has_id = copy(s->id, sizeof(s->id), value) || s->has_id;
	else if (strcmp(name, "retry") == 0 && *value && !value[strspn(value, "0123456789")])
		s->retry_ms = MIN(strtoull(value, NULL, 10), (unsigned long long)RETRY_MAX_MS);
	return 0;
}

static int dispatch(struct sse *s, sse_fn fn, void *user)
{
	struct sse_event e = {.id = s->id, .type = *s->type ? s->type : "message"};
	int r = 0;

	if (s->has_data) {
		e.data = buf_str(&s->data);
		e.len = s->data.len;
	}
	if (s->has_data || s->has_id)
		r = fn(user, &e);
	buf_clear(&s->data);
	s->type[0] = '\0';
	s->has_data = s->has_id = false;
	return r;
}

static int take_line(struct sse *s, sse_fn fn, void *user)
{
	static const char mark[] = "\xef\xbb\xbf";
	char *line = s->line.data, *value;
	size_t len = s->line.len;

	if (!s->begun && len >= 3 && memcmp(line, mark, 3) == 0) {
		line += 3;
		len -= 3;
	}
	s->begun = true;
	if (len == 0)
		return dispatch(s, fn, user);
	value = memchr(line, ':', len);
	if (value == line) /* a comment */
		return 0;
	if (!value)
		return take_field(s, line, "", 0);
	*value++ = '\0';
	if (*value == ' ')
		value++;
	return take_field(s, line, value, len - (size_t)(value - line));
}

int sse_feed(struct sse *s, const char *bytes, size_t n, sse_fn fn, void *user)
{
	const char *p = bytes, *end = bytes + n;

	while (p < end) {
		const char *stop = p;
		int r;

		/* The LF of a CRLF ends no second line. */
		if (s->after_cr && *p == '\n') {
			s->after_cr = false;
			p++;
			continue;
		}
		s->after_cr = false;
		while (stop < end && *stop != '\n' && *stop != '\r')
			stop++;
		r = buf_append(&s->line, p, (size_t)(stop - p));
		if (r < 0)
			return r;
		if (stop == end)
			return 0;
		s->after_cr = *stop == '\r';
		p = stop + 1;
		r = take_line(s, fn, user);
		buf_clear(&s->line);
		if (r < 0)
			return r;
	}
	return 0;
}
