/*
 * What every command of the client shares: the global options, and how commands are called. One file
 * a command.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sysexits.h>

#include "base/macro.h"

/* Exit status beyond sysexits.h: no such job, or the daemon would not. */
#define CLI_EXIT_NO_SUCH_JOB 1
#define CLI_EXIT_REFUSED     1

#define CLI_EXIT_FAILED        1 /* the job failed or expired */
#define CLI_EXIT_CANCELLED     3
#define CLI_EXIT_REMOVED       4
#define CLI_EXIT_EARLY_STOPPED 5

#define CLI_NOTIFY_MAX 64 /* of --notify */

struct cli {
	const char *socket;                 /* path of the control socket */
	bool json;                          /* documents instead of tables */
	bool colour;                        /* standard output is a terminal that wants it */
	const char *state;                  /* deliveries: NULL for what is pending or dead */
	bool dead;                          /* retry: all that are dead */
	const char *account, *id, *timeout; /* submit: as given, or NULL */
	bool wait;                          /* submit: until the job has ended */
	const char *notify[CLI_NOTIFY_MAX]; /* submit */
	size_t n_notify;
};

/* Runs with the arguments behind the command's name; returns the exit status. */
typedef int (*cli_command_fn)(const struct cli *cli, int argc, char *const argv[]);

int command_deliveries(const struct cli *cli, int argc, char *const argv[]);
int command_retry(const struct cli *cli, int argc, char *const argv[]);
int command_status(const struct cli *cli, int argc, char *const argv[]);
int command_submit(const struct cli *cli, int argc, char *const argv[]);
int command_version(const struct cli *cli, int argc, char *const argv[]);

/*
 * Waits until a watched job has ended, also while the daemon is away; the exit status says how it did
 * (product: 0 succeeded, 1 failed or expired, 3, 4, 5).
 */
int cli_wait_for(const struct cli *cli, const char *full_name);

/* One sentence on standard error, control characters replaced; returns `exit_status`. */
int cli_fail(int exit_status, const char *fmt, ...) _printf_(2, 3);

/* Flushes standard output; 0, or EX_IOERR and a sentence when it could not be written. */
int cli_finish_output(void);

/* Another program's answer, or another version's: EX_UNAVAILABLE. */
int cli_fail_unreadable(const struct cli *cli);

#define CLI_ANSWER_MAX (256UL << 20) /* bytes of the largest answer: 100,000 jobs fit */

struct table;

/* Prints it as wide as the terminal; 0 or EX_OSERR and a sentence. */
int cli_print_table(const struct cli *cli, struct table *table);

/* Columns of the terminal at standard output; 0 when it is none: no limit. */
size_t cli_width(void);
