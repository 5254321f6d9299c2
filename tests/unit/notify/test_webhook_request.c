/* What a webhook is sent. */
#include "notify/webhook_request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

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
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, NOW_US), 0);
	expect_headers((const char *[]){COMMON, NULL});
	cr_expect_str_eq(request.http.url, url);
	cr_expect_eq(request.http.body, delivery.event->body);
	cr_expect_eq(request.http.body_len, delivery.event->len);
}

Test(webhook_request, is_signed_with_the_time_of_the_try)
{
	char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

	config.signing.value = secret;
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, NOW_US), 0);
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
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, INT64_MAX), 0);
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
	cr_assert_eq(webhook_request_init(&request, &config, &delivery, NOW_US), 0);
	expect_headers((const char *[]){COMMON, "tunewatch-replaced: 3", NULL});
}

Test(webhook_request, is_not_sent_unsigned)
{
	char secret[] = "whsec_x";

	config.signing.value = secret;
	cr_expect_eq(webhook_request_init(&request, &config, &delivery, NOW_US), -EINVAL);
}
