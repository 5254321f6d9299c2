/* Listening sockets. */
#include "io/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netdb.h>
#include <stdbool.h>
#include <fcntl.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/macro.h"

/* Who does not block is refused by a Unix socket when so many wait: more than are served at a time. */
#define LISTEN_BACKLOG 1024

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

int listen_unix(const char *path, int *ret_fd, struct error *ret_e)
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
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return error_set(ret_e, -errno, "cannot listen on %s: %s", path, strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int listen_handed_over(int *ret_fd, struct error *ret_e)
{
	_cleanup_close_ int fd = -1;
	int n = sd_listen_fds(1), flags;

	if (n == 0)
		return -ENOENT;
	if (n < 0)
		return error_set(ret_e, n, "cannot take the socket that systemd hands over: %s",
				 strerror(-n));
	fd = SD_LISTEN_FDS_START;
	if (n > 1 || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
		return error_set(ret_e, -EINVAL,
				 "systemd hands over %d sockets; a socket unit may have one, with "
				 "ListenStream= and a path",
				 n);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* "127.0.0.1:9877" or "[::1]:9877": host and port, without the brackets. */
static int split_address(const char *address, char *ret_host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	bool bracketed = address[0] == '[';
	size_t len = colon ? (size_t)(colon - address) : 0;

	if (bracketed && len > 2) {
		address++;
		len -= 2;
	}
	if (len == 0 || len >= size)
		return -EINVAL;
	memcpy(ret_host, address, len);
	ret_host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int listen_at(const struct addrinfo *info)
{
	_cleanup_close_ int fd =
		socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	/* The port may still be in TIME_WAIT after a restart. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void format_address(int fd, const char *host, char ret[LISTEN_ADDRESS_MAX])
{
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	char port[NI_MAXSERV] = "?";

	if (getsockname(fd, (struct sockaddr *)&addr, &len) == 0)
		getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof(port),
			    NI_NUMERICSERV);
	snprintf(ret, LISTEN_ADDRESS_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int listen_tcp(const char *address, int *ret_fd, char ret_address[LISTEN_ADDRESS_MAX],
	       struct error *ret_e)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				       .ai_socktype = SOCK_STREAM};
	struct addrinfo *info;
	const char *port;
	char host[48];
	int r = split_address(address, host, sizeof(host), &port);

	if (r < 0 || getaddrinfo(host, port, &hints, &info) != 0)
		return error_set(ret_e, -EINVAL, "not an address to listen on: %s", address);
	r = listen_at(info);
	freeaddrinfo(info);
	if (r < 0)
		return error_set(ret_e, r, "cannot listen on %s: %s", address, strerror(-r));
	*ret_fd = r;
	format_address(r, host, ret_address);
	return 0;
}
