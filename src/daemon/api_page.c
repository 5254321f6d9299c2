/* GET /: the status page. */
#include <stdlib.h>
#include <string.h>

#include "codec/page.h"
#include "daemon/api_private.h"

#define PAGE_JOBS 200 /* that are on it: the active ones first, then those that ended last */

static bool at_end(const struct job *job)
{
	return job->snapshot && phase_is_end(snapshot_phase(job->snapshot));
}

static int by_interest(const void *a, const void *b)
{
	const struct job *x = *(const struct job *const *)a, *y = *(const struct job *const *)b;

	if (at_end(x) != at_end(y))
		return at_end(x) ? 1 : -1;
	if (at_end(x) && x->phase_since_us != y->phase_since_us)
		return x->phase_since_us < y->phase_since_us ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int put_jobs(const struct api *api, const struct job **jobs, size_t n, struct buf *body)
{
	const struct view_moment now = view_now();
	int r = 0;

	qsort(jobs, n, sizeof(*jobs), by_interest);
	for (size_t i = 0; r == 0 && i < MIN(n, (size_t)PAGE_JOBS); i++) {
		struct job_name name;
		struct job_view v;

		job_parse_name(jobs[i], &name);
		v = view_job(*api->sources.config, jobs[i], &name, &now);
		r = page_job(&v, now.real_us, body);
	}
	return r == 0 ? page_end(n - MIN(n, (size_t)PAGE_JOBS), body) : r;
}

int api_get_page(struct api *api, const struct server_request *request, const char *rest,
		 struct server_response *response)
{
	_cleanup_free_ const struct job **jobs = NULL;
	struct api_status status;
	size_t n;
	int r = api_watched_jobs(api, &jobs, &n);

	if (r < 0)
		return r;
	api_view_status(api, &status);
	response->content_type = "text/html; charset=utf-8";
	r = page_begin(&status.view, &response->body);
	return r == 0 ? put_jobs(api, jobs, n, &response->body) : r;
}
