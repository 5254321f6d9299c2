/* Which request goes out when, and where its answer goes. */
#include "daemon/poller.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/answer.h"
#include "io/alarm.h"
#include "io/http.h"
#include "model/schedule.h"

#define POLLER_PAGE_SIZE 200 /* the API's maximum */
/* Requests of one account at a time: a connection each over HTTP/1.1, streams of one over HTTP/2. */
#define POLLER_CONNECTIONS 4
#define POLLER_STREAMS     40
/* Accounts may share a host, so only all of them together reach the limit of the host. */
#define POLLER_HOST_CONNECTIONS (POLLER_CONNECTIONS * ROUTE_MAX)
#define POLLER_URL_MAX          (JOB_JSON_TOKEN_MAX * 3 + 1024)

struct poller {
	uv_loop_t *loop;
	struct accounts *accounts;
	struct config *config; /* a reference */
	struct answers answers;
	struct http *http;
	struct alarm *alarm;
	struct heap due; /* struct poll */
	struct buf url;  /* of the request that is being made */
	uint64_t alarm_ms;
	bool started, closing;
	void (*closed)(void *user);
	void *closed_user;
};

/* --- due times --- */

static void rearm(struct poller *p)
{
	const struct heap_node *top = heap_top(&p->due);

	if (!p->started || p->closing)
		return;
	p->alarm_ms = top ? top->due : UINT64_MAX;
	alarm_set(p->alarm, p->alarm_ms);
}

static void poll_at(struct poller *p, struct poll *poll, uint64_t due_ms)
{
	if (poll->in_flight)
		return; /* its answer sets the next time */
	list_remove(&poll->ready);
	if (heap_set(&p->due, &poll->due, due_ms) < 0)
		log_err("out of memory: something is not polled until the next reload");
}

static void poll_never(struct poller *p, struct poll *poll)
{
	list_remove(&poll->ready);
	heap_remove(&p->due, &poll->due);
}

static uint64_t job_interval_ms(const struct poller *p, const struct job *job)
{
	uint64_t interval_ms = UINT64_MAX;

	for (size_t i = 0; i < p->config->n_watches; i++)
		if (job->named & route_bit(i))
			interval_ms = MIN(interval_ms, p->config->watches[i].poll_interval_ms);
	if (job->confirm)
		interval_ms = MIN(interval_ms, job->account->collections[job->kind].interval_ms);
	return interval_ms;
}

/* The next time for what has just been asked, or was just taken up. */
static void poll_next(struct poller *p, struct poll *poll, uint64_t now_ms)
{
	uint64_t interval_ms;
	uint32_t hash;

	switch ((enum poll_type)poll->type) {
	case POLL_JOB:
		interval_ms = job_interval_ms(p, poll_job(poll));
		hash = hash_stable(poll_job(poll)->name);
		/* Gone or not: the second 404 counts one whole interval after the first. */
		if (poll_job(poll)->missing > 0 && interval_ms != UINT64_MAX) {
			poll_at(p, poll, poll->last_ms + interval_ms);
			return;
		}
		break;
	case POLL_COLLECTION:
		interval_ms = poll_collection(poll)->watches ? poll_collection(poll)->interval_ms
							     : UINT64_MAX;
		hash = hash_stable(poll_collection(poll)->account->key) +
		       hash_stable(kind_info(poll_collection(poll)->kind)->name);
		break;
	case POLL_LOOKUP:
		interval_ms = p->config->poll_interval_ms;
		hash = 0;
		break;
	case POLL_ACCOUNT:
	default:
		return;
	}
	if (interval_ms == UINT64_MAX)
		poll_never(p, poll);
	else if (poll->last_ms == 0)
		poll_at(p, poll, schedule_first_ms(hash, interval_ms, now_ms));
	else
		poll_at(p, poll, schedule_next_ms(hash, interval_ms, poll->last_ms, now_ms));
}

/*
 * After a failure that concerns the whole account: as soon as it may be asked again. An outage is
 * told of after a while, and within that while somebody should have looked.
 */
static void poll_retry(struct poller *p, const struct account *account, struct poll *poll,
		       uint64_t now_ms)
{
	poll_next(p, poll, now_ms);
	if (heap_node_in(&poll->due) && account->blocked_until_ms > now_ms)
		poll_at(p, poll, MIN(poll->due.due, account->blocked_until_ms));
}

