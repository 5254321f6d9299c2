/* Which of the kernel's messages about the network tell of a change. */
#include "io/rtnetlink.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"

enum what { WHAT_LINK, WHAT_ADDRESS, WHAT_ROUTE };

/* Bytes of a datagram. The kernel's macros for them want them aligned, and count below zero. */
struct span {
	const uint8_t *bytes;
	size_t len;
};

/* Goes on, past the filling. */
static void skip(struct span *s, size_t len)
{
	size_t step = MIN(NLMSG_ALIGN(len), s->len);

	s->bytes += step;
	s->len -= step;
}

static bool take_struct(struct span *s, void *ret, size_t size)
{
	if (s->len < size)
		return false;
	memcpy(ret, s->bytes, size);
	skip(s, size);
	return true;
}

static bool take_attribute(struct span *s, struct rtattr *ret, struct span *ret_data)
{
	if (s->len < sizeof(*ret))
		return false;
	memcpy(ret, s->bytes, sizeof(*ret));
	if (ret->rta_len < RTA_LENGTH(0) || ret->rta_len > s->len)
		return false;
	*ret_data = (struct span){s->bytes + RTA_LENGTH(0), ret->rta_len - RTA_LENGTH(0)};
	skip(s, ret->rta_len);
	return true;
}

static bool take_message(struct span *s, struct nlmsghdr *ret, struct span *ret_body)
{
	if (s->len < sizeof(*ret))
		return false;
	memcpy(ret, s->bytes, sizeof(*ret));
	if (ret->nlmsg_len < NLMSG_HDRLEN || ret->nlmsg_len > s->len)
		return false;
	*ret_body = (struct span){s->bytes + NLMSG_HDRLEN, ret->nlmsg_len - NLMSG_HDRLEN};
	skip(s, ret->nlmsg_len);
	return true;
}

/* An attribute's bytes, as many as there are and fit. */
static void copy(struct span data, void *ret, size_t size)
{
	memcpy(ret, data.bytes, MIN(data.len, size));
}

static bool read_link(struct span m, struct rtnetlink_fact *ret)
{
	struct ifinfomsg link;

	if (!take_struct(&m, &link, sizeof(link)))
		return false;
	/* Another family is a bridge's own talk about its ports. */
	if (link.ifi_family != AF_UNSPEC || link.ifi_flags & IFF_LOOPBACK)
		return false;
	ret->what = WHAT_LINK;
	ret->number = (uint32_t)link.ifi_index;
	ret->state = (link.ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
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

static bool read_address(struct span m, struct rtnetlink_fact *ret)
{
	struct ifaddrmsg address;
	struct rtattr a;
	struct span data;
	bool local = false;

	if (!take_struct(&m, &address, sizeof(address)))
		return false;
	/* A tentative one is told of again when it may be used. */
	if ((address.ifa_family != AF_INET && address.ifa_family != AF_INET6) ||
	    address.ifa_scope >= RT_SCOPE_LINK ||
	    address.ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return false;
	ret->what = WHAT_ADDRESS;
	ret->family = address.ifa_family;
	ret->number = address.ifa_index;
	while (take_attribute(&m, &a, &data)) {
		/* Of a tunnel, IFA_ADDRESS is the other end's. */
		if (a.rta_type != IFA_LOCAL && (a.rta_type != IFA_ADDRESS || local))
			continue;
		local = a.rta_type == IFA_LOCAL;
		copy(data, ret->address, sizeof(ret->address));
	}
	return !leads_nowhere(ret->family, ret->address);
}

static bool read_route(struct span m, struct rtnetlink_fact *ret)
{
	struct rtmsg route;
	struct rtattr a;
	struct span data;

	if (!take_struct(&m, &route, sizeof(route)))
		return false;
	if ((route.rtm_family != AF_INET && route.rtm_family != AF_INET6) ||
	    route.rtm_dst_len != 0 || route.rtm_table != RT_TABLE_MAIN ||
	    route.rtm_type != RTN_UNICAST)
		return false;
	ret->what = WHAT_ROUTE;
	ret->family = route.rtm_family;
	while (take_attribute(&m, &a, &data)) {
		if (a.rta_type == RTA_PRIORITY)
			copy(data, &ret->number, sizeof(ret->number));
		else if (a.rta_type == RTA_OIF)
			copy(data, &ret->state, sizeof(ret->state));
		else if (a.rta_type == RTA_GATEWAY)
			copy(data, ret->via, sizeof(ret->via));
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
	bool (*read)(struct span m, struct rtnetlink_fact *ret); /* whether it matters */
	bool (*take)(struct rtnetlink *r, const struct rtnetlink_fact *fact);
} messages[] = {
	{RTM_NEWLINK, read_link, note},    {RTM_DELLINK, read_link, forget},
	{RTM_NEWADDR, read_address, note}, {RTM_DELADDR, read_address, forget},
	{RTM_NEWROUTE, read_route, note},  {RTM_DELROUTE, read_route, forget},
};

static bool tells_change(struct rtnetlink *r, unsigned type, struct span body)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct rtnetlink_fact fact = {0};

		if (messages[i].type == type)
			return messages[i].read(body, &fact) && messages[i].take(r, &fact);
	}
	return false;
}

bool rtnetlink_take(struct rtnetlink *r, const void *datagram, size_t len)
{
	struct span rest = {datagram, len}, body;
	struct nlmsghdr head;
	bool changed = false;

	while (take_message(&rest, &head, &body))
		changed |= tells_change(r, head.nlmsg_type, body);
	return changed;
}
