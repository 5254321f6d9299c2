/* The desktop: what a notice says, and the verdicts. tests/integration/test_desktop.py shows some. */
#include "notify/desktop.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "codec/notice.h"
#include "unit/notify/fixture.h"

Test(desktop, verdicts)
{
	cr_expect_eq(desktop_verdict(NOTIFICATION_SHOWN, false), VERDICT_DELIVERED);
	cr_expect_eq(desktop_verdict(NOTIFICATION_NO_SERVICE, false), VERDICT_DEAD);
	cr_expect_eq(desktop_verdict(NOTIFICATION_NO_SERVICE, true), VERDICT_RETRY);
	cr_expect_eq(desktop_verdict(NOTIFICATION_FAILED, false), VERDICT_RETRY);
	cr_expect_eq(desktop_verdict(NOTIFICATION_CANCELLED, false), VERDICT_CANCELLED);
}

Test(desktop, waits_until_it_is_a_day_old)
{
	static const int64_t hour = 3600 * (int64_t)US_PER_S;

	cr_expect_eq(desktop_wait_ms(5 * hour, 5 * hour), 24 * MS_PER_H);
	cr_expect_eq(desktop_wait_ms(5 * hour, 6 * hour), 23 * MS_PER_H);
	cr_expect_eq(desktop_wait_ms(5 * hour, 29 * hour), 10 * MS_PER_MIN);
	cr_expect_eq(desktop_wait_ms(0, INT64_MAX), 10 * MS_PER_MIN);
	cr_expect_eq(desktop_wait_ms(5 * hour, 0), 24 * MS_PER_H, "a clock that was set back");
}

Test(desktop, what_is_worse_is_more_urgent)
{
	cr_expect_eq(desktop_urgency(CHAT_NEUTRAL), NOTIFICATION_LOW);
	cr_expect_eq(desktop_urgency(CHAT_GOOD), NOTIFICATION_NORMAL);
	cr_expect_eq(desktop_urgency(CHAT_WARNING), NOTIFICATION_NORMAL);
	cr_expect_eq(desktop_urgency(CHAT_BAD), NOTIFICATION_CRITICAL);
	for (int a = 0; a < CHAT_TONE_COUNT_; a++)
		for (int b = 0; b < a; b++)
			cr_expect_str_neq(desktop_icon((enum chat_tone)a),
					  desktop_icon((enum chat_tone)b));
}

static void notice_of(const char *body, struct notice *ret)
{
	struct event_fields fields;

	cr_assert_eq(event_fields_parse(body, strlen(body), &fields), 0);
	cr_assert_eq(notice_init(ret, &fields), 0);
	event_fields_done(&fields);
}

/* The document with each `from` replaced; of the same length or shorter. */
static char *replaced(const char *body, const char *from, const char *to)
{
	char *text = strdup(body), *at;

	cr_assert(text && strlen(to) <= strlen(from));
	while ((at = strstr(text, from))) {
		memcpy(at, to, strlen(to));
		memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
	}
	return text;
}

Test(desktop, says_what_happened_and_why)
{
	struct notice n;

	notice_of(fixture_failed, &n);
	cr_expect_eq(n.tone, CHAT_BAD);
	cr_expect_str_eq(n.summary, "acme/sft/abc failed");
	cr_expect_str_eq(n.body,
			 "Name: nightly run\n"
			 "Progress: 45 %, epoch 1 (was 40 %)\n"
			 "Status: INTERNAL: it = broke here\n"
			 "Output model: out",
			 "%s", n.body);
	cr_expect_str_eq(n.markup, n.body);
	cr_expect_null(n.link, "another API has no page");
	notice_done(&n);
	notice_of(fixture_degraded, &n);
	cr_expect_str_eq(n.summary, "Account acme is out of sight");
	cr_expect_str_eq(n.body, "Trouble: dns: no such host");
	notice_done(&n);
}

Test(desktop, nobodys_markup_takes_effect)
{
	char *text = replaced(fixture_failed, "nightly run", "<b>&\xc3\xa4</b>");
	struct notice n;

	notice_of(text, &n);
	cr_expect(strstr(n.body, "Name: <b>&\xc3\xa4</b>\n"), "%s", n.body);
	cr_expect(strstr(n.markup, "Name: &lt;b&gt;&amp;\xc3\xa4&lt;/b&gt;\n"), "%s", n.markup);
	notice_done(&n);
	free(text);
}

Test(desktop, links_to_the_vendors_page)
{
	char *text = replaced(fixture_failed, "https://api.test/v1/accounts/acme",
			      "https://api.fireworks.ai/v1/");
	struct notice n;

	notice_of(text, &n);
	cr_expect_str_eq(n.link, "https://app.fireworks.ai/dashboard/fine-tuning/supervised/abc");
	notice_done(&n);
	free(text);
}
