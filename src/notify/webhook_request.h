/*
 * What a webhook is sent: URL, headers and body, as a function of configuration, deliveries and
 * time.
 */
#pragma once

#include "base/buf.h"
#include "io/http.h"
#include "notify/document.h"
#include "notify/notifier.h"
#include "notify/signature.h"

#define WEBHOOK_ANSWER_MAX      4096 /* bytes of the answer's body that are read; the rest is cut */
#define WEBHOOK_OWN_HEADERS_MAX 5
#define WEBHOOK_OWN_HEADER_MAX  (SIGNATURE_MAX + 32)

struct webhook_request {
	struct http_request http; /* views of the rest, of the configuration and of the event */
	char own[WEBHOOK_OWN_HEADERS_MAX][WEBHOOK_OWN_HEADER_MAX];
	size_t n_own;
	const char **headers;
	char *url;                /* ntfy: the server's root */
	struct document document; /* format json */
	struct buf body;          /* chat formats */
};

/*
 * With format json, the bytes of the one event with the headers of Standard Webhooks; else one
 * message of a chat service for all `n_d` events. `now_us` is of CLOCK_REALTIME: the time of the
 * try, which is what is signed. `ret` must stay where it is; webhook_request_done() also after a
 * failure. 0, -ENOMEM; -EBADMSG for an event that is none, -EINVAL for secrets and ntfy URLs that are
 * none.
 */
int webhook_request_init(struct webhook_request *ret, const struct config_notifier *config,
			 const struct notifier_delivery *d, size_t n_d, int64_t now_us);
void webhook_request_done(struct webhook_request *r);
