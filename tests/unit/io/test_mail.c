/* Mail on the loop, against a server that misbehaves. */
#include "io/mail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "http_servers.h"

#include "base/clock.h"
#include "base/macro.h"
#include "tests/support/tempdir.h"

#define GUARD_MS 30000
#define SOON_MS  1500 /* more than a mail to this machine takes, less than any wait for an answer */
#define PASSWORD "s3cret-w0rd"

static struct fault_server server;
static char dir[TEMPDIR_MAX], notes_path[TEMPDIR_MAX + 16];
static uv_loop_t loop;
static uv_timer_t guard;
static struct mail *mail;
static size_t n_done;
static bool closed;

struct call {
	unsigned times;
	int r;
	unsigned reply, refused;
	bool of_message;
	char reply_text[MAIL_REPLY_MAX], text[512];
	struct mail_transfer *transfer;
};

static void on_guard(uv_timer_t *timer)
{
	cr_assert_fail("nothing came for %d ms", GUARD_MS);
}

static struct mail_options way;

static void open_mail(struct mail_options options)
{
	static char url[64];

	snprintf(url, sizeof(url), "smtp://127.0.0.1:%u", server.port);
	options.url = url;
	options.connect_timeout_ms = 5000;
	if (options.timeout_ms == 0)
		options.timeout_ms = 10000;
	way = options;
	closed = false;
	n_done = 0;
	cr_assert_eq(uv_loop_init(&loop), 0);
	cr_assert_eq(uv_timer_init(&loop, &guard), 0);
	cr_assert_eq(mail_new(&loop, &mail), 0);
}

static void on_closed(void *user)
{
	closed = true;
	uv_close((uv_handle_t *)&guard, NULL);
}

/* Ends the loop clean, which is a check of each test. */
static void close_mail(void)
{
	mail_close(mail, on_closed, NULL);
	cr_assert_not(closed, "never inside the call");
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cr_assert(closed);
	cr_assert_eq(uv_loop_close(&loop), 0);
}

static void on_done(void *user, const struct mail_result *result)
{
	struct call *c = user;

	c->times++;
	c->r = result->r;
	c->reply = result->reply;
	c->of_message = result->of_message;
	c->refused = result->refused;
	snprintf(c->reply_text, sizeof(c->reply_text), "%s", result->reply_text);
	snprintf(c->text, sizeof(c->text), "%s", result->text);
	n_done++;
}

#define TEXT "Subject: x\r\n\r\n.one dot\r\n..two\r\n.\r\nend"

static int start(struct call *c, const char *from, const char *const to[])
{
	const struct mail_message message = {from, (char *const *)to, TEXT, strlen(TEXT)};
	size_t before = n_done;
	int r = mail_start(mail, &way, &message, on_done, c, &c->transfer, NULL);

	cr_assert_eq(n_done, before, "never inside the call");
	return r;
}

static void run_until(size_t n)
{
	cr_assert_eq(uv_timer_start(&guard, on_guard, GUARD_MS, 0), 0);
	while (n_done < n)
		uv_run(&loop, UV_RUN_ONCE);
	uv_timer_stop(&guard);
}

static void send_mail(struct call *c, const char *from, const char *const to[])
{
	*c = (struct call){0};
	cr_assert_eq(start(c, from, to), 0);
	run_until(n_done + 1);
	cr_assert_eq(c->times, 1);
}

