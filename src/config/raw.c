/* The configuration as written: sections, options and values with their places. */
#include "config/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const section_names[SECTION_COUNT_] = {"", "account", "watch", "notifier"};
const char *const section_plurals[SECTION_COUNT_] = {"", "accounts", "watches", "notifiers"};

void raw_option_clear(struct raw_option *o)
{
	for (size_t i = 0; i < o->n; i++)
		wipe_free(o->values[i].text);
	o->n = 0;
}

void raw_option_done(struct raw_option *o)
{
	raw_option_clear(o);
	free(o->values);
	*o = (struct raw_option){0};
}

void raw_section_done(struct raw_section *s)
{
	for (size_t i = 0; i < s->n; i++)
		raw_option_done(&s->options[i]);
	free(s->options);
	free(s->title);
	*s = (struct raw_section){0};
}

struct raw_option *raw_lookup(struct raw_section *s, const struct option_spec *spec)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->options[i].spec == spec)
			return &s->options[i];
	return NULL;
}

const struct raw_option *raw_find(const struct raw_section *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->options[i].spec->name, name) == 0)
			return &s->options[i];
	return NULL;
}

struct raw_option *raw_add(struct raw_section *s, const struct option_spec *spec, struct place at)
{
	if (array_reserve(&s->options, s->n, &s->cap, sizeof(*s->options)) < 0)
		return NULL;
	s->options[s->n] = (struct raw_option){.spec = spec, .at = at};
	return &s->options[s->n++];
}

int raw_section_add(struct raw_section **sections, size_t *n, size_t *cap,
		    struct raw_section section)
{
	int r = array_reserve(sections, *n, cap, sizeof(**sections));

	if (r < 0) {
		raw_section_done(&section);
		return r;
	}
	(*sections)[(*n)++] = section;
	return 0;
}

int raw_add_implicit(struct load *l, enum section_type type, const char *title)
{
	struct raw_section s = {.type = type,
				.at = NOWHERE,
				.implicit = true,
				.title = strdup(title)};

	if (!s.title)
		return -ENOMEM;
	return raw_section_add(&l->sections, &l->n_sections, &l->cap_sections, s);
}
