/* HTTP requests over a multi handle: which easy handle takes which, and who may be asked how. */
#include "io/http_private.h"

#include <errno.h>
#include <string.h>

#define MAX_PER_HOST    4
#define MAX_CONNECTIONS 64
#define LOW_SPEED_S     30
#define IDLE_MAX        128 /* easy handles kept */

struct http {
	struct multi *multi;
	char *user_agent;
	long low_speed_s;
	struct list idle;
	size_t n_idle;
	struct url_memo memo;
	void (*closed)(void *user);
	void *closed_user;
};

static struct http *http_free(struct http *h)
{
	if (h)
		free(h->user_agent);
	free(h);
	return NULL;
}
DEFINE_CLEANUP(struct http *, http_free);

/* Keeps the handle for another request, or not. */
static void transfer_retire(struct http_transfer *t)
{
	struct http *h = t->h;

	if (multi_is_closing(h->multi) || h->n_idle >= IDLE_MAX) {
		transfer_free(t);
		return;
	}
	transfer_reset(t);
	list_prepend(&h->idle, &t->task.node);
	h->n_idle++;
}

static void on_done(struct multi_task *task, CURLcode code)
{
	struct http_transfer *t = container_of(task, struct http_transfer, task);
	struct http_result result;

	transfer_result(t, code, &result);
	t->fn(t->user, &result);
	transfer_retire(t);
}

static long or_preset(long v, long preset)
{
	return v ? v : preset;
}

int http_new(uv_loop_t *loop, const struct http_options *options, struct http **ret,
	     struct error *ret_e)
{
	const struct multi_options multi_options = {
		.max_per_host = or_preset(options->max_connections_per_host, MAX_PER_HOST),
		.max_connections = or_preset(options->max_connections, MAX_CONNECTIONS),
	};
	_cleanup_(http_freep) struct http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->low_speed_s = or_preset(options->low_speed_s, LOW_SPEED_S);
	list_init(&h->idle);
	h->user_agent = strdup(options->user_agent);
	if (!h->user_agent)
		return -ENOMEM;
	r = multi_new(loop, &multi_options, &h->multi, ret_e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(h);
	return 0;
}

static int http_idle_take(struct http *h, struct http_transfer **ret)
{
	struct multi_task *task = list_first(&h->idle, struct multi_task, node);

	if (!task)
		return transfer_new(h, h->low_speed_s, on_done, ret);
	list_remove(&task->node);
	h->n_idle--;
	*ret = container_of(task, struct http_transfer, task);
	return 0;
}

int http_start(struct http *h, const struct http_request *request, http_fn fn, void *user,
	       struct http_transfer **ret, struct error *ret_e)
{
	/* Freed on failure instead of kept: its options may stand half way. */
	_cleanup_(transfer_freep) struct http_transfer *t = NULL;
	const struct url *url;
	int r;

	if (multi_is_closing(h->multi))
		return error_set(ret_e, -ECANCELED, "closing");
	r = url_judge(&h->memo, request->url, &url);
	if (r < 0)
		return error_set(ret_e, r,
				 r == -EINVAL ? "not a URL of http or https" : "out of memory");
	if (url->plain && !url->loopback && !request->allow_http)
		return error_set(ret_e, -EPERM, "%s: not without TLS (https)", url->host);
	r = http_idle_take(h, &t);
	if (r < 0)
		return r;
	r = transfer_prepare(t, request, url, h->user_agent, ret_e);
	if (r < 0)
		return r;
	r = multi_start(h->multi, &t->task, t->timeout_ms);
	if (r < 0)
		return r;
	t->fn = fn;
	t->user = user;
	if (ret)
		*ret = t;
	t = NULL;
	return 0;
}

void http_cancel(struct http_transfer *t)
{
	multi_cancel(&t->task);
}

size_t http_active(const struct http *h)
{
	return multi_active(h->multi);
}

static void on_multi_closed(void *user)
{
	struct http *h = user;
	void (*closed)(void *user) = h->closed;
	void *closed_user = h->closed_user;

	http_free(h);
	if (closed)
		closed(closed_user);
}

/* Easy handles end before the multi handle: those that are kept here, those under way when they are
 * called back. */
void http_close(struct http *h, void (*closed)(void *user), void *user)
{
	struct multi_task *task;

	h->closed = closed;
	h->closed_user = user;
	while ((task = list_first(&h->idle, struct multi_task, node)))
		transfer_free(container_of(task, struct http_transfer, task));
	h->n_idle = 0;
	multi_close(h->multi, on_multi_closed, h);
}
