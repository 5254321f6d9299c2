/* Sizes as text. */
#include "config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char units[] = "KMGT"; /* 2^10, 2^20, … */

int config_size_parse(const char *s, uint64_t *ret_bytes)
{
	const char *unit;
	uint64_t bytes;
	char *end;

	if (strcmp(s, "off") == 0 || strcmp(s, "infinity") == 0) {
		*ret_bytes = UINT64_MAX;
		return 0;
	}
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	bytes = strtoull(s, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	end += strspn(end, " \t");
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		size_t shift = 10 * (size_t)(unit - units + 1);

		if (bytes > UINT64_MAX >> shift)
			return -ERANGE;
		bytes <<= shift;
		end++;
		if (*end == 'i' && end[1] == 'B')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end)
		return -EINVAL;
	if (bytes == UINT64_MAX) /* "off" has another word */
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

void config_size_format(uint64_t bytes, char ret[CONFIG_SIZE_MAX])
{
	int n = -1;

	if (bytes == UINT64_MAX) {
		snprintf(ret, CONFIG_SIZE_MAX, "off");
		return;
	}
	while (n + 1 < (int)strlen(units) && bytes > 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		n++;
	}
	if (n < 0)
		snprintf(ret, CONFIG_SIZE_MAX, "%" PRIu64, bytes);
	else
		snprintf(ret, CONFIG_SIZE_MAX, "%" PRIu64 "%ciB", bytes, units[n]);
}
