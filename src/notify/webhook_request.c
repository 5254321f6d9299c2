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

_printf_(2, 3) static void add_header(struct webhook_request *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->own[r->n_own++], WEBHOOK_OWN_HEADER_MAX, fmt, ap);
	va_end(ap);
}

/* The event's own bytes, as Standard Webhooks and CloudEvents have it. */
static int add_event(struct webhook_request *r, const struct config_notifier *config,
		     const struct notifier_delivery *d, int64_t now_us)
{
	const struct event_record *event = d->event;
	int64_t now_s = now_us / US_PER_S;

	r->http.body = event->body;
	r->http.body_len = event->len;
	add_header(r, "content-type: application/cloudevents+json");
	add_header(r, "webhook-id: %s", event->id);
	add_header(r, "webhook-timestamp: %" PRId64, now_s);
	if (d->replaced > 0)
		add_header(r, "tunewatch-replaced: %u", d->replaced);
	if (config->signing.value) {
		_cleanup_buf_ struct buf signature = BUF_INIT(SIGNATURE_MAX);
		int e = signature_append(event->id, now_s, event->body, event->len,
					 config->signing.value, &signature);

		if (e < 0)
			return e;
		add_header(r, "webhook-signature: %s", buf_str(&signature));
	}
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
			 const struct notifier_delivery *d, int64_t now_us)
{
	int r;

	*ret = (struct webhook_request){.http = {
						.url = config->url.value,
						.allow_http = config->allow_http,
						.max_bytes = WEBHOOK_ANSWER_MAX,
						.cut = true,
						.timeout_ms = config->timeout_ms,
					}};
	r = add_event(ret, config, d, now_us);
	return r < 0 ? r : list_headers(ret, config);
}

void webhook_request_done(struct webhook_request *r)
{
	free(r->headers);
	r->headers = NULL;
}
