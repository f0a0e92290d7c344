/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ALIGN_H
#define SHIM_ALIGN_H

#define ALIGN(x, a)		(((x) + (__typeof__(x))(a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a)	(!((x) & ((__typeof__(x))(a) - 1)))

#endif
