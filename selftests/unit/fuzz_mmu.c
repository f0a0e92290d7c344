// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer's bytes as a program for the model machine: coverage guides it. */
#include <linux/moduleparam.h>

#include "random.h"

#define MAX_OPS		100
#define OP_BYTES	18

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
void machine_fail(const char *fmt, ...);

static struct op decode_op(const u8 *p, bool first)
{
	struct op op = { .kind = p[0] % NR_OPS, .vcpu = p[1] & 3, .nest = first ? 0 : p[1] >> 4 };

	memcpy(&op.a, p + 2, 4);
	memcpy(&op.b, p + 6, 4);
	memcpy(&op.c, p + 10, 4);
	memcpy(&op.d, p + 14, 4);
	return op;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct op op[MAX_OPS];
	struct program program = { .op = op };

	if (size < 3 + OP_BYTES)
		return -1;
	/* A failure ends the process in a way that libFuzzer keeps the input. */
	setenv("UMBRA_ABORT", "1", 1);
	program.mode = data[0] % NR_MODES;
	program.nr_vcpus = 1 + data[1] % 3;
	program.params = data[2] & 63;
	for (data += 3, size -= 3; size >= OP_BYTES && program.nr < MAX_OPS;
	     data += OP_BYTES, size -= OP_BYTES, program.nr++)
		op[program.nr] = decode_op(data, !program.nr);
	program_run(&program);
	return 0;
}
