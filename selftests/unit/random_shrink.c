// SPDX-License-Identifier: GPL-2.0-only
/* A failing program, made as short as it goes. */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "limit.h"
#include "random.h"

#define TRIAL_SECONDS	5	/* what takes longer hangs */
#define SHRINK_SECONDS	60

static time_t give_up;

static void silence(void)
{
	if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(3);
}

void __gcov_dump(void) __attribute__((weak));

void random_exit(void)
{
	fflush(stdout);
	if (__gcov_dump)
		__gcov_dump();
	_exit(0);
}

/* Run in a process of its own; true if it ended well. */
bool program_survives(const struct program *program, bool quiet)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		limit_time(TRIAL_SECONDS);
		if (quiet)
			silence();
		program_run(program);
		random_exit();
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool fails_without(const struct program *program, unsigned int from, unsigned int n,
			  struct program *shorter)
{
	struct op *op = shorter->op;

	*shorter = *program;
	shorter->op = op;
	shorter->nr = program->nr - n;
	memcpy(op, program->op, from * sizeof(struct op));
	memcpy(op + from, program->op + from + n, (program->nr - from - n) * sizeof(struct op));
	if (shorter->nr)
		op[0].nest = 0;
	return !program_survives(shorter, true);
}

/* Leave out runs of @n operations. Return: whether any was not needed. */
static bool leave_out(struct program *program, unsigned int n, struct program *shorter)
{
	unsigned int from = 1;	/* the first operation's words make the tables */
	bool progress = false;

	while (from + n <= program->nr && time(NULL) < give_up) {
		if (fails_without(program, from, n, shorter)) {
			struct op *op = program->op;

			*program = *shorter;
			shorter->op = op;
			progress = true;
		} else {
			from += n;
		}
	}
	return progress;
}

/* Operations that need not be inside others, and switches that may stay as they are. */
static void simplify(struct program *program)
{
	unsigned int i, was;

	for (i = 0; i < program->nr && time(NULL) < give_up; i++) {
		was = program->op[i].nest;
		program->op[i].nest = 0;
		if (was && program_survives(program, true))
			program->op[i].nest = was;
	}
	for (i = 1; i <= program->params; i <<= 1) {
		if (!(program->params & i))
			continue;
		program->params ^= i;
		if (program_survives(program, true))
			program->params ^= i;
	}
}

void program_shrink(struct program *program)
{
	struct op *op = calloc(program->nr, sizeof(*op));
	struct program shorter = { .op = op };
	unsigned int n = program->nr / 2;

	give_up = time(NULL) + SHRINK_SECONDS;
	while (n) {
		if (!leave_out(program, n, &shorter) || n > 1)
			n /= 2;
	}
	simplify(program);
	free(shorter.op);
}
