/*
 * Delivers an event, read from standard input, to the system's log of this machine.
 *
 *     journal-probe deliver    once, and prints the verdict and what came to the daemon's own log
 *     journal-probe hang       again and again until the log hangs, then closes while it does
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "codec/event_json.h"
#include "io/journal.h"
#include "notify/notifier.h"

#define TICK_MS     10
#define QUIET_TICKS 50 /* without an answer: the log hangs */

struct probe {
	uv_loop_t loop;
	uv_timer_t timer;
	struct notifier_env env;
	struct notifier notifier;
	struct notifier_delivery delivery;
	bool again, closing;
	unsigned quiet; /* ticks since the last answer */
};

static const char *const verdicts[] = {
	[VERDICT_DELIVERED] = "delivered", [VERDICT_RETRY] = "retry",
	[VERDICT_DEAD] = "dead",           [VERDICT_GONE] = "gone",
	[VERDICT_CANCELLED] = "cancelled",
};

static void on_log(void *user, enum log_level level, const char *line)
{
	printf("log: <%d>%s\n", (int)level, line);
}

static void on_closed(void *user)
{
	puts("closed");
}

static void close_all(struct probe *p)
{
	p->closing = true;
	uv_close((uv_handle_t *)&p->timer, NULL);
	journal_close(p->env.journal, on_closed, NULL);
}

static void deliver(struct probe *p);

static void on_verdict(void *user, const struct verdict_result *result)
{
	struct probe *p = user;

	p->quiet = 0;
	if (p->again && !p->closing && result->verdict == VERDICT_DELIVERED) {
		deliver(p);
		return;
	}
	printf("%s: %s\n", verdicts[result->verdict], result->text);
	if (!p->closing)
		close_all(p);
}

static void deliver(struct probe *p)
{
	struct notifier_call *call;
	int r = notifier_deliver(&p->notifier, &p->delivery, 1, on_verdict, p, &call);

	if (r < 0) {
		printf("not delivered: %s\n", strerror(-r));
		exit(EXIT_FAILURE);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct probe *p = timer->data;

	if (++p->quiet < QUIET_TICKS)
		return;
	puts("hangs");
	close_all(p);
}

static struct event_record *read_event(void)
{
	struct event_record *event = calloc(1, sizeof(*event) + EVENT_JSON_MAX + 1);

	if (!event)
		exit(EXIT_FAILURE);
	event->refs = 1;
	event->len = fread(event->body, 1, EVENT_JSON_MAX, stdin);
	return event;
}

int main(int argc, char **argv)
{
	struct config_notifier config = {.type = NOTIFIER_SYSLOG};
	struct probe p = {.again = argc == 2 && strcmp(argv[1], "hang") == 0};
	char name[] = "journal";

	setvbuf(stdout, NULL, _IOLBF, 0);
	config.name = name;
	p.delivery = (struct notifier_delivery){.event = read_event(), .number = 1};
	p.env = (struct notifier_env){.loop = &p.loop, .log = on_log};
	if (uv_loop_init(&p.loop) < 0 || journal_new(&p.loop, system_log_write, &p.env.journal) < 0)
		return EXIT_FAILURE;
	p.notifier = notifier_make(&p.env, &config);
	uv_timer_init(&p.loop, &p.timer);
	p.timer.data = &p;
	if (p.again)
		uv_timer_start(&p.timer, on_tick, TICK_MS, TICK_MS);
	deliver(&p);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	free(p.delivery.event);
	if (uv_loop_close(&p.loop) < 0) {
		puts("the loop is not clean");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
