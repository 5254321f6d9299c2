/* What a disk holds for sure, and what it may hold. */
#include "tests/crash/fault_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

const char *const fault_mode_names[FAULT_MODE_COUNT_] = {"drop", "keep", "torn", "garbage"};

/* A write; or, without bytes, a new size. */
struct change {
	size_t at, len;
	uint8_t *bytes;
};

struct fault_inode {
	struct fault_inode *next;
	uint64_t number;
	ino_t real; /* the number of the real file */
	uint8_t *durable;
	size_t size; /* of the durable content */
	struct change *changes;
	size_t n, cap;
};

/* versions[0] is durable, the last one is what is there now; NULL: no such file. */
struct name {
	struct name *next;
	char *path;
	struct fault_inode **versions;
	size_t n;
};

static struct {
	struct fault_inode *inodes;
	struct name *names;
	uint64_t number;
} disk;

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* splitmix64: a number that looks drawn, for each different argument. */
static uint64_t draw(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* ---- names ---- */

static struct name *find_name(const char *path)
{
	for (struct name *name = disk.names; name; name = name->next)
		if (strcmp(name->path, path) == 0)
			return name;
	return NULL;
}

static void push_version(struct name *name, struct fault_inode *f)
{
	name->versions = must(reallocarray(name->versions, name->n + 1, sizeof(*name->versions)));
	name->versions[name->n++] = f;
}

static struct name *add_name(const char *path, struct fault_inode *durable)
{
	struct name *name = must(calloc(1, sizeof(*name)));

	name->path = must(strdup(path));
	name->next = disk.names;
	disk.names = name;
	push_version(name, durable);
	return name;
}

static struct fault_inode *add_inode(void)
{
	struct fault_inode *f = must(calloc(1, sizeof(*f)));

	f->number = ++disk.number;
	f->next = disk.inodes;
	disk.inodes = f;
	return f;
}

static void read_content(struct fault_inode *f, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	f->size = (size_t)st.st_size;
	f->durable = must(malloc(f->size + 1));
	if (read(fd, f->durable, f->size) != st.st_size)
		abort();
}

struct fault_inode *fault_disk_open(const char *path, bool created)
{
	struct name *name = find_name(path);
	struct fault_inode *f = name ? name->versions[name->n - 1] : NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		abort();
	if (f && f->real == st.st_ino)
		return f;
	if (f) {
		/* Somebody made a file beside it, synced it, gave it the name, and synced that. */
		f = add_inode();
		f->real = st.st_ino;
		read_content(f, path);
		push_version(name, f);
		fault_disk_sync_names();
		return f;
	}
	f = add_inode();
	f->real = st.st_ino;
	if (!created)
		read_content(f, path);
	if (!name)
		name = add_name(path, f->size > 0 ? f : NULL);
	if (name->versions[name->n - 1] != f)
		push_version(name, f);
	return f;
}

void fault_disk_delete(const char *path)
{
	struct name *name = find_name(path);

	if (name && name->versions[name->n - 1])
		push_version(name, NULL);
}

void fault_disk_sync_names(void)
{
	for (struct name *name = disk.names; name; name = name->next) {
		name->versions[0] = name->versions[name->n - 1];
		name->n = 1;
	}
}

/* ---- content ---- */

static struct change *add_change(struct fault_inode *f)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 16;
		f->changes = must(reallocarray(f->changes, f->cap, sizeof(*f->changes)));
	}
	f->changes[f->n] = (struct change){0};
	return &f->changes[f->n++];
}

void fault_disk_write(struct fault_inode *f, const void *data, size_t len, size_t at)
{
	struct change *c = add_change(f);

	c->at = at;
	c->len = len;
	c->bytes = must(malloc(len + 1));
	memcpy(c->bytes, data, len);
}

void fault_disk_truncate(struct fault_inode *f, size_t size)
{
	add_change(f)->at = size;
}

static void forget_changes(struct fault_inode *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->changes[i].bytes);
	f->n = 0;
}

/* The size after the change, which was `size` before. */
static size_t size_after(const struct change *c, size_t size)
{
	if (!c->bytes)
		return c->at;
	return MAX(size, c->at + c->len);
}

/*
 * A file while it is being put together: its sectors, as many as it ever had. Each takes the first
 * `take` of the changes that touch it.
 */
struct image {
	uint8_t *bytes;
	size_t size;      /* that the file will have */
	size_t max;       /* that it ever had */
	unsigned *takes;  /* by sector */
	unsigned *passed; /* changes that have come by, by sector */
};

static void image_done(struct image *m)
{
	free(m->bytes);
	free(m->takes);
	free(m->passed);
}

/* The range of a change; a new size empties what lies behind it. */
static size_t change_end(const struct change *c, const struct image *m)
{
	return c->bytes ? c->at + c->len : MAX(m->max, c->at);
}

static void count_touches(const struct fault_inode *f, struct image *m)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct change *c = &f->changes[i];

		for (size_t s = c->at / FAULT_SECTOR; s * FAULT_SECTOR < change_end(c, m); s++)
			m->takes[s]++;
	}
}

