/* What is wrong is found, all of it in one run, with its place and the nearest known name. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

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

TestSuite(faults, .init = setup, .fini = teardown);

/* Text and faults, without the file's name; each text is loaded as main.conf. */
struct bad {
	const char *text, *faults;
};

static void expect(const struct bad *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf want = BUF_INIT(1 << 16);
		char *copy = strdup(cases[i].faults), *rest = copy, *line;

		while ((line = strsep(&rest, "\n")))
			cr_assert(buf_printf(&want, "%s%s\n",
					     line[0] >= '1' && line[0] <= '9' ? "main.conf:" : "",
					     line) == 0);
		fixture_load(&f, cases[i].text);
		cr_expect_str_eq(fixture_faults(&f), buf_str(&want), "%s\ngot:\n%swant:\n%s",
				 cases[i].text, fixture_faults(&f), buf_str(&want));
		buf_done(&want);
		free(copy);
	}
}

#define A "account a {}\n"
#define W "account a {} watch w {\n"
#define N "account a {} notifier n {\n"

Test(faults, unknown_names)
{
	static const struct bad cases[] = {
		{A "pol-interval = 3s",
		 "2: unknown option 'pol-interval'; did you mean 'poll-interval'?"},
		{A "watch production {\n\tpol-interval = 3s\n}\nwatch x { pol-interval = {a, b} }",
		 "3: unknown option 'pol-interval' in watch \"production\"; did you mean "
		 "'poll-interval'?\n"
		 "5: unknown option 'pol-interval' in watch \"x\"; did you mean 'poll-interval'?"},
		{A "colour = 3", "2: unknown option 'colour'"},
		{A "kinds = sft", "2: unknown option 'kinds'; it belongs in a watch section"},
		{A "account-id = a",
		 "2: unknown option 'account-id'; it belongs in an account section"},
		{W "progress-step = 3 }",
		 "2: unknown option 'progress-step' in watch \"w\"; it belongs in no section"},
		{A "acount b { x = 1 y = {1} z { } }\nprogress-step = 0",
		 "2: unknown section 'acount'; did you mean 'account'?\n"
		 "3: 'progress-step': '0' is not a whole number from 1 to 100"},
		{A "\nfoo {}\nbar {\n a = 1 }",
		 "3: unknown section 'foo'; known: 'account', 'watch' and 'notifier'\n"
		 "4: unknown section 'bar'; known: 'account', 'watch' and 'notifier'"},
		{W "watch v { kinds = sft } }", "2: no section 'watch' can stand inside watch"},
		{A "pol-interval += 3s\npol-interval = {}",
		 "2: unknown option 'pol-interval'; did you mean 'poll-interval'?"},
		{A "pol-interval \"3s\"\n",
		 "2: unknown option 'pol-interval'; did you mean 'poll-interval'?"},
		{A "fw_abcdef = 1", "2: unknown option (hidden)"},
		{A "\"(begin)\" = 1\n\"(self)\" = 1", "2: unknown option '(begin)'\n"
						      "3: unknown option '(self)'"},
		{W "\"(begin)\" = 1 }", "2: unknown option '(begin)' in watch \"w\""},
		{A "root a {}\nroot a {}", "2: unknown option 'root'"},
		{A "include(\"/etc/passwd\")", "2: unknown option 'include'"},
	};

	expect(cases, ARRAY_LEN(cases));
}

