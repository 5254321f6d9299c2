/* What the shells' completions ask for. */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "codec/delivery_json.h"
#include "codec/status_json.h"
#include "codec/text.h"
#include "model/event.h"

#define MEMBERS    "name,phase,displayName"
#define TIMEOUT_MS 2000 /* somebody looks at a prompt */

struct completion {
	const char *socket;
	const char *word;   /* what the candidates begin with */
	const char *before; /* "--state=" in front of them, or "" */
};

static void print(const struct completion *c, const char *candidate, const char *about)
{
	char text[256];

	if (strncmp(candidate, c->word, strlen(c->word)) != 0)
		return;
	snprintf(text, sizeof(text), "%s", about);
	text_clean(text);
	printf("%s%s%s%s\n", c->before, candidate, *text ? "\t" : "", text);
}

/* Quietly nothing where there is no daemon. */
static bool ask(const struct completion *c, const char *path, struct buf *body)
{
	const struct client_request q = {.method = "GET", .path = path, .timeout_ms = TIMEOUT_MS};
	_cleanup_client_ struct client *client = NULL;
	struct client_result result;

	return client_new(c->socket, &client) == 0 && client_call(client, &q, body, &result) == 0;
}

/* The account counts where there are several. */
struct jobs {
	const struct completion *completion;
	char account[NAME_ID_MAX + 1];
	bool several;
};

static int see_account(void *user, const struct job_view *v)
{
	struct jobs *jobs = user;
	struct job_name name;

	if (name_parse_full(v->name, &name) < 0)
		return 0;
	if (!jobs->account[0])
		strcpy(jobs->account, name.account);
	jobs->several = jobs->several || strcmp(jobs->account, name.account) != 0;
	return 0;
}

static int print_job(void *user, const struct job_view *v)
{
	const struct jobs *jobs = user;
	const char *word = jobs->completion->word;
	char text[NAME_JOB_MAX], about[256];
	struct job_name name;

	if (name_parse_full(v->name, &name) < 0)
		return 0;
	snprintf(about, sizeof(about), "%s%s%s", *v->phase ? v->phase : "not seen yet",
		 *v->text[TEXT_DISPLAY_NAME] ? ", " : "", v->text[TEXT_DISPLAY_NAME]);
	name_format_short(&name, text);
	if (!jobs->several && strncmp(text, word, strlen(word)) != 0)
		print(jobs->completion, strchr(text, '/') + 1, about);
	else if (!jobs->several && !*word)
		print(jobs->completion, strchr(text, '/') + 1, about);
	else
		print(jobs->completion, text, about);
	if (*word && !strchr(word, '/'))
		print(jobs->completion, name.id, about);
	return 0;
}

static void print_jobs(const struct completion *c)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	struct jobs jobs = {.completion = c};

	if (ask(c, "/v1/jobs?readMask=" MEMBERS, &body) &&
	    cli_parse_jobs(&body, MEMBERS, see_account, &jobs) == 0)
		cli_parse_jobs(&body, MEMBERS, print_job, &jobs);
}

static int print_notifier(void *user, const struct notifier_view *v)
{
	print(user, v->name, v->type);
	return 0;
}

static void print_notifiers(const struct completion *c)
{
	static const struct status_reader reader = {.notifier = print_notifier};
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);

	if (ask(c, "/v1/notifiers", &body))
		status_json_parse_status(buf_str(&body), body.len, &reader, (void *)(uintptr_t)c);
}

static int print_delivery(void *user, const struct delivery_view *v)
{
	char id[DELIVERY_ID_MAX], about[128];

	snprintf(id, sizeof(id), "%s.%s", v->event, v->notifier);
	snprintf(about, sizeof(about), "%s, %s", v->state, v->type);
	print(user, id, about);
	return 0;
}

static void print_deliveries(const struct completion *c)
{
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);
	bool more;

	if (ask(c, "/v1/deliveries?limit=1000", &body))
		delivery_json_parse(buf_str(&body), body.len, print_delivery, (void *)(uintptr_t)c,
				    &more);
}

static int print_account(void *user, const struct account_view *v)
{
	print(user, *v->account ? v->account : v->name, "");
	return 0;
}

static void print_accounts(const struct completion *c)
{
	static const struct status_reader reader = {.account = print_account};
	_cleanup_buf_ struct buf body = BUF_INIT(CLI_ANSWER_MAX);

	if (ask(c, "/v1/status", &body))
		status_json_parse_status(buf_str(&body), body.len, &reader, (void *)(uintptr_t)c);
}

