/*
 * Pages of lists as they were last seen: what comes again byte for byte need not be parsed.
 *
 * Nearly every page of a large collection is the same at each look, as long as the readMask keeps out
 * what differs in every answer (API facts: updateTime, signed URLs). A page is known by its place in its
 * list and the SHA-256 of its bytes; it stands for the jobs that it showed, each with the snapshot that
 * it had then. When a job has another snapshot by now, what is known of the page is worth nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/snapshot.h"

struct job;

struct page_job {
	struct job *job;           /* never freed while the daemon runs */
	struct snapshot *snapshot; /* a reference */
};

/* What a page showed. */
struct listing_page {
	uint32_t n;      /* jobs on it */
	uint32_t active; /* of these, not at an end */
	uint32_t total;  /* jobs in the list, as the server says; 0: it does not */
};

struct page_record {
	uint8_t digest[HASH_SHA256_BYTES];
	char *token; /* of the next page; "" for the last one */
	struct listing_page shown;
	uint32_t n, cap;
	struct page_job *jobs; /* but for those that nobody watches */
};

struct page_memory {
	struct page_record **pages; /* by their place; NULL: not known */
	uint32_t n;
};

/* Takes NULL, returns NULL. */
struct page_record *page_record_free(struct page_record *r);

/* The page at that place when it had these bytes; NULL when it had not, or a job has changed since. */
const struct page_record *page_memory_find(const struct page_memory *m, uint32_t place,
					   const uint8_t digest[HASH_SHA256_BYTES]);

/* A record to be filled while a page is parsed. 0 or -ENOMEM. */
int page_record_new(const uint8_t digest[HASH_SHA256_BYTES], struct page_record **ret);
int page_record_add(struct page_record *r, struct job *job, struct snapshot *snapshot);

/* It is complete: gives back the room that it did not need. */
void page_record_end(struct page_record *r);

/* Keeps it, or NULL for nothing, in the place of what was there. Out of memory, nothing is kept. */
void page_memory_keep(struct page_memory *m, uint32_t place, struct page_record *r);

/* Forgets the pages from that place on: the list has become shorter, or nothing is as it was (0). */
void page_memory_cut(struct page_memory *m, uint32_t place);
