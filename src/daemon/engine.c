/* Who owns whom: start, reload, drain, stop. */
#include "daemon/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api.h"
#include "daemon/dispatcher.h"
#include "daemon/feed.h"
#include "daemon/job.h"
#include "daemon/observer.h"
#include "daemon/poller.h"
#include "daemon/pruner.h"
#include "daemon/recall.h"
#include "daemon/submitter.h"
#include "daemon/summary.h"
#include "daemon/tester.h"
#include "io/committer.h"
#include "io/loop_watch.h"
#include "io/service.h"
#include "store/store.h"

#define ENGINE_GRACE_MS 5000  /* for running deliveries, at the end */
#define ENGINE_TICK_MS  10000 /* of the status line, at most; the watchdog may want shorter ones */
#define ENGINE_STUCK_MS 30000 /* something due for so long: the loop makes no progress */
#define ENGINE_TEXT_MAX 256
#define ENGINE_KEEP_MS  (5 * MS_PER_MIN) /* between two times that watched time is kept */

struct engine {
	uv_loop_t loop;
	struct loop_watch loop_watch;
	const char *path;
	const struct config_env *env;
	struct config *config; /* a reference */
	struct config *first;  /* a reference: that of the start, whose paths are in use */
	struct accounts accounts;
	struct store *store;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct observer *observer;
	struct poller *poller;
	struct feed *feed;
	struct tester *tester;
	struct submitter *submitter;
	struct pruner *pruner;
	struct api *api;
	uv_signal_t signals[3];
	uv_timer_t tick;
	size_t n_signals;
	uint64_t kept_ms; /* when watched time was kept last */
	bool stopping;
	char store_error[ENGINE_TEXT_MAX];
	char configuration_error[ENGINE_TEXT_MAX];
	struct summary summary;
};

/* --- what systemd is told --- */

static void tell_status(struct engine *e)
{
	const struct summary_sources sources = {.config = e->config,
						.accounts = &e->accounts,
						.store_error = e->store_error,
						.configuration_error = e->configuration_error};

	summary_tell(&e->summary, &sources);
}

/* How long jobs have stood still counts on after a restart; at a crash, some minutes of it are lost. */
static void keep_watched(struct engine *e)
{
	struct observation *b;

	e->kept_ms = clock_boot_now_ms();
	map_for_each (&e->accounts.map, struct account, account) {
		if (observation_begin(e->observer, account, &b) < 0)
			continue;
		if (observation_watched(b) < 0)
			log_err("out of memory: watched time of account %s is kept later",
				account->id);
		observation_end(b);
	}
}

static void on_changed(void *user)
{
	tell_status(user);
}

static void on_tick(uv_timer_t *timer)
{
	struct engine *e = timer->data;
	uint64_t now_ms = clock_boot_now_ms();

	tell_status(e);
	if (now_ms - e->kept_ms >= ENGINE_KEEP_MS)
		keep_watched(e);
	/* A loop that turns without doing what is due does not count as alive. */
	if (poller_overdue_ms(e->poller, now_ms) < ENGINE_STUCK_MS &&
	    dispatcher_overdue_ms(e->dispatcher, now_ms) < ENGINE_STUCK_MS)
		service_watchdog();
}

static void on_store_health(void *user, int r, const char *text)
{
	struct engine *e = user;

	if (r < 0) {
		log_err("the store fails, nothing new is taken in until it works: %s", text);
		snprintf(e->store_error, sizeof(e->store_error), "%s", text);
	} else {
		log_notice("the store works again");
		e->store_error[0] = '\0';
	}
	tell_status(e);
}

/* --- reload --- */

void engine_log_fault(void *user _unused_, const char *file, unsigned line, const char *text)
{
	if (file && line)
		log_err("%s:%u: %s", file, line, text);
	else if (file)
		log_err("%s: %s", file, text);
	else
		log_err("%s", text);
}

/* Counts the faults, keeps the first one for the status, and tells who asked for the reload. */
struct faults {
	config_fault_fn fn; /* or NULL */
	void *user;
	size_t n;
	char first[ENGINE_TEXT_MAX];
};

static void on_reload_fault(void *user, const char *file, unsigned line, const char *text)
{
	struct faults *faults = user;

	engine_log_fault(NULL, file, line, text);
	if (faults->fn)
		faults->fn(faults->user, file, line, text);
	if (faults->n++ > 0)
		return;
	if (file && line)
		snprintf(faults->first, sizeof(faults->first), "%s:%u: %s", file, line, text);
	else if (file)
		snprintf(faults->first, sizeof(faults->first), "%s: %s", file, text);
	else
		snprintf(faults->first, sizeof(faults->first), "%s", text);
}

static void warn_if_changed(const char *option, const char *old, const char *new)
{
	if (strcmp(old ? old : "", new ? new : "") != 0)
		log_warning("%s was changed: that takes effect after a restart", option);
}

