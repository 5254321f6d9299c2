/* The jobs that a command is about. */
#include "cli/targets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/job_match.h"
#include "codec/status_json.h"

#define CANDIDATES_MAX 20 /* that are listed */

/* What the daemon knows. */
struct known {
	struct job_name *names;
	size_t n, cap;
	char account[NAME_ID_MAX + 1]; /* the first that is configured */
	size_t n_accounts;
	bool accounts_asked;
};

static void known_done(struct known *k)
{
	free(k->names);
}
#define _cleanup_known_ _cleanup_(known_done)

void targets_done(struct targets *t)
{
	free(t->names);
}

static int take_name(void *user, const struct job_view *v)
{
	struct known *k = user;
	struct job_name name;

	if (name_parse_full(v->name, &name) < 0) /* of a kind of a newer daemon */
		return 0;
	if (k->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 64;
		struct job_name *names = reallocarray(k->names, cap, sizeof(*names));

		if (!names)
			return -ENOMEM;
		k->names = names;
		k->cap = cap;
	}
	k->names[k->n++] = name;
	return 0;
}

static int take_account(void *user, const struct account_view *v)
{
	struct known *k = user;

	if (k->n_accounts++ == 0)
		snprintf(k->account, sizeof(k->account), "%s", *v->account ? v->account : v->name);
	return 0;
}

static int ask_names(const struct cli *cli, struct known *k)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct client_result result;
	int r = client_get(cli->client, "/v1/jobs?readMask=name", &body, &result);

	if (r < 0)
		return cli_fail_call(&result, r);
	r = cli_parse_jobs(&body, "name", take_name, k);
	if (r == -EBADMSG)
		return cli_fail_unreadable(cli);
	return r < 0 ? cli_fail_errno(r) : 0;
}

static int ask_accounts(const struct cli *cli, struct known *k)
{
	static const struct status_reader reader = {.account = take_account};

	return cli_read_status(cli, &reader, k);
}

static int fail_ambiguous(const char *argument, const struct known *k, const size_t at[], size_t n)
{
	char text[NAME_JOB_MAX];

	cli_fail(0, "%zu jobs fit %s; say which:", n, argument);
	for (size_t i = 0; i < MIN(n, (size_t)CANDIDATES_MAX); i++) {
		name_format_short(&k->names[at[i]], text);
		fprintf(stderr, "%s\n", text);
	}
	if (n > CANDIDATES_MAX)
		fprintf(stderr, "and %zu more\n", n - CANDIDATES_MAX);
	return EX_USAGE;
}

/* sft/abc that is not watched: of the only account. */
static int resolve_new(const struct cli *cli, const char *argument, struct known *k,
		       struct job_name *ret)
{
	int r = k->accounts_asked ? 0 : ask_accounts(cli, k);

	if (r != 0)
		return r;
	k->accounts_asked = true;
	if (k->n_accounts != 1)
		return cli_fail(EX_USAGE,
				"there are several accounts, and %s is watched in none: write "
				"ACCOUNT/%s",
				argument, argument);
	return name_parse(argument, k->account, ret) == 0
		       ? 0
		       : cli_fail(EX_USAGE, "not the name of a job: %.80s", argument);
}

static int resolve(const struct cli *cli, enum targets_rule rule, const char *argument,
		   struct known *k, struct job_name *ret)
{
	size_t at[CANDIDATES_MAX];
	int n = job_match(argument, k->names, k->n, at, CANDIDATES_MAX);

	if (n == 1) {
		*ret = k->names[at[0]];
		return 0;
	}
	if (n > 1)
		return fail_ambiguous(argument, k, at, (size_t)n);
	if (n < 0)
		return cli_fail(EX_USAGE,
				"not the name of a job: %.80s (write sft/abc, acme/sft/abc or "
				"accounts/acme/supervisedFineTuningJobs/abc)",
				argument);
	if (rule == TARGETS_ANY && strchr(argument, '/'))
		return resolve_new(cli, argument, k, ret);
	return cli_fail(CLI_EXIT_REFUSED, "no such job is watched: %s. Try: tunewatch %s", argument,
			rule == TARGETS_ANY ? "add KIND/ID" : "status");
}

int targets_resolve(const struct cli *cli, enum targets_rule rule, int argc, char *const argv[],
		    struct targets *ret)
{
	_cleanup_targets_ struct targets t = {
		.names = calloc((size_t)argc + 1, sizeof(struct job_name))};
	_cleanup_known_ struct known k = {0};
	bool asked = false;
	int r = 0;

	if (!t.names)
		return cli_fail_errno(-ENOMEM);
	for (; r == 0 && t.n < (size_t)argc; t.n++) {
		const char *argument = argv[t.n];

		/* With an account, a name says all; what is none costs no question. */
		if (name_parse(argument, NULL, &t.names[t.n]) == 0)
			continue;
		if (!asked && job_match(argument, NULL, 0, NULL, 0) == 0) {
			r = ask_names(cli, &k);
			asked = true;
		}
		if (r == 0)
			r = resolve(cli, rule, argument, &k, &t.names[t.n]);
	}
	if (r != 0)
		return r;
	*ret = t;
	t.names = NULL;
	return 0;
}

int targets_expand(const struct cli *cli, int argc, char *const argv[], char ***ret_argv)
{
	size_t n = (size_t)argc;
	/* The pointers, and behind them the texts. */
	_cleanup_free_ char **new = calloc(1, (n + 1) * sizeof(char *) + n * NAME_JOB_MAX);
	char *text = (char *)(new + n + 1);
	_cleanup_known_ struct known k = {0};
	bool asked = false;
	int r = 0;

	if (!new)
		return cli_fail_errno(-ENOMEM);
	for (size_t i = 0; r == 0 && i < n; i++, text += NAME_JOB_MAX) {
		struct job_name name;

		new[i] = argv[i];
		if (strchr(argv[i], '/'))
			continue;
		if (!asked && name_id_valid(argv[i]))
			r = ask_names(cli, &k);
		asked = true;
		if (r == 0)
			r = resolve(cli, TARGETS_WATCHED, argv[i], &k, &name);
		if (r == 0) {
			name_format_full(&name, text);
			new[i] = text;
		}
	}
	if (r == 0)
		*ret_argv = TAKE_PTR(new);
	return r;
}
