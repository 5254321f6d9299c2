/*
 * The daemon's stream of events: GET /v1/events/stream, opened again wherever it ended.
 */
#pragma once

#include <stdbool.h>

#include "cli/client.h"
#include "cli/sse.h"

struct stream;

/* `fn` gets every block of the stream, inside stream_wait() and client_call(). 0 or -ENOMEM. */
int stream_new(struct client *c, sse_fn fn, void *user, struct stream **ret);
struct stream *stream_free(struct stream *s); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct stream *, stream_free);
#define _cleanup_stream_ _cleanup_(stream_freep)

/*
 * Asks for the stream at `path`, behind the event numbered `after`; NULL: from now on. 0 or negative
 * and a sentence; what the daemon thinks of it shows in stream_wait().
 */
int stream_open(struct stream *s, const char *path, const char *after, struct client_result *ret);

/* Whether it was opened and has not ended since. */
bool stream_is_open(const struct stream *s);

/*
 * Waits until something has come or changed, so long at most. 0 while it is open; -EINTR;
 * -ECONNRESET when it ended after it had begun; as client_call() when it did not begin; what `fn`
 * returned.
 */
int stream_wait(struct stream *s, int timeout_ms, struct client_result *ret);

/* How long the daemon wants to be left alone after an end. */
uint64_t stream_retry_ms(const struct stream *s);
