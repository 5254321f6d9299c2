/* tunewatch: the command line. Options, and the table of commands. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/nearest.h"
#include "cli/cli.h"

#define SOCKET_DEFAULT "/run/tunewatch/control.sock"

static const struct {
	const char *name, *arguments, *summary;
	cli_command_fn run;
} commands[] = {
	{"deliveries", " [--state S]", "show what waits for notifiers, and what was given up",
	 command_deliveries},
	{"retry", " ID... | --dead", "send deliveries now, once more or without waiting",
	 command_retry},
	{"status", " [JOB...]", "show what is known of all watched jobs, or of these",
	 command_status},
	{"submit", " FILE", "create an SFT job from a JSON file (-: standard input), once",
	 command_submit},
	{"version", "", "print the version", command_version},
};

enum option_id {
	OPTION_SOCKET,
	OPTION_JSON,
	OPTION_NO_COLOR,
	OPTION_STATE,
	OPTION_DEAD,
	OPTION_ACCOUNT,
	OPTION_ID,
	OPTION_NOTIFY,
	OPTION_TIMEOUT,
	OPTION_WAIT,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT_,
};

static const struct {
	const char *name, *argument, *summary;
	const char *command; /* that alone takes it; NULL: all do */
} options[OPTION_COUNT_] = {
	[OPTION_SOCKET] = {"socket", "PATH", "the daemon's control socket", NULL},
	[OPTION_JSON] = {"json", NULL, "print a JSON document instead of a table", NULL},
	[OPTION_NO_COLOR] = {"no-color", NULL, "no colour, also on a terminal", NULL},
	[OPTION_STATE] = {"state", "S", "deliveries: pending, delivered, dead or skipped",
			  "deliveries"},
	[OPTION_DEAD] = {"dead", NULL, "retry: all that were given up", "retry"},
	[OPTION_ACCOUNT] = {"account", "A", "submit: the account, where there are several",
			    "submit"},
	[OPTION_ID] = {"id", "ID", "submit: the job's id; default: from what the job is", "submit"},
	[OPTION_NOTIFY] = {"notify", "NAME", "submit: tell this notifier; may be repeated",
			   "submit"},
	[OPTION_TIMEOUT] = {"timeout", "D", "submit: how long to try, 2min", "submit"},
	[OPTION_WAIT] = {"wait", NULL, "submit: wait until the job has ended", "submit"},
	[OPTION_VERSION] = {"version", NULL, "print the version and exit", NULL},
	[OPTION_HELP] = {"help", NULL, "print this help and exit", NULL},
};

static void print_help(FILE *out)
{
	fputs("Usage: tunewatch [OPTION...] COMMAND\n\nCommands:\n", out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int n = fprintf(out, "  %s%s", commands[i].name, commands[i].arguments);

		fprintf(out, "%*s%s\n", MAX(28 - n, 2), "", commands[i].summary);
	}
	fputs("\nOptions:\n", out);
	for (size_t i = 0; i < OPTION_COUNT_; i++) {
		int n = fprintf(out, "  --%s%s%s", options[i].name, options[i].argument ? " " : "",
				options[i].argument ? options[i].argument : "");

		fprintf(out, "%*s%s\n", MAX(28 - n, 2), "", options[i].summary);
	}
	fputs("\nA JOB is sft/abc, acme/sft/abc or accounts/acme/supervisedFineTuningJobs/abc.\n"
	      "The manual is tunewatch(1).\n",
	      out);
}

int command_version(const struct cli *cli, int argc, char *const argv[])
{
	if (argc > 0)
		return cli_fail(EX_USAGE, "version takes no argument: %s", argv[0]);
	puts(cli->json ? "{\"version\":\"" PACKAGE_VERSION "\"}" : PACKAGE_STRING);
	return cli_finish_output();
}

/* The first of the given options (bit per option_id) that the command does not take, or -1. */
static int misplaced(unsigned given, const char *command)
{
	for (int i = 0; i < OPTION_COUNT_; i++)
		if (given & 1U << i && options[i].command &&
		    strcmp(options[i].command, command) != 0)
			return i;
	return -1;
}

