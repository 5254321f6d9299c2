/*
 * From answers to events: compares what was seen with the last snapshot, and commits the new
 * snapshot, its event and its deliveries in one transaction. What is durable goes to the dispatcher and to the feed.
 *
 * The jobs in memory run ahead of the store by what is being committed. While the store fails,
 * nothing is taken in: no snapshot moves on, and what is there is seen again later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/dispatcher.h"
#include "daemon/feed.h"
#include "daemon/job.h"
#include "io/committer.h"
#include "model/trouble.h"

struct observer;
struct observation; /* what one answer showed: one transaction */

int observer_new(struct accounts *accounts, struct committer *committer,
		 struct dispatcher *dispatcher, struct feed *feed, struct observer **ret);
struct observer *observer_free(struct observer *o); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct observer *, observer_free);

/* Events of a type that have become durable since the start. */
uint64_t observer_events(const struct observer *o, enum event_type type);

/* The accounts know their configuration already (poller_configure). Sorts all jobs to watches. */
void observer_configure(struct observer *o, struct config *config);

/* The job's override has changed: sorts it to watches anew. */
void observer_sort(struct observer *o, struct job *job);

/* Whether the configuration alone would have it watched, as far as is known. */
bool observer_is_ruled(const struct observer *o, const struct job *job);

/* Opens an observation. -EAGAIN while the store does not take any, -ENOMEM. */
int observation_begin(struct observer *o, struct account *account, struct observation **ret);

/*
 * The answer to request `look` showed a job. The snapshot is borrowed. A job that no watch wants is
 * passed over: 0 and `ret_job` NULL. -ENOMEM, -ENOSPC. With the job: -EAGAIN when it is to be seen
 * again soon, for why it is paused is being asked; -ESTALE when the answer to a later request was
 * faster, and nothing is taken from this one.
 */
int observation_job(struct observation *b, uint32_t look, const struct job_name *name,
		    struct snapshot *snapshot, struct job **ret_job);

/* The job was seen, and is as it was: as observation_job() with its own snapshot. */
int observation_same(struct observation *b, uint32_t look, struct job *job);

/* A job that was seen before is gone: the API said so twice. */
int observation_gone(struct observation *b, struct job *job);

/* The watches have their baseline of the collection's kind. */
int observation_baseline(struct observation *b, struct collection *collection);

/* Keeps the account's watched time, when it has grown. */
int observation_watched(struct observation *b);

/* watcher.degraded or watcher.restored, as account->sight tells it. */
int observation_sight(struct observation *b, enum sight_verdict verdict);

/* Hands it to the committer, or throws it away when it is empty. */
void observation_end(struct observation *b);
