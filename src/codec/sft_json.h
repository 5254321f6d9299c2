/*
 * A supervised fine-tuning job that is to be created, as JSON: whether a file describes one, what
 * of it is sent to the API, the id that it gets, and whether a job that is there already is the
 * same.
 *
 * Absent, null, "", 0, false, an empty object or array, and a name that ends in _UNSPECIFIED are
 * one value, as in the API: "none".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/macro.h"
#include "codec/json_doc.h"
#include "model/name.h"

#define SFT_JSON_MAX_BYTES JSON_DOC_MAX_BYTES /* of a file */
#define SFT_KEY_MAX_BYTES  4096               /* of a W&B key */
/* Holds any job's body: a control character may be written longer than it was. */
#define SFT_BODY_MAX_BYTES (6 * SFT_JSON_MAX_BYTES + 8 * SFT_KEY_MAX_BYTES)
#define SFT_FAULTS_MAX     50 /* told of each severity, the first ones */

enum sft_severity {
	SFT_WARNING, /* the job can be created all the same */
	SFT_FAULT,
};

/* `line` counts from 1. The text is one line without control characters and without values. */
typedef void (*sft_fault_fn)(void *user, unsigned line, enum sft_severity severity,
			     const char *text);

struct sft_job;

/*
 * Reads a job from strict JSON that may have // and slash-star comments. Tells every fault it
 * finds, of a text that is no JSON the first one. Faults: `dataset` missing; not exactly one of
 * `baseModel` and `warmStartFrom` (the API reference forbids both, and without any there is nothing
 * to train); a known field of another type, or one that does not fit; a name twice in one object; a
 * W&B key. Warnings: unknown fields, which are sent as they are; fields that only the API sets,
 * which are not; deprecated ones. 0, -EBADMSG (told), -ENOMEM.
 */
int sft_json_check(const char *text, size_t len, sft_fault_fn fn, void *user, struct sft_job **ret);
struct sft_job *sft_job_free(struct sft_job *job); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct sft_job *, sft_job_free);

/* wandbConfig.enabled is true: it needs a key. */
bool sft_job_wants_wandb(const struct sft_job *job);

/*
 * Appends what is POSTed: compact, members in their order, numbers as written, with the key in
 * `wandbConfig` when one is given and the job has that object. What it makes without a key passes
 * sft_json_check() again and has the same id. 0, -ENOMEM, -EMSGSIZE.
 */
int sft_job_body(const struct sft_job *job, const char *wandb_key, struct buf *b);

/*
 * Appends what may be kept of it while it is not known whether it was created: the body without a key
 * and without where a storage of one's own is. 0, -ENOMEM, -EMSGSIZE.
 */
int sft_job_kept(const struct sft_job *job, struct buf *b);

/*
 * The id of a job that was given none: what is left of `displayName` in lower case, at most 40
 * characters, and a hash of the account and of what the job is. The same for ever for jobs that
 * differ only in the order of members, in white space and comments, in how a number is written, or
 * in what is none. 0 or -ENOMEM.
 */
int sft_job_id(const struct sft_job *job, const char *account, char ret[NAME_ID_MAX + 1]);

/* `field` is a path ("wandbConfig.project"); the values are short texts to be shown. */
typedef void (*sft_difference_fn)(void *user, const char *field, const char *there,
				  const char *here);

/*
 * Compares with a job as the API's GET shows it: only what the job gives, for the API fills in
 * defaults; null, "" and 0 give nothing. A resource may be named by its short form; floats have 32
 * bits. Unknown fields count only when the answer has them, keys never. No call: the same job. 0,
 * -ENOMEM, -EBADMSG: the answer is no supervised fine-tuning job.
 */
int sft_job_differences(const struct sft_job *job, const char *answer, size_t len,
			sft_difference_fn fn, void *user);