Test(faults, syntax)
{
	static const struct bad cases[] = {
		{A "progress-step 3", "2: syntax error: missing equal sign after option "
				      "'progress-step'"},
		{A "\nwatch = x", "3: syntax error: missing title for section 'watch'"},
		{A "watch w x", "2: syntax error: missing opening brace for section 'watch'"},
		{A "}", "2: syntax error: unexpected closing brace"},
		{A "= 3", "2: syntax error: unexpected token '='"},
		{"account a { api-key = {x \"sesame\"} }",
		 "1: syntax error: unexpected text after a value"},
		{A "\nwatch w {\n", "3: this '{' is never closed"},
		{A "watch w { kinds = {sft }\n", "2: this '{' is never closed"},
		{A "state-dir = \"/x\n\n", "2: this string is never closed"},
		{A "state-dir = '/x", "2: this string is never closed"},
		{A "/* x\n\n", "2: this comment is never closed"},
		{W "display-name = prod-*\nkinds = foo }",
		 "2: unexpected '*'; a value that holds it needs quotes\n"
		 "3: 'kinds' in watch \"w\": unknown value 'foo'; known: 'sft', 'rft', 'dpo', "
		 "'ft', 'rlor', 'batch' and 'eval'"},
		{A "state-dir = /a+b", "2: unexpected '+'; a value that holds it needs quotes"},
		{W "}\nwatch|kinds = sft", "3: options of a section are set inside its braces"},
		{A "watch|kinds = sft", "2: syntax error: no sub-section title/index for 'watch'"},
		{A "state-dir = \"\\400\"", "2: syntax error: invalid octal number '\\400'"},
		/* what stands before it is reported all the same */
		{A "progress-step = 200\nfoo = 1\n= =",
		 "2: 'progress-step': '200' is not a whole number from 1 to 100\n"
		 "3: unknown option 'foo'\n"
		 "4: syntax error: unexpected token '='"},
	};

	expect(cases, ARRAY_LEN(cases));
}

Test(faults, top)
{
	static const struct bad cases[] = {
		{A "poll-interval = 0s", "2: 'poll-interval': '0s' is not between 1s and 30d"},
		{A "poll-interval = off", "2: 'poll-interval': 'off' is not between 1s and 30d"},
		{A "poll-interval = 999ms", "2: 'poll-interval': '999ms' is not between 1s and "
					    "30d"},
		{A "poll-interval = fast", "2: 'poll-interval': 'fast' is not a span of time, such "
					   "as \"90s\""},
		{A "degraded-after = -1",
		 "2: 'degraded-after': '-1' is not a span of time, such as "
		 "\"90s\", or off"},
		{A "progress-step = 101",
		 "2: 'progress-step': '101' is not a whole number from 1 to 100"},
		{A "progress-step = 1e1",
		 "2: 'progress-step': '1e1' is not a whole number from 1 to 100"},
		{A "progress-step = \"\"", "2: 'progress-step' is empty"},
		{A "progress-step = {1, 2}", "2: 'progress-step' takes one value"},
		{A "progress-step = {}", "main.conf: 'progress-step' is an empty list"},
		{A "progress-step = 1\n\nprogress-step = 2",
		 "4: 'progress-step' is given twice; first on line 2"},
		{A "list-interval = 1ms", "2: 'list-interval': '1ms' is not between 1s and 30d, or "
					  "off"},
		{A "history-max-age = 0", "2: 'history-max-age': '0' is not between 1s and "
					  "3650d, or off"},
		{A "history-max-size = big",
		 "2: 'history-max-size': 'big' is not a size, such as \"1GiB\""},
		{A "history-max-size = 1023K",
		 "2: 'history-max-size': '1023K' is not between 1MiB and 1024TiB, or off"},
		{A "history-max-size = 99999999999T",
		 "2: 'history-max-size': '99999999999T' is not between 1MiB and 1024TiB, or off"},
		{A "state-dir = relative", "2: 'state-dir': 'relative' is not an absolute path"},
		{A "http-listen = \"0.0.0.0:80\"",
		 "2: 'http-listen': '0.0.0.0:80' is not a loopback address and port, such as "
		 "\"127.0.0.1:9877\""},
		{A "http-listen = \"::1:80\"",
		 "2: 'http-listen': '::1:80' is not a loopback address and port, such as "
		 "\"127.0.0.1:9877\""},
		{A "http-listen = 9877",
		 "2: 'http-listen': '9877' is not a loopback address and port, such as "
		 "\"127.0.0.1:9877\""},
		{A "http-listen = \"127.0.0.1:65536\"",
		 "2: 'http-listen': '127.0.0.1:65536' is not a loopback address and port, such as "
		 "\"127.0.0.1:9877\""},
		{A
		 "control-socket = "
		 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "2: 'control-socket': longer than a socket's path may be (107 bytes)"},
	};

	expect(cases, ARRAY_LEN(cases));
}

