/* HTTP over a handle for each CA file, and over new connections on demand. */
#include "io/http_pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "http_servers.h"

#include "base/macro.h"
#include "model/route.h"

#define GUARD_MS 30000

static struct fault_server faults;
static struct nginx nginx;
static uv_loop_t loop;
static uv_timer_t guard;
static struct http_pool *pool;
static size_t n_done;
static bool closed;

/* What a callback brought, copied. */
struct call {
	unsigned times;
	int r;
	enum trouble trouble;
	char body[64];
	char text[512];
	struct http_transfer *transfer;
	const struct http_request *again; /* started from inside the callback */
	int again_r;
	struct call *again_call;
};

static void on_guard(uv_timer_t *timer)
{
	cr_assert_fail("nothing came for %d ms", GUARD_MS);
}

static void open_pool(void)
{
	const struct http_options options = {.user_agent = (char[]){"tunewatch/test"}};
	struct error e = ERROR_NONE;

	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(uv_timer_init(&loop, &guard), 0);
	cr_assert_eq(http_pool_new(&loop, &options, &pool, &e), 0, "%s", e.text);
}

static void setup(void)
{
	fault_server_start(&faults);
	open_pool();
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
	open_pool();
}

static void teardown_nginx(void)
{
	nginx_stop(&nginx);
}

TestSuite(http_pool, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(http_pool_nginx, .init = setup_nginx, .fini = teardown_nginx, .timeout = 60);

static void on_closed(void *user)
{
	closed = true;
	uv_close((uv_handle_t *)&guard, NULL);
}

/* Ends the loop clean, which is a check of each test. */
static void close_pool(void)
{
	size_t before = n_done;

	http_pool_close(pool, on_closed, NULL);
	cr_assert_not(closed, "never inside the call");
	cr_assert_eq(n_done, before, "never inside the call");
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cr_assert(closed);
	cr_assert_eq(uv_loop_close(&loop), 0);
}

static void on_done(void *user, const struct http_result *result)
{
	struct call *c = user;

	cr_assert_not(closed, "after all is said to be closed");
	c->times++;
	c->r = result->r;
	c->trouble = result->trouble;
	memcpy(c->body, result->body, MIN(result->len, sizeof(c->body) - 1));
	snprintf(c->text, sizeof(c->text), "%s", result->text);
	n_done++;
	if (c->again)
		c->again_r = http_pool_start(pool, c->again, on_done, c->again_call, NULL, NULL);
}

static void start(struct call *c, const struct http_request *request)
{
	struct error e = ERROR_NONE;
	size_t before = n_done;
	int r = http_pool_start(pool, request, on_done, c, &c->transfer, &e);

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

static const char *fault_url(const char *path)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", faults.port, path);
	return url;
}

/* The number of the connection that a request comes over. */
static int connection_of(const char *ca_file)
{
	struct call c = {0};
	int n;

	request_run(&c, &(struct http_request){.url = fault_url("which"), .ca_file = ca_file});
	cr_assert_eq(c.r, 0, "%s", c.text);
	cr_assert_eq(sscanf(c.body, "%d", &n), 1); /* NOLINT(cert-err34-c): the server's own */
	return n;
}

Test(http_pool, closes_without_a_request)
{
	close_pool();
}

Test(http_pool, connections_are_kept)
{
	int first = connection_of(NULL);

	cr_expect_eq(connection_of(NULL), first);
	close_pool();
}

/* A file is known by its name, not by the pointer to it. */
Test(http_pool, one_handle_for_each_file)
{
	char a[] = "/a.pem", b[] = "/b.pem", also_a[] = "/a.pem";
	int with_none = connection_of(NULL), with_a = connection_of(a), with_b = connection_of(b);

	cr_expect_neq(with_none, with_a);
	cr_expect_neq(with_a, with_b);
	cr_expect_eq(connection_of(also_a), with_a);
	cr_expect_eq(connection_of(b), with_b);
	cr_expect_eq(connection_of(NULL), with_none);
	close_pool();
}

Test(http_pool, renewed_connections_are_new)
{
	int old = connection_of(NULL), old_a = connection_of("/a.pem");
	int now, now_a;

	http_pool_renew(pool);
	now = connection_of(NULL);
	now_a = connection_of("/a.pem");
	cr_expect_neq(now, old);
	cr_expect_neq(now, old_a);
	cr_expect_neq(now_a, old_a);
	cr_expect_eq(connection_of(NULL), now, "and they are kept");
	close_pool();
}

Test(http_pool, renewed_without_a_request)
{
	http_pool_renew(pool);
	http_pool_renew(pool);
	cr_expect_gt(connection_of(NULL), 0);
	close_pool();
}

/* What hangs is called back with -ECANCELED, may ask again at once, and then gets an answer. */
Test(http_pool, renewed_while_a_request_hangs)
{
	char url[64];
	struct call answer = {0};
	struct http_request again = {.url = url};
	struct call hung = {.again = &again, .again_call = &answer};
	int old = connection_of(NULL);

	snprintf(url, sizeof(url), "%s", fault_url("which"));
	start(&hung, &(struct http_request){.url = fault_url("never")});
	http_pool_renew(pool);
	cr_expect_eq(hung.times, 0, "never inside the call");
	run_until(n_done + 2);
	cr_expect_eq(hung.times, 1);
	cr_expect_eq(hung.r, -ECANCELED);
	cr_expect_eq(hung.again_r, 0);
	cr_expect_eq(answer.times, 1);
	cr_expect_eq(answer.r, 0, "%s", answer.text);
	cr_expect_neq(atoi(answer.body), old); /* NOLINT(cert-err34-c): the server's own */
	close_pool();
}

/* Old and new handles of two files, all with a request that hangs; none can be started any more. */
Test(http_pool, closed_while_all_hang)
{
	char url[64];
	struct http_request again = {.url = url};
	struct call calls[6] = {0};

	snprintf(url, sizeof(url), "%s", fault_url("which"));
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (i > 0 && i % 2 == 0)
			http_pool_renew(pool);
		calls[i].again = &again;
		start(&calls[i], &(struct http_request){.url = fault_url("never"),
							.ca_file = i % 2 ? "/a.pem" : NULL});
	}
	close_pool();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		cr_expect_eq(calls[i].times, 1, "%zu: %u", i, calls[i].times);
		cr_expect_eq(calls[i].r, -ECANCELED, "%zu: %d", i, calls[i].r);
	}
	for (size_t i = ARRAY_LEN(calls) - 2; i < ARRAY_LEN(calls); i++)
		cr_expect_eq(calls[i].again_r, -ECANCELED);
}

