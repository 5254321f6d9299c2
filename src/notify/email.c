/* Events by mail. */
#include "notify/email.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/macro.h"
#include "base/utf8.h"
#include "codec/chat.h"
#include "codec/mail_text.h"
#include "notify/document.h"
#include "notify/excerpt.h"

#define CONNECT_TIMEOUT_MS (20 * MS_PER_S)
#define SECRET_MIN         4 /* a shorter password is in any text */

struct email_call {
	const struct notifier *notifier;
	verdict_fn fn;
	void *user;
	struct mail_transfer *transfer;
};

/*
 * Of replies about a message; the first row that holds the reply decides. 530 to 538 say that the
 * sender has to log in, or has not (RFC 4954): not that the message is no good.
 */
static const struct {
	unsigned from, to;
	enum verdict verdict;
} replies[] = {
	{400, 499, VERDICT_RETRY}, {530, 530, VERDICT_RETRY}, {534, 535, VERDICT_RETRY},
	{538, 538, VERDICT_RETRY}, {500, 599, VERDICT_DEAD},
};

enum verdict email_verdict(int r, unsigned reply, bool of_message)
{
	if (r >= 0)
		return VERDICT_DELIVERED;
	if (r == -ECANCELED)
		return VERDICT_CANCELLED;
	for (size_t i = 0; of_message && i < ARRAY_LEN(replies); i++)
		if (reply >= replies[i].from && reply <= replies[i].to)
			return replies[i].verdict;
	return VERDICT_RETRY;
}

/* Whether the text has the bytes as base64, in which a login sends them. */
static bool repeats_base64(const char *text, const char *data, size_t len)
{
	char *base64 = malloc(HASH_BASE64_MAX(len));
	bool found = true;

	if (base64) {
		hash_base64((const uint8_t *)data, len, base64);
		found = strstr(text, base64);
		explicit_bzero(base64, strlen(base64));
	}
	free(base64);
	return found;
}

/* Some servers quote what they did not understand. */
static bool repeats_password(const struct config_notifier *config, const char *text)
{
	const char *password = config->password.value;
	char *login;
	int len;
	bool found;

	if (!password)
		return false;
	if (excerpt_repeats(text, strlen(text), password) ||
	    (strlen(password) >= SECRET_MIN && strstr(text, password)) ||
	    repeats_base64(text, password, strlen(password)))
		return true;
	len = asprintf(&login, "%c%s%c%s", 0, config->user, 0, password);
	if (len < 0)
		return true;
	found = repeats_base64(text, login, (size_t)len);
	explicit_bzero(login, (size_t)len);
	free(login);
	return found;
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

void email_text(const struct config_notifier *config, const struct mail_result *result, char *ret,
		size_t size)
{
	char excerpt[EMAIL_EXCERPT_MAX + 1] = "";

	if (!repeats_password(config, result->reply_text))
		excerpt_printable(result->reply_text, strlen(result->reply_text), excerpt,
				  sizeof(excerpt));
	if (result->r == 0 && result->refused == 0)
		utf8_snprintf(ret, size, "%s took it", config->url_host);
	else if (result->r == 0)
		utf8_snprintf(ret, size, "%s took it, but not for %u of %zu recipients: %u%s%s",
			      config->url_host, result->refused, count(config->to), result->reply,
			      excerpt[0] ? " " : "", excerpt);
	else if (result->reply == 0)
		utf8_snprintf(ret, size, "%s", result->text);
	else
		utf8_snprintf(ret, size, "%s %s %u%s%s", config->url_host,
			      result->of_message ? "answered" : "refused us before the message:",
			      result->reply, excerpt[0] ? " " : "", excerpt);
}

static void on_result(void *user, const struct mail_result *result)
{
	struct email_call *call = user;
	const struct notifier *n = call->notifier;
	char text[STORE_ERROR_MAX], line[STORE_ERROR_MAX + CONFIG_NAME_MAX + 16];
	struct verdict_result verdict = {
		.verdict = email_verdict(result->r, result->reply, result->of_message),
		.text = text,
	};

	email_text(n->config, result, text, sizeof(text));
	/* Those who were refused hear of this event from nobody else. */
	if (result->r == 0 && result->refused > 0) {
		snprintf(line, sizeof(line), "notifier \"%s\": %s", n->config->name, text);
		n->env->log(n->env->log_user, LOG_LEVEL_WARNING, line);
	}
	call->fn(call->user, &verdict);
	free(call);
}

/* The message of all events; those that it does not show are counted. */
static int format(const struct config_notifier *config, const struct notifier_delivery *d,
		  size_t n_d, struct buf *b)
{
	struct event_fields shown[CHAT_EVENTS_MAX];
	size_t more[EVENT_COUNT_] = {0};
	_cleanup_free_ const char **ids = calloc(n_d, sizeof(*ids));
	struct mail_text text = {.from = config->from,
				 .to = config->to,
				 .events = shown,
				 .more = more,
				 .ids = ids,
				 .n_ids = n_d};
	int r = ids ? 0 : -ENOMEM;

	for (; r == 0 && text.n < n_d && text.n < CHAT_EVENTS_MAX; text.n += r == 0)
		r = document_fields(&d[text.n], &shown[text.n]);
	for (size_t i = 0; r == 0 && i < n_d; i++) {
		ids[i] = d[i].event->id;
		if (i >= text.n)
			more[d[i].event->type]++;
	}
	if (r == 0)
		r = mail_text_format(&text, b);
	for (size_t i = 0; i < text.n; i++)
		event_fields_done(&shown[i]);
	return r;
}

static int email_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			 verdict_fn fn, void *user, struct notifier_call **ret)
{
	const struct config_notifier *config = n->config;
	const struct mail_options options = {
		.url = config->server,
		.ca_file = config->ca_file,
		.user = config->user,
		.password = config->password.value,
		.plain = config->plain,
		.connect_timeout_ms = MIN(CONNECT_TIMEOUT_MS, config->timeout_ms),
		.timeout_ms = config->timeout_ms,
	};
	_cleanup_free_ struct email_call *call = malloc(sizeof(*call));
	_cleanup_buf_ struct buf b = BUF_INIT(MAIL_TEXT_MAX);
	struct mail_message message = {.from = config->from, .to = config->to};
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct email_call){.notifier = n, .fn = fn, .user = user};
	r = format(config, d, n_d, &b);
	if (r < 0)
		return r;
	message.data = b.data;
	message.len = b.len;
	r = mail_start(n->env->mail, &options, &message, on_result, call, &call->transfer, NULL);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void email_cancel(struct notifier *n, struct notifier_call *call)
{
	mail_cancel(((struct email_call *)call)->transfer);
}

/* One connection: a second would be a second login, and mail is not in a hurry. */
static unsigned email_max_parallel(const struct notifier *n)
{
	return 1;
}

const struct notifier_type_info notifier_email = {
	.name = "email",
	.deliver = email_deliver,
	.cancel = email_cancel,
	.max_parallel = email_max_parallel,
};
