/*
 * Mail to one SMTP server, over one connection.
 *
 * What is sent and answered is watched, command by command: libcurl alone would not say whom a
 * refusal is about, nor that some recipients were refused.
 *
 * libcurl says QUIT before it closes a connection, and then stops the loop until the server answers,
 * for two minutes at most (7.88). So the socket's reading side is shut beforehand: QUIT goes out, and
 * nobody waits.
 */
#include "io/mail_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/macro.h"
#include "io/easy.h"
#include "io/multi.h"
#include "io/url.h"

#define SOCKETS_MAX 8 /* one connection, and what it took to get it: addresses tried together */
#define LINGER_MS   (10 * MS_PER_S)
#define REPLY_GO_ON 334 /* of a login, RFC 4954 */
#define REFUSAL_MIN 400

/* The last command. */
enum command { COMMAND_GREETING, COMMAND_LOGIN, COMMAND_SENDER, COMMAND_RECIPIENT, COMMAND_DATA };

struct mail_link {
	struct multi *multi;
	struct multi_task task;
	uv_timer_t linger;
	size_t n_parts; /* of what closes by itself: the timer, the multi handle */
	char *host;
	struct curl_slist *to;
	curl_socket_t sockets[SOCKETS_MAX];
	size_t n_sockets;
	uint64_t timeout_ms, linger_ms;
	bool busy, closing;
	mail_fn fn;
	void *user;
	void (*idle)(void *user);
	void *idle_user;
	void (*closed)(void *user);
	void *closed_user;

	char *data; /* the message under way */
	size_t len, sent;

	/* what became of it so far */
	enum command command;
	bool answered, in_reply; /* the last command; in a reply of several lines */
	bool parting;            /* QUIT was said: nothing counts any more */
	unsigned reply, refusal; /* the last one, and the one that decides */
	unsigned refused;        /* recipients */
	char reply_text[MAIL_REPLY_MAX], refusal_text[MAIL_REPLY_MAX];

	char detail[CURL_ERROR_SIZE];
	struct error text;
};

/* ---- sockets ---- */

static int on_socket(void *user, curl_socket_t fd, curlsocktype type)
{
	struct mail_link *m = user;

	if (m->n_sockets == SOCKETS_MAX)
		return CURL_SOCKOPT_ERROR;
	easy_bound_unacked(fd);
	m->sockets[m->n_sockets++] = fd;
	return CURL_SOCKOPT_OK;
}

static int on_socket_close(void *user, curl_socket_t fd)
{
	struct mail_link *m = user;

	for (size_t i = 0; i < m->n_sockets; i++)
		if (m->sockets[i] == fd)
			m->sockets[i] = m->sockets[--m->n_sockets];
	return close(fd);
}

/* See above. */
static void shut_sockets(struct mail_link *m)
{
	for (size_t i = 0; i < m->n_sockets; i++)
		(void)shutdown(m->sockets[i], SHUT_RD); /* not where it is not connected */
}

/* ---- what is said ---- */

static const struct {
	const char *word;
	enum command command;
} commands[] = {
	{"EHLO", COMMAND_LOGIN}, {"HELO", COMMAND_LOGIN},        {"STARTTLS", COMMAND_LOGIN},
	{"AUTH", COMMAND_LOGIN}, {"MAIL FROM:", COMMAND_SENDER}, {"RCPT TO:", COMMAND_RECIPIENT},
	{"DATA", COMMAND_DATA},
};

/* What libcurl does: the only way to see its commands. What a 334 asks for is none. */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t len, void *user)
{
	struct mail_link *m = user;

	if (type != CURLINFO_HEADER_OUT)
		return 0;
	if (len >= 4 && strncmp(data, "QUIT", 4) == 0 && m->reply != REPLY_GO_ON) {
		m->parting = true;
		shut_sockets(m);
		return 0;
	}
	m->answered = m->in_reply = false;
	if (m->reply == REPLY_GO_ON)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (len >= strlen(commands[i].word) &&
		    strncmp(data, commands[i].word, strlen(commands[i].word)) == 0)
			m->command = commands[i].command;
	return 0;
}

