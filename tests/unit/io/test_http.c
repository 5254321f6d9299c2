/* HTTP on the loop, against a server that misbehaves and against nginx. */
#include "io/http.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "http_servers.h"

#include "base/clock.h"
#include "base/macro.h"

#define SECRET_TOKEN "fw_t0ken"
#define GUARD_MS     30000

/*
 * The resolver, so that no test needs a network: "nx.invalid" does not exist, and "stuck.invalid"
 * hangs until the test lets go.
 */
static sem_t resolver_release;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (node && strcmp(node, "nx.invalid") == 0)
		return EAI_NONAME;
	if (node && strcmp(node, "stuck.invalid") == 0) {
		while (sem_wait(&resolver_release) != 0)
			;
		return EAI_AGAIN;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, res);
}

/* A socket that cannot be watched, on request. */
static bool poll_fails;

int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *handle, uv_os_sock_t socket)
{
	return poll_fails ? UV_ENOMEM : uv_poll_init(loop, handle, socket);
}

static struct fault_server faults;
static struct nginx nginx;
static uv_loop_t loop;
static uv_timer_t guard;
static struct http *http;
static size_t n_done;
static bool closed;

/* What a callback brought, copied. */
struct call {
	unsigned times;
	int r;
	enum trouble trouble;
	long status;
	char body[512]; /* its beginning */
	size_t len;
	char content_type[64];
	uint64_t retry_after_ms;
	char text[512];
	struct http_transfer *transfer;
	void (*then)(struct call *c); /* run inside the callback */
};

static void on_guard(uv_timer_t *timer)
{
	cr_assert_fail("nothing came for %d ms", GUARD_MS);
}

static void open_http(const struct http_options *options)
{
	struct error e = ERROR_NONE;

	closed = false;
	n_done = 0;
	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(uv_timer_init(&loop, &guard), 0);
	cr_assert_eq(http_new(&loop, options, &http, &e), 0, "%s", e.text);
}

static void on_closed(void *user)
{
	closed = true;
	uv_close((uv_handle_t *)&guard, NULL);
}

/* Ends the loop clean, which is a check of each test. */
static void close_http(void)
{
	http_close(http, on_closed, NULL);
	cr_assert_not(closed, "never inside the call");
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cr_assert(closed);
	cr_assert_eq(uv_loop_close(&loop), 0);
}

static void on_done(void *user, const struct http_result *result)
{
	struct call *c = user;

	c->times++;
	c->r = result->r;
	c->trouble = result->trouble;
	c->status = result->status;
	c->len = result->len;
	c->retry_after_ms = result->retry_after_ms;
	cr_assert_eq(result->body[result->len], '\0');
	memcpy(c->body, result->body, MIN(result->len, sizeof(c->body) - 1));
	snprintf(c->content_type, sizeof(c->content_type), "%s", result->content_type);
	snprintf(c->text, sizeof(c->text), "%s", result->text);
	n_done++;
	if (c->then)
		c->then(c);
}

static void start(struct call *c, const struct http_request *request)
{
	struct error e = ERROR_NONE;
	size_t before = n_done;
	int r = http_start(http, request, on_done, c, &c->transfer, &e);

	cr_assert_eq(r, 0, "%s: %d %s", request->url, r, e.text);
	cr_assert_eq(n_done, before, "never inside the call");
}

static void run_until(size_t n)
{
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	while (n_done < n)
		uv_run(&loop, UV_RUN_ONCE);
	uv_timer_stop(&guard);
}

static void request_run(struct call *c, const struct http_request *request)
{
	start(c, request);
	run_until(n_done + 1);
	cr_assert_eq(c->times, 1);
}

static const char *url_of(const char *scheme, const char *host, unsigned port, const char *path)
{
	static char url[256];

	snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, port, path);
	return url;
}

static const char *fault_url(const char *path)
{
	return url_of("http", "127.0.0.1", faults.port, path);
}

static const char *nginx_file(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", nginx.dir, name);
	return path;
}

static const struct http_options options = {.user_agent = "tunewatch/test"};

static void setup(void)
{
	fault_server_start(&faults);
	open_http(&options);
}

static void teardown(void)
{
	fault_server_stop(&faults);
}

