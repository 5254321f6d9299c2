/* The webhook: verdicts, what is told of an answer, and the request. HTTP itself is the test's own
 * here: a link-time fake, so that no server is needed to see what would be sent. */
#include "notify/webhook.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "notify/webhook_request.h"
#include "unit/notify/fixture.h"

/* The fake: one transfer, answered when the test says so. */

struct http_transfer {
	http_fn fn;
	void *user;
};

static struct {
	struct http_transfer transfer;
	struct buf request; /* "URL\n", each header and a newline, an empty line, the body */
	size_t max_bytes;
	uint64_t timeout_ms;
	bool cut, allow_http, cancelled;
	int refuse;
} fake;

int http_start(struct http *h, const struct http_request *request, http_fn fn, void *user,
	       struct http_transfer **ret, struct error *ret_e)
{
	if (fake.refuse < 0)
		return fake.refuse;
	fake.transfer = (struct http_transfer){fn, user};
	fake.request = BUF_INIT(1 << 20);
	cr_assert_eq(buf_printf(&fake.request, "%s\n", request->url), 0);
	for (const char *const *header = request->headers; *header; header++)
		cr_assert_eq(buf_printf(&fake.request, "%s\n", *header), 0);
	cr_assert_eq(buf_puts(&fake.request, "\n"), 0);
	cr_assert_eq(buf_append(&fake.request, request->body, request->body_len), 0);
	cr_assert_null(request->bearer);
	fake.max_bytes = request->max_bytes;
	fake.timeout_ms = request->timeout_ms;
	fake.cut = request->cut;
	fake.allow_http = request->allow_http;
	*ret = &fake.transfer;
	return 0;
}

void http_cancel(struct http_transfer *t)
{
	cr_assert_eq(t, &fake.transfer);
	fake.cancelled = true;
}

static void answer(const struct http_result *result)
{
	fake.transfer.fn(fake.transfer.user, result);
}

/* Decisions */

static const struct {
	int r;
	long status;
	enum verdict verdict;
} verdicts[] = {
	{0, 200, VERDICT_DELIVERED},    {0, 201, VERDICT_DELIVERED},
	{0, 204, VERDICT_DELIVERED},    {0, 299, VERDICT_DELIVERED},
	{0, 300, VERDICT_DEAD},         {0, 301, VERDICT_DEAD},
	{0, 302, VERDICT_DEAD},         {0, 304, VERDICT_DEAD},
	{0, 307, VERDICT_DEAD},         {0, 399, VERDICT_DEAD},
	{0, 400, VERDICT_DEAD},         {0, 401, VERDICT_DEAD},
	{0, 403, VERDICT_DEAD},         {0, 404, VERDICT_DEAD},
	{0, 407, VERDICT_DEAD},         {0, 408, VERDICT_RETRY},
	{0, 409, VERDICT_DEAD},         {0, 410, VERDICT_GONE},
	{0, 411, VERDICT_DEAD},         {0, 413, VERDICT_DEAD},
	{0, 422, VERDICT_DEAD},         {0, 424, VERDICT_DEAD},
	{0, 425, VERDICT_RETRY},        {0, 426, VERDICT_DEAD},
	{0, 428, VERDICT_DEAD},         {0, 429, VERDICT_RETRY},
	{0, 499, VERDICT_DEAD},         {0, 500, VERDICT_RETRY},
	{0, 502, VERDICT_RETRY},        {0, 503, VERDICT_RETRY},
	{0, 504, VERDICT_RETRY},        {0, 599, VERDICT_RETRY},
	{0, 0, VERDICT_RETRY},          {0, 101, VERDICT_RETRY},
	{0, 999, VERDICT_RETRY},        {-ECONNREFUSED, 0, VERDICT_RETRY},
	{-ETIMEDOUT, 0, VERDICT_RETRY}, {-EIO, 200, VERDICT_RETRY},
	{-ENOMEM, 0, VERDICT_RETRY},    {-ECANCELED, 0, VERDICT_CANCELLED},
};

