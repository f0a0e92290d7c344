/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers, by SplitMix64: any seed is a good one. */
#ifndef UMBRA_SPLITMIX_H
#define UMBRA_SPLITMIX_H

#include "types.h"

static inline u64 splitmix(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
