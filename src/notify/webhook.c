/* Events to a URL. */
#include "notify/webhook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/utf8.h"
#include "notify/excerpt.h"

#define OWN_HEADERS 3

struct webhook {
	struct notifier base;
	const struct notifier_env *env;
};

struct webhook_call {
	struct webhook *webhook;
	verdict_fn fn;
	void *user;
	struct http_transfer *transfer;
};

/* The first row that holds the status decides. */
static const struct {
	long from, to;
	enum verdict verdict;
} statuses[] = {
	{200, 299, VERDICT_DELIVERED}, {408, 408, VERDICT_RETRY}, {410, 410, VERDICT_GONE},
	{425, 425, VERDICT_RETRY},     {429, 429, VERDICT_RETRY}, {300, 499, VERDICT_DEAD},
};

enum verdict webhook_verdict(int r, long status)
{
	if (r < 0)
		return r == -ECANCELED ? VERDICT_CANCELLED : VERDICT_RETRY;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (status >= statuses[i].from && status <= statuses[i].to)
			return statuses[i].verdict;
	return VERDICT_RETRY; /* 5xx, and what is no final status at all */
}

/* Whether the body repeats what only the receiver and we should know. */
static bool repeats_secret(const struct config_notifier *config, const char *body, size_t len)
{
	const char *authority = strstr(config->url.value, "://");
	const char *path, *at;

	authority = authority ? authority + 3 : config->url.value;
	path = authority + strcspn(authority, "/?#");
	at = memrchr(authority, '@', (size_t)(path - authority));
	if (at) {
		_cleanup_free_ char *login = strndup(authority, (size_t)(at - authority));

		if (!login || excerpt_repeats(body, len, login))
			return true;
	}
	if (excerpt_repeats(body, len, path))
		return true;
	for (char **h = config->headers; h && *h; h++)
		if (excerpt_repeats(body, len, *h + strcspn(*h, ":")))
			return true;
	return false;
}

void webhook_text(const struct config_notifier *config, const struct http_result *result, char *ret,
		  size_t size)
{
	char excerpt[WEBHOOK_EXCERPT_MAX + 1] = "";

	if (result->r < 0) {
		utf8_snprintf(ret, size, "%s", result->text);
		return;
	}
	if (!repeats_secret(config, result->body, result->len))
		excerpt_printable(result->body, result->len, excerpt, sizeof(excerpt));
	utf8_snprintf(ret, size, "%s answered %ld%s%s", config->url_host, result->status,
		      excerpt[0] ? ": " : "", excerpt);
}

static void on_answer(void *user, const struct http_result *answer)
{
	struct webhook_call *call = user;
	char text[STORE_ERROR_MAX];
	struct verdict_result result = {
		.verdict = webhook_verdict(answer->r, answer->status),
		.retry_after_ms = answer->retry_after_ms,
		.text = text,
	};

	webhook_text(call->webhook->base.config, answer, text, sizeof(text));
	call->fn(call->user, &result);
	free(call);
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
static int start(struct webhook_call *call, const struct event_record *event)
{
	const struct notifier *n = &call->webhook->base;
	const struct config_notifier *config = n->config;
	char own[OWN_HEADERS][64];
	_cleanup_free_ const char **headers = NULL;
	struct http_request request;
	size_t n_headers = 0;

	headers = calloc(count(config->headers) + OWN_HEADERS + 1, sizeof(*headers));
	if (!headers)
		return -ENOMEM;
	snprintf(own[0], sizeof(own[0]), "content-type: application/cloudevents+json");
	snprintf(own[1], sizeof(own[1]), "webhook-id: %s", event->id);
	snprintf(own[2], sizeof(own[2]), "webhook-timestamp: %" PRId64,
		 (int64_t)(clock_real_now_us() / US_PER_S));
	for (size_t i = 0; i < OWN_HEADERS; i++)
		if (!is_configured(config->headers, own[i], strcspn(own[i], ":")))
			headers[n_headers++] = own[i];
	for (char **h = config->headers; h && *h; h++)
		headers[n_headers++] = *h;
	request = (struct http_request){
		.url = config->url.value,
		.headers = headers,
		.body = event->body,
		.body_len = event->len,
		.allow_http = config->allow_http,
		.max_bytes = WEBHOOK_ANSWER_MAX,
		.cut = true,
		.timeout_ms = config->timeout_ms,
	};
	return http_start(call->webhook->env->http, &request, on_answer, call, &call->transfer,
			  NULL);
}

static int webhook_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			   verdict_fn fn, void *user, struct notifier_call **ret)
{
	_cleanup_free_ struct webhook_call *call = malloc(sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct webhook_call){.webhook = container_of(n, struct webhook, base),
				      .fn = fn,
				      .user = user};
	r = start(call, d->event);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void webhook_cancel(struct notifier *n, struct notifier_call *call)
{
	http_cancel(((struct webhook_call *)call)->transfer);
}

static int webhook_check(const struct config_notifier *config, struct error *ret_e)
{
	if (config->format != WEBHOOK_JSON)
		return error_set(ret_e, -ENOTSUP,
				 "this version sends format = \"json\" only; others come later");
	if (config->signing.value)
		return error_set(ret_e, -ENOTSUP,
				 "this version does not sign; secret-file comes later");
	return 0;
}

static int webhook_new(const struct notifier_env *env, const struct config_notifier *config,
		       struct notifier **ret, struct error *ret_e)
{
	struct webhook *w;

	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->env = env;
	*ret = &w->base;
	return 0;
}

static void webhook_free(struct notifier *n)
{
	free(container_of(n, struct webhook, base));
}

static unsigned webhook_max_parallel(const struct notifier *n)
{
	return WEBHOOK_MAX_PARALLEL;
}

const struct notifier_type_info notifier_webhook = {
	.name = "webhook",
	.check = webhook_check,
	.new = webhook_new,
	.deliver = webhook_deliver,
	.cancel = webhook_cancel,
	.free = webhook_free,
	.max_parallel = webhook_max_parallel,
};