static void note_refusal(struct mail_link *m)
{
	m->refusal = m->reply;
	memcpy(m->refusal_text, m->reply_text, sizeof(m->refusal_text));
}

static bool is_temporary(unsigned reply)
{
	return reply / 100 == 4;
}

static void on_reply(struct mail_link *m)
{
	bool refused = m->reply >= REFUSAL_MIN;

	m->answered = true;
	if (m->command == COMMAND_SENDER)
		m->refusal = 0; /* what was said before was overcome: EHLO by HELO */
	if (m->command == COMMAND_RECIPIENT && refused)
		m->refused++;
	/* Where no recipient was accepted, one who may be later decides. */
	if (refused && (m->command != COMMAND_RECIPIENT || m->refusal == 0 ||
			(is_temporary(m->reply) && !is_temporary(m->refusal))))
		note_refusal(m);
}

/* A line of a reply: "550-5.1.1 No such", "550 5.1.1 user". The text of several is one line. */
static size_t on_line(char *data, size_t size, size_t n, void *user)
{
	struct mail_link *m = user;
	size_t len = size * n, used;
	const char *s = data;

	if (m->parting || len < 3 || !isdigit((unsigned char)s[0]) ||
	    !isdigit((unsigned char)s[1]) || !isdigit((unsigned char)s[2]))
		return len;
	while (len > 3 && strchr("\r\n", s[len - 1]))
		len--;
	if (!m->in_reply)
		m->reply_text[0] = '\0';
	used = strlen(m->reply_text);
	if (len > 4)
		snprintf(m->reply_text + used, sizeof(m->reply_text) - used, "%s%.*s",
			 used ? " " : "", (int)MIN(len - 4, sizeof(m->reply_text)), s + 4);
	m->reply =
		(unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0');
	m->in_reply = len > 3 && s[3] == '-';
	if (!m->in_reply)
		on_reply(m);
	return size * n;
}

static size_t on_read(char *to, size_t size, size_t n, void *user)
{
	struct mail_link *m = user;
	size_t len = MIN(size * n, m->len - m->sent);

	memcpy(to, m->data + m->sent, len);
	m->sent += len;
	m->answered = false; /* what it says next is of the whole message */
	return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	return size * n; /* SMTP has none */
}

/* ---- the result ---- */

/* For people, where libcurl's own words are not good enough. */
static const struct {
	CURLcode code;
	const char *text;
} sentences[] = {
	{CURLE_USE_SSL_FAILED, "the server offers no TLS (STARTTLS)"},
	{CURLE_LOGIN_DENIED, "the server offers no way to log in that is known here"},
	{CURLE_GOT_NOTHING, "the connection ended without an answer"},
	{CURLE_OUT_OF_MEMORY, "out of memory"},
	{CURLE_UNSUPPORTED_PROTOCOL, "libcurl has no SMTP here"},
};

static void say_failure(struct mail_link *m, CURLcode code)
{
	const char *text = m->detail[0] ? m->detail : curl_easy_strerror(code);
	char sentence[CURL_ERROR_SIZE];
	long e = 0;

	for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
		if (sentences[i].code == code)
			text = sentences[i].text;
	snprintf(sentence, sizeof(sentence), "%s", text);
	if (code == CURLE_COULDNT_CONNECT) {
		(void)curl_easy_getinfo(m->task.easy, CURLINFO_OS_ERRNO, &e);
		snprintf(sentence, sizeof(sentence), "cannot connect%s%s", e ? ": " : "",
			 e ? strerror((int)e) : "");
	}
	easy_say(m->host, sentence, &m->text);
}

/* Whether the server's last word is why it failed: not where the line broke before it answered. */
static bool is_refusal(const struct mail_link *m, CURLcode code)
{
	return code != CURLE_OPERATION_TIMEDOUT && m->answered && m->reply >= REFUSAL_MIN;
}

static struct mail_result result_of(struct mail_link *m, CURLcode code)
{
	struct mail_result result = {.reply_text = "", .text = m->text.text};

	m->text.text[0] = '\0';
	if (m->task.cancelled) {
		easy_say(m->host, "cancelled", &m->text);
		result.r = -ECANCELED;
		return result;
	}
	if (code != CURLE_OK) {
		say_failure(m, code);
		result.r = -EIO;
		if (!is_refusal(m, code))
			return result;
	}
	result.refused = m->refused;
	if (code != CURLE_OK || m->refused > 0) {
		result.reply = m->refusal;
		result.of_message = m->command >= COMMAND_SENDER;
		result.reply_text = m->refusal_text;
	}
	return result;
}

static void message_done(struct mail_link *m)
{
	free(m->data);
	m->data = NULL;
	curl_slist_free_all(m->to);
	m->to = NULL;
}

static void easy_done(struct mail_link *m)
{
	curl_easy_cleanup(m->task.easy);
	m->task.easy = NULL;
}

static void on_linger(uv_timer_t *timer)
{
	struct mail_link *m = timer->data;

	m->idle(m->idle_user);
}

static void on_done(struct multi_task *task, CURLcode code)
{
	struct mail_link *m = container_of(task, struct mail_link, task);
	struct mail_result result = result_of(m, code);

	message_done(m);
	m->busy = false;
	if (!m->closing)
		(void)uv_timer_start(&m->linger, on_linger, m->linger_ms, 0);
	m->fn(m->user, &result);
	if (m->closing)
		easy_done(m);
}

/* ---- life ---- */

static struct mail_link *link_free(struct mail_link *m)
{
	if (!m)
		return NULL;
	message_done(m);
	free(m->host);
	free(m);
	return NULL;
}
DEFINE_CLEANUP(struct mail_link *, link_free);

static void part_closed(struct mail_link *m)
{
	void (*closed)(void *user) = m->closed;
	void *user = m->closed_user;

	if (--m->n_parts > 0)
		return;
	link_free(m);
	if (closed)
		closed(user);
}

static void on_linger_closed(uv_handle_t *handle)
{
	part_closed(handle->data);
}

static void on_multi_closed(void *user)
{
	part_closed(user);
}

static CURLcode set_options(struct mail_link *m, const struct mail_options *o)
{
	CURL *easy = m->task.easy;
	const char *ca_file = NULL;
	CURLcode code = easy_set_common(easy, &ca_file);

	code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	code |= curl_easy_setopt(easy, CURLOPT_URL, o->url);
	code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	code |= curl_easy_setopt(easy, CURLOPT_USE_SSL,
				 o->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL);
	if (o->ca_file)
		code |= curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
	if (o->user) {
		code |= curl_easy_setopt(easy, CURLOPT_USERNAME, o->user);
		code |= curl_easy_setopt(easy, CURLOPT_PASSWORD, o->password);
	}
	code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				 (long)MIN(o->connect_timeout_ms, (uint64_t)INT32_MAX));
	code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	code |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	code |= curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, m);
	code |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close);
	code |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, m);
	code |= curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
	code |= curl_easy_setopt(easy, CURLOPT_DEBUGDATA, m);
	code |= curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
	code |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	code |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, m);
	code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	code |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	code |= curl_easy_setopt(easy, CURLOPT_READDATA, m);
	code |= curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	code |= curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, m->detail);
	code |= curl_easy_setopt(easy, CURLOPT_PRIVATE, &m->task);
	return code;
}

