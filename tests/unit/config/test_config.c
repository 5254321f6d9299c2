/* What good configurations mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
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

TestSuite(config, .init = setup, .fini = teardown);

static void good(const char *text)
{
	cr_assert(fixture_load(&f, text) == 0, "%s\n%s", text, fixture_faults(&f));
}

Test(config, contract_example)
{
	const struct config *c;

	good("poll-interval = \"45s\"   # wanted freshness of a running job\n"
	     "state-dir = \"/var/lib/tunewatch\"\n"
	     "control-socket = \"/run/tunewatch/control.sock\"\n"
	     "http-listen = \"127.0.0.1:9877\"\n"
	     "list-interval = \"6h\"\n"
	     "degraded-after = \"1min\"\n"
	     "progress-step = 25\n"
	     "history-max-age = \"14d\"\n"
	     "history-max-size = \"256MiB\"\n"
	     "account \"acme\" {\n"
	     "    account-id = \"acme\"\n"
	     "    api-url = \"https://api.fireworks.ai/\"\n"
	     "    api-key-file = \"@/key\"\n"
	     "    requests-per-minute = 600\n"
	     "    ca-file = \"@/ca.pem\"   proxy = \"http://proxy:3128\"\n"
	     "}\n"
	     "watch \"production\" {\n"
	     "    account = \"acme\"\n"
	     "    kinds = {\"sft\", \"dpo\"}\n"
	     "    jobs = {\"sft/abc\", 'acme/rft/d', \"accounts/acme/dpoJobs/e\"}\n"
	     "    display-name = \"prod-*\"\n"
	     "    poll-interval = \"15s\"\n"
	     "    first-sight = \"announce\"\n"
	     "    stall-running = \"10min\"\n"
	     "    stall-queued = off\n"
	     "    notify = {\"deploy\", \"slack\"}\n"
	     "}\n"
	     "notifier \"journal\" { type = \"syslog\" }\n"
	     "notifier \"slack\" {\n"
	     "    type = \"webhook\"\n"
	     "    url-file = \"@/url\"\n"
	     "    format = \"slack\"\n"
	     "    digest = \"30s\"\n"
	     "    max-waiting = 500\n"
	     "    events = {\"job.failed\", \"job.stalled\", \"watcher.*\"}\n"
	     "    headers = {\"Priority: high\", \"Authorization: Bearer x\"}\n"
	     "}\n"
	     "notifier \"deploy\" {\n"
	     "    type = \"exec\"\n"
	     "    command = {\"@/hook\", \"--stage\", \"\"}\n"
	     "    events = {\"job.succeeded\"}\n"
	     "    timeout = \"5min\"\n"
	     "    max-parallel = 2\n"
	     "    wait-for-model = true\n"
	     "    wait-for-model-max = \"2h\"\n"
	     "}\n");
	c = f.config;
	cr_expect_eq(c->poll_interval_ms, 45000);
	cr_expect_eq(c->degraded_after_ms, 60000);
	cr_expect_eq(c->progress_step, 25);
	cr_expect_eq(c->history_max_age_ms, 14 * MS_PER_DAY);
	cr_expect_eq(c->list_interval_ms, 6 * MS_PER_H);
	cr_expect_eq(c->history_max_bytes, 256ULL << 20);
	cr_expect_str_eq(c->state_dir, "/var/lib/tunewatch");
	cr_expect_str_eq(c->control_socket, "/run/tunewatch/control.sock");
	cr_expect_str_eq(c->http_listen, "127.0.0.1:9877");

	cr_assert_eq(c->n_accounts, 1);
	cr_expect_str_eq(c->accounts[0].name, "acme");
	cr_expect_str_eq(c->accounts[0].account_id, "acme");
	cr_expect_str_eq(c->accounts[0].api_url, "https://api.fireworks.ai");
	cr_expect_str_eq(c->accounts[0].api_key.value, "fw_file");
	cr_expect_eq(c->accounts[0].requests_per_minute, 600);
	cr_expect_str_eq(c->accounts[0].proxy, "http://proxy:3128");
	cr_expect_not_null(c->accounts[0].ca_file);

	cr_assert_eq(c->n_watches, 1);
	cr_expect_str_eq(c->watches[0].name, "production");
	cr_expect_eq(c->watches[0].route.kinds, 1U << KIND_SFT | 1U << KIND_DPO);
	cr_expect(c->watches[0].route.by_name && c->watches[0].route.announce);
	cr_assert_eq(c->watches[0].n_jobs, 3);
	cr_expect_eq(c->watches[0].jobs[0].kind, KIND_SFT);
	cr_expect_str_eq(c->watches[0].jobs[1].id, "d");
	cr_expect_str_eq(c->watches[0].jobs[2].account, "acme");
	cr_expect_str_eq(c->watches[0].route.display_name, "prod-*");
	cr_expect_eq(c->watches[0].poll_interval_ms, 15000);
	cr_expect_eq(c->watches[0].stall_ms[PHASE_RUNNING], 10 * MS_PER_MIN);
	cr_expect_eq(c->watches[0].stall_ms[PHASE_QUEUED], UINT64_MAX);
	cr_expect_eq(c->watches[0].stall_ms[PHASE_STARTING], MS_PER_H);
	cr_expect_eq(c->watches[0].stall_ms[PHASE_PAUSED], UINT64_MAX);
	cr_expect_eq(c->watches[0].route.notify, route_bit(1) | route_bit(2));

	cr_assert_eq(c->n_notifiers, 3);
	cr_expect_eq(c->notifiers[0].type, NOTIFIER_SYSLOG);
	cr_expect_eq(c->notifiers[1].format, WEBHOOK_SLACK);
	cr_expect_str_eq(c->notifiers[1].url.value, "https://hooks.example.com/T/secret");
	cr_expect_str_eq(c->notifiers[1].url_host, "hooks.example.com");
	cr_expect_null(c->notifiers[1].signing.value);
	cr_expect_str_eq(c->notifiers[1].headers[1], "Authorization: Bearer x");
	cr_expect_null(c->notifiers[1].headers[2]);
	cr_expect_eq(c->notifiers[1].timeout_ms, 20000);
	cr_expect_eq(c->notifiers[1].digest_ms, 30000);
	cr_expect_eq(c->notifiers[1].max_waiting, 500);
	cr_expect_eq(c->notifiers[1].events, (uint64_t)1 << EVENT_JOB_FAILED |
						     (uint64_t)1 << EVENT_JOB_STALLED |
						     (uint64_t)1 << EVENT_WATCHER_DEGRADED |
						     (uint64_t)1 << EVENT_WATCHER_RESTORED);
	cr_expect_str_eq(c->notifiers[2].command[1], "--stage");
	cr_expect_str_eq(c->notifiers[2].command[2], "");
	cr_expect_null(c->notifiers[2].command[3]);
	cr_expect_eq(c->notifiers[2].timeout_ms, 5 * MS_PER_MIN);
	cr_expect_eq(c->notifiers[2].max_parallel, 2);
	cr_expect_eq(c->notifiers[1].model_wait_ms, 0);
	cr_expect_eq(c->notifiers[2].model_wait_ms, 2 * MS_PER_H);
}

Test(config, defaults)
{
	const struct config *c;
	uint64_t ends = 0;

	good("account \"acme\" {}");
	c = f.config;
	cr_expect_eq(c->poll_interval_ms, 30000);
	cr_expect_eq(c->degraded_after_ms, 30000);
	cr_expect_eq(c->progress_step, 10);
	cr_expect_eq(c->history_max_age_ms, 30 * MS_PER_DAY);
	cr_expect_eq(c->list_interval_ms, MS_PER_H);
	cr_expect_eq(c->history_max_bytes, 1ULL << 30);
	cr_expect_null(c->http_listen);
	cr_expect_str_eq(c->accounts[0].account_id, "acme");
	cr_expect_str_eq(c->accounts[0].api_url, "https://api.fireworks.ai");
	cr_expect_str_eq(c->accounts[0].api_key.value, "fw_env");
	cr_expect_eq(c->accounts[0].requests_per_minute, 10);
	cr_expect_null(c->accounts[0].proxy);
	cr_assert_eq(c->n_watches, 1);
	cr_expect_str_eq(c->watches[0].name, "default");
	cr_expect_eq(c->watches[0].route.kinds, (1U << KIND_COUNT_) - 1);
	cr_expect_eq(c->watches[0].n_jobs, 0);
	cr_expect(!c->watches[0].route.by_name && !c->watches[0].route.announce);
	cr_expect_null(c->watches[0].route.display_name);
	cr_assert_eq(c->n_notifiers, 1);
	cr_expect_str_eq(c->notifiers[0].name, "journal");
	cr_expect_eq(c->notifiers[0].type, NOTIFIER_SYSLOG);
	cr_expect_eq(c->notifiers[0].digest_ms, 0);
	cr_expect_eq(c->notifiers[0].model_wait_ms, 0);
	cr_expect_eq(c->notifiers[0].max_waiting, 100000);
	for (enum event_type e = EVENT_NONE + 1; e < EVENT_COUNT_; e++)
		if (event_type_is_end(e))
			ends |= (uint64_t)1 << e;
	cr_expect_eq(c->notifiers[0].events, ends | (uint64_t)1 << EVENT_JOB_PAUSED |
						     (uint64_t)1 << EVENT_JOB_STALLED |
						     (uint64_t)1 << EVENT_JOB_RECOVERED |
						     (uint64_t)1 << EVENT_WATCHER_DEGRADED |
						     (uint64_t)1 << EVENT_WATCHER_RESTORED);
}

Test(config, what_is_off)
{
	good("history-max-age = off\nhistory-max-size = off\naccount a {}\n"
	     "notifier x { type = webhook url-file = \"@/url\" digest = off }\n"
	     "notifier y { type = exec command = \"@/hook\" digest = off wait-for-model = off }\n"
	     "notifier z { type = webhook url-file = \"@/url\" format = slack digest = off "
	     "wait-for-model = yes }\n");
	cr_expect_eq(f.config->history_max_age_ms, UINT64_MAX);
	cr_expect_eq(f.config->history_max_bytes, UINT64_MAX);
	cr_expect_eq(f.config->notifiers[0].digest_ms, 0);
	cr_expect_eq(f.config->notifiers[1].digest_ms, 0);
	cr_expect_eq(f.config->notifiers[1].model_wait_ms, 0);
	cr_expect_eq(f.config->notifiers[2].model_wait_ms, MS_PER_H);
}

Test(config, routes)
{
	struct route_table t;

	good("account \"a\" {}\naccount \"b\" {}\n"
	     "watch \"w\" { account = b kinds = sft }\nwatch \"v\" { account = a }\n"
	     "notifier \"x\" { type = syslog events = job.failed }\n");
	t = config_routes(f.config);
	cr_assert_eq(t.n_watches, 2);
	cr_assert_eq(t.n_notifiers, 1);
	cr_expect_eq(route_watches(&t, 1, KIND_SFT, "", 0), route_bit(0));
	cr_expect_eq(route_watches(&t, 1, KIND_DPO, "", 0), 0);
	cr_expect_eq(route_watches(&t, 0, KIND_DPO, "", 0), route_bit(1));
	cr_expect_eq(route_job_event(&t, EVENT_JOB_FAILED, route_bit(0), NULL), 1);
	cr_expect_eq(route_job_event(&t, EVENT_JOB_EXPIRED, route_bit(0), NULL), 0);
}

Test(config, implicit_watch_for_each_account)
{
	good("account \"a\" {}\naccount \"b\" {}\n");
	cr_assert_eq(f.config->n_watches, 2);
	cr_expect_str_eq(f.config->watches[1].name, "b");
	cr_expect_eq(f.config->watches[1].route.account, 1);
}

Test(config, forms_of_writing)
{
	good("/* a comment\n * of lines */ // and another\n#\n#x\r\n"
	     "poll-interval = 2min\r\n"
	     "account acme {}\n"
	     "watch w { kinds = {sft, dpo} kinds += rft display-name = \"a\\\"b\\${c}#*/\" }\n");
	cr_expect_eq(f.config->poll_interval_ms, 120000);
	cr_expect_eq(f.config->watches[0].route.kinds,
		     1U << KIND_SFT | 1U << KIND_RFT | 1U << KIND_DPO);
	cr_expect_str_eq(f.config->watches[0].route.display_name, "a\"b${c}#*/");
}

