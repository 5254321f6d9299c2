/* The table of a job's members, and masks over it. */
#include "codec/job_member.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "codec/json_util.h"
#include "codec/status_json.h"

static const char *const chosen[] = {"slack"};

/* Every member has a value that is not null. */
static const struct job_view job = {
	.name = "accounts/acme/dpoJobs/x",
	.account = "acme",
	.kind = "dpo",
	.id = "x",
	.text = {"a", "b", "c", "d", "e", "f", "g", "h", "i"},
	.phase = "running",
	.progress = {.given = true},
	.epochs = 3,
	.phase_since_us = 1,
	.last_poll_us = 1,
	.next_poll_us = 1,
	.eta_us = 1,
	.eta_low_us = 1,
	.eta_high_us = 1,
	.moved_us = 1,
	.last_error = "x",
	.notify_chosen = true,
	.notify = chosen,
	.n_notify = 1,
};

/* The document with what the paths ask for, as json-c reads it. */
static struct json_object *masked(const char *paths)
{
	_cleanup_tokener_ struct json_tokener *tok = json_util_tokener();
	_cleanup_buf_ struct buf b = BUF_INIT(10000);
	struct json_object *doc;
	struct job_mask mask;

	cr_assert_eq(job_mask_parse(paths, &mask, NULL), 0, "%s", paths);
	cr_assert_eq(status_json_job(&job, &mask, &b), 0);
	cr_assert_eq(json_util_parse(tok, b.data, b.len, &doc, NULL), 0, "%s", buf_str(&b));
	return doc;
}

Test(job_member, each_alone)
{
	for (size_t i = 0; i < JOB_MEMBERS; i += 1 + job_members[i].n_members) {
		const struct job_member *m = &job_members[i];
		_cleanup_json_ struct json_object *doc = masked(m->name);
		struct json_object *value = json_util_member(doc, m->name);

		cr_assert_eq(json_object_object_length(doc), 1, "%s", m->name);
		cr_assert_not_null(value, "%s", m->name);
		if (m->n_members > 0)
			cr_assert_eq((size_t)json_object_object_length(value), m->n_members);
		for (size_t k = 1; k <= m->n_members; k++) {
			_cleanup_json_ struct json_object *part = NULL;
			char path[64];

			cr_assert_not_null(json_util_member(value, m[k].name));
			snprintf(path, sizeof(path), "%s.%s", m->name, m[k].name);
			part = masked(path);
			cr_assert_eq(json_object_object_length(part), 1);
			cr_assert_eq(json_object_object_length(json_util_member(part, m->name)), 1);
			cr_assert_not_null(
				json_util_member(json_util_member(part, m->name), m[k].name));
		}
	}
}

Test(job_member, the_table_fits_together)
{
	size_t objects = 0;

	for (size_t i = 0; i < JOB_MEMBERS; i += 1 + job_members[i].n_members) {
		cr_assert_leq(i + job_members[i].n_members, JOB_MEMBERS - 1);
		for (size_t k = 1; k <= job_members[i].n_members; k++)
			cr_assert_eq(job_members[i + k].n_members, 0);
		if (strcmp(job_members[i].name, "progress") == 0)
			for (int p = 0; p < PROGRESS_COUNT_; p++)
				cr_assert_str_eq(job_members[i + 1 + (size_t)p].name,
						 progress_names[p]);
		objects += job_members[i].n_members > 0;
	}
	cr_assert_eq(objects, 4);
	cr_assert_eq(job_mask_all.bits >> (JOB_MEMBERS - 1), 1);
}

Test(job_member, several_in_the_order_of_the_document)
{
	_cleanup_buf_ struct buf b = BUF_INIT(10000);
	struct job_mask mask;

	cr_assert_eq(job_mask_parse("progress.epoch,stall.stalled,name,progress.percent,name,eta",
				    &mask, NULL),
		     0);
	cr_assert_eq(status_json_job(&job, &mask, &b), 0);
	cr_assert_str_eq(buf_str(&b), "{\"name\":\"accounts/acme/dpoJobs/x\","
				      "\"progress\":{\"percent\":0,\"epoch\":0},"
				      "\"eta\":{\"time\":\"1970-01-01T00:00:00.000Z\","
				      "\"earliest\":\"1970-01-01T00:00:00.000Z\","
				      "\"latest\":\"1970-01-01T00:00:00.000Z\"},"
				      "\"stall\":{\"stalled\":false}}");
}

Test(job_member, paths_that_there_are_not)
{
	static const struct {
		const char *paths, *bad;
	} cases[] = {
		{"", "\"\""},
		{",", "\"\""},
		{"name,", "\"\""},
		{",name", "\"\""},
		{"nam", "\"nam\""},
		{"names", "\"names\""},
		{"Name", "\"Name\""},
		{" name", "\" name\""},
		{"name.x", "\"name.x\""},
		{"percent", "\"percent\""},
		{"name,progress.", "\"progress.\""},
		{"progress.percent.x,name", "\"progress.percent.x\""},
		{"progress.stalled", "\"progress.stalled\""},
		{".percent", "\".percent\""},
		{"*", "\"*\""},
		{"jobs.name", "\"jobs.name\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job_mask mask = {42};
		struct error e = ERROR_NONE;

		cr_assert_eq(job_mask_parse(cases[i].paths, &mask, &e), -EINVAL, "%s",
			     cases[i].paths);
		cr_assert_eq(mask.bits, 42);
		cr_assert_not_null(strstr(e.text, cases[i].bad), "%s: %s", cases[i].paths, e.text);
	}
}
