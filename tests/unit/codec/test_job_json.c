/* Single jobs: the allow-list, values that are none, wrong types, malformed documents. */
#include "codec/job_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "bodies.h"

static const char *const none[] = {NULL, "null", "\"\"", "0"};

static int parse_as(const struct job_name *asked, const char *body, size_t len,
		    struct snapshot **ret)
{
	struct error e = ERROR_NONE;
	struct job_json *p;
	int r;

	cr_assert_eq(job_json_new(&p), 0);
	*ret = NULL;
	r = job_json_parse(p, body, len, asked, ret, &e);
	if (r == 0) {
		cr_assert_not_null(*ret);
		cr_assert_str_empty(e.text);
	} else {
		cr_assert_null(*ret, "written on failure");
		cr_assert_str_not_empty(e.text);
	}
	job_json_free(p);
	return r;
}

static int parse(enum kind kind, const char *body, size_t len, struct snapshot **ret)
{
	const struct job_name asked = {"acme", kind, BODY_ID};

	return parse_as(&asked, body, len, ret);
}

/* Takes over the tree. */
static int parse_tree(enum kind kind, struct json_object *tree, struct snapshot **ret)
{
	const char *body = json_object_to_json_string(tree);
	int r = parse(kind, body, strlen(body), ret);

	json_object_put(tree);
	return r;
}

/* The kind's body with one member changed. */
static int parse_with(enum kind kind, const char *path, const char *value, struct snapshot **ret)
{
	struct json_object *tree = body_tree(kind);

	body_set(tree, path, value);
	return parse_tree(kind, tree, ret);
}

static void expect_trouble(enum kind kind, const char *path, const char *value)
{
	struct snapshot *s;

	cr_expect_eq(parse_with(kind, path, value, &s), TROUBLE_NOT_API, "%s: %s = %s",
		     kind_info(kind)->name, path, value);
	snapshot_unref(s);
}

#define BASE "accounts/fireworks/models/base"

Test(job_json, reads_every_kind)
{
	static const struct {
		const char *base, *output;
		bool progress;
		unsigned epochs;
	} kinds[KIND_COUNT_] = {
		[KIND_SFT] = {BASE, "accounts/acme/models/out", true, 3},
		[KIND_RFT] = {BASE, "accounts/acme/models/out", true, 3},
		[KIND_DPO] = {BASE, "accounts/acme/models/out", false, 3},
		[KIND_FT] = {BASE, "accounts/acme/models/out", false, 3},
		[KIND_RLOR] = {BASE, "accounts/acme/models/out", true, 3},
		[KIND_BATCH] = {BASE, "accounts/acme/datasets/out", true, 0},
		[KIND_EVAL] = {"", "accounts/acme/datasets/out", false, 0},
	};

	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		bool progress = kinds[kind].progress;
		const char *const expected[TEXT_COUNT_] = {
			[TEXT_STATE] = kind == KIND_FT ? "RUNNING" : "JOB_STATE_RUNNING",
			[TEXT_STATUS_CODE] = "OK",
			[TEXT_STATUS_MESSAGE] = "training",
			[TEXT_DISPLAY_NAME] = "prod one",
			[TEXT_BASE_MODEL] = kinds[kind].base,
			[TEXT_OUTPUT_MODEL] = kinds[kind].output,
			[TEXT_DATASET] = "accounts/acme/datasets/chat",
			[TEXT_CREATE_TIME] = "2026-11-20T06:31:56.123456Z",
			[TEXT_COMPLETED_TIME] = "",
		};
		struct snapshot *s;

		cr_assert_eq(parse(kind, bodies[kind], strlen(bodies[kind]), &s), 0);
		for (int i = 0; i < TEXT_COUNT_; i++)
			cr_expect_str_eq(snapshot_text(s, i), expected[i], "%s text %d",
					 kind_info(kind)->name, i);
		cr_expect_eq(snapshot_phase(s), PHASE_RUNNING);
		cr_expect_eq(s->epochs, kinds[kind].epochs, "%s", kind_info(kind)->name);
		cr_expect_eq(s->progress_given, progress);
		for (int i = 0; i < PROGRESS_COUNT_; i++)
			cr_expect_eq(s->progress[i],
				     !progress ? 0
				     : i == 0  ? 42
					       : i,
				     "%s", progress_names[i]);
		snapshot_unref(s);
	}
}