Test(config, variables)
{
	setenv("TW_TEST_INTERVAL", "77s", 1);
	good("poll-interval = \"${TW_TEST_INTERVAL}\"\ndegraded-after = ${TW_TEST_NONE:-3s}\n"
	     "account a {}\n");
	cr_expect_eq(f.config->poll_interval_ms, 77000);
	cr_expect_eq(f.config->degraded_after_ms, 3000);
}

Test(config, listen_addresses)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"127.0.0.1:9877", "127.0.0.1:9877"},
		{"127.8.8.8:1", "127.8.8.8:1"},
		{"[::1]:80", "[::1]:80"},
		{"localhost:80", "127.0.0.1:80"},
		{"127.0.0.1:0", "127.0.0.1:0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[128];

		snprintf(text, sizeof(text), "http-listen = \"%s\"\naccount a {}", cases[i].text);
		good(text);
		cr_expect_str_eq(f.config->http_listen, cases[i].want);
	}
}

Test(config, fragments_add_up_in_lexical_order)
{
	fixture_write(&f, "conf.d/20-b.conf", "poll-interval = 20s\nnotifier b { type = syslog }\n",
		      0600);
	fixture_write(&f, "conf.d/10-a.conf", "poll-interval = 10s\nnotifier a { type = syslog }\n",
		      0600);
	fixture_write(&f, "conf.d/ignored.conf~", "nonsense = 1\n", 0600);
	fixture_write(&f, "conf.d/.hidden.conf", "nonsense = 1\n", 0600);
	good("poll-interval = 5s\ndegraded-after = 9s\naccount a {}\n");
	cr_expect_eq(f.config->poll_interval_ms, 20000, "a later file wins");
	cr_expect_eq(f.config->degraded_after_ms, 9000);
	cr_assert_eq(f.config->n_notifiers, 2);
	cr_expect_str_eq(f.config->notifiers[0].name, "a");
}

