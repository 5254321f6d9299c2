/*
 * A notifier by name, as the outbox knows it: it stays when the configuration drops it.
 *
 * What waits for it is in three places: on its way to the disk (`coming`), in the store only
 * (`behind`), in memory (`lanes`, see window.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/status_json.h"
#include "daemon/gate.h"
#include "daemon/instance.h"
#include "daemon/lane.h"
#include "io/committer.h"
#include "model/outbox.h"
#include "store/store.h"

/* What the outlets share; the dispatcher's. */
struct outlet_owner {
	struct committer *committer;
	struct gate *gate;
	size_t window; /* deliveries of one outlet that are in memory at most, and as many that wait
			  for their models */
	void (*changed)(struct outlet_owner *owner); /* something may be due now */
	/* A test event was tried, once and for all (event_id_is_test()). May be NULL. */
	void (*tested)(void *user, const char *event_id, enum verdict verdict, const char *text);
	void *tested_user;
	unsigned running; /* calls under way */
	bool started;     /* nothing is sent or read before */
	bool stopping;    /* nor after */
};

struct outlet {
	struct outlet_owner *owner;
	struct instance *instance; /* NULL: not in the configuration */
	struct instance *next;     /* of the configuration that is being taken in */
	bool off;                  /* by a 410, until the next reload */
	unsigned running;          /* calls under way, and tries that are being written down */
	bool known;                /* the store has its times, as in struct store_notifier */
	int64_t since_us, removed_us;

	struct lanes lanes;
	size_t coming;
	size_t behind;
	int64_t behind_since_us; /* none of these was created before that; while there are any */
	bool spilled;            /* the store may hold deliveries that are not in memory */
	bool reading;            /* more of them */
	bool read_failed;        /* the last time */
	uint64_t read_at_ms;     /* not before that */
	uint64_t
		last_number; /* of the last event that was read, or came in: the next read's start */
	uint64_t passed;     /* the first before it that is in the store only; 0: none */
	uint64_t newest;     /* number of all events that ever came in */
	struct map unread;   /* the last progress of a subject that is in the store only */

	uint64_t delivered, retried, dead, skipped, replaced; /* since the start */
	/* What was refused since there is no room, or since it is off; told at the end of either. */
	bool crowded;
	uint64_t crowded_skipped, crowded_dead, off_skipped;
	bool told_past; /* that what is too old since its return is given up */
	char last_error[STORE_ERROR_MAX];
	char name[STORE_NOTIFIER_MAX];
};

int outlet_new(struct outlet_owner *owner, const char *name, struct outlet **ret);
void outlet_free(struct outlet *o); /* no call and no read is under way */

/* It is in the configuration and not switched off. */
bool outlet_is_open(const struct outlet *o);

/* 0: each event goes out alone. */
uint64_t outlet_digest_ms(const struct outlet *o);

/* 0: nothing waits for an output model. */
uint64_t outlet_model_wait_ms(const struct outlet *o);

/* The deliveries that are pending, wherever they are. */
size_t outlet_waiting(const struct outlet *o);

/*
 * When the oldest of the deliveries that wait was created, CLOCK_REALTIME; 0: none waits. What is not
 * durable yet does not count, nor what is sent again until it is at the head of its lane. It costs a
 * look at each lane. Of what is in the store only, it may be that of one that has left it.
 */
int64_t outlet_oldest_us(const struct outlet *o);

/* Whether a new delivery is taken. It is in the configuration. */
enum outbox_answer outlet_admit(const struct outlet *o, enum event_type type);

/* A delivery that was taken is on its way to the disk; and it is not to get there after all. */
void outlet_expect(struct outlet *o);
void outlet_withdraw(struct outlet *o);

/* One that was not taken is durable as such: counts it, and says when that begins. */
void outlet_refuse(struct outlet *o, enum outbox_answer answer);

/* Says so when there is room again. */
void outlet_ease(struct outlet *o);

/* It is switched on again, or has gone: says what it missed. */
void outlet_reopen(struct outlet *o);

struct notifier_view outlet_view(const struct outlet *o);
