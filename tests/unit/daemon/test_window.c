/* The window: what is in memory and what stays in the store, order over both, progress over both. */
#include "daemon/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "tests/support/rand.h"
#include "world.h"

#define PENDING "SELECT count(*) FROM delivery WHERE state = 'pending'"

static void setup(void)
{
	world_begin(4);
}

TestSuite(window, .init = setup, .fini = world_end);

/* Everything that was sent, word by word, in order for each subject; the number of words. */
static unsigned check_order(const char *sent)
{
	unsigned last['z' + 1] = {0}, n = 0, number;
	char letter;
	int len;

	for (; sscanf(sent, "%c%u %n", &letter, &number, &len) == 2; sent += len, n++) {
		cr_expect_gt(number, last[(unsigned char)letter], "%c%u after %c%u", letter, number,
			     letter, last[(unsigned char)letter]);
		last[(unsigned char)letter] = number;
	}
	cr_expect_eq(*sent, '\0', "%s", sent);
	return n;
}

Test(window, spills_and_fills_in_order)
{
	for (unsigned i = 1; i <= 10; i++)
		for (const char *letter = "abc"; *letter; letter++)
			world_event(*letter, i, EVENT_JOB_STATUS);
	world_settle();
	cr_expect(world.outlet->spilled);
	cr_expect_eq(world.outlet->lanes.pending, 4U);
	cr_expect_eq(outlet_waiting(world.outlet), 30U);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_eq(check_order(world.sent), 30U, "%s", world.sent);
	cr_expect_leq(world.most_pending, 4U);
	cr_expect_not(world.outlet->spilled);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
	cr_expect_str_eq(world_query(PENDING), "0");
	cr_expect_eq(world.outlet->delivered, 30U);
	/* And then things come in at once again. */
	world_event('a', 11, EVENT_JOB_STATUS);
	world_settle();
	cr_expect_eq(world.n_calls, 1U);
	cr_expect_not(world.outlet->spilled);
	world_answer(VERDICT_DELIVERED);
}

Test(window, keeps_the_order_whatever_comes_when)
{
	struct rnd rnd = rnd_open("window");
	unsigned sent[3] = {0}, total = 0;

	for (int i = 0; i < 600; i++) {
		uint64_t what = rnd_below(&rnd, 8);

		if (what < 4) {
			uint64_t subject = rnd_below(&rnd, 3);

			world_event((char)('a' + (char)subject), ++sent[subject], EVENT_JOB_STATUS);
			total++;
			if (what < 2)
				continue; /* several in one commit */
			uv_run(&world.loop, UV_RUN_NOWAIT);
		} else if (what == 4) {
			world_settle();
		} else if (world.n_calls > 0) {
			world_answer(VERDICT_DELIVERED);
		}
	}
	world_settle();
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_eq(check_order(world.sent), total);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
	cr_expect_leq(world.most_pending, 4U);
}

Test(window, a_restart_goes_on_where_it_was)
{
	for (unsigned i = 1; i <= 6; i++) {
		world_event('a', i, EVENT_JOB_STATUS);
		world_event('b', i, EVENT_JOB_STATUS);
	}
	world_settle();
	world_answer(VERDICT_DELIVERED); /* a1 */
	world_restart();
	cr_expect_eq(outlet_waiting(world.outlet), 11U);
	/* The window after a restart is filled from the store, not beside it. */
	world_event('a', 7, EVENT_JOB_STATUS);
	world_settle();
	cr_expect_eq(outlet_waiting(world.outlet), 12U);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_eq(check_order(world.sent), 12U, "%s", world.sent);
	cr_expect_str_eq(world_query(PENDING), "0");
}

/* Whatever the oldest one's place: at the head of a lane, in the store, or coming from there. */
Test(window, knows_the_oldest)
{
	const int64_t from_us = clock_real_now_us() - 1000 * US_PER_S;

	cr_expect_eq(outlet_oldest_us(world.outlet), 0);
	for (unsigned i = 1; i <= 10; i++)
		world_old_event((char)('a' + (char)i), 1, EVENT_JOB_STATUS, from_us + i);
	world_settle();
	cr_expect(world.outlet->spilled);
	for (unsigned i = 1; i <= 10; i++) {
		cr_expect_eq(outlet_oldest_us(world.outlet), from_us + i, "%u", i);
		world_answer(VERDICT_DELIVERED);
	}
	cr_expect_eq(outlet_oldest_us(world.outlet), 0);
}

