/*
 * What the control socket tells of accounts and jobs: views for the codec, filled from the daemon's
 * memory. They point into that, so they are to be written before the loop goes on.
 */
#pragma once

#include "codec/status_json.h"
#include "config/config.h"
#include "daemon/job.h"

/* The moment that views are of, on both clocks. */
struct view_moment {
	int64_t real_us;
	uint64_t boot_ms;
};

struct view_moment view_now(void);

struct view_account {
	struct account_view view; /* its collections are those below */
	struct collection_view collections[KIND_COUNT_];
};

/* Of a configured account. Fills in place: the view points to what stands beside it. */
void view_account(const struct config *config, struct account *account,
		  const struct view_moment *now, struct view_account *ret);

/* `name` is the job's, and is pointed to. */
struct job_view view_job(const struct config *config, const struct job *job,
			 const struct job_name *name, const struct view_moment *now);
