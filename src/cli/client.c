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
#define URL_MAX            8192

DEFINE_CLEANUP(CURL *, curl_easy_cleanup);
#define _cleanup_curl_ _cleanup_(curl_easy_cleanupp)
DEFINE_CLEANUP(struct curl_slist *, curl_slist_free_all);
#define _cleanup_slist_ _cleanup_(curl_slist_free_allp)

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

static int judge(long status, const struct buf *body, const char *socket, struct error *ret_e)
{
	char message[ERROR_TEXT_MAX / 2];

	if (status == 200)
		return 0;
	status_json_parse_error(buf_str(body), body->len, message, sizeof(message));
	if (message[0])
		return error_set(ret_e, errno_of(status), "tunewatchd says: %s", message);
	return error_set(ret_e, -EPROTO, "HTTP status %ld from %s: is it tunewatchd's socket?",
			 status, socket);
}

/* The daemon was there, and went away before it had answered. */
static bool is_lost(CURLcode code)
{
	static const CURLcode codes[] = {CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR,
					 CURLE_SEND_ERROR};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* One exchange. */
struct exchange {
	const char *path;
	bool post;
	const struct buf *send; /* JSON; NULL for nothing */
	uint64_t timeout_ms;
	struct buf *body; /* what comes back */
};

static CURLcode set_up(CURL *curl, const char *socket, const char *url, const struct exchange *x)
{
	const struct {
		CURLoption option;
		const void *value;
	} texts[] = {
		{CURLOPT_UNIX_SOCKET_PATH, socket}, {CURLOPT_URL, url},
		{CURLOPT_PROTOCOLS_STR, "http"},    {CURLOPT_PROXY, ""},
		{CURLOPT_WRITEDATA, x->body},
	};
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS},
		{CURLOPT_TIMEOUT_MS, (long)x->timeout_ms},
		{CURLOPT_NOSIGNAL, 1},
	};
	CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);

	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(texts); i++)
		code = curl_easy_setopt(curl, texts[i].option, texts[i].value);
	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(numbers); i++)
		code = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
	return code;
}

/* What is POSTed; the bytes and the headers stay the caller's until the end. */
static CURLcode set_up_post(CURL *curl, const struct buf *send, struct curl_slist *headers)
{
	CURLcode code;

	if (!send)
		return curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, "");
	code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)send->len);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buf_str(send));
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	return code;
}

/* No waiting for a "100 Continue". */
static struct curl_slist *make_headers(void)
{
	struct curl_slist *first = curl_slist_append(NULL, "Content-Type: application/json");
	struct curl_slist *both = first ? curl_slist_append(first, "Expect:") : NULL;

	if (!both)
		curl_slist_free_all(first);
	return both;
}

static CURLcode exchange(CURL *curl, const char *socket, const struct exchange *x)
{
	_cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
	_cleanup_slist_ struct curl_slist *headers = NULL;
	CURLcode code;

	if (buf_printf(&url, "http://localhost%s", x->path) < 0)
		return CURLE_OUT_OF_MEMORY;
	code = set_up(curl, socket, buf_str(&url), x);
	if (code == CURLE_OK && x->post) {
		headers = make_headers();
		code = headers ? set_up_post(curl, x->send, headers) : CURLE_OUT_OF_MEMORY;
	}
	return code == CURLE_OK ? curl_easy_perform(curl) : code;
}

/* 0 with the status of any answer; else `ret_lost` says whether there was a daemon before. */
static int perform(const char *socket, const struct exchange *x, long *ret_status, bool *ret_lost,
		   struct error *ret_e)
{
	_cleanup_curl_ CURL *curl = NULL;
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
	code = exchange(curl, socket, x);
	*ret_lost = is_lost(code);
	if (code != CURLE_OK)
		return describe(curl, code, socket, ret_e);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	return 0;
}

static int call(const char *socket, const struct exchange *x, struct error *ret_e)
{
	bool lost = false;
	long status = 0;
	int r = perform(socket, x, &status, &lost, ret_e);

	return r < 0 ? r : judge(status, x->body, socket, ret_e);
}

int client_get(const char *socket, const char *path, struct buf *body, struct error *ret_e)
{
	return call(socket,
		    &(struct exchange){.path = path, .timeout_ms = TIMEOUT_MS, .body = body},
		    ret_e);
}

int client_post(const char *socket, const char *path, struct buf *body, struct error *ret_e)
{
	return call(socket,
		    &(struct exchange){
			    .path = path, .post = true, .timeout_ms = TIMEOUT_MS, .body = body},
		    ret_e);
}

int client_post_body(const char *socket, const char *path, const struct buf *send,
		     uint64_t timeout_ms, struct buf *body, struct client_result *ret)
{
	const struct exchange x = {
		.path = path, .post = true, .send = send, .timeout_ms = timeout_ms, .body = body};
	bool lost = false;
	int r;

	*ret = (struct client_result){0};
	r = perform(socket, &x, &ret->status, &lost, &ret->error);
	if (lost)
		return error_set(&ret->error, -ECONNRESET,
				 "tunewatchd at %s went away before it had answered", socket);
	if (r < 0 || ret->status / 100 == 2)
		return r;
	(void)judge(ret->status, body, socket, &ret->error);
	return 0;
}
