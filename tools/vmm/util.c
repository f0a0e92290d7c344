// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

static void message(const char *fmt, va_list args, const char *error)
{
	console_restore();
	fputs("umbra-vmm: ", stderr);
	vfprintf(stderr, fmt, args);
	if (error)
		fprintf(stderr, ": %s", error);
	fputc('\n', stderr);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(fmt, args, NULL);
	va_end(args);
	exit(STATUS_ERROR);
}

void die_errno(const char *fmt, ...)
{
	const char *error = strerror(errno);
	va_list args;

	va_start(args, fmt);
	message(fmt, args, error);
	va_end(args);
	exit(STATUS_ERROR);
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("umbra-vmm: ", stderr);
	vfprintf(stderr, fmt, args);
	fputs(console_is_raw() ? "\r\n" : "\n", stderr);
	va_end(args);
}

void *read_file(const char *path, size_t *size)
{
	size_t done = 0;
	struct stat st;
	ssize_t n;
	u8 *data;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die_errno("cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		die("%s is not a regular file", path);
	data = malloc(st.st_size + 1);
	if (!data)
		die_errno("cannot read %s", path);
	while (done < (size_t)st.st_size) {
		n = read(fd, data + done, st.st_size - done);
		if (n < 0)
			die_errno("cannot read %s", path);
		if (!n)
			break;
		done += n;
	}
	close(fd);
	if (!done)
		die("%s is empty", path);
	*size = done;
	return data;
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}
