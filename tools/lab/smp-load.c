// SPDX-License-Identifier: GPL-2.0-only
/*
 * smp-load CPUS SECS: at least for so long, a thread for each processor maps, protects and unmaps
 * memory, forks and executes, moving to the next processor each round, while one more changes
 * mappings that all use: nobody may see the old page once it is replaced, or write a page once it
 * is protected. Exit status 1 if somebody does, or other than so many processors are online.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS	64
#define PAGE		4096UL
#define PAGES		24
#define WINDOWS		64
#define CHILD_STATUS	7
#define CHILD_MEMORY	(2UL << 20)

static atomic_bool stop, wrong;
static atomic_ulong replaced, rounds[MAX_CPUS];
static volatile unsigned long *window;		/* holds 'replaced' or more */
static volatile unsigned long *counters;	/* one a processor; at times read-only */
static __thread sigjmp_buf refused;
static char *self;

static void __attribute__((format(printf, 1, 2))) fault(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("smp-load: ");
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
	wrong = true;
}

static void *pages(unsigned long nr, int flags, int fd)
{
	void *p = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED) {
		perror("smp-load: mmap");
		exit(2);
	}
	return p;
}

static void own_mappings(unsigned long cpu)
{
	unsigned char *p = pages(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned long i;

	for (i = 0; i < PAGES; i++)
		p[i * PAGE] = cpu + i + 1;
	if (mprotect(p, PAGES * PAGE, PROT_READ))
		fault("processor %lu: mprotect", cpu);
	for (i = 0; i < PAGES; i++)
		if (p[i * PAGE] != (unsigned char)(cpu + i + 1))
			fault("processor %lu: page %lu has %u", cpu, i, p[i * PAGE]);
	if (madvise(p, PAGES / 2 * PAGE, MADV_DONTNEED))
		fault("processor %lu: madvise", cpu);
	for (i = 0; i < PAGES / 2; i++)
		if (p[i * PAGE])
			fault("processor %lu: page %lu was thrown away, has %u", cpu, i,
			      p[i * PAGE]);
	munmap(p, PAGES * PAGE);
}

static void common_mappings(unsigned long cpu)
{
	unsigned long least = atomic_load(&replaced), seen = *window;

	if (seen < least)
		fault("processor %lu: still sees page %lu, not %lu", cpu, seen, least);
	if (!sigsetjmp(refused, 1))
		counters[cpu]++;
}

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(refused, 1);
}

/* What the executed child does: as a compiler, it takes memory and fills it. */
static int child(void)
{
	unsigned char *p = malloc(CHILD_MEMORY);
	unsigned long i, sum = 0;

	for (i = 0; i < CHILD_MEMORY; i += PAGE / 4)
		p[i] = i >> 10;
	for (i = 0; i < CHILD_MEMORY; i += PAGE / 4)
		sum += p[i] == (unsigned char)(i >> 10);
	return sum == CHILD_MEMORY / (PAGE / 4) ? CHILD_STATUS : 1;
}

static void processes(unsigned long cpu)
{
	int status, pid = fork();

	if (!pid) {
		execl("/proc/self/exe", self, NULL);
		_exit(99);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != CHILD_STATUS)
		fault("processor %lu: a process ended with %x", cpu, pid < 0 ? -1 : status);
}

static bool move_to(unsigned long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && (unsigned long)sched_getcpu() == cpu;
}

static void *work(void *arg)
{
	unsigned long cpus = sysconf(_SC_NPROCESSORS_ONLN), cpu = (unsigned long)arg, i;

	while (!stop && !wrong) {
		if (!move_to(cpu))
			fault("processor %lu takes no work", cpu);
		for (i = 0; i < 20 && !stop; i++) {
			own_mappings(cpu);
			common_mappings(cpu);
		}
		processes(cpu);
		rounds[cpu]++;
		cpu = (cpu + 1) % cpus;
	}
	return NULL;
}

/* Page after page of a file in one place. Each has its number in it before it is shown. */
static void replace_page(int fd, unsigned long *file)
{
	unsigned long next = replaced + 1, slot = next % WINDOWS;

	file[slot * PAGE / sizeof(*file)] = next;
	if (mmap((void *)window, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, slot * PAGE) ==
	    MAP_FAILED)
		fault("no window");
	atomic_store(&replaced, next);
}

static void protect_page(unsigned long cpus)
{
	unsigned long before[MAX_CPUS], cpu;

	if (mprotect((void *)counters, PAGE, PROT_READ))
		fault("mprotect");
	for (cpu = 0; cpu < cpus; cpu++)
		before[cpu] = counters[cpu];
	usleep(2000);
	for (cpu = 0; cpu < cpus; cpu++)
		if (before[cpu] != counters[cpu])
			fault("processor %lu writes a page that is protected", cpu);
	if (mprotect((void *)counters, PAGE, PROT_READ | PROT_WRITE))
		fault("mprotect");
}

static bool all_work(unsigned long cpus)
{
	unsigned long cpu;

	for (cpu = 0; cpu < cpus && rounds[cpu]; cpu++)
		;
	return cpu == cpus;
}

static void change_common_mappings(unsigned long cpus, time_t secs)
{
	time_t end = time(NULL) + secs;
	int fd = memfd_create("smp-load", 0);
	unsigned long *file, i;

	if (ftruncate(fd, WINDOWS * PAGE))
		fault("no file");
	file = pages(WINDOWS, MAP_SHARED, fd);
	for (i = 0; !wrong && (time(NULL) < end || !all_work(cpus)); i++) {
		replace_page(fd, file);
		if (i % 8 == 0)
			protect_page(cpus);
		usleep(500);
	}
}

int main(int argc, char **argv)
{
	unsigned long cpus = sysconf(_SC_NPROCESSORS_ONLN), cpu;
	pthread_t threads[MAX_CPUS];

	self = argv[0];
	if (argc != 3)
		return argc == 1 ? child() : 2;
	if (cpus != strtoul(argv[1], NULL, 0) || cpus > MAX_CPUS) {
		fault("%lu processors are online, not %s", cpus, argv[1]);
		return 1;
	}
	signal(SIGSEGV, on_fault);
	window = pages(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	counters = pages(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (cpu = 0; cpu < cpus; cpu++)
		if (pthread_create(&threads[cpu], NULL, work, (void *)cpu))
			return 2;
	change_common_mappings(cpus, strtoul(argv[2], NULL, 0));
	stop = true;
	for (cpu = 0; cpu < cpus; cpu++)
		pthread_join(threads[cpu], NULL);
	for (cpu = 0; cpu < cpus; cpu++)
		printf("smp-load: processor %lu: %lu rounds\n", cpu, rounds[cpu]);
	printf("smp-load: %lu pages replaced\n", replaced);
	return wrong;
}
