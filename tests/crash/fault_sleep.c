/*
 * A machine that sleeps, and whose clock is set: TW_FAULT_SLEEP=FILE. The file holds the milliseconds
 * that the machine has slept in all, and by how many its time of day was set, ahead or back; no file is
 * none. Who wants it to sleep puts a file with more in its place (rename), and knows that it woke up when
 * FILE.done has the same numbers.
 *
 * As after suspend, CLOCK_BOOTTIME and CLOCK_REALTIME are later by that, CLOCK_MONOTONIC is not, and
 * a timerfd on CLOCK_BOOTTIME that became due expires at once. The kernel's own clock does not jump,
 * so it is told of every such time less what was slept, and again after each sleep.
 */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"

#define TIMERS_MAX 1024 /* descriptors */
#define NS_PER_S   1000000000LL

static struct {
	char path[PATH_MAX];
	int watch;
	_Atomic int64_t slept_ms;
	_Atomic int64_t set_ms; /* of CLOCK_REALTIME alone */
	pthread_mutex_t
		lock; /* of the timers, and so that none is set while the machine wakes up */
	struct {
		bool boot;            /* on CLOCK_BOOTTIME */
		struct itimerspec at; /* absolute, as the daemon set it */
	} timers[TIMERS_MAX];
} machine = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct shift {
	int64_t slept_ms, set_ms;
};

/* What is not understood must not pass for a machine that never slept. */
static struct shift read_file(void)
{
	char text[64] = "", *end, *last;
	int fd = open(machine.path, O_RDONLY | O_CLOEXEC);
	struct shift shift = {0};

	if (fd < 0 && errno == ENOENT)
		return shift;
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		abort();
	close(fd);
	shift.slept_ms = strtoll(text, &end, 10);
	shift.set_ms = strtoll(end, &last, 10);
	if (shift.slept_ms < 0 || end == text || last == end)
		abort();
	return shift;
}

static void say_done(struct shift shift)
{
	char path[PATH_MAX + 8], text[64];
	int fd, len = snprintf(text, sizeof(text), "%lld %lld\n", (long long)shift.slept_ms,
			       (long long)shift.set_ms);

	snprintf(path, sizeof(path), "%s.done", machine.path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		abort();
	close(fd);
}

/* `by_ms` later; a time that is not positive would stop a timer, so it is then the earliest. */
static struct timespec later(struct timespec ts, int64_t by_ms)
{
	int64_t ns = ts.tv_sec * NS_PER_S + ts.tv_nsec + by_ms * 1000000;

	ns = MAX(ns, 1);
	return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

int __real_timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old);

static int set_timer(int fd)
{
	struct itimerspec at = machine.timers[fd].at;

	at.it_value = later(at.it_value, -machine.slept_ms);
	return __real_timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* The clocks first: who is woken by a timer must find that it is due. */
static void wake_up(struct shift shift)
{
	pthread_mutex_lock(&machine.lock);
	machine.slept_ms = shift.slept_ms;
	machine.set_ms = shift.set_ms;
	for (int fd = 0; fd < TIMERS_MAX; fd++) {
		struct itimerspec left;

		/* Not one that is closed, or that has expired, read or not. */
		if (machine.timers[fd].boot && timerfd_gettime(fd, &left) == 0 &&
		    (left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0))
			(void)set_timer(fd);
	}
	pthread_mutex_unlock(&machine.lock);
	say_done(shift);
}

static void *watch(void *unused)
{
	union {
		struct inotify_event align;
		char bytes[4096];
	} events;

	for (;;) {
		struct shift shift = read_file();

		if (shift.slept_ms != machine.slept_ms || shift.set_ms != machine.set_ms)
			wake_up(shift);
		/* FILE.done is written in the same directory, but comes there by no rename. */
		while (read(machine.watch, &events, sizeof(events)) < 0)
			if (errno != EINTR)
				abort();
	}
	return NULL;
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *text = getenv("TW_FAULT_SLEEP");
	struct shift shift;
	char directory[PATH_MAX];
	sigset_t all, old;
	pthread_t thread;

	if (!text)
		return;
	if (text[0] != '/' || strlen(text) >= sizeof(machine.path))
		abort();
	strcpy(machine.path, text);
	strcpy(directory, text);
	strrchr(directory, '/')[1] = '\0';
	shift = read_file();
	machine.slept_ms = shift.slept_ms;
	machine.set_ms = shift.set_ms;
	machine.watch = inotify_init1(IN_CLOEXEC);
	if (machine.watch < 0 || inotify_add_watch(machine.watch, directory, IN_MOVED_TO) < 0)
		abort();
	sigfillset(&all); /* the daemon's signals are for its own threads */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, watch, NULL) != 0)
		abort();
	pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

WRAP(int, clock_gettime, clockid_t id, struct timespec *ret)
{
	int r = REAL(clock_gettime)(id, ret);

	if (r == 0 && (id == CLOCK_BOOTTIME || id == CLOCK_REALTIME))
		*ret = later(*ret, machine.slept_ms + (id == CLOCK_REALTIME ? machine.set_ms : 0));
	return r;
}

WRAP(int, timerfd_create, int clock, int flags)
{
	int fd = REAL(timerfd_create)(clock, flags);

	if (fd < 0)
		return fd;
	if (fd >= TIMERS_MAX)
		abort();
	pthread_mutex_lock(&machine.lock);
	machine.timers[fd].boot = clock == CLOCK_BOOTTIME;
	pthread_mutex_unlock(&machine.lock);
	return fd;
}

/* Relative times are not the daemon's way. */
WRAP(int, timerfd_settime, int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	bool stop = at->it_value.tv_sec == 0 && at->it_value.tv_nsec == 0;
	int r;

	if (fd < 0 || fd >= TIMERS_MAX || !machine.timers[fd].boot)
		return REAL(timerfd_settime)(fd, flags, at, old);
	if (!(flags & TFD_TIMER_ABSTIME) || old)
		abort();
	pthread_mutex_lock(&machine.lock);
	machine.timers[fd].at = *at;
	r = stop ? REAL(timerfd_settime)(fd, flags, at, NULL) : set_timer(fd);
	pthread_mutex_unlock(&machine.lock);
	return r;
}