Test(job_json, keeps_raw_states)
{
	static const struct {
		const char *state;
		enum phase phase;
	} cases[] = {
		{"PENDING", PHASE_QUEUED},
		{"RE_QUEUEING", PHASE_QUEUED},
		{"IDLE", PHASE_QUEUED},
		{"CREATING", PHASE_STARTING},
		{"CREATING_INPUT_DATASET", PHASE_STARTING},
		{"VALIDATING", PHASE_STARTING},
		{"RUNNING", PHASE_RUNNING},
		{"READY", PHASE_RUNNING},
		{"ROLLOUT", PHASE_RUNNING},
		{"EVALUATION", PHASE_RUNNING},
		{"POLICY_UPDATE", PHASE_RUNNING},
		{"WRITING_RESULTS", PHASE_FINISHING},
		{"PAUSED", PHASE_PAUSED},
		{"CANCELLING", PHASE_CANCELLING},
		{"DELETING", PHASE_REMOVING},
		{"DELETING_CLEANING_UP", PHASE_REMOVING},
		{"COMPLETED", PHASE_SUCCEEDED},
		{"EARLY_STOPPED", PHASE_EARLY_STOPPED},
		{"FAILED", PHASE_FAILED},
		{"FAILED_CLEANING_UP", PHASE_FAILED},
		{"EXPIRED", PHASE_EXPIRED},
		{"CANCELLED", PHASE_CANCELLED},
		{"DELETED", PHASE_REMOVED},
		{"ARCHIVED", PHASE_REMOVED},
		{"UNSPECIFIED", PHASE_UNKNOWN},
		{"FROM_THE_FUTURE", PHASE_UNKNOWN},
		{"läuft", PHASE_UNKNOWN},
	};
	static const char *const prefixes[] = {"", "JOB_STATE_"};

	for (enum kind kind = 0; kind < KIND_COUNT_; kind++)
		for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(prefixes); i++) {
			const char *prefix = prefixes[i % 2];
			char state[64], json[80];
			struct snapshot *s;

			snprintf(state, sizeof(state), "%s%s", prefix, cases[i / 2].state);
			snprintf(json, sizeof(json), "\"%s\"", state);
			cr_assert_eq(parse_with(kind, "state", json, &s), 0);
			cr_expect_str_eq(snapshot_text(s, TEXT_STATE), state);
			cr_expect_eq(snapshot_phase(s), cases[i / 2].phase, "%s", state);
			snapshot_unref(s);
		}
}

/* Where each allow-listed value stands, by kind. */
struct place {
	enum kind kind;
	const char *path;
};

static const struct place text_places[] = {
	{KIND_SFT, "state"},
	{KIND_SFT, "status.code"},
	{KIND_SFT, "status.message"},
	{KIND_SFT, "displayName"},
	{KIND_SFT, "dataset"},
	{KIND_SFT, "createTime"},
	{KIND_SFT, "completedTime"},
	{KIND_SFT, "outputModel"},
	{KIND_SFT, "baseModel"},
	{KIND_RFT, "trainingConfig.outputModel"},
	{KIND_RFT, "trainingConfig.baseModel"},
	{KIND_DPO, "trainingConfig.outputModel"},
	{KIND_DPO, "trainingConfig.baseModel"},
	{KIND_FT, "modelId"},
	{KIND_FT, "baseModel"},
	{KIND_FT, "state"},
	{KIND_RLOR, "dataset"},
	{KIND_RLOR, "completedTime"},
	{KIND_RLOR, "trainingConfig.outputModel"},
	{KIND_RLOR, "trainingConfig.baseModel"},
	{KIND_BATCH, "inputDatasetId"},
	{KIND_BATCH, "outputDatasetId"},
	{KIND_BATCH, "model"},
	{KIND_BATCH, "lifecycle.endTime"},
	{KIND_EVAL, "inputDataset"},
	{KIND_EVAL, "outputDataset"},
	{KIND_EVAL, "createTime"},
};

