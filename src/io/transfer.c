/* One easy handle: its options, where the body goes, and what came of the request. */
#include "io/http_private.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "io/easy.h"

#define BODY_KEEP_MAX      (256UL << 10) /* a larger buffer is not kept for the next request */
#define CUT_DROP_MAX       (64UL << 10)  /* then the rest of a cut body is not waited for */
#define CONNECT_TIMEOUT_MS (10 * MS_PER_S)
#define TIMEOUT_MS         (60 * MS_PER_S)
#define CONN_IDLE_S        90
#define CONN_LIFE_S        3600
#define RETRY_AFTER_MAX_MS MS_PER_DAY
#define HEADERS_MAX        64

static size_t body_write(char *data, size_t size, size_t n, void *user)
{
	struct http_transfer *t = user;
	int r;

	n *= size;
	if (t->cut) {
		size_t take = MIN(n, t->max_bytes - t->body.len);

		r = buf_append(&t->body, data, take);
		t->dropped += n - take;
		if (r == 0 && t->dropped > CUT_DROP_MAX) {
			t->sink = SINK_ENOUGH;
			return CURL_WRITEFUNC_ERROR;
		}
	} else {
		r = buf_append(&t->body, data, n);
	}
	if (r == 0)
		return n;
	t->sink = r == -EMSGSIZE ? SINK_TOO_LARGE : SINK_NO_MEMORY;
	return CURL_WRITEFUNC_ERROR;
}

static int socket_options(void *user, curl_socket_t fd, curlsocktype type)
{
	easy_bound_unacked(fd);
	return CURL_SOCKOPT_OK;
}

static const struct {
	CURLoption option;
	long value;
} fixed_options[] = {
	{CURLOPT_FOLLOWLOCATION, 0},        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
	{CURLOPT_MAXAGE_CONN, CONN_IDLE_S}, {CURLOPT_MAXLIFETIME_CONN, CONN_LIFE_S},
	{CURLOPT_LOW_SPEED_LIMIT, 1},
};

static CURLcode set_fixed_options(struct http_transfer *t, long low_speed_s)
{
	CURLcode code = easy_set_common(t->task.easy, &t->default_ca_file);

	for (size_t i = 0; i < ARRAY_LEN(fixed_options); i++)
		code |= curl_easy_setopt(t->task.easy, fixed_options[i].option,
					 fixed_options[i].value);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_LOW_SPEED_TIME, low_speed_s);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_PROTOCOLS_STR, "http,https");
	code |= curl_easy_setopt(t->task.easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	code |= curl_easy_setopt(t->task.easy, CURLOPT_SOCKOPTFUNCTION, socket_options);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_WRITEFUNCTION, body_write);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_WRITEDATA, t);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_ERRORBUFFER, t->detail);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_PRIVATE, &t->task);
	return code;
}

int transfer_new(struct http *h, long low_speed_s, void (*done)(struct multi_task *, CURLcode),
		 struct http_transfer **ret)
{
	_cleanup_(transfer_freep) struct http_transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	list_init(&t->task.node);
	t->task.done = done;
	t->h = h;
	t->task.easy = curl_easy_init();
	if (!t->task.easy || set_fixed_options(t, low_speed_s) != CURLE_OK)
		return -ENOMEM;
	*ret = TAKE_PTR(t);
	return 0;
}

/* A string that may hold a secret. */
static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void headers_free(struct curl_slist **headers)
{
	for (struct curl_slist *it = *headers; it; it = it->next)
		explicit_bzero(it->data, strlen(it->data));
	curl_slist_free_all(*headers);
	*headers = NULL;
}

struct http_transfer *transfer_free(struct http_transfer *t)
{
	if (!t)
		return NULL;
	list_remove(&t->task.node);
	curl_easy_cleanup(t->task.easy);
	headers_free(&t->headers);
	wipe(&t->proxy);
	free(t->ca_file);
	buf_done(&t->body);
	free(t);
	return NULL;
}

struct header {
	const char *prefix, *text;
};

