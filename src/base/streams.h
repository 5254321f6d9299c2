/* The three standard streams. */
#pragma once

/*
 * Gives each that is closed an open file on which it fails: the next file or socket would get its
 * number, and what is meant for people. To be called before anything is opened. 0 or -errno.
 */
int streams_fill(void);
