/*
 * Whether a request on a loopback address comes from where it may: from a program of this machine, or
 * from a page that this very server gave. Pure.
 *
 * Any page that a browser shows can make it ask http://127.0.0.1, under a name of its own that resolves
 * there (DNS rebinding) or across origins. So the Host must be a literal loopback name, and an Origin or
 * Sec-Fetch-Site, where the browser sends one, must say that the page is our own. Source: the Fetch
 * standard and W3C's Fetch Metadata.
 */
#pragma once

#include <stdbool.h>

/* The headers' values; NULL where there is none. */
bool origin_allows(const char *host, const char *origin, const char *sec_fetch_site);
