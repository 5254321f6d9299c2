/*
 * Hashes: a fast seeded one for tables; SHA-256 (libcrypto's) for identifiers that must stay the
 * same for ever; HMAC-SHA256 for signatures. And the two ways in which bytes become text.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_BYTES 32

/*
 * SipHash-1-3 of the string. With a key drawn at random, a server that chooses names cannot choose
 * collisions.
 */
uint64_t hash_siphash(const uint64_t key[2], const char *s);

/* FNV-1a: the same in every process, for spreading things in time. Not for tables. */
uint32_t hash_stable(const char *s);

/* 0 or -ENOMEM. */
int hash_sha256(const void *data, size_t len, uint8_t ret_digest[HASH_SHA256_BYTES]);

/* RFC 2104 with SHA-256. 0 or -ENOMEM. */
int hash_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		     uint8_t ret_mac[HASH_SHA256_BYTES]);

/*
 * Writes `chars` characters of RFC 4648 base32hex, in lower case and without padding, for the first
 * bits of `data`; `ret` holds chars + 1 bytes. `data` holds at least (chars * 5 + 7) / 8 bytes.
 */
void hash_base32hex(const uint8_t *data, size_t chars, char *ret);

/* Characters of RFC 4648 base64 for `len` bytes, with padding and the NUL. */
#define HASH_BASE64_MAX(len) (((len) + 2) / 3 * 4 + 1)
void hash_base64(const uint8_t *data, size_t len, char *ret);

/*
 * Reads `len` characters of base64 with its padding; `ret` holds len / 4 * 3 bytes. 0 or -EINVAL.
 */
int hash_base64_read(const char *s, size_t len, uint8_t *ret, size_t *ret_len);
