/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

#define PAGE	4096UL
#define MIB	(1UL << 20)

/*
 * A workload: run() does @iterations of it and dies if a result is wrong. @size is in pages, or
 * what the help text says. prepare() and finish() are not measured.
 */
struct workload {
	const char *name;
	const char *help;
	unsigned long iterations, size;
	void (*prepare)(unsigned long size);
	void (*run)(unsigned long iterations, unsigned long size);
	void (*finish)(void);
};

extern const struct workload process_workloads[], memory_workloads[], pipe_workloads[];

void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void expect(int holds, const char *what);
int run_compile_unit(unsigned long size);

unsigned char *map_pages(unsigned long pages);
void unmap_pages(void *at, unsigned long pages);
void wait_for(int pid, int status);

#endif
