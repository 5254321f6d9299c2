/* Any bytes as an answer of the API: as a job and as a page of each kind, as accounts, as an error. */
#include <errno.h>
#include <string.h>

#include "codec/event_json.h"
#include "codec/job_json.h"
#include "codec/text.h"
#include "fuzz.h"

#define ACCOUNT "acme"
#define ID      "abc"

/* What holds of every snapshot that comes out of any bytes. */
static void check_snapshot(const struct snapshot *s)
{
	struct snapshot_parts parts = snapshot_parts(s);
	struct snapshot *again;

	for (int i = 0; i < TEXT_COUNT_; i++) {
		FUZZ_CHECK(text_is_utf8(parts.text[i]));
		FUZZ_CHECK(strlen(parts.text[i]) <= snapshot_text_max[i]);
		if (i != TEXT_STATUS_MESSAGE && i != TEXT_DISPLAY_NAME)
			FUZZ_CHECK(!text_has_control(parts.text[i]));
	}
	FUZZ_CHECK(snapshot_new(&parts, &again) == 0);
	FUZZ_CHECK(snapshot_equal(s, again));
	snapshot_unref(again);
}

/* Its event can be written, read again, and said. */
static void check_event(const struct job_name *name, const struct snapshot *s)
{
	_cleanup_buf_ struct buf doc = BUF_INIT(EVENT_JSON_MAX), line = BUF_INIT(EVENT_JSON_MAX);
	struct event event = {.type = EVENT_JOB_FAILED,
			      .id = "evt_0",
			      .endpoint = "https://api.fireworks.ai",
			      .account = ACCOUNT,
			      .sequence = 1,
			      .job = name,
			      .attempt = 1,
			      .changed = CHANGE_STATE,
			      .from = s,
			      .to = s};
	struct event_fields f;

	FUZZ_CHECK(event_json_format(&event, &doc) == 0);
	FUZZ_CHECK(text_is_utf8(buf_str(&doc)) && !strchr(buf_str(&doc), '\n'));
	FUZZ_CHECK(event_fields_parse(doc.data, doc.len, &f) == 0);
	FUZZ_CHECK(f.type == event.type);
	FUZZ_CHECK(strcmp(f.values[EVENT_FIELD_JOB_ID], name->id) == 0);
	FUZZ_CHECK(strcmp(f.values[EVENT_FIELD_STATE], snapshot_text(s, TEXT_STATE)) == 0);
	FUZZ_CHECK(strcmp(f.values[EVENT_FIELD_STATUS_MESSAGE],
			  snapshot_text(s, TEXT_STATUS_MESSAGE)) == 0);
	FUZZ_CHECK(event_fields_sentence(&f, &line) == 0);
	FUZZ_CHECK(text_is_utf8(buf_str(&line)) && !text_has_control(buf_str(&line)));
	event_fields_done(&f);
}

struct page {
	enum kind kind;
	size_t n;
};

static int check_page_job(void *user, const struct job_name *name, struct snapshot *s)
{
	struct page *page = user;

	page->n++;
	FUZZ_CHECK(name->kind == page->kind && strcmp(name->account, ACCOUNT) == 0);
	FUZZ_CHECK(name_id_valid(name->id));
	check_snapshot(s);
	check_event(name, s);
	snapshot_unref(s);
	return 0;
}

static void check_kind(struct job_json *p, enum kind kind, const char *body, size_t len)
{
	const struct job_name asked = {ACCOUNT, kind, ID};
	struct page page = {.kind = kind};
	struct job_json_page parsed;
	struct error e = ERROR_NONE;
	struct snapshot *s;
	int r;

	r = job_json_parse(p, body, len, &asked, &s, &e);
	FUZZ_CHECK(r == 0 || r == TROUBLE_NOT_API || r == TROUBLE_WRONG_JOB);
	if (r == 0) {
		check_snapshot(s);
		check_event(&asked, s);
		snapshot_unref(s);
	} else {
		FUZZ_CHECK(e.text[0] && text_is_utf8(e.text) && !text_has_control(e.text));
	}
	r = job_json_parse_page(p, body, len, ACCOUNT, kind, check_page_job, &page, &parsed, NULL);
	FUZZ_CHECK(r == 0 || r == TROUBLE_NOT_API || r == TROUBLE_WRONG_JOB);
	FUZZ_CHECK(r == 0 ? strlen(parsed.token) < JOB_JSON_TOKEN_MAX : page.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *body = (const char *)data;
	char account[NAME_ID_MAX + 1], message[64], suspended[JOB_JSON_SUSPEND_MAX];
	struct event_fields f;
	struct job_json *p;
	bool ready;
	int r;

	FUZZ_CHECK(job_json_new(&p) == 0);
	for (enum kind kind = 0; kind < KIND_COUNT_; kind++)
		check_kind(p, kind, body, size);
	r = job_json_parse_accounts(p, body, size, account, NULL);
	FUZZ_CHECK(r == 0 || r == -ENOTUNIQ || r == -ENOENT || r == TROUBLE_NOT_API);
	FUZZ_CHECK(r != 0 || name_id_valid(account));
	r = job_json_parse_account(p, body, size, suspended, NULL);
	FUZZ_CHECK(r == 0 || r == TROUBLE_NOT_API);
	FUZZ_CHECK(r != 0 || (text_is_utf8(suspended) && !text_has_control(suspended)));
	r = job_json_parse_model(p, body, size, &ready, NULL);
	FUZZ_CHECK(r == 0 || r == TROUBLE_NOT_API);
	job_json_error_message(p, body, size, message, sizeof(message));
	FUZZ_CHECK(text_is_utf8(message) && !text_has_control(message));
	r = event_fields_parse(body, size, &f);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	if (r == 0) {
		_cleanup_buf_ struct buf line = BUF_INIT(1UL << 20), said = BUF_INIT(1UL << 20);

		r = event_fields_sentence(&f, &line);
		FUZZ_CHECK(r == 0 || r == -EMSGSIZE);
		FUZZ_CHECK(text_is_utf8(buf_str(&line)) && !text_has_control(buf_str(&line)));
		event_fields_done(&f);
		r = event_json_say_model(body, size, MODEL_READY, &said);
		FUZZ_CHECK(r == 0 || r == -EBADMSG || r == -EMSGSIZE);
		if (r == 0) {
			FUZZ_CHECK(event_fields_parse(said.data, said.len, &f) == 0);
			FUZZ_CHECK(strcmp(f.values[EVENT_FIELD_MODEL_READY], "true") == 0);
			event_fields_done(&f);
		}
	}
	job_json_free(p);
	return 0;
}
