/* The types of values that several options share. */
#include "config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void *member(const struct raw_option *o, void *target)
{
	return (char *)target + o->spec->offset;
}

static struct place place_of(const struct raw_option *o, const struct raw_value *v)
{
	return (struct place){o->at.file, v->line};
}

int value_span(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	const struct raw_value *v = &o->values[0];
	char min[CLOCK_SPAN_MAX], max[CLOCK_SPAN_MAX];
	uint64_t ms;

	if (clock_parse_span_ms(v->text, &ms) < 0) {
		fault_add(l, place_of(o, v), "'%s'%s: %s is not a span of time, such as \"90s\"%s",
			  o->spec->name, fault_in_section(s).text, fault_quote(v->text).text,
			  o->spec->off ? ", or off" : "");
		return 0;
	}
	if (ms == UINT64_MAX && o->spec->off) {
		*(uint64_t *)member(o, t) = ms;
		return 0;
	}
	if (ms < o->spec->min || ms > o->spec->max) {
		clock_format_span_ms(o->spec->min, min);
		clock_format_span_ms(o->spec->max, max);
		fault_add(l, place_of(o, v), "'%s'%s: %s is not between %s and %s%s", o->spec->name,
			  fault_in_section(s).text, fault_quote(v->text).text, min, max,
			  o->spec->off ? ", or off" : "");
		return 0;
	}
	*(uint64_t *)member(o, t) = ms;
	return 0;
}

int value_number(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	const struct raw_value *v = &o->values[0];
	uint64_t number = 0;
	size_t len = strlen(v->text);

	_Static_assert(sizeof(unsigned) == sizeof(uint32_t), "numbers are 32 bits");
	if (strspn(v->text, "0123456789") == len && len <= 10)
		number = strtoull(v->text, NULL, 10);
	else
		len = 0;
	if (len == 0 || number < o->spec->min || number > o->spec->max)
		fault_add(l, place_of(o, v),
			  "'%s'%s: %s is not a whole number from %" PRIu64 " to %" PRIu64,
			  o->spec->name, fault_in_section(s).text, fault_quote(v->text).text,
			  o->spec->min, o->spec->max);
	else
		*(uint32_t *)member(o, t) = (uint32_t)number;
	return 0;
}

int value_size(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	const struct raw_value *v = &o->values[0];
	char min[CONFIG_SIZE_MAX], max[CONFIG_SIZE_MAX];
	uint64_t bytes;
	int r = config_size_parse(v->text, &bytes);

	if (r == -EINVAL) {
		fault_add(l, place_of(o, v), "'%s'%s: %s is not a size, such as \"1GiB\"",
			  o->spec->name, fault_in_section(s).text, fault_quote(v->text).text);
		return 0;
	}
	if (r == 0 && ((bytes == UINT64_MAX && o->spec->off) ||
		       (bytes >= o->spec->min && bytes <= o->spec->max))) {
		*(uint64_t *)member(o, t) = bytes;
		return 0;
	}
	config_size_format(o->spec->min, min);
	config_size_format(o->spec->max, max);
	fault_add(l, place_of(o, v), "'%s'%s: %s is not between %s and %s%s", o->spec->name,
		  fault_in_section(s).text, fault_quote(v->text).text, min, max,
		  o->spec->off ? ", or off" : "");
	return 0;
}

int value_bool(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	static const char *const names[] = {"false", "true", "no", "yes", "off", "on"};
	int i = value_enum(l, s, o, &o->values[0], names, ARRAY_LEN(names));

	if (i >= 0)
		*(bool *)member(o, t) = i & 1;
	return 0;
}

static int set_string(const struct raw_option *o, void *t, char *value)
{
	char **ret = member(o, t);

	if (!value)
		return -ENOMEM;
	free(*ret);
	*ret = value;
	return 0;
}

int value_text(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	return set_string(o, t, strdup(o->values[0].text));
}

int value_to_path(const struct config_env *env, const char *value, char **ret)
{
	const char *home = "";

	for (const char *c = value; *c; c++)
		if (iscntrl((unsigned char)*c))
			return -EINVAL;
	if (strncmp(value, "~/", 2) == 0 && env->home && env->home[0] == '/') {
		home = env->home;
		value++;
	}
	if (value[0] != '/')
		return -EINVAL;
	return asprintf(ret, "%s%s", home, value) < 0 ? -ENOMEM : 0;
}

int value_path(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t)
{
	const struct raw_value *v = &o->values[0];
	char *path = NULL;
	int r = value_to_path(l->env, v->text, &path);

	if (r != -EINVAL)
		return r < 0 ? r : set_string(o, t, path);
	fault_add(l, place_of(o, v), "'%s'%s: %s is not an absolute path", o->spec->name,
		  fault_in_section(s).text, fault_quote(v->text).text);
	return 0;
}

int value_enum(struct load *l, const struct raw_section *s, const struct raw_option *o,
	       const struct raw_value *v, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], v->text) == 0)
			return (int)i;
	fault_add(l, place_of(o, v), "'%s'%s: unknown value %s%s", o->spec->name,
		  fault_in_section(s).text, fault_quote(v->text).text,
		  nearest_hint(v->text, names, n).text);
	return -ENOENT;
}