static const char *notes(void)
{
	static char text[65536];
	int fd = open(notes_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	text[MAX(n, 0)] = '\0';
	close(fd);
	return text;
}

/* The server writes in its own time. */
static void wait_note(const char *wanted)
{
	for (uint64_t until_ms = clock_boot_now_ms() + GUARD_MS; !strstr(notes(), wanted);) {
		cr_assert(clock_boot_now_ms() < until_ms, "no %s in %s", wanted, notes());
		if (!closed)
			uv_run(&loop, UV_RUN_NOWAIT);
		uv_sleep(2);
	}
}

static void serve(const char *greeting, const char *extension)
{
	const char *const arguments[] = {notes_path, greeting, extension, NULL};

	smtp_server_start(&server, arguments);
}

static void setup(void)
{
	tempdir_make(dir);
	snprintf(notes_path, sizeof(notes_path), "%s/notes", dir);
}

static void teardown(void)
{
	fault_server_stop(&server);
	tempdir_remove(dir);
}

TestSuite(mail, .init = setup, .fini = teardown, .timeout = 60);

static const struct mail_options plain = {.plain = true};
static const char *const anna[] = {"anna@example.org", NULL};

Test(mail, arrives_as_it_was)
{
	struct call c;

	serve("220 hello", "SIZE 1000000");
	open_mail(plain);
	send_mail(&c, "tunewatch@example.org",
		  (const char *[]){"a@b.example", "c@d.example", NULL});
	cr_expect_eq(c.r, 0, "%s", c.text);
	cr_expect_eq(c.refused, 0);
	close_mail();
	wait_note("1 MAIL FROM:<tunewatch@example.org>");
	wait_note("1 RCPT TO:<a@b.example>\n1 RCPT TO:<c@d.example>\n1 DATA\n");
	/* each dot at the begin of a line is doubled on the way, RFC 5321 */
	wait_note("1 | Subject: x\n1 | \n1 | ..one dot\n1 | ...two\n1 | ..\n1 | end\n");
}

Test(mail, what_a_refusal_is_about)
{
	static const struct {
		const char *from, *to[4];
		int r;
		unsigned reply, refused;
		bool of_message;
		const char *text; /* of the reply */
	} cases[] = {
		{"a@x", {"reply-550@x"}, -EIO, 550, 1, true, "5.0.0 not 5.0.0 <this>"},
		{"a@x", {"reply-451@x"}, -EIO, 451, 1, true, "5.0.0 not 5.0.0 <this>"},
		{"a@x", {"b@x", "reply-550@x", "c@x"}, 0, 550, 1, true, "5.0.0 not 5.0.0 <this>"},
		{"a@x", {"reply-451@x", "b@x", "reply-550@x"}, 0, 451, 2, true, NULL},
		/* some may be accepted later */
		{"a@x", {"reply-550@x", "reply-451@x"}, -EIO, 451, 2, true, NULL},
		{"a@x", {"reply-451@x", "reply-550@x"}, -EIO, 451, 2, true, NULL},
		{"reply-550@x", {"b@x"}, -EIO, 550, 0, true, NULL},
		{"reply-421@x", {"b@x"}, -EIO, 421, 0, true, NULL},
		{"data-451@x", {"b@x"}, -EIO, 451, 0, true, "no"},
		{"data-554@x", {"reply-451@x", "b@x"}, -EIO, 554, 1, true, "no"},
		{"body-554@x", {"b@x"}, -EIO, 554, 0, true, "no"},
		{"body-452@x", {"b@x"}, -EIO, 452, 0, true, "no"},
		/* the line breaks: nobody has refused anything */
		{"drop@x", {"b@x"}, -EIO, 0, 0, false, ""},
		{"a@x", {"b@x", "reply-550@x", "drop@x"}, -EIO, 0, 0, false, ""},
		{"body-drop@x", {"b@x"}, -EIO, 0, 0, false, ""},
		{"body-drop@x", {"b@x", "reply-550@x"}, -EIO, 0, 0, false, ""},
	};

	serve("220 hello", "SIZE 1000000");
	open_mail(plain);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call c;

		send_mail(&c, cases[i].from, cases[i].to);
		cr_expect_eq(c.r, cases[i].r, "%zu: %d %s", i, c.r, c.text);
		cr_expect_eq(c.reply, cases[i].reply, "%zu: %u", i, c.reply);
		cr_expect_eq(c.refused, cases[i].refused, "%zu: %u", i, c.refused);
		cr_expect_eq(c.of_message, cases[i].of_message, "%zu", i);
		if (cases[i].text)
			cr_expect_str_eq(c.reply_text, cases[i].text, "%zu: %s", i, c.reply_text);
		cr_expect_eq(c.text[0] != '\0', cases[i].r < 0, "%zu: %s", i, c.text);
	}
	close_mail();
}

