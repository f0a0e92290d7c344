// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random programs against mmu/, each step judged by the oracle and audited. A
 * program that fails is made as short as it goes and printed as a test.
 */
#include <getopt.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "limit.h"
#include "random.h"

#define DEFAULT_OPS	120
#define BATCH		16	/* TAP tests in a default run */
#define MAX_OPS		100000

static struct {
	u64 seed;
	unsigned long programs, seconds;
	unsigned int ops, audit;
	bool keep, replay;
} opt = { .ops = DEFAULT_OPS };

/* What the child that runs programs has come to. */
static struct shared {
	u64 seed;
	unsigned long steps;
} *shared;

static void usage(FILE *to)
{
	fputs("usage: mmu_random [OPTION]... [--replay FILE...]\n"
	      "Random programs against the shadow MMU, in a model machine. Without options: a fixed\n"
	      "set of seeds, as TAP.\n"
	      "  --seed N      begin with this seed, and say so\n"
	      "  --programs N  run that many seeds (default 1 with --seed)\n"
	      "  --steps N     operations in a program (default 120)\n"
	      "  --time N      run seeds for N seconds, from --seed or the clock's\n"
	      "  --audit N     audit after every N-th operation (default 1; 8 with --time)\n"
	      "  --replay      the arguments are files: programs as build/fuzz_mmu keeps them\n"
	      "  --trace       print the operations as they run\n"
	      "  --no-shrink   print a failing program as it is\n"
	      "  --help        this\n"
	      "Status: 0 all is well, 1 a program failed, 2 usage.\n", to);
}

static void run_seed(u64 seed)
{
	struct program program = { .op = calloc(opt.ops, sizeof(struct op)) };

	program_make(&program, seed, opt.ops);
	program_run(&program);
	free(program.op);
}

/* Show what fails, as a test named @name. Return: whether it does. */
static bool show(struct program *program, const char *name)
{
	if (program_survives(program, true)) {
		puts("# it does not fail alone");
		return false;
	}
	if (!opt.keep)
		program_shrink(program);
	program_survives(program, false);
	puts("# as a test, for mmu_test_replay.c:");
	program_print(program, name);
	fflush(stdout);
	return true;
}

static void report(u64 seed)
{
	struct program program = { .op = calloc(opt.ops, sizeof(struct op)) };
	char name[24];

	program_make(&program, seed, opt.ops);
	printf("# seed %llu failed; again with: mmu_random --seed %llu --steps %u\n",
	       (unsigned long long)seed, (unsigned long long)seed, opt.ops);
	snprintf(name, sizeof(name), "%llu", (unsigned long long)seed);
	show(&program, name);
	free(program.op);
}

static bool load(struct program *program, const char *path)
{
	static u8 data[1 << 16];
	FILE *file = fopen(path, "rb");
	size_t size = file ? fread(data, 1, sizeof(data), file) : 0;

	if (!file || ferror(file)) {
		perror(path);
		exit(2);
	}
	fclose(file);
	return program_decode(program, data, size);
}

/* Files with a fuzzer's bytes, up to the first that fails. */
static bool replay(char **paths, int nr)
{
	struct program program = { .op = calloc(DECODED_OPS, sizeof(struct op)) };
	bool failed = false;
	int i, status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (i = 0; i < nr; i++)
			if (load(&program, paths[i]))
				program_run(&program);
		random_exit();
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		for (i = 0; i < nr && !failed; i++) {
			if (!load(&program, paths[i]) || program_survives(&program, true))
				continue;
			printf("# %s fails\n", paths[i]);
			failed = show(&program, "of_a_file");
		}
	}
	free(program.op);
	return failed;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void progress(double began, u64 seed)
{
	static double next = 10;

	if (now() - began < next)
		return;
	printf("# %3.0f s: %lu steps, at seed %llu\n", now() - began, shared->steps,
	       (unsigned long long)seed);
	fflush(stdout);
	next += 10;
}

/* Seeds one after the other in a child. Return: whether all went well. */
static bool run_seeds(u64 first, unsigned long count, double until)
{
	double began = now();
	int status;
	u64 seed;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!until)
			limit_time(300);
		for (seed = first; until ? now() < until : seed - first < count; seed++) {
			shared->seed = seed;
			run_seed(seed);
			shared->steps += opt.ops;
			if (until)
				progress(began, seed);
		}
		random_exit();
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	report(shared->seed);
	return false;
}

static int run_tap(void)
{
	unsigned long per_batch = opt.programs ? opt.programs : 60;
	int i, failed = 0;

	printf("TAP version 13\n1..%d\n", BATCH);
	for (i = 0; i < BATCH; i++) {
		bool ok = run_seeds(1 + i * per_batch, per_batch, 0);

		failed += !ok;
		printf("%s %d - seeds %lu to %lu of %u steps\n", ok ? "ok" : "not ok", i + 1,
		       1 + i * per_batch, (i + 1) * per_batch, opt.ops);
	}
	return failed != 0;
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*text && !*end)
		return n;
	fprintf(stderr, "mmu_random: '%s' is not a number\n", text);
	exit(2);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", 1, NULL, 's' }, { "programs", 1, NULL, 'p' }, { "steps", 1, NULL, 'n' },
		{ "time", 1, NULL, 't' }, { "audit", 1, NULL, 'a' }, { "trace", 0, NULL, 'v' },
		{ "replay", 0, NULL, 'r' }, { "no-shrink", 0, NULL, 'k' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			opt.seed = number(optarg);
			break;
		case 'p':
			opt.programs = number(optarg);
			break;
		case 'n':
			opt.ops = number(optarg);
			break;
		case 't':
			opt.seconds = number(optarg);
			break;
		case 'a':
			opt.audit = number(optarg);
			break;
		case 'v':
			random_trace = true;
			break;
		case 'r':
			opt.replay = true;
			break;
		case 'k':
			opt.keep = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (!opt.ops || opt.ops > MAX_OPS || (optind != argc) != opt.replay) {
		usage(stderr);
		exit(2);
	}
}

static double cpu_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int run_random(void)
{
	double began = now(), cpu;
	bool ok;

	if (!opt.seed)
		opt.seed = time(NULL) * 1000000ull;
	printf("# seeds from %llu\n", (unsigned long long)opt.seed);
	ok = run_seeds(opt.seed, opt.programs ? opt.programs : 1,
		       opt.seconds ? began + opt.seconds : 0);
	cpu = cpu_time();
	printf("# %lu steps in %.1f s, %.1f s of them on a processor: %.0f steps a second\n",
	       shared->steps, now() - began, cpu, shared->steps / cpu);
	return !ok;
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	audit_every = opt.audit ? opt.audit : opt.seconds ? 8 : 1;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (opt.replay)
		return replay(argv + optind, argc - optind);
	if (!opt.seed && !opt.seconds)
		return run_tap();
	return run_random();
}
