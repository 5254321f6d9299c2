/*
 * What is secret: where API keys, webhook URLs and signing secrets come from, and their form.
 */
#include "config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r\n"

/* How the sources that config_read_key() knows begin. */
#define FROM_FILE       "file"
#define FROM_AUTHINI    "auth.ini"
#define FROM_CREDENTIAL "credential"

#define FROM_CREDENTIAL "credential"

void keys_check_inline(struct load *l, const struct raw_section *s, const struct raw_option *o)
{
	const struct source_file *f = &l->files[o->at.file];
	const char *command, *why = secret_not_private(&f->st, &command);

	if (why)
		fault_add(l, o->at, "'%s'%s: a secret stands in a file that %s; run: %s %s",
			  o->spec->name, fault_in_section(s).text, why, command, f->path);
}

/* As secret_read(), but what is wrong is a fault, which `what` begins. A missing file is none. */
static int read_secret(struct load *l, struct place at, const char *what, const char *path,
		       bool exempt, char **ret)
{
	struct error e = ERROR_NONE;
	int r = secret_read(path, exempt, ret, &e);

	if (r == -EINVAL)
		fault_add(l, at, "%s: %s", what, e.text);
	return r;
}

/* Takes over `value` and remembers where it is from: a word, and a name that may be "". */
static int secret_set(struct config_secret *ret, char *value, const char *from, const char *name)
{
	char *source;

	if (!value || asprintf(&source, "%s%s%s", from, *name ? " " : "", name) < 0) {
		wipe_free(value);
		return -ENOMEM;
	}
	config_secret_done(ret);
	*ret = (struct config_secret){value, source};
	return 0;
}

/* "'api-key-file' in account "acme"" */
struct what {
	char text[160];
};

static struct what what_of(const struct raw_section *s, const char *name)
{
	struct what w;

	snprintf(w.text, sizeof(w.text), "'%s'%s", name, fault_in_section(s).text);
	return w;
}

/* Reads the file that option `name` gives. As read_secret(), but a missing file is a fault. */
static int read_option_file(struct load *l, const struct raw_section *s, const char *name,
			    char **ret_path, char **ret)
{
	struct what what = what_of(s, name);
	struct place at = raw_place(s, name);
	const char *text = raw_text(s, name);
	int r;

	if (!text)
		return -EINVAL;
	r = value_to_path(l->env, text, ret_path);
	if (r == -EINVAL)
		fault_add(l, at, "%s: %s is not an absolute path", what.text,
			  fault_quote(text).text);
	if (r < 0)
		return r;
	r = read_secret(l, at, what.text, *ret_path, false, ret);
	if (r == -ENOENT) {
		fault_add(l, at, "%s: there is no file %s", what.text, fault_quote(*ret_path).text);
		r = -EINVAL;
	}
	return r;
}

/* ---- API keys ---- */

#define NOT_A_KEY "not a key (1 to %d ASCII characters without spaces)"

static bool key_valid(const char *key)
{
	size_t len = strlen(key);

	for (const char *c = key; *c; c++)
		if (!isascii((unsigned char)*c) || !isgraph((unsigned char)*c))
			return false;
	return len >= 1 && len <= CONFIG_KEY_MAX;
}

/* Takes over `key`. */
static int take_key(struct load *l, struct place at, const char *what, char *key, const char *from,
		    const char *name, struct config_secret *ret)
{
	if (!key)
		return -ENOMEM;
	if (key_valid(key))
		return secret_set(ret, key, from, name);
	fault_add(l, at, "%s: " NOT_A_KEY, what, CONFIG_KEY_MAX);
	wipe_free(key);
	return 0;
}

static int key_from_file(struct load *l, const struct raw_section *s, struct config_secret *ret)
{
	_cleanup_free_ char *path = NULL;
	char *key = NULL;
	int r = read_option_file(l, s, "api-key-file", &path, &key);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return take_key(l, raw_place(s, "api-key-file"), what_of(s, "api-key-file").text, key,
			FROM_FILE, path, ret);
}

/*
 * The directory that the system unit hands over as credentials; systemd puts its LoadCredential='s own
 * name and a "_" before the names of the files. Outside of any service, which is where an
 * administrator checks the configuration, the files are read themselves.
 */
#define CREDENTIALS_DIR    "credentials"
#define CREDENTIALS_PREFIX "tunewatch_"

