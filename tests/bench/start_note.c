/*
 * A hook that notes when it began: appends "T NS", the number of the answer that it comes from (see
 * exchange.c) and CLOCK_MONOTONIC, to the file that is its argument.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *message = getenv("TUNEWATCH_STATUS_MESSAGE");
	struct timespec now;
	char line[64];
	int fd, len;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (argc != 2 || !message || strncmp(message, "token-", 6) != 0)
		return 64;
	fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return 1;
	len = snprintf(line, sizeof(line), "%lu %llu\n", strtoul(message + 6, NULL, 10),
		       (unsigned long long)now.tv_sec * 1000000000U +
			       (unsigned long long)now.tv_nsec);
	return write(fd, line, (size_t)len) == len ? 0 : 1;
}