uint64_t poller_next_ms(const struct job *job)
{
	if (heap_node_in(&job->poll.due))
		return job->poll.due.due;
	if (job->poll.in_flight || !list_empty(&job->poll.ready))
		return job->poll.due.due; /* now */
	if (job->account->collections[job->kind].watches & job->watches)
		return job->account->collections[job->kind].poll.due.due;
	return UINT64_MAX;
}

uint64_t poller_overdue_ms(const struct poller *p, uint64_t now_ms)
{
	return p->started && p->alarm_ms < now_ms ? now_ms - p->alarm_ms : 0;
}

static void pump(struct poller *p);
static void account_take_up(struct poller *p, struct account *account);

/* A request under way. */
struct request {
	struct poller *poller;
	struct question question;
};

static void request_free(struct request *req)
{
	if (req->question.key)
		explicit_bzero(req->question.key, strlen(req->question.key));
	free(req->question.key);
	free(req);
}
DEFINE_CLEANUP(struct request *, request_free);

static void take_answer(struct poller *p, const struct question *q, const struct http_result *res)
{
	uint64_t now_ms = clock_boot_now_ms();
	struct account *found;

	switch (answers_take(&p->answers, q, res, &found)) {
	case ANSWER_DONE:
		break;
	case ANSWER_FAILED:
		poll_retry(p, q->account, q->poll, now_ms);
		return;
	case ANSWER_AGAIN:
	case ANSWER_NEXT_PAGE: /* in front of everything that waits */
		list_prepend(&q->account->ready, &q->poll->ready);
		return;
	case ANSWER_LISTED:
		map_for_each (&q->account->jobs, struct job, job)
			if (job->confirm && !heap_node_in(&job->poll.due) &&
			    list_empty(&job->poll.ready))
				poll_next(p, &job->poll, now_ms);
		break;
	case ANSWER_FOUND:
		budget_init(&found->budget, found->config->requests_per_minute,
			    clock_boot_now_us());
		found->in_flight_max = POLLER_CONNECTIONS;
		account_take_up(p, found);
		observer_configure(p->answers.observer, p->config);
		return;
	}
	poll_next(p, q->poll, now_ms);
}

static void on_answer(void *user, const struct http_result *res)
{
	struct request *req = user;
	struct poller *p = req->poller;
	const struct question *q = &req->question;

	q->poll->in_flight = false;
	q->account->in_flight--;
	if (res->r == 0)
		q->account->in_flight_max = res->multiplexed ? POLLER_STREAMS : POLLER_CONNECTIONS;
	/* What comes for an account that a reload took away is not wanted any more. */
	if (!p->closing && q->account->config)
		take_answer(p, q, res);
	request_free(req);
	if (!p->closing)
		pump(p);
}

/* --- requests --- */

static int add_mask(enum kind kind, const char *separator, struct buf *url)
{
	int r = buf_printf(url, "%sreadMask=", separator);

	return r < 0 ? r : job_json_read_mask(kind, url); /* nothing in it needs escaping */
}

static int make_url(const struct question *q, struct buf *url)
{
	const struct account *account = q->account;
	const struct collection *c;
	const struct job *job;
	int r;

	switch ((enum poll_type)q->poll->type) {
	case POLL_JOB:
		job = poll_job(q->poll);
		r = buf_printf(url, "%s/v1/%s", account->endpoint, job->name);
		return r == 0 && q->masked ? add_mask(job->kind, "?", url) : r;
	case POLL_COLLECTION:
		c = poll_collection(q->poll);
		r = buf_printf(url, "%s/v1/accounts/%s/%s?pageSize=%d", account->endpoint,
			       account->id, kind_info(c->kind)->collection, POLLER_PAGE_SIZE);
		if (r == 0 && q->masked)
			r = add_mask(c->kind, "&", url);
		if (r == 0 && c->token)
			r = buf_puts(url, "&pageToken=");
		return r == 0 && c->token ? http_url_escape(c->token, url) : r;
	case POLL_LOOKUP:
		return buf_printf(url, "%s/v1/accounts?pageSize=2", account->endpoint);
	case POLL_ACCOUNT:
		break;
	}
	return -EINVAL;
}

