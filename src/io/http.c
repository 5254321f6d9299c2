/*
 * The multi handle on the loop: its sockets and its timer, and who lives how long.
 *
 * The caller's functions run only from http_turn() and on_soon(), which stand outside of all libcurl
 * callbacks; so they may start, cancel and close as they like.
 */
#include "io/http_private.h"

#include <errno.h>
#include <string.h>

#define MAX_PER_HOST    4
#define MAX_CONNECTIONS 64
#define LOW_SPEED_S     30
#define STREAMS_MAX     100L /* on one connection; a server may allow less */
#define IDLE_MAX        128  /* easy handles kept */
/*
 * libcurl 7.88 has no time-out for a request that waits for a connection to become free. So a slow
 * tick looks for those that are over their time by a margin that leaves libcurl the first word.
 */
#define TICK_MS     500
#define OVERTIME_MS 500

struct http {
	uv_loop_t *loop;
	CURLM *multi;
	char *user_agent;
	long max_per_host, max_connections, low_speed_s;
	uv_timer_t timer;  /* libcurl's */
	uv_idle_t at_once; /* libcurl's timer, when it is due */
	uv_timer_t tick;
	uv_timer_t soon;     /* for what must be called back, but not from here */
	struct list active;  /* in the multi handle */
	struct list stopped; /* taken out of it, to be called back */
	struct list idle;
	size_t n_under_way, n_idle;
	struct url_memo memo;
	size_t n_handles; /* of libuv, not closed yet */
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

struct http_socket {
	uv_poll_t poll;
	struct http *h;
	curl_socket_t fd;
	int events; /* of libuv */
};

DEFINE_CLEANUP(CURLM *, curl_multi_cleanup);

static void http_free(struct http *h)
{
	if (h->multi)
		curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h->user_agent);
	free(h);
}
DEFINE_CLEANUP(struct http *, http_free);

/* The last handle to close takes everything with it. */
static void handle_closed(struct http *h)
{
	void (*closed)(void *user) = h->closed;
	void *user = h->closed_user;

	if (--h->n_handles > 0)
		return;
	http_free(h);
	if (closed)
		closed(user);
}

static void on_handle_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct http_socket *s = container_of((uv_poll_t *)handle, struct http_socket, poll);
	struct http *h = s->h;

	free(s);
	handle_closed(h);
}

/* Keeps the handle for another request, or not. */
static void transfer_retire(struct http_transfer *t)
{
	struct http *h = t->h;

	list_remove(&t->node);
	if (h->closing || h->n_idle >= IDLE_MAX) {
		transfer_free(t);
		return;
	}
	transfer_reset(t);
	t->state = TRANSFER_IDLE;
	list_prepend(&h->idle, &t->node);
	h->n_idle++;
}

/* `t` is in no list and not in the multi handle. */
static void transfer_finish(struct http_transfer *t, CURLcode code)
{
	struct http_result result;

	t->h->n_under_way--;
	t->state = TRANSFER_IDLE; /* http_cancel() is too late now, and harmless */
	transfer_result(t, code, &result);
	t->fn(t->user, &result);
	transfer_retire(t);
}

/* Takes it out of libcurl now; the callback follows from on_soon(). */
static void transfer_stop(struct http_transfer *t, CURLcode code)
{
	struct http *h = t->h;

	(void)curl_multi_remove_handle(h->multi, t->easy);
	list_remove(&t->node);
	list_append(&h->stopped, &t->node);
	t->state = TRANSFER_STOPPED;
	t->stopped_with = code;
}

static void teardown(struct http *h);
static void on_soon(uv_timer_t *timer)
{
	struct http *h = timer->data;
	struct http_transfer *t;

	while ((t = list_first(&h->stopped, struct http_transfer, node))) {
		list_remove(&t->node);
		transfer_finish(t, t->stopped_with);
	}
	if (h->closing)
		teardown(h);
}

static void call_soon(struct http *h)
{
	(void)uv_timer_start(&h->soon, on_soon, 0, 0); /* fails on closing handles only */
}

static void stop_all(struct http *h, CURLcode code, bool cancelled)
{
	struct http_transfer *t;

	while ((t = list_first(&h->active, struct http_transfer, node))) {
		t->cancelled = cancelled;
		transfer_stop(t, code);
	}
	call_soon(h);
}

