/* The tables of commands and options. */
#include "cli/commands.h"

#include <string.h>

#include "base/nearest.h"

const struct option_info option_infos[OPTION_COUNT_] = {
	[OPTION_ACCOUNT] = {"account", '\0', "A", ARGUMENT_ACCOUNT,
			    "the account, where there are several"},
	[OPTION_ANY] = {"any", '\0', NULL, ARGUMENT_NONE, "return when the first job has ended"},
	[OPTION_DEAD] = {"dead", '\0', NULL, ARGUMENT_NONE, "all that were given up"},
	[OPTION_EVENT] = {"event", '\0', "TYPE", ARGUMENT_EVENT,
			  "the type of the test event, job.succeeded if not given"},
	[OPTION_FOLLOW] = {"follow", 'f', NULL, ARGUMENT_NONE,
			   "go on with what happens, until interrupted"},
	[OPTION_ID] = {"id", '\0', "ID", ARGUMENT_OTHER,
		       "the job's id; if not given, it follows from what the job is"},
	[OPTION_JOB] = {"job", '\0', "JOB", ARGUMENT_JOB, "of this job only"},
	[OPTION_LINES] = {"lines", 'n', "N", ARGUMENT_OTHER,
			  "the newest N events, up to 1000; 100 if not given, 10 with --follow"},
	[OPTION_NOTIFY] = {"notify", '\0', "NAME", ARGUMENT_NOTIFIER,
			   "tell this notifier only; may be given several times"},
	[OPTION_SINCE] = {"since", '\0', "D", ARGUMENT_OTHER,
			  "all of the last 2h, 1d or whatever D is"},
	[OPTION_STATE] = {"state", '\0', "S", ARGUMENT_STATE,
			  "pending, delivered, dead or skipped"},
	[OPTION_TIMEOUT] = {"timeout", '\0', "D", ARGUMENT_OTHER,
			    "give up after 90s, 2h 30min or whatever D is"},
	[OPTION_WAIT] = {"wait", '\0', NULL, ARGUMENT_NONE, "wait until the job has ended"},
	[OPTION_HELP] = {"help", 'h', NULL, ARGUMENT_NONE, "print help and exit"},
	[OPTION_JSON] = {"json", '\0', NULL, ARGUMENT_NONE,
			 "print JSON instead of text and tables"},
	[OPTION_NO_COLOR] = {"no-color", '\0', NULL, ARGUMENT_NONE,
			     "no colour, also on a terminal"},
	[OPTION_SOCKET] = {"socket", '\0', "PATH", ARGUMENT_FILE, "the daemon's control socket"},
	[OPTION_VERSION] = {"version", '\0', NULL, ARGUMENT_NONE, "print the version and exit"},
};

