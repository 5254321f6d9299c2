/* The effective configuration as a file that loads again. What is secret is not in it: a comment
 * says where it came from. */
#include "config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "config/config_internal.h"

/* A quoted string; '$' is escaped because "${" begins a variable. */
static void put_string(const char *s, FILE *out)
{
	putc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else if (strchr("\"\\$", c))
			fprintf(out, "\\%c", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

static void put_text(const char *indent, const char *name, const char *value, FILE *out)
{
	if (!value)
		return;
	fprintf(out, "%s%s = ", indent, name);
	put_string(value, out);
	putc('\n', out);
}

static void put_span(const char *indent, const char *name, uint64_t ms, FILE *out)
{
	char span[CLOCK_SPAN_MAX];

	clock_format_span_ms(ms, span);
	put_text(indent, name, span, out);
}

static void put_size(const char *indent, const char *name, uint64_t bytes, FILE *out)
{
	char size[CONFIG_SIZE_MAX];

	config_size_format(bytes, size);
	put_text(indent, name, size, out);
}

static void put_section(const char *type, const char *name, FILE *out)
{
	fprintf(out, "\n%s ", type);
	put_string(name, out);
	fputs(" {\n", out);
}

/* One item of a list; `i` counts from 0. */
static void put_item(size_t i, const char *value, FILE *out)
{
	if (i > 0)
		fputs(", ", out);
	put_string(value, out);
}

/* Text that has no place in a comment's line would end it. */
static void put_comment(const char *name, const char *from, FILE *out)
{
	fprintf(out, "\t# %s: from ", name);
	for (; *from; from++)
		putc((unsigned char)*from < ' ' ? '?' : *from, out);
	putc('\n', out);
}

/* A secret by the option that leads to it, where there is one. */
static void put_secret(const char *name, const char *file_option, const struct config_secret *s,
		       FILE *out)
{
	char credential[64];

	if (!s->source)
		return;
	snprintf(credential, sizeof(credential), "%s-credential", name);
	if (strncmp(s->source, "file ", 5) == 0)
		put_text("\t", file_option, s->source + 5, out);
	else if (strncmp(s->source, "credential ", 11) == 0)
		put_text("\t", credential, s->source + 11, out);
	else
		put_comment(name, s->source, out);
}

static void dump_account(const struct config_account *a, FILE *out)
{
	put_section("account", a->name, out);
	put_text("\t", "account-id", a->account_id, out);
	put_text("\t", "api-url", a->api_url, out);
	put_secret("api-key", "api-key-file", &a->api_key, out);
	put_text("\t", "wandb-api-key-file", a->wandb_key_file, out);
	fprintf(out, "\trequests-per-minute = %" PRIu32 "\n", a->requests_per_minute);
	put_text("\t", "ca-file", a->ca_file, out);
	if (a->proxy && strchr(a->proxy, '@'))
		put_comment("proxy", "the configuration file", out);
	else
		put_text("\t", "proxy", a->proxy, out);
	if (a->allow_http)
		fputs("\tallow-http = true\n", out);
	fputs("}\n", out);
}

static const struct {
	enum phase phase;
	const char *option;
} stalls[] = {
	{PHASE_QUEUED, "stall-queued"},         {PHASE_STARTING, "stall-starting"},
	{PHASE_RUNNING, "stall-running"},       {PHASE_FINISHING, "stall-finishing"},
	{PHASE_CANCELLING, "stall-cancelling"},
};

static void dump_watch(const struct config *c, const struct config_watch *w, FILE *out)
{
	size_t n = 0;

	put_section("watch", w->name, out);
	put_text("\t", "account", c->accounts[w->route.account].name, out);
	fputs("\tkinds = {", out);
	for (enum kind k = 0; k < KIND_COUNT_; k++)
		if (w->route.kinds & 1U << k)
			put_item(n++, kind_infos[k].name, out);
	fputs("}\n", out);
	if (w->n_jobs > 0) {
		fputs("\tjobs = {", out);
		for (size_t i = 0; i < w->n_jobs; i++) {
			char name[NAME_JOB_MAX];

			name_format_short(&w->jobs[i], name);
			put_item(i, name, out);
		}
		fputs("}\n", out);
	}
	put_text("\t", "display-name", w->route.display_name, out);
	put_span("\t", "poll-interval", w->poll_interval_ms, out);
	put_text("\t", "first-sight", w->route.announce ? "announce" : "baseline", out);
	for (size_t i = 0; i < ARRAY_LEN(stalls); i++)
		put_span("\t", stalls[i].option, w->stall_ms[stalls[i].phase], out);
	fputs("\tnotify = {", out);
	n = 0;
	for (size_t i = 0; i < c->n_notifiers; i++)
		if (w->route.notify & route_bit(i))
			put_item(n++, c->notifiers[i].name, out);
	fputs("}\n}\n", out);
}

static void dump_webhook(const struct config_notifier *n, FILE *out)
{
	struct url u;
	const char *why;

	if (strncmp(n->url.source, "file ", 5) != 0 &&
	    config_url_parse(n->url.value, &u, &why) == 0 && u.loopback)
		put_text("\t", "url", n->url.value, out);
	else
		put_secret("url", "url-file", &n->url, out);
	fprintf(out, "\t# host: %s\n", n->url_host);
	put_text("\t", "format", webhook_format_names[n->format], out);
	put_secret("secret", "secret-file", &n->signing, out);
	for (char **h = n->headers; h && *h; h++)
		fprintf(out, "\t# header %.*s: from the configuration file\n",
			(int)strcspn(*h, ":"), *h);
	if (n->allow_http)
		fputs("\tallow-http = true\n", out);
	put_span("\t", "timeout", n->timeout_ms, out);
	if (n->digest_ms > 0)
		put_span("\t", "digest", n->digest_ms, out);
}

static void dump_exec(const struct config_notifier *n, FILE *out)
{
	fputs("\tcommand = {", out);
	for (size_t i = 0; n->command[i]; i++)
		put_item(i, n->command[i], out);
	fputs("}\n", out);
	fprintf(out, "\tmax-parallel = %u\n", n->max_parallel);
	put_span("\t", "timeout", n->timeout_ms, out);
}

static void dump_email(const struct config_notifier *n, FILE *out)
{
	put_text("\t", "server", n->server, out);
	put_text("\t", "from", n->from, out);
	fputs("\tto = {", out);
	for (size_t i = 0; n->to[i]; i++)
		put_item(i, n->to[i], out);
	fputs("}\n", out);
	put_text("\t", "user", n->user, out);
	put_secret("password", "password-file", &n->password, out);
	put_text("\t", "ca-file", n->ca_file, out);
	if (n->allow_plain)
		fputs("\tallow-plain = true\n", out);
	put_span("\t", "timeout", n->timeout_ms, out);
	if (n->digest_ms > 0)
		put_span("\t", "digest", n->digest_ms, out);
}

static void dump_notifier(const struct config_notifier *n, FILE *out)
{
	size_t items = 0;

	put_section("notifier", n->name, out);
	put_text("\t", "type", notifier_type_names[n->type], out);
	fputs("\tevents = {", out);
	for (enum event_type e = EVENT_NONE + 1; e < EVENT_COUNT_; e++)
		if (n->events & (uint64_t)1 << e)
			put_item(items++, event_type_name(e), out);
	fputs("}\n", out);
	fprintf(out, "\tmax-waiting = %" PRIu32 "\n", n->max_waiting);
	if (n->model_wait_ms > 0) {
		fputs("\twait-for-model = true\n", out);
		put_span("\t", "wait-for-model-max", n->model_wait_ms, out);
	}
	switch (n->type) {
	case NOTIFIER_SYSLOG:
	case NOTIFIER_DESKTOP:
	case NOTIFIER_TYPE_COUNT_:
		break;
	case NOTIFIER_WEBHOOK:
		dump_webhook(n, out);
		break;
	case NOTIFIER_EXEC:
		dump_exec(n, out);
		break;
	case NOTIFIER_UNIT:
		put_text("\t", "unit", n->unit, out);
		fprintf(out, "\tmax-parallel = %u\n", n->max_parallel);
		break;
	case NOTIFIER_EMAIL:
		dump_email(n, out);
		break;
	}
	fputs("}\n", out);
}

int config_dump(const struct config *c, FILE *out)
{
	put_span("", "poll-interval", c->poll_interval_ms, out);
	put_span("", "list-interval", c->list_interval_ms, out);
	put_span("", "degraded-after", c->degraded_after_ms, out);
	fprintf(out, "progress-step = %u\n", c->progress_step);
	put_text("", "state-dir", c->state_dir, out);
	put_text("", "control-socket", c->control_socket, out);
	put_text("", "http-listen", c->http_listen, out);
	put_span("", "history-max-age", c->history_max_age_ms, out);
	put_size("", "history-max-size", c->history_max_bytes, out);
	for (size_t i = 0; i < c->n_accounts; i++)
		dump_account(&c->accounts[i], out);
	for (size_t i = 0; i < c->n_watches; i++)
		dump_watch(c, &c->watches[i], out);
	for (size_t i = 0; i < c->n_notifiers; i++)
		dump_notifier(&c->notifiers[i], out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