static int set_timer(CURLM *multi, long timeout_ms, void *user);
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user);

static CURLM *multi_new(struct http *h)
{
	_cleanup_(curl_multi_cleanupp) CURLM *multi = curl_multi_init();
	CURLMcode code = CURLM_OK;

	if (!multi)
		return NULL;
	code |= curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	code |= curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, h);
	code |= curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	code |= curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h);
	code |= curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	code |= curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, h->max_per_host);
	code |= curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, h->max_connections);
	code |= curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, h->max_connections);
	code |= curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);
	return code == CURLM_OK ? TAKE_PTR(multi) : NULL;
}

/*
 * Short of memory, or a socket could not be watched: libcurl then ends every transfer, but its
 * multi handle is of no use afterwards (seen with 7.88). So a new one takes its place.
 */
static void multi_replace(struct http *h)
{
	CURLM *multi;

	stop_all(h, CURLE_OUT_OF_MEMORY, false);
	multi = multi_new(h);
	if (!multi)
		return; /* the next request tries the old one, and comes here again */
	curl_multi_cleanup(h->multi);
	h->multi = multi;
}

/*
 * Every call of libcurl's engine goes through here, because each can complete transfers: whoever
 * drains only while handles run loses the last one when it times out.
 */
static void http_turn(struct http *h, curl_socket_t fd, int flags)
{
	int running, left;
	CURLMcode mcode = curl_multi_socket_action(h->multi, fd, flags, &running);
	CURLMsg *msg;

	if (mcode != CURLM_OK && mcode != CURLM_BAD_SOCKET)
		multi_replace(h);
	while ((msg = curl_multi_info_read(h->multi, &left))) {
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;
		struct http_transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t) != CURLE_OK)
			continue;
		(void)curl_multi_remove_handle(h->multi, easy); /* `msg` is gone with this */
		list_remove(&t->node);
		transfer_finish(t, code);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct http_socket *s = container_of(poll, struct http_socket, poll);
	int flags = 0;

	if (status <
	    0) /* with the others, so that libcurl reads what is there and the true error */
		flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	http_turn(s->h, s->fd, flags);
	/* On an error libuv stops to watch. Where libcurl keeps the socket, it still waits for it. */
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		(void)uv_poll_start(poll, s->events, on_poll);
}

