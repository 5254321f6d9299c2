/* Deliveries: attempts, verdicts, replacements, notifiers, and reading them a window at a time. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/support/rand.h"
#include "tests/unit/store/fixture.h"

TestSuite(deliveries, .init = fixture_setup, .fini = fixture_teardown);

#define JOB "accounts/a/dpoJobs/j"

/* ---- a model ---- */

#define EVENTS    12
#define NOTIFIERS 2
#define OPS       6
#define ROUNDS    300

static const char *const notifiers[NOTIFIERS] = {"hook", "slack"};

struct model_delivery {
	bool there;
	enum delivery_state state;
	unsigned tries, replaced;
	enum model_ready model;
	int64_t created_us, due_us;
	char error[64];
};

struct model {
	bool there[EVENTS];
	struct model_delivery deliveries[EVENTS][NOTIFIERS];
	struct store_notifier notifiers[NOTIFIERS]; /* no name: not known */
};

static struct event_record *events[EVENTS];

/* What each change is meant to do. False: it is refused. */
static bool model_apply(struct model *m, const struct store_op *op, size_t event, size_t by,
			size_t notifier)
{
	struct model_delivery *d = &m->deliveries[event][notifier];
	struct model_delivery *newer = &m->deliveries[by][notifier];
	struct store_notifier *n = &m->notifiers[notifier];

	if (op->type == STORE_EVENT)
		m->there[event] = true;
	if (op->type == STORE_NOTIFIER)
		*n = op->notifier;
	if (op->type == STORE_DELIVERY) {
		if (!m->there[event])
			return false;
		if (!n->name)
			*n = (struct store_notifier){notifiers[notifier], op->delivery.created_us,
						     0};
		if (d->there)
			return true;
		*d = (struct model_delivery){.there = true,
					     .state = op->delivery.state,
					     .created_us = op->delivery.created_us,
					     .due_us = op->delivery.created_us};
		snprintf(d->error, sizeof(d->error), "%s", op->delivery.error);
	}
	if (!d->there)
		return true;
	if (op->type == STORE_ATTEMPT && d->state == DELIVERY_PENDING)
		d->tries = op->attempt.tries;
	if (op->type == STORE_MODEL && d->state == DELIVERY_PENDING)
		d->model = op->model.ready;
	if (op->type == STORE_VERDICT) {
		d->state = op->verdict.state;
		d->tries = op->verdict.tries;
		d->due_us = op->verdict.due_us;
		snprintf(d->error, sizeof(d->error), "%s", op->verdict.error);
	}
	if (op->type == STORE_REPLACE && d->state == DELIVERY_PENDING && newer->there &&
	    newer != d) {
		d->state = DELIVERY_SKIPPED;
		snprintf(d->error, sizeof(d->error), "replaced by newer progress");
		newer->replaced += 1 + d->replaced;
	}
	return true;
}

static struct store_op random_op(struct rnd *rnd, size_t event, size_t by, size_t notifier)
{
	static const enum store_op_type types[] = {STORE_EVENT,   STORE_DELIVERY, STORE_DELIVERY,
						   STORE_ATTEMPT, STORE_VERDICT,  STORE_MODEL,
						   STORE_REPLACE, STORE_REPLACE,  STORE_NOTIFIER};
	struct store_op op = {.type = types[rnd_below(rnd, ARRAY_LEN(types))]};
	bool odd = rnd_below(rnd, 2);

