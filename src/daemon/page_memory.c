/* Pages of lists as they were last seen. */
#include "daemon/page_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job.h"

struct page_record *page_record_free(struct page_record *r)
{
	if (!r)
		return NULL;
	for (uint32_t i = 0; i < r->n; i++)
		snapshot_unref(r->jobs[i].snapshot);
	free(r->jobs);
	free(r->token);
	free(r);
	return NULL;
}

static bool is_as_it_was(const struct page_record *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->jobs[i].job->snapshot != r->jobs[i].snapshot)
			return false;
	return true;
}

const struct page_record *page_memory_find(const struct page_memory *m, uint32_t place,
					   const uint8_t digest[HASH_SHA256_BYTES])
{
	const struct page_record *r = place < m->n ? m->pages[place] : NULL;

	if (!r || memcmp(r->digest, digest, HASH_SHA256_BYTES) != 0 || !is_as_it_was(r))
		return NULL;
	return r;
}

int page_record_new(const uint8_t digest[HASH_SHA256_BYTES], struct page_record **ret)
{
	struct page_record *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	memcpy(r->digest, digest, HASH_SHA256_BYTES);
	*ret = r;
	return 0;
}

int page_record_add(struct page_record *r, struct job *job, struct snapshot *snapshot)
{
	if (r->n == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 16;
		struct page_job *jobs = realloc(r->jobs, cap * sizeof(*jobs));

		if (!jobs)
			return -ENOMEM;
		r->jobs = jobs;
		r->cap = cap;
	}
	r->jobs[r->n++] = (struct page_job){job, snapshot_ref(snapshot)};
	return 0;
}

void page_record_end(struct page_record *r)
{
	struct page_job *jobs = r->n ? realloc(r->jobs, r->n * sizeof(*jobs)) : NULL;

	if (jobs) {
		r->jobs = jobs;
		r->cap = r->n;
	}
}

void page_memory_keep(struct page_memory *m, uint32_t place, struct page_record *r)
{
	if (place >= m->n) {
		struct page_record **pages =
			r ? realloc(m->pages, (place + 1) * sizeof(struct page_record *)) : NULL;

		if (!pages) {
			page_record_free(r);
			return;
		}
		memset(pages + m->n, 0, (place + 1 - m->n) * sizeof(struct page_record *));
		m->pages = pages;
		m->n = place + 1;
	}
	page_record_free(m->pages[place]);
	m->pages[place] = r;
}

void page_memory_cut(struct page_memory *m, uint32_t place)
{
	while (m->n > place)
		page_record_free(m->pages[--m->n]);
	if (place == 0) {
		free(m->pages);
		m->pages = NULL;
	}
}
