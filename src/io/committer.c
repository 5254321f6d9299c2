/* Batches of changes, and other work, on their way to the store: one of them on the thread pool. */
#include "io/committer.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/macro.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   30000
#define NS_PER_US      1000U

/* A change with what it points at. */
struct item {
	struct store_op op;
	void *copy; /* owned: its texts, and its outage before them */
};

struct commit {
	struct list link;
	struct committer *owner;
	struct item *items;
	size_t n, cap;
	commit_fn fn;
	void *user;
	uint64_t submitted_ns; /* uv_hrtime() */
};

#define FLIGHT_CHANGES_MAX 2000 /* of one transaction; a batch may have more by itself */

/* What committer_run() was asked for. */
struct task {
	struct list link;
	committer_work_fn work;
	committer_done_fn done;
	void *user;
	int result;
	struct error error;
};

struct committer {
	uv_loop_t *loop;
	struct store *store;
	committer_health_fn health;
	void *user;
	struct list waiting; /* struct commit: for a later transaction */
	struct list flight;  /* struct commit: in the present one, under way or to be tried again */
	size_t n;            /* batches in both */
	size_t changes;      /* in these */
	struct list tasks;   /* struct task: not begun */
	struct task *task;   /* the one under way */
	bool task_turn;      /* the next one is a task, if one waits */
	uv_work_t work;
	uv_timer_t retry;
	bool busy;         /* the thread pool is at work, or what it did is being called back */
	unsigned failures; /* since the last commit that worked */
	uint64_t failed;   /* transactions, since the start */
	struct latency latency;

	/* The transaction, touched by the thread pool while it is under way. */
	int result;
	struct error error;
	int told; /* the health that was last told */

	bool closing;
	bool last_try; /* the present transaction was begun after committer_close() */
	bool finished; /* nothing is committed any more */
	void (*closed)(void *user);
	void *closed_user;
};

/* ---- batches ---- */

/* Where each change keeps its texts; 0 ends the list, where no text ever is. */
#define AT(member) offsetof(struct store_op, member)
static const size_t texts_at[][5] = {
	[STORE_JOB] = {AT(job.endpoint), AT(job.name)},
	[STORE_JOB_DROP] = {AT(job.endpoint), AT(job.name)},
	[STORE_EVENT] = {0},
	[STORE_DELIVERY] = {AT(delivery.event_id), AT(delivery.notifier), AT(delivery.error)},
	[STORE_ATTEMPT] = {AT(attempt.event_id), AT(attempt.notifier)},
	[STORE_VERDICT] = {AT(verdict.event_id), AT(verdict.notifier), AT(verdict.error)},
	[STORE_MODEL] = {AT(model.event_id), AT(model.notifier)},
	[STORE_REPLACE] = {AT(replace.event_id), AT(replace.by_id), AT(replace.notifier)},
	[STORE_NOTIFIER] = {AT(notifier.name)},
	[STORE_ACCOUNT] = {AT(account.endpoint), AT(account.account)},
	[STORE_WATCHED] = {AT(watched.endpoint), AT(watched.account)},
	[STORE_BASELINE] = {AT(baseline.endpoint), AT(baseline.account), AT(baseline.watch)},
	[STORE_OVERRIDE] = {AT(override.endpoint), AT(override.name), AT(override.notify)},
	[STORE_OVERRIDE_DROP] = {AT(override.endpoint), AT(override.name)},
	[STORE_SUBMISSION] = {AT(submission.endpoint), AT(submission.name), AT(submission.body),
			      AT(submission.notify)},
	[STORE_SUBMISSION_DROP] = {AT(submission.endpoint), AT(submission.name)},
};

static const char **text_of(struct store_op *op, size_t at)
{
	return (const char **)(void *)((char *)op + at);
}

/* Makes the change independent of its caller, but for the references. */
static int copy_op(struct item *c, const struct store_op *op)
{
	const struct outage *outage = op->type == STORE_ACCOUNT ? op->account.outage : NULL;
	const size_t *at = texts_at[op->type];
	size_t size = outage ? sizeof(*outage) : 0;
	char *p;

	*c = (struct item){.op = *op};
	for (size_t i = 0; at[i]; i++)
		if (*text_of(&c->op, at[i]))
			size += strlen(*text_of(&c->op, at[i])) + 1;
	if (size == 0)
		return 0;
	c->copy = p = malloc(size);
	if (!p)
		return -ENOMEM;
	if (outage) {
		c->op.account.outage = memcpy(p, outage, sizeof(*outage));
		p += sizeof(*outage);
	}
	for (size_t i = 0; at[i]; i++) {
		const char **text = text_of(&c->op, at[i]);

		if (*text) {
			const char *copy = p;

			p = stpcpy(p, *text) + 1;
			*text = copy;
		}
	}
	return 0;
}

