/* Any bytes as the daemon's answer to the command line, and as a readMask. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/status_json.h"
#include "codec/text.h"
#include "fuzz.h"
#include "support/jobs_check.h"

/* What was read can be written, and read again as the same. */
static int check_job(void *user, const struct job_view *v)
{
	struct buf *all = user;

	FUZZ_CHECK(text_is_utf8(v->name) && text_is_utf8(v->last_error));
	FUZZ_CHECK(status_json_job(v, NULL, all) == 0);
	return 0;
}

/* Reads what there is of jobs, and writes it. */
static int again(const char *body, size_t len, struct buf *ret)
{
	int r;

	FUZZ_CHECK(status_json_jobs_begin(ret) == 0);
	r = status_json_parse_jobs(body, len, NULL, check_job, ret);
	FUZZ_CHECK(status_json_jobs_end(ret) == 0);
	return r;
}

static void check_jobs(const char *body, size_t len)
{
	_cleanup_buf_ struct buf first = BUF_INIT(1UL << 24), second = BUF_INIT(1UL << 24),
				 third = BUF_INIT(1UL << 24);
	const char *wrong = jobs_check(body, len);
	int r;

	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	FUZZ_CHECK(!wrong);
	r = again(body, len, &first);
	FUZZ_CHECK(r == 0 || r == -EBADMSG);
	/* Written times have no microseconds, and what is left of 1970's first one is none: the second
	   writing is the one that stays. */
	FUZZ_CHECK(again(first.data, first.len, &second) == 0);
	FUZZ_CHECK(again(second.data, second.len, &third) == 0);
	FUZZ_CHECK(strcmp(second.data, third.data) == 0);
}

static void check_mask(const char *body, size_t len)
{
	_cleanup_free_ char *paths = strndup(body, len);
	struct error e = ERROR_NONE;
	struct job_mask mask = {0};
	int r = job_mask_parse(paths, &mask, &e);

	FUZZ_CHECK(r == 0 ? mask.bits && !(mask.bits & ~job_mask_all.bits)
			  : r == -EINVAL && mask.bits == 0 && e.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_jobs((const char *)data, size);
	check_mask((const char *)data, size);
	return 0;
}
