/* What a webhook is sent. */
#include "notify/webhook_request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "unit/notify/fixture.h"

#define NOW_US 1614265330999999LL

static char url[] = "https://hooks.test/x";
static struct config_notifier config;
static struct notifier_delivery delivery;
static struct webhook_request request;

static void setup(void)
{
	config = (struct config_notifier){.url.value = url, .timeout_ms = 20000};
	delivery = (struct notifier_delivery){.event = fixture_event("{\"test\": 2432232314}")};
	strcpy(delivery.event->id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
}

static void teardown(void)
{
	webhook_request_done(&request);
	free(delivery.event);
}

static void expect_headers(const char *const expected[])
{
	size_t i = 0;

	for (; expected[i] && request.http.headers[i]; i++)
		cr_expect_str_eq(request.http.headers[i], expected[i]);
	cr_expect(!expected[i] && !request.http.headers[i], "%zu headers", i);
}

TestSuite(webhook_request, .init = setup, .fini = teardown);

#define COMMON                                                                                     \
	"content-type: application/cloudevents+json", "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",  \
		"webhook-timestamp: 1614265330"

Test(webhook_request, unsigned)
{
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), 0);
	expect_headers((const char *[]){COMMON, NULL});
	cr_expect_str_eq(request.http.url, url);
	cr_expect_eq(request.http.body, delivery.event->body);
	cr_expect_eq(request.http.body_len, delivery.event->len);
}

Test(webhook_request, is_signed_with_the_time_of_the_try)
{
	char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

	config.signing.value = secret;
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), 0);
	expect_headers((const char *[]){
		COMMON,
		"webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", NULL});
}

Test(webhook_request, has_room_for_everything)
{
	char secrets[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
			 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	char key[] = "X-Key: 1", replaces[] = "Content-Type: text/plain";
	char *headers[] = {key, replaces, NULL};

	config.signing.value = secrets;
	config.headers = headers;
	delivery.replaced = UINT32_MAX;
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, INT64_MAX), 0);
	cr_expect_eq(request.n_own, WEBHOOK_OWN_HEADERS_MAX);
	cr_expect_str_eq(request.http.headers[0], "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek");
	cr_expect_str_eq(request.http.headers[1], "webhook-timestamp: 9223372036854");
	cr_expect_str_eq(request.http.headers[2], "tunewatch-replaced: 4294967295");
	cr_expect_eq(strlen(request.http.headers[3]),
		     strlen("webhook-signature: ") + SIGNATURE_MAX - 1);
	cr_expect_str_eq(request.http.headers[4], key);
	cr_expect_str_eq(request.http.headers[5], replaces);
	cr_expect_null(request.http.headers[6]);
}

Test(webhook_request, says_how_many_it_replaced)
{
	delivery.replaced = 3;
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), 0);
	expect_headers((const char *[]){COMMON, "tunewatch-replaced: 3", NULL});
}

Test(webhook_request, is_not_sent_unsigned)
{
	char secret[] = "whsec_x";

	config.signing.value = secret;
	cr_expect_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), -EINVAL);
}

static void take_event(const char *body, enum event_type type)
{
	free(delivery.event);
	delivery.event = fixture_event(body);
	delivery.event->type = type;
}

/* And what is signed is what is sent. */
Test(webhook_request, says_whether_the_model_is_ready)
{
	char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	_cleanup_buf_ struct buf signature = BUF_INIT(SIGNATURE_MAX);
	char header[WEBHOOK_OWN_HEADER_MAX];

	take_event(fixture_succeeded, EVENT_JOB_SUCCEEDED);
	config.signing.value = secret;
	delivery.model_ready = MODEL_LATE;
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), 0);
	cr_expect_str_eq(request.http.body, fixture_succeeded_late);
	cr_expect_eq(request.http.body_len, strlen(fixture_succeeded_late));
	cr_assert_eq(signature_append("evt_1", NOW_US / 1000000, fixture_succeeded_late,
				      strlen(fixture_succeeded_late), secret, &signature),
		     0);
	snprintf(header, sizeof(header), "webhook-signature: %s", buf_str(&signature));
	expect_headers((const char *[]){"content-type: application/cloudevents+json",
					"webhook-id: evt_1", "webhook-timestamp: 1614265330",
					header, NULL});
	cr_expect_str_eq(delivery.event->body, fixture_succeeded, "the event stays as it is");
}

