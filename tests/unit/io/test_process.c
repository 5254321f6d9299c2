/* Child processes, with real ones: how they end, what they get, what they say, and that the whole
 * group goes. */
#include "io/process.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/macro.h"

#define ARGV(...)  ((char *const *)(const char *const[]){__VA_ARGS__, NULL})
#define SH(script) ARGV("/bin/sh", "-c", script)

static const char *const path_env[] = {"PATH=/usr/bin:/bin", NULL};
#define PATH_ENV ((char *const *)path_env)

struct run {
	uv_loop_t loop;
	struct process *process;
	struct buf lines; /* what it said, each line with a newline */
	size_t dropped;
	unsigned calls;
	struct process_result result;
	/* Called with each line, if set. */
	void (*on_line)(struct run *run, const char *line);
};

static void on_line(void *user, const char *line, size_t len, size_t dropped)
{
	struct run *run = user;

	cr_assert_eq(run->calls, 0);
	cr_assert_eq(run->dropped, 0, "nothing after the dropped bytes");
	if (dropped > 0) {
		run->dropped = dropped;
		return;
	}
	cr_assert_leq(len, PROCESS_LINE_MAX);
	cr_assert_eq(buf_append(&run->lines, line, len), 0);
	cr_assert_eq(buf_puts(&run->lines, "\n"), 0);
	if (run->on_line)
		run->on_line(run, buf_str(&run->lines) + run->lines.len - len - 1);
}

static void on_end(void *user, const struct process_result *result)
{
	struct run *run = user;

	run->calls++;
	run->result = *result;
	run->process = NULL;
}

static void run_init(struct run *run)
{
	/* As the daemon: children may close their input. Orphans come to us, to be waited for. */
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	*run = (struct run){.lines = BUF_INIT(4 * PROCESS_OUTPUT_MAX)};
	cr_assert_eq(uv_loop_init(&run->loop), 0);
}

static void run_start(struct run *run, struct process_options options)
{
	if (!options.env)
		options.env = PATH_ENV;
	if (options.timeout_ms == 0)
		options.timeout_ms = UINT64_MAX;
	options.line = on_line;
	cr_assert_eq(process_start(&run->loop, &options, on_end, run, &run->process), 0);
	cr_assert_eq(run->calls, 0, "never inside the call");
}

static void run_loop(struct run *run)
{
	uv_run(&run->loop, UV_RUN_DEFAULT);
	cr_assert_eq(run->calls, 1);
}

static void run_done(struct run *run)
{
	cr_assert_eq(uv_loop_close(&run->loop), 0);
	buf_done(&run->lines);
}

static void run_all(struct run *run, struct process_options options)
{
	run_init(run);
	run_start(run, options);
	run_loop(run);
}

/* The ways to end */

static const struct {
	const char *script;
	int status, signal;
} ends[] = {
	{"exit 0", 0, 0},
	{"exit 1", 1, 0},
	{"exit 75", 75, 0},
	{"exit 255", 255, 0},
	{"kill -TERM $$", 0, SIGTERM},
	{"kill -KILL $$", 0, SIGKILL},
	{"kill -PIPE $$", 0, SIGPIPE},
	{"exec >&- 2>&- <&-; exit 7", 7, 0},
	{"cat >/dev/null; exit 9", 9, 0},
};

Test(process, ends, .timeout = 60)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct run run;

		run_all(&run, (struct process_options){.argv = SH(ends[i].script)});
		cr_expect_eq(run.result.r, 0);
		cr_expect_eq(run.result.exit_status, ends[i].status, "%s: %d", ends[i].script,
			     run.result.exit_status);
		cr_expect_eq(run.result.signal, ends[i].signal, "%s", ends[i].script);
		cr_expect(!run.result.timed_out && !run.result.cancelled);
		run_done(&run);
	}
}

Test(process, many_at_once, .timeout = 60)
{
	struct run run;
	struct run others[20];

	run_init(&run);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct process_options options = {
			.argv = SH("cat; exit 4"),
			.env = PATH_ENV,
			.input = "x",
			.input_len = 1,
			.timeout_ms = UINT64_MAX,
			.line = on_line,
		};

		others[i] = (struct run){.lines = BUF_INIT(64)};
		cr_assert_eq(process_start(&run.loop, &options, on_end, &others[i],
					   &others[i].process),
			     0);
	}
	uv_run(&run.loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		cr_expect_eq(others[i].calls, 1);
		cr_expect_eq(others[i].result.exit_status, 4);
		cr_expect_str_eq(buf_str(&others[i].lines), "x\n");
		buf_done(&others[i].lines);
	}
	run_done(&run);
}

