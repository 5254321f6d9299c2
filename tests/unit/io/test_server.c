/* The HTTP server, on a real loop and real sockets: bodies, answers in pieces, slow clients, the end. */
#include "io/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macro.h"
#include "io/listen.h"
#include "tests/support/tempdir.h"

#define LARGE (4UL << 20) /* the greatest answer */

static struct world {
	uv_loop_t loop;
	struct server *server;
	char dir[TEMPDIR_MAX], path[TEMPDIR_MAX + 16];
	int client;
	char answer[1 << 20];
	size_t len;
	/* the last request */
	char method[16], asked[64], body[4096], argument[64];
	size_t body_len;
	bool too_large;
	struct ucred peer;
	int peer_r;
	/* a fill */
	const char *pieces[8]; /* "" waits */
	size_t piece, at, greatest;
	unsigned done;
	struct server_response *waiting;
	struct server_response *later;
	bool closed;
} w;

static ssize_t fill(void *user _unused_, char *data, size_t max)
{
	const char *piece = w.pieces[w.piece];
	size_t n;

	w.greatest = MAX(w.greatest, max);
	if (!piece)
		return SERVER_END;
	if (!*piece) {
		w.piece++;
		return SERVER_WAIT;
	}
	n = MIN(strlen(piece + w.at), max);
	memcpy(data, piece + w.at, n);
	w.at += n;
	if (!piece[w.at]) {
		w.piece++;
		w.at = 0;
	}
	return (ssize_t)n;
}

static void filled(void *user _unused_)
{
	w.done++;
	w.waiting = NULL;
}

static int on_request(void *user _unused_, const struct server_request *request,
		      struct server_response *response)
{
	const char *argument = server_argument(request, "a");

	snprintf(w.method, sizeof(w.method), "%s", request->method);
	snprintf(w.asked, sizeof(w.asked), "%s", request->path);
	snprintf(w.argument, sizeof(w.argument), "%s", argument ? argument : "-");
	snprintf(w.body, sizeof(w.body), "%s", request->body);
	w.body_len = request->body_len;
	w.too_large = request->too_large;
	w.peer_r = server_peer(request, &w.peer);
	if (strcmp(request->path, "/pieces") == 0) {
		response->fill = fill;
		response->done = filled;
		response->endless = true;
		w.waiting = response;
		return 0;
	}
	if (strcmp(request->path, "/later") == 0) {
		w.later = response;
		return SERVER_LATER;
	}
	if (strcmp(request->path, "/large") == 0) {
		static char large[LARGE];

		memset(large, 'x', sizeof(large));
		return buf_append(&response->body, large, sizeof(large));
	}
	if (strcmp(request->path, "/fails") == 0)
		return -ENOMEM;
	return buf_puts(&response->body, "hello");
}

static void begin(size_t max_request)
{
	struct server_options options = {.max_request = max_request,
					 .max_body = LARGE,
					 .fn = on_request};
	struct error e = ERROR_NONE;

	memset(&w, 0, sizeof(w));
	tempdir_make(w.dir);
	snprintf(w.path, sizeof(w.path), "%s/s.sock", w.dir);
	cr_assert_eq(uv_loop_init(&w.loop), 0);
	cr_assert_eq(listen_unix(w.path, &options.fd, &e), 0, "%s", error_text(&e, 0));
	cr_assert_eq(server_new(&w.loop, &options, &w.server, &e), 0);
}

static void on_closed(void *user _unused_)
{
	w.closed = true;
}

static void finish(void)
{
	if (w.client > 0)
		close(w.client);
	server_close(w.server, on_closed, NULL);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	cr_expect(w.closed);
	cr_expect_eq(uv_loop_close(&w.loop), 0);
	tempdir_remove(w.dir);
}

