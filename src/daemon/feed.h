/*
 * The feed of events as they become durable, to any number of readers.
 *
 * The last events are in memory, once for all readers, while there are any; each reader has a place in
 * history, and gets what comes after it: from memory, or first from the store when it begins further
 * back. So a reader costs some kilobytes, however far behind it is. One that followed and then fell
 * out of what is in memory reads too slowly: it is told so, and where to go on, and its stream ends.
 * What happens is told at once; what happens right after that is told of together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/error.h"
#include "io/committer.h"
#include "store/store.h"

#define FEED_EVENTS_MAX  4096        /* in memory … */
#define FEED_BYTES_MAX   (8UL << 20) /* … and bytes of their documents */
#define FEED_READERS_MAX 200
#define FEED_GATHER_MS   5 /* between two times that readers are woken for what happens */

struct feed;
struct feed_reader;

int feed_new(uv_loop_t *loop, struct committer *committer, struct feed **ret, struct error *ret_e);
void feed_close(struct feed *f); /* takes NULL; no reader is left */

/* At the start: the number of the newest event in the store. */
void feed_begin(struct feed *f, uint64_t newest);

/* An event is durable. They come in the order of their numbers; one that was told is passed over. */
void feed_publish(struct feed *f, struct event_record *event);

/* From where a reader that says nothing begins: the number of the newest event. */
uint64_t feed_newest(const struct feed *f);

/*
 * A reader of what comes after the event of that number; of one job or account only when `subject` is
 * given. `wake` is called when there is something to read, or there was nothing for 15 s; never inside
 * feed_read(). -EUSERS when there are too many, -ENOMEM.
 */
int feed_reader_new(struct feed *f, uint64_t after, const char *subject, void (*wake)(void *user),
		    void *user, struct feed_reader **ret);
void feed_reader_free(struct feed_reader *r); /* takes NULL */

/*
 * The next bytes of its stream, as server-sent events (WHATWG HTML, 9.2): how many; 0 for none now;
 * negative at the end: it was too slow, or history cannot be read.
 */
ssize_t feed_read(struct feed_reader *r, char *data, size_t max);
