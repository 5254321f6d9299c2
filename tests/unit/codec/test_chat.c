/*
 * Chat messages: golden bytes for every event type, and what must hold whatever the names and
 * messages of jobs are.
 *
 * The golden files are in golden/SERVICE/ beside this file. After a change that is meant, write them
 * anew and read the difference:
 *
 *   make check TESTS=tests/unit/codec/test-codec TUNEWATCH_GOLDEN_UPDATE=1; git diff
 */
#include "codec/chat.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <json-c/json.h>

#include "sample_events.h"

#include "codec/json_util.h"
#include "codec/text.h"
#include "support/rand.h"

#define TOPIC "fine-tuning"

static const char *const services[CHAT_SERVICE_COUNT_] = {
	[CHAT_SLACK] = "slack",
	[CHAT_DISCORD] = "discord",
	[CHAT_TEAMS] = "teams",
	[CHAT_NTFY] = "ntfy",
};

static void format(enum chat_service service, const struct event_fields *events, size_t n,
		   struct buf *b)
{
	cr_assert_eq(chat_format(service, events, n, NULL, service == CHAT_NTFY ? TOPIC : NULL, b),
		     0, "%s", services[service]);
	cr_expect(text_is_utf8(buf_str(b)));
	cr_expect_leq(b->len, CHAT_BYTES_MAX);
}

/* ---- golden files ---- */

static void expect_golden(enum chat_service service, const char *name,
			  const struct event_fields *events, size_t n)
{
	_cleanup_buf_ struct buf got = BUF_INIT(CHAT_BYTES_MAX + 1);
	_cleanup_free_ char *path = NULL, *wanted = NULL;
	const char *top = getenv("top_srcdir");
	bool update = getenv("TUNEWATCH_GOLDEN_UPDATE");
	size_t size = CHAT_BYTES_MAX + 2;
	FILE *file;

	cr_assert_not_null(top, "this test runs under `make check`, or with top_srcdir set");
	cr_assert_geq(asprintf(&path, "%s/tests/unit/codec/golden/%s/%s.json", top,
			       services[service], name),
		      0);
	format(service, events, n, &got);
	cr_assert_eq(buf_puts(&got, "\n"), 0);
	file = fopen(path, update ? "w" : "r");
	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	if (update) {
		cr_assert_eq(fwrite(got.data, 1, got.len, file), got.len);
	} else {
		wanted = calloc(1, size);
		cr_assert_not_null(wanted);
		cr_assert_geq(fread(wanted, 1, size - 1, file), 1, "%s", path);
		cr_expect_str_eq(got.data, wanted, "%s:\n%s", path, got.data);
	}
	cr_assert_eq(fclose(file), 0);
}

Test(chat, golden_for_every_event_type)
{
	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++)
		for (enum event_type type = EVENT_NONE + 1; type < EVENT_COUNT_; type++) {
			struct event_fields f = fields_of_type(type);

			expect_golden(service, event_type_name(type), &f, 1);
			event_fields_done(&f);
		}
}

Test(chat, golden_for_hostile_texts)
{
	struct event_fields f = hostile_fields();

	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++)
		expect_golden(service, "hostile", &f, 1);
	event_fields_done(&f);
}

Test(chat, golden_for_a_digest)
{
	struct event_fields f[] = {
		fields_of_type(EVENT_JOB_SUCCEEDED),    fields_of_type(EVENT_JOB_FAILED),
		fields_of_type(EVENT_JOB_PROGRESS),     fields_of_type(EVENT_JOB_SUCCEEDED),
		fields_of_type(EVENT_WATCHER_DEGRADED), hostile_fields(),
	};

	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++)
		expect_golden(service, "digest", f, ARRAY_LEN(f));
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		event_fields_done(&f[i]);
}

