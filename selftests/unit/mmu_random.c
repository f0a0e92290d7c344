// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random programs against mmu/, each step judged by the oracle and audited. A
 * program that fails is made as short as it goes and printed as a test.
 */
#include <getopt.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "random.h"

#define DEFAULT_OPS	120
#define BATCH		16	/* TAP tests in a default run */
#define MAX_OPS		100000

static struct {
	u64 seed;
	unsigned long programs, seconds;
	unsigned int ops, audit;
	bool keep;
} opt = { .ops = DEFAULT_OPS };

/* What the child that runs programs has come to. */
static struct shared {
	u64 seed;
	unsigned long steps;
} *shared;

void __gcov_dump(void) __attribute__((weak));

static void leave(void)
{
	fflush(stdout);
	if (__gcov_dump)
		__gcov_dump();
	_exit(0);
}

static void usage(FILE *to)
{
	fputs("usage: mmu_random [OPTION]...\n"
	      "Random programs against the shadow MMU, in a model machine. Without options: a fixed\n"
	      "set of seeds, as TAP.\n"
	      "  --seed N      begin with this seed, and say so\n"
	      "  --programs N  run that many seeds (default 1 with --seed)\n"
	      "  --steps N     operations in a program (default 120)\n"
	      "  --time N      run seeds for N seconds, from --seed or the clock's\n"
	      "  --audit N     audit after every N-th operation (default 1; 8 with --time)\n"
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

static void silence(void)
{
	if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(3);
}

/* Run in a process of its own; true if it ended well. */
static bool survives(const struct program *program, bool quiet)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(20);
		if (quiet)
			silence();
		program_run(program);
		leave();
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool fails_without(const struct program *program, unsigned int from, unsigned int n,
			  struct program *shorter)
{
	shorter->mode = program->mode;
	shorter->nr_vcpus = program->nr_vcpus;
	shorter->params = program->params;
	shorter->nr = program->nr - n;
	memcpy(shorter->op, program->op, from * sizeof(struct op));
	memcpy(shorter->op + from, program->op + from + n,
	       (program->nr - from - n) * sizeof(struct op));
	if (shorter->nr)
		shorter->op[0].nest = 0;
	return !survives(shorter, true);
}

/* Leave out runs of operations, ever shorter ones, as long as it still fails. */
static void shrink(struct program *program)
{
	struct program shorter = { .op = calloc(program->nr, sizeof(struct op)) };
	unsigned int n, from;
	bool progress = true;

	for (n = program->nr / 2; n; n = progress && n == 1 ? 1 : n / 2) {
		progress = false;
		for (from = 0; from + n <= program->nr;) {
			/* The first operation's words make the tables. */
			if (from && fails_without(program, from, n, &shorter)) {
				struct op *op = program->op;

				*program = shorter;
				shorter.op = op;
				progress = true;
			} else {
				from += n;
			}
		}
	}
	for (from = 0; from < program->nr; from++) {
		unsigned int nest = program->op[from].nest;

		program->op[from].nest = 0;
		if (survives(program, true))
			program->op[from].nest = nest;
	}
	free(shorter.op);
}

static void report(u64 seed)
{
	struct program program = { .op = calloc(opt.ops, sizeof(struct op)) };

	program_make(&program, seed, opt.ops);
	printf("# seed %llu failed; again with: mmu_random --seed %llu --steps %u\n",
	       (unsigned long long)seed, (unsigned long long)seed, opt.ops);
	if (survives(&program, true)) {
		puts("# it does not fail alone");
		return;
	}
	if (!opt.keep)
		shrink(&program);
	survives(&program, false);
	program_print(&program);
	fflush(stdout);
	free(program.op);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Seeds one after the other in a child. Return: whether all went well. */
static bool run_seeds(u64 first, unsigned long count, double until)
{
	int status;
	u64 seed;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!until)
			alarm(300);
		for (seed = first; until ? now() < until : seed - first < count; seed++) {
			shared->seed = seed;
			run_seed(seed);
			shared->steps += opt.ops;
		}
		leave();
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
		{ "time", 1, NULL, 't' }, { "audit", 1, NULL, 'a' }, { "trace", 0, NULL, 'v' }, { "no-shrink", 0, NULL, 'k' }, { "help", 0, NULL, 'h' },
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
	if (!opt.ops || opt.ops > MAX_OPS || optind != argc) {
		usage(stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	double began = now(), took;
	bool ok;

	parse(argc, argv);
	audit_every = opt.audit ? opt.audit : opt.seconds ? 8 : 1;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (!opt.seed && !opt.seconds)
		return run_tap();
	if (!opt.seed)
		opt.seed = time(NULL) * 1000000ull;
	printf("# seeds from %llu\n", (unsigned long long)opt.seed);
	ok = run_seeds(opt.seed, opt.programs ? opt.programs : 1,
		       opt.seconds ? began + opt.seconds : 0);
	took = now() - began;
	printf("# %lu steps in %.1f s, %.0f a second\n", shared->steps, took, shared->steps / took);
	return !ok;
}
