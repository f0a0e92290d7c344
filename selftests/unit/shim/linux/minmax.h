/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MINMAX_H
#define SHIM_MINMAX_H

#define min(a, b)							\
	({								\
		__typeof__(a) shim_a = (a);				\
		__typeof__(b) shim_b = (b);				\
		shim_a < shim_b ? shim_a : shim_b;			\
	})
#define max(a, b)							\
	({								\
		__typeof__(a) shim_a = (a);				\
		__typeof__(b) shim_b = (b);				\
		shim_a > shim_b ? shim_a : shim_b;			\
	})
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define clamp_t(type, v, lo, hi) clamp((type)(v), (type)(lo), (type)(hi))
#define swap(a, b)							\
	do {								\
		__typeof__(a) shim_t = (a);				\
		(a) = (b);						\
		(b) = shim_t;						\
	} while (0)

#endif
