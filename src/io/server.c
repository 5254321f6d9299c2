/* HTTP/1.1 by libmicrohttpd on the daemon's own loop: one epoll descriptor and two timers. */
#include "io/server.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/list.h"

#define SERVER_CONNECTIONS  256
#define SERVER_SILENCE_S    10
#define SERVER_REQUEST_MS   30000
#define SERVER_ANSWER_MS    60000
#define SERVER_SWEEP_MS     1000
#define SERVER_HEADERS_MAX  (32UL * 1024)
#define SERVER_REQUESTS_MAX (16UL << 20)
#define SERVER_ANSWERS_MAX  (64UL << 20)
#define SERVER_LAST_RUNS    8
#define SERVER_BLOCK        (16UL * 1024) /* that a fill is asked for, about */

struct server {
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer, sweep;
	int open_handles;
	struct server_options options;
	bool left;         /* somebody has, in the present run */
	bool closing;      /* nobody is asked any more */
	size_t held;       /* bytes of requests' bodies */
	size_t owed;       /* bytes of whole answers that are on their way */
	size_t n_later;    /* answers that are to come */
	struct list peers; /* struct peer */
	struct list calls; /* struct call whose fill waits */
	void (*closed)(void *user);
	void *closed_user;
};

/* A connection. */
struct peer {
	struct list link;
	int fd;
	uint64_t deadline_ms; /* of the loop's clock; then it is cut off */
	struct call *later;   /* its answer is to come: the connection is suspended */
};

/* A request, from its headers to the end of its answer. */
struct call {
	struct list waiting; /* in server->calls while its fill waits */
	struct server_response response;
	struct server *server;
	struct MHD_Connection *connection; /* NULL when it has gone before its answer came */
	struct buf body;                   /* of the request */
	size_t owed;                       /* of the answer, while it counts in the server's */
	bool too_large;
	bool asked; /* fn was called */
	bool later; /* its answer is to come */
	bool head;  /* HEAD: no body goes out */
};

/* libmicrohttpd works on what its descriptors and clocks ask for, then says when it wants again. */
static void server_run(struct server *s);

static void on_timer(uv_timer_t *timer)
{
	server_run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status _unused_, int events _unused_)
{
	server_run(poll->data);
}

static void server_run(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	do {
		s->left = false;
		MHD_run(s->mhd);
	} while (s->left);
	if (MHD_get_timeout(s->mhd, &wait_ms) == MHD_YES)
		uv_timer_start(&s->timer, on_timer, wait_ms, 0);
	else
		uv_timer_stop(&s->timer);
}

/* Taken up when libmicrohttpd runs next, never in here. */
static void run_soon(struct server *s)
{
	uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* --- connections --- */

/* NULL for one that there was no memory for. */
static struct peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void set_deadline(struct MHD_Connection *connection, uint64_t deadline_ms)
{
	struct peer *peer = peer_of(connection);

	if (peer)
		peer->deadline_ms = deadline_ms;
}

static int fd_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static void expect_answer(struct call *call, bool expected)
{
	struct peer *peer = call->connection ? peer_of(call->connection) : NULL;

	call->later = expected;
	call->server->n_later += expected ? 1 : (size_t)-1;
	if (peer)
		peer->later = expected ? call : NULL;
}

/* Both directions: who has only ended its own may still wait for the answer. */
static bool has_hung_up(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/*
 * Whoever drips its request, takes its answer in drops, or has gone before it came, holds a place that
 * others want. libmicrohttpd does not look at a connection that is suspended.
 */
static void on_sweep(uv_timer_t *timer)
{
	struct server *s = timer->data;
	uint64_t now_ms = uv_now(timer->loop);

	list_for_each (it, &s->peers) {
		struct peer *peer = container_of(it, struct peer, link);

		if (peer->later && has_hung_up(peer->fd)) {
			MHD_resume_connection(TAKE_PTR(peer->later)->connection);
			run_soon(s);
		}
		if (peer->deadline_ms > now_ms)
			continue;
		shutdown(peer->fd, SHUT_RDWR); /* libmicrohttpd sees that, and closes it */
		peer->deadline_ms = UINT64_MAX;
	}
	if (list_empty(&s->peers))
		uv_timer_stop(timer);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct server *s = cls;
	struct peer *peer = *context;

	/* When it was full, it listens again in its next run, which nothing else may bring about. */
	s->left |= what == MHD_CONNECTION_NOTIFY_CLOSED;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED && peer) {
		list_remove(&peer->link);
		free(peer);
		*context = NULL;
	} else if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		/* Without memory for it, it has no deadline but that of its silence. */
		peer = malloc(sizeof(*peer));
		if (!peer)
			return;
		*peer = (struct peer){.fd = fd_of(connection),
				      .deadline_ms = uv_now(s->poll.loop) + SERVER_REQUEST_MS};
		list_append(&s->peers, &peer->link);
		*context = peer;
		if (!uv_is_active((uv_handle_t *)&s->sweep))
			uv_timer_start(&s->sweep, on_sweep, SERVER_SWEEP_MS, SERVER_SWEEP_MS);
	}
}

