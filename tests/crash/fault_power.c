/*
 * The daemon's disk: TW_FAULT_DISK=FILE puts the model disk below its store, with the faults that the
 * file names, a line each. It is read again when another file has taken its place, so that a test can
 * break the disk of a running daemon and mend it.
 *
 *   dir PATH               the state directory; must come first
 *   cut N when MODE SEED   the power goes at the Nth sync, when: before or after it takes effect,
 *                          and leaves what fault_disk.h says of the mode
 *   fail CALL ERRNO        calls fail: read, write, sync, open
 *   lie                    syncs do nothing
 *
 * FILE.syncs says how many syncs there were.
 */
#include "tests/crash/fault_disk.h"
#include "tests/crash/fault_vfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

static struct {
	const char *path;
	ino_t inode;
	char dir[512];
	struct {
		uint64_t at, seed;
		bool after;
		enum fault_mode mode;
	} cut;
	int syncs_fd;
} wish;

static int index_of(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	abort(); /* a wish that is not understood must not pass for a disk that works */
}

static void read_line(const char *line)
{
	static const char *const calls[FAULT_CALL_COUNT_] = {
		[FAULT_READ] = "read",
		[FAULT_WRITE] = "write",
		[FAULT_SYNC] = "sync",
		[FAULT_OPEN] = "open",
	};
	static const char *const whens[] = {"before", "after"};
	char first[16], second[16];
	int error;

	if (sscanf(line, "dir %511s", wish.dir) == 1)
		return;
	if (strcmp(line, "lie\n") == 0) {
		fault_vfs_lie(true);
	} else if (sscanf(line, "fail %15s %d", first, &error) == 2) {
		fault_vfs_fail((enum fault_call)index_of(calls, FAULT_CALL_COUNT_, first), error);
	} else if (sscanf(line, "cut %" SCNu64 " %15s %15s %" SCNu64, &wish.cut.at, first, second,
			  &wish.cut.seed) == 4) {
		wish.cut.after = index_of(whens, ARRAY_LEN(whens), first);
		wish.cut.mode =
			(enum fault_mode)index_of(fault_mode_names, FAULT_MODE_COUNT_, second);
	} else {
		abort();
	}
}

static void read_wish(void)
{
	struct stat st;
	char line[600];
	FILE *f;

	if (stat(wish.path, &st) == 0 && st.st_ino == wish.inode)
		return;
	f = fopen(wish.path, "re");
	if (!f || fstat(fileno(f), &st) < 0)
		abort();
	wish.inode = st.st_ino;
	fault_vfs_fail_all(0);
	fault_vfs_lie(false);
	while (fgets(line, sizeof(line), f))
		read_line(line);
	fclose(f);
}

static void on_call(void *user)
{
	read_wish();
}

static void on_sync(void *user, uint64_t n, bool after)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", n);

	if (pwrite(wish.syncs_fd, text, (size_t)len, 0) != len)
		abort();
	if (n != wish.cut.at || after != wish.cut.after)
		return;
	if (!fault_disk_leave(wish.dir, wish.cut.mode, wish.cut.seed))
		abort();
	kill(getpid(), SIGKILL);
}

__attribute__((constructor)) static void read_environment(void)
{
	const struct fault_hooks hooks = {.on_call = on_call, .on_sync = on_sync};
	char syncs[512];

	wish.path = getenv("TW_FAULT_DISK");
	if (!wish.path)
		return;
	snprintf(syncs, sizeof(syncs), "%s.syncs", wish.path);
	wish.syncs_fd = open(syncs, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	read_wish();
	if (wish.syncs_fd < 0 || !wish.dir[0] || fault_vfs_register(wish.dir, &hooks) != SQLITE_OK)
		abort();
}
