/*
 * The members of a job's document on the control socket, in its order: one table for who writes it,
 * who reads it, who asks for a part of it (readMask), and the tests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* How a value is written, and what it is in struct job_view. */
enum job_value {
	JOB_TEXT,           /* const char * */
	JOB_TEXT_OR_NULL,   /* null for "" */
	JOB_TIME,           /* int64_t, us: RFC 3339, or null for 0 */
	JOB_SPAN,           /* uint64_t, ms: seconds, or null for UINT64_MAX */
	JOB_BOOL,           /* bool */
	JOB_INT32,          /* int32_t */
	JOB_UINT16_OR_NULL, /* uint16_t; null for 0 */
	JOB_UINT32,         /* uint32_t */
	JOB_UINT64,         /* uint64_t */
	JOB_NOTIFY,         /* an array of names, or null where none were chosen */
	JOB_OBJECT,         /* the members that follow */
	JOB_OBJECT_IF_BOOL, /* the same, or null while the bool is false */
	JOB_OBJECT_IF_TIME, /* the same, or null while the int64_t is 0 */
};

struct job_member {
	const char *name;
	enum job_value value;
	size_t offset;    /* in struct job_view */
	size_t n_members; /* of an object: those in the rows that follow */
	bool required;    /* who reads the document refuses it without this */
};

#define JOB_MEMBERS 45

extern const struct job_member job_members[JOB_MEMBERS];

/* Some of the members: bit i for row i. An object's bit is set where one of its members' is. */
struct job_mask {
	uint64_t bits;
};

extern const struct job_mask job_mask_all;

/*
 * Reads what a readMask= says: "name,phase,progress.percent", members or members of members. 0, or
 * -EINVAL and a sentence that quotes the bad path.
 */
int job_mask_parse(const char *paths, struct job_mask *ret, struct error *ret_e);

static inline bool job_mask_has(const struct job_mask *mask, size_t member)
{
	return mask->bits & (uint64_t)1 << member;
}
