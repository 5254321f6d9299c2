/*
 * The multi handle on the loop: its sockets and its timer, and who lives how long.
 *
 * The callers' functions run only from multi_turn() and on_soon(), which stand outside of all
 * libcurl callbacks.
 */
#include "io/multi.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

#define STREAMS_MAX 100L /* on one connection; a server may allow less */
/*
 * libcurl 7.88 has no time-out for a request that waits for a connection to become free. So a slow
 * tick looks for those that are over their time by a margin that leaves libcurl the first word.
 */
#define TICK_MS     500
#define OVERTIME_MS 500

struct multi {
	uv_loop_t *loop;
	CURLM *curl;
	struct multi_options options;
	uv_timer_t timer;  /* libcurl's */
	uv_idle_t at_once; /* libcurl's timer, when it is due */
	uv_timer_t tick;
	uv_timer_t soon;     /* for what must be called back, but not from here */
	struct list active;  /* in the multi handle */
	struct list stopped; /* taken out of it, to be called back */
	size_t n_under_way;
	size_t n_handles; /* of libuv, not closed yet */
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

struct multi_socket {
	uv_poll_t poll;
	struct multi *m;
	curl_socket_t fd;
	int events; /* of libuv */
};

DEFINE_CLEANUP(CURLM *, curl_multi_cleanup);

static void multi_free(struct multi *m)
{
	if (m->curl)
		curl_multi_cleanup(m->curl);
	curl_global_cleanup();
	free(m);
}
DEFINE_CLEANUP(struct multi *, multi_free);

/* The last handle to close takes everything with it. */
static void handle_closed(struct multi *m)
{
	void (*closed)(void *user) = m->closed;
	void *user = m->closed_user;

	if (--m->n_handles > 0)
		return;
	multi_free(m);
	if (closed)
		closed(user);
}

static void on_handle_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct multi_socket *s = container_of((uv_poll_t *)handle, struct multi_socket, poll);
	struct multi *m = s->m;

	free(s);
	handle_closed(m);
}

/* `task` is in no list and not in the multi handle; it may be gone afterwards. */
static void task_finish(struct multi_task *task, CURLcode code)
{
	task->multi->n_under_way--;
	task->state = TASK_IDLE; /* multi_cancel() is too late now, and harmless */
	task->done(task, code);
}

/* Takes it out of libcurl now; the callback follows from on_soon(). */
static void task_stop(struct multi_task *task, CURLcode code)
{
	struct multi *m = task->multi;

	(void)curl_multi_remove_handle(m->curl, task->easy);
	list_remove(&task->node);
	list_append(&m->stopped, &task->node);
	task->state = TASK_STOPPED;
	task->stopped_with = code;
}

static void teardown(struct multi *m);
static void on_soon(uv_timer_t *timer)
{
	struct multi *m = timer->data;
	struct multi_task *task;

	while ((task = list_first(&m->stopped, struct multi_task, node))) {
		list_remove(&task->node);
		task_finish(task, task->stopped_with);
	}
	if (m->closing)
		teardown(m);
}

static void call_soon(struct multi *m)
{
	(void)uv_timer_start(&m->soon, on_soon, 0, 0); /* fails on closing handles only */
}

static void stop_all(struct multi *m, CURLcode code, bool cancelled)
{
	struct multi_task *task;

	while ((task = list_first(&m->active, struct multi_task, node))) {
		task->cancelled = cancelled;
		task_stop(task, code);
	}
	call_soon(m);
}

static int set_timer(CURLM *curl, long timeout_ms, void *user);
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user);

