/* Signatures: the vector of the Standard Webhooks libraries, and what `openssl dgst` made. */
#include "notify/signature.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER  "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LSE="
#define ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define TIME   1614265330
#define BODY   "{\"test\": 2432232314}"
#define SIGNED "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static int append(const char *id, int64_t timestamp, const char *body, const char *secrets,
		  struct buf *b)
{
	return signature_append(id, timestamp, body, strlen(body), secrets, b);
}

Test(signature, vector)
{
	_cleanup_buf_ struct buf b = BUF_INIT(SIGNATURE_MAX);

	cr_assert_eq(append(ID, TIME, BODY, SECRET, &b), 0);
	cr_expect_str_eq(buf_str(&b), SIGNED);
}

/* Both, in the order of their lines: a receiver that knows either is content. */
Test(signature, two_secrets)
{
	_cleanup_buf_ struct buf other = BUF_INIT(SIGNATURE_MAX), both = BUF_INIT(SIGNATURE_MAX);

	cr_assert_eq(append(ID, TIME, BODY, OTHER, &other), 0);
	cr_assert_eq(append(ID, TIME, BODY, SECRET "\n" OTHER, &both), 0);
	cr_expect_str_neq(buf_str(&other), SIGNED);
	cr_expect_eq(strncmp(buf_str(&both), SIGNED " ", sizeof(SIGNED)), 0, "%s", buf_str(&both));
	cr_expect_str_eq(buf_str(&both) + sizeof(SIGNED), buf_str(&other));
}

Test(signature, depends_on_all_of_it)
{
	static const struct {
		const char *id;
		int64_t timestamp;
		const char *body, *secret;
	} cases[] = {
		{"msg_p5jXN8AQM9LWM0D4loKWxJel", TIME, BODY, SECRET},
		{ID, TIME + 1, BODY, SECRET},
		{ID, TIME, "{\"test\": 2432232315}", SECRET},
		{ID, TIME, "", SECRET},
		{ID, TIME, BODY, "whsec_NfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		{ID, TIME, BODY, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ="},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(SIGNATURE_MAX);

		cr_assert_eq(append(cases[i].id, cases[i].timestamp, cases[i].body, cases[i].secret,
				    &b),
			     0);
		cr_expect_str_neq(buf_str(&b), SIGNED, "case %zu", i);
	}
}

/* A body is bytes, not a string. */
Test(signature, takes_any_bytes)
{
	_cleanup_buf_ struct buf b = BUF_INIT(SIGNATURE_MAX), c = BUF_INIT(SIGNATURE_MAX);

	cr_assert_eq(signature_append(ID, TIME, "a\0b", 3, SECRET, &b), 0);
	cr_assert_eq(signature_append(ID, TIME, "a\0c", 3, SECRET, &c), 0);
	cr_expect_str_neq(buf_str(&b), buf_str(&c));
}

Test(signature, refuses_what_is_no_secret)
{
	static const char *const cases[] = {
		"",          "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_M",   SECRET "\n",
		"\n" SECRET, SECRET "\nwhsec_A=AA",
	};
	char big[2048];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(SIGNATURE_MAX);

		cr_expect_eq(append(ID, TIME, BODY, cases[i], &b), -EINVAL, "case %zu", i);
	}
	memset(big, 'A', sizeof(big));
	memcpy(big, "whsec_", 6);
	big[6 + 1028] = '\0';
	{
		_cleanup_buf_ struct buf b = BUF_INIT(SIGNATURE_MAX);

		cr_expect_eq(append(ID, TIME, BODY, big, &b), -EINVAL);
		big[6 + 1024] = '\0';
		cr_expect_eq(append(ID, TIME, BODY, big, &b), 0);
	}
}