Test(window, knows_the_oldest_after_a_restart)
{
	const int64_t from_us = clock_real_now_us() - 1000 * US_PER_S;
	struct outlet *unread;

	world.max_parallel = 0;
	for (unsigned i = 1; i <= 6; i++)
		world_old_event('a', i, EVENT_JOB_STATUS, from_us + i);
	world_settle();
	world_restart();
	cr_expect_eq(outlet_oldest_us(world.outlet), from_us + 1);
	/* Before anything was read: what the store said at the start. */
	cr_assert_eq(outlet_new(&world.owner, "other", &unread), 0);
	window_restore(unread, 6, from_us + 1);
	cr_expect_eq(outlet_oldest_us(unread), from_us + 1);
	outlet_free(unread);
}

Test(window, reads_nothing_for_who_is_not_there)
{
	for (unsigned i = 1; i <= 6; i++)
		world_event('a', i, EVENT_JOB_STATUS);
	world_settle();
	world.outlet->off = true;
	world_restart(); /* on again: what waited goes out */
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_eq(check_order(world.sent), 6U);
	world.outlet->off = true;
	for (unsigned i = 7; i <= 16; i++)
		world_event('a', i, EVENT_JOB_STATUS);
	world_settle();
	cr_expect_eq(world.n_calls, 0U);
	cr_expect_eq(world.outlet->lanes.pending, 4U);
	cr_expect_not(world.outlet->reading);
	cr_expect_eq(window_due_ms(world.outlet), UINT64_MAX);
}

/* A store that cannot be read for now is read later; what came meanwhile waits in its order. */
Test(window, reads_again_later)
{
	for (unsigned i = 1; i <= 8; i++)
		world_event('a', i, EVENT_JOB_STATUS);
	world_settle();
	world_query("ALTER TABLE delivery RENAME COLUMN replaced TO hidden");
	world.now_ms = clock_boot_now_ms() + 1000;
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1 a2 a3 a4 ", "%s", world.sent);
	cr_expect(world.outlet->read_failed);
	cr_expect_gt(window_due_ms(world.outlet), world.now_ms);
	cr_expect_lt(window_due_ms(world.outlet), world.now_ms + 10000);
	world_event('a', 9, EVENT_JOB_STATUS);
	world_settle();
	world_query("ALTER TABLE delivery RENAME COLUMN hidden TO replaced");
	world.now_ms = window_due_ms(world.outlet);
	world.owner.changed(&world.owner);
	world_settle();
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1 a2 a3 a4 a5 a6 a7 a8 a9 ", "%s", world.sent);
	cr_expect_not(world.outlet->read_failed);
}

#define REPLACED                                                                                   \
	"SELECT event.id || '+' || replaced || ':' || state FROM delivery JOIN event ON number = event"

Test(window, newer_progress_replaces_what_waits_in_memory)
{
	world_event('a', 1, EVENT_JOB_STATUS);
	world_event('a', 2, EVENT_JOB_PROGRESS);
	world_event('a', 3, EVENT_JOB_PROGRESS);
	world_event('a', 4, EVENT_JOB_SUCCEEDED);
	world_event('a', 5, EVENT_JOB_PROGRESS);
	world_event('b', 1, EVENT_JOB_PROGRESS);
	world_settle();
	cr_expect_eq(world.outlet->replaced, 2U);
	cr_expect_eq(outlet_waiting(world.outlet), 4U);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, "a1 "));
	cr_expect_not_null(strstr(world.sent, "a4 a5+2 "), "%s", world.sent);
	cr_expect_str_eq(world_query(REPLACED),
			 "evt_a1+0:delivered evt_a2+0:skipped evt_a3+1:skipped evt_a4+0:delivered "
			 "evt_a5+2:delivered evt_b1+0:delivered");
}

