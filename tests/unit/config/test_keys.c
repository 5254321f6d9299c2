/* Where keys come from, in which order, and who may read them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

TestSuite(keys, .init = setup, .fini = teardown);

static void expect_key(const char *text, const char *value, const char *source)
{
	char want[256] = "", path[256];

	cr_assert(fixture_load(&f, text) == 0, "%s\n%s", text, fixture_faults(&f));
	snprintf(path, sizeof(path), "%s", source);
	if (strchr(path, '@')) {
		char *at = strchr(path, '@');

		*at = '\0';
		snprintf(want, sizeof(want), "%s%s%s", path, f.dir, at + 1);
	} else {
		snprintf(want, sizeof(want), "%s", path);
	}
	cr_expect_str_eq(f.config->accounts[0].api_key.value, value);
	cr_expect_str_eq(f.config->accounts[0].api_key.source, want);
}

static void expect_fault(const char *text, const char *want)
{
	fixture_load(&f, text);
	cr_expect_str_eq(fixture_faults(&f), want);
}

Test(keys, order)
{
	char credentials[128];

	fixture_write(&f, "cred/acme", "fw_cred", 0644);
	fixture_write(&f, ".fireworks/auth.ini", "api_key = fw_ini", 0600);
	snprintf(credentials, sizeof(credentials), "%s/cred", f.dir);
	f.env.credentials_directory = credentials;
	expect_key("account a { api-key-file = \"@/key\" }", "fw_file", "file @/key");
	expect_key("account a { api-key-file = \"~/key\" }", "fw_file", "file @/key");
	expect_key("account a { api-key-credential = acme }", "fw_cred", "credential acme");
	expect_key("account a { api-key = fw_inline }", "fw_inline", "the configuration file");
	expect_key("account a {}", "fw_env", "$FIREWORKS_API_KEY");
	f.env.fireworks_api_key = " \n";
	expect_key("account a {}", "fw_ini", "auth.ini @/.fireworks/auth.ini");
	f.env.fireworks_api_key = " fw_trimmed \n";
	expect_key("account a {}", "fw_trimmed", "$FIREWORKS_API_KEY");
}

Test(keys, at_most_one_is_given)
{
	expect_fault("account a {\napi-key = x\napi-key-file = \"@/key\"\napi-key-credential = c }",
		     "main.conf:2: 'api-key' in account \"a\": 'api-key-file' is given already\n"
		     "main.conf:4: 'api-key-credential' in account \"a\": 'api-key-file' is given "
		     "already\n");
}

Test(keys, credentials)
{
	char credentials[128];

	snprintf(credentials, sizeof(credentials), "%s/cred", f.dir);
	f.env.credentials_directory = credentials;
	expect_fault(
		"account a { api-key-credential = acme }",
		"main.conf:1: 'api-key-credential' in account \"a\": there was no credential "
		"'acme' when the service started; put the key into credentials/acme beside the "
		"configuration, then restart it\n");
	expect_fault("account a { api-key-credential = \"../key\" }",
		     "main.conf:1: 'api-key-credential' in account \"a\": '../key' is not the name "
		     "of a credential\n");
}

/*
 * What systemd makes of LoadCredential=tunewatch:DIRECTORY, which comes before one that is named alone:
 * the unit gives one of the name "tunewatch", and nothing in it, where there is no directory.
 */
Test(keys, credentials_of_the_units_directory)
{
	char credentials[128];

	snprintf(credentials, sizeof(credentials), "%s/cred", f.dir);
	f.env.credentials_directory = credentials;
	fixture_write(&f, "credentials/acme", "fw_not_handed_over", 0600);
	fixture_write(&f, "cred/acme", "fw_alone", 0400);
	expect_key("account a { api-key-credential = acme }", "fw_alone", "credential acme");
	fixture_write(&f, "cred/tunewatch_acme", "fw_of_directory", 0400);
	expect_key("account a { api-key-credential = acme }", "fw_of_directory", "credential acme");
	fixture_write(&f, "cred/tunewatch", "\n", 0400);
	expect_fault(
		"account a { api-key-credential = tunewatch }",
		"main.conf:1: 'api-key-credential' in account \"a\": not a key (1 to 512 ASCII "
		"characters without spaces)\n");
	fixture_write(&f, "cred/tunewatch_tunewatch", "fw_same_name", 0400);
	expect_key("account a { api-key-credential = tunewatch }", "fw_same_name",
		   "credential tunewatch");
}

