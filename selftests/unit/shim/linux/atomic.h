/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ATOMIC_H
#define SHIM_ATOMIC_H

#include <linux/compiler.h>

typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;
typedef struct { long long counter; } atomic64_t;

#define atomic_read(a)		READ_ONCE((a)->counter)
#define atomic_set(a, v)	WRITE_ONCE((a)->counter, v)
#define atomic_inc(a)		((void)__atomic_add_fetch(&(a)->counter, 1, __ATOMIC_SEQ_CST))
#define atomic_dec(a)		((void)__atomic_sub_fetch(&(a)->counter, 1, __ATOMIC_SEQ_CST))
#define atomic_add(n, a)	((void)__atomic_add_fetch(&(a)->counter, n, __ATOMIC_SEQ_CST))
#define atomic_dec_and_test(a)	(!__atomic_sub_fetch(&(a)->counter, 1, __ATOMIC_SEQ_CST))
#define atomic64_read		atomic_read
#define atomic64_set		atomic_set
#define atomic64_inc		atomic_inc
#define atomic64_add		atomic_add
#define atomic_long_read	atomic_read
#define atomic_long_inc		atomic_inc
#define atomic_long_dec		atomic_dec

#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define cmpxchg(p, old, new)						\
	({								\
		__typeof__(*(p)) shim_old = (old);			\
		__atomic_compare_exchange_n(p, &shim_old, new, 0,	\
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		shim_old;						\
	})
#define cmpxchg64		cmpxchg
#define try_cmpxchg(p, old, new)					\
	__atomic_compare_exchange_n(p, old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define try_cmpxchg64		try_cmpxchg

#endif
