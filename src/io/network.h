/*
 * Tells when this machine's way to the network has changed: an address, a link or a default route came
 * or went (rtnetlink). Changes come in bursts and are told of once, when there was none for
 * NETWORK_QUIET_MS, but not later than NETWORK_LATEST_MS after the first. Where the kernel gives no
 * such socket, nothing is told, which is logged once and harms nothing.
 */
#pragma once

#include <uv.h>

#define NETWORK_QUIET_MS  1000
#define NETWORK_LATEST_MS 5000

struct network;

typedef void (*network_fn)(void *user);

/* 0; -ENOMEM or what the system said. */
int network_new(uv_loop_t *loop, network_fn fn, void *user, struct network **ret);

/* `fn` is not called again. Frees it when the loop has let go. Takes NULL, returns NULL. */
struct network *network_close(struct network *n);
