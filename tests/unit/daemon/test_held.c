/* What the sender holds for an output model: what else goes on, and what is said in the end. */
#include "daemon/sender.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "daemon/window.h"
#include "world.h"

#define MODEL "accounts/acme/models/m"
#define LIMIT MS_PER_H
#define ROWS                                                                                       \
	"SELECT event.id || ':' || state || ':' || tries || ':' || coalesce(model_ready, '-')"     \
	" FROM delivery JOIN event ON number = event"

static void setup(void)
{
	world_begin(1000);
	world.config.model_wait_ms = LIMIT;
	world.now_ms = clock_boot_now_ms() + 1000;
}

TestSuite(held, .init = setup, .fini = world_end);

static void go_on(uint64_t ms)
{
	world.now_ms = clock_boot_now_ms() + ms;
	world.owner.changed(&world.owner);
	world_settle();
}

Test(held, the_lane_waits_and_no_other_one)
{
	world.max_parallel = 1;
	world_success('a', 1, MODEL, 0);
	world_event('a', 2, EVENT_JOB_RUNNING);
	world_event('b', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_str_eq(world.asked, "m ");
	cr_expect_str_eq(world.sent, "b1 ", "%s", world.sent);
	world_event('c', 1, EVENT_JOB_FAILED);
	world_settle();
	world_answer(VERDICT_DELIVERED);
	world_answer(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "b1 c1 ", "%s", world.sent);
	cr_expect_eq(world.outlet->running, 0U, "waiting takes a place");
	world_event('a', 3, EVENT_JOB_PROGRESS); /* does not stir it */
	world_settle();
	go_on(2000);
	cr_expect_eq(world.n_calls, 0U);
	cr_expect_eq(sender_due_ms(world.outlet), UINT64_MAX);
	world_model("READY");
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "b1 c1 a1=ready a2 a3 ", "%s", world.sent);
	cr_expect_str_eq(world.asked, "m ");
}

Test(held, several_lanes_share_the_questions)
{
	world_success('a', 1, MODEL, 0);
	world_success('b', 1, MODEL, 0);
	world_success('c', 1, "accounts/acme/models/n", 0);
	world_settle();
	cr_expect(strcmp(world.asked, "m n ") == 0 || strcmp(world.asked, "n m ") == 0, "%s",
		  world.asked);
	world_model("READY");
	world_model("READY");
	cr_expect_eq(world.n_calls, 3U);
}

static char row_at_start[64];

static void look(void)
{
	snprintf(row_at_start, sizeof(row_at_start), "%s", world_query(ROWS));
}

Test(held, the_decision_is_durable_before_the_first_try)
{
	world.on_deliver = look;
	world_success('a', 1, MODEL, 0);
	world_settle();
	cr_expect_str_eq(world_query(ROWS), "evt_a1:pending:0:-");
	world_model("READY");
	cr_expect_str_eq(world.sent, "a1=ready ");
	cr_expect_str_eq(row_at_start, "evt_a1:pending:0:1", "%s", row_at_start);
	world_restart(); /* a crash in the middle of the try */
	cr_expect_str_eq(world.sent, "a1=ready ", "%s", world.sent);
	cr_expect_str_eq(world.asked, "", "asked again: %s", world.asked);
}

Test(held, every_try_says_the_same)
{
	world_success('a', 1, MODEL, 2 * LIMIT);
	world_settle();
	world_model("UPLOADING");
	cr_expect_str_eq(world.sent, "a1=late ", "%s", world.sent);
	world_answer(VERDICT_RETRY);
	cr_expect_str_eq(world_query(ROWS), "evt_a1:pending:1:0");
	go_on(10000);
	cr_expect_str_eq(world.sent, "a1=late a1/2=late ", "%s", world.sent);
}

Test(held, the_limit_passes)
{
	world_success('a', 1, MODEL, LIMIT - 30 * MS_PER_S);
	world_settle();
	world_model("UPLOADING");
	go_on(20 * MS_PER_S);
	world_model("UPLOADING");
	cr_expect_str_eq(world.sent, "");
	go_on(31 * MS_PER_S);
	cr_expect_str_eq(world.sent, "a1=late ");
}

Test(held, a_restart_waits_on)
{
	world_success('a', 1, MODEL, 0);
	world_event('a', 2, EVENT_JOB_RUNNING);
	world_settle();
	world_model("UPLOADING");
	world_restart();
	cr_expect_str_eq(world.sent, "");
	cr_expect_str_eq(world.asked, "m ");
	world_model("READY");
	world_answer_all(VERDICT_DELIVERED);
	cr_expect_str_eq(world.sent, "a1=ready a2 ");
}

