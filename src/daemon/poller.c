/* Sends what the planner picks, and hands the answers on. */
#include "daemon/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/answer.h"
#include "daemon/listing.h"
#include "daemon/planning.h"
#include "daemon/question.h"
#include "io/alarm.h"
#include "io/http_pool.h"
#include "io/network.h"

/* Requests of one account at a time: a connection each over HTTP/1.1, streams of one over HTTP/2. */
#define POLLER_CONNECTIONS 4
#define POLLER_STREAMS     40
/* Accounts may share a host, so only all of them together reach the limit of the host. */
#define POLLER_HOST_CONNECTIONS (POLLER_CONNECTIONS * ROUTE_MAX)
#define POLLER_URL_MAX          (JOB_JSON_TOKEN_MAX * 3 + 2048)
/* CLOCK_BOOTTIME has gone on so much further than CLOCK_MONOTONIC: the machine has slept. */
#define POLLER_ASLEEP_MS 1000
/* While requests are under way, the clocks are looked at so often: a sleep may have killed them. */
#define POLLER_LOOK_MS (5 * MS_PER_S)

struct poller {
	uv_loop_t *loop;
	struct accounts *accounts;
	struct config *config; /* a reference */
	struct answers answers;
	struct http_pool *http;
	struct network *network;
	struct alarm *alarm;
	struct buf url; /* of the request that is being made */
	uint64_t alarm_ms;
	int64_t asleep_ms; /* that the machine has slept since it was started, as seen last */
	bool started, closing;
	void (*closed)(void *user);
	void *closed_user;
};

uint64_t poller_next_ms(const struct job *job)
{
	const struct collection *c = job_collection(job);
	uint64_t next_ms = UINT64_MAX;

	if (heap_node_in(&job->plan.due))
		return job->plan.due.due;
	if (job->in_flight)
		return clock_boot_now_ms();
	if (c->watches & job->watches && c->plan.whole.interval_ms != UINT64_MAX)
		next_ms = c->plan.whole.last_ms + c->plan.whole.interval_ms;
	return next_ms;
}

uint64_t poller_overdue_ms(const struct poller *p, uint64_t now_ms)
{
	return p->started && p->alarm_ms < now_ms ? now_ms - p->alarm_ms : 0;
}

static void pump(struct poller *p);

/* --- answers --- */

/* A request under way. */
struct request {
	struct poller *poller;
	struct question question;
};

static void request_free(struct request *req)
{
	question_done(&req->question);
	free(req);
}
DEFINE_CLEANUP(struct request *, request_free);

static void take_up(struct poller *p, struct account *account);

static const char *key_of(const struct account *account)
{
	return account->rotated.value ? account->rotated.value : account->config->api_key.value;
}

/* The key is refused: perhaps its file holds another one by now. */
static void read_key_again(struct account *account)
{
	const char *key = key_of(account);
	struct config_secret again = {0};
	struct error e = ERROR_NONE;

	if (config_read_key(account->config, &again, &e) < 0)
		return; /* the refusal itself is logged */
	if (key && again.value && strcmp(key, again.value) != 0) {
		config_secret_done(&account->rotated);
		account->rotated = again;
		health_forgive(account);
		log_notice("account %s: the key file holds another key, which is used now",
			   account_name(account));
		return;
	}
	config_secret_done(&again);
}

/* What came between, where answers_take() does not say. There, too, "not found" is an answer. */
static enum trouble trouble_of_answer(const struct http_result *res)
{
	if (res->r < 0)
		return res->trouble;
	return res->status == 404 ? TROUBLE_NONE : trouble_of_status(res->status);
}

/* Each request that was sent, once. */
static void count_poll(struct polls *polls, const struct http_result *res, enum trouble trouble)
{
	if (res->r == -ECANCELED)
		polls->dropped++;
	else
		polls->of[trouble]++;
}

/* The account whose key it was asked for goes on with what was counted before it was known. */
static void move_polls(struct polls *from, struct polls *to)
{
	for (int t = 0; t < TROUBLE_COUNT_; t++)
		to->of[t] += from->of[t];
	to->dropped += from->dropped;
	*from = (struct polls){0};
}

