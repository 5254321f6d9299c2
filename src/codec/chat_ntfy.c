/*
 * ntfy, published as JSON to the server's root: priority and tag, which is shown as an emoji, tell
 * the outcome. The message is plain text, for "markdown" is not set.
 *
 * Source: docs.ntfy.sh/publish, "Publish as JSON": 4096 bytes of message; a longer one would become
 * an attachment.
 */
#include "codec/chat_message.h"
#include "codec/json_util.h"

#define MESSAGE_MAX 4096

static const struct {
	int priority; /* 1 to 5; 3 is the default, above it phones insist */
	const char *tag;
} tones[CHAT_TONE_COUNT_] = {
	[CHAT_NEUTRAL] = {2, "information_source"},
	[CHAT_GOOD] = {3, "white_check_mark"},
	[CHAT_WARNING] = {3, "warning"},
	[CHAT_BAD] = {4, "rotating_light"},
};

static bool fill(struct json_object *doc, const struct chat_message *m, const char *topic)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MESSAGE_MAX);
	struct json_object *tags = json_object_new_array();

	return json_util_add(doc, "tags", tags) &&
	       json_util_append_text(tags, tones[m->tone].tag) &&
	       chat_message_join(m, "", "", &text) == 0 &&
	       json_util_add_text(doc, "topic", topic) &&
	       json_util_add_text(doc, "title", m->title) &&
	       json_util_add_text(doc, "message", buf_str(&text)) &&
	       json_util_add_int(doc, "priority", tones[m->tone].priority) &&
	       (!m->link || json_util_add_text(doc, "click", m->link));
}

struct json_object *chat_ntfy(const struct chat_message *m, const char *topic)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();

	return doc && fill(doc, m, topic) ? TAKE_PTR(doc) : NULL;
}
