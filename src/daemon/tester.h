/*
 * Test events: one is made, written down, sent to one notifier in the way that all events go, and what
 * came of its only try is told to who asked for it.
 */
#pragma once

#include "base/error.h"
#include "daemon/dispatcher.h"
#include "daemon/feed.h"
#include "daemon/job.h"
#include "io/committer.h"

struct tester;

/* The dispatcher's tests are the tester's from here on. */
int tester_new(struct committer *committer, struct dispatcher *dispatcher, struct feed *feed,
	       struct tester **ret);
void tester_free(struct tester *t); /* takes NULL; after the committer's end */

/*
 * Called exactly once, never inside tester_start(): 0 and the verdict; -ENOENT when the notifier left
 * the configuration meanwhile; -ECANCELED at the end.
 */
typedef void (*tester_fn)(void *user, int r, enum verdict verdict, const char *text,
			  const char *event_id);

/* `account` is the one that the event's job is of. The type is one of job.*. 0 or -ENOMEM. */
int tester_start(struct tester *t, const struct account *account, const char *notifier,
		 enum event_type type, tester_fn fn, void *user);

/* After a reload: tells those whose notifier is not there any more. */
void tester_configure(struct tester *t);

/* Tells all that wait, with -ECANCELED. */
void tester_stop(struct tester *t);
