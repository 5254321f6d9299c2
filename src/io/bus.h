/*
 * D-Bus on the loop, through sd-bus: method calls, each with exactly one callback, and signals.
 *
 * The connection is made with the first call and again with the next one after it was lost; nothing
 * here waits for it. What libsystemd calls a bus, its messages and errors stay on this floor: who
 * speaks to a service has a module of its own above this one (units.h, notifications.h).
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>
#include <uv.h>

#include "base/list.h"

enum bus_which {
	BUS_SYSTEM, /* $DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket */
	BUS_USER,   /* $DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus */
};

struct bus;
struct bus_call; /* a call under way */

/*
 * Called exactly once, on the loop, never inside bus_call() or bus_cancel(). `r` is 0 with the reply;
 * -ECANCELED; or another negative errno, with `error` where the answer was one, else NULL: there is no
 * bus, the connection was lost, or no answer came within 25 s of a connection. All valid inside the
 * callback only.
 */
typedef void (*bus_reply_fn)(void *user, int r, sd_bus_message *reply, const sd_bus_error *error);

/* What a callback's `r` < 0 and `error` say to people; valid as long as these. */
const char *bus_error_text(int r, const sd_bus_error *error);

/* A method, and whom it belongs to. The texts live as long as the program. */
struct bus_method {
	const char *destination, *interface, *member;
};

/*
 * A signal that is listened to from bus_listen() on, over all connections. Embedded in its owner, who
 * outlives the bus. `fn` gets NULL when a connection is lost: what was sent meanwhile was missed.
 */
struct bus_signal {
	/* As in a match rule; they live as long as the program. `arg0` may be NULL: any. */
	const char *sender, *path, *interface, *member, *arg0;
	void (*fn)(void *user, sd_bus_message *m);
	void *user;
	struct list node;  /* private */
	sd_bus_slot *slot; /* private */
};

int bus_new(uv_loop_t *loop, enum bus_which which, struct bus **ret);

/*
 * Calls a method of the object at `path` with arguments as sd_bus_message_append(3) takes them. 0; or
 * no callback and -ENOMEM, -EINVAL for arguments that D-Bus does not allow, -ECANCELED after
 * bus_close(). No bus is no such failure, but the callback's.
 */
int bus_call(struct bus *b, const struct bus_method *method, const char *path, bus_reply_fn fn,
	     void *user, struct bus_call **ret, const char *types, ...);

/* The callback comes soon, with -ECANCELED. What was asked for may happen all the same. */
void bus_cancel(struct bus_call *call);

/* Takes effect with the next connection where there is one already; so: before the first call. */
void bus_listen(struct bus *b, struct bus_signal *signal);

/* Cancels what is under way, calls it back, closes everything, calls `closed`, and is gone. */
void bus_close(struct bus *b, void (*closed)(void *user), void *user);