Test(chat, says_whether_the_model_is_ready)
{
	static const char *const wanted[MODEL_READY_COUNT_] = {
		[MODEL_UNASKED] = "models/nightly-20261120\\n",
		[MODEL_READY] = "models/nightly-20261120 (ready)\\n",
		[MODEL_LATE] = "models/nightly-20261120 (not ready yet)\\n",
	};
	struct snapshot *to =
		snapshot_of(&(struct job){"JOB_STATE_COMPLETED", "OK", "", 100}, texts);
	struct event event = {.type = EVENT_JOB_SUCCEEDED,
			      .id = "evt_0f3k",
			      .endpoint = VENDOR,
			      .account = "acme",
			      .time_us = TIME_US,
			      .sequence = 7,
			      .job = &sft,
			      .attempt = 1,
			      .to = to};
	_cleanup_buf_ struct buf doc = BUF_INIT(EVENT_JSON_MAX);

	cr_assert_eq(event_json_format(&event, &doc), 0);
	for (enum model_ready ready = 0; ready < MODEL_READY_COUNT_; ready++) {
		_cleanup_buf_ struct buf said = BUF_INIT(EVENT_JSON_MAX);
		_cleanup_buf_ struct buf message = BUF_INIT(CHAT_BYTES_MAX);
		struct event_fields f;

		cr_assert_eq(event_json_say_model(doc.data, doc.len, ready, &said), 0);
		cr_assert_eq(event_fields_parse(said.data, said.len, &f), 0);
		format(CHAT_SLACK, &f, 1, &message);
		cr_expect_not_null(strstr(buf_str(&message), wanted[ready]), "%s",
				   buf_str(&message));
		event_fields_done(&f);
	}
	snapshot_unref(to);
}

/* ---- what holds for all texts ---- */

/* Our own markup and links, which may stand in a message. */
static bool is_ours(const char *s)
{
	static const char *const prefixes[] = {
		"https://app.fireworks.ai/dashboard/fine-tuning",
		"<https://app.fireworks.ai/dashboard/fine-tuning",
		"http://adaptivecards.io/schemas/adaptive-card.json",
	};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Characters that would be markup in Discord; only the frames of labels, "**Label:** ", are. */
static void check_backslashes(const char *s)
{
	size_t stars = 0, lines = 1;

	for (; *s; s++) {
		if (*s == '\\') {
			cr_assert(ispunct((unsigned char)s[1]), "a backslash before '%c'", s[1]);
			s++;
		} else if (*s == '*') {
			stars++;
		} else if (*s == '\n') {
			lines++;
		} else {
			cr_assert(*s == ':' || !ispunct((unsigned char)*s), "bare: %s", s);
		}
	}
	cr_expect(stars == 0 || stars == 4 * lines, "%zu stars in %zu lines", stars, lines);
}

static void check_string(enum chat_service service, const char *key, const char *s)
{
	static const char *const nowhere[] = {
		"://",      "@everyone",    "@here",        "@U123",        "@evil",        "{{",
		"www.evil", "evil.example", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8",
	};

	if (is_ours(s))
		return;
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
		cr_assert_null(strstr(s, nowhere[i]), "%s: \"%s\" in %s", services[service],
			       nowhere[i], s);
	for (const char *c = s; *c; c++)
		cr_assert(*c == '\n' || (unsigned char)*c >= ' ', "%s: control character",
			  services[service]);
	if (service == CHAT_SLACK)
		cr_assert_null(strpbrk(s, "<>"), "%s", s);
	if (service == CHAT_DISCORD &&
	    (strcmp(key, "title") == 0 || strcmp(key, "description") == 0))
		check_backslashes(s);
}

struct limit {
	const char *key;
	size_t max;
};

static const struct limit limits[CHAT_SERVICE_COUNT_][3] = {
	[CHAT_SLACK] = {{"text", 3000}},
	[CHAT_DISCORD] = {{"title", 256}, {"description", 4096}},
	[CHAT_TEAMS] = {{NULL, 0}},
	[CHAT_NTFY] = {{"message", 4096}, {"title", 250}},
};

static void check_tree(enum chat_service service, const char *key, struct json_object *v)
{
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, name, member)
		{
			check_tree(service, name, member);
		}
	} else if (json_object_is_type(v, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(v); i++)
			check_tree(service, key, json_object_array_get_idx(v, i));
	} else if (json_object_is_type(v, json_type_string)) {
		const char *s = json_object_get_string(v);

		check_string(service, key, s);
		cr_expect_gt(strlen(s), 0, "%s: %s is empty", services[service], key);
		for (size_t i = 0; i < ARRAY_LEN(limits[service]); i++)
			if (limits[service][i].key && strcmp(key, limits[service][i].key) == 0)
				cr_expect_leq(strlen(s), limits[service][i].max, "%s: %s",
					      services[service], key);
	}
}

/* What a message of any service is held against. */
static void check(enum chat_service service, const struct event_fields *events, size_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT(CHAT_BYTES_MAX);
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_json_ struct json_object *doc = NULL;
	struct error e = ERROR_NONE;

	format(service, events, n, &b);
	cr_assert_eq(json_util_parse(tok, b.data, b.len, &doc, &e), 0, "%s: %s", e.text, b.data);
	check_tree(service, "", doc);
}