/* `name` with its colon */
static bool has_header(const struct http_request *request, const char *name)
{
	for (const char *const *it = request->headers; it && *it; it++)
		if (strncasecmp(*it, name, strlen(name)) == 0)
			return true;
	return false;
}

/*
 * What libcurl is told, in a fixed order. A name with nothing behind it takes back what libcurl would
 * add: a wait for "100 Continue", a form's type. User-Agent and Accept-Encoding have options of
 * their own, which format them anew for each request. Returns how many, at most HEADERS_MAX, or
 * -EINVAL.
 */
static int headers_collect(const struct http_request *request, const char *user_agent,
			   struct header ret[HEADERS_MAX])
{
	const struct {
		const char *name;
		struct header header; /* text NULL: not wanted */
	} ours[] = {
		{"User-Agent:", {"User-Agent: ", user_agent}},
		{"Accept-Encoding:", {"Accept-Encoding: ", "gzip"}},
		{"Authorization:", {"Authorization: Bearer ", request->bearer}},
		{"Expect:", {"Expect:", request->body ? "" : NULL}},
		{"Content-Type:", {"Content-Type:", request->body ? "" : NULL}},
	};
	int n = 0;

	for (size_t k = 0; k < ARRAY_LEN(ours); k++)
		if (ours[k].header.text && !has_header(request, ours[k].name))
			ret[n++] = ours[k].header;
	for (const char *const *it = request->headers; it && *it; it++) {
		if (n == HEADERS_MAX)
			return -EINVAL;
		ret[n++] = (struct header){"", *it};
	}
	return n;
}

static bool headers_match(const struct curl_slist *list, const struct header *headers, int n)
{
	for (int i = 0; i < n; i++, list = list->next) {
		size_t len = strlen(headers[i].prefix);

		if (!list || strncmp(list->data, headers[i].prefix, len) != 0 ||
		    strcmp(list->data + len, headers[i].text) != 0)
			return false;
	}
	return list == NULL;
}

static bool header_is_valid(const struct header *header)
{
	const char *name = header->prefix[0] ? header->prefix : header->text;

	if (strcspn(name, ": \t") == 0 || name[strcspn(name, ": \t")] != ':')
		return false;
	for (const char *s = header->text; *s; s++)
		if (iscntrl((unsigned char)*s) && *s != '\t')
			return false;
	return true;
}

static int set_headers(struct http_transfer *t, const struct http_request *request,
		       const char *user_agent, struct error *ret_e)
{
	_cleanup_(headers_free) struct curl_slist *list = NULL;
	struct header headers[HEADERS_MAX];
	int n = headers_collect(request, user_agent, headers);

	if (n < 0)
		return error_set(ret_e, n, "more than %d headers", HEADERS_MAX);
	if (headers_match(t->headers, headers, n))
		return 0;
	for (int i = 0; i < n; i++) {
		_cleanup_(wipe) char *line = NULL;
		struct curl_slist *longer;

		if (!header_is_valid(&headers[i]))
			return error_set(ret_e, -EINVAL, "a header is not \"Name: value\"");
		if (asprintf(&line, "%s%s", headers[i].prefix, headers[i].text) < 0) {
			line = NULL;
			return -ENOMEM;
		}
		longer = curl_slist_append(list, line);
		if (!longer)
			return -ENOMEM;
		list = longer;
	}
	if (curl_easy_setopt(t->task.easy, CURLOPT_HTTPHEADER, list) != CURLE_OK)
		return -ENOMEM;
	headers_free(&t->headers);
	t->headers = TAKE_PTR(list);
	return 0;
}

/* Sets a string option when it differs from `*now`, which remembers it. */
static CURLcode set_string(struct http_transfer *t, CURLoption option, char **now,
			   const char *wanted, const char *unset)
{
	_cleanup_free_ char *copy = NULL;
	CURLcode code;

	if (wanted == *now || (wanted && *now && strcmp(wanted, *now) == 0))
		return CURLE_OK;
	copy = wanted ? strdup(wanted) : NULL;
	if (wanted && !copy)
		return CURLE_OUT_OF_MEMORY;
	code = curl_easy_setopt(t->task.easy, option, wanted ? wanted : unset);
	if (code != CURLE_OK)
		return code;
	wipe(now);
	*now = TAKE_PTR(copy);
	return CURLE_OK;
}

