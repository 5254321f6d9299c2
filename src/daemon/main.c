/* tunewatchd: its options. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <sysexits.h>

#include <uv.h>

#include "base/log.h"
#include "base/streams.h"
#include "config/config.h"
#include "daemon/engine.h"

#define SERVICE_USER "tunewatch" /* of systemd/tunewatchd.service.in */

static const char usage[] =
	"Usage: tunewatchd [OPTION]...\n"
	"Watch fine-tuning jobs on Fireworks AI and tell people and programs when one changes.\n"
	"\n"
	"  --config FILE    read FILE instead of the default configuration\n"
	"  --check-config   report every fault of the configuration, then exit (0 or 78)\n"
	"  --dump-config    print the configuration in effect, secrets masked, then exit\n"
	"  --version        print the version, then exit\n"
	"  --help           print this, then exit\n"
	"\n"
	"Stays in the foreground. SIGHUP reloads the configuration, SIGTERM and SIGINT stop.\n"
	"See tunewatchd(8), tunewatch.conf(5).\n";

enum action {
	ACTION_RUN,
	ACTION_CHECK,
	ACTION_DUMP,
	ACTION_VERSION,
	ACTION_HELP,
};

struct options {
	enum action action;
	const char *config;
};

static int parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, ACTION_CHECK},
		{"dump-config", no_argument, NULL, ACTION_DUMP},
		{"version", no_argument, NULL, ACTION_VERSION},
		{"help", no_argument, NULL, ACTION_HELP},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == '?')
			return -EINVAL;
		if (c == 'c')
			ret->config = optarg;
		else
			ret->action = (enum action)c;
	}
	if (optind < argc) {
		fprintf(stderr, "tunewatchd: unexpected argument '%s'\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static void print_fault(void *user, const char *file, unsigned line, const char *text)
{
	size_t *n = user;

	(*n)++;
	if (file && line)
		fprintf(stderr, "%s:%u: %s\n", file, line, text);
	else if (file)
		fprintf(stderr, "%s: %s\n", file, text);
	else
		fprintf(stderr, "tunewatchd: %s\n", text);
}

/*
 * Keeps the key from the environment in our own memory and wipes it there, so that nothing we start
 * and nobody who reads /proc finds it. A reload uses the kept one.
 */
static int take_key(struct config_env *env)
{
	char *in_environment = getenv("FIREWORKS_API_KEY");
	char *key;

	if (!in_environment)
		return 0;
	key = strdup(in_environment);
	if (!key)
		return -ENOMEM;
	explicit_bzero(in_environment, strlen(in_environment));
	unsetenv("FIREWORKS_API_KEY");
	env->fireworks_api_key = key;
	return 0;
}

/* Root can read and run what the service cannot. */
static void say_who_checked(void)
{
	if (geteuid() == 0 && !getenv("INVOCATION_ID") && getpwnam(SERVICE_USER))
		puts("It was checked as root. The service runs as the user " SERVICE_USER
		     ", in a sandbox: see tunewatchd(8).");
}

static int with_config(const struct options *options, const struct config_env *env)
{
	_cleanup_config_ struct config *config = NULL;
	size_t faults = 0;
	int r = config_load(options->config, env, print_fault, &faults, &config);

	if (r < 0) {
		if (faults > 0)
			fprintf(stderr, "tunewatchd: the configuration has %zu fault%s\n", faults,
				faults == 1 ? "" : "s");
		else
			fprintf(stderr, "tunewatchd: the configuration cannot be loaded: %s\n",
				strerror(-r));
		return EX_CONFIG;
	}
	if (options->action == ACTION_CHECK) {
		puts("The configuration is good.");
		say_who_checked();
		return EX_OK;
	}
	if (options->action == ACTION_DUMP) {
		r = config_dump(config, stdout);
		return r < 0 || fflush(stdout) != 0 ? EX_IOERR : EX_OK;
	}
	return (int)engine_run(options->config, env, config);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct config_env env;
	int r;

	if (streams_fill() < 0)
		return EX_OSERR;
	if (parse_options(argc, argv, &options) < 0) {
		fputs("Try 'tunewatchd --help'.\n", stderr);
		return EX_USAGE;
	}
	if (options.action == ACTION_HELP) {
		fputs(usage, stdout);
		return EX_OK;
	}
	if (options.action == ACTION_VERSION) {
		puts("tunewatchd " PACKAGE_VERSION);
		return EX_OK;
	}
	uv_disable_stdio_inheritance(); /* what our starter left open is not for hooks */
	log_open(LOG_LEVEL_INFO);
	config_env_read(&env);
	if (take_key(&env) < 0) {
		fputs("tunewatchd: out of memory\n", stderr);
		return EX_OSERR;
	}
	r = with_config(&options, &env);
	if (env.fireworks_api_key) {
		explicit_bzero((char *)env.fireworks_api_key, strlen(env.fireworks_api_key));
		free((char *)env.fireworks_api_key);
	}
	return r;
}
