/* URLs of servers, as far as they are judged before libcurl gets them. */
#pragma once

#include <stdbool.h>

struct url {
	char host[288]; /* without port; IPv6 in brackets */
	char port[8];   /* "" when the URL names none */
	bool plain;     /* http://, smtp:// */
	bool loopback;
};

/* 0, or -EINVAL for what is no http:// or https:// URL with a host; -ENOMEM. */
int url_parse(const char *url, struct url *ret);

/* The same for smtp:// and smtps://. */
int url_parse_smtp(const char *url, struct url *ret);
