// SPDX-License-Identifier: GPL-2.0-only
/* Workloads with processes and threads. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define NR_THREADS	8
#define NR_JOBS		4
#define LARGE		"/bench/large"

static unsigned char *shared;

static void getppid_run(unsigned long iterations, unsigned long size)
{
	long parent = getppid();

	(void)size;
	while (iterations--)
		expect(syscall(SYS_getppid) == parent, "getppid");
}

static void fork_run(unsigned long iterations, unsigned long size)
{
	int pid, status;

	(void)size;
	while (iterations--) {
		status = iterations & 0x3f;
		pid = fork();
		if (!pid)
			_exit(status);
		expect(pid > 0, "fork");
		wait_for(pid, status);
	}
}

static int spawn(const char *path, const char *arg, const char *arg2)
{
	int pid = fork();

	if (!pid) {
		execl(path, "bench", arg, arg2, NULL);
		_exit(99);
	}
	expect(pid > 0, "fork");
	return pid;
}

static void exec_run(unsigned long iterations, unsigned long size)
{
	(void)size;
	while (iterations--)
		wait_for(spawn("/proc/self/exe", "--child", NULL), 7);
}

static void exec_large_run(unsigned long iterations, unsigned long size)
{
	(void)size;
	while (iterations--)
		wait_for(spawn(LARGE, "large", NULL), 9);
}

static void fill(unsigned char *at, unsigned long pages, unsigned char value)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		at[i * PAGE] = value + i;
}

static int filled(const unsigned char *at, unsigned long pages, unsigned char value)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		if (at[i * PAGE] != (unsigned char)(value + i))
			return 0;
	return 1;
}

static void fork_write_prepare(unsigned long size)
{
	shared = map_pages(size);
	fill(shared, size, 1);
}

/* Each writes to all pages and sees only its own writes. */
static void fork_write_run(unsigned long iterations, unsigned long size)
{
	unsigned char value = shared[0];
	int pid;

	while (iterations--) {
		pid = fork();
		if (!pid) {
			int same = filled(shared, size, value);

			fill(shared, size, value + 100);
			_exit(same && filled(shared, size, value + 100) ? 5 : 1);
		}
		expect(pid > 0, "fork");
		fill(shared, size, ++value);
		wait_for(pid, 5);
		expect(filled(shared, size, value), "the parent's pages after a fork");
	}
}

struct job {
	pthread_t thread;
	unsigned char *at;
	unsigned long pages;
};

static void *thread_main(void *arg)
{
	struct job *job = arg;

	fill(job->at, job->pages, 3);
	return filled(job->at, job->pages, 3) ? job : NULL;
}

static void threads_run(unsigned long iterations, unsigned long size)
{
	unsigned long per_thread = size / NR_THREADS ? size / NR_THREADS : 1;
	struct job job[NR_THREADS];
	unsigned char *at;
	void *result;
	int i;

	while (iterations--) {
		at = map_pages(per_thread * NR_THREADS);
		for (i = 0; i < NR_THREADS; i++) {
			job[i].at = at + i * per_thread * PAGE;
			job[i].pages = per_thread;
			expect(!pthread_create(&job[i].thread, NULL, thread_main, &job[i]),
			       "pthread_create");
		}
		for (i = 0; i < NR_THREADS; i++) {
			pthread_join(job[i].thread, &result);
			expect(result == &job[i], "what a thread wrote");
		}
		unmap_pages(at, per_thread * NR_THREADS);
	}
}

static unsigned int checksum(const unsigned char *at, unsigned long bytes)
{
	unsigned int sum = 1;
	unsigned long i;

	for (i = 0; i < bytes; i += 16)
		sum = sum * 31 + at[i];
	return sum;
}

/* What a compiler does to memory: read a file, fill small pieces of heap, write a file. */
int run_compile_unit(unsigned long size)
{
	unsigned long bytes = size * PAGE, i;
	unsigned char *heap = malloc(bytes), *copy = malloc(bytes);
	unsigned int sum;
	char name[64];
	int fd;

	if (!size)
		return 7;
	expect(heap && copy, "malloc");
	for (i = 0; i < bytes; i++)
		heap[i] = i * 7 + (i >> 8);
	sum = checksum(heap, bytes);
	snprintf(name, sizeof(name), "/tmp/bench-unit-%d", getpid());
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	expect(fd >= 0, "open of a file in /tmp");
	expect(write(fd, heap, bytes) == (ssize_t)bytes, "write to a file");
	expect(pread(fd, copy, bytes, 0) == (ssize_t)bytes, "read from a file");
	expect(checksum(copy, bytes) == sum && !memcmp(heap, copy, bytes), "a file's contents");
	close(fd);
	unlink(name);
	free(copy);
	free(heap);
	return 8;
}

static void compile_run(unsigned long iterations, unsigned long size)
{
	char arg[24];
	int pid[NR_JOBS], i;

	snprintf(arg, sizeof(arg), "%lu", size);
	while (iterations--) {
		for (i = 0; i < NR_JOBS; i++)
			pid[i] = spawn("/proc/self/exe", "--child", arg);
		for (i = 0; i < NR_JOBS; i++)
			wait_for(pid[i], 8);
	}
}

const struct workload process_workloads[] = {
	{ "getppid", "a system call", 20000, 1, NULL, getppid_run, NULL },
	{ "fork", "fork, exit, wait", 40, 1, NULL, fork_run, NULL },
	{ "exec", "fork, exec of a small program, wait", 20, 1, NULL, exec_run, NULL },
	{ "exec-large", "fork, exec of an 8 MiB program that looks at it all, wait", 4, 1, NULL,
	  exec_large_run, NULL },
	{ "fork-write", "fork; child and parent write to SIZE pages", 8, 256, fork_write_prepare,
	  fork_write_run, NULL },
	{ "threads", "8 threads touch SIZE fresh pages in all", 4, 1024, NULL, threads_run, NULL },
	{ "compile", "4 children that exec and work on SIZE pages and a file", 2, 64, NULL,
	  compile_run, NULL },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};