Test(faults, accounts)
{
	static const struct bad cases[] = {
		{A "\naccount a {}", "3: account \"a\" is there already: @/main.conf:1"},
		{A "account b { account-id = a }", "2: account \"b\" is the same account as \"a\""},
		{"account \"My Account\" { account-id = a }",
		 "1: account \"My Account\": a name has 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-'"},
		{"account A {}",
		 "1: account \"A\" needs 'account-id': its name is not an account id"},
		{"account a {\n account-id = \"A/b\" }",
		 "2: 'account-id' in account \"a\": 'A/b' is not an account id (1 to 63 of a-z, 0-9 "
		 "and -)"},
		{A "account b { account-id = \"\" }",
		 "2: 'account-id' in account \"b\": empty, to be found with the key, is for a "
		 "single account"},
		{"account a {\napi-url = \"http://api.example\"\n}",
		 "2: 'api-url' in account \"a\": http:// would send the key in the clear; use "
		 "https://, or set allow-http = true"},
		{"account a { api-url = \"ftp://x\" }",
		 "1: 'api-url' in account \"a\": a URL begins with https:// or http://"},
		{"account a { api-url = \"https://x?y\" }",
		 "1: 'api-url' in account \"a\": a base URL has no query"},
		{"account a { requests-per-minute = 0 }",
		 "1: 'requests-per-minute' in account \"a\": '0' is not a whole number from 1 to 60000000"},
		{"account a { requests-per-minute = 60000001 }",
		 "1: 'requests-per-minute' in account \"a\": '60000001' is not a whole number from 1 to "
		 "60000000"},
		{"account a { ca-file = /does/not/exist }",
		 "1: 'ca-file' in account \"a\": there is no file '/does/not/exist'"},
		{"account a { proxy = \"proxy:3128\" }",
		 "1: 'proxy' in account \"a\": not the URL of a proxy, such as "
		 "\"http://proxy:3128\""},
		{"account a { allow-http = maybe }",
		 "1: 'allow-http' in account \"a\": unknown value 'maybe'; known: 'false', 'true', "
		 "'no', 'yes', 'off' and 'on'"},
	};

	expect(cases, ARRAY_LEN(cases));
}

Test(faults, watches)
{
	static const struct bad cases[] = {
		{A "account production {}\nwatch w {\n account = prodction }",
		 "4: 'account' in watch \"w\": there is no account 'prodction'; did you mean "
		 "'production'?"},
		{A "account b {}\nwatch w {}", "3: watch \"w\" needs 'account': there are several"},
		{W "kinds = {sft,\n stf}\n}",
		 "3: 'kinds' in watch \"w\": unknown value 'stf'; did you mean 'sft'?"},
		{W "kinds = {} }",
		 "1: 'kinds' in watch \"w\" is an empty list; leave it out for the default"},
		{W "jobs = {\"sft/abc\",\n \"sftabc\", \"xyz/a\",\n \"b/sft/abc\",\n\"sft/abc\"} }",
		 "3: 'jobs' in watch \"w\": 'sftabc' is not the name of a job, such as "
		 "\"sft/abc\"\n"
		 "3: 'jobs' in watch \"w\": 'xyz/a' is not the name of a job, such as \"sft/abc\"\n"
		 "4: 'jobs' in watch \"w\": 'b/sft/abc' belongs to another account than \"a\"\n"
		 "5: 'jobs' in watch \"w\": 'sft/abc' is named twice"},
		{"account a { account-id = \"\" } watch w {\n jobs = sft/a }",
		 "2: 'jobs' in watch \"w\": named jobs need the account's 'account-id'"},
		{W "first-sight = anounce }",
		 "2: 'first-sight' in watch \"w\": unknown value 'anounce'; did you mean "
		 "'announce'?"},
		{W "stall-running = 0 }",
		 "2: 'stall-running' in watch \"w\": '0' is not between 1s and 365d, or off"},
		{W "notify = {\"n\",\n\"slakc\"} }\nnotifier n { type = syslog }\n"
		   "notifier slack { type = syslog }",
		 "3: 'notify' in watch \"w\": there is no notifier 'slakc'; did you mean 'slack'?"},
		{W "} watch w {\n}", "2: watch \"w\" is there already: @/main.conf:1"},
		{W "display-name = \"\" }", "2: 'display-name' in watch \"w\" is empty"},
	};

	expect(cases, ARRAY_LEN(cases));
}

