/* Small files for one reader: whole or not there, and in no directory that others can enter. */
#include "io/private_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/tempdir.h"

static char top[TEMPDIR_MAX], dir[TEMPDIR_MAX + 8];

static void setup(void)
{
	tempdir_make(top);
	snprintf(dir, sizeof(dir), "%s/units", top);
}

static void teardown(void)
{
	tempdir_remove(top);
}

TestSuite(private_file, .init = setup, .fini = teardown);

static void expect_mode(const char *name, mode_t mode)
{
	char path[sizeof(dir) + 64];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "", name);
	cr_assert_eq(lstat(path, &st), 0, "%s: %m", path);
	cr_expect_eq(st.st_mode & 07777, mode, "%s: %o", path, st.st_mode);
}

Test(private_file, written_and_replaced)
{
	struct error e = ERROR_NONE;

	cr_expect_not(private_file_holds(dir, "a.service", "one", 3));
	umask(0);
	cr_assert_eq(private_file_write(dir, "a.service", "one", 3, &e), 0, "%s", e.text);
	expect_mode("", 0700);
	expect_mode("a.service", 0600);
	cr_expect(private_file_holds(dir, "a.service", "one", 3));
	cr_expect_not(private_file_holds(dir, "a.service", "on", 2));
	cr_expect_not(private_file_holds(dir, "a.service", "ones", 4));
	cr_expect_not(private_file_holds(dir, "a.service", "two", 3));
	cr_assert_eq(private_file_write(dir, "a.service", "twice", 5, &e), 0, "%s", e.text);
	cr_expect(private_file_holds(dir, "a.service", "twice", 5));
	private_file_remove(dir, "a.service");
	private_file_remove(dir, "a.service");
	cr_expect_not(private_file_holds(dir, "a.service", "twice", 5));
	cr_expect_eq(rmdir(dir), 0, "something else is left: %m");
}

Test(private_file, what_a_crash_left_is_no_obstacle)
{
	struct error e = ERROR_NONE;
	char path[sizeof(dir) + 8];
	FILE *file;

	cr_assert_eq(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/.new", dir);
	file = fopen(path, "w");
	cr_assert(file && fclose(file) == 0);
	cr_expect_eq(private_file_write(dir, "a", "one", 3, &e), 0, "%s", e.text);
}

Test(private_file, a_directory_that_is_open_to_others_is_refused)
{
	struct error e = ERROR_NONE;
	char other[sizeof(dir) + 8];

	umask(0);
	cr_assert_eq(mkdir(dir, 0750), 0);
	cr_expect_eq(private_file_write(dir, "a", "one", 3, &e), -EPERM);
	cr_expect(strstr(e.text, "is not private to the daemon"), "%s", e.text);
	cr_assert_eq(chmod(dir, 0700), 0);
	snprintf(other, sizeof(other), "%s-link", dir);
	cr_assert_eq(symlink(dir, other), 0);
	cr_expect_lt(private_file_write(other, "a", "one", 3, &e), 0, "a link was followed");
	cr_expect_not(private_file_holds(dir, "a", "one", 3));
	cr_expect_eq(private_file_write("/nonexistent/x", "a", "one", 3, &e), -ENOENT);
}
