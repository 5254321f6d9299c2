/* Events as messages of chat services: one row a service. */
#include "codec/chat.h"

#include <errno.h>

#include "codec/chat_message.h"
#include "codec/json_util.h"

/* Each style leaves room for the JSON around the texts; tests hold the largest messages against the
 * services' limits. */
static const struct {
	struct chat_style style;
	struct json_object *(*format)(const struct chat_message *m, const char *topic);
} services[CHAT_SERVICE_COUNT_] = {
	[CHAT_SLACK] = {{CHAT_ENTITIES, 150, 2900, false}, chat_slack},
	[CHAT_DISCORD] = {{CHAT_BACKSLASH, 250, 4000, false}, chat_discord},
	[CHAT_TEAMS] = {{CHAT_PLAIN, 250, 8000, false}, chat_teams},
	[CHAT_NTFY] = {{CHAT_PLAIN, 150, 3000, false}, chat_ntfy},
};

int chat_format(enum chat_service service, const struct event_fields *events, size_t n,
		const size_t more[EVENT_COUNT_], const char *topic, struct buf *b)
{
	_cleanup_chat_message_ struct chat_message m;
	_cleanup_json_ struct json_object *doc = NULL;
	const char *text;
	size_t len;
	int r = chat_message_init(&m, &services[service].style, events, n, more);

	if (r < 0)
		return r;
	doc = services[service].format(&m, topic);
	if (!doc)
		return -ENOMEM;
	text = json_object_to_json_string_length(
		doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (!text)
		return -ENOMEM;
	return len > CHAT_BYTES_MAX ? -EMSGSIZE : buf_append(b, text, len);
}
