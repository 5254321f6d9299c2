/*
 * What the files of this floor share: the configuration as written, with the place of every word,
 * and the collector of faults.
 *
 * Loading goes in steps, none of which stops at a fault: text.c makes a file's text safe for
 * libConfuse, parse.c turns it into sections of raw options, options.c checks and converts each
 * value, check.c looks at what concerns several of them, keys.c finds what is secret.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/macro.h"
#include "base/nearest.h"
#include "config/config.h"

#define CONFIG_FILE_MAX    (16U << 20) /* bytes of one file: 100,000 named jobs fit */
#define CONFIG_FILES_MAX   256
#define CONFIG_JOBS_MAX    100000 /* named jobs of one watch */
#define CONFIG_FAULTS_MAX  200    /* reported; more are counted */
#define CONFIG_UNKNOWN_MAX 64     /* different unknown names in one file */
#define CONFIG_KEY_MAX     512
#define CONFIG_URL_MAX     2048

enum section_type {
	SECTION_TOP,
	SECTION_ACCOUNT,
	SECTION_WATCH,
	SECTION_NOTIFIER,
	SECTION_COUNT_,
};

extern const char *const section_names[SECTION_COUNT_]; /* "", "account", … */
extern const char *const section_plurals[SECTION_COUNT_];

/* Where something stands: an index into load.files, or -1 for nowhere. */
struct place {
	int file;
	unsigned line; /* from 1; 0 for the whole file */
};
#define NOWHERE ((struct place){-1, 0})

struct raw_value {
	char *text; /* owned; wiped, because it may be a key */
	unsigned line;
};

struct raw_option {
	const struct option_spec *spec;
	struct place at;
	struct raw_value *values; /* at least one, or `empty` */
	size_t n, cap;
};

struct raw_section {
	enum section_type type;
	char *title; /* "" for the top */
	struct place at;
	bool implicit; /* nobody wrote it */
	struct raw_option *options;
	size_t n, cap;
};

struct source_file {
	char *path;
	struct stat st;
};

struct fault {
	struct place at;
	char *text;
};

/* One run of config_load(). */
struct load {
	const struct config_env *env;
	struct source_file *files;
	size_t n_files, cap_files;
	struct raw_section top;
	struct raw_section *sections;
	size_t n_sections, cap_sections;
	struct fault *faults;
	size_t n_faults, cap_faults;
	size_t faults_lost;
	bool oom;       /* a fault could not be kept */
	bool cut_short; /* of a file the rest, or all, could not be read: it may hold anything */
	struct {
		bool read;
		char *path, *text; /* owned; the text is wiped */
		size_t size;
		const char *key, *account;
	} authini;
	struct config *config;
};

/* ---- fault.c ---- */

/* Keeps a fault. Values that came from outside go through fault_quote() first. */
void fault_add(struct load *l, struct place at, const char *fmt, ...) _printf_(3, 4);

/* Forgets the faults from the `n`-th on. */
void fault_truncate(struct load *l, size_t n);

/* Hands all to `fn`, in the order of files and lines, and forgets them. */
void fault_report(struct load *l, config_fault_fn fn, void *user);

/* A value for a message: in single quotes, shortened, control characters as '?'; "(hidden)" when it
 * looks like a key that stands in the wrong place. */
#define FAULT_QUOTE_MAX 96
struct quoted {
	char text[FAULT_QUOTE_MAX];
};
struct quoted fault_quote(const char *value);

/* `account "acme"` or "" for the top, and ` in account "acme"`. */
struct quoted fault_section(const struct raw_section *s);
struct quoted fault_in_section(const struct raw_section *s);

/* ---- nearest.c ---- */

/* "; did you mean 'x'?", or what the choice is when nothing is near and the list is short. */
#define NEAREST_HINT_MAX 256
struct hint {
	char text[NEAREST_HINT_MAX];
};
struct hint nearest_hint(const char *word, const char *const names[], size_t n);

/* ---- text.c ---- */

/*
 * Blanks the comments of `text` in place and reports what libConfuse would pass over without a
 * word. False when the end of the text is missing (a string or a section that is not closed).
 */
