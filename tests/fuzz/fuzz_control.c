/*
 * Any bytes as what a client of the control socket sends on one connection: one or several requests.
 *
 * Of the requests that are plain and whole, each must be answered, with JSON where it says so; what is
 * wrong with one is said in the shape of an error, and never that something is wrong in here: 500 may
 * not come. What libmicrohttpd refuses by itself has its own texts, and ends the connection.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/buf.h"
#include "control_world.h"
#include "fuzz.h"

#define ANSWERS_MAX  (16UL << 20)
#define REQUESTS_MAX 64
#define WORLD_INPUTS 2000 /* then it is made anew: also that must go well, and the store grows */
#define HEAD_MAX     8192
#define BODY_MAX     (4UL << 20)
#define LIMIT_S      10 /* for an answer */
#define QUIET_TURNS  3  /* that nothing comes in, when nothing must */

/* --- what is sent --- */

struct requests {
	size_t n;
	bool head[REQUESTS_MAX]; /* answered without a body */
};

/* A header of these lines, which end with the blank one; its value up to the end of the line. */
static const char *find_header(const char *lines, const char *end, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = lines; at < end; at = strstr(at, "\r\n") + 2)
		if (strncasecmp(at, name, len) == 0 && at[len] == ':')
			return at + len + 1;
	return NULL;
}

static bool is_request_line(const char *at, const char *end, bool *ret_head)
{
	static const char *const methods[] = {"HEAD /", "GET /", "POST /", "PUT /", "DELETE /"};
	static const char version[] = " HTTP/1.1";
	const char *target = (const char *)memchr(at, ' ', (size_t)(end - at)) + 1,
		   *target_end = end - (sizeof(version) - 1);
	size_t method = 0;

	while (method < ARRAY_LEN(methods) &&
	       strncmp(at, methods[method], strlen(methods[method])) != 0)
		method++;
	if (method == ARRAY_LEN(methods) || target_end <= target ||
	    memcmp(target_end, version, sizeof(version) - 1) != 0)
		return false;
	for (const char *c = target; c < target_end; c++)
		if (!isgraph((unsigned char)*c))
			return false;
	*ret_head = method == 0;
	return true;
}

/* Lines of "Name: text", a host, and nothing that has a meaning for the connection. */
static bool is_plain(const char *lines, const char *end)
{
	static const char *const special[] = {"Connection", "Transfer-Encoding", "Upgrade",
					      "Expect", "Cookie"};

	for (const char *line = lines; line < end;) {
		const char *line_end = memmem(line, (size_t)(end - line), "\r\n", 2);
		size_t name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-");

		if (name == 0 || line[name] != ':')
			return false;
		for (const char *c = line; c < line_end; c++)
			if (!isprint((unsigned char)*c))
				return false;
		line = line_end + 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (find_header(lines, end, special[i]))
			return false;
	return find_header(lines, end, "Host");
}

/* The bytes of the body; -1 when that cannot be said. */
static long body_length(const char *lines, const char *end)
{
	const char *value = find_header(lines, end, "Content-Length");
	char *rest;
	unsigned long n;

	if (!value)
		return 0;
	value += strspn(value, " ");
	if (!isdigit((unsigned char)*value))
		return -1;
	n = strtoul(value, &rest, 10);
	if (n > BODY_MAX || strncmp(rest, "\r\n", 2) != 0 ||
	    find_header(rest + 2, end, "Content-Length"))
		return -1;
	return (long)n;
}

/*
 * How many of the bytes at `at` are one plain and whole request; 0: that cannot be said. A NUL stands
 * behind `end`.
 */
static size_t take_request(const char *at, const char *end, bool *ret_head)
{
	const char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4), *lines;
	long body;

	if (!blank || blank - at > HEAD_MAX)
		return 0;
	lines = (const char *)memmem(at, (size_t)(blank + 2 - at), "\r\n", 2) + 2;
	blank += 2;
	if (!memchr(at, ' ', (size_t)(lines - 2 - at)) ||
	    !is_request_line(at, lines - 2, ret_head) || !is_plain(lines, blank))
		return 0;
	body = body_length(lines, blank);
	if (body < 0 || body > end - blank - 2)
		return 0;
	return (size_t)(blank + 2 - at) + (size_t)body;
}

