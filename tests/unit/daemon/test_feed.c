/* The feed, with a real store and a real committer: who gets what, once, from wherever it begins. */
#include "daemon/feed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tests/support/tempdir.h"

#define TURNS     5000
#define TEXT_MAX  (32UL << 20)
#define BODY_SIZE 600 /* of an event: some dozens are read from the store at a time */

static struct world {
	char dir[TEMPDIR_MAX];
	uv_loop_t loop;
	struct store *store;
	struct committer *committer;
	struct feed *feed;
	unsigned n_events;
} w;

struct reader {
	struct feed_reader *r;
	unsigned woken;
	bool ended;
	struct buf text;
};

/* --- the world --- */

static void begin(void)
{
	struct error e = ERROR_NONE;

	memset(&w, 0, sizeof(w));
	tempdir_make(w.dir);
	cr_assert_eq(store_open(w.dir, &w.store, &e), 0, "%s", e.text);
	cr_assert_eq(uv_loop_init(&w.loop), 0);
	cr_assert_eq(committer_new(&w.loop, w.store, NULL, NULL, &w.committer), 0);
	cr_assert_eq(feed_new(&w.loop, w.committer, &w.feed, &e), 0);
}

static void turn(void)
{
	if (uv_run(&w.loop, UV_RUN_NOWAIT))
		usleep(200);
}

static void end(void)
{
	if (w.committer)
		committer_close(w.committer, NULL, NULL);
	feed_close(w.feed);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&w.loop), 0);
	store_close(w.store);
	tempdir_remove(w.dir);
}

/* As at a restart: what there is is in the store only. */
static void forget(void)
{
	struct error e = ERROR_NONE;

	feed_close(w.feed);
	cr_assert_eq(feed_new(&w.loop, w.committer, &w.feed, &e), 0);
	feed_begin(w.feed, w.n_events);
}

struct batch {
	struct event_record *events[1000];
	size_t n;
	bool durable;
};

static void on_durable(void *user, int r)
{
	struct batch *batch = user;

	cr_assert_eq(r, 0);
	for (size_t i = 0; i < batch->n; i++)
		feed_publish(w.feed, batch->events[i]);
	batch->durable = true;
}

/* So many events in one transaction, of "a" and "b" by turns; durable and told of. */
static void happen(size_t n)
{
	struct batch batch = {.n = n};
	struct commit *commit;
	char body[BODY_SIZE + 1];

	cr_assert_eq(commit_new(w.committer, &commit), 0);
	for (size_t i = 0; i < n; i++) {
		struct event event = {.type = EVENT_JOB_RUNNING, .sequence = ++w.n_events};
		struct store_op op = {.type = STORE_EVENT};

		snprintf(body, sizeof(body), "{\"%0*u\":1}", BODY_SIZE - 6, w.n_events);
		snprintf(event.id, sizeof(event.id), "evt_%u", w.n_events);
		cr_assert_eq(event_record_new(&event, w.n_events % 2 ? "a" : "b", body,
					      strlen(body), &batch.events[i]),
			     0);
		op.event = batch.events[i];
		cr_assert_eq(commit_add(commit, &op), 0);
	}
	commit_submit(commit, on_durable, &batch);
	for (int i = 0; i < TURNS && !batch.durable; i++)
		turn();
	cr_assert(batch.durable);
	for (size_t i = 0; i < n; i++)
		event_record_unref(batch.events[i]);
}

/* --- readers --- */

static void on_wake(void *user)
{
	((struct reader *)user)->woken++;
}

static void start(struct reader *reader, uint64_t after, const char *subject)
{
	*reader = (struct reader){.text = BUF_INIT(TEXT_MAX)};
	cr_assert_eq(feed_reader_new(w.feed, after, subject, on_wake, reader, &reader->r), 0);
}

static void stop(struct reader *reader)
{
	feed_reader_free(reader->r);
	buf_done(&reader->text);
}

/* Reads once: whether something came. */
static bool read_some(struct reader *reader, size_t max)
{
	char data[65536];
	ssize_t n = feed_read(reader->r, data, max);

	cr_assert_leq(n, (ssize_t)max);
	reader->ended = n < 0;
	if (n > 0)
		cr_assert_eq(buf_append(&reader->text, data, (size_t)n), 0);
	return n > 0;
}

