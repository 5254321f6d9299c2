/* Pages of jobs, the accounts answer, and the bodies of errors. */
#include "codec/job_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "bodies.h"

#define SFT(id) "{\"name\":\"accounts/acme/supervisedFineTuningJobs/" id "\"}"

struct seen {
	char ids[JOB_JSON_PAGE_MAX][NAME_ID_MAX + 1];
	char states[JOB_JSON_PAGE_MAX][64];
	size_t n;
	uint32_t total;
	bool listed;
	size_t fail_at; /* 1: the first call fails; 0: none */
};

static int collect(void *user, const struct job_name *name, struct snapshot *s)
{
	struct seen *seen = user;

	cr_assert_lt(seen->n, JOB_JSON_PAGE_MAX);
	snprintf(seen->ids[seen->n], sizeof(seen->ids[0]), "%s", name->id);
	snprintf(seen->states[seen->n], sizeof(seen->states[0]), "%s",
		 snapshot_text(s, TEXT_STATE));
	snapshot_unref(s);
	return ++seen->n == seen->fail_at ? -ECANCELED : 0;
}

static int parse_page(enum kind kind, const char *body, struct seen *seen, char *token)
{
	struct error e = ERROR_NONE;
	struct job_json_page page;
	struct job_json *p;
	int r;

	cr_assert_eq(job_json_new(&p), 0);
	r = job_json_parse_page(p, body, strlen(body), "acme", kind, collect, seen, &page, &e);
	if (r == 0) {
		strcpy(token, page.token);
		seen->total = page.total;
		seen->listed = page.listed;
	}
	if (r > 0)
		cr_expect_str_not_empty(e.text);
	job_json_free(p);
	return r;
}

Test(job_page, reads_every_kind_in_order)
{
	for (enum kind kind = 0; kind < KIND_COUNT_; kind++) {
		const char *collection = kind_info(kind)->collection;
		char token[JOB_JSON_TOKEN_MAX] = "untouched", body[512];
		struct seen seen = {0};

		snprintf(body, sizeof(body),
			 "{\"%s\":[{\"name\":\"accounts/acme/%s/b\",\"state\":\"RUNNING\"},"
			 "{\"name\":\"accounts/acme/%s/a\",\"state\":\"PENDING\"}],"
			 "\"nextPageToken\":\"opaque/+=\",\"totalSize\":2}",
			 collection, collection, collection);
		cr_assert_eq(parse_page(kind, body, &seen, token), 0);
		cr_assert_eq(seen.n, 2);
		cr_expect_str_eq(seen.ids[0], "b");
		cr_expect_str_eq(seen.states[0], "RUNNING");
		cr_expect_str_eq(seen.ids[1], "a");
		cr_expect_str_eq(seen.states[1], "PENDING");
		cr_expect_str_eq(token, "opaque/+=");
		cr_expect_eq(seen.total, 2);
	}
}