static void find_requests(const char *data, size_t size, struct requests *ret)
{
	const char *at = data, *end = data + size;
	size_t n;

	ret->n = 0;
	while (ret->n < REQUESTS_MAX && (n = take_request(at, end, &ret->head[ret->n])) > 0) {
		at += n;
		ret->n++;
	}
}

/* --- what comes --- */

struct answer {
	unsigned status;
	bool json, allow;
	bool last; /* the connection ends behind it, or it has no end */
	struct buf body;
};

/* A chunked body; what follows it, NULL when it is not whole. */
static const char *take_chunks(const char *at, const char *end, struct buf *body)
{
	for (;;) {
		const char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
		size_t n = strtoul(at, NULL, 16);

		if (!line || (size_t)(end - line) < n + 4)
			return NULL;
		FUZZ_CHECK(memcmp(line + 2 + n, "\r\n", 2) == 0);
		FUZZ_CHECK(buf_append(body, line + 2, n) == 0);
		at = line + n + 4;
		if (n == 0)
			return at;
	}
}

static const char *take_body(const char *at, const char *end, const char *lines, struct buf *body)
{
	const char *length = find_header(lines, at, "Content-Length");
	size_t n = length ? strtoul(length, NULL, 10) : 0;

	if (!length) {
		FUZZ_CHECK(find_header(lines, at, "Transfer-Encoding"));
		return take_chunks(at, end, body);
	}
	if ((size_t)(end - at) < n)
		return NULL;
	FUZZ_CHECK(buf_append(body, at, n) == 0);
	return at + n;
}

static bool has_value(const char *lines, const char *end, const char *name, const char *value)
{
	const char *found = find_header(lines, end, name);

	return found && strncasecmp(found + strspn(found, " "), value, strlen(value)) == 0;
}

/* An answer; what follows it, NULL when it is not whole. A NUL stands behind `end`. */
static const char *take_answer(const char *at, const char *end, bool head, struct answer *ret)
{
	const char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4), *lines;

	*ret = (struct answer){.body = BUF_INIT(ANSWERS_MAX)};
	if (!blank)
		return NULL;
	FUZZ_CHECK(strncmp(at, "HTTP/1.", 7) == 0);
	ret->status = (unsigned)strtoul(at + 9, NULL, 10);
	lines = strstr(at, "\r\n") + 2;
	at = blank + 4;
	blank += 2;
	ret->allow = find_header(lines, blank, "Allow");
	ret->json = has_value(lines, blank, "Content-Type", "application/json");
	ret->last = has_value(lines, blank, "Connection", "close");
	if (head || ret->status == 100)
		return at;
	if (ret->status == 200 && has_value(lines, blank, "Content-Type", "text/event-stream")) {
		ret->last = true;
		return at;
	}
	return take_body(at, end, lines, &ret->body);
}

/* {"error":{"code":…,"message":…}} */
static void check_error(struct json_object *document)
{
	struct json_object *e, *code, *message;

	FUZZ_CHECK(json_object_object_get_ex(document, "error", &e));
	FUZZ_CHECK(json_object_object_get_ex(e, "code", &code));
	FUZZ_CHECK(json_object_object_get_ex(e, "message", &message));
	FUZZ_CHECK(json_object_get_string_len(code) > 0 && json_object_get_string_len(message) > 0);
}

static void check_json(const struct answer *a)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *document;

	FUZZ_CHECK(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	document = json_tokener_parse_ex(tokener, buf_str(&a->body), (int)a->body.len + 1);
	FUZZ_CHECK(document);
	if (a->status >= 400)
		check_error(document);
	json_object_put(document);
	json_tokener_free(tokener);
}

