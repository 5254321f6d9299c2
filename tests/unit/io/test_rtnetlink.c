/* What the kernel says of the network, and what of that is a change. */
#include "io/rtnetlink.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/macro.h"

/* A message of one of the three sorts, with one attribute, or without for length 0. */
struct message {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	struct rtattr attribute;
	uint8_t data[16];
};

#define MESSAGE(type, member, len, ...)                                                            \
	{                                                                                          \
		.head = {.nlmsg_type = (type), .nlmsg_len = NLMSG_LENGTH(len)}, .member = {        \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

#define LINK(type, n, flags)                                                                       \
	MESSAGE(type, link, sizeof(struct ifinfomsg), .ifi_index = (n), .ifi_flags = (flags))
#define ADDRESS(type, family, flags, scope)                                                        \
	MESSAGE(type, address, sizeof(struct ifaddrmsg), .ifa_family = (family), .ifa_index = 3,   \
		.ifa_flags = (flags), .ifa_scope = (scope))
#define ROUTE(type, family, dst_len, table, kind)                                                  \
	MESSAGE(type, route, sizeof(struct rtmsg), .rtm_family = (family),                         \
		.rtm_dst_len = (dst_len), .rtm_table = (table), .rtm_type = (kind))

/* Puts the attribute behind the fixed part, which is of another length in each sort. */
static size_t put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	m->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->head.nlmsg_len) + RTA_LENGTH(len));
	return m->head.nlmsg_len;
}

#define UP (IFF_UP | IFF_RUNNING)

/* One after the other: the second of two that are the same tells nothing new. */
Test(rtnetlink, links_and_routes)
{
	static struct rtnetlink r;
	static const struct {
		struct message m;
		bool change;
	} cases[] = {
		{LINK(RTM_NEWLINK, 1, UP | IFF_LOOPBACK), false},
		{LINK(RTM_NEWLINK, 2, 0), true}, /* it may have been up */
		{LINK(RTM_NEWLINK, 2, IFF_UP), false},
		{LINK(RTM_NEWLINK, 2, UP), true},
		{LINK(RTM_NEWLINK, 2, UP | IFF_PROMISC), false},
		{LINK(RTM_NEWLINK, 3, UP), true},
		{LINK(RTM_NEWLINK, 2, UP), false},
		{LINK(RTM_DELLINK, 2, 0), true},
		{LINK(RTM_NEWLINK, 3, UP), false},
		{LINK(RTM_NEWLINK, 2, UP), true},
		{LINK(RTM_DELLINK, 9, 0), true},
		{MESSAGE(RTM_NEWLINK, link, sizeof(struct ifinfomsg), .ifi_family = AF_BRIDGE,
			 .ifi_index = 7, .ifi_flags = UP),
		 false},
		{ROUTE(RTM_NEWROUTE, AF_INET, 24, RT_TABLE_MAIN, RTN_UNICAST), false},
		{ROUTE(RTM_NEWROUTE, AF_INET, 0, RT_TABLE_LOCAL, RTN_UNICAST), false},
		{ROUTE(RTM_NEWROUTE, AF_INET, 0, RT_TABLE_MAIN, RTN_UNREACHABLE), false},
		{ROUTE(RTM_NEWROUTE, AF_MPLS, 0, RT_TABLE_MAIN, RTN_UNICAST), false},
		{ROUTE(RTM_NEWROUTE, AF_INET, 0, RT_TABLE_MAIN, RTN_UNICAST), true},
		{ROUTE(RTM_NEWROUTE, AF_INET, 0, RT_TABLE_MAIN, RTN_UNICAST), false},
		{ROUTE(RTM_NEWROUTE, AF_INET6, 0, RT_TABLE_MAIN, RTN_UNICAST), true},
		{ROUTE(RTM_DELROUTE, AF_INET, 0, RT_TABLE_MAIN, RTN_UNICAST), true},
		{ROUTE(RTM_DELROUTE, AF_INET, 8, RT_TABLE_MAIN, RTN_UNICAST), false},
		{ROUTE(RTM_NEWROUTE, AF_INET, 0, RT_TABLE_MAIN, RTN_UNICAST), true},
		{MESSAGE(RTM_NEWROUTE, route, 4, .rtm_family = AF_INET), false}, /* too short */
		{MESSAGE(RTM_NEWNEIGH, link, sizeof(struct ifinfomsg), .ifi_index = 70), false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(rtnetlink_take(&r, &cases[i].m, cases[i].m.head.nlmsg_len),
			     cases[i].change, "%zu", i);
}

Test(rtnetlink, addresses)
{
	static struct rtnetlink r;
	static const struct {
		struct message m;
		uint8_t address[16];
		bool change;
	} cases[] = {
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {192, 0, 2, 1}, true},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {192, 0, 2, 1}, false}, /* renewed */
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {192, 0, 2, 2}, true},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {127, 0, 0, 2}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {169, 254, 0, 2}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, RT_SCOPE_LINK), {192, 0, 2, 3}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, RT_SCOPE_HOST), {192, 0, 2, 3}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET6, IFA_F_TENTATIVE, 0), {0x20, 1, 1}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET6, 0, 0), {0x20, 1, 1}, true},
		{ADDRESS(RTM_NEWADDR, AF_INET6, 0, 0), {0x20, 1, 1}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET6, 0, 0), {0xfe, 0xbf, 1}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET6, 0, 0), {[15] = 1}, false},
		{ADDRESS(RTM_DELADDR, AF_INET, 0, 0), {192, 0, 2, 1}, true},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {192, 0, 2, 2}, false},
		{ADDRESS(RTM_NEWADDR, AF_INET, 0, 0), {192, 0, 2, 1}, true},
		{ADDRESS(RTM_NEWADDR, AF_BRIDGE, 0, 0), {192, 0, 2, 9}, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message m = cases[i].m;
		size_t len = put(&m, IFA_ADDRESS, cases[i].address,
				 m.address.ifa_family == AF_INET6 ? 16 : 4);

		cr_expect_eq(rtnetlink_take(&r, &m, len), cases[i].change, "%zu", i);
	}
}

