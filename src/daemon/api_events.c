/* The API's calls about events: history, and the stream of what happens. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/api_json.h"
#include "daemon/api_private.h"

#define EVENTS_LIMIT     100
#define EVENTS_LIMIT_MAX 1000
#define EVENTS_BYTES_MAX (4UL << 20) /* of the documents of one answer, and one more */

/* Of whom: "" for all. 0 or -EINVAL, and then the response says so. */
static int subject_of(const struct server_request *request, struct server_response *response,
		      char ret[NAME_JOB_MAX])
{
	const char *job = server_argument(request, "job");
	struct job_name name;

	ret[0] = '\0';
	if (!job)
		return 0;
	if (api_job_name(job, &name) < 0) {
		api_refuse(response, 400, "bad_request",
			   "job is the name of a job with its account, as in acme/sft/abc");
		return -EINVAL;
	}
	name_format_full(&name, ret);
	return 0;
}

/* --- history --- */

struct history {
	struct server_response *response;
	struct store_query query;
	char subject[NAME_JOB_MAX];
	size_t limit, n;
	uint64_t last;
	bool more;
};

static int take_event(void *user, struct event_record *event)
{
	struct history *h = user;
	int r;

	if (h->n == h->limit || h->response->body.len >= EVENTS_BYTES_MAX) {
		h->more = true;
		return -ENOBUFS; /* enough */
	}
	r = api_json_event(event->body, event->len, h->n == 0, &h->response->body);
	if (r < 0)
		return r;
	h->n++;
	h->last = event->number;
	return 0;
}

/* One more than is told is read, to know whether there are more. */
static int do_read(void *user, struct store *store, struct error *ret_e)
{
	struct history *h = user;
	int r = api_json_events_begin(&h->response->body);

	if (r == 0)
		r = store_list_events(store, &h->query, take_event, h, ret_e);
	if (r == -ENOBUFS)
		r = 0;
	return r < 0 ? r : api_json_events_end(h->last, h->more, &h->response->body);
}

static void on_read(void *user, int r, const char *text)
{
	struct history *h = user;

	if (r == -ECANCELED)
		r = api_refuse_stopping(h->response);
	else if (r < 0)
		r = api_refuse(h->response, 503, "store_failing", "%s", text);
	server_answer(h->response, r);
	free(h);
}

/* What is asked for; -EINVAL, and then the response says what is wrong. */
static int read_query(struct api *api, const struct server_request *request,
		      struct server_response *response, struct history *h)
{
	const char *since = server_argument(request, "since");
	uint64_t limit;
	int r = subject_of(request, response, h->subject);

	if (r == 0)
		r = api_number(request, response, "after", 0, INT64_MAX, 0, &h->query.after);
	if (r == 0)
		r = api_number(request, response, "limit", 1, EVENTS_LIMIT_MAX, EVENTS_LIMIT,
			       &limit);
	if (r < 0)
		return r;
	h->query.since_us = INT64_MIN;
	if (since && clock_parse_rfc3339(since, &h->query.since_us) < 0) {
		api_refuse(response, 400, "bad_request",
			   "since is a time as RFC 3339 has it, as in 2026-11-20T06:31:56Z");
		return -EINVAL;
	}
	h->query.subject = h->subject[0] ? h->subject : NULL;
	h->query.newest = !since && !server_argument(request, "after");
	h->limit = limit;
	h->query.max = h->query.newest ? limit : limit + 1;
	/* With nothing to tell, the place is where it was. */
	h->last =
		server_argument(request, "after") ? h->query.after : feed_newest(api->sources.feed);
	return 0;
}

int api_get_events(struct api *api, const struct server_request *request, const char *rest,
		   struct server_response *response)
{
	struct history *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->response = response;
	r = read_query(api, request, response, h);
	if (r < 0) {
		free(h);
		return 0; /* the response says why */
	}
	r = committer_run(api->sources.committer, do_read, on_read, h);
	if (r < 0) {
		free(h);
		return r;
	}
	return SERVER_LATER;
}

/* --- the stream --- */

/* Anybody on the machine may read over TCP: that leaves the control socket its streams. */
#define WEB_STREAMS_MAX 50

struct stream {
	struct api *api;
	struct server_response *response;
	struct feed_reader *reader;
	bool web; /* over TCP */
};

static ssize_t stream_fill(void *user, char *data, size_t max)
{
	const struct stream *s = user;
	ssize_t n = feed_read(s->reader, data, max);

	return n < 0 ? SERVER_END : n;
}

static void stream_done(void *user)
{
	struct stream *s = user;

	s->api->web_streams -= s->web;
	feed_reader_free(s->reader);
	free(s);
}

static void stream_wake(void *user)
{
	const struct stream *s = user;

	server_wake(s->response);
}

static int stream_new(struct api *api, const struct server_request *request, uint64_t after,
		      const char *subject, struct server_response *response, struct stream **ret)
{
	struct ucred peer;
	bool web = server_peer(request, &peer) < 0;
	struct stream *s;
	int r;

	if (web && api->web_streams >= WEB_STREAMS_MAX)
		return -EUSERS;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct stream){.api = api, .response = response, .web = web};
	r = feed_reader_new(api->sources.feed, after, subject, stream_wake, s, &s->reader);
	if (r < 0) {
		free(s);
		return r;
	}
	api->web_streams += web;
	*ret = s;
	return 0;
}

/* Where it begins: after the event that the client has got last. */
static int place_of(struct api *api, const struct server_request *request,
		    struct server_response *response, uint64_t *ret)
{
	const char *id = server_header(request, "Last-Event-ID");
	uint64_t now = feed_newest(api->sources.feed);
	char *end;

	if (server_argument(request, "after") || !id || !*id)
		return api_number(request, response, "after", 0, INT64_MAX, now, ret);
	errno = 0;
	*ret = strtoull(id, &end, 10);
	if (id[0] >= '0' && id[0] <= '9' && !*end && !errno)
		return 0;
	api_refuse(response, 400, "bad_request", "Last-Event-ID is the number of an event");
	return -EINVAL;
}

int api_stream_events(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response)
{
	struct stream *stream;
	char subject[NAME_JOB_MAX];
	uint64_t after;
	int r = subject_of(request, response, subject);

	if (r == 0)
		r = place_of(api, request, response, &after);
	if (r < 0)
		return 0; /* the response says why */
	r = stream_new(api, request, after, subject, response, &stream);
	if (r == -EUSERS)
		return api_refuse(
			response, 503, "too_many",
			"%d streams are being read, which is the most, %d of them over TCP",
			FEED_READERS_MAX, WEB_STREAMS_MAX);
	if (r < 0)
		return r;
	response->content_type = "text/event-stream";
	response->fill = stream_fill;
	response->done = stream_done;
	response->user = stream;
	response->endless = true;
	return 0;
}
