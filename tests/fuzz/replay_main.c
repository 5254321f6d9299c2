/*
 * Runs a fuzz target over every file of its corpus and speaks TAP, so that what a fuzzer once found
 * stays found. Needs no fuzzer: replay-NAME DIRECTORY.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"

#define INPUT_MAX (16UL << 20)

static int read_file(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "rb");
	char chunk[4096];
	size_t n;
	int r = 0;

	if (!f)
		return -errno;
	while (r == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		r = buf_append(b, chunk, n);
	if (ferror(f))
		r = -EIO;
	fclose(f);
	return r;
}

static int replay(const char *path)
{
	_cleanup_buf_ struct buf b = BUF_INIT(INPUT_MAX);
	_cleanup_free_ uint8_t *exact = NULL;
	int r = read_file(path, &b);

	if (r < 0)
		return r;
	/* Without the buffer's room and NUL behind it: a sanitizer shall see each byte too many. */
	exact = malloc(b.len);
	if (!exact && b.len > 0)
		return -ENOMEM;
	if (b.len > 0)
		memcpy(exact, b.data, b.len);
	LLVMFuzzerTestOneInput(exact, b.len);
	return 0;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n, failed = 0;
	const char *corpus;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 64;
	}
	corpus = basename(argv[1]);
	n = scandir(argv[1], &entries, not_hidden, alphasort);
	if (n <= 0) {
		fprintf(stderr, "%s: %s\n", argv[1], n < 0 ? strerror(errno) : "no inputs");
		return 66;
	}
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;
		int r = -ENOMEM;

		/* Said before, so that a crash has a name. */
		printf("# %s/%s\n", corpus, entries[i]->d_name);
		fflush(stdout);
		if (asprintf(&path, "%s/%s", argv[1], entries[i]->d_name) >= 0)
			r = replay(path);
		else
			path = NULL;
		printf("%s - %s/%s%s%s\n", r < 0 ? "not ok" : "ok", corpus, entries[i]->d_name,
		       r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
		failed += r < 0;
		free(entries[i]);
	}
	free(entries);
	return failed > 0;
}
