/* What libcurl's easy handles have in common. */
#include "io/easy.h"

#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/macro.h"

#define UNACKED_MS (30 * MS_PER_S)

static const struct {
	CURLoption option;
	long value;
} common_options[] = {
	{CURLOPT_NOSIGNAL, 1},
	/* Else a request that ends while its name is looked up stops the loop for the resolver. */
	{CURLOPT_QUICK_EXIT, 1},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
};

CURLcode easy_set_common(CURL *easy, const char **ret_ca_file)
{
	CURLcode code = CURLE_OK;

	for (size_t i = 0; i < ARRAY_LEN(common_options); i++)
		code |= curl_easy_setopt(easy, common_options[i].option, common_options[i].value);
	code |= curl_easy_getinfo(easy, CURLINFO_CAINFO, ret_ca_file);
	/* libcurl shares the loaded CA store between connections only where no directory is set. */
	if (*ret_ca_file)
		code |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	return code;
}

void easy_bound_unacked(curl_socket_t fd)
{
	const unsigned ms = UNACKED_MS;

	/* best effort: not every socket is TCP */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void easy_say(const char *host, const char *sentence, struct error *ret)
{
	(void)error_set(ret, 0, "%s: %s", host, sentence);
	for (char *s = ret->text; *s; s++)
		if (!isprint((unsigned char)*s))
			*s = '?';
}
