/* What others say, made fit for logs and for people. */
#include "notify/excerpt.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"
#include "codec/text.h"

void excerpt_printable(const char *s, size_t len, char *ret, size_t size)
{
	if (len > size - 1)
		len = utf8_whole(s, size - 1);
	for (size_t i = 0; i < len; i++)
		ret[i] = s[i] ? s[i] : ' ';
	ret[len] = '\0';
	text_clean(ret);
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

bool excerpt_repeats(const char *s, size_t len, const char *secret)
{
	while (*secret) {
		size_t n = 0;

		/* "%2F" is not part of the words around it. */
		if (*secret == '%' && isxdigit((unsigned char)secret[1]) &&
		    isxdigit((unsigned char)secret[2])) {
			secret += 3;
			continue;
		}
		while (in_word(secret[n]))
			n++;
		if (n >= EXCERPT_SECRET_MIN && memmem(s, len, secret, n))
			return true;
		secret += n > 0 ? n : 1;
	}
	return false;
}
