/* Entries for the system's log, one at a time on the thread pool. */
#include "io/journal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/macro.h"

#define INTERRUPT_SIGNAL    SIGUSR2
#define INTERRUPT_PERIOD_MS 10
#define FIXED_FIELDS        3

struct journal_entry {
	struct list node; /* in `waiting` */
	struct journal *journal;
	bool cancelled;
	int r;
	journal_fn fn;
	void *user;
	struct system_log_entry entry;
	char *text; /* the fields, one after the other, each with a NUL */
	struct iovec fields[];
};

struct journal {
	system_log_fn write;
	struct list waiting;
	struct journal_entry *current; /* on the thread pool, or on its way back */
	uv_work_t work;
	uv_timer_t timer; /* deals with what was cancelled, outside the call that did it */
	struct sigaction old_action;
	bool closing;
	void (*closed)(void *user);
	void *closed_user;

	atomic_bool interrupt; /* `current` is to be given up */
	pthread_mutex_t lock;  /* of what follows: `thread` is signalled inside write() only */
	bool writing;
	pthread_t thread;
};

static struct journal_entry *entry_free(struct journal_entry *e)
{
	free(e->text);
	free(e);
	return NULL;
}
DEFINE_CLEANUP(struct journal_entry *, entry_free);
#define _cleanup_entry_ _cleanup_(entry_freep)

static void on_signal(int signal)
{
	/* Only there to make a blocking call return EINTR. */
}

int journal_new(uv_loop_t *loop, system_log_fn write, struct journal **ret)
{
	struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART */
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->write = write;
	list_init(&j->waiting);
	pthread_mutex_init(&j->lock, NULL);
	sigemptyset(&action.sa_mask);
	sigaction(INTERRUPT_SIGNAL, &action, &j->old_action);
	uv_timer_init(loop, &j->timer);
	j->timer.data = j;
	j->work.data = j;
	*ret = j;
	return 0;
}

/* On the thread pool */

static void set_writing(struct journal *j, bool writing)
{
	pthread_mutex_lock(&j->lock);
	j->writing = writing;
	j->thread = pthread_self();
	pthread_mutex_unlock(&j->lock);
}

static void work(uv_work_t *req)
{
	struct journal *j = req->data;
	sigset_t wanted, old;
	int r;

	sigemptyset(&wanted);
	sigaddset(&wanted, INTERRUPT_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wanted, &old);
	set_writing(j, true);
	do
		r = atomic_load(&j->interrupt) ? -ECANCELED : j->write(&j->current->entry);
	while (r == -EINTR);
	set_writing(j, false);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	j->current->r = r;
}

/* On the loop */

static void on_closed(uv_handle_t *handle)
{
	struct journal *j = handle->data;

	sigaction(INTERRUPT_SIGNAL, &j->old_action, NULL);
	pthread_mutex_destroy(&j->lock);
	j->closed(j->closed_user);
	free(j);
}

static void close_when_idle(struct journal *j)
{
	if (j->closing && !j->current && list_empty(&j->waiting) &&
	    !uv_is_closing((uv_handle_t *)&j->timer))
		uv_close((uv_handle_t *)&j->timer, on_closed);
}

static void complete(struct journal_entry *e)
{
	e->fn(e->user, e->cancelled ? -ECANCELED : e->r);
	entry_free(e);
}

static struct journal_entry *first_waiting(struct journal *j, bool cancelled)
{
	list_for_each (it, &j->waiting) {
		struct journal_entry *e = container_of(it, struct journal_entry, node);

		if (e->cancelled == cancelled)
			return e;
	}
	return NULL;
}

static void after_work(uv_work_t *req, int status);

static void start_next(struct journal *j)
{
	struct journal_entry *e = j->current ? NULL : first_waiting(j, false);

	if (!e)
		return;
	list_remove(&e->node);
	j->current = e;
	atomic_store(&j->interrupt, false);
	uv_queue_work(j->timer.loop, &j->work, work, after_work);
}

