// SPDX-License-Identifier: GPL-2.0-only
/* Two vCPUs that change and use the same page tables. */
#include "kselftest_harness.h"
#include "smp.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)
#define ROUNDS 1000
#define PAGES 8

FIXTURE(smp) {
	struct vm *vm;
	struct vcpu *a, *b;
	struct smp_guest ga, gb;
};

FIXTURE_SETUP(smp)
{
	self->vm = vm_create(MODE_LONG4);
	vm_add_vcpu(self->vm);
	self->a = &self->vm->vcpu[0];
	self->b = &self->vm->vcpu[1];
	vm_load_image(self->vm);
	for (int i = 0; i < PAGES; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, FRAME(i), PTE_KERNEL);
}

FIXTURE_TEARDOWN(smp)
{
	vm_free(self->vm);
}

/* The guest's globals. */
static volatile u64 *pte;		/* of TEST_VA; mapped one to one */
static volatile u32 request, reply, stop;
static volatile u32 *const page = (u32 *)TEST_VA;

static void set_pte_pointer(struct vm *vm)
{
	*guest_global(vm, pte) = (u64 *)pt_entry_gpa(vm, TEST_VA, 1);
}

/*
 * The shootdown protocol: A changes the entry, asks B to flush, and waits. Once B has said
 * that it did, B must use the new frame only.
 */
static void shootdown_a(u64 rounds)
{
	for (u32 i = 1; i <= rounds; i++) {
		*pte = FRAME(i % PAGES) | PTE_KERNEL;
		guest_flush(page);
		page[1] = i;
		request = i;
		while (reply != i)
			cpu_relax();
		guest_assert(page[2] == i);
	}
	stop = 1;
	guest_done();
}

static void shootdown_b(u64 arg)
{
	u32 seen = 0;

	for (;;) {
		while (request == seen && !stop)
			page[3]++;		/* keeps a translation in use */
		if (stop)
			guest_done();
		seen = request;
		guest_flush(page);
		guest_assert(page[1] == seen);
		page[2] = seen;
		reply = seen;
	}
}

TEST_F(smp, shootdown)
{
	set_pte_pointer(self->vm);
	smp_start(&self->gb, self->b, shootdown_b, 0);
	smp_start(&self->ga, self->a, shootdown_a, ROUNDS / 10);
	EXPECT_GUEST_DONE(&self->ga);
	EXPECT_GUEST_DONE(&self->gb);
}

/* Unmapping: after the handshake B must fault. Its #PF handler counts and skips the access. */
static volatile u64 faults;

asm(".pushsection .text\n"
    "count_fault:\n"
    "	add $8, %rsp\n"			/* error code */
    "	addq $1, faults\n"
    "	addq $2, (%rsp)\n"		/* mov (%rax), %eax is two bytes long */
    "	iretq\n"
    ".popsection\n");
extern void count_fault(void);

static void install_fault_counter(struct vm *vm)
{
	u64 target = (u64)count_fault;
	u64 gate[2] = {
		(target & 0xffff) | (u64)KERNEL_CS << 16 | 0x8eull << 40 |
			(target >> 16 & 0xffff) << 48,
		target >> 32,
	};

	memcpy(vm_ptr(vm, IDT_GPA + VEC_PF * 16), gate, 16);
}

static void poke(volatile void *p)
{
	u64 scratch = (u64)p;

	asm volatile(".byte 0x8b, 0x00" : "+a" (scratch) : : "memory");	/* mov (%rax), %eax */
}

static void unmap_a(u64 rounds)
{
	for (u32 i = 1; i <= rounds; i++) {
		*pte = i & 1 ? 0 : FRAME(0) | PTE_KERNEL;
		guest_flush(page);
		request = i;
		while (reply != i)
			cpu_relax();
	}
	stop = 1;
	guest_done();
}

static void unmap_b(u64 arg)
{
	u32 seen = 0;

	for (;;) {
		u64 before;

		while (request == seen && !stop)
			poke(page);
		if (stop)
			guest_done();
		seen = request;
		guest_flush(page);
		before = faults;
		poke(page);
		guest_assert(faults == before + (seen & 1));
		reply = seen;
	}
}

