/* The few macros that every floor uses: array lengths, cleanup, handing over a pointer; MIN and MAX
 * are libc's. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <sys/param.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The structure that holds `ptr` as its `member`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Evaluates to the pointer and leaves NULL behind: ownership moves to whoever takes the value. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) *take_p_ = &(p);                                                     \
		__typeof__(p) take_v_ = *take_p_;                                                  \
		*take_p_ = NULL;                                                                   \
		take_v_;                                                                           \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *take_p_ = &(fd);                                                              \
		int take_v_ = *take_p_;                                                            \
		*take_p_ = -1;                                                                     \
		take_v_;                                                                           \
	})

#define _cleanup_(fn)      __attribute__((cleanup(fn)))
#define _printf_(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define _unused_           __attribute__((unused))
#define _must_check_       __attribute__((warn_unused_result))

/* DEFINE_CLEANUP(struct buf *, buf_free) defines buf_freep() for use with _cleanup_. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##p(type *p)                                                          \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}                                                                                          \
	struct cleanup_needs_a_semicolon_

static inline void freep(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)
