// SPDX-License-Identifier: GPL-2.0-only
/* bench: runs workloads and says how long each took. The same binary runs native and as a guest. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MARK_PORT	0xf6
#define WARM_UP		4	/* one iteration in so many, at least one */

static const struct workload * const groups[] = {
	process_workloads, memory_workloads, pipe_workloads,
};

static const char usage[] =
"usage: bench [--marks] NAME[:ITERATIONS[:SIZE]]...\n"
"Runs these workloads in turn, each once to warm up and once measured. A line for each, at the\n"
"end so that the console does not disturb:\n"
"    bench NAME ITERATIONS NANOSECONDS\n"
"  --marks   in a guest of umbra-vmm: mark the VMM's counters before and after each\n"
"  --part N  after it: only one in N of the iterations\n"
"The workloads, with what they do by default:\n";

static int marks;
static unsigned long part = 1;

static struct result {
	const struct workload *w;
	unsigned long iterations;
	unsigned long long ns;
} *results;
static int nr_results;

static void print_results(void)
{
	int i;

	for (i = 0; i < nr_results; i++)
		printf("bench %s %lu %llu\n", results[i].w->name, results[i].iterations,
		       results[i].ns);
	fflush(stdout);
	nr_results = 0;
}

void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(1);
}

void expect(int holds, const char *what)
{
	if (!holds)
		fail("wrong: %s (last error: %s)", what, strerror(errno));
}

/* Huge pages would leave nothing to measure. */
unsigned char *map_pages(unsigned long pages)
{
	unsigned char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(at != MAP_FAILED, "mmap");
	madvise(at, pages * PAGE, MADV_NOHUGEPAGE);
	return at;
}

void unmap_pages(void *at, unsigned long pages)
{
	expect(!munmap(at, pages * PAGE), "munmap");
}

void wait_for(int pid, int status)
{
	int got;

	expect(waitpid(pid, &got, 0) == pid, "waitpid");
	if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
		fail("a child ended with %#x instead of status %d", got, status);
}

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* The permission is given back: with it every system call takes longer. */
static void mark(void)
{
	static unsigned char number;

	if (!marks)
		return;
	expect(!ioperm(MARK_PORT, 1, 1), "ioperm");
	outb(number++, MARK_PORT);
	expect(!ioperm(MARK_PORT, 1, 0), "ioperm");
}

static const struct workload *find(const char *name, size_t len)
{
	const struct workload *w;
	size_t g;

	for (g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (w = groups[g]; w->name; w++)
			if (strlen(w->name) == len && !strncmp(w->name, name, len))
				return w;
	fail("no workload '%.*s' (see bench --help)", (int)len, name);
}

static unsigned long number(const char *text, const char **end)
{
	unsigned long value = strtoul(text, (char **)end, 10);

	if (*end == text || !value || (**end && **end != ':'))
		fail("'%s' is not NAME[:ITERATIONS[:SIZE]]", text);
	return value;
}

static void measure(const char *spec)
{
	size_t len = strcspn(spec, ":");
	const struct workload *w = find(spec, len);
	unsigned long iterations = w->iterations, size = w->size;
	unsigned long long start, end;

	spec += len;
	if (*spec)
		iterations = number(spec + 1, &spec);
	if (*spec)
		size = number(spec + 1, &spec);
	iterations = (iterations + part - 1) / part;
	if (w->prepare)
		w->prepare(size);
	w->run((iterations + WARM_UP - 1) / WARM_UP, size);
	mark();
	start = now_ns();
	w->run(iterations, size);
	end = now_ns();
	mark();
	if (w->finish)
		w->finish();
	results[nr_results++] = (struct result){ w, iterations, end - start };
}

static int help(void)
{
	const struct workload *w;
	size_t g;

	fputs(usage, stdout);
	for (g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (w = groups[g]; w->name; w++)
			printf("  %s:%lu:%lu\n      %s\n", w->name, w->iterations, w->size,
			       w->help);
	return 0;
}

int main(int argc, char **argv)
{
	int i = 1;

	if (argc > 1 && !strcmp(argv[1], "--child"))
		return argc > 2 ? run_compile_unit(strtoul(argv[2], NULL, 10)) : 7;
	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return help();
	if (argc > 1 && !strcmp(argv[1], "--marks")) {
		marks = 1;
		i++;
	}
	if (i + 1 < argc && !strcmp(argv[i], "--part")) {
		part = strtoul(argv[i + 1], NULL, 10);
		if (!part)
			fail("--part wants a number of 1 or more");
		i += 2;
	}
	if (i == argc)
		fail("which workload? (see bench --help)");
	results = calloc(argc, sizeof(*results));
	expect(results != NULL, "calloc");
	mark();
	for (; i < argc; i++)
		measure(argv[i]);
	print_results();
	return 0;
}