/* Our children that have ended and have not been waited for. */
static size_t count_zombies(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	cr_assert_not_null(proc);
	while ((entry = readdir(proc))) {
		char path[32];
		FILE *file;
		char state;
		int parent;

		snprintf(path, sizeof(path), "/proc/%.16s/stat", entry->d_name);
		file = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "re") : NULL;
		if (!file)
			continue;
		n += fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) == 2 && state == 'Z' &&
		     parent == getpid();
		fclose(file);
	}
	closedir(proc);
	return n;
}

/* So many SIGCHLDs, each for so many, are more than the loop has room for before it turns. */
Test(process, many_end_before_the_loop_turns, .timeout = 60)
{
	struct run run, others[128];
	size_t n = 0;

	run_init(&run);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		others[i] = (struct run){.lines = BUF_INIT(64)};
		cr_assert_eq(process_start(&run.loop,
					   &(struct process_options){.argv = ARGV("/bin/false"),
								     .timeout_ms = UINT64_MAX,
								     .line = on_line},
					   on_end, &others[i], &others[i].process),
			     0);
	}
	while (count_zombies() < ARRAY_LEN(others))
		usleep(1000);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		n += others[i].calls == 1 && others[i].result.exit_status == 1;
	cr_expect_eq(n, ARRAY_LEN(others));
	run_done(&run);
}

/* What it gets */

Test(process, default_signals, .timeout = 60)
{
	uint64_t blocked = 1, ignored = 1;
	struct run run;
	sigset_t some;

	run_init(&run);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigaddset(&some, SIGUSR2);
	sigaddset(&some, SIGRTMIN);
	cr_assert_eq(sigprocmask(SIG_BLOCK, &some, NULL), 0);
	run_start(&run, (struct process_options){.argv = ARGV("/bin/grep", "-E", "^Sig(Blk|Ign):",
							      "/proc/self/status")});
	run_loop(&run);
	cr_expect_eq(sscanf(buf_str(&run.lines), "SigBlk: %" SCNx64 " SigIgn: %" SCNx64, &blocked,
			    &ignored),
		     2, "%s", buf_str(&run.lines));
	cr_expect_eq(blocked, 0);
	/* 32 and 33 are libc's own: nobody can set them, so they are as our starter left them. */
	cr_expect_eq(ignored & ~(UINT64_C(3) << 31), 0);
	run_done(&run);
}

Test(process, exact_environment, .timeout = 60)
{
	struct run run;

	setenv("FIREWORKS_API_KEY", "fw_secret", 1);
	run_all(&run, (struct process_options){.argv = ARGV("/usr/bin/env"),
					       .env = ARGV("A=1", "B=x y", "C=")});
	cr_expect_str_eq(buf_str(&run.lines), "A=1\nB=x y\nC=\n");
	run_done(&run);
}

Test(process, no_environment_is_an_empty_one, .timeout = 60)
{
	struct run run;
	struct process_options options = {.argv = ARGV("/usr/bin/env"),
					  .timeout_ms = UINT64_MAX,
					  .line = on_line};

	run_init(&run);
	cr_assert_eq(process_start(&run.loop, &options, on_end, &run, &run.process), 0);
	run_loop(&run);
	cr_expect_str_eq(buf_str(&run.lines), "");
	run_done(&run);
}

Test(process, exact_descriptors, .timeout = 60)
{
	struct run run, other;

	/* One that a library may have opened like this. */
	cr_assert_geq(open("/dev/null", O_RDONLY), 0);
	run_init(&run);
	/* A second child, whose pipes are open meanwhile. */
	other = (struct run){.lines = BUF_INIT(64)};
	cr_assert_eq(process_start(&run.loop,
				   &(struct process_options){.argv = SH("cat"),
							     .env = PATH_ENV,
							     .timeout_ms = UINT64_MAX,
							     .line = on_line},
				   on_end, &other, &other.process),
		     0);
	run_start(&run, (struct process_options){.argv = ARGV("/bin/ls", "/proc/self/fd")});
	uv_run(&run.loop, UV_RUN_DEFAULT);
	cr_expect_eq(other.calls, 1);
	/* 3 is the directory that ls reads. */
	cr_expect_str_eq(buf_str(&run.lines), "0\n1\n2\n3\n");
	run_done(&run);
}

