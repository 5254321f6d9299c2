/* The clocks, and times as text. */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"

static struct timespec clock_get(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts); /* cannot fail: the ids are the kernel's own */
	return ts;
}

uint64_t clock_boot_now_ms(void)
{
	struct timespec ts = clock_get(CLOCK_BOOTTIME);

	return (uint64_t)ts.tv_sec * MS_PER_S + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t clock_boot_now_us(void)
{
	struct timespec ts = clock_get(CLOCK_BOOTTIME);

	return (uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

int64_t clock_real_now_us(void)
{
	struct timespec ts = clock_get(CLOCK_REALTIME);

	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

uint64_t clock_monotonic_now_us(void)
{
	struct timespec ts = clock_get(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

int64_t clock_asleep_ms(uint64_t boot_ms, uint64_t monotonic_ms, int64_t before_ms)
{
	return MAX(before_ms, (int64_t)boot_ms - (int64_t)monotonic_ms);
}

/* `n` digits and what follows them; returns the place behind. */
static char *write_digits(char *p, int v, int n, char then)
{
	for (int i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	p[n] = then;
	return p + n + 1;
}

void clock_format_rfc3339(int64_t real_us, char ret[CLOCK_RFC3339_MAX])
{
	int64_t us = real_us % US_PER_S;
	time_t s = (time_t)(real_us / US_PER_S);
	struct tm tm;

	if (us < 0) {
		us += US_PER_S;
		s--;
	}
	if (!gmtime_r(&s, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
		snprintf(ret, CLOCK_RFC3339_MAX, "1970-01-01T00:00:00.000Z");
		return;
	}
	/* Without printf: it is done several times for each of thousands of jobs. */
	ret = write_digits(ret, tm.tm_year + 1900, 4, '-');
	ret = write_digits(ret, tm.tm_mon + 1, 2, '-');
	ret = write_digits(ret, tm.tm_mday, 2, 'T');
	ret = write_digits(ret, tm.tm_hour, 2, ':');
	ret = write_digits(ret, tm.tm_min, 2, ':');
	ret = write_digits(ret, tm.tm_sec, 2, '.');
	ret = write_digits(ret, (int)(us / US_PER_MS), 3, 'Z');
	*ret = '\0';
}

/* Exactly `n` digits. */
static bool read_digits(const char **s, int n, int *ret)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool read_char(const char **s, const char *any_of)
{
	if (!**s || !strchr(any_of, **s))
		return false;
	(*s)++;
	return true;
}

static int days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/*
 * Days from 1970-01-01, of the years 0 to 9999. Not timegm(), which takes a lock and guesses: times are
 * read by the thousand. Years are counted from March, so that the leap day ends them.
 */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2) + 400, m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468 - 146097;
}

int clock_parse_rfc3339(const char *s, int64_t *ret_real_us)
{
	int year, month, day, hour, min, sec, off_h, off_m, sign = 0;
	int64_t us = 0, scale = 100000, s_utc;

	if (!read_digits(&s, 4, &year) || !read_char(&s, "-") || !read_digits(&s, 2, &month) ||
	    !read_char(&s, "-") || !read_digits(&s, 2, &day) || !read_char(&s, "Tt ") ||
	    !read_digits(&s, 2, &hour) || !read_char(&s, ":") || !read_digits(&s, 2, &min) ||
	    !read_char(&s, ":") || !read_digits(&s, 2, &sec))
		return -EINVAL;
	if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 ||
	    min > 59 || sec > 60)
		return -EINVAL;
	if (read_char(&s, ".")) {
		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		for (; isdigit((unsigned char)*s); s++, scale /= 10)
			us += (*s - '0') * scale;
	}
	off_h = off_m = 0;
	if (!read_char(&s, "Zz")) {
		sign = *s == '+' ? 1 : *s == '-' ? -1 : 0;
		s++;
		if (!sign || !read_digits(&s, 2, &off_h) || !read_char(&s, ":") ||
		    !read_digits(&s, 2, &off_m) || off_h > 23 || off_m > 59)
			return -EINVAL;
	}
	if (*s)
		return -EINVAL;
	s_utc = days_of(year, month, day) * 86400 + hour * 3600 + min * 60 + MIN(sec, 59) -
		sign * (off_h * 3600 + off_m * 60);
	*ret_real_us = s_utc * US_PER_S + us;
	return 0;
}

static const struct span_unit {
	const char *names[5]; /* the first one is written */
	uint64_t ms;
} span_units[] = {
	{{"w", "week", "weeks"}, 7 * MS_PER_DAY},
	{{"d", "day", "days"}, MS_PER_DAY},
	{{"h", "hr", "hour", "hours"}, MS_PER_H},
	{{"min", "m", "minute", "minutes"}, MS_PER_MIN},
	{{"s", "sec", "second", "seconds"}, MS_PER_S},
	{{"ms", "msec"}, 1},
};

#define SPAN_UNIT_DAY 1 /* the longest that is written: limits and defaults are told in days */

static const struct span_unit *span_unit_find(const char *s, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(span_units); i++)
		for (size_t k = 0; k < ARRAY_LEN(span_units[i].names); k++) {
			const char *name = span_units[i].names[k];

			if (name && strlen(name) == len && strncmp(name, s, len) == 0)
				return &span_units[i];
		}
	return NULL;
}

int clock_parse_span_ms(const char *s, uint64_t *ret_ms)
{
	uint64_t sum = 0;

	s += strspn(s, " \t");
	if (strcmp(s, "off") == 0 || strcmp(s, "infinity") == 0) {
		*ret_ms = UINT64_MAX;
		return 0;
	}
	if (!*s)
		return -EINVAL;
	while (*s) {
		uint64_t v, unit_ms = MS_PER_S;
		size_t len;
		char *end;

		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		errno = 0;
		v = strtoull(s, &end, 10);
		if (errno == ERANGE)
			return -ERANGE;
		s = end + strspn(end, " \t");
		len = strspn(s, "abcdefghijklmnopqrstuvwxyz");
		if (len > 0) {
			const struct span_unit *unit = span_unit_find(s, len);

			if (!unit)
				return -EINVAL;
			unit_ms = unit->ms;
		}
		s += len;
		s += strspn(s, " \t");
		if (__builtin_mul_overflow(v, unit_ms, &v) ||
		    __builtin_add_overflow(sum, v, &sum) || sum > INT64_MAX)
			return -ERANGE;
	}
	*ret_ms = sum;
	return 0;
}

/* Returns the place behind. */
static char *write_number(char *p, uint64_t v)
{
	size_t n = 1;

	for (uint64_t rest = v; rest >= 10; rest /= 10)
		n++;
	for (size_t i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

void clock_format_span_ms(uint64_t ms, char ret[CLOCK_SPAN_MAX])
{
	char *p = ret;

	if (ms == UINT64_MAX) {
		snprintf(ret, CLOCK_SPAN_MAX, "off");
		return;
	}
	if (ms == 0) {
		snprintf(ret, CLOCK_SPAN_MAX, "0");
		return;
	}
	/* Without printf, for the same reason as above; 2^64 ms take 34 bytes. */
	for (size_t i = SPAN_UNIT_DAY; i < ARRAY_LEN(span_units); i++) {
		uint64_t v = ms / span_units[i].ms;

		if (!v)
			continue;
		ms -= v * span_units[i].ms;
		if (p > ret)
			*p++ = ' ';
		p = stpcpy(write_number(p, v), span_units[i].names[0]);
	}
}
