/* URLs: as much as decides whether one may be asked. */
#include "config/config_internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

bool url_host_is_loopback(const char *host)
{
	struct in_addr a4;
	struct in6_addr a6;

	if (inet_pton(AF_INET, host, &a4) == 1)
		return ntohl(a4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
}

static bool port_valid(const char *s, size_t len)
{
	unsigned port = 0;

	if (len < 1 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		port = port * 10 + (unsigned)(s[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* "host", "host:1", "[::1]", "[::1]:1" */
static bool read_host(const char *s, size_t len, char *ret, size_t size)
{
	const char *end;
	size_t host_len, rest;

	if (len > 0 && s[0] == '[') {
		struct in6_addr a6;

		s++;
		end = memchr(s, ']', len - 1);
		if (!end)
			return false;
		host_len = (size_t)(end - s);
		if (host_len >= size)
			return false;
		memcpy(ret, s, host_len);
		ret[host_len] = '\0';
		rest = len - host_len - 2;
		if (inet_pton(AF_INET6, ret, &a6) != 1)
			return false;
		end++;
	} else {
		end = memchr(s, ':', len);
		host_len = end ? (size_t)(end - s) : len;
		if (host_len < 1 || host_len >= size)
			return false;
		memcpy(ret, s, host_len);
		ret[host_len] = '\0';
		rest = len - host_len;
		for (size_t i = 0; i < host_len; i++)
			if (!isalnum((unsigned char)ret[i]) && !strchr("-._", ret[i]))
				return false;
	}
	return rest == 0 || (*end == ':' && port_valid(end + 1, rest - 1));
}

/* `tls` and `plain` begin a URL; `why` says so. */
static int parse(const char *s, const char *tls, const char *plain, const char *why,
		 struct url *ret, const char **ret_why)
{
	struct url u = {0};
	size_t len;

	*ret_why = NULL;
	if (strlen(s) > CONFIG_URL_MAX)
		*ret_why = "a URL has at most 2048 characters";
	for (const char *c = s; *c && !*ret_why; c++)
		if (!isgraph((unsigned char)*c))
			*ret_why = "a URL holds no spaces or other characters that are not ASCII";
	if (*ret_why)
		return -EINVAL;
	u.https = strncasecmp(s, tls, strlen(tls)) == 0;
	if (!u.https && strncasecmp(s, plain, strlen(plain)) != 0) {
		*ret_why = why;
		return -EINVAL;
	}
	s += strlen(u.https ? tls : plain);
	len = strcspn(s, "/?#");
	if (memchr(s, '@', len))
		*ret_why = "a URL with user and password is not taken";
	else if (strchr(s, '#'))
		*ret_why = "a URL with a fragment is not taken";
	else if (!read_host(s, len, u.host, sizeof(u.host)))
		*ret_why = "the URL's host or port is not valid";
	if (*ret_why)
		return -EINVAL;
	u.loopback = strcasecmp(u.host, "localhost") == 0 || url_host_is_loopback(u.host);
	*ret = u;
	return 0;
}

int config_url_parse(const char *s, struct url *ret, const char **ret_why)
{
	return parse(s, "https://", "http://", "a URL begins with https:// or http://", ret,
		     ret_why);
}

int config_server_parse(const char *s, struct url *ret, const char **ret_why)
{
	struct url u;
	const char *host;
	int r = parse(s, "smtps://", "smtp://",
		      "the URL of a mail server begins with smtps:// or smtp://", &u, ret_why);

	if (r < 0)
		return r;
	host = strstr(s, "://") + 3;
	if (host[strcspn(host, "/?")] != '\0') {
		*ret_why = "the URL of a mail server ends after the host or the port";
		return -EINVAL;
	}
	*ret = u;
	return 0;
}

int config_url_topic(const char *url, size_t *ret_at, size_t *ret_len)
{
	const char *path = strstr(url, "://");
	size_t end, begin, len;

	if (!path)
		return -EINVAL;
	path += 3;
	path += strcspn(path, "/?#");
	end = strcspn(path, "?#");
	if (end > 1 && path[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && path[begin - 1] != '/';)
		begin--;
	len = end - begin;
	if (begin == 0 || len < 1 || len > CONFIG_TOPIC_MAX ||
	    strspn(path + begin,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") < len)
		return -EINVAL;
	*ret_at = (size_t)(path + begin - url);
	*ret_len = len;
	return 0;
}
