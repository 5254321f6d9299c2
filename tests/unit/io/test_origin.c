/* Which web pages may read what the daemon tells. */
#include "io/origin.h"

#include <criterion/criterion.h>

#include "base/macro.h"

Test(origin, lets_in_what_this_machine_asks_and_no_foreign_page)
{
	static const struct {
		const char *host, *origin, *site;
		bool allowed;
	} rows[] = {
		{"127.0.0.1:9877", NULL, NULL, true}, /* curl, Prometheus */
		{"localhost", NULL, NULL, true},
		{"LocalHost:1", NULL, NULL, true},
		{"[::1]:9877", NULL, NULL, true},
		{"[::1]", NULL, NULL, true},
		{"127.1.2.3:80", NULL, NULL, true},
		{"127.0.0.1:9877", NULL, "none", true}, /* typed into a browser */
		{"127.0.0.1:9877", "http://127.0.0.1:9877", "same-origin", true},
		{"localhost:9877", "http://localhost:9877", NULL, true},
		{NULL, NULL, NULL, false},
		{"", NULL, NULL, false},
		{"evil.example", NULL, NULL, false}, /* rebinding */
		{"evil.example:9877", NULL, "same-origin", false},
		{"127.0.0.1.evil.example", NULL, NULL, false},
		{"localhost.evil.example:9877", NULL, NULL, false},
		{"127.0.0.1:9877@evil.example", NULL, NULL, false},
		{"127.0.0.1:", NULL, NULL, true},
		{"127.0.0.1:x", NULL, NULL, false},
		{"10.0.0.1:9877", NULL, NULL, false},
		{"0.0.0.0:9877", NULL, NULL, false},
		{"[::2]:9877", NULL, NULL, false},
		{"::1", NULL, NULL, false},
		{"127.0.0.1:9877", "http://evil.example", NULL, false},
		{"127.0.0.1:9877", "http://127.0.0.1:80", NULL, false},
		{"127.0.0.1:9877", "https://127.0.0.1:9877", NULL, false},
		{"127.0.0.1:9877", "http://localhost:9877", NULL, false},
		{"127.0.0.1:9877", "null", NULL, false},
		{"127.0.0.1:9877", "", NULL, false},
		{"127.0.0.1:9877", NULL, "cross-site", false}, /* <script src>, no Origin */
		{"127.0.0.1:9877", NULL, "same-site", false},
		{"127.0.0.1:9877", "http://127.0.0.1:9877", "cross-site", false},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL,
		 NULL, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(origin_allows(rows[i].host, rows[i].origin, rows[i].site),
			     rows[i].allowed, "%s %s %s", rows[i].host ? rows[i].host : "-",
			     rows[i].origin ? rows[i].origin : "-",
			     rows[i].site ? rows[i].site : "-");
}
