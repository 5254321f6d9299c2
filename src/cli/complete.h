/* What the shells' completions ask for: tunewatch __complete WORD... */
#pragma once

/*
 * Prints what the last word may become, one candidate a line with a tab and a few words about it;
 * ":files" stands for the names of files. `argv` are the words behind "tunewatch". Jobs and notifiers
 * come from the daemon at `socket`, unless the words name another; nothing when there is none.
 * Returns the exit status.
 */
int complete_words(const char *socket, int argc, char *const argv[]);