/* Reads until it has the event of that number and no more comes; 0: until it ends. */
static void read_until(struct reader *reader, uint64_t number)
{
	char mark[64];

	snprintf(mark, sizeof(mark), "\nid: %" PRIu64 "\n", number);
	for (int i = 0; i < TURNS && !reader->ended; i++) {
		while (read_some(reader, 1000))
			;
		if (number && strstr(buf_str(&reader->text), mark))
			return;
		turn();
	}
	cr_assert(!number && reader->ended, "no %" PRIu64 " in %zu bytes", number,
		  reader->text.len);
}

/*
 * Whether it is a stream that begins at `after` and holds, whole and once, each event from there to
 * `last`, of the subject only, and nothing else. Returns what follows.
 */
static const char *check_stream(const struct reader *reader, unsigned after, unsigned last,
				const char *subject)
{
	const char *at = buf_str(&reader->text);
	char wanted[BODY_SIZE + 100];

	snprintf(wanted, sizeof(wanted), "retry: 1000\nid: %u\n\n", after);
	cr_assert_eq(strncmp(at, wanted, strlen(wanted)), 0, "%.60s", at);
	at += strlen(wanted);
	for (unsigned i = after + 1; i <= last; i++) {
		if (subject && *subject != (i % 2 ? 'a' : 'b'))
			continue;
		snprintf(wanted, sizeof(wanted),
			 "id: %u\nevent: job.running\ndata: {\"%0*u\":1}\n\n", i, BODY_SIZE - 6, i);
		cr_assert_eq(strncmp(at, wanted, strlen(wanted)), 0, "%u: %.60s", i, at);
		at += strlen(wanted);
	}
	return at;
}

Test(feed, who_begins_now_gets_what_comes)
{
	struct reader reader;

	begin();
	happen(3);
	start(&reader, feed_newest(w.feed), NULL);
	while (read_some(&reader, 1000))
		;
	cr_expect_str_empty(check_stream(&reader, 3, 3, NULL));
	happen(1);
	for (int i = 0; i < TURNS && !reader.woken; i++)
		turn();
	cr_expect_eq(reader.woken, 1);
	happen(2);
	read_until(&reader, 6);
	cr_expect_str_empty(check_stream(&reader, 3, 6, NULL));
	stop(&reader);
	end();
}

Test(feed, what_comes_together_is_told_of_together)
{
	struct reader reader;
	uint64_t begun_ms, took_ms;

	begin();
	start(&reader, 0, NULL);
	begun_ms = clock_boot_now_ms();
	for (int i = 0; i < 50; i++)
		happen(10);
	read_until(&reader, 500);
	took_ms = clock_boot_now_ms() - begun_ms;
	cr_expect_leq(reader.woken, took_ms / FEED_GATHER_MS + 2);
	cr_expect_str_empty(check_stream(&reader, 0, 500, NULL));
	stop(&reader);
	end();
}

Test(feed, at_the_edge_of_what_is_in_memory)
{
	static const unsigned over = 7;
	struct reader keeper, readers[5];

	begin();
	start(&keeper, 0, NULL); /* without any, there are none in memory */
	for (unsigned left = FEED_EVENTS_MAX + over; left > 0; left -= MIN(left, 1000U))
		happen(MIN(left, 1000U));
	for (unsigned i = 0; i < ARRAY_LEN(readers); i++)
		start(&readers[i], over - 2 + i, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(readers); i++) {
		read_until(&readers[i], w.n_events);
		cr_expect_str_empty(check_stream(&readers[i], over - 2 + i, w.n_events, NULL));
		stop(&readers[i]);
	}
	stop(&keeper);
	end();
}

Test(feed, from_the_store_to_memory_without_a_gap)
{
	struct reader reader;
	unsigned n = 0;

	begin();
	happen(450);
	forget();
	start(&reader, 20, NULL);
	/* At each step of its way more happens, until it is where memory is. */
	for (int i = 0; i < TURNS && n < 20; i++) {
		if (read_some(&reader, 5000)) {
			happen(7);
			n++;
		}
		turn();
	}
	read_until(&reader, w.n_events);
	cr_expect_str_empty(check_stream(&reader, 20, w.n_events, NULL));
	stop(&reader);
	end();
}

