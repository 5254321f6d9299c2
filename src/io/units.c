/*
 * A start: the unit is loaded and looked at, then started, and its job's end is a signal, after
 * which a service that failed is asked how.
 *
 * A signal can be missed, when systemd is executed anew; so the state of what is followed is also
 * asked for every CHECK_MS.
 */
#include "io/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/macro.h"

#define CHECK_MS (30 * MS_PER_S)

#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER     "/org/freedesktop/systemd1"
#define UNIT        "org.freedesktop.systemd1.Unit"
#define SERVICE     "org.freedesktop.systemd1.Service"

static const struct bus_method subscribe = {DESTINATION, DESTINATION ".Manager", "Subscribe"};
static const struct bus_method load_unit = {DESTINATION, DESTINATION ".Manager", "LoadUnit"};
static const struct bus_method start_unit = {DESTINATION, DESTINATION ".Manager", "StartUnit"};
static const struct bus_method get_all = {DESTINATION, "org.freedesktop.DBus.Properties", "GetAll"};

struct units {
	struct bus *bus;
	struct bus_signal job_removed;
	struct list starts;
	uv_timer_t check;
	void (*closed)(void *user);
	void *closed_user;
};

struct unit_start {
	struct list node;
	struct units *u;
	bool join, cancelled;
	bool prepared; /* its file is there, and systemd was asked or is about to be */
	int (*prepare)(void *user);
	unit_fn fn;
	void *user;
	struct bus_call *call; /* under way, or NULL while the job runs */
	bool removed; /* the job has ended, with `how`, while its state was being asked for */
	enum unit_end how;
	char *path; /* of the unit's object */
	char *job;  /* of its job, while that is followed */
	struct unit_result result;
	char name[];
};

/* What a unit is asked. */
struct unit_state {
	char active[32]; /* ActiveState */
	char job[64];    /* the path of its job; "/": none */
};

static const char *const results[] = {
	[UNIT_DONE] = "done",         [UNIT_FAILED] = "failed",   [UNIT_TIMED_OUT] = "timeout",
	[UNIT_CANCELED] = "canceled", [UNIT_SKIPPED] = "skipped", [UNIT_DEPENDENCY] = "dependency",
};

static enum unit_end end_of(const char *job_result)
{
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		if (results[i] && strcmp(results[i], job_result) == 0)
			return (enum unit_end)i;
	return UNIT_NOT_RUN;
}

/* Errors that stay until somebody changes the machine; others may pass. */
static const struct {
	const char *name;
	enum unit_end end;
} errors[] = {
	{"org.freedesktop.systemd1.NoSuchUnit", UNIT_REFUSED},
	{"org.freedesktop.systemd1.LoadFailed", UNIT_REFUSED},
	{"org.freedesktop.systemd1.BadUnitSetting", UNIT_REFUSED},
	{"org.freedesktop.systemd1.UnitMasked", UNIT_REFUSED},
	{"org.freedesktop.systemd1.OnlyByDependency", UNIT_REFUSED},
	{SD_BUS_ERROR_INVALID_ARGS, UNIT_REFUSED},
	{SD_BUS_ERROR_ACCESS_DENIED, UNIT_DENIED},
	{SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, UNIT_DENIED},
};

static enum unit_end end_of_error(int r, const sd_bus_error *error)
{
	if (r == -ECANCELED && !error)
		return UNIT_INTERRUPTED;
	for (size_t i = 0; error && i < ARRAY_LEN(errors); i++)
		if (strcmp(error->name, errors[i].name) == 0)
			return errors[i].end;
	return UNIT_UNKNOWN;
}

static void start_free(struct unit_start *s)
{
	list_remove(&s->node);
	free(s->path);
	free(s->job);
	free(s);
}

static void end(struct unit_start *s, enum unit_end how)
{
	s->result.end = how;
	s->fn(s->user, &s->result);
	start_free(s);
}

static void end_with_error(struct unit_start *s, int r, const sd_bus_error *error)
{
	snprintf(s->result.detail, sizeof(s->result.detail), "%s", bus_error_text(r, error));
	end(s, end_of_error(r, error));
}

