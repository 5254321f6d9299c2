/* The client against a socket that answers with whatever bytes a case wants. */
#include <criterion/criterion.h>

#include "cli/cli.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cli/client.h"

struct daemon {
	char dir[64], path[96];
	pid_t pid;
};

/* Listens; a child answers one request with `answer` and closes. */
static struct daemon daemon_start(const char *answer)
{
	struct daemon d = {.dir = "/tmp/tunewatch-client.XXXXXX"};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_not_null(mkdtemp(d.dir));
	snprintf(d.path, sizeof(d.path), "%s/s", d.dir);
	strcpy(addr.sun_path, d.path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(fd, 5), 0);
	d.pid = fork();
	if (d.pid == 0) {
		char request[4096];
		int peer = accept(fd, NULL, NULL);

		if (read(peer, request, sizeof(request)) < 0)
			_exit(1);
		for (size_t n = strlen(answer); n > 0;) {
			ssize_t w = send(peer, answer, n, MSG_NOSIGNAL);

			if (w <= 0)
				break;
			answer += w;
			n -= (size_t)w;
		}
		_exit(0);
	}
	close(fd);
	return d;
}

static void daemon_stop(struct daemon *d)
{
	waitpid(d->pid, NULL, 0);
	unlink(d->path);
	rmdir(d->dir);
}

/* One call of its own. */
static int call(const char *socket, const char *method, const char *path, struct buf *body,
		struct client_result *ret)
{
	const struct client_request q = {.method = method, .path = path};
	_cleanup_client_ struct client *c = NULL;

	cr_assert_eq(client_new(socket, &c), 0);
	return client_call(c, &q, body, ret);
}

static int get(const char *socket, const char *path, struct buf *body, struct client_result *ret)
{
	return call(socket, "GET", path, body, ret);
}

Test(client, answers, .timeout = 20)
{
	static const struct {
		const char *answer;
		int r;
		const char *says; /* the body, or part of the sentence */
	} cases[] = {
		/* in the fourth and the last, the daemon is lost */
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, "{}"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345678901234567890", -EMSGSIZE,
		 "too large"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", -EPROTO, "no HTTP answer"},
		{"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", -EPROTO, "HTTP status 503"},
		{"HTTP/1.1 302 No\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n",
		 -EPROTO, "HTTP status 302"},
		{"SSH-2.0-OpenSSH_9.2\r\n", -EPROTO, "no HTTP answer"},
		{"", -EPROTO, "no HTTP answer"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct daemon d = daemon_start(cases[i].answer);
		_cleanup_buf_ struct buf body = BUF_INIT(16);
		struct client_result e;
		int r = get(d.path, "/v1/jobs", &body, &e);

		cr_assert_eq(r, cases[i].r, "case %zu: %d, %s", i, r, e.error.text);
		cr_assert_eq(e.lost, i == 3 || i == ARRAY_LEN(cases) - 1, "case %zu", i);
		if (r == 0)
			cr_assert_str_eq(buf_str(&body), cases[i].says);
		else
			cr_assert_not_null(strstr(e.error.text, cases[i].says), "%s", e.error.text);
		daemon_stop(&d);
	}
}

Test(client, passes_on_what_the_daemon_says, .timeout = 20)
{
	static const struct {
		int status;
		const char *code;
		int r, exit_status;
	} cases[] = {
		{400, "bad_request", -EINVAL, EX_USAGE},
		{403, "api_forbidden", -EPERM, EX_NOPERM},
		{403, "read_only", -EPERM, EX_NOPERM},
		{404, "not_found", -ENOENT, CLI_EXIT_REFUSED},
		{409, "conflict", -EALREADY, CLI_EXIT_REFUSED},
		{413, "too_large", -E2BIG, EX_DATAERR},
		{422, "api_refused", -EBADMSG, EX_DATAERR},
		{422, "bad_configuration", -EBADMSG, EX_CONFIG},
		{503, "api_unavailable", -EAGAIN, EX_TEMPFAIL},
		{405, "method_not_allowed", -EPROTO, EX_UNAVAILABLE},
		{500, "x", -EPROTO, EX_UNAVAILABLE},
	};
	static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf body = BUF_INIT(1000);
		struct client_result e;
		char answer[200];
		struct daemon d;
		int r;

		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 %d No\r\n\r\n"
			 "{\"error\":{\"code\":\"%s\",\"message\":\"no such thing\"}}",
			 cases[i].status, cases[i].code);
		d = daemon_start(answer);
		r = call(d.path, methods[i % 4], "/v1/jobs", &body, &e);
		cr_assert_eq(r, cases[i].r, "%d: %d", cases[i].status, r);
		cr_assert_str_eq(e.error.text, "tunewatchd says: no such thing");
		cr_assert_str_eq(e.code, cases[i].code);
		cr_assert_eq(e.status, cases[i].status);
		cr_assert_eq(e.exit_status, cases[i].exit_status, "%s", cases[i].code);
		daemon_stop(&d);
	}
}

/* 503 without an error document is another program's. */
Test(client, errors_that_are_not_the_daemons, .timeout = 20)
{
	struct daemon d = daemon_start("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
	_cleanup_buf_ struct buf body = BUF_INIT(1000);
	struct client_result e;

	cr_assert_eq(get(d.path, "/v1/jobs", &body, &e), -EPROTO);
	cr_assert_eq(e.exit_status, EX_UNAVAILABLE);
	daemon_stop(&d);
}

Test(client, nobody_there)
{
	_cleanup_buf_ struct buf body = BUF_INIT(1000);
	struct daemon d = daemon_start("");
	struct client_result e;
	char path[200];

	cr_assert_eq(get("/nowhere/control.sock", "/v1/jobs", &body, &e), -ECONNREFUSED);
	cr_assert_not_null(strstr(e.error.text, "does not answer at /nowhere/control.sock: is it"));
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	cr_assert_eq(get(path, "/v1/jobs", &body, &e), -ECONNREFUSED);
	/* The file is there still, but nobody listens any more. */
	cr_assert_eq(get(d.path, "/", &body, &e), -EPROTO);
	waitpid(d.pid, NULL, 0);
	cr_assert_eq(get(d.path, "/v1/jobs", &body, &e), -ECONNREFUSED);
	daemon_stop(&d);
}

Test(client, not_allowed)
{
	_cleanup_buf_ struct buf body = BUF_INIT(1000);
	struct daemon d = daemon_start("");
	struct client_result e;
	int status;
	pid_t pid;

	chmod(d.path, 0);
	chmod(d.dir, 0755);
	pid = fork();
	if (pid == 0) { /* root may use any socket */
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		_exit(get(d.path, "/v1/jobs", &body, &e) == -EACCES &&
				      strstr(e.error.text, "you may not use the socket")
			      ? 0
			      : 1);
	}
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	chmod(d.path, 0600);
	cr_assert_eq(get(d.path, "/", &body, &e), -EPROTO); /* lets the child end */
	daemon_stop(&d);
}
