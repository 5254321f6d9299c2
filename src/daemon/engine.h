/*
 * Who owns whom: starts the parts in order, reloads, and takes them down in order.
 */
#pragma once

#include "config/config.h"

/* Exit codes, from sysexits(3), as the manual promises them. */
enum engine_exit {
	ENGINE_OK = 0,
	ENGINE_FAILED = 71, /* EX_OSERR: the system refused something; a restart may help */
	ENGINE_STORE = 74,  /* EX_IOERR: the store is unusable */
	ENGINE_SOCKET = 73, /* EX_CANTCREAT: the control socket cannot be made */
	ENGINE_CONFIG = 78, /* EX_CONFIG */
};

/*
 * Runs until SIGTERM or SIGINT. SIGHUP loads `path` again. The configuration is borrowed; `path` may
 * be NULL (the default file).
 */
enum engine_exit engine_run(const char *path, const struct config_env *env, struct config *config);

/* Logs one fault of a configuration; a config_fault_fn. */
void engine_log_fault(void *user, const char *file, unsigned line, const char *text);
