/*
 * Makes a file's text safe for libConfuse 3.3, whose scanner
 *  - counts the lines of comments wrongly, so that every later fault would name the wrong line;
 *  - takes the end of the file for the end of a comment and of any open section;
 *  - drops '*' and '+' outside quotes, so that prod-* becomes prod-.
 * Comments are overwritten with spaces; the rest is reported. Strings are skipped by the scanner's
 * own rules.
 */
#include "config/config_internal.h"

#include <string.h>

#define DEPTH_MAX 16
#define WORD_END  " #\"'\t\n\r={}()+,*"

struct scan {
	struct load *load;
	int file;
	char *p;
	unsigned line;
	unsigned open[DEPTH_MAX]; /* the lines of the braces that are open */
	size_t depth;
};

static struct place here(const struct scan *s)
{
	return (struct place){s->file, s->line};
}

static void blank(struct scan *s)
{
	if (*s->p == '\n')
		s->line++;
	else
		*s->p = ' ';
	s->p++;
}

static void skip(struct scan *s)
{
	if (*s->p == '\n')
		s->line++;
	s->p++;
}

static void line_comment(struct scan *s)
{
	while (*s->p && *s->p != '\n')
		blank(s);
}

static bool block_comment(struct scan *s)
{
	struct place begin = here(s);

	blank(s);
	blank(s);
	for (; *s->p; blank(s))
		if (s->p[0] == '*' && s->p[1] == '/') {
			blank(s);
			blank(s);
			return true;
		}
	fault_add(s->load, begin, "this comment is never closed");
	return false;
}

/* ${NAME}: replaced by libConfuse inside double quotes and as a whole word; true if it is one. The
 * scanner does not count the lines of what it replaces. */
static bool variable(struct scan *s)
{
	char *end;

	if (s->p[0] != '$' || s->p[1] != '{' || !(end = strchr(s->p, '}')))
		return false;
	s->p = end + 1;
	return true;
}

static bool string(struct scan *s)
{
	struct place begin = here(s);
	char quote = *s->p;

	for (skip(s); *s->p && *s->p != quote;) {
		if (quote == '"' && variable(s))
			continue;
		if (*s->p == '\\' && s->p[1])
			skip(s);
		skip(s);
	}
	if (*s->p) {
		skip(s);
		return true;
	}
	fault_add(s->load, begin, "this string is never closed");
	return false;
}

static void brace(struct scan *s)
{
	if (*s->p == '{') {
		if (s->depth < DEPTH_MAX)
			s->open[s->depth] = s->line;
		s->depth++;
	} else if (s->depth > 0) { /* libConfuse reports one too many */
		s->depth--;
	}
	skip(s);
}

/* The word is made whole, so that its rest is not reported as well. */
static void stray(struct scan *s)
{
	if (*s->p == '*' || (*s->p == '+' && s->p[1] != '=')) {
		fault_add(s->load, here(s), "unexpected '%c'; a value that holds it needs quotes",
			  *s->p);
		*s->p = '_';
	}
	skip(s);
}

static bool next(struct scan *s)
{
	if (*s->p == '#' || (s->p[0] == '/' && s->p[1] == '/'))
		line_comment(s);
	else if (s->p[0] == '/' && s->p[1] == '*')
		return block_comment(s);
	else if (*s->p == '"' || *s->p == '\'')
		return string(s);
	else if (*s->p == '{' || *s->p == '}')
		brace(s);
	else if (variable(s))
		return true;
	else if (strchr(WORD_END, *s->p))
		stray(s);
	else
		s->p += strcspn(s->p, WORD_END);
	return true;
}

bool text_prepare(struct load *l, int file, char *text)
{
	struct scan s = {.load = l, .file = file, .p = text, .line = 1};

	while (*s.p)
		if (!next(&s))
			return false;
	if (s.depth == 0)
		return true;
	fault_add(l, (struct place){file, s.open[MIN(s.depth, DEPTH_MAX) - 1]},
		  "this '{' is never closed");
	return false;
}