static CURLcode set_timeout(struct http_transfer *t, CURLoption option, uint64_t *now,
			    uint64_t wanted, uint64_t preset)
{
	if (wanted == 0)
		wanted = preset;
	wanted = MIN(wanted, (uint64_t)INT32_MAX); /* libcurl's own limit on 32 bits */
	if (wanted == *now)
		return CURLE_OK;
	*now = wanted;
	return curl_easy_setopt(t->task.easy, option, (long)wanted);
}

/*
 * Plain HTTP that is allowed only because it stays on this machine does not leave it through a
 * proxy either.
 */
static CURLcode set_no_proxy(struct http_transfer *t, bool no_proxy)
{
	if (no_proxy == t->no_proxy)
		return CURLE_OK;
	t->no_proxy = no_proxy;
	return curl_easy_setopt(t->task.easy, CURLOPT_NOPROXY, no_proxy ? "*" : NULL);
}

/* A Content-Length that is too large ends the transfer before the body; the sink bounds the rest. */
static CURLcode set_max_bytes(struct http_transfer *t, size_t max_bytes, bool cut)
{
	if (max_bytes == t->max_bytes && cut == t->cut)
		return CURLE_OK;
	t->max_bytes = t->body.max = max_bytes;
	t->cut = cut;
	return curl_easy_setopt(t->task.easy, CURLOPT_MAXFILESIZE_LARGE,
				cut ? (curl_off_t)0 : (curl_off_t)max_bytes);
}

static CURLcode set_body(struct http_transfer *t, const struct http_request *request)
{
	CURLcode code = CURLE_OK;

	if (!request->body)
		return CURLE_OK;
	t->post = true;
	code |= curl_easy_setopt(t->task.easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)request->body_len);
	code |= curl_easy_setopt(t->task.easy, CURLOPT_COPYPOSTFIELDS, request->body);
	return code;
}

int transfer_prepare(struct http_transfer *t, const struct http_request *request,
		     const struct url *url, const char *user_agent, struct error *ret_e)
{
	size_t max_bytes = request->max_bytes ? request->max_bytes : HTTP_MAX_BYTES_DEFAULT;
	CURLcode code = CURLE_OK;
	int r;

	r = set_headers(t, request, user_agent, ret_e);
	if (r < 0)
		return r;
	code |= curl_easy_setopt(t->task.easy, CURLOPT_URL, request->url);
	code |= set_string(t, CURLOPT_CAINFO, &t->ca_file, request->ca_file, t->default_ca_file);
	code |= set_string(t, CURLOPT_PROXY, &t->proxy, request->proxy, NULL);
	code |= set_no_proxy(t, url->plain && !request->allow_http);
	code |= set_timeout(t, CURLOPT_CONNECTTIMEOUT_MS, &t->connect_timeout_ms,
			    request->connect_timeout_ms, CONNECT_TIMEOUT_MS);
	code |= set_timeout(t, CURLOPT_TIMEOUT_MS, &t->timeout_ms, request->timeout_ms, TIMEOUT_MS);
	code |= set_max_bytes(t, MIN(max_bytes, (size_t)PTRDIFF_MAX), request->cut);
	code |= set_body(t, request);
	return code == CURLE_OK ? 0 : -ENOMEM;
}

/*
 * What libcurl's codes mean here. `text` is for people; where it is NULL, libcurl's own detail is
 * shown, which for these codes holds a host or a certificate's fault and nothing of URL or headers.
 */
