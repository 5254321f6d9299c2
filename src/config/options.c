/* Every option there is, one row each, and what its value must be. */
#include "config/config_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/clock.h"
#include "model/unit_name.h"

const char *const notifier_type_names[NOTIFIER_TYPE_COUNT_] = {
	[NOTIFIER_SYSLOG] = "syslog", [NOTIFIER_WEBHOOK] = "webhook", [NOTIFIER_EXEC] = "exec",
	[NOTIFIER_UNIT] = "unit",     [NOTIFIER_DESKTOP] = "desktop", [NOTIFIER_EMAIL] = "email",
};

const char *const webhook_format_names[WEBHOOK_FORMAT_COUNT_] = {
	[WEBHOOK_JSON] = "json",   [WEBHOOK_SLACK] = "slack", [WEBHOOK_DISCORD] = "discord",
	[WEBHOOK_TEAMS] = "teams", [WEBHOOK_NTFY] = "ntfy",
};

static struct place place_of(const struct raw_option *o, size_t i)
{
	return (struct place){o->at.file, o->values[i].line};
}

/* ---- the top ---- */

static int apply_socket(struct load *l, const struct raw_section *s, const struct raw_option *o,
			void *t)
{
	if (strlen(o->values[0].text) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		fault_add(l, place_of(o, 0), "'%s': longer than a socket's path may be (%zu bytes)",
			  o->spec->name, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		return 0;
	}
	return value_path(l, s, o, t);
}

/* "127.0.0.1:9877", "[::1]:9877"; localhost is the former's address */
static int apply_listen(struct load *l, const struct raw_section *s, const struct raw_option *o,
			void *t)
{
	struct config *c = t;
	const char *text = o->values[0].text, *colon = strrchr(text, ':');
	char host[64] = "", *end = NULL, *listen;
	unsigned long port = 65536;
	bool six = text[0] == '[';

	if (colon && isdigit((unsigned char)colon[1]))
		port = strtoul(colon + 1, &end, 10);
	if (end && !*end && port <= 65535 && (size_t)(colon - text) < sizeof(host)) {
		size_t len = (size_t)(colon - text);

		if (six && len > 2 && text[len - 1] == ']')
			snprintf(host, sizeof(host), "%.*s", (int)len - 2, text + 1);
		else if (!six)
			snprintf(host, sizeof(host), "%.*s", (int)len, text);
		if (strcmp(host, "localhost") == 0)
			snprintf(host, sizeof(host), "127.0.0.1");
	}
	if (!url_host_is_loopback(host) || six != !!strchr(host, ':')) {
		fault_add(l, place_of(o, 0),
			  "'http-listen': %s is not a loopback address and port, such as "
			  "\"127.0.0.1:9877\"",
			  fault_quote(text).text);
		return 0;
	}
	if (asprintf(&listen, six ? "[%s]:%lu" : "%s:%lu", host, port) < 0)
		return -ENOMEM;
	free(c->http_listen);
	c->http_listen = listen;
	return 0;
}

/* ---- accounts ---- */

static int apply_account_id(struct load *l, const struct raw_section *s, const struct raw_option *o,
			    void *t)
{
	if (o->values[0].text[0] && !name_id_valid(o->values[0].text)) {
		fault_add(l, place_of(o, 0),
			  "'account-id'%s: %s is not an account id (1 to 63 of a-z, 0-9 and -)",
			  fault_in_section(s).text, fault_quote(o->values[0].text).text);
		return 0;
	}
	return value_text(l, s, o, t);
}

static int apply_ca_file(struct load *l, const struct raw_section *s, const struct raw_option *o,
			 void *t)
{
	const char *const *path = (const char *const *)(void *)((char *)t + o->spec->offset);
	struct stat st;
	int r = value_path(l, s, o, t);

	if (r == 0 && *path && (stat(*path, &st) < 0 || !S_ISREG(st.st_mode)))
		fault_add(l, place_of(o, 0), "'ca-file'%s: there is no file %s",
			  fault_in_section(s).text, fault_quote(*path).text);
	return r;
}

static int apply_proxy(struct load *l, const struct raw_section *s, const struct raw_option *o,
		       void *t)
{
	static const char *const schemes[] = {"http",   "https",   "socks4",
					      "socks5", "socks4a", "socks5h"};
	const char *text = o->values[0].text, *sep = strstr(text, "://");
	bool known = false;

	for (size_t i = 0; sep && i < ARRAY_LEN(schemes); i++)
		known |= strlen(schemes[i]) == (size_t)(sep - text) &&
			 strncasecmp(schemes[i], text, strlen(schemes[i])) == 0;
	for (const char *c = text; *c; c++)
		known &= isgraph((unsigned char)*c) != 0;
	if (!known || !sep[3]) {
		fault_add(l, place_of(o, 0),
			  "'proxy'%s: not the URL of a proxy, such as \"http://proxy:3128\"",
			  fault_in_section(s).text);
		return 0;
	}
	if (strchr(text, '@')) /* user and password */
		keys_check_inline(l, s, o);
	return value_text(l, s, o, t);
}

/* ---- watches ---- */

static int apply_kinds(struct load *l, const struct raw_section *s, const struct raw_option *o,
		       void *t)
{
	struct config_watch *w = t;
	const char *names[KIND_COUNT_];

	for (enum kind k = 0; k < KIND_COUNT_; k++)
		names[k] = kind_infos[k].name;
	w->route.kinds = 0;
	for (size_t i = 0; i < o->n; i++) {
		int k = value_enum(l, s, o, &o->values[i], names, KIND_COUNT_);

		if (k >= 0)
			w->route.kinds |= 1U << k;
	}
	return 0;
}

static int apply_first_sight(struct load *l, const struct raw_section *s,
			     const struct raw_option *o, void *t)
{
	static const char *const names[] = {"baseline", "announce"};
	struct config_watch *w = t;

	w->route.announce = value_enum(l, s, o, &o->values[0], names, ARRAY_LEN(names)) == 1;
	return 0;
}

/* ---- notifiers ---- */

static uint64_t events_matching(const char *word)
{
	uint64_t set = 0;

	for (enum event_type e = EVENT_NONE + 1; e < EVENT_COUNT_; e++)
		if (strcmp(word, "end") == 0 ? event_type_is_end(e)
					     : fnmatch(word, event_type_name(e), 0) == 0)
			set |= (uint64_t)1 << e;
	return set;
}

static int apply_events(struct load *l, const struct raw_section *s, const struct raw_option *o,
			void *t)
{
	struct config_notifier *n = t;
	const char *names[EVENT_COUNT_] = {[EVENT_NONE] = "end"};

	for (enum event_type e = EVENT_NONE + 1; e < EVENT_COUNT_; e++)
		names[e] = event_type_name(e);
	n->events = 0;
	for (size_t i = 0; i < o->n; i++) {
		uint64_t set = events_matching(o->values[i].text);

		n->events |= set;
		if (!set)
			fault_add(l, place_of(o, i), "'events'%s: no event is called %s%s",
				  fault_in_section(s).text, fault_quote(o->values[i].text).text,
				  nearest_hint(o->values[i].text, names, EVENT_COUNT_).text);
	}
	return 0;
}

static int apply_format(struct load *l, const struct raw_section *s, const struct raw_option *o,
			void *t)
{
	struct config_notifier *n = t;
	int i = value_enum(l, s, o, &o->values[0], webhook_format_names, WEBHOOK_FORMAT_COUNT_);

	if (i >= 0)
		n->format = (enum webhook_format)i;
	return 0;
}

/* What the daemon or HTTP itself says about a webhook's request. */
static const char *const headers_taken[] = {
	"content-type", "content-length", "transfer-encoding", "content-encoding", "host",
	"connection",   "expect",
};

/* Parts of the names of headers whose values are secrets. */
static const char *const headers_secret[] = {"authorization", "cookie", "token", "key", "secret"};

static const char *header_fault(const char *h)
{
	size_t len = strcspn(h, ":");

	for (const char *c = h; *c; c++)
		if (iscntrl((unsigned char)*c))
			return "holds a control character";
	if (len == 0 || !h[len])
		return "is not \"Name: value\"";
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)h[i]) && !strchr("!#$%&'*+-.^_`|~", h[i]))
			return "is not \"Name: value\"";
	if (h[len + 1 + strspn(h + len + 1, " ")] == '\0')
		return "has no value";
	if (len >= 8 && strncasecmp(h, "webhook-", 8) == 0)
		return "is one that tunewatch sets itself";
	for (size_t i = 0; i < ARRAY_LEN(headers_taken); i++)
		if (strlen(headers_taken[i]) == len && strncasecmp(headers_taken[i], h, len) == 0)
			return "is one that tunewatch sets itself";
	return NULL;
}

