/* Names of systemd's units. */
#include "model/unit_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".service"

/* ASCII, whatever the locale: systemd's VALID_CHARS. */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* Appends to `ret`, of which `*len` bytes are in use. */
static int put(char ret[UNIT_NAME_MAX + 1], size_t *len, const char *text)
{
	size_t n = strlen(text);

	if (*len + n > UNIT_NAME_MAX)
		return -E2BIG;
	memcpy(ret + *len, text, n + 1);
	*len += n;
	return 0;
}

static int put_escaped(char ret[UNIT_NAME_MAX + 1], size_t *len, const char *text)
{
	int r = 0;

	for (const char *c = text; *c && r == 0; c++) {
		char part[5] = {*c};

		if (*c == '/')
			part[0] = '-';
		else if ((*c == '.' && c == text) || !strchr(LETTERS DIGITS ":_.", *c))
			snprintf(part, sizeof(part), "\\x%02x", (unsigned char)*c);
		r = put(ret, len, part);
	}
	return r;
}

static const char *last_part(const char *subject)
{
	const char *slash = strrchr(subject, '/');

	return slash ? slash + 1 : subject;
}

int unit_name_format(const char *pattern, const char *subject, char ret[UNIT_NAME_MAX + 1])
{
	size_t len = 0;
	int r = 0;

	ret[0] = '\0';
	for (const char *c = pattern; *c && r == 0; c++) {
		if (*c != '%') {
			r = put(ret, &len, (char[]){*c, '\0'});
			continue;
		}
		switch (*++c) {
		case 'j':
			r = put_escaped(ret, &len, subject);
			break;
		case 'i':
			r = put_escaped(ret, &len, last_part(subject));
			break;
		case '%':
			r = put(ret, &len, "%");
			break;
		default:
			return -EINVAL;
		}
	}
	return r;
}

bool unit_name_is_service(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);
	const char *at = strchr(name, '@');

	return len > suffix && len <= UNIT_NAME_MAX && strcmp(name + len - suffix, SUFFIX) == 0 &&
	       name[0] != '@' && !(at && strcmp(at + 1, SUFFIX) == 0) &&
	       strspn(name, LETTERS DIGITS ":-_.\\@") == len;
}
