/* The status page: what it says, and that no text gets out of its place. */
#include "codec/page.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"

#define NOW (1000 * (int64_t)MS_PER_H * US_PER_MS)

static struct job_view job_of(const char *phase)
{
	struct job_view v = {.account = "acme",
			     .kind = "sft",
			     .id = "abc",
			     .phase = phase,
			     .phase_since_us = NOW - 125 * (int64_t)MS_PER_MIN * US_PER_MS,
			     .last_poll_us = NOW - 7 * US_PER_S,
			     .last_error = ""};

	for (int i = 0; i < TEXT_COUNT_; i++)
		v.text[i] = "";
	return v;
}

static const char *row_of(const struct job_view *v, struct buf *b)
{
	buf_clear(b);
	cr_assert_eq(page_job(v, NOW, b), 0);
	return buf_str(b);
}

Test(page, a_job)
{
	_cleanup_buf_ struct buf b = BUF_INIT(65536);
	struct job_view v = job_of("running");

	v.text[TEXT_DISPLAY_NAME] = "support";
	v.progress = (struct progress){.given = true,
				       .values = {[PROGRESS_PERCENT] = 42, [PROGRESS_EPOCH] = 1}};
	v.eta_us = NOW + 90 * (int64_t)MS_PER_MIN * US_PER_MS;
	cr_expect_str_eq(row_of(&v, &b),
			 "<tr><td>acme/sft/abc<td><bdi>support</bdi><td><bdi>running</bdi><td>"
			 "<progress max=\"100\" value=\"42\"></progress> 42 %, epoch 1"
			 "<td>1h 30min<td>2h 5min<td>7s\n",
			 "%s", buf_str(&b));
}

Test(page, what_went_wrong)
{
	_cleanup_buf_ struct buf b = BUF_INIT(65536);
	struct job_view v = job_of("failed");

	v.text[TEXT_STATUS_CODE] = "INTERNAL";
	v.text[TEXT_STATUS_MESSAGE] = "out of memory";
	v.last_error = "HTTP 503";
	cr_expect(strstr(row_of(&v, &b),
			 "<td class=\"bad\"><bdi>failed</bdi><br><bdi>INTERNAL</bdi>"
			 " <bdi>out of memory</bdi>"));
	cr_expect(strstr(buf_str(&b), "<br><span class=\"bad\"><bdi>HTTP 503</bdi>"));
	v = job_of("running");
	v.stalled = true;
	cr_expect(strstr(row_of(&v, &b), "class=\"warn\"><bdi>running, does not move</bdi>"));
	v = job_of("");
	v.phase_since_us = v.last_poll_us = 0;
	cr_expect(strstr(row_of(&v, &b), "not seen yet"));
	cr_expect(strstr(buf_str(&b), "<td>-<td>-<td>-\n"), "%s", buf_str(&b));
}

/* Whatever a text holds, the tags of a row stay the same. */
Test(page, no_text_gets_out_of_its_place)
{
	static const char *const hostile[] = {
		"<script>x</script>", "</bdi></td>", "\"><img src=x>", "&lt;", "<", "&",
		"a<b>c&d\"e",         "<!--",        "\xe2\x80\xae"};
	_cleanup_buf_ struct buf b = BUF_INIT(65536);

	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		struct job_view v = job_of("failed");
		size_t n = 0;

		v.text[TEXT_DISPLAY_NAME] = v.text[TEXT_STATUS_MESSAGE] = hostile[i];
		v.text[TEXT_STATUS_CODE] = "INTERNAL";
		v.last_error = hostile[i];
		for (const char *p = row_of(&v, &b); (p = strchr(p, '<')); p++)
			n++;
		/* row, 7 cells, 5 texts in two tags each, 2 breaks, a span */
		cr_expect_eq(n, 1 + 7 + 10 + 2 + 1, "%s: %s", hostile[i], buf_str(&b));
		cr_expect_null(strstr(buf_str(&b), "&lt;script>"), "%s", buf_str(&b));
	}
}

Test(page, the_whole)
{
	_cleanup_buf_ struct buf b = BUF_INIT(65536);
	const struct account_view account = {.name = "a",
					     .account = "acme",
					     .last_error = "HTTP 403 from x",
					     .rate = 5,
					     .requests_per_minute = 10,
					     .jobs = 3};
	const struct notifier_view notifier = {.name = "web",
					       .type = "webhook",
					       .off = true,
					       .pending = 2,
					       .delivered = 3,
					       .dead = 4,
					       .last_error = "410"};
	const struct status_view v = {.version = "0.1.0",
				      .started_us = NOW - 61 * US_PER_S,
				      .now_us = NOW,
				      .accounts = &account,
				      .n_accounts = 1,
				      .notifiers = &notifier,
				      .n_notifiers = 1,
				      .store_error = "disk full",
				      .configuration_error = ""};

	cr_assert_eq(page_begin(&v, &b), 0);
	cr_assert_eq(page_end(5, &b), 0);
	cr_expect(strstr(buf_str(&b), "version 0.1.0, up for 1min\n"), "%s", buf_str(&b));
	cr_expect(strstr(buf_str(&b), "nothing new is taken in: <bdi>disk full</bdi>"));
	cr_expect_null(strstr(buf_str(&b), "reload was refused"));
	cr_expect(
		strstr(buf_str(&b), "class=\"bad\"><bdi>HTTP 403 from x</bdi><td>3<td>5 of 10\n"));
	cr_expect(strstr(buf_str(&b), "<bdi>off until reload</bdi><td>2<td>3<td>4<td class=\"dim\">"
				      "<bdi>410</bdi>"));
	cr_expect(strstr(buf_str(&b), "and 5 more\n</body></html>\n"));
	buf_clear(&b);
	cr_assert_eq(page_end(0, &b), 0);
	cr_expect_str_eq(buf_str(&b), "</table>\n</body></html>\n");
}
