/*
 * A file system for SQLite on top of the default one, whose disk loses power, fails and lies.
 *
 * The databases below one directory, their journals and -wal files lie on the model disk of
 * fault_disk.h as well as in real files; shared memory is not on the disk. All other files are
 * passed through. Nothing is really synced, so runs are fast. One thread at a time, as with a store.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* What can fail. */
enum fault_call {
	FAULT_READ,
	FAULT_WRITE, /* truncates too */
	FAULT_SYNC,  /* and what was to be synced is lost for good, see fault_disk_fail_sync() */
	FAULT_OPEN,  /* and deletes */
	FAULT_CALL_COUNT_,
};

struct fault_hooks {
	/* Before anything is done with a file: a moment to change the faults. */
	void (*on_call)(void *user);
	/* The `n`th sync (from 1), before and after it takes effect. May leave the disk's image. */
	void (*on_sync)(void *user, uint64_t n, bool after);
	void *user;
};

/* Becomes the default of this process, for files below `dir`. SQLite's result code. */
int fault_vfs_register(const char *dir, const struct fault_hooks *hooks);

/* From now on such calls fail with this errno; 0: they work. */
void fault_vfs_fail(enum fault_call call, int error);
/* Syncs `from` up to, but without, `to` fail. */
void fault_vfs_fail_syncs(uint64_t from, uint64_t to, int error);
void fault_vfs_fail_all(int error); /* every call, as if the process had died; 0: no more */

/* Syncs succeed and do nothing: a disk that lies. */
void fault_vfs_lie(bool on);

uint64_t fault_vfs_syncs(void); /* so far */

/* A new disk without faults, which has synced nothing. No file is open on it. */
void fault_vfs_reset(void);
