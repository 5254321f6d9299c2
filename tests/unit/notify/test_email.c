/* Events by mail: what an answer means, what is said of it. What arrives: test_email.py. */
#include "notify/email.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/macro.h"
#include "unit/notify/fixture.h"

#define PASSWORD "hunter2 is-my-password"

Test(email, verdicts)
{
	static const struct {
		int r;
		unsigned reply;
		bool of_message;
		enum verdict verdict;
	} cases[] = {
		{0, 0, false, VERDICT_DELIVERED},
		{0, 550, true, VERDICT_DELIVERED}, /* some recipients */
		{-ECANCELED, 0, false, VERDICT_CANCELLED},
		{-EIO, 0, false, VERDICT_RETRY},
		{-EIO, 0, true, VERDICT_RETRY},
		{-EIO, 421, false, VERDICT_RETRY},
		{-EIO, 421, true, VERDICT_RETRY},
		{-EIO, 450, true, VERDICT_RETRY},
		{-EIO, 499, true, VERDICT_RETRY},
		{-EIO, 500, true, VERDICT_DEAD},
		{-EIO, 529, true, VERDICT_DEAD},
		{-EIO, 530, true, VERDICT_RETRY},
		{-EIO, 531, true, VERDICT_DEAD},
		{-EIO, 534, true, VERDICT_RETRY},
		{-EIO, 535, true, VERDICT_RETRY},
		{-EIO, 538, true, VERDICT_RETRY},
		{-EIO, 550, true, VERDICT_DEAD},
		{-EIO, 599, true, VERDICT_DEAD},
		/* of who connects, not of the message */
		{-EIO, 535, false, VERDICT_RETRY},
		{-EIO, 550, false, VERDICT_RETRY},
		{-EIO, 554, false, VERDICT_RETRY},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(email_verdict(cases[i].r, cases[i].reply, cases[i].of_message),
			     cases[i].verdict, "%d %u", cases[i].r, cases[i].reply);
}

Test(email, texts)
{
	static char host[] = "mail.example.org", anna[] = "anna@b", ops[] = "ops@b",
		    user[] = "anna", password[] = PASSWORD;
	char *const none = NULL;
	char *to[] = {anna, ops, none};
	const struct config_notifier config = {.url_host = host,
					       .to = to,
					       .user = user,
					       .password = {.value = password}};
	static const struct {
		struct mail_result result;
		const char *text;
	} cases[] = {
		{{.reply_text = "", .text = ""}, "mail.example.org took it"},
		{{.reply = 550, .refused = 1, .reply_text = "5.1.1 no such", .text = ""},
		 "mail.example.org took it, but not for 1 of 2 recipients: 550 5.1.1 no such"},
		{{.r = -EIO, .reply_text = "", .text = "mail.example.org: cannot connect"},
		 "mail.example.org: cannot connect"},
		{{.r = -EIO,
		  .reply = 451,
		  .of_message = true,
		  .reply_text = "4.3.0 later",
		  .text = ""},
		 "mail.example.org answered 451 4.3.0 later"},
		{{.r = -EIO, .reply = 550, .of_message = true, .reply_text = "", .text = ""},
		 "mail.example.org answered 550"},
		{{.r = -EIO, .reply = 535, .reply_text = "5.7.8 no", .text = ""},
		 "mail.example.org refused us before the message: 535 5.7.8 no"},
		/* what is not fit to be shown */
		{{.r = -EIO,
		  .reply = 550,
		  .of_message = true,
		  .reply_text = "a\x1b[2J\xff",
		  .text = ""},
		 "mail.example.org answered 550 a [2J?"},
		/* the password, a word of it, and how a login sends it */
		{{.r = -EIO, .reply = 535, .reply_text = "not " PASSWORD, .text = ""},
		 "mail.example.org refused us before the message: 535"},
		{{.r = -EIO, .reply = 535, .reply_text = "is-my-password?", .text = ""},
		 "mail.example.org refused us before the message: 535"},
		{{.r = -EIO,
		  .reply = 500,
		  .reply_text = "what is aHVudGVyMiBpcy1teS1wYXNzd29yZA==",
		  .text = ""},
		 "mail.example.org refused us before the message: 500"},
		{{.r = -EIO,
		  .reply = 500,
		  .reply_text = "what is AGFubmEAaHVudGVyMiBpcy1teS1wYXNzd29yZA==",
		  .text = ""},
		 "mail.example.org refused us before the message: 500"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];

		email_text(&config, &cases[i].result, text, sizeof(text));
		cr_expect_str_eq(text, cases[i].text, "%zu: %s", i, text);
	}
}

/* Nobody listens at the port, or nobody answers there. */
static void fill(struct fixture *f)
{
	static char server[] = "smtp://127.0.0.1:1", host[] = "127.0.0.1", from[] = "a@b.example",
		    anna[] = "c@d.example";
	static char *to[] = {anna, NULL};

	fixture_init(f, NOTIFIER_EMAIL, "mail");
	f->config.server = server;
	f->config.url_host = host;
	f->config.from = from;
	f->config.to = to;
	f->config.plain = true;
	f->config.timeout_ms = 5000;
	cr_assert_eq(mail_new(&f->loop, &f->env.mail), 0);
}

static void done(struct fixture *f)
{
	mail_close(f->env.mail, NULL, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	fixture_done(f);
}

Test(email, nobody_there)
{
	struct fixture f;

	fill(&f);
	cr_assert_eq(fixture_start(&f, fixture_failed, 1), 0);
	fixture_finish(&f, VERDICT_RETRY);
	cr_expect(strstr(f.text, "127.0.0.1: cannot connect"), "%s", f.text);
	done(&f);
}

Test(email, cancelled)
{
	struct fixture f;

	fill(&f);
	cr_assert_eq(fixture_start(&f, fixture_degraded, 1), 0);
	notifier_cancel(&f.notifier, f.call);
	cr_assert_eq(f.verdicts, 0, "never inside the call");
	fixture_finish(&f, VERDICT_CANCELLED);
	done(&f);
}

Test(email, what_is_no_event)
{
	struct fixture f;

	fill(&f);
	cr_expect_eq(fixture_start(&f, "{}", 1), -EBADMSG);
	done(&f);
}

Test(email, a_server_that_is_none)
{
	struct fixture f;

	fill(&f);
	f.config.server = (char *)"ftp://127.0.0.1";
	cr_expect_eq(fixture_start(&f, fixture_failed, 1), -EINVAL);
	done(&f);
}