static CURLM *handle_new(struct multi *m)
{
	_cleanup_(curl_multi_cleanupp) CURLM *curl = curl_multi_init();
	CURLMcode code = CURLM_OK;

	if (!curl)
		return NULL;
	code |= curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, watch_socket);
	code |= curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, m);
	code |= curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, set_timer);
	code |= curl_multi_setopt(curl, CURLMOPT_TIMERDATA, m);
	code |= curl_multi_setopt(curl, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	code |= curl_multi_setopt(curl, CURLMOPT_MAX_HOST_CONNECTIONS, m->options.max_per_host);
	code |= curl_multi_setopt(curl, CURLMOPT_MAX_TOTAL_CONNECTIONS, m->options.max_connections);
	code |= curl_multi_setopt(curl, CURLMOPT_MAXCONNECTS, m->options.max_connections);
	code |= curl_multi_setopt(curl, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);
	return code == CURLM_OK ? TAKE_PTR(curl) : NULL;
}

/*
 * Short of memory, or a socket could not be watched: libcurl then ends every transfer, but its
 * multi handle is of no use afterwards (seen with 7.88). So a new one takes its place.
 */
static void handle_replace(struct multi *m)
{
	CURLM *curl;

	stop_all(m, CURLE_OUT_OF_MEMORY, false);
	curl = handle_new(m);
	if (!curl)
		return; /* the next request tries the old one, and comes here again */
	curl_multi_cleanup(m->curl);
	m->curl = curl;
}

/*
 * Every call of libcurl's engine goes through here, because each can complete transfers: whoever
 * drains only while handles run loses the last one when it times out.
 */
static void multi_turn(struct multi *m, curl_socket_t fd, int flags)
{
	int running, left;
	CURLMcode mcode = curl_multi_socket_action(m->curl, fd, flags, &running);
	CURLMsg *msg;

	if (mcode != CURLM_OK && mcode != CURLM_BAD_SOCKET)
		handle_replace(m);
	while ((msg = curl_multi_info_read(m->curl, &left))) {
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;
		struct multi_task *task = NULL;

		if (msg->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &task) != CURLE_OK)
			continue;
		(void)curl_multi_remove_handle(m->curl, easy); /* `msg` is gone with this */
		list_remove(&task->node);
		task_finish(task, code);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct multi_socket *s = container_of(poll, struct multi_socket, poll);
	int flags = 0;

	if (status <
	    0) /* with the others, so that libcurl reads what is there and the true error */
		flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	multi_turn(s->m, s->fd, flags);
	/* On an error libuv stops to watch. Where libcurl keeps the socket, it still waits for it. */
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		(void)uv_poll_start(poll, s->events, on_poll);
}

