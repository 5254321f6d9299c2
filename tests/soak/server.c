/*
 * What a soak needs of the world, in one process that is quick enough: the API, with jobs that
 * move on, and the webhooks that hear of it.
 *
 * usage: server STEADY-FILE LISTED-FILE IDS-FILE ACCOUNT=JOBS[,list|,still]…
 *
 * Serves HTTP/1.1 on a free port of 127.0.0.1 and prints that port. Each account has sft jobs
 * job-00000 and on, which show the members in STEADY-FILE, those that are listed the ones in
 * LISTED-FILE (they begin with a comma and end with the closing brace). An account without "list"
 * refuses filter and orderBy, so that its jobs are asked for one by one, and these never end. With
 * "list" there are pages of 200 jobs, the filter leaves out those at an end, and orderBy turns the
 * order round. Those of an account with "still" never move.
 *
 * A job is told of as "step-N" in its status message, N being the number of its moves times the
 * number of all jobs, plus its own. It moves on only when POST /ledger has had the event of its
 * last move: so each move is one event, or the job stands still for good. Other POSTs are answered
 * with 204, and those to /shaky now and then with 503, once a job. `webhook-id` of each POST, its
 * path and its status are written to IDS-FILE. Commands on standard input, a line each, are
 * answered with a line:
 *
 *   rate N   so many moves a second from now on; 0: none
 *   count    a JSON object of everything that is counted
 *   hold W   requests are held: W is "posts", "gets", or "none"
 *   hang up  connections that nothing is asked on are closed
 *   brief N  each connection is for one request (1), or is kept (0)
 *   flush    IDS-FILE is complete up to here
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

#define REQUEST_MAX  (64 << 10)
#define REST_MAX     (4 << 10)
#define ANSWER_MAX   (PAGE_SIZE * (REST_MAX + 512) + 4096)
#define PAGE_SIZE    200U
#define ACCOUNTS_MAX 8
#define EVENTS_MAX   64
#define TICK_MS      10
#define SHAKY_EVERY  20 /* of all POSTs */

struct connection {
	int fd;
	struct connection *next, **at; /* in `connections` */
	size_t len;
	bool held; /* its request waits in `data` */
	bool used; /* was answered before: only then libcurl sends again what is lost by its end */
	char *out; /* what the socket has not taken yet */
	size_t out_len, out_at;
	char data[REQUEST_MAX + 1];
};

struct account {
	char name[32];
	unsigned first, n; /* of all jobs */
	bool list, still;
	const char *const *states;
	unsigned n_states;
};

struct job {
	uint32_t moves;
	uint32_t told; /* moves that the ledger has heard of, and first sight: one more */
	bool shaken;   /* an event of it was refused: none is again, it would wait for minutes */
};

/* One that is at its end is seldom asked for by itself, so only lists show ends. */
static const char *const steady[] = {"RUNNING", "PENDING", "RUNNING", "WRITING_RESULTS"};
static const char *const ending[] = {"RUNNING", "COMPLETED", "PENDING",
				     "RUNNING", "FAILED",    "CREATING"};

static struct account accounts[ACCOUNTS_MAX];
static unsigned n_accounts, n_jobs;
static struct job *jobs;
static unsigned *ready; /* a ring of jobs that may move on */
static unsigned ready_at, n_ready, n_still;
static char rests[2][REST_MAX + 1]; /* of steady jobs, and of listed ones */
static FILE *ids;
static int epoll;
static struct connection *connections;
static double owed, rate;
static bool hanging_up; /* when all that has come is dealt with */
static bool holding_posts, holding_gets;
static bool brief; /* each connection is for one request */
static struct {
	uint64_t requests, lists, observations, refused, moves, ends, posts, ledger, twice, shaken,
		connections;
} n;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void hang_up(struct connection *c)
{
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	close(c->fd);
	free(c->out);
	free(c);
}

static bool watch_for(struct connection *c, uint32_t what)
{
	struct epoll_event event = {.events = what, .data.ptr = c};

	return epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) == 0;
}

/* What is left of an answer. */
static bool send_on(struct connection *c)
{
	ssize_t sent = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	c->out_at += (size_t)sent;
	if (c->out_at < c->out_len)
		return true;
	free(c->out);
	c->out = NULL;
	return !brief && watch_for(c, EPOLLIN);
}

static bool send_all(struct connection *c, const char *data, size_t len)
{
	ssize_t sent = send(c->fd, data, len, MSG_NOSIGNAL);

	if (sent == (ssize_t)len)
		return !brief;
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	sent = sent < 0 ? 0 : sent;
	c->out_len = len - (size_t)sent;
	c->out_at = 0;
	c->out = malloc(c->out_len);
	if (!c->out)
		die("malloc");
	memcpy(c->out, data + sent, c->out_len);
	return watch_for(c, EPOLLOUT);
}

