/*
 * What every command of the client shares: the options as they were given, and how commands are
 * called. One file a command.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include "base/macro.h"
#include "cli/client.h"
#include "codec/status_json.h"

/* Exit status beyond sysexits.h. The first: no such job, or the daemon would not. */
#define CLI_EXIT_REFUSED       1
#define CLI_EXIT_FAILED        1 /* wait: the job failed or expired */
#define CLI_EXIT_CANCELLED     3
#define CLI_EXIT_REMOVED       4
#define CLI_EXIT_EARLY_STOPPED 5
#define CLI_EXIT_TIMED_OUT     124

/* In the order of the alphabet, those of every command last; commands.c says what each is. */
enum option_id {
	OPTION_ACCOUNT,
	OPTION_ANY,
	OPTION_DEAD,
	OPTION_EVENT,
	OPTION_FOLLOW,
	OPTION_ID,
	OPTION_JOB,
	OPTION_LINES,
	OPTION_NOTIFY,
	OPTION_SINCE,
	OPTION_STATE,
	OPTION_TIMEOUT,
	OPTION_WAIT,
	OPTION_HELP,
	OPTION_JSON,
	OPTION_NO_COLOR,
	OPTION_SOCKET,
	OPTION_VERSION,
	OPTION_COUNT_,
};

#define CLI_NOTIFY_MAX 64 /* of --notify */

struct cli {
	const char *socket;    /* path of the control socket */
	struct client *client; /* of that socket */
	bool json;             /* documents instead of tables */
	bool colour;           /* standard output is a terminal that wants it */
	unsigned given;        /* bit per enum option_id */
	const char *values[OPTION_COUNT_];
	const char *notify[CLI_NOTIFY_MAX];
	size_t n_notify;
};

static inline bool cli_given(const struct cli *cli, enum option_id id)
{
	return cli->given & 1U << id;
}

/* Runs with the arguments behind the command's name; returns the exit status. */
typedef int (*cli_command_fn)(const struct cli *cli, int argc, char *const argv[]);

int command_add(const struct cli *cli, int argc, char *const argv[]);
int command_deliveries(const struct cli *cli, int argc, char *const argv[]);
int command_events(const struct cli *cli, int argc, char *const argv[]);
int command_help(const struct cli *cli, int argc, char *const argv[]);
int command_notifiers(const struct cli *cli, int argc, char *const argv[]);
int command_reload(const struct cli *cli, int argc, char *const argv[]);
int command_remove(const struct cli *cli, int argc, char *const argv[]);
int command_retry(const struct cli *cli, int argc, char *const argv[]);
int command_status(const struct cli *cli, int argc, char *const argv[]);
int command_submit(const struct cli *cli, int argc, char *const argv[]);
int command_test(const struct cli *cli, int argc, char *const argv[]);
int command_version(const struct cli *cli, int argc, char *const argv[]);
int command_wait(const struct cli *cli, int argc, char *const argv[]);
int command_watch(const struct cli *cli, int argc, char *const argv[]);

/* One sentence on standard error, control characters replaced; returns `exit_status`. */
int cli_fail(int exit_status, const char *fmt, ...) _printf_(2, 3);

/*
 * Whether who read standard output has gone. Who prints only now and then asks, for else it would be
 * noticed with the next line, and raises SIGPIPE as writing that would.
 */
bool cli_nobody_reads(void);

/* What a call came to, or a negative errno alone; returns the exit status. */
int cli_fail_call(const struct client_result *result, int r);
int cli_fail_errno(int r);

/* The daemon is away, or not ours to ask: another question would get the same answer. */
static inline bool cli_is_hopeless(int exit_status)
{
	return exit_status == EX_UNAVAILABLE || exit_status == EX_NOPERM;
}

/* Another program's answer, or another version's: EX_UNAVAILABLE. */
int cli_fail_unreadable(const struct cli *cli);

/* Flushes standard output; 0, or EX_IOERR and a sentence when it could not be written. */
int cli_finish_output(void);

/* Prints a document in a line of its own, then as cli_finish_output(). */
int cli_print_document(const struct buf *b);

#define CLI_ANSWER_MAX (256UL << 20) /* bytes of the largest answer: 100,000 jobs fit */

struct table;

/* Prints it as wide as the terminal; 0 or EX_OSERR and a sentence. */
int cli_print_table(const struct cli *cli, struct table *table);

/* Columns of the terminal at standard output; 0 when it is none: no limit. */
size_t cli_width(void);

/* Asks for the daemon's status and reads it: 0, or an exit status after a sentence. */
int cli_read_status(const struct cli *cli, const struct status_reader *reader, void *user);

/*
 * Reads a list of jobs of which `members` were asked for, as in readMask; what else an older daemon
 * sends is there, too. As status_json_parse_jobs().
 */
int cli_parse_jobs(const struct buf *body, const char *members, status_json_fn fn, void *user);

/* Appends what may stand in a part of a path, or in a query, as it is; the rest as %XX. */
int cli_put_escaped(struct buf *b, const char *s);

/* Whether the locale is UTF-8, so that block characters can be shown. */
bool cli_is_utf8(void);