static const struct place object_places[] = {
	{KIND_SFT, "status"},         {KIND_SFT, "jobProgress"},   {KIND_RFT, "jobProgress"},
	{KIND_RFT, "trainingConfig"}, {KIND_DPO, "status"},        {KIND_DPO, "trainingConfig"},
	{KIND_DPO, "jobProgress"},    {KIND_FT, "status"},         {KIND_RLOR, "trainingConfig"},
	{KIND_BATCH, "lifecycle"},    {KIND_BATCH, "jobProgress"},
};

static const struct place epochs_places[] = {
	{KIND_SFT, "epochs"},
	{KIND_RFT, "trainingConfig.epochs"},
	{KIND_DPO, "trainingConfig.epochs"},
	{KIND_FT, "epochs"},
	{KIND_RLOR, "trainingConfig.epochs"},
};

static void expect_none_alike(enum kind kind, const char *path)
{
	struct snapshot *first, *s;

	cr_assert_eq(parse_with(kind, path, none[0], &first), 0);
	for (size_t i = 1; i < ARRAY_LEN(none); i++) {
		cr_assert_eq(parse_with(kind, path, none[i], &s), 0, "%s = %s", path, none[i]);
		cr_expect(snapshot_equal(first, s), "%s: %s = %s", kind_info(kind)->name, path,
			  none[i]);
		snapshot_unref(s);
	}
	snapshot_unref(first);
}

Test(job_json, takes_none_for_none)
{
	char path[64];

	for (size_t i = 0; i < ARRAY_LEN(text_places); i++)
		expect_none_alike(text_places[i].kind, text_places[i].path);
	for (size_t i = 0; i < ARRAY_LEN(object_places); i++)
		expect_none_alike(object_places[i].kind, object_places[i].path);
	for (size_t i = 0; i < ARRAY_LEN(epochs_places); i++)
		expect_none_alike(epochs_places[i].kind, epochs_places[i].path);
	for (int i = 0; i < PROGRESS_COUNT_; i++) {
		snprintf(path, sizeof(path), "jobProgress.%s", progress_names[i]);
		expect_none_alike(KIND_SFT, path);
		expect_none_alike(KIND_RFT, path);
	}
}

Test(job_json, refuses_wrong_types)
{
	static const char *const no_text[] = {"true", "false", "7", "1.5", "[]", "{}", "[\"x\"]"};
	static const char *const no_object[] = {"true", "false", "7", "1.5", "[]", "\"x\""};
	static const char *const no_int[] = {"true",    "false",  "1.5",         "1e2",
					     "[]",      "{}",     "\"x\"",       "\"1x\"",
					     "\"-\"",   "\" 1\"", "\"0x1\"",     "\"+1\"",
					     "\"1.0\"", "\"1 \"", "\"1\\u0000\""};
	char path[64];

	for (size_t i = 0; i < ARRAY_LEN(text_places); i++)
		for (size_t k = 0; k < ARRAY_LEN(no_text); k++) {
			if (strcmp(text_places[i].path, "status.code") == 0 &&
			    strcmp(no_text[k], "7") == 0)
				continue; /* codes may be numbers */
			expect_trouble(text_places[i].kind, text_places[i].path, no_text[k]);
		}
	for (size_t i = 0; i < ARRAY_LEN(object_places); i++)
		for (size_t k = 0; k < ARRAY_LEN(no_object); k++)
			expect_trouble(object_places[i].kind, object_places[i].path, no_object[k]);
	for (int i = 0; i < PROGRESS_COUNT_; i++)
		for (size_t k = 0; k < ARRAY_LEN(no_int); k++) {
			snprintf(path, sizeof(path), "jobProgress.%s", progress_names[i]);
			expect_trouble(KIND_SFT, path, no_int[k]);
		}
	for (size_t i = 0; i < ARRAY_LEN(epochs_places); i++)
		for (size_t k = 0; k < ARRAY_LEN(no_int); k++)
			expect_trouble(epochs_places[i].kind, epochs_places[i].path, no_int[k]);
	for (size_t k = 0; k < ARRAY_LEN(no_text); k++)
		expect_trouble(KIND_DPO, "name", no_text[k]);
}

