// SPDX-License-Identifier: GPL-2.0-only
/* A token goes round through pipes; who has it touches his own pages. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define MAX_RING	16

static unsigned char *own;
static int ring[MAX_RING][2];

static void touch_own(unsigned long size, unsigned char value)
{
	unsigned long i;

	for (i = 0; i < size; i++) {
		if (own[i * PAGE] != (unsigned char)(value - 1))
			fail("page %lu holds %u, not %u", i, own[i * PAGE], value - 1);
		own[i * PAGE] = value;
	}
}

static void pass_on(unsigned int me, unsigned int nr, unsigned char token)
{
	expect(write(ring[(me + 1) % nr][1], &token, 1) == 1, "write to a pipe");
}

static unsigned char take(unsigned int me)
{
	unsigned char token;

	expect(read(ring[me][0], &token, 1) == 1, "read from a pipe");
	return token;
}

static void __attribute__((noreturn)) member(unsigned int me, unsigned int nr, unsigned long size)
{
	unsigned char token, value = 0;

	for (;;) {
		token = take(me);
		if (!token)
			_exit(6);
		touch_own(size, ++value);
		pass_on(me, nr, token);
	}
}

static int pids[MAX_RING];
static unsigned int ring_size;
static unsigned char laps;

/* Neighbours in the ring on different processors, where there is more than one. */
static void go_to_cpu(unsigned int me)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(me % sysconf(_SC_NPROCESSORS_ONLN), &set);
	expect(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void prepare(unsigned int nr, unsigned long size, int spread)
{
	unsigned int i;

	own = map_pages(size);
	for (i = 0; i < nr; i++)
		expect(!pipe(ring[i]), "pipe");
	for (i = 1; i < nr; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			if (spread)
				go_to_cpu(i);
			member(i, nr, size);
		}
		expect(pids[i] > 0, "fork");
	}
	if (spread)
		go_to_cpu(0);
	ring_size = nr;
	laps = 0;
}

static void pair_prepare(unsigned long size)
{
	prepare(2, size, 0);
}

static void ring_prepare(unsigned long size)
{
	prepare(MAX_RING, size, 0);
}

static void spread_prepare(unsigned long size)
{
	prepare(MAX_RING, size, 1);
}

/* An iteration is one hop of the token. */
static void run(unsigned long iterations, unsigned long size)
{
	unsigned long i;

	for (i = 0; i < iterations; i += ring_size) {
		touch_own(size, ++laps);
		pass_on(0, ring_size, 1);
		expect(take(0) == 1, "the token that came back");
	}
}

static void finish(void)
{
	unsigned char stop = 0;
	unsigned int i;

	for (i = 1; i < ring_size; i++) {
		expect(write(ring[i][1], &stop, 1) == 1, "write to a pipe");
		wait_for(pids[i], 6);
	}
	for (i = 0; i < ring_size; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
}

const struct workload pipe_workloads[] = {
	{ "pingpong", "2 processes pass a token and touch SIZE pages", 2000, 16, pair_prepare, run,
	  finish },
	{ "ring", "16 processes in a ring do that", 3200, 16, ring_prepare, run, finish },
	{ "ring-cpus", "the same, with neighbours on different processors", 3200, 16,
	  spread_prepare, run, finish },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};
