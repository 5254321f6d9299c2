/*
 * A directory of configuration files for one test, and the faults of a load as one text.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "config/config.h"

struct fixture {
	char dir[64];
	struct config_env
		env;       /* nothing of the real environment; a key, unless the test clears it */
	struct buf faults; /* "main.conf:3: text\n"; the directory's name is written as "@" */
	struct config *config; /* of the last load; NULL after faults */
};

/* A fresh directory; files that tests use: @/key, @/url, @/secret, @/hook (executable), @/ca.pem. */
void fixture_init(struct fixture *f);
void fixture_done(struct fixture *f); /* removes the directory */

/* Writes `dir`/`name`; "@" in the text becomes the directory's name, except
 * in an address. */
void fixture_write(struct fixture *f, const char *name, const char *text, mode_t mode);

/* Writes main.conf (mode 0600) and loads it. Returns config_load()'s result. */
int fixture_load(struct fixture *f, const char *text);

/* Loads without a named file. */
int fixture_load_default(struct fixture *f);

/* The faults of the last load; "" for none. */
const char *fixture_faults(const struct fixture *f);
