/* Which watched job an argument means. */
#include "cli/job_match.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

struct pattern {
	struct job_name name;
	bool any_account, any_kind, prefix;
};

static int parse(const char *argument, struct pattern *ret)
{
	struct pattern p = {0};

	if (!strchr(argument, '/')) {
		if (!name_id_valid(argument))
			return -EINVAL;
		strcpy(p.name.id, argument);
		p.any_account = p.any_kind = true;
	} else if (name_parse(argument, NULL, &p.name) < 0) {
		if (name_parse(argument, "-", &p.name) < 0)
			return -EINVAL;
		p.any_account = true;
	}
	*ret = p;
	return 0;
}

static bool fits(const struct pattern *p, const struct job_name *name)
{
	if (!p->any_account && strcmp(p->name.account, name->account) != 0)
		return false;
	if (!p->any_kind && p->name.kind != name->kind)
		return false;
	return p->prefix ? strncmp(p->name.id, name->id, strlen(p->name.id)) == 0
			 : strcmp(p->name.id, name->id) == 0;
}

static size_t look(const struct pattern *p, const struct job_name names[], size_t n,
		   size_t ret_at[], size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (fits(p, &names[i])) {
			if (found < max)
				ret_at[found] = i;
			found++;
		}
	return found;
}

int job_match(const char *argument, const struct job_name names[], size_t n, size_t ret_at[],
	      size_t max)
{
	struct pattern p;
	size_t found;
	int r = parse(argument, &p);

	if (r < 0)
		return r;
	found = look(&p, names, n, ret_at, max);
	if (found == 0 && p.any_kind) {
		p.prefix = true;
		found = look(&p, names, n, ret_at, max);
	}
	return (int)(found < INT_MAX ? found : INT_MAX);
}
