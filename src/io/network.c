/* The kernel's messages about the network, a burst of them as one call. */
#include "io/network.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macro.h"
#include "io/rtnetlink.h"

#define DATAGRAM_MAX  32768 /* what the kernel sends at most */
#define DATAGRAMS_MAX 64    /* read in one turn of the loop; the rest in the next */

#define GROUPS                                                                                     \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |               \
	 RTMGRP_IPV6_ROUTE)

struct network {
	uv_poll_t poll;
	uv_timer_t timer; /* runs while there is something to tell */
	uv_loop_t *loop;
	int fd;
	uint64_t latest_ms; /* uv_now(); with the timer */
	network_fn fn;
	void *user;
	size_t n_handles; /* not closed yet */
	struct rtnetlink known;
	char datagram[DATAGRAM_MAX];
};

static void on_quiet(uv_timer_t *timer)
{
	struct network *n = timer->data;

	n->fn(n->user);
}

static void changed(struct network *n)
{
	uint64_t now_ms = uv_now(n->loop);

	if (!uv_is_active((uv_handle_t *)&n->timer))
		n->latest_ms = now_ms + NETWORK_LATEST_MS;
	if (now_ms < n->latest_ms) /* fails on closing handles only */
		(void)uv_timer_start(&n->timer, on_quiet,
				     MIN(NETWORK_QUIET_MS, n->latest_ms - now_ms), 0);
}

/*
 * One datagram. 0, or why there is none. What is lost may have been a change: more messages than the
 * socket holds, or one that does not fit.
 */
static int receive(struct network *n, bool *ret_changed)
{
	struct sockaddr_nl from = {0};
	struct iovec part = {n->datagram, sizeof(n->datagram)};
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &part,
				 .msg_iovlen = 1};
	ssize_t len = recvmsg(n->fd, &message, 0);

	if (len < 0) {
		if (errno != ENOBUFS && errno != EINTR)
			return -errno;
		*ret_changed |= errno == ENOBUFS;
		return 0;
	}
	if (from.nl_pid == 0) /* the kernel, and no other process */
		*ret_changed |= rtnetlink_take(&n->known, n->datagram, (size_t)len) ||
				message.msg_flags & MSG_TRUNC;
	return 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct network *n = poll->data;
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < DATAGRAMS_MAX && r == 0; i++)
		r = receive(n, &any);
	if (any)
		changed(n);
	/* A socket that lost something is in error until that was read, and on an error libuv stops
	   to watch. Any other error stays, and nothing comes from such a socket any more. */
	if (r < 0 && r != -EAGAIN)
		(void)uv_poll_stop(poll);
	else if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_readable);
}

static void on_closed(uv_handle_t *handle)
{
	struct network *n = handle->data;

	if (--n->n_handles > 0)
		return;
	close(n->fd);
	free(n);
}

static int open_socket(void)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = GROUPS};
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int network_new(uv_loop_t *loop, network_fn fn, void *user, struct network **ret)
{
	_cleanup_close_ int fd = open_socket();
	struct network *n;
	int r;

	if (fd < 0)
		return fd;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	r = uv_poll_init(loop, &n->poll, fd);
	if (r < 0) {
		free(n);
		return r;
	}
	(void)uv_timer_init(loop, &n->timer); /* always 0 */
	n->poll.data = n->timer.data = n;
	n->n_handles = 2;
	n->loop = loop;
	n->fd = TAKE_FD(fd);
	n->fn = fn;
	n->user = user;
	r = uv_poll_start(&n->poll, UV_READABLE, on_readable);
	if (r < 0) {
		network_close(n);
		return r;
	}
	*ret = n;
	return 0;
}

struct network *network_close(struct network *n)
{
	if (n) {
		uv_close((uv_handle_t *)&n->poll, on_closed);
		uv_close((uv_handle_t *)&n->timer, on_closed);
	}
	return NULL;
}
