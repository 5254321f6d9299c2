/* HTTP to the daemon over its control socket. */
#include "cli/client.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/un.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/client_private.h"
#include "codec/control_json.h"
#include "codec/status_json.h"

/* The daemon answers from memory. */
#define CONNECT_TIMEOUT_MS 5000L
#define TIMEOUT_MS         60000L
#define TURN_MS            1000
#define URL_MAX            8192

/* What a call can come to: by HTTP status and code, or, without a status, by the errno. */
static const struct outcome {
	long status;
	const char *code; /* NULL: any */
	int r, exit_status;
} outcomes[] = {
	{400, NULL, -EINVAL, EX_USAGE},         {403, NULL, -EPERM, EX_NOPERM},
	{404, NULL, -ENOENT, CLI_EXIT_REFUSED}, {409, NULL, -EALREADY, CLI_EXIT_REFUSED},
	{413, NULL, -E2BIG, EX_DATAERR},        {422, "bad_configuration", -EBADMSG, EX_CONFIG},
	{422, NULL, -EBADMSG, EX_DATAERR},      {503, "stopping", -ECONNREFUSED, EX_UNAVAILABLE},
	{503, NULL, -EAGAIN, EX_TEMPFAIL},      {0, NULL, -ECONNREFUSED, EX_UNAVAILABLE},
	{0, NULL, -EACCES, EX_NOPERM},          {0, NULL, -ETIMEDOUT, EX_UNAVAILABLE},
	{0, NULL, -EMSGSIZE, EX_UNAVAILABLE},   {0, NULL, -ENOMEM, EX_OSERR},
	{0, NULL, -EPROTO, EX_UNAVAILABLE},
};

static const struct outcome *outcome_of(long status, const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (outcomes[i].status == status &&
		    (!outcomes[i].code || strcmp(outcomes[i].code, code) == 0))
			return &outcomes[i];
	return NULL;
}

int client_exit_status(int r)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (outcomes[i].r == r)
			return outcomes[i].exit_status;
	return EX_UNAVAILABLE;
}

bool client_is_outage(int r)
{
	return r == -ECONNREFUSED || r == -ECONNRESET || r == -ETIMEDOUT || r == -EAGAIN ||
	       r == -EPROTO;
}

int client_new(const char *socket, struct client **ret)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->socket = socket;
	c->wake_fd = -1;
	*ret = c;
	return 0;
}

struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	curl_easy_cleanup(c->call);
	if (c->multi)
		curl_multi_cleanup(c->multi);
	free(c);
	return NULL;
}

void client_wake_on(struct client *c, int fd)
{
	c->wake_fd = fd;
}

/* Where the directory cannot be looked into, what the service as shipped has. */
static const char *group_of_socket(const char *path)
{
	const struct group *group;
	struct stat st;

	if (stat(path, &st) < 0)
		return "tunewatch";
	group = getgrgid(st.st_gid);
	return group ? group->gr_name : "tunewatch";
}

static int describe(const struct client *c, CURL *curl, CURLcode code, struct error *ret_e)
{
	long os_errno = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
	switch ((int)code) {
	case CURLE_COULDNT_CONNECT:
		if (os_errno == EACCES || os_errno == EPERM)
			return error_set(ret_e, -EACCES,
					 "you may not use the socket %s; ask as root, or as a "
					 "member of its group, which is %s",
					 c->socket, group_of_socket(c->socket));
		return error_set(ret_e, -ECONNREFUSED,
				 "tunewatchd does not answer at %s: is it running? "
				 "Try: systemctl status tunewatchd%s",
				 c->socket,
				 geteuid() != 0 ? ", or systemctl --user status tunewatchd" : "");
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(ret_e, -ETIMEDOUT,
				 "tunewatchd at %s did not answer in time; its journal may say "
				 "why. Try: journalctl -u tunewatchd",
				 c->socket);
	case CURLE_WRITE_ERROR:
		return error_set(ret_e, -EMSGSIZE, "the answer of tunewatchd at %s is too large",
				 c->socket);
	case CURLE_OUT_OF_MEMORY:
		return error_set(ret_e, -ENOMEM, "out of memory");
	}
	return error_set(ret_e, -EPROTO,
			 "no HTTP answer at %s (%s): is it tunewatchd's socket? If it is, "
			 "tunewatchd may not start; try: systemctl status tunewatchd",
			 c->socket, curl_easy_strerror(code));
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

int client_judge(const struct client *c, CURL *curl, CURLcode code, const struct buf *body,
		 struct client_result *ret)
{
	char message[ERROR_TEXT_MAX / 2];
	const struct outcome *outcome;
	int r;

	*ret = (struct client_result){.lost = is_lost(code)};
	if (code != CURLE_OK) {
		r = describe(c, curl, code, &ret->error);
		ret->exit_status = client_exit_status(r);
		return r;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
	if (ret->status >= 200 && ret->status < 300)
		return 0;
	control_json_parse_code(buf_str(body), body->len, ret->code, sizeof(ret->code));
	status_json_parse_error(buf_str(body), body->len, message, sizeof(message));
	outcome = outcome_of(ret->status, ret->code);
	ret->exit_status = message[0] && outcome ? outcome->exit_status : EX_UNAVAILABLE;
	r = message[0] && outcome ? outcome->r : -EPROTO;
	if (message[0])
		return error_set(&ret->error, r, "tunewatchd says: %s", message);
	return error_set(&ret->error, r, "HTTP status %ld from %s: is it tunewatchd's socket?",
			 ret->status, c->socket);
}

static int fail(struct client_result *ret, int r, const char *words, const char *what)
{
	*ret = (struct client_result){.exit_status = client_exit_status(r)};
	return error_set(&ret->error, r, "%s%.60s", words, what);
}

int client_begin(struct client *c, struct client_result *ret)
{
	if (strlen(c->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fail(ret, -ECONNREFUSED, "the path of the socket is too long: ", c->socket);
	/* There is no TLS on this socket to set up. */
	if (!c->multi && curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK)
		c->multi = curl_multi_init();
	if (!c->call && c->multi)
		c->call = curl_easy_init();
	if (c->call)
		return 0;
	return fail(ret, -ENOMEM, "cannot set up libcurl: out of memory", "");
}

CURLcode client_set_up(const struct client *c, CURL *curl, const char *url, struct transfer *t)
{
	const struct {
		CURLoption option;
		const void *value;
	} texts[] = {
		{CURLOPT_UNIX_SOCKET_PATH, c->socket}, {CURLOPT_URL, url},  {CURLOPT_PRIVATE, t},
		{CURLOPT_PROTOCOLS_STR, "http"},       {CURLOPT_PROXY, ""},
	};
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS},
		{CURLOPT_NOSIGNAL, 1},
	};
	CURLcode code = CURLE_OK;

	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(texts); i++)
		code = curl_easy_setopt(curl, texts[i].option, texts[i].value);
	for (size_t i = 0; code == CURLE_OK && i < ARRAY_LEN(numbers); i++)
		code = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
	return code;
}

static void drain(struct client *c)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left)))
		if (m->msg == CURLMSG_DONE) {
			char *private = NULL;

			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
			((struct transfer *)(void *)private)->code = m->data.result;
			((struct transfer *)(void *)private)->done = true;
		}
}

