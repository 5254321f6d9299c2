/* Hashes for tables, for spreading, for identifiers. */
#include "base/hash.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

uint64_t hash_siphash(const uint64_t key[2], const char *s)
{
	size_t len = strlen(s), rest = len % 8;
	uint64_t v[4], m = 0;

	v[0] = key[0] ^ 0x736f6d6570736575ULL;
	v[1] = key[1] ^ 0x646f72616e646f6dULL;
	v[2] = key[0] ^ 0x6c7967656e657261ULL;
	v[3] = key[1] ^ 0x7465646279746573ULL;
	for (const char *end = s + len - rest; s != end; s += 8) {
		memcpy(&m, s, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	m = 0;
	memcpy(&m, s, rest);
	m |= (uint64_t)len << 56;
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t hash_stable(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619U;
	return h;
}

int hash_sha256(const void *data, size_t len, uint8_t ret_digest[HASH_SHA256_BYTES])
{
	return EVP_Digest(data, len, ret_digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

int hash_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		     uint8_t ret_mac[HASH_SHA256_BYTES])
{
	if (key_len > INT_MAX)
		return -ENOMEM;
	return HMAC(EVP_sha256(), key, (int)key_len, data, len, ret_mac, NULL) ? 0 : -ENOMEM;
}

void hash_base32hex(const uint8_t *data, size_t chars, char *ret)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < chars; i++) {
		if (have < 5) {
			bits = bits << 8 | *data++;
			have += 8;
		}
		have -= 5;
		ret[i] = digits[bits >> have & 31];
	}
	ret[chars] = '\0';
}

void hash_base64(const uint8_t *data, size_t len, char *ret)
{
	EVP_EncodeBlock((unsigned char *)ret, data, (int)len);
}

int hash_base64_read(const char *s, size_t len, uint8_t *ret, size_t *ret_len)
{
	size_t padding = 0;
	int n;

	/* EVP_DecodeBlock() lets blanks and padding at wrong places pass. */
	while (padding < 2 && padding < len && s[len - 1 - padding] == '=')
		padding++;
	if (len % 4 != 0 || len > INT_MAX ||
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") <
		    len - padding)
		return -EINVAL;
	n = EVP_DecodeBlock(ret, (const unsigned char *)s, (int)len);
	if (n < 0)
		return -EINVAL;
	*ret_len = (size_t)n - padding;
	return 0;
}
