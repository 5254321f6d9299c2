/*
 * A file with a secret: who else could read it, and its contents.
 *
 * A file may be read by its owner, who is us or root, and, when root owns it, by a group that we
 * are in: that is how an administrator gives a key to a service. Anything wider is refused with the
 * command that closes it. Files of $CREDENTIALS_DIRECTORY are exempt: the directory is private.
 */
#include "config/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_FILE_MAX 8192
#define BLANK           " \t\r\n"

void wipe_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void config_secret_done(struct config_secret *s)
{
	wipe_free(s->value);
	free(s->source);
	*s = (struct config_secret){0};
}

static bool our_group(gid_t gid)
{
	_cleanup_free_ gid_t *groups = NULL;
	int n;

	if (geteuid() == 0 || gid == getegid())
		return true;
	n = getgroups(0, NULL);
	groups = n > 0 ? calloc((size_t)n, sizeof(*groups)) : NULL;
	n = groups ? getgroups(n, groups) : 0;
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

const char *secret_not_private(const struct stat *st, const char **ret_command)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		*ret_command = geteuid() == 0 ? "chown root" : "chown $(id -un)";
		return "belongs to another user";
	}
	/* What root owns is given to a service by its group: not_ours() says so next. */
	*ret_command = st->st_uid == 0 && geteuid() != 0 ? "chmod o=,g=r" : "chmod 600";
	if (st->st_mode & S_IRWXO)
		return "is open to everybody";
	if (st->st_mode & (S_IWGRP | S_IXGRP))
		return "is writable by its group";
	if (st->st_mode & S_IRGRP && (st->st_uid != 0 || !our_group(st->st_gid)))
		return "is readable by its group";
	return NULL;
}

/* A service has a user of its own, and a file that root wrote is closed to it. */
static int not_ours(const char *path, struct error *ret_e)
{
	const struct group *group = getgrgid(getegid());

	if (!group)
		return error_set(ret_e, -EINVAL, "cannot read %s: %s", path, strerror(EACCES));
	return error_set(ret_e, -EINVAL,
			 "cannot read %s: %s; if root owns it, run: chgrp %s %s && chmod 640 %s",
			 path, strerror(EACCES), group->gr_name, path, path);
}

int secret_read(const char *path, bool exempt, char **ret, struct error *ret_e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[SECRET_FILE_MAX + 1];
	const char *why, *command;
	struct stat st;
	ssize_t n = 0, len = 0;
	char *begin;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 && errno == EACCES)
		return not_ours(path, ret_e);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(ret_e, -EINVAL, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(ret_e, -EINVAL, "%s is not a regular file", path);
	why = exempt ? NULL : secret_not_private(&st, &command);
	if (why)
		return error_set(ret_e, -EINVAL, "%s %s; run: %s %s", path, why, command, path);
	do {
		n = read(fd, text + len, (size_t)(SECRET_FILE_MAX - len));
		len += n > 0 ? n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	text[len] = '\0';
	if (n < 0 || len == SECRET_FILE_MAX || memchr(text, '\0', (size_t)len)) {
		explicit_bzero(text, sizeof(text));
		return error_set(ret_e, -EINVAL, "%s %s", path,
				 n < 0 ? "cannot be read" : "does not hold a secret");
	}
	while (len > 0 && strchr(BLANK, text[len - 1]))
		text[--len] = '\0';
	begin = strdup(text + strspn(text, BLANK));
	explicit_bzero(text, sizeof(text));
	if (!begin)
		return -ENOMEM;
	*ret = begin;
	return 0;
}
