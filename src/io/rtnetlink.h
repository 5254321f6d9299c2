/*
 * Which of the kernel's messages about the network (NETLINK_ROUTE) tell of a change that matters to
 * connections with other machines.
 *
 * The kernel repeats itself: a router's advertisement renews the same address every few seconds, a
 * wireless link tells how well it hears. So what was told is remembered, and counts once. What was
 * there before the first message is not known and counts when it is told of for the first time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTNETLINK_FACTS_MAX 512 /* beyond that the oldest is forgotten, and may count again */

struct rtnetlink_fact {
	/* What it is about … */
	uint32_t what;
	uint32_t family;
	uint32_t number;     /* an address' or link's index; a route's priority */
	uint8_t address[16]; /* an address' own */
	/* … and what is so. */
	uint32_t state; /* a link: whether it is up; a route: the link's index */
	uint8_t via[16];
};

struct rtnetlink {
	struct rtnetlink_fact facts[RTNETLINK_FACTS_MAX];
	size_t n, oldest; /* `oldest` once it is full */
};

/*
 * Takes in the messages of one datagram: a link that is not the loopback came, went, or is up or
 * down now; an address came or went, other than of the loopback and link-local ones; a default route
 * of the main table came, went or leads elsewhere. True when there was any of these. A datagram that
 * is cut short is read as far as it goes. All zero is a `struct rtnetlink` that knows nothing.
 */
bool rtnetlink_take(struct rtnetlink *r, const void *datagram, size_t len);
