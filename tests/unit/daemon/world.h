/*
 * What the tests of the outbox share: a real store, a real committer, one outlet, and a notifier that
 * writes down what it is given and answers when it is told to. Time is what the test says it is.
 */
#pragma once

#include "daemon/gate.h"
#include "daemon/job.h"
#include "daemon/outlet.h"

#define WORLD_ANSWERS 100

struct world_call {
	verdict_fn fn;
	void *user;
};

extern struct world {
	uv_loop_t loop;
	struct store *store;
	struct committer *committer;
	struct outlet_owner owner;
	struct outlet *outlet;
	/* The configuration of the notifier, which may be changed at any time. */
	struct config_notifier config;
	struct notifier_type_info info;
	unsigned max_parallel;
	/*
	 * What the notifier got, a word a call: a letter for the subject and the event's number of
	 * that subject, "/2" for the second try, "+3" for what it replaces, "=ready" or "=late" for
	 * what it says of its model, joined by commas.
	 */
	char sent[8192];
	struct world_call calls[WORLD_ANSWERS]; /* under way, the oldest first */
	size_t n_calls;
	uint64_t now_ms;     /* what is due then goes out */
	size_t most_pending; /* that were in memory at a time */
	void (*on_deliver)(void);
	int deliver_result;
	/* The gate's questions: the models' ids, a word each; those that have no answer yet. */
	char asked[256];
	struct world_question {
		http_fn fn;
		void *user;
	} questions[WORLD_ANSWERS];
	size_t n_questions;
	struct accounts accounts;
} world;

/* A new store, and an outlet "n" of at most `window` deliveries in memory; all is due. */
void world_begin(size_t window);
/* Ends the daemon's part and begins it anew over the same store: a restart, or a crash. */
void world_restart(void);
void world_end(void);

/* Runs the loop until nothing is under way but the notifier's calls. */
void world_settle(void);

/* An event of subject `letter`, made durable with its delivery, and taken. */
void world_event(char letter, unsigned number, enum event_type type);
void world_old_event(char letter, unsigned number, enum event_type type, int64_t created_us);

/* The success of a job with that output model, observed `age_ms` ago. */
void world_success(char letter, unsigned number, const char *model, int64_t age_ms);

/* Answers the oldest question of the gate with a state, then settles. */
void world_model(const char *state);

/* Answers the oldest call, then settles; or all calls, also those that come of it. */
void world_answer(enum verdict verdict);
void world_answer_all(enum verdict verdict);

/* The first column of all rows of a question to the database, joined by spaces. Static. */
const char *world_query(const char *sql);