Test(job_json, refuses_nul_and_control_characters)
{
	for (size_t i = 0; i < ARRAY_LEN(text_places); i++) {
		bool free_text = strcmp(text_places[i].path, "displayName") == 0 ||
				 strcmp(text_places[i].path, "status.message") == 0;
		struct snapshot *s;

		expect_trouble(text_places[i].kind, text_places[i].path, "\"a\\u0000b\"");
		expect_trouble(text_places[i].kind, text_places[i].path, "\"\\u0000\"");
		if (!free_text) {
			expect_trouble(text_places[i].kind, text_places[i].path, "\"a\\nb\"");
			expect_trouble(text_places[i].kind, text_places[i].path, "\"a\\u007f\"");
			expect_trouble(text_places[i].kind, text_places[i].path, "\"\\u009b1m\"");
			continue;
		}
		cr_expect_eq(parse_with(KIND_SFT, text_places[i].path, "\"a\\nb\"", &s), 0);
		snapshot_unref(s);
	}
}

/* For each field that stands in an object: that counts first, and the job where it says nothing. */
Test(job_json, reads_the_object_first_and_the_job_else)
{
	static const struct {
		enum kind kind;
		const char *object, *key;
		enum snapshot_text text;
	} cases[] = {
		{KIND_RFT, "trainingConfig", "outputModel", TEXT_OUTPUT_MODEL},
		{KIND_RFT, "trainingConfig", "baseModel", TEXT_BASE_MODEL},
		{KIND_DPO, "trainingConfig", "outputModel", TEXT_OUTPUT_MODEL},
		{KIND_DPO, "trainingConfig", "baseModel", TEXT_BASE_MODEL},
		{KIND_RLOR, "trainingConfig", "outputModel", TEXT_OUTPUT_MODEL},
		{KIND_RLOR, "trainingConfig", "baseModel", TEXT_BASE_MODEL},
		{KIND_BATCH, "lifecycle", "endTime", TEXT_COMPLETED_TIME},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_object *tree = body_tree(cases[i].kind);
		struct snapshot *s;
		char path[64];

		snprintf(path, sizeof(path), "%s.%s", cases[i].object, cases[i].key);
		body_set(tree, path, "\"inside\"");
		body_set(tree, cases[i].key, "\"elsewhere\"");
		cr_assert_eq(parse_tree(cases[i].kind, tree, &s), 0);
		cr_expect_str_eq(snapshot_text(s, cases[i].text), "inside", "case %zu", i);
		snapshot_unref(s);

		tree = body_tree(cases[i].kind);
		body_set(tree, path, "\"\"");
		body_set(tree, cases[i].key, "\"elsewhere\"");
		cr_assert_eq(parse_tree(cases[i].kind, tree, &s), 0);
		cr_expect_str_eq(snapshot_text(s, cases[i].text), "elsewhere", "case %zu", i);
		snapshot_unref(s);
	}
}

/* What a kind's message does not have says nothing, whatever an answer puts there. */
Test(job_json, reads_nothing_where_the_kind_has_nothing)
{
	static const struct {
		enum kind kind;
		const char *path;
		enum snapshot_text text;
	} cases[] = {
		{KIND_FT, "completedTime", TEXT_COMPLETED_TIME},
		{KIND_BATCH, "completedTime", TEXT_COMPLETED_TIME},
		{KIND_BATCH, "updateTime", TEXT_COMPLETED_TIME},
		{KIND_EVAL, "completedTime", TEXT_COMPLETED_TIME},
		{KIND_EVAL, "updateTime", TEXT_COMPLETED_TIME},
		{KIND_EVAL, "baseModel", TEXT_BASE_MODEL},
	};
	static const struct place epochs[] = {{KIND_BATCH, "epochs"}, {KIND_EVAL, "epochs"}};
	struct snapshot *s;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_eq(parse_with(cases[i].kind, cases[i].path, "\"2026-11-20T06:31:56Z\"",
					&s),
			     0);
		cr_expect_str_empty(snapshot_text(s, cases[i].text), "case %zu", i);
		snapshot_unref(s);
	}
	for (size_t i = 0; i < ARRAY_LEN(epochs); i++) {
		cr_assert_eq(parse_with(epochs[i].kind, epochs[i].path, "3", &s), 0);
		cr_expect_eq(s->epochs, 0);
		snapshot_unref(s);
	}
}

