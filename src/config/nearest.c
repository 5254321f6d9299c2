/* What to say after a misspelt name. */
#include "config/config_internal.h"

#include <stdio.h>

#define HINT_CHOICE_MAX 8

struct hint nearest_hint(const char *word, const char *const names[], size_t n)
{
	const char *near = nearest_name(word, names, n);
	struct hint hint = {""};
	int at = 0;

	if (near) {
		snprintf(hint.text, sizeof(hint.text), "; did you mean '%s'?", near);
	} else if (n > 0 && n <= HINT_CHOICE_MAX) {
		for (size_t i = 0; i < n && at < (int)sizeof(hint.text); i++)
			at += snprintf(hint.text + at, sizeof(hint.text) - (size_t)at, "%s'%s'",
				       i == 0       ? "; known: "
				       : i + 1 == n ? " and "
						    : ", ",
				       names[i]);
	}
	return hint;
}
