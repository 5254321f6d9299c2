/* The daemon's stream of events. */
#include "cli/stream.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "cli/client_private.h"
#include "codec/event_json.h"

#define SSE_MAX      (EVENT_JSON_MAX + 1024)
#define SILENCE_S    45L /* a comment comes every 15 s */
#define RETRY_MIN_MS 200
#define RETRY_MS     1000

struct stream {
	struct client *client;
	CURL *curl;
	struct curl_slist *headers;
	struct transfer transfer;
	struct sse sse;
	struct buf answer; /* instead of a stream */
	sse_fn fn;
	void *user;
	bool open, begun, moved;
	int fault; /* of the parser or of `fn` */
};

static void stream_close(struct stream *s)
{
	if (s->open)
		curl_multi_remove_handle(s->client->multi, s->curl);
	s->open = false;
	curl_slist_free_all(s->headers);
	s->headers = NULL;
	sse_done(&s->sse);
	buf_done(&s->answer);
}

int stream_new(struct client *c, sse_fn fn, void *user, struct stream **ret)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->client = c;
	s->fn = fn;
	s->user = user;
	*ret = s;
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;
	stream_close(s);
	curl_easy_cleanup(s->curl);
	free(s);
	return NULL;
}

static size_t take_bytes(char *data, size_t size, size_t n, void *user)
{
	struct stream *s = user;
	long status = 0;

	s->moved = true;
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return buf_append(&s->answer, data, size * n) == 0 ? size * n : 0;
	s->begun = true;
	s->fault = sse_feed(&s->sse, data, size * n, s->fn, s->user);
	return s->fault < 0 ? 0 : size * n;
}

/* Headers are set in one go, or not at all. */
static int set_headers(struct stream *s, const char *after)
{
	char line[SSE_ID_MAX + 32];
	struct curl_slist *more;

	s->headers = curl_slist_append(NULL, "Accept: text/event-stream");
	if (!s->headers || !after)
		return s->headers ? 0 : -ENOMEM;
	snprintf(line, sizeof(line), "Last-Event-ID: %s", after);
	more = curl_slist_append(s->headers, line);
	return more ? 0 : -ENOMEM;
}

static CURLcode set_up(struct stream *s, const char *url)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_LOW_SPEED_LIMIT, 1},
		{CURLOPT_LOW_SPEED_TIME, SILENCE_S},
	};
	CURLcode code = client_set_up(s->client, s->curl, url, &s->transfer);

	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(numbers); i++)
		code = curl_easy_setopt(s->curl, numbers[i].option, numbers[i].value);
	if (code == CURLE_OK)
		code = curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take_bytes);
	if (code == CURLE_OK)
		code = curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
	return code == CURLE_OK ? curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers) : code;
}

int stream_open(struct stream *s, const char *path, const char *after, struct client_result *ret)
{
	uint64_t retry_ms = s->sse.retry_ms;
	char url[1024];
	int r = client_begin(s->client, ret);

	if (r < 0)
		return r;
	stream_close(s);
	if (s->curl)
		curl_easy_reset(s->curl);
	else
		s->curl = curl_easy_init();
	sse_init(&s->sse, SSE_MAX);
	s->sse.retry_ms = retry_ms;
	s->answer = BUF_INIT(SSE_MAX);
	s->transfer = (struct transfer){0};
	s->begun = s->moved = false;
	s->fault = 0;
	snprintf(url, sizeof(url), "http://localhost%s", path);
	if (s->curl && set_headers(s, after) == 0 && set_up(s, url) == CURLE_OK)
		s->open = curl_multi_add_handle(s->client->multi, s->curl) == CURLM_OK;
	if (s->open)
		return 0;
	*ret = (struct client_result){.exit_status = EX_OSERR};
	return error_set(&ret->error, -ENOMEM, "cannot ask for events: out of memory");
}

bool stream_is_open(const struct stream *s)
{
	return s->open;
}

/* It is over: why. */
static int judge(struct stream *s, struct client_result *ret)
{
	CURLcode code = s->transfer.code;
	bool begun = s->begun;
	int r = s->fault;

	if (r == 0)
		r = client_judge(s->client, s->curl, code, &s->answer, ret);
	else
		*ret = (struct client_result){0};
	stream_close(s);
	/* Until then it was a stream: whatever ended it is a matter of time. */
	return s->fault == 0 && (begun || r == 0) ? -ECONNRESET : r;
}

int stream_wait(struct stream *s, int timeout_ms, struct client_result *ret)
{
	int r = 0;

	/* It may have ended while something else was waited for, or at once. */
	s->moved = false;
	if (s->open && !s->transfer.done)
		client_advance(s->client);
	if (s->open && !s->transfer.done && !s->moved)
		r = client_turn(s->client, timeout_ms);
	if (r < 0)
		return r;
	return s->open && s->transfer.done ? judge(s, ret) : 0;
}

uint64_t stream_retry_ms(const struct stream *s)
{
	return s->sse.retry_ms ? MAX(s->sse.retry_ms, (uint64_t)RETRY_MIN_MS) : RETRY_MS;
}