static bool header_secret(const char *h)
{
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(h, ":"), h);
	for (size_t i = 0; i < ARRAY_LEN(headers_secret); i++)
		if (strcasestr(name, headers_secret[i]))
			return true;
	return false;
}

/* Off is 0 here: there is no span in which events are joined. */
static int apply_digest(struct load *l, const struct raw_section *s, const struct raw_option *o,
			void *t)
{
	struct config_notifier *n = t;
	int r = value_span(l, s, o, t);

	if (n->digest_ms == UINT64_MAX)
		n->digest_ms = 0;
	return r;
}

static int copy_list(const struct raw_option *o, char ***ret)
{
	char **list = calloc(o->n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	*ret = list;
	for (size_t i = 0; i < o->n; i++) {
		list[i] = strdup(o->values[i].text);
		if (!list[i])
			return -ENOMEM;
	}
	return 0;
}

static int apply_headers(struct load *l, const struct raw_section *s, const struct raw_option *o,
			 void *t)
{
	struct config_notifier *n = t;
	bool secret = false;

	for (size_t i = 0; i < o->n; i++) {
		const char *why = header_fault(o->values[i].text);

		if (why)
			fault_add(l, place_of(o, i), "'headers'%s: header %zu %s",
				  fault_in_section(s).text, i + 1, why);
		secret |= header_secret(o->values[i].text);
	}
	if (secret)
		keys_check_inline(l, s, o);
	return copy_list(o, &n->headers);
}

static int apply_user(struct load *l, const struct raw_section *s, const struct raw_option *o,
		      void *t)
{
	for (const char *c = o->values[0].text; *c; c++)
		if (iscntrl((unsigned char)*c)) {
			fault_add(l, place_of(o, 0), "'user'%s holds a control character",
				  fault_in_section(s).text);
			return 0;
		}
	return value_text(l, s, o, t);
}

static int apply_command(struct load *l, const struct raw_section *s, const struct raw_option *o,
			 void *t)
{
	struct config_notifier *n = t;
	const char *why = NULL, *program = o->values[0].text;
	struct stat st;

	if (program[0] != '/')
		why = "is not an absolute path";
	else if (stat(program, &st) < 0)
		why = errno == ENOENT ? "does not exist" : strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "is not a file";
	else if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		why = "is not executable";
	if (why)
		fault_add(l, place_of(o, 0), "'command'%s: %s %s", fault_in_section(s).text,
			  fault_quote(program).text, why);
	return copy_list(o, &n->command);
}

/* What it is for no job in particular has to be a name as well. */
static int apply_unit(struct load *l, const struct raw_section *s, const struct raw_option *o,
		      void *t)
{
	const char *pattern = o->values[0].text, *why = NULL;
	char name[UNIT_NAME_MAX + 1];
	int r = unit_name_format(pattern, "accounts/a", name);

	if (r == -EINVAL)
		why = "has an unknown specifier; there are %j, the job's name, %i, its id, and %%";
	else if (r == -E2BIG)
		why = "is longer than the name of a unit may be";
	else if (!unit_name_is_service(name))
		why = "is not the name of a service, such as deploy@%j.service";
	if (why)
		fault_add(l, place_of(o, 0), "'unit'%s: %s %s", fault_in_section(s).text,
			  fault_quote(pattern).text, why);
	return value_text(l, s, o, t);
}

/* ---- the table ---- */

#define TOP(member) .section = SECTION_TOP, .offset = offsetof(struct config, member)
#define ACCOUNT(member)                                                                            \
	.section = SECTION_ACCOUNT, .offset = offsetof(struct config_account, member)
#define WATCH(member) .section = SECTION_WATCH, .offset = offsetof(struct config_watch, member)
#define NOTIFIER(member)                                                                           \
	.section = SECTION_NOTIFIER, .offset = offsetof(struct config_notifier, member)
#define ON_WEBHOOK (1U << NOTIFIER_WEBHOOK)
#define ON_EXEC    (1U << NOTIFIER_EXEC)
#define ON_UNIT    (1U << NOTIFIER_UNIT)
#define ON_EMAIL   (1U << NOTIFIER_EMAIL)
#define STALL(name_, phase)                                                                        \
	{                                                                                          \
		.name = name_, .apply = value_span, .min = MS_PER_S, .max = 365 * MS_PER_DAY,      \
		.off = true, WATCH(stall_ms[phase])                                                \
	}

const struct option_spec option_specs[] = {
	{.name = "poll-interval",
	 .apply = value_span,
	 .min = MS_PER_S,
	 .max = 30 * MS_PER_DAY,
	 TOP(poll_interval_ms)},
	{.name = "list-interval",
	 .apply = value_span,
	 .min = MS_PER_S,
	 .max = 30 * MS_PER_DAY,
	 .off = true,
	 TOP(list_interval_ms)},
	{.name = "degraded-after",
	 .apply = value_span,
	 .max = 30 * MS_PER_DAY,
	 .off = true,
	 TOP(degraded_after_ms)},
	{.name = "progress-step", .apply = value_number, .min = 1, .max = 100, TOP(progress_step)},
	{.name = "state-dir", .apply = value_path, TOP(state_dir)},
	{.name = "control-socket", .apply = apply_socket, TOP(control_socket)},
	{.name = "http-listen", .apply = apply_listen, TOP(http_listen)},
	{.name = "history-max-age",
	 .apply = value_span,
	 .min = MS_PER_S,
	 .max = 3650 * MS_PER_DAY,
	 .off = true,
	 TOP(history_max_age_ms)},
	{.name = "history-max-size",
	 .apply = value_size,
	 .min = 1ULL << 20,
	 .max = 1ULL << 50,
	 .off = true,
	 TOP(history_max_bytes)},

	{.name = "account-id", .apply = apply_account_id, .empty = true, ACCOUNT(account_id)},
	{.name = "api-url", ACCOUNT(api_url)},
	{.name = "api-key-file", ACCOUNT(api_key)},
	{.name = "api-key-credential", ACCOUNT(api_key)},
	{.name = "api-key", ACCOUNT(api_key)},
	{.name = "wandb-api-key-file", ACCOUNT(wandb_key_file)},
	{.name = "requests-per-minute",
	 .apply = value_number,
	 .min = 1,
	 .max = 60000000,
	 ACCOUNT(requests_per_minute)},
	{.name = "ca-file", .apply = apply_ca_file, ACCOUNT(ca_file)},
	{.name = "proxy", .apply = apply_proxy, ACCOUNT(proxy)},
	{.name = "allow-http", .apply = value_bool, ACCOUNT(allow_http)},

	{.name = "account", WATCH(route.account)},
	{.name = "kinds", .apply = apply_kinds, .list = true, WATCH(route.kinds)},
	{.name = "jobs", .list = true, .empty = true, WATCH(jobs)},
	{.name = "display-name", .apply = value_text, WATCH(route.display_name)},
	{.name = "poll-interval",
	 .apply = value_span,
	 .min = MS_PER_S,
	 .max = 30 * MS_PER_DAY,
	 WATCH(poll_interval_ms)},
	{.name = "first-sight", .apply = apply_first_sight, WATCH(route.announce)},
	STALL("stall-queued", PHASE_QUEUED),
	STALL("stall-starting", PHASE_STARTING),
	STALL("stall-running", PHASE_RUNNING),
	STALL("stall-finishing", PHASE_FINISHING),
	STALL("stall-cancelling", PHASE_CANCELLING),
	{.name = "notify", .list = true, WATCH(route.notify)},

	{.name = "type", NOTIFIER(type)},
	{.name = "events", .apply = apply_events, .list = true, NOTIFIER(events)},
	{.name = "url", .types = ON_WEBHOOK, NOTIFIER(url)},
	{.name = "url-file", .types = ON_WEBHOOK, NOTIFIER(url)},
	{.name = "format", .apply = apply_format, .types = ON_WEBHOOK, NOTIFIER(format)},
	{.name = "secret-file", .types = ON_WEBHOOK, NOTIFIER(signing)},
	{.name = "headers",
	 .apply = apply_headers,
	 .list = true,
	 .types = ON_WEBHOOK,
	 NOTIFIER(headers)},
	{.name = "allow-http", .apply = value_bool, .types = ON_WEBHOOK, NOTIFIER(allow_http)},
	{.name = "command",
	 .apply = apply_command,
	 .list = true,
	 .types = ON_EXEC,
	 NOTIFIER(command)},
	{.name = "max-parallel",
	 .apply = value_number,
	 .min = 1,
	 .max = 64,
	 .types = ON_EXEC | ON_UNIT,
	 NOTIFIER(max_parallel)},
	{.name = "unit", .apply = apply_unit, .types = ON_UNIT, NOTIFIER(unit)},
	{.name = "timeout",
	 .apply = value_span,
	 .min = MS_PER_S,
	 .max = MS_PER_DAY,
	 .types = ON_WEBHOOK | ON_EXEC | ON_EMAIL,
	 NOTIFIER(timeout_ms)},
	{.name = "server", .types = ON_EMAIL, NOTIFIER(server)},
	{.name = "from", .apply = email_apply_from, .types = ON_EMAIL, NOTIFIER(from)},
	{.name = "to", .apply = email_apply_to, .list = true, .types = ON_EMAIL, NOTIFIER(to)},
	{.name = "user", .apply = apply_user, .types = ON_EMAIL, NOTIFIER(user)},
	{.name = "password-file", .types = ON_EMAIL, NOTIFIER(password)},
	{.name = "password-credential", .types = ON_EMAIL, NOTIFIER(password)},
	{.name = "ca-file", .apply = apply_ca_file, .types = ON_EMAIL, NOTIFIER(ca_file)},
	{.name = "allow-plain", .apply = value_bool, .types = ON_EMAIL, NOTIFIER(allow_plain)},
	{.name = "digest", /* check.c says who may have it, and why */
	 .apply = apply_digest,
	 .min = MS_PER_S,
	 .max = MS_PER_DAY,
	 .off = true,
	 NOTIFIER(digest_ms)},
	{.name = "wait-for-model", .section = SECTION_NOTIFIER}, /* check.c reads it */
	{.name = "wait-for-model-max",
	 .apply = value_span,
	 .min = MS_PER_S,
	 .max = 30 * MS_PER_DAY,
	 NOTIFIER(model_wait_ms)},
	{.name = "max-waiting",
	 .apply = value_number,
	 .min = 1,
	 .max = 10000000,
	 NOTIFIER(max_waiting)},
};

const size_t n_option_specs = ARRAY_LEN(option_specs);

const struct option_spec *option_find(enum section_type section, const char *name)
{
	for (size_t i = 0; i < n_option_specs; i++)
		if (option_specs[i].section == section && strcmp(option_specs[i].name, name) == 0)
			return &option_specs[i];
	return NULL;
}

size_t option_names(enum section_type section, const char *ret[OPTION_NAMES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < n_option_specs && n < OPTION_NAMES_MAX; i++)
		if (option_specs[i].section == section)
			ret[n++] = option_specs[i].name;
	return n;
}

/* ---- applying ---- */

/* What is wrong with the form of an option, whatever it means. */
static const char *form_fault(const struct raw_option *o)
{
	if (o->spec->empty && o->n == 0 && o->spec->list)
		return NULL;
	if (o->n == 0)
		return o->spec->list ? "is an empty list; leave it out for the default"
				     : "is an empty list";
	if (o->n > 1 && !o->spec->list)
		return "takes one value";
	/* the rest of a list is looked at by its type: an argument of a command may be empty */
	if (!o->values[0].text[0] && !(o->spec->empty && !o->spec->list))
		return "is empty";
	return NULL;
}

const char *raw_text(const struct raw_section *s, const char *name)
{
	const struct raw_option *o = raw_find(s, name);

	return o && !form_fault(o) ? o->values[0].text : NULL;
}

struct place raw_place(const struct raw_section *s, const char *name)
{
	const struct raw_option *o = raw_find(s, name);

	if (!o)
		return s->at;
	return o->n > 0 ? place_of(o, 0) : o->at;
}

int options_apply(struct load *l, const struct raw_section *s, void *target)
{
	const struct config_notifier *n = s->type == SECTION_NOTIFIER ? target : NULL;
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++) {
		const struct raw_option *o = &s->options[i];
		const char *form = form_fault(o);

		if (n && n->type < NOTIFIER_TYPE_COUNT_ && o->spec->types &&
		    !(o->spec->types & 1U << n->type)) {
			fault_add(l, o->at, "'%s'%s: a notifier of type %s has no such option",
				  o->spec->name, fault_in_section(s).text,
				  notifier_type_names[n->type]);
			continue;
		}
		if (form)
			fault_add(l, o->at, "'%s'%s %s", o->spec->name, fault_in_section(s).text,
				  form);
		else if (o->spec->apply)
			r = o->spec->apply(l, s, o, target);
	}
	return r;
}
