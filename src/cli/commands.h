/*
 * The one table of commands and the one of options: what is parsed, what --help and `help` say, and
 * what the shells complete. tests/structure/tables.py keeps the manual in step with it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

/* What an argument is, for the shells. */
enum argument {
	ARGUMENT_NONE,
	ARGUMENT_ACCOUNT,
	ARGUMENT_OTHER, /* nothing that could be listed */
	ARGUMENT_COMMAND,
	ARGUMENT_DELIVERY,
	ARGUMENT_EVENT,
	ARGUMENT_FILE,
	ARGUMENT_JOB,
	ARGUMENT_NOTIFIER,
	ARGUMENT_STATE, /* of a delivery */
};

struct option_info {
	const char *name;
	char letter;          /* '\0': none */
	const char *argument; /* as the help writes it; NULL: it takes none */
	enum argument kind;
	const char *summary;
};

struct command_info {
	const char *name;
	const char *arguments; /* as the help writes them, options included; "" for none */
	enum argument kind;
	unsigned options; /* bit per enum option_id, next to those of every command */
	const char *summary;
	const char *text;  /* a sentence or two */
	const char *exits; /* what the exit status says, beyond COMMON_EXITS */
	const char *example;
	cli_command_fn run;
};

extern const struct option_info option_infos[OPTION_COUNT_];

/* Options that every command takes. */
#define COMMON_OPTIONS                                                                             \
	(1U << OPTION_HELP | 1U << OPTION_JSON | 1U << OPTION_NO_COLOR | 1U << OPTION_SOCKET |     \
	 1U << OPTION_VERSION)

#define COMMON_EXITS                                                                               \
	"64 usage, 69 tunewatchd not reachable, 75 not now, 77 not allowed; the rest: tunewatch(1)"

/* By index; NULL behind the last. */
const struct command_info *command_at(size_t i);

const struct command_info *command_find(const char *name); /* NULL: none is called so */

/* The command whose name is nearest, or NULL. */
const char *command_nearest(const char *name);

/* The same for options, "job" for "jbo", of those that `command` takes; NULL: of all. */
const char *option_nearest(const char *name, const struct command_info *command);

bool command_takes(const struct command_info *command, enum option_id id);
