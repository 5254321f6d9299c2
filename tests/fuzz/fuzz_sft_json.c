/*
 * Fuzz target: any bytes as the body of a request to create a job. What is accepted is accepted again
 * as it would be sent, under the same id, and is no different from itself; json-c reads it, too.
 */
#include <errno.h>
#include <string.h>

#include "codec/json_util.h"
#include "codec/sft_json.h"
#include "codec/text.h"
#include "fuzz.h"

#define NAME "{\"name\":\"accounts/acme/supervisedFineTuningJobs/abc\","
#define KEY  "plantedsecret\n\""

struct told {
	size_t n[SFT_FAULT + 1];
};

static void on_fault(void *user, unsigned line, enum sft_severity severity, const char *text)
{
	struct told *told = user;

	told->n[severity]++;
	FUZZ_CHECK(line > 0 && *text && text_is_utf8(text) && !text_has_control(text));
}

static void on_difference(void *user, const char *field, const char *there, const char *here)
{
	const char *const texts[] = {field, there, here};

	++*(size_t *)user;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		FUZZ_CHECK(text_is_utf8(texts[i]) && !text_has_control(texts[i]));
}

/* NULL where it is refused. */
static struct sft_job *check(const char *text, size_t len)
{
	struct told told = {0};
	struct sft_job *job = NULL;
	int r = sft_json_check(text, len, on_fault, &told, &job);

	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	FUZZ_CHECK((r == 0) == (told.n[SFT_FAULT] == 0) && (r == 0) == (job != NULL));
	FUZZ_CHECK(told.n[SFT_FAULT] <= SFT_FAULTS_MAX && told.n[SFT_WARNING] <= SFT_FAULTS_MAX);
	return job;
}

/* Not where it nests as deep as may be: json-c counts otherwise. */
static void check_json_c(const struct buf *body)
{
	struct json_tokener *tok = json_tokener_new_ex(2 * JSON_DOC_MAX_DEPTH);
	struct json_object *tree = NULL;

	FUZZ_CHECK(tok);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	FUZZ_CHECK(json_util_parse(tok, body->data, body->len, &tree, NULL) == 0);
	json_object_put(tree);
	json_tokener_free(tok);
}

static void check_same(const struct sft_job *job, const struct buf *body)
{
	_cleanup_buf_ struct buf again = BUF_INIT(SFT_BODY_MAX_BYTES);
	char id[NAME_ID_MAX + 1], id_again[NAME_ID_MAX + 1];
	struct sft_job *same = check(body->data, body->len);

	FUZZ_CHECK(same && sft_job_body(same, NULL, &again) == 0);
	FUZZ_CHECK(again.len == body->len && memcmp(again.data, body->data, body->len) == 0);
	FUZZ_CHECK(sft_job_id(job, "acme", id) == 0 && sft_job_id(same, "acme", id_again) == 0);
	FUZZ_CHECK(strcmp(id, id_again) == 0 && name_id_valid(id));
	FUZZ_CHECK(sft_job_wants_wandb(job) == sft_job_wants_wandb(same));
	sft_job_free(same);
}

/* As an answer: itself, and anything at all. */
static void check_differences(const struct sft_job *job, const struct buf *body, const char *data,
			      size_t size)
{
	_cleanup_buf_ struct buf answer = BUF_INIT(SFT_BODY_MAX_BYTES);
	size_t n = 0;
	int r;

	FUZZ_CHECK(buf_printf(&answer, NAME "%s", body->data + 1) == 0);
	r = sft_job_differences(job, answer.data, answer.len, on_difference, &n);
	/* It may have become too large. */
	FUZZ_CHECK((r == 0 || answer.len > JSON_DOC_MAX_BYTES / 2) && n == 0);
	r = sft_job_differences(job, data, size, on_difference, &n);
	FUZZ_CHECK(r == 0 || (r == -EBADMSG && n == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf body = BUF_INIT(SFT_BODY_MAX_BYTES);
	_cleanup_buf_ struct buf with_key = BUF_INIT(SFT_BODY_MAX_BYTES);
	struct sft_job *job = check((const char *)data, size);

	if (!job)
		return 0;
	FUZZ_CHECK(sft_job_body(job, NULL, &body) == 0);
	FUZZ_CHECK(sft_job_body(job, KEY, &with_key) == 0);
	check_json_c(&body);
	check_json_c(&with_key);
	FUZZ_CHECK(with_key.len == body.len || !check(with_key.data, with_key.len));
	check_same(job, &body);
	check_differences(job, &body, (const char *)data, size);
	sft_job_free(job);
	return 0;
}
