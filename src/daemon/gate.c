/* Models that are waited for. */
#include "daemon/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "codec/event_json.h"
#include "codec/job_json.h"
#include "daemon/job.h"
#include "io/entropy.h"
#include "model/ready.h"

#define WHY_MAX 160 /* bytes of the reason, with the NUL */

/* A model, as long as something waits for it or a question is under way. */
struct gate_model {
	struct list link; /* in gate->models */
	struct gate *gate;
	struct list waits; /* struct gate_wait */
	uint64_t next_ms;  /* of the next question */
	uint64_t retry_after_ms;
	unsigned answers;
	bool asking;
	bool answered; /* since the last gate_pump() */
	bool ready;
	char why[WHY_MAX]; /* it is not */
	char *account_key; /* as in struct account */
	char *path;        /* "v1/accounts/acme/models/m" */
	char *key;         /* both */
};

struct gate {
	struct map by_key;  /* struct gate_model */
	struct list models; /* the same */
	struct job_json *parser;
	uint64_t due_ms; /* when to look at them next */
	struct accounts *accounts;
	gate_ask_fn ask;
	struct poller *poller;
	void (*changed)(void *user);
	void *user;
};

static const char *model_key(const void *value)
{
	return ((const struct gate_model *)value)->key;
}

int gate_new(void (*changed)(void *user), void *user, struct gate **ret)
{
	struct gate *g = calloc(1, sizeof(*g));
	int r = g ? job_json_new(&g->parser) : -ENOMEM;

	if (r < 0) {
		free(g);
		return r;
	}
	g->changed = changed;
	g->user = user;
	g->due_ms = UINT64_MAX;
	list_init(&g->models);
	map_init(&g->by_key, model_key);
	*ret = g;
	return 0;
}

static void model_free(struct gate_model *m)
{
	list_remove(&m->link);
	if (m->key)
		map_remove(&m->gate->by_key, m->key);
	free(m->account_key);
	free(m->path);
	free(m->key);
	free(m);
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	list_for_each_safe (it, &g->models)
		model_free(container_of(it, struct gate_model, link));
	map_done(&g->by_key);
	job_json_free(g->parser);
	free(g);
}

void gate_ask_with(struct gate *g, struct accounts *accounts, gate_ask_fn ask, struct poller *p)
{
	g->accounts = accounts;
	g->ask = ask;
	g->poller = p;
	g->due_ms = 0;
}

/* --- waits --- */

/* An account's endpoint is what stands before "/v1/accounts/acme" in an event's source. */
static int endpoint_of(const struct event_fields *f, char **ret)
{
	_cleanup_free_ char *tail = NULL;
	const char *source = f->values[EVENT_FIELD_SOURCE];
	size_t len = strlen(source), tail_len;

	if (asprintf(&tail, "/v1/accounts/%s", f->values[EVENT_FIELD_ACCOUNT]) < 0) {
		tail = NULL;
		return -ENOMEM;
	}
	tail_len = strlen(tail);
	if (len <= tail_len || strcmp(source + len - tail_len, tail) != 0)
		return -EINVAL;
	*ret = strndup(source, len - tail_len);
	return *ret ? 0 : -ENOMEM;
}