	switch ((int)op.type) {
	case STORE_EVENT:
		op.event = events[event];
		break;
	case STORE_DELIVERY:
		op.delivery.event_id = events[event]->id;
		op.delivery.notifier = notifiers[notifier];
		op.delivery.created_us = (int64_t)rnd_below(rnd, 1000);
		op.delivery.state = odd ? DELIVERY_PENDING : rnd_below(rnd, DELIVERY_STATE_COUNT_);
		op.delivery.error = odd ? "" : "not taken";
		break;
	case STORE_ATTEMPT:
		op.attempt.event_id = events[event]->id;
		op.attempt.notifier = notifiers[notifier];
		op.attempt.tries = (unsigned)rnd_below(rnd, 100);
		break;
	case STORE_VERDICT:
		op.verdict.event_id = events[event]->id;
		op.verdict.notifier = notifiers[notifier];
		op.verdict.state = rnd_below(rnd, DELIVERY_STATE_COUNT_);
		op.verdict.tries = (unsigned)rnd_below(rnd, 100);
		op.verdict.due_us = (int64_t)rnd_below(rnd, 1000);
		op.verdict.error = odd ? "503" : "";
		break;
	case STORE_MODEL:
		op.model.event_id = events[event]->id;
		op.model.notifier = notifiers[notifier];
		op.model.ready = rnd_below(rnd, MODEL_READY_COUNT_);
		break;
	case STORE_REPLACE:
		op.replace.event_id = events[event]->id;
		op.replace.by_id = events[by]->id;
		op.replace.notifier = notifiers[notifier];
		break;
	case STORE_NOTIFIER:
		op.notifier.name = notifiers[notifier];
		op.notifier.since_us = (int64_t)rnd_below(rnd, 1000);
		op.notifier.removed_us = odd ? 7 : 0;
		break;
	}
	return op;
}

static const char *const models[MODEL_READY_COUNT_] = {"-", "1", "0"};

static void check_rows(const struct model *m, unsigned round)
{
	_cleanup_free_ char *expected = NULL, *found = NULL;
	size_t len;
	FILE *f = open_memstream(&expected, &len);

	cr_assert_not_null(f);
	for (size_t i = 0; i < EVENTS; i++)
		for (size_t k = 0; k < NOTIFIERS; k++) {
			const struct model_delivery *d = &m->deliveries[i][k];

			if (d->there)
				fprintf(f,
					"%" PRIu64 " %s %s %u %u %s %" PRId64 " %" PRId64 " [%s]\n",
					events[i]->sequence, notifiers[k],
					delivery_state_name(d->state), d->tries, d->replaced,
					models[d->model], d->created_us, d->due_us, d->error);
		}
	fclose(f);
	found = fixture_query(
		"SELECT coalesce(group_concat(line, ''), '') FROM (SELECT e.sequence || ' ' ||"
		" notifier || ' ' || state || ' ' || tries || ' ' || replaced || ' ' ||"
		" coalesce(model_ready, '-') || ' ' || created_us || ' ' || due_us || ' [' || error || ']' || char(10) AS line FROM delivery"
		" JOIN event e ON e.number = event ORDER BY e.sequence, notifier)");
	cr_assert_str_eq(found, expected, "round %u:\n%snot\n%s", round, found, expected);
}

/* Numbers are places: who is later in the store has the higher one. */
static bool is_next(const struct model *m, size_t notifier, uint64_t after, size_t *ret)
{
	uint64_t best = UINT64_MAX;

	for (size_t e = 0; e < EVENTS; e++)
		if (m->deliveries[e][notifier].there &&
		    m->deliveries[e][notifier].state == DELIVERY_PENDING &&
		    events[e]->number > after && events[e]->number < best) {
			best = events[e]->number;
			*ret = e;
		}
	return best != UINT64_MAX;
}

struct known {
	struct store_notifier notifiers[NOTIFIERS];
	uint64_t pending[NOTIFIERS];
	int64_t oldest_us[NOTIFIERS];
};

static int see_notifier(void *user, const struct store_notifier *notifier, uint64_t pending,
			int64_t oldest_us)
{
	struct known *k = user;
	size_t i = strcmp(notifier->name, notifiers[0]) == 0 ? 0 : 1;

	cr_assert_str_eq(notifier->name, notifiers[i]);
	k->notifiers[i] = *notifier;
	k->notifiers[i].name = notifiers[i];
	k->pending[i] = pending;
	k->oldest_us[i] = oldest_us;
	return 0;
}