Test(feed, of_one_subject_only)
{
	struct reader reader, none;

	begin();
	happen(300);
	forget();
	start(&reader, 0, "b");
	start(&none, 0, "c");
	happen(10);
	read_until(&reader, 310);
	happen(10);
	read_until(&reader, 320);
	cr_expect_str_empty(check_stream(&reader, 0, 320, "b"));
	for (int i = 0; i < 100; i++) {
		read_some(&none, 1000);
		turn();
	}
	cr_expect_str_empty(check_stream(&none, 0, 0, NULL));
	cr_expect_lt(none.woken, 10U, "the store is read once, not again and again");
	stop(&reader);
	stop(&none);
	end();
}

Test(feed, who_reads_too_slowly_is_told_where_to_go_on)
{
	struct reader slow, again;
	const char *rest;
	unsigned last = 10;

	begin();
	start(&slow, 0, NULL);
	happen(20);
	read_some(&slow, 10 * BODY_SIZE);
	for (unsigned i = 0; i < FEED_EVENTS_MAX / 1000 + 1; i++)
		happen(1000);
	read_until(&slow, 0);
	while (last < w.n_events) { /* an event that it had half read is whole */
		char mark[32];

		snprintf(mark, sizeof(mark), "\nid: %u\n", last);
		if (!strstr(buf_str(&slow.text), mark))
			break;
		last++;
	}
	last--;
	rest = check_stream(&slow, 0, last, NULL);
	cr_expect_eq(strncmp(rest, "event: dropped\ndata: {\"after\":", 30), 0, "%.100s", rest);
	cr_expect_eq(strtoul(rest + 30, NULL, 10), last);
	start(&again, last, NULL);
	read_until(&again, w.n_events);
	cr_expect_str_empty(check_stream(&again, last, w.n_events, NULL));
	stop(&slow);
	stop(&again);
	end();
}

Test(feed, as_many_readers_as_there_may_be)
{
	static struct reader readers[FEED_READERS_MAX];
	struct feed_reader *more;

	begin();
	happen(150);
	forget();
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		start(&readers[i], i % 150, NULL);
	cr_expect_eq(feed_reader_new(w.feed, 0, NULL, on_wake, NULL, &more), -EUSERS);
	happen(50);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		read_until(&readers[i], 200);
	happen(50);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		read_until(&readers[i], 250);
		cr_expect_str_empty(check_stream(&readers[i], (unsigned)i % 150, 250, NULL));
	}
	stop(&readers[0]);
	start(&readers[0], 0, NULL);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		stop(&readers[i]);
	end();
}

Test(feed, who_leaves_while_the_store_is_read)
{
	struct reader readers[3];

	begin();
	happen(10);
	forget();
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		start(&readers[i], 0, NULL);
		while (read_some(&readers[i], 1000))
			;
	}
	stop(&readers[0]);
	stop(&readers[1]);
	read_until(&readers[2], 10);
	cr_expect_str_empty(check_stream(&readers[2], 0, 10, NULL));
	cr_expect_eq(readers[0].woken + readers[1].woken, 0);
	stop(&readers[2]);
	end();
}

Test(feed, the_store_ends_while_it_is_read)
{
	struct reader reader;

	begin();
	happen(10);
	forget();
	committer_close(w.committer, NULL, NULL);
	w.committer = NULL;
	start(&reader, 0, NULL);
	read_until(&reader, 0);
	cr_expect_str_empty(check_stream(&reader, 0, 0, NULL));
	stop(&reader);
	end();
}

Test(feed, a_place_that_is_yet_to_come_is_now)
{
	struct reader reader;

	begin();
	happen(3);
	start(&reader, 99, NULL);
	happen(1);
	read_until(&reader, 4);
	cr_expect_str_empty(check_stream(&reader, 3, 4, NULL));
	stop(&reader);
	end();
}