/* The end of a server, when all that uses it has let go. */
static void finish(struct server *s)
{
	struct call *call;

	/* It aborts when it is stopped with connections that are suspended. */
	if (s->open_handles > 0 || s->n_later > 0)
		return;
	while ((call = list_first(&s->calls, struct call, waiting))) {
		list_remove(&call->waiting);
		MHD_resume_connection(call->connection);
	}
	/* Only now: the loop must not poll a descriptor that is closed already. */
	MHD_stop_daemon(s->mhd);
	s->closed(s->closed_user);
	free(s);
}

/* --- answers --- */

static ssize_t on_fill(void *cls, uint64_t pos _unused_, char *data, size_t max)
{
	struct call *call = cls;
	ssize_t n;

	if (call->server->closing)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = call->response.fill(call->response.user, data, max);
	if (n < 0)
		return n == SERVER_END ? MHD_CONTENT_READER_END_OF_STREAM
				       : MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == SERVER_WAIT) {
		list_append(&call->server->calls, &call->waiting);
		MHD_suspend_connection(call->connection);
	}
	return n;
}

void server_wake(struct server_response *response)
{
	struct call *call = container_of(response, struct call, response);

	if (list_empty(&call->waiting))
		return;
	list_remove(&call->waiting);
	MHD_resume_connection(call->connection);
	run_soon(call->server);
}

/* When nobody takes his answers, the next ones are not kept for them. */
static void count_answer(struct call *call)
{
	static const char busy[] =
		"{\"error\":{\"code\":\"too_many\",\"message\":\"too many answers wait to be "
		"taken: try again later\"}}";
	struct server_response *response = &call->response;
	struct server *s = call->server;

	if (!response->fill && s->owed + response->body.len > SERVER_ANSWERS_MAX) {
		buf_clear(&response->body);
		response->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		response->content_type = "application/json";
		if (buf_puts(&response->body, busy) < 0)
			buf_clear(&response->body);
	}
	call->owed = response->body.len;
	s->owed += call->owed;
}

static struct MHD_Response *make_response(struct call *call)
{
	struct server_response *response = &call->response;
	size_t len = response->body.len;
	struct MHD_Response *r;
	char *body;

	if (response->fill)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SERVER_BLOCK, on_fill,
							 call, NULL);
	body = buf_take(&response->body);
	r = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	if (!r)
		free(body);
	return r;
}

static enum MHD_Result queue_response(struct call *call)
{
	struct server_response *response = &call->response;
	struct MHD_Response *r;
	enum MHD_Result result;

	count_answer(call);
	r = make_response(call);
	if (!r)
		return MHD_NO;
	set_deadline(call->connection,
		     response->endless ? UINT64_MAX
				       : uv_now(call->server->poll.loop) + SERVER_ANSWER_MS);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Content-Security-Policy",
				"default-src 'none'; style-src 'unsafe-inline'; "
				"frame-ancestors 'none'");
	if (response->allow)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, response->allow);
	/* libmicrohttpd 0.9.75 sends the last chunk of a body that it does not send; in HTTP/1.0 there
	   are none. */
	if (response->fill && call->head)
		MHD_set_response_options(r, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	result = MHD_queue_response(call->connection, response->status, r);
	MHD_destroy_response(r);
	return result;
}

static void response_done(struct server_response *response)
{
	if (response->done)
		response->done(response->user);
}

