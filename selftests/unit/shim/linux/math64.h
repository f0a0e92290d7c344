/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MATH64_H
#define SHIM_MATH64_H

#include <linux/types.h>

static inline __u64 mul_u64_u32_div(__u64 a, __u32 mul, __u32 by)
{
	return (__u64)((unsigned __int128)a * mul / by);
}

static inline __u64 div64_u64(__u64 a, __u64 by)
{
	return a / by;
}

#endif
