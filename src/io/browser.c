/* Opens pages in the user's browser. */
#include "io/browser.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

static const struct bus_method open_uri = {"org.freedesktop.portal.Desktop",
					   "org.freedesktop.portal.OpenURI", "OpenURI"};
#define PORTAL "/org/freedesktop/portal/desktop"

static const struct bus_method start_unit = {"org.freedesktop.systemd1",
					     "org.freedesktop.systemd1.Manager",
					     "StartTransientUnit"};
#define MANAGER "/org/freedesktop/systemd1"

#define SCHEME "https://"

struct browser {
	struct bus *bus;
	void (*failed)(void *user, const char *text);
	void *user;
	unsigned long count; /* for the names of units */
};

/* A page that is being opened. */
struct page {
	struct browser *b;
	struct bus_call *call;
	char url[];
};

static void end(struct page *p, const char *why)
{
	char text[512];

	if (why) {
		snprintf(text, sizeof(text), "cannot open %s: %s", p->url, why);
		p->b->failed(p->b->user, text);
	}
	free(p);
}

static void on_started(void *user, int r, sd_bus_message *reply _unused_, const sd_bus_error *error)
{
	end(user, r < 0 && r != -ECANCELED ? bus_error_text(r, error) : NULL);
}

static void run_opener(struct page *p)
{
	char name[64];
	int r;

	snprintf(name, sizeof(name), "tunewatch-open-%ld-%lu.service", (long)getpid(),
		 ++p->b->count);
	r = bus_call(p->b->bus, &start_unit, MANAGER, on_started, p, &p->call, "ssa(sv)a(sa(sv))",
		     name, "fail", 4, "Description", "s", "Open a page for tunewatch", "ExecStart",
		     "a(sasb)", 1, "/usr/bin/env", 3, "env", "xdg-open", p->url, 0,
		     /* The browser may outlive xdg-open, and a failure nobody asks about goes. */
		     "ExitType", "s", "cgroup", "CollectMode", "s", "inactive-or-failed", 0);
	if (r < 0)
		end(p, strerror(-r));
}

static void on_portal(void *user, int r, sd_bus_message *reply _unused_, const sd_bus_error *error)
{
	struct page *p = user;

	if (r < 0 && error)
		run_opener(p);
	else
		end(p, r < 0 && r != -ECANCELED ? bus_error_text(r, error) : NULL);
}

void browser_open(struct browser *b, const char *url)
{
	struct page *p;
	int r;

	if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
		return;
	p = malloc(sizeof(*p) + strlen(url) + 1);
	if (!p) {
		b->failed(b->user, "out of memory: a page is not opened");
		return;
	}
	p->b = b;
	strcpy(p->url, url);
	r = bus_call(b->bus, &open_uri, PORTAL, on_portal, p, &p->call, "ssa{sv}", "", url, 0);
	if (r < 0)
		end(p, strerror(-r));
}

int browser_new(struct bus *bus, void (*failed)(void *user, const char *text), void *user,
		struct browser **ret)
{
	struct browser *b = malloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	*b = (struct browser){.bus = bus, .failed = failed, .user = user};
	*ret = b;
	return 0;
}

struct browser *browser_free(struct browser *b)
{
	free(b);
	return NULL;
}
