/* A histogram of how long something takes. */
#include "base/latency.h"

const uint32_t latency_bounds_us[LATENCY_BOUNDS] = {
	50,    100,    250,    500,    1000,    2500,    5000,    10000,    25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

void latency_add(struct latency *l, uint64_t us)
{
	unsigned i = 0;

	while (i < LATENCY_BOUNDS && us > latency_bounds_us[i])
		i++;
	l->counts[i]++;
	l->sum_us += us;
}