static bool answer(struct connection *c, unsigned status, const char *body, size_t len)
{
	static char text[ANSWER_MAX + 256];
	int head = snprintf(text, sizeof(text),
			    "HTTP/1.1 %u Soak\r\nContent-Type: application/json\r\n"
			    "%sContent-Length: %zu\r\n\r\n",
			    status, brief ? "Connection: close\r\n" : "", len);

	memcpy(text + head, body, len);
	return send_all(c, text, (size_t)head + len);
}

/* --- jobs --- */

/* Of those that end, each begins elsewhere, so that about as many are at their end at any time. */
static const char *state_of(const struct account *a, unsigned i)
{
	return a->states[(jobs[i].moves + (a->list ? i : 0)) % a->n_states];
}

static bool is_at_end(const struct account *a, unsigned i)
{
	const char *state = state_of(a, i);

	return strcmp(state, "COMPLETED") == 0 || strcmp(state, "FAILED") == 0;
}

static const struct account *account_of(unsigned i)
{
	unsigned a = 0;

	while (i >= accounts[a].first + accounts[a].n)
		a++;
	return &accounts[a];
}

static void may_move(unsigned i)
{
	if (account_of(i)->still)
		n_still++;
	else
		ready[(ready_at + n_ready++) % n_jobs] = i;
}

static void tick(void)
{
	owed = rate > 0 ? owed + rate * TICK_MS / 1000 : 0;
	for (; owed >= 1 && n_ready > 0; owed--, n_ready--) {
		unsigned i = ready[ready_at];

		ready_at = (ready_at + 1) % n_jobs;
		jobs[i].moves++;
		n.moves++;
		n.ends += is_at_end(account_of(i), i);
	}
	if (owed > 1)
		owed = 1; /* nobody may move: that is not made up for */
}

static size_t put_job(const struct account *a, unsigned i, char *at, size_t size)
{
	n.observations++;
	return (size_t)snprintf(
		at, size,
		"{\"name\":\"accounts/%s/supervisedFineTuningJobs/job-%05u\",\"state\":\"JOB_STATE_%s\","
		"\"status\":{\"code\":\"OK\",\"message\":\"step-%llu\"},"
		"\"createTime\":\"2026-11-%02uT%02u:%02u:%02uZ\"%s",
		a->name, i - a->first, state_of(a, i),
		(unsigned long long)jobs[i].moves * n_jobs + i, 1 + (i - a->first) / 86400,
		(i - a->first) / 3600 % 24, (i - a->first) / 60 % 60, (i - a->first) % 60,
		rests[a->list]);
}

static bool answer_job(struct connection *c, const struct account *a, unsigned long number)
{
	static const char none[] = "{\"code\":5,\"message\":\"there is no such job\"}";
	static char body[REST_MAX + 512];

	if (number >= a->n)
		return answer(c, 404, none, sizeof(none) - 1);
	return answer(c, 200, body, put_job(a, a->first + (unsigned)number, body, sizeof(body)));
}

static bool answer_list(struct connection *c, const struct account *a, const char *query)
{
	static const char refusal[] = "{\"code\":3,\"message\":\"no such argument\"}";
	static char body[ANSWER_MAX];
	const char *token = strstr(query, "pageToken=p");
	bool active = strstr(query, "filter="), newest = strstr(query, "orderBy=");
	unsigned at = token ? (unsigned)strtoul(token + strlen("pageToken=p"), NULL, 10) : 0;
	unsigned shown = 0, total = 0;
	size_t len = (size_t)snprintf(body, sizeof(body), "{\"supervisedFineTuningJobs\":[");

	if (!a->list && (active || newest)) {
		n.refused++;
		return answer(c, 400, refusal, sizeof(refusal) - 1);
	}
	n.lists++;
	for (; at < a->n && shown < PAGE_SIZE; at++) {
		unsigned i = a->first + (newest ? a->n - 1 - at : at);

		if (active && is_at_end(a, i))
			continue;
		if (shown++)
			body[len++] = ',';
		len += put_job(a, i, body + len, sizeof(body) - len);
	}
	for (unsigned i = a->first; i < a->first + a->n; i++)
		total += !active || !is_at_end(a, i);
	len += (size_t)snprintf(body + len, sizeof(body) - len, "],\"totalSize\":%u", total);
	if (at < a->n)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
					",\"nextPageToken\":\"p%u\"", at);
	body[len++] = '}';
	return answer(c, 200, body, len);
}

