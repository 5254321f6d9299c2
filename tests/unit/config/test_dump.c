/* A dump loads again, to the same dump, and shows no secret. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config_internal.h"
#include "support.h"

static struct fixture f;

static void setup(void)
{
	fixture_init(&f);
}

static void teardown(void)
{
	fixture_done(&f);
}

TestSuite(dump, .init = setup, .fini = teardown);

static char *dump(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert(out);
	cr_assert(config_dump(f.config, out) == 0);
	cr_assert(fclose(out) == 0);
	return text;
}

Test(dump, round_trip)
{
	static const char *const cases[] = {
		"account a {}\n",
		"account a { account-id = \"\" }\n",
		"account a { api-key-file = \"@/key\" wandb-api-key-file = \"@/key\" ca-file = \"@/ca.pem\" proxy = "
		"\"socks5h://p:1\" requests-per-minute = 77 api-url = \"http://x\" allow-http = on "
		"}\naccount b {}\n"
		"watch w { account = b kinds = {rft, ft} display-name = \"a\\\"\\\\\\${HOME}*'#\\n\" "
		"first-sight = announce stall-running = off notify = x }\n"
		"watch v { account = a jobs = {sft/a, a/dpo/b} poll-interval = \"1min 30s\" }\n"
		"notifier x { type = exec command = {\"@/hook\", \"\", \"a b\"} max-parallel = 3 }\n"
		"notifier u { type = unit unit = \"d-%j.service\" max-parallel = 2 }\n"
		"notifier y { type = webhook url-file = \"@/url\" secret-file = \"@/secret\" "
		"timeout = 3s max-waiting = 7 wait-for-model = true wait-for-model-max = \"1h 30min\" }\n"
		"notifier v { type = syslog wait-for-model = on }\n"
		"notifier w { type = webhook url = \"http://[::1]:8/topic\" format = ntfy digest = \"1min 30s\" }\n"
		"notifier z { type = webhook url = \"http://[::1]:8/\" }\n"
		"notifier m { type = email server = \"smtps://mail.example.org:465\" from = "
		"\"a@b.example\" to = {\"c@d.example\", \"e$x@[192.0.2.1]\"} user = \"a b\" "
		"password-file = \"@/key\" ca-file = \"@/ca.pem\" timeout = 90s digest = 30s }\n"
		"notifier n { type = email server = \"smtp://mail.example.org\" from = \"a@b\" to = "
		"\"c@d\" allow-plain = true }\n"
		"notifier o { type = email server = \"smtps://m\" from = \"a@b\" to = \"c@d\" user = u "
		"password-credential = mail }\n"
		"http-listen = \"[::1]:0\" degraded-after = off progress-step = 1\n"
		"list-interval = off\n"
		"history-max-age = 36h history-max-size = 1048577\n",
		"account a {}\nhistory-max-age = off history-max-size = off\n",
	};

	fixture_write(&f, "credentials/mail", "word", 0600);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *first, *second;

		cr_assert(fixture_load(&f, cases[i]) == 0, "%s", fixture_faults(&f));
		first = dump();
		cr_assert(fixture_load(&f, first) == 0, "%s\n%s", first, fixture_faults(&f));
		second = dump();
		cr_expect_str_eq(first, second);
		free(first);
		free(second);
	}
}

Test(dump, shows_no_secret)
{
	char *text;

	fixture_write(&f, "url", "https://hooks.example.com/sesame", 0600);
	fixture_write(&f, "topic", "https://ntfy.example.com/sesame", 0600);
	fixture_write(&f, "key", "sesame", 0600);
	fixture_write(&f, "secret", "whsec_sesamess", 0600);
	cr_assert(fixture_load(
			  &f, "account a { api-key = sesame proxy = \"http://u:sesame\\x40p\" }\n"
			      "account b { api-key-file = \"@/key\" wandb-api-key-file = "
			      "\"@/key\" }\n"
			      "notifier x { type = webhook url = \"https://h.example/sesame\" "
			      "headers = \"A: sesame\" }\n"
			      "notifier y { type = webhook url-file = \"@/url\" secret-file = "
			      "\"@/secret\" }\n"
			      "notifier z { type = webhook url-file = \"@/topic\" format = ntfy }\n"
			      "notifier s { type = webhook url = \"https://h.example/T/sesame\" "
			      "format = slack }\n"
			      "notifier m { type = email server = \"smtps://m.example\" user = u "
			      "password-file = \"@/key\" from = \"a@b\" to = \"c@d\" }\n") == 0,
		  "%s", fixture_faults(&f));
	text = dump();
	cr_expect(!strstr(text, "sesame"), "%s", text);
	cr_expect(strstr(text, "\t# api-key: from the configuration file\n"));
	cr_expect(strstr(text, "\t# url: from the configuration file\n\t# host: h.example\n"));
	cr_expect(strstr(text, "\t# header A: from the configuration file\n"));
	cr_expect(strstr(text, "\turl-file = \""));
	cr_expect(strstr(text, "\tpassword-file = \"/"));
	cr_expect(strstr(text, "\twandb-api-key-file = \"/"));
	cr_expect(strstr(text, "\t# host: ntfy.example.com\n\tformat = \"ntfy\"\n"));
	free(text);
}

Test(dump, full_disk)
{
	FILE *full = fopen("/dev/full", "w");

	cr_assert(full);
	cr_assert(fixture_load(&f, "account a {}") == 0);
	cr_expect(config_dump(f.config, full) < 0);
	fclose(full);
}
