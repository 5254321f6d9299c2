/* The feed of events. */
#include "daemon/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "codec/event_json.h"
#include "io/alarm.h"

#define FEED_SLICE  (16UL * 1024) /* that is read from the store at a time, and one event more */
#define FEED_TURN   (8UL * 1024)  /* that a reader gets at a time: all may want as much */
#define FEED_PAGE   100           /* events that are read from the store at a time */
#define FEED_OUT    (FEED_PAGE * (EVENT_JSON_MAX + 256UL))
#define FEED_BEAT   (15 * MS_PER_S)
#define FEED_HEADER "retry: 1000\n"
#define FEED_HEAD   128 /* bytes before an event's document, with the NUL */

/* An event as all its readers get it. Counted by reference, on the loop's thread. */
struct frame {
	unsigned refs;
	uint64_t number;
	size_t len;
	char subject[NAME_JOB_MAX];
	char text[];
};

struct feed {
	struct committer *committer;
	struct alarm *beat, *gather;
	uint64_t woken_ms; /* when readers were woken last, CLOCK_BOOTTIME */
	struct list readers;
	size_t n_readers;
	/* A ring of the last events: from `first` on, `n` of them. */
	struct frame *frames[FEED_EVENTS_MAX];
	size_t first, n, bytes;
	uint64_t newest;  /* number of the last event that there was */
	uint64_t dropped; /* of the last one that is not in the ring any more: all after it are */
};

struct feed_reader {
	struct list link;
	struct feed *feed;
	void (*wake)(void *user);
	void *user;
	uint64_t after; /* it has got, or is about to get, everything up to this number */
	/* What is being read, up to `sent`: something made for it alone or, when that is empty, an
	   event from memory, or nothing. */
	struct buf out;
	struct frame *frame; /* a reference */
	size_t sent;
	bool follows;    /* it has once been where memory reaches */
	bool reading;    /* the store is being read for it … */
	uint64_t target; /* … up to this number … */
	size_t n_read;   /* … and so many events were in that page */
	bool silent;     /* there was nothing for a while: a sign of life is due */
	bool ended;      /* what is in `out` is the last */
	bool gone;       /* freed while the store was being read */
	uint64_t spoken; /* when something was read last, CLOCK_BOOTTIME ms */
	char subject[NAME_JOB_MAX];
};

/* --- events as text --- */

/* What stands before the document, which is one line, and the end of it. */
static int put_head(const struct event_record *event, char ret[FEED_HEAD])
{
	return snprintf(ret, FEED_HEAD, "id: %" PRIu64 "\nevent: %s\ndata: ", event->number,
			event_type_name(event->type));
}

static const char tail[] = "\n\n";

static struct frame *frame_new(const struct event_record *event)
{
	char head[FEED_HEAD];
	size_t head_len = (size_t)put_head(event, head);
	size_t len = head_len + event->len + sizeof(tail) - 1;
	struct frame *frame = malloc(sizeof(*frame) + len);
	char *at;

	if (!frame)
		return NULL;
	*frame = (struct frame){.refs = 1, .number = event->number, .len = len};
	snprintf(frame->subject, sizeof(frame->subject), "%s", event->subject);
	at = mempcpy(frame->text, head, head_len);
	at = mempcpy(at, event->body, event->len);
	memcpy(at, tail, sizeof(tail) - 1);
	return frame;
}

static struct frame *frame_unref(struct frame *frame)
{
	if (frame && --frame->refs == 0)
		free(frame);
	return NULL;
}

/* On failure nothing was appended. */
static int put_event(struct buf *out, const struct event_record *event)
{
	size_t before = out->len;
	char head[FEED_HEAD];
	int e = buf_append(out, head, (size_t)put_head(event, head));

	if (e == 0)
		e = buf_append(out, event->body, event->len);
	if (e == 0)
		e = buf_puts(out, tail);
	if (e < 0 && out->len > before)
		out->data[out->len = before] = '\0';
	return e;
}

/* --- what is in memory --- */

static struct frame *frame_at(const struct feed *f, size_t i)
{
	return f->frames[(f->first + i) % FEED_EVENTS_MAX];
}

static void drop_first(struct feed *f)
{
	struct frame *frame = frame_at(f, 0);

	f->dropped = frame->number;
	f->bytes -= frame->len;
	f->first = (f->first + 1) % FEED_EVENTS_MAX;
	f->n--;
	frame_unref(frame);
}

