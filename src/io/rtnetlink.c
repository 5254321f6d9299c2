/* Which of the kernel's messages about the network tell of a change. */
#include "io/rtnetlink.h"

#include <limits.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"

enum what { WHAT_LINK, WHAT_ADDRESS, WHAT_ROUTE };

/* The attribute's bytes, as many as there are and fit. */
static void copy_attribute(const struct rtattr *a, void *ret, size_t size)
{
	memcpy(ret, RTA_DATA(a), MIN(RTA_PAYLOAD(a), size));
}

static bool read_link(const struct nlmsghdr *m, struct rtnetlink_fact *ret)
{
	const struct ifinfomsg *link = NLMSG_DATA(m);

	if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*link)))
		return false;
	/* Another family is a bridge's own talk about its ports. */
	if (link->ifi_family != AF_UNSPEC || link->ifi_flags & IFF_LOOPBACK)
		return false;
	ret->what = WHAT_LINK;
	ret->number = (uint32_t)link->ifi_index;
	ret->state = (link->ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	return true;
}

/* 127.0.0.0/8, 169.254.0.0/16; ::1, fe80::/10: the scope is up to whoever sets the address. */
static bool leads_nowhere(unsigned family, const uint8_t a[16])
{
	struct in6_addr v6;

	if (family == AF_INET)
		return a[0] == 127 || (a[0] == 169 && a[1] == 254);
	memcpy(&v6, a, sizeof(v6));
	return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6);
}

static bool read_address(const struct nlmsghdr *m, struct rtnetlink_fact *ret)
{
	struct ifaddrmsg *address = NLMSG_DATA(m);
	bool local = false;
	int left;

	if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*address)))
		return false;
	/* A tentative one is told of again when it may be used. */
	if ((address->ifa_family != AF_INET && address->ifa_family != AF_INET6) ||
	    address->ifa_scope >= RT_SCOPE_LINK ||
	    address->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return false;
	ret->what = WHAT_ADDRESS;
	ret->family = address->ifa_family;
	ret->number = address->ifa_index;
	left = (int)IFA_PAYLOAD(m); /* signed: the macros go below zero at the end */
	for (const struct rtattr *a = IFA_RTA(address); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		/* Of a tunnel, IFA_ADDRESS is the other end's. */
		if (a->rta_type != IFA_LOCAL && (a->rta_type != IFA_ADDRESS || local))
			continue;
		local = a->rta_type == IFA_LOCAL;
		copy_attribute(a, ret->address, sizeof(ret->address));
	}
	return !leads_nowhere(ret->family, ret->address);
}

static bool read_route(const struct nlmsghdr *m, struct rtnetlink_fact *ret)
{
	struct rtmsg *route = NLMSG_DATA(m);
	int left;

	if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return false;
	if ((route->rtm_family != AF_INET && route->rtm_family != AF_INET6) ||
	    route->rtm_dst_len != 0 || route->rtm_table != RT_TABLE_MAIN ||
	    route->rtm_type != RTN_UNICAST)
		return false;
	ret->what = WHAT_ROUTE;
	ret->family = route->rtm_family;
	left = (int)RTM_PAYLOAD(m);
	for (const struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_PRIORITY)
			copy_attribute(a, &ret->number, sizeof(ret->number));
		else if (a->rta_type == RTA_OIF)
			copy_attribute(a, &ret->state, sizeof(ret->state));
		else if (a->rta_type == RTA_GATEWAY)
			copy_attribute(a, ret->via, sizeof(ret->via));
	}
	return true;
}

static struct rtnetlink_fact *find(struct rtnetlink *r, const struct rtnetlink_fact *fact)
{
	for (size_t i = 0; i < r->n; i++)
		if (memcmp(&r->facts[i], fact, offsetof(struct rtnetlink_fact, state)) == 0)
			return &r->facts[i];
	return NULL;
}

/* True when it was not so before, as far as is known. */
static bool note(struct rtnetlink *r, const struct rtnetlink_fact *fact)
{
	struct rtnetlink_fact *known = find(r, fact);

	if (known && memcmp(known, fact, sizeof(*known)) == 0)
		return false;
	if (!known && r->n < RTNETLINK_FACTS_MAX)
		known = &r->facts[r->n++];
	if (!known) {
		known = &r->facts[r->oldest];
		r->oldest = (r->oldest + 1) % RTNETLINK_FACTS_MAX;
	}
	*known = *fact;
	return true;
}

/* What is gone was there, known or not. */
static bool forget(struct rtnetlink *r, const struct rtnetlink_fact *fact)
{
	struct rtnetlink_fact *known = find(r, fact);

	if (known)
		*known = r->facts[--r->n];
	return true;
}

static const struct {
	uint16_t type;
	bool (*read)(const struct nlmsghdr *m, struct rtnetlink_fact *ret); /* whether it matters */
	bool (*take)(struct rtnetlink *r, const struct rtnetlink_fact *fact);
} messages[] = {
	{RTM_NEWLINK, read_link, note},    {RTM_DELLINK, read_link, forget},
	{RTM_NEWADDR, read_address, note}, {RTM_DELADDR, read_address, forget},
	{RTM_NEWROUTE, read_route, note},  {RTM_DELROUTE, read_route, forget},
};

static bool take_message(struct rtnetlink *r, const struct nlmsghdr *m)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct rtnetlink_fact fact = {0};

		if (messages[i].type == m->nlmsg_type)
			return messages[i].read(m, &fact) && messages[i].take(r, &fact);
	}
	return false;
}

bool rtnetlink_take(struct rtnetlink *r, const void *datagram, size_t len)
{
	bool changed = false;
	int left = (int)MIN(len, INT_MAX);

	for (const struct nlmsghdr *m = datagram; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
		changed |= take_message(r, m);
	return changed;
}
