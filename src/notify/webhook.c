/* Events to a URL. */
#include "notify/webhook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/utf8.h"
#include "notify/excerpt.h"
#include "notify/webhook_request.h"

struct webhook_call {
	const struct notifier *notifier;
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

/* With or without "whsec_", which belongs to the same word. */
static bool repeats_signing(const char *secrets, const char *body, size_t len)
{
	for (const char *line = secrets; line; line = strchr(line, '\n')) {
		line += strspn(line, "\n");
		line += strcspn(line, "_");
		if (*line && excerpt_repeats(body, len, line + 1))
			return true;
	}
	return false;
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
	if (config->signing.value && repeats_signing(config->signing.value, body, len))
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
	/* Most answers end with a line break, which is a space by now. */
	for (size_t n = strlen(excerpt); n > 0 && excerpt[n - 1] == ' '; n--)
		excerpt[n - 1] = '\0';
	utf8_snprintf(ret, size, "%s answered %ld%s%s%s", config->url_host, result->status,
		      result->status / 100 == 3 ? ", a redirect, which is not followed" : "",
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

	webhook_text(call->notifier->config, answer, text, sizeof(text));
	call->fn(call->user, &result);
	free(call);
}

static int start(struct webhook_call *call, const struct notifier_delivery *d, size_t n_d)
{
	_cleanup_(webhook_request_done) struct webhook_request request;
	int r = webhook_request_init(&request, call->notifier->config, d, n_d, clock_real_now_us());

	if (r < 0)
		return r;
	return http_start(call->notifier->env->http, &request.http, on_answer, call,
			  &call->transfer, NULL);
}

static int webhook_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			   verdict_fn fn, void *user, struct notifier_call **ret)
{
	_cleanup_free_ struct webhook_call *call = malloc(sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct webhook_call){.notifier = n, .fn = fn, .user = user};
	r = start(call, d, n_d);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void webhook_cancel(struct notifier *n, struct notifier_call *call)
{
	http_cancel(((struct webhook_call *)call)->transfer);
}

static unsigned webhook_max_parallel(const struct notifier *n)
{
	return WEBHOOK_MAX_PARALLEL;
}

const struct notifier_type_info notifier_webhook = {
	.name = "webhook",
	.deliver = webhook_deliver,
	.cancel = webhook_cancel,
	.max_parallel = webhook_max_parallel,
};