static void check_all(const struct event_fields *events, size_t n)
{
	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++)
		check(service, events, n);
}

Test(chat, shows_hostile_texts_as_text)
{
	struct event_fields f = hostile_fields(), two[] = {f, f};

	check_all(&f, 1);
	check_all(two, 2);
	event_fields_done(&f);
}

/* Pieces of all markups, one after the other in any order, cut anywhere. */
Test(chat, shows_random_markup_as_text)
{
	static const char *const pieces[] = {
		"<!channel>",
		"<!here|x>",
		"<@U123>",
		"<#C1>",
		"@everyone",
		"@here",
		"[a](",
		"https://evil.example",
		"http://evil.example",
		"www.evil.example",
		")",
		"*",
		"**",
		"_",
		"~~",
		"||",
		"`",
		"```",
		"\n# ",
		"\n> ",
		"\n- ",
		"\\",
		"\\\\",
		":x:",
		"<:x:1>",
		"&lt;",
		"&",
		"<",
		">",
		"{{",
		"}}",
		"<at>",
		"\"",
		"\x1b[1m",
		"\x7f",
		"\xc2\x9b",
		"\xe2\x80\xae",
		"\xe2\x81\xa6",
		"\xe2\x80\xa8",
		"\xff",
		"\xf0\x9f\x94\xa5",
		"\xc3\xa4",
		".",
		"a",
		" ",
		"\r",
	};
	struct rnd rnd = rnd_open("shows_random_markup_as_text");

	for (int round = 0; round < 300; round++) {
		char text[TEXT_COUNT_][4400];
		const char *views[TEXT_COUNT_];
		struct event_fields f, both[2];

		for (int t = 0; t < TEXT_COUNT_; t++) {
			size_t len = 0,
			       max = rnd_below(&rnd, t == TEXT_STATUS_MESSAGE ? 4300 : 300);

			while (len < max)
				len += (size_t)sprintf(text[t] + len, "%s",
						       pieces[rnd_below(&rnd, ARRAY_LEN(pieces))]);
			text[t][len] = '\0';
			views[t] = text[t];
		}
		f = job_fields(EVENT_JOB_FAILED, &sft, &running,
			       &(struct job){text[TEXT_STATE], text[TEXT_STATUS_CODE],
					     text[TEXT_STATUS_MESSAGE], 45},
			       views);
		both[0] = both[1] = f;
		check_all(&f, 1);
		check_all(both, 2);
		event_fields_done(&f);
	}
}

/* The longest texts there are, of the characters that grow most on their way. */
Test(chat, keeps_the_limits_at_its_largest)
{
	static const char *const fillers[] = {"x",        "<",   "&",
					      "*",        "\"",  "\\",
					      ".a",       "@",   "\xf0\x9f\x94\xa5",
					      "\xc3\xa4", "\x01"};
	enum { MANY = 5000 };
	struct event_fields *many = calloc(MANY, sizeof(*many));
	struct job_name name = {.kind = KIND_RFT};

	cr_assert_not_null(many);
	memset(name.account, '-', NAME_ID_MAX);
	memset(name.id, '-', NAME_ID_MAX);
	for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
		char text[8192] = "";
		const char *views[TEXT_COUNT_];
		struct event_fields f;

		for (size_t len = 0; len + 8 < sizeof(text); len += strlen(fillers[i]))
			strcpy(text + len, fillers[i]);
		for (int t = 0; t < TEXT_COUNT_; t++)
			views[t] = text;
		views[TEXT_CREATE_TIME] = "0001-01-01T00:00:00Z";
		views[TEXT_COMPLETED_TIME] = "9999-12-31T23:59:59Z";
		f = job_fields(EVENT_JOB_EARLY_STOPPED, &name,
			       &(struct job){text, text, text, INT32_MAX},
			       &(struct job){text, text, text, INT32_MAX - 1}, views);
		check_all(&f, 1);
		for (size_t k = 0; k < MANY; k++)
			many[k] = f;
		check_all(many, 2);
		check_all(many, MANY);
		event_fields_done(&f);
	}
	free(many);
}

Test(chat, says_how_many_more_a_digest_holds)
{
	struct event_fields f = fields_of_type(EVENT_JOB_SUCCEEDED), many[500];

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = f;
	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++) {
		_cleanup_buf_ struct buf b = BUF_INIT(CHAT_BYTES_MAX);
		size_t lines = 0, more = 0;
		const char *at;

		format(service, many, ARRAY_LEN(many), &b);
		cr_expect_not_null(strstr(b.data, "500 events"), "%s", b.data);
		for (at = b.data; (at = strstr(at, "abc succeeded")); at++)
			lines++;
		at = strstr(b.data, "and ");
		cr_assert_not_null(at);
		cr_assert_eq(sscanf(at, "and %zu more", &more), 1, "%s", at);
		cr_expect_eq(lines + more, ARRAY_LEN(many), "%s: %zu + %zu", services[service],
			     lines, more);
		cr_expect_gt(lines, 20, "%s: %zu lines", services[service], lines);
	}
	event_fields_done(&f);
}