static int judge(const struct mail_options *o, struct url *ret_url, struct error *ret_e)
{
	int r = url_parse_smtp(o->url, ret_url);

	if (r < 0)
		return error_set(ret_e, r,
				 r == -EINVAL ? "not a URL of smtp or smtps" : "out of memory");
	if (o->password && ret_url->plain && o->plain && !ret_url->loopback)
		return error_set(ret_e, -EPERM, "%s: no password without TLS", ret_url->host);
	return 0;
}

static bool has_smtp(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	for (const char *const *it = info->protocols; *it; it++)
		if (strcmp(*it, "smtp") == 0)
			return true;
	return false;
}

int mail_link_new(uv_loop_t *loop, const struct mail_options *options, void (*idle)(void *user),
		  void *user, struct mail_link **ret, struct error *ret_e)
{
	static const struct multi_options multi_options = {1, 1};
	_cleanup_(link_freep) struct mail_link *m = NULL;
	struct url url;
	int r;

	if (!has_smtp())
		return error_set(ret_e, -ENOTSUP, "libcurl was built without SMTP");
	r = judge(options, &url, ret_e);
	if (r < 0)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->idle = idle;
	m->idle_user = user;
	m->timeout_ms = MIN(options->timeout_ms, (uint64_t)INT32_MAX);
	m->linger_ms = options->linger_ms ? options->linger_ms : LINGER_MS;
	m->host = strdup(url.host);
	if (!m->host)
		return -ENOMEM;
	r = multi_new(loop, &multi_options, &m->multi, ret_e);
	if (r < 0)
		return r;
	list_init(&m->task.node);
	m->task.done = on_done;
	m->task.easy = curl_easy_init();
	(void)uv_timer_init(loop, &m->linger); /* always 0 */
	m->linger.data = m;
	uv_unref((uv_handle_t *)&m->linger); /* a good-bye keeps no loop running */
	m->n_parts = 2;
	if (!m->task.easy || set_options(m, options) != CURLE_OK) {
		mail_link_close(TAKE_PTR(m), NULL, NULL);
		return error_set(ret_e, -ENOMEM, "libcurl cannot be set up");
	}
	*ret = TAKE_PTR(m);
	return 0;
}

