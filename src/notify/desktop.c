/* Events to the user's desktop. */
#include "notify/desktop.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/utf8.h"
#include "codec/notice.h"
#include "notify/document.h"

#define MAX_PARALLEL 64

#define TAG_MAX (STORE_NOTIFIER_MAX + NAME_JOB_MAX + 2)

struct desktop_call {
	verdict_fn fn;
	void *user;
	bool test;
	struct notification_call *shown;
};

static const struct {
	enum notification_urgency urgency;
	const char *icon, *category;
} tones[CHAT_TONE_COUNT_] = {
	[CHAT_NEUTRAL] = {NOTIFICATION_LOW, "dialog-information", "transfer"},
	[CHAT_GOOD] = {NOTIFICATION_NORMAL, "emblem-default", "transfer.complete"},
	[CHAT_WARNING] = {NOTIFICATION_NORMAL, "dialog-warning", "transfer"},
	[CHAT_BAD] = {NOTIFICATION_CRITICAL, "dialog-error", "transfer.error"},
};

enum notification_urgency desktop_urgency(enum chat_tone tone)
{
	return tones[tone].urgency;
}

const char *desktop_icon(enum chat_tone tone)
{
	return tones[tone].icon;
}

uint64_t desktop_wait_ms(int64_t created_us, int64_t now_us)
{
	int64_t until_us = created_us + (int64_t)DESKTOP_WAIT_MS * US_PER_MS;

	if (until_us <= now_us)
		return DESKTOP_WAIT_MIN_MS;
	return MIN(MAX((uint64_t)(until_us - now_us) / US_PER_MS, DESKTOP_WAIT_MIN_MS),
		   DESKTOP_WAIT_MS);
}

enum verdict desktop_verdict(enum notification_end end, bool test)
{
	switch (end) {
	case NOTIFICATION_SHOWN:
		return VERDICT_DELIVERED;
	case NOTIFICATION_NO_SERVICE:
		return test ? VERDICT_RETRY : VERDICT_DEAD;
	case NOTIFICATION_FAILED:
		return VERDICT_RETRY;
	case NOTIFICATION_CANCELLED:
		return VERDICT_CANCELLED;
	}
	return VERDICT_DEAD;
}

static void on_end(void *user, enum notification_end end, const char *detail)
{
	static const char *const what[] = {
		[NOTIFICATION_SHOWN] = "shown",
		[NOTIFICATION_NO_SERVICE] = "no service shows notifications",
		[NOTIFICATION_FAILED] = "the notification service refused it",
		[NOTIFICATION_CANCELLED] = "cancelled",
	};
	struct desktop_call *call = user;
	char text[STORE_ERROR_MAX];
	struct verdict_result result = {.verdict = desktop_verdict(end, call->test), .text = text};

	utf8_snprintf(text, sizeof(text), "%s%s%s", what[end], *detail ? ": " : "", detail);
	call->fn(call->user, &result);
	free(call);
}

static int show(const struct notifier *n, const struct event_fields *fields, uint64_t wait_ms,
		struct desktop_call *call)
{
	_cleanup_notice_ struct notice notice = {0};
	char tag[TAG_MAX];
	struct notification what;
	int r = notice_init(&notice, fields);

	if (r < 0)
		return r;
	utf8_snprintf(tag, sizeof(tag), "%s %s", n->config->name,
		      fields->values[EVENT_FIELD_SUBJECT]);
	what = (struct notification){
		.tag = tag,
		.icon = desktop_icon(notice.tone),
		.category = tones[notice.tone].category,
		.urgency = desktop_urgency(notice.tone),
		.summary = notice.summary,
		.body = notice.body,
		.markup = notice.markup,
		.url = notice.link,
	};
	return notifications_show(n->env->notifications, &what, wait_ms, on_end, call,
				  &call->shown);
}

static int desktop_deliver(struct notifier *n, const struct notifier_delivery *d, size_t n_d,
			   verdict_fn fn, void *user, struct notifier_call **ret)
{
	_cleanup_(event_fields_done) struct event_fields fields = {0};
	_cleanup_free_ struct desktop_call *call = calloc(1, sizeof(*call));
	uint64_t wait_ms;
	int r;

	if (!call)
		return -ENOMEM;
	r = document_fields(d, &fields);
	if (r < 0)
		return r;
	*call = (struct desktop_call){.fn = fn,
				      .user = user,
				      .test = event_id_is_test(d->event->id)};
	/* Who tries it out wants to know at once. */
	wait_ms = call->test ? 0 : desktop_wait_ms(d->created_us, clock_real_now_us());
	r = show(n, &fields, wait_ms, call);
	if (r < 0)
		return r;
	*ret = (struct notifier_call *)TAKE_PTR(call);
	return 0;
}

static void desktop_cancel(struct notifier *n, struct notifier_call *call)
{
	notification_cancel(((struct desktop_call *)call)->shown);
}

/* So many jobs may wait for a desktop, and somebody may still try the notifier out. */
static unsigned desktop_max_parallel(const struct notifier *n)
{
	return MAX_PARALLEL;
}

const struct notifier_type_info notifier_desktop = {
	.name = "desktop",
	.deliver = desktop_deliver,
	.cancel = desktop_cancel,
	.max_parallel = desktop_max_parallel,
	.waits = true,
};