/* Where there is no room for all lines of a digest, those of failures stay, in their place. */
Test(chat, cuts_the_worst_last)
{
	struct event_fields good = fields_of_type(EVENT_JOB_SUCCEEDED), many[CHAT_EVENTS_MAX];
	struct event_fields bad = fields_of_type(EVENT_JOB_FAILED);
	char message[201];

	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	bad.values[EVENT_FIELD_STATUS_MESSAGE] = message;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = i % 8 == 7 ? bad : good;
	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++) {
		_cleanup_buf_ struct buf b = BUF_INIT(CHAT_BYTES_MAX);
		size_t failures = 0;

		format(service, many, ARRAY_LEN(many), &b);
		for (const char *at = b.data; (at = strstr(at, "xxxxxxxxxx"));
		     at += strspn(at, "x"))
			failures++;
		cr_expect_eq(failures, ARRAY_LEN(many) / 8, "%s: %zu of %zu: %s", services[service],
			     failures, ARRAY_LEN(many) / 8, b.data);
		/* The first event came first. */
		cr_expect_lt(strstr(b.data, "abc succeeded"), strstr(b.data, "xxxxxxxxxx"));
	}
	event_fields_done(&good);
	event_fields_done(&bad);
}

Test(chat, counts_what_it_is_not_given)
{
	struct event_fields f = fields_of_type(EVENT_JOB_SUCCEEDED);
	const size_t more[EVENT_COUNT_] = {[EVENT_JOB_SUCCEEDED] = 40, [EVENT_JOB_FAILED] = 2};

	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++) {
		_cleanup_buf_ struct buf b = BUF_INIT(CHAT_BYTES_MAX);

		cr_assert_eq(chat_format(service, &f, 1, more, TOPIC, &b), 0);
		cr_expect_not_null(strstr(b.data, "43 events"), "%s", b.data);
		cr_expect_not_null(strstr(b.data, "2 failed"), "%s", b.data);
		cr_expect_not_null(strstr(b.data, "41 succeeded"), "%s", b.data);
		cr_expect_not_null(strstr(b.data, "and 42 more"), "%s", b.data);
	}
	event_fields_done(&f);
}

/* The console's page is one of fine-tuning jobs. */
Test(chat, links_no_other_jobs)
{
	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		_cleanup_buf_ struct buf b = BUF_INIT(CHAT_BYTES_MAX);
		const struct job_name name = {"acme", kind, "abc"};
		struct event_fields f = job_fields(EVENT_JOB_FAILED, &name, NULL, &running, texts);

		format(CHAT_SLACK, &f, 1, &b);
		cr_expect_eq(!strstr(b.data, "app.fireworks.ai"),
			     kind == KIND_BATCH || kind == KIND_EVAL, "%s", b.data);
		event_fields_done(&f);
	}
}

Test(chat, links_to_the_vendors_console_only)
{
	struct event_fields f = watcher_fields(EVENT_WATCHER_DEGRADED, "https://proxy.example");
	struct event_fields two[] = {f, fields_of_type(EVENT_JOB_FAILED)};

	for (enum chat_service service = 0; service < CHAT_SERVICE_COUNT_; service++) {
		_cleanup_buf_ struct buf one = BUF_INIT(CHAT_BYTES_MAX);
		_cleanup_buf_ struct buf both = BUF_INIT(CHAT_BYTES_MAX);
		_cleanup_buf_ struct buf vendors = BUF_INIT(CHAT_BYTES_MAX);

		format(service, &f, 1, &one);
		format(service, two, 2, &both);
		format(service, &two[1], 1, &vendors);
		cr_expect_null(strstr(one.data, "app.fireworks.ai"), "%s", one.data);
		cr_expect_null(strstr(both.data, "app.fireworks.ai"), "%s", both.data);
		cr_expect_not_null(strstr(vendors.data, "app.fireworks.ai/dashboard/fine-tuning/"
							"reinforcement/score"),
				   "%s", vendors.data);
	}
	event_fields_done(&two[0]);
	event_fields_done(&two[1]);
}