static void judge(struct server_response *response, int r)
{
	if (r >= 0)
		return;
	buf_clear(&response->body);
	response->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static void call_free(struct call *call)
{
	call->server->held -= call->body.len;
	call->server->owed -= call->owed;
	buf_done(&call->body);
	buf_done(&call->response.body);
	free(call);
}

void server_answer(struct server_response *response, int r)
{
	struct call *call = container_of(response, struct call, response);
	struct server *s = call->server;

	judge(response, r);
	expect_answer(call, false);
	if (call->connection) {
		MHD_resume_connection(call->connection);
	} else {
		response_done(response);
		call_free(call);
	}
	if (s->closing)
		finish(s);
	else
		run_soon(s);
}

/* --- requests --- */

static enum MHD_Result begin_call(struct server *s, struct MHD_Connection *connection,
				  void **con_cls)
{
	struct call *call = malloc(sizeof(*call));

	if (!call)
		return MHD_NO;
	*call = (struct call){.response = {.status = MHD_HTTP_OK,
					   .content_type = "application/json",
					   .body = BUF_INIT(s->options.max_body)},
			      .body = BUF_INIT(s->options.max_request),
			      .server = s,
			      .connection = connection};
	list_init(&call->waiting);
	*con_cls = call;
	return MHD_YES;
}

static void drop_body(struct call *call)
{
	call->server->held -= call->body.len;
	buf_done(&call->body);
}

/* What is too much is read all the same, or the client would get no answer at all. */
static void take_body(struct call *call, const char *data, size_t len)
{
	struct server *s = call->server;

	if (call->too_large)
		return;
	if (s->held + len > SERVER_REQUESTS_MAX || buf_append(&call->body, data, len) < 0) {
		drop_body(call);
		call->too_large = true;
		return;
	}
	s->held += len;
}

static enum MHD_Result ask(struct call *call, const char *method, const char *url)
{
	struct server *s = call->server;
	const struct server_request request = {.method = method,
					       .path = url,
					       .body = buf_str(&call->body),
					       .body_len = call->body.len,
					       .too_large = call->too_large,
					       .connection = call->connection};
	int r;

	call->asked = true;
	call->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	set_deadline(call->connection, UINT64_MAX);
	r = s->options.fn(s->options.user, &request, &call->response);
	drop_body(call);
	if (r == SERVER_LATER) {
		expect_answer(call, true);
		MHD_suspend_connection(call->connection);
		return MHD_YES;
	}
	judge(&call->response, r);
	return queue_response(call);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version _unused_,
				  const char *upload_data, size_t *upload_data_size, void **con_cls)
{
	struct call *call = *con_cls;

	if (!call) /* the headers are here, a body may follow */
		return begin_call(cls, connection, con_cls);
	if (*upload_data_size) {
		take_body(call, upload_data, *upload_data_size);
		*upload_data_size = 0;
		return MHD_YES;
	}
	if (call->later) /* resumed because the client has gone */
		return MHD_NO;
	if (call->asked) /* resumed by server_answer() */
		return queue_response(call);
	return call->server->closing ? MHD_NO : ask(call, method, url);
}

const char *server_argument(const struct server_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *server_header(const struct server_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int server_peer(const struct server_request *request, struct ucred *ret)
{
	socklen_t len = sizeof(*ret);

	/* For a socket of the Internet, Linux says that nobody is there. */
	if (getsockopt(fd_of(request->connection), SOL_SOCKET, SO_PEERCRED, ret, &len) < 0 ||
	    len != sizeof(*ret) || ret->pid == 0)
		return -EOPNOTSUPP;
	return 0;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode why _unused_)
{
	struct server *s = cls;
	struct call *call = *con_cls;

	set_deadline(connection, uv_now(s->poll.loop) + SERVER_REQUEST_MS);
	if (!call)
		return;
	*con_cls = NULL;
	list_remove(&call->waiting);
	call->connection = NULL;
	if (call->later) /* server_answer() frees it */
		return;
	response_done(&call->response);
	call_free(call);
}

/* --- life --- */

static struct MHD_Daemon *start_mhd(struct server *s)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
				s, MHD_OPTION_LISTEN_SOCKET, s->options.fd,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_SILENCE_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, SERVER_HEADERS_MAX,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
}

int server_new(uv_loop_t *loop, const struct server_options *options, struct server **ret,
	       struct error *ret_e)
{
	const union MHD_DaemonInfo *info;
	struct server *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s) {
		close(options->fd);
		return -ENOMEM;
	}
	s->options = *options;
	list_init(&s->peers);
	list_init(&s->calls);
	s->mhd = start_mhd(s);
	if (!s->mhd) {
		close(options->fd);
		free(s);
		return error_set(ret_e, -EIO, "the HTTP server could not be started");
	}
	info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	r = info ? uv_poll_init(loop, &s->poll, info->epoll_fd) : -EIO;
	if (r < 0) {
		MHD_stop_daemon(s->mhd);
		free(s);
		return error_set(ret_e, r, "the HTTP server has no descriptor to wait for");
	}
	uv_timer_init(loop, &s->timer);
	uv_timer_init(loop, &s->sweep);
	s->open_handles = 3;
	s->poll.data = s->timer.data = s->sweep.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_poll);
	*ret = s;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct server *s = handle->data;

	s->open_handles--;
	finish(s);
}

void server_quiesce(struct server *s)
{
	int fd = MHD_quiesce_daemon(s->mhd); /* ours from then on */

	if (fd >= 0)
		close(fd);
}

/* What was answered last, because of the end, goes out as far as the clients take it at once. */
static void flush(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	for (int i = 0; i < SERVER_LAST_RUNS; i++) {
		MHD_run(s->mhd);
		if (MHD_get_timeout(s->mhd, &wait_ms) != MHD_YES || wait_ms > 0)
			return;
	}
}

void server_close(struct server *s, void (*closed)(void *user), void *user)
{
	s->closed = closed;
	s->closed_user = user;
	s->closing = true;
	flush(s);
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
	uv_close((uv_handle_t *)&s->sweep, on_closed);
}