Test(webhook_request, each_event_of_a_digest_has_its_own_model)
{
	struct notifier_delivery two[2];

	take_event(fixture_succeeded, EVENT_JOB_SUCCEEDED);
	two[0] = two[1] = delivery;
	two[0].model_ready = MODEL_READY;
	two[1].model_ready = MODEL_LATE;
	config.format = WEBHOOK_SLACK;
	cr_assert_eq(webhook_request_init(&request, &config, two, 2, NOW_US), 0);
	cr_expect_not_null(strstr(request.http.body, "its model is ready"), "%s",
			   (const char *)request.http.body);
	cr_expect_not_null(strstr(request.http.body, "its model is not ready yet"), "%s",
			   (const char *)request.http.body);
}

Test(webhook_request, chat_formats)
{
	static const struct {
		enum webhook_format format;
		const char *body; /* its beginning */
	} cases[] = {
		{WEBHOOK_SLACK, "{\"text\":\"acme/sft/abc failed\""},
		{WEBHOOK_DISCORD, "{\"embeds\":[{\"title\":\"acme"},
		{WEBHOOK_TEAMS, "{\"attachments\":["},
	};

	take_event(fixture_failed, EVENT_JOB_FAILED);
	delivery.replaced = 3;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		config.format = cases[i].format;
		cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), 0);
		expect_headers((const char *[]){"content-type: application/json", NULL});
		cr_expect_str_eq(request.http.url, url);
		cr_expect_eq(request.http.body_len, strlen(request.http.body));
		cr_expect_eq(strncmp(request.http.body, cases[i].body, strlen(cases[i].body)), 0,
			     "%s", (const char *)request.http.body);
		webhook_request_done(&request);
	}
}

Test(webhook_request, ntfy_gets_it_at_its_root)
{
	static const struct {
		const char *url, *root;
	} cases[] = {
		{"https://ntfy.sh/alerts", "https://ntfy.sh/"},
		{"https://ntfy.sh/alerts/", "https://ntfy.sh/"},
		{"https://ntfy.sh/alerts?auth=x", "https://ntfy.sh/?auth=x"},
		{"https://ntfy.sh/alerts/?auth=x", "https://ntfy.sh/?auth=x"},
		{"http://127.0.0.1:1/sub/alerts", "http://127.0.0.1:1/sub/"},
	};

	take_event(fixture_failed, EVENT_JOB_FAILED);
	config.format = WEBHOOK_NTFY;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char copy[64];

		strcpy(copy, cases[i].url);
		config.url.value = copy;
		cr_assert_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), 0);
		cr_expect_str_eq(request.http.url, cases[i].root);
		cr_expect_not_null(strstr(request.http.body, "\"topic\":\"alerts\""), "%s",
				   (const char *)request.http.body);
		webhook_request_done(&request);
	}
	config.url.value = url + strlen(url); /* none */
	cr_expect_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), -EINVAL);
}

Test(webhook_request, a_digest_shows_some_and_counts_all)
{
	struct notifier_delivery many[200];

	take_event(fixture_failed, EVENT_JOB_FAILED);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = delivery;
	config.format = WEBHOOK_TEAMS;
	cr_assert_eq(webhook_request_init(&request, &config, many, ARRAY_LEN(many), NOW_US), 0);
	cr_expect_not_null(strstr(request.http.body, "200 events: 200 failed"));
	cr_expect_not_null(strstr(request.http.body, "and 151 more"), "%s",
			   (const char *)request.http.body);
}

Test(webhook_request, refuses_an_event_that_is_none)
{
	config.format = WEBHOOK_SLACK;
	cr_expect_eq(webhook_request_init(&request, &config, &delivery, 1, NOW_US), -EBADMSG);
}
