/* The terminal's alternate screen. */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"

#define ENTER "\033[?1049h\033[?25l" /* alternate screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"

#define HEIGHT_DEFAULT 24

int screen_open(struct screen *s)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
	sigset_t set;

	*s = (struct screen){.signal_fd = -1};
	/* So that the terminal can be restored from the background, too. */
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? -errno : 0;
}

void screen_close(struct screen *s)
{
	screen_show(s, false);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	s->signal_fd = -1;
}

int screen_write(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

			poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		bytes += MAX(n, 0);
		len -= (size_t)MAX(n, 0);
	}
	return 0;
}

/* A key that is typed would scroll the picture away, or stand in it. */
static void set_silent(struct screen *s, bool silent)
{
	struct termios quiet;

	if (silent && tcgetattr(STDIN_FILENO, &s->typed) == 0) {
		quiet = s->typed;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		s->silent = tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0;
	} else if (!silent && s->silent) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->typed);
		s->silent = false;
	}
}

void screen_show(struct screen *s, bool shown)
{
	const char *bytes = shown ? ENTER : LEAVE;

	if (s->shown == shown)
		return;
	(void)screen_write(bytes, strlen(bytes));
	set_silent(s, shown);
	s->shown = shown;
}

/* Ctrl-Z: the shell gets its screen back until it lets us go on. */
static void stop(struct screen *s)
{
	bool shown = s->shown;

	screen_show(s, false);
	raise(SIGSTOP);
	screen_show(s, shown);
}

int screen_signal(struct screen *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGTSTP)
		stop(s);
	return info.ssi_signo == SIGTSTP || info.ssi_signo == SIGWINCH ? 0 : (int)info.ssi_signo;
}

void screen_size(size_t *ret_width, size_t *ret_height)
{
	struct winsize size;

	*ret_width = cli_width();
	*ret_height = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0
			      ? size.ws_row
			      : HEIGHT_DEFAULT;
}
