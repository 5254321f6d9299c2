/* Which jobs a command is about. */
#include "cli/job_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wanted {
	const char *argument;
	struct job_name name;
	bool any_account; /* "sft/abc" */
	bool matched;
};

struct job_filter {
	size_t n;
	struct wanted wanted[];
};

int job_filter_new(int argc, char *const argv[], struct job_filter **ret, const char **ret_bad)
{
	struct job_filter *f = calloc(1, sizeof(*f) + (size_t)argc * sizeof(f->wanted[0]));

	if (!f)
		return -ENOMEM;
	for (; f->n < (size_t)argc; f->n++) {
		struct wanted *w = &f->wanted[f->n];

		w->argument = argv[f->n];
		if (name_parse(w->argument, NULL, &w->name) == 0)
			continue;
		w->any_account = true;
		if (name_parse(w->argument, "-", &w->name) == 0)
			continue;
		*ret_bad = w->argument;
		free(f);
		return -EINVAL;
	}
	*ret = f;
	return 0;
}

struct job_filter *job_filter_free(struct job_filter *f)
{
	free(f);
	return NULL;
}

static bool is_wanted(const struct wanted *w, const struct job_name *name)
{
	return w->name.kind == name->kind && strcmp(w->name.id, name->id) == 0 &&
	       (w->any_account || strcmp(w->name.account, name->account) == 0);
}

bool job_filter_match(struct job_filter *f, const char *full_name)
{
	struct job_name name;
	bool any = f->n == 0;

	if (any || name_parse_full(full_name, &name) < 0)
		return any;
	for (size_t i = 0; i < f->n; i++)
		if (is_wanted(&f->wanted[i], &name))
			any = f->wanted[i].matched = true;
	return any;
}

void job_filter_forget(struct job_filter *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->wanted[i].matched = false;
}

const char *job_filter_unmatched(const struct job_filter *f, size_t *i)
{
	for (; *i < f->n; ++*i)
		if (!f->wanted[*i].matched)
			return f->wanted[(*i)++].argument;
	return NULL;
}