Test(faults, desktop_of_a_machine)
{
	static const char text[] = "account a {}\nnotifier n { type = desktop }";

	f.env.system = true;
	fixture_load(&f, text);
	cr_expect_str_eq(fixture_faults(&f),
			 "main.conf:2: 'type' in notifier \"n\": a service of the machine has no "
			 "desktop; desktop is for a user's own, see systemctl --user in "
			 "tunewatchd(8)\n");
	f.env.session_bus = "unix:path=/run/user/0/bus";
	cr_expect_eq(fixture_load(&f, text), 0, "%s", fixture_faults(&f));
	f.env.system = false;
	f.env.session_bus = NULL;
	cr_expect_eq(fixture_load(&f, text), 0, "%s", fixture_faults(&f));
}

Test(faults, notifiers)
{
	static const struct bad cases[] = {
		{N "}", "1: notifier \"n\" needs 'type'; known: 'syslog', 'webhook', 'exec', "
			"'unit', 'desktop' and 'email'"},
		{N "type = webhok }",
		 "2: 'type' in notifier \"n\": unknown value 'webhok'; did you mean 'webhook'?"},
		{N "type = syslog\nurl = \"https://x\"\ncommand = /x\ntimeout = 3s }",
		 "3: 'url' in notifier \"n\": a notifier of type syslog has no such option\n"
		 "4: 'command' in notifier \"n\": a notifier of type syslog has no such option\n"
		 "5: 'timeout' in notifier \"n\": a notifier of type syslog has no such option"},
		{N "type = exec command = \"@/hook\"\nformat = json }",
		 "3: 'format' in notifier \"n\": a notifier of type exec has no such option"},
		{N "type = webhook }", "1: notifier \"n\" needs 'url-file' or 'url'"},
		{N "type = webhook url = \"http://[::1]\"\nurl-file = \"@/url\" }",
		 "3: notifier \"n\" has both 'url' and 'url-file'"},
		{N "type = webhook\nurl = \"http://example.com/x\" }",
		 "3: 'url' in notifier \"n\": http:// is for this machine only; use https://, or set "
		 "allow-http = true"},
		{N "type = webhook\nurl-file = \"@/nothing\" }",
		 "3: 'url-file' in notifier \"n\": there is no file '@/nothing'"},
		{N "type = webhook\nurl-file = \"@/key\" }",
		 "3: 'url-file' in notifier \"n\": a URL begins with https:// or http://"},
		{N
		 "type = webhook url-file = \"@/url\"\nformat = slak\nsecret-file = \"@/key\"\n"
		 "headers = {\"A: b\", \"Content-Type: x\",\n\"webhook-id: x\", \"x\", \"a: b\\n\","
		 "\"A:\", \"A b: c\"} }",
		 "3: 'format' in notifier \"n\": unknown value 'slak'; did you mean 'slack'?\n"
		 "4: 'secret-file' in notifier \"n\": @/key does not hold one or two lines of whsec_ "
		 "and base64\n"
		 "5: 'headers' in notifier \"n\": header 2 is one that tunewatch sets itself\n"
		 "6: 'headers' in notifier \"n\": header 3 is one that tunewatch sets itself\n"
		 "6: 'headers' in notifier \"n\": header 4 is not \"Name: value\"\n"
		 "6: 'headers' in notifier \"n\": header 5 holds a control character\n"
		 "6: 'headers' in notifier \"n\": header 6 has no value\n"
		 "6: 'headers' in notifier \"n\": header 7 is not \"Name: value\""},
		{N
		 "type = webhook url-file = \"@/url\"\nformat = slack\nsecret-file = \"@/secret\" }",
		 "4: 'secret-file' in notifier \"n\": only format = \"json\" is signed"},
		{N "type = webhook\nurl = \"http://[::1]/?topic\"\nformat = ntfy }",
		 "3: 'url' in notifier \"n\": with format = \"ntfy\", a URL ends with the topic, "
		 "such as https://ntfy.sh/alerts"},
		{N "type = exec }", "1: notifier \"n\" needs 'command'"},
		{N "type = exec\ncommand = {} }",
		 "1: 'command' in notifier \"n\" is an empty list; leave it out for the default"},
		{N "type = exec\ncommand = hook }",
		 "3: 'command' in notifier \"n\": 'hook' is not an absolute path"},
		{N "type = exec\ncommand = \"@/nothing\" }",
		 "3: 'command' in notifier \"n\": '@/nothing' does not exist"},
		{N "type = exec\ncommand = \"@/key\" }",
		 "3: 'command' in notifier \"n\": '@/key' is not executable"},
		{N "type = exec\ncommand = \"@\" }",
		 "3: 'command' in notifier \"n\": '@' is not a file"},
		{N "type = exec command = \"@/hook\"\nmax-parallel = 65\ntimeout = off }",
		 "3: 'max-parallel' in notifier \"n\": '65' is not a whole number from 1 to 64\n"
		 "4: 'timeout' in notifier \"n\": 'off' is not between 1s and 1d"},
		{N "type = unit }", "1: notifier \"n\" needs 'unit'"},
		{N "type = unit\nunit = \"deploy\\x40%n.service\" }",
		 "3: 'unit' in notifier \"n\": 'deploy@%n.service' has an unknown specifier; there "
		 "are %j, the job's name, %i, its id, and %%"},
		{N "type = unit\nunit = deploy\ntimeout = 3s }",
		 "3: 'unit' in notifier \"n\": 'deploy' is not the name of a service, such as "
		 "deploy@%j.service\n"
		 "4: 'timeout' in notifier \"n\": a notifier of type unit has no such option"},
		{N "type = unit\nunit = \"deploy\\x40.service\" }",
		 "3: 'unit' in notifier \"n\": 'deploy@.service' is not the name of a service, such "
		 "as deploy@%j.service"},
		{N "type = unit unit = \"d\\x40%j.service\"\ndigest = 30s }",
		 "3: 'digest' in notifier \"n\": a unit is started for one event, which is its "
		 "cause; only mail, and webhooks of format slack, discord, teams or ntfy, join "
		 "several"},
		{N "type = desktop\ndigest = 30s }",
		 "3: 'digest' in notifier \"n\": there is one notification for each job; only "
		 "mail, and webhooks of format slack, discord, teams or ntfy, join several"},
		{N "type = exec command = \"@/hook\"\ndigest = 30s }",
		 "3: 'digest' in notifier \"n\": a hook runs for one event, which is its cause; "
		 "only mail, and webhooks of format slack, discord, teams or ntfy, join several"},
		{N "type = syslog\ndigest = 30s }",
		 "3: 'digest' in notifier \"n\": the journal has an entry for each event; only "
		 "mail, and webhooks of format slack, discord, teams or ntfy, join several"},
		{N "type = webhook url-file = \"@/url\"\ndigest = 30s }",
		 "3: 'digest' in notifier \"n\": format json is one event, with its id and the same "
		 "bytes each time; only mail, and webhooks of format slack, discord, teams or ntfy, join "
		 "several"},
		{N "type = webhook url-file = \"@/url\" format = json\ndigest = 30s }",
		 "3: 'digest' in notifier \"n\": format json is one event, with its id and the same "
		 "bytes each time; only mail, and webhooks of format slack, discord, teams or ntfy, join "
		 "several"},
		{N "type = webhook url-file = \"@/url\" format = slak\ndigest = 30s }",
		 "2: 'format' in notifier \"n\": unknown value 'slak'; did you mean 'slack'?"},
		{N "type = webhook url-file = \"@/url\" format = slack\ndigest = 999ms\n"
		   "max-waiting = 0 }",
		 "3: 'digest' in notifier \"n\": '999ms' is not between 1s and 1d, or off\n"
		 "4: 'max-waiting' in notifier \"n\": '0' is not a whole number from 1 to 10000000"},
		{N "type = syslog\nwait-for-model = true wait-for-model-max = 999ms }",
		 "3: 'wait-for-model-max' in notifier \"n\": '999ms' is not between 1s and 30d"},
		{N "type = syslog\nwait-for-model = true wait-for-model-max = \"31d\" }",
		 "3: 'wait-for-model-max' in notifier \"n\": '31d' is not between 1s and 30d"},
		{N "type = syslog\nwait-for-model = true wait-for-model-max = off }",
		 "3: 'wait-for-model-max' in notifier \"n\": 'off' is not between 1s and 30d"},
		{N "type = syslog\nwait-for-model-max = 1h }",
		 "3: 'wait-for-model-max' in notifier \"n\": only with wait-for-model = true"},
		{N "type = syslog wait-for-model = false\nwait-for-model-max = 1h }",
		 "3: 'wait-for-model-max' in notifier \"n\": only with wait-for-model = true"},
		{N "type = syslog\nwait-for-model = 1h\nwait-for-model-max = 1h }",
		 "3: 'wait-for-model' in notifier \"n\": unknown value '1h'; known: 'false', "
		 "'true', 'no', 'yes', 'off' and 'on'"},
		{N "type = syslog events = job.failed\nwait-for-model = true }",
		 "3: 'wait-for-model' in notifier \"n\": it gets no job.succeeded, which alone waits; "
		 "add that to its events"},
		{N "type = syslog\nwait-for-model = {}\nwait-for-model-max = 1h }",
		 "1: 'wait-for-model' in notifier \"n\" is an empty list"},
		{N "type = webhook url-file = \"@/url\" format = slack digest = 30s\n"
		   "wait-for-model = true }",
		 "3: 'wait-for-model' in notifier \"n\": a digest would wait for the models of all "
		 "its jobs; give the events that wait to another notifier, without digest"},
		{N "type = syslog\nmax-waiting = 10000001 }",
		 "3: 'max-waiting' in notifier \"n\": '10000001' is not a whole number from 1 to "
		 "10000000"},
		{N "type = syslog\nevents = {\"job.succeded\", \"job.*\",\n\"ends\", \"x.*\"} }",
		 "3: 'events' in notifier \"n\": no event is called 'job.succeded'; did you mean "
		 "'job.succeeded'?\n"
		 "4: 'events' in notifier \"n\": no event is called 'ends'; did you mean 'end'?\n"
		 "4: 'events' in notifier \"n\": no event is called 'x.*'"},
	};

	expect(cases, ARRAY_LEN(cases));
}