/* `tunewatchd --check-config` in a terminal reads what the unit would hand over. */
Test(keys, credentials_outside_of_a_service)
{
	expect_fault("account a { api-key-credential = acme }",
		     "main.conf:1: 'api-key-credential' in account \"a\": there is no file "
		     "'@/credentials/acme', and this is no service with credentials\n");
	fixture_write(&f, "credentials/acme", "fw_beside", 0600);
	expect_key("account a { api-key-credential = acme }", "fw_beside", "credential acme");
	fixture_write(&f, "credentials/acme", "fw_beside", 0644);
	expect_fault("account a { api-key-credential = acme }",
		     "main.conf:1: 'api-key-credential' in account \"a\": @/credentials/acme is "
		     "open to everybody; run: chmod 600 @/credentials/acme\n");
}

Test(keys, auth_ini)
{
	static const struct {
		const char *text, *key, *account;
	} cases[] = {
		{"api_key = fw_a\naccount_id = acme\n", "fw_a", "acme"},
		{"# c\n; c\n\n  api_key=\"fw_a\"  \naccount_id = 'acme' # x\n", "fw_a", "acme"},
		{"[fireworks]\r\napi_key = fw_a ; x\r\naccount_id = acme\r\n", "fw_a", "acme"},
		{"api_key = fw_a\n[fireworks]\napi_key = fw_b\naccount_id = acme", "fw_a", "acme"},
		{"[other]\napi_key = fw_a\n[fireworks]\napi_key = fw_b", "fw_b", NULL},
		{"api_key =\napi_key = fw_b", "fw_b", NULL},
		{"nonsense\n=\n[\n", NULL, NULL},
		{"", NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = strdup(cases[i].text);
		const char *key, *account;

		authini_read(text, &key, &account);
		cr_expect_str_eq(key ? key : "-", cases[i].key ? cases[i].key : "-", "%zu", i);
		cr_expect_str_eq(account ? account : "-", cases[i].account ? cases[i].account : "-",
				 "%zu", i);
		free(text);
	}
}

Test(keys, auth_ini_places)
{
	char path[128];

	f.env.fireworks_api_key = NULL;
	fixture_write(&f, ".fireworks/auth.ini", "api_key = fw_ini\naccount_id = home\n", 0600);
	fixture_write(&f, ".fireworks/profiles/p/auth.ini",
		      "api_key = fw_p\naccount_id = accounts/profile\n", 0600);
	fixture_write(&f, "own.ini", "api_key = fw_own\n", 0600);
	cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
	cr_expect_str_eq(f.config->accounts[0].api_key.value, "fw_ini");
	cr_expect_str_eq(f.config->accounts[0].account_id, "home");
	f.env.fireworks_profile = "p";
	cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
	cr_expect_str_eq(f.config->accounts[0].api_key.value, "fw_p");
	cr_expect_str_eq(f.config->accounts[0].account_id, "profile");
	snprintf(path, sizeof(path), "%s/own.ini", f.dir);
	f.env.fireworks_auth_file = path;
	cr_assert(fixture_load_default(&f) == 0, "%s", fixture_faults(&f));
	cr_expect_str_eq(f.config->accounts[0].api_key.value, "fw_own");
	cr_expect_str_eq(f.config->accounts[0].account_id, "");
	snprintf(path, sizeof(path), "%s/none.ini", f.dir);
	expect_fault("account a {}", "main.conf:1: account \"a\" has no key: give it api-key-file, "
				     "or set $FIREWORKS_API_KEY\n"
				     "auth.ini: there is no file '@/none.ini'\n");
	f.env.fireworks_auth_file = NULL;
	f.env.fireworks_profile = "../p";
	expect_fault("account a {}",
		     "main.conf:1: account \"a\" has no key: give it api-key-file, or set "
		     "$FIREWORKS_API_KEY\n"
		     "$FIREWORKS_PROFILE: '../p' is not the name of a profile\n");
}

Test(keys, form)
{
	static const char *const bad[] = {"",    " ", "a b", "schl\303\274ssel", "\342\200\246",
					  "a\tb"};
	char long_key[CONFIG_KEY_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		fixture_write(&f, "key", bad[i], 0600);
		expect_fault("account a { api-key-file = \"@/key\" }",
			     "main.conf:1: 'api-key-file' in account \"a\": not a key (1 to 512 "
			     "ASCII characters without spaces)\n");
	}
	memset(long_key, 'k', sizeof(long_key));
	long_key[CONFIG_KEY_MAX + 1] = '\0';
	fixture_write(&f, "key", long_key, 0600);
	cr_expect(fixture_load(&f, "account a { api-key-file = \"@/key\" }") < 0);
	long_key[CONFIG_KEY_MAX] = '\0';
	fixture_write(&f, "key", long_key, 0600);
	cr_expect(fixture_load(&f, "account a { api-key-file = \"@/key\" }") == 0);
	expect_fault("account a { api-key-file = \"@/none\" }",
		     "main.conf:1: 'api-key-file' in account \"a\": there is no file '@/none'\n");
	expect_fault("account a { api-key-file = \"@\" }",
		     "main.conf:1: 'api-key-file' in account \"a\": @ is not a regular file\n");
}

/* Ownership cannot be given away by an ordinary user; those rows need root. */
Test(keys, permissions)
{
	static const struct {
		uid_t uid; /* 0: ours */
		gid_t gid; /* 0: ours */
		mode_t mode;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{0, 0, 0600, NULL},
		{0, 0, 0400, NULL},
		{0, 0, 0604, "is open to everybody; run: chmod 600"},
		{0, 0, 0602, "is open to everybody; run: chmod 600"},
		{0, 0, 0644, "is open to everybody; run: chmod 600"},
		{0, 0, 0660, "is writable by its group; run: chmod 600"},
		{0, 4242, 0640,
		 NULL}, /* root reads it anyway; root's group decides for a service */
		{4242, 0, 0600, "belongs to another user; run: chown root"},
	};
	char path[128];

	snprintf(path, sizeof(path), "%s/key", f.dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[256] = "";

		if ((cases[i].uid || cases[i].gid) && geteuid() != 0)
			continue;
		fixture_write(&f, "key", "fw_file", 0600);
		cr_assert(chown(path, cases[i].uid ? cases[i].uid : geteuid(),
				cases[i].gid ? cases[i].gid : getegid()) == 0);
		cr_assert(chmod(path, cases[i].mode) == 0);
		if (cases[i].why)
			snprintf(want, sizeof(want),
				 "main.conf:1: 'api-key-file' in account \"a\": @/key %s @/key\n",
				 cases[i].why);
		expect_fault("account a { api-key-file = \"@/key\" }", want);
	}
}

Test(keys, group_of_a_service)
{
	/* a service reads what root gave to its group, and nothing else that a group can read */
	static const struct {
		uid_t uid;
		gid_t gid;
		bool good;
	} cases[] = {{0, 4242, true}, {0, 4243, false}, {4242, 4242, false}};
	char path[128];

	if (geteuid() != 0)
		cr_skip("needs root");
	snprintf(path, sizeof(path), "%s/key", f.dir);
	fixture_write(&f, "tunewatch.conf", "account a { api-key-file = \"@/key\" }", 0644);
	f.env.configuration_directory = f.dir;
	cr_assert(chmod(f.dir, 0755) == 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r;

		cr_assert(chown(path, cases[i].uid, cases[i].gid) == 0);
		cr_assert(chmod(path, 0640) == 0);
		cr_assert(setegid(4242) == 0 && seteuid(4242) == 0);
		r = fixture_load_default(&f);
		cr_assert(seteuid(0) == 0 && setegid(0) == 0);
		cr_expect((r == 0) == cases[i].good, "%zu: %s", i, fixture_faults(&f));
	}
}

static void load_with_mode(const char *text, mode_t mode)
{
	char name[] = "conf.d/x.conf";

	fixture_write(&f, name, text, mode);
	fixture_load(&f, "account b {}\nwatch w { account = b }\n");
}

Test(keys, inline_secrets_need_a_private_file)
{
	static const struct {
		const char *text;
		bool secret;
	} cases[] = {
		{"account a { api-key = fw_x }", true},
		{"account a { proxy = \"http://u:p\\x40proxy\" }", true},
		{"account a { proxy = \"http://proxy\" }", false},
		{"notifier n { type = webhook url = \"https://example.com/x\" }", true},
		{"notifier n { type = webhook url = \"http://127.0.0.1:8/x\" }", false},
		{"notifier n { type = webhook url = \"http://localhost/\" headers = \"A: b\" }",
		 false},
		{"notifier n { type = webhook url = \"http://localhost/\" headers = "
		 "\"X-Api-Key: b\" }",
		 true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		load_with_mode(cases[i].text, 0600);
		cr_expect_str_eq(fixture_faults(&f), "");
		load_with_mode(cases[i].text, 0644);
		if (cases[i].secret)
			cr_expect(
				strstr(fixture_faults(&f),
				       "a secret stands in a file that is open to everybody; run: "
				       "chmod 600 @/conf.d/x.conf\n"),
				"%s: %s", cases[i].text, fixture_faults(&f));
		else
			cr_expect_str_eq(fixture_faults(&f), "");
		cr_expect(!strstr(fixture_faults(&f), "fw_x"));
	}
}

#define A32  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define A256 A32 A32 A32 A32 A32 A32 A32 A32

Test(keys, signing_secrets)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{"whsec_AAAA", "whsec_AAAA"},
		{"\n whsec_AAAA \r\n\nwhsec_BBB=\n", "whsec_AAAA\nwhsec_BBB="},
		{"whsec_AAAA\nwhsec_BBBB\nwhsec_CCCC", NULL},
		{"AAAA", NULL},
		{"whsec_", NULL},
		{"whsec_AAA", NULL},
		{"whsec_A===", NULL},
		{"whsec_AA=A", NULL},
		{"whsec_AAAA BBBB", NULL},
		{"whsec_" A256 A256, "whsec_" A256 A256},
		{"whsec_" A256 A256 "AAAA", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_write(&f, "secret", cases[i].text, 0600);
		fixture_load(&f, "account a {}\nnotifier n { type = webhook url-file = \"@/url\" "
				 "secret-file = \"@/secret\" }");
		cr_expect((f.config != NULL) == (cases[i].want != NULL), "%zu: %s", i,
			  fixture_faults(&f));
		if (f.config && cases[i].want)
			cr_expect_str_eq(f.config->notifiers[0].signing.value, cases[i].want);
	}
}

/* Reads the first account's key again: what comes of it, with "@" for the directory's name. */
static int read_again(char ret_key[64], char ret_text[256])
{
	struct config_secret secret = {0};
	struct error e = ERROR_NONE;
	int r = config_read_key(&f.config->accounts[0], &secret, &e);
	size_t n = 0;

	ret_key[0] = '\0';
	cr_assert_eq(r == 0, secret.value != NULL, "written on success only");
	if (r == 0) {
		cr_expect_str_eq(secret.source, f.config->accounts[0].api_key.source);
		snprintf(ret_key, 64, "%s", secret.value);
	}
	config_secret_done(&secret);
	cr_expect_null(secret.value);
	cr_expect_null(secret.source);
	for (const char *c = e.text; *c && n < 255; c++) {
		bool dir = strncmp(c, f.dir, strlen(f.dir)) == 0;

		ret_text[n++] = dir ? '@' : *c;
		c += dir ? strlen(f.dir) - 1 : 0;
	}
	ret_text[n] = '\0';
	return r;
}

#define ACCOUNT_WITH_FILE "account a { api-key-file = \"@/key\" }"
#define NOT_A_KEY         ": not a key (1 to 512 ASCII characters without spaces)"

Test(keys, read_again_from_a_file)
{
	static const struct {
		const char *text; /* NULL: no file */
		mode_t mode;
		const char *key, *error; /* one of them "" */
	} cases[] = {
		{"fw_file\n", 0600, "fw_file", ""},
		{"fw_rotated", 0600, "fw_rotated", ""},
		{" \n fw_rotated\t\r\n\n", 0400, "fw_rotated", ""},
		{NULL, 0, "", "there is no file '@/key'"},
		{"", 0600, "", "@/key" NOT_A_KEY},
		{" \n", 0600, "", "@/key" NOT_A_KEY},
		{"fw_one\nfw_two\n", 0600, "", "@/key" NOT_A_KEY},
		{"fw_one\x01", 0600, "", "@/key" NOT_A_KEY},
		{"fw_schl\303\274ssel", 0600, "", "@/key" NOT_A_KEY},
		{"fw_open", 0644, "", "@/key is open to everybody; run: chmod 600 @/key"},
		{"fw_open", 0620, "", "@/key is writable by its group; run: chmod 600 @/key"},
	};
	char path[128];

	cr_assert(fixture_load(&f, ACCOUNT_WITH_FILE) == 0, "%s", fixture_faults(&f));
	snprintf(path, sizeof(path), "%s/key", f.dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char key[64], text[256];

		(void)unlink(path);
		if (cases[i].text)
			fixture_write(&f, "key", cases[i].text, cases[i].mode);
		cr_expect_eq(read_again(key, text), cases[i].error[0] ? -EINVAL : 0, "%zu", i);
		cr_expect_str_eq(key, cases[i].key, "%zu: %s", i, key);
		cr_expect_str_eq(text, cases[i].error, "%zu: %s", i, text);
		cr_expect_null(strstr(text, "fw_"), "%s", text);
		cr_expect_str_eq(f.config->accounts[0].api_key.value, "fw_file", "as it was");
	}
}

Test(keys, read_again_what_is_too_large_or_no_text)
{
	char large[8193], key[64], text[256], path[128];
	FILE *out;

	cr_assert(fixture_load(&f, ACCOUNT_WITH_FILE) == 0, "%s", fixture_faults(&f));
	memset(large, 'k', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	fixture_write(&f, "key", large, 0600);
	cr_expect_eq(read_again(key, text), -EINVAL);
	cr_expect_str_eq(text, "@/key does not hold a secret");
	large[CONFIG_KEY_MAX + 1] = '\0';
	fixture_write(&f, "key", large, 0600);
	cr_expect_eq(read_again(key, text), -EINVAL);
	cr_expect_str_eq(text, "@/key" NOT_A_KEY);
	snprintf(path, sizeof(path), "%s/key", f.dir);
	out = fopen(path, "w");
	cr_assert(out && fwrite("fw\0file", 1, 7, out) == 7 && fclose(out) == 0);
	cr_expect_eq(read_again(key, text), -EINVAL);
	cr_expect_str_eq(text, "@/key does not hold a secret");
	cr_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	cr_expect_eq(read_again(key, text), -EINVAL, "and it is not waited for");
	cr_expect_str_eq(text, "@/key is not a regular file");
}

Test(keys, read_again_from_auth_ini)
{
	static const struct {
		const char *text, *key, *error;
	} cases[] = {
		{"api_key = fw_new # since today\n", "fw_new", ""},
		{"[fireworks]\napi_key = 'fw_newer'\naccount_id = other\n", "fw_newer", ""},
		{"account_id = acme\n", "", "@/.fireworks/auth.ini" NOT_A_KEY},
		{"", "", "@/.fireworks/auth.ini" NOT_A_KEY},
		{"api_key = fw_a fw_b\n", "", "@/.fireworks/auth.ini" NOT_A_KEY},
	};

	f.env.fireworks_api_key = NULL;
	fixture_write(&f, ".fireworks/auth.ini", "api_key = fw_ini\n", 0600);
	cr_assert(fixture_load(&f, "account a {}") == 0, "%s", fixture_faults(&f));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char key[64], text[256];

		fixture_write(&f, ".fireworks/auth.ini", cases[i].text, 0600);
		cr_expect_eq(read_again(key, text), cases[i].error[0] ? -EINVAL : 0, "%zu", i);
		cr_expect_str_eq(key, cases[i].key, "%zu: %s", i, key);
		cr_expect_str_eq(text, cases[i].error, "%zu: %s", i, text);
	}
}

/* A credential, a configuration file and the environment stay as they were until a restart. */
Test(keys, not_read_again)
{
	static const char *const accounts[] = {
		"account a { api-key-credential = acme }", "account a { api-key = fw_inline }",
		"account a {}", /* $FIREWORKS_API_KEY */
	};
	char credentials[128];

	fixture_write(&f, "cred/acme", "fw_cred", 0600);
	snprintf(credentials, sizeof(credentials), "%s/cred", f.dir);
	f.env.credentials_directory = credentials;
	for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
		char key[64], text[256];

		cr_assert(fixture_load(&f, accounts[i]) == 0, "%s", fixture_faults(&f));
		cr_expect_eq(read_again(key, text), -ENOENT, "%s", accounts[i]);
	}
	cr_expect_eq(config_read_key(&(struct config_account){0}, &(struct config_secret){0}, NULL),
		     -ENOENT);
}