static const struct account *find_account(const char *name)
{
	size_t len = strcspn(name, "/? ");

	for (unsigned i = 0; i < n_accounts; i++)
		if (strlen(accounts[i].name) == len && memcmp(accounts[i].name, name, len) == 0)
			return &accounts[i];
	return NULL;
}

static bool take_get(struct connection *c)
{
	static const char account[] = "{\"name\":\"accounts/a\",\"suspendState\":\"UNSUSPENDED\"}";
	static const char key[] = "\r\nAuthorization: Bearer fw_soak_";
	static const char nobody[] = "{\"code\":16,\"message\":\"no such key\"}";
	static const char prefix[] = "GET /v1/accounts/", list[] = "/supervisedFineTuningJobs";
	const char *at = c->data + strlen(prefix);
	const struct account *a =
		strncmp(c->data, prefix, strlen(prefix)) == 0 ? find_account(at) : NULL;

	n.requests++;
	if (!a || !strcasestr(c->data, key))
		return answer(c, 401, nobody, sizeof(nobody) - 1);
	at += strlen(a->name);
	if (strncmp(at, list, strlen(list)) != 0)
		return answer(c, 200, account, sizeof(account) - 1);
	at += strlen(list);
	if (strncmp(at, "/job-", 5) == 0)
		return answer_job(c, a, strtoul(at + 5, NULL, 10));
	return answer_list(c, a, at);
}

/* --- webhooks --- */

/* The event is of the last step in the text; UINT64_MAX: of no job. */
static uint64_t step_of(const char *body)
{
	static const char mark[] = "step-";
	const char *last = NULL;

	while ((body = strstr(body, mark))) {
		body += sizeof(mark) - 1;
		last = body;
	}
	return last ? strtoull(last, NULL, 10) : UINT64_MAX;
}

static void take_ledger(uint64_t step)
{
	struct job *job = &jobs[step % n_jobs];

	n.ledger++;
	if (step == UINT64_MAX)
		return;
	if (job->told != step / n_jobs) {
		n.twice++; /* or one that was left out */
		return;
	}
	job->told++;
	may_move((unsigned)(step % n_jobs));
}

static bool take_post(struct connection *c, const char *body)
{
	static const char *const answers[2][2] = {
		{"HTTP/1.1 204 No Content\r\n\r\n",
		 "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"},
		{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
		 "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
	};
	const char *path = c->data + strlen("POST "), *id = strcasestr(c->data, "\r\nwebhook-id:");
	uint64_t step = step_of(body);
	bool shake = strncmp(path, "/shaky", 6) == 0 && n.posts % SHAKY_EVERY == 0 &&
		     !jobs[step % n_jobs].shaken;

	n.posts++;
	id = id && id < body ? id + strlen("\r\nwebhook-id: ") : "-"; /* chats get none */
	fprintf(ids, "%.*s %.*s %d\n", (int)strcspn(path, " "), path, (int)strcspn(id, "\r\n"), id,
		shake ? 503 : 204);
	if (strncmp(path, "/ledger", 7) == 0)
		take_ledger(step);
	if (shake)
		jobs[step % n_jobs].shaken = true;
	n.shaken += shake;
	return send_all(c, answers[shake][brief], strlen(answers[shake][brief]));
}

/* --- connections --- */

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
	c->held = strncmp(c->data, "POST /", 6) == 0 ? holding_posts : holding_gets;
	if (c->held)
		return true;
	ok = strncmp(c->data, "POST /", 6) == 0 ? take_post(c, end) : take_get(c);
	c->len = 0; /* nobody sends a second request before the answer to the first */
	c->used = true;
	return ok;
}