static void item_done(struct item *c)
{
	if (c->op.type == STORE_JOB)
		snapshot_unref(c->op.job.snapshot);
	if (c->op.type == STORE_EVENT)
		event_record_unref(c->op.event);
	free(c->copy);
}

int commit_new(struct committer *c, struct commit **ret)
{
	struct commit *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	list_init(&b->link);
	b->owner = c;
	*ret = b;
	return 0;
}

int commit_add(struct commit *b, const struct store_op *op)
{
	struct item item;
	int r;

	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 4;
		struct item *items = reallocarray(b->items, cap, sizeof(*items));

		if (!items)
			return -ENOMEM;
		b->items = items;
		b->cap = cap;
	}
	r = copy_op(&item, op);
	if (r < 0)
		return r;
	if (op->type == STORE_JOB)
		snapshot_ref(op->job.snapshot);
	if (op->type == STORE_EVENT)
		event_record_ref(op->event);
	b->items[b->n++] = item;
	return 0;
}

size_t commit_size(const struct commit *b)
{
	return b->n;
}

void commit_truncate(struct commit *b, size_t n)
{
	while (b->n > n)
		item_done(&b->items[--b->n]);
}

void commit_abandon(struct commit *b)
{
	if (!b)
		return;
	commit_truncate(b, 0);
	free(b->items);
	free(b);
}

/* ---- transactions ---- */

static void advance(struct committer *c);

/* All batches of the list are called back. The callbacks may hand in new ones. */
static void call_back(struct committer *c, struct list *batches, int r)
{
	const uint64_t now_ns = uv_hrtime();
	struct commit *b;

	while ((b = list_first(batches, struct commit, link))) {
		commit_fn fn = b->fn;
		void *user = b->user;

		list_remove(&b->link);
		c->n--;
		c->changes -= b->n;
		if (r == 0)
			latency_add(&c->latency, (now_ns - b->submitted_ns) / NS_PER_US);
		commit_abandon(b);
		if (fn)
			fn(user, r);
	}
}

static void tell_health(struct committer *c)
{
	if (c->result == c->told)
		return;
	c->told = c->result;
	if (c->health)
		c->health(c->user, c->result,
			  c->result < 0 ? error_text(&c->error, c->result) : "");
}

static void end_task(struct task *t)
{
	t->done(t->user, t->result, t->result < 0 ? error_text(&t->error, t->result) : "");
	free(t);
}

