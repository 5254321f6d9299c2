/* The state directory and its lock: one daemon at a time. */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Like mkdir -p. The mode is set again because the umask may have taken from it. */
static int make_dir(char *dir)
{
	char *slash;
	int r;

	if (mkdir(dir, 0700) == 0)
		return chmod(dir, 0700) == 0 ? 0 : -errno;
	if (errno == EEXIST)
		return 0;
	slash = strrchr(dir, '/');
	if (errno != ENOENT || !slash || slash == dir)
		return -errno;
	*slash = '\0';
	r = make_dir(dir);
	*slash = '/';
	if (r < 0)
		return r;
	if (mkdir(dir, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(dir, 0700) == 0 ? 0 : -errno;
}

int lock_make_dir(const char *dir, struct error *ret_e)
{
	_cleanup_free_ char *copy = strdup(dir);
	int r;

	if (!copy)
		return -ENOMEM;
	r = make_dir(copy);
	if (r < 0)
		return error_set(ret_e, r, "cannot make the state directory %s: %s", dir,
				 strerror(-r));
	return 0;
}

static int refuse_second(const char *dir, int fd, struct error *ret_e)
{
	char pid[16];
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return error_set(ret_e, -EBUSY,
			 "another tunewatchd (pid %s) uses the state directory %s: stop it, or "
			 "give this one a state-dir of its own",
			 pid[0] ? pid : "unknown", dir);
}

int lock_take(const char *dir, int *ret_fd, struct error *ret_e)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/lock", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fchmod(fd, 0600) < 0) {
		int r = -errno;

		return error_set(ret_e, r,
				 "cannot write in the state directory %s: %s; it must belong to "
				 "the user that tunewatchd runs as",
				 dir, strerror(-r));
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = -errno;

		if (r == -EWOULDBLOCK)
			return refuse_second(dir, fd, ret_e);
		return error_set(ret_e, r, "cannot lock %s: %s", path, strerror(-r));
	}
	/* The pid only serves the sentence above: on a full disk the lock holds without it. */
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		errno = 0;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