Test(job_page, takes_none_for_empty)
{
	static const struct {
		const char *body;
		bool listed;
	} empty[] = {
		{"{}", false},
		{"{\"nextPageToken\":\"\",\"totalSize\":0}", false},
		{"{\"supervisedFineTuningJobs\":[]}", true},
		{"{\"supervisedFineTuningJobs\":null,\"nextPageToken\":null}", false},
		{"{\"supervisedFineTuningJobs\":\"\",\"nextPageToken\":0}", false},
		{"{\"supervisedFineTuningJobs\":[],\"somethingNew\":1}", true},
		{"{\"supervisedFineTuningJobs\":[],\"totalSize\":null}", true},
		{"{\"supervisedFineTuningJobs\":[],\"totalSize\":-1}", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		char token[JOB_JSON_TOKEN_MAX] = "untouched";
		struct seen seen = {.total = 7};

		cr_expect_eq(parse_page(KIND_SFT, empty[i].body, &seen, token), 0, "%s",
			     empty[i].body);
		cr_expect_eq(seen.n, 0);
		cr_expect_eq(seen.listed, empty[i].listed, "%s", empty[i].body);
		cr_expect_eq(seen.total, 0);
		cr_expect_str_empty(token);
	}
}

/* Half a page would look like jobs that are gone. */
Test(job_page, calls_nothing_when_a_job_is_bad)
{
	static const struct {
		const char *jobs;
		int r;
	} cases[] = {
		{SFT("a") ",17", TROUBLE_NOT_API},
		{SFT("a") ",null", TROUBLE_NOT_API},
		{SFT("a") ",{}", TROUBLE_NOT_API},
		{SFT("a") ",[]", TROUBLE_NOT_API},
		{SFT("a") "," SFT("B"), TROUBLE_NOT_API},
		{SFT("a") ",{\"name\":\"accounts/acme/supervisedFineTuningJobs/b\",\"state\":{}}",
		 TROUBLE_NOT_API},
		{SFT("a") ",{\"name\":\"accounts/other/supervisedFineTuningJobs/b\"}",
		 TROUBLE_WRONG_JOB},
		{SFT("a") ",{\"name\":\"accounts/acme/dpoJobs/b\"}", TROUBLE_WRONG_JOB},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int tail = 0; tail < 2; tail++) {
			char token[JOB_JSON_TOKEN_MAX] = "untouched", body[512];
			struct seen seen = {0};

			snprintf(body, sizeof(body),
				 "{\"supervisedFineTuningJobs\":[%s%s],\"nextPageToken\":\"x\"}",
				 cases[i].jobs, tail ? "," SFT("c") : "");
			cr_expect_eq(parse_page(KIND_SFT, body, &seen, token), cases[i].r, "%s",
				     body);
			cr_expect_eq(seen.n, 0, "%s", body);
			cr_expect_str_eq(token, "untouched");
		}
}

Test(job_page, refuses_what_is_not_a_page)
{
	static const char *const cases[] = {
		"",
		"null",
		"[]",
		"<html></html>",
		"{\"error\":{\"message\":\"no\"}}",
		"{\"dpoJobs\":[]}",
		"{\"supervisedFineTuningJobs\":{}}",
		"{\"supervisedFineTuningJobs\":\"x\"}",
		"{\"supervisedFineTuningJobs\":true}",
		"{\"supervisedFineTuningJobs\":[],\"nextPageToken\":17}",
		"{\"supervisedFineTuningJobs\":[],\"nextPageToken\":\"a\\nb\"}",
		"{\"supervisedFineTuningJobs\":[],\"totalSize\":true}",
		"{\"supervisedFineTuningJobs\":[],\"totalSize\":1.5}",
		"{\"supervisedFineTuningJobs\":[],\"totalSize\":\"many\"}",
		"{\"supervisedFineTuningJobs\":[],\"totalSize\":[2]}",
		"{\"supervisedFineTuningJobs\":[],\"supervisedFineTuningJobs\":[]}",
		"{\"supervisedFineTuningJobs\":[" SFT("a") "]",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char token[JOB_JSON_TOKEN_MAX];
		struct seen seen = {.total = 7};

		cr_expect_eq(parse_page(KIND_SFT, cases[i], &seen, token), TROUBLE_NOT_API, "%s",
			     cases[i]);
		cr_expect_eq(seen.n, 0);
		cr_expect_eq(seen.total, 7, "written on failure");
	}
}

Test(job_page, stops_when_the_callback_fails)
{
	char token[JOB_JSON_TOKEN_MAX] = "untouched";
	struct seen seen = {.fail_at = 2};

	cr_expect_eq(parse_page(KIND_SFT,
				"{\"supervisedFineTuningJobs\":[" SFT("a") "," SFT("b") "," SFT(
					"c") "],\"nextPageToken\":\"x\"}",
				&seen, token),
		     -ECANCELED);
	cr_expect_eq(seen.n, 2);
	cr_expect_str_eq(token, "untouched");
}

Test(job_page, limits_jobs_and_token)
{
	for (size_t n = JOB_JSON_PAGE_MAX; n <= JOB_JSON_PAGE_MAX + 1; n++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
		char token[JOB_JSON_TOKEN_MAX];
		struct seen seen = {0};

		cr_assert_eq(buf_puts(&b, "{\"dpoJobs\":["), 0);
		for (size_t i = 0; i < n; i++)
			cr_assert_eq(buf_printf(&b, "%s{\"name\":\"accounts/acme/dpoJobs/j%zu\"}",
						i ? "," : "", i),
				     0);
		cr_assert_eq(buf_puts(&b, "]}"), 0);
		cr_expect_eq(parse_page(KIND_DPO, buf_str(&b), &seen, token),
			     n <= JOB_JSON_PAGE_MAX ? 0 : TROUBLE_NOT_API);
		cr_expect_eq(seen.n, n <= JOB_JSON_PAGE_MAX ? n : 0);
	}
	for (int n = JOB_JSON_TOKEN_MAX - 1; n <= JOB_JSON_TOKEN_MAX; n++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
		char token[JOB_JSON_TOKEN_MAX];
		struct seen seen = {0};

		cr_assert_eq(buf_printf(&b, "{\"dpoJobs\":[],\"nextPageToken\":\"%0*d\"}", n, 7),
			     0);
		cr_expect_eq(parse_page(KIND_DPO, buf_str(&b), &seen, token),
			     n < JOB_JSON_TOKEN_MAX ? 0 : TROUBLE_NOT_API);
		if (n < JOB_JSON_TOKEN_MAX)
			cr_expect_eq(strlen(token), (size_t)n);
	}
}

/* A page of jobs in the order of the numbers, each with its number as its state. */
static void format_page(const int numbers[], int n, struct buf *b)
{
	cr_assert_eq(buf_puts(b, "{\"fineTuningJobs\":["), 0);
	for (int i = 0; i < n; i++)
		cr_assert_eq(buf_printf(b,
					"%s{\"name\":\"accounts/acme/fineTuningJobs/j%d\","
					"\"state\":\"S%d\"}",
					i ? "," : "", numbers[i], numbers[i]),
			     0);
	cr_assert_eq(buf_puts(b, "]}"), 0);
}

Test(job_page, ignores_the_order_of_jobs)
{
	struct rnd rnd = rnd_open("job_page order of jobs");
	int numbers[50];

	for (int i = 0; i < 50; i++)
		numbers[i] = i;
	for (int round = 0; round < 20; round++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
		char token[JOB_JSON_TOKEN_MAX];
		struct seen seen = {0};

		for (int i = 50; i > 1; i--) {
			int k = (int)rnd_below(&rnd, (uint64_t)i), last = numbers[i - 1];

			numbers[i - 1] = numbers[k];
			numbers[k] = last;
		}
		format_page(numbers, 50, &b);
		cr_assert_eq(parse_page(KIND_FT, buf_str(&b), &seen, token), 0);
		cr_assert_eq(seen.n, 50);
		for (int i = 0; i < 50; i++) {
			char id[16], state[16];

			snprintf(id, sizeof(id), "j%d", numbers[i]);
			snprintf(state, sizeof(state), "S%d", numbers[i]);
			cr_expect_str_eq(seen.ids[i], id);
			cr_expect_str_eq(seen.states[i], state, "the value of another job");
		}
	}
}

Test(job_page, finds_the_only_account)
{
	static const struct {
		const char *body;
		int r;
		const char *account;
	} cases[] = {
		{"{\"accounts\":[{\"name\":\"accounts/acme\",\"email\":\"x\"}],\"totalSize\":1}", 0,
		 "acme"},
		{"{\"accounts\":[{\"name\":\"accounts/a\"},{\"name\":\"accounts/b\"}]}", -ENOTUNIQ,
		 ""},
		{"{\"accounts\":[{\"name\":\"accounts/a\"}],\"nextPageToken\":\"x\"}", -ENOTUNIQ,
		 ""},
		{"{\"accounts\":[]}", -ENOENT, ""},
		{"{}", -ENOENT, ""},
		{"{\"accounts\":[{}]}", TROUBLE_NOT_API, ""},
		{"{\"accounts\":[17]}", TROUBLE_NOT_API, ""},
		{"{\"accounts\":17}", TROUBLE_NOT_API, ""},
		{"{\"accounts\":[{\"name\":\"acme\"}]}", TROUBLE_NOT_API, ""},
		{"{\"accounts\":[{\"name\":\"accounts/\"}]}", TROUBLE_NOT_API, ""},
		{"{\"accounts\":[{\"name\":\"accounts/a/b\"}]}", TROUBLE_NOT_API, ""},
		{"{\"accounts\":[{\"name\":17}]}", TROUBLE_NOT_API, ""},
		{"{\"error\":{\"message\":\"x\"}}", TROUBLE_NOT_API, ""},
		{"<html>", TROUBLE_NOT_API, ""},
	};
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char account[NAME_ID_MAX + 1] = "";
		struct error e = ERROR_NONE;

		cr_expect_eq(job_json_parse_accounts(p, cases[i].body, strlen(cases[i].body),
						     account, &e),
			     cases[i].r, "%s", cases[i].body);
		cr_expect_str_eq(account, cases[i].account, "%s", cases[i].body);
		cr_expect_eq(e.text[0] == '\0', cases[i].r == 0, "%s", cases[i].body);
	}
	job_json_free(p);
}

