/* An event as a notice on a desktop. */
#include "codec/notice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/chat_message.h"

/* The window is small, and says when it came: the title has the state, in words. */
static bool is_shown(const struct chat_line *line)
{
	static const char *const left_out[] = {"State", "Observed"};

	for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
		if (strcmp(line->label, left_out[i]) == 0)
			return false;
	return true;
}

static int put_body(const struct chat_message *m, char **ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT(CHAT_BYTES_MAX);
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_lines; i++)
		if (is_shown(&m->lines[i]))
			r = buf_printf(&b, "%s%s: %s", b.len > 0 ? "\n" : "", m->lines[i].label,
				       m->lines[i].text);
	if (r < 0)
		return r;
	*ret = b.len > 0 ? buf_take(&b) : strdup("");
	return *ret ? 0 : -ENOMEM;
}

int notice_init(struct notice *n, const struct event_fields *event)
{
	/* The facts of one event have limits of their own. */
	static const struct chat_style plain = {.escape = CHAT_PLAIN,
						.title_max = NOTICE_SUMMARY_MAX};
	static const struct chat_style entities = {.escape = CHAT_ENTITIES,
						   .title_max = NOTICE_SUMMARY_MAX};
	_cleanup_chat_message_ struct chat_message text = {0}, marked = {0};
	int r;

	*n = (struct notice){0};
	r = chat_message_init(&text, &plain, event, 1, NULL);
	if (r == 0)
		r = chat_message_init(&marked, &entities, event, 1, NULL);
	if (r == 0)
		r = put_body(&text, &n->body);
	if (r == 0)
		r = put_body(&marked, &n->markup);
	if (r < 0)
		return r;
	n->tone = text.tone;
	n->summary = TAKE_PTR(text.title);
	n->link = TAKE_PTR(text.link);
	return 0;
}

void notice_done(struct notice *n)
{
	free(n->summary);
	free(n->body);
	free(n->markup);
	free(n->link);
	*n = (struct notice){0};
}