Test(process, session_and_pipes, .timeout = 60)
{
	struct run run;

	/* Its pid, process group and session are one number; /dev/stderr can be opened. */
	run_all(&run,
		(struct process_options){
			.argv = SH("read pid comm state parent group session rest"
				   " </proc/$$/stat\n"
				   "[ $$ = $group ] && [ $$ = $session ] && echo own\n"
				   "echo out; echo err >/dev/stderr; echo out >/dev/stdout")});
	cr_expect_str_eq(buf_str(&run.lines), "own\nout\nerr\nout\n");
	run_done(&run);
}

/* Its input */

#define MIB (1UL << 20)

static const struct {
	const char *script;
	size_t input;
	int status;
	const char *lines;
} inputs[] = {
	{"wc -c", 0, 0, "0\n"},
	{"wc -c", 5, 0, "5\n"},
	{"wc -c", MIB, 0, "1048576\n"},
	{"exit 3", MIB, 3, ""},
	{"exec <&-; echo closed", MIB, 0, "closed\n"},
	{"head -c 3; echo; exit 5", MIB, 5, "xxx\n"},
};

Test(process, input, .timeout = 60)
{
	char *input = malloc(MIB);

	cr_assert_not_null(input);
	memset(input, 'x', MIB);
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct run run;

		run_all(&run, (struct process_options){.argv = SH(inputs[i].script),
						       .input = input,
						       .input_len = inputs[i].input});
		cr_expect_eq(run.result.exit_status, inputs[i].status, "%s", inputs[i].script);
		cr_expect_eq(run.result.signal, 0);
		cr_expect_str_eq(buf_str(&run.lines), inputs[i].lines, "%s", inputs[i].script);
		run_done(&run);
	}
	free(input);
}

static void cancel_on_line(struct run *run, const char *line)
{
	process_cancel(run->process);
}

Test(process, input_never_read, .timeout = 60)
{
	struct run run;
	char *input = calloc(1, MIB);

	cr_assert_not_null(input);
	run_init(&run);
	run.on_line = cancel_on_line;
	run_start(&run, (struct process_options){.argv = SH("echo ready; exec sleep 1000"),
						 .input = input,
						 .input_len = MIB});
	free(input); /* it was copied */
	run_loop(&run);
	cr_expect(run.result.cancelled);
	cr_expect_eq(run.result.signal, SIGTERM);
	run_done(&run);
}

/* Its output */

Test(process, flood, .timeout = 60)
{
	struct run run;

	run_all(&run, (struct process_options){
			      .argv = SH("head -c 1000000 /dev/zero | tr '\\0' x; exit 6")});
	cr_expect_eq(run.result.exit_status, 6);
	cr_expect_eq(run.lines.len, PROCESS_OUTPUT_MAX + (PROCESS_OUTPUT_MAX + PROCESS_LINE_MAX -
							  1) / PROCESS_LINE_MAX);
	cr_expect_eq(run.dropped, 1000000 - PROCESS_OUTPUT_MAX);
	run_done(&run);
}

Test(process, flood_of_empty_lines, .timeout = 60)
{
	struct run run;

	run_all(&run, (struct process_options){.argv = SH("yes '' | head -n 20000; exit 6")});
	cr_expect_eq(run.result.exit_status, 6);
	cr_expect_eq(run.lines.len, PROCESS_LINES_MAX);
	cr_expect_eq(run.dropped, 20000 - PROCESS_LINES_MAX);
	run_done(&run);
}

Test(process, binary, .timeout = 60)
{
	struct run run;

	run_all(&run, (struct process_options){.argv = SH("printf 'a\\000\\377\\n\\200'")});
	cr_expect_eq(run.lines.len, 6);
	cr_expect_eq(memcmp(run.lines.data, "a\0\377\n\200\n", 6), 0);
	run_done(&run);
}

/* How the group goes */