static void take_answer(struct poller *p, const struct question *q, const struct http_result *res)
{
	struct account *found;
	enum trouble trouble;

	if (res->r == -ECANCELED) {
		count_poll(&q->account->polls, res, TROUBLE_NONE);
		answers_dropped(&p->answers, q);
		return;
	}
	trouble = answers_take(&p->answers, q, res, &found);
	count_poll(&q->account->polls, res,
		   q->type == QUESTION_ACCOUNT ? trouble_of_answer(res) : trouble);
	if (trouble == TROUBLE_UNAUTHORIZED)
		read_key_again(q->account);
	if (!found)
		return;
	move_polls(&q->account->polls, &found->polls);
	budget_init(&found->budget, found->config->requests_per_minute, clock_boot_now_us());
	found->in_flight_max = POLLER_CONNECTIONS;
	take_up(p, found);
	observer_configure(p->answers.observer, p->config);
	planning_take_up(p->config, found, clock_boot_now_ms());
}

/* Asks for it again, which is the account's affair from now on. */
static void requeue(struct question *q)
{
	list_append(&q->account->asks, &q->ask->list);
	q->ask = NULL;
}

/* It was refused with a key that is not the account's any more. */
static bool is_outdated(const struct question *q, const struct http_result *res)
{
	const char *key = q->account->config ? key_of(q->account) : NULL;

	return trouble_of_answer(res) == TROUBLE_UNAUTHORIZED && key && q->key &&
	       strcmp(key, q->key) != 0;
}

/* Dropped with its connection, a GET is asked again, and what became of a POST nobody knows. */
static void take_asked(struct poller *p, struct question *q, const struct http_result *res)
{
	static const struct http_result lost = {.r = -ECONNRESET,
						.trouble = TROUBLE_RESET,
						.text = "the network has changed"};
	bool dropped = res->r == -ECANCELED && !p->closing;

	if (q->account->config && trouble_of_answer(res) == TROUBLE_UNAUTHORIZED)
		read_key_again(q->account);
	if (dropped && q->ask->body)
		q->ask->fn(q->ask->user, &lost);
	else if ((dropped && q->account->config) || (!p->closing && is_outdated(q, res)))
		requeue(q);
	else
		q->ask->fn(q->ask->user, res);
}

/* It is under way no longer, whoever wants to know. */
static void mark_over(const struct question *q)
{
	switch (q->type) {
	case QUESTION_JOB:
		q->job->in_flight = false;
		break;
	case QUESTION_PAGE:
		q->collection->plan.flying &= (uint8_t)~plan_bit(q->list);
		break;
	case QUESTION_ACCOUNT:
		q->account->suspend_asked = false;
		break;
	case QUESTION_LOOKUP:
	case QUESTION_ASK:
		break;
	}
}

static void on_answer(void *user, const struct http_result *res)
{
	struct request *req = user;
	struct poller *p = req->poller;
	struct question *q = &req->question;

	q->account->in_flight--;
	mark_over(q);
	if (res->r == 0) {
		q->account->in_flight_max = res->multiplexed ? POLLER_STREAMS : POLLER_CONNECTIONS;
		/* Whatever it was that was asked: too much was. */
		if (trouble_of_status(res->status) == TROUBLE_RATE_LIMITED)
			budget_slow(&q->account->budget, clock_boot_now_us());
	}
	if (q->type == QUESTION_ASK) {
		count_poll(&q->account->polls, res, trouble_of_answer(res));
		take_asked(p, q, res);
	} else if (!p->closing && q->account->config) {
		take_answer(p, q, res);
	} else {
		/* What comes for an account that a reload took away is not wanted any more. */
		count_poll(&q->account->polls, res, trouble_of_answer(res));
	}
	request_free(req);
	if (!p->closing)
		pump(p);
}

/* --- requests --- */