static int model_new(struct gate *g, const char *endpoint, const struct event_fields *f,
		     struct gate_model **ret)
{
	struct gate_model *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->gate = g;
	list_init(&m->link);
	list_init(&m->waits);
	snprintf(m->why, sizeof(m->why), "it could not be asked for");
	if (asprintf(&m->account_key, "%s %s", endpoint, f->values[EVENT_FIELD_ACCOUNT]) < 0)
		m->account_key = NULL;
	if (asprintf(&m->path, "v1/%s", f->values[EVENT_FIELD_OUTPUT_MODEL]) < 0)
		m->path = NULL;
	if (!m->account_key || !m->path ||
	    asprintf(&m->key, "%s %s", m->account_key, m->path) < 0) {
		m->key = NULL;
		model_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

/* The model of the event, found or made. */
static int model_get(struct gate *g, const struct event_fields *f, struct gate_model **ret)
{
	_cleanup_free_ char *endpoint = NULL;
	struct gate_model *m, *known;
	int r = endpoint_of(f, &endpoint);

	if (r == 0)
		r = model_new(g, endpoint, f, &m);
	if (r < 0)
		return r;
	known = map_get(&g->by_key, m->key);
	r = known ? -EEXIST : map_add(&g->by_key, m);
	if (r < 0) {
		free(TAKE_PTR(m->key)); /* the map has it from another one, or not at all */
		model_free(m);
		*ret = known;
		return known ? 0 : r;
	}
	list_append(&g->models, &m->link);
	*ret = m;
	return 0;
}

static void join(struct gate_model *m, uint64_t left_ms, uint64_t now_ms, struct gate_wait *w,
		 gate_fn fn)
{
	*w = (struct gate_wait){.model = m,
				.since_ms = now_ms,
				.limit_ms = now_ms + left_ms,
				.answers = m->answers,
				.fn = fn};
	list_init(&w->link);
	list_append(&m->waits, &w->link);
	/* One whose limit comes before the next question gets its own. */
	if (w->limit_ms < m->next_ms)
		m->next_ms = now_ms;
	m->gate->due_ms = 0;
}

int gate_join(struct gate *g, const struct event_record *event, uint64_t limit_ms, uint64_t now_ms,
	      struct gate_wait *w, gate_fn fn)
{
	struct event_fields f;
	struct gate_model *m;
	int r = event_fields_parse(event->body, event->len, &f);

	if (r < 0)
		return r == -ENOMEM ? r : GATE_NOTHING;
	r = ready_is_model(f.values[EVENT_FIELD_OUTPUT_MODEL]) ? model_get(g, &f, &m) : -EINVAL;
	event_fields_done(&f);
	if (r < 0)
		return r == -EINVAL ? GATE_NOTHING : r;
	join(m, ready_left_ms(event->time_us, limit_ms, clock_real_now_us()), now_ms, w, fn);
	return GATE_SHUT;
}

static void leave(struct gate_wait *w)
{
	list_remove(&w->link);
	w->model = NULL;
}

static bool is_unwanted(const struct gate_model *m)
{
	return list_empty(&m->waits) && !m->asking;
}

void gate_leave(struct gate_wait *w)
{
	struct gate_model *m = w->model;

	if (!m)
		return;
	leave(w);
	if (is_unwanted(m))
		model_free(m);
}

bool gate_is_waiting(const struct gate_wait *w)
{
	return w->model != NULL;
}

/* --- questions --- */

static void judge(struct gate_model *m, const struct http_result *result)
{
	struct error e = ERROR_NONE;
	int r;

	if (result->r < 0) {
		snprintf(m->why, sizeof(m->why), "%s",
			 result->r == -ECANCELED ? "its account is not in the configuration"
						 : result->text);
		return;
	}
	if (result->status != 200) {
		snprintf(m->why, sizeof(m->why), "HTTP %ld%s", result->status,
			 result->status == 404 ? ", there is no such model" : "");
		return;
	}
	r = job_json_parse_model(m->gate->parser, result->body, result->len, &m->ready, &e);
	snprintf(m->why, sizeof(m->why), "%s",
		 r < 0   ? strerror(-r)
		 : r > 0 ? e.text
			 : "its state is not READY");
}

static void take_answer(struct gate_model *m, const struct http_result *result)
{
	m->answered = true;
	m->answers++;
	m->retry_after_ms = result->retry_after_ms;
	judge(m, result);
}

static void on_answer(void *user, const struct http_result *result)
{
	struct gate_model *m = user;
	struct gate *g = m->gate;

	m->asking = false;
	g->due_ms = 0;
	if (g->ask) /* else that was the end of all questions, and says nothing */
		take_answer(m, result);
	g->changed(g->user);
}

/* Whether a question is under way; when none is possible, that is the answer. */
static bool ask(struct gate_model *m)
{
	struct gate *g = m->gate;
	struct account *account = map_get(&g->accounts->map, m->account_key);
	struct http_result none = {.r = -ECANCELED, .text = ""};

	if (account)
		none.r = g->ask(g->poller, account, m->path, on_answer, m);
	none.text = strerror(-none.r);
	m->asking = none.r >= 0;
	if (!m->asking)
		take_answer(m, &none);
	return m->asking;
}

/* Tells what is over; when the next one of the others is. */
static uint64_t tell(struct gate_model *m, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	list_for_each_safe (it, &m->waits) {
		struct gate_wait *w = container_of(it, struct gate_wait, link);
		const struct ready_wait wait = {.since_ms = w->since_ms,
						.limit_ms = w->limit_ms,
						.answered = m->answers != w->answers};
		uint64_t late_ms = ready_late_ms(&wait);

		if (!m->ready && now_ms < late_ms) {
			next_ms = MIN(next_ms, late_ms);
			continue;
		}
		leave(w);
		w->fn(w, m->ready ? MODEL_READY : MODEL_LATE, m->ready ? "" : m->why);
	}
	return next_ms;
}

static uint64_t look(struct gate_model *m, uint64_t now_ms)
{
	uint64_t next_ms;

	if (m->answered)
		m->next_ms = now_ms + ready_ask_ms(m->answers, m->retry_after_ms, entropy_u32());
	m->answered = false;
	next_ms = tell(m, now_ms);
	if (is_unwanted(m)) {
		model_free(m);
		return UINT64_MAX;
	}
	if (m->asking || !m->gate->ask)
		return next_ms;
	if (now_ms < m->next_ms)
		return MIN(next_ms, m->next_ms);
	return ask(m) ? next_ms : now_ms;
}

void gate_pump(struct gate *g, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	if (now_ms < g->due_ms)
		return;
	list_for_each_safe (it, &g->models) {
		uint64_t model_ms = look(container_of(it, struct gate_model, link), now_ms);

		next_ms = MIN(next_ms, model_ms);
	}
	g->due_ms = next_ms;
}

uint64_t gate_due_ms(const struct gate *g)
{
	return g->due_ms;
}
