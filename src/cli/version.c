/* tunewatch version. */
#include <stdio.h>

#include "cli/cli.h"

int command_version(const struct cli *cli, int argc, char *const argv[])
{
	if (argc > 0)
		return cli_fail(EX_USAGE, "version takes no argument: %s", argv[0]);
	puts(cli->json ? "{\"version\":\"" PACKAGE_VERSION "\"}" : PACKAGE_STRING);
	return cli_finish_output();
}