static bool wants_mask(const struct question *q)
{
	if (q->type == QUESTION_PAGE)
		return q->collection->listings[q->list].masked;
	return q->type == QUESTION_JOB && !q->collection->unmasked;
}

/* What is asked next is no longer waiting to be. */
static void mark_asked(const struct question *q, uint64_t now_ms)
{
	switch (q->type) {
	case QUESTION_JOB:
		plan_job_out(&q->collection->plan, &q->job->plan);
		q->job->asked_ms = now_ms;
		q->job->in_flight = true;
		break;
	case QUESTION_PAGE:
		listing_asked(q->collection, q->list, q->look, now_ms);
		break;
	case QUESTION_LOOKUP:
		q->account->lookup_ms = UINT64_MAX;
		break;
	case QUESTION_ACCOUNT:
		q->account->suspend_wanted = false;
		q->account->suspend_asked = true;
		break;
	case QUESTION_ASK:
		list_remove(&q->ask->list);
		break;
	}
}

static int send_request(struct poller *p, const struct question *q, struct error *e)
{
	static const char *const json[] = {"Content-Type: application/json", NULL};
	const struct config_account *config = q->account->config;
	const char *key = key_of(q->account);
	_cleanup_(request_freep) struct request *req = calloc(1, sizeof(*req));
	struct http_transfer *transfer;
	struct http_request http;
	int r;

	if (!req)
		return -ENOMEM;
	req->poller = p;
	req->question = *q;
	req->question.ask = NULL; /* the caller's until it is sent */
	r = question_url(q, &p->url);
	if (r < 0)
		return r;
	if (key) {
		req->question.key = strdup(key);
		if (!req->question.key)
			return -ENOMEM;
	}
	http = (struct http_request){.url = buf_str(&p->url),
				     .bearer = key,
				     .headers = q->ask && q->ask->body ? json : NULL,
				     .body = q->ask ? q->ask->body : NULL,
				     .body_len = q->ask ? q->ask->body_len : 0,
				     .ca_file = config->ca_file,
				     .timeout_ms =
					     q->type == QUESTION_ACCOUNT ? QUESTION_ACCOUNT_MS : 0,
				     .proxy = config->proxy,
				     .allow_http = config->allow_http};
	r = http_pool_start(p->http, &http, on_answer, req, &transfer, e);
	if (r < 0)
		return r;
	req->question.ask = q->ask;
	req = NULL; /* on_answer's now */
	return 0;
}

static void not_sent(struct poller *p, struct question *q, int r, const struct error *e)
{
	const struct http_result none = {.r = r, .trouble = TROUBLE_CONNECT, .text = ""};

	mark_over(q);
	if (q->type == QUESTION_ASK)
		q->ask->fn(q->ask->user, &none);
	else
		answers_unsent(&p->answers, q, error_text(e, r));
	question_done(q);
}

/* Whether the account's trouble is that of one collection, the lists of the next one tell. */
static bool second_opinion(struct account *account, struct plan_choice *ret)
{
	const struct collection *suspect = account->suspect;

	account->suspect = NULL;
	for (int k = 1; suspect && k < KIND_COUNT_; k++) {
		size_t i = ((size_t)suspect->kind + (size_t)k) % KIND_COUNT_;
		const struct collection *c = &account->collections[i];

		if (c->watches && !c->alone && !c->plan.flying) {
			*ret = (struct plan_choice){.type = PLAN_PAGE,
						    .collection = i,
						    .list = plan_short_list(&c->plan)};
			return true;
		}
	}
	return false;
}

/* What the account asks next; false for nothing. */
static bool next_question(struct account *account, uint64_t now_ms, struct question *ret)
{
	struct plan_choice choice;

	*ret = (struct question){.account = account};
	if (!list_empty(&account->asks)) {
		ret->type = QUESTION_ASK;
		ret->ask = list_first(&account->asks, struct ask, list);
		return true;
	}
	if (account->suspend_wanted) {
		ret->type = QUESTION_ACCOUNT;
		return true;
	}
	if (account->lookup_ms <= now_ms) {
		ret->type = QUESTION_LOOKUP;
		return true;
	}
	if (!second_opinion(account, &choice))
		choice = plan_pick(&account->plan, now_ms);
	if (choice.type == PLAN_NOTHING)
		return false;
	ret->collection = &account->collections[choice.collection];
	ret->type = choice.type == PLAN_GET ? QUESTION_JOB : QUESTION_PAGE;
	if (choice.type == PLAN_GET)
		ret->job = job_of_plan(choice.job);
	ret->list = choice.list;
	return true;
}