/* By the same priority another gateway takes the old one's place; by another it stands beside it. */
Test(rtnetlink, a_route_that_leads_elsewhere)
{
	static struct rtnetlink r;
	static const struct {
		uint8_t gateway[4];
		bool change;
	} cases[] = {
		{{192, 0, 2, 1}, true},
		{{192, 0, 2, 1}, false},
		{{192, 0, 2, 2}, true},
		{{192, 0, 2, 1}, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message m = ROUTE(RTM_NEWROUTE, AF_INET, 0, RT_TABLE_MAIN, RTN_UNICAST);
		size_t len = put(&m, RTA_GATEWAY, cases[i].gateway, 4);

		cr_expect_eq(rtnetlink_take(&r, &m, len), cases[i].change, "%zu", i);
	}
}

/* More than it remembers: none of it is missed, and what is remembered still counts once. */
Test(rtnetlink, many_links)
{
	static struct rtnetlink r;

	for (int i = 0; i < 3 * RTNETLINK_FACTS_MAX; i++) {
		struct message m = LINK(RTM_NEWLINK, i, UP);

		cr_assert(rtnetlink_take(&r, &m, m.head.nlmsg_len), "%d", i);
		cr_assert_not(rtnetlink_take(&r, &m, m.head.nlmsg_len), "%d", i);
	}
	cr_expect_eq(r.n, RTNETLINK_FACTS_MAX);
}

/* Every length of a datagram, and every length that an attribute may claim; sanitizers look on. */
Test(rtnetlink, cut_short)
{
	static struct rtnetlink r;

	for (size_t claimed = 0; claimed < 64; claimed++) {
		struct message m = ADDRESS(RTM_NEWADDR, AF_INET6, 0, 0);
		size_t whole = put(&m, IFA_ADDRESS, (uint8_t[16]){0x20, 1}, 16);

		m.attribute.rta_len = (unsigned short)claimed;
		for (size_t len = 0; len <= whole; len++) {
			struct nlmsghdr *copy = malloc(len ? len : 1);

			cr_assert(copy);
			memcpy(copy, &m, len);
			(void)rtnetlink_take(&r, copy, len);
			free(copy);
		}
	}
}
