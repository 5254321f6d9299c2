/* Notifiers of type email: addresses, and what a server is told how. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support.h"

#include "config/config_internal.h"

static struct fixture f;

static void setup(void)
{
	fixture_init(&f);
}

static void teardown(void)
{
	fixture_done(&f);
}

TestSuite(email, .init = setup, .fini = teardown);

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

Test(email, addresses)
{
	static const char *const good[] = {
		"a@b",
		"ops+tuning@mail.example.org",
		"o'neil.x_y{z}~=?@example.org",
		X60 "xxxx@example.org",
		"a@" X60 "xxx.example",
		"a@[192.0.2.1]",
		"a@[IPv6:2001:db8::1]",
		"a@" X60 "." X60 "." X60 "." X60 ".abcdefgh" /* 254 bytes */,
	};
	static const char *const bad[] = {
		"",
		"a",
		"@b",
		"a@",
		"a b@c",
		"a@b c",
		".a@b",
		"a.@b",
		"a..b@c",
		"a@b..c",
		"a@.b",
		"a@b.",
		"a@b@c",
		"\"a b\"@c",
		"Anna <anna@example.org>",
		"<a@b>",
		"a@b, c@d",
		"a@b;c@d",
		"a@b\r\nRCPT TO:<c@d>",
		"a\x01@b",
		"a@b\x7f",
		"\xc3\xa4@b",
		"a@\xc3\xa4.example",
		"a@b_c",
		"a@[192.0.2.256]",
		"a@[::1]",
		"a@[IPv6:x]",
		"a@[",
		"a@[]",
		X60 "xxxxx@example.org",
		"a@" X60 "xxxx.example",
		"a@" X60 "." X60 "." X60 "." X60 ".abcdefghi" /* 255 bytes */,
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		cr_expect_null(email_address_fault(good[i]), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_not_null(email_address_fault(bad[i]), "%s", bad[i]);
}

#define N      "account a {} notifier n { type = email\n"
#define PEOPLE "from = \"a@b\" to = \"c@d\" "

Test(email, faults)
{
	static const struct {
		const char *text, *faults;
	} cases[] = {
		{N "}",
		 "main.conf:1: notifier \"n\" needs 'server', such as \"smtps://mail.example.org\"\n"
		 "main.conf:1: notifier \"n\" needs 'from', the sender's address\n"
		 "main.conf:1: notifier \"n\" needs 'to', a list of addresses\n"},
		{N PEOPLE "server = \"mail.example.org\" }",
		 "main.conf:2: 'server' in notifier \"n\": the URL of a mail server begins with "
		 "smtps:// or smtp://\n"},
		{N PEOPLE "server = \"https://mail.example.org\" }",
		 "main.conf:2: 'server' in notifier \"n\": the URL of a mail server begins with "
		 "smtps:// or smtp://\n"},
		{N PEOPLE "server = \"smtps://mail.example.org/x\" }",
		 "main.conf:2: 'server' in notifier \"n\": the URL of a mail server ends after the "
		 "host or the port\n"},
		{N PEOPLE "server = \"smtps://anna:sesame\\x40mail.example.org\" }",
		 "main.conf:2: 'server' in notifier \"n\": a URL with user and password is not "
		 "taken\n"},
		{N PEOPLE "server = \"smtps://mail.example.org:0\" }",
		 "main.conf:2: 'server' in notifier \"n\": the URL's host or port is not valid\n"},
		{N "server = \"smtps://m\" from = \"Anna <a@b>\"\nto = {\"c@d\",\n\"e\"} }",
		 "main.conf:2: 'from' in notifier \"n\": 'Anna <a@b>' is not one bare address, such "
		 "as \"ops@example.org\"\n"
		 "main.conf:4: 'to' in notifier \"n\": 'e' is not an address, such as "
		 "\"ops@example.org\"\n"},
		{N PEOPLE "server = \"smtps://m\"\nuser = anna }",
		 "main.conf:3: 'user' in notifier \"n\" needs 'password-file' or "
		 "'password-credential', too\n"},
		{N PEOPLE "server = \"smtps://m\"\npassword-file = \"@/key\" }",
		 "main.conf:3: 'password-file' in notifier \"n\" needs 'user', too\n"},
		{N PEOPLE "server = \"smtps://m\"\npassword-credential = mail }",
		 "main.conf:3: 'password-credential' in notifier \"n\" needs 'user', too\n"
		 "main.conf:3: 'password-credential' in notifier \"n\": there is no file "
		 "'@/credentials/mail', and this is no service with credentials\n"},
		{N PEOPLE "server = \"smtps://m\" user = anna password-file = \"@/key\"\n"
			  "password-credential = mail }",
		 "main.conf:3: 'password-credential' in notifier \"n\": 'password-file' is given "
		 "already\n"},
		{N PEOPLE "server = \"smtps://m\" user = anna\npassword-credential = \"../key\" }",
		 "main.conf:3: 'password-credential' in notifier \"n\": '../key' is not the name of a "
		 "credential\n"},
		{N PEOPLE "server = \"smtps://m\" user = anna\npassword-file = \"@/nothing\" }",
		 "main.conf:3: 'password-file' in notifier \"n\": there is no file '@/nothing'\n"},
		{N PEOPLE "server = \"smtps://m\" user = anna\npassword-file = \"@/ca.pem\" }",
		 "main.conf:3: 'password-file' in notifier \"n\": @/ca.pem is open to everybody; run: "
		 "chmod 600 @/ca.pem\n"},
		{N PEOPLE "server = \"smtps://m\" user = \"a\\nb\"\npassword-file = \"@/lines\" }",
		 "main.conf:2: 'user' in notifier \"n\" holds a control character\n"
		 "main.conf:3: 'password-file' in notifier \"n\": @/lines does not hold a password "
		 "(one line, 1 to 512 bytes)\n"},
		{N PEOPLE "server = \"smtp://m\" user = anna password-file = \"@/key\"\n"
			  "allow-plain = true }",
		 "main.conf:3: 'allow-plain' in notifier \"n\": a password is sent over TLS only; "
		 "leave it out, and let the server offer STARTTLS, or use smtps://\n"},
		{N PEOPLE "server = \"smtp://m\" allow-plain = true\nca-file = \"@/ca.pem\" }",
		 "main.conf:3: 'ca-file' in notifier \"n\": with allow-plain = true there is no "
		 "certificate to look at; leave out one of the two\n"},
		{N PEOPLE "server = \"smtps://m\"\nca-file = \"@/nothing\" }",
		 "main.conf:3: 'ca-file' in notifier \"n\": there is no file '@/nothing'\n"},
		{N PEOPLE "server = \"smtps://m\"\nurl = x\ncommand = x\nallow-http = true }",
		 "main.conf:3: 'url' in notifier \"n\": a notifier of type email has no such option\n"
		 "main.conf:4: 'command' in notifier \"n\": a notifier of type email has no such "
		 "option\n"
		 "main.conf:5: 'allow-http' in notifier \"n\": a notifier of type email has no such "
		 "option\n"},
		{N PEOPLE "server = \"smtps://m\"\ntimeout = 999ms digest = 999ms }",
		 "main.conf:3: 'timeout' in notifier \"n\": '999ms' is not between 1s and 1d\n"
		 "main.conf:3: 'digest' in notifier \"n\": '999ms' is not between 1s and 1d, or "
		 "off\n"},
	};

	fixture_write(&f, "lines", "one\ntwo\n", 0600);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_load(&f, cases[i].text);
		cr_expect_str_eq(fixture_faults(&f), cases[i].faults, "%s\ngot:\n%s", cases[i].text,
				 fixture_faults(&f));
	}
}

