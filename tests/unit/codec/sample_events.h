/* Events as chat messages and mail show them: one of each type, and one whose texts are hostile. */
#pragma once

#include "codec/event_json.h"
#include "model/event.h"

#define TIME_US 1795156316123000LL
#define VENDOR  "https://api.fireworks.ai"

struct job {
	const char *state, *code, *message;
	int percent; /* -1: no progress */
};

extern const struct job running;
extern const struct job_name sft;
extern const char *const texts[TEXT_COUNT_];

/* Everything that a service might take for more than text. */
extern const char *const hostile_texts[TEXT_COUNT_];
#define HOSTILE_MESSAGE                                                                            \
	"# head\r\n> quote\n- item\n1. one\n```\ncode\n``` <https://evil.example|docs> "           \
	"www.evil.example me@evil.example ![i](http://evil.example/i.png) "                        \
	"<at>Boss</at> {{DATE(2026-11-20T06:31:56Z)}} ${x} \\ \"quoted\" 0.1 % \xe2\x80\xa8 \xff"

struct snapshot *snapshot_of(const struct job *job, const char *const text[TEXT_COUNT_]);

/* What a receiver of the event's bytes reads; event_fields_done(). */
struct event_fields fields_of(const struct event *event);
struct event_fields job_fields(enum event_type type, const struct job_name *name,
			       const struct job *from, const struct job *to,
			       const char *const text[TEXT_COUNT_]);
struct event_fields watcher_fields(enum event_type type, const char *endpoint);
struct event_fields fields_of_type(enum event_type type);
struct event_fields hostile_fields(void);
