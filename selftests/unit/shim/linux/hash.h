/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_HASH_H
#define SHIM_HASH_H

#include <linux/types.h>

/* Any odd multiplier with well-mixed bits would do. */
static inline __u32 hash_64(__u64 value, unsigned int bits)
{
	return (value * 0xd1342543de82ef95ull) >> (64 - bits);
}

static inline __u32 hash_32(__u32 value, unsigned int bits)
{
	return (__u32)(value * 0xadb4a92du) >> (32 - bits);
}

static inline __u32 hash_long(unsigned long value, unsigned int bits)
{
	return hash_64(value, bits);
}

#endif
