/*
 * The daemon without its poller: everything that the API tells of and changes, with a real store in a
 * temporary directory, and a scripted Fireworks API in the poller's place, which answers at once.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>

/* Listens on `control_world_socket()`. Ends the process when it cannot. */
void control_world_begin(void);
const char *control_world_socket(void);

/* Lets happen what is to happen now; with `wait`, also what comes within a few milliseconds. */
void control_world_turn(bool wait);

/* Takes all down in the daemon's order; the loop must close clean. */
void control_world_end(void);