/* Nothing of the new configuration counts before all of it can. */
static int load_again(struct engine *e, struct faults *faults)
{
	_cleanup_config_ struct config *config = NULL;
	struct error error = ERROR_NONE;
	int r = config_load(e->path, e->env, on_reload_fault, faults, &config);

	if (r < 0) {
		if (faults->n == 0)
			snprintf(faults->first, sizeof(faults->first), "%s", strerror(-r));
		return r;
	}
	r = api_listen(e->api, config->http_listen, &error);
	if (r == 0)
		r = dispatcher_configure(e->dispatcher, config);
	if (r < 0) {
		on_reload_fault(faults, NULL, 0, error_text(&error, r));
		error = ERROR_NONE;
		if (api_listen(e->api, e->config->http_listen, &error) < 0)
			log_err("%s", error_text(&error, -EADDRINUSE));
		return r;
	}
	tester_configure(e->tester);
	warn_if_changed("state-dir", e->first->state_dir, config->state_dir);
	warn_if_changed("control-socket", e->first->control_socket, config->control_socket);
	poller_configure(e->poller, config);
	observer_configure(e->observer, config);
	pruner_configure(e->pruner, config);
	poller_start(e->poller);
	config_unref(e->config);
	e->config = TAKE_PTR(config);
	return 0;
}

static int reload(void *user, config_fault_fn fault, void *fault_user)
{
	struct faults faults = {.fn = fault, .user = fault_user};
	struct engine *e = user;
	int r;

	service_reloading();
	r = load_again(e, &faults);
	if (r < 0) {
		snprintf(e->configuration_error, sizeof(e->configuration_error), "%s",
			 faults.first);
		log_err("the new configuration was refused, the old one stays");
	} else {
		e->configuration_error[0] = '\0';
		log_notice("the configuration was loaded again");
	}
	tell_status(e);
	service_ready();
	return r;
}

/* --- the end, step by step: nothing new, then what runs, then the disk, then the handles --- */

static void close_handles(struct engine *e)
{
	for (size_t i = 0; i < e->n_signals; i++)
		uv_close((uv_handle_t *)&e->signals[i], NULL);
	uv_close((uv_handle_t *)&e->tick, NULL);
	loop_watch_close(&e->loop_watch);
}

static void on_dispatcher_closed(void *user)
{
	struct engine *e = user;

	e->dispatcher = NULL;
	close_handles(e);
}

static void on_api_closed(void *user)
{
	struct engine *e = user;

	e->api = NULL;
	tester_free(e->tester);
	submitter_close(e->submitter);
	feed_close(e->feed);
	dispatcher_close(e->dispatcher, on_dispatcher_closed, e);
}

static void on_committer_closed(void *user)
{
	struct engine *e = user;

	e->committer = NULL;
	e->pruner = pruner_free(e->pruner);
	if (e->api)
		api_close(e->api, on_api_closed, e);
	else
		on_api_closed(e);
}

static void on_dispatcher_stopped(void *user)
{
	struct engine *e = user;

	committer_close(e->committer, on_committer_closed, e);
}

static void on_poller_closed(void *user)
{
	struct engine *e = user;

	e->poller = NULL;
	if (e->observer)
		keep_watched(e);
	dispatcher_stop(e->dispatcher, ENGINE_GRACE_MS, on_dispatcher_stopped, e);
}

static void stop(struct engine *e)
{
	if (e->stopping)
		return;
	e->stopping = true;
	uv_timer_stop(&e->tick);
	service_stopping();
	if (e->api)
		api_stop(e->api);
	if (e->pruner)
		pruner_stop(e->pruner);
	if (e->tester)
		tester_stop(e->tester);
	if (e->submitter)
		submitter_stop(e->submitter);
	if (e->poller) {
		dispatcher_ask_with(e->dispatcher, NULL, NULL, NULL);
		poller_close(e->poller, on_poller_closed, e);
	} else {
		on_poller_closed(e);
	}
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct engine *e = handle->data;

	if (signum == SIGHUP && !e->stopping) {
		reload(e, NULL, NULL);
	} else if (signum != SIGHUP) {
		log_notice("%s: stopping", signum == SIGTERM ? "SIGTERM" : "SIGINT");
		stop(e);
	}
}

/* --- the start --- */

static int start_signals(struct engine *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	uint64_t watchdog_ms = service_watchdog_ms();
	uint64_t tick_ms = watchdog_ms ? MIN(watchdog_ms, ENGINE_TICK_MS) : ENGINE_TICK_MS;
	int r;

	signal(SIGPIPE, SIG_IGN);
	uv_timer_init(&e->loop, &e->tick);
	e->tick.data = e;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		r = uv_signal_init(&e->loop, &e->signals[i]);
		if (r < 0)
			return r;
		e->signals[i].data = e;
		e->n_signals++;
		r = uv_signal_start(&e->signals[i], on_signal, signals[i]);
		if (r < 0)
			return r;
	}
	return uv_timer_start(&e->tick, on_tick, tick_ms, tick_ms);
}