Test(mail, a_server_that_is_none)
{
	struct call c;

	serve("554 5.7.1 go away", "SIZE");
	open_mail(plain);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, -EIO);
	cr_expect_eq(c.reply, 554);
	cr_expect_not(c.of_message);
	cr_expect_str_eq(c.reply_text, "5.7.1 go away");
	close_mail();
	cr_expect_null(strstr(notes(), "MAIL"));
}

Test(mail, a_login_that_is_refused)
{
	struct mail_options options = {.plain = true, .user = "anna", .password = PASSWORD};
	struct call c;

	serve("220 hello", "AUTH PLAIN");
	open_mail(options);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, -EIO);
	cr_expect_eq(c.reply, 535);
	cr_expect_not(c.of_message);
	cr_expect_null(strstr(c.text, PASSWORD));
	close_mail();
	cr_expect_null(strstr(notes(), "MAIL"));
}

Test(mail, no_known_way_to_log_in)
{
	struct mail_options options = {.plain = true, .user = "anna", .password = PASSWORD};
	struct call c;

	serve("220 hello", "AUTH X-OTHER");
	open_mail(options);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, -EIO);
	cr_expect_eq(c.reply, 0);
	cr_expect(strstr(c.text, "no way to log in"), "%s", c.text);
	close_mail();
}

Test(mail, nothing_is_said_where_tls_is_wanted_and_not_there)
{
	struct mail_options options = {.user = "anna", .password = PASSWORD};
	struct call c;

	serve("220 hello", "AUTH PLAIN");
	open_mail(options);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, -EIO);
	cr_expect_eq(c.reply, 0);
	cr_expect_str_eq(c.text, "127.0.0.1: the server offers no TLS (STARTTLS)");
	close_mail();
	wait_note("1 EHLO");
	cr_expect_null(strstr(notes(), "AUTH"));
	cr_expect_null(strstr(notes(), "MAIL"));
}

Test(mail, options_that_are_none)
{
	static const struct {
		struct mail_options options;
		int r;
	} cases[] = {
		{{.url = "http://127.0.0.1"}, -EINVAL},
		{{.url = "mail.example.org"}, -EINVAL},
		{{.url = "smtp://"}, -EINVAL},
		{{.url = "smtp://mail.example.org", .plain = true, .user = "a", .password = "b"},
		 -EPERM},
	};
	const struct mail_message message = {"a@x", (char *const *)anna, TEXT, strlen(TEXT)};
	struct mail_transfer *t;

	serve("220 hello", "SIZE");
	open_mail(plain);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e = ERROR_NONE;
		int r = mail_start(mail, &cases[i].options, &message, on_done, NULL, &t, &e);

		cr_expect_eq(r, cases[i].r, "%zu: %d", i, r);
		cr_expect_neq(e.text[0], '\0', "%zu", i);
	}
	close_mail();
}

Test(mail, addresses_that_are_none)
{
	struct call c = {0};

	serve("220 hello", "SIZE");
	open_mail(plain);
	cr_expect_eq(start(&c, "a@x\r\nRSET", anna), -EINVAL);
	cr_expect_eq(start(&c, "a@x", (const char *[]){"b@x", "c@x>\r\nDATA", NULL}), -EINVAL);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, 0, "%s", c.text);
	close_mail();
}

