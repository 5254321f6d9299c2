/* HTTP to the daemon over its control socket. */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <curl/curl.h>

#include "cli/cli.h"
#include "codec/status_json.h"

/* The daemon answers from memory. */
#define CONNECT_TIMEOUT_MS 5000L
#define TIMEOUT_MS         60000L

DEFINE_CLEANUP(CURL *, curl_easy_cleanup);
#define _cleanup_curl_ _cleanup_(curl_easy_cleanupp)

static size_t take_body(char *data, size_t size, size_t n, void *user)
{
	/* Anything short of `n` makes libcurl stop with CURLE_WRITE_ERROR. */
	return buf_append(user, data, size * n) == 0 ? size * n : 0;
}

static int describe(CURL *curl, CURLcode code, const char *socket, struct error *ret_e)
{
	long os_errno = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
	switch ((int)code) {
	case CURLE_COULDNT_CONNECT:
		if (os_errno == EACCES || os_errno == EPERM)
			return error_set(ret_e, -EACCES,
					 "you may not use the socket %s; ask as root, or as a "
					 "member of its group",
					 socket);
		return error_set(ret_e, -ECONNREFUSED,
				 "tunewatchd does not answer at %s: is it running? "
				 "Try: systemctl status tunewatchd",
				 socket);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(ret_e, -ETIMEDOUT,
				 "tunewatchd at %s did not answer in time; its journal may say "
				 "why. Try: journalctl -u tunewatchd",
				 socket);
	case CURLE_WRITE_ERROR:
		return error_set(ret_e, -EMSGSIZE, "the answer of tunewatchd at %s is too large",
				 socket);
	case CURLE_OUT_OF_MEMORY:
		return error_set(ret_e, -ENOMEM, "out of memory");
	}
	return error_set(ret_e, -EPROTO, "no HTTP answer at %s (%s): is it tunewatchd's socket?",
			 socket, curl_easy_strerror(code));
}

/* What the daemon says no to; 503 from a call that looks into the store is a matter of time. */
static const struct {
	long status;
	int r;
} refusals[] = {{400, -EINVAL}, {404, -ENOENT}, {409, -EALREADY}, {503, -EAGAIN}};

static int errno_of(long status)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == status)
			return refusals[i].r;
	return -EPROTO;
}

int client_exit_status(int r)
{
	switch (r) {
	case -EINVAL:
		return EX_USAGE;
	case -EACCES:
		return EX_NOPERM;
	case -ENOMEM:
		return EX_OSERR;
	case -EAGAIN:
		return EX_TEMPFAIL;
	case -ENOENT:
	case -EALREADY:
		return CLI_EXIT_REFUSED;
	}
	return EX_UNAVAILABLE;
}

static int judge(CURL *curl, const struct buf *body, const char *socket, struct error *ret_e)
{
	char message[ERROR_TEXT_MAX / 2];
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return 0;
	status_json_parse_error(buf_str(body), body->len, message, sizeof(message));
	if (message[0])
		return error_set(ret_e, errno_of(status), "tunewatchd says: %s", message);
	return error_set(ret_e, -EPROTO, "HTTP status %ld from %s: is it tunewatchd's socket?",
			 status, socket);
}

static CURLcode set_up(CURL *curl, const char *socket, const char *url, struct buf *body)
{
	const struct {
		CURLoption option;
		const void *value;
	} texts[] = {
		{CURLOPT_UNIX_SOCKET_PATH, socket}, {CURLOPT_URL, url},
		{CURLOPT_PROTOCOLS_STR, "http"},    {CURLOPT_PROXY, ""},
		{CURLOPT_WRITEDATA, body},
	};
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS},
		{CURLOPT_TIMEOUT_MS, TIMEOUT_MS},
		{CURLOPT_NOSIGNAL, 1},
	};
	CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);

	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(texts); i++)
		code = curl_easy_setopt(curl, texts[i].option, texts[i].value);
	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(numbers); i++)
		code = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
	return code;
}

static int perform(const char *socket, bool post, const char *path, struct buf *body,
		   struct error *ret_e)
{
	_cleanup_curl_ CURL *curl = NULL;
	char url[512];
	CURLcode code;

	if (strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return error_set(ret_e, -ECONNREFUSED, "the path of the socket is too long: %s",
				 socket);
	/* There is no TLS on this socket to set up. */
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return error_set(ret_e, -ENOMEM, "cannot set up libcurl");
	curl = curl_easy_init();
	if (!curl)
		return error_set(ret_e, -ENOMEM, "out of memory");
	snprintf(url, sizeof(url), "http://localhost%s", path);
	code = set_up(curl, socket, url, body);
	if (code == CURLE_OK && post)
		code = curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, "");
	if (code == CURLE_OK)
		code = curl_easy_perform(curl);
	return code == CURLE_OK ? judge(curl, body, socket, ret_e)
				: describe(curl, code, socket, ret_e);
}

int client_get(const char *socket, const char *path, struct buf *body, struct error *ret_e)
{
	return perform(socket, false, path, body, ret_e);
}

int client_post(const char *socket, const char *path, struct buf *body, struct error *ret_e)
{
	return perform(socket, true, path, body, ret_e);
}
