/*
 * Events by mail, through one SMTP server. What the server answers about the message decides; what it
 * says before that is of the daemon's own login or connection, which may be put right, so the message
 * waits.
 */
#pragma once

#include "io/mail.h"
#include "notify/notifier.h"

#define EMAIL_EXCERPT_MAX 200 /* bytes of a server's reply that are shown */

extern const struct notifier_type_info notifier_email;

/* `r`, `reply` and `of_message` as in struct mail_result. */
enum verdict email_verdict(int r, unsigned reply, bool of_message);

/* The sentence about what came of it. A reply that repeats something of the password is not shown. */
void email_text(const struct config_notifier *config, const struct mail_result *result, char *ret,
		size_t size);