TEST_F(smp, unmapped_faults)
{
	set_pte_pointer(self->vm);
	install_fault_counter(self->vm);
	smp_start(&self->gb, self->b, unmap_b, 0);
	smp_start(&self->ga, self->a, unmap_a, ROUNDS / 10);
	EXPECT_GUEST_DONE(&self->ga);
	EXPECT_GUEST_DONE(&self->gb);
}

/*
 * A sets bits of the entry with locked instructions while B makes the processor (the MMU) set
 * A and D in it. No bit may be lost on either side (hard case 26).
 */
static void count_bits_a(u64 rounds)
{
	for (u32 i = 0; i < rounds; i++) {
		u64 mask = 0x200ul << i % 3;	/* the three bits for software */

		asm volatile("lock orq %1, %0" : "+m" (*pte) : "r" (mask) : "memory");
		guest_assert(*pte & mask);
		asm volatile("lock andq %1, %0" : "+m" (*pte) : "r" (~mask) : "memory");
		guest_assert(!(*pte & mask));
		guest_assert((*pte & PTE_ADDR) == FRAME(0));
	}
	stop = 1;
	guest_done();
}

static void touch_b(u64 arg)
{
	while (!stop) {
		asm volatile("lock andq %1, %0" : "+m" (*pte) : "r" (~(PTE_A | PTE_D)) : "memory");
		guest_flush(page);
		page[0] = 1;
		guest_assert((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	}
	guest_done();
}

TEST_F(smp, accessed_and_dirty_race_with_the_guest)
{
	set_pte_pointer(self->vm);
	smp_start(&self->gb, self->b, touch_b, 0);
	smp_start(&self->ga, self->a, count_bits_a, ROUNDS);
	EXPECT_GUEST_DONE(&self->ga);
	EXPECT_GUEST_DONE(&self->gb);
}

/* Both count in the same word of one table entry with lock xadd: the sum must be exact. */
static volatile u64 *other_pte;

static void add_both(u64 rounds)
{
	for (u64 i = 0; i < rounds; i++) {
		asm volatile("lock addq $1, %0" : "+m" (*other_pte) : : "memory");
		page[8] = i;
	}
	guest_done();
}

TEST_F(smp, atomic_adds_on_a_table)
{
	u64 gpa = pt_entry_gpa(self->vm, TEST_VA + 0x40 * PAGE_SIZE, 1);

	*guest_global(self->vm, other_pte) = (u64 *)gpa;
	pt_put(self->vm, gpa, 0);
	smp_start(&self->gb, self->b, add_both, ROUNDS);
	smp_start(&self->ga, self->a, add_both, ROUNDS);
	EXPECT_GUEST_DONE(&self->ga);
	EXPECT_GUEST_DONE(&self->gb);
	EXPECT_EQ(2 * ROUNDS, vm_read(self->vm, gpa, 8));
}

/* One writes tables up and down while the other loads CR3 all the time. */
static void remap_all_a(u64 rounds)
{
	for (u32 i = 0; i < rounds; i++) {
		for (int j = 0; j < PAGES; j++) {
			volatile u32 *p = (u32 *)(TEST_VA + j * PAGE_SIZE);

			pte[j] = FRAME((i + j) % PAGES) | PTE_KERNEL;
			guest_flush(p);
			p[4] = i * PAGES + j;
			guest_assert(p[4] == i * PAGES + j);
		}
	}
	stop = 1;
	guest_done();
}

static void load_cr3_b(u64 arg)
{
	u64 cr3;

	asm volatile("mov %%cr3, %0" : "=r" (cr3));
	while (!stop) {
		asm volatile("mov %0, %%cr3" : : "r" (cr3) : "memory");
		for (int j = 0; j < PAGES; j++)
			(void)*(volatile u32 *)(TEST_VA + j * PAGE_SIZE);
	}
	guest_done();
}

TEST_F(smp, cr3_loads_beside_table_writes)
{
	set_pte_pointer(self->vm);
	smp_start(&self->gb, self->b, load_cr3_b, 0);
	smp_start(&self->ga, self->a, remap_all_a, ROUNDS / 10);
	EXPECT_GUEST_DONE(&self->ga);
	EXPECT_GUEST_DONE(&self->gb);
}

TEST_HARNESS_MAIN
