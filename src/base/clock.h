/*
 * The clocks, and times as text. Only shells call clock_*_now(); decisions get `now` as an argument.
 *
 * Due times are milliseconds on CLOCK_BOOTTIME, which goes on in suspend: what became due while the
 * machine slept is overdue when it wakes. Times that are stored or shown are microseconds of
 * CLOCK_REALTIME since the epoch, UTC.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MS_PER_S   1000ULL
#define MS_PER_MIN (60 * MS_PER_S)
#define MS_PER_H   (60 * MS_PER_MIN)
#define MS_PER_DAY (24 * MS_PER_H)
#define US_PER_MS  1000LL
#define US_PER_S   1000000LL

#define CLOCK_RFC3339_MAX 32 /* bytes, with the NUL */

uint64_t clock_boot_now_ms(void);
uint64_t clock_boot_now_us(void);
int64_t clock_real_now_us(void);

/* CLOCK_MONOTONIC in microseconds: what systemd's MONOTONIC_USEC= wants. */
uint64_t clock_monotonic_now_us(void);

/*
 * By how much CLOCK_BOOTTIME, read first, is ahead of CLOCK_MONOTONIC, read then: it grows by the time that
 * the machine sleeps. Time may pass between the two, so that the second seems to be ahead; it is never less
 * than `before_ms`, what a look before this one has found (INT64_MIN: there was none).
 */
int64_t clock_asleep_ms(uint64_t boot_ms, uint64_t monotonic_ms, int64_t before_ms);

/* RFC 3339 in UTC with milliseconds, "2026-11-20T06:31:56.123Z". */
void clock_format_rfc3339(int64_t real_us, char ret[CLOCK_RFC3339_MAX]);

/*
 * Reads RFC 3339 with any number of fractional digits (more than six are cut) and any offset.
 * 0 or -EINVAL; a leap second counts as the second before it.
 */
int clock_parse_rfc3339(const char *s, int64_t *ret_real_us);

/*
 * Reads a span of time in systemd's notation: "90", "90s", "5min 30s", "2h", "1d". A bare number is
 * seconds; "off" and "infinity" give UINT64_MAX. 0, -EINVAL, -ERANGE. Units: ms, s, sec, second(s),
 * m, min, minute(s), h, hr, hour(s), d, day(s), w, week(s).
 */
int clock_parse_span_ms(const char *s, uint64_t *ret_ms);

/* The shortest such notation, without weeks, that gives the same span: "1h 30min", "30d", "off". */
#define CLOCK_SPAN_MAX 64
void clock_format_span_ms(uint64_t ms, char ret[CLOCK_SPAN_MAX]);
