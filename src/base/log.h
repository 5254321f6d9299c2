/*
 * The daemon's log front: one line a message, to standard error.
 *
 * Where standard error is the journal's stream (systemd sets JOURNAL_STREAM), lines carry the
 * "<N>" priority prefix and are sent without waiting: a journal that hangs loses lines, which are
 * counted and reported, and never stops the daemon. Else lines carry a time and the level's name.
 * Control characters are escaped and lines are cut at LOG_LINE_MAX bytes, so that no text from the
 * network can forge a line. Only daemon/ and the programs' main files log; lower floors return
 * errors. Safe to call from the thread pool.
 */
#pragma once

#include "base/macro.h"

#define LOG_LINE_MAX 2048

/* syslog(3)'s levels */
enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Finds out where standard error leads; messages above `max` are dropped. */
void log_open(enum log_level max);

void log_msg(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_err(...)     log_msg(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_msg(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)