static void on_connection(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c = fd < 0 ? NULL : calloc(1, sizeof(*c));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	if (fd < 0)
		return;
	if (!c)
		die("calloc");
	n.connections++;
	c->fd = fd;
	c->next = connections;
	c->at = &connections;
	if (c->next)
		c->next->at = &c->next;
	connections = c;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void on_event(struct connection *c, uint32_t what)
{
	ssize_t got;

	if (what & EPOLLOUT) {
		if (!send_on(c))
			hang_up(c);
		return;
	}
	got = recv(c->fd, c->data + c->len, REQUEST_MAX - c->len, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0)
		c->len += (size_t)got;
	if (got <= 0 || !take_request(c))
		hang_up(c);
}

/* --- life --- */

/* Those who ask for nothing now: as servers do with connections that are kept for long. */
static void hang_up_idle(void)
{
	for (struct connection *c = connections, *next; c; c = next) {
		next = c->next;
		if (c->used && c->len == 0 && !c->out)
			hang_up(c);
	}
	hanging_up = false;
}

/* Answers what was held and is not any more. */
static void release(void)
{
	for (struct connection *c = connections, *next; c; c = next) {
		next = c->next;
		if (c->held && !take_request(c))
			hang_up(c);
	}
}

static void command(const char *line)
{
	if (strncmp(line, "rate ", 5) == 0) {
		rate = strtod(line + 5, NULL);
		puts("ok");
	} else if (strncmp(line, "hold ", 5) == 0) {
		holding_posts = strcmp(line, "hold posts") == 0;
		holding_gets = strcmp(line, "hold gets") == 0;
		puts("ok");
	} else if (strcmp(line, "hang up") == 0) {
		hanging_up = true;
		puts("ok");
	} else if (strncmp(line, "brief ", 6) == 0) {
		brief = line[6] == '1';
		puts("ok");
	} else if (strcmp(line, "flush") == 0) {
		fflush(ids);
		puts("ok");
	} else {
		printf("{\"requests\":%llu,\"lists\":%llu,\"observations\":%llu,\"refused\":%llu,"
		       "\"moves\":%llu,\"ends\":%llu,\"posts\":%llu,\"ledger\":%llu,\"twice\":%llu,"
		       "\"shaken\":%llu,\"connections\":%llu,\"ready\":%u}\n",
		       (unsigned long long)n.requests, (unsigned long long)n.lists,
		       (unsigned long long)n.observations, (unsigned long long)n.refused,
		       (unsigned long long)n.moves, (unsigned long long)n.ends,
		       (unsigned long long)n.posts, (unsigned long long)n.ledger,
		       (unsigned long long)n.twice, (unsigned long long)n.shaken,
		       (unsigned long long)n.connections, n_ready + n_still);
	}
	fflush(stdout);
}

/* Commands come one at a time: each waits for its answer. */
static void on_command(void)
{
	char line[64];
	ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (len <= 0) {
		fclose(ids);
		exit(0); /* the soak is over */
	}
	line[len] = '\0';
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

static void read_rest(const char *path, char *rest)
{
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	rest[fread(rest, 1, REST_MAX, f)] = '\0';
	fclose(f);
}

static void read_account(const char *text)
{
	struct account *a = &accounts[n_accounts++];
	char *end;

	if (n_accounts > ACCOUNTS_MAX || sscanf(text, "%31[^=]=%u", a->name, &a->n) != 2) {
		fprintf(stderr, "not an account: %s\n", text);
		exit(64);
	}
	end = strchr(text, ',');
	a->list = end && strcmp(end, ",list") == 0;
	a->still = end && strcmp(end, ",still") == 0;
	a->states = a->list ? ending : steady;
	a->n_states =
		a->list ? sizeof(ending) / sizeof(ending[0]) : sizeof(steady) / sizeof(steady[0]);
	a->first = n_jobs;
	n_jobs += a->n;
}

/* Ends that there are from the beginning are told of, too. */
static void count_ends(void)
{
	for (unsigned a = 0; a < n_accounts; a++)
		for (unsigned i = 0; i < accounts[a].n; i++)
			n.ends += is_at_end(&accounts[a], accounts[a].first + i);
}

static void add(int *fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event) < 0)
		die("epoll_ctl");
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	int listener, input = STDIN_FILENO;
	struct epoll_event events[EVENTS_MAX];
	uint64_t next_ms = now_ms();

	if (argc < 5) {
		fputs("usage: server STEADY-FILE LISTED-FILE IDS-FILE ACCOUNT=JOBS[,list|,still]...\n",
		      stderr);
		return 64;
	}
	read_rest(argv[1], rests[false]);
	read_rest(argv[2], rests[true]);
	ids = fopen(argv[3], "we");
	for (int i = 4; i < argc; i++)
		read_account(argv[i]);
	jobs = calloc(n_jobs, sizeof(*jobs));
	ready = calloc(n_jobs, sizeof(*ready));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || !jobs || !ready || !ids)
		die("server");
	count_ends();
	listener = listen_somewhere();
	/* The two that are no connections are told by their address. */
	add(&listener);
	add(&input);
	for (;;) {
		int got = epoll_wait(epoll, events, EVENTS_MAX, TICK_MS);

		for (int i = 0; i < got; i++) {
			if (events[i].data.ptr == &listener)
				on_connection(listener);
			else if (events[i].data.ptr == &input)
				on_command();
			else
				on_event(events[i].data.ptr, events[i].events);
		}
		release();
		if (hanging_up)
			hang_up_idle();
		for (uint64_t now = now_ms(); next_ms <= now; next_ms += TICK_MS)
			tick();
	}
}
