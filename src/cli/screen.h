/* The terminal's alternate screen, and the signals that end or change what is on it. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct screen {
	int signal_fd; /* can be read when a signal has come */
	bool shown;    /* the alternate screen is on */
	bool silent;   /* what is typed is not echoed; before, it was as in `typed` */
	struct termios typed;
};

/* From now on, signals wait for screen_signal(). 0 or a negative errno. */
int screen_open(struct screen *s);
void screen_close(struct screen *s); /* restores the terminal */

/* Switches to the alternate screen, or back. */
void screen_show(struct screen *s, bool shown);

/* Writes all of it. 0 or a negative errno. */
int screen_write(const char *bytes, size_t len);

/*
 * Takes the next signal: 0 when there is none, or when it was one of those that are dealt with here
 * (a new size, being stopped and continued); else its number: it is time to end.
 */
int screen_signal(struct screen *s);

/* The terminal's size; 80 x 24 where it does not tell. */
void screen_size(size_t *ret_width, size_t *ret_height);
