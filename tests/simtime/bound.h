/*
 * What no policy can beat that makes so many requests and knows nothing but the past.
 *
 * Let each of R requests look at everything in the account at once, and let the policy know of every
 * job all that there was to see up to now, except whether it has ended since the last request; and of
 * each job the true intensity of its end. A request at p sees the ends in (p - d, p] with a delay of at
 * most d. So an end at t is seen with a delay of at most d exactly when there is a request in
 * [t, t + d]. Between two requests the policy learns nothing of ends, so when the next one will be is
 * settled before t, whether something ends at t or not. Hence the set of moments whose ends are seen in
 * time is predictable, and the expected number of ends in it is the integral of the intensity over it.
 * R requests cover at most R * d of time. So at most that share of all ends is seen with a delay of at
 * most d which the R * d of time with the highest intensity holds, and the q-quantile of the delay is
 * at least the smallest d for which this is q. It is a bound and not a policy: it lays the time where
 * the intensity will have been highest, gives each request a full d, and it counts intensity, not ends,
 * so that a run with few ends can lie a little off either way.
 */
#pragma once

#include <stdint.h>

#include "simtime/tally.h"

struct bound {
	double median_ms, p95_ms;
	double ends; /* that were to be expected in the span, from the intensity */
};

/* 0 or -ENOMEM. */
int bound_find(const struct traces *traces, const struct span *span, uint64_t requests,
	       struct bound *ret);
