/* Hashes against published values. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/macro.h"
#include "support/rand.h"

/*
 * CPython hashes its strings with SipHash-1-3, and with PYTHONHASHSEED=0 the key is zero, so
 * hash(b"abc") and so on are independent values; the one of "abc" stands in its test_hash.py. The
 * empty string under the key 00 01 … 0f is the first vector of Rust's core library.
 */
Test(hash, siphash_1_3_vectors)
{
	static const struct {
		uint64_t key[2];
		const char *text;
		uint64_t want;
	} cases[] = {
		{{0, 0}, "a", 0x407448d2b89b1813},
		{{0, 0}, "abc", (uint64_t)-4594863902769663758},
		{{0, 0}, "abcdefg", 0x6db12aae9070f506},
		{{0, 0}, "abcdefgh", 0x3f7b849c0b8e35ea},
		{{0, 0}, "accounts/acme/supervisedFineTuningJobs/abc", 0x25adf6eef30226ef},
		{{0x0706050403020100, 0x0f0e0d0c0b0a0908}, "", 0xabac0158050fc4dc},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_eq(hash_siphash(cases[i].key, cases[i].text), cases[i].want,
			     "case %zu: %016llx", i,
			     (unsigned long long)hash_siphash(cases[i].key, cases[i].text));
}

/* Where a string lies in memory does not count; every byte, and the key, does. */
Test(hash, siphash_depends_on_the_bytes_only)
{
	struct rnd r = rnd_open("hash");

	for (int i = 0; i < 2000; i++) {
		uint64_t key[2] = {rnd_next(&r), rnd_next(&r)}, other[2] = {key[0], ~key[1]}, h;
		char a[80], b[88];
		size_t len = 1 + rnd_below(&r, 60), shift = rnd_below(&r, 8);

		for (size_t k = 0; k < len; k++)
			a[k] = (char)(1 + rnd_below(&r, 255));
		a[len] = '\0';
		strcpy(b + shift, a);
		h = hash_siphash(key, a);
		cr_assert_eq(hash_siphash(key, b + shift), h);
		cr_assert_neq(hash_siphash(other, a), h);
		a[rnd_below(&r, len)] ^= (char)0x80;
		if (strlen(a) == len)
			cr_assert_neq(hash_siphash(key, a), h);
	}
}

/* FNV-1a, 32 bits: values of its authors' test suite. */
Test(hash, stable_vectors)
{
	cr_assert_eq(hash_stable(""), 0x811c9dc5);
	cr_assert_eq(hash_stable("a"), 0xe40c292c);
	cr_assert_eq(hash_stable("foobar"), 0xbf9cf968);
}

/* FIPS 180-4's examples. */
Test(hash, sha256_vectors)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t digest[HASH_SHA256_BYTES];
		char hex[2 * HASH_SHA256_BYTES + 1];

		cr_assert_eq(hash_sha256(cases[i].text, strlen(cases[i].text), digest), 0);
		for (size_t k = 0; k < sizeof(digest); k++)
			snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		cr_assert_str_eq(hex, cases[i].hex);
	}
}

/* RFC 4648, section 10, in lower case and without padding; cut to whole characters. */
Test(hash, base32hex_vectors)
{
	static const struct {
		const char *data, *text;
	} cases[] = {
		{"", ""},
		{"f", "co"},
		{"fo", "cpng"},
		{"foo", "cpnmu"},
		{"foob", "cpnmuog"},
		{"fooba", "cpnmuoj1"},
		{"foobar", "cpnmuoj1e8"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t data[8] = {0}; /* the bits behind the last byte are zero */
		char text[16];

		memcpy(data, cases[i].data, strlen(cases[i].data));
		for (size_t n = 0; n <= strlen(cases[i].text); n++) {
			hash_base32hex(data, n, text);
			cr_assert_eq(strlen(text), n);
			cr_assert_eq(strncmp(text, cases[i].text, n), 0, "%s", text);
		}
	}
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
Test(hash, hmac_sha256_vectors)
{
	static const uint8_t first[20] = {0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
					  0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b,
					  0x0b, 0x0b, 0x0b, 0x0b, 0x0b, 0x0b};
	uint8_t big[131];
	const struct {
		const void *key;
		size_t key_len;
		const char *data, *hex;
	} cases[] = {
		{first, sizeof(first), "Hi There",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", 4, "what do ya want for nothing?",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{big, sizeof(big), "Test Using Larger Than Block-Size Key - Hash Key First",
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};

	memset(big, 0xaa, sizeof(big));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t mac[HASH_SHA256_BYTES];
		char hex[2 * HASH_SHA256_BYTES + 1];

		cr_assert_eq(hash_hmac_sha256(cases[i].key, cases[i].key_len, cases[i].data,
					      strlen(cases[i].data), mac),
			     0);
		for (size_t k = 0; k < sizeof(mac); k++)
			snprintf(hex + 2 * k, 3, "%02x", mac[k]);
		cr_expect_str_eq(hex, cases[i].hex);
	}
}

/* RFC 4648, section 10. */
Test(hash, base64_vectors)
{
	static const struct {
		const char *data, *text;
	} cases[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff", "+/8="},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].data), read;
		char text[HASH_BASE64_MAX(8)];
		uint8_t data[8];

		hash_base64((const uint8_t *)cases[i].data, len, text);
		cr_expect_str_eq(text, cases[i].text);
		cr_expect_lt(strlen(text), HASH_BASE64_MAX(len));
		cr_assert_eq(hash_base64_read(text, strlen(text), data, &read), 0, "%s", text);
		cr_expect(read == len && memcmp(data, cases[i].data, len) == 0, "%s", text);
	}
}

Test(hash, base64_refuses)
{
	static const char *const cases[] = {"Z",     "Zg",   "Zg=",    "Zg===",
					    "=",     "====", " Zm9",   "Zm9\n",
					    "Zm 9v", "Z=g=", "Zm9-v/", "Zm9v=A=="};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t data[16];
		size_t len;

		cr_expect_eq(hash_base64_read(cases[i], strlen(cases[i]), data, &len), -EINVAL,
			     "%s", cases[i]);
	}
}
