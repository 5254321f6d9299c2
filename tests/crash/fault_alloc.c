/*
 * Allocations of our own objects that fail: the libraries' go past this file, since they are not
 * linked with --wrap (json-c crashes on one of its own that fails).
 *
 * TW_FAULT_ALLOC names a file of at least sizeof(struct plan) zero bytes, through which a test that
 * maps it, too, speaks to the running daemon. Nothing else is in this file: the linker redirects
 * calls between files only.
 */
#include "fault.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES_MAX 16

struct plan {
	_Atomic int64_t fail_at; /* N: the N-th from now on fails, once; 0 and below: none */
	_Atomic uint64_t count;  /* allocations so far */
	_Atomic uint64_t failed; /* of these */
};

static struct plan *plan;

__attribute__((constructor)) static void read_environment(void)
{
	const char *path = getenv("TW_FAULT_ALLOC");
	void *first;
	void *map;
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	map = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || map == MAP_FAILED)
		abort();
	close(fd);
	backtrace(&first, 1); /* the first call allocates */
	plan = map;
}

/* Where it was, for the test's log: addr2line reads it. */
static void tell(void)
{
	static const char mark[] = "an allocation fails:\n";
	void *frames[FRAMES_MAX];
	int n = backtrace(frames, FRAMES_MAX);

	if (write(STDERR_FILENO, mark, sizeof(mark) - 1) > 0)
		backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

static bool fails(void)
{
	if (!plan)
		return false;
	atomic_fetch_add(&plan->count, 1);
	if (atomic_load(&plan->fail_at) <= 0 || atomic_fetch_sub(&plan->fail_at, 1) != 1)
		return false;
	tell();
	atomic_fetch_add(&plan->failed, 1);
	errno = ENOMEM;
	return true;
}

WRAP(void *, malloc, size_t size)
{
	return fails() ? NULL : REAL(malloc)(size);
}

WRAP(void *, calloc, size_t n, size_t size)
{
	return fails() ? NULL : REAL(calloc)(n, size);
}

WRAP(void *, realloc, void *p, size_t size)
{
	return fails() ? NULL : REAL(realloc)(p, size);
}

WRAP(void *, reallocarray, void *p, size_t n, size_t size)
{
	return fails() ? NULL : REAL(reallocarray)(p, n, size);
}

WRAP(char *, strdup, const char *text)
{
	return fails() ? NULL : REAL(strdup)(text);
}

WRAP(char *, strndup, const char *text, size_t n)
{
	return fails() ? NULL : REAL(strndup)(text, n);
}

WRAP(int, vasprintf, char **ret, const char *format, va_list list)
{
	return fails() ? -1 : REAL(vasprintf)(ret, format, list);
}

WRAP(int, asprintf, char **ret, const char *format, ...)
{
	va_list list;
	int r;

	if (fails())
		return -1;
	va_start(list, format);
	r = REAL(vasprintf)(ret, format, list);
	va_end(list);
	return r;
}
