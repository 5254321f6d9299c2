/* What is asked of the API, as a URL. */
#include "daemon/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/active_filter.h"
#include "codec/job_json.h"

#define FILTER_MAX_BYTES 1024

void question_done(struct question *q)
{
	if (q->key)
		explicit_bzero(q->key, strlen(q->key));
	free(q->key);
	ask_free(q->ask);
	q->key = NULL;
	q->ask = NULL;
}

static int add_mask(enum kind kind, const char *separator, struct buf *url)
{
	int r = buf_printf(url, "%sreadMask=", separator);

	return r < 0 ? r : job_json_read_mask(kind, url); /* nothing in it needs escaping */
}

static int add_filter(enum kind kind, struct buf *url)
{
	_cleanup_buf_ struct buf filter = BUF_INIT(FILTER_MAX_BYTES);
	int r = active_filter_write(kind, &filter);

	if (r == 0)
		r = buf_puts(url, "&filter=");
	return r == 0 ? http_url_escape(buf_str(&filter), url) : r;
}

/* The parameters stay the same from page to page (API facts); only the token comes. */
static int page_url(const struct question *q, struct buf *url)
{
	const struct collection *c = q->collection;
	const char *token = c->listings[q->list].token;
	int r = buf_printf(url, "%s/v1/accounts/%s/%s?pageSize=%d", q->account->endpoint,
			   q->account->id, kind_info(c->kind)->collection, PLAN_PAGE_SIZE);

	if (r == 0 && q->list == PLAN_NEWEST)
		r = buf_puts(url, "&orderBy=createTime%20desc");
	if (r == 0 && q->list == PLAN_ACTIVE)
		r = add_filter(c->kind, url);
	if (r == 0 && q->masked)
		r = add_mask(c->kind, "&", url);
	if (r == 0 && token)
		r = buf_puts(url, "&pageToken=");
	return r == 0 && token ? http_url_escape(token, url) : r;
}

int question_url(const struct question *q, struct buf *url)
{
	const struct account *account = q->account;
	int r;

	buf_clear(url);
	switch (q->type) {
	case QUESTION_JOB:
		r = buf_printf(url, "%s/v1/%s", account->endpoint, q->job->name);
		return r == 0 && q->masked ? add_mask(q->job->kind, "?", url) : r;
	case QUESTION_PAGE:
		return page_url(q, url);
	case QUESTION_LOOKUP:
		return buf_printf(url, "%s/v1/accounts?pageSize=2", account->endpoint);
	case QUESTION_ACCOUNT:
		return buf_printf(url, "%s/v1/accounts/%s", account->endpoint, account->id);
	case QUESTION_ASK:
		return buf_printf(url, "%s/%s", account->endpoint, q->ask->path);
	}
	return -EINVAL;
}
