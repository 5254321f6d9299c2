/* Whether a request on a loopback address comes from where it may. */
#include "io/origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "127.0.0.1:9877" without its port; false where that is none. */
static bool cut_port(char *host)
{
	char *colon = strrchr(host, ':');

	if (!colon || strchr(colon, ']'))
		return true;
	if (strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	*colon = '\0';
	return true;
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

bool origin_allows(const char *host, const char *origin, const char *sec_fetch_site)
{
	static const char scheme[] = "http://";
	size_t len = sizeof(scheme) - 1;
	char name[64]; /* longer names are none of ours */

	if (!host || (size_t)snprintf(name, sizeof(name), "%s", host) >= sizeof(name))
		return false;
	if (!cut_port(name) || !is_loopback(name))
		return false;
	if (origin && (strncmp(origin, scheme, len) != 0 || strcasecmp(origin + len, host) != 0))
		return false;
	return !sec_fetch_site || strcmp(sec_fetch_site, "none") == 0 ||
	       strcmp(sec_fetch_site, "same-origin") == 0;
}
