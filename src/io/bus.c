/*
 * sd-bus on the loop.
 *
 * sd_bus_process() runs only from turn(), which stands at the top of the stack: a callback may call,
 * cancel and close as it likes.
 */
#include "io/bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"

#define MESSAGES_PER_TURN 64  /* then others have their turn on the loop */
#define RULE_MAX          512 /* bytes of a match rule, of constants all */

/* The connection's descriptor; its handle closes later than the connection. */
struct bus_socket {
	uv_poll_t poll;
	struct bus *b;
};

struct bus {
	uv_loop_t *loop;
	enum bus_which which;
	sd_bus *sd;                /* NULL: there is no connection */
	struct bus_socket *socket; /* of it */
	uv_timer_t timer;          /* sd-bus's own time-outs */
	uv_timer_t soon;           /* for what must be done, but not from here */
	struct list calls;         /* the answer is awaited */
	struct list stopped;       /* to be called back, with bus_call.r */
	struct list signals;
	size_t n_handles; /* of libuv, not closed yet */
	bool closing;
	void (*closed)(void *user);
	void *closed_user;
};

struct bus_call {
	struct list node;
	struct bus *b;
	sd_bus_slot *slot;
	bus_reply_fn fn;
	void *user;
	int r;
};

static struct bus_signal *signal_of(struct list *node)
{
	return container_of(node, struct bus_signal, node);
}

static void handle_closed(struct bus *b)
{
	void (*closed)(void *user) = b->closed;
	void *user = b->closed_user;

	if (--b->n_handles > 0)
		return;
	free(b);
	if (closed)
		closed(user);
}

static void on_handle_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct bus_socket *s = container_of((uv_poll_t *)handle, struct bus_socket, poll);
	struct bus *b = s->b;

	free(s);
	handle_closed(b);
}

static void on_soon(uv_timer_t *timer);

static void do_soon(struct bus *b)
{
	(void)uv_timer_start(&b->soon, on_soon, 0, 0); /* fails on closing handles only */
}

/* No answer is awaited any more; the callback follows from on_soon(). */
static void stop_call(struct bus_call *call, int r)
{
	call->slot = sd_bus_slot_unref(call->slot);
	call->r = r;
	list_remove(&call->node);
	list_append(&call->b->stopped, &call->node);
	do_soon(call->b);
}

static void stop_all(struct bus *b, int r)
{
	struct bus_call *call;

	while ((call = list_first(&b->calls, struct bus_call, node)))
		stop_call(call, r);
}

static void finish(struct bus_call *call, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	list_remove(&call->node);
	sd_bus_slot_unref(call->slot);
	call->fn(call->user, r, reply, error);
	free(call);
}

/* --- the connection --- */

/* Does not tell who listens. */
static void drop_connection(struct bus *b)
{
	list_for_each (it, &b->signals)
		signal_of(it)->slot = sd_bus_slot_unref(signal_of(it)->slot);
	stop_all(b, -ECONNRESET);
	uv_timer_stop(&b->timer);
	if (b->socket)
		uv_close((uv_handle_t *)&TAKE_PTR(b->socket)->poll, on_socket_closed);
	b->sd = sd_bus_close_unref(b->sd);
}

static void lose_connection(struct bus *b)
{
	drop_connection(b);
	list_for_each (it, &b->signals)
		signal_of(it)->fn(signal_of(it)->user, NULL);
}

static void turn(struct bus *b);

static void on_poll(uv_poll_t *poll, int status _unused_, int events _unused_)
{
	turn(container_of(poll, struct bus_socket, poll)->b);
}

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

/* What sd-bus waits for next. */
static int arm(struct bus *b)
{
	int events = sd_bus_get_events(b->sd), r;
	uint64_t due_us, now_us = clock_monotonic_now_us();

	if (events < 0)
		return events;
	r = uv_poll_start(&b->socket->poll,
			  (events & POLLIN ? UV_READABLE : 0) |
				  (events & POLLOUT ? UV_WRITABLE : 0) | UV_DISCONNECT,
			  on_poll);
	if (r < 0)
		return r;
	r = sd_bus_get_timeout(b->sd, &due_us);
	if (r < 0)
		return r;
	if (due_us == UINT64_MAX)
		return uv_timer_stop(&b->timer);
	/* One more, for the part of a millisecond that is cut: never too early. */
	return uv_timer_start(&b->timer, on_timer,
			      due_us > now_us ? (due_us - now_us) / 1000 + 1 : 0, 0);
}

static void turn(struct bus *b)
{
	int r = 1;

	for (size_t i = 0; b->sd && r > 0 && i < MESSAGES_PER_TURN; i++)
		r = sd_bus_process(b->sd, NULL);
	if (!b->sd)
		return;
	if (r > 0)
		do_soon(b);
	if (r >= 0)
		r = sd_bus_is_open(b->sd) > 0 ? arm(b) : -ECONNRESET;
	if (r < 0)
		lose_connection(b);
}

static int on_signal(sd_bus_message *m, void *user, sd_bus_error *ret_error _unused_)
{
	struct bus_signal *s = user;

	s->fn(s->user, m);
	return 0;
}

static int watch_socket(struct bus *b)
{
	int fd = sd_bus_get_fd(b->sd), r;

	if (fd < 0)
		return fd;
	b->socket = malloc(sizeof(*b->socket));
	if (!b->socket)
		return -ENOMEM;
	b->socket->b = b;
	r = uv_poll_init(b->loop, &b->socket->poll, fd);
	if (r < 0) {
		free(TAKE_PTR(b->socket));
		return r;
	}
	b->n_handles++;
	return 0;
}

