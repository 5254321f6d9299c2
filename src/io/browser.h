/*
 * Opens a page in the user's browser, over the user's bus: through the desktop's portal, else by
 * xdg-open in a transient unit. So the browser is nobody's child here, and goes on when we end.
 */
#pragma once

#include "io/bus.h"

struct browser;

/* `failed` is called with a sentence for each page that could not be opened. `bus` outlives it. */
int browser_new(struct bus *bus, void (*failed)(void *user, const char *text), void *user,
		struct browser **ret);

/* An https:// URL, copied; others are not opened. Nothing comes back but perhaps `failed`, later. */
void browser_open(struct browser *b, const char *url);

/* The bus was closed. Takes NULL, returns NULL. */
struct browser *browser_free(struct browser *b);