Test(window, progress_under_way_is_not_replaced_but_after_it_failed)
{
	world_event('a', 1, EVENT_JOB_PROGRESS);
	world_settle();
	world_event('a', 2, EVENT_JOB_PROGRESS);
	world_settle();
	cr_expect_eq(world.outlet->replaced, 0U);
	world.now_ms = clock_boot_now_ms() + 1000;
	world_answer(VERDICT_RETRY);
	cr_expect_eq(world.outlet->replaced, 1U);
	cr_expect_eq(world.n_calls, 0U, "the newer one waits as long as the receiver wants");
	world.now_ms += 60000;
	world.owner.changed(&world.owner);
	world_settle();
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1 a2+1 ", "%s", world.sent);
}

Test(window, newer_progress_replaces_what_waits_in_the_store)
{
	world_event('x', 1, EVENT_JOB_STATUS);
	world_event('a', 1, EVENT_JOB_STATUS);
	world_event('a', 2, EVENT_JOB_PROGRESS); /* the last but one with a place in memory */
	world_event('x', 2, EVENT_JOB_STATUS);
	world_settle();
	for (unsigned i = 3; i <= 7; i++) {
		world_event('a', i, EVENT_JOB_PROGRESS);
		world_event('b', i, EVENT_JOB_PROGRESS);
	}
	world_event('a', 8, EVENT_JOB_SUCCEEDED);
	world_settle();
	cr_expect_eq(outlet_waiting(world.outlet), 6U);
	cr_expect_eq(world.outlet->replaced, 9U);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, "a7+5 "), "%s", world.sent);
	cr_expect_not_null(strstr(world.sent, "b7+4 "), "%s", world.sent);
	cr_expect_lt(strstr(world.sent, "a7"), strstr(world.sent, "a8"));
	cr_expect_eq(world.outlet->delivered, 6U);
	cr_expect_str_eq(world_query(PENDING), "0");
}

Test(window, progress_is_replaced_when_it_is_read)
{
	world.outlet->off = true;
	world.owner.window = 0; /* all of it stays in the store, and nobody knows what is there */
	for (unsigned i = 1; i <= 3; i++)
		world_event('a', i, EVENT_JOB_PROGRESS);
	world_event('a', 4, EVENT_JOB_SUCCEEDED);
	world_event('a', 5, EVENT_JOB_SUCCEEDED);
	world_settle();
	world_query("UPDATE delivery SET state = 'pending', replaced = 0");
	world.owner.window = 4;
	world_restart();
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a3+2 a4 a5 ", "%s", world.sent);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
}

Test(window, counts_what_is_on_its_way)
{
	world.config.max_waiting = 3;
	outlet_expect(world.outlet);
	outlet_expect(world.outlet);
	cr_expect_eq(outlet_admit(world.outlet, EVENT_JOB_PAUSED), OUTBOX_TAKE);
	outlet_expect(world.outlet);
	cr_expect_eq(outlet_admit(world.outlet, EVENT_JOB_PAUSED), OUTBOX_SKIP);
	cr_expect_eq(outlet_admit(world.outlet, EVENT_JOB_FAILED), OUTBOX_TAKE);
	outlet_withdraw(world.outlet);
	cr_expect_eq(outlet_admit(world.outlet, EVENT_JOB_PAUSED), OUTBOX_TAKE);
	outlet_withdraw(world.outlet);
	outlet_withdraw(world.outlet);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
}

Test(window, tells_once_that_it_is_crowded)
{
	world.config.max_waiting = 8;
	for (unsigned i = 0; i < 8; i++)
		outlet_expect(world.outlet);
	outlet_refuse(world.outlet, OUTBOX_SKIP);
	outlet_refuse(world.outlet, OUTBOX_DEAD);
	outlet_refuse(world.outlet, OUTBOX_OFF);
	cr_expect_eq(world.outlet->skipped, 2U);
	cr_expect_eq(world.outlet->dead, 1U);
	cr_expect(world.outlet->crowded);
	outlet_withdraw(world.outlet);
	outlet_ease(world.outlet);
	cr_expect(world.outlet->crowded, "one place is not enough");
	outlet_withdraw(world.outlet);
	outlet_ease(world.outlet);
	cr_expect_not(world.outlet->crowded);
	cr_expect_eq(world.outlet->skipped, 2U, "counts go on");
	world.outlet->coming = 0;
}