static int listen_to(struct bus *b, struct bus_signal *s)
{
	char rule[RULE_MAX];
	int n = snprintf(rule, sizeof(rule),
			 "type='signal',sender='%s',path='%s',interface='%s',member='%s'%s%s%s",
			 s->sender, s->path, s->interface, s->member, s->arg0 ? ",arg0='" : "",
			 s->arg0 ? s->arg0 : "", s->arg0 ? "'" : "");

	if (n < 0 || (size_t)n >= sizeof(rule))
		return -EINVAL;
	return sd_bus_add_match_async(b->sd, &s->slot, rule, on_signal, NULL, s);
}

static int listen_all(struct bus *b)
{
	int r = 0;

	list_for_each (it, &b->signals)
		if (r >= 0)
			r = listen_to(b, signal_of(it));
	return r < 0 ? r : 0;
}

static int connect_bus(struct bus *b)
{
	int r;

	if (b->sd)
		return 0;
	r = b->which == BUS_SYSTEM ? sd_bus_open_system(&b->sd) : sd_bus_open_user(&b->sd);
	if (r >= 0)
		r = watch_socket(b);
	if (r >= 0)
		r = listen_all(b);
	if (r < 0 && b->sd)
		drop_connection(b);
	return r < 0 ? r : 0;
}

static void teardown(struct bus *b)
{
	if (b->sd)
		drop_connection(b);
	uv_close((uv_handle_t *)&b->timer, on_handle_closed);
	uv_close((uv_handle_t *)&b->soon, on_handle_closed);
}

static void on_soon(uv_timer_t *timer)
{
	struct bus *b = timer->data;
	struct bus_call *call;

	while ((call = list_first(&b->stopped, struct bus_call, node)))
		finish(call, call->r, NULL, NULL);
	if (b->closing)
		teardown(b);
	else
		turn(b);
}

/* --- for callers --- */

const char *bus_error_text(int r, const sd_bus_error *error)
{
	if (error && error->message)
		return error->message;
	switch (-r) {
	case ENOMEDIUM: /* libsystemd's, where the environment says nothing of a bus */
	case ENOENT:
	case ECONNREFUSED:
		return "there is no D-Bus";
	case ECONNRESET:
	case ENOTCONN:
		return "the connection to D-Bus was lost";
	case ETIMEDOUT:
		return "no answer over D-Bus";
	}
	return strerror(-r);
}

int bus_new(uv_loop_t *loop, enum bus_which which, struct bus **ret)
{
	struct bus *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->which = which;
	list_init(&b->calls);
	list_init(&b->stopped);
	list_init(&b->signals);
	uv_timer_init(loop, &b->timer);
	uv_timer_init(loop, &b->soon);
	b->timer.data = b->soon.data = b;
	b->n_handles = 2;
	*ret = b;
	return 0;
}

static int on_reply(sd_bus_message *reply, void *user, sd_bus_error *ret_error _unused_)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	struct bus_call *call = user;

	/* What libsystemd says itself when a connection is lost or no answer came, it says as an answer. */
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
		finish(call, sd_bus_is_open(call->b->sd) > 0 ? -ETIMEDOUT : -ECONNRESET, NULL,
		       NULL);
	else
		finish(call, error ? -sd_bus_error_get_errno(error) : 0, reply, error);
	return 0;
}

static int send_call(struct bus_call *call, const struct bus_method *method, const char *path,
		     const char *types, va_list ap)
{
	sd_bus_message *m = NULL;
	sd_bus *sd = call->b->sd;
	int r = sd_bus_message_new_method_call(sd, &m, method->destination, path, method->interface,
					       method->member);

	if (r >= 0 && *types)
		r = sd_bus_message_appendv(m, types, ap);
	if (r >= 0)
		r = sd_bus_call_async(sd, &call->slot, m, on_reply, call, 0);
	sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

/* Of the arguments or of the memory; what else goes wrong is the connection's. */
static bool is_callers(int r)
{
	return r == -ENOMEM || r == -EINVAL || r == -E2BIG || r == -ENXIO;
}

int bus_call(struct bus *b, const struct bus_method *method, const char *path, bus_reply_fn fn,
	     void *user, struct bus_call **ret, const char *types, ...)
{
	struct bus_call *call;
	va_list ap;
	int r;

	if (b->closing)
		return -ECANCELED;
	call = malloc(sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct bus_call){.b = b, .fn = fn, .user = user};
	list_append(&b->calls, &call->node);
	r = connect_bus(b);
	if (r == 0) {
		va_start(ap, types);
		r = send_call(call, method, path, types, ap);
		va_end(ap);
		if (r < 0 && is_callers(r)) {
			list_remove(&call->node);
			free(call);
			return -ENOMEM == r ? r : -EINVAL;
		}
	}
	if (r < 0)
		stop_call(call, r);
	else
		do_soon(b);
	*ret = call;
	return 0;
}

void bus_cancel(struct bus_call *call)
{
	stop_call(call, -ECANCELED);
}

void bus_listen(struct bus *b, struct bus_signal *signal)
{
	list_append(&b->signals, &signal->node);
}

void bus_close(struct bus *b, void (*closed)(void *user), void *user)
{
	b->closing = true;
	b->closed = closed;
	b->closed_user = user;
	stop_all(b, -ECANCELED);
	do_soon(b);
}
