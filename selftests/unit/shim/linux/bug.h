/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_BUG_H
#define SHIM_BUG_H

#include <linux/compiler.h>

void shim_warn(const char *file, int line, const char *what) __attribute__((noreturn));

/* A warning of the kernel's is a failed test. */
#define WARN_ON(cond)							\
	({								\
		bool shim_cond = !!(cond);				\
		if (shim_cond)						\
			shim_warn(__FILE__, __LINE__, #cond);		\
		shim_cond;						\
	})
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define WARN(cond, ...)		WARN_ON(cond)
#define WARN_ONCE(cond, ...)	WARN_ON(cond)
#define BUG_ON(cond)		((void)WARN_ON(cond))
#define BUG()			shim_warn(__FILE__, __LINE__, "BUG()")
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)
#ifndef static_assert
#define static_assert(expr, ...) _Static_assert(expr, #expr)
#endif

#endif
