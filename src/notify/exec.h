/*
 * Events to a program (a hook): the event's bytes on its standard input, what scripts need of it in
 * its environment, its output to the daemon's log. Its exit status decides.
 */
#pragma once

#include "base/buf.h"
#include "codec/event_json.h"
#include "io/process.h"
#include "notify/notifier.h"
#include "notify/variables.h"

extern const struct notifier_type_info notifier_exec;

enum verdict exec_verdict(const struct process_result *result);

/* The sentence about how it ended. */
void exec_text(const struct process_result *result, uint64_t timeout_ms, char *ret, size_t size);

#define EXEC_ENVIRONMENT_MAX (VARIABLE_COUNT + 16) /* variables */

/* A hook's whole environment. */
struct exec_environment {
	char *list[EXEC_ENVIRONMENT_MAX + 1]; /* for exec; into `text` */
	char *text;                           /* owned */
};

/*
 * A fixed PATH; HOME, USER, LOGNAME, LANG, LC_ALL, TZ and XDG_RUNTIME_DIR where `lookup` (getenv)
 * has them; then TUNEWATCH_*, all of them, "" where the event has no such field, and what the
 * delivery `d` adds. Nothing else: the daemon's own environment holds secrets. 0, -ENOMEM, -EMSGSIZE.
 */
int exec_environment_init(const struct event_fields *fields, const struct notifier_delivery *d,
			  char *(*lookup)(const char *name), struct exec_environment *ret);
void exec_environment_done(struct exec_environment *e);
