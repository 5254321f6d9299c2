/*
 * Events as CloudEvents 1.0 JSON, and back.
 *
 * The bytes are made once, when the event is observed; everything that is sent later, also after a
 * restart, is read from them again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/event.h"
#include "model/outbox.h"

#define EVENT_JSON_MAX                                                                             \
	65536 /* bytes of the largest document; the snapshot's limits keep below it */

/* Appends the document, in one line without a newline. 0, -ENOMEM, -EMSGSIZE. */
int event_json_format(const struct event *event, struct buf *b);

/*
 * Appends the document with "modelReady":true or false as the last member of its data; as it is for
 * MODEL_UNASKED. The same input gives the same bytes. 0, -EBADMSG for what is no event or says so
 * already, -ENOMEM, -EMSGSIZE.
 */
int event_json_say_model(const char *body, size_t len, enum model_ready ready, struct buf *b);

/* What a receiver may need besides the document itself: texts, "" where the event has none. */
enum event_field {
	EVENT_FIELD_ID,
	EVENT_FIELD_TYPE,
	EVENT_FIELD_TIME,
	EVENT_FIELD_SUBJECT,
	EVENT_FIELD_SOURCE, /* URL of the account */
	EVENT_FIELD_ACCOUNT,
	EVENT_FIELD_JOB, /* full resource name */
	EVENT_FIELD_JOB_ID,
	EVENT_FIELD_KIND,
	EVENT_FIELD_DISPLAY_NAME,
	EVENT_FIELD_BASE_MODEL,
	EVENT_FIELD_OUTPUT_MODEL,
	EVENT_FIELD_DATASET,
	EVENT_FIELD_CREATE_TIME, /* RFC 3339, as the API has it */
	EVENT_FIELD_COMPLETED_TIME,
	EVENT_FIELD_ATTEMPT, /* a number in decimal */
	EVENT_FIELD_SEQUENCE,
	EVENT_FIELD_STATE, /* of `to` */
	EVENT_FIELD_PHASE,
	EVENT_FIELD_STATUS_CODE,
	EVENT_FIELD_STATUS_MESSAGE,
	EVENT_FIELD_PERCENT, /* "" when the job has no progress */
	EVENT_FIELD_EPOCH,
	EVENT_FIELD_PREVIOUS_STATE, /* of `from` */
	EVENT_FIELD_PREVIOUS_PHASE,
	EVENT_FIELD_PREVIOUS_PERCENT,
	EVENT_FIELD_TROUBLE,       /* watcher.*: class of the trouble */
	EVENT_FIELD_ERROR,         /* watcher.*: the last error */
	EVENT_FIELD_DURATION,      /* watcher.restored: how long, in whole seconds */
	EVENT_FIELD_STILL,         /* job.stalled, job.recovered: how long, in whole seconds */
	EVENT_FIELD_LAST_MOVEMENT, /* before that; RFC 3339 */
	EVENT_FIELD_MOVED, /* what moved then, the weightiest: "state", "status", "progress" */
	EVENT_FIELD_SUSPEND_STATE, /* job.paused: the account's, where that is why */
	EVENT_FIELD_MODEL_READY,   /* "true", "false"; "" where nothing was asked */
	EVENT_FIELD_TEST,          /* "true" when somebody asked for it and nothing has happened */
	EVENT_FIELD_COUNT_,
};

struct event_fields {
	enum event_type type;
	const char *values[EVENT_FIELD_COUNT_]; /* never NULL; they live in `text` */
	char *text;
};

void event_fields_done(struct event_fields *f);

/* Reads a document that event_json_format() made. 0, -EBADMSG, -ENOMEM. */
int event_fields_parse(const char *body, size_t len, struct event_fields *ret);

/*
 * Appends one line for people, without control characters: "acme/sft/abc succeeded (was running at
 * 98 %)". 0, -ENOMEM, -EMSGSIZE.
 */
int event_fields_sentence(const struct event_fields *f, struct buf *b);