Test(job_json, clamps_epochs)
{
	static const struct {
		const char *json;
		unsigned epochs;
	} cases[] = {
		{"1", 1},
		{"\"2\"", 2},
		{"65535", 65535},
		{"65536", 65535},
		{"99999999999999999999", 65535},
		{"-1", 0},
		{"0", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(epochs_places); i++)
		for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
			struct snapshot *s;

			cr_assert_eq(parse_with(epochs_places[i].kind, epochs_places[i].path,
						cases[k].json, &s),
				     0);
			cr_expect_eq(s->epochs, cases[k].epochs, "%s = %s", epochs_places[i].path,
				     cases[k].json);
			snapshot_unref(s);
		}
}

Test(job_json, names_status_codes)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};
	static const char *const unknown[] = {"17", "-1", "99999999999999999999",
					      "-9223372036854775808"};
	struct snapshot *s;
	char json[32];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(json, sizeof(json), "%zu", i);
		cr_assert_eq(parse_with(KIND_SFT, "status.code", json, &s), 0);
		cr_expect_str_eq(snapshot_text(s, TEXT_STATUS_CODE), names[i]);
		snapshot_unref(s);
	}
	cr_assert_eq(parse_with(KIND_SFT, "status.code", "\"FROM_THE_FUTURE\"", &s), 0);
	cr_expect_str_eq(snapshot_text(s, TEXT_STATUS_CODE), "FROM_THE_FUTURE");
	snapshot_unref(s);
	cr_assert_eq(parse_with(KIND_SFT, "status", "null", &s), 0);
	cr_expect_str_eq(snapshot_text(s, TEXT_STATUS_CODE), "OK");
	snapshot_unref(s);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		expect_trouble(KIND_SFT, "status.code", unknown[i]);
}

Test(job_json, clamps_numbers_and_reads_them_as_text)
{
	static const struct {
		const char *json;
		int32_t value;
	} cases[] = {
		{"1", 1},
		{"-1", -1},
		{"-0", 0},
		{"2147483647", INT32_MAX},
		{"2147483648", INT32_MAX},
		{"-2147483649", INT32_MIN},
		{"99999999999999999999", INT32_MAX},
		{"-99999999999999999999", INT32_MIN},
		{"\"17\"", 17},
		{"\"-17\"", -17},
		{"\"0\"", 0},
		{"\"9000000000\"", INT32_MAX},
		{"\"99999999999999999999\"", INT32_MAX},
		{"\"-99999999999999999999\"", INT32_MIN},
	};

	for (int i = 0; i < PROGRESS_COUNT_; i++)
		for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
			struct snapshot *s;
			char path[64];

			snprintf(path, sizeof(path), "jobProgress.%s", progress_names[i]);
			cr_assert_eq(parse_with(KIND_RFT, path, cases[k].json, &s), 0);
			cr_expect_eq(s->progress[i], cases[k].value, "%s = %s", path,
				     cases[k].json);
			snapshot_unref(s);
		}
}

#define NAME "\"name\":\"accounts/acme/dpoJobs/abc\""