static void check_notifiers(struct store *s, const struct model *m, unsigned round)
{
	const struct store_loader loader = {.notifier = see_notifier};
	struct known k = {0};

	cr_assert_eq(store_load(s, &loader, &k, NULL), 0);
	for (size_t i = 0; i < NOTIFIERS; i++) {
		uint64_t pending = 0;
		size_t e;

		for (e = 0; e < EVENTS; e++)
			pending += m->deliveries[e][i].there &&
				   m->deliveries[e][i].state == DELIVERY_PENDING;
		cr_assert_eq(k.notifiers[i].name, m->notifiers[i].name, "round %u", round);
		cr_assert_eq(k.notifiers[i].since_us, m->notifiers[i].since_us, "round %u", round);
		cr_assert_eq(k.notifiers[i].removed_us, m->notifiers[i].removed_us, "round %u",
			     round);
		cr_assert_eq(k.pending[i], pending, "round %u", round);
		cr_assert_eq(k.oldest_us[i],
			     is_next(m, i, 0, &e) ? m->deliveries[e][i].created_us : 0, "round %u",
			     round);
	}
}

static void check_window(struct store *s, const struct model *m, struct rnd *rnd, unsigned round)
{
	size_t notifier = rnd_below(rnd, NOTIFIERS), max = 1 + rnd_below(rnd, EVENTS), n = 99,
	       e = 0;
	uint64_t after = rnd_below(rnd, EVENTS);
	struct store_delivery found[EVENTS];

	cr_assert_eq(store_load_deliveries(s, notifiers[notifier], after, max, found, &n, NULL), 0);
	cr_assert_leq(n, max);
	for (size_t i = 0; i < n; i++) {
		const struct model_delivery *d;

		cr_assert(is_next(m, notifier, after, &e), "round %u: too many", round);
		d = &m->deliveries[e][notifier];
		after = events[e]->number;
		cr_assert_eq(found[i].event->number, after, "round %u", round);
		cr_assert_eq(found[i].event->refs, 1);
		cr_assert_str_eq(found[i].event->id, events[e]->id);
		cr_assert_str_eq(found[i].event->body, events[e]->body);
		cr_assert_eq(found[i].tries, d->tries, "round %u", round);
		cr_assert_eq(found[i].replaced, d->replaced, "round %u", round);
		cr_assert_eq(found[i].model_ready, d->model, "round %u", round);
		cr_assert_eq(found[i].created_us, d->created_us, "round %u", round);
		cr_assert_eq(found[i].due_us, d->due_us, "round %u", round);
	}
	cr_assert(n == max || !is_next(m, notifier, after, &e), "round %u: too few", round);
	store_deliveries_done(found, n);
}

/* Random changes, some refused, some made a second time: the store holds what the model holds. */
Test(deliveries, hold_what_a_model_holds)
{
	struct rnd rnd = rnd_open("deliveries");
	struct store *s = fixture_open();
	struct model m = {0};
	unsigned refused = 0, replaced = 0;

	for (size_t i = 0; i < EVENTS; i++)
		events[i] = fixture_event(JOB, i + 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct store_op ops[OPS];
		struct model next = m;
		size_t n = 1 + rnd_below(&rnd, OPS);
		bool good = true;
		int r;

		for (size_t i = 0; i < n; i++) {
			size_t event = rnd_below(&rnd, EVENTS), by = rnd_below(&rnd, EVENTS);
			size_t notifier = rnd_below(&rnd, NOTIFIERS);

			ops[i] = random_op(&rnd, event, by, notifier);
			good = good && model_apply(&next, &ops[i], event, by, notifier);
		}
		r = store_apply(s, ops, n, NULL);
		cr_assert_eq(r, good ? 0 : -EINVAL, "round %u: %d", round, r);
		for (size_t i = 0; i < n; i++)
			if (ops[i].type == STORE_EVENT)
				cr_assert_eq(ops[i].event->number > 0, good, "round %u", round);
		if (good)
			m = next;
		else /* a number that was known is found again with the next change */
			for (size_t i = 0; i < EVENTS; i++)
				if (m.there[i])
					fixture_apply(s, (struct store_op){.type = STORE_EVENT,
									   .event = events[i]});
		refused += !good;
		check_rows(&m, round);
		check_notifiers(s, &m, round);
		check_window(s, &m, &rnd, round);
	}
	for (size_t i = 0; i < EVENTS; i++) {
		replaced += m.deliveries[i][0].replaced + m.deliveries[i][1].replaced;
		event_record_unref(events[i]);
	}
	cr_assert(refused > 0 && replaced > 0, "nothing was tested: %u %u", refused, replaced);
	store_close(s);
}

