/* Reading one configuration file, whole and bounded. */
#include "config/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int read_whole(int fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : buf_append(b, chunk, (size_t)n);
		explicit_bzero(chunk, n > 0 ? (size_t)n : 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int file_add(struct load *l, const char *path, const struct stat *st)
{
	struct source_file f = {.path = strdup(path), .st = *st};

	if (!f.path || array_reserve(&l->files, l->n_files, &l->cap_files, sizeof(*l->files)) < 0) {
		free(f.path);
		return -ENOMEM;
	}
	l->files[l->n_files++] = f;
	return 0;
}

int file_load(struct load *l, const char *path, bool missing_ok)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int file = (int)l->n_files, why = 0, r;
	struct buf b = BUF_INIT(CONFIG_FILE_MAX);
	struct place whole = {file, 0};
	struct stat st = {0};

	if (fd < 0 || fstat(fd, &st) < 0)
		why = errno;
	if (why == ENOENT && missing_ok)
		return -ENOENT;
	r = file_add(l, path, &st);
	if (r < 0)
		return r;
	if (why || !S_ISREG(st.st_mode)) {
		l->cut_short = true;
		fault_add(l, whole, "cannot read: %s", why ? strerror(why) : "not a regular file");
		return 0;
	}
	r = read_whole(fd, &b);
	if (r == -EMSGSIZE)
		fault_add(l, whole, "larger than %u MiB", CONFIG_FILE_MAX >> 20);
	else if (r < 0 && r != -ENOMEM)
		fault_add(l, whole, "cannot read: %s", strerror(-r));
	else if (r == 0 && b.len > 0 && memchr(b.data, '\0', b.len))
		fault_add(l, whole, "holds a NUL byte: not a text file");
	else if (r == 0 && b.len > 0)
		r = parse_text(l, file, b.data);
	if (b.data)
		explicit_bzero(b.data, b.cap);
	buf_done(&b);
	return r == -ENOMEM ? r : 0;
}