Test(job_json, refuses_what_is_not_a_document)
{
	/* Each is a job but for one flaw; json-c's strict mode lets those marked * through. */
	static const struct {
		const char *what, *body;
		size_t len;
	} cases[] = {
		{"empty", "", 0},
		{"white space", " \n", 0},
		{"HTML", "<!DOCTYPE html><html><body>It works!</body></html>", 0},
		{"text", "upstream connect error", 0},
		{"null *", "null", 0},
		{"true", "true", 0},
		{"number", "17", 0},
		{"text in quotes", "\"accounts/acme/dpoJobs/abc\"", 0},
		{"array", "[{" NAME "}]", 0},
		{"empty object", "{}", 0},
		{"error with 200", "{\"error\":{\"message\":\"no\"}}", 0},
		{"two documents", "{" NAME "}{}", 0},
		{"trailing bytes", "{" NAME "} x", 0},
		{"trailing comma", "{" NAME ",}", 0},
		{"trailing NUL *", "{" NAME "}\0", sizeof("{" NAME "}\0") - 1},
		{"bytes behind a NUL *", "{" NAME "}\0}", sizeof("{" NAME "}\0}") - 1},
		{"NUL in a text", "{" NAME ",\"x\":\"\0\"}", sizeof("{" NAME ",\"x\":\"\0\"}") - 1},
		{"byte order mark", "\xef\xbb\xbf{" NAME "}", 0},
		{"comment", "{" NAME "/* */}", 0},
		{"NaN *", "{" NAME ",\"x\":NaN}", 0},
		{"Infinity *", "{" NAME ",\"x\":Infinity}", 0},
		{"-Infinity *", "{" NAME ",\"x\":-Infinity}", 0},
		{"NaN as progress *", "{" NAME ",\"jobProgress\":{\"percent\":NaN}}", 0},
		{"single quotes *", "{'name':\"accounts/acme/dpoJobs/abc\"}", 0},
		{"single quotes elsewhere *", "{" NAME ",'x':1}", 0},
		{"bare key", "{" NAME ",x:1}", 0},
		{"True", "{" NAME ",\"x\":True}", 0},
		{"same name twice *", "{" NAME "," NAME "}", 0},
		{"same state twice *", "{" NAME ",\"state\":\"a\",\"state\":\"b\"}", 0},
		{"same key with an escape *", "{" NAME ",\"state\":\"a\",\"st\\u0061te\":\"b\"}",
		 0},
		{"same key below *", "{" NAME ",\"status\":{\"code\":1,\"code\":2}}", 0},
		{"same key in an array *", "{" NAME ",\"x\":[[{\"y\":1,\"y\":1}]]}", 0},
		{"key cut at a NUL *", "{\"name\\u0000\":\"accounts/acme/dpoJobs/abc\"}", 0},
		{"line feed in a text *", "{" NAME ",\"x\":\"\n\"}", 0},
		{"unknown escape", "{" NAME ",\"x\":\"\\x\"}", 0},
		{"half an escape", "{" NAME ",\"x\":\"\\u12\"}", 0},
		{"stray continuation", "{" NAME ",\"x\":\"\x80\"}", 0},
		{"byte FF", "{" NAME ",\"x\":\"\xff\"}", 0},
		{"overlong *", "{" NAME ",\"x\":\"\xc0\x80\"}", 0},
		{"overlong of three *", "{" NAME ",\"x\":\"\xe0\x80\x80\"}", 0},
		{"surrogate *", "{" NAME ",\"x\":\"\xed\xa0\x80\"}", 0},
		{"above Unicode *", "{" NAME ",\"x\":\"\xf4\x90\x80\x80\"}", 0},
		{"cut character", "{" NAME ",\"x\":\"\xe2\x82\"}", 0},
		{"UTF-8 in a key", "{" NAME ",\"\xff\":1}", 0},
		{"leading zero", "{" NAME ",\"x\":01}", 0},
		{"no digits", "{" NAME ",\"x\":-}", 0},
	};
	struct snapshot *s;

	cr_assert_eq(parse(KIND_DPO, "{" NAME "}", strlen("{" NAME "}"), &s), 0, "the control");
	snapshot_unref(s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].body);

		cr_expect_eq(parse(KIND_DPO, cases[i].body, len, &s), TROUBLE_NOT_API, "%s",
			     cases[i].what);
		snapshot_unref(s);
	}
}

