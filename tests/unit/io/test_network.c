/* Changes of the network, made with ip(8) in a network of the test's own. */
#include "io/network.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define GUARD_MS 30000

static uv_loop_t loop;
static uv_timer_t guard, ticker;
static struct network *network;
static unsigned n_told;

static void on_told(void *user)
{
	cr_assert_eq(user, &loop);
	n_told++;
}

static void on_guard(uv_timer_t *timer)
{
	cr_assert_fail("nothing came for %d ms", GUARD_MS);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* A network of our own: as root, or as a root who is only one here. */
static bool enter_network(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
	return unshare(CLONE_NEWNET) == 0 || (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
					      write_file("/proc/self/uid_map", map));
}

/* NOLINTNEXTLINE(cert-env33-c): a test's own words */
#define IP(what) cr_assert_eq(system("ip " what), 0, "ip " what)

/* The kernel tells of a carrier when it comes to that: at any time within a second. */
#define LINKS_ARE(state)                                                                           \
	cr_assert_eq(system("timeout 20 sh -c 'until [ \"$(ip -o link show type veth | grep -c "   \
			    "\"state " state "\")\" = 2 ]; do sleep 0.01; done'"),                 \
		     0, "the links are not " state)

static void setup(void)
{
	if (!enter_network())
		cr_skip("needs root, or user namespaces");
	/* NOLINTNEXTLINE(cert-env33-c) */
	if (system("ip link add w0 type veth peer name w1 >/dev/null 2>&1") != 0)
		cr_skip("needs ip and veth (Debian: apt-get install iproute2)");
	IP("link set lo up");
	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(uv_timer_init(&loop, &guard), 0);
	cr_assert_eq(uv_timer_init(&loop, &ticker), 0);
	cr_assert_eq(network_new(&loop, on_told, &loop, &network), 0);
}

TestSuite(network, .init = setup, .timeout = 60);

/* Ends the loop clean, which is a check of each test. */
static void close_network(void)
{
	unsigned before = n_told;

	cr_expect_null(network_close(network));
	uv_close((uv_handle_t *)&guard, NULL);
	uv_close((uv_handle_t *)&ticker, NULL);
	cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cr_assert_eq(uv_loop_close(&loop), 0);
	cr_expect_eq(n_told, before);
}

static void run_until(unsigned n)
{
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	while (n_told < n)
		uv_run(&loop, UV_RUN_ONCE);
	uv_timer_stop(&guard);
	cr_assert_eq(n_told, n);
}

/* A link up, addresses, a default route: told of once. Then what takes them away, and once again. */
Test(network, a_burst_is_one_call)
{
	IP("link set w0 up");
	IP("link set w1 up");
	LINKS_ARE("UP");
	IP("addr add 192.0.2.1/24 dev w0");
	IP("-6 addr add 2001:db8::1/64 dev w0 nodad");
	IP("route add default via 192.0.2.2");
	cr_expect_eq(n_told, 0);
	run_until(1);
	IP("route del default");
	run_until(2);
	IP("link set w1 down"); /* with it, w0 loses its carrier */
	LINKS_ARE("DOWN\\|state LOWERLAYERDOWN");
	run_until(3);
	IP("addr del 192.0.2.1/24 dev w0");
	run_until(4);
	close_network();
}

static void on_tick(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Timers run in the order in which they are due: a call for what came before this comes before it. */
static void settle(void)
{
	bool over = false;

	uv_run(&loop, UV_RUN_NOWAIT);
	uv_run(&loop, UV_RUN_NOWAIT); /* the one before may have stopped at its bound */
	ticker.data = &over;
	cr_assert_eq(uv_timer_start(&ticker, on_tick, NETWORK_QUIET_MS + 200, 0), 0);
	while (!over)
		uv_run(&loop, UV_RUN_ONCE);
}

Test(network, other_changes_are_none)
{
	IP("link set w0 up");
	IP("link set w1 up");
	LINKS_ARE("UP");
	IP("addr add 192.0.2.1/24 dev w0");
	run_until(1);
	settle(); /* the link-local addresses of IPv6 come late */
	IP("addr add 127.0.0.2/8 dev lo");
	IP("addr add 169.254.1.1/16 dev w0");
	IP("-6 addr add fe80::42/64 dev w0 nodad");
	IP("route add 198.51.100.0/24 via 192.0.2.2");
	IP("route add default via 192.0.2.2 table 42");
	IP("link set w0 mtu 1400");
	IP("link set w0 alias other");
	IP("addr change 192.0.2.1/24 dev w0 valid_lft 1000 preferred_lft 1000");
	settle();
	cr_expect_eq(n_told, 1);
	close_network();
}

/* None of these messages matters, but there are more than the socket holds: who knows what was lost. */
Test(network, lost_messages_are_a_change)
{
	FILE *ip = popen("ip -batch -", "w"); /* NOLINT(cert-env33-c): a test's own words */

	cr_assert(ip);
	for (unsigned i = 0; i < 4000; i++)
		fprintf(ip, "addr add 127.1.%u.%u/32 dev lo\n", i / 250, i % 250 + 1);
	cr_assert_eq(pclose(ip), 0);
	run_until(1);
	IP("link set w0 up"); /* and it still watches */
	run_until(2);
	settle();
	cr_expect_eq(n_told, 2);
	close_network();
}

static void on_flap(uv_timer_t *timer)
{
	unsigned *n = timer->data;

	if (++*n % 2)
		IP("addr add 192.0.2.1/32 dev lo");
	else
		IP("addr del 192.0.2.1/32 dev lo");
}

/* There is never quiet, and yet it is told. */
Test(network, changes_without_end)
{
	unsigned n = 0;

	ticker.data = &n;
	cr_assert_eq(uv_timer_start(&ticker, on_flap, 0, NETWORK_QUIET_MS / 5), 0);
	run_until(1);
	cr_expect_gt(n, 1);
	close_network();
}

Test(network, closed_with_something_to_tell)
{
	IP("link set w0 up");
	uv_run(&loop, UV_RUN_NOWAIT);
	close_network();
	cr_expect_eq(n_told, 0);
	cr_expect_null(network_close(NULL));
}
