/* HTTP/1.1 by libmicrohttpd on the daemon's own loop: one epoll descriptor and one timer. */
#include "io/server.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <microhttpd.h>

#define SERVER_CONNECTIONS 200
#define SERVER_TIMEOUT_S   10
#define SERVER_BACKLOG     128

struct server {
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	size_t max_body;
	server_fn fn;
	void *user;
	void (*closed)(void *user);
	void *closed_user;
};

/* A request, from its headers to the end of its answer. */
struct call {
	struct server_response response;
	struct server *server;
	struct MHD_Connection *connection;
	bool asked; /* fn was called */
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

	MHD_run(s->mhd);
	if (MHD_get_timeout(s->mhd, &wait_ms) == MHD_YES)
		uv_timer_start(&s->timer, on_timer, wait_ms, 0);
	else
		uv_timer_stop(&s->timer);
}

static enum MHD_Result queue_response(struct call *call)
{
	struct server_response *response = &call->response;
	size_t len = response->body.len;
	char *body = buf_take(&response->body);
	struct MHD_Response *r = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!r) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (response->allow)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, response->allow);
	result = MHD_queue_response(call->connection, response->status, r);
	MHD_destroy_response(r);
	return result;
}

static void judge(struct server_response *response, int r)
{
	if (r >= 0)
		return;
	buf_clear(&response->body);
	response->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static enum MHD_Result begin_call(struct server *s, struct MHD_Connection *connection,
				  void **con_cls)
{
	struct call *call = malloc(sizeof(*call));

	if (!call)
		return MHD_NO;
	*call = (struct call){.response = {.status = MHD_HTTP_OK,
					   .content_type = "application/json",
					   .body = BUF_INIT(s->max_body)},
			      .server = s,
			      .connection = connection};
	*con_cls = call;
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version _unused_,
				  const char *upload_data _unused_, size_t *upload_data_size,
				  void **con_cls)
{
	const struct server_request request = {.method = method,
					       .path = url,
					       .connection = connection};
	struct server *s = cls;
	struct call *call = *con_cls;
	int r;

	if (!call) /* the headers are here, a body may follow */
		return begin_call(s, connection, con_cls);
	if (*upload_data_size) { /* read and dropped, or the client would get no answer at all */
		*upload_data_size = 0;
		return MHD_YES;
	}
	if (call->asked) /* resumed by server_answer() */
		return queue_response(call);
	call->asked = true;
	r = s->fn(s->user, &request, &call->response);
	if (r == SERVER_LATER) {
		MHD_suspend_connection(connection);
		return MHD_YES;
	}
	judge(&call->response, r);
	return queue_response(call);
}

void server_answer(struct server_response *response, int r)
{
	struct call *call = container_of(response, struct call, response);

	judge(response, r);
	MHD_resume_connection(call->connection);
	/* It is taken up when libmicrohttpd runs next, never in here. */
	uv_timer_start(&call->server->timer, on_timer, 0, 0);
}

const char *server_argument(const struct server_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static void on_completed(void *cls _unused_, struct MHD_Connection *connection _unused_,
			 void **con_cls, enum MHD_RequestTerminationCode why _unused_)
{
	struct call *call = *con_cls;

	if (!call)
		return;
	buf_done(&call->response.body);
	free(call);
	*con_cls = NULL;
}

int server_new(uv_loop_t *loop, int fd, size_t max_body, server_fn fn, void *user,
	       struct server **ret, struct error *ret_e)
{
	const union MHD_DaemonInfo *info;
	struct server *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s) {
		close(fd);
		return -ENOMEM;
	}
	s->max_body = max_body;
	s->fn = fn;
	s->user = user;
	s->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
				  on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS,
				  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_TIMEOUT_S,
				  MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (!s->mhd) {
		close(fd);
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
	s->open_handles = 2;
	s->poll.data = s->timer.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_poll);
	*ret = s;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct server *s = handle->data;

	if (--s->open_handles > 0)
		return;
	/* Only now: the loop must not poll a descriptor that is closed already. */
	MHD_stop_daemon(s->mhd);
	s->closed(s->closed_user);
	free(s);
}

void server_close(struct server *s, void (*closed)(void *user), void *user)
{
	s->closed = closed;
	s->closed_user = user;
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

static int make_parents(const char *path, struct error *ret_e)
{
	_cleanup_free_ char *dir = strdup(path);

	if (!dir)
		return -ENOMEM;
	for (char *p = dir + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(dir, 0750) < 0 && errno != EEXIST)
			return error_set(ret_e, -errno, "cannot make the directory %s: %s", dir,
					 strerror(errno));
		*p = '/';
	}
	return 0;
}

/* What nobody listens on may be a file of any kind: only a socket is ours to remove. */
static int remove_stale(const char *path, struct error *ret_e)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return error_set(ret_e, -EEXIST, "%s is there and is not a socket", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(ret_e, -errno, "cannot replace the stale socket %s: %s", path,
				 strerror(errno));
	return 0;
}

int server_listen_unix(const char *path, int *ret_fd, struct error *ret_e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return error_set(ret_e, -ENAMETOOLONG,
				 "the path of the control socket is longer than %zu bytes: %s",
				 sizeof(addr.sun_path) - 1, path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	r = make_parents(path, ret_e);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 || errno == EAGAIN)
		return error_set(ret_e, -EADDRINUSE, "another process listens on %s already", path);
	r = errno == ECONNREFUSED ? remove_stale(path, ret_e) : 0; /* left behind by a crash */
	if (r < 0)
		return r;
	mask = umask(0117);
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return error_set(ret_e, r, "cannot listen on %s: %s", path, strerror(-r));
	if (listen(fd, SERVER_BACKLOG) < 0)
		return error_set(ret_e, -errno, "cannot listen on %s: %s", path, strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}