/* Whether to ask for the fields that count only. */
static bool wants_mask(struct account *account, struct poll *poll)
{
	switch ((enum poll_type)poll->type) {
	case POLL_JOB:
		return !account->collections[poll_job(poll)->kind].whole;
	case POLL_COLLECTION:
		return poll_collection(poll)->masked;
	case POLL_LOOKUP:
	case POLL_ACCOUNT:
		break;
	}
	return false;
}

static int send_request(struct poller *p, struct account *account, struct poll *poll,
			struct error *e)
{
	const struct config_account *config = account->config;
	_cleanup_(request_freep) struct request *req = calloc(1, sizeof(*req));
	struct http_transfer *transfer;
	struct http_request http;
	int r;

	if (!req)
		return -ENOMEM;
	req->poller = p;
	req->question = (struct question){.account = account,
					  .poll = poll,
					  .masked = wants_mask(account, poll)};
	buf_clear(&p->url);
	r = make_url(&req->question, &p->url);
	if (r < 0)
		return r;
	if (config->api_key.value) {
		req->question.key = strdup(config->api_key.value);
		if (!req->question.key)
			return -ENOMEM;
	}
	http = (struct http_request){.url = buf_str(&p->url),
				     .bearer = config->api_key.value,
				     .ca_file = config->ca_file,
				     .proxy = config->proxy,
				     .allow_http = config->allow_http};
	r = http_start(p->http, &http, on_answer, req, &transfer, e);
	if (r < 0)
		return r;
	req = NULL; /* on_answer's now */
	return 0;
}

static void poll_start(struct poller *p, struct account *account, struct poll *poll,
		       uint64_t now_ms)
{
	struct error e = ERROR_NONE;
	int r;

	list_remove(&poll->ready);
	if (poll->type == POLL_COLLECTION) {
		struct collection *c = poll_collection(poll);

		if (!c->token) {
			c->cycle++;
			c->pages = c->empty_pages = 0;
			c->masked = !c->whole;
			c->partial = false;
		}
		c->pages++;
	}
	if (poll->type != POLL_COLLECTION || !poll_collection(poll)->token)
		poll->last_ms = now_ms;
	r = send_request(p, account, poll, &e);
	if (r < 0) {
		answers_unsent(&p->answers, account, error_text(&e, r));
		poll_retry(p, account, poll, now_ms);
		return;
	}
	poll->in_flight = true;
	account->in_flight++;
	account->requests++;
}

/* Starts what the account's budget allows; says when to look at it again. */
static uint64_t account_pump(struct poller *p, struct account *account, uint64_t now_ms)
{
	uint64_t now_us = clock_boot_now_us();
	uint64_t next_ms = answers_check_sight(&p->answers, account, now_ms);

	while (!list_empty(&account->ready) && account->in_flight < account->in_flight_max &&
	       now_ms >= account->blocked_until_ms && budget_take(&account->budget, now_us))
		poll_start(p, account, list_first(&account->ready, struct poll, ready), now_ms);
	if (account->sight.out) /* a request that could not be sent */
		next_ms = MIN(next_ms, answers_check_sight(&p->answers, account, now_ms));
	if (!list_empty(&account->ready) && account->in_flight < account->in_flight_max) {
		uint64_t budget_ms = (budget_next_us(&account->budget, now_us) + 999) / 1000;

		next_ms = MIN(next_ms, MAX(budget_ms, account->blocked_until_ms));
	}
	return next_ms;
}

static void take_due(struct poller *p, uint64_t now_ms)
{
	struct heap_node *top;

	while ((top = heap_top(&p->due)) && top->due <= now_ms) {
		struct poll *poll = container_of(top, struct poll, due);

		heap_remove(&p->due, top);
		switch ((enum poll_type)poll->type) {
		case POLL_JOB:
			list_append(&poll_job(poll)->account->ready, &poll->ready);
			break;
		case POLL_COLLECTION:
			list_append(&poll_collection(poll)->account->ready, &poll->ready);
			break;
		case POLL_LOOKUP:
			list_append(&container_of(poll, struct account, lookup)->ready,
				    &poll->ready);
			break;
		case POLL_ACCOUNT:
			break; /* every account is looked after below */
		}
	}
}

static void pump(struct poller *p)
{
	uint64_t now_ms = clock_boot_now_ms();

	if (!p->started)
		return;
	take_due(p, now_ms);
	map_for_each (&p->accounts->map, struct account, account) {
		uint64_t next_ms;

		if (!account->config)
			continue;
		next_ms = account_pump(p, account, now_ms);
		if (next_ms == UINT64_MAX)
			heap_remove(&p->due, &account->wake.due);
		else
			poll_at(p, &account->wake, next_ms);
	}
	rearm(p);
}

