/*
 * Slack's incoming webhooks: the title as text, the rest in an attachment, whose colour tells the
 * outcome. What comes from outside is in plain_text objects, and & < > in it are escaped: Slack
 * takes these for control characters in all text objects.
 *
 * Source: docs.slack.dev, "Formatting message text" and the reference of Block Kit: 3000 characters
 * in a section's text.
 */
#include "codec/chat_message.h"
#include "codec/json_util.h"

#define SECTION_MAX 3000

static const char *const colors[CHAT_TONE_COUNT_] = {
	[CHAT_NEUTRAL] = "#8d8d8d",
	[CHAT_GOOD] = "#2eb67d",
	[CHAT_WARNING] = "#ecb22e",
	[CHAT_BAD] = "#e01e5a",
};

/* A new section in `blocks`; NULL when memory is out. */
static struct json_object *add_section(struct json_object *blocks, const char *type,
				       const char *text)
{
	struct json_object *section = json_object_new_object(), *object;

	if (!json_util_append(blocks, section) || !json_util_add_text(section, "type", "section"))
		return NULL;
	object = json_util_add_object(section, "text");
	return object && json_util_add_text(object, "type", type) &&
			       json_util_add_text(object, "text", text)
		       ? object
		       : NULL;
}

static bool add_lines(struct json_object *blocks, const struct chat_message *m)
{
	_cleanup_buf_ struct buf text = BUF_INIT(SECTION_MAX);
	struct json_object *object;

	if (chat_message_join(m, "", "", &text) < 0)
		return false;
	object = add_section(blocks, "plain_text", buf_str(&text));
	/* Else ":name:" would be an emoji. */
	return object && json_util_add(object, "emoji", json_object_new_boolean(false));
}

static bool add_link(struct json_object *blocks, const struct chat_message *m)
{
	_cleanup_buf_ struct buf text = BUF_INIT(SECTION_MAX);
	struct json_object *object;

	if (!m->link)
		return true;
	if (buf_printf(&text, "<%s|Open in Fireworks>", m->link) < 0)
		return false;
	object = add_section(blocks, "mrkdwn", buf_str(&text));
	return object && json_util_add(object, "verbatim", json_object_new_boolean(true));
}

static bool fill(struct json_object *doc, const struct chat_message *m)
{
	struct json_object *attachments, *attachment, *blocks;

	if (!json_util_add_text(doc, "text", m->title) ||
	    !json_util_add(doc, "unfurl_links", json_object_new_boolean(false)) ||
	    !json_util_add(doc, "unfurl_media", json_object_new_boolean(false)))
		return false;
	attachments = json_object_new_array();
	if (!json_util_add(doc, "attachments", attachments))
		return false;
	attachment = json_object_new_object();
	if (!json_util_append(attachments, attachment) ||
	    !json_util_add_text(attachment, "color", colors[m->tone]))
		return false;
	blocks = json_object_new_array();
	return json_util_add(attachment, "blocks", blocks) && add_lines(blocks, m) &&
	       add_link(blocks, m);
}

struct json_object *chat_slack(const struct chat_message *m, const char *topic)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();

	return doc && fill(doc, m) ? TAKE_PTR(doc) : NULL;
}
