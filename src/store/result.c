/* SQLite's result codes as errnos and sentences. */
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

static const struct {
	int code; /* primary result code */
	int error;
} results[] = {
	{SQLITE_FULL, ENOSPC},    {SQLITE_READONLY, EROFS},  {SQLITE_IOERR, EIO},
	{SQLITE_CANTOPEN, EIO},   {SQLITE_BUSY, EBUSY},      {SQLITE_LOCKED, EBUSY},
	{SQLITE_PROTOCOL, EBUSY}, {SQLITE_CORRUPT, EUCLEAN}, {SQLITE_NOTADB, EUCLEAN},
	{SQLITE_NOMEM, ENOMEM},   {SQLITE_TOOBIG, EMSGSIZE}, {SQLITE_CONSTRAINT, EINVAL},
	{SQLITE_ERROR, EINVAL},   {SQLITE_MISUSE, EINVAL},   {SQLITE_RANGE, EINVAL},
	{SQLITE_PERM, EACCES},    {SQLITE_AUTH, EACCES},
};

/* SQLite calls these I/O errors when they meet anything but a page of the database. */
static const int system_errors[] = {ENOSPC, EDQUOT, EROFS, EACCES, ENOMEM};

int sqlite_fail(sqlite3 *db, struct error *ret_e)
{
	int code = sqlite3_errcode(db) & 0xff, system = sqlite3_system_errno(db), r = -EIO;

	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		if (results[i].code == code)
			r = -results[i].error;
	if ((code != SQLITE_IOERR && code != SQLITE_CANTOPEN) || system <= 0)
		return error_set(ret_e, r, "%s", sqlite3_errmsg(db));
	for (size_t i = 0; i < ARRAY_LEN(system_errors); i++)
		if (system_errors[i] == system)
			r = system == EDQUOT ? -ENOSPC : -system;
	return error_set(ret_e, r, "%s (%s)", sqlite3_errmsg(db), strerror(system));
}

int store_fail(const struct store *s, struct error *ret_e)
{
	int r = sqlite_fail(s->db, ret_e);

	if (r == -EUCLEAN)
		return store_refuse(s->path, "is damaged", ret_e);
	return error_prefix(ret_e, r, "%s", s->path);
}

int store_refuse(const char *path, const char *what, struct error *ret_e)
{
	return error_set(ret_e, -EUCLEAN,
			 "%s %s; move it and its -wal file aside: a new one is made; watched jobs "
			 "are then seen as for the first time",
			 path, what);
}
