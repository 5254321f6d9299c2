/* Directories and files of tests. */
#include "tests/support/tempdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

void tempdir_make(char ret[TEMPDIR_MAX])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(ret, TEMPDIR_MAX, "%s/tunewatch-test.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	cr_assert_not_null(mkdtemp(ret), "mkdtemp(%s): %m", ret);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void tempdir_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *tempdir_read(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *data;
	long size;

	cr_assert_not_null(f, "%s: %m", path);
	cr_assert_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	cr_assert_geq(size, 0);
	rewind(f);
	data = malloc((size_t)size + 1);
	cr_assert_not_null(data);
	cr_assert_eq(fread(data, 1, (size_t)size, f), (size_t)size, "%s", path);
	data[size] = '\0';
	fclose(f);
	*ret_len = (size_t)size;
	return data;
}

void tempdir_write(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "we");

	cr_assert_not_null(f, "%s: %m", path);
	cr_assert_eq(fwrite(data, 1, len, f), len, "%s", path);
	cr_assert_eq(fclose(f), 0, "%s: %m", path);
}
