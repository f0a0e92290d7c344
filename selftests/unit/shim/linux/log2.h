/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LOG2_H
#define SHIM_LOG2_H

#include <linux/bug.h>
#include <linux/bitops.h>

#define ilog2(n)		(fls64(n) - 1)
#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))
#define roundup_pow_of_two(n)	((n) <= 1 ? 1ul : 1ul << fls64((n) - 1))
#define rounddown_pow_of_two(n)	({ BUG_ON(!(n)); 1ul << ilog2(n); })
#define order_base_2(n)		((n) > 1 ? fls64((n) - 1) : 0)

#endif