/* When the account has something to ask. */
static uint64_t due_ms(const struct account *account, uint64_t now_ms)
{
	if (!list_empty(&account->asks) || account->suspend_wanted || account->suspect)
		return now_ms;
	return MIN(account->lookup_ms, plan_next_ms(&account->plan, now_ms));
}

static void ask(struct poller *p, struct question *q, uint64_t now_ms)
{
	struct account *account = q->account;
	struct error e = ERROR_NONE;
	int r;

	q->look = ++account->look;
	mark_asked(q, now_ms);
	q->masked = wants_mask(q);
	r = send_request(p, q, &e);
	if (r < 0) {
		not_sent(p, q, r, &e);
		return;
	}
	account->in_flight++;
	account->requests++;
}

/* Sends what the account's budget allows; says when to look at it again. */
static uint64_t account_pump(struct poller *p, struct account *account, uint64_t now_ms)
{
	uint64_t sight_ms = health_check(&p->answers.health, account, now_ms);
	uint64_t now_us = clock_boot_now_us(), next_ms;
	struct question q;

	while ((next_ms = due_ms(account, now_ms)) <= now_ms) {
		if (account->in_flight >= account->in_flight_max) {
			next_ms = UINT64_MAX; /* an answer comes first */
			break;
		}
		next_ms = account->blocked_until_ms;
		if (next_ms > now_ms)
			break;
		if (!budget_take(&account->budget, now_us)) {
			next_ms = (budget_next_us(&account->budget, now_us) + 999) / 1000;
			break;
		}
		if (next_question(account, now_ms, &q))
			ask(p, &q, now_ms);
	}
	if (account->sight.out) /* a request that could not be sent */
		sight_ms = MIN(sight_ms, health_check(&p->answers.health, account, now_ms));
	return MIN(sight_ms, next_ms);
}

/* --- the machine --- */

/* Connections may be dead without knowing it, and what failed may work now. */
static void begin_anew(struct poller *p)
{
	http_pool_renew(p->http);
	map_for_each (&p->accounts->map, struct account, account) {
		planning_disturbed(account, clock_boot_now_ms());
		/* Those that the server has turned away keep away. */
		if (account->blocked_by != TROUBLE_RATE_LIMITED)
			health_forgive(account);
	}
}

static int64_t asleep_ms(int64_t before_ms)
{
	uint64_t boot_ms = clock_boot_now_ms();

	return clock_asleep_ms(boot_ms, clock_monotonic_now_us() / US_PER_MS, before_ms);
}

static void look_at_clocks(struct poller *p)
{
	int64_t before_ms = p->asleep_ms;
	char span[CLOCK_SPAN_MAX];

	p->asleep_ms = asleep_ms(before_ms);
	if (p->asleep_ms - before_ms > POLLER_ASLEEP_MS) {
		clock_format_span_ms((uint64_t)(p->asleep_ms - before_ms) / MS_PER_S * MS_PER_S,
				     span);
		log_info("the machine has slept for %s", span);
		begin_anew(p);
	}
}

static void on_network(void *user)
{
	struct poller *p = user;

	if (!p->started || p->closing)
		return;
	log_info("the network has changed");
	begin_anew(p);
	pump(p);
}

static void pump(struct poller *p)
{
	uint64_t now_ms = clock_boot_now_ms();

	if (!p->started || p->closing)
		return;
	look_at_clocks(p);
	p->alarm_ms = UINT64_MAX;
	map_for_each (&p->accounts->map, struct account, account)
		if (account->config) {
			p->alarm_ms = MIN(p->alarm_ms, account_pump(p, account, now_ms));
			if (account->in_flight > 0)
				p->alarm_ms = MIN(p->alarm_ms, now_ms + POLLER_LOOK_MS);
		}
	alarm_set(p->alarm, p->alarm_ms);
}

