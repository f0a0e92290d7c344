// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer's bytes as a program for the model machine: coverage guides it. */
#include "random.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static unsigned long steps;

static void report_steps(void)
{
	fprintf(stderr, "steps: %lu\n", steps);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct op op[DECODED_OPS];
	struct program program = { .op = op };

	if (!program_decode(&program, data, size))
		return -1;
	if (!steps) {
		/* A failure ends the process in a way that libFuzzer keeps the input. */
		setenv("UMBRA_ABORT", "1", 1);
		atexit(report_steps);
	}
	program_run(&program);
	steps += program.nr;
	return 0;
}
