/* The control plane of one account. */
#include "simtime/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

/* --- the order of things --- */

static int by_name(const void *a, const void *b, void *user)
{
	const struct traces *t = user;
	uint64_t x = t->jobs[*(const uint32_t *)a].key, y = t->jobs[*(const uint32_t *)b].key;

	return (x > y) - (x < y);
}

static int by_end(const void *a, const void *b, void *user)
{
	const struct traces *t = user;
	uint64_t x = t->jobs[*(const uint32_t *)a].end_ms, y = t->jobs[*(const uint32_t *)b].end_ms;

	return (x > y) - (x < y);
}

static void sort(uint32_t *jobs, size_t n, int (*order)(const void *, const void *, void *),
		 const struct traces *t)
{
	qsort_r(jobs, n, sizeof(*jobs), order, (void *)t);
}

static int collection_init(struct server_collection *c, const struct traces *t, unsigned kind)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->jobs[i].kind == kind;
	c->names = calloc(n + 1, sizeof(*c->names));
	c->newest = calloc(n + 1, sizeof(*c->newest));
	c->active = calloc(n + 1, sizeof(*c->active));
	if (!c->names || !c->newest || !c->active)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		if (t->jobs[i].kind == kind)
			c->names[c->n_names++] = (uint32_t)i;
	sort(c->names, c->n_names, by_name, t);
	return 0;
}

int server_init(struct server *s, const struct traces *traces, uint8_t refused)
{
	*s = (struct server){.traces = traces, .refused = refused};
	s->shown = calloc(traces->n + 1, sizeof(*s->shown));
	s->place = calloc(traces->n + 1, sizeof(*s->place));
	s->ends = calloc(traces->n + 1, sizeof(*s->ends));
	if (!s->shown || !s->place || !s->ends)
		return -ENOMEM;
	for (size_t i = 0; i < traces->n; i++)
		s->ends[i] = (uint32_t)i;
	sort(s->ends, traces->n, by_end, traces);
	for (unsigned k = 0; k < TRACE_KINDS; k++) {
		int r = collection_init(&s->collections[k], traces, k);

		if (r < 0)
			return r;
	}
	return 0;
}

void server_done(struct server *s)
{
	for (unsigned k = 0; k < TRACE_KINDS; k++) {
		free(s->collections[k].names);
		free(s->collections[k].newest);
		free(s->collections[k].active);
	}
	free(s->shown);
	free(s->place);
	free(s->ends);
	*s = (struct server){0};
}

/* --- time --- */

static void create(struct server *s, uint32_t job)
{
	struct server_collection *c = &s->collections[s->traces->jobs[job].kind];

	c->newest[c->n_newest++] = job;
	s->place[job] = (uint32_t)c->n_active;
	c->active[c->n_active++] = job;
}

static void finish(struct server *s, uint32_t job)
{
	struct server_collection *c = &s->collections[s->traces->jobs[job].kind];
	uint32_t last = c->active[--c->n_active];

	c->active[s->place[job]] = last;
	s->place[last] = s->place[job];
}

void server_advance(struct server *s, uint64_t now_ms)
{
	const struct traces *t = s->traces;

	/* All that were created first: a job does not end before. */
	while (s->n_created < t->n && t->jobs[s->n_created].created_ms <= now_ms)
		create(s, (uint32_t)s->n_created++);
	while (s->n_ended < t->n && t->jobs[s->ends[s->n_ended]].end_ms <= now_ms)
		finish(s, s->ends[s->n_ended++]);
}

const struct trace_change *server_get(struct server *s, uint32_t job, uint64_t now_ms)
{
	const struct trace_job *j = &s->traces->jobs[job];
	uint32_t *at = &s->shown[job];

	while (*at + 1 < j->n_changes && trace_change(s->traces, j, *at + 1)->at_ms <= now_ms)
		++*at;
	return trace_change(s->traces, j, *at);
}

/* --- lists --- */

/* The token is the place after the page's last job. */
static void list_all(struct server *s, struct server_collection *c, uint64_t token,
		     struct server_page *ret)
{
	size_t i = token;

	for (; i < c->n_names && ret->n < PLAN_PAGE_SIZE; i++)
		if (c->names[i] < s->n_created)
			ret->jobs[ret->n++] = c->names[i];
	while (i < c->n_names && c->names[i] >= s->n_created)
		i++;
	ret->token = i < c->n_names ? i : 0;
	ret->total = (uint32_t)c->n_newest;
}

static void list_newest(struct server_collection *c, uint64_t token, struct server_page *ret)
{
	for (size_t i = token; i < c->n_newest && ret->n < PLAN_PAGE_SIZE; i++)
		ret->jobs[ret->n++] = c->newest[c->n_newest - 1 - i];
	ret->token = token + ret->n < c->n_newest ? token + ret->n : 0;
	ret->total = (uint32_t)c->n_newest;
}

/* The token is the name of the page's last job. */
static void list_active(struct server *s, struct server_collection *c, uint64_t token,
			struct server_page *ret)
{
	size_t i = 0;

	if (c->n_active > PLAN_PAGE_SIZE) { /* else the order makes no difference */
		sort(c->active, c->n_active, by_name, s->traces);
		for (size_t k = 0; k < c->n_active; k++)
			s->place[c->active[k]] = (uint32_t)k;
		while (i < c->n_active && s->traces->jobs[c->active[i]].key <= token)
			i++;
	} else if (token != 0) { /* it has become one page meanwhile */
		for (; i < c->n_active; i++)
			if (s->traces->jobs[c->active[i]].key > token)
				ret->jobs[ret->n++] = c->active[i];
	}
	for (; i < c->n_active && ret->n < PLAN_PAGE_SIZE; i++)
		ret->jobs[ret->n++] = c->active[i];
	ret->token = i < c->n_active ? s->traces->jobs[ret->jobs[ret->n - 1]].key : 0;
	ret->total = (uint32_t)c->n_active;
}

bool server_list(struct server *s, enum trace_kind kind, enum plan_list list, uint64_t token,
		 struct server_page *ret)
{
	struct server_collection *c = &s->collections[kind];

	if (s->refused & plan_bit(list))
		return false;
	ret->n = 0;
	switch (list) {
	case PLAN_ACTIVE:
		list_active(s, c, token, ret);
		break;
	case PLAN_NEWEST:
		list_newest(c, token, ret);
		break;
	case PLAN_ALL:
	case PLAN_LISTS:
		list_all(s, c, token, ret);
		break;
	}
	return true;
}