/* A delivery that is over is made pending again, and taken. */
static void again(const char *id)
{
	struct store_delivery d;
	struct error e = ERROR_NONE;

	cr_assert_eq(store_resend(world.store, id, "n", clock_real_now_us(), &d, &e), 0, "%s",
		     e.text);
	window_take_again(world.outlet, &d);
	store_deliveries_done(&d, 1);
}

/* An old one that is sent again without room for it stays the oldest until it is read. */
Test(window, knows_the_oldest_that_is_sent_again)
{
	const int64_t from_us = clock_real_now_us() - 1000 * US_PER_S;

	world_old_event('a', 1, EVENT_JOB_STATUS, from_us);
	world_settle();
	world_answer(VERDICT_DELIVERED);
	for (unsigned i = 1; i <= 8; i++)
		world_old_event('b', i, EVENT_JOB_STATUS, from_us + 10 + i);
	world_settle();
	again("evt_a1");
	world_settle();
	cr_expect_eq(outlet_oldest_us(world.outlet), from_us);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_eq(outlet_oldest_us(world.outlet), 0);
	cr_expect_eq(world.outlet->delivered, 10U);
}

Test(window, what_is_sent_again_has_no_more_room_than_others)
{
	for (const char *letter = "abcdefghij"; *letter; letter++)
		world_event(*letter, 1, EVENT_JOB_STATUS);
	world_settle();
	world_answer_all(VERDICT_DELIVERED);
	world.sent[0] = '\0';
	world.max_parallel = 2;
	for (const char *letter = "wxyz"; *letter; letter++)
		world_event(*letter, 1, EVENT_JOB_STATUS);
	world_settle();
	cr_expect_str_eq(world.sent, "w1 x1 ", "%s", world.sent);
	for (char id[] = "evt_j1"; id[4] >= 'a'; id[4]--)
		again(id);
	world_event('w', 2, EVENT_JOB_STATUS);
	world_settle();
	cr_expect_eq(outlet_waiting(world.outlet), 15U);
	cr_expect_leq(world.outlet->lanes.pending, 4U);
	world_answer_all(VERDICT_DELIVERED);
	for (char word[] = "a1/2 "; word[0] <= 'j'; word[0]++)
		cr_expect_not_null(strstr(world.sent, word), "%s in %s", word, world.sent);
	cr_expect_eq(world.outlet->delivered, 10U + 15U);
	cr_expect_leq(world.most_pending, 4U);
	cr_expect_not(world.outlet->spilled);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
	cr_expect_str_eq(world_query(PENDING), "0");
	/* With room it goes at once. */
	again("evt_a1");
	world.owner.changed(&world.owner);
	world_settle();
	cr_expect_eq(world.n_calls, 1U);
	world_answer(VERDICT_DELIVERED);
}

/* What waits for its next try for hours must not hold up the rest, see dispatcher.h. */
Test(window, what_is_sent_again_without_room_does_not_wait_for_a_broken_job)
{
	world_event('j', 1, EVENT_JOB_STATUS);
	world_settle();
	world_answer(VERDICT_DELIVERED);
	world.max_parallel = 2;
	for (const char *letter = "wxyz"; *letter; letter++)
		world_event(*letter, 1, EVENT_JOB_STATUS);
	world_settle();
	again("evt_j1"); /* the window is full */
	world_event('v', 1, EVENT_JOB_SUCCEEDED);
	world_settle();
	world.now_ms = clock_boot_now_ms() + 1000;
	world_answer(VERDICT_RETRY); /* w1 */
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, "v1 "), "%s", world.sent);
	cr_expect_not_null(strstr(world.sent, "j1/2 "), "%s", world.sent);
	cr_expect_eq(outlet_waiting(world.outlet), 1U);
	cr_expect_eq(world.outlet->lanes.pending, 1U, "nothing is in memory twice");
	cr_expect_not(world.outlet->spilled);
	world.now_ms = UINT64_MAX - 1;
	world.owner.changed(&world.owner);
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, "w1/2 "), "%s", world.sent);
	cr_expect_str_eq(world_query(PENDING), "0");
}