static void forget(struct feed *f)
{
	while (f->n > 0)
		drop_first(f);
}

/* The first event after that number: its place, or `n`. */
static size_t place_after(const struct feed *f, uint64_t after)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (frame_at(f, middle)->number > after)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void feed_begin(struct feed *f, uint64_t newest)
{
	f->newest = f->dropped = newest;
}

uint64_t feed_newest(const struct feed *f)
{
	return f->newest;
}

/* Without memory for it, it is as if memory began behind it: the store has it. */
static void keep(struct feed *f, const struct event_record *event)
{
	struct frame *frame = frame_new(event);

	if (!frame) {
		forget(f);
		f->dropped = event->number;
		return;
	}
	if (f->n == FEED_EVENTS_MAX)
		drop_first(f);
	f->frames[(f->first + f->n) % FEED_EVENTS_MAX] = frame;
	f->n++;
	f->bytes += frame->len;
	while (f->bytes > FEED_BYTES_MAX && f->n > 1)
		drop_first(f);
}

void feed_publish(struct feed *f, struct event_record *event)
{
	if (event->number <= f->newest)
		return;
	if (f->n_readers == 0) { /* whoever comes later reads it from the store */
		feed_begin(f, event->number);
		return;
	}
	keep(f, event);
	f->newest = event->number;
	alarm_set(f->gather, f->woken_ms + FEED_GATHER_MS);
}

/*
 * Each wake costs a write a reader, however little there is: the first event is told of at once, what
 * comes right after it is told of together.
 */
static void on_gathered(void *user)
{
	struct feed *f = user;

	f->woken_ms = clock_boot_now_ms();
	list_for_each (it, &f->readers) {
		struct feed_reader *r = container_of(it, struct feed_reader, link);

		if (!r->reading) /* on_read() wakes it */
			r->wake(r->user);
	}
}

/* --- what a reader gets --- */

static bool wants(const struct feed_reader *r, const struct frame *frame)
{
	return !r->subject[0] || strcmp(r->subject, frame->subject) == 0;
}

static int put_dropped(struct feed_reader *r)
{
	r->ended = true;
	return buf_printf(&r->out,
			  "event: dropped\ndata: {\"after\":%" PRIu64
			  ",\"message\":\"read too slowly: go on with after=%" PRIu64
			  " or Last-Event-ID\"}\n\n",
			  r->after, r->after);
}

/* The next event that it wants, if there is one yet. */
static void take_frame(struct feed_reader *r)
{
	const struct feed *f = r->feed;

	r->follows = true;
	for (size_t i = place_after(f, r->after); i < f->n && !r->frame; i++) {
		struct frame *frame = frame_at(f, i);

		r->after = frame->number;
		if (!wants(r, frame))
			continue;
		frame->refs++;
		r->frame = frame;
	}
}

/* Called on the thread pool; the loop leaves the reader alone meanwhile. */
static int take_event(void *user, struct event_record *event)
{
	struct feed_reader *r = user;
	int e = put_event(&r->out, event);

	if (e < 0)
		return e;
	r->after = event->number;
	r->n_read++;
	return r->out.len < FEED_SLICE ? 0 : -ENOBUFS; /* enough for now */
}

/* 1 when there may be more before what is in memory. */
static int read_store(void *user, struct store *store, struct error *ret_e)
{
	struct feed_reader *r = user;
	const struct store_query query = {.subject = r->subject[0] ? r->subject : NULL,
					  .after = r->after,
					  .since_us = INT64_MIN,
					  .max = FEED_PAGE};
	int e = store_list_events(store, &query, take_event, r, ret_e);

	if (e == -ENOBUFS)
		return 1;
	return e < 0 ? e : r->n_read == FEED_PAGE;
}

static void on_read(void *user, int e, const char *text _unused_)
{
	struct feed_reader *r = user;

	r->reading = false;
	if (r->gone) {
		r->gone = false;
		feed_reader_free(r);
		return;
	}
	if (e < 0)
		r->ended = true; /* the client asks again from where it has got to */
	else if (e == 0)
		r->after = MAX(r->after, r->target);
	r->wake(r->user);
}

static int begin_reading(struct feed_reader *r)
{
	int e;

	/* All that the other thread looks at stands before it can begin. */
	r->target = r->feed->dropped;
	r->n_read = 0;
	e = committer_run(r->feed->committer, read_store, on_read, r);
	r->reading = e == 0;
	return e;
}

