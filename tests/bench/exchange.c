/*
 * Both ends of a delivery in one process, so that one clock times it: the API, of which every answer
 * shows a job that has changed, and the webhook that is told of it.
 *
 * usage: exchange REST-FILE
 *
 * Serves HTTP/1.1 on a free port of 127.0.0.1 and prints that port. GET …/job-N answers with job N,
 * RUNNING and PAUSED by turns, "token-T" as its status message, and the members in REST-FILE, which
 * begins with a comma and ends with the closing brace; any other GET with the account. POST takes what ends up in front of people;
 * the last "token-T" in it names the answer that it comes from. Commands on standard input, a line
 * each, are answered with a line:
 *
 *   hold     POSTs are taken and not answered      release  … and are answered again
 *   freeze   GETs are not answered any more
 *   count    "COUNT-OF-ANSWERS COUNT-OF-POSTS"
 *   dump     a line "T ANSWERED POSTED" for each, ns of CLOCK_MONOTONIC, 0: not yet; then "end"
 *
 * An answer is timed when its last byte is written, a POST when its first byte can be read.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX (64 << 10)
#define REST_MAX    (8 << 10)
#define JOBS_MAX    100000
#define TOKENS_MAX  4000000
#define EVENTS_MAX  64

struct connection {
	int fd;
	uint64_t begun_ns; /* when the first byte of the present request could be read */
	size_t len;
	bool held; /* owes an answer to a POST */
	struct connection *next_held;
	char data[REQUEST_MAX + 1];
};

struct answer {
	uint64_t answered_ns, posted_ns;
};

static struct answer *answers;
static uint32_t *sights; /* by job: how often it was shown */
static size_t n_answers, n_posts;
static char rest[REST_MAX + 1];
static struct connection *held;
static bool holding, frozen;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void hang_up(struct connection *c)
{
	for (struct connection **p = &held; *p; p = &(*p)->next_held)
		if (*p == c) {
			*p = c->next_held;
			break;
		}
	close(c->fd);
	free(c);
}

