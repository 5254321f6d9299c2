/* tunewatch help: one screen about all commands, or about one. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/help.h"

#define WIDTH  79
#define INDENT 22 /* of summaries */

/* A word of a text; "[--timeout D]" is one. */
static size_t word_len(const char *text)
{
	return *text == '[' ? strcspn(text, "]") + strcspn(strchrnul(text, ']'), " ")
			    : strcspn(text, " ");
}

/* Words in lines of WIDTH, the first one beginning at column `at`, the others at `indent`. */
static void print_words(FILE *out, size_t at, size_t indent, const char *text)
{
	while (*text) {
		size_t len = word_len(text);

		if (at + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)len, text);
		at += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_entry(FILE *out, int n, const char *summary)
{
	n += fprintf(out, "%*s", MAX(INDENT - n, 2), "");
	print_words(out, (size_t)n, MAX(INDENT, (size_t)n), summary);
}

static void print_option(FILE *out, const struct option_info *o)
{
	int n = 2;

	if (o->letter)
		n += fprintf(out, "  -%c, ", o->letter) - 2;
	else
		fputs("  ", out);
	n += fprintf(out, "--%s%s%s", o->name, o->argument ? " " : "",
		     o->argument ? o->argument : "");
	print_entry(out, n, o->summary);
}

static void print_options(FILE *out, unsigned options)
{
	for (int i = 0; i < OPTION_COUNT_; i++)
		if (options & 1U << i)
			print_option(out, &option_infos[i]);
}

void help_print(FILE *out)
{
	const struct command_info *c;

	fputs("Usage: tunewatch [OPTION...] COMMAND\n\n", out);
	for (size_t i = 0; (c = command_at(i)); i++)
		print_entry(out, fprintf(out, "  %s", c->name), c->summary);
	fputc('\n', out);
	print_options(out, COMMON_OPTIONS);
	fputs("\n\"tunewatch help COMMAND\" says more. A JOB is sft/abc, acme/sft/abc, or abc.\n",
	      out);
}

void help_print_command(FILE *out, const struct command_info *c)
{
	size_t at =
		(size_t)fprintf(out, "Usage: tunewatch %s%s", c->name, *c->arguments ? " " : "");

	print_words(out, at, at, c->arguments);
	fputc('\n', out);
	print_words(out, 0, 0, c->text);
	fputc('\n', out);
	print_options(out, c->options | COMMON_OPTIONS);
	fputs("\nExit status:", out);
	print_words(out, strlen("Exit status:"), 0, c->exits);
	print_words(out, 0, 0, COMMON_EXITS);
	fprintf(out, "\nExample: %s\n", c->example);
}

int command_help(const struct cli *cli _unused_, int argc, char *const argv[])
{
	const struct command_info *c;
	const char *near;

	if (argc > 1)
		return cli_fail(EX_USAGE, "help takes one command: %s. Try: tunewatch help %s",
				argv[1], argv[0]);
	if (argc == 0) {
		help_print(stdout);
		return cli_finish_output();
	}
	c = command_find(argv[0]);
	near = command_nearest(argv[0]);
	if (!c)
		return near ? cli_fail(EX_USAGE, "no such command: %.80s; did you mean %s?",
				       argv[0], near)
			    : cli_fail(EX_USAGE, "no such command: %.80s. Try: tunewatch --help",
				       argv[0]);
	help_print_command(stdout, c);
	return cli_finish_output();
}