static void on_alarm(void *user)
{
	pump(user);
}

void poller_wake(struct poller *p)
{
	if (p->started && !p->closing)
		alarm_set(p->alarm, p->alarm_ms = clock_boot_now_ms());
}

/* --- questions of others --- */

static int add_ask(struct poller *p, struct account *account, const char *path, http_fn fn,
		   void *user, struct ask **ret)
{
	size_t size = strlen(path) + 1;
	struct ask *a;

	if (!account->config)
		return -ECANCELED;
	a = calloc(1, sizeof(*a) + size);
	if (!a)
		return -ENOMEM;
	a->fn = fn;
	a->user = user;
	memcpy(a->path, path, size);
	list_append(&account->asks, &a->list);
	poller_wake(p);
	*ret = a;
	return 0;
}

int poller_ask(struct poller *p, struct account *account, const char *path, http_fn fn, void *user)
{
	struct ask *a;

	return add_ask(p, account, path, fn, user, &a);
}

int poller_post(struct poller *p, struct account *account, const char *path, const char *body,
		size_t len, http_fn fn, void *user, struct ask **ret)
{
	char *copy = malloc(len + 1);
	int r;

	if (!copy)
		return -ENOMEM;
	r = add_ask(p, account, path, fn, user, ret);
	if (r < 0) {
		free(copy);
		return r;
	}
	memcpy(copy, body, len);
	copy[len] = '\0';
	(*ret)->body = copy;
	(*ret)->body_len = len;
	return 0;
}

bool poller_is_sent(const struct ask *a)
{
	return list_empty(&a->list);
}

bool poller_withdraw(struct ask *a)
{
	if (poller_is_sent(a))
		return false;
	list_remove(&a->list);
	ask_free(a);
	return true;
}

static void cancel_asks(struct account *account)
{
	const struct http_result cancelled = {.r = -ECANCELED, .text = "no longer asked for"};

	while (!list_empty(&account->asks)) {
		struct ask *a = list_first(&account->asks, struct ask, list);

		list_remove(&a->list);
		a->fn(a->user, &cancelled);
		ask_free(a);
	}
}

/* --- configuration --- */

/* Stops asking for anything of the account; what is known of it stays. */
static void let_go(struct account *account)
{
	account->config = NULL;
	account->lookup_ms = UINT64_MAX;
	config_secret_done(&account->rotated);
	planning_let_go(account);
	for (int k = 0; k < KIND_COUNT_; k++) {
		struct collection *c = &account->collections[k];

		c->watches = c->baseline = 0;
		c->wanted_ms = UINT64_MAX;
	}
	map_for_each (&account->jobs, struct job, job)
		job->named = 0;
}

static void take_named(struct account *account, const struct config_watch *watch, size_t index)
{
	for (size_t i = 0; i < watch->n_jobs; i++) {
		char name[NAME_JOB_MAX];
		struct job *job;

		name_format_full(&watch->jobs[i], name);
		if (account_job(account, name, watch->jobs[i].kind, &job) < 0) {
			log_err("no room for %s: it is not watched", name);
			continue;
		}
		job->named |= route_bit(index);
	}
}

static void take_discovery(struct poller *p, struct account *account,
			   const struct config_watch *watch, size_t index)
{
	for (int k = 0; k < KIND_COUNT_; k++) {
		struct collection *c = &account->collections[k];

		if (!(watch->route.kinds & 1U << k))
			continue;
		c->watches |= route_bit(index);
		c->wanted_ms = MIN(c->wanted_ms, watch->poll_interval_ms);
		if (!accounts_has_baseline(p->accounts, account, watch->name, k))
			c->baseline |= route_bit(index);
	}
}

