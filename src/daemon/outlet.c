/* Notifiers by name: what is admitted, and what is told of it. */
#include "daemon/outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/window.h"

int outlet_new(struct outlet_owner *owner, const char *name, struct outlet **ret)
{
	struct outlet *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->owner = owner;
	lanes_init(&o->lanes);
	window_init(o);
	snprintf(o->name, sizeof(o->name), "%s", name);
	*ret = o;
	return 0;
}

void outlet_free(struct outlet *o)
{
	window_done(o);
	lanes_done(&o->lanes);
	instance_retire(o->instance);
	free(o);
}

bool outlet_is_open(const struct outlet *o)
{
	return o->instance && !o->off;
}

static const struct config_notifier *config_of(const struct outlet *o)
{
	return o->instance->notifier.config;
}

uint64_t outlet_digest_ms(const struct outlet *o)
{
	return o->instance ? config_of(o)->digest_ms : 0;
}

uint64_t outlet_model_wait_ms(const struct outlet *o)
{
	return o->instance ? config_of(o)->model_wait_ms : 0;
}

size_t outlet_waiting(const struct outlet *o)
{
	return o->coming + o->behind + o->lanes.pending;
}

int64_t outlet_oldest_us(const struct outlet *o)
{
	int64_t oldest_us = o->behind > 0 ? o->behind_since_us : INT64_MAX;

	/* An empty lane is there only while its deliveries' verdicts are called back. */
	map_for_each (&o->lanes.by_subject, const struct lane, l)
		if (!list_empty(&l->deliveries))
			oldest_us = MIN(oldest_us, lane_head(l)->created_us);
	return oldest_us == INT64_MAX ? 0 : oldest_us;
}

enum outbox_answer outlet_admit(const struct outlet *o, enum event_type type)
{
	return outbox_admit(outlet_waiting(o), config_of(o)->max_waiting, o->off, type);
}

void outlet_expect(struct outlet *o)
{
	o->coming++;
}

void outlet_withdraw(struct outlet *o)
{
	o->coming--;
}

static void note_crowd(struct outlet *o)
{
	if (o->crowded)
		return;
	o->crowded = true;
	log_warning("notifier \"%s\": %zu deliveries wait, so only ends and watcher.* are taken, "
		    "up to twice max-waiting",
		    o->name, outlet_waiting(o));
}

void outlet_refuse(struct outlet *o, enum outbox_answer answer)
{
	switch (answer) {
	case OUTBOX_TAKE:
		break;
	case OUTBOX_SKIP:
		o->skipped++;
		o->crowded_skipped++;
		note_crowd(o);
		break;
	case OUTBOX_DEAD:
		o->dead++;
		note_crowd(o);
		if (o->crowded_dead++ == 0)
			log_warning("notifier \"%s\": %zu deliveries wait, twice max-waiting: ends "
				    "and watcher.* are given up, too",
				    o->name, outlet_waiting(o));
		break;
	case OUTBOX_OFF:
		o->skipped++;
		o->off_skipped++;
		break;
	}
}

void outlet_ease(struct outlet *o)
{
	size_t max, waiting = outlet_waiting(o);

	if (!o->crowded || !o->instance)
		return;
	max = config_of(o)->max_waiting;
	if (waiting > max - (max + 3) / 4) /* not at each single place that becomes free */
		return;
	log_notice("notifier \"%s\": %zu deliveries wait, everything is taken again; meanwhile "
		   "%" PRIu64 " were skipped and %" PRIu64 " given up",
		   o->name, waiting, o->crowded_skipped, o->crowded_dead);
	o->crowded = false;
	o->crowded_skipped = o->crowded_dead = 0;
}

void outlet_reopen(struct outlet *o)
{
	o->off = false;
	if (o->off_skipped > 0)
		log_notice("notifier \"%s\": %" PRIu64 " %s skipped while it was off", o->name,
			   o->off_skipped,
			   o->off_skipped == 1 ? "delivery was" : "deliveries were");
	o->off_skipped = 0;
}

struct notifier_view outlet_view(const struct outlet *o)
{
	return (struct notifier_view){
		.name = o->name,
		.type = o->instance ? o->instance->notifier.info->name : "",
		.events = o->instance ? o->instance->notifier.config->events : 0,
		.off = o->off,
		.removed = !o->instance,
		.pending = outlet_waiting(o),
		.running = o->running,
		.delivered = o->delivered,
		.retried = o->retried,
		.dead = o->dead,
		.skipped = o->skipped,
		.replaced = o->replaced,
		.last_error = o->last_error,
	};
}
