/* Listening sockets, for io/server.h. */
#pragma once

#include "base/error.h"

/*
 * A listening Unix socket at `path`, mode 0660, whose missing parent directories are made with mode
 * 0750. A socket file that nobody listens on is replaced; a live one gives -EADDRINUSE.
 */
int listen_unix(const char *path, int *ret_fd, struct error *ret_e);

/*
 * The listening Unix socket that systemd handed over (sd_listen_fds(3)), which is systemd's to remove.
 * 0; -ENOENT: there is none; -EINVAL: it is something else, or there are several. Can be asked once:
 * what started programs inherit does not name it any more.
 */
int listen_handed_over(int *ret_fd, struct error *ret_e);

/*
 * A listening TCP socket at a numeric address, "127.0.0.1:9877" or "[::1]:9877"; for port 0 the system
 * chooses one. `ret_address` is where it is then.
 */
#define LISTEN_ADDRESS_MAX 64
int listen_tcp(const char *address, int *ret_fd, char ret_address[LISTEN_ADDRESS_MAX],
	       struct error *ret_e);