static void print_events(const struct completion *c)
{
	for (int i = EVENT_NONE + 1; i < EVENT_COUNT_; i++)
		if (strncmp(event_type_name((enum event_type)i), "job.", 4) == 0)
			print(c, event_type_name((enum event_type)i), "");
}

static void print_states(const struct completion *c)
{
	static const char *const states[] = {"pending", "delivered", "dead", "skipped"};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		print(c, states[i], "");
}

static void print_commands(const struct completion *c)
{
	const struct command_info *command;

	for (size_t i = 0; (command = command_at(i)); i++)
		print(c, command->name, command->summary);
}

static void print_files(const struct completion *c)
{
	puts(":files");
}

static void print_kind(const struct completion *c, enum argument kind)
{
	static void (*const lists[])(const struct completion *c) = {
		[ARGUMENT_ACCOUNT] = print_accounts,    [ARGUMENT_COMMAND] = print_commands,
		[ARGUMENT_DELIVERY] = print_deliveries, [ARGUMENT_EVENT] = print_events,
		[ARGUMENT_FILE] = print_files,          [ARGUMENT_JOB] = print_jobs,
		[ARGUMENT_NOTIFIER] = print_notifiers,  [ARGUMENT_STATE] = print_states,
	};

	if (kind < ARRAY_LEN(lists) && lists[kind])
		lists[kind](c);
}

static void print_options(const struct completion *c, const struct command_info *command)
{
	char text[64];

	for (int i = 0; i < OPTION_COUNT_; i++)
		if (command ? command_takes(command, (enum option_id)i)
			    : COMMON_OPTIONS & 1U << i) {
			snprintf(text, sizeof(text), "--%s", option_infos[i].name);
			print(c, text, option_infos[i].summary);
		}
}

/* The option that a word is, up to its '='; NULL: none. */
static const struct option_info *option_of(const char *word)
{
	size_t len = strcspn(word, "=");

	for (int i = 0; i < OPTION_COUNT_; i++) {
		const struct option_info *o = &option_infos[i];

		if (len > 2 && word[0] == '-' && word[1] == '-' && strlen(o->name) == len - 2 &&
		    memcmp(o->name, word + 2, len - 2) == 0)
			return o;
		if (len == 2 && word[0] == '-' && o->letter && word[1] == o->letter)
			return o;
	}
	return NULL;
}

/* What stands before the last word. */
struct before {
	const struct command_info *command;
	const struct option_info *waiting; /* an option whose argument comes */
	bool ended;                        /* by "--" */
};

/* bash takes "--state=x" for three words. */
static void read_word(struct completion *c, struct before *b, const char *word)
{
	const struct option_info *o = *word == '-' && !b->ended ? option_of(word) : NULL;

	if (strcmp(word, "=") == 0)
		return;
	if (b->waiting) {
		if (b->waiting == &option_infos[OPTION_SOCKET])
			c->socket = word;
		b->waiting = NULL;
	} else if (o) {
		const char *value = strchr(word, '=');

		if (value && o == &option_infos[OPTION_SOCKET])
			c->socket = value + 1;
		b->waiting = o->argument && !value ? o : NULL;
	} else if (strcmp(word, "--") == 0) {
		b->ended = true;
	} else if (*word != '-' && !b->command) {
		b->command = command_find(word);
	}
}

int complete_words(const char *socket, int argc, char *const argv[])
{
	struct completion c = {.socket = socket,
			       .word = argc > 0 ? argv[argc - 1] : "",
			       .before = ""};
	const struct option_info *o;
	struct before b = {0};
	char before[80];

	for (int i = 0; i + 1 < argc; i++)
		read_word(&c, &b, argv[i]);
	if (strcmp(c.word, "=") == 0)
		c.word = "";
	o = b.ended ? NULL : option_of(c.word);
	if (b.waiting) {
		print_kind(&c, b.waiting->kind);
	} else if (o && o->argument && strchr(c.word, '=')) {
		snprintf(before, sizeof(before), "--%s=", o->name);
		c.before = before;
		c.word = strchr(c.word, '=') + 1;
		print_kind(&c, o->kind);
	} else if (*c.word == '-' && !b.ended) {
		print_options(&c, b.command);
	} else {
		print_kind(&c, b.command ? b.command->kind : ARGUMENT_COMMAND);
	}
	return cli_finish_output();
}