static int run_command(const struct cli *cli, unsigned given, int argc, char *const argv[])
{
	const char *names[ARRAY_LEN(commands)], *near;
	int wrong = misplaced(given, argv[0]);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, argv[0]) == 0)
			return wrong < 0 ? commands[i].run(cli, argc - 1, argv + 1)
					 : cli_fail(EX_USAGE,
						    "%s takes no --%s. Try: tunewatch --help",
						    argv[0], options[wrong].name);
		names[i] = commands[i].name;
	}
	near = nearest_name(argv[0], names, ARRAY_LEN(names));
	if (near)
		return cli_fail(EX_USAGE, "no such command: %s; did you mean %s?", argv[0], near);
	return cli_fail(EX_USAGE, "no such command: %s. Try: tunewatch --help", argv[0]);
}

/* The user's own daemon where there is one, else the machine's. */
static const char *default_socket(char *ret, size_t size)
{
	const char *given = getenv("TUNEWATCH_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");

	if (given && *given)
		return given;
	if (runtime && *runtime && geteuid() != 0) {
		int n = snprintf(ret, size, "%s/tunewatch/control.sock", runtime);

		if (n > 0 && (size_t)n < size && access(ret, F_OK) == 0)
			return ret;
	}
	return SOCKET_DEFAULT;
}

static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       !(term && strcmp(term, "dumb") == 0);
}

/* getopt's table from ours; `val` is the option's index. */
static void getopt_table(struct option ret[OPTION_COUNT_ + 1])
{
	memset(ret, 0, (OPTION_COUNT_ + 1) * sizeof(*ret));
	for (int i = 0; i < OPTION_COUNT_; i++)
		ret[i] = (struct option){options[i].name,
					 options[i].argument ? required_argument : no_argument,
					 NULL, i};
}

int main(int argc, char *argv[])
{
	struct cli cli = {.socket = NULL, .colour = wants_colour()};
	struct option table[OPTION_COUNT_ + 1];
	unsigned given = 0; /* bit per option_id */
	char path[4096];
	int id;

	setlocale(LC_CTYPE, "");
	getopt_table(table);
	opterr = 0; /* one sentence, in our own words */
	while ((id = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		if (id < OPTION_COUNT_)
			given |= 1U << id;
		switch (id) {
		case OPTION_STATE:
			cli.state = optarg;
			continue;
		case OPTION_DEAD:
			cli.dead = true;
			continue;
		case OPTION_ACCOUNT:
			cli.account = optarg;
			continue;
		case OPTION_ID:
			cli.id = optarg;
			continue;
		case OPTION_NOTIFY:
			if (cli.n_notify == CLI_NOTIFY_MAX)
				return cli_fail(EX_USAGE, "--notify is given too often");
			cli.notify[cli.n_notify++] = optarg;
			continue;
		case OPTION_TIMEOUT:
			cli.timeout = optarg;
			continue;
		case OPTION_WAIT:
			cli.wait = true;
			continue;
		case OPTION_SOCKET:
			cli.socket = optarg;
			continue;
		case OPTION_JSON:
			cli.json = true;
			continue;
		case OPTION_NO_COLOR:
			cli.colour = false;
			continue;
		case OPTION_VERSION:
			return command_version(&cli, 0, NULL);
		case OPTION_HELP:
			print_help(stdout);
			return cli_finish_output();
		case ':':
			return cli_fail(EX_USAGE, "%s needs an argument. Try: tunewatch --help",
					argv[optind - 1]);
		}
		return cli_fail(EX_USAGE, "no such option: %s. Try: tunewatch --help",
				argv[optind - 1]);
	}
	if (optind == argc) {
		print_help(stderr);
		return EX_USAGE;
	}
	if (!cli.socket)
		cli.socket = default_socket(path, sizeof(path));
	return run_command(&cli, given, argc - optind, argv + optind);
}