/* ---- the key of a W&B user ---- */

#define WANDB     "account a { wandb-api-key-file = \"@/wandb\" }"
#define IN_OPTION "main.conf:1: 'wandb-api-key-file' in account \"a\": "

Test(keys, wandb_is_checked_at_the_start)
{
	static const struct {
		const char *text; /* NULL: no file */
		mode_t mode;
		const char *fault;
	} cases[] = {
		{"wk_first\n", 0600, ""},
		{NULL, 0, IN_OPTION "there is no file '@/wandb'\n"},
		{"wk_one wk_two", 0600,
		 IN_OPTION "not a key (1 to 512 ASCII characters without spaces)\n"},
		{"", 0600, IN_OPTION "not a key (1 to 512 ASCII characters without spaces)\n"},
		{"wk_open", 0640,
		 IN_OPTION "@/wandb is readable by its group; run: chmod 600 @/wandb\n"},
		{"wk_open", 0604,
		 IN_OPTION "@/wandb is open to everybody; run: chmod 600 @/wandb\n"},
	};
	char path[128];

	snprintf(path, sizeof(path), "%s/wandb", f.dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)unlink(path);
		if (cases[i].text)
			fixture_write(&f, "wandb", cases[i].text, cases[i].mode);
		/* root may be asked for a file that its own group reads */
		if (cases[i].mode == 0640 && geteuid() == 0)
			continue;
		cr_expect_eq(fixture_load(&f, WANDB), cases[i].fault[0] ? -EINVAL : 0);
		cr_expect_str_eq(fixture_faults(&f), cases[i].fault, "%zu: %s", i,
				 fixture_faults(&f));
	}
	expect_fault("account a { wandb-api-key-file = \"wandb\" }",
		     IN_OPTION "'wandb' is not an absolute path\n");
}

