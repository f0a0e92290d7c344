/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MATH_H
#define SHIM_MATH_H

#include <linux/bitops.h>

#define round_up(x, y)		((((x) - 1) | ((__typeof__(x))(y) - 1)) + 1)
#define round_down(x, y)	((x) & ~((__typeof__(x))(y) - 1))
#define roundup(x, y)		((((x) + (y) - 1) / (y)) * (y))

#endif