/* libcurl waits for the answer to QUIT, and stops the loop meanwhile. */
Test(mail, nobody_waits_for_a_good_bye)
{
	struct mail_options options = {.plain = true, .linger_ms = 50};
	uint64_t begin_ms = clock_boot_now_ms();
	struct call c;

	serve("220 hello", "SIZE");
	open_mail(options);
	begin_ms = clock_boot_now_ms();
	send_mail(&c, "quit-hang@x", (const char *[]){"reply-550@x", NULL});
	cr_expect_eq(c.reply, 550, "%s", c.text);
	wait_note("1 QUIT");
	/* kept, and then not */
	send_mail(&c, "quit-hang@x", anna);
	cr_expect_eq(c.r, 0, "%s", c.text);
	wait_note("2 QUIT");
	send_mail(&c, "quit-hang@x", anna);
	close_mail();
	wait_note("3 QUIT");
	cr_expect(clock_boot_now_ms() - begin_ms < SOON_MS, "%d ms",
		  (int)(clock_boot_now_ms() - begin_ms));
}

Test(mail, one_connection_for_several)
{
	struct call c;

	serve("220 hello", "SIZE");
	open_mail(plain);
	for (size_t i = 0; i < 3; i++) {
		send_mail(&c, "a@x", anna);
		cr_expect_eq(c.r, 0, "%s", c.text);
	}
	close_mail();
	wait_note("1 QUIT");
	cr_expect_null(strstr(notes(), "2 EHLO"), "%s", notes());
}

Test(mail, a_server_that_hangs)
{
	static const char *const senders[] = {"hang@x", "body-hang@x"};
	struct mail_options options = {.plain = true, .timeout_ms = 300};
	uint64_t begin_ms;

	serve("220 hello", "SIZE");
	open_mail(options);
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		struct call c;

		begin_ms = clock_boot_now_ms();
		send_mail(&c, senders[i], anna);
		cr_expect_eq(c.r, -EIO);
		cr_expect_eq(c.reply, 0);
		cr_expect(strstr(c.text, "time"), "%s", c.text);
		cr_expect(clock_boot_now_ms() - begin_ms < SOON_MS);
	}
	close_mail();
}

/* One connection has one message at a time, and what goes another way is none for it. */
Test(mail, as_many_connections_as_it_takes)
{
	struct call one = {0}, two = {0}, three = {0};

	serve("220 hello", "SIZE");
	open_mail(plain);
	cr_assert_eq(start(&one, "a@x", anna), 0);
	cr_assert_eq(start(&two, "b@x", anna), 0);
	run_until(2);
	way.timeout_ms++;
	send_mail(&three, "c@x", anna);
	cr_expect(one.r == 0 && two.r == 0 && three.r == 0);
	close_mail();
	wait_note("1 QUIT");
	wait_note("2 QUIT");
	wait_note("3 MAIL FROM:<c@x>");
	wait_note("3 QUIT");
}

Test(mail, cancelled)
{
	struct call c = {0};

	serve("220 hello", "SIZE");
	open_mail(plain);
	cr_assert_eq(start(&c, "a@x", anna), 0);
	mail_cancel(c.transfer);
	cr_expect_eq(c.times, 0, "never inside the call");
	run_until(1);
	cr_expect_eq(c.r, -ECANCELED);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, 0, "%s", c.text);
	/* under way at the end */
	c = (struct call){0};
	cr_assert_eq(start(&c, "hang@x", anna), 0);
	wait_note("MAIL FROM:<hang@x>");
	close_mail();
	cr_expect_eq(c.times, 1);
	cr_expect_eq(c.r, -ECANCELED);
}

Test(mail, nobody_there)
{
	struct call c;

	serve("220 hello", "SIZE");
	open_mail(plain);
	fault_server_stop(&server);
	send_mail(&c, "a@x", anna);
	cr_expect_eq(c.r, -EIO);
	cr_expect(strstr(c.text, "127.0.0.1: cannot connect"), "%s", c.text);
	close_mail();
}