Test(keys, wandb_is_read_when_it_is_needed)
{
	struct config_secret secret = {0};
	struct error e = ERROR_NONE;

	cr_assert(fixture_load(&f, "account a {}") == 0);
	cr_expect_eq(config_read_wandb_key(&f.config->accounts[0], &secret, &e), -ENOENT);
	cr_expect_str_eq(e.text, "account \"a\" has no wandb-api-key-file");

	fixture_write(&f, "wandb", "wk_first\n", 0600);
	cr_assert(fixture_load(&f, WANDB) == 0, "%s", fixture_faults(&f));
	cr_expect_str_eq(f.config->accounts[0].api_key.source, "$FIREWORKS_API_KEY", "as it was");
	fixture_write(&f, "wandb", " wk_rotated\n", 0600);
	cr_assert_eq(config_read_wandb_key(&f.config->accounts[0], &secret, &e), 0, "%s", e.text);
	cr_expect_str_eq(secret.value, "wk_rotated");
	cr_expect(strncmp(secret.source, "file /", 6) == 0);
	config_secret_done(&secret);

	fixture_write(&f, "wandb", "wk_open\n", 0644);
	cr_expect_eq(config_read_wandb_key(&f.config->accounts[0], &secret, &e), -EINVAL);
	cr_expect(strstr(e.text, "is open to everybody") && !strstr(e.text, "wk_"), "%s", e.text);
	cr_expect_null(secret.value);
}
