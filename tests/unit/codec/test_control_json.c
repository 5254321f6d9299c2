/* What the command line reads of the control socket. */
#include "codec/control_json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(control_json, code)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{"{\"error\":{\"code\":\"not_found\",\"message\":\"x\"}}", "not_found"},
		{"{\"error\":{\"message\":\"x\"}}", ""},
		{"{\"error\":{\"code\":1}}", ""},
		{"{\"error\":1}", ""},
		{"{}", ""},
		{"<html>", ""},
		{"", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char code[16] = "before";

		control_json_parse_code(cases[i].body, strlen(cases[i].body), code, sizeof(code));
		cr_assert_str_eq(code, cases[i].code, "%s", cases[i].body);
	}
}

static int note_text(void *user, const char *text)
{
	return buf_printf(user, "%s;", text);
}

Test(control_json, faults)
{
	static const char body[] = "{\"error\":{\"code\":\"x\",\"message\":\"m\",\"faults\":["
				   "\"a:1: b\",\"c\"]}}";
	_cleanup_buf_ struct buf b = BUF_INIT(100);

	cr_assert_eq(control_json_parse_faults(body, strlen(body), note_text, &b), 0);
	cr_assert_str_eq(buf_str(&b), "a:1: b;c;");
	cr_assert_eq(control_json_parse_faults("{}", 2, note_text, &b), 0);
	cr_assert_eq(control_json_parse_faults("[]", 2, note_text, &b), -EBADMSG);
}

static int note_event(void *user, const char *event, size_t len)
{
	return buf_printf(user, "<%.*s>", (int)len, event);
}

Test(control_json, events_are_exact_bytes)
{
	static const struct {
		const char *body, *events;
		uint64_t last;
		bool more;
	} cases[] = {
		{"{\"events\":[],\"last\":0,\"more\":false}", "", 0, false},
		{"{\"events\":[{\"a\":1}],\"last\":7,\"more\":true}", "<{\"a\":1}>", 7, true},
		{"{\"events\":[{\"a\": \"]},{\\\"\" },{\"b\":{\"events\":[]}}],\"last\":2}",
		 "<{\"a\": \"]},{\\\"\" }><{\"b\":{\"events\":[]}}>", 2, false},
		{" { \"more\" : true , \"last\" : 18446744073709551615 ,\n\"x\":[{\"events\":1},\"}\"],"
		 "\"y\":null,\"events\" : [ {\"a\":1} , {} ] } ",
		 "<{\"a\":1}><{}>", UINT64_MAX, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1000);
		uint64_t last = 1;
		bool more;

		cr_assert_eq(control_json_parse_events(cases[i].body, strlen(cases[i].body),
						       note_event, &b, &last, &more),
			     0, "%s", cases[i].body);
		cr_assert_str_eq(buf_str(&b), cases[i].events);
		cr_assert_eq(last, cases[i].last);
		cr_assert_eq(more, cases[i].more);
	}
}

Test(control_json, pages_that_are_none)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"{}",
		"{\"events\":[]}",
		"{\"events\":{},\"last\":1}",
		"{\"events\":[1],\"last\":1}",
		"{\"events\":[{}],\"last\":-1}",
		"{\"events\":[{},],\"last\":1}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1000);
		uint64_t last;
		bool more;

		cr_assert_eq(control_json_parse_events(bodies[i], strlen(bodies[i]), note_event, &b,
						       &last, &more),
			     -EBADMSG, "%s", bodies[i]);
	}
}

Test(control_json, job)
{
	static const char body[] =
		"{\"name\":\"accounts/acme/dpoJobs/a\",\"phase\":null,\"state\":\"\","
		"\"status\":{\"code\":\"OK\",\"message\":\"a\\nb\"},\"createTime\":\"soon\","
		"\"completedTime\":\"2026-11-20T06:31:56Z\",\"phaseSince\":null,\"notFound\":true}";
	struct control_job job;

	cr_assert_eq(control_json_parse_job(body, strlen(body), &job), 0);
	cr_assert_str_eq(job.name, "accounts/acme/dpoJobs/a");
	cr_assert_str_eq(job.phase, "");
	cr_assert_str_eq(job.status_message, "a b");
	cr_assert_eq(job.created_us, 0);
	cr_assert_eq(job.ended_us, 1795156316000000LL);
	cr_assert(job.not_found);
	cr_assert_eq(control_json_parse_job("{}", 2, &job), -EBADMSG);
	cr_assert_eq(control_json_parse_job("{\"name\":1}", 10, &job), -EBADMSG);
}

Test(control_json, event_and_verdict)
{
	static const char event[] = "{\"type\":\"job.dreaming\",\"subject\":\"s\",\"time\":"
				    "\"2026-11-20T06:31:56Z\",\"data\":{}}";
	static const char verdict[] =
		"{\"verdict\":\"dead\",\"message\":\"no\",\"event\":\"evt_1\"}";
	struct control_event e;
	struct control_verdict v;

	cr_assert_eq(control_json_parse_event(event, strlen(event), &e), 0);
	cr_assert_str_eq(e.type, "job.dreaming");
	cr_assert_eq(e.time_us, 1795156316000000LL);
	cr_assert_eq(control_json_parse_event("{}", 2, &e), -EBADMSG);
	cr_assert_eq(control_json_parse_verdict(verdict, strlen(verdict), &v), 0);
	cr_assert_str_eq(v.verdict, "dead");
	cr_assert_str_eq(v.message, "no");
	cr_assert_eq(control_json_parse_verdict("{}", 2, &v), -EBADMSG);
}

Test(control_json, documents)
{
	static const char *const texts[] = {"a\"b", "c"};
	_cleanup_buf_ struct buf b = BUF_INIT(1000);
	struct buf docs[3] = {BUF_INIT(10), BUF_INIT(10), BUF_INIT(10)};

	cr_assert_eq(buf_puts(&docs[0], "{}") + buf_puts(&docs[2], "{\"a\":1}"), 0);
	cr_assert_eq(control_json_wait(docs, 3, true, &b), 0);
	cr_assert_str_eq(buf_str(&b), "{\"jobs\":[{},{\"a\":1}],\"timedOut\":true}");
	buf_clear(&b);
	cr_assert_eq(control_json_texts("removed", texts, 2, &b), 0);
	cr_assert_str_eq(buf_str(&b), "{\"removed\":[\"a\\\"b\",\"c\"]}");
	for (size_t i = 0; i < 3; i++)
		buf_done(&docs[i]);
}
