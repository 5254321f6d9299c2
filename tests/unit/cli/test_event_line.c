/* An event as a line for people. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/event_line.h"

#define EVENT(type, to)                                                                            \
	"{\"specversion\":\"1.0\",\"id\":\"evt_1\",\"type\":\"" type                               \
	"\",\"subject\":\"s\",\"time\":"                                                           \
	"\"2026-11-20T06:31:56.999Z\",\"data\":{\"job\":{\"name\":\"n\",\"account\":\"acme\","     \
	"\"kind\":\"sft\",\"id\":\"abc\"},\"to\":{\"phase\":\"" to "\"}}}"

Test(event_line, lines)
{
	static const struct {
		const char *event;
		bool colour;
		int r;
		const char *line;
	} cases[] = {
		{EVENT("job.failed", "failed"), false, 0,
		 "2026-11-20 07:31:56  acme/sft/abc failed: "},
		{EVENT("job.failed", "failed"), true, 0,
		 "2026-11-20 07:31:56  \033[31macme/sft/abc failed: \033[0m"},
		{EVENT("job.recovered", "running"), true, 0,
		 "2026-11-20 07:31:56  \033[32macme/sft/abc moves again after 0s\033[0m"},
		{EVENT("job.progress", "running"), true, 0, "2026-11-20 07:31:56  acme/sft/abc is"},
		{EVENT("job.dreaming", "asleep"), true, 0, "2026-11-20 07:31:56  s job.dreaming"},
		{"{}", false, -EBADMSG, ""},
		{"", false, -EBADMSG, ""},
	};

	setenv("TZ", "XYZ-1", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT(1000);

		cr_assert_eq(event_line_format(cases[i].event, strlen(cases[i].event),
					       cases[i].colour, &b),
			     cases[i].r, "case %zu", i);
		cr_assert_str_eq(buf_str(&b), cases[i].line);
	}
}
