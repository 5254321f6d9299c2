/*
 * A -wal file that somebody left.
 *
 * What is found in it is not durable for sure: its writer may have died before the sync, or after one
 * that failed, and then the system takes the pages for written, so that no later sync writes them.
 * As events are sent that follow from it, it is copied, and the copy takes its place when the disk
 * has it: at no moment is less there than before. (Written in place, it could be torn by a power cut;
 * moved into the database, its older part could be replayed over newer pages.)
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The byte of the -shm file on which every connection holds a lock, see SQLite's wal.c. */
#define SHM_DMS 128

/* Another process, which may only look, would go on with the file that it knows. */
static bool is_in_use(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK,
			     .l_whence = SEEK_SET,
			     .l_start = SHM_DMS,
			     .l_len = 1};
	_cleanup_free_ char *shm = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&shm, "%s-shm", path) < 0) {
		shm = NULL;
		return true;
	}
	fd = open(shm, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type != F_UNLCK);
}

static int copy_bytes(int from, int to)
{
	char page[1 << 14];
	ssize_t n;

	/* Not copy_file_range(): it may share blocks that were never written. */
	while ((n = read(from, page, sizeof(page))) > 0)
		for (ssize_t done = 0, w; done < n; done += w) {
			w = write(to, page + done, (size_t)(n - done));
			if (w < 0)
				return -errno;
		}
	return n < 0 ? -errno : 0;
}

static int sync_dir(const char *path)
{
	_cleanup_free_ char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_close_ int fd = -1;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int replace_by_copy(const char *path, const char *wal, int fd)
{
	_cleanup_free_ char *copy = NULL;
	_cleanup_close_ int to = -1;
	int r;

	if (asprintf(&copy, "%s.new", wal) < 0) {
		copy = NULL;
		return -ENOMEM;
	}
	to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = copy_bytes(fd, to);
	if (r == 0 && (fsync(to) < 0 || rename(copy, wal) < 0))
		r = -errno;
	if (r < 0) {
		unlink(copy);
		return r;
	}
	return sync_dir(path);
}

int wal_settle(const char *path, struct error *ret_e)
{
	_cleanup_free_ char *wal = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (asprintf(&wal, "%s-wal", path) < 0) {
		wal = NULL;
		return -ENOMEM;
	}
	fd = open(wal, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(ret_e, -errno, "cannot open %s: %s", wal, strerror(errno));
	if (st.st_size == 0)
		return 0;
	r = is_in_use(path) ? -EBUSY : replace_by_copy(path, wal, fd);
	/* Without room for a copy it is synced as it is, which helps unless a sync failed before. */
	if (r == -ENOSPC || r == -EDQUOT || r == -EBUSY)
		r = fsync(fd) < 0 ? -errno : 0;
	return r < 0 ? error_set(ret_e, r, "cannot make %s durable: %s", wal, strerror(-r)) : 0;
}
