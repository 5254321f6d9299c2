/* tunewatch: the command line. Reads the options and hands over to a command. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/streams.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"

#define SOCKET_DEFAULT "/run/tunewatch/control.sock"

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

/* getopt's tables from ours; `val` is the option's index. */
static void getopt_tables(struct option ret[OPTION_COUNT_ + 1], char letters[2 * OPTION_COUNT_ + 2])
{
	*letters++ = ':';
	memset(ret, 0, (OPTION_COUNT_ + 1) * sizeof(*ret));
	for (int i = 0; i < OPTION_COUNT_; i++) {
		const struct option_info *o = &option_infos[i];

		ret[i] = (struct option){o->name, o->argument ? required_argument : no_argument,
					 NULL, i};
		if (o->letter)
			*letters++ = o->letter;
		if (o->letter && o->argument)
			*letters++ = ':';
	}
	*letters = '\0';
}

static int find_letter(int c)
{
	for (int i = 0; i < OPTION_COUNT_; i++)
		if (option_infos[i].letter && option_infos[i].letter == c)
			return i;
	return c;
}

/* The command among the arguments, also where an option before it is wrong; NULL: none is known. */
static const struct command_info *command_among(int argc, char *const argv[])
{
	const struct command_info *c = NULL;

	for (int i = 1; !c && i < argc; i++)
		c = command_find(argv[i]);
	return c;
}

static int fail_option(int argc, char *const argv[], const char *argument)
{
	const struct command_info *c = command_among(argc, argv);
	size_t dashes = strspn(argument, "-");
	char name[64];
	const char *near;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument + dashes, "="),
		 argument + dashes);
	near = dashes > 1 ? option_nearest(name, c) : NULL;
	if (near && strcmp(near, name) == 0 && strchr(argument, '='))
		return cli_fail(EX_USAGE, "--%s takes no argument: %.80s", near, argument);
	if (near)
		return cli_fail(EX_USAGE, "no such option: %.80s; did you mean --%s?", argument,
				near);
	return cli_fail(EX_USAGE, "no such option: %.80s. Try: tunewatch %s%s--help", argument,
			c ? c->name : "", c ? " " : "");
}

static int take_option(struct cli *cli, int id)
{
	cli->given |= 1U << id;
	cli->values[id] = optarg;
	if (id == OPTION_NOTIFY) {
		if (cli->n_notify == CLI_NOTIFY_MAX)
			return cli_fail(EX_USAGE, "--notify is given more than %d times",
					CLI_NOTIFY_MAX);
		cli->notify[cli->n_notify++] = optarg;
	}
	return 0;
}

static int fail_missing(int argc, char *const argv[], const char *argument)
{
	const struct command_info *c = command_among(argc, argv);

	return cli_fail(EX_USAGE, "%s needs an argument. Try: tunewatch %s%s--help", argument,
			c ? c->name : "", c ? " " : "");
}

/* 0, or an exit status after a sentence. */
static int parse_options(struct cli *cli, int argc, char *argv[])
{
	struct option table[OPTION_COUNT_ + 1];
	char letters[2 * OPTION_COUNT_ + 2];
	int id, r = 0;

	getopt_tables(table, letters);
	opterr = 0; /* one sentence, in our own words */
	while (r == 0 && (id = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (id == '?')
			return fail_option(argc, argv, argv[optind - 1]);
		if (id == ':')
			return fail_missing(argc, argv, argv[optind - 1]);
		r = take_option(cli, id < OPTION_COUNT_ ? id : find_letter(id));
	}
	return r;
}

/* Options only where they belong. */
static int check_options(const struct cli *cli, const struct command_info *c)
{
	for (int i = 0; i < OPTION_COUNT_; i++)
		if (cli_given(cli, (enum option_id)i) && !command_takes(c, (enum option_id)i))
			return cli_fail(EX_USAGE, "%s takes no --%s. Try: tunewatch %s --help",
					c->name, option_infos[i].name, c->name);
	return 0;
}

static int run_command(struct cli *cli, const struct command_info *c, int argc, char *const argv[])
{
	char path[4096];
	int r;

	cli->socket = cli_given(cli, OPTION_SOCKET) ? cli->values[OPTION_SOCKET]
						    : default_socket(path, sizeof(path));
	if (!*cli->socket)
		return cli_fail(EX_USAGE, "--socket needs the path of a socket");
	cli->json = cli_given(cli, OPTION_JSON);
	cli->colour = wants_colour() && !cli_given(cli, OPTION_NO_COLOR);
	r = client_new(cli->socket, &cli->client);
	if (r < 0)
		return cli_fail_errno(r);
	r = c->run(cli, argc, argv);
	cli->client = client_free(cli->client);
	return r;
}

static int complete(int argc, char *const argv[])
{
	char path[4096];

	return complete_words(default_socket(path, sizeof(path)), argc, argv);
}

int main(int argc, char *argv[])
{
	const struct command_info *c;
	struct cli cli = {0};
	int r;

	if (streams_fill() < 0)
		return EX_OSERR;
	setlocale(LC_CTYPE, "");
	/* Who reads no more wants no more, also where a parent ignores that. */
	signal(SIGPIPE, SIG_DFL);
	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		return complete(argc - 2, argv + 2);
	r = parse_options(&cli, argc, argv);
	if (r != 0)
		return r;
	if (cli_given(&cli, OPTION_VERSION))
		return command_version(&cli, 0, NULL);
	if (optind == argc) {
		bool help = cli_given(&cli, OPTION_HELP);

		help_print(help ? stdout : stderr);
		return help ? cli_finish_output() : EX_USAGE;
	}
	c = command_find(argv[optind]);
	if (!c || cli_given(&cli, OPTION_HELP))
		return command_help(&cli, 1, argv + optind);
	r = check_options(&cli, c);
	return r ? r : run_command(&cli, c, argc - optind - 1, argv + optind + 1);
}
