/* SPDX-License-Identifier: GPL-2.0-only */
/* An end for what hangs. */
#ifndef UMBRA_LIMIT_H
#define UMBRA_LIMIT_H

#include <sys/resource.h>
#include <unistd.h>

/* Processor time counts, so that a busy machine is no failure; what only waits ends later. */
static inline void limit_time(unsigned int seconds)
{
	const struct rlimit limit = { .rlim_cur = seconds, .rlim_max = seconds };

	setrlimit(RLIMIT_CPU, &limit);
	alarm(10 * seconds);
}

#endif
