/* Signatures of Standard Webhooks 1.0. */
#include "notify/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"

#define PREFIX     "whsec_"
#define SECRET_MAX 1024 /* characters of base64; the configuration takes shorter ones only */

static int sign(const struct buf *content, const char *secret, size_t len, char *ret)
{
	uint8_t key[SECRET_MAX / 4 * 3], mac[HASH_SHA256_BYTES];
	size_t key_len;
	int r = -EINVAL;

	if (len <= SECRET_MAX)
		r = hash_base64_read(secret, len, key, &key_len);
	if (r == 0)
		r = hash_hmac_sha256(key, key_len, content->data, content->len, mac);
	explicit_bzero(key, sizeof(key));
	if (r == 0)
		hash_base64(mac, sizeof(mac), ret);
	return r;
}

int signature_append(const char *id, int64_t timestamp, const void *body, size_t len,
		     const char *secrets, struct buf *b)
{
	_cleanup_buf_ struct buf content = BUF_INIT(len + 128);
	const char *separator = "";
	int r;

	r = buf_printf(&content, "%s.%" PRId64 ".", id, timestamp);
	if (r == 0)
		r = buf_append(&content, body, len);
	while (r == 0) {
		size_t line = strcspn(secrets, "\n"), prefix = strlen(PREFIX);
		char text[HASH_BASE64_MAX(HASH_SHA256_BYTES)];

		if (strncmp(secrets, PREFIX, prefix) != 0)
			return -EINVAL;
		r = sign(&content, secrets + prefix, line - prefix, text);
		if (r == 0)
			r = buf_printf(b, "%sv1,%s", separator, text);
		if (!secrets[line])
			break;
		secrets += line + 1;
		separator = " ";
	}
	return r;
}
