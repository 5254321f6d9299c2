/*
 * The configuration: files to one immutable, checked structure.
 *
 * Files are libConfuse's format. Everything that is wrong is found in one run and reported with
 * file, line and, for a misspelt name, the nearest known one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "model/name.h"
#include "model/route.h"

#define CONFIG_NAME_MAX 63 /* bytes of a section's title */

/* Where a key came from, for --dump-config and messages; never the key itself. */
struct config_secret {
	char *value;  /* owned; wiped when freed; NULL when there is none */
	char *source; /* owned; "file /etc/tunewatch/acme.key", "$FIREWORKS_API_KEY", … */
};

struct config_account {
	char *name;       /* the section's title */
	char *account_id; /* "" when it is to be found with the key: a single account only */
	char *api_url;    /* without a slash at the end */
	struct config_secret api_key;
	char *wandb_key_file;         /* NULL: jobs that log to W&B cannot be created */
	uint32_t requests_per_minute; /* default 10 */
	char *ca_file;                /* NULL: the system's */
	char *proxy;                  /* NULL: the environment's, as libcurl reads it */
	bool allow_http;
};

struct config_watch {
	char *name;
	struct route_watch route; /* route.display_name is owned by this */
	struct job_name *jobs;    /* named jobs; none: discover */
	size_t n_jobs;
	uint64_t poll_interval_ms;
	uint64_t stall_ms[PHASE_COUNT_]; /* UINT64_MAX: off, also for phases that cannot stall */
};

enum notifier_type {
	NOTIFIER_SYSLOG,
	NOTIFIER_WEBHOOK,
	NOTIFIER_EXEC,
	NOTIFIER_UNIT,
	NOTIFIER_DESKTOP,
	NOTIFIER_EMAIL,
	NOTIFIER_TYPE_COUNT_,
};

enum webhook_format {
	WEBHOOK_JSON,
	WEBHOOK_SLACK,
	WEBHOOK_DISCORD,
	WEBHOOK_TEAMS,
	WEBHOOK_NTFY,
	WEBHOOK_FORMAT_COUNT_,
};

struct config_notifier {
	char *name;
	enum notifier_type type;
	uint64_t events; /* bit per enum event_type */
	/* webhook */
	struct config_secret url; /* a webhook's URL is a secret; only its host is ever shown */
	char *url_host;
	enum webhook_format format;
	struct config_secret
		signing; /* the lines of secret-file, joined by newlines; at most two */
	char **headers;  /* "Name: value", NULL-terminated; values are secrets */
	bool allow_http;
	/* exec */
	char **command;        /* NULL-terminated; [0] is an absolute path */
	unsigned max_parallel; /* default 1; units, too */
	/* unit */
	char *unit; /* a pattern for unit_name_format() */
	/* email; its server's host is url_host */
	char *server;                  /* smtp://host[:port] or smtps://host[:port] */
	char *from;                    /* an address */
	char **to;                     /* 1 to CONFIG_RECIPIENTS_MAX addresses, NULL-terminated */
	char *user;                    /* NULL: nobody logs in */
	struct config_secret password; /* where there is a user */
	char *ca_file;                 /* NULL: the system's */
	bool allow_plain;
	bool plain; /* smtp:// goes without TLS: allowed, or to this machine without a ca_file */
	/* webhook: 20 s; email: 1 min; exec: default 10 min */
	uint64_t timeout_ms;
	uint64_t digest_ms; /* 0: each event alone; mail, and webhooks with a chat format only */
	/* wait-for-model: job.succeeded waits so long at most for its output model; 0: it does not.
	   Default of the option wait-for-model-max: 1 h. */
	uint64_t model_wait_ms;
	uint32_t max_waiting; /* deliveries, default 100,000: see model/outbox.h */
};

#define CONFIG_RECIPIENTS_MAX 50

