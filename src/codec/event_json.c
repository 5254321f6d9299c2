/* Events as CloudEvents JSON. */
#include "codec/event_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json_util.h"
#include "codec/text.h"

/* The descriptive texts of data.job, in the order in which they stand there. */
static const struct {
	const char *key;
	enum snapshot_text text;
} job_texts[] = {
	{"displayName", TEXT_DISPLAY_NAME}, {"baseModel", TEXT_BASE_MODEL},
	{"outputModel", TEXT_OUTPUT_MODEL}, {"dataset", TEXT_DATASET},
	{"createTime", TEXT_CREATE_TIME},   {"completedTime", TEXT_COMPLETED_TIME},
};

static const struct {
	const char *name;
	enum change change;
} change_names[] = {
	{"state", CHANGE_STATE},
	{"status", CHANGE_STATUS},
	{"progress", CHANGE_PROGRESS},
};

static bool add_time(struct json_object *object, const char *key, int64_t real_us)
{
	char text[CLOCK_RFC3339_MAX];

	clock_format_rfc3339(real_us, text);
	return json_util_add_text(object, key, text);
}

static bool add_epochs(struct json_object *job, const struct snapshot *s)
{
	return s->epochs == 0 || json_util_add_uint(job, "epochs", s->epochs);
}

static bool add_job(struct json_object *data, const struct event *event)
{
	const struct job_name *name = event->job;
	struct json_object *job = json_util_add_object(data, "job");
	char full[NAME_JOB_MAX];
	bool ok;

	name_format_full(name, full);
	ok = job && json_util_add_text(job, "name", full) &&
	     json_util_add_text(job, "account", name->account) &&
	     json_util_add_text(job, "kind", kind_info(name->kind)->name) &&
	     json_util_add_text(job, "id", name->id);
	for (size_t i = 0; ok && i < ARRAY_LEN(job_texts); i++)
		ok = json_util_add_text(job, job_texts[i].key,
					snapshot_text(event->to, job_texts[i].text)) &&
		     (job_texts[i].text != TEXT_DATASET || add_epochs(job, event->to));
	return ok;
}

static bool add_changes(struct json_object *object, const char *key, unsigned changed)
{
	struct json_object *names = json_object_new_array();
	bool ok = json_util_add(object, key, names);

	for (size_t i = 0; ok && i < ARRAY_LEN(change_names); i++) {
		if (changed & change_names[i].change)
			ok = json_util_append_text(names, change_names[i].name);
	}
	return ok;
}

static bool add_progress(struct json_object *object, const struct snapshot *s)
{
	struct json_object *progress;
	bool ok;

	if (!s->progress_given)
		return json_util_add_null(object, "progress");
	progress = json_util_add_object(object, "progress");
	ok = progress;
	for (int i = 0; ok && i < PROGRESS_COUNT_; i++)
		ok = json_util_add_int(progress, progress_names[i], s->progress[i]);
	return ok;
}

static bool add_snapshot(struct json_object *data, const char *key, const struct snapshot *s)
{
	struct json_object *object, *status;

	if (!s)
		return json_util_add_null(data, key);
	object = json_util_add_object(data, key);
	if (!object || !json_util_add_text(object, "state", snapshot_text(s, TEXT_STATE)) ||
	    !json_util_add_text(object, "phase", phase_name(snapshot_phase(s))))
		return false;
	status = json_util_add_object(object, "status");
	return status && json_util_add_text(status, "code", snapshot_text(s, TEXT_STATUS_CODE)) &&
	       json_util_add_text(status, "message", snapshot_text(s, TEXT_STATUS_MESSAGE)) &&
	       add_progress(object, s);
}

static bool add_stall(struct json_object *data, const struct event_stall *stall)
{
	struct json_object *object;

	if (!stall)
		return true;
	object = json_util_add_object(data, "stall");
	return object && json_util_add_uint(object, "stillSeconds", stall->still_ms / MS_PER_S) &&
	       add_time(object, "lastMovement", stall->moved_us) &&
	       add_changes(object, "moved", stall->moved);
}

static bool add_suspend_state(struct json_object *data, const char *state)
{
	return !state || !*state || json_util_add_text(data, "suspendState", state);
}

static bool add_job_data(struct json_object *data, const struct event *event)
{
	return add_job(data, event) && json_util_add_uint(data, "attempt", event->attempt) &&
	       json_util_add_uint(data, "sequence", event->sequence) &&
	       add_changes(data, "changed", event->changed) &&
	       add_snapshot(data, "from", event->from) && add_snapshot(data, "to", event->to) &&
	       add_stall(data, event->stall) && add_suspend_state(data, event->suspend_state) &&
	       (!event->test || json_util_add_bool(data, "test", true));
}