static void assert_killed(pid_t pid)
{
	int status;

	cr_assert_gt(pid, 1);
	if (waitpid(pid, &status, 0) == pid) {
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d", status);
		return;
	}
	/* Its parent, in wait() when both were killed, has still taken it. */
	cr_assert_eq(errno, ECHILD);
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH);
}

Test(process, group_is_killed_at_exit, .timeout = 60)
{
	struct run run;

	run_all(&run,
		(struct process_options){.argv = SH("trap '' TERM; sleep 1000 & echo $!; exit 2")});
	cr_expect_eq(run.result.exit_status, 2);
	assert_killed(atoi(buf_str(&run.lines)));
	run_done(&run);
}

/* A grandchild in a session of its own lives on and holds the pipe: that delays nothing. */
Test(process, pipe_held_open, .timeout = 60)
{
	struct run run;
	pid_t pid;

	run_all(&run,
		(struct process_options){
			.argv = SH(
				"trap 'echo last; exit 0' USR1\n"
				"setsid sh -c \"echo \\$\\$; kill -USR1 $$; exec sleep 1000\" &\n"
				"wait")});
	cr_expect_eq(run.result.exit_status, 0);
	pid = atoi(buf_str(&run.lines));
	cr_expect_not_null(strstr(buf_str(&run.lines), "\nlast\n"));
	cr_assert_gt(pid, 1);
	cr_expect_eq(kill(pid, 0), 0);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	assert_killed(pid);
	run_done(&run);
}

/* Neither child nor grandchild listens to SIGTERM. */
Test(process, timeout_kills_group, .timeout = 120)
{
	for (uint64_t timeout_ms = 100;; timeout_ms *= 2) {
		struct run run;
		bool ready;

		run_all(&run,
			(struct process_options){.argv = SH("trap '' TERM; sleep 1000 & echo $!\n"
							    "while :; do sleep 1000; done"),
						 .timeout_ms = timeout_ms,
						 .grace_ms = 50});
		/* On a busy machine the time can be over before it has set its trap. */
		ready = run.lines.len > 0;
		cr_expect(run.result.timed_out);
		cr_expect(!run.result.cancelled);
		if (ready) {
			cr_expect_eq(run.result.signal, SIGKILL);
			assert_killed(atoi(buf_str(&run.lines)));
		}
		run_done(&run);
		if (ready)
			break;
	}
}

Test(process, timeout_is_sigterm_first, .timeout = 120)
{
	for (uint64_t timeout_ms = 100;; timeout_ms *= 2) {
		struct run run;
		bool ready;

		run_all(&run, (struct process_options){.argv = SH("trap 'echo term; exit 4' TERM\n"
								  "echo ready\n"
								  "sleep 1000 & wait"),
						       .timeout_ms = timeout_ms});
		ready = run.lines.len > 0;
		cr_expect(run.result.timed_out);
		if (ready) {
			cr_expect_str_eq(buf_str(&run.lines), "ready\nterm\n");
			cr_expect_eq(run.result.signal, 0);
			cr_expect_eq(run.result.exit_status, 4);
		}
		run_done(&run);
		if (ready)
			break;
	}
}

/* Stopped, it hears SIGTERM all the same. */
Test(process, stopped_is_continued_to_end, .timeout = 120)
{
	for (uint64_t timeout_ms = 100;; timeout_ms *= 2) {
		struct run run;
		bool ready;

		run_all(&run, (struct process_options){.argv = SH("trap 'echo term; exit 4' TERM\n"
								  "echo ready; kill -STOP $$\n"
								  "echo continued"),
						       .timeout_ms = timeout_ms,
						       .grace_ms = 60000});
		ready = run.lines.len > 0;
		cr_expect(run.result.timed_out);
		if (ready) {
			cr_expect_not_null(strstr(buf_str(&run.lines), "term\n"), "%s",
					   buf_str(&run.lines));
			cr_expect_eq(run.result.exit_status, 4);
		}
		run_done(&run);
		if (ready)
			break;
	}
}

Test(process, endless_flood_times_out, .timeout = 60)
{
	struct run run;

	run_all(&run, (struct process_options){.argv = ARGV("/usr/bin/yes"), .timeout_ms = 100});
	cr_expect(run.result.timed_out);
	cr_expect_eq(run.result.signal, SIGTERM);
	cr_expect_leq(run.lines.len, PROCESS_OUTPUT_MAX);
	run_done(&run);
}