bool text_prepare(struct load *l, int file, char *text);

/* ---- parse.c ---- */

/* Adds what one file's text says to `l`. `text` is written to. 0 or -ENOMEM; faults are kept. */
int parse_text(struct load *l, int file, char *text);

/* ---- file.c ---- */

/* Reads the file, remembers its path and status, parses it. `missing_ok`: none is no fault, and
 * gives -ENOENT. 0, -ENOENT, -ENOMEM. */
int file_load(struct load *l, const char *path, bool missing_ok);

/* ---- raw.c ---- */

/* A section that nobody wrote. 0 or -ENOMEM. */
int raw_add_implicit(struct load *l, enum section_type type, const char *title);

/* Appends `section` to a growing array, which owns it; frees it on failure. 0 or -ENOMEM. */
int raw_section_add(struct raw_section **sections, size_t *n, size_t *cap,
		    struct raw_section section);
void raw_section_done(struct raw_section *s);

/* An option without values, or NULL when out of memory. */
struct raw_option *raw_add(struct raw_section *s, const struct option_spec *spec, struct place at);
struct raw_option *raw_lookup(struct raw_section *s, const struct option_spec *spec);
void raw_option_clear(struct raw_option *o); /* forgets the values */
void raw_option_done(struct raw_option *o);

/* The option as it was written, or NULL. */
const struct raw_option *raw_find(const struct raw_section *s, const char *name);

/* ---- options.c ---- */

/* Converts one option's values into `target` (a struct config, config_account, …). 0 or -ENOMEM. */
typedef int (*option_apply_fn)(struct load *l, const struct raw_section *s,
			       const struct raw_option *o, void *target);

struct option_spec {
	enum section_type section;
	const char *name;
	option_apply_fn apply; /* NULL: check.c or keys.c reads it */
	size_t offset;         /* of the member that it sets */
	uint64_t min, max;     /* numbers, spans and sizes */
	unsigned types;        /* of notifiers that take it: bit per enum notifier_type; 0: all */
	bool list;
	bool off;   /* a span or size may be "off" */
	bool empty; /* "" or {} says something */
};

extern const struct option_spec option_specs[];
extern const size_t n_option_specs;

const struct option_spec *option_find(enum section_type section, const char *name);

/* Names of the options of a section, for nearest_hint(); returns how many. */
#define OPTION_NAMES_MAX 32
size_t option_names(enum section_type section, const char *ret[OPTION_NAMES_MAX]);

/* Applies all of a section's options. 0 or -ENOMEM. */
int options_apply(struct load *l, const struct raw_section *s, void *target);

/* The names in the order of their enums. */
extern const char *const notifier_type_names[NOTIFIER_TYPE_COUNT_];
extern const char *const webhook_format_names[WEBHOOK_FORMAT_COUNT_];

/* The first value, or NULL when the option is not there or was refused for its form. */
const char *raw_text(const struct raw_section *s, const char *name);

/* Where an option stands; the section's place when it is not there. */
struct place raw_place(const struct raw_section *s, const char *name);

/* "/x", or "~/x" in the home directory. 0, -EINVAL when it is neither, -ENOMEM. */
int value_to_path(const struct config_env *env, const char *value, char **ret);

/* ---- values.c: types of values that several options share ---- */

int value_span(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t);
int value_number(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t);
int value_bool(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t);
int value_text(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t);
int value_path(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t);

int value_size(struct load *l, const struct raw_section *s, const struct raw_option *o, void *t);

/* `value` as an index of `names`; -ENOENT with a fault. */
int value_enum(struct load *l, const struct raw_section *s, const struct raw_option *o,
	       const struct raw_value *value, const char *const names[], size_t n);

/* ---- check.c ---- */

/* Makes l->config from the sections, adding those that nobody had to write. 0 or -ENOMEM. */
int check_sections(struct load *l);

/* ---- keys.c ---- */

