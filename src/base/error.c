/* The human side of an error. */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"

int error_set(struct error *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return r;
	va_start(ap, fmt);
	utf8_vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return r;
}

int error_prefix(struct error *e, int r, const char *fmt, ...)
{
	char old[ERROR_TEXT_MAX];
	va_list ap;
	int n;

	if (!e)
		return r;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	n = utf8_vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(e->text))
		return r;
	utf8_snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s",
		      old[0] ? old : strerror(r < 0 ? -r : r));
	return r;
}

const char *error_text(const struct error *e, int r)
{
	return e && e->text[0] ? e->text : strerror(r < 0 ? -r : r);
}
