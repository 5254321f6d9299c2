/* The daemon without its poller. */
#include "control_world.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/list.h"
#include "daemon/api.h"
#include "fuzz.h"

#define TURN_MS 5

static const char configuration[] =
	"account \"acme\" {\n"
	"    api-url = \"http://127.0.0.1:1\"\n"
	"}\n"
	"watch \"all\" { kinds = {\"sft\", \"dpo\"} }\n"
	"notifier \"web\" { type = \"webhook\" url = \"http://127.0.0.1:1/\" events = {\"*\"} }\n"
	"notifier \"ops\" { type = \"webhook\" url = \"http://127.0.0.1:1/\" events = {\"watcher.*\"} }\n";

static struct {
	char dir[64], path[96];
	uv_loop_t loop;
	uv_timer_t timer;
	struct loop_watch loop_watch;
	struct config *config;
	struct accounts accounts;
	struct store *store;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct feed *feed;
	struct tester *tester;
	struct observer *observer;
	struct submitter *submitter;
	struct poller *poller;
	struct api *api;
	struct list asks;
	unsigned reloads;
	bool closed;
} w;

/* --- in the poller's place --- */

static int add_ask(struct account *account, const char *path, const char *body, http_fn fn,
		   void *user, struct ask **ret)
{
	size_t size = strlen(path) + 1;
	struct ask *a = calloc(1, sizeof(*a) + size);

	if (!a)
		return -ENOMEM;
	a->fn = fn;
	a->user = user;
	a->body = body ? strdup(body) : NULL;
	FUZZ_CHECK(account->config);
	memcpy(a->path, path, size);
	list_append(&w.asks, &a->list);
	*ret = a;
	return 0;
}

int poller_ask(struct poller *p, struct account *account, const char *path, http_fn fn, void *user)
{
	struct ask *a;

	return add_ask(account, path, NULL, fn, user, &a);
}

int poller_post(struct poller *p, struct account *account, const char *path, const char *body,
		size_t len, http_fn fn, void *user, struct ask **ret)
{
	FUZZ_CHECK(len == strlen(body));
	return add_ask(account, path, body, fn, user, ret);
}

bool poller_is_sent(const struct ask *a)
{
	return list_empty(&a->list);
}

bool poller_withdraw(struct ask *a)
{
	list_remove(&a->list);
	ask_free(a);
	return true;
}

void poller_wake(struct poller *p)
{
}

uint64_t poller_next_ms(const struct job *job)
{
	return UINT64_MAX;
}

static void end_ask(struct ask *a, const struct http_result *result)
{
	list_remove(&a->list);
	a->fn(a->user, result);
	ask_free(a);
}

/* What the id ends with says what becomes of it. The id is the last thing in both paths. */
static void answer(struct ask *a)
{
	char last = a->path[strlen(a->path) - 1], body[1024];
	const char *id = strrchr(a->path, a->body ? '=' : '/') + 1;
	bool there = last == 't' || a->body;
	struct http_result result = {.status = 200, .body = body, .content_type = "", .text = ""};

	snprintf(
		body, sizeof(body),
		"{\"name\":\"accounts/acme/supervisedFineTuningJobs/%s\",\"state\":\"JOB_STATE_RUNNING\","
		"\"createTime\":\"2026-11-01T00:00:00Z\",\"dataset\":\"accounts/acme/datasets/d\","
		"\"baseModel\":\"accounts/fireworks/models/m\"}",
		id);
	if (last == 'f' || (last == 'r' && a->body) || !there) {
		result.status = last == 'f' ? 403 : there ? 400 : 404;
		snprintf(body, sizeof(body), "{\"error\":{\"code\":\"X\",\"message\":\"no: %s\"}}",
			 id);
	}
	result.len = strlen(body);
	end_ask(a, &result);
}

static void answer_all(void)
{
	struct ask *a;

	while ((a = list_first(&w.asks, struct ask, list)))
		answer(a);
}

/* --- begin --- */

static int reload(void *user, config_fault_fn fault, void *fault_user)
{
	if (++w.reloads % 2)
		return 0;
	fault(fault_user, "tunewatch.conf", 7, "a fault in \"it\"");
	fault(fault_user, NULL, 0, "another");
	return -EINVAL;
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w.dir, name);
	f = fopen(path, "w");
	FUZZ_CHECK(f && fchmod(fileno(f), 0600) == 0);
	fputs(text, f);
	fclose(f);
}

static void on_fault(void *user, const char *file, unsigned line, const char *text)
{
	fprintf(stderr, "%s:%u: %s\n", file ? file : "", line, text);
}

static void load_config(void)
{
	struct config_env env = {.home = "/nonexistent",
				 .fireworks_api_key = "fw_fuzz",
				 .state_directory = w.dir,
				 .runtime_directory = w.dir};
	char path[128];

	write_file("tunewatch.conf", configuration);
	snprintf(path, sizeof(path), "%s/tunewatch.conf", w.dir);
	FUZZ_CHECK(config_load(path, &env, on_fault, NULL, &w.config) == 0);
}

static void add_account(void)
{
	struct account *account;

	accounts_init(&w.accounts);
	FUZZ_CHECK(accounts_get(&w.accounts, w.config->accounts[0].api_url, "acme", &account) == 0);
	account->config = &w.config->accounts[0];
	budget_init(&account->budget, account->config->requests_per_minute, 0);
	account->collections[KIND_SFT].watches = account->collections[KIND_DPO].watches = 1;
}

