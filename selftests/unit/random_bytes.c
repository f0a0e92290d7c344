// SPDX-License-Identifier: GPL-2.0-only
/* A fuzzer's bytes as a program. */
#include "random.h"

#define HEADER_BYTES	3
#define OP_BYTES	18

static struct op decode_op(const u8 *p, bool first)
{
	struct op op = { .kind = p[0] % NR_OPS, .vcpu = p[1] & 3, .nest = first ? 0 : p[1] >> 4 };

	memcpy(&op.a, p + 2, 4);
	memcpy(&op.b, p + 6, 4);
	memcpy(&op.c, p + 10, 4);
	memcpy(&op.d, p + 14, 4);
	return op;
}

bool program_decode(struct program *program, const u8 *data, size_t size)
{
	unsigned int i;

	if (size < HEADER_BYTES + OP_BYTES)
		return false;
	program->mode = data[0] % NR_MODES;
	program->nr_vcpus = 1 + data[1] % 3;
	program->params = (data[2] | (data[1] & 0x80) << 1 | (data[1] & 0x40) << 3) % ALL_PARAMS;
	program->nr = (size - HEADER_BYTES) / OP_BYTES;
	if (program->nr > DECODED_OPS)
		program->nr = DECODED_OPS;
	for (i = 0; i < program->nr; i++)
		program->op[i] = decode_op(data + HEADER_BYTES + i * OP_BYTES, !i);
	return true;
}
