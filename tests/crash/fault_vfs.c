/* The disk with faults, as a file system of SQLite: https://www.sqlite.org/vfs.html */
#include "tests/crash/fault_vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "tests/crash/fault_disk.h"

struct fault_file {
	sqlite3_file base;
	struct fault_inode *inode;
	bool sync_names; /* the first sync covers the directory too */
	sqlite3_file real[];
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	char dir[512];
	struct fault_hooks hooks;
	int errors[FAULT_CALL_COUNT_];
	uint64_t fail_from, fail_to;
	int fail_error;
	bool lie;
	uint64_t syncs;
} fault;

static struct fault_file *fault_file(sqlite3_file *file)
{
	return (struct fault_file *)(void *)file;
}

/* Whether the call fails now; SQLite asks errno for the reason. */
static bool fails(enum fault_call call)
{
	if (fault.hooks.on_call)
		fault.hooks.on_call(fault.hooks.user);
	if (!fault.errors[call])
		return false;
	errno = fault.errors[call];
	return true;
}

static int file_close(sqlite3_file *file)
{
	return fault_file(file)->real->pMethods->xClose(fault_file(file)->real);
}

static int file_read(sqlite3_file *file, void *data, int len, sqlite3_int64 at)
{
	sqlite3_file *real = fault_file(file)->real;

	return fails(FAULT_READ) ? SQLITE_IOERR_READ : real->pMethods->xRead(real, data, len, at);
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	struct fault_file *f = fault_file(file);
	int r;

	if (fails(FAULT_WRITE))
		return SQLITE_IOERR_WRITE;
	r = f->real->pMethods->xWrite(f->real, data, len, at);
	if (r == SQLITE_OK)
		fault_disk_write(f->inode, data, (size_t)len, (size_t)at);
	return r;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct fault_file *f = fault_file(file);
	int r;

	if (fails(FAULT_WRITE))
		return SQLITE_IOERR_TRUNCATE;
	r = f->real->pMethods->xTruncate(f->real, size);
	if (r == SQLITE_OK)
		fault_disk_truncate(f->inode, (size_t)size);
	return r;
}

static bool sync_fails(void)
{
	if (fails(FAULT_SYNC))
		return true;
	if (fault.syncs < fault.fail_from || fault.syncs >= fault.fail_to)
		return false;
	errno = fault.fail_error;
	return true;
}

static void tell_sync(bool after)
{
	if (fault.hooks.on_sync)
		fault.hooks.on_sync(fault.hooks.user, fault.syncs, after);
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct fault_file *f = fault_file(file);

	fault.syncs++;
	tell_sync(false);
	if (sync_fails()) {
		int error = errno;

		fault_disk_fail_sync(f->inode);
		errno = error;
		return SQLITE_IOERR_FSYNC;
	}
	if (!fault.lie) {
		fault_disk_sync(f->inode);
		if (f->sync_names)
			fault_disk_sync_names();
		f->sync_names = false;
	}
	tell_sync(true);
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return fault_file(file)->real->pMethods->xFileSize(fault_file(file)->real, ret);
}

