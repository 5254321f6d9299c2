/* The life of a configuration, and how one is loaded. */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config_internal.h"

/* ---- life ---- */

static void list_free(char **list, bool secret)
{
	for (char **s = list; s && *s; s++) {
		if (secret)
			wipe_free(*s);
		else
			free(*s);
	}
	free(list);
}

static void account_done(struct config_account *a)
{
	free(a->name);
	free(a->account_id);
	free(a->api_url);
	config_secret_done(&a->api_key);
	free(a->wandb_key_file);
	free(a->ca_file);
	wipe_free(a->proxy); /* may hold a password */
}

static void watch_done(struct config_watch *w)
{
	free(w->name);
	free((char *)w->route.display_name);
	free(w->jobs);
}

static void notifier_done(struct config_notifier *n)
{
	free(n->name);
	config_secret_done(&n->url);
	free(n->url_host);
	config_secret_done(&n->signing);
	list_free(n->headers, true);
	list_free(n->command, false);
	free(n->unit);
	free(n->server);
	free(n->from);
	list_free(n->to, false);
	free(n->user);
	config_secret_done(&n->password);
	free(n->ca_file);
}

static void config_free(struct config *c)
{
	for (size_t i = 0; i < c->n_accounts; i++)
		account_done(&c->accounts[i]);
	for (size_t i = 0; i < c->n_watches; i++)
		watch_done(&c->watches[i]);
	for (size_t i = 0; i < c->n_notifiers; i++)
		notifier_done(&c->notifiers[i]);
	free(c->accounts);
	free(c->watches);
	free(c->notifiers);
	free(c->route_watches);
	free(c->route_accepts);
	free(c->state_dir);
	free(c->control_socket);
	free(c->http_listen);
	free(c);
}

struct config *config_ref(struct config *c)
{
	c->refs++;
	return c;
}

struct config *config_unref(struct config *c)
{
	if (c && --c->refs == 0)
		config_free(c);
	return NULL;
}

struct route_table config_routes(const struct config *c)
{
	return (struct route_table){
		.watches = c->route_watches,
		.n_watches = c->n_watches,
		.accepts = c->route_accepts,
		.n_notifiers = c->n_notifiers,
	};
}

/* ---- environment ---- */

/* An empty variable is none. */
static const char *env_get(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

void config_env_read(struct config_env *ret)
{
	const char *base_url = env_get("FIREWORKS_BASE_URL");

	*ret = (struct config_env){
		.home = env_get("HOME"),
		.xdg_config_home = env_get("XDG_CONFIG_HOME"),
		.xdg_state_home = env_get("XDG_STATE_HOME"),
		.xdg_runtime_dir = env_get("XDG_RUNTIME_DIR"),
		.state_directory = env_get("STATE_DIRECTORY"),
		.runtime_directory = env_get("RUNTIME_DIRECTORY"),
		.configuration_directory = env_get("CONFIGURATION_DIRECTORY"),
		.credentials_directory = env_get("CREDENTIALS_DIRECTORY"),
		.session_bus = env_get("DBUS_SESSION_BUS_ADDRESS"),
		.fireworks_api_key = env_get("FIREWORKS_API_KEY"),
		.fireworks_account_id = env_get("FIREWORKS_ACCOUNT_ID"),
		.fireworks_base_url = base_url ? base_url : env_get("FIREWORKS_API_BASE"),
		.fireworks_profile = env_get("FIREWORKS_PROFILE"),
		.fireworks_auth_file = env_get("FIREWORKS_AUTH_FILE"),
	};
	/* a system service may run as a user of its own: its state is in /var/lib all the same */
	ret->system = geteuid() == 0 ||
		      (ret->state_directory && strncmp(ret->state_directory, "/var/lib/", 9) == 0);
}

/* ---- loading ---- */

static int is_fragment(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 5 && e->d_name[0] != '.' && strcmp(e->d_name + len - 5, ".conf") == 0;
}

/* Not alphasort(): the order must not change with the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* conf.d/ *.conf beside `path`, in lexical order. */
static int load_fragments(struct load *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash - path) + 1 : 0, n, r = 0;
	_cleanup_free_ char *dir = NULL;
	struct dirent **entries;

	if (asprintf(&dir, "%.*sconf.d", dir_len, path) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	n = scandir(dir, &entries, is_fragment, by_name);
	if (n < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			fault_add(l, NOWHERE, "cannot read %s: %s", dir, strerror(errno));
		return errno == ENOMEM ? -ENOMEM : 0;
	}
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = NULL;

		if (i == CONFIG_FILES_MAX)
			fault_add(l, NOWHERE, "more than %d files in %s", CONFIG_FILES_MAX, dir);
		if (r == 0 && i < CONFIG_FILES_MAX) {
			r = asprintf(&file, "%s/%s", dir, entries[i]->d_name) < 0 ? -ENOMEM : 0;
			if (r < 0)
				file = NULL;
			else
				r = file_load(l, file, false);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int load_files(struct load *l, const char *path)
{
	_cleanup_free_ char *standard = NULL;
	bool named = path != NULL;
	int r;

	if (!named) {
		r = paths_config_file(l->env, &standard);
		if (r < 0 || !standard)
			return r;
		path = standard;
	}
	r = file_load(l, path, !named);
	if (r == -ENOMEM)
		return r;
	return load_fragments(l, path);
}

static void load_done(struct load *l)
{
	raw_section_done(&l->top);
	for (size_t i = 0; i < l->n_sections; i++)
		raw_section_done(&l->sections[i]);
	free(l->sections);
	for (size_t i = 0; i < l->n_files; i++)
		free(l->files[i].path);
	free(l->files);
	fault_truncate(l, 0);
	free(l->faults);
	/* auth.ini is cut into pieces by NULs: wiped whole */
	if (l->authini.text)
		explicit_bzero(l->authini.text, l->authini.size);
	free(l->authini.text);
	free(l->authini.path);
	config_unref(l->config);
}

int config_load(const char *path, const struct config_env *env, config_fault_fn fault, void *user,
		struct config **ret)
{
	struct load l = {.env = env, .top.at = NOWHERE};
	size_t n_faults;
	int r;

	l.config = calloc(1, sizeof(*l.config));
	if (!l.config)
		return -ENOMEM;
	l.config->refs = 1;
	l.config->system = env->system;
	r = load_files(&l, path);
	if (r == 0)
		r = check_sections(&l);
	if (l.oom)
		r = -ENOMEM;
	n_faults = l.n_faults;
	if (r == 0 && n_faults > 0) {
		fault_report(&l, fault, user);
		r = -EINVAL;
	}
	if (r == 0)
		*ret = TAKE_PTR(l.config);
	load_done(&l);
	return r;
}
