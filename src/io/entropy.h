/* Chance, for jitter: the one place where random numbers are drawn that decisions get as arguments. */
#pragma once

#include <stdint.h>

/* 0 while the kernel's pool is not ready (early boot), which only costs the jitter. */
uint32_t entropy_u32(void);