Test(job_page, reads_the_size_of_the_list)
{
	static const struct {
		const char *body;
		uint32_t total;
	} cases[] = {
		{"{\"dpoJobs\":[],\"totalSize\":5000}", 5000},
		{"{\"dpoJobs\":[],\"totalSize\":\"5000\"}", 5000},
		{"{\"dpoJobs\":[],\"totalSize\":99999999999}", INT32_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char token[JOB_JSON_TOKEN_MAX];
		struct seen seen = {0};

		cr_expect_eq(parse_page(KIND_DPO, cases[i].body, &seen, token), 0);
		cr_expect_eq(seen.total, cases[i].total, "%s", cases[i].body);
	}
}

#define ACCOUNT "\"name\":\"accounts/acme\""

Test(job_page, reads_why_an_account_is_suspended)
{
	static const struct {
		const char *body;
		int r;
		const char *state;
	} cases[] = {
		{"{" ACCOUNT ",\"suspendState\":\"CREDIT_DEPLETED\",\"email\":\"x\"}", 0,
		 "CREDIT_DEPLETED"},
		{"{" ACCOUNT ",\"suspendState\":\"FROM_THE_FUTURE\"}", 0, "FROM_THE_FUTURE"},
		{"{" ACCOUNT ",\"suspendState\":\"UNSUSPENDED\"}", 0, ""},
		{"{" ACCOUNT ",\"suspendState\":\"SUSPEND_STATE_UNSPECIFIED\"}", 0, ""},
		{"{" ACCOUNT ",\"suspendState\":\"UNSPECIFIED\"}", 0, ""},
		{"{" ACCOUNT ",\"suspendState\":\"\"}", 0, ""},
		{"{" ACCOUNT ",\"suspendState\":null}", 0, ""},
		{"{" ACCOUNT ",\"suspendState\":0}", 0, ""},
		{"{" ACCOUNT "}", 0, ""},
		{"{" ACCOUNT ",\"suspendState\":17}", TROUBLE_NOT_API, "untouched"},
		{"{" ACCOUNT ",\"suspendState\":[]}", TROUBLE_NOT_API, "untouched"},
		{"{" ACCOUNT ",\"suspendState\":\"A\\nB\"}", TROUBLE_NOT_API, "untouched"},
		{"{" ACCOUNT ",\"suspendState\":\"A\\u0000\"}", TROUBLE_NOT_API, "untouched"},
		{"{" ACCOUNT ",\"suspendState\":\""
		 "0123456789012345678901234567890123456789012345678901234567890123\"}",
		 TROUBLE_NOT_API, "untouched"},
		{"{\"name\":\"accounts/acme/models/m\"}", TROUBLE_NOT_API, "untouched"},
		{"{\"name\":\"accounts/\"}", TROUBLE_NOT_API, "untouched"},
		{"{\"name\":7}", TROUBLE_NOT_API, "untouched"},
		{"{}", TROUBLE_NOT_API, "untouched"},
		{"null", TROUBLE_NOT_API, "untouched"},
		{"<html>", TROUBLE_NOT_API, "untouched"},
	};
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char state[JOB_JSON_SUSPEND_MAX] = "untouched";
		struct error e = ERROR_NONE;

		cr_expect_eq(job_json_parse_account(p, cases[i].body, strlen(cases[i].body), state,
						    &e),
			     cases[i].r, "%s", cases[i].body);
		cr_expect_str_eq(state, cases[i].state, "%s", cases[i].body);
		cr_expect_eq(e.text[0] == '\0', cases[i].r == 0, "%s", cases[i].body);
	}
	job_json_free(p);
}

