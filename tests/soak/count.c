/*
 * Preloaded into the daemon under soak: how many blocks of memory there are, and bytes in them,
 * exactly. What the kernel tells of a process hides a small leak in the allocator's own slack.
 * Small blocks are counted by their size, which says what has grown; large ones together: most are
 * SQLite's cache, which has a bound and comes and goes below it.
 *
 * TW_SOAK_COUNT names a file of at least sizeof(struct counts) zero bytes, which the soak maps,
 * too.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE 2048
#define STEP  16

struct counts {
	_Atomic int64_t blocks[LARGE / STEP]; /* of a usable size of STEP times the index, and 8 */
	_Atomic int64_t large_bytes;
};

/* glibc's own, below those that are replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static struct counts before; /* until the file is there */
static struct counts *_Atomic counts = &before;

static void *count(void *p, int64_t sign)
{
	struct counts *c = atomic_load_explicit(&counts, memory_order_relaxed);
	int64_t size = p ? (int64_t)malloc_usable_size(p) : 0;

	if (!p)
		return NULL;
	if (size >= LARGE)
		atomic_fetch_add_explicit(&c->large_bytes, sign * size, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&c->blocks[size / STEP], sign, memory_order_relaxed);
	return p;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("TW_SOAK_COUNT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct counts *map = MAP_FAILED;

	if (fd >= 0) {
		map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (map != MAP_FAILED) {
		*map = before; /* there is one thread yet */
		atomic_store(&counts, map);
	}
}

void *malloc(size_t size)
{
	return count(__libc_malloc(size), 1);
}

void *calloc(size_t n, size_t size)
{
	return count(__libc_calloc(n, size), 1);
}

void *realloc(void *p, size_t size)
{
	void *moved;

	/* Counted before, for there is no asking afterwards; a failure puts it back. */
	count(p, -1);
	moved = __libc_realloc(p, size);
	if (moved)
		count(moved, 1);
	else if (size > 0)
		count(p, 1);
	return moved;
}

void *memalign(size_t alignment, size_t size)
{
	return count(__libc_memalign(alignment, size), 1);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void free(void *p)
{
	count(p, -1);
	__libc_free(p);
}
