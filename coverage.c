// SPDX-License-Identifier: GPL-2.0-only
/*
 * COVERAGE=y: which code ran, for tools/lab/coverage. The compiler puts a call in each basic block
 * (as for KCOV, which Debian's kernels don't have); here one byte remembers each caller.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "coverage.h"

/* A module's code is at most so far from here. */
#define REACH	(2ul << 20)

static u8 ran[2 * REACH];

static unsigned long first(void)
{
	return (unsigned long)__sanitizer_cov_trace_pc - REACH;
}

/* Called anywhere, with the host's registers. */
notrace void __sanitizer_cov_trace_pc(void)
{
	unsigned long at = _RET_IP_ - first();

	if (at < sizeof(ran))
		WRITE_ONCE(ran[at], 1);
}

static int coverage_show(struct seq_file *s, void *unused)
{
	unsigned long at;

	for (at = 0; at < sizeof(ran); at++)
		if (READ_ONCE(ran[at]))
			seq_printf(s, "%lx\n", first() + at);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(coverage);

void coverage_init(struct dentry *dir)
{
	debugfs_create_file("coverage", 0400, dir, NULL, &coverage_fops);
}
