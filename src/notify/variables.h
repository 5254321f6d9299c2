/*
 * The TUNEWATCH_* names under which the journal and hooks get the fields of an event.
 */
#pragma once

#include <stdbool.h>

#include "codec/event_json.h"

#define VARIABLE_COUNT 27

struct variable {
	const char *name;
	enum event_field field;
	bool hook; /* also in the environment of hooks; the journal gets all */
};

extern const struct variable variables[VARIABLE_COUNT];

/*
 * Beside them, of the delivery: which try this is, from 1; and, only where there are any, how many
 * older progress events it stands for.
 */
#define VARIABLE_DELIVERY_TRY "TUNEWATCH_DELIVERY_TRY"
#define VARIABLE_REPLACED     "TUNEWATCH_REPLACED"
#define VARIABLE_NUMBER_MAX   12 /* bytes of an unsigned in decimal, with the NUL */
