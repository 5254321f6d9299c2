/* What the daemon answers to the wish that a job be created, read for the command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "codec/sft_json.h"
#include "model/name.h"
#include "model/state.h"

struct submit_answer {
	bool created; /* false: it was there already, and is the same job */
	struct job_name name;
	enum phase phase; /* PHASE_UNKNOWN also where it has not been seen yet */
};

/* {"outcome":"created","job":{…}}. 0, -EBADMSG, -ENOMEM. */
int submit_json_parse(const char *body, size_t len, struct submit_answer *ret);

/*
 * The "differences" of an error document, with values that are fit to be shown and live in the call.
 * None: no call. 0, -EBADMSG, -ENOMEM.
 */
int submit_json_parse_differences(const char *body, size_t len, sft_difference_fn fn, void *user);
