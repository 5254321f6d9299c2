/* The queue to the system's log: one at a time, in order, and out of every block when asked. What
 * writes is the test's own, and says by its message what it does. */
#include "io/journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macro.h"

#define MANY 5

static struct {
	atomic_int inside, calls;
	atomic_bool eintr_given;
	int gate[2]; /* "block" reads it: a byte lets it go */
	char seen[1024];
} writer;

static int write_entry(const struct system_log_entry *e)
{
	int r = 0;

	/* No assertions here: this is a thread of the pool. */
	if (atomic_fetch_add(&writer.inside, 1) != 0)
		r = -EDEADLK;
	atomic_fetch_add(&writer.calls, 1);
	if (strcmp(e->message, "fields") == 0) {
		for (int i = 0; i < e->n_fields; i++) {
			strncat(writer.seen, e->fields[i].iov_base, e->fields[i].iov_len);
			strcat(writer.seen, "|");
		}
	} else if (strcmp(e->message, "refused") == 0) {
		r = -ECONNREFUSED;
	} else if (strcmp(e->message, "absent") == 0) {
		r = SYSTEM_LOG_ABSENT;
	} else if (strcmp(e->message, "a signal") == 0) {
		r = atomic_exchange(&writer.eintr_given, true) ? 0 : -EINTR;
	} else if (strcmp(e->message, "block") == 0) {
		char c;

		r = read(writer.gate[0], &c, 1) < 0 ? -errno : 0;
	}
	atomic_fetch_sub(&writer.inside, 1);
	return r;
}

struct env {
	uv_loop_t loop;
	struct journal *journal;
	unsigned closed;
	struct buf log; /* "NAME:RESULT " for each callback */
};

struct sent {
	struct env *env;
	const char *name;
	struct journal_entry *entry;
};

static void on_sent(void *user, int r)
{
	struct sent *s = user;

	cr_assert_eq(buf_printf(&s->env->log, "%s:%s ", s->name,
				r == 0  ? "ok"
				: r > 0 ? "absent"
					: strerrorname_np(-r)),
		     0);
	s->entry = NULL;
}

static void env_init(struct env *env)
{
	*env = (struct env){.log = BUF_INIT(4096)};
	writer.seen[0] = '\0';
	cr_assert_eq(pipe2(writer.gate, O_CLOEXEC), 0);
	cr_assert_eq(uv_loop_init(&env->loop), 0);
	cr_assert_eq(journal_new(&env->loop, write_entry, &env->journal), 0);
}

static void send_(struct env *env, struct sent *s, const char *name, const char *message)
{
	size_t before = env->log.len;

	*s = (struct sent){.env = env, .name = name};
	cr_assert_eq(journal_send(env->journal, LOG_LEVEL_INFO, message, NULL, 0, on_sent, s,
				  &s->entry),
		     0);
	cr_assert_eq(env->log.len, before, "never inside the call");
}

static void on_closed(void *user)
{
	struct env *env = user;

	env->closed++;
	cr_assert_eq(buf_puts(&env->log, "closed"), 0);
}

static void env_close(struct env *env)
{
	size_t before = env->log.len;

	journal_close(env->journal, on_closed, env);
	cr_assert_eq(env->log.len, before, "never inside the call");
	uv_run(&env->loop, UV_RUN_DEFAULT);
	cr_assert_eq(env->closed, 1);
	cr_assert_eq(uv_loop_close(&env->loop), 0);
	close(writer.gate[0]);
	close(writer.gate[1]);
}

static void env_expect(struct env *env, const char *log)
{
	cr_expect_str_eq(buf_str(&env->log), log, "%s", buf_str(&env->log));
	buf_done(&env->log);
}

/* Turns the loop until there is something in the log, or `calls` writes have begun. */
static void until(struct env *env, size_t log_len, int calls)
{
	while (env->log.len < log_len || atomic_load(&writer.calls) < calls)
		uv_run(&env->loop, UV_RUN_NOWAIT);
}

Test(journal, results_in_order, .timeout = 60)
{
	static const char *const messages[] = {"fine", "refused", "absent", "a signal", "fine"};
	struct env env;
	struct sent sent[ARRAY_LEN(messages)];

	env_init(&env);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		send_(&env, &sent[i], messages[i], messages[i]);
	uv_run(&env.loop, UV_RUN_DEFAULT);
	cr_expect_eq(atomic_load(&writer.calls), 6, "what a stray signal ended is done again");
	env_close(&env);
	env_expect(&env, "fine:ok refused:ECONNREFUSED absent:absent a signal:ok fine:ok closed");
}

Test(journal, fields, .timeout = 60)
{
	struct env env;
	struct sent s = {.env = &env, .name = "fields"};
	const struct journal_field fields[] = {{"TUNEWATCH_A", "1"},
					       {"TUNEWATCH_EMPTY", ""},
					       {"TUNEWATCH_B", "x=\ny"}};

	env_init(&env);
	cr_assert_eq(journal_send(env.journal, LOG_LEVEL_WARNING, "fields", fields,
				  ARRAY_LEN(fields), on_sent, &s, &s.entry),
		     0);
	uv_run(&env.loop, UV_RUN_DEFAULT);
	cr_expect_str_eq(writer.seen, "MESSAGE=fields|PRIORITY=4|SYSLOG_IDENTIFIER=tunewatch|"
				      "TUNEWATCH_A=1|TUNEWATCH_B=x=\ny|");
	env_close(&env);
	env_expect(&env, "fields:ok closed");
}

