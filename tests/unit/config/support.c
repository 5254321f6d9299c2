/* A directory of configuration files for one test. */
#include "support.h"

#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

static void expand(const struct fixture *f, const char *text, FILE *out)
{
	for (const char *c = text; *c; c++)
		if (*c == '@' && (c == text || !isalnum((unsigned char)c[-1])))
			fputs(f->dir, out);
		else
			putc(*c, out);
}

void fixture_write(struct fixture *f, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	for (char *slash = strchr(path + strlen(f->dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		cr_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	(void)unlink(path); /* an earlier one may be read-only */
	out = fopen(path, "w");
	cr_assert(out, "%s: %m", path);
	expand(f, text, out);
	cr_assert(fclose(out) == 0);
	cr_assert(chmod(path, mode) == 0);
}

void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.dir = "/tmp/tunewatch-config.XXXXXX", .faults = BUF_INIT(1 << 20)};
	cr_assert(mkdtemp(f->dir), "mkdtemp: %m");
	f->env = (struct config_env){.home = f->dir,
				     .xdg_runtime_dir = f->dir,
				     .fireworks_api_key = "fw_env"};
	fixture_write(f, "key", "fw_file\n", 0600);
	fixture_write(f, "url", "https://hooks.example.com/T/secret\n", 0600);
	fixture_write(f, "secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0600);
	fixture_write(f, "hook", "#!/bin/sh\n", 0755);
	fixture_write(f, "ca.pem", "", 0644);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void fixture_done(struct fixture *f)
{
	f->config = config_unref(f->config);
	buf_done(&f->faults);
	cr_expect(nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/* Puts "@" for the directory's name, so that expected texts are constants. */
static void append(struct fixture *f, const char *text)
{
	size_t len = strlen(f->dir);

	for (; *text; text++) {
		if (strncmp(text, f->dir, len) == 0) {
			cr_assert(buf_puts(&f->faults, "@") == 0);
			text += len - 1;
		} else {
			cr_assert(buf_append(&f->faults, text, 1) == 0);
		}
	}
}

static void on_fault(void *user, const char *file, unsigned line, const char *text)
{
	struct fixture *f = user;
	size_t len = strlen(f->dir);
	char at[32] = "";

	if (file) {
		append(f, strncmp(file, f->dir, len) == 0 ? file + len + 1 : file);
		snprintf(at, sizeof(at), ":%u: ", line);
		append(f, line ? at : ": ");
	}
	append(f, text);
	append(f, "\n");
}

static int load(struct fixture *f, const char *path)
{
	struct config *c = NULL;
	int r;

	f->config = config_unref(f->config);
	buf_clear(&f->faults);
	r = config_load(path, &f->env, on_fault, f, &c);
	cr_assert((r == 0) == (c != NULL));
	cr_assert((r == -EINVAL) == (f->faults.len > 0), "%d: %s", r, fixture_faults(f));
	f->config = c;
	return r;
}

int fixture_load(struct fixture *f, const char *text)
{
	char path[256];

	fixture_write(f, "main.conf", text, 0600);
	snprintf(path, sizeof(path), "%s/main.conf", f->dir);
	return load(f, path);
}

int fixture_load_default(struct fixture *f)
{
	return load(f, NULL);
}

const char *fixture_faults(const struct fixture *f)
{
	return buf_str(&f->faults);
}
