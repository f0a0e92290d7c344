// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a plain fill through mmu/. Its files are built with -finstrument-functions and
 * nothing inlined; each call and return is printed. See way.py, which names and counts them.
 *
 *	fill_way [may-sleep]
 */
#include "guest.h"

#define VA	0x40005000ull

static bool tracing;

/* Called on the way into and out of each function. */
__attribute__((no_instrument_function)) void __cyg_profile_func_enter(void *fn, void *site)
{
	if (tracing)
		printf("> %p\n", fn);
}

__attribute__((no_instrument_function)) void __cyg_profile_func_exit(void *fn, void *site)
{
	if (tracing)
		printf("< %p\n", fn);
}

/*
 * The page table has a shadow, in which entries around this one are filled, but it is empty; the
 * host has the memory.
 */
int main(int argc, char **argv)
{
	struct vcpu *v = vcpu(0);
	struct mmu_fault f = {
		.gva = VA, .error = PFERR_WRITE | PFERR_USER,
		.access = { .write = true, .user = true },
	};
	enum mmu_verdict verdict;

	guest_start(MODE_LONG, 1);
	guest_map(v, VA - PAGE * 5, DATA, P | W | U, 1);
	expect_gpa(v, VA - PAGE * 5, WRITE_, DATA);
	guest_map(v, 0x7f0040000000, DATA + PAGE, P | W | U, 1);
	expect_gpa(v, 0x7f0040000000, WRITE_, DATA + PAGE);
	guest_map(v, VA, DATA + PAGE, P | W | U, 1);
	v->m.atomic = argc == 1;
	tracing = true;
	verdict = mmu_fault(&v->m, &f);
	tracing = false;
	return verdict != MMU_FIXED;
}