Test(faults, across_files)
{
	fixture_write(&f, "conf.d/b.conf", "account a {}\nfoo = 1\n", 0600);
	fixture_write(&f, "conf.d/a.conf", "\nwatch w { kinds = x }\n", 0600);
	cr_assert(fixture_load(&f, "account a {}\nbar = 1\n") < 0);
	cr_expect_str_eq(
		fixture_faults(&f),
		"main.conf:2: unknown option 'bar'\n"
		"conf.d/a.conf:2: 'kinds' in watch \"w\": unknown value 'x'; known: 'sft', "
		"'rft', 'dpo', 'ft', 'rlor', 'batch' and 'eval'\n"
		"conf.d/b.conf:1: account \"a\" is there already: @/main.conf:1\n"
		"conf.d/b.conf:2: unknown option 'foo'\n");
}

Test(faults, files)
{
	char path[128];

	cr_assert(fixture_load(&f, "account a {}") == 0);
	snprintf(path, sizeof(path), "%s/main.conf", f.dir);
	cr_assert(unlink(path) == 0);
	cr_assert(mkdir(path, 0700) == 0);
	f.env.configuration_directory = f.dir;
	fixture_write(&f, "conf.d/x.conf", "account b {}", 0600);
	cr_assert(fixture_load_default(&f) == 0, "conf.d alone is enough: %s", fixture_faults(&f));
	fixture_write(&f, "tunewatch.conf/x", "", 0600);
	cr_assert(fixture_load_default(&f) < 0);
	cr_expect_str_eq(fixture_faults(&f), "tunewatch.conf: cannot read: not a regular file\n");
}