static void setup_nginx(void)
{
	const char *reason = NULL;

	if (!nginx_start(&nginx, &reason))
		cr_skip("%s", reason);
	open_http(&options);
}

static void teardown_nginx(void)
{
	nginx_stop(&nginx);
}

TestSuite(http_url);
TestSuite(http, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(http_nginx, .init = setup_nginx, .fini = teardown_nginx, .timeout = 60);

Test(http_url, hosts)
{
	static const struct {
		const char *url, *host; /* NULL: -EINVAL */
		bool loopback;
	} cases[] = {
		{"https://api.fireworks.ai/v1/x?y#z", "api.fireworks.ai", false},
		{"https://api.fireworks.ai:8443/", "api.fireworks.ai:8443", false},
		{"https://user:pass@example.com/secret", "example.com", false},
		{"http://localhost", "localhost", true},
		{"http://LOCALHOST:80/", "LOCALHOST:80", true},
		{"http://127.0.0.1:9", "127.0.0.1:9", true},
		{"http://127.255.0.3/", "127.255.0.3", true},
		{"http://127.1/", "127.0.0.1", true},
		{"http://0x7f.0.0.1/", "127.0.0.1", true},
		{"http://2130706433/", "127.0.0.1", true},
		{"http://[::1]:80/", "[::1]:80", true},
		{"http://[0:0::1]/", "[::1]", true},
		{"http://128.0.0.1/", "128.0.0.1", false},
		{"http://0.0.0.0/", "0.0.0.0", false},
		{"http://[::]/", "[::]", false},
		{"http://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]", false},
		{"http://10.0.0.1/", "10.0.0.1", false},
		{"http://localhost.example.com/", "localhost.example.com", false},
		{"http://127.0.0.1.example.com/", "127.0.0.1.example.com", false},
		{"http://a.localhost/", "a.localhost", false},
		{"http://localhost@evil.example/", "evil.example", false},
		{"http://evil.example/?@localhost", "evil.example", false},
		{"http://evil.example#@localhost/", "evil.example", false},
		{"ftp://localhost/", NULL, false},
		{"file:///etc/passwd", NULL, false},
		{"localhost/", NULL, false},
		{"http://", NULL, false},
		{"http://exa mple/", NULL, false},
		{"http://a/\r\nX: y", NULL, false},
		{"http://a:99999/", NULL, false},
		{"", NULL, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char host[64] = "unchanged";
		int r = http_url_host(cases[i].url, host, sizeof(host));

		cr_expect_eq(r, cases[i].host ? 0 : -EINVAL, "%s: %d", cases[i].url, r);
		cr_expect_str_eq(host, cases[i].host ? cases[i].host : "unchanged", "%s: %s",
				 cases[i].url, host);
		cr_expect_eq(http_url_is_loopback(cases[i].url), cases[i].loopback, "%s",
			     cases[i].url);
	}
}

Test(http_url, host_that_does_not_fit)
{
	char host[8];

	cr_expect_eq(http_url_host("https://abcdefg/", host, sizeof(host)), 0);
	cr_expect_eq(http_url_host("https://abcdefgh/", host, sizeof(host)), -EINVAL);
	cr_expect_eq(http_url_host("https://abcde:80/", host, sizeof(host)), -EINVAL);
}

Test(http_url, escape)
{
	static const struct {
		const char *text, *escaped;
	} cases[] = {
		{"", ""},
		{"aZ09-._~", "aZ09-._~"},
		{"state=\"A B\"&x/y%", "state%3D%22A%20B%22%26x%2Fy%25"},
		{"\xc3\xa9+", "%C3%A9%2B"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(64);

		cr_assert_eq(buf_puts(&b, "?q="), 0);
		cr_expect_eq(http_url_escape(cases[i].text, &b), 0);
		cr_expect_str_eq(buf_str(&b) + 3, cases[i].escaped);
	}
}

/* Every class of failure, and that its sentence names the host and gives nothing away. */
Test(http, troubles)
{
	static const struct {
		const char *path;
		enum trouble trouble;
		int r;
	} cases[] = {
		{"reset", TROUBLE_RESET, -ECONNRESET},
		{"close", TROUBLE_RESET, -ECONNRESET},
		{"reset-midway", TROUBLE_RESET, -ECONNRESET},
		{"truncate", TROUBLE_RESET, -ECONNRESET},
		{"truncate-chunk", TROUBLE_RESET, -ECONNRESET},
		{"never", TROUBLE_TIMEOUT, -ETIMEDOUT},
		{"drip", TROUBLE_TIMEOUT, -ETIMEDOUT},
		{"huge", TROUBLE_TOO_LARGE, -EMSGSIZE},
		{"endless", TROUBLE_TOO_LARGE, -EMSGSIZE},
		{"bomb", TROUBLE_TOO_LARGE, -EMSGSIZE},
		{"bad-zip", TROUBLE_NOT_API, -EBADMSG},
		{"http09", TROUBLE_NOT_API, -EBADMSG},
		{"bad-header", TROUBLE_NOT_API, -EBADMSG},
		{"bad-length", TROUBLE_NOT_API, -EBADMSG},
		{"big-header", TROUBLE_RESET, -ENOMEM},
		{"many-headers", TROUBLE_RESET, -ECONNRESET},
	};
	char host[32];

	snprintf(host, sizeof(host), "127.0.0.1:%u: ", faults.port);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c = {0};
		char url[128];

		snprintf(url, sizeof(url), "http://us3r:pa55@127.0.0.1:%u/%s/p4th?key=qu3ry",
			 faults.port, cases[i].path);
		request_run(&c,
			    &(struct http_request){.url = url,
						   .bearer = SECRET_TOKEN,
						   .max_bytes = 100000,
						   .timeout_ms = cases[i].trouble == TROUBLE_TIMEOUT
									 ? 300
									 : 0});
		cr_expect_eq(c.r, cases[i].r, "%s: %d %s", cases[i].path, c.r, c.text);
		cr_expect_eq(c.trouble, cases[i].trouble, "%s: %s %s", cases[i].path,
			     trouble_name(c.trouble), c.text);
		cr_expect_eq(c.len, 0);
		cr_expect(strncmp(c.text, host, strlen(host)) == 0, "%s", c.text);
		for (const char *const *it =
			     (const char *const[]){"us3r", "pa55", "p4th", "qu3ry", "t0ken", NULL};
		     *it; it++)
			cr_expect_null(strstr(c.text, *it), "%s", c.text);
	}
	close_http();
}

/* Any status is an answer, and none is followed. */
Test(http, answers)
{
	static const struct {
		const char *path;
		long status;
		const char *body, *type;
	} cases[] = {
		{"/answer", 200, "{}", "application/json"},
		{"/answer?status=404", 404, "{}", "application/json"},
		{"/answer?status=500", 500, "{}", "application/json"},
		{"/redirect", 302, "{}", "application/json"},
		{"/html", 200, "<html>Sign in</html>", "text/html"},
		{"/zipped", 200, "{\"zipped\":true}", "application/json"},
		{"/http10", 200, "old but fine", ""},
		{"/sized?n=0", 200, "", "application/json"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c = {0};

		request_run(&c, &(struct http_request){.url = fault_url(cases[i].path)});
		cr_expect_eq(c.r, 0, "%s: %s", cases[i].path, c.text);
		cr_expect_eq(c.trouble, TROUBLE_NONE);
		cr_expect_eq(c.status, cases[i].status);
		cr_expect_str_eq(c.body, cases[i].body);
		cr_expect_str_eq(c.content_type, cases[i].type);
		cr_expect_str_eq(c.text, "");
		cr_expect_eq(c.retry_after_ms, 0);
	}
	close_http();
}

Test(http, retry_after)
{
	static const struct {
		const char *query;
		uint64_t min_ms, max_ms;
	} cases[] = {
		{"Retry-After=7", 7000, 7000},
		{"Retry-After=%2B30", 28000, 31000}, /* a date */
		{"Retry-After=%2B-30", 0, 0},        /* a date that has passed */
		{"Retry-After=0", 0, 0},
		{"Retry-After=soon", 0, 0},
		{"Retry-After=99999999999", MS_PER_DAY, MS_PER_DAY},
		{"retry-after-ms=1500&Retry-After=7", 1500, 1500},
		{"Retry-After-Ms=1500.5", 1500, 1500},
		{"retry-after-ms=-5&Retry-After=7", 7000, 7000},
		{"retry-after-ms=soon&Retry-After=7", 7000, 7000},
		{"retry-after-ms=99999999999999999999999", MS_PER_DAY, MS_PER_DAY},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c = {0};
		char path[128];

		snprintf(path, sizeof(path), "/answer?status=429&%s", cases[i].query);
		request_run(&c, &(struct http_request){.url = fault_url(path)});
		cr_expect_eq(c.status, 429);
		cr_expect(c.retry_after_ms >= cases[i].min_ms &&
				  c.retry_after_ms <= cases[i].max_ms,
			  "%s: %llu", cases[i].query, (unsigned long long)c.retry_after_ms);
	}
	close_http();
}

/* Exactly the maximum passes, one byte more does not; a cut body is whole up to it. */
Test(http, maximum)
{
	static const struct {
		const char *path;
		bool cut;
		int r;
		size_t len;
	} cases[] = {
		{"/sized?n=1000", false, 0, 1000},
		{"/sized?n=1001", false, -EMSGSIZE, 0},
		{"/sized?n=1000", true, 0, 1000},
		{"/sized?n=1001", true, 0, 1000},
		{"/sized?n=1000000", true, 0, 1000},
		{"/endless", true, 0, 1000}, /* is not read to the end */
		{"/bomb", true, 0, 1000},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c = {0};

		request_run(&c, &(struct http_request){.url = fault_url(cases[i].path),
						       .max_bytes = 1000,
						       .cut = cases[i].cut});
		cr_expect_eq(c.r, cases[i].r, "%s: %d %s", cases[i].path, c.r, c.text);
		cr_expect_eq(c.len, cases[i].len, "%s: %zu", cases[i].path, c.len);
	}
	close_http();
}

/* Requests of all forms through one reused easy handle: nothing of one is seen in the next. */
Test(http, what_is_sent)
{
	static const struct {
		const char *bearer;
		const char *headers[3];
		const char *body;
		size_t body_len;
		const char *expected; /* between the Host line and the blank line, sorted as sent */
	} cases[] = {
		{NULL, {NULL}, NULL, 0, ""},
		{"abc", {NULL}, NULL, 0, "Authorization: Bearer abc\r\n"},
		{NULL,
		 {"Content-Type: application/json", "X-A: b"},
		 "{\"a\":\0}",
		 7,
		 "Content-Type: application/json\r\nX-A: b\r\nContent-Length: 7\r\n"},
		{NULL, {NULL}, NULL, 0, ""},
		{"abd",
		 {"X-A: b"},
		 "",
		 0,
		 "Authorization: Bearer abd\r\nX-A: b\r\nContent-Length: 0\r\n"},
		{"abd", {"X-A: c"}, NULL, 0, "Authorization: Bearer abd\r\nX-A: c\r\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c = {0};
		char expected[512];
		int n;

		request_run(&c, &(struct http_request){.url = fault_url("/echo"),
						       .bearer = cases[i].bearer,
						       .headers = cases[i].headers,
						       .body = cases[i].body,
						       .body_len = cases[i].body_len});
		n = snprintf(
			expected, sizeof(expected),
			"%s /echo HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
			"Accept: */*\r\nUser-Agent: tunewatch/test\r\nAccept-Encoding: gzip\r\n"
			"%s\r\n",
			cases[i].body ? "POST" : "GET", faults.port, cases[i].expected);
		cr_assert_eq(c.len, (size_t)n + cases[i].body_len, "%s", c.body);
		cr_expect_eq(memcmp(c.body, expected, (size_t)n), 0, "%s", c.body);
		if (cases[i].body)
			cr_expect_eq(memcmp(c.body + n, cases[i].body, cases[i].body_len), 0);
	}
	close_http();
}

Test(http, large_post)
{
	size_t len = 3 << 20;
	_cleanup_free_ char *body = malloc(len);
	struct call c = {0};

	cr_assert(body);
	memset(body, 'x', len);
	request_run(&c, &(struct http_request){.url = fault_url("/echo"),
					       .body = body,
					       .body_len = len});
	cr_expect_eq(c.r, 0, "%s", c.text);
	cr_expect_null(strstr(c.body, "Expect"));
	cr_expect(c.len > len);
	close_http();
}

Test(http, refused_at_once)
{
	const struct {
		struct http_request request;
		int r;
	} cases[] = {
		{{.url = "http://example.com/s3cret"}, -EPERM},
		{{.url = "http://10.0.0.1/s3cret"}, -EPERM},
		{{.url = "HTTP://example.com/s3cret"}, -EPERM},
		{{.url = "ftp://example.com/s3cret"}, -EINVAL},
		{{.url = "https://:1/s3cret"}, -EINVAL},
		{{.url = "s3cret"}, -EINVAL},
		{{.url = "https://h/", .headers = (const char *const[]){"s3cret", NULL}}, -EINVAL},
		{{.url = "https://h/", .headers = (const char *const[]){": s3cret", NULL}},
		 -EINVAL},
		{{.url = "https://h/", .headers = (const char *const[]){"A: s3cret\nB: c", NULL}},
		 -EINVAL},
		{{.url = "https://h/", .bearer = "s3cret\r\nB: c"}, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_NONE;
		int r = http_start(http, &cases[i].request, on_done, NULL, NULL, &e);

		cr_expect_eq(r, cases[i].r, "%zu: %d", i, r);
		cr_expect_str_neq(e.text, "", "%zu", i);
		cr_expect_null(strstr(e.text, "s3cret"), "%s", e.text);
	}
	cr_expect_eq(http_active(http), 0);
	close_http();
	cr_expect_eq(n_done, 0);
}

/* A port that nobody listens on; then one whose queue is full, so that connecting takes for ever. */
Test(http, cannot_connect)
{
	unsigned port;
	int fd = listen_any(0, &port), filler[8];
	struct call slow = {0}, refused = {0}, tls = {0};
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	for (size_t i = 0; i < ARRAY_LEN(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&sa, len);
	}
	request_run(&slow, &(struct http_request){.url = url_of("http", "127.0.0.1", port, "/"),
						  .connect_timeout_ms = 200});
	cr_expect_eq(slow.trouble, TROUBLE_CONNECT, "%s", slow.text);
	cr_expect_eq(slow.r, -ETIMEDOUT);
	for (size_t i = 0; i < ARRAY_LEN(filler); i++)
		close(filler[i]);
	close(fd);
	request_run(&refused,
		    &(struct http_request){.url = url_of("http", "127.0.0.1", port, "/")});
	cr_expect_eq(refused.trouble, TROUBLE_CONNECT, "%s", refused.text);
	cr_expect_eq(refused.r, -ECONNREFUSED);
	/* a handshake that is never answered */
	request_run(&tls,
		    &(struct http_request){.url = url_of("https", "127.0.0.1", faults.port, "/"),
					   .connect_timeout_ms = 200});
	cr_expect_eq(tls.trouble, TROUBLE_CONNECT, "%s", tls.text);
	close_http();
}

Test(http, unknown_name)
{
	struct call c = {0};

	request_run(&c, &(struct http_request){.url = "https://nx.invalid/"});
	cr_expect_eq(c.trouble, TROUBLE_DNS, "%s", c.text);
	cr_expect_eq(c.r, -EHOSTUNREACH);
	cr_expect_str_eq(c.text, "nx.invalid: Could not resolve host: nx.invalid");
	close_http();
}

static size_t count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	size_t n = 0;

	cr_assert(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

/* Neither a time-out nor a cancel nor the end waits for a resolver that hangs. */
Test(http, stuck_resolver)
{
	const struct http_request request = {.url = "https://stuck.invalid/",
					     .connect_timeout_ms = 200};
	struct call timed_out = {0}, cancelled = {0}, closed_under = {0};
	size_t threads = count_threads();

	cr_assert_eq(sem_init(&resolver_release, 0, 0), 0);
	request_run(&timed_out, &request);
	cr_expect_eq(timed_out.trouble, TROUBLE_CONNECT, "%s", timed_out.text);
	start(&cancelled, &(struct http_request){.url = request.url});
	start(&closed_under, &(struct http_request){.url = request.url});
	uv_run(&loop, UV_RUN_NOWAIT);
	http_cancel(cancelled.transfer);
	run_until(2);
	cr_expect_eq(cancelled.r, -ECANCELED);
	close_http();
	cr_expect_eq(closed_under.r, -ECANCELED);
	for (int i = 0; i < 3; i++)
		sem_post(&resolver_release);
	while (count_threads() > threads) /* else they are seen as leaks */
		sched_yield();
}

Test(http, low_speed)
{
	struct call c = {0};

	close_http();
	open_http(&(struct http_options){.user_agent = "t", .low_speed_s = 1});
	request_run(&c, &(struct http_request){.url = fault_url("/never")});
	cr_expect_eq(c.trouble, TROUBLE_TIMEOUT, "%s", c.text);
	close_http();
}

/* libcurl alone would let it wait for ever. */
Test(http, timeout_while_waiting_for_a_connection)
{
	struct call holds = {0}, waits = {0};

	close_http();
	open_http(&(struct http_options){.user_agent = "t", .max_connections_per_host = 1});
	start(&holds, &(struct http_request){.url = fault_url("/never")});
	start(&waits, &(struct http_request){.url = fault_url("/answer"), .timeout_ms = 100});
	run_until(1);
	cr_expect_eq(waits.times, 1);
	cr_expect_eq(waits.r, -ETIMEDOUT);
	cr_expect_eq(waits.trouble, TROUBLE_CONNECT, "%s", waits.text);
	cr_expect_eq(http_active(http), 1);
	close_http();
	cr_expect_eq(holds.r, -ECANCELED);
}

Test(http, proxy)
{
	char proxy[64];
	struct call refused = {0}, absent = {0}, bad = {0}, plain = {0}, direct = {0};

	snprintf(proxy, sizeof(proxy), "http://pr0xyuser:pr0xypass@127.0.0.1:%u", faults.port);
	request_run(&refused,
		    &(struct http_request){.url = "https://api.example/", .proxy = proxy});
	cr_expect_eq(refused.trouble, TROUBLE_CONNECT);
	cr_expect_str_eq(refused.text, "api.example: the proxy answered 407");
	request_run(&absent, &(struct http_request){.url = "https://api.example/",
						    .proxy = "http://a:pr0xy@nx.invalid:1"});
	cr_expect_eq(absent.trouble, TROUBLE_CONNECT, "%s", absent.text);
	cr_expect_null(strstr(absent.text, "pr0xy"), "%s", absent.text);
	request_run(&bad, &(struct http_request){.url = "https://api.example/",
						 .proxy = "gopher://a:pr0xy@h:1"});
	cr_expect_eq(bad.trouble, TROUBLE_CONNECT, "%s", bad.text);
	cr_expect_null(strstr(bad.text, "pr0xy"), "%s", bad.text);
	request_run(&plain, &(struct http_request){.url = "http://api.example/echo",
						   .proxy = proxy,
						   .allow_http = true});
	cr_expect_eq(strncmp(plain.body, "GET http://api.example/echo ", 28), 0, "%s", plain.body);
	/* what is let out because it stays here does not go to a proxy, and neither does its key */
	request_run(&direct, &(struct http_request){.url = fault_url("/echo"),
						    .proxy = "http://nx.invalid:1"});
	cr_expect_eq(strncmp(direct.body, "GET /echo ", 10), 0, "%s", direct.text);
	close_http();
}

/* Plain HTTP to "localhost" is allowed because libcurl asks no resolver where that is. */
Test(http, localhost_is_here)
{
	struct call c = {0};

	request_run(&c, &(struct http_request){
				.url = url_of("http", "localhost", faults.port, "/answer")});
	cr_expect_eq(c.status, 200, "%s", c.text);
	close_http();
}

static void cancel_self_and_sibling(struct call *c)
{
	http_cancel(c->transfer);
	if (c[1].transfer)
		http_cancel(c[1].transfer);
}

Test(http, cancel)
{
	struct call calls[3] = {{.then = cancel_self_and_sibling}};
	struct call fresh = {0};

	start(&calls[0], &(struct http_request){.url = fault_url("/answer")});
	start(&calls[1], &(struct http_request){.url = fault_url("/never?s3cret")});
	start(&calls[2], &(struct http_request){.url = fault_url("/never?s3cret")});
	cr_expect_eq(http_active(http), 3);
	http_cancel(calls[2].transfer);
	http_cancel(calls[2].transfer); /* twice is once */
	cr_expect_eq(n_done, 0, "never inside the call");
	run_until(3);
	cr_expect_eq(calls[0].r, 0, "too late to cancel");
	for (size_t i = 1; i < 3; i++) {
		cr_expect_eq(calls[i].r, -ECANCELED);
		cr_expect_eq(calls[i].trouble, TROUBLE_NONE);
		cr_expect_null(strstr(calls[i].text, "s3cret"));
	}
	cr_expect_eq(http_active(http), 0);
	request_run(&fresh, &(struct http_request){.url = fault_url("/answer")});
	cr_expect_eq(fresh.r, 0);
	close_http();
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(calls[i].times, 1);
}

static void close_and_start(struct call *c)
{
	struct error e = ERROR_NONE;

	http_close(http, on_closed, NULL);
	cr_expect_eq(http_start(http, &(struct http_request){.url = "https://h/"}, on_done, c, NULL,
				&e),
		     -ECANCELED);
}

/* In all stages: not begun, connected, in the body; and from inside a callback. */
Test(http, close_with_transfers_under_way)
{
	struct call calls[] = {{.then = close_and_start}, {0}, {0}, {0}};

	start(&calls[1], &(struct http_request){.url = fault_url("/never")});
	start(&calls[2], &(struct http_request){.url = fault_url("/drip")});
	start(&calls[0], &(struct http_request){.url = fault_url("/answer")});
	start(&calls[3], &(struct http_request){.url = "https://nx.invalid/"});
	http_cancel(calls[3].transfer);
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cr_expect(closed);
	cr_assert_eq(uv_loop_close(&loop), 0);
	cr_expect_eq(calls[0].r, 0);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		cr_expect_eq(calls[i].times, 1);
		cr_expect(i == 0 || calls[i].r == -ECANCELED);
	}
}

Test(http, close_before_the_first_turn)
{
	struct call c = {0};

	start(&c, &(struct http_request){.url = fault_url("/answer")});
	close_http();
	cr_expect_eq(c.times, 1);
	cr_expect_eq(c.r, -ECANCELED);
}

static void start_next(struct call *c)
{
	if (n_done < 20)
		start(c + 1, &(struct http_request){.url = fault_url("/which")});
}

/* Started one from inside the other's callback; and all on one connection that is kept. */
Test(http, start_inside_callback)
{
	struct call calls[20];

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		calls[i] = (struct call){.then = start_next};
	start(&calls[0], &(struct http_request){.url = fault_url("/which")});
	run_until(ARRAY_LEN(calls));
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		cr_expect_str_eq(calls[i].body, "1", "%zu: %s %s", i, calls[i].body, calls[i].text);
	close_http();
}

/* The multi handle is then in no usable state; its transfers end, and new ones work. */
Test(http, socket_that_cannot_be_watched)
{
	struct call failed = {0}, fresh = {0};

	poll_fails = true;
	request_run(&failed, &(struct http_request){.url = fault_url("/answer")});
	cr_expect_eq(failed.r, -ENOMEM, "%s", failed.text);
	poll_fails = false;
	request_run(&fresh, &(struct http_request){.url = fault_url("/answer")});
	cr_expect_eq(fresh.status, 200, "%s", fresh.text);
	close_http();
}

Test(http, server_that_goes_away_between_requests)
{
	struct call first = {0}, second = {0};

	request_run(&first, &(struct http_request){.url = fault_url("/answer")});
	fault_server_stop(&faults);
	request_run(&second, &(struct http_request){.url = fault_url("/answer")});
	cr_expect_eq(second.trouble, TROUBLE_CONNECT, "%s", second.text);
	close_http();
	fault_server_start(&faults);
}

Test(http_nginx, tls_faults)
{
	const struct {
		const char *host;
		unsigned port;
		const char *ca; /* NULL: the system's */
		enum trouble trouble;
	} cases[] = {
		{"localhost", nginx.h2_port, "ca.pem", TROUBLE_NONE},
		{"localhost", nginx.h2_port, NULL, TROUBLE_TLS},
		{"localhost", nginx.h2_port, "other-ca.pem", TROUBLE_TLS},
		{"localhost", nginx.h2_port, "absent.pem", TROUBLE_TLS},
		{"127.0.0.1", nginx.h2_port, "ca.pem", TROUBLE_TLS},
		{"localhost", nginx.expired_port, "ca.pem", TROUBLE_TLS},
		{"localhost", nginx.h1_port, "ca.pem", TROUBLE_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c = {0};

		request_run(&c,
			    &(struct http_request){.url = url_of("https", cases[i].host,
								 cases[i].port, "/which"),
						   .ca_file = cases[i].ca ? nginx_file(cases[i].ca)
									  : NULL});
		cr_expect_eq(c.trouble, cases[i].trouble, "%zu: %s %s", i, trouble_name(c.trouble),
			     c.text);
		cr_expect_eq(c.r, cases[i].trouble ? -EPROTO : 0);
	}
	close_http();
}

/* The store was loaded for the first connection: the second one is made without the file. */
Test(http_nginx, ca_store_is_loaded_once)
{
	struct call first = {0}, second = {0};

	request_run(&first, &(struct http_request){.url = url_of("https", "localhost",
								 nginx.h2_port, "/which"),
						   .ca_file = nginx_file("ca.pem")});
	cr_expect_eq(first.r, 0, "%s", first.text);
	cr_assert_eq(unlink(nginx_file("ca.pem")), 0);
	request_run(&second, &(struct http_request){.url = url_of("https", "localhost",
								  nginx.h2_twin_port, "/which"),
						    .ca_file = nginx_file("ca.pem")});
	cr_expect_eq(second.r, 0, "%s", second.text);
	cr_expect_str_neq(second.body, first.body, "another connection");
	close_http();
}

/* Starts `n` requests at once; the distinct bodies are the connections they came over. */
static size_t connections_of(unsigned port, size_t n, const char *protocol)
{
	struct call *calls = calloc(n, sizeof(*calls));
	const struct http_request request = {.url = url_of("https", "localhost", port, "/which"),
					     .ca_file = nginx_file("ca.pem")};
	size_t distinct = 0;

	cr_assert(calls);
	for (size_t i = 0; i < n; i++)
		start(&calls[i], &request);
	run_until(n_done + n);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		cr_assert_eq(calls[i].times, 1);
		cr_assert_eq(calls[i].r, 0, "%s", calls[i].text);
		cr_assert_str_eq(strchr(calls[i].body, ' ') + 1, protocol);
		while (strcmp(calls[k].body, calls[i].body) != 0)
			k++;
		distinct += k == i;
	}
	free(calls);
	return distinct;
}

Test(http_nginx, a_thousand_at_once)
{
	size_t n = connections_of(nginx.h2_port, 1000, "HTTP/2.0");

	cr_expect(n <= 4, "%zu connections", n);
	close_http();
}

Test(http_nginx, keep_alive)
{
	size_t n = connections_of(nginx.h1_port, 100, "HTTP/1.1");

	cr_expect(n <= 4, "%zu connections", n);
	close_http();
}

/* A page larger than what is kept, then a small one: the buffer's reuse is not seen. */
Test(http_nginx, large_page_gzipped)
{
	size_t len = 2 << 20;
	FILE *f = fopen(nginx_file("page"), "w");
	struct call large = {0}, small = {0};

	cr_assert(f);
	for (size_t i = 0; i < len; i++)
		putc('x', f);
	cr_assert_eq(fclose(f), 0);
	request_run(&large, &(struct http_request){.url = url_of("https", "localhost",
								 nginx.h2_port, "/page"),
						   .ca_file = nginx_file("ca.pem")});
	cr_expect_eq(large.r, 0, "%s", large.text);
	cr_expect_eq(large.len, len);
	request_run(&small, &(struct http_request){.url = url_of("https", "localhost",
								 nginx.h2_port, "/which"),
						   .ca_file = nginx_file("ca.pem")});
	cr_expect(small.len < 64);
	close_http();
}
