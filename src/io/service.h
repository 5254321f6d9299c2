/*
 * The daemon as a service: what systemd is told. Without $NOTIFY_SOCKET nothing happens.
 */
#pragma once

#include <stdint.h>

#include "base/macro.h"

void service_ready(void);
void service_stopping(void);

/* RELOADING=1 with the time systemd wants beside it; service_ready() ends it. */
void service_reloading(void);

/* One line for `systemctl status`. */
void service_status(const char *fmt, ...) _printf_(1, 2);

/* How often to feed the watchdog, in ms (a third of what systemd allows); 0: not at all. */
uint64_t service_watchdog_ms(void);
void service_watchdog(void);