static void no_fault(void *user, const char *file, unsigned line, const char *text)
{
	char *ret = user;

	snprintf(ret, 256, "%s:%u: %s", file, line, text);
}

Test(faults, named_file_must_be_there)
{
	struct config *c;
	char got[256] = "";

	cr_expect(config_load("/does/not/exist", &f.env, no_fault, got, &c) < 0);
	cr_expect_str_eq(got, "/does/not/exist:0: cannot read: No such file or directory");
}

Test(faults, what_could_not_be_read_may_hold_the_account)
{
	f.env.fireworks_api_key = NULL;
	cr_assert(fixture_load(&f, "progress-step = 3\n}\n" A) < 0);
	cr_expect_str_eq(fixture_faults(&f),
			 "main.conf:2: syntax error: unexpected closing brace\n");
	cr_assert(fixture_load(&f, "progress-step = 3\nnotifier n { type = syslog\n") < 0);
	cr_expect_str_eq(fixture_faults(&f), "main.conf:2: this '{' is never closed\n");
	cr_assert(fixture_load(&f, "progres-step = 3\n") < 0);
	cr_expect(strstr(fixture_faults(&f), "no account: "), "%s", fixture_faults(&f));
}

Test(faults, nothing_to_watch)
{
	f.env.fireworks_api_key = NULL;
	cr_assert(fixture_load_default(&f) < 0);
	cr_expect_str_eq(fixture_faults(&f),
			 "no account: set $FIREWORKS_API_KEY, or put the key into credentials/KEY "
			 "beside @/.config/tunewatch/tunewatch.conf and write there: account "
			 "\"ID\" { api-key-credential = \"KEY\" }\n");
	cr_assert(fixture_load(&f, "account a {}") < 0);
	cr_expect_str_eq(fixture_faults(&f),
			 "main.conf:1: account \"a\" has no key: give it api-key-file, or set "
			 "$FIREWORKS_API_KEY\n");
}

