/*
 * One wake-up call on CLOCK_BOOTTIME: a timerfd in the loop. Unlike a uv_timer it goes on while the
 * machine sleeps, so what became due in suspend is due at once after it.
 */
#pragma once

#include <stdint.h>
#include <uv.h>

struct alarm;

typedef void (*alarm_fn)(void *user);

int alarm_new(uv_loop_t *loop, alarm_fn fn, void *user, struct alarm **ret);

/* Calls `fn` once, at `due_ms` (CLOCK_BOOTTIME) or soon if that is past; UINT64_MAX: never. */
void alarm_set(struct alarm *a, uint64_t due_ms);

/* `fn` is not called again. Frees it when the loop has let go. Takes NULL, returns NULL. */
struct alarm *alarm_close(struct alarm *a);
