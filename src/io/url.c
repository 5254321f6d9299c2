/* What is to be known of a URL before a request: its host, and whether it stays on this machine. */
#include "io/http_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

DEFINE_CLEANUP(CURLU *, curl_url_cleanup);
DEFINE_CLEANUP(char *, curl_free);

/*
 * The host is libcurl's reading, which makes "127.1" and "0x7f000001" the dotted form. The name
 * "localhost" libcurl itself takes to the loopback addresses, without asking a resolver.
 */
static bool host_is_loopback(const char *host)
{
	char inner[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;
	size_t len = strlen(host);

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (len < 2 || host[0] != '[' || host[len - 1] != ']' || len - 2 >= sizeof(inner))
		return false;
	memcpy(inner, host + 1, len - 2);
	inner[len - 2] = '\0';
	return inet_pton(AF_INET6, inner, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int url_part(CURLU *u, CURLUPart part, char *ret, size_t size)
{
	_cleanup_(curl_freep) char *text = NULL;
	CURLUcode code = curl_url_get(u, part, &text, 0);

	if (code == CURLUE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code != CURLUE_OK || strlen(text) >= size)
		return -EINVAL;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int parse(const char *url, const char *plain, const char *tls, struct url *ret)
{
	_cleanup_(curl_url_cleanupp) CURLU *u = curl_url();
	struct url parsed = {.port = ""};
	char scheme[8];
	CURLUcode code;
	int r;

	if (!u)
		return -ENOMEM;
	code = curl_url_set(u, CURLUPART_URL, url, 0);
	if (code != CURLUE_OK)
		return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	r = url_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme));
	if (r < 0)
		return r;
	parsed.plain = strcmp(scheme, plain) == 0;
	if (!parsed.plain && strcmp(scheme, tls) != 0)
		return -EINVAL;
	r = url_part(u, CURLUPART_HOST, parsed.host, sizeof(parsed.host));
	if (r < 0)
		return r;
	r = url_part(u, CURLUPART_PORT, parsed.port, sizeof(parsed.port));
	if (r == -ENOMEM)
		return r;
	parsed.loopback = host_is_loopback(parsed.host);
	*ret = parsed;
	return 0;
}

int url_parse(const char *url, struct url *ret)
{
	return parse(url, "http", "https", ret);
}

int url_parse_smtp(const char *url, struct url *ret)
{
	return parse(url, "smtp", "smtps", ret);
}

/* Whether libcurl takes it as the rest of a URL: anything but blanks and control characters. */
static bool is_plain_text(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

int url_judge(struct url_memo *memo, const char *url, const struct url **ret)
{
	const char *slashes, *path;
	int r;

	if (memo->len == 0 || strncmp(url, memo->prefix, memo->len) != 0 ||
	    !is_plain_text(url + memo->len)) {
		memo->len = 0;
		r = url_parse(url, &memo->url);
		if (r < 0)
			return r;
		slashes = strstr(url, "://");
		path = slashes ? strchr(slashes + 3, '/') : NULL;
		if (path && (size_t)(path + 1 - url) < sizeof(memo->prefix)) {
			memo->len = (size_t)(path + 1 - url);
			memcpy(memo->prefix, url, memo->len);
		}
	}
	*ret = &memo->url;
	return 0;
}

int http_url_host(const char *url, char *ret, size_t size)
{
	char text[sizeof(((struct url *)NULL)->host) + sizeof(((struct url *)NULL)->port) + 1];
	struct url u;
	int r = url_parse(url, &u);

	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%s%s%s", u.host, u.port[0] ? ":" : "", u.port);
	if (strlen(text) >= size)
		return -EINVAL;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

bool http_url_is_loopback(const char *url)
{
	struct url u;

	return url_parse(url, &u) == 0 && u.loopback;
}

int http_url_escape(const char *text, struct buf *b)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	int r = escaped ? buf_puts(b, escaped) : -ENOMEM;

	curl_free(escaped);
	return r;
}