static bool add_watcher_data(struct json_object *data, const struct event *event)
{
	const struct outage *o = event->outage;
	bool ok = json_util_add_text(data, "account", event->account) &&
		  json_util_add_uint(data, "sequence", event->sequence) &&
		  json_util_add_text(data, "trouble", trouble_name(o->trouble)) &&
		  json_util_add_text(data, "firstError", o->first) &&
		  json_util_add_text(data, "lastError", o->last) &&
		  json_util_add_uint(data, "failures", o->failures) &&
		  add_time(data, "since", o->since_us);

	if (event->type != EVENT_WATCHER_RESTORED)
		return ok;
	return ok && add_time(data, "until", o->until_us) &&
	       json_util_add_uint(data, "durationSeconds", outage_ms(o) / MS_PER_S);
}

static bool add_envelope(struct json_object *doc, const struct event *event)
{
	_cleanup_free_ char *source = NULL;
	char subject[NAME_JOB_MAX];

	if (event->job)
		name_format_full(event->job, subject);
	else
		snprintf(subject, sizeof(subject), "accounts/%s", event->account);
	if (asprintf(&source, "%s/v1/accounts/%s", event->endpoint, event->account) < 0) {
		source = NULL;
		return false;
	}
	return json_util_add_text(doc, "specversion", "1.0") &&
	       json_util_add_text(doc, "id", event->id) &&
	       json_util_add_text(doc, "source", source) &&
	       json_util_add_text(doc, "type", event_type_name(event->type)) &&
	       json_util_add_text(doc, "subject", subject) &&
	       add_time(doc, "time", event->time_us) &&
	       json_util_add_text(doc, "datacontenttype", "application/json");
}

static int print(struct json_object *doc, struct buf *b)
{
	const char *text;
	size_t len;

	text = json_object_to_json_string_length(
		doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (!text)
		return -ENOMEM;
	return len > EVENT_JSON_MAX ? -EMSGSIZE : buf_append(b, text, len);
}

int event_json_format(const struct event *event, struct buf *b)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();
	struct json_object *data;

	if (!doc || !add_envelope(doc, event))
		return -ENOMEM;
	data = json_util_add_object(doc, "data");
	if (!data || !(event->job ? add_job_data(data, event) : add_watcher_data(data, event)))
		return -ENOMEM;
	return print(doc, b);
}

int event_json_say_model(const char *body, size_t len, enum model_ready ready, struct buf *b)
{
	_cleanup_tokener_ struct json_tokener *tok = NULL;
	_cleanup_json_ struct json_object *doc = NULL;
	struct json_object *data;
	int r;

	if (ready == MODEL_UNASKED)
		return buf_append(b, body, len);
	tok = json_util_tokener();
	if (!tok)
		return -ENOMEM;
	r = json_util_parse(tok, body, len, &doc, NULL);
	if (r < 0)
		return r;
	data = json_util_member(doc, "data");
	if (!json_object_is_type(data, json_type_object) ||
	    json_object_object_get_ex(data, "modelReady", NULL))
		return -EBADMSG;
	if (!json_util_add_bool(data, "modelReady", ready == MODEL_READY))
		return -ENOMEM;
	return print(doc, b);
}

