// SPDX-License-Identifier: GPL-2.0-only
/* Workloads of one process with its memory. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

static unsigned char *area;
static unsigned long area_pages;
static int file = -1;

static void area_prepare(unsigned long size)
{
	unsigned long i;

	area = map_pages(size);
	area_pages = size;
	for (i = 0; i < size; i++)
		area[i * PAGE] = i;
}

static void area_finish(void)
{
	unmap_pages(area, area_pages);
}

static void mmap_run(unsigned long iterations, unsigned long size)
{
	unsigned char *at;
	unsigned long i;

	while (iterations--) {
		at = map_pages(size);
		for (i = 0; i < size; i++) {
			expect(!at[i * PAGE + 8], "a fresh page is zero");
			at[i * PAGE + 8] = i;
		}
		expect(at[(size - 1) * PAGE + 8] == (unsigned char)(size - 1), "a page's contents");
		unmap_pages(at, size);
	}
}

/* Fresh pages are written at once, as most programs do. */
static void mmap_write_run(unsigned long iterations, unsigned long size)
{
	unsigned char *at;
	unsigned long i;

	while (iterations--) {
		at = map_pages(size);
		for (i = 0; i < size; i++)
			at[i * PAGE] = i + 1;
		for (i = 0; i < size; i++)
			expect(at[i * PAGE] == (unsigned char)(i + 1), "a page's contents");
		unmap_pages(at, size);
	}
}

static void mprotect_run(unsigned long iterations, unsigned long size)
{
	unsigned long i;

	while (iterations--) {
		expect(!mprotect(area, size * PAGE, PROT_READ), "mprotect to read-only");
		for (i = 0; i < size; i++)
			expect(area[i * PAGE + 1] == area[1], "a read-only page's contents");
		expect(!mprotect(area, size * PAGE, PROT_READ | PROT_WRITE), "mprotect back");
		for (i = 0; i < size; i++)
			area[i * PAGE + 1] = iterations;
	}
}

static void touch_run(unsigned long iterations, unsigned long size)
{
	volatile unsigned char *at, *end = area + size * PAGE;

	while (iterations--) {
		for (at = area; at < end; at += PAGE)
			++*at;
	}
}

static void touch_finish(void)
{
	unsigned long i;

	for (i = 1; i < area_pages; i++)
		expect((unsigned char)(area[i * PAGE] - i) == area[0], "what was counted in pages");
	area_finish();
}

static void mmap_file_prepare(unsigned long size)
{
	unsigned char page[PAGE] = { 0 };
	unsigned long i;

	file = open("/tmp/bench-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	expect(file >= 0, "open of a file in /tmp");
	for (i = 0; i < size; i++) {
		page[0] = i + 5;
		expect(write(file, page, PAGE) == (ssize_t)PAGE, "write to a file");
	}
}

static void mmap_file_run(unsigned long iterations, unsigned long size)
{
	unsigned char *at;
	unsigned long i;

	while (iterations--) {
		at = mmap(NULL, size * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		expect(at != MAP_FAILED, "mmap of a file");
		for (i = 0; i < size; i++) {
			expect(at[i * PAGE] == (unsigned char)(i + 5), "a file's contents");
			if (i % 4 == 0)
				at[i * PAGE + 1]++;
		}
		unmap_pages(at, size);
	}
}

static void mmap_file_finish(void)
{
	close(file);
	unlink("/tmp/bench-file");
}

const struct workload memory_workloads[] = {
	{ "mmap", "mmap, read and write, munmap SIZE fresh pages", 4, 1024, NULL, mmap_run, NULL },
	{ "mmap-write", "the same, only written", 4, 1024, NULL, mmap_write_run, NULL },
	{ "mmap-file", "map a file of SIZE pages, read all, write some, unmap", 4, 1024,
	  mmap_file_prepare, mmap_file_run, mmap_file_finish },
	{ "mprotect", "make SIZE pages read-only, read; writable again, write", 100, 64,
	  area_prepare, mprotect_run, area_finish },
	{ "touch", "write to SIZE pages that are mapped already", 200, 8192, area_prepare,
	  touch_run, touch_finish },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};