Test(job_json, accepts_what_is_json)
{
	static const char *const bodies_ok[] = {
		" \r\n\t{" NAME "} \r\n\t",
		"{" NAME ",\"x\":[true,false,null,-1.5E+10,1e-3,{},[]]}",
		"{" NAME ",\"'\":\"NaN ' \\\" \\\\ : Infinity\"}",
		"{" NAME ",\"displayName\":\"\xf0\x9f\x98\x80 \\ud83d\\ude00 \\/\x7f\"}",
		"{" NAME ",\"jinjaTemplate\":\"\\u0000\"}", /* not ours to judge */
		"{" NAME ",\"x\":\"\\\\u0000\"}",
		"{\"n\\u0061me\":\"accounts/acme/dpoJobs/abc\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies_ok); i++) {
		struct snapshot *s;

		cr_expect_eq(parse(KIND_DPO, bodies_ok[i], strlen(bodies_ok[i]), &s), 0, "%s",
			     bodies_ok[i]);
		snapshot_unref(s);
	}
}

Test(job_json, refuses_every_truncation)
{
	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		for (size_t len = 0; len < strlen(bodies[kind]); len++) {
			/* Its own allocation, so that a sanitizer sees a read behind the end. */
			char *cut = malloc(len + 1);
			struct snapshot *s;

			cr_assert_not_null(cut);
			memcpy(cut + 1, bodies[kind], len);
			cr_expect_eq(parse(kind, cut + 1, len, &s), TROUBLE_NOT_API, "%s at %zu",
				     kind_info(kind)->name, len);
			snapshot_unref(s);
			free(cut);
		}
	}
}

Test(job_json, limits_depth)
{
	for (int arrays = 1; arrays <= 100000; arrays += arrays < 64 ? 1 : arrays) {
		_cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
		struct snapshot *s;
		int r;

		cr_assert_eq(buf_puts(&b, "{" NAME ",\"x\":"), 0);
		for (int i = 0; i < arrays; i++)
			cr_assert_eq(buf_puts(&b, "["), 0);
		for (int i = 0; i < arrays; i++)
			cr_assert_eq(buf_puts(&b, "]"), 0);
		cr_assert_eq(buf_puts(&b, "}"), 0);
		r = parse(KIND_DPO, buf_str(&b), b.len, &s);
		cr_expect_eq(r, arrays < 32 ? 0 : TROUBLE_NOT_API, "%d arrays", arrays);
		snapshot_unref(s);
	}
}

Test(job_json, checks_the_name)
{
	static const struct {
		const char *name;
		int r;
	} cases[] = {
		{"accounts/acme/dpoJobs/abc", 0},
		{"accounts/acme/dpoJobs/abd", TROUBLE_WRONG_JOB},
		{"accounts/acme/dpoJobs/ab", TROUBLE_WRONG_JOB},
		{"accounts/other/dpoJobs/abc", TROUBLE_WRONG_JOB},
		{"accounts/acme/supervisedFineTuningJobs/abc", TROUBLE_WRONG_JOB},
		{"accounts/acme/unknownJobs/abc", TROUBLE_NOT_API},
		{"acme/dpo/abc", TROUBLE_NOT_API},
		{"accounts/acme/dpoJobs/ABC", TROUBLE_NOT_API},
		{"accounts/acme/dpoJobs/abc/", TROUBLE_NOT_API},
		{"accounts/acme/dpoJobs/../x", TROUBLE_NOT_API},
		{"accounts/acme/dpoJobs/abc\\n", TROUBLE_NOT_API},
		{"accounts/acme/dpoJobs/abc\\u0000", TROUBLE_NOT_API},
		{"", TROUBLE_NOT_API},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot *s;
		char json[128];

		snprintf(json, sizeof(json), "\"%s\"", cases[i].name);
		cr_expect_eq(parse_with(KIND_DPO, "name", json, &s), cases[i].r, "%s", json);
		snapshot_unref(s);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		expect_trouble(KIND_DPO, "name", none[i]);
}

Test(job_json, ignores_the_order_of_fields)
{
	struct rnd rnd = rnd_open("job_json order of fields");

	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		struct snapshot *first, *s;

		cr_assert_eq(parse_tree(kind, body_tree(kind), &first), 0);
		for (int i = 0; i < 20; i++) {
			cr_assert_eq(parse_tree(kind, body_shuffle(body_tree(kind), &rnd), &s), 0);
			cr_expect(snapshot_equal(first, s), "%s", kind_info(kind)->name);
			snapshot_unref(s);
		}
		snapshot_unref(first);
	}
}

