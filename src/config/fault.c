/* The collector of faults: all of a run, in the order in which they stand in the files. */
#include "config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int array_reserve(void *items, size_t n, size_t *cap, size_t size)
{
	void **array = items, *p;
	size_t want;

	if (n < *cap)
		return 0;
	want = *cap ? *cap * 2 : 8;
	p = reallocarray(*array, want, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*cap = want;
	return 0;
}

void fault_add(struct load *l, struct place at, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int r;

	if (l->n_faults >= CONFIG_FAULTS_MAX) {
		l->faults_lost++;
		return;
	}
	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		l->oom = true;
		return;
	}
	if (array_reserve(&l->faults, l->n_faults, &l->cap_faults, sizeof(*l->faults)) < 0) {
		free(text);
		l->oom = true;
		return;
	}
	l->faults[l->n_faults++] = (struct fault){at, text};
}

void fault_truncate(struct load *l, size_t n)
{
	while (l->n_faults > n)
		free(l->faults[--l->n_faults].text);
	if (n < CONFIG_FAULTS_MAX)
		l->faults_lost = 0;
}

/* An insertion sort: stable, and there are few. What stands nowhere comes last. */
static bool fault_before(const struct fault *a, const struct fault *b)
{
	unsigned a_file = (unsigned)a->at.file, b_file = (unsigned)b->at.file;

	return a_file != b_file ? a_file < b_file : a->at.line < b->at.line;
}

void fault_report(struct load *l, config_fault_fn fn, void *user)
{
	for (size_t i = 1; i < l->n_faults; i++) {
		struct fault f = l->faults[i];
		size_t j = i;

		for (; j > 0 && fault_before(&f, &l->faults[j - 1]); j--)
			l->faults[j] = l->faults[j - 1];
		l->faults[j] = f;
	}
	for (size_t i = 0; i < l->n_faults; i++) {
		const struct fault *f = &l->faults[i];

		fn(user, f->at.file >= 0 ? l->files[f->at.file].path : NULL, f->at.line, f->text);
	}
	if (l->faults_lost > 0) {
		char text[64];

		snprintf(text, sizeof(text), "%zu more faults are not shown", l->faults_lost);
		fn(user, NULL, 0, text);
	}
	fault_truncate(l, 0);
}

/* Prefixes of the keys that could stand where they do not belong. */
static const char *const key_prefixes[] = {"fw_", "whsec_"};

struct quoted fault_quote(const char *value)
{
	struct quoted q;
	size_t n = 0, len = strlen(value);
	bool cut = len > sizeof(q.text) - 8;

	for (size_t i = 0; i < ARRAY_LEN(key_prefixes); i++)
		if (strstr(value, key_prefixes[i])) {
			snprintf(q.text, sizeof(q.text), "(hidden)");
			return q;
		}
	if (cut)
		len = sizeof(q.text) - 8;
	while (cut && len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
		len--; /* not inside a character */
	q.text[n++] = '\'';
	for (size_t i = 0; i < len; i++)
		q.text[n++] = iscntrl((unsigned char)value[i]) ? '?' : value[i];
	snprintf(q.text + n, sizeof(q.text) - n, "%s'", cut ? "…" : "");
	return q;
}

struct quoted fault_section(const struct raw_section *s)
{
	struct quoted q = {""}, title;
	size_t len;

	if (s->type == SECTION_TOP)
		return q;
	title = fault_quote(s->title);
	len = strlen(title.text);
	if (title.text[0] == '\'')
		title.text[0] = title.text[len - 1] = '"';
	snprintf(q.text, sizeof(q.text), "%s %.80s", section_names[s->type], title.text);
	return q;
}

struct quoted fault_in_section(const struct raw_section *s)
{
	struct quoted q = {""};

	if (s->type != SECTION_TOP)
		snprintf(q.text, sizeof(q.text), " in %.90s", fault_section(s).text);
	return q;
}
