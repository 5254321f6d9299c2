/* What the daemon answers to the wish that a job be created. */
#include "codec/submit_json.h"

#include <errno.h>
#include <string.h>

#include "codec/json_util.h"
#include "codec/text.h"

#define SHOWN_MAX 512

/* The document; NULL and why. */
static int parse(const char *body, size_t len, struct json_object **ret)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();

	return tok ? json_util_parse(tok, body, len, ret, NULL) : -ENOMEM;
}

static int read_phase(struct json_object *job, enum phase *ret)
{
	const char *text;
	int r = json_util_text(json_util_member(job, "phase"), &text);

	if (r < 0)
		return r;
	if (phase_from_name(text, ret) < 0)
		*ret = PHASE_UNKNOWN;
	return 0;
}

int submit_json_parse(const char *body, size_t len, struct submit_answer *ret)
{
	_cleanup_json_ struct json_object *tree = NULL;
	struct submit_answer answer = {0};
	const char *outcome = "", *name = "";
	struct json_object *job;
	int r = parse(body, len, &tree);

	if (r == 0)
		r = json_util_text(json_util_member(tree, "outcome"), &outcome);
	if (r == 0)
		r = json_util_object(json_util_member(tree, "job"), &job);
	if (r == 0)
		r = json_util_text(json_util_member(job, "name"), &name);
	if (r == 0)
		r = read_phase(job, &answer.phase);
	if (r < 0)
		return r;
	answer.created = strcmp(outcome, "created") == 0;
	if ((!answer.created && strcmp(outcome, "found") != 0) ||
	    name_parse_full(name, &answer.name) < 0)
		return -EBADMSG;
	*ret = answer;
	return 0;
}

/* A copy that can be shown. */
static int show(struct json_object *v, char ret[SHOWN_MAX])
{
	const char *text;
	int r = json_util_text(v, &text);

	if (r < 0)
		return r;
	strncpy(ret, text, SHOWN_MAX - 1);
	ret[SHOWN_MAX - 1] = '\0';
	text_clean(ret);
	return 0;
}

static int parse_difference(struct json_object *v, sft_difference_fn fn, void *user)
{
	char field[SHOWN_MAX], there[SHOWN_MAX], here[SHOWN_MAX];
	int r;

	if (!json_object_is_type(v, json_type_object))
		return -EBADMSG;
	r = show(json_util_member(v, "field"), field);
	if (r == 0)
		r = show(json_util_member(v, "there"), there);
	if (r == 0)
		r = show(json_util_member(v, "here"), here);
	if (r == 0)
		fn(user, field, there, here);
	return r;
}

int submit_json_parse_differences(const char *body, size_t len, sft_difference_fn fn, void *user)
{
	_cleanup_json_ struct json_object *tree = NULL;
	struct json_object *error, *list = NULL;
	int r = parse(body, len, &tree);

	if (r == 0)
		r = json_util_object(json_util_member(tree, "error"), &error);
	if (r == 0)
		r = json_util_array(json_util_member(error, "differences"), &list);
	for (size_t i = 0; r == 0 && list && i < json_object_array_length(list); i++)
		r = parse_difference(json_object_array_get_idx(list, i), fn, user);
	return r;
}