/* The directory of the first file, which is where conf.d is looked for, too. */
static int beside_config(const struct load *l, const char *name, char **ret)
{
	const char *file = l->n_files > 0 ? l->files[0].path : "";
	const char *slash = strrchr(file, '/');

	return asprintf(ret, "%.*s" CREDENTIALS_DIR "/%s", slash ? (int)(slash + 1 - file) : 0,
			file, name);
}

/* 0; -ENOENT with the path that was looked at last; -EINVAL: there is a fault; -ENOMEM. */
static int read_credential(struct load *l, struct place at, const char *what, const char *name,
			   char **ret_path, char **ret)
{
	static const char *const prefixes[] = {CREDENTIALS_PREFIX, ""};
	const char *dir = l->env->credentials_directory;
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < (dir ? ARRAY_LEN(prefixes) : 1); i++) {
		free(TAKE_PTR(*ret_path));
		if ((dir ? asprintf(ret_path, "%s/%s%s", dir, prefixes[i], name)
			 : beside_config(l, name, ret_path)) < 0) {
			*ret_path = NULL;
			return -ENOMEM;
		}
		r = read_secret(l, at, what, *ret_path, dir != NULL, ret);
	}
	return r;
}

/* Reads the credential that option `name` gives, which holds the `noun`. 0; -EINVAL: there is a fault;
 * -ENOMEM. */
static int read_option_credential(struct load *l, const struct raw_section *s, const char *name,
				  const char *noun, char **ret)
{
	struct what what = what_of(s, name);
	struct place at = raw_place(s, name);
	const char *text = raw_text(s, name);
	_cleanup_free_ char *path = NULL;
	int r;

	if (!text)
		return -EINVAL;
	if (strchr(text, '/') || text[0] == '.') {
		fault_add(l, at, "%s: %s is not the name of a credential", what.text,
			  fault_quote(text).text);
		return -EINVAL;
	}
	r = read_credential(l, at, what.text, text, &path, ret);
	if (r == -ENOENT && l->env->credentials_directory)
		fault_add(l, at,
			  "%s: there was no credential %s when the service started; put the %s "
			  "into " CREDENTIALS_DIR "/%s beside the configuration, then restart it",
			  what.text, fault_quote(text).text, noun, text);
	else if (r == -ENOENT)
		fault_add(l, at, "%s: there is no file %s, and this is no service with credentials",
			  what.text, fault_quote(path).text);
	return r == -ENOENT ? -EINVAL : r;
}

static int key_from_credential(struct load *l, const struct raw_section *s,
			       struct config_secret *ret)
{
	static const char option[] = "api-key-credential";
	char *key = NULL;
	int r = read_option_credential(l, s, option, "key", &key);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return take_key(l, raw_place(s, option), what_of(s, option).text, key, FROM_CREDENTIAL,
			raw_text(s, option), ret);
}

static int key_inline(struct load *l, const struct raw_section *s, struct config_secret *ret)
{
	const char *key = raw_text(s, "api-key");

	if (!key)
		return 0;
	keys_check_inline(l, s, raw_find(s, "api-key"));
	return take_key(l, raw_place(s, "api-key"), what_of(s, "api-key").text, strdup(key),
			"the configuration file", "", ret);
}

/* ---- the environment ---- */

/* Where auth.ini is; `ret_named`: somebody said so, it has to be there. */
static int authini_path(struct load *l, char **ret, bool *ret_named)
{
	const struct config_env *env = l->env;
	int r = 0;

	*ret = NULL;
	*ret_named = env->fireworks_auth_file || env->fireworks_profile;
	if (env->fireworks_auth_file) {
		*ret = strdup(env->fireworks_auth_file);
		return *ret ? 0 : -ENOMEM;
	}
	if (!env->home || env->home[0] != '/')
		return 0;
	if (env->fireworks_profile &&
	    (strchr(env->fireworks_profile, '/') || env->fireworks_profile[0] == '.')) {
		fault_add(l, NOWHERE, "$FIREWORKS_PROFILE: %s is not the name of a profile",
			  fault_quote(env->fireworks_profile).text);
		return 0;
	}
	if (env->fireworks_profile)
		r = asprintf(ret, "%s/.fireworks/profiles/%s/auth.ini", env->home,
			     env->fireworks_profile);
	else
		r = asprintf(ret, "%s/.fireworks/auth.ini", env->home);
	if (r < 0)
		*ret = NULL;
	return r < 0 ? -ENOMEM : 0;
}