static void add_job(const char *id, const char *state)
{
	struct snapshot_parts parts = {
		.text = {[TEXT_STATE] = state, [TEXT_CREATE_TIME] = "2026-11-01T00:00:00Z"}};
	struct job_name name = {.kind = KIND_SFT, .account = "acme"};
	struct account *account;
	struct snapshot *snapshot;
	struct observation *b;
	struct job *job;

	for (size_t i = 0; i < TEXT_COUNT_; i++)
		parts.text[i] = parts.text[i] ? parts.text[i] : "";
	snprintf(name.id, sizeof(name.id), "%s", id);
	FUZZ_CHECK(accounts_get(&w.accounts, w.config->accounts[0].api_url, "acme", &account) == 0);
	FUZZ_CHECK(snapshot_new(&parts, &snapshot) == 0);
	FUZZ_CHECK(observation_begin(w.observer, account, &b) == 0);
	FUZZ_CHECK(observation_job(b, ++account->look, &name, snapshot, &job) == 0 && job);
	observation_end(b);
	snapshot_unref(snapshot);
}

static void start_parts(void)
{
	struct error e = ERROR_NONE;

	FUZZ_CHECK(committer_new(&w.loop, w.store, NULL, NULL, &w.committer) == 0);
	FUZZ_CHECK(dispatcher_new(&w.loop, w.committer, w.config, &w.dispatcher, &e) == 0);
	FUZZ_CHECK(feed_new(&w.loop, w.committer, &w.feed, &e) == 0);
	FUZZ_CHECK(tester_new(w.committer, w.dispatcher, w.feed, &w.tester) == 0);
	FUZZ_CHECK(observer_new(&w.accounts, w.committer, w.dispatcher, w.feed, &w.observer) == 0);
	FUZZ_CHECK(submitter_new(&w.loop, &w.config, w.committer, w.observer, &w.submitter, &e) ==
		   0);
	FUZZ_CHECK(dispatcher_configure(w.dispatcher, w.config) == 0);
	observer_configure(w.observer, w.config);
	/* Never looked into: its place is taken. */
	w.poller = (struct poller *)&w;
	submitter_start(w.submitter, w.poller);
	dispatcher_start(w.dispatcher);
}

static void on_timer(uv_timer_t *timer)
{
}

void control_world_begin(void)
{
	struct api_sources sources = {.config = &w.config,
				      .accounts = &w.accounts,
				      .poller = &w.poller,
				      .loop_watch = &w.loop_watch,
				      .store_error = "",
				      .configuration_error = "",
				      .reload = reload};
	const char *tmp = getenv("TMPDIR");
	struct error e = ERROR_NONE;

	memset(&w, 0, sizeof(w));
	list_init(&w.asks);
	snprintf(w.dir, sizeof(w.dir), "%s/tunewatch-fuzz.XXXXXX", tmp ? tmp : "/tmp");
	FUZZ_CHECK(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/control.sock", w.dir);
	log_open(LOG_LEVEL_ERR);
	load_config();
	add_account();
	FUZZ_CHECK(store_open(w.dir, &w.store, &e) == 0);
	FUZZ_CHECK(uv_loop_init(&w.loop) == 0);
	loop_watch_start(&w.loop_watch, &w.loop);
	uv_timer_init(&w.loop, &w.timer);
	uv_timer_start(&w.timer, on_timer, TURN_MS, TURN_MS);
	start_parts();
	sources.dispatcher = w.dispatcher;
	sources.committer = w.committer;
	sources.observer = w.observer;
	sources.feed = w.feed;
	sources.tester = w.tester;
	sources.submitter = w.submitter;
	FUZZ_CHECK(api_new(&w.loop, w.path, &sources, &w.api, &e) == 0);
	add_job("running", "JOB_STATE_RUNNING");
	add_job("done", "JOB_STATE_COMPLETED");
	add_job("strange", "JOB_STATE_NEVER_HEARD_OF");
	while (committer_waiting(w.committer) > 0)
		control_world_turn(true);
}

const char *control_world_socket(void)
{
	return w.path;
}

void control_world_turn(bool wait)
{
	uv_run(&w.loop, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	answer_all();
}

/* --- end --- */

static void on_closed(void *user)
{
	w.closed = true;
}

static void wait_closed(void)
{
	while (!w.closed)
		control_world_turn(true);
	w.closed = false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void control_world_end(void)
{
	api_stop(w.api);
	tester_stop(w.tester);
	submitter_stop(w.submitter);
	w.poller = NULL;
	for (struct ask *a; (a = list_first(&w.asks, struct ask, list));)
		end_ask(a, &(struct http_result){.r = -ECANCELED, .text = ""});
	dispatcher_stop(w.dispatcher, 1000, on_closed, NULL);
	wait_closed();
	committer_close(w.committer, on_closed, NULL);
	wait_closed();
	api_close(w.api, on_closed, NULL);
	wait_closed();
	tester_free(w.tester);
	submitter_close(w.submitter);
	feed_close(w.feed);
	dispatcher_close(w.dispatcher, on_closed, NULL);
	wait_closed();
	uv_close((uv_handle_t *)&w.timer, NULL);
	loop_watch_close(&w.loop_watch);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	FUZZ_CHECK(uv_loop_close(&w.loop) == 0);
	observer_free(w.observer);
	accounts_done(&w.accounts);
	store_close(w.store);
	config_unref(w.config);
	nftw(w.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