Test(webhook, verdicts)
{
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		cr_expect_eq(webhook_verdict(verdicts[i].r, verdicts[i].status),
			     verdicts[i].verdict, "%d, %ld", verdicts[i].r, verdicts[i].status);
}

#define URL "https://user:passw0rd@hooks.test/services/T0KEN-abc_123?key=quite_secret#fragment9"

static void check_answer(long status, const char *body, const char *expected)
{
	char auth[] = "Authorization: Bearer s3cretly", *headers[] = {auth, NULL};
	char url[] = URL, host[] = "hooks.test", text[STORE_ERROR_MAX];
	char signing[] = "whsec_Zmlyc3QrZmlyc3Q=\nwhsec_c2Vjb25k";
	struct config_notifier config = {.url.value = url,
					 .url_host = host,
					 .headers = headers,
					 .signing.value = signing};
	struct http_result result = {.status = status, .body = body, .len = strlen(body)};

	webhook_text(&config, &result, text, sizeof(text));
	cr_expect_str_eq(text, expected, "%s", text);
}

static void check_text(const char *body, const char *expected)
{
	check_answer(500, body, expected);
}

Test(webhook, text_is_a_sentence)
{
	check_text("no such channel\r\n", "hooks.test answered 500: no such channel");
	check_text("\n", "hooks.test answered 500");
	check_answer(301, "", "hooks.test answered 301, a redirect, which is not followed");
	check_answer(308, "Moved\n",
		     "hooks.test answered 308, a redirect, which is not followed: Moved");
	check_answer(404, "Not found\n", "hooks.test answered 404: Not found");
}

Test(webhook, text_shows_nothing_secret)
{
	check_text("", "hooks.test answered 500");
	check_text("down for repair", "hooks.test answered 500: down for repair");
	check_text("one\r\ntwo\033[31m", "hooks.test answered 500: one  two [31m");
	check_text("hooks.test is down", "hooks.test answered 500: hooks.test is down");
	check_text("Cannot POST /services/T0KEN-abc_123", "hooks.test answered 500");
	check_text("bad token T0KEN-abc_123", "hooks.test answered 500");
	check_text("key quite_secret is unknown", "hooks.test answered 500");
	check_text("wrong passw0rd", "hooks.test answered 500");
	check_text("no right for s3cretly", "hooks.test answered 500");
	check_text("not signed with whsec_Zmlyc3QrZmlyc3Q=", "hooks.test answered 500");
	check_text("not signed with Zmlyc3QrZmlyc3Q=", "hooks.test answered 500");
	check_text("nor with c2Vjb25k", "hooks.test answered 500");
}

Test(webhook, text_is_short)
{
	char body[WEBHOOK_ANSWER_MAX + 1], expected[STORE_ERROR_MAX];

	memset(body, 'x', WEBHOOK_ANSWER_MAX);
	body[WEBHOOK_ANSWER_MAX] = '\0';
	snprintf(expected, sizeof(expected), "hooks.test answered 500: %.*s", WEBHOOK_EXCERPT_MAX,
		 body);
	check_text(body, expected);
	/* A secret far behind what is shown counts as well: what is shown may hold its half. */
	memcpy(body + 3000, "T0KEN-abc_123", 13);
	check_text(body, "hooks.test answered 500");
}

/* The request, and the way of the answer */

static char url[] = "https://hooks.test/x";
static char host[] = "hooks.test";

static void webhook_init(struct fixture *f)
{
	fixture_init(f, NOTIFIER_WEBHOOK, "slack");
	f->config.url.value = url;
	f->config.url_host = host;
	f->config.timeout_ms = 20000;
	memset(&fake, 0, sizeof(fake));
}