void client_advance(struct client *c)
{
	int running;

	curl_multi_perform(c->multi, &running);
	drain(c);
}

int client_turn(struct client *c, int timeout_ms)
{
	struct curl_waitfd wake = {.fd = c->wake_fd, .events = CURL_WAIT_POLLIN};
	int seen = 0;

	curl_multi_poll(c->multi, &wake, c->wake_fd >= 0, timeout_ms, &seen);
	if (wake.revents)
		return -EINTR;
	client_advance(c);
	return 0;
}

static size_t take_body(char *data, size_t size, size_t n, void *user)
{
	/* Anything short of `n` makes libcurl stop with CURLE_WRITE_ERROR. */
	return buf_append(user, data, size * n) == 0 ? size * n : 0;
}

static CURLcode set_request(CURL *curl, const struct client_request *q, struct buf *body,
			    struct curl_slist *headers)
{
	long timeout_ms = q->timeout_ms ? (long)MIN(q->timeout_ms, (uint64_t)LONG_MAX) : TIMEOUT_MS;
	bool get = strcmp(q->method, "GET") == 0;
	CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);

	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (code != CURLE_OK || get)
		return code;
	code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body ? q->body : "");
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len);
	return code == CURLE_OK ? curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method) : code;
}

static int perform(struct client *c, struct transfer *t)
{
	int r = 0;

	if (curl_multi_add_handle(c->multi, c->call) != CURLM_OK)
		return -ENOMEM;
	client_advance(c);
	while (r == 0 && !t->done)
		r = client_turn(c, TURN_MS);
	curl_multi_remove_handle(c->multi, c->call);
	return r;
}

int client_call(struct client *c, const struct client_request *q, struct buf *body,
		struct client_result *ret)
{
	_cleanup_buf_ struct buf url = BUF_INIT(URL_MAX);
	struct curl_slist *headers = NULL, *more;
	struct transfer t = {0};
	CURLcode code;
	int r = client_begin(c, ret);

	if (r < 0)
		return r;
	buf_clear(body);
	r = buf_printf(&url, "http://localhost%s", q->path);
	if (r == -EMSGSIZE)
		return fail(ret, -EINVAL, "too long for a request: ", q->path);
	if (r < 0)
		return fail(ret, r, "out of memory", "");
	if (q->body) {
		headers = curl_slist_append(NULL, "Content-Type: application/json");
		more = headers ? curl_slist_append(headers, "Expect:") : NULL;
		if (!more) {
			curl_slist_free_all(headers);
			return fail(ret, -ENOMEM, "out of memory", "");
		}
	}
	curl_easy_reset(c->call);
	code = client_set_up(c, c->call, buf_str(&url), &t);
	if (code == CURLE_OK)
		code = set_request(c->call, q, body, headers);
	if (code == CURLE_OK) {
		r = perform(c, &t);
		code = t.code;
	}
	curl_slist_free_all(headers);
	if (r < 0)
		return fail(ret, r, r == -EINTR ? "interrupted" : "out of memory", "");
	return client_judge(c, c->call, code, body, ret);
}

int client_get(struct client *c, const char *path, struct buf *body, struct client_result *ret)
{
	return client_call(c, &(struct client_request){.method = "GET", .path = path}, body, ret);
}

int client_post(struct client *c, const char *path, struct buf *body, struct client_result *ret)
{
	return client_call(c, &(struct client_request){.method = "POST", .path = path}, body, ret);
}

int client_sleep(struct client *c, uint64_t ms)
{
	struct pollfd wake = {.fd = c->wake_fd, .events = POLLIN};

	return poll(&wake, 1, (int)MIN(ms, (uint64_t)INT_MAX)) > 0 ? -EINTR : 0;
}
