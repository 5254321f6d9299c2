/* The API's call that creates a job. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/api_json.h"
#include "codec/sft_json.h"
#include "daemon/api_private.h"

#define TIMEOUT_S     120
#define TIMEOUT_MAX_S 3600

/* Who waits for the answer. */
struct call {
	struct api *api;
	struct server_response *response;
};

static const struct {
	unsigned status;
	const char *code;
} refusals[] = {
	[SUBMIT_OUTCOME_NOT_ALLOWED] = {403, "api_forbidden"},
	[SUBMIT_OUTCOME_REFUSED] = {422, "api_refused"},
	[SUBMIT_OUTCOME_TOO_LATE] = {503, "api_unavailable"},
	[SUBMIT_OUTCOME_UNWATCHED] = {500, "internal"},
};

static int answer_job(const struct call *c, const struct submit_result *result)
{
	bool created = result->outcome == SUBMIT_OUTCOME_CREATED;
	struct buf *body = &c->response->body;
	int r = api_json_outcome_begin(created ? "created" : "found", body);

	c->response->status = created ? 201 : 200;
	if (r == 0)
		r = api_job_document(c->api, result->job, body);
	return r == 0 ? api_json_outcome_end(body) : r;
}

static int answer_conflict(const struct call *c, const struct submit_result *result)
{
	struct api_difference d[SUBMIT_DIFFERENCES_MAX];

	for (size_t i = 0; i < result->n_differences; i++)
		d[i] = (struct api_difference){result->differences[i].field,
					       result->differences[i].there,
					       result->differences[i].here};
	c->response->status = 409;
	return api_json_conflict("another job has this id already", d, result->n_differences,
				 &c->response->body);
}

static void on_submitted(void *user, const struct submit_result *result)
{
	struct call *c = user;
	int r = 0;

	switch (result->outcome) {
	case SUBMIT_OUTCOME_CREATED:
	case SUBMIT_OUTCOME_FOUND:
		r = answer_job(c, result);
		break;
	case SUBMIT_OUTCOME_OTHER:
		r = answer_conflict(c, result);
		break;
	case SUBMIT_OUTCOME_BAD:
		c->response->status = 400;
		r = api_json_faults("bad_request", result->text, &result->text, 1,
				    &c->response->body);
		break;
	case SUBMIT_OUTCOME_NOT_ALLOWED:
	case SUBMIT_OUTCOME_REFUSED:
	case SUBMIT_OUTCOME_TOO_LATE:
	case SUBMIT_OUTCOME_UNWATCHED:
		r = api_refuse(c->response, refusals[result->outcome].status,
			       refusals[result->outcome].code, "%s", result->text);
		break;
	case SUBMIT_OUTCOME_STOPPED:
		r = api_refuse_stopping(c->response);
		break;
	}
	server_answer(c->response, r);
	free(c);
}

/* --- what is asked for --- */

#define FAULT_MAX 300

struct faults {
	size_t n;
	const char *list[SFT_FAULTS_MAX];
	char texts[SFT_FAULTS_MAX][FAULT_MAX];
};

static void note_fault(void *user, unsigned line, enum sft_severity severity, const char *text)
{
	struct faults *f = user;

	if (severity != SFT_FAULT || f->n == SFT_FAULTS_MAX)
		return;
	snprintf(f->texts[f->n], FAULT_MAX, "line %u: %s", line, text);
	f->list[f->n] = f->texts[f->n];
	f->n++;
}

/* 0; 1 when the response says what is wrong; negative. */
static int read_job(const struct server_request *request, struct server_response *response,
		    struct sft_job **ret)
{
	struct faults *f = calloc(1, sizeof(*f));
	int r = f ? sft_json_check(request->body, request->body_len, note_fault, f, ret) : -ENOMEM;

	if (r == -EBADMSG && f->n > 0) {
		response->status = 400;
		r = api_json_faults("bad_request", f->list[0], f->list, f->n, &response->body);
		r = r < 0 ? r : 1;
	}
	free(f);
	return r;
}

/* "acme/jobs/sft" */
static bool read_account(const char *rest, char ret[NAME_ID_MAX + 1])
{
	const char *slash = strchr(rest, '/');

	if (!slash || strcmp(slash, "/jobs/sft") != 0 || slash - rest > NAME_ID_MAX)
		return false;
	snprintf(ret, NAME_ID_MAX + 1, "%.*s", (int)(slash - rest), rest);
	return name_id_valid(ret); /* an account whose id is not known yet has "" */
}

/* What did not come to a question. */
static int refuse_order(struct server_response *response, const struct account *account, int r)
{
	switch (r) {
	case -EEXIST:
		return api_refuse(response, 409, "conflict",
				  "another job is being created under this id right now: give this "
				  "one another");
	case -EUSERS:
		return api_refuse(response, 503, "too_many",
				  "too many jobs are being created at a time: try again later");
	case -ENOSPC:
		return api_refuse(response, 409, "conflict", "account %s has too many jobs",
				  account->id);
	case -ESHUTDOWN:
		return api_refuse_stopping(response);
	}
	return r;
}

/* 0; 1 when the response says what is wrong; negative. */
static int read_order(struct api *api, const struct server_request *request, const char *rest,
		      struct server_response *response, struct submit_order *ret)
{
	char account[NAME_ID_MAX + 1];
	uint64_t timeout_s;

	if (!read_account(rest, account))
		return api_refuse(
			       response, 404, "not_found",
			       "there is no such call; see POST /v1/accounts/{account}/jobs/sft") +
		       1;
	if (!*api->sources.poller) /* nor are there accounts any more */
		return refuse_order(response, NULL, -ESHUTDOWN) + 1;
	ret->account = api_find_account(api, account);
	if (!ret->account)
		return api_no_account(response, account) + 1;
	ret->id = server_argument(request, "id");
	ret->notify = server_argument(request, "notify");
	if (ret->notify && !*ret->notify)
		ret->notify = NULL;
	if (ret->id && !*ret->id)
		ret->id = NULL;
	if (ret->id && !name_id_valid(ret->id))
		return api_refuse(response, 400, "bad_request",
				  "an id has 1 to 63 characters of a-z, 0-9 and -") +
		       1;
	if (ret->notify && !api_knows_notifiers(api, ret->notify, response))
		return 1;
	if (api_number(request, response, "timeout", 1, TIMEOUT_MAX_S, TIMEOUT_S, &timeout_s) < 0)
		return 1;
	ret->timeout_ms = timeout_s * MS_PER_S;
	if (ret->account->n_overrides >= JOB_OVERRIDES_MAX)
		return api_too_many(response, account) + 1;
	return read_job(request, response, &ret->job);
}

int api_submit(struct api *api, const struct server_request *request, const char *rest,
	       struct server_response *response)
{
	struct submit_order order = {.job = NULL};
	struct call *c;
	int r = read_order(api, request, rest, response, &order);

	if (r != 0)
		return MIN(r, 0);
	if (api_is_store_failing(api, response)) {
		sft_job_free(order.job);
		return 0;
	}
	c = malloc(sizeof(*c));
	if (!c) {
		sft_job_free(order.job);
		return -ENOMEM;
	}
	*c = (struct call){api, response};
	r = submitter_submit(api->sources.submitter, &order, on_submitted, c);
	if (r == 0)
		return SERVER_LATER;
	free(c);
	return refuse_order(response, order.account, r);
}