Test(email, at_most_so_many_recipients)
{
	for (size_t n = CONFIG_RECIPIENTS_MAX; n <= CONFIG_RECIPIENTS_MAX + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT(4096);

		cr_assert(buf_puts(&text,
				   N "server = \"smtps://m\" from = \"a@b\" to = {\"c@d\"") == 0);
		for (size_t i = 1; i < n; i++)
			cr_assert(buf_puts(&text, ", \"c@d\"") == 0);
		cr_assert(buf_puts(&text, "} }") == 0);
		fixture_load(&f, buf_str(&text));
		cr_expect_str_eq(fixture_faults(&f),
				 n == CONFIG_RECIPIENTS_MAX
					 ? ""
					 : "main.conf:2: 'to' in notifier \"n\": more than 50 "
					   "addresses; use a mailing list\n");
	}
}

/* Where TLS is not asked for. */
Test(email, what_goes_in_the_clear)
{
	static const struct {
		const char *options;
		bool plain;
	} cases[] = {
		{"server = \"smtps://localhost\"", false},
		{"server = \"smtps://mail.example.org\" allow-plain = true", false},
		{"server = \"smtp://mail.example.org\"", false},
		{"server = \"smtp://mail.example.org\" allow-plain = true", true},
		{"server = \"smtp://localhost\"", true},
		{"server = \"smtp://127.0.0.1:2525\" user = anna password-file = \"@/key\"", true},
		{"server = \"smtp://[::1]\"", true},
		{"server = \"smtp://localhost\" ca-file = \"@/ca.pem\"", false},
		{"server = \"smtp://localhost.example.org\"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT(4096);

		cr_assert(buf_printf(&text, N PEOPLE "%s }", cases[i].options) == 0);
		cr_assert(fixture_load(&f, buf_str(&text)) == 0, "%s", fixture_faults(&f));
		cr_expect_eq(f.config->notifiers[0].plain, cases[i].plain, "%s", cases[i].options);
		cr_expect_eq(f.config->notifiers[0].timeout_ms, 60000);
	}
}

Test(email, a_password_from_a_credential)
{
	char credentials[128];

	fixture_write(&f, "credentials/mail", "beside\n", 0600);
	fixture_write(&f, "cred/tunewatch_mail", "handed over\n", 0440);
	for (int service = 0; service < 2; service++) {
		snprintf(credentials, sizeof(credentials), "%s/cred", f.dir);
		f.env.credentials_directory = service ? credentials : NULL;
		cr_assert(fixture_load(&f, N PEOPLE "server = \"smtps://m\" user = anna "
						    "password-credential = mail }") == 0,
			  "%s", fixture_faults(&f));
		cr_expect_str_eq(f.config->notifiers[0].password.value,
				 service ? "handed over" : "beside");
		cr_expect_str_eq(f.config->notifiers[0].password.source, "credential mail");
	}
}

Test(email, all_of_it)
{
	const struct config_notifier *n;

	fixture_write(&f, "key", "  pass word\xc3\xa4 \n", 0600);
	cr_assert(fixture_load(&f,
			       N "server = \"smtp://Mail.example.org:587\" from = \"a@b.example\" "
				 "to = {\"c@d.example\", \"e@f.example\"} user = \"anna@b\" "
				 "password-file = \"@/key\" ca-file = \"@/ca.pem\" timeout = 3s "
				 "digest = 1min }") == 0,
		  "%s", fixture_faults(&f));
	n = &f.config->notifiers[0];
	cr_expect_eq(n->type, NOTIFIER_EMAIL);
	cr_expect_str_eq(n->server, "smtp://Mail.example.org:587");
	cr_expect_str_eq(n->url_host, "Mail.example.org");
	cr_expect_str_eq(n->from, "a@b.example");
	cr_expect_str_eq(n->to[0], "c@d.example");
	cr_expect_str_eq(n->to[1], "e@f.example");
	cr_expect_null(n->to[2]);
	cr_expect_str_eq(n->user, "anna@b");
	cr_expect_str_eq(n->password.value, "pass word\xc3\xa4");
	cr_expect_not_null(strstr(n->ca_file, "/ca.pem"));
	cr_expect_eq(n->timeout_ms, 3000);
	cr_expect_eq(n->digest_ms, 60000);
}