/* One over the bound comes in only where another has nothing under way. */
Test(http_pool, bounded)
{
	char name[ROUTE_MAX + 1][32];
	struct call calls[ROUTE_MAX + 1] = {0};
	struct http_request request = {0};
	struct error e = ERROR_NONE;

	for (size_t i = 0; i < ROUTE_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "/ca-%zu.pem", i);
		start(&calls[i],
		      &(struct http_request){.url = fault_url("never"), .ca_file = name[i]});
	}
	request = (struct http_request){.url = fault_url("which"), .ca_file = "/more.pem"};
	cr_expect_eq(http_pool_start(pool, &request, on_done, &calls[ROUTE_MAX], NULL, &e),
		     -ENOSPC);
	cr_expect_str_eq(e.text, "requests with 64 CA files are under way already");
	http_cancel(calls[5].transfer);
	run_until(1);
	cr_expect_eq(calls[5].r, -ECANCELED);
	request_run(&calls[ROUTE_MAX], &request);
	cr_expect_eq(calls[ROUTE_MAX].r, 0, "%s", calls[ROUTE_MAX].text);
	close_pool();
	for (size_t i = 0; i < ROUTE_MAX; i++) {
		cr_expect_eq(calls[i].times, 1);
		cr_expect_eq(calls[i].r, -ECANCELED);
	}
}

/* What http_start() refuses is refused here, and leaves nothing behind that keeps the loop. */
Test(http_pool, refusals)
{
	struct call c = {0};
	struct error e = ERROR_NONE;

	cr_expect_eq(http_pool_start(pool, &(struct http_request){.url = "http://10.0.0.1/"},
				     on_done, &c, NULL, &e),
		     -EPERM);
	cr_expect_str_eq(e.text, "10.0.0.1: not without TLS (https)");
	close_pool();
	cr_expect_eq(c.times, 0);
}

/* Each server is trusted by its own file alone, whatever was asked before, also after a renewal. */
Test(http_pool_nginx, two_ca_files)
{
	const struct {
		unsigned port;
		const char *ca;
		enum trouble trouble;
	} cases[] = {
		{nginx.h2_port, "ca.pem", TROUBLE_NONE},
		{nginx.other_port, "other-ca.pem", TROUBLE_NONE},
		{nginx.h2_port, "other-ca.pem", TROUBLE_TLS},
		{nginx.other_port, "ca.pem", TROUBLE_TLS},
		{nginx.h2_port, "ca.pem", TROUBLE_NONE},
		{nginx.h2_port, NULL, TROUBLE_TLS},
	};

	for (size_t turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			char url[64], ca[128];
			struct call c = {0};

			snprintf(url, sizeof(url), "https://localhost:%u/which", cases[i].port);
			snprintf(ca, sizeof(ca), "%s/%s", nginx.dir,
				 cases[i].ca ? cases[i].ca : "");
			request_run(&c, &(struct http_request){.url = url,
							       .ca_file = cases[i].ca ? ca : NULL});
			cr_expect_eq(c.trouble, cases[i].trouble, "%zu, %zu: %s %s", turn, i,
				     trouble_name(c.trouble), c.text);
		}
		http_pool_renew(pool);
	}
	close_pool();
}

/* Both servers have requests under way, over HTTP/2, when their connections are let go. */
Test(http_pool_nginx, renewed_and_closed_in_the_middle)
{
	static const char *const files[] = {"ca.pem", "other-ca.pem"};
	const unsigned ports[] = {nginx.h2_port, nginx.other_port};
	struct call calls[80] = {0};

	for (size_t turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < ARRAY_LEN(calls) / 2; i++) {
			char url[64], ca[128];

			snprintf(url, sizeof(url), "https://localhost:%u/which", ports[i % 2]);
			snprintf(ca, sizeof(ca), "%s/%s", nginx.dir, files[i % 2]);
			start(&calls[turn * ARRAY_LEN(calls) / 2 + i],
			      &(struct http_request){.url = url, .ca_file = ca});
		}
		run_until(n_done + 1); /* the others have connections now */
		if (turn == 0)
			http_pool_renew(pool);
	}
	close_pool();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		const struct call *c = &calls[i];

		cr_expect_eq(c->times, 1);
		cr_expect(c->r == 0 || c->r == -ECANCELED, "%d %s", c->r, c->text);
	}
}