static void on_timer(uv_timer_t *timer)
{
	http_turn(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_at_once(uv_idle_t *idle)
{
	(void)uv_idle_stop(idle);
	http_turn(idle->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_tick(uv_timer_t *timer)
{
	struct http *h = timer->data;
	uint64_t now_ms = uv_now(h->loop);

	list_for_each_safe (it, &h->active) {
		struct http_transfer *t = container_of(it, struct http_transfer, node);

		if (now_ms >= t->deadline_ms)
			transfer_stop(t, CURLE_OPERATION_TIMEDOUT);
	}
	call_soon(h);
	if (h->n_under_way == 0)
		(void)uv_timer_stop(&h->tick);
}

/*
 * libuv before 1.45 runs a timer of 0 ms that its own callback starts again and again, and nothing
 * else: under load, libcurl would keep the loop from its other sockets. An idle handle runs once a
 * turn of the loop.
 */
static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct http *h = user;

	if (timeout_ms > 0)
		(void)uv_timer_start(&h->timer, on_timer, (uint64_t)timeout_ms, 0);
	else
		(void)uv_timer_stop(&h->timer);
	if (timeout_ms == 0)
		(void)uv_idle_start(&h->at_once, on_at_once);
	else
		(void)uv_idle_stop(&h->at_once);
	return 0;
}

static struct http_socket *socket_new(struct http *h, curl_socket_t fd)
{
	struct http_socket *s = calloc(1, sizeof(*s));

	if (!s || uv_poll_init_socket(h->loop, &s->poll, fd) < 0) {
		free(s);
		return NULL;
	}
	s->h = h;
	s->fd = fd;
	h->n_handles++;
	return s;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	static const int events[] = {
		[CURL_POLL_IN] = UV_READABLE,
		[CURL_POLL_OUT] = UV_WRITABLE,
		[CURL_POLL_INOUT] = UV_READABLE | UV_WRITABLE,
	};
	struct http *h = user;
	struct http_socket *s = socket_user;

	if (what == CURL_POLL_REMOVE) {
		if (s)
			uv_close((uv_handle_t *)&s->poll, on_socket_closed);
		return 0;
	}
	if (!s) {
		s = socket_new(h, fd);
		if (!s)
			return -1;
		(void)curl_multi_assign(h->multi, fd, s);
	}
	s->events = events[what];
	return uv_poll_start(&s->poll, s->events, on_poll) < 0 ? -1 : 0;
}

static long or_preset(long v, long preset)
{
	return v ? v : preset;
}

int http_new(uv_loop_t *loop, const struct http_options *options, struct http **ret,
	     struct error *ret_e)
{
	_cleanup_(http_freep) struct http *h = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(ret_e, -ENOMEM, "libcurl cannot be set up");
	h = calloc(1, sizeof(*h));
	if (!h) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	h->loop = loop;
	h->max_per_host = or_preset(options->max_connections_per_host, MAX_PER_HOST);
	h->max_connections = or_preset(options->max_connections, MAX_CONNECTIONS);
	h->low_speed_s = or_preset(options->low_speed_s, LOW_SPEED_S);
	list_init(&h->active);
	list_init(&h->stopped);
	list_init(&h->idle);
	h->user_agent = strdup(options->user_agent);
	h->multi = multi_new(h);
	if (!h->user_agent || !h->multi)
		return error_set(ret_e, -ENOMEM, "libcurl cannot be set up");
	for (size_t i = 0; i < 3; i++) {
		uv_timer_t *timer = (uv_timer_t *[]){&h->timer, &h->tick, &h->soon}[i];

		(void)uv_timer_init(loop, timer); /* always 0 */
		timer->data = h;
		h->n_handles++;
	}
	(void)uv_idle_init(loop, &h->at_once);
	h->at_once.data = h;
	h->n_handles++;
	*ret = TAKE_PTR(h);
	return 0;
}

static int http_idle_take(struct http *h, struct http_transfer **ret)
{
	struct http_transfer *t = list_first(&h->idle, struct http_transfer, node);

	if (!t)
		return transfer_new(h, h->low_speed_s, ret);
	list_remove(&t->node);
	h->n_idle--;
	*ret = t;
	return 0;
}

int http_start(struct http *h, const struct http_request *request, http_fn fn, void *user,
	       struct http_transfer **ret, struct error *ret_e)
{
	/* Freed on failure instead of kept: its options may stand half way. */
	_cleanup_(transfer_freep) struct http_transfer *t = NULL;
	const struct url *url;
	int r;

	if (h->closing)
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
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		return -ENOMEM;
	t->fn = fn;
	t->user = user;
	t->state = TRANSFER_IN_MULTI;
	t->deadline_ms = uv_now(h->loop) + t->timeout_ms + OVERTIME_MS;
	list_append(&h->active, &t->node);
	h->n_under_way++;
	if (!uv_is_active((uv_handle_t *)&h->tick))
		(void)uv_timer_start(&h->tick, on_tick, TICK_MS, TICK_MS);
	if (ret)
		*ret = t;
	t = NULL;
	return 0;
}

void http_cancel(struct http_transfer *t)
{
	t->cancelled = true;
	if (t->state != TRANSFER_IN_MULTI)
		return;
	transfer_stop(t, CURLE_OK);
	call_soon(t->h);
}

size_t http_active(const struct http *h)
{
	return h->n_under_way;
}

void http_close(struct http *h, void (*closed)(void *user), void *user)
{
	h->closing = true;
	h->closed = closed;
	h->closed_user = user;
	stop_all(h, CURLE_OK, true);
}

/*
 * The easy handles first, then the multi handle, which lets go of its sockets through
 * watch_socket(), then libuv's handles, then, in the last one's callback, the memory.
 */
static void teardown(struct http *h)
{
	struct http_transfer *t;

	while ((t = list_first(&h->idle, struct http_transfer, node)))
		transfer_free(t);
	curl_multi_cleanup(h->multi);
	h->multi = NULL;
	uv_close((uv_handle_t *)&h->timer, on_handle_closed);
	uv_close((uv_handle_t *)&h->at_once, on_handle_closed);
	uv_close((uv_handle_t *)&h->tick, on_handle_closed);
	uv_close((uv_handle_t *)&h->soon, on_handle_closed);
}
