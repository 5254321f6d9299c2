/* The vendor's auth.ini: bare "key = value" lines, then perhaps a [fireworks] section; '#' and ';'
 * begin comments, quotes around a value are stripped. What stands first counts. */
#include "config/config_internal.h"

#include <string.h>
#include <strings.h>

#define BLANK " \t\r"

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, BLANK);
	len = strlen(s);
	while (len > 0 && strchr(BLANK, s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

static char *value_of(char *s)
{
	char *end;

	s = trim(s);
	if ((*s == '"' || *s == '\'') && (end = strchr(s + 1, *s))) {
		*end = '\0';
		return s + 1;
	}
	for (char *c = s; *c; c++)
		if ((*c == '#' || *c == ';') && (c == s || strchr(BLANK, c[-1]))) {
			*c = '\0';
			break;
		}
	return trim(s);
}

void authini_read(char *text, const char **ret_key, const char **ret_account)
{
	bool ours = true;
	char *line, *rest = text;

	*ret_key = *ret_account = NULL;
	while ((line = strsep(&rest, "\n"))) {
		char *eq;
		const char **ret;

		line = trim(line);
		if (*line == '[') {
			ours = strcasecmp(line, "[fireworks]") == 0;
			continue;
		}
		eq = *line == '#' || *line == ';' || !ours ? NULL : strchr(line, '=');
		if (!eq)
			continue;
		*eq = '\0';
		line = trim(line);
		ret = strcmp(line, "api_key") == 0      ? ret_key
		      : strcmp(line, "account_id") == 0 ? ret_account
							: NULL;
		if (ret && !*ret) {
			const char *value = value_of(eq + 1);

			if (*value)
				*ret = value;
		}
	}
}