static void check_answer(const struct answer *a, bool head)
{
	FUZZ_CHECK(a->status >= 100 && a->status != 500);
	FUZZ_CHECK(a->status < 500 || a->status == (a->json ? 503 : 501) || a->status == 505);
	FUZZ_CHECK(a->status != 405 || a->allow);
	FUZZ_CHECK(a->json || a->last || a->status < 400); /* libmicrohttpd's own end it */
	if (a->json && !head)
		check_json(a);
}

/* --- the conversation --- */

struct talk {
	int fd;
	const char *data;
	size_t size, sent;
	struct requests requests;
	size_t answered;
	struct buf in;
	size_t at;  /* in `in`, behind the last whole answer */
	bool ended; /* by the server, or it goes on without an end */
};

static int connect_client(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", control_world_socket());
	FUZZ_CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void send_some(struct talk *t)
{
	ssize_t n = send(t->fd, t->data + t->sent, t->size - t->sent, MSG_NOSIGNAL);

	if (n > 0)
		t->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN)
		t->sent = t->size; /* it has hung up; what it said before can be read */
}

/* Whether anything came. */
static bool receive_some(struct talk *t)
{
	char data[65536];
	ssize_t n = recv(t->fd, data, sizeof(data), 0);

	if (n > 0)
		FUZZ_CHECK(buf_append(&t->in, data, (size_t)n) == 0);
	else if (n == 0 || errno != EAGAIN)
		t->ended = true;
	return n > 0;
}

static void read_answers(struct talk *t)
{
	/* Behind what is plain it is not known any more which answers have a body. */
	while (t->answered < t->requests.n) {
		bool head = t->requests.head[t->answered];
		const char *begin = buf_str(&t->in) + t->at, *end = t->in.data + t->in.len;
		struct answer a;
		const char *next;

		if (t->at == t->in.len)
			return;
		next = take_answer(begin, end, head, &a);
		if (next) {
			t->at += (size_t)(next - begin);
			t->answered += a.status != 100;
			check_answer(&a, head);
			t->ended |= a.last;
		}
		buf_done(&a.body);
		if (!next || a.last) {
			t->requests.n = next ? t->answered : t->requests.n;
			return;
		}
	}
}

static void run_talk(struct talk *t)
{
	time_t limit = time(NULL) + LIMIT_S;

	for (unsigned quiet = 0; !t->ended && quiet < QUIET_TURNS;) {
		bool owed = t->answered < t->requests.n;

		if (t->sent < t->size)
			send_some(t);
		control_world_turn(owed && t->sent == t->size);
		if (receive_some(t)) {
			read_answers(t);
			quiet = 0;
		} else if (t->sent == t->size && !owed) {
			quiet++;
		}
		if (time(NULL) > limit)
			break;
	}
	if (t->answered < t->requests.n)
		fprintf(stderr, "%zu of %zu requests were answered; the last of what came:\n%s\n",
			t->answered, t->requests.n, buf_str(&t->in) + t->at);
	FUZZ_CHECK(t->answered == t->requests.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned inputs;
	_cleanup_buf_ struct buf text = BUF_INIT(size);
	struct talk t = {.in = BUF_INIT(ANSWERS_MAX)};

	if (inputs == 0)
		atexit(control_world_end);
	if (inputs % WORLD_INPUTS == 0) {
		if (inputs > 0)
			control_world_end();
		control_world_begin();
	}
	inputs++;
	if (size == 0 || buf_append(&text, data, size) < 0)
		return 0;
	t.data = text.data;
	t.size = size;
	find_requests(t.data, size, &t.requests);
	t.fd = connect_client();
	run_talk(&t);
	close(t.fd);
	control_world_turn(false);
	buf_done(&t.in);
	return 0;
}