Test(job_json, keeps_no_secret)
{
	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		struct snapshot *s;
		size_t last;

		cr_assert_not_null(strstr(bodies[kind], BODY_SECRET), "nothing planted");
		cr_assert_eq(parse(kind, bodies[kind], strlen(bodies[kind]), &s), 0);
		last = s->at[TEXT_COUNT_ - 1];
		cr_expect_null(memmem(s, sizeof(*s) + last + strlen(s->text + last) + 1,
				      BODY_SECRET, strlen(BODY_SECRET)),
			       "%s", kind_info(kind)->name);
		snapshot_unref(s);
	}
}

Test(job_json, errors_quote_nothing)
{
	static const char *const flawed[] = {"{\"name\":\"" BODY_SECRET "\"}",
					     "{" NAME ",\"state\":[\"" BODY_SECRET "\"]}",
					     "{\"" BODY_SECRET "\":\"" BODY_SECRET, BODY_SECRET};
	const struct job_name asked = {"acme", KIND_DPO, BODY_ID};
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (size_t i = 0; i < ARRAY_LEN(flawed); i++) {
		struct error e = ERROR_NONE;
		struct snapshot *s;

		cr_assert_eq(job_json_parse(p, flawed[i], strlen(flawed[i]), &asked, &s, &e),
			     TROUBLE_NOT_API);
		cr_expect_str_not_empty(e.text);
		cr_expect_null(strstr(e.text, BODY_SECRET), "%s", e.text);
	}
	job_json_free(p);
}

/* A failed answer leaves nothing behind that could get into the next one. */
Test(job_json, is_reusable_after_failure)
{
	const struct job_name asked = {"acme", KIND_SFT, BODY_ID};
	const char *body = bodies[KIND_SFT];
	struct snapshot *s;
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (size_t len = 0; len < strlen(body); len += 7) {
		cr_assert_eq(job_json_parse(p, body, len, &asked, &s, NULL), TROUBLE_NOT_API);
		cr_assert_eq(job_json_parse(p, body, strlen(body), &asked, &s, NULL), 0);
		snapshot_unref(s);
	}
	job_json_free(p);
	cr_expect_null(job_json_free(NULL));
}

#define COMMON "name,status,state,displayName,createTime"

/* The mask names what the kind's message has, and nothing else: a server refuses unknown names. */
Test(job_json, read_mask)
{
	static const char *const masks[KIND_COUNT_] = {
		[KIND_SFT] =
			COMMON ",jobProgress,dataset,baseModel,outputModel,completedTime,epochs",
		[KIND_RFT] = COMMON ",jobProgress,dataset,trainingConfig,completedTime",
		[KIND_DPO] = COMMON ",dataset,trainingConfig,completedTime",
		[KIND_FT] = COMMON ",dataset,baseModel,modelId,epochs",
		[KIND_RLOR] = COMMON ",jobProgress,dataset,trainingConfig,completedTime",
		[KIND_BATCH] = COMMON ",jobProgress,inputDatasetId,model,outputDatasetId,lifecycle",
		[KIND_EVAL] = COMMON ",inputDataset,outputDataset",
	};

	for (enum kind k = 0; k < KIND_COUNT_; k++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1024);

		cr_assert_eq(job_json_read_mask(k, &b), 0);
		cr_expect_str_eq(buf_str(&b), masks[k]);
	}
}

Test(job_json, mask_held)
{
	static const struct {
		const char *state, *create_time;
		bool held;
	} cases[] = {
		{"JOB_STATE_RUNNING", "2026-11-20T06:31:56.123456Z", true},
		{"", "2026-11-20T06:31:56.123456Z", false},
		{"JOB_STATE_RUNNING", "", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_snapshot_ struct snapshot *s = NULL;
		struct snapshot_parts parts = {.text = {[TEXT_STATE] = cases[i].state,
							[TEXT_CREATE_TIME] = cases[i].create_time}};

		cr_assert_eq(snapshot_new(&parts, &s), 0);
		cr_expect_eq(job_json_mask_held(s), cases[i].held, "case %zu", i);
	}
}
