// SPDX-License-Identifier: GPL-2.0-only
/* Random programs that failed once, as mmu_random prints them. */
#include "tap.h"

#include "random.h"

/* Fails where rmap_protect() stops at the first spte. */
TEST(replay_330)
{
	static struct op ops[] = {
		{ OP_ACCESS, 1, 0, 0xd5e2d3f0, 0xfc44de64, 0xcdd1dda0, 0xc8ed3d4b },
		{ OP_LOAD_CR3, 2, 0, 0x5dffdb32, 0x840d9fb3, 0x3b888eda, 0x8cb21fa8 },
		{ OP_LOAD_CR3, 1, 0, 0x62c35431, 0x8c7e98ef, 0xd9c57f0d, 0xeb801ee7 },
		{ OP_ACCESS, 0, 6, 0xbc3d7ed3, 0xdd93dfb0, 0xfe2138ae, 0xdff88a96 },
		{ OP_ACCESS, 1, 0, 0x47f90b00, 0x69923104, 0x9ee262a7, 0x7cb7ca15 },
		{ OP_ACCESS, 1, 0, 0x29581a98, 0x543e7d7f, 0x5b381333, 0x8c3c5fdb },
		{ OP_ACCESS, 2, 0, 0xee94fb18, 0xaed9567c, 0xe0df2b4c, 0x5eccb2e0 },
	};

	program_run(&(struct program){ MODE_32, 3, 0, ARRAY_SIZE(ops), ops });
}