/* The peers read what they asked for: a socket that does not take an answer whole is broken. */
static bool send_all(struct connection *c, const char *data, size_t len)
{
	return send(c->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool answer_post(struct connection *c)
{
	static const char text[] = "HTTP/1.1 204 No Content\r\n\r\n";

	return send_all(c, text, sizeof(text) - 1);
}

/* The last one in the text. */
static const char *find_token(const char *text)
{
	static const char mark[] = "token-";
	const char *last = NULL;

	while ((text = strstr(text, mark))) {
		text += sizeof(mark) - 1;
		last = text;
	}
	return last;
}

static bool take_post(struct connection *c, const char *body)
{
	const char *token = find_token(body);
	size_t n = token ? strtoul(token, NULL, 10) : SIZE_MAX;

	n_posts++;
	if (n < n_answers && answers[n].posted_ns == 0)
		answers[n].posted_ns = c->begun_ns;
	if (!holding)
		return answer_post(c);
	c->held = true;
	c->next_held = held;
	held = c;
	return true;
}

/* Why jobs are paused is asked of the account, once a minute. */
static bool answer_account(struct connection *c)
{
	static const char body[] = "{\"name\":\"accounts/acme\",\"suspendState\":\"UNSUSPENDED\"}";
	char text[256];
	int len = snprintf(text, sizeof(text),
			   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   sizeof(body) - 1, body);

	return send_all(c, text, (size_t)len);
}

static bool take_get(struct connection *c)
{
	static const char *const states[] = {"JOB_STATE_RUNNING", "JOB_STATE_PAUSED"};
	static char body[REST_MAX + 512], text[sizeof(body) + 256];
	const char *name = strstr(c->data, "/job-");
	size_t job = name ? strtoul(name + strlen("/job-"), NULL, 10) : JOBS_MAX, n = n_answers;
	int len;

	if (!name)
		return answer_account(c);
	if (job >= JOBS_MAX || n == TOKENS_MAX)
		return false;
	if (frozen)
		return true;
	len = snprintf(body, sizeof(body),
		       "{\"name\":\"accounts/acme/supervisedFineTuningJobs/job-%zu\","
		       "\"state\":\"%s\",\"status\":{\"code\":\"OK\",\"message\":\"token-%zu\"}%s",
		       job, states[sights[job]++ % 2], n, rest);
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		       "Content-Length: %d\r\n\r\n%s",
		       len, body);
	n_answers++;
	if (!send_all(c, text, (size_t)len))
		return false;
	answers[n].answered_ns = now_ns();
	return true;
}

/* Takes one whole request, if it is there. False when the connection is of no more use. */
static bool take_request(struct connection *c)
{
	char *end, *header;
	size_t length = 0, size;
	bool ok;

	c->data[c->len] = '\0';
	end = strstr(c->data, "\r\n\r\n");
	if (!end)
		return c->len < REQUEST_MAX;
	end += 4;
	header = strcasestr(c->data, "\r\ncontent-length:");
	if (header && header < end)
		length = strtoul(header + strlen("\r\ncontent-length:"), NULL, 10);
	size = (size_t)(end - c->data) + length;
	if (size > REQUEST_MAX)
		return false;
	if (c->len < size)
		return true;
	ok = strncmp(c->data, "POST ", 5) == 0 ? take_post(c, end) : take_get(c);
	c->len = 0; /* nobody sends a second request before the answer to the first */
	return ok;
}

static void on_readable(struct connection *c)
{
	uint64_t at_ns = now_ns();
	ssize_t n = recv(c->fd, c->data + c->len, REQUEST_MAX - c->len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	if (c->len == 0)
		c->begun_ns = at_ns;
	c->len += (size_t)n;
	if (!take_request(c))
		hang_up(c);
}

static void on_connection(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c = fd < 0 ? NULL : calloc(1, sizeof(*c));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	if (fd < 0)
		return;
	if (!c)
		die("calloc");
	c->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void release(void)
{
	holding = false;
	while (held) {
		struct connection *c = held;

		held = c->next_held;
		c->held = false;
		if (!answer_post(c))
			hang_up(c);
	}
}

static void dump(void)
{
	for (size_t i = 0; i < n_answers; i++)
		printf("%zu %llu %llu\n", i, (unsigned long long)answers[i].answered_ns,
		       (unsigned long long)answers[i].posted_ns);
	puts("end");
}

static void command(const char *line)
{
	if (strcmp(line, "dump") == 0) {
		dump();
	} else if (strcmp(line, "count") == 0) {
		printf("%zu %zu\n", n_answers, n_posts);
	} else {
		if (strcmp(line, "hold") == 0)
			holding = true;
		else if (strcmp(line, "release") == 0)
			release();
		else if (strcmp(line, "freeze") == 0)
			frozen = true;
		puts("ok");
	}
	fflush(stdout);
}

/* Commands come one at a time: each waits for its answer. */
static void on_command(void)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0)
		exit(0); /* the bench is over */
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	command(line);
}

static int listen_somewhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 256) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		die("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static void read_rest(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	rest[fread(rest, 1, REST_MAX, f)] = '\0';
	fclose(f);
}

/* The two that are no connections are told by their address. */
static struct epoll_event watch_for(int *fd)
{
	return (struct epoll_event){.events = EPOLLIN, .data.ptr = fd};
}

int main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener, input = STDIN_FILENO;
	struct epoll_event events[EVENTS_MAX], event;

	if (argc != 2) {
		fputs("usage: exchange REST-FILE\n", stderr);
		return 64;
	}
	read_rest(argv[1]);
	answers = calloc(TOKENS_MAX, sizeof(*answers));
	sights = calloc(JOBS_MAX, sizeof(*sights));
	if (epoll < 0 || !answers || !sights)
		die("exchange");
	listener = listen_somewhere();
	event = watch_for(&listener);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		die("epoll_ctl");
	event = watch_for(&input);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, input, &event) < 0)
		die("epoll_ctl");
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &listener)
				on_connection(epoll, listener);
			else if (events[i].data.ptr == &input)
				on_command();
			else
				on_readable(events[i].data.ptr);
		}
	}
}