static int connect_client(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w.path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(const char *text)
{
	if (w.client <= 0)
		w.client = connect_client();
	w.len = 0;
	w.answer[0] = '\0';
	for (size_t at = 0, len = strlen(text); at < len;) {
		ssize_t n = write(w.client, text + at, len - at);

		if (n > 0)
			at += (size_t)n;
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
}

/* One turn of the loop, and what has come by then; as read(). */
static ssize_t read_more(void)
{
	ssize_t n = read(w.client, w.answer + w.len, sizeof(w.answer) - 1 - w.len);

	if (n > 0)
		w.answer[w.len += (size_t)n] = '\0';
	uv_run(&w.loop, UV_RUN_NOWAIT);
	return n;
}

/* Runs the loop until the answer holds the text; the empty text: until the connection ends. */
static void until(const char *text)
{
	for (int i = 0; i < 5000; i++) {
		ssize_t n = read_more();

		if (*text ? strstr(w.answer, text) != NULL : n == 0)
			return;
		if (n <= 0)
			usleep(1000);
	}
	cr_assert(false, "no '%s' in '%s' after %s", text, w.answer, w.asked);
}

#define END " HTTP/1.1\r\nHost: x\r\n"

Test(server, gives_the_request_and_takes_the_answer)
{
	begin(100);
	say("PUT /x?a=b%20c" END "Content-Length: 4\r\n\r\nbody");
	until("hello");
	cr_expect_str_eq(w.method, "PUT");
	cr_expect_str_eq(w.asked, "/x");
	cr_expect_str_eq(w.argument, "b c");
	cr_expect_str_eq(w.body, "body");
	cr_expect(strstr(w.answer, "200 OK") && strstr(w.answer, "nosniff"), "%s", w.answer);
	cr_expect_eq(w.peer_r, 0);
	cr_expect_eq(w.peer.pid, getpid());
	cr_expect_eq(w.peer.uid, getuid());
	say("GET /fails" END "\r\n"); /* on the same connection */
	until("\r\n\r\n");
	cr_expect(strstr(w.answer, "500"), "%s", w.answer);
	cr_expect_str_eq(w.body, "");
	finish();
}

Test(server, a_body_that_is_too_long_is_dropped_and_answered)
{
	char text[400], body[161];

	begin(100);
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	snprintf(text, sizeof(text), "POST /x" END "Content-Length: 100\r\n\r\n%.100s", body);
	say(text);
	until("hello");
	cr_expect(!w.too_large && w.body_len == 100);
	snprintf(text, sizeof(text), "POST /x" END "Content-Length: 160\r\n\r\n%.160s", body);
	say(text);
	until("hello");
	cr_expect(w.too_large && w.body_len == 0);
	say("POST /x" END "Content-Length: 2\r\n\r\nok");
	until("hello");
	cr_expect(!w.too_large && w.body_len == 2, "the next one is not");
	finish();
}

Test(server, an_answer_comes_in_pieces_as_they_are_there)
{
	static char large[200001];

	begin(0);
	memset(large, 'y', sizeof(large) - 1);
	w.pieces[0] = "first ";
	w.pieces[1] = "";
	w.pieces[2] = large;
	w.pieces[3] = "";
	w.pieces[4] = "last";
	say("GET /pieces" END "\r\n");
	until("first ");
	for (int i = 0; i < 20; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	cr_expect_eq(w.piece, 2, "it waits");
	cr_expect_null(strstr(w.answer, "yy"));
	server_wake(w.waiting);
	server_wake(w.waiting); /* once more is harmless */
	until("yyy\r\n");       /* the end of a chunk */
	for (int i = 0; i < 5000 && w.piece < 4; i++)
		read_more();
	cr_expect_eq(w.piece, 4, "all of it was taken");
	server_wake(w.waiting);
	until("last\r\n0\r\n\r\n");
	cr_expect_eq(w.done, 1);
	cr_expect_lt(w.greatest, 64UL * 1024, "no more is asked for than is sent soon");
	finish();
	cr_expect_eq(w.done, 1);
}

Test(server, the_head_of_what_comes_in_pieces)
{
	begin(0);
	w.pieces[0] = "never";
	say("HEAD /x" END "\r\n");
	until("\r\n\r\n");
	cr_expect_null(strstr(w.answer, "hello"));
	say("HEAD /pieces" END "\r\n"); /* on the same connection */
	until("");
	cr_expect(strstr(w.answer, "200 OK"), "%s", w.answer);
	cr_expect_eq(strstr(w.answer, "\r\n\r\n") + 4, w.answer + w.len, "%s", w.answer);
	cr_expect_eq(w.done, 1);
	finish();
}

Test(server, the_end_comes_while_somebody_waits)
{
	begin(0);
	w.pieces[0] = "first ";
	w.pieces[1] = "";
	w.pieces[2] = "never";
	say("GET /pieces" END "\r\n");
	until("first ");
	finish();
	cr_expect_eq(w.done, 1);
}

Test(server, who_left_is_noticed_when_there_is_something_to_send)
{
	begin(0);
	w.pieces[0] = "first ";
	w.pieces[1] = "";
	w.pieces[2] = "second";
	w.pieces[3] = "";
	w.pieces[4] = "third";
	w.pieces[5] = "";
	say("GET /pieces" END "\r\n");
	until("first ");
	close(w.client);
	w.client = 0;
	for (int i = 0; i < 1000 && !w.done; i++) {
		if (w.waiting)
			server_wake(w.waiting);
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	cr_expect_eq(w.done, 1);
	finish();
}

static void run_until_later(void)
{
	for (int i = 0; i < 1000 && !w.later; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	cr_assert_not_null(w.later);
}

Test(server, an_answer_that_comes_later)
{
	begin(0);
	say("GET /later" END "\r\n");
	run_until_later();
	w.later->status = 404;
	cr_assert_eq(buf_puts(&w.later->body, "at last"), 0);
	server_answer(w.later, 0);
	until("at last");
	cr_expect(strstr(w.answer, "404"), "%s", w.answer);
	finish();
}

Test(server, what_is_answered_at_the_end_goes_out)
{
	static char large[900];
	ssize_t n;

	begin(0);
	say("GET /later" END "\r\nGET /asked-too-late" END "\r\n");
	run_until_later();
	memset(large, 'z', sizeof(large) - 1);
	cr_assert_eq(buf_puts(&w.later->body, large), 0);
	server_answer(w.later, 0);
	server_close(w.server, on_closed, NULL);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	n = read(w.client, w.answer, sizeof(w.answer) - 1);
	cr_assert_gt(n, 0);
	cr_expect_not_null(strstr(w.answer, large));
	cr_expect_str_eq(w.asked, "/later");
	close(w.client);
	cr_expect(w.closed);
	cr_expect_eq(uv_loop_close(&w.loop), 0);
	tempdir_remove(w.dir);
}

/* As when a reload moves the address that is listened on. */
Test(server, the_end_waits_for_an_answer_that_is_to_come)
{
	begin(0);
	say("GET /later" END "\r\n");
	run_until_later();
	server_close(w.server, on_closed, NULL);
	for (int i = 0; i < 20; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	cr_expect(!w.closed);
	cr_assert_eq(buf_puts(&w.later->body, "too late"), 0);
	server_answer(w.later, 0);
	cr_expect(w.closed);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&w.loop), 0);
	close(w.client);
	tempdir_remove(w.dir);
}

/* More of them than there are connections, and their answers still come. */
Test(server, who_leaves_before_the_answer_frees_the_place)
{
	struct server_response *later[600];
	size_t n = 0;

	begin(0);
	for (int turn = 0; turn < 3; turn++) {
		int fds[200];

		for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
			w.client = 0;
			w.later = NULL;
			say("GET /later" END "\r\n");
			fds[i] = w.client;
			run_until_later();
			later[n++] = w.later;
		}
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			close(fds[i]);
		for (int i = 0; i < 150; i++) {
			usleep(10000);
			uv_run(&w.loop, UV_RUN_NOWAIT);
		}
	}
	w.client = 0;
	say("GET /now" END "\r\n");
	until("hello");
	for (size_t i = 0; i < n; i++)
		server_answer(later[i], 0);
	finish();
}

/* It may have ended its own direction, and still reads. */
Test(server, who_has_said_all_still_gets_the_answer)
{
	begin(0);
	say("GET /later" END "\r\n");
	run_until_later();
	shutdown(w.client, SHUT_WR);
	for (int i = 0; i < 150; i++) {
		usleep(10000);
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	cr_assert_eq(buf_puts(&w.later->body, "at last"), 0);
	server_answer(w.later, 0);
	until("at last");
	finish();
}

Test(server, more_clients_than_there_is_room_for)
{
	int fds[300];

	begin(0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = connect_client();
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	/* The first are served, the last are not; when the first have left, others are. */
	w.client = fds[0];
	say("GET /first" END "\r\n");
	until("hello");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	w.client = 0;
	for (int i = 0; i < 50; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	say("GET /x" END "\r\n");
	until("hello");
	finish();
}

static void drain(int fd)
{
	for (int i = 0; i < 5000; i++) {
		if (read(fd, w.answer, sizeof(w.answer)) == 0)
			return;
		uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	cr_assert(false, "an answer does not end");
}

Test(server, answers_that_nobody_takes)
{
	static const char ask[] = "GET /large" END "Connection: close\r\n\r\n";
	int fds[16];

	begin(0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) { /* 64 MiB */
		w.asked[0] = '\0';
		fds[i] = connect_client();
		cr_assert_eq(write(fds[i], ask, strlen(ask)), (ssize_t)strlen(ask));
		for (int n = 0; n < 1000 && !w.asked[0]; n++)
			uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	say("GET /x" END "\r\n");
	until("too_many");
	cr_expect(strstr(w.answer, " 503 ") && strstr(w.answer, "application/json"));
	drain(fds[0]);
	close(fds[0]);
	say("GET /x" END "\r\n");
	until("hello");
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	finish();
}

Test(server, a_rush_of_clients_that_do_not_block)
{
	int fds[500];

	begin(0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) /* in one turn of the loop */
		fds[i] = connect_client();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		w.client = fds[i];
		say("GET /x" END "\r\n");
		until("hello");
		close(fds[i]);
	}
	w.client = 0;
	finish();
}

Test(server, listens_where_it_is_told_and_nowhere_else)
{
	static const char *const bad[] = {"127.0.0.1", "nonsense:1", "[::1", ":1", "127.0.0.1:x"};
	struct error e = ERROR_NONE;
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd = -1, other = -1;
	char text[64], where[LISTEN_ADDRESS_MAX];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(listen_tcp(bad[i], &fd, where, &e), -EINVAL, "%s", bad[i]);
	cr_assert_eq(listen_tcp("127.0.0.1:0", &fd, where, &e), 0, "%s", error_text(&e, 0));
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	cr_expect_eq(addr.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(addr.sin_port));
	cr_expect_str_eq(where, text);
	cr_expect_eq(listen_tcp(text, &other, where, &e), -EADDRINUSE);
	cr_expect(strstr(error_text(&e, 0), text), "%s", error_text(&e, 0));
	close(fd);
}