struct config {
	unsigned refs;
	bool system; /* as config_env.system: a service of the machine, not of a user */
	uint64_t poll_interval_ms;
	uint64_t list_interval_ms; /* default 1 h; UINT64_MAX: all pages are read once, at first */
	uint64_t degraded_after_ms;
	uint64_t stall_ms[PHASE_COUNT_]; /* the defaults, for jobs that are of no watch */
	unsigned progress_step;          /* percent, 1 to 100 */
	char *state_dir;
	char *control_socket;
	char *http_listen;           /* NULL: off */
	uint64_t history_max_age_ms; /* default 30 days; UINT64_MAX: no limit */
	uint64_t history_max_bytes;  /* default 1 GiB; UINT64_MAX: no limit */
	struct config_account *accounts;
	size_t n_accounts;
	struct config_watch *watches;
	size_t n_watches;
	struct config_notifier *notifiers;
	size_t n_notifiers;
	struct route_watch *route_watches; /* copies of watches[i].route, for route_table */
	uint64_t *route_accepts;           /* notifiers[i].events */
};

/*
 * Where the topic stands in the URL of one with format ntfy, "https://ntfy.sh/alerts": the last
 * segment of the path, 1 to 64 of [A-Za-z0-9_-]. Messages are not sent there but to what is before
 * the topic, the server's root, and name the topic. 0, or -EINVAL when there is none.
 */
#define CONFIG_TOPIC_MAX 64
int config_url_topic(const char *url, size_t *ret_at, size_t *ret_len);

/* What the environment gives; tests fill it by hand. Values may be NULL. */
struct config_env {
	const char *home, *xdg_config_home, *xdg_state_home, *xdg_runtime_dir;
	const char *state_directory, *runtime_directory, *configuration_directory;
	const char *credentials_directory;
	const char *fireworks_api_key, *fireworks_account_id;
	const char *fireworks_base_url; /* $FIREWORKS_BASE_URL, else $FIREWORKS_API_BASE */
	const char *fireworks_profile, *fireworks_auth_file;
	const char *session_bus; /* $DBUS_SESSION_BUS_ADDRESS */
	bool system; /* runs as root or as a system service: /etc, /var/lib, /run instead of XDG */
};

void config_env_read(struct config_env *ret); /* from getenv(); pointers into the environment */

/* One fault. `file` is NULL and `line` 0 for what has no place in a file. */
typedef void (*config_fault_fn)(void *user, const char *file, unsigned line, const char *text);

/*
 * Loads `path`, or the default file when it is NULL, then conf.d/ *.conf beside it. Calls `fault`
 * for every fault that can be found. 0 with a checked configuration; -EINVAL when there was a
 * fault; -ENOMEM. A file that is named and cannot be read is a fault.
 */
int config_load(const char *path, const struct config_env *env, config_fault_fn fault, void *user,
		struct config **ret);

/*
 * Reads the account's key again from the file that it came from, for a key that was rotated. 0 with
 * `ret` (the caller wipes and frees it: config_secret_done); -ENOENT when it did not come from a
 * file of the configuration (a credential does not change while a service runs); else why it cannot
 * be read, and `ret_e` says so without the key.
 */
int config_read_key(const struct config_account *account, struct config_secret *ret,
		    struct error *ret_e);

/* Whether it came from a credential, which is what it was when the service started. */
bool config_key_is_credential(const struct config_account *account);

/*
 * Reads the key of the account's W&B user from its file, when a job needs it, so that a rotated one
 * counts. The same; -ENOENT: the account has no such file.
 */
int config_read_wandb_key(const struct config_account *account, struct config_secret *ret,
			  struct error *ret_e);
void config_secret_done(struct config_secret *secret);

struct config *config_ref(struct config *c);
struct config *config_unref(struct config *c); /* takes NULL, returns NULL; wipes secrets */
DEFINE_CLEANUP(struct config *, config_unref);
#define _cleanup_config_ _cleanup_(config_unrefp)

struct route_table config_routes(const struct config *c);

/* The effective configuration, in the format of the file, secrets masked. 0 or -EIO. */
int config_dump(const struct config *c, FILE *out);
