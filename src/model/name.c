/* Names of jobs. */
#include "model/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"

/* Splits at slashes; the number of parts, or max + 1 when there are more. */
static size_t split(const char *s, const char *parts[], size_t lens[], size_t max)
{
	size_t n = 0;

	for (;;) {
		size_t len = strcspn(s, "/");

		if (n < max) {
			parts[n] = s;
			lens[n] = len;
		}
		n++;
		if (n > max || !s[len])
			return n;
		s += len + 1;
	}
}

static int copy_id(const char *s, size_t len, char ret[NAME_ID_MAX + 1])
{
	if (len < 1 || len > NAME_ID_MAX || strspn(s, ID_CHARS) < len)
		return -EINVAL;
	memcpy(ret, s, len);
	ret[len] = '\0';
	return 0;
}

bool name_id_valid(const char *id)
{
	size_t len = strlen(id);

	return len >= 1 && len <= NAME_ID_MAX && strspn(id, ID_CHARS) == len;
}

static bool part_is(const char *part, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(part, word, len) == 0;
}

int name_parse_full(const char *s, struct job_name *ret)
{
	struct job_name name;
	const char *parts[4];
	size_t lens[4];

	if (split(s, parts, lens, 4) != 4 || !part_is(parts[0], lens[0], "accounts") ||
	    kind_from_collection(parts[2], lens[2], &name.kind) < 0 ||
	    copy_id(parts[1], lens[1], name.account) < 0 || copy_id(parts[3], lens[3], name.id) < 0)
		return -EINVAL;
	*ret = name;
	return 0;
}

int name_parse(const char *s, const char *account, struct job_name *ret)
{
	struct job_name name = {0};
	const char *parts[4];
	size_t lens[4], n;
	char kind[8];

	n = split(s, parts, lens, 4);
	if (n == 4)
		return name_parse_full(s, ret);
	if (n == 2 && account) {
		if (copy_id(account, strlen(account), name.account) < 0)
			return -EINVAL;
	} else if (n == 3) {
		if (copy_id(parts[0], lens[0], name.account) < 0)
			return -EINVAL;
	} else {
		return -EINVAL;
	}
	if (lens[n - 2] >= sizeof(kind))
		return -EINVAL;
	snprintf(kind, sizeof(kind), "%.*s", (int)lens[n - 2], parts[n - 2]);
	if (kind_from_name(kind, &name.kind) < 0 || copy_id(parts[n - 1], lens[n - 1], name.id) < 0)
		return -EINVAL;
	*ret = name;
	return 0;
}

/* Without printf: it is done for every job of every page. */
void name_format_full(const struct job_name *name, char ret[NAME_JOB_MAX])
{
	ret = stpcpy(ret, "accounts/");
	ret = stpcpy(ret, name->account);
	*ret++ = '/';
	ret = stpcpy(ret, kind_info(name->kind)->collection);
	*ret++ = '/';
	stpcpy(ret, name->id);
}

void name_format_short(const struct job_name *name, char ret[NAME_JOB_MAX])
{
	ret = stpcpy(ret, name->account);
	*ret++ = '/';
	ret = stpcpy(ret, kind_info(name->kind)->name);
	*ret++ = '/';
	stpcpy(ret, name->id);
}
