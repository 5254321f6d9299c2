/* Keeps the numbers of the standard streams from anybody else. */
#include "base/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int streams_fill(void)
{
	/* Ascending: open() takes the lowest number. What cannot be done with one is what it is for. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return -errno;
	return 0;
}