/* In the order of the alphabet. */
static const struct command_info commands[] = {
	{"add", "[--notify NAME]... JOB...", ARGUMENT_JOB, 1U << OPTION_NOTIFY,
	 "watch jobs, whatever the configuration says",
	 "Watches the jobs, also after a restart of the daemon. A job that is watched already stays "
	 "so; --notify chooses whom it tells, instead of whom its watch tells.",
	 "0 watched, 1 no such account, or there are too many jobs",
	 "tunewatch add --notify deploy acme/sft/abc", command_add},
	{"deliveries", "[--state S]", ARGUMENT_NONE, 1U << OPTION_STATE,
	 "show what waits for notifiers, and what was given up",
	 "Shows the outbox, the newest events first: what waits and what was given up, or what is "
	 "in one state.",
	 "0 shown", "tunewatch deliveries --state dead", command_deliveries},
	{"events", "[-f] [--job JOB] [--since D | --lines N]", ARGUMENT_NONE,
	 1U << OPTION_FOLLOW | 1U << OPTION_JOB | 1U << OPTION_LINES | 1U << OPTION_SINCE,
	 "show what happened, and what happens",
	 "Shows events, the oldest first, a line each; with --json each event's own document in a "
	 "line. --follow survives restarts of the daemon without losing or repeating an event.",
	 "0 shown, 1 no such job", "tunewatch events --follow --job sft/abc", command_events},
	{"help", "[COMMAND]", ARGUMENT_COMMAND, 0, "explain a command",
	 "Prints what a command does, its options and an example; without a command, all of them.",
	 "0 printed", "tunewatch help wait", command_help},
	{"notifiers", "", ARGUMENT_NONE, 0, "show whom the daemon tells, and how that goes",
	 "Shows each notifier: what waits for it, what reached it since the daemon's start, and its "
	 "last error.",
	 "0 shown", "tunewatch notifiers", command_notifiers},
	{"reload", "", ARGUMENT_NONE, 0, "read the configuration again",
	 "Lets the daemon read its configuration again. One with faults is refused: they are printed, "
	 "and the old one stays.",
	 "0 read, 78 refused", "tunewatch reload", command_reload},
	{"remove", "JOB...", ARGUMENT_JOB, 0, "stop watching jobs",
	 "Stops watching the jobs, also after a restart of the daemon. Nothing happens to the jobs "
	 "themselves.",
	 "0 not watched any more, 1 it was not watched", "tunewatch remove sft/abc",
	 command_remove},
	{"retry", "ID... | --dead", ARGUMENT_DELIVERY, 1U << OPTION_DEAD,
	 "send deliveries once more, or without waiting",
	 "Sends deliveries now, by their ids as tunewatch deliveries shows them: once more what is "
	 "over, at once what waits.",
	 "0 sent, 1 no such delivery, or its notifier is off or gone", "tunewatch retry --dead",
	 command_retry},
	{"status", "[JOB...]", ARGUMENT_JOB, 0, "show the watched jobs",
	 "Shows what is known of all watched jobs, or of these: phase, progress, when it will "
	 "probably end. On standard error stands what the table cannot say.",
	 "0 shown, 1 a job is not watched", "tunewatch status sft/abc", command_status},
	{"submit", "[--account A] [--id ID] [--notify NAME]... [--timeout D] [--wait] FILE",
	 ARGUMENT_FILE,
	 1U << OPTION_ACCOUNT | 1U << OPTION_ID | 1U << OPTION_NOTIFY | 1U << OPTION_TIMEOUT |
		 1U << OPTION_WAIT,
	 "create an SFT job from a JSON file, once",
	 "Checks the file (-: standard input), lets the daemon create the job, and watches it. The same file once more "
	 "finds the job and trains nothing twice. --timeout is 2min if not given, 1h at most.",
	 "0 created or found, 65 the file, the API or a taken id forbids it; --wait: as wait",
	 "tunewatch submit --wait --notify deploy job.json", command_submit},
	{"test", "[--event TYPE] NOTIFIER", ARGUMENT_NOTIFIER, 1U << OPTION_EVENT,
	 "send a notifier a test event",
	 "Sends a marked test event on the way that real ones take, and says what came of it. A hook "
	 "knows it by TUNEWATCH_TEST.",
	 "0 delivered, 1 not delivered, or no such notifier",
	 "tunewatch test deploy --event job.succeeded", command_test},
	{"version", "", ARGUMENT_NONE, 0, "print the version", "Prints the version of tunewatch.",
	 "0 printed", "tunewatch version", command_version},
	{"wait", "[--any] [--timeout D] JOB...", ARGUMENT_JOB,
	 1U << OPTION_ANY | 1U << OPTION_TIMEOUT, "wait until jobs have ended",
	 "Returns when all jobs (--any: one) have ended, and says how. Survives restarts of the "
	 "daemon. A job that is not watched is from then on. Of several, the first that did not "
	 "succeed decides the exit status; with --any the one that ended.",
	 "0 succeeded, 1 failed or expired, 3 cancelled, 4 removed or not watched any more, 5 stopped "
	 "early, 124 timed out",
	 "tunewatch wait --timeout 6h sft/abc && ./deploy", command_wait},
	{"watch", "[JOB...]", ARGUMENT_JOB, 0, "show the watched jobs, live",
	 "Shows what status shows, and keeps it up to date until Ctrl-C. Elsewhere than on a terminal "
	 "the table, or with --json a document in a line, comes again whenever a job has changed.",
	 "0 interrupted, 1 a job is not watched", "tunewatch watch", command_watch},
};

const struct command_info *command_at(size_t i)
{
	return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

const struct command_info *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

const char *command_nearest(const char *name)
{
	const char *names[ARRAY_LEN(commands)];

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;
	return nearest_name(name, names, ARRAY_LEN(names));
}

bool command_takes(const struct command_info *command, enum option_id id)
{
	return (command->options | COMMON_OPTIONS) & 1U << id;
}

const char *option_nearest(const char *name, const struct command_info *command)
{
	const char *names[OPTION_COUNT_];

	for (int i = 0; i < OPTION_COUNT_; i++)
		names[i] = !command || command_takes(command, (enum option_id)i)
				   ? option_infos[i].name
				   : NULL;
	return nearest_name(name, names, ARRAY_LEN(names));
}