/* Where each field stands. Of two rows for one field, the first that finds something counts. */
static const struct {
	enum event_field field;
	const char *path[4];
} field_paths[] = {
	{EVENT_FIELD_ID, {"id"}},
	{EVENT_FIELD_TYPE, {"type"}},
	{EVENT_FIELD_TIME, {"time"}},
	{EVENT_FIELD_SUBJECT, {"subject"}},
	{EVENT_FIELD_SOURCE, {"source"}},
	{EVENT_FIELD_ACCOUNT, {"data", "job", "account"}},
	{EVENT_FIELD_ACCOUNT, {"data", "account"}},
	{EVENT_FIELD_JOB, {"data", "job", "name"}},
	{EVENT_FIELD_JOB_ID, {"data", "job", "id"}},
	{EVENT_FIELD_KIND, {"data", "job", "kind"}},
	{EVENT_FIELD_DISPLAY_NAME, {"data", "job", "displayName"}},
	{EVENT_FIELD_BASE_MODEL, {"data", "job", "baseModel"}},
	{EVENT_FIELD_OUTPUT_MODEL, {"data", "job", "outputModel"}},
	{EVENT_FIELD_DATASET, {"data", "job", "dataset"}},
	{EVENT_FIELD_CREATE_TIME, {"data", "job", "createTime"}},
	{EVENT_FIELD_COMPLETED_TIME, {"data", "job", "completedTime"}},
	{EVENT_FIELD_ATTEMPT, {"data", "attempt"}},
	{EVENT_FIELD_SEQUENCE, {"data", "sequence"}},
	{EVENT_FIELD_STATE, {"data", "to", "state"}},
	{EVENT_FIELD_PHASE, {"data", "to", "phase"}},
	{EVENT_FIELD_STATUS_CODE, {"data", "to", "status", "code"}},
	{EVENT_FIELD_STATUS_MESSAGE, {"data", "to", "status", "message"}},
	{EVENT_FIELD_PERCENT, {"data", "to", "progress", "percent"}},
	{EVENT_FIELD_EPOCH, {"data", "to", "progress", "epoch"}},
	{EVENT_FIELD_PREVIOUS_STATE, {"data", "from", "state"}},
	{EVENT_FIELD_PREVIOUS_PHASE, {"data", "from", "phase"}},
	{EVENT_FIELD_PREVIOUS_PERCENT, {"data", "from", "progress", "percent"}},
	{EVENT_FIELD_TROUBLE, {"data", "trouble"}},
	{EVENT_FIELD_ERROR, {"data", "lastError"}},
	{EVENT_FIELD_DURATION, {"data", "durationSeconds"}},
	{EVENT_FIELD_STILL, {"data", "stall", "stillSeconds"}},
	{EVENT_FIELD_LAST_MOVEMENT, {"data", "stall", "lastMovement"}},
	{EVENT_FIELD_MOVED, {"data", "stall", "moved"}},
	{EVENT_FIELD_SUSPEND_STATE, {"data", "suspendState"}},
	{EVENT_FIELD_MODEL_READY, {"data", "modelReady"}},
	{EVENT_FIELD_TEST, {"data", "test"}},
};

/* A text, an integer or a boolean as text, of a list the first; "" where the path leads nowhere. */
static int read_field(struct json_object *doc, const char *const path[4], const char **ret)
{
	struct json_object *v = doc;

	for (int i = 0; i < 4 && path[i]; i++) {
		if (v && !json_object_is_type(v, json_type_object))
			return -EBADMSG;
		v = json_util_member(v, path[i]);
	}
	if (json_object_is_type(v, json_type_array))
		v = json_object_array_get_idx(v, 0);
	if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_boolean))
		return json_util_text(v, ret);
	*ret = json_object_get_string(v);
	return *ret ? 0 : -ENOMEM;
}

/* Copies the views, which end with the document, into one allocation. */
static int own_fields(struct event_fields *f)
{
	size_t size = 0;
	char *at;

	for (int i = 0; i < EVENT_FIELD_COUNT_; i++)
		size += strlen(f->values[i]) + 1;
	f->text = at = malloc(size);
	if (!at)
		return -ENOMEM;
	for (int i = 0; i < EVENT_FIELD_COUNT_; i++) {
		char *end = stpcpy(at, f->values[i]);

		f->values[i] = at;
		at = end + 1;
	}
	return 0;
}

int event_fields_parse(const char *body, size_t len, struct event_fields *ret)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct event_fields f = {.type = EVENT_NONE};
	int r;

	if (!tok)
		return -ENOMEM;
	r = json_util_parse(tok, body, len, &doc, NULL);
	if (r < 0)
		return r;
	for (int i = 0; i < EVENT_FIELD_COUNT_; i++)
		f.values[i] = "";
	for (size_t i = 0; i < ARRAY_LEN(field_paths); i++) {
		const char **value = &f.values[field_paths[i].field];

		if (**value)
			continue;
		r = read_field(doc, field_paths[i].path, value);
		if (r < 0)
			return r;
	}
	if (!f.values[EVENT_FIELD_ID][0] || !f.values[EVENT_FIELD_SUBJECT][0] ||
	    event_type_from_name(f.values[EVENT_FIELD_TYPE], &f.type) < 0)
		return -EBADMSG;
	r = own_fields(&f);
	if (r < 0)
		return r;
	*ret = f;
	return 0;
}

void event_fields_done(struct event_fields *f)
{
	free(f->text);
	f->text = NULL;
}