Test(faults, watches_without_an_account)
{
	cr_assert(fixture_load(&f, "watch w {}") < 0);
	cr_expect_str_eq(fixture_faults(&f),
			 "the account of the watches is not known: set $FIREWORKS_ACCOUNT_ID, or "
			 "write an account section\n");
}

Test(faults, no_place_for_state)
{
	f.env.home = f.env.xdg_runtime_dir = NULL;
	cr_assert(fixture_load(&f, "account a {}") < 0);
	cr_expect_str_eq(fixture_faults(&f),
			 "there is neither $HOME nor $XDG_STATE_HOME: 'state-dir' is needed\n"
			 "there is no $XDG_RUNTIME_DIR: 'control-socket' is needed\n");
}

Test(faults, limits)
{
	static const struct {
		const char *format;
		int most;
		const char *want;
	} cases[] = {
		{"account a%d {}\n", 63, "main.conf:64: more than 63 accounts\n"},
		{"watch w%d { account = a0 }\n", 63, "main.conf:64: more than 63 watches\n"},
		{"notifier n%d { type = syslog }\n", 64, "main.conf:65: more than 64 notifiers\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int n = cases[i].most; n <= cases[i].most + 1; n++) {
			struct buf b = BUF_INIT(1 << 16);

			for (int k = 0; k < n; k++)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				cr_assert(buf_printf(&b, cases[i].format, k) == 0);
#pragma GCC diagnostic pop
			if (i > 0)
				cr_assert(buf_puts(&b, "account a0 {}\n") == 0);
			fixture_load(&f, buf_str(&b));
			cr_expect_str_eq(fixture_faults(&f),
					 n == cases[i].most ? "" : cases[i].want);
			buf_done(&b);
		}
	}
}

Test(faults, many_are_cut_short)
{
	struct buf b = BUF_INIT(1 << 20);
	const char *last;

	cr_assert(buf_puts(&b, "account a {}\nwatch w { kinds = {x") == 0);
	for (int i = 0; i < 300; i++)
		cr_assert(buf_puts(&b, ",\nx") == 0);
	cr_assert(buf_puts(&b, "} }") == 0);
	cr_assert(fixture_load(&f, buf_str(&b)) < 0);
	last = strstr(fixture_faults(&f), "101 more");
	cr_expect_str_eq(last ? last : "", "101 more faults are not shown\n");
	buf_clear(&b);
	for (int i = 0; i < 70; i++)
		cr_assert(buf_printf(&b, "x%d = 1\n", i) == 0);
	cr_assert(fixture_load(&f, buf_str(&b)) < 0);
	cr_expect(strstr(fixture_faults(&f), "main.conf:64: unknown option 'x63'\n"));
	cr_expect(strstr(fixture_faults(&f), "main.conf:65: too many unknown names"));
	buf_done(&b);
}

Test(faults, binary)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/tunewatch.conf", f.dir);
	out = fopen(path, "w");
	fwrite("account a {}\0x", 1, 14, out);
	fclose(out);
	f.env.configuration_directory = f.dir;
	cr_assert(fixture_load_default(&f) < 0);
	cr_expect_str_eq(fixture_faults(&f), "tunewatch.conf: holds a NUL byte: not a text file\n");
}
