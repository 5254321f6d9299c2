#include "config/config_internal.h"

#include <string.h>

#include <criterion/criterion.h>

#define T64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Test(url, good)
{
	static const struct {
		const char *url, *host;
		bool https, loopback;
	} cases[] = {
		{"https://api.fireworks.ai", "api.fireworks.ai", true, false},
		{"HTTPS://api.fireworks.ai/x?y=z", "api.fireworks.ai", true, false},
		{"http://127.0.0.1:80/", "127.0.0.1", false, true},
		{"http://127.1.2.3", "127.1.2.3", false, true},
		{"http://[::1]:65535/a", "::1", false, true},
		{"http://[fe80::1]", "fe80::1", false, false},
		{"http://localhost?x", "localhost", false, true},
		{"http://127.0.0.1.example.com", "127.0.0.1.example.com", false, false},
		{"http://localhost.example.com", "localhost.example.com", false, false},
		{"http://128.0.0.1/", "128.0.0.1", false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why;
		struct url u;

		cr_expect(config_url_parse(cases[i].url, &u, &why) == 0, "%s: %s", cases[i].url,
			  why);
		cr_expect_str_eq(u.host, cases[i].host, "%s", cases[i].url);
		cr_expect(u.https == cases[i].https, "%s", cases[i].url);
		cr_expect(u.loopback == cases[i].loopback, "%s", cases[i].url);
	}
}

Test(url, bad)
{
	static const char *const cases[] = {
		"",
		"api.fireworks.ai",
		"ftp://a",
		"http://",
		"http:///x",
		"https://a b",
		"https://a\n",
		"https://ü.example",
		"https://user@host",
		"https://user:password@host/",
		"http://localhost@evil.example",
		"https://a/#x",
		"https://a:",
		"https://a:0",
		"https://a:65536",
		"https://a:1x",
		"https://a:99999999999999999999",
		"https://[::1",
		"https://[::1]x",
		"https://[]",
		"https://[127.0.0.1]",
		"https://a%2e/",
		"http://localhost\\@evil.example",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		struct url u;

		cr_expect(config_url_parse(cases[i], &u, &why) < 0, "%s", cases[i]);
		cr_expect_not_null(why, "%s", cases[i]);
	}
}

Test(url, length_is_bounded)
{
	char url[CONFIG_URL_MAX + 2] = "https://a/";
	const char *why;
	struct url u;

	memset(url + 10, 'x', sizeof(url) - 11);
	cr_expect(config_url_parse(url, &u, &why) < 0);
	url[CONFIG_URL_MAX] = '\0';
	cr_expect(config_url_parse(url, &u, &why) == 0);
}

Test(url, topic)
{
	static const struct {
		const char *url, *topic; /* NULL: none */
	} cases[] = {
		{"https://ntfy.sh/alerts", "alerts"},
		{"https://ntfy.sh/alerts/", "alerts"},
		{"https://ntfy.sh/a_B-9?auth=x/y", "a_B-9"},
		{"https://ntfy.example:8443/sub/path/alerts", "alerts"},
		{"https://ntfy.sh/" T64, T64},
		{"https://ntfy.sh/" T64 "x", NULL},
		{"https://ntfy.sh", NULL},
		{"https://ntfy.sh/", NULL},
		{"https://ntfy.sh//", NULL},
		{"https://ntfy.sh?alerts", NULL},
		{"https://ntfy.sh/?x=/alerts", NULL},
		{"https://ntfy.sh/al%65rts", NULL},
		{"https://ntfy.sh/al.erts", NULL},
		{"ntfy.sh/alerts", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *topic = cases[i].topic;
		size_t at = 0, len = 0;
		int r = config_url_topic(cases[i].url, &at, &len);

		cr_expect_eq(r == 0, topic != NULL, "%s", cases[i].url);
		if (r == 0 && topic)
			cr_expect(len == strlen(topic) &&
					  memcmp(cases[i].url + at, topic, len) == 0,
				  "%s: %zu, %zu", cases[i].url, at, len);
	}
}