Test(held, what_has_no_model_is_not)
{
	world_success('a', 1, "", 0);
	world_success('b', 1, "m", 0);
	world_event('c', 1, EVENT_JOB_SUCCEEDED); /* a document that cannot be read */
	world_event('d', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_eq(world.n_calls, 4U, "%s", world.sent);
	cr_expect_null(strchr(world.sent, '='), "%s", world.sent);
	cr_expect_str_eq(world.asked, "");
	cr_expect_str_eq(world_query("SELECT count(model_ready) FROM delivery"), "0");
}

Test(held, who_does_not_wait_says_nothing)
{
	world.config.model_wait_ms = 0;
	world_success('a', 1, MODEL, 0);
	world_settle();
	cr_expect_str_eq(world.sent, "a1 ");
	world.config.model_wait_ms = LIMIT; /* a reload: what was tried before stays as it was */
	world_answer(VERDICT_RETRY);
	go_on(10000);
	cr_expect_str_eq(world.sent, "a1 a1/2 ");
	cr_expect_str_eq(world.asked, "");
}

/* What a reload does to all lanes. */
static void let_go(void)
{
	map_for_each (&world.outlet->lanes.by_subject, struct lane, l)
		lane_let_go(l);
	go_on(1000);
}

Test(held, a_reload_holds_for_what_waits)
{
	world_success('a', 1, MODEL, 20 * MS_PER_S);
	world_settle();
	world_model("UPLOADING");
	let_go(); /* it waits anew, as long as before */
	world_model("UPLOADING");
	cr_expect_str_eq(world.sent, "");
	world.config.model_wait_ms = 10 * MS_PER_S;
	let_go();
	world_model("UPLOADING");
	cr_expect_str_eq(world.sent, "a1=late ");
	world_success('b', 1, MODEL, 0);
	world_settle();
	world.config.model_wait_ms = 0;
	let_go();
	cr_expect_str_eq(world.sent, "a1=late b1 ", "%s", world.sent);
}

Test(held, who_is_asked_for_waits_for_one_answer)
{
	static const struct {
		const char *state, *sent;
	} cases[] = {
		{"READY", "a1=ready "},
		{"UPLOADING", "a1=late "},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (i > 0) {
			world_end();
			setup();
		}
		world_success('a', 1, MODEL, 0);
		world_settle();
		world_model("UPLOADING");
		window_hurry(world.outlet,
			     lane_head(lanes_find(&world.outlet->lanes, "a"))->event->number);
		go_on(1000);
		cr_expect_str_eq(world.sent, "");
		world_model(cases[i].state);
		cr_expect_str_eq(world.sent, cases[i].sent);
	}
}

/* What waits is in memory; what comes for other jobs finds room there all the same. */
Test(held, takes_no_room_of_others)
{
	world_end();
	world_begin(4);
	world.config.model_wait_ms = LIMIT;
	world.now_ms = clock_boot_now_ms() + 1000;
	for (char letter = 'a'; letter < 'a' + 4; letter++)
		world_success(letter, 1, MODEL, 0);
	world_settle();
	cr_expect_eq(world.outlet->lanes.held, 4U);
	world_event('x', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_str_eq(world.sent, "x1 ", "%s", world.sent);
	world_answer(VERDICT_DELIVERED);
	world_restart();
	world_event('y', 1, EVENT_JOB_FAILED);
	world_settle();
	cr_expect_str_eq(world.sent, "y1 ", "%s", world.sent);
	for (char letter = 'e'; letter < 'e' + 16; letter++) /* but it is bounded */
		world_success(letter, 1, MODEL, 0);
	world_settle();
	cr_expect_leq(world.outlet->lanes.pending, 8U);
	world_model("READY");
	cr_expect_eq(world.outlet->lanes.held, 0U);
	while (world.n_calls > 0 || world.n_questions > 0)
		if (world.n_calls > 0)
			world_answer(VERDICT_DELIVERED);
		else
			world_model("READY");
	cr_expect_eq(world.outlet->delivered, 21U, "%s", world.sent);
	cr_expect_eq(outlet_waiting(world.outlet), 0U);
}

/* The try is written down first, and so is what it says. */
Test(held, with_tries_that_count_from_their_start)
{
	world.info.counts_starts = true;
	world.on_deliver = look;
	world_success('a', 1, MODEL, 0);
	world_settle();
	world_model("READY");
	cr_expect_str_eq(row_at_start, "evt_a1:pending:1:1", "%s", row_at_start);
	world_restart();
	cr_expect_str_eq(world.sent, "a1/2=ready ", "%s", world.sent);
}

Test(held, a_notifier_that_is_off_is_not_sent_what_is_ready)
{
	world_success('a', 1, MODEL, 0);
	world_settle();
	world.outlet->off = true;
	world_model("READY");
	cr_expect_str_eq(world.sent, "");
	cr_expect_str_eq(world_query(ROWS), "evt_a1:pending:0:1");
	world.outlet->off = false;
	go_on(1000);
	cr_expect_str_eq(world.sent, "a1=ready ");
}
