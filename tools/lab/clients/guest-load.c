// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest-load MB: one thread for each processor changes and checks its share of that much
 * memory, maps and unmaps some, and looks at the clock, which may not go backward between
 * any two processors. Prints a line for each round of all, until it reads a line. Exit status
 * 1: memory or clock were wrong.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS 64
#define PAGE 4096

static atomic_llong latest;
static atomic_long rounds[MAX_CPUS];
static atomic_bool stop, wrong;
static size_t share;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void clock_goes_forward(long cpu)
{
	long long before = atomic_load(&latest), t = now();

	if (t < before) {
		printf("client-guest: processor %ld: the clock went back by %lld ns\n", cpu,
		       before - t);
		wrong = true;
	}
	while (before < t && !atomic_compare_exchange_weak(&latest, &before, t))
		;
}

static uint64_t value(long cpu, size_t i, long round)
{
	return (i + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)round << 32 ^ cpu;
}

static void memory_holds(long cpu, uint64_t *memory, long round)
{
	size_t i, step = PAGE / 2 / sizeof(*memory);

	for (i = 0; i < share / sizeof(*memory); i += step) {
		if (round && memory[i] != value(cpu, i, round - 1)) {
			printf("client-guest: processor %ld: memory %zu is %jx, not %jx\n", cpu, i,
			       (uintmax_t)memory[i], (uintmax_t)value(cpu, i, round - 1));
			wrong = true;
			return;
		}
		memory[i] = value(cpu, i, round);
		if (i % (step * 64) == 0)
			clock_goes_forward(cpu);
	}
}

static void mappings_come_and_go(long cpu)
{
	size_t size = 16 * PAGE, i;
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	bool dirty = p == MAP_FAILED;

	for (i = 0; !dirty && i < size; i += PAGE) {
		dirty = p[i];
		p[i] = cpu + 1;
	}
	if (dirty || mprotect(p, size, PROT_READ) || p[PAGE] != cpu + 1 ||
	    munmap(p, size)) {
		printf("client-guest: processor %ld: a mapping is wrong\n", cpu);
		wrong = true;
	}
}

static void *work(void *arg)
{
	long cpu = (long)arg;
	uint64_t *memory = mmap(NULL, share, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (memory == MAP_FAILED || sched_setaffinity(0, sizeof(set), &set)) {
		perror("client-guest: no memory, or no such processor");
		wrong = true;
	}
	while (!stop && !wrong) {
		memory_holds(cpu, memory, rounds[cpu]);
		mappings_come_and_go(cpu);
		rounds[cpu]++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), cpu, round = 0;
	struct pollfd in = { .fd = 0, .events = POLLIN };
	pthread_t threads[MAX_CPUS];

	if (argc != 2 || cpus > MAX_CPUS)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	share = ((size_t)atoi(argv[1]) << 20) / cpus;
	for (cpu = 0; cpu < cpus; cpu++)
		if (pthread_create(&threads[cpu], NULL, work, (void *)cpu))
			return 2;
	while (!wrong && poll(&in, 1, 200) == 0) {
		for (cpu = 0; cpu < cpus && rounds[cpu] > round; cpu++)
			;
		if (cpu == cpus)
			printf("client-guest: round %ld, %lld ms\n", ++round, now() / 1000000);
	}
	stop = true;
	for (cpu = 0; cpu < cpus; cpu++)
		pthread_join(threads[cpu], NULL);
	return wrong;
}