/* From the number of changes to how many of them the disk has. */
static void draw_takes(const struct fault_inode *f, struct image *m, enum fault_mode mode,
		       uint64_t seed)
{
	size_t chosen = mode == FAULT_DROP ? 0 : f->n;

	if (mode == FAULT_TORN || mode == FAULT_GARBAGE)
		chosen = draw(seed ^ draw(f->number)) % (f->n + 1);
	m->size = f->size;
	for (size_t i = 0; i < chosen; i++)
		m->size = size_after(&f->changes[i], m->size);
	for (size_t s = 0; s <= m->max / FAULT_SECTOR; s++) {
		if (mode == FAULT_DROP)
			m->takes[s] = 0;
		else if (mode != FAULT_KEEP)
			m->takes[s] = (unsigned)(draw(seed ^ draw(f->number << 40 ^ (s + 1))) %
						 (m->takes[s] + 1));
	}
}

static void fill(struct image *m, const struct change *c, size_t from, size_t to)
{
	if (c->bytes)
		memcpy(m->bytes + from, c->bytes + (from - c->at), to - from);
	else
		memset(m->bytes + from, 0, to - from);
}

static void fill_noise(struct image *m, size_t from, size_t to, uint64_t seed)
{
	for (size_t i = from; i < to; i++)
		m->bytes[i] = (uint8_t)draw(seed + i);
}

static void apply_change(struct image *m, const struct change *c, bool noise, uint64_t seed)
{
	size_t end = change_end(c, m);

	for (size_t s = c->at / FAULT_SECTOR; s * FAULT_SECTOR < end; s++) {
		size_t from = MAX(c->at, s * FAULT_SECTOR);
		size_t to = MIN(end, (s + 1) * FAULT_SECTOR);

		if (m->passed[s] < m->takes[s])
			fill(m, c, from, to);
		else if (noise && m->passed[s] == m->takes[s] && draw(seed ^ draw(s)) % 4 == 0)
			fill_noise(m, from, to, seed);
		m->passed[s]++;
	}
}

static void image_make(struct image *m, const struct fault_inode *f, enum fault_mode mode,
		       uint64_t seed)
{
	size_t size = f->size, sectors;

	*m = (struct image){.max = f->size};
	for (size_t i = 0; i < f->n; i++) {
		size = size_after(&f->changes[i], size);
		m->max = MAX(m->max, size);
	}
	sectors = m->max / FAULT_SECTOR + 1;
	m->bytes = must(calloc(sectors, FAULT_SECTOR));
	m->takes = must(calloc(sectors, sizeof(*m->takes)));
	m->passed = must(calloc(sectors, sizeof(*m->passed)));
	if (f->size > 0)
		memcpy(m->bytes, f->durable, f->size);
	count_touches(f, m);
	draw_takes(f, m, mode, seed);
	for (size_t i = 0; i < f->n; i++)
		apply_change(m, &f->changes[i], mode == FAULT_GARBAGE, seed);
}

void fault_disk_sync(struct fault_inode *f)
{
	struct image m;

	if (f->n == 0)
		return;
	image_make(&m, f, FAULT_KEEP, 0);
	free(f->durable);
	f->durable = TAKE_PTR(m.bytes);
	f->size = m.size;
	image_done(&m);
	forget_changes(f);
}

void fault_disk_fail_sync(struct fault_inode *f)
{
	forget_changes(f);
}

/* ---- the cut ---- */

static bool write_file(const char *path, const void *data, size_t len)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, data, len) == (ssize_t)len;
}

static bool remove_file(const char *dir, const char *name, const char *suffix)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
	return unlink(path) == 0 || errno == ENOENT;
}

static bool leave_name(const struct name *name, const char *dir, enum fault_mode mode,
		       uint64_t seed, uint64_t turn)
{
	const char *base = strrchr(name->path, '/') + 1;
	const struct fault_inode *f;
	size_t version = mode == FAULT_DROP ? 0 : name->n - 1;
	char path[PATH_MAX];
	struct image m;
	bool good;

	if (!remove_file(dir, base, "") || !remove_file(dir, base, "-shm"))
		return false;
	if (mode == FAULT_TORN || mode == FAULT_GARBAGE)
		version = draw(seed ^ draw(turn << 32)) % name->n;
	f = name->versions[version];
	if (!f)
		return true;
	image_make(&m, f, mode, seed);
	snprintf(path, sizeof(path), "%s/%s", dir, base);
	good = write_file(path, m.bytes, m.size);
	image_done(&m);
	return good;
}

bool fault_disk_leave(const char *dir, enum fault_mode mode, uint64_t seed)
{
	uint64_t turn = 0;

	for (const struct name *name = disk.names; name; name = name->next)
		if (!leave_name(name, dir, mode, seed, ++turn))
			return false;
	return true;
}

void fault_disk_reset(void)
{
	while (disk.names) {
		struct name *name = disk.names;

		disk.names = name->next;
		free(name->path);
		free(name->versions);
		free(name);
	}
	while (disk.inodes) {
		struct fault_inode *f = disk.inodes;

		disk.inodes = f->next;
		forget_changes(f);
		free(f->changes);
		free(f->durable);
		free(f);
	}
	disk.number = 0;
}
