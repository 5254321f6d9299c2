/*
 * Links into the vendor's console. It is not documented which pages there are: the paths of the
 * kinds below are what the vendor's SDK and command-line tools print when they create such a job.
 */
#include "codec/chat_message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/kind.h"
#include "model/name.h"

#define CONSOLE "https://app.fireworks.ai/dashboard/fine-tuning"

static const char source_prefix[] = "https://api.fireworks.ai/v1/";

static const char *const pages[KIND_COUNT_] = {
	[KIND_SFT] = "supervised",
	[KIND_RFT] = "reinforcement",
};

static bool is_vendors(const struct event_fields *event)
{
	return strncmp(event->values[EVENT_FIELD_SOURCE], source_prefix,
		       sizeof(source_prefix) - 1) == 0;
}

static int list_page(char **ret)
{
	*ret = strdup(CONSOLE);
	return *ret ? 0 : -ENOMEM;
}

int chat_link(const struct event_fields *event, char **ret)
{
	const char *id = event->values[EVENT_FIELD_JOB_ID];
	enum kind kind;

	*ret = NULL;
	if (!is_vendors(event))
		return 0;
	if (kind_from_name(event->values[EVENT_FIELD_KIND], &kind) < 0)
		return list_page(ret);
	if (!kind_info(kind)->makes_model)
		return 0; /* the page is one of fine-tuning jobs */
	if (!pages[kind] || !name_id_valid(id))
		return list_page(ret);
	if (asprintf(ret, CONSOLE "/%s/%s", pages[kind], id) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

int chat_link_list(const struct event_fields *events, size_t n, char **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < n; i++)
		if (!is_vendors(&events[i]))
			return 0;
	return list_page(ret);
}
