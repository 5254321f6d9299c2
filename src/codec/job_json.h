/*
 * Answers of the API, from bytes to snapshots: one allow-list, and a class for everything that is
 * not a well-formed job. Pure; nothing here waits.
 *
 * Limits: depth 32, jobs a page JOB_JSON_PAGE_MAX, page token JOB_JSON_TOKEN_MAX bytes. The size of
 * the body is bounded before it gets here. A text with a NUL or a control character inside a name,
 * a value of a wrong type in an allow-listed field, a duplicate key of one, bytes that are not
 * UTF-8, anything after the document: TROUBLE_NOT_API.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/name.h"
#include "model/snapshot.h"
#include "model/trouble.h"

#define JOB_JSON_PAGE_MAX    1000
#define JOB_JSON_TOKEN_MAX   4096
#define JOB_JSON_SUSPEND_MAX 64 /* bytes of an account's suspendState, with the NUL */

/* The parser keeps json-c's tokener from one answer to the next. */
struct job_json;

int job_json_new(struct job_json **ret);            /* 0 or -ENOMEM */
struct job_json *job_json_free(struct job_json *p); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct job_json *, job_json_free);

/*
 * The answer to a GET of one job. 0, -ENOMEM, or a positive enum trouble: TROUBLE_NOT_API or, when
 * the name in the answer is another one, TROUBLE_WRONG_JOB; then `ret_e` says what is wrong, without
 * quoting values.
 */
int job_json_parse(struct job_json *p, const char *body, size_t len, const struct job_name *asked,
		   struct snapshot **ret, struct error *ret_e);

/*
 * Appends the readMask of a kind: the allow-listed fields that its message has, separated by commas.
 * A mask is an optimisation that a server may refuse or misread, so an answer to one is believed only
 * when job_json_mask_held() says that each job in it has what every job has. 0, -ENOMEM, -EMSGSIZE.
 */
int job_json_read_mask(enum kind kind, struct buf *b);
bool job_json_mask_held(const struct snapshot *s);

/* Called for each job of a page, in its order; the snapshot is handed over (unref it). */
typedef int (*job_json_fn)(void *user, const struct job_name *name, struct snapshot *snapshot);

/* What a page says beside its jobs. */
struct job_json_page {
	char token[JOB_JSON_TOKEN_MAX]; /* of the next page; "" on the last one */
	uint32_t total;                 /* jobs in the whole list; 0 where the page does not say */
	bool listed; /* it has the array of jobs, if empty: a server emits its defaults (API facts) */
};

/*
 * One page of a collection. A single malformed job fails the page: nothing is called then, for half
 * a page would look like jobs that are gone. Jobs of another account or kind: TROUBLE_WRONG_JOB.
 * 0, -ENOMEM, a positive enum trouble, or the first negative value that `fn` returned.
 */
int job_json_parse_page(struct job_json *p, const char *body, size_t len, const char *account,
			enum kind kind, job_json_fn fn, void *user, struct job_json_page *ret,
			struct error *ret_e);

/*
 * The answer to GET /v1/accounts?pageSize=2: the id of the only account. 0, -ENOMEM, -ENOTUNIQ when
 * there are several, -ENOENT when there is none, TROUBLE_NOT_API.
 */
int job_json_parse_accounts(struct job_json *p, const char *body, size_t len,
			    char ret_account[NAME_ID_MAX + 1], struct error *ret_e);

/*
 * The answer to GET /v1/accounts/{id}: why the account is suspended ("CREDIT_DEPLETED"), as the API
 * has it; "" when it is not, or the API does not say. 0, -ENOMEM, TROUBLE_NOT_API.
 */
int job_json_parse_account(struct job_json *p, const char *body, size_t len,
			   char ret_suspend_state[JOB_JSON_SUSPEND_MAX], struct error *ret_e);

/* The answer to a GET of a model: whether its state is READY. 0, -ENOMEM, TROUBLE_NOT_API. */
int job_json_parse_model(struct job_json *p, const char *body, size_t len, bool *ret_ready,
			 struct error *ret_e);

/*
 * The message in the body of an API error, in either of its two shapes, cut to `size` bytes, control
 * characters replaced; "" when the body is neither. It may be shown, so whoever calls it scrubs the
 * key from it.
 */
void job_json_error_message(struct job_json *p, const char *body, size_t len, char *ret,
			    size_t size);