static int file_lock(sqlite3_file *file, int level)
{
	return fault_file(file)->real->pMethods->xLock(fault_file(file)->real, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	return fault_file(file)->real->pMethods->xUnlock(fault_file(file)->real, level);
}

static int file_check_lock(sqlite3_file *file, int *ret)
{
	return fault_file(file)->real->pMethods->xCheckReservedLock(fault_file(file)->real, ret);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	return fault_file(file)->real->pMethods->xFileControl(fault_file(file)->real, op, arg);
}

static int file_sector(sqlite3_file *file)
{
	return fault_file(file)->real->pMethods->xSectorSize(fault_file(file)->real);
}

static int file_device(sqlite3_file *file)
{
	return fault_file(file)->real->pMethods->xDeviceCharacteristics(fault_file(file)->real);
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	sqlite3_file *real = fault_file(file)->real;

	return real->pMethods->xShmMap(real, page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
	return fault_file(file)->real->pMethods->xShmLock(fault_file(file)->real, at, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
	fault_file(file)->real->pMethods->xShmBarrier(fault_file(file)->real);
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
	return fault_file(file)->real->pMethods->xShmUnmap(fault_file(file)->real, remove);
}

/* Version 2: without xFetch, so that no database is mapped and every access comes by here. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static bool on_disk(const char *path)
{
	size_t len = strlen(fault.dir);

	return path && strncmp(path, fault.dir, len) == 0 && path[len] == '/';
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret)
{
	/* As SQLite's default VFS: the first sync of these is followed by one of the directory. */
	const int with_names =
		SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
	struct fault_file *f = fault_file(file);
	bool created;
	int r;

	/* Its room is large enough for a file of the VFS below. */
	if (!on_disk(path) || !(flags & (with_names | SQLITE_OPEN_MAIN_DB)))
		return fault.below->xOpen(fault.below, path, file, flags, ret);
	f->base.pMethods = NULL;
	if (fails(FAULT_OPEN))
		return SQLITE_CANTOPEN;
	created = access(path, F_OK) != 0;
	r = fault.below->xOpen(fault.below, path, f->real, flags, ret);
	if (r != SQLITE_OK)
		return r;
	f->inode = fault_disk_open(path, created);
	f->sync_names = (flags & SQLITE_OPEN_CREATE) && (flags & with_names);
	f->base.pMethods = &methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_names)
{
	int r;

	if (!on_disk(path))
		return fault.below->xDelete(fault.below, path, sync_names);
	if (fails(FAULT_OPEN))
		return SQLITE_IOERR_DELETE;
	r = fault.below->xDelete(fault.below, path, 0);
	if (r == SQLITE_OK)
		fault_disk_delete(path);
	if (r == SQLITE_OK && sync_names && !fault.lie)
		fault_disk_sync_names();
	return r;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
	return fault.below->xAccess(fault.below, path, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret)
{
	return fault.below->xFullPathname(fault.below, path, size, ret);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *ret)
{
	return fault.below->xRandomness(fault.below, size, ret);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
	return fault.below->xSleep(fault.below, us);
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
	return fault.below->xCurrentTimeInt64(fault.below, ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *ret)
{
	return errno;
}

int fault_vfs_register(const char *dir, const struct fault_hooks *hooks)
{
	snprintf(fault.dir, sizeof(fault.dir), "%s", dir);
	fault.hooks = hooks ? *hooks : (struct fault_hooks){0};
	if (fault.below)
		return SQLITE_OK;
	fault.below = sqlite3_vfs_find(NULL);
	if (!fault.below)
		return SQLITE_ERROR;
	fault.vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)sizeof(struct fault_file) + fault.below->szOsFile,
		.mxPathname = fault.below->mxPathname,
		.zName = "fault",
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTimeInt64 = vfs_time,
		.xGetLastError = vfs_last_error,
	};
	return sqlite3_vfs_register(&fault.vfs, 1);
}

void fault_vfs_fail(enum fault_call call, int error)
{
	fault.errors[call] = error;
}

void fault_vfs_fail_syncs(uint64_t from, uint64_t to, int error)
{
	fault.fail_from = from;
	fault.fail_to = to;
	fault.fail_error = error;
}

void fault_vfs_fail_all(int error)
{
	for (int i = 0; i < FAULT_CALL_COUNT_; i++)
		fault.errors[i] = error;
}

void fault_vfs_lie(bool on)
{
	fault.lie = on;
}

uint64_t fault_vfs_syncs(void)
{
	return fault.syncs;
}

void fault_vfs_reset(void)
{
	fault_disk_reset();
	fault_vfs_fail_all(0);
	fault_vfs_fail_syncs(0, 0, 0);
	fault.lie = false;
	fault.syncs = 0;
}
