/* What an answer that failed says. */
#include "daemon/refusal.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

#define SECRET_MAX 8192 /* of a key, see config/keys.c */
#define WORDS_MAX  2048

static void scrub(char *text, const char *secret)
{
	size_t len = strlen(secret);

	if (len == 0)
		return;
	for (char *at = text; (at = strstr(at, secret));)
		memset(at, '*', len);
}

/*
 * What the server says is scrubbed while there is more of it than will be shown: a key must not be cut
 * before it is found.
 */
void refusal_text(struct job_json *parser, const char *endpoint, const char *const *secrets,
		  const struct http_result *res, const char *why, size_t max_words, char *ret,
		  size_t size)
{
	char host[256], words[WORDS_MAX + SECRET_MAX] = "";

	if (res->r < 0) {
		snprintf(ret, size, "%s", res->text);
		return;
	}
	if (http_url_host(endpoint, host, sizeof(host)) < 0)
		snprintf(host, sizeof(host), "the API");
	if (res->status >= 200 && res->status < 300)
		snprintf(words, sizeof(words), "%s", why);
	else
		job_json_error_message(parser, res->body, res->len, words, sizeof(words));
	for (; *secrets; secrets++)
		scrub(words, *secrets);
	words[utf8_cut(words, MIN(max_words, (size_t)WORDS_MAX))] = '\0';
	utf8_snprintf(ret, size, "HTTP %ld from %s%s%s", res->status, host, words[0] ? ": " : "",
		      words);
}
