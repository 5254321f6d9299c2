/* Chance, for jitter. */
#include "io/entropy.h"

#include <sys/random.h>

uint32_t entropy_u32(void)
{
	uint32_t v = 0;

	return getrandom(&v, sizeof(v), GRND_NONBLOCK) < 0 ? 0 : v;
}
