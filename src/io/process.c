/* Runs a program in a session of its own. */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "base/list.h"
#include "base/macro.h"
#include "io/lines.h"

/*
 * The children of a loop. One handle for all of them: each handle is told of each SIGCHLD through a
 * pipe of the loop, and with one a child, a hundred that end before the loop turns would fill it;
 * what finds no room is lost.
 */
struct children {
	uv_signal_t signal;  /* SIGCHLD */
	struct list running; /* struct process; closed when there is none */
};

struct process {
	struct children *children; /* NULL: not one of them */
	struct list in_children;
	uv_timer_t timer;
	uv_pipe_t in, out; /* our ends */
	uv_write_t write;
	unsigned open; /* handles that the loop still knows */
	bool running;  /* the child was started and has not been waited for */
	bool ending;   /* it was sent SIGTERM or SIGKILL */
	pid_t group;   /* also the child's id */
	uint64_t grace_ms;
	struct process_result result;
	process_fn fn;
	void *user;
	struct lines lines;
	char line[PROCESS_LINE_MAX];
	char chunk[4096]; /* what was just read */
	char input[];
};

static void on_closed(uv_handle_t *handle)
{
	struct process *p = handle->data;

	if (--p->open > 0)
		return;
	p->fn(p->user, &p->result);
	free(p);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void on_children_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void leave_children(struct process *p)
{
	struct children *c = TAKE_PTR(p->children);

	if (!c)
		return;
	list_remove(&p->in_children);
	if (list_empty(&c->running))
		uv_close((uv_handle_t *)&c->signal, on_children_closed);
}

/* Nothing more happens but the callback, when the loop has let go of the last handle. */
static void finish(struct process *p)
{
	leave_children(p);
	close_handle((uv_handle_t *)&p->timer);
	close_handle((uv_handle_t *)&p->in);
	close_handle((uv_handle_t *)&p->out);
}

/*
 * The group is the child's own since before exec (setsid), so it can be named until the last of its
 * members is gone.
 */
static void signal_group(struct process *p, int signal)
{
	kill(-p->group, signal);
}

static void on_timer(uv_timer_t *timer);

static void terminate(struct process *p)
{
	p->ending = true;
	signal_group(p, SIGTERM);
	signal_group(p, SIGCONT); /* who is stopped could not end in good order */
	uv_timer_start(&p->timer, on_timer, p->grace_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct process *p = timer->data;

	if (p->ending) {
		signal_group(p, SIGKILL);
		return;
	}
	p->result.timed_out = true;
	terminate(p);
}

/*
 * Reads what is in the pipe now and no more: somebody who left the group may go on writing.
 */
static void drain(struct process *p)
{
	uv_os_fd_t fd;
	int waiting;

	if (uv_is_closing((uv_handle_t *)&p->out) || uv_fileno((uv_handle_t *)&p->out, &fd) < 0 ||
	    ioctl(fd, FIONREAD, &waiting) < 0)
		return;
	while (waiting > 0) {
		ssize_t n = read(fd, p->chunk, MIN(sizeof(p->chunk), (size_t)waiting));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		lines_feed(&p->lines, p->chunk, (size_t)n);
		waiting -= (int)n;
	}
}

static void look_after(struct process *p)
{
	siginfo_t info = {0};

	if (!p->running || waitid(P_PID, (id_t)p->group, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return; /* it was another one */
	/* Before it is waited for: then its number, which is the group's, is nobody else's yet. */
	signal_group(p, SIGKILL);
	waitid(P_PID, (id_t)p->group, &info, WEXITED | WNOHANG);
	p->running = false;
	if (info.si_code == CLD_EXITED)
		p->result.exit_status = info.si_status;
	else
		p->result.signal = info.si_status;
	drain(p);
	lines_end(&p->lines);
	finish(p);
}

static void on_sigchld(uv_signal_t *signal, int signum)
{
	struct children *c = signal->data;

	list_for_each_safe (it, &c->running)
		look_after(container_of(it, struct process, in_children));
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct process *p = handle->data;

	*ret = uv_buf_init(p->chunk, sizeof(p->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct process *p = stream->data;

	if (uv_is_closing((uv_handle_t *)stream))
		return;
	if (n > 0)
		lines_feed(&p->lines, buf->base, (size_t)n);
	else if (n < 0) /* the end: it closed its output, and may live on */
		close_handle((uv_handle_t *)stream);
}

static void on_written(uv_write_t *req, int status)
{
	struct process *p = req->handle->data;

	/* A child that does not want its input (EPIPE) is as good as one that has read it. */
	close_handle((uv_handle_t *)&p->in);
}

static void send_input(struct process *p, size_t len)
{
	uv_buf_t buf = uv_buf_init(p->input, (unsigned)len);

	if (len == 0 || uv_write(&p->write, (uv_stream_t *)&p->in, &buf, 1, on_written) < 0)
		close_handle((uv_handle_t *)&p->in);
}

/*
 * Pipes of our own instead of UV_CREATE_PIPE, which makes socket pairs: a script that opens
 * /dev/stderr would fail on those with ENXIO.
 */
static int make_pipe(uv_pipe_t *ours, bool we_write, int *ret_theirs)
{
	_cleanup_close_ int our_fd = -1, their_fd = -1;
	uv_file fds[2];
	int r;

	r = uv_pipe(fds, we_write ? 0 : UV_NONBLOCK_PIPE, we_write ? UV_NONBLOCK_PIPE : 0);
	if (r < 0)
		return r;
	our_fd = fds[we_write ? 1 : 0];
	their_fd = fds[we_write ? 0 : 1];
	r = uv_pipe_open(ours, our_fd);
	if (r < 0)
		return r;
	(void)TAKE_FD(our_fd);
	/* Never 0, 1 or 2, which the child gets copies as: one must not overwrite the other. */
	*ret_theirs = fcntl(their_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return *ret_theirs < 0 ? -errno : 0;
}

static int child_descriptors(posix_spawn_file_actions_t *actions, int in, int out)
{
	int r = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, out, STDERR_FILENO);
	/* Libraries open descriptors that a child would inherit: libcurl its sockets, for one. */
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return -r;
}

static int child_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
							 POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	return -r;
}

/*
 * posix_spawn() and not uv_spawn(), which forks: that copies the daemon's page tables, and makes each
 * page that the daemon writes to afterwards a fault. With 20 MB in use it took milliseconds, in which
 * the loop stood still.
 */
static int start_child(struct process *p, const struct process_options *options, int in, int out)
{
	static char *no_env[] = {NULL};
	_cleanup_(posix_spawn_file_actions_destroy) posix_spawn_file_actions_t actions;
	_cleanup_(posix_spawnattr_destroy) posix_spawnattr_t attributes;
	int r;

	posix_spawn_file_actions_init(&actions); /* these two do not fail, nor need memory */
	posix_spawnattr_init(&attributes);
	r = child_descriptors(&actions, in, out);
	if (r == 0)
		r = child_attributes(&attributes);
	if (r < 0)
		return r;
	return -posix_spawn(&p->group, options->argv[0], &actions, &attributes, options->argv,
			    options->env ? options->env : no_env);
}

static void find_children(uv_handle_t *handle, void *ret)
{
	if (handle->type == UV_SIGNAL && ((uv_signal_t *)handle)->signal_cb == on_sigchld &&
	    !uv_is_closing(handle))
		*(struct children **)ret = handle->data;
}

static int new_children(uv_loop_t *loop, struct children **ret)
{
	struct children *c = malloc(sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = uv_signal_init(loop, &c->signal);
	if (r < 0) {
		free(c);
		return r;
	}
	c->signal.data = c;
	list_init(&c->running);
	r = uv_signal_start(&c->signal, on_sigchld, SIGCHLD);
	if (r < 0) {
		uv_close((uv_handle_t *)&c->signal, on_children_closed);
		return r;
	}
	*ret = c;
	return 0;
}

/* Before it is started: it may end at once. */
static int join_children(struct process *p)
{
	struct children *c = NULL;
	int r = 0;

	uv_walk(p->timer.loop, find_children, &c);
	if (!c)
		r = new_children(p->timer.loop, &c);
	if (r < 0)
		return r;
	p->children = c;
	list_append(&c->running, &p->in_children);
	return 0;
}

static int spawn(struct process *p, const struct process_options *options)
{
	_cleanup_close_ int in = -1, out = -1;
	int r;

	r = make_pipe(&p->in, true, &in);
	if (r < 0)
		return r;
	r = make_pipe(&p->out, false, &out);
	if (r < 0)
		return r;
	r = join_children(p);
	return r < 0 ? r : start_child(p, options, in, out);
}

int process_start(uv_loop_t *loop, const struct process_options *options, process_fn fn, void *user,
		  struct process **ret)
{
	struct process *p;
	int r;

	p = calloc(1, sizeof(*p) + options->input_len);
	if (!p)
		return -ENOMEM;
	list_init(&p->in_children);
	p->fn = fn;
	p->user = user;
	p->grace_ms = options->grace_ms > 0 ? options->grace_ms : PROCESS_TERM_GRACE_MS;
	if (options->input_len > 0)
		memcpy(p->input, options->input, options->input_len);
	lines_init(&p->lines, p->line, sizeof(p->line), PROCESS_LINES_MAX, PROCESS_OUTPUT_MAX,
		   options->line, user);
	uv_timer_init(loop, &p->timer);
	uv_pipe_init(loop, &p->in, 0);
	uv_pipe_init(loop, &p->out, 0);
	p->timer.data = p->in.data = p->out.data = p;
	p->open = 3;

	r = spawn(p, options);
	if (r < 0) {
		p->result.r = r;
		finish(p);
	} else {
		p->running = true;
		uv_read_start((uv_stream_t *)&p->out, on_alloc, on_read);
		send_input(p, options->input_len);
		if (options->timeout_ms != UINT64_MAX)
			uv_timer_start(&p->timer, on_timer, options->timeout_ms, 0);
	}
	*ret = p;
	return 0;
}

void process_cancel(struct process *p)
{
	if (!p->running || p->ending)
		return;
	p->result.cancelled = true;
	terminate(p);
}

void process_kill(struct process *p)
{
	if (!p->running)
		return;
	if (!p->ending)
		p->result.cancelled = true;
	p->ending = true;
	signal_group(p, SIGKILL);
}
