/*
 * What the test build of the daemon has that the product has not: tunewatchd-faulty is the same
 * objects, but some calls between them go through a __wrap_ function of this directory (--wrap of
 * ld), which breaks something when an environment variable asks for it. Without one it is the daemon.
 *
 *   TW_FAULT_POINT=NAME:K  SIGKILL to itself when it comes to that point for the K-th time
 *   TW_FAULT_ALLOC=FILE    allocations fail as the file says, see fault_alloc.c
 *   TW_FAULT_DISK=FILE     a disk that loses power, fails or lies, see fault_power.c
 *   TW_FAULT_HASTE=N       waits are N times shorter, see fault_schedule.c
 *   TW_FAULT_SLEEP=FILE    the machine sleeps as long as the file says, see fault_sleep.c
 */
#pragma once

/* Defines the function that calls of `name` from other objects come to; REAL(name) is its own. */
#define WRAP(type, name, ...)                                                                      \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)
#define REAL(name) __real_##name

/* The daemon has come to the point of that name: it may be its last. Any thread. */
void fault_point(const char *name);