#define MODEL "\"name\":\"accounts/acme/models/out\""

Test(job_page, reads_whether_a_model_is_ready)
{
	static const struct {
		const char *body;
		int r;
		bool ready;
	} cases[] = {
		{"{" MODEL ",\"state\":\"READY\",\"public\":false}", 0, true},
		{"{" MODEL ",\"state\":\"UPLOADING\"}", 0, false},
		{"{" MODEL ",\"state\":\"STATE_UNSPECIFIED\"}", 0, false},
		{"{" MODEL ",\"state\":\"FROM_THE_FUTURE\"}", 0, false},
		{"{" MODEL ",\"state\":null}", 0, false},
		{"{" MODEL "}", 0, false},
		{"{" MODEL ",\"state\":2}", TROUBLE_NOT_API, true},
		{"{" MODEL ",\"state\":\"READY\\n\"}", TROUBLE_NOT_API, true},
		{"{\"name\":\"accounts/acme\",\"state\":\"READY\"}", TROUBLE_NOT_API, true},
		{"{\"name\":\"out\",\"state\":\"READY\"}", TROUBLE_NOT_API, true},
		{"{\"state\":\"READY\"}", TROUBLE_NOT_API, true},
		{"{\"name\":[],\"state\":\"READY\"}", TROUBLE_NOT_API, true},
		{"[]", TROUBLE_NOT_API, true},
		{"<html>", TROUBLE_NOT_API, true},
	};
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_NONE;
		bool ready = true; /* what a failure leaves as it was */

		cr_expect_eq(job_json_parse_model(p, cases[i].body, strlen(cases[i].body), &ready,
						  &e),
			     cases[i].r, "%s", cases[i].body);
		cr_expect_eq(ready, cases[i].ready, "%s", cases[i].body);
		cr_expect_eq(e.text[0] == '\0', cases[i].r == 0, "%s", cases[i].body);
	}
	job_json_free(p);
}

