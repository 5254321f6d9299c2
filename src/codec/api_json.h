/*
 * The API's smaller documents: errors with details, verdicts, what came of a submission, history.
 *
 * All of them: 0, -ENOMEM, -EMSGSIZE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* {"error":{"code":"…","message":"…","faults":["…", …]}} */
int api_json_faults(const char *code, const char *message, const char *const *faults, size_t n,
		    struct buf *b);

/* What a job that is there and one that is to be created do not have in common. */
struct api_difference {
	const char *field, *there, *here;
};

/* {"error":{"code":"conflict","message":"…","differences":[{"field":"…","there":"…","here":"…"}]}} */
int api_json_conflict(const char *message, const struct api_difference *d, size_t n, struct buf *b);

/* {"verdict":"delivered","message":"","event":"evt_…"} */
int api_json_verdict(const char *verdict, const char *message, const char *event, struct buf *b);

/* {"outcome":"created","job":…} around a job's document, which the caller appends. */
int api_json_outcome_begin(const char *outcome, struct buf *b);
int api_json_outcome_end(struct buf *b);

/* {"events":[ … ],"last":N,"more":false}: begin, one document a call as it is, end. */
int api_json_events_begin(struct buf *b);
int api_json_event(const char *body, size_t len, bool first, struct buf *b);
int api_json_events_end(uint64_t last, bool more, struct buf *b);