Test(webhook, request)
{
	struct fixture f;
	_cleanup_buf_ struct buf expected = BUF_INIT(1 << 20);
	time_t before = time(NULL), after;
	bool found = false;

	webhook_init(&f);
	cr_assert_eq(fixture_start(&f, fixture_failed, 2), 0);
	after = time(NULL);
	for (time_t now = before; now <= after; now++) {
		buf_clear(&expected);
		cr_assert_eq(buf_printf(&expected,
					"https://hooks.test/x\n"
					"content-type: application/cloudevents+json\n"
					"webhook-id: evt_1\n"
					"webhook-timestamp: %lld\n\n%s",
					(long long)now, fixture_failed),
			     0);
		found = found || strcmp(buf_str(&expected), buf_str(&fake.request)) == 0;
	}
	cr_expect(found, "%s", buf_str(&fake.request));
	cr_expect(fake.cut);
	cr_expect(!fake.allow_http);
	cr_expect_eq(fake.max_bytes, 4096);
	cr_expect_eq(fake.timeout_ms, 20000);
	answer(&(struct http_result){.status = 204, .body = ""});
	fixture_finish(&f, VERDICT_DELIVERED);
	cr_expect_str_eq(f.text, "hooks.test answered 204");
	cr_expect_eq(notifier_max_parallel(&f.notifier), WEBHOOK_MAX_PARALLEL);
	buf_done(&fake.request);
	fixture_done(&f);
}

Test(webhook, configured_headers)
{
	struct fixture f;
	char a[] = "Content-Type: application/json", b[] = "X-Webhook-Id: 1",
	     *headers[] = {a, b, NULL};

	webhook_init(&f);
	f.config.headers = headers;
	f.config.allow_http = true;
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	cr_expect_null(strstr(buf_str(&fake.request), "cloudevents+json"));
	cr_expect_not_null(strstr(buf_str(&fake.request), "\nContent-Type: application/json\n"));
	cr_expect_not_null(strstr(buf_str(&fake.request), "\nwebhook-id: evt_1\n"));
	cr_expect_not_null(strstr(buf_str(&fake.request), "\nX-Webhook-Id: 1\n\n"));
	cr_expect(fake.allow_http);
	answer(&(struct http_result){.status = 410, .body = ""});
	fixture_finish(&f, VERDICT_GONE);
	buf_done(&fake.request);
	fixture_done(&f);
}

Test(webhook, retry_after_is_passed_on)
{
	struct fixture f;

	webhook_init(&f);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	answer(&(struct http_result){
		.status = 429, .body = "slowly", .len = 6, .retry_after_ms = 7000});
	fixture_finish(&f, VERDICT_RETRY);
	cr_expect_eq(f.retry_after_ms, 7000);
	cr_expect_str_eq(f.text, "hooks.test answered 429: slowly");
	buf_done(&fake.request);
	fixture_done(&f);
}

Test(webhook, network_error)
{
	struct fixture f;

	webhook_init(&f);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	answer(&(struct http_result){.r = -ECONNREFUSED,
				     .trouble = TROUBLE_CONNECT,
				     .body = "",
				     .text = "hooks.test: connection refused"});
	fixture_finish(&f, VERDICT_RETRY);
	cr_expect_str_eq(f.text, "hooks.test: connection refused");
	buf_done(&fake.request);
	fixture_done(&f);
}

Test(webhook, cancel)
{
	struct fixture f;

	webhook_init(&f);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	notifier_cancel(&f.notifier, f.call);
	cr_expect(fake.cancelled);
	answer(&(struct http_result){.r = -ECANCELED, .body = "", .text = "cancelled"});
	fixture_finish(&f, VERDICT_CANCELLED);
	buf_done(&fake.request);
	fixture_done(&f);
}

Test(webhook, refused_request)
{
	struct fixture f;

	webhook_init(&f);
	fake.refuse = -ENOMEM;
	cr_expect_eq(fixture_start(&f, fixture_failed, 1), -ENOMEM);
	fixture_done(&f);
}
