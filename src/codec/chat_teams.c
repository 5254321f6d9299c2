/*
 * Microsoft Teams' Workflows: an Adaptive Card as an attachment of a message. All text is in
 * TextRuns, which know no Markdown, as TextBlocks and FactSets do.
 *
 * Source: learn.microsoft.com, "Create and send messages" with Workflows, 28 KB; adaptivecards.io,
 * RichTextBlock (version 1.2).
 */
#include "codec/chat_message.h"
#include "codec/json_util.h"

static const char *const colors[CHAT_TONE_COUNT_] = {
	[CHAT_NEUTRAL] = "default",
	[CHAT_GOOD] = "good",
	[CHAT_WARNING] = "warning",
	[CHAT_BAD] = "attention",
};

/* A new TextRun in `inlines`; NULL when memory is out. */
static struct json_object *add_run(struct json_object *inlines, const char *text, bool bold)
{
	struct json_object *run = json_object_new_object();

	return json_util_append(inlines, run) && json_util_add_text(run, "type", "TextRun") &&
			       json_util_add_text(run, "text", text) &&
			       (!bold || json_util_add_text(run, "weight", "bolder"))
		       ? run
		       : NULL;
}

/* The inlines of a new block in `body`; NULL when memory is out. */
static struct json_object *add_block(struct json_object *body)
{
	struct json_object *block = json_object_new_object(), *inlines;

	if (!json_util_append(body, block) || !json_util_add_text(block, "type", "RichTextBlock"))
		return NULL;
	inlines = json_object_new_array();
	return json_util_add(block, "inlines", inlines) ? inlines : NULL;
}

static bool add_title(struct json_object *body, const struct chat_message *m)
{
	struct json_object *inlines = add_block(body), *run;

	run = inlines ? add_run(inlines, m->title, true) : NULL;
	return run && json_util_add_text(run, "size", "large") &&
	       json_util_add_text(run, "color", colors[m->tone]);
}

static bool add_line(struct json_object *body, const struct chat_line *line)
{
	struct json_object *inlines = add_block(body);

	if (!inlines)
		return false;
	if (line->label) {
		_cleanup_buf_ struct buf label = BUF_INIT(64);

		if (buf_printf(&label, "%s: ", line->label) < 0 ||
		    !add_run(inlines, buf_str(&label), true))
			return false;
	}
	return add_run(inlines, line->text, false);
}

static bool add_link(struct json_object *card, const struct chat_message *m)
{
	struct json_object *actions, *action;

	if (!m->link)
		return true;
	actions = json_object_new_array();
	if (!json_util_add(card, "actions", actions))
		return false;
	action = json_object_new_object();
	return json_util_append(actions, action) &&
	       json_util_add_text(action, "type", "Action.OpenUrl") &&
	       json_util_add_text(action, "title", "Open in Fireworks") &&
	       json_util_add_text(action, "url", m->link);
}

static bool fill_card(struct json_object *card, const struct chat_message *m)
{
	struct json_object *body;
	bool ok = json_util_add_text(card, "$schema",
				     "http://adaptivecards.io/schemas/adaptive-card.json") &&
		  json_util_add_text(card, "type", "AdaptiveCard") &&
		  json_util_add_text(card, "version", "1.2");

	if (!ok)
		return false;
	body = json_object_new_array();
	ok = json_util_add(card, "body", body) && add_title(body, m);
	for (size_t i = 0; ok && i < m->n_lines; i++)
		ok = add_line(body, &m->lines[i]);
	return ok && add_link(card, m);
}

static bool fill(struct json_object *doc, const struct chat_message *m)
{
	struct json_object *attachments = json_object_new_array(), *attachment, *card;

	if (!json_util_add(doc, "attachments", attachments) ||
	    !json_util_add_text(doc, "type", "message"))
		return false;
	attachment = json_object_new_object();
	if (!json_util_append(attachments, attachment) ||
	    !json_util_add_text(attachment, "contentType",
				"application/vnd.microsoft.card.adaptive"))
		return false;
	card = json_util_add_object(attachment, "content");
	return card && fill_card(card, m);
}

struct json_object *chat_teams(const struct chat_message *m, const char *topic)
{
	_cleanup_json_ struct json_object *doc = json_object_new_object();

	return doc && fill(doc, m) ? TAKE_PTR(doc) : NULL;
}