static void on_alarm(void *user)
{
	pump(user);
}

/* --- configuration --- */

/* Stops asking for anything of the account; what is known of it stays. */
static void account_let_go(struct poller *p, struct account *account)
{
	account->config = NULL;
	account->lookup.last_ms = 0; /* the next configuration may have another key: at once */
	poll_never(p, &account->lookup);
	poll_never(p, &account->wake);
	for (int k = 0; k < KIND_COUNT_; k++) {
		struct collection *c = &account->collections[k];

		poll_never(p, &c->poll);
		c->watches = c->baseline = 0;
		c->interval_ms = UINT64_MAX;
	}
	map_for_each (&account->jobs, struct job, job) {
		poll_never(p, &job->poll);
		job->named = 0;
	}
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
		c->partial |= c->token != NULL; /* the watch may not have been there at page one */
		c->interval_ms = MIN(c->interval_ms, watch->poll_interval_ms);
		if (!accounts_has_baseline(p->accounts, account, watch->name, k))
			c->baseline |= route_bit(index);
	}
}

/* Makes due what the configuration wants of the account. */
static void account_take_up(struct poller *p, struct account *account)
{
	uint64_t now_ms = clock_boot_now_ms();

	if (!account->id[0]) {
		poll_next(p, &account->lookup, now_ms);
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
	for (int k = 0; k < KIND_COUNT_; k++)
		poll_next(p, &account->collections[k].poll, now_ms);
	map_for_each (&account->jobs, struct job, job)
		poll_next(p, &job->poll, now_ms);
}

void poller_configure(struct poller *p, struct config *config)
{
	config_ref(config);
	map_for_each (&p->accounts->map, struct account, account)
		account_let_go(p, account);
	config_unref(p->config);
	p->config = p->answers.config = config;
	for (size_t i = 0; i < config->n_accounts; i++) {
		const struct config_account *c = &config->accounts[i];
		struct account *account;

		if (accounts_get(p->accounts, c->api_url, c->account_id, &account) < 0) {
			log_err("out of memory: account \"%s\" is not watched", c->name);
			continue;
		}
		account->config = c;
		account->index = i;
		account->blocked_until_ms = 0; /* perhaps with a better key */
		account->in_flight_max = POLLER_CONNECTIONS;
		if (account->budget.space_ns == 0)
			budget_init(&account->budget, c->requests_per_minute, clock_boot_now_us());
		else
			budget_set_rate(&account->budget, c->requests_per_minute,
					clock_boot_now_us());
		account_take_up(p, account);
	}
}

/* --- life --- */

int poller_new(uv_loop_t *loop, struct accounts *accounts, struct observer *observer,
	       answers_changed_fn changed, void *user, struct poller **ret, struct error *ret_e)
{
	static const struct http_options options = {.max_connections_per_host =
							    POLLER_HOST_CONNECTIONS,
						    .max_connections = POLLER_HOST_CONNECTIONS,
						    .user_agent = "tunewatch/" PACKAGE_VERSION};
	struct poller *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct poller){.loop = loop,
			     .accounts = accounts,
			     .alarm_ms = UINT64_MAX,
			     .url = BUF_INIT(POLLER_URL_MAX),
			     .answers = {.accounts = accounts,
					 .observer = observer,
					 .changed = changed,
					 .user = user}};
	r = job_json_new(&p->answers.parser);
	if (r == 0)
		r = alarm_new(loop, on_alarm, p, &p->alarm);
	if (r == 0)
		r = http_new(loop, &options, &p->http, ret_e);
	if (r < 0) {
		alarm_close(p->alarm);
		job_json_free(p->answers.parser);
		free(p);
		return error_set(ret_e, r, "the poller cannot start: %s", strerror(-r));
	}
	*ret = p;
	return 0;
}

void poller_start(struct poller *p)
{
	p->started = true;
	pump(p);
}

static void on_http_closed(void *user)
{
	struct poller *p = user;

	map_for_each (&p->accounts->map, struct account, account)
		account_let_go(p, account);
	heap_done(&p->due);
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
	http_close(p->http, on_http_closed, p);
}
