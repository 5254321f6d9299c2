/* One wake-up call on CLOCK_BOOTTIME. */
#include "io/alarm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"

struct alarm {
	uv_poll_t poll;
	int fd;
	uint64_t due_ms;   /* what is wanted; UINT64_MAX: nothing */
	uint64_t armed_ms; /* what the kernel knows: never later than due_ms */
	alarm_fn fn;
	void *user;
};

static void arm(struct alarm *a)
{
	struct itimerspec at = {0}; /* all zero: never */

	a->armed_ms = a->due_ms;
	if (a->due_ms != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(a->due_ms / MS_PER_S);
		at.it_value.tv_nsec = (long)(a->due_ms % MS_PER_S) * 1000000;
		if (a->due_ms == 0)
			at.it_value.tv_nsec = 1;
	}
	/* Fails for a wrong argument only; the value is in range for every `due_ms`. */
	timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_expired(uv_poll_t *poll, int status, int events)
{
	struct alarm *a = poll->data;
	uint64_t times;

	/* Nothing to read: it was set anew after it had expired. */
	if (read(a->fd, &times, sizeof(times)) != sizeof(times))
		return;
	if (clock_boot_now_ms() < a->due_ms) { /* put off since */
		arm(a);
		return;
	}
	a->armed_ms = UINT64_MAX;
	a->fn(a->user);
}

static void on_closed(uv_handle_t *handle)
{
	struct alarm *a = handle->data;

	close(a->fd);
	free(a);
}

int alarm_new(uv_loop_t *loop, alarm_fn fn, void *user, struct alarm **ret)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	struct alarm *a;
	int r;

	if (fd < 0)
		return -errno;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	r = uv_poll_init(loop, &a->poll, fd);
	if (r < 0) {
		free(a);
		return r;
	}
	a->fd = TAKE_FD(fd);
	a->due_ms = a->armed_ms = UINT64_MAX;
	a->fn = fn;
	a->user = user;
	a->poll.data = a;
	r = uv_poll_start(&a->poll, UV_READABLE, on_expired);
	if (r < 0) {
		alarm_close(a);
		return r;
	}
	*ret = a;
	return 0;
}

void alarm_set(struct alarm *a, uint64_t due_ms)
{
	a->due_ms = due_ms;
	/* A busy caller puts it off again and again: the kernel hears of it once, when it expires. */
	if (due_ms < a->armed_ms)
		arm(a);
}

struct alarm *alarm_close(struct alarm *a)
{
	if (a)
		uv_close((uv_handle_t *)&a->poll, on_closed);
	return NULL;
}