/* Finds an account's key, and looks at that of its W&B user. 0 with or, after a fault, without one; -ENOMEM. */
int keys_account(struct load *l, const struct raw_section *s, struct config_account *a);

/* Finds a webhook's URL and signing secrets. 0 or -ENOMEM. */
int keys_notifier(struct load *l, const struct raw_section *s, struct config_notifier *n);

/* Reads the password of password-file or password-credential, where one is given. 0 with or, after a
 * fault, without one; -ENOMEM. */
int keys_password(struct load *l, const struct raw_section *s, struct config_secret *ret);

/* The account id that goes with the environment's key, or NULL. Faults go to `l`. 0 or -ENOMEM. */
int keys_env_account_id(struct load *l, char **ret);

/* Reports a secret that stands in a configuration file which others can read. */
void keys_check_inline(struct load *l, const struct raw_section *s, const struct raw_option *o);

/* Whether the environment or auth.ini has a key. 0, 1 or -ENOMEM. */
int keys_env_has_key(struct load *l);

/* ---- email.c ---- */

/* What a notifier of type email needs, beyond its single options. 0 or -ENOMEM. */
int email_check(struct load *l, const struct raw_section *s, struct config_notifier *n);

/* The options `from` and `to`. */
int email_apply_from(struct load *l, const struct raw_section *s, const struct raw_option *o,
		     void *t);
int email_apply_to(struct load *l, const struct raw_section *s, const struct raw_option *o,
		   void *t);

/* NULL, or why it is no address of mail as it is taken here: a name without quotes, "@", and a host's
 * name or address in brackets, all in ASCII. A constant that continues a sentence. */
const char *email_address_fault(const char *s);

/* ---- secret.c ---- */

/* Who else could read a file: NULL, or what is wrong; `ret_command` is how to put it right. */
const char *secret_not_private(const struct stat *st, const char **ret_command);

/*
 * The contents of a secret file, without blanks around them. `exempt`: whoever may read it. 0 with
 * text, which the caller wipes; -ENOENT where there is no file; -EINVAL with a sentence that begins
 * with the path; -ENOMEM.
 */
int secret_read(const char *path, bool exempt, char **ret, struct error *ret_e);

void wipe_free(char *s); /* takes NULL */

/* ---- authini.c ---- */

/* The two values of the vendor's auth.ini; NULL for what it does not say. `text` is written to,
 * the results point into it. */
void authini_read(char *text, const char **ret_key, const char **ret_account);

/* ---- size.c ---- */

/*
 * Bytes in systemd's notation: a whole number, which may have K, M, G or T (times 1024 each) and
 * after that B or iB: "512", "64K", "1GiB"; "off" gives UINT64_MAX. 0, -EINVAL, -ERANGE.
 */
int config_size_parse(const char *s, uint64_t *ret_bytes);

/* The shortest such notation that gives the same size: "1GiB", "1025", "off". */
#define CONFIG_SIZE_MAX 32
void config_size_format(uint64_t bytes, char ret[CONFIG_SIZE_MAX]);

/* ---- url.c ---- */

struct url {
	bool https; /* or smtps */
	bool loopback;
	char host[256]; /* without brackets */
};

/* An absolute http or https URL without user, password and fragment. 0, or -EINVAL with what is
 * wrong in `ret_why` (a constant that shows nothing of the URL). */
int config_url_parse(const char *s, struct url *ret, const char **ret_why);

/* The same for a mail server, "smtp://host[:port]" or "smtps://…": without a path, too. */
int config_server_parse(const char *s, struct url *ret, const char **ret_why);

/* Whether an IP address is of the loopback network. */
bool url_host_is_loopback(const char *host);

/* ---- paths.c ---- */

/* Defaults. 0 with a string or, where the environment does not say enough, NULL; -ENOMEM. */
int paths_config_file(const struct config_env *env, char **ret);
int paths_state_dir(const struct config_env *env, char **ret);
int paths_control_socket(const struct config_env *env, char **ret);

/* Room for one more element of `*items`, which holds `n`; 0 or -ENOMEM. */
int array_reserve(void *items, size_t n, size_t *cap, size_t size);
