/* Points between which something could be lost, at each of which the daemon can be killed. */
#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/error.h"
#include "io/committer.h"
#include "io/http.h"
#include "model/submit.h"
#include "store/store.h"

static struct {
	char name[64]; /* "": none */
	atomic_long left;
} wanted;

/* A wish that is not understood must not pass for a daemon that was never killed. */
__attribute__((constructor)) static void read_environment(void)
{
	const char *text = getenv("TW_FAULT_POINT");
	const char *colon = text ? strrchr(text, ':') : NULL;
	long left = colon ? atol(colon + 1) : 0;

	if (!text)
		return;
	if (left < 1 || (size_t)(colon - text) >= sizeof(wanted.name))
		abort();
	memcpy(wanted.name, text, (size_t)(colon - text));
	wanted.left = left;
}

void fault_point(const char *name)
{
	if (strcmp(name, wanted.name) == 0 && atomic_fetch_sub(&wanted.left, 1) == 1)
		kill(getpid(), SIGKILL);
}

/*
 * "change": before each statement of a transaction, so from a new transaction to one in which all
 * is done but the COMMIT; "before-commit": the latter alone.
 */
WRAP(int, sqlite3_step, sqlite3_stmt *stmt)
{
	if (!sqlite3_stmt_readonly(stmt))
		fault_point("change");
	if (strcmp(sqlite3_sql(stmt), "COMMIT") == 0)
		fault_point("before-commit");
	return REAL(sqlite3_step)(stmt);
}

/* "after-commit": it is durable, and nobody has been called back. */
WRAP(int, store_apply, struct store *s, const struct store_op *ops, size_t n, struct error *ret_e)
{
	int r = REAL(store_apply)(s, ops, n, ret_e);

	if (r == 0)
		fault_point("after-commit");
	return r;
}

/* "before-ack": the destination has taken the event, and nothing of that is written down. */
WRAP(int, commit_add, struct commit *b, const struct store_op *op)
{
	if (op->type == STORE_VERDICT && op->verdict.state == DELIVERY_DELIVERED)
		fault_point("before-ack");
	return REAL(commit_add)(b, op);
}

/*
 * "before-send": a request with a body, which no poll has; "before-post", "in-post": that which creates a
 * job, before and after it has begun.
 */
WRAP(int, http_start, struct http *h, const struct http_request *request, http_fn fn, void *user,
     struct http_transfer **ret, struct error *ret_e)
{
	bool creates = request->body && strstr(request->url, "supervisedFineTuningJobId=");
	int r;

	if (request->body)
		fault_point("before-send");
	if (creates)
		fault_point("before-post");
	r = REAL(http_start)(h, request, fn, user, ret, ret_e);
	if (r == 0 && creates)
		fault_point("in-post");
	return r;
}

/* "before-reply", "after-reply": an answer about a job that is being created has come. */
WRAP(enum submit_verdict, submit_replied, struct submit *s, enum submit_reply reply,
     uint64_t retry_after_ms, uint64_t now_ms, uint32_t chance)
{
	enum submit_verdict verdict;

	fault_point("before-reply");
	verdict = REAL(submit_replied)(s, reply, retry_after_ms, now_ms, chance);
	fault_point("after-reply");
	return verdict;
}

/* "before-hook", and "in-hook": it runs. */
WRAP(int, posix_spawn, pid_t *ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
     const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	int r;

	fault_point("before-hook");
	r = REAL(posix_spawn)(ret_pid, path, actions, attributes, argv, env);
	if (r == 0)
		fault_point("in-hook");
	return r;
}

static int on_statement(unsigned what, void *user, void *stmt, void *text)
{
	fault_point("migration");
	return 0;
}

/*
 * "migration": before each statement of a migration. Scripts go to sqlite3_exec() whole, so SQLite
 * is asked to tell when it begins a statement. What else the opening runs that way counts, too.
 */
WRAP(int, sqlite3_exec, sqlite3 *db, const char *sql,
     int (*fn)(void *user, int n, char **values, char **names), void *user, char **ret_text)
{
	int r;

	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
	r = REAL(sqlite3_exec)(db, sql, fn, user, ret_text);
	sqlite3_trace_v2(db, 0, NULL, NULL);
	return r;
}