/* What the configuration wants of the account. The planner hears of it when the observer has, too. */
static void take_up(struct poller *p, struct account *account)
{
	if (!account->id[0]) {
		account->lookup_ms = 0;
		return;
	}
	for (size_t i = 0; i < p->config->n_watches; i++) {
		const struct config_watch *watch = &p->config->watches[i];

		if (watch->route.account != account->index)
			continue;
		if (watch->n_jobs > 0)
			take_named(account, watch, i);
		else
			take_discovery(p, account, watch, i);
	}
}

void poller_configure(struct poller *p, struct config *config)
{
	config_ref(config);
	map_for_each (&p->accounts->map, struct account, account)
		let_go(account);
	config_unref(p->config);
	p->config = p->answers.config = p->answers.health.config = config;
	for (size_t i = 0; i < config->n_accounts; i++) {
		const struct config_account *c = &config->accounts[i];
		struct account *account;

		if (accounts_get(p->accounts, c->api_url, c->account_id, &account) < 0) {
			log_err("out of memory: account \"%s\" is not watched", c->name);
			continue;
		}
		account->config = c;
		account->index = i;
		if (account->blocked_by != TROUBLE_RATE_LIMITED)
			health_forgive(account); /* perhaps with a better key */
		account->in_flight_max = POLLER_CONNECTIONS;
		if (account->budget.space_ns == 0)
			budget_init(&account->budget, c->requests_per_minute, clock_boot_now_us());
		else
			budget_set_rate(&account->budget, c->requests_per_minute,
					clock_boot_now_us());
		take_up(p, account);
	}
	map_for_each (&p->accounts->map, struct account, account)
		if (!account->config)
			cancel_asks(account);
}

void poller_start(struct poller *p)
{
	map_for_each (&p->accounts->map, struct account, account)
		if (account->config)
			planning_take_up(p->config, account, clock_boot_now_ms());
	p->started = true;
	pump(p);
}

/* --- life --- */

int poller_new(uv_loop_t *loop, struct accounts *accounts, struct observer *observer,
	       health_changed_fn changed, void *user, struct poller **ret, struct error *ret_e)
{
	static const struct http_options options = {.max_connections_per_host =
							    POLLER_HOST_CONNECTIONS,
						    .max_connections = POLLER_HOST_CONNECTIONS,
						    .user_agent = "tunewatch/" PACKAGE_VERSION};
	struct poller *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct poller){
		.loop = loop,
		.accounts = accounts,
		.alarm_ms = UINT64_MAX,
		.url = BUF_INIT(POLLER_URL_MAX),
		.answers = {.accounts = accounts,
			    .observer = observer,
			    .health = {.observer = observer, .changed = changed, .user = user}}};
	p->asleep_ms = asleep_ms(INT64_MIN);
	r = job_json_new(&p->answers.parser);
	if (r == 0)
		r = alarm_new(loop, on_alarm, p, &p->alarm);
	if (r == 0 && network_new(loop, on_network, p, &p->network) < 0) {
		log_warning(
			"changes of the network cannot be watched: after one, requests wait for "
			"their time-outs");
		p->network = NULL;
	}
	if (r == 0)
		r = http_pool_new(loop, &options, &p->http, ret_e);
	if (r < 0) {
		alarm_close(p->alarm);
		network_close(p->network);
		job_json_free(p->answers.parser);
		free(p);
		return error_set(ret_e, r, "the poller cannot start: %s", strerror(-r));
	}
	*ret = p;
	return 0;
}

static void on_http_closed(void *user)
{
	struct poller *p = user;

	map_for_each (&p->accounts->map, struct account, account) {
		let_go(account);
		cancel_asks(account);
	}
	job_json_free(p->answers.parser);
	buf_done(&p->url);
	config_unref(p->config);
	p->closed(p->closed_user);
	free(p);
}

void poller_close(struct poller *p, void (*closed)(void *user), void *user)
{
	p->closing = true;
	p->closed = closed;
	p->closed_user = user;
	p->alarm = alarm_close(p->alarm);
	p->network = network_close(p->network);
	http_pool_close(p->http, on_http_closed, p);
}
