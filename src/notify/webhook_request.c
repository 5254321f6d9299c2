/* What a webhook is sent. */
#include "notify/webhook_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "codec/chat.h"

_printf_(2, 3) static void add_header(struct webhook_request *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->own[r->n_own++], WEBHOOK_OWN_HEADER_MAX, fmt, ap);
	va_end(ap);
}

/* The document itself, as Standard Webhooks and CloudEvents have it. */
static int add_event(struct webhook_request *r, const struct config_notifier *config,
		     const struct notifier_delivery *d, int64_t now_us)
{
	const struct event_record *event = d->event;
	int64_t now_s = now_us / US_PER_S;
	int e = document_init(&r->document, d);

	if (e < 0)
		return e;
	r->http.body = r->document.body;
	r->http.body_len = r->document.len;
	add_header(r, "content-type: application/cloudevents+json");
	add_header(r, "webhook-id: %s", event->id);
	add_header(r, "webhook-timestamp: %" PRId64, now_s);
	if (d->replaced > 0)
		add_header(r, "tunewatch-replaced: %u", d->replaced);
	if (config->signing.value) {
		_cleanup_buf_ struct buf signature = BUF_INIT(SIGNATURE_MAX);

		e = signature_append(event->id, now_s, r->document.body, r->document.len,
				     config->signing.value, &signature);
		if (e < 0)
			return e;
		add_header(r, "webhook-signature: %s", buf_str(&signature));
	}
	return 0;
}

static const enum chat_service services[WEBHOOK_FORMAT_COUNT_] = {
	[WEBHOOK_SLACK] = CHAT_SLACK,
	[WEBHOOK_DISCORD] = CHAT_DISCORD,
	[WEBHOOK_TEAMS] = CHAT_TEAMS,
	[WEBHOOK_NTFY] = CHAT_NTFY,
};

/* The URL without the topic goes to `r`. */
static int split_url(struct webhook_request *r, const char *url,
		     char ret_topic[static CONFIG_TOPIC_MAX + 1])
{
	size_t at, len;
	int e = config_url_topic(url, &at, &len);

	if (e < 0)
		return e;
	memcpy(ret_topic, url + at, len);
	ret_topic[len] = '\0';
	url += at + len;
	if (asprintf(&r->url, "%.*s%s", (int)at, url - at - len, url + (*url == '/')) < 0) {
		r->url = NULL;
		return -ENOMEM;
	}
	r->http.url = r->url;
	return 0;
}

/* One message of all events; those that it does not show are counted. */
static int add_message(struct webhook_request *r, const struct config_notifier *config,
		       const struct notifier_delivery *d, size_t n_d)
{
	struct event_fields shown[CHAT_EVENTS_MAX];
	size_t n = 0, more[EVENT_COUNT_] = {0};
	char topic[CONFIG_TOPIC_MAX + 1] = "";
	int e = 0;

	if (config->format == WEBHOOK_NTFY)
		e = split_url(r, config->url.value, topic);
	for (; e == 0 && n < n_d && n < CHAT_EVENTS_MAX; n += e == 0)
		e = document_fields(&d[n], &shown[n]);
	for (size_t i = n; i < n_d; i++)
		more[d[i].event->type]++;
	if (e == 0)
		e = chat_format(services[config->format], shown, n, more, topic, &r->body);
	for (size_t i = 0; i < n; i++)
		event_fields_done(&shown[i]);
	if (e < 0)
		return e;
	r->http.body = r->body.data;
	r->http.body_len = r->body.len;
	add_header(r, "content-type: " CHAT_CONTENT_TYPE);
	return 0;
}

/* Whether the configured headers have one of that name. */
static bool is_configured(char *const *headers, const char *name, size_t len)
{
	for (; headers && *headers; headers++)
		if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
			return true;
	return false;
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* A configured header takes the place of ours with the same name. */
static int list_headers(struct webhook_request *r, const struct config_notifier *config)
{
	size_t n = 0;

	r->headers = calloc(count(config->headers) + r->n_own + 1, sizeof(*r->headers));
	if (!r->headers)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_own; i++)
		if (!is_configured(config->headers, r->own[i], strcspn(r->own[i], ":")))
			r->headers[n++] = r->own[i];
	for (char **h = config->headers; h && *h; h++)
		r->headers[n++] = *h;
	r->http.headers = r->headers;
	return 0;
}

int webhook_request_init(struct webhook_request *ret, const struct config_notifier *config,
			 const struct notifier_delivery *d, size_t n_d, int64_t now_us)
{
	int r;

	*ret = (struct webhook_request){
		.http =
			{
				.url = config->url.value,
				.allow_http = config->allow_http,
				.max_bytes = WEBHOOK_ANSWER_MAX,
				.cut = true,
				.timeout_ms = config->timeout_ms,
			},
		.body = BUF_INIT(CHAT_BYTES_MAX),
	};
	if (config->format == WEBHOOK_JSON)
		r = add_event(ret, config, d, now_us);
	else
		r = add_message(ret, config, d, n_d);
	return r < 0 ? r : list_headers(ret, config);
}

void webhook_request_done(struct webhook_request *r)
{
	free(r->headers);
	free(r->url);
	document_done(&r->document);
	buf_done(&r->body);
	r->headers = NULL;
	r->url = NULL;
}
