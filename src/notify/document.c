/* What a delivery sends. */
#include "notify/document.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/macro.h"

int document_init(struct document *ret, const struct notifier_delivery *d)
{
	_cleanup_buf_ struct buf own = BUF_INIT(EVENT_JSON_MAX);
	int r;

	if (d->model_ready == MODEL_UNASKED) {
		*ret = (struct document){.body = d->event->body, .len = d->event->len};
		return 0;
	}
	r = event_json_say_model(d->event->body, d->event->len, d->model_ready, &own);
	if (r < 0)
		return r;
	*ret = (struct document){.len = own.len};
	ret->body = ret->own = buf_take(&own);
	return 0;
}

void document_done(struct document *d)
{
	free(d->own);
	d->own = NULL;
}

int document_fields(const struct notifier_delivery *d, struct event_fields *ret)
{
	_cleanup_document_ struct document document = {0};
	int r = document_init(&document, d);

	return r < 0 ? r : event_fields_parse(document.body, document.len, ret);
}
