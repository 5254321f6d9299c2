/*
 * Signatures of Standard Webhooks 1.0: HMAC-SHA256 over "id.timestamp.body", one for each secret,
 * so that a receiver can be given a new secret before the old one is taken away.
 *
 * Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SIGNATURE_SECRETS_MAX 2
#define SIGNATURE_MAX         (SIGNATURE_SECRETS_MAX * 48) /* "v1,", 44 characters, a space */

/*
 * Appends the value of webhook-signature: "v1," and base64 for each secret, in their order, with a
 * space between them. `timestamp` is in seconds; `secrets` are one or two lines of "whsec_" and
 * base64, as in struct config_notifier. 0, -EINVAL for other secrets, -ENOMEM, -EMSGSIZE.
 */
int signature_append(const char *id, int64_t timestamp, const void *body, size_t len,
		     const char *secrets, struct buf *b);
