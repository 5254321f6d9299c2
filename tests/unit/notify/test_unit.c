/* Units: the verdicts on how a start ended. tests/integration/test_unit.py starts some. */
#include "notify/unit.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "base/macro.h"

static const struct {
	struct unit_result result;
	enum verdict verdict;
	const char *text;
} ends[] = {
	{{.end = UNIT_DONE, .exit_status = -1}, VERDICT_DELIVERED, "u is done"},
	{{.end = UNIT_FAILED, .result = "exit-code", .exit_status = 1},
	 VERDICT_DEAD,
	 "u failed: exit status 1"},
	{{.end = UNIT_FAILED, .result = "exit-code", .exit_status = 75},
	 VERDICT_RETRY,
	 "u failed: exit status 75"},
	{{.end = UNIT_FAILED, .result = "signal", .exit_status = -1, .signal = SIGSEGV},
	 VERDICT_DEAD,
	 "u failed: ended by signal 11 (Segmentation fault)"},
	{{.end = UNIT_FAILED, .result = "oom-kill", .exit_status = -1},
	 VERDICT_DEAD,
	 "u failed: oom-kill"},
	{{.end = UNIT_NOT_RUN, .result = "assert", .exit_status = -1},
	 VERDICT_DEAD,
	 "u did not run: assert"},
	{{.end = UNIT_FAILED, .result = "resources", .exit_status = -1},
	 VERDICT_RETRY,
	 "u failed: resources"},
	{{.end = UNIT_FAILED, .result = "start-limit-hit", .exit_status = -1},
	 VERDICT_RETRY,
	 "u failed: start-limit-hit"},
	{{.end = UNIT_FAILED, .exit_status = -1}, VERDICT_DEAD, "u failed"},
	{{.end = UNIT_TIMED_OUT, .exit_status = -1}, VERDICT_DEAD, "u took too long to start"},
	{{.end = UNIT_CANCELED, .exit_status = -1},
	 VERDICT_RETRY,
	 "u was stopped before it was done"},
	{{.end = UNIT_DEPENDENCY, .exit_status = -1},
	 VERDICT_RETRY,
	 "u did not run: a unit that it needs failed"},
	{{.end = UNIT_SKIPPED, .exit_status = -1},
	 VERDICT_DEAD,
	 "u did not run: a condition of its own was not met"},
	{{.end = UNIT_ACTIVE, .exit_status = -1},
	 VERDICT_DEAD,
	 "u is active already and was not started: it needs Type=oneshot, and no RemainAfterExit="},
	{{.end = UNIT_BUSY, .exit_status = -1}, VERDICT_RETRY, "u is busy with something else"},
	{{.end = UNIT_REFUSED, .exit_status = -1, .detail = "Unit u not found."},
	 VERDICT_DEAD,
	 "u is not started: Unit u not found."},
	{{.end = UNIT_DENIED, .exit_status = -1, .detail = "Access denied."},
	 VERDICT_DEAD,
	 "not allowed to start u: Access denied. A polkit rule has to allow it, see tunewatch.conf(5)"},
	{{.end = UNIT_UNKNOWN, .exit_status = -1, .detail = "Connection reset by peer"},
	 VERDICT_RETRY,
	 "cannot start or follow u: Connection reset by peer"},
	{{.end = UNIT_INTERRUPTED, .exit_status = -1},
	 VERDICT_CANCELLED,
	 "u is not followed any more"},
};

Test(unit, verdicts)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char text[STORE_ERROR_MAX];

		cr_expect_eq(unit_verdict(&ends[i].result), ends[i].verdict, "case %zu", i);
		unit_text("u", &ends[i].result, text, sizeof(text));
		cr_expect_str_eq(text, ends[i].text, "%s", text);
	}
}
