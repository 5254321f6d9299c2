/*
 * Many readers of the event stream in one process, that count and keep nothing.
 *
 * usage: streams SOCKET QUICK SLOW SILENT
 *
 * Opens so many streams on the daemon's control socket: quick readers take what there is, slow ones
 * some 40 kB a second, silent ones nothing. Who was dropped goes on at once behind the last event that
 * it has got whole (Last-Event-ID); a silent one when it is made to read. Commands on standard input,
 * a line each, are answered with a line:
 *
 *   wait N   answers when every reader that reads has the event of number N
 *   drain    from now on all read quickly
 *   report   a JSON array with an object a reader:
 *              began, last       numbers: where its first stream began, and its last event
 *              events            how many it got
 *              missed, twice     numbers that were passed over; events that came when later ones had
 *              opened, dropped   streams; those that ended with `event: dropped`
 *              refused           answers that were no stream; it tries again in a second
 *              moved             streams that began elsewhere than where it wanted to go on
 *
 * The numbers of events have no gaps as long as the daemon forgets none, so `missed` is what was lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READERS_MAX 1000
#define LINE_MAX    64 /* of which more is not looked at */
#define TICK_MS     100
#define SLOW_BYTES  4096 /* a tick */
#define QUICK_BYTES 65536
#define AGAIN_MS    1000

enum kind { QUICK, SLOW, SILENT };

/* Where in an answer the next byte stands: its head; a chunk's size, its bytes, the line behind it. */
enum part { HEAD, SIZE, BYTES, BEHIND };

struct reader {
	enum kind kind;
	int fd; /* -1: to be opened at `due_ms` */
	uint64_t due_ms;
	/* the answer */
	enum part part;
	bool refuses; /* it is no stream */
	size_t left;  /* of a chunk */
	char line[LINE_MAX], text[LINE_MAX];
	size_t line_len, text_len; /* of the present line, of the head or size, and of the stream */
	/* the event that is being read */
	bool has_id, has_data, is_drop;
	uint64_t id;
	/* what came */
	bool begun;
	uint64_t began, last, events, missed, twice, opened, dropped, refused, moved;
};

static const char *path;
static struct reader readers[READERS_MAX];
static size_t n_readers;
static uint64_t awaited; /* UINT64_MAX: nobody waits */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000U + (uint64_t)t.tv_nsec / 1000000U;
}

/* --- what comes --- */

static void take_begin(struct reader *r)
{
	if (!r->begun)
		r->began = r->last = r->id;
	r->begun = true;
	r->moved += r->id != r->last;
}

static void take_event(struct reader *r)
{
	if (r->is_drop) {
		r->dropped++;
	} else if (r->has_id && !r->has_data) {
		take_begin(r);
	} else if (r->has_id && r->id <= r->last) {
		r->twice++;
	} else if (r->has_id) {
		r->missed += r->id - r->last - 1;
		r->last = r->id;
		r->events++;
	}
	r->has_id = r->has_data = r->is_drop = false;
}

/* A line of the stream, or as much of it as counts. */
static void take_line(struct reader *r)
{
	r->text[r->text_len] = '\0';
	if (r->text_len == 0)
		take_event(r);
	else if (strncmp(r->text, "data: ", 6) == 0)
		r->has_data = true;
	else if (strcmp(r->text, "event: dropped") == 0)
		r->is_drop = true;
	else if (strncmp(r->text, "id: ", 4) == 0) {
		r->has_id = true;
		r->id = strtoull(r->text + 4, NULL, 10);
	}
	r->text_len = 0;
}

/* Appends to a line, up to its end: how many of the bytes were taken, and whether the line is whole. */
static size_t gather(char *line, size_t *len, const char *data, size_t n, bool *ret_whole)
{
	const char *end = memchr(data, '\n', n);
	size_t part = end ? (size_t)(end - data) : n, room = LINE_MAX - 1 - *len;
	size_t kept = part < room ? part : room;

	memcpy(line + *len, data, kept);
	*len += kept;
	*ret_whole = end != NULL;
	return end ? part + 1 : part;
}

static void take_text(struct reader *r, const char *data, size_t n)
{
	bool whole;

	while (n > 0) {
		size_t used = gather(r->text, &r->text_len, data, n, &whole);

		if (whole)
			take_line(r);
		data += used;
		n -= used;
	}
}

/* A line of the head, or round a chunk. */
static void take_frame(struct reader *r)
{
	if (r->line_len > 0 && r->line[r->line_len - 1] == '\r')
		r->line_len--;
	r->line[r->line_len] = '\0';
	if (r->part == HEAD) {
		if (strncmp(r->line, "HTTP/", 5) == 0)
			r->refuses = strncmp(r->line + 8, " 200 ", 5) != 0;
		if (r->line_len == 0)
			r->part = SIZE;
	} else if (r->part == SIZE) {
		r->left = strtoul(r->line, NULL, 16);
		r->part = r->left ? BYTES : BEHIND;
	} else {
		r->part = SIZE;
	}
	r->line_len = 0;
}