static int start_api(struct engine *e, struct error *error)
{
	const struct api_sources sources = {.config = &e->config,
					    .accounts = &e->accounts,
					    .dispatcher = e->dispatcher,
					    .committer = e->committer,
					    .observer = e->observer,
					    .poller = &e->poller,
					    .feed = e->feed,
					    .tester = e->tester,
					    .submitter = e->submitter,
					    .reload = reload,
					    .reload_user = e,
					    .loop_watch = &e->loop_watch,
					    .store_error = e->store_error,
					    .configuration_error = e->configuration_error};

	int r = api_new(&e->loop, e->config->control_socket, &sources, &e->api, error);

	return r < 0 ? r : api_listen(e->api, e->config->http_listen, error);
}

/* Brings the parts up, from the disk to the network. Says what the exit code is if that fails. */
static int start(struct engine *e, enum engine_exit *ret_exit, struct error *error)
{
	struct recall into;
	int r;

	*ret_exit = ENGINE_FAILED;
	r = committer_new(&e->loop, e->store, on_store_health, e, &e->committer);
	if (r < 0)
		return r;
	r = dispatcher_new(&e->loop, e->committer, e->config, &e->dispatcher, error);
	if (r < 0)
		return r;
	r = feed_new(&e->loop, e->committer, &e->feed, error);
	if (r == 0)
		r = tester_new(e->committer, e->dispatcher, e->feed, &e->tester);
	if (r == 0)
		r = observer_new(&e->accounts, e->committer, e->dispatcher, e->feed, &e->observer);
	if (r == 0)
		r = submitter_new(&e->loop, &e->config, e->committer, e->observer, &e->submitter,
				  error);
	if (r < 0)
		return r;
	into = (struct recall){&e->accounts, e->dispatcher, e->feed, e->submitter};
	*ret_exit = ENGINE_STORE;
	r = recall(e->store, &into, error);
	if (r < 0)
		return r;
	*ret_exit = ENGINE_CONFIG;
	r = dispatcher_configure(e->dispatcher, e->config);
	if (r < 0)
		return r;
	*ret_exit = ENGINE_FAILED;
	r = pruner_new(&e->loop, e->committer, &e->pruner);
	if (r == 0)
		r = poller_new(&e->loop, &e->accounts, e->observer, on_changed, e, &e->poller,
			       error);
	if (r < 0)
		return r;
	dispatcher_ask_with(e->dispatcher, &e->accounts, poller_ask, e->poller);
	poller_configure(e->poller, e->config);
	observer_configure(e->observer, e->config);
	pruner_configure(e->pruner, e->config);
	*ret_exit = ENGINE_SOCKET;
	return start_api(e, error);
}

static void on_unused_committer_closed(void *user)
{
	close_handles(user);
}

/* After a start that failed half-way: the same steps down, from wherever it got to. */
static void abandon(struct engine *e)
{
	if (e->dispatcher)
		stop(e);
	else if (e->committer)
		committer_close(e->committer, on_unused_committer_closed, e);
	else
		close_handles(e);
}

enum engine_exit engine_run(const char *path, const struct config_env *env, struct config *config)
{
	struct engine e = {.path = path,
			   .env = env,
			   .config = config_ref(config),
			   .first = config_ref(config)};
	enum engine_exit exit_code = ENGINE_FAILED;
	struct error error = ERROR_NONE;
	int r;

	r = store_open(config->state_dir, &e.store, &error);
	if (r < 0) {
		log_err("%s", error_text(&error, r));
		config_unref(e.config);
		config_unref(e.first);
		return ENGINE_STORE;
	}
	r = uv_loop_init(&e.loop);
	if (r < 0) {
		log_err("no event loop: %s", uv_strerror(r));
		store_close(e.store);
		config_unref(e.config);
		config_unref(e.first);
		return exit_code;
	}
	accounts_init(&e.accounts);
	loop_watch_start(&e.loop_watch, &e.loop);
	r = start_signals(&e);
	if (r == 0)
		r = start(&e, &exit_code, &error);
	if (r < 0) {
		log_err("cannot start: %s", error_text(&error, r));
		abandon(&e);
	} else {
		exit_code = ENGINE_OK;
		dispatcher_start(e.dispatcher);
		poller_start(e.poller);
		submitter_start(e.submitter, e.poller);
		pruner_start(e.pruner);
		log_notice("tunewatchd " PACKAGE_VERSION " watches %zu account%s, state in %s",
			   config->n_accounts, config->n_accounts == 1 ? "" : "s",
			   config->state_dir);
		tell_status(&e);
		service_ready();
	}
	uv_run(&e.loop, UV_RUN_DEFAULT);
	r = uv_loop_close(&e.loop);
	if (r < 0) {
		log_err("a handle was left open at the end: %s", uv_strerror(r));
		exit_code = exit_code ? exit_code : ENGINE_FAILED;
	}
	observer_free(e.observer);
	accounts_done(&e.accounts);
	store_close(e.store);
	config_unref(e.config);
	config_unref(e.first);
	if (exit_code == ENGINE_OK)
		log_notice("stopped");
	return exit_code;
}