Test(process, cancel_at_once, .timeout = 60)
{
	struct run run;

	run_init(&run);
	run_start(&run, (struct process_options){.argv = ARGV("/bin/sleep", "1000")});
	process_cancel(run.process);
	process_cancel(run.process);
	run_loop(&run);
	cr_expect(run.result.cancelled);
	cr_expect_eq(run.result.signal, SIGTERM);
	run_done(&run);
}

Test(process, cancel_then_kill, .timeout = 60)
{
	struct run run;

	run_init(&run);
	run.on_line = cancel_on_line;
	run_start(&run, (struct process_options){.argv = SH("trap '' TERM; echo ready\n"
							    "while :; do sleep 1000; done"),
						 .grace_ms = 20});
	run_loop(&run);
	cr_expect(run.result.cancelled);
	cr_expect(!run.result.timed_out);
	cr_expect_eq(run.result.signal, SIGKILL);
	run_done(&run);
}

Test(process, kill_at_once, .timeout = 60)
{
	struct run run;

	run_init(&run);
	run_start(&run, (struct process_options){.argv = ARGV("/bin/sleep", "1000")});
	process_kill(run.process);
	run_loop(&run);
	cr_expect(run.result.cancelled);
	cr_expect_eq(run.result.signal, SIGKILL);
	run_done(&run);
}

/* What cannot be started */

static void expect_failure(const char *program, int r)
{
	struct run run;

	run_init(&run);
	run_start(&run,
		  (struct process_options){.argv = ARGV(program), .input = "x", .input_len = 1});
	process_cancel(run.process); /* it has ended already */
	process_kill(run.process);
	run_loop(&run);
	cr_expect_eq(run.result.r, r, "%s: %s", program, strerror(-run.result.r));
	cr_expect(!run.result.cancelled && !run.result.timed_out);
	run_done(&run);
}

Test(process, cannot_start, .timeout = 60)
{
	char file[] = "/tmp/tunewatch-process-XXXXXX";
	int fd = mkostemp(file, O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "exit 0\n", 7), 7);
	cr_assert_eq(fchmod(fd, 0600), 0);
	close(fd);
	expect_failure("/nonexistent/program", -ENOENT);
	expect_failure(file, -EACCES);
	/* No shell steps in for a script without its #! line. */
	cr_assert_eq(chmod(file, 0700), 0);
	expect_failure(file, -ENOEXEC);
	expect_failure("/tmp", -EACCES);
	expect_failure("/dev/null/x", -ENOTDIR);
	unlink(file);
}

/* Each step that needs a descriptor fails once. */
Test(process, no_descriptors, .timeout = 60)
{
	struct rlimit old, limit;
	int first = dup(STDIN_FILENO), r = -EMFILE;

	cr_assert_geq(first, 0);
	close(first);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (rlim_t more = 0; r < 0; more++) {
		struct run run;

		run_init(&run);
		limit = old;
		limit.rlim_cur = (rlim_t)fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, first);
		close((int)limit.rlim_cur);
		limit.rlim_cur += more;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		run_start(&run, (struct process_options){.argv = SH("exit 1")});
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
		run_loop(&run);
		r = run.result.r;
		cr_expect(r == 0 || r == -EMFILE, "%s", strerror(-r));
		cr_assert(r < 0 || more >= 4, "two pipes are four descriptors");
		run_done(&run);
	}
}

Test(process, no_processes, .timeout = 60)
{
	struct rlimit old, none;
	struct run run;
	uid_t uid = getuid(), other = uid == 0 ? 65534 : uid;

	run_init(&run);
	cr_assert_eq(getrlimit(RLIMIT_NPROC, &old), 0);
	none = old;
	none.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NPROC, &none), 0);
	cr_assert_eq(setresuid(other, other, uid), 0);
	run_start(&run, (struct process_options){.argv = SH("exit 1")});
	cr_assert_eq(setresuid(uid, uid, uid), 0);
	cr_assert_eq(setrlimit(RLIMIT_NPROC, &old), 0);
	prctl(PR_SET_DUMPABLE, 1); /* the leak checker needs it */
	run_loop(&run);
	cr_expect_eq(run.result.r, -EAGAIN);
	run_done(&run);
}
