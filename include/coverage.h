/* SPDX-License-Identifier: GPL-2.0-only */
/* Which code ran, in a module built with COVERAGE=y. */
#ifndef UMBRA_COVERAGE_H
#define UMBRA_COVERAGE_H

#include <linux/types.h>

struct dentry;

#ifdef UMBRA_COVERAGE
/**
 * coverage_init() - make debugfs' file of what ran
 * @dir:	the module's folder there
 *
 * Its lines are the return addresses of the calls that the compiler put into each basic block
 * that ran since the module was loaded. Failure is not fatal, as everywhere in debugfs.
 */
void coverage_init(struct dentry *dir);

/**
 * __sanitizer_cov_trace_pc() - a basic block of the caller's runs
 *
 * The compiler puts calls of it everywhere, with -fsanitize-coverage=trace-pc. Any context.
 */
void __sanitizer_cov_trace_pc(void);
#else
static inline void coverage_init(struct dentry *dir)
{
}
#endif

#endif