static bool is_address(const char *s)
{
	for (; *s; s++)
		if (!isgraph((unsigned char)*s) || strchr("<>", *s))
			return false;
	return true;
}

static int set_message(struct mail_link *m, const struct mail_message *message)
{
	if (!is_address(message->from))
		return -EINVAL;
	for (char *const *to = message->to; *to; to++) {
		struct curl_slist *longer;

		if (!is_address(*to))
			return -EINVAL;
		longer = curl_slist_append(m->to, *to);
		if (!longer)
			return -ENOMEM;
		m->to = longer;
	}
	m->data = malloc(message->len + 1);
	if (!m->data)
		return -ENOMEM;
	memcpy(m->data, message->data, message->len);
	m->len = message->len;
	m->sent = 0;
	if (curl_easy_setopt(m->task.easy, CURLOPT_MAIL_FROM, message->from) != CURLE_OK ||
	    curl_easy_setopt(m->task.easy, CURLOPT_MAIL_RCPT, m->to) != CURLE_OK ||
	    curl_easy_setopt(m->task.easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->len) !=
		    CURLE_OK)
		return -ENOMEM;
	return 0;
}

int mail_link_start(struct mail_link *m, const struct mail_message *message, mail_fn fn, void *user)
{
	int r;

	if (m->closing)
		return -ECANCELED;
	if (m->busy)
		return -EBUSY;
	r = set_message(m, message);
	if (r == 0)
		r = multi_start(m->multi, &m->task, m->timeout_ms);
	if (r < 0) {
		message_done(m);
		return r;
	}
	(void)uv_timer_stop(&m->linger);
	m->busy = true;
	m->fn = fn;
	m->user = user;
	m->command = COMMAND_GREETING;
	m->answered = m->in_reply = m->parting = false;
	m->reply = m->refusal = m->refused = 0;
	m->reply_text[0] = m->refusal_text[0] = m->detail[0] = '\0';
	return 0;
}

void mail_link_cancel(struct mail_link *m)
{
	if (m->busy)
		multi_cancel(&m->task);
}

void mail_link_close(struct mail_link *m, void (*closed)(void *user), void *user)
{
	m->closing = true;
	m->closed = closed;
	m->closed_user = user;
	shut_sockets(m);
	if (!m->busy)
		easy_done(m);
	uv_close((uv_handle_t *)&m->linger, on_linger_closed);
	multi_close(m->multi, on_multi_closed, m);
}
