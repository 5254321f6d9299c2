/*
 * What the planner (model/plan) is told: how often each job and each collection wants to be looked
 * at, and what an answer showed of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/job.h"

/* Takes the account's configuration up: searches begin, and the jobs are due soon, spread out. */
void planning_take_up(const struct config *config, struct account *account, uint64_t now_ms);

/* The same for one job whose watches have changed; it is due at once. */
void planning_take_job(const struct config *config, struct job *job, uint64_t now_ms);

/* Nothing of the account is asked for any more. */
void planning_let_go(struct account *account);

/*
 * An answer showed the job, and has been taken in: `changed`, when it was not as before. `lists` are
 * those that the answer proves to show it, 0 for a GET.
 */
void planning_seen(const struct config *config, struct job *job, bool changed, uint8_t lists,
		   uint64_t now_ms);

/* Answers, or refusals, that did not show it: when to ask again. */
void planning_again(const struct config *config, struct job *job, uint64_t now_ms);

/* It is to be looked at as soon as may be, by whatever shows it; where anybody asks for it. */
void planning_soon(struct job *job, uint64_t now_ms);

/* It is not looked at before `until_ms`; where anybody asks for it. */
void planning_spare(struct job *job, uint64_t until_ms);

/* An answer showed it, but it was not taken in: it is looked at again at `due_ms`. */
void planning_untaken(const struct config *config, struct job *job, uint64_t due_ms);

/* A list that came to its end: what it says of the searches. */
void planning_listed(const struct config *config, struct collection *c, enum plan_list list);

/* There is more than the short lists show: all pages are read soon. */
void planning_list_again(struct collection *c);

/* The newest page was the answer to request `look`: of the planned jobs, those it held are on it. */
void planning_newest(struct collection *c, uint32_t look);

/*
 * Until then, now or later, nobody can look, whatever the budget, or it was another configuration: the
 * time between two looks counts anew.
 */
void planning_disturbed(struct account *account, uint64_t until_ms);

/*
 * How fresh the account's active jobs are kept, by the one that is furthest behind what is wanted of
 * it: its interval, and the longest time between two looks that there was last, or is. False when
 * there is no active job.
 * It looks at all active jobs, at most once a second.
 */
bool planning_freshness(const struct config *config, struct account *account, uint64_t now_ms,
			uint64_t *ret_wanted_ms, uint64_t *ret_freshness_ms);

/* The probable end; false when nothing sensible can be said. */
bool planning_eta(const struct job *job, uint64_t now_ms, struct eta_estimate *ret);

/* A job's budget for standing still in a phase, the smallest of its watches; UINT64_MAX: none. */
uint64_t planning_stall_budget_ms(const struct config *config, const struct job *job,
				  enum phase phase);
