/* What --help and `tunewatch help` print, from the tables of commands.h. */
#pragma once

#include <stdio.h>

#include "cli/commands.h"

void help_print(FILE *out);
void help_print_command(FILE *out, const struct command_info *c);
