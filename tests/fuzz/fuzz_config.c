/* Fuzz target: any bytes as a configuration file. What loads must dump, and load again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_env env = {
	.home = "/nonexistent",
	.state_directory = "/nonexistent/state",
	.runtime_directory = "/nonexistent/run",
	.fireworks_api_key = "fw_fuzz",
};

static void on_fault(void *user, const char *file, unsigned line, const char *text)
{
	size_t *n = user;

	*n += text[0] != '\0';
}

/* Loads the bytes through a file in memory; NULL when they are refused. */
static struct config *load(const void *data, size_t size)
{
	int fd = memfd_create("tunewatch.conf", MFD_CLOEXEC);
	struct config *c = NULL;
	size_t n_faults = 0;
	char path[64];
	int r;

	if (fd < 0 || fchmod(fd, 0600) < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = config_load(path, &env, on_fault, &n_faults, &c);
	if ((r == 0) != (n_faults == 0) || (r == 0) != (c != NULL))
		abort();
	close(fd);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = load(data, size);
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!c)
		return 0;
	out = open_memstream(&text, &len);
	if (!out || config_dump(c, out) < 0 || fclose(out) != 0)
		abort();
	for (size_t i = 0; i < c->n_notifiers; i++)
		if (c->notifiers[i].type == NOTIFIER_WEBHOOK) /* an inline URL is not dumped */
			len = 0;
	config_unref(c);
	if (len > 0) {
		c = load(text, len);
		if (!c)
			abort();
		config_unref(c);
	}
	free(text);
	return 0;
}
