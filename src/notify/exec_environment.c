/* The environment of hooks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macro.h"
#include "notify/exec.h"

#define PATH_VALUE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* All of the event, and as much again for what is passed on. */
#define TEXT_MAX (2 * EVENT_JSON_MAX)

static const char *const passed_on[] = {
	"HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR",
};

_Static_assert(VARIABLE_COUNT + ARRAY_LEN(passed_on) + 3 <= EXEC_ENVIRONMENT_MAX,
	       "all variables have room");

static int add(struct buf *text, const char *name, const char *value)
{
	int r = buf_printf(text, "%s=%s", name, value);

	return r < 0 ? r : buf_append(text, "", 1);
}

static int add_number(struct buf *text, const char *name, unsigned number)
{
	char value[VARIABLE_NUMBER_MAX];

	snprintf(value, sizeof(value), "%u", number);
	return add(text, name, value);
}

static int add_all(struct buf *text, const struct event_fields *fields,
		   const struct notifier_delivery *d, char *(*lookup)(const char *name))
{
	int r = add(text, "PATH", PATH_VALUE);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(passed_on); i++) {
		const char *value = lookup(passed_on[i]);

		if (value)
			r = add(text, passed_on[i], value);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(variables); i++)
		if (variables[i].hook)
			r = add(text, variables[i].name, fields->values[variables[i].field]);
	if (r == 0)
		r = add_number(text, VARIABLE_DELIVERY_TRY, d->number);
	if (r == 0 && d->replaced > 0)
		r = add_number(text, VARIABLE_REPLACED, d->replaced);
	return r;
}

int exec_environment_init(const struct event_fields *fields, const struct notifier_delivery *d,
			  char *(*lookup)(const char *name), struct exec_environment *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
	size_t n = 0, len;
	int r;

	r = add_all(&text, fields, d, lookup);
	if (r < 0)
		return r;
	len = text.len;
	ret->text = buf_take(&text);
	for (char *at = ret->text; at < ret->text + len; at += strlen(at) + 1)
		ret->list[n++] = at;
	ret->list[n] = NULL;
	return 0;
}

void exec_environment_done(struct exec_environment *e)
{
	free(e->text);
	e->text = NULL;
}
