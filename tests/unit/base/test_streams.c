#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/streams.h"

/* In a child that has them closed: 0, or which step failed. */
static int close_and_fill(int fd)
{
	char c = 'x';

	close(fd);
	if (streams_fill() < 0 || fcntl(fd, F_GETFD) < 0)
		return 1;
	/* It is the stream's for good, and of no use. */
	if (open("/dev/null", O_RDWR) <= STDERR_FILENO)
		return 2;
	errno = 0;
	if ((fd == STDIN_FILENO ? read(fd, &c, 1) : write(fd, &c, 1)) != -1 || errno != EBADF)
		return 3;
	return 0;
}

Test(streams, what_is_closed_is_filled)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		pid_t pid = fork();
		int status;

		cr_assert_geq(pid, 0);
		if (pid == 0)
			_exit(close_and_fill(fd));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0, "stream %d: status %d", fd, status);
	}
}