static void cancel_tasks(struct committer *c)
{
	struct task *t;

	while ((t = list_first(&c->tasks, struct task, link))) {
		list_remove(&t->link);
		t->result = -ECANCELED;
		end_task(t);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct committer *c = handle->data;
	void (*closed)(void *user) = c->closed;
	void *user = c->closed_user;

	/* Those that came too late. They may hand in more. */
	while (!list_empty(&c->flight) || !list_empty(&c->waiting) || !list_empty(&c->tasks)) {
		call_back(c, &c->flight, -ECANCELED);
		call_back(c, &c->waiting, -ECANCELED);
		cancel_tasks(c);
	}
	free(c);
	if (closed)
		closed(user);
}

static void finish(struct committer *c)
{
	c->finished = true;
	uv_close((uv_handle_t *)&c->retry, on_closed);
}

static void on_retry(uv_timer_t *timer)
{
	advance(timer->data);
}

/*
 * Lays the changes of all batches side by side and applies them. On the thread pool: the loop's
 * thread touches neither the flight nor its batches meanwhile.
 */
static int apply_flight(struct committer *c)
{
	_cleanup_free_ struct store_op *ops = NULL;
	size_t n = 0, at = 0;

	list_for_each (it, &c->flight)
		n += container_of(it, struct commit, link)->n;
	if (n == 0)
		return 0;
	ops = reallocarray(NULL, n, sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	list_for_each (it, &c->flight) {
		const struct commit *b = container_of(it, struct commit, link);

		for (size_t i = 0; i < b->n; i++)
			ops[at++] = b->items[i].op;
	}
	return store_apply(c->store, ops, n, &c->error);
}

static void do_commit(uv_work_t *work)
{
	struct committer *c = work->data;

	c->error = ERROR_NONE;
	c->result = apply_flight(c);
}

static void on_committed(uv_work_t *work, int status)
{
	struct committer *c = work->data;

	c->failures = c->result < 0 ? c->failures + 1 : 0;
	c->failed += c->result < 0;
	tell_health(c);
	if (c->result >= 0) {
		call_back(c, &c->flight, 0);
		c->busy = false;
		advance(c);
		return;
	}
	c->busy = false;
	if (c->last_try) {
		finish(c);
		return;
	}
	if (c->closing) {
		advance(c);
		return;
	}
	/* Fails on a closing handle only. */
	uv_timer_start(&c->retry, on_retry, committer_wait_ms(c->failures), 0);
	advance(c); /* what is no commit does not wait for the disk */
}

/* A failure of a transaction that is to be tried again waits for its time, but not at the end. */
static bool must_wait(const struct committer *c)
{
	return uv_is_active((const uv_handle_t *)&c->retry) && !c->closing;
}

/*
 * What waits goes into the next transaction, the oldest first, up to a number of changes: calling all
 * of them back is one turn of the loop, and should be a short one.
 */
static void fill_flight(struct committer *c)
{
	struct commit *b;
	size_t n = 0;

	while ((b = list_first(&c->waiting, struct commit, link)) &&
	       (n == 0 || n + b->n <= FLIGHT_CHANGES_MAX)) {
		list_remove(&b->link);
		list_append(&c->flight, &b->link);
		n += b->n;
	}
}

/* Starts the next transaction when one is due. */
static bool start_commit(struct committer *c)
{
	if (must_wait(c))
		return false;
	uv_timer_stop(&c->retry);
	if (list_empty(&c->flight))
		fill_flight(c);
	if (list_empty(&c->flight))
		return false;
	c->last_try = c->closing;
	uv_queue_work(c->loop, &c->work, do_commit, on_committed); /* fails without its work only */
	return true;
}

static void do_task(uv_work_t *work)
{
	struct committer *c = work->data;

	c->task->result = c->task->work(c->task->user, c->store, &c->task->error);
}

static void on_task_done(uv_work_t *work, int status)
{
	struct committer *c = work->data;

	end_task(TAKE_PTR(c->task));
	c->busy = false;
	advance(c);
}

static bool start_task(struct committer *c)
{
	if (c->closing || list_empty(&c->tasks))
		return false;
	c->task = list_first(&c->tasks, struct task, link);
	list_remove(&c->task->link);
	uv_queue_work(c->loop, &c->work, do_task, on_task_done);
	return true;
}

/* Commits and tasks take turns, so that neither waits for more than one of the other. */
static void advance(struct committer *c)
{
	if (c->busy || c->finished)
		return;
	if (c->task_turn)
		c->busy = start_task(c) || start_commit(c);
	else
		c->busy = start_commit(c) || start_task(c);
	c->task_turn = !c->task;
	if (!c->busy && c->closing)
		finish(c);
}

void commit_submit(struct commit *b, commit_fn fn, void *user)
{
	struct committer *c = b->owner;

	b->fn = fn;
	b->user = user;
	b->submitted_ns = uv_hrtime();
	list_append(&c->waiting, &b->link);
	c->n++;
	c->changes += b->n;
	advance(c);
}

/* ---- other work ---- */

int committer_run(struct committer *c, committer_work_fn work, committer_done_fn done, void *user)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->work = work;
	t->done = done;
	t->user = user;
	list_append(&c->tasks, &t->link);
	advance(c);
	return 0;
}

/* ---- the committer ---- */

int committer_new(uv_loop_t *loop, struct store *store, committer_health_fn health, void *user,
		  struct committer **ret)
{
	struct committer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = uv_timer_init(loop, &c->retry);
	if (r < 0) {
		free(c);
		return r;
	}
	c->loop = loop;
	c->store = store;
	c->health = health;
	c->user = user;
	c->work.data = c;
	c->retry.data = c;
	list_init(&c->waiting);
	list_init(&c->flight);
	list_init(&c->tasks);
	*ret = c;
	return 0;
}

uint64_t committer_wait_ms(unsigned failures)
{
	uint64_t ms = RETRY_FIRST_MS;

	for (; failures > 1 && ms < RETRY_MAX_MS; failures--)
		ms *= 2;
	return MIN(ms, RETRY_MAX_MS);
}

size_t committer_waiting(const struct committer *c)
{
	return c->n;
}

size_t committer_changes(const struct committer *c)
{
	return c->changes;
}

bool committer_failing(const struct committer *c)
{
	return c->failures > 0;
}

uint64_t committer_failed(const struct committer *c)
{
	return c->failed;
}

const struct latency *committer_latency(const struct committer *c)
{
	return &c->latency;
}

void committer_close(struct committer *c, void (*closed)(void *user), void *user)
{
	c->closing = true;
	c->closed = closed;
	c->closed_user = user;
	advance(c);
}