static void on_timer(uv_timer_t *timer)
{
	multi_turn(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_at_once(uv_idle_t *idle)
{
	(void)uv_idle_stop(idle);
	multi_turn(idle->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_tick(uv_timer_t *timer)
{
	struct multi *m = timer->data;
	uint64_t now_ms = uv_now(m->loop);

	list_for_each_safe (it, &m->active) {
		struct multi_task *task = container_of(it, struct multi_task, node);

		if (now_ms >= task->deadline_ms)
			task_stop(task, CURLE_OPERATION_TIMEDOUT);
	}
	call_soon(m);
	if (m->n_under_way == 0)
		(void)uv_timer_stop(&m->tick);
}

/*
 * libuv before 1.45 runs a timer of 0 ms that its own callback starts again and again, and nothing
 * else: under load, libcurl would keep the loop from its other sockets. An idle handle runs once a
 * turn of the loop.
 */
static int set_timer(CURLM *curl, long timeout_ms, void *user)
{
	struct multi *m = user;

	if (timeout_ms > 0)
		(void)uv_timer_start(&m->timer, on_timer, (uint64_t)timeout_ms, 0);
	else
		(void)uv_timer_stop(&m->timer);
	if (timeout_ms == 0)
		(void)uv_idle_start(&m->at_once, on_at_once);
	else
		(void)uv_idle_stop(&m->at_once);
	return 0;
}

static struct multi_socket *socket_new(struct multi *m, curl_socket_t fd)
{
	struct multi_socket *s = calloc(1, sizeof(*s));

	if (!s || uv_poll_init_socket(m->loop, &s->poll, fd) < 0) {
		free(s);
		return NULL;
	}
	s->m = m;
	s->fd = fd;
	m->n_handles++;
	return s;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	static const int events[] = {
		[CURL_POLL_IN] = UV_READABLE,
		[CURL_POLL_OUT] = UV_WRITABLE,
		[CURL_POLL_INOUT] = UV_READABLE | UV_WRITABLE,
	};
	struct multi *m = user;
	struct multi_socket *s = socket_user;

	if (what == CURL_POLL_REMOVE) {
		if (s)
			uv_close((uv_handle_t *)&s->poll, on_socket_closed);
		return 0;
	}
	if (!s) {
		s = socket_new(m, fd);
		if (!s)
			return -1;
		(void)curl_multi_assign(m->curl, fd, s);
	}
	s->events = events[what];
	return uv_poll_start(&s->poll, s->events, on_poll) < 0 ? -1 : 0;
}

int multi_new(uv_loop_t *loop, const struct multi_options *options, struct multi **ret,
	      struct error *ret_e)
{
	_cleanup_(multi_freep) struct multi *m = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(ret_e, -ENOMEM, "libcurl cannot be set up");
	m = calloc(1, sizeof(*m));
	if (!m) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	m->loop = loop;
	m->options = *options;
	list_init(&m->active);
	list_init(&m->stopped);
	m->curl = handle_new(m);
	if (!m->curl)
		return error_set(ret_e, -ENOMEM, "libcurl cannot be set up");
	for (size_t i = 0; i < 3; i++) {
		uv_timer_t *timer = (uv_timer_t *[]){&m->timer, &m->tick, &m->soon}[i];

		(void)uv_timer_init(loop, timer); /* always 0 */
		timer->data = m;
		m->n_handles++;
	}
	(void)uv_idle_init(loop, &m->at_once);
	m->at_once.data = m;
	m->n_handles++;
	*ret = TAKE_PTR(m);
	return 0;
}

int multi_start(struct multi *m, struct multi_task *task, uint64_t timeout_ms)
{
	if (m->closing)
		return -ECANCELED;
	if (curl_multi_add_handle(m->curl, task->easy) != CURLM_OK)
		return -ENOMEM;
	task->multi = m;
	task->cancelled = false;
	task->state = TASK_IN_MULTI;
	task->deadline_ms = uv_now(m->loop) + timeout_ms + OVERTIME_MS;
	list_append(&m->active, &task->node);
	m->n_under_way++;
	if (!uv_is_active((uv_handle_t *)&m->tick))
		(void)uv_timer_start(&m->tick, on_tick, TICK_MS, TICK_MS);
	return 0;
}

void multi_cancel(struct multi_task *task)
{
	task->cancelled = true;
	if (task->state != TASK_IN_MULTI)
		return;
	task_stop(task, CURLE_OK);
	call_soon(task->multi);
}

size_t multi_active(const struct multi *m)
{
	return m->n_under_way;
}

bool multi_is_closing(const struct multi *m)
{
	return m->closing;
}

void multi_close(struct multi *m, void (*closed)(void *user), void *user)
{
	m->closing = true;
	m->closed = closed;
	m->closed_user = user;
	stop_all(m, CURLE_OK, true);
}

/*
 * The multi handle, which lets go of its sockets through watch_socket(), then libuv's handles, then,
 * in the last one's callback, the memory.
 */
static void teardown(struct multi *m)
{
	curl_multi_cleanup(m->curl);
	m->curl = NULL;
	uv_close((uv_handle_t *)&m->timer, on_handle_closed);
	uv_close((uv_handle_t *)&m->at_once, on_handle_closed);
	uv_close((uv_handle_t *)&m->tick, on_handle_closed);
	uv_close((uv_handle_t *)&m->soon, on_handle_closed);
}
