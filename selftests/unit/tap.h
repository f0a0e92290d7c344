/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tiny TAP producer. A test is a function made by TEST(name); each runs in a
 * process of its own, so that a crash or a sanitizer report fails that test
 * alone. CHECK() and friends end the test at once.
 *
 *	TEST(adds) { CHECK_EQ(1 + 1, 2); }
 *	int main(int argc, char **argv) { return tap_main(argc, argv); }
 */
#ifndef UMBRA_TAP_H
#define UMBRA_TAP_H

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limit.h"

#define TAP_MAX_TESTS 1024

struct tap_test {
	const char *name;
	void (*run)(void);
};

/* Shared between the files of one program; tap_main()'s file defines them. */
extern struct tap_test tap_tests[TAP_MAX_TESTS];
extern int tap_nr_tests;

static inline void tap_add(const char *name, void (*run)(void))
{
	if (tap_nr_tests == TAP_MAX_TESTS) {
		fprintf(stderr, "tap.h: more than %d tests, raise TAP_MAX_TESTS\n", TAP_MAX_TESTS);
		exit(2);
	}
	tap_tests[tap_nr_tests++] = (struct tap_test){ name, run };
}

#define TEST(name)							\
	static void name(void);						\
	__attribute__((constructor)) static void tap_add_##name(void)	\
	{								\
		tap_add(#name, name);					\
	}								\
	static void name(void)

#define TAP_FAIL(...)							\
	do {								\
		fflush(stdout);						\
		fprintf(stderr, "# %s:%d: ", __FILE__, __LINE__);	\
		fprintf(stderr, __VA_ARGS__);				\
		fputc('\n', stderr);					\
		_exit(1);						\
	} while (0)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			TAP_FAIL("failed: %s", #cond);			\
	} while (0)

#define TAP_COMPARE(a, op, b)						\
	do {								\
		unsigned long long tap_a = (unsigned long long)(a);	\
		unsigned long long tap_b = (unsigned long long)(b);	\
		if (!(tap_a op tap_b))					\
			TAP_FAIL("failed: %s %s %s (0x%llx, 0x%llx)",	\
				 #a, #op, #b, tap_a, tap_b);		\
	} while (0)

#define CHECK_EQ(a, b) TAP_COMPARE(a, ==, b)
#define CHECK_NE(a, b) TAP_COMPARE(a, !=, b)

#ifdef TAP_MAIN
struct tap_test tap_tests[TAP_MAX_TESTS];
int tap_nr_tests;

/* Coverage is written on the way out, if there is any. */
void __gcov_dump(void) __attribute__((weak));

static bool tap_run_one(const struct tap_test *test)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		limit_time(getenv("TAP_TIMEOUT") ? atoi(getenv("TAP_TIMEOUT")) : 120);
		test->run();
		fflush(stdout);
		if (__gcov_dump)
			__gcov_dump();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# %s ended by signal %d\n", test->name, WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/*
 * Arguments: shell patterns of the tests to run (default all), --list,
 * --debug to run without fork, --stop to end at the first that fails. A test
 * that takes more than TAP_TIMEOUT seconds of processor time (default 120) fails.
 * Status 0: all passed; 1: not; 2: usage.
 */
static int tap_main(int argc, char **argv)
{
	bool selected[TAP_MAX_TESTS] = { false }, debug = false, stop = false;
	int i, arg, total = 0, number = 0, failed = 0, patterns = 0;

	for (arg = 1; arg < argc; arg++) {
		if (!strcmp(argv[arg], "--list")) {
			for (i = 0; i < tap_nr_tests; i++)
				puts(tap_tests[i].name);
			return 0;
		}
		if (!strcmp(argv[arg], "--debug")) {
			debug = true;
			continue;
		}
		if (!strcmp(argv[arg], "--stop")) {
			stop = true;
			continue;
		}
		if (argv[arg][0] == '-') {
			printf("usage: %s [--list] [--debug] [--stop] [PATTERN...]\n", argv[0]);
			return strcmp(argv[arg], "--help") ? 2 : 0;
		}
		patterns++;
		for (i = 0; i < tap_nr_tests; i++)
			selected[i] |= !fnmatch(argv[arg], tap_tests[i].name, 0);
	}
	for (i = 0; i < tap_nr_tests; i++)
		total += selected[i] |= !patterns;
	printf("TAP version 13\n1..%d\n", total);
	for (i = 0; i < tap_nr_tests; i++) {
		bool ok = true;

		if (!selected[i])
			continue;
		if (debug)
			tap_tests[i].run();
		else
			ok = tap_run_one(&tap_tests[i]);
		failed += !ok;
		printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, tap_tests[i].name);
		if (!ok && stop)
			break;
	}
	if (!total)
		fprintf(stderr, "%s: no test has that name; try --list\n", argv[0]);
	return failed || !total;
}
#endif

#endif
