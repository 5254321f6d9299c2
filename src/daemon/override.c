/* What somebody asked for of one job. */
#include "daemon/override.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_names(const char *notify)
{
	size_t n = 1;

	for (; *notify; notify++)
		n += *notify == ',';
	return n;
}

int override_new(bool watched, const char *notify, struct override **ret)
{
	size_t size = notify ? strlen(notify) + 1 : 1, n = notify ? count_names(notify) : 0;
	struct override *o = calloc(1, sizeof(*o) + n * sizeof(o->names[0]) + 2 * size);
	char *text, *rest;

	if (!o)
		return -ENOMEM;
	o->watched = watched;
	o->chosen = notify;
	o->names = (const char **)(o + 1);
	o->notify = (char *)(o->names + n);
	memcpy(o->notify, notify ? notify : "", size);
	text = memcpy(o->notify + size, o->notify, size);
	while (o->n_names < n && (rest = strsep(&text, ",")))
		o->names[o->n_names++] = rest;
	*ret = o;
	return 0;
}

struct override *override_free(struct override *o)
{
	free(o);
	return NULL;
}

/* The notifier whose name has these bytes; none: the number there are. */
static size_t find(const struct config *config, const char *name, size_t len)
{
	size_t i = 0;

	while (i < config->n_notifiers && (strncmp(config->notifiers[i].name, name, len) != 0 ||
					   config->notifiers[i].name[len]))
		i++;
	return i;
}

int override_find(const struct config *config, const char *notify, route_set *ret,
		  char ret_unknown[CONFIG_NAME_MAX + 1])
{
	const char *name = notify;
	route_set set = 0;
	int r = 0;

	for (size_t len;; name += len + 1) {
		size_t i;

		len = strcspn(name, ",");
		i = find(config, name, len);
		if (i < config->n_notifiers) {
			set |= route_bit(i);
		} else if (r == 0) {
			snprintf(ret_unknown, CONFIG_NAME_MAX + 1, "%.*s",
				 (int)MIN(len, (size_t)CONFIG_NAME_MAX), name);
			r = -ENOENT;
		}
		if (!name[len])
			break;
	}
	*ret = set;
	return r;
}

void override_resolve(struct override *o, const struct config *config)
{
	char unknown[CONFIG_NAME_MAX + 1];

	/* One that has left the configuration may come back: its name is kept. */
	if (o && o->chosen)
		(void)override_find(config, o->notify, &o->notifiers, unknown);
}

route_set override_watches(const struct override *o, route_set watches)
{
	if (!o || o->foreseen)
		return watches;
	return o->watched ? watches | ROUTE_ADDED : 0;
}

const route_set *override_chosen(const struct override *o)
{
	return o && o->chosen ? &o->notifiers : NULL;
}
