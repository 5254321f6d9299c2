/*
 * Two calls a notification: what the service can do, then Notify. Where there is no service, both are
 * tried again when the name gets an owner, and every RECHECK_MS, since the bus starts some services
 * only when they are asked for.
 *
 * Numbers of what is shown are the service's, and worth nothing once its name has another owner.
 */
#include "io/notifications.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/macro.h"

#define RECHECK_MS (2 * MS_PER_MIN)
#define SHOWN_MAX  256 /* that can still be replaced or activated; the oldest goes */

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"

static const struct bus_method get_capabilities = {NAME, NAME, "GetCapabilities"};
static const struct bus_method notify = {NAME, NAME, "Notify"};

struct notifications {
	struct bus *bus;
	struct bus_signal owner_changed, activated, dismissed;
	void (*open)(void *user, const char *url);
	void *open_user;
	struct list calls;
	struct list shown; /* the oldest first */
	size_t n_shown;
	uv_timer_t recheck; /* and for what is to be called back, but not from here */
	void (*closed)(void *user);
	void *closed_user;
};

struct shown {
	struct list node;
	uint32_t number;
	char *tag, *url; /* url: NULL without an action */
};

struct notification_call {
	struct list node;
	struct notifications *n;
	struct bus_call *call; /* under way, or NULL while it waits */
	notification_fn fn;
	void *user;
	uint64_t until_ms; /* CLOCK_BOOTTIME: time asleep counts */
	bool markup, actions, cancelled;
	struct notification what; /* texts are owned */
};

/* --- what is shown --- */

static void shown_free(struct notifications *n, struct shown *s)
{
	list_remove(&s->node);
	n->n_shown--;
	free(s->tag);
	free(s->url);
	free(s);
}

static struct shown *shown_find(struct notifications *n, const char *tag, uint32_t number)
{
	list_for_each (it, &n->shown) {
		struct shown *s = container_of(it, struct shown, node);

		if (tag ? strcmp(s->tag, tag) == 0 : s->number == number)
			return s;
	}
	return NULL;
}

static void forget_shown(struct notifications *n)
{
	struct shown *s;

	while ((s = list_first(&n->shown, struct shown, node)))
		shown_free(n, s);
}

/* Without memory it can be neither replaced nor activated, which is all. */
static void remember(struct notifications *n, const struct notification *what, uint32_t number)
{
	struct shown *s = shown_find(n, what->tag, 0);

	if (s)
		shown_free(n, s);
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->number = number;
	s->tag = strdup(what->tag);
	s->url = what->url ? strdup(what->url) : NULL;
	list_append(&n->shown, &s->node);
	n->n_shown++;
	if (!s->tag || n->n_shown > SHOWN_MAX)
		shown_free(n, s->tag ? list_first(&n->shown, struct shown, node) : s);
}

static void on_activated(void *user, sd_bus_message *m)
{
	struct notifications *n = user;
	struct shown *s;
	uint32_t number;

	if (!m || sd_bus_message_read(m, "us", &number, NULL) < 0)
		return;
	s = shown_find(n, NULL, number);
	if (s && s->url)
		n->open(n->open_user, s->url);
}

static void on_dismissed(void *user, sd_bus_message *m)
{
	struct notifications *n = user;
	struct shown *s;
	uint32_t number;

	if (!m || sd_bus_message_read(m, "uu", &number, NULL) < 0)
		return;
	s = shown_find(n, NULL, number);
	if (s)
		shown_free(n, s);
}

/* --- showing --- */

static void what_done(struct notification *what)
{
	free((char *)what->tag);
	free((char *)what->icon);
	free((char *)what->category);
	free((char *)what->summary);
	free((char *)what->body);
	free((char *)what->markup);
	free((char *)what->url);
}

static bool copy(const char **ret, const char *text)
{
	*ret = text ? strdup(text) : NULL;
	return *ret || !text;
}