/* Reads auth.ini once a run. */
static int authini_load(struct load *l)
{
	bool named;
	int r;

	if (l->authini.read)
		return 0;
	l->authini.read = true;
	r = authini_path(l, &l->authini.path, &named);
	if (r < 0 || !l->authini.path)
		return r;
	r = read_secret(l, NOWHERE, "auth.ini", l->authini.path, false, &l->authini.text);
	if (r == -ENOENT && named)
		fault_add(l, NOWHERE, "auth.ini: there is no file %s",
			  fault_quote(l->authini.path).text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	l->authini.size = strlen(l->authini.text);
	authini_read(l->authini.text, &l->authini.key, &l->authini.account);
	return 0;
}

/* An empty variable is as good as none. */
static const char *env_key(const struct load *l)
{
	const char *key = l->env->fireworks_api_key;

	return key && key[strspn(key, BLANK)] ? key + strspn(key, BLANK) : NULL;
}

int keys_env_has_key(struct load *l)
{
	int r;

	if (env_key(l))
		return 1;
	r = authini_load(l);
	return r < 0 ? r : l->authini.key != NULL;
}

int keys_env_account_id(struct load *l, char **ret)
{
	const char *id = l->env->fireworks_account_id, *from = "$FIREWORKS_ACCOUNT_ID";
	int r;

	*ret = NULL;
	if (!id || !*id) {
		r = authini_load(l);
		if (r < 0)
			return r;
		id = l->authini.account;
		from = "auth.ini";
	}
	if (!id)
		return 0;
	if (strncmp(id, "accounts/", 9) == 0)
		id += 9;
	if (!name_id_valid(id)) {
		fault_add(l, NOWHERE, "%s: %s is not an account id (1 to 63 of a-z, 0-9 and -)",
			  from, fault_quote(id).text);
		return 0;
	}
	*ret = strdup(id);
	return *ret ? 0 : -ENOMEM;
}

static int key_from_env(struct load *l, const struct raw_section *s, struct config_secret *ret)
{
	const char *key = env_key(l);
	int r;

	if (key) {
		char *copy = strdup(key);
		size_t len = copy ? strlen(copy) : 0;

		while (len > 0 && strchr(BLANK, copy[len - 1]))
			copy[--len] = '\0';
		return take_key(l, NOWHERE, "$FIREWORKS_API_KEY", copy, "$FIREWORKS_API_KEY", "",
				ret);
	}
	r = authini_load(l);
	if (r < 0)
		return r;
	if (l->authini.key)
		return take_key(l, NOWHERE, "auth.ini", strdup(l->authini.key), FROM_AUTHINI,
				l->authini.path, ret);
	if (!l->authini.text) /* a file without a key is reported like none */
		fault_add(l, s->at,
			  "%s has no key: give it api-key-file, or set $FIREWORKS_API_KEY",
			  fault_section(s).text);
	else
		fault_add(l, s->at, "%s has no key, and neither has %s", fault_section(s).text,
			  l->authini.path);
	return 0;
}

static const struct key_source {
	const char *option;
	int (*read)(struct load *l, const struct raw_section *s, struct config_secret *ret);
} key_sources[] = {
	{"api-key-file", key_from_file},
	{"api-key-credential", key_from_credential},
	{"api-key", key_inline},
};

/* Only the path is kept: the key is read when a job needs it. That it can be is checked now. */
static int wandb_key_file(struct load *l, const struct raw_section *s, struct config_account *a)
{
	static const char option[] = "wandb-api-key-file";
	char *key = NULL;
	int r;

	if (!raw_find(s, option))
		return 0;
	r = read_option_file(l, s, option, &a->wandb_key_file, &key);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (!key_valid(key))
		fault_add(l, raw_place(s, option), "%s: " NOT_A_KEY, what_of(s, option).text,
			  CONFIG_KEY_MAX);
	wipe_free(key);
	return 0;
}

int keys_account(struct load *l, const struct raw_section *s, struct config_account *a)
{
	const struct key_source *source = NULL;
	int r = wandb_key_file(l, s, a);

	if (r < 0)
		return r;

	for (size_t i = 0; i < ARRAY_LEN(key_sources); i++) {
		const struct raw_option *o = raw_find(s, key_sources[i].option);

		if (o && source)
			fault_add(l, o->at, "'%s'%s: '%s' is given already", o->spec->name,
				  fault_in_section(s).text, source->option);
		else if (o)
			source = &key_sources[i];
	}
	return source ? source->read(l, s, &a->api_key) : key_from_env(l, s, &a->api_key);
}

/* ---- a key that was rotated ---- */

static int whole_text(char *text, char **ret_key)
{
	*ret_key = strdup(text);
	return *ret_key ? 0 : -ENOMEM;
}

static int key_in_authini(char *text, char **ret_key)
{
	const char *key, *account;

	authini_read(text, &key, &account);
	*ret_key = strdup(key ? key : "");
	return *ret_key ? 0 : -ENOMEM;
}

/* The sources that can be read again, as they are named in config_secret.source. */
static const struct key_file {
	const char *from;
	int (*find)(char *text, char **ret_key);
} key_files[] = {
	{FROM_FILE, whole_text},
	{FROM_AUTHINI, key_in_authini},
};

static const struct key_file *key_file_of(const char *source, const char **ret_path)
{
	for (size_t i = 0; source && i < ARRAY_LEN(key_files); i++) {
		size_t len = strlen(key_files[i].from);

		if (strncmp(source, key_files[i].from, len) == 0 && source[len] == ' ') {
			*ret_path = source + len + 1;
			return &key_files[i];
		}
	}
	return NULL;
}

/* Reads the file; what it gives is a key. 0, -EINVAL with a sentence, -ENOMEM. */
static int read_key_file(const char *path, int (*find)(char *text, char **ret_key), char **ret,
			 struct error *ret_e)
{
	char *text = NULL, *key = NULL;
	size_t len;
	int r = secret_read(path, false, &text, ret_e);

	if (r == -ENOENT)
		return error_set(ret_e, -EINVAL, "there is no file %s", fault_quote(path).text);
	if (r < 0)
		return r;
	len = strlen(text);
	r = find(text, &key);
	explicit_bzero(text, len); /* auth.ini's is cut into pieces */
	free(text);
	if (r < 0)
		return r;
	if (!key_valid(key)) {
		wipe_free(key);
		return error_set(ret_e, -EINVAL, "%s: " NOT_A_KEY, path, CONFIG_KEY_MAX);
	}
	*ret = key;
	return 0;
}

int config_read_key(const struct config_account *account, struct config_secret *ret,
		    struct error *ret_e)
{
	const char *path = NULL;
	const struct key_file *file = key_file_of(account->api_key.source, &path);
	struct config_secret secret = {0};
	char *key = NULL;
	int r;

	if (!file)
		return error_set(ret_e, -ENOENT, "the key is from no file that is read again");
	r = read_key_file(path, file->find, &key, ret_e);
	if (r == 0)
		r = secret_set(&secret, key, file->from, path);
	if (r < 0)
		return r;
	*ret = secret;
	return 0;
}

bool config_key_is_credential(const struct config_account *account)
{
	const char *source = account->api_key.source;

	return source && strncmp(source, FROM_CREDENTIAL " ", strlen(FROM_CREDENTIAL " ")) == 0;
}

int config_read_wandb_key(const struct config_account *account, struct config_secret *ret,
			  struct error *ret_e)
{
	struct config_secret secret = {0};
	char *key = NULL;
	int r;

	if (!account->wandb_key_file)
		return error_set(ret_e, -ENOENT, "account \"%s\" has no wandb-api-key-file",
				 account->name);
	r = read_key_file(account->wandb_key_file, whole_text, &key, ret_e);
	if (r == 0)
		r = secret_set(&secret, key, FROM_FILE, account->wandb_key_file);
	if (r < 0)
		return r;
	*ret = secret;
	return 0;
}

/* ---- passwords ---- */

/* Takes over `text`; `where` is what holds it, for a fault. */
static int take_password(struct load *l, const struct raw_section *s, const char *option,
			 char *text, const char *from, const char *where, struct config_secret *ret)
{
	bool valid = text[0] && strlen(text) <= CONFIG_KEY_MAX;

	for (const char *c = text; *c; c++)
		valid &= !iscntrl((unsigned char)*c);
	if (valid)
		return secret_set(ret, text, from, where);
	wipe_free(text);
	fault_add(l, raw_place(s, option),
		  "%s: %s does not hold a password (one line, 1 to %d bytes)",
		  what_of(s, option).text, where, CONFIG_KEY_MAX);
	return 0;
}

int keys_password(struct load *l, const struct raw_section *s, struct config_secret *ret)
{
	const struct raw_option *file = raw_find(s, "password-file");
	const struct raw_option *credential = raw_find(s, "password-credential");
	_cleanup_free_ char *path = NULL;
	char *text = NULL;
	int r = -EINVAL;

	if (file && credential)
		fault_add(l, credential->at,
			  "'password-credential'%s: 'password-file' is given already",
			  fault_in_section(s).text);
	if (file)
		r = read_option_file(l, s, "password-file", &path, &text);
	else if (credential)
		r = read_option_credential(l, s, "password-credential", "password", &text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return file ? take_password(l, s, "password-file", text, FROM_FILE, path, ret)
		    : take_password(l, s, "password-credential", text, FROM_CREDENTIAL,
				    raw_text(s, "password-credential"), ret);
}

/* ---- webhooks ---- */

static int take_url(struct load *l, const struct raw_section *s, const char *option, char *url,
		    const char *from, const char *name, struct config_notifier *n)
{
	const struct raw_option *o = raw_find(s, option);
	struct place at = raw_place(s, option);
	const char *why;
	struct url u;

	if (!url)
		return -ENOMEM;
	if (config_url_parse(url, &u, &why) < 0) {
		fault_add(l, at, "'%s'%s: %s", option, fault_in_section(s).text, why);
		wipe_free(url);
		return 0;
	}
	if (!u.https && !u.loopback && !n->allow_http)
		fault_add(l, at,
			  "'%s'%s: http:// is for this machine only; use https://, or set "
			  "allow-http = true",
			  option, fault_in_section(s).text);
	if (strcmp(option, "url") == 0 && !u.loopback)
		keys_check_inline(l, s, o);
	n->url_host = strdup(u.host);
	if (!n->url_host) {
		wipe_free(url);
		return -ENOMEM;
	}
	return secret_set(&n->url, url, from, name);
}

static int read_url(struct load *l, const struct raw_section *s, struct config_notifier *n)
{
	const struct raw_option *url = raw_find(s, "url"), *file = raw_find(s, "url-file");
	_cleanup_free_ char *path = NULL;
	char *text = NULL;
	int r;

	if (!url && !file) {
		fault_add(l, s->at, "%s needs 'url-file' or 'url'", fault_section(s).text);
		return 0;
	}
	if (url && file) {
		fault_add(l, url->at.line > file->at.line ? url->at : file->at,
			  "%s has both 'url' and 'url-file'", fault_section(s).text);
		return 0;
	}
	if (url) {
		const char *inl = raw_text(s, "url");

		return inl ? take_url(l, s, "url", strdup(inl), "the configuration file", "", n)
			   : 0;
	}
	r = read_option_file(l, s, "url-file", &path, &text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return take_url(l, s, "url-file", text, "file", path, n);
}

/* "whsec_" and base64 with its padding; Standard Webhooks has 24 to 64 bytes in it. */
static bool signing_valid(const char *line)
{
	size_t len, n;

	if (strncmp(line, "whsec_", 6) != 0)
		return false;
	line += 6;
	len = strlen(line);
	n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	return len >= 4 && len <= CONFIG_KEY_MAX && len % 4 == 0 && n >= len - 2 &&
	       strspn(line + n, "=") == len - n;
}

static int read_signing(struct load *l, const struct raw_section *s, struct config_notifier *n)
{
	struct place at = raw_place(s, "secret-file");
	_cleanup_free_ char *path = NULL;
	char *text = NULL, *copy, *line, *rest, *out;
	size_t lines = 0;
	bool valid = true;
	int r;

	if (!raw_find(s, "secret-file"))
		return 0;
	r = read_option_file(l, s, "secret-file", &path, &text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	copy = strdup(text);
	if (!copy) {
		wipe_free(text);
		return -ENOMEM;
	}
	/* `text` becomes the lines without the blanks around them */
	out = text;
	for (rest = copy; (line = strsep(&rest, "\n"));) {
		size_t len;

		line += strspn(line, BLANK);
		len = strcspn(line, BLANK);
		if (len == 0)
			continue;
		valid &= line[len + strspn(line + len, BLANK)] == '\0';
		line[len] = '\0';
		valid &= signing_valid(line);
		if (lines++ > 0)
			*out++ = '\n';
		memmove(out, line, len + 1);
		out += len;
	}
	explicit_bzero(copy, strlen(text));
	free(copy);
	if (valid && (lines == 1 || lines == 2))
		return secret_set(&n->signing, text, "file", path);
	wipe_free(text);
	fault_add(l, at, "'secret-file'%s: %s does not hold one or two lines of whsec_ and base64",
		  fault_in_section(s).text, path);
	return 0;
}

int keys_notifier(struct load *l, const struct raw_section *s, struct config_notifier *n)
{
	int r = read_url(l, s, n);

	return r < 0 ? r : read_signing(l, s, n);
}