static void take(struct reader *r, const char *data, size_t n)
{
	bool whole;

	while (n > 0 && !r->refuses) {
		size_t used;

		if (r->part == BYTES) {
			used = n < r->left ? n : r->left;
			take_text(r, data, used);
			r->left -= used;
			if (r->left == 0)
				r->part = BEHIND;
		} else {
			used = gather(r->line, &r->line_len, data, n, &whole);
			if (whole)
				take_frame(r);
		}
		data += used;
		n -= used;
	}
}

/* --- connections --- */

static void open_stream(struct reader *r)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[256], from[64] = "";
	int len;

	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
	r->part = HEAD;
	r->refuses = r->has_id = r->has_data = r->is_drop = false;
	r->line_len = r->text_len = 0;
	if (r->begun)
		snprintf(from, sizeof(from), "Last-Event-ID: %llu\r\n",
			 (unsigned long long)r->last);
	len = snprintf(text, sizeof(text),
		       "GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\n%s\r\n", from);
	if (send(r->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		die("send");
	r->opened++;
}

static void read_some(struct reader *r, size_t max)
{
	static char data[QUICK_BYTES];
	ssize_t n = recv(r->fd, data, max, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		take(r, data, (size_t)n);
	if (n > 0 && !r->refuses)
		return;
	close(r->fd);
	r->fd = -1;
	r->refused += r->refuses;
	r->due_ms = now_ms() + (r->refuses ? AGAIN_MS : 0);
}

static void tick(void)
{
	uint64_t now = now_ms();

	for (size_t i = 0; i < n_readers; i++) {
		struct reader *r = &readers[i];

		if (r->fd < 0 && r->due_ms <= now)
			open_stream(r);
		else if (r->fd >= 0 && r->kind == SLOW)
			read_some(r, SLOW_BYTES);
	}
}

/* --- commands --- */

static void answer_when_there(void)
{
	if (awaited == UINT64_MAX)
		return;
	for (size_t i = 0; i < n_readers; i++)
		if (readers[i].kind != SILENT && (!readers[i].begun || readers[i].last < awaited))
			return;
	awaited = UINT64_MAX;
	puts("ok");
	fflush(stdout);
}

static void report(void)
{
	static const char *const kinds[] = {"quick", "slow", "silent"};

	for (size_t i = 0; i < n_readers; i++) {
		const struct reader *r = &readers[i];

		printf("%s{\"kind\":\"%s\"", i ? "," : "[", kinds[r->kind]);
#define FIELD(name) printf(",\"%s\":%llu", #name, (unsigned long long)r->name)
		FIELD(began);
		FIELD(last);
		FIELD(events);
		FIELD(missed);
		FIELD(twice);
		FIELD(opened);
		FIELD(dropped);
		FIELD(refused);
		FIELD(moved);
		printf("}");
	}
	puts("]");
	fflush(stdout);
}

/* Commands come one at a time: each waits for its answer. */
static void on_command(void)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0)
		exit(0); /* nobody wants to know any more */
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "report") == 0) {
		report();
	} else if (strncmp(line, "wait ", 5) == 0) {
		awaited = strtoull(line + 5, NULL, 10);
	} else {
		for (size_t i = 0; i < n_readers; i++)
			readers[i].kind = QUICK;
		puts("ok");
		fflush(stdout);
	}
}

static void add(enum kind kind, const char *count)
{
	for (unsigned long n = strtoul(count, NULL, 10); n > 0; n--) {
		if (n_readers == READERS_MAX)
			exit(64);
		readers[n_readers++] = (struct reader){.kind = kind, .fd = -1};
	}
}

int main(int argc, char **argv)
{
	static struct pollfd fds[READERS_MAX + 1];
	uint64_t next_ms = 0;

	if (argc != 5) {
		fputs("usage: streams SOCKET QUICK SLOW SILENT\n", stderr);
		return 64;
	}
	path = argv[1];
	add(QUICK, argv[2]);
	add(SLOW, argv[3]);
	add(SILENT, argv[4]);
	awaited = UINT64_MAX;
	fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	for (;;) {
		if (now_ms() >= next_ms) {
			tick();
			next_ms = now_ms() + TICK_MS;
		}
		for (size_t i = 0; i < n_readers; i++)
			fds[i + 1] =
				(struct pollfd){.fd = readers[i].kind == QUICK ? readers[i].fd : -1,
						.events = POLLIN};
		if (poll(fds, n_readers + 1, TICK_MS) < 0 && errno != EINTR)
			die("poll");
		if (fds[0].revents)
			on_command();
		for (size_t i = 0; i < n_readers; i++)
			if (fds[i + 1].revents)
				read_some(&readers[i], QUICK_BYTES);
		answer_when_there();
	}
}