Test(config, default_paths)
{
	static const struct {
		struct config_env env;
		const char *state, *socket;
	} cases[] = {
		{{.system = true}, "/var/lib/tunewatch", "/run/tunewatch/control.sock"},
		{{.system = true, .state_directory = "/s:/t", .runtime_directory = "/r:/q"},
		 "/s",
		 "/r/control.sock"},
		{{.home = "/h", .xdg_runtime_dir = "/run/user/1"},
		 "/h/.local/state/tunewatch",
		 "/run/user/1/tunewatch/control.sock"},
		{{.home = "/h", .xdg_state_home = "/xs", .xdg_runtime_dir = "/x"},
		 "/xs/tunewatch",
		 "/x/tunewatch/control.sock"},
		{{.home = "/h", .xdg_state_home = "relative", .xdg_runtime_dir = "/x"},
		 "/h/.local/state/tunewatch",
		 "/x/tunewatch/control.sock"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f.env = cases[i].env;
		f.env.fireworks_api_key = "k";
		good("account a {}");
		cr_expect_str_eq(f.config->state_dir, cases[i].state, "%zu", i);
		cr_expect_str_eq(f.config->control_socket, cases[i].socket, "%zu", i);
	}
}

Test(config, default_file)
{
	fixture_write(&f, ".config/tunewatch/tunewatch.conf", "account home {}", 0600);
	fixture_write(&f, "xdg/tunewatch/tunewatch.conf", "account xdg {}", 0600);
	fixture_write(&f, "etc/tunewatch.conf", "account etc {}", 0600);
	cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
	cr_expect_str_eq(f.config->accounts[0].name, "home");
	for (int i = 0; i < 2; i++) {
		char dir[128];

		snprintf(dir, sizeof(dir), "%s/%s", f.dir, i ? "etc" : "xdg");
		if (i)
			f.env.configuration_directory = dir;
		else
			f.env.xdg_config_home = dir;
		cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
		cr_expect_str_eq(f.config->accounts[0].name, i ? "etc" : "xdg");
		f.env.configuration_directory = f.env.xdg_config_home = NULL;
	}
}

Test(config, no_file_but_a_key)
{
	cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
	cr_assert_eq(f.config->n_accounts, 1);
	cr_expect_str_eq(f.config->accounts[0].account_id, "");
	cr_expect_str_eq(f.config->accounts[0].api_key.value, "fw_env");
	cr_expect_str_eq(f.config->accounts[0].api_key.source, "$FIREWORKS_API_KEY");
	cr_assert_eq(f.config->n_watches, 1);
	cr_expect_str_eq(f.config->notifiers[0].name, "journal");
	f.env.fireworks_account_id = "accounts/acme";
	cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
	cr_expect_str_eq(f.config->accounts[0].account_id, "acme");
}

Test(config, environment)
{
	struct config_env env;

	setenv("HOME", "/h", 1);
	setenv("FIREWORKS_API_KEY", "", 1);
	setenv("FIREWORKS_API_BASE", "http://base", 1);
	unsetenv("FIREWORKS_BASE_URL");
	setenv("STATE_DIRECTORY", "/var/lib/tunewatch", 1);
	config_env_read(&env);
	cr_expect_str_eq(env.home, "/h");
	cr_expect_null(env.fireworks_api_key, "an empty variable is none");
	cr_expect_str_eq(env.fireworks_base_url, "http://base");
	cr_expect(env.system);
	setenv("FIREWORKS_BASE_URL", "http://first", 1);
	config_env_read(&env);
	cr_expect_str_eq(env.fireworks_base_url, "http://first");
}

Test(config, account_of_the_environment_for_watches)
{
	f.env.fireworks_account_id = "acme";
	f.env.fireworks_base_url = "http://127.0.0.1:1/base/";
	good("watch w { jobs = sft/abc }");
	cr_expect_str_eq(f.config->watches[0].jobs[0].account, "acme");
	cr_expect_str_eq(f.config->accounts[0].api_url, "http://127.0.0.1:1/base");
}

Test(config, account_found_with_the_key)
{
	good("account a { account-id = \"\" }");
	cr_expect_str_eq(f.config->accounts[0].account_id, "");
}

Test(config, a_hundred_thousand_jobs)
{
	struct buf b = BUF_INIT(16 << 20);

	cr_assert(buf_puts(&b, "account a {}\nwatch w { jobs = {\n") == 0);
	for (int i = 0; i < 100000; i++)
		cr_assert(buf_printf(&b, "%s\"sft/job-%d\"\n", i ? "," : "", i) == 0);
	cr_assert(buf_puts(&b, "} }\n") == 0);
	good(buf_str(&b));
	cr_expect_eq(f.config->watches[0].n_jobs, 100000);
	cr_expect_str_eq(f.config->watches[0].jobs[99999].id, "job-99999");
	buf_done(&b);
}

Test(config, references)
{
	struct config *c;

	good("account a {}");
	c = config_ref(f.config);
	cr_expect_null(config_unref(c));
	cr_expect_str_eq(f.config->accounts[0].name, "a");
	cr_expect_null(config_unref(NULL));
}

static void replace(char *line, size_t size, const char *what, const char *with)
{
	char *at = strstr(line, what), rest[512];

	if (!at)
		return;
	snprintf(rest, sizeof(rest), "%s", at + strlen(what));
	snprintf(at, size - (size_t)(at - line), "%s%s", with, rest);
}

/* The installed example: as it is, and with every line in force. */
Test(config, installed_example)
{
	static const char *const stand_ins[][2] = {
		{"/etc/tunewatch/wandb.key", "@/key"},
		{"/etc/tunewatch/chat.url", "@/url"},
		{"/etc/tunewatch/mail.password", "@/key"},
		{"/usr/local/bin/deploy-model", "@/hook"},
	};
	const char *top = getenv("top_srcdir");
	struct buf whole = BUF_INIT(1 << 20), live = BUF_INIT(1 << 20);
	char text[512];
	FILE *in;

	snprintf(text, sizeof(text), "%s/conf/tunewatch.conf", top ? top : "..");
	in = fopen(text, "r");
	cr_assert(in, "%s: %m", text);
	while (fgets(text, sizeof(text), in)) {
		cr_assert(buf_puts(&whole, text) == 0);
		if (text[0] != '#' || strchr(" \n", text[1]))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(stand_ins); i++)
			replace(text, sizeof(text), stand_ins[i][0], stand_ins[i][1]);
		cr_assert(buf_puts(&live, text + 1) == 0);
	}
	fclose(in);
	good(buf_str(&whole));
	fixture_write(&f, "credentials/acme", "fw_key", 0600);
	good(buf_str(&live));
	cr_expect_eq(f.config->n_notifiers, 4);
	cr_expect_str_eq(f.config->accounts[0].name, "acme");
	buf_done(&whole);
	buf_done(&live);
}