/* ---- single cases ---- */

static struct event_record *with_progress(struct store *s, uint64_t sequence)
{
	struct event_record *event = fixture_event(JOB, sequence);

	fixture_apply(s, (struct store_op){.type = STORE_EVENT, .event = event});
	fixture_apply(s, fixture_delivery(event->id, "hook"));
	return event;
}

static void replace(struct store *s, const struct event_record *old, const struct event_record *by)
{
	fixture_apply(s, (struct store_op){.type = STORE_REPLACE,
					   .replace = {old->id, by->id, "hook"}});
}

Test(deliveries, count_once_all_that_they_stand_for)
{
	struct store *s = fixture_open();
	struct event_record *e[4], *nobody = fixture_event(JOB, 9);
	_cleanup_free_ char *rows = NULL;

	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		e[i] = with_progress(s, i + 1);
	replace(s, e[0], e[1]);
	replace(s, e[0], e[1]);
	replace(s, e[1], e[2]);
	replace(s, e[0], e[2]);
	replace(s, e[2], e[2]);   /* nobody replaces himself, */
	replace(s, e[2], nobody); /* or is replaced by nothing */
	replace(s, e[2], e[3]);
	rows = fixture_query("SELECT group_concat(state || replaced || error, ', ') FROM delivery");
	cr_expect_str_eq(rows,
			 "skipped0replaced by newer progress, skipped1replaced by newer progress,"
			 " skipped2replaced by newer progress, pending3",
			 "%s", rows);
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		event_record_unref(e[i]);
	event_record_unref(nobody);
	store_close(s);
}

Test(deliveries, number_their_events)
{
	struct store *s = fixture_open();
	struct event_record *first = fixture_event(JOB, 1), *again = fixture_event(JOB, 1);
	struct event_record *second = fixture_event(JOB, 2);
	struct store_op ops[] = {{.type = STORE_EVENT, .event = first},
				 {.type = STORE_EVENT, .event = again},
				 {.type = STORE_EVENT, .event = second},
				 fixture_delivery("evt_nothing", "hook")};

	cr_expect_eq(store_apply(s, ops, 4, NULL), -EINVAL);
	cr_expect(first->number == 0 && again->number == 0 && second->number == 0);
	cr_expect_eq(store_apply(s, ops, 3, NULL), 0);
	cr_expect_eq(first->number, 1);
	cr_expect_eq(again->number, 1);
	cr_expect_gt(second->number, 1);
	cr_expect_eq(first->refs, 1);
	event_record_unref(first);
	event_record_unref(again);
	event_record_unref(second);
	store_close(s);
}

Test(deliveries, are_read_whole_or_not_at_all)
{
	struct store *s = fixture_open();
	struct store_delivery found[3];
	struct error e = ERROR_NONE;
	size_t n = 99;

	for (uint64_t i = 1; i <= 3; i++)
		event_record_unref(with_progress(s, i));
	free(fixture_query("UPDATE event SET type = 'job.divided' WHERE number = 3"));
	cr_expect_eq(store_load_deliveries(s, "hook", 0, 3, found, &n, &e), -EPROTO);
	cr_expect_not_null(strstr(e.text, "event type \"job.divided\""), "%s", e.text);
	cr_expect_eq(n, 99);
	cr_expect_eq(store_load_deliveries(s, "hook", 0, 2, found, &n, &e), 0);
	cr_expect_eq(n, 2);
	store_deliveries_done(found, n);
	cr_expect_eq(store_load_deliveries(s, "hook", UINT64_MAX, 3, found, &n, &e), 0);
	cr_expect_eq(n, 0);
	cr_expect_eq(store_load_deliveries(s, "nobody", 0, 3, found, &n, &e), 0);
	cr_expect_eq(n, 0);
	store_close(s);
}
