/*
 * The model of a disk that loses power: per file what is durable and every change since, per name
 * what it stood for at the last sync of the directory and since. It mirrors real files, which hold
 * what the page cache holds, and can write down what a power cut at this moment could leave.
 *
 * One disk a process, one thread at a time. Test support: out of memory aborts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_SECTOR 512 /* bytes that are written whole or not at all */

/* What becomes of changes that were not synced. Torn ones: each sector, size and name by chance. */
enum fault_mode {
	FAULT_DROP, /* gone */
	FAULT_KEEP, /* there: as a crash of the process alone leaves it */
	FAULT_TORN, /* each sector as any of the writes since the sync left it, or as before them */
	FAULT_GARBAGE, /* torn, and a write that was under way may have left noise in its range */
	FAULT_MODE_COUNT_,
};
extern const char *const fault_mode_names[FAULT_MODE_COUNT_];

struct fault_inode; /* a file, whatever its name; lives until fault_disk_reset() */

/*
 * The file with this path, which exists. One that was not known is durable as it is, unless it is
 * new (`created`) or empty: then its name is not.
 */
struct fault_inode *fault_disk_open(const char *path, bool created);
void fault_disk_delete(const char *path);
void fault_disk_sync_names(void); /* the directory's fsync */

void fault_disk_write(struct fault_inode *f, const void *data, size_t len, size_t at);
void fault_disk_truncate(struct fault_inode *f, size_t size);
void fault_disk_sync(struct fault_inode *f);
/*
 * What Linux does when writing back fails: fsync says so once, the pages are clean from then on, so
 * the next fsync succeeds without having written them.
 */
void fault_disk_fail_sync(struct fault_inode *f);

/*
 * Writes what the disk could hold after a power cut now into `dir`, under the files' last names,
 * and removes what has no name there; the files of shared memory go as well. The same seed gives the
 * same files. Reads only the model, which stays as it is. False with errno when it cannot write.
 */
bool fault_disk_leave(const char *dir, enum fault_mode mode, uint64_t seed);

void fault_disk_reset(void); /* forgets all files */
