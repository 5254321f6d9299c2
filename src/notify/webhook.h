/*
 * Events to a URL: a POST of the event's bytes, with the headers of Standard Webhooks 1.0
 * (webhook-id, webhook-timestamp and, with secrets, webhook-signature), or of a chat message. Of the
 * answer, the status decides.
 */
#pragma once

#include "io/http.h"
#include "notify/notifier.h"

#define WEBHOOK_EXCERPT_MAX  200 /* bytes of an answer's body that are shown */
#define WEBHOOK_MAX_PARALLEL 4   /* requests of one notifier at a time, and so its connections */

extern const struct notifier_type_info notifier_webhook;

/* `r` and `status` as in struct http_result. */
enum verdict webhook_verdict(int r, long status);

/*
 * The sentence about an answer: status and host, and the beginning of the body unless it repeats
 * something of the URL, beyond the host, of the signing secrets or of the headers' values.
 */
void webhook_text(const struct config_notifier *config, const struct http_result *result, char *ret,
		  size_t size);
