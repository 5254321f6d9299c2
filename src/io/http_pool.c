/* One `struct http` for each CA file, and the old ones until they have let go. */
#include "io/http_pool.h"

#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "model/route.h"

#define MEMBERS_MAX ROUTE_MAX /* each account has one CA file at most */

struct member {
	struct list node; /* in one of the pool's lists */
	struct http_pool *pool;
	struct http *http;
	char *ca_file; /* NULL: the system's */
};

struct http_pool {
	uv_loop_t *loop;
	struct http_options options; /* its user_agent is ours */
	char *user_agent;
	struct list members; /* the longest here first */
	struct list leaving; /* closing; nothing new is started on them */
	size_t n_members;
	/* Never started. It closes last, so that `closed` has a callback to come from when there is
	   no member. */
	uv_idle_t last;
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

static struct http_pool *http_pool_free(struct http_pool *p)
{
	if (p)
		free(p->user_agent);
	free(p);
	return NULL;
}
DEFINE_CLEANUP(struct http_pool *, http_pool_free);

static struct member *member_free(struct member *m)
{
	if (m)
		free(m->ca_file);
	free(m);
	return NULL;
}
DEFINE_CLEANUP(struct member *, member_free);

static void on_last_closed(uv_handle_t *handle)
{
	struct http_pool *p = handle->data;
	void (*closed)(void *user) = p->closed;
	void *user = p->closed_user;

	http_pool_free(p);
	if (closed)
		closed(user);
}

static void close_when_empty(struct http_pool *p)
{
	if (p->closing && list_empty(&p->members) && list_empty(&p->leaving))
		uv_close((uv_handle_t *)&p->last, on_last_closed);
}

static void on_member_closed(void *user)
{
	struct member *m = user;
	struct http_pool *p = m->pool;

	list_remove(&m->node);
	member_free(m);
	close_when_empty(p);
}

static void member_close(struct member *m)
{
	list_remove(&m->node);
	list_append(&m->pool->leaving, &m->node);
	m->pool->n_members--;
	http_close(m->http, on_member_closed, m);
}

int http_pool_new(uv_loop_t *loop, const struct http_options *options, struct http_pool **ret,
		  struct error *ret_e)
{
	_cleanup_(http_pool_freep) struct http_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->user_agent = strdup(options->user_agent);
	if (!p->user_agent)
		return -ENOMEM;
	p->loop = loop;
	p->options = *options;
	p->options.user_agent = p->user_agent;
	list_init(&p->members);
	list_init(&p->leaving);
	(void)uv_idle_init(loop, &p->last); /* always 0 */
	p->last.data = p;
	*ret = TAKE_PTR(p);
	return 0;
}

static bool same_file(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/*
 * A CA file that no account names any longer, after a reload, must not keep one out that is new: the
 * member that was there longest and has nothing under way makes room. If it is wanted after all, it
 * is made again.
 */
static int make_room(struct http_pool *p)
{
	if (p->n_members < MEMBERS_MAX)
		return 0;
	list_for_each (it, &p->members) {
		struct member *m = container_of(it, struct member, node);

		if (http_active(m->http) == 0) {
			member_close(m);
			return 0;
		}
	}
	return -ENOSPC;
}

static int member_new(struct http_pool *p, const char *ca_file, struct member **ret,
		      struct error *ret_e)
{
	_cleanup_(member_freep) struct member *m = NULL;
	int r = make_room(p);

	if (r < 0)
		return error_set(ret_e, r, "requests with %d CA files are under way already",
				 MEMBERS_MAX);
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->pool = p;
	m->ca_file = ca_file ? strdup(ca_file) : NULL;
	if (ca_file && !m->ca_file)
		return -ENOMEM;
	r = http_new(p->loop, &p->options, &m->http, ret_e);
	if (r < 0)
		return r;
	list_append(&p->members, &m->node);
	p->n_members++;
	*ret = TAKE_PTR(m);
	return 0;
}

static int member_get(struct http_pool *p, const char *ca_file, struct member **ret,
		      struct error *ret_e)
{
	list_for_each (it, &p->members) {
		struct member *m = container_of(it, struct member, node);

		if (same_file(m->ca_file, ca_file)) {
			*ret = m;
			return 0;
		}
	}
	return member_new(p, ca_file, ret, ret_e);
}

int http_pool_start(struct http_pool *p, const struct http_request *request, http_fn fn, void *user,
		    struct http_transfer **ret, struct error *ret_e)
{
	struct member *m = NULL;
	int r;

	if (p->closing)
		return error_set(ret_e, -ECANCELED, "shutting down");
	r = member_get(p, request->ca_file, &m, ret_e);
	if (r < 0)
		return r;
	return http_start(m->http, request, fn, user, ret, ret_e);
}

/* Callbacks come later only, so the list changes in this loop alone. */
static void close_members(struct http_pool *p)
{
	struct member *m;

	while ((m = list_first(&p->members, struct member, node)))
		member_close(m);
}

void http_pool_renew(struct http_pool *p)
{
	close_members(p);
}

void http_pool_close(struct http_pool *p, void (*closed)(void *user), void *user)
{
	p->closing = true;
	p->closed = closed;
	p->closed_user = user;
	close_members(p);
	close_when_empty(p);
}