Test(journal, too_large)
{
	struct env env;
	struct journal_entry *entry = NULL;
	char *message = malloc(JOURNAL_ENTRY_MAX + 1);

	cr_assert_not_null(message);
	memset(message, 'x', JOURNAL_ENTRY_MAX);
	message[JOURNAL_ENTRY_MAX] = '\0';
	env_init(&env);
	cr_expect_eq(journal_send(env.journal, LOG_LEVEL_INFO, message, NULL, 0, on_sent, NULL,
				  &entry),
		     -EMSGSIZE);
	free(message);
	env_close(&env);
	env_expect(&env, "closed");
}

Test(journal, a_block_holds_the_others_and_not_the_loop, .timeout = 60)
{
	struct env env;
	struct sent a, b, c;

	env_init(&env);
	send_(&env, &a, "a", "block");
	send_(&env, &b, "b", "fine");
	send_(&env, &c, "c", "fine");
	until(&env, 0, 1);
	journal_cancel(b.entry);
	until(&env, 1, 1);
	cr_expect_str_eq(buf_str(&env.log), "b:ECANCELED ", "at once, though a blocks");
	cr_assert_eq(write(writer.gate[1], "x", 1), 1);
	uv_run(&env.loop, UV_RUN_DEFAULT);
	env_close(&env);
	env_expect(&env, "b:ECANCELED a:ok c:ok closed");
}

Test(journal, cancel_of_a_blocked_one, .timeout = 60)
{
	struct env env;
	struct sent a, b;

	env_init(&env);
	send_(&env, &a, "a", "block");
	send_(&env, &b, "b", "fine");
	until(&env, 0, 1);
	journal_cancel(a.entry);
	journal_cancel(a.entry);
	uv_run(&env.loop, UV_RUN_DEFAULT);
	env_close(&env);
	env_expect(&env, "a:ECANCELED b:ok closed");
}

Test(journal, cancel_just_after_send, .timeout = 60)
{
	/* Whatever the thread is at when the signal comes. */
	for (int i = 0; i < 200; i++) {
		struct env env;
		struct sent a;

		env_init(&env);
		send_(&env, &a, "a", "block");
		journal_cancel(a.entry);
		uv_run(&env.loop, UV_RUN_DEFAULT);
		env_close(&env);
		env_expect(&env, "a:ECANCELED closed");
	}
}

Test(journal, close_while_blocked, .timeout = 60)
{
	struct env env;
	struct sent a, rest[MANY];
	struct journal_entry *late;

	env_init(&env);
	send_(&env, &a, "a", "block");
	for (size_t i = 0; i < MANY; i++)
		send_(&env, &rest[i], "w", "fine");
	until(&env, 0, 1);
	journal_close(env.journal, on_closed, &env);
	cr_expect_eq(journal_send(env.journal, LOG_LEVEL_INFO, "fine", NULL, 0, on_sent, &a, &late),
		     -ECANCELED);
	uv_run(&env.loop, UV_RUN_DEFAULT);
	cr_expect_eq(atomic_load(&writer.calls), 1);
	cr_expect_eq(env.closed, 1);
	cr_assert_eq(uv_loop_close(&env.loop), 0);
	env_expect(&env, "w:ECANCELED w:ECANCELED w:ECANCELED w:ECANCELED w:ECANCELED "
			 "a:ECANCELED closed");
}

static void occupy(uv_work_t *req)
{
	char c;

	while (read(*(int *)req->data, &c, 1) < 0 && errno == EINTR)
		;
}

static void ignore(uv_work_t *req, int status)
{
}

/* Every thread of the pool is busy with something else: an entry is given up all the same. */
Test(journal, cancel_before_a_thread_had_it, .timeout = 60)
{
	struct env env;
	struct sent a;
	uv_work_t busy[64]; /* more than the pool has */
	int gate[2];

	env_init(&env);
	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
		busy[i].data = &gate[0];
		cr_assert_eq(uv_queue_work(&env.loop, &busy[i], occupy, ignore), 0);
	}
	send_(&env, &a, "a", "block");
	journal_cancel(a.entry);
	until(&env, 1, 0);
	cr_expect_eq(atomic_load(&writer.calls), 0);
	close(gate[1]);
	uv_run(&env.loop, UV_RUN_DEFAULT);
	close(gate[0]);
	env_close(&env);
	env_expect(&env, "a:ECANCELED closed");
}

Test(journal, leaves_the_signal_as_it_was)
{
	struct env env;
	struct sigaction now;

	signal(SIGUSR2, SIG_IGN);
	env_init(&env);
	sigaction(SIGUSR2, NULL, &now);
	cr_expect_neq(now.sa_handler, SIG_IGN);
	env_close(&env);
	sigaction(SIGUSR2, NULL, &now);
	cr_expect_eq(now.sa_handler, SIG_IGN);
	env_expect(&env, "closed");
}