/* what_done() also after a failure. */
static int what_copy(struct notification *ret, const struct notification *what)
{
	*ret = (struct notification){.urgency = what->urgency};
	if (copy(&ret->tag, what->tag) && copy(&ret->icon, what->icon) &&
	    copy(&ret->category, what->category) && copy(&ret->summary, what->summary) &&
	    copy(&ret->body, what->body) && copy(&ret->markup, what->markup) &&
	    copy(&ret->url, what->url))
		return 0;
	return -ENOMEM;
}

static void end(struct notification_call *c, enum notification_end how, const char *detail)
{
	list_remove(&c->node);
	c->fn(c->user, how, detail);
	what_done(&c->what);
	free(c);
}

/* Errors that say that nobody is there; with NULL, there is no bus either. */
static const char *const absences[] = {
	SD_BUS_ERROR_SERVICE_UNKNOWN,
	SD_BUS_ERROR_NAME_HAS_NO_OWNER,
};

#define SPAWN_ERRORS "org.freedesktop.DBus.Error.Spawn." /* the bus could not start the service */

static bool is_absence(const sd_bus_error *error)
{
	if (!error || strncmp(error->name, SPAWN_ERRORS, strlen(SPAWN_ERRORS)) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(absences); i++)
		if (strcmp(error->name, absences[i]) == 0)
			return true;
	return false;
}

static void on_recheck(uv_timer_t *timer);

static void wait_for_service(struct notification_call *c)
{
	struct notifications *n = c->n;

	if (!uv_is_active((uv_handle_t *)&n->recheck))
		(void)uv_timer_start(&n->recheck, on_recheck, RECHECK_MS, RECHECK_MS);
}

static void fail(struct notification_call *c, int r, const sd_bus_error *error)
{
	const char *detail = bus_error_text(r, error);

	if (r == -ECANCELED && !error)
		end(c, NOTIFICATION_CANCELLED, detail);
	else if (!is_absence(error))
		end(c, NOTIFICATION_FAILED, detail);
	else if (clock_boot_now_ms() >= c->until_ms)
		end(c, NOTIFICATION_NO_SERVICE, detail);
	else
		wait_for_service(c);
}

static void on_notified(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct notification_call *c = user;
	uint32_t number;

	c->call = NULL;
	if (r == 0)
		r = sd_bus_message_read(reply, "u", &number);
	if (r < 0) {
		fail(c, r, error);
		return;
	}
	remember(c->n, &c->what, number);
	end(c, NOTIFICATION_SHOWN, "");
}

#define APP             "tunewatch"
#define ACTION_TEXT     "Open the job's page"
#define NOTIFY_TYPES    "susssasa{sv}i"
#define EXPIRE_AS_USUAL (-1)

static void send_notify(struct notification_call *c)
{
	const struct notification *w = &c->what;
	const struct shown *earlier = shown_find(c->n, w->tag, 0);
	uint32_t number = earlier ? earlier->number : 0;
	const char *body = c->markup ? w->markup : w->body;
	int r;

	/* "default" is a click on the notification, "open" a button; some have the one or the other. */
	if (c->actions && w->url)
		r = bus_call(c->n->bus, &notify, PATH, on_notified, c, &c->call, NOTIFY_TYPES, APP,
			     number, w->icon, w->summary, body, 4, "default", ACTION_TEXT, "open",
			     ACTION_TEXT, 2, "urgency", "y", (int)w->urgency, "category", "s",
			     w->category, EXPIRE_AS_USUAL);
	else
		r = bus_call(c->n->bus, &notify, PATH, on_notified, c, &c->call, NOTIFY_TYPES, APP,
			     number, w->icon, w->summary, body, 0, 2, "urgency", "y",
			     (int)w->urgency, "category", "s", w->category, EXPIRE_AS_USUAL);
	if (r < 0)
		end(c, NOTIFICATION_FAILED, strerror(-r));
}