static void after_work(uv_work_t *req, int status)
{
	struct journal *j = req->data;

	complete(TAKE_PTR(j->current));
	start_next(j);
	close_when_idle(j);
}

/*
 * The signal may come just before the thread blocks and then wakes nobody, so it is sent again until
 * the entry is back.
 */
static void interrupt_current(struct journal *j)
{
	atomic_store(&j->interrupt, true);
	if (uv_cancel((uv_req_t *)&j->work) == 0)
		return; /* no thread had it yet */
	pthread_mutex_lock(&j->lock);
	if (j->writing)
		pthread_kill(j->thread, INTERRUPT_SIGNAL);
	pthread_mutex_unlock(&j->lock);
}

static void on_timer(uv_timer_t *timer)
{
	struct journal *j = timer->data;
	struct journal_entry *e;

	while ((e = first_waiting(j, true))) {
		list_remove(&e->node);
		complete(e);
	}
	if (j->current && j->current->cancelled) {
		interrupt_current(j);
		uv_timer_start(&j->timer, on_timer, INTERRUPT_PERIOD_MS, 0);
	}
	close_when_idle(j);
}

void journal_cancel(struct journal_entry *e)
{
	e->cancelled = true;
	uv_timer_start(&e->journal->timer, on_timer, 0, 0);
}

void journal_close(struct journal *j, void (*closed)(void *user), void *user)
{
	j->closing = true;
	j->closed = closed;
	j->closed_user = user;
	list_for_each (it, &j->waiting)
		container_of(it, struct journal_entry, node)->cancelled = true;
	if (j->current)
		j->current->cancelled = true;
	uv_timer_start(&j->timer, on_timer, 0, 0);
}

/* Appends "NAME=value" and a NUL; notes its length, since its place is not known yet. */
static int add_field(struct journal_entry *e, struct buf *text, const char *name, const char *value)
{
	size_t before = text->len;
	int r;

	r = buf_printf(text, "%s=%s", name, value);
	if (r < 0)
		return r;
	e->fields[e->entry.n_fields++].iov_len = text->len - before;
	return buf_append(text, "", 1);
}

static int add_fields(struct journal_entry *e, enum log_level level, const char *message,
		      const struct journal_field *fields, size_t n)
{
	_cleanup_buf_ struct buf text = BUF_INIT(JOURNAL_ENTRY_MAX);
	char priority[4];
	int r;

	snprintf(priority, sizeof(priority), "%d", (int)level);
	r = add_field(e, &text, "MESSAGE", message);
	if (r == 0)
		r = add_field(e, &text, "PRIORITY", priority);
	if (r == 0)
		r = add_field(e, &text, "SYSLOG_IDENTIFIER", SYSTEM_LOG_IDENTIFIER);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (fields[i].value[0])
			r = add_field(e, &text, fields[i].name, fields[i].value);
	if (r < 0)
		return r;
	e->text = buf_take(&text);
	return 0;
}

/* The text has its final place: the fields point into it. */
static void place_fields(struct journal_entry *e)
{
	char *at = e->text;

	for (int i = 0; i < e->entry.n_fields; i++) {
		e->fields[i].iov_base = at;
		at += e->fields[i].iov_len + 1;
	}
	e->entry.fields = e->fields;
	e->entry.message = e->text + strlen("MESSAGE=");
}

int journal_send(struct journal *j, enum log_level level, const char *message,
		 const struct journal_field *fields, size_t n, journal_fn fn, void *user,
		 struct journal_entry **ret)
{
	_cleanup_entry_ struct journal_entry *e = NULL;
	int r;

	if (j->closing)
		return -ECANCELED;
	e = calloc(1, sizeof(*e) + (n + FIXED_FIELDS) * sizeof(e->fields[0]));
	if (!e)
		return -ENOMEM;
	e->journal = j;
	e->fn = fn;
	e->user = user;
	e->entry.level = level;
	r = add_fields(e, level, message, fields, n);
	if (r < 0)
		return r;
	place_fields(e);
	list_append(&j->waiting, &e->node);
	*ret = TAKE_PTR(e);
	start_next(j);
	return 0;
}