/* The next call of the start; without one it ends. */
static void ask(struct unit_start *s, const struct bus_method *method, const char *path,
		bus_reply_fn fn, const char *types, const char *a, const char *b)
{
	int r = bus_call(s->u->bus, method, path, fn, s, &s->call, types, a, b);

	if (r < 0)
		end_with_error(s, r, NULL);
}

/* --- properties --- */

struct property {
	const char *name, *type; /* "s"; "(uo)", of which the path is taken; "i" */
	void *ret;               /* char[size]; int32_t */
	size_t size;
};

static int read_value(sd_bus_message *m, const struct property *p)
{
	const char *text = "";
	int r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, p->type);

	if (r < 0)
		return r;
	if (strcmp(p->type, "i") == 0)
		r = sd_bus_message_read(m, "i", p->ret);
	else if (strcmp(p->type, "s") == 0)
		r = sd_bus_message_read(m, "s", &text);
	else
		r = sd_bus_message_read(m, "(uo)", NULL, &text);
	if (r >= 0 && p->size > 0)
		snprintf(p->ret, p->size, "%s", text);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Reads those of the table out of GetAll's reply. 0 or a negative errno. */
static int read_properties(sd_bus_message *m, const struct property *table, size_t n)
{
	const char *name;
	int r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");

	while (r >= 0 &&
	       (r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
		const struct property *found = NULL;

		r = sd_bus_message_read(m, "s", &name);
		for (size_t i = 0; r >= 0 && i < n; i++)
			if (strcmp(table[i].name, name) == 0)
				found = &table[i];
		if (r >= 0)
			r = found ? read_value(m, found) : sd_bus_message_skip(m, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : 0;
}

static int read_state(sd_bus_message *m, struct unit_state *ret)
{
	const struct property table[] = {
		{"ActiveState", "s", ret->active, sizeof(ret->active)},
		{"Job", "(uo)", ret->job, sizeof(ret->job)},
	};

	*ret = (struct unit_state){.job = "/"};
	return read_properties(m, table, ARRAY_LEN(table));
}

static bool has_job(const struct unit_state *state)
{
	return strcmp(state->job, "/") != 0;
}

/* --- the end of the job --- */

static bool is(const char *state, const char *a, const char *b)
{
	return strcmp(state, a) == 0 || strcmp(state, b) == 0;
}

static void on_service(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct unit_start *s = user;
	int32_t code = 0, status = 0;
	const struct property table[] = {
		{"Result", "s", s->result.result, sizeof(s->result.result)},
		{"ExecMainCode", "i", &code, 0},
		{"ExecMainStatus", "i", &status, 0},
	};

	if (r < 0 && !(error && sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE))) {
		/* How it failed decides whether it is tried again: not known, it is. */
		end_with_error(s, r, error);
		return;
	}
	if (r == 0 && read_properties(reply, table, ARRAY_LEN(table)) == 0) {
		if (strcmp(s->result.result, "exit-code") == 0 && code == CLD_EXITED)
			s->result.exit_status = status;
		else if (is(s->result.result, "signal", "core-dump"))
			s->result.signal = status;
	}
	end(s, strcmp(s->result.result, "timeout") == 0 ? UNIT_TIMED_OUT : UNIT_FAILED);
}

/* `how` is the job's end; what the service says of a failure may say more. */
static void on_job_end(struct unit_start *s, enum unit_end how)
{
	free(TAKE_PTR(s->job));
	if (how == UNIT_FAILED)
		ask(s, &get_all, s->path, on_service, "s", SERVICE, NULL);
	else
		end(s, how);
}

/* What is followed and not being asked about. */
static struct unit_start *followed(struct list *node)
{
	struct unit_start *s = container_of(node, struct unit_start, node);

	return s->job && !s->call ? s : NULL;
}

static void lose_all(struct units *u)
{
	list_for_each_safe (it, &u->starts) {
		struct unit_start *s = followed(it);

		if (s)
			end_with_error(s, -ECONNRESET, NULL);
	}
}

static void on_job_removed(void *user, sd_bus_message *m)
{
	struct units *u = user;
	const char *job, *result;

	if (!m) {
		lose_all(u);
		return;
	}
	if (sd_bus_message_read(m, "uoss", NULL, &job, NULL, &result) < 0)
		return;
	list_for_each_safe (it, &u->starts) {
		struct unit_start *s = container_of(it, struct unit_start, node);

		if (!s->job || strcmp(s->job, job) != 0)
			continue;
		s->how = end_of(result);
		if (s->how == UNIT_NOT_RUN)
			snprintf(s->result.result, sizeof(s->result.result), "%s", result);
		if (s->call)
			s->removed = true; /* on_checked() has the rest */
		else
			on_job_end(s, s->how);
	}
}

/* False: it could not be asked, and the start has ended. */
static bool take_state(struct unit_start *s, int r, sd_bus_message *reply,
		       const sd_bus_error *error, struct unit_state *ret)
{
	s->call = NULL;
	if (r == 0)
		r = read_state(reply, ret);
	if (r < 0)
		end_with_error(s, r, error);
	return r >= 0;
}

/* Its job has gone, and nobody said how. */
static void on_checked(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct unit_start *s = user;
	struct unit_state state;

	if (s->removed && !(r == -ECANCELED && !error)) {
		s->call = NULL;
		on_job_end(s, s->how);
		return;
	}
	if (!take_state(s, r, reply, error, &state) || has_job(&state))
		return;
	if (strcmp(state.active, "failed") == 0) {
		on_job_end(s, UNIT_FAILED);
		return;
	}
	/* That it is not active says nothing of how it ended, nor that it ran at all. */
	snprintf(s->result.detail, sizeof(s->result.detail), "systemd did not say how it ended");
	end(s, UNIT_UNKNOWN);
}

static void on_check(uv_timer_t *timer)
{
	struct units *u = timer->data;

	list_for_each_safe (it, &u->starts) {
		struct unit_start *s = followed(it);

		if (s && s->cancelled)
			end(s, UNIT_INTERRUPTED);
		else if (s)
			ask(s, &get_all, s->path, on_checked, "s", UNIT, NULL);
	}
	if (list_empty(&u->starts))
		uv_timer_stop(&u->check);
}

/* --- the beginning --- */

static void follow(struct unit_start *s, const char *job)
{
	s->job = strdup(job);
	if (!s->job)
		end_with_error(s, -ENOMEM, NULL);
	else if (!uv_is_active((uv_handle_t *)&s->u->check))
		uv_timer_start(&s->u->check, on_check, CHECK_MS, CHECK_MS);
}

static void on_started(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct unit_start *s = user;
	const char *job;

	s->call = NULL;
	if (r == 0)
		r = sd_bus_message_read(reply, "o", &job);
	if (r < 0)
		end_with_error(s, r, error);
	else
		follow(s, job);
}

/* The file of a unit is of one event; and a second start would be the first one's job. */
static bool is_taken(const struct unit_start *s)
{
	list_for_each (it, &s->u->starts) {
		const struct unit_start *other = container_of(it, struct unit_start, node);

		if (other != s && other->prepared && strcmp(other->name, s->name) == 0)
			return true;
	}
	return false;
}

static void prepare_and_start(struct unit_start *s)
{
	int r;

	s->prepared = true;
	r = s->prepare(s->user);
	if (r < 0)
		end_with_error(s, r, NULL);
	else
		ask(s, &start_unit, MANAGER, on_started, "ss", s->name, "replace");
}

/* Not of a service that is started before its program has done anything. */
static bool start_tells_end(const char *service_type)
{
	static const char *const too_early[] = {"simple", "exec", "idle"};

	for (size_t i = 0; i < ARRAY_LEN(too_early); i++)
		if (strcmp(service_type, too_early[i]) == 0)
			return false;
	return true;
}

static void on_type(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct unit_start *s = user;
	char type[32] = "";
	const struct property table[] = {{"Type", "s", type, sizeof(type)}};

	s->call = NULL;
	if (r == 0)
		r = read_properties(reply, table, ARRAY_LEN(table));
	if (r < 0) {
		end_with_error(s, r, error);
	} else if (!start_tells_end(type)) {
		snprintf(s->result.detail, sizeof(s->result.detail),
			 "Type=%s says nothing of its end; it has to be oneshot", type);
		end(s, UNIT_REFUSED);
	} else if (is_taken(s)) { /* another one came first, while this was asked */
		end(s, UNIT_BUSY);
	} else {
		prepare_and_start(s);
	}
}

enum step { STEP_START, STEP_FOLLOW, STEP_ACTIVE, STEP_BUSY };

/* `taken`: another start of ours has the unit. `join`: what runs is for this start. */
static enum step step_of(const struct unit_state *state, bool taken, bool join)
{
	if (taken)
		return STEP_BUSY;
	if (is(state->active, "active", "reloading"))
		return STEP_ACTIVE;
	if (has_job(state))
		return join && strcmp(state->active, "activating") == 0 ? STEP_FOLLOW : STEP_BUSY;
	return strcmp(state->active, "deactivating") == 0 ? STEP_BUSY : STEP_START;
}

static void on_state(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct unit_start *s = user;
	struct unit_state state;

	if (!take_state(s, r, reply, error, &state))
		return;
	switch (step_of(&state, is_taken(s), s->join)) {
	case STEP_START:
		ask(s, &get_all, s->path, on_type, "s", SERVICE, NULL);
		break;
	case STEP_FOLLOW:
		s->prepared = true;   /* by an earlier daemon */
		follow(s, state.job); /* the signal of its end comes after this reply */
		break;
	case STEP_ACTIVE:
		end(s, UNIT_ACTIVE);
		break;
	case STEP_BUSY:
		end(s, UNIT_BUSY);
		break;
	}
}

static void on_loaded(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct unit_start *s = user;
	const char *path;

	s->call = NULL;
	if (r == 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		s->path = strdup(path);
	if (r < 0 || !s->path)
		end_with_error(s, r < 0 ? r : -ENOMEM, error);
	else
		ask(s, &get_all, s->path, on_state, "s", UNIT, NULL);
}

/* Without it, systemd may keep its signals to itself. That it was asked before is an error. */
static void on_subscribed(void *user, int r, sd_bus_message *reply _unused_,
			  const sd_bus_error *error)
{
	struct unit_start *s = user;

	s->call = NULL;
	if (r < 0 && !error)
		end_with_error(s, r, NULL);
	else
		ask(s, &load_unit, MANAGER, on_loaded, "s", s->name, NULL);
}

int units_start(struct units *u, const struct unit_start_options *options, unit_fn fn, void *user,
		struct unit_start **ret)
{
	size_t len = strlen(options->name);
	struct unit_start *s = calloc(1, sizeof(*s) + len + 1);
	int r;

	if (!s)
		return -ENOMEM;
	s->u = u;
	s->join = options->join;
	s->prepare = options->prepare;
	s->fn = fn;
	s->user = user;
	s->result.exit_status = -1;
	memcpy(s->name, options->name, len);
	r = bus_call(u->bus, &subscribe, MANAGER, on_subscribed, s, &s->call, "");
	if (r < 0) {
		free(s);
		return r;
	}
	list_append(&u->starts, &s->node);
	*ret = s;
	return 0;
}

void unit_start_cancel(struct unit_start *s)
{
	if (s->call) {
		bus_cancel(s->call);
		return;
	}
	s->cancelled = true;
	(void)uv_timer_start(&s->u->check, on_check, 0,
			     CHECK_MS); /* fails on closing handles only */
}

int units_new(uv_loop_t *loop, struct bus *bus, struct units **ret)
{
	struct units *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->bus = bus;
	u->job_removed = (struct bus_signal){.sender = DESTINATION,
					     .path = MANAGER,
					     .interface = DESTINATION ".Manager",
					     .member = "JobRemoved",
					     .fn = on_job_removed,
					     .user = u};
	list_init(&u->starts);
	uv_timer_init(loop, &u->check);
	u->check.data = u;
	bus_listen(bus, &u->job_removed);
	*ret = u;
	return 0;
}

static void on_check_closed(uv_handle_t *handle)
{
	struct units *u = handle->data;

	u->closed(u->closed_user);
	free(u);
}

void units_close(struct units *u, void (*closed)(void *user), void *user)
{
	u->closed = closed;
	u->closed_user = user;
	uv_close((uv_handle_t *)&u->check, on_check_closed);
}