static void on_capabilities(void *user, int r, sd_bus_message *reply, const sd_bus_error *error)
{
	struct notification_call *c = user;
	const char *word;

	c->call = NULL;
	c->markup = c->actions = false;
	if (r == 0)
		r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "s");
	while (r >= 0 && (r = sd_bus_message_read(reply, "s", &word)) > 0) {
		c->markup |= strcmp(word, "body-markup") == 0;
		c->actions |= strcmp(word, "actions") == 0;
	}
	if (r < 0)
		fail(c, r, error);
	else
		send_notify(c);
}

static void ask(struct notification_call *c)
{
	int r = bus_call(c->n->bus, &get_capabilities, PATH, on_capabilities, c, &c->call, "");

	if (r < 0)
		end(c, NOTIFICATION_FAILED, strerror(-r));
}

static void ask_again(struct notifications *n)
{
	list_for_each_safe (it, &n->calls) {
		struct notification_call *c = container_of(it, struct notification_call, node);

		if (c->cancelled)
			end(c, NOTIFICATION_CANCELLED, "");
		else if (!c->call)
			ask(c);
	}
	if (list_empty(&n->calls))
		uv_timer_stop(&n->recheck);
}

static void on_recheck(uv_timer_t *timer)
{
	ask_again(timer->data);
}

static void on_owner_changed(void *user, sd_bus_message *m)
{
	struct notifications *n = user;
	const char *owner = "";

	forget_shown(n);
	if (m && sd_bus_message_read(m, "sss", NULL, NULL, &owner) >= 0 && *owner)
		ask_again(n);
}

int notifications_show(struct notifications *n, const struct notification *what, uint64_t wait_ms,
		       notification_fn fn, void *user, struct notification_call **ret)
{
	struct notification_call *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->n = n;
	c->fn = fn;
	c->user = user;
	c->until_ms = clock_boot_now_ms() + wait_ms;
	r = what_copy(&c->what, what);
	if (r == 0)
		r = bus_call(n->bus, &get_capabilities, PATH, on_capabilities, c, &c->call, "");
	if (r < 0) {
		what_done(&c->what);
		free(c);
		return r;
	}
	list_append(&n->calls, &c->node);
	*ret = c;
	return 0;
}

void notification_cancel(struct notification_call *c)
{
	if (c->call) {
		bus_cancel(c->call);
		return;
	}
	c->cancelled = true;
	(void)uv_timer_start(&c->n->recheck, on_recheck, 0, RECHECK_MS);
}

static void listen_to(struct notifications *n, struct bus_signal *signal)
{
	signal->user = n;
	bus_listen(n->bus, signal);
}

int notifications_new(uv_loop_t *loop, struct bus *bus, void (*open)(void *user, const char *url),
		      void *user, struct notifications **ret)
{
	struct notifications *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->bus = bus;
	n->open = open;
	n->open_user = user;
	list_init(&n->calls);
	list_init(&n->shown);
	uv_timer_init(loop, &n->recheck);
	n->recheck.data = n;
	n->owner_changed = (struct bus_signal){.sender = "org.freedesktop.DBus",
					       .path = "/org/freedesktop/DBus",
					       .interface = "org.freedesktop.DBus",
					       .member = "NameOwnerChanged",
					       .arg0 = NAME,
					       .fn = on_owner_changed};
	n->activated = (struct bus_signal){.sender = NAME,
					   .path = PATH,
					   .interface = NAME,
					   .member = "ActionInvoked",
					   .fn = on_activated};
	n->dismissed = (struct bus_signal){.sender = NAME,
					   .path = PATH,
					   .interface = NAME,
					   .member = "NotificationClosed",
					   .fn = on_dismissed};
	listen_to(n, &n->owner_changed);
	listen_to(n, &n->activated);
	listen_to(n, &n->dismissed);
	*ret = n;
	return 0;
}

static void on_recheck_closed(uv_handle_t *handle)
{
	struct notifications *n = handle->data;

	forget_shown(n);
	n->closed(n->closed_user);
	free(n);
}

void notifications_close(struct notifications *n, void (*closed)(void *user), void *user)
{
	n->closed = closed;
	n->closed_user = user;
	uv_close((uv_handle_t *)&n->recheck, on_recheck_closed);
}