static const struct verdict {
	CURLcode code;
	enum trouble trouble;
	int r;
	const char *text;
} verdicts[] = {
	{CURLE_COULDNT_RESOLVE_HOST, TROUBLE_DNS, -EHOSTUNREACH, NULL},
	{CURLE_COULDNT_RESOLVE_PROXY, TROUBLE_CONNECT, -EHOSTUNREACH, "no such proxy"},
	{CURLE_PROXY, TROUBLE_CONNECT, -ECONNREFUSED, "the proxy does not let us through"},
	{CURLE_COULDNT_CONNECT, TROUBLE_CONNECT, -ECONNREFUSED, "cannot connect"},
	{CURLE_SSL_CONNECT_ERROR, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_PEER_FAILED_VERIFICATION, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_SSL_CACERT_BADFILE, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_SSL_CERTPROBLEM, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_SSL_CIPHER, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_SSL_ISSUER_ERROR, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_SSL_INVALIDCERTSTATUS, TROUBLE_TLS, -EPROTO, NULL},
	{CURLE_SEND_ERROR, TROUBLE_RESET, -ECONNRESET, NULL},
	{CURLE_RECV_ERROR, TROUBLE_RESET, -ECONNRESET, NULL},
	{CURLE_GOT_NOTHING, TROUBLE_RESET, -ECONNRESET, "the connection ended without an answer"},
	{CURLE_PARTIAL_FILE, TROUBLE_RESET, -ECONNRESET, "the answer ended early"},
	{CURLE_HTTP2, TROUBLE_RESET, -ECONNRESET, "HTTP/2 error"},
	{CURLE_HTTP2_STREAM, TROUBLE_RESET, -ECONNRESET, "the HTTP/2 stream was reset"},
	{CURLE_OPERATION_TIMEDOUT, TROUBLE_TIMEOUT, -ETIMEDOUT, NULL},
	{CURLE_WEIRD_SERVER_REPLY, TROUBLE_NOT_API, -EBADMSG, "the answer is not HTTP"},
	{CURLE_UNSUPPORTED_PROTOCOL, TROUBLE_NOT_API, -EBADMSG, "the answer is not HTTP"},
	{CURLE_BAD_CONTENT_ENCODING, TROUBLE_NOT_API, -EBADMSG, "the answer's encoding is broken"},
	/* libcurl's word also for a header of more than 100 KiB */
	{CURLE_OUT_OF_MEMORY, TROUBLE_RESET, -ENOMEM, "out of memory, or a header out of bounds"},
};

static const struct verdict too_large = {CURLE_FILESIZE_EXCEEDED, TROUBLE_TOO_LARGE, -EMSGSIZE,
					 NULL};
static const struct verdict any_other = {CURLE_OK, TROUBLE_RESET, -EIO, NULL};

static const struct verdict *verdict_of(CURLcode code)
{
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (verdicts[i].code == code)
			return &verdicts[i];
	return code == too_large.code ? &too_large : &any_other;
}

static uint64_t retry_after_ms(const struct http_transfer *t)
{
	struct curl_header *header;
	curl_off_t s = 0;

	if (curl_easy_header(t->task.easy, "retry-after-ms", 0, CURLH_HEADER, -1, &header) ==
	    CURLHE_OK) {
		char *end;
		uint64_t ms;

		errno = 0;
		ms = strtoull(header->value, &end, 10);
		/* strtoull() takes a sign; a fraction of a millisecond is nothing */
		if (isdigit((unsigned char)header->value[0]) && (*end == '\0' || *end == '.'))
			return MIN(errno == ERANGE ? UINT64_MAX : ms, RETRY_AFTER_MAX_MS);
	}
	if (curl_easy_getinfo(t->task.easy, CURLINFO_RETRY_AFTER, &s) != CURLE_OK || s <= 0)
		return 0;
	return MIN((uint64_t)s, RETRY_AFTER_MAX_MS / MS_PER_S) * MS_PER_S;
}

static long info_long(const struct http_transfer *t, CURLINFO info)
{
	long v = 0;

	(void)curl_easy_getinfo(t->task.easy, info, &v); /* fails on unknown options only */
	return v;
}

