/* Small files for one reader. */
#include "io/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

#define UNFINISHED ".new" /* one at a time is written */

static int open_dir(const char *dir, struct error *ret_e)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return error_set(ret_e, -errno, "cannot make the directory %s: %s", dir,
				 strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(ret_e, -errno, "cannot use the directory %s: %s", dir,
				 strerror(errno));
	if (st.st_uid != geteuid() || st.st_mode & (S_IRWXG | S_IRWXO))
		return error_set(ret_e, -EPERM, "the directory %s is not private to the daemon",
				 dir);
	return TAKE_FD(fd);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int private_file_write(const char *dir, const char *name, const void *data, size_t len,
		       struct error *ret_e)
{
	_cleanup_close_ int dir_fd = open_dir(dir, ret_e);
	_cleanup_close_ int fd = -1;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	if (unlinkat(dir_fd, UNFINISHED, 0) < 0 && errno != ENOENT)
		return error_set(ret_e, -errno, "cannot write in %s: %s", dir, strerror(errno));
	fd = openat(dir_fd, UNFINISHED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : write_all(fd, data, len);
	if (r == 0 && renameat(dir_fd, UNFINISHED, dir_fd, name) < 0)
		r = -errno;
	return r < 0 ? error_set(ret_e, r, "cannot write %s/%s: %s", dir, name, strerror(-r)) : 0;
}

bool private_file_holds(const char *dir, const char *name, const void *data, size_t len)
{
	_cleanup_close_ int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd =
		dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *there = malloc(len + 1);
	size_t got = 0;
	ssize_t n;

	if (fd < 0 || !there)
		return false;
	while ((n = read(fd, there + got, len + 1 - got)) > 0 || (n < 0 && errno == EINTR))
		got += n > 0 ? (size_t)n : 0;
	return n == 0 && got == len && memcmp(there, data, len) == 0;
}

void private_file_remove(const char *dir, const char *name)
{
	_cleanup_close_ int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd >= 0)
		unlinkat(dir_fd, name, 0);
}