Test(job_page, reads_error_messages)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
		{"{\"code\":5,\"details\":[],\"message\":\"resource not found\"}",
		 "resource not found"},
		{"{\"error\":{\"message\":\"The API key you provided is invalid.\",\"param\":null,"
		 "\"code\":\"UNAUTHORIZED\",\"type\":\"error\"},\"request_id\":\"x\"}",
		 "The API key you provided is invalid."},
		{"{\"message\":\"a\\nb\\u001b[1m\\u009b\"}", "a b [1m "},
		{"{\"message\":\"123456789012345678901234567890123456789\xc3\xa4\"}",
		 "123456789012345678901234567890123456789"},
		{"{\"message\":\"12345678901234567890123456789012345678901\"}",
		 "1234567890123456789012345678901234567890"},
		{"{\"message\":17}", ""},
		{"{\"message\":\"a\\u0000b\"}", ""},
		{"{\"error\":\"text\"}", ""},
		{"{\"error\":{\"message\":[]}}", ""},
		{"{}", ""},
		{"null", ""},
		{"[]", ""},
		{"", ""},
		{"<html><h1>502 Bad Gateway</h1></html>", ""},
	};
	struct job_json *p;

	cr_assert_eq(job_json_new(&p), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char message[41] = "untouched";

		job_json_error_message(p, cases[i].body, strlen(cases[i].body), message,
				       sizeof(message));
		cr_expect_str_eq(message, cases[i].message, "%s", cases[i].body);
	}
	job_json_free(p);
}