static curl_off_t info_off(const struct http_transfer *t, CURLINFO info)
{
	curl_off_t v = 0;

	(void)curl_easy_getinfo(t->task.easy, info, &v);
	return v;
}

static void say(struct http_transfer *t, const char *sentence)
{
	char host[300] = "";
	const char *url = NULL;

	if (curl_easy_getinfo(t->task.easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || !url ||
	    http_url_host(url, host, sizeof(host)) < 0)
		snprintf(host, sizeof(host), "request");
	easy_say(host, sentence, &t->text);
}

static void result_failed(struct http_transfer *t, CURLcode code, struct http_result *ret)
{
	const struct verdict *verdict = verdict_of(code);
	long proxy_status = info_long(t, CURLINFO_HTTP_CONNECTCODE);
	char sentence[CURL_ERROR_SIZE];

	ret->trouble = verdict->trouble;
	ret->r = verdict->r;
	snprintf(sentence, sizeof(sentence), "%s",
		 verdict->text                           ? verdict->text
		 : verdict != &any_other && t->detail[0] ? t->detail
							 : curl_easy_strerror(code));
	if (verdict == &too_large) {
		snprintf(sentence, sizeof(sentence), "the answer is larger than %zu bytes",
			 t->max_bytes);
	} else if (code == CURLE_COULDNT_CONNECT && info_long(t, CURLINFO_OS_ERRNO) != 0) {
		snprintf(sentence, sizeof(sentence), "%s: %s", verdict->text,
			 strerror((int)info_long(t, CURLINFO_OS_ERRNO)));
	} else if (proxy_status != 0 && proxy_status / 100 != 2) {
		ret->trouble = TROUBLE_CONNECT;
		ret->r = -ECONNREFUSED;
		snprintf(sentence, sizeof(sentence), "the proxy answered %ld", proxy_status);
	} else if (verdict->trouble == TROUBLE_TIMEOUT &&
		   info_off(t, CURLINFO_PRETRANSFER_TIME_T) == 0) {
		/* It never came to sending: resolver, connection, handshake, or waiting for one. */
		ret->trouble = TROUBLE_CONNECT;
	}
	say(t, sentence);
	ret->text = t->text.text;
}

void transfer_result(struct http_transfer *t, CURLcode code, struct http_result *ret)
{
	static const CURLcode sink_codes[] = {
		[SINK_ENOUGH] = CURLE_OK,
		[SINK_TOO_LARGE] = CURLE_FILESIZE_EXCEEDED,
		[SINK_NO_MEMORY] = CURLE_OUT_OF_MEMORY,
	};
	const char *type = NULL;

	*ret = (struct http_result){.body = "", .content_type = "", .text = ""};
	if (t->task.cancelled) {
		ret->r = -ECANCELED;
		say(t, "cancelled");
		ret->text = t->text.text;
		return;
	}
	if (t->sink != SINK_OPEN)
		code = sink_codes[t->sink];
	ret->status = info_long(t, CURLINFO_RESPONSE_CODE);
	ret->multiplexed = info_long(t, CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_2_0;
	if (ret->status / 100 != 2)
		ret->retry_after_ms = retry_after_ms(t);
	if (code != CURLE_OK) {
		result_failed(t, code, ret);
		return;
	}
	if (curl_easy_getinfo(t->task.easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		ret->content_type = type;
	ret->body = buf_str(&t->body);
	ret->len = t->body.len;
}

void transfer_reset(struct http_transfer *t)
{
	if (t->body.cap > BODY_KEEP_MAX)
		buf_done(&t->body);
	buf_clear(&t->body);
	t->sink = SINK_OPEN;
	t->dropped = 0;
	t->detail[0] = '\0';
	if (!t->post)
		return;
	/* Lets go of the body, and makes it a GET again. These options only set fields. */
	t->post = false;
	(void)curl_easy_setopt(t->task.easy, CURLOPT_COPYPOSTFIELDS, NULL);
	(void)curl_easy_setopt(t->task.easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
	(void)curl_easy_setopt(t->task.easy, CURLOPT_HTTPGET, 1L);
}