/* Makes the next thing that it reads; none there is when nothing is left then. Negative at the end. */
static int go_on(struct feed_reader *r)
{
	int e = 0;

	buf_clear(&r->out);
	r->frame = frame_unref(r->frame);
	r->sent = 0;
	if (r->ended)
		return -ENODATA;
	if (r->after >= r->feed->dropped)
		take_frame(r);
	else if (r->follows)
		e = put_dropped(r);
	else
		e = begin_reading(r);
	if (e == 0 && r->silent && !r->reading && !r->frame && r->out.len == 0)
		e = buf_puts(&r->out, ":\n\n");
	r->silent = false;
	r->ended |= e < 0;
	return e;
}

/* What is left of the present thing. */
static size_t left(const struct feed_reader *r, const char **ret)
{
	bool own = r->out.len > 0 || !r->frame;
	const char *text = own ? r->out.data : r->frame->text;

	*ret = text ? text + r->sent : NULL;
	return (own ? r->out.len : r->frame->len) - r->sent;
}

ssize_t feed_read(struct feed_reader *r, char *data, size_t max)
{
	const char *text;
	size_t n = 0;
	int e = 0;

	max = MIN(max, FEED_TURN);
	while (n < max && !r->reading && e == 0) {
		size_t part = MIN(left(r, &text), max - n);

		if (part == 0) {
			e = go_on(r);
			if (r->reading || left(r, &text) == 0)
				break;
			continue;
		}
		memcpy(data + n, text, part);
		n += part;
		r->sent += part;
	}
	if (n == 0)
		return e;
	r->spoken = clock_boot_now_ms();
	return (ssize_t)n;
}

/* --- life --- */

/* A client that has gone is noticed when something is sent to it. */
static void on_beat(void *user)
{
	struct feed *f = user;
	uint64_t now_ms = clock_boot_now_ms();

	list_for_each (it, &f->readers) {
		struct feed_reader *r = container_of(it, struct feed_reader, link);

		if (now_ms - r->spoken < FEED_BEAT)
			continue;
		r->silent = true;
		r->wake(r->user);
	}
	if (f->n_readers > 0)
		alarm_set(f->beat, now_ms + FEED_BEAT / 3);
}

int feed_new(uv_loop_t *loop, struct committer *committer, struct feed **ret, struct error *ret_e)
{
	struct feed *f = calloc(1, sizeof(*f));
	int e;

	if (!f)
		return -ENOMEM;
	f->committer = committer;
	list_init(&f->readers);
	e = alarm_new(loop, on_beat, f, &f->beat);
	if (e == 0)
		e = alarm_new(loop, on_gathered, f, &f->gather);
	if (e < 0) {
		alarm_close(f->beat);
		free(f);
		return error_set(ret_e, e, "no timer for streams: %s", strerror(-e));
	}
	*ret = f;
	return 0;
}

void feed_close(struct feed *f)
{
	if (!f)
		return;
	forget(f);
	alarm_close(f->beat);
	alarm_close(f->gather);
	free(f);
}

int feed_reader_new(struct feed *f, uint64_t after, const char *subject, void (*wake)(void *user),
		    void *user, struct feed_reader **ret)
{
	struct feed_reader *r;
	int e;

	if (f->n_readers >= FEED_READERS_MAX)
		return -EUSERS;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->feed = f;
	r->wake = wake;
	r->user = user;
	r->after = MIN(after, f->newest);
	r->out = BUF_INIT(FEED_OUT);
	r->spoken = clock_boot_now_ms();
	snprintf(r->subject, sizeof(r->subject), "%s", subject ? subject : "");
	e = buf_printf(&r->out, FEED_HEADER "id: %" PRIu64 "\n\n", r->after);
	if (e < 0) {
		free(r);
		return e;
	}
	list_append(&f->readers, &r->link);
	if (f->n_readers++ == 0)
		alarm_set(f->beat, r->spoken + FEED_BEAT);
	*ret = r;
	return 0;
}

void feed_reader_free(struct feed_reader *r)
{
	if (!r)
		return;
	if (!list_empty(&r->link)) {
		list_remove(&r->link);
		if (--r->feed->n_readers == 0)
			forget(r->feed);
	}
	if (r->reading) {
		r->gone = true; /* on_read() does it */
		return;
	}
	buf_done(&r->out);
	frame_unref(r->frame);
	free(r);
}