Test(window, progress_that_is_sent_again_replaces_nothing_newer)
{
	world_event('a', 1, EVENT_JOB_PROGRESS);
	world_settle();
	world_answer(VERDICT_DEAD);
	world.max_parallel = 0;
	world_event('a', 2, EVENT_JOB_PROGRESS);
	world_settle();
	again("evt_a1");
	world_settle();
	cr_expect_eq(outlet_waiting(world.outlet), 1U);
	world.max_parallel = 1;
	world.owner.changed(&world.owner);
	world_settle();
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1 a2+1 ", "%s", world.sent);
	cr_expect_str_eq(world_query(REPLACED), "evt_a1+0:skipped evt_a2+1:delivered");
}

Test(window, progress_that_is_sent_again_replaces_nothing_newer_under_way)
{
	world_event('a', 1, EVENT_JOB_PROGRESS);
	world_settle();
	world_answer(VERDICT_DEAD);
	world_event('a', 2, EVENT_JOB_PROGRESS);
	world_settle();
	again("evt_a1");
	world_settle();
	world_answer(VERDICT_RETRY); /* a2 */
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_not_null(strstr(world.sent, "a2/2"), "%s", world.sent);
	cr_expect_str_eq(world_query(PENDING), "0");
}

/* A delivery is sent again as the daemon does it: between two commits. */
struct asked {
	char id[EVENT_ID_MAX];
	struct store_delivery delivery;
};

static int do_ask(void *user, struct store *store, struct error *ret_e)
{
	struct asked *a = user;

	return store_resend(store, a->id, "n", clock_real_now_us(), &a->delivery, ret_e);
}

static void on_asked(void *user, int r, const char *text)
{
	struct asked *a = user;

	if (r >= 0) {
		window_take_again(world.outlet, &a->delivery);
		store_deliveries_done(&a->delivery, 1);
		world.owner.changed(&world.owner);
	}
	free(a);
}

static void ask(char letter, unsigned number)
{
	struct asked *a = calloc(1, sizeof(*a));

	cr_assert_not_null(a);
	snprintf(a->id, sizeof(a->id), "evt_%c%u", letter, number);
	cr_assert_eq(committer_run(world.committer, do_ask, on_asked, a), 0);
}

static void answer_somehow(struct rnd *rnd)
{
	static const enum verdict verdicts[] = {VERDICT_DELIVERED, VERDICT_DELIVERED, VERDICT_RETRY,
						VERDICT_DEAD};

	world.sent[0] = '\0';
	if (world.n_calls > 0)
		world_answer(verdicts[rnd_below(rnd, ARRAY_LEN(verdicts))]);
}

Test(window, nothing_is_left_whatever_happens)
{
	struct rnd rnd = rnd_open("window");
	unsigned n[3] = {0};

	world.max_parallel = 2;
	for (int i = 0; i < 1000; i++) {
		unsigned s = (unsigned)rnd_below(&rnd, 3);

		switch (rnd_below(&rnd, 9)) {
		case 0:
		case 1:
			world_event((char)('a' + s), ++n[s], EVENT_JOB_STATUS);
			break;
		case 2:
			world_event((char)('a' + s), ++n[s], EVENT_JOB_PROGRESS);
			break;
		case 3:
			if (n[s] > 0)
				ask((char)('a' + s), 1 + (unsigned)rnd_below(&rnd, n[s]));
			break;
		case 4:
			uv_run(&world.loop, UV_RUN_NOWAIT);
			break;
		case 5:
			world.outlet->off = rnd_below(&rnd, 4) == 0;
			world.owner.changed(&world.owner);
			break;
		default:
			answer_somehow(&rnd);
		}
		cr_assert_leq(world.outlet->lanes.pending, 4U);
	}
	world.outlet->off = false;
	world.owner.changed(&world.owner);
	world_settle();
	for (int i = 0; i < 10000 && world.n_calls > 0; i++) {
		world.sent[0] = '\0';
		world_answer(VERDICT_DELIVERED);
	}
	cr_expect_str_eq(world_query(PENDING), "0");
	cr_expect_eq(outlet_waiting(world.outlet), 0U, "%zu", outlet_waiting(world.outlet));
	cr_expect_not(world.outlet->spilled);
}
