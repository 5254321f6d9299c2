/*
 * Discord's webhooks: one embed, whose colour tells the outcome. Every ASCII punctuation character
 * from outside has a backslash before it, which Discord's Markdown takes away again, so that none
 * is markup; and no mention is allowed.
 *
 * Source: discord.com/developers/docs, "Embed limits": title 256 characters, description 4096, all
 * together 6000; "Allowed mentions".
 */
#include "codec/chat_message.h"
#include "codec/json_util.h"

#define DESCRIPTION_MAX 4096

static const int colors[CHAT_TONE_COUNT_] = {
	[CHAT_NEUTRAL] = 0x8d8d8d,
	[CHAT_GOOD] = 0x2eb67d,
	[CHAT_WARNING] = 0xecb22e,
	[CHAT_BAD] = 0xe01e5a,
};

static bool fill_embed(struct json_object *embed, const struct chat_message *m)
{
	_cleanup_buf_ struct buf text = BUF_INIT(DESCRIPTION_MAX);

	return chat_message_join(m, "**", "**", &text) == 0 &&
	       json_util_add_text(embed, "title", m->title) &&
	       (!m->link || json_util_add_text(embed, "url", m->link)) &&
	       json_util_add_text(embed, "description", buf_str(&text)) &&
	       json_util_add_int(embed, "color", colors[m->tone]) &&
	       json_util_add_text(embed, "timestamp", m->time);
}

static bool fill(struct json_object *doc, const struct chat_message *m)
{
	struct json_object *embeds = json_object_new_array(), *embed, *mentions;

	if (!json_util_add(doc, "embeds", embeds))
		return false;
	embed = json_object_new_object();
	if (!json_util_append(embeds, embed) || !fill_embed(embed, m))
		return false;
	mentions = json_util_add_object(doc, "allowed_mentions");
	return mentions && json_util_add(mentions, "parse", json_object_new_array());
}

struct json_object *chat_discord(const struct chat_message *m, const char *topic)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();

	return doc && fill(doc, m) ? TAKE_PTR(doc) : NULL;
}
