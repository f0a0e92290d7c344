// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_DIRTY_LOG: exactly the pages that were written, by whatever path. */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define SLOT_GPA 0x10000000ul
#define PAGES 100

FIXTURE(dirty) {
	struct vm *vm;
	struct vcpu *v;
	u8 *mem;
	u64 map[2];
};

static void set_flags(struct vm *vm, void *mem, u32 flags)
{
	vm_set_slot(vm, 1, SLOT_GPA, mem, PAGES * PAGE_SIZE, flags);
}

FIXTURE_SETUP(dirty)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->mem = vm_alloc(PAGES * PAGE_SIZE);
	for (int i = 0; i < PAGES; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, SLOT_GPA + i * PAGE_SIZE,
		       PTE_KERNEL | PTE_A | PTE_D);
	set_flags(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES);
}

FIXTURE_TEARDOWN(dirty)
{
	vm_free(self->vm);
	munmap(self->mem, PAGES * PAGE_SIZE);
}

static int get_log(struct vm *vm, u32 slot, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) ? errno : 0;
}

#define EXPECT_LOG(low, high)						\
	do {								\
		memset(self->map, 0xff, sizeof(self->map));		\
		EXPECT_EQ(0, get_log(self->vm, 1, self->map));		\
		EXPECT_EQ(low, self->map[0]);				\
		EXPECT_EQ(high, self->map[1]);				\
	} while (0)

TEST_F(dirty, bad_input)
{
	EXPECT_EQ(ENOENT, get_log(self->vm, 0, self->map));	/* not logging */
	EXPECT_EQ(ENOENT, get_log(self->vm, 2, self->map));
	EXPECT_EQ(EINVAL, get_log(self->vm, 0xffff, self->map));
	EXPECT_EQ(EINVAL, get_log(self->vm, ~0u, self->map));
	EXPECT_EQ(EFAULT, get_log(self->vm, 1, NULL));
	EXPECT_EQ(0, get_log(self->vm, 1, self->map));
}

TEST_F(dirty, written_pages_only)
{
	EXPECT_LOG(0, 0);
	for (int i = 0; i < PAGES; i++) {
		ASSERT_DONE(guest_read(self->v, TEST_VA + i * PAGE_SIZE, 4, NULL));
	}
	EXPECT_LOG(0, 0);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 3 * PAGE_SIZE, 1, 4));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 63 * PAGE_SIZE, 1, 1));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 64 * PAGE_SIZE, 1, 2));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 99 * PAGE_SIZE, 1, 8));
	EXPECT_LOG(1ul << 3 | 1ul << 63, 1ul | 1ul << 35);
}

TEST_F(dirty, cleared_by_reading)
{
	for (int round = 0; round < 5; round++) {
		ASSERT_DONE(guest_write(self->v, TEST_VA + 7 * PAGE_SIZE, round, 4));
		ASSERT_DONE(guest_write(self->v, TEST_VA + 7 * PAGE_SIZE, round, 4));
		EXPECT_LOG(1ul << 7, 0);
		EXPECT_LOG(0, 0);
	}
}

/* Pages that were writable before logging began. */
TEST_F(dirty, logging_switched_on_late)
{
	set_flags(self->vm, self->mem, 0);
	for (int i = 0; i < PAGES; i++) {
		ASSERT_DONE(guest_write(self->v, TEST_VA + i * PAGE_SIZE, i, 4));
	}
	EXPECT_EQ(ENOENT, get_log(self->vm, 1, self->map));
	set_flags(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES);
	EXPECT_LOG(0, 0);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 5 * PAGE_SIZE, 1, 4));
	EXPECT_LOG(1ul << 5, 0);
}

TEST_F(dirty, page_crossing_write_dirties_both)
{
	ASSERT_DONE(guest_write(self->v, TEST_VA + 2 * PAGE_SIZE - 2, 0x11223344, 4));
	EXPECT_LOG(6, 0);
}

/* The processor's own writes to tables in the slot: A and D bits. */
TEST_F(dirty, accessed_and_dirty_bits)
{
	u64 va = TEST_VA + 0x40000000, table = SLOT_GPA + 20 * PAGE_SIZE;

	pt_map(self->vm, va, DATA_GPA, PTE_KERNEL);
	pt_put(self->vm, pt_entry_gpa(self->vm, va, 2), table | PTE_KERNEL | PTE_A);
	((u64 *)(self->mem + 20 * PAGE_SIZE))[0] = DATA_GPA | PTE_KERNEL;
	((u64 *)(self->mem + 20 * PAGE_SIZE))[1] = DATA_GPA | PTE_KERNEL | PTE_A;
	EXPECT_LOG(0, 0);
	ASSERT_DONE(guest_read(self->v, va, 4, NULL));
	EXPECT_LOG(1ul << 20, 0);
	ASSERT_DONE(guest_read(self->v, va + 8, 4, NULL));
	EXPECT_LOG(0, 0);
	ASSERT_DONE(guest_write(self->v, va + PAGE_SIZE, 1, 4));
	EXPECT_LOG(1ul << 20, 0);
	EXPECT_EQ(DATA_GPA | PTE_KERNEL | PTE_A | PTE_D,
		  ((u64 *)(self->mem + 20 * PAGE_SIZE))[1]);
}

/* The guest's writes to a table in the slot, emulated or not. */
TEST_F(dirty, page_table_writes)
{
	u64 va = TEST_VA + 0x40000000, table = SLOT_GPA + 20 * PAGE_SIZE;

	pt_map(self->vm, va, DATA_GPA, PTE_KERNEL);
	pt_put(self->vm, pt_entry_gpa(self->vm, va, 2), table | PTE_KERNEL | PTE_A);
	((u64 *)(self->mem + 20 * PAGE_SIZE))[0] = DATA_GPA | PTE_KERNEL | PTE_A | PTE_D;
	ASSERT_DONE(guest_read(self->v, va, 4, NULL));
	EXPECT_LOG(0, 0);
	for (int i = 0; i < 8; i++) {
		ASSERT_DONE(guest_write(self->v, TEST_VA + 20 * PAGE_SIZE,
					(DATA_GPA + i * PAGE_SIZE) | PTE_KERNEL | PTE_A, 8));
		EXPECT_LOG(1ul << 20, 0);
		ASSERT_DONE(guest_invlpg(self->v, va));
		ASSERT_DONE(guest_read(self->v, va, 4, NULL));
	}
}

/* A string instruction from MMIO is emulated: its writes count too. */
TEST_F(dirty, emulated_writes)
{
	struct vcpu *v = self->v;
	struct result r;

	pt_map(self->vm, TEST_VA + 0x40000000, 0xfe000000, PTE_KERNEL);
	v->regs.rsi = TEST_VA + 0x40000000;
	v->regs.rdi = TEST_VA + 11 * PAGE_SIZE;
	r = guest_insn(v, INSN("movsl"));
	EXPECT_EXIT(r, KVM_EXIT_MMIO);
	*(u32 *)v->run->mmio.data = 0xabcdef;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0xabcdef, *(u32 *)(self->mem + 11 * PAGE_SIZE));
	v->regs.rdi = TEST_VA + 12 * PAGE_SIZE;
	v->regs.rdx = 0x70;
	EXPECT_EXIT(guest_insn(v, INSN("insb")), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_LOG(3ul << 11, 0);
}

/* Writes that fault leave no mark. */
TEST_F(dirty, faulting_write)
{
	pt_put(self->vm, pt_entry_gpa(self->vm, TEST_VA, 1), SLOT_GPA | PTE_P);
	EXPECT_PF(guest_write(self->v, TEST_VA, 1, 4), 3, TEST_VA);
	EXPECT_LOG(0, 0);
}

TEST_F(dirty, large_pages_are_logged_by_small_ones)
{
	u64 bytes = 4ul << 20, va = 0x40000000;
	u8 *big = vm_alloc(2 * bytes), *mem = (u8 *)(((u64)big + bytes - 1) & -bytes);
	u64 map[16];

	madvise(mem, bytes, MADV_HUGEPAGE);
	memset(mem, 0, bytes);
	vm_set_slot(self->vm, 2, 0x20000000, mem, bytes, 0);
	pt_map_level(self->vm, va, 0x20000000, PTE_KERNEL | PTE_A | PTE_D, 2);
	ASSERT_DONE(guest_write(self->v, va, 1, 4));
	vm_set_slot(self->vm, 2, 0x20000000, mem, bytes, KVM_MEM_LOG_DIRTY_PAGES);
	ASSERT_DONE(guest_write(self->v, va + 65 * PAGE_SIZE, 1, 4));
	EXPECT_EQ(0, get_log(self->vm, 2, map));
	EXPECT_EQ(0, map[0]);
	EXPECT_EQ(2, map[1]);
	EXPECT_EQ(0, map[2]);
	/* and logging off again */
	vm_set_slot(self->vm, 2, 0x20000000, mem, bytes, 0);
	ASSERT_DONE(guest_write(self->v, va + 70 * PAGE_SIZE, 1, 4));
	vm_set_slot(self->vm, 2, 0x20000000, NULL, 0, 0);
	munmap(big, 2 * bytes);
}

/* A log that is handed out in several parts, some of them never written. */
TEST_F(dirty, of_a_large_slot)
{
	const u64 gpa = 0x100000000ul, pages = 5ul << 18, words = pages / 64;
	static const u64 at[] = { 0, 63, 524287, 524288, 900000, (5ul << 18) - 1 };
	u64 *map = vm_alloc(words * 8);
	void *mem = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u64 i, n = 0;

	ASSERT_NE(MAP_FAILED, mem);
	vm_set_slot(self->vm, 3, gpa, mem, pages * PAGE_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	/* All before the guest runs: the VMM's writes to a shadowed table are not seen. */
	for (i = 0; i < 6; i++)
		pt_map(self->vm, TEST_VA + (200 + i) * PAGE_SIZE, gpa + at[i] * PAGE_SIZE,
		       PTE_KERNEL | PTE_A | PTE_D);
	for (i = 0; i < 6; i++)
		EXPECT_DONE(guest_write(self->v, TEST_VA + (200 + i) * PAGE_SIZE, 1, 8));
	memset(map, 0xff, words * 8);
	EXPECT_EQ(0, get_log(self->vm, 3, map));
	for (i = 0; i < words; i++)
		n += __builtin_popcountl(map[i]);
	EXPECT_EQ(6, n);
	for (i = 0; i < 6; i++)
		EXPECT_EQ(1, map[at[i] / 64] >> at[i] % 64 & 1);
	/* and again: all are protected */
	for (i = 0; i < 6; i++)
		EXPECT_DONE(guest_write(self->v, TEST_VA + (200 + i) * PAGE_SIZE, 2, 8));
	EXPECT_EQ(EFAULT, get_log(self->vm, 3, (void *)8));
	EXPECT_EQ(0, get_log(self->vm, 3, map));
	EXPECT_EQ(1, map[at[5] / 64] >> at[5] % 64 & 1);
	munmap(mem, pages * PAGE_SIZE);
	munmap(map, words * 8);
}

/* ---- KVM_CLEAR_DIRTY_LOG ---- */

static int log_options(struct vm *vm, u64 options)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { options },
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

static int clear_log(struct vm *vm, u32 slot, u64 first, u32 pages, void *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = pages, .dirty_bitmap = bitmap,
	};

	return ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &log) ? errno : 0;
}

#define MANUAL	KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
#define FULL	KVM_DIRTY_LOG_INITIALLY_SET

TEST_F(dirty, clear_bad_input)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .flags = 1 };
	u64 *map = self->map;
	struct vm *vm = self->vm;

	EXPECT_EQ(3, ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	EXPECT_EQ(EINVAL, log_options(vm, FULL));
	EXPECT_EQ(EINVAL, log_options(vm, MANUAL | 4));
	EXPECT_EQ(EINVAL, log_options(vm, ~0ul));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_ENABLE_CAP, NULL));
	EXPECT_EQ(EFAULT, errno);
	cap.cap = 0x7fffffff;
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, log_options(vm, MANUAL));

	EXPECT_EQ(EINVAL, clear_log(vm, ~0u, 0, 64, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 2 << 16 | 1, 0, 64, map));
	EXPECT_EQ(ENOENT, clear_log(vm, 0, 0, 64, map));		/* not logging */
	EXPECT_EQ(ENOENT, clear_log(vm, 2, 0, 64, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 2, 1, 64, map));		/* before ENOENT */
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 32, 64, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, 63, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, 99, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, 101, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, 128, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, ~0u, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 64, 64, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 128, 0, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 128, 64, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, -64, 128, map));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 1ul << 63, 64, map));
	EXPECT_EQ(EFAULT, clear_log(vm, 1, 0, 64, NULL));
	EXPECT_EQ(EFAULT, clear_log(vm, 1, 64, 36, (void *)8));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, clear_log(vm, 1, 0, 100, map));
	EXPECT_EQ(0, clear_log(vm, 1, 0, 64, map));
	EXPECT_EQ(0, clear_log(vm, 1, 64, 36, map));
	EXPECT_EQ(0, clear_log(vm, 1, 64, 0, map));
}

/* Reading leaves the log as it is; what is cleared, and only that, is logged again. */
TEST_F(dirty, cleared_by_hand)
{
	u64 some[2] = { 1ul << 3 | 1ul << 5, ~0ul };

	EXPECT_EQ(0, log_options(self->vm, MANUAL));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 3 * PAGE_SIZE, 1, 4));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 4 * PAGE_SIZE, 1, 4));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 70 * PAGE_SIZE, 1, 4));
	ASSERT_DONE(guest_write(self->v, TEST_VA + 99 * PAGE_SIZE, 1, 4));
	EXPECT_LOG(3ul << 3, 1ul << 6 | 1ul << 35);
	EXPECT_LOG(3ul << 3, 1ul << 6 | 1ul << 35);
	EXPECT_EQ(0, clear_log(self->vm, 1, 0, 64, some));
	EXPECT_LOG(1ul << 4, 1ul << 6 | 1ul << 35);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 3 * PAGE_SIZE, 2, 4));
	EXPECT_LOG(3ul << 3, 1ul << 6 | 1ul << 35);
	EXPECT_EQ(0, clear_log(self->vm, 1, 64, 36, some + 1));
	EXPECT_LOG(3ul << 3, 0);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 99 * PAGE_SIZE, 2, 4));
	EXPECT_EQ(0, clear_log(self->vm, 1, 0, 100, some));
	EXPECT_LOG(1ul << 4, 0);
	/* and by reading again */
	EXPECT_EQ(0, log_options(self->vm, 0));
	EXPECT_LOG(1ul << 4, 0);
	EXPECT_LOG(0, 0);
}

TEST_F(dirty, initially_set)
{
	const u64 end = (1ul << 36) - 1, all = ~0ul;
	u64 clear[2] = { all, all };

	EXPECT_EQ(0, log_options(self->vm, MANUAL | FULL));
	EXPECT_LOG(0, 0);		/* this one was on before */
	set_flags(self->vm, self->mem, 0);
	for (int i = 0; i < PAGES; i++)
		ASSERT_DONE(guest_write(self->v, TEST_VA + i * PAGE_SIZE, i, 4));
	set_flags(self->vm, self->mem, KVM_MEM_LOG_DIRTY_PAGES);
	EXPECT_LOG(all, end);
	EXPECT_EQ(0, clear_log(self->vm, 1, 0, 64, clear));
	EXPECT_LOG(0, end);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 9 * PAGE_SIZE, 1, 4));
	EXPECT_LOG(1ul << 9, end);
	clear[0] = 1ul << 35;
	EXPECT_EQ(0, clear_log(self->vm, 1, 64, 36, clear));
	EXPECT_LOG(1ul << 9, end >> 1);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 98 * PAGE_SIZE, 1, 4));
	EXPECT_LOG(1ul << 9, end >> 1);
	ASSERT_DONE(guest_write(self->v, TEST_VA + 99 * PAGE_SIZE, 1, 4));
	EXPECT_LOG(1ul << 9, end);
	/* a new slot, too */
	vm_set_slot(self->vm, 2, 0x20000000, self->mem, PAGES * PAGE_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	EXPECT_EQ(0, get_log(self->vm, 2, self->map));
	EXPECT_EQ(all, self->map[0]);
	EXPECT_EQ(end, self->map[1]);
}

/* A large page that may be written, and all of whose frames are in the log. */
TEST_F(dirty, initially_set_large_page)
{
	u64 bytes = 4ul << 20, va = 0x40000000, map[16], clear = 1ul << 1;
	u8 *big = vm_alloc(2 * bytes), *mem = (u8 *)(((u64)big + bytes - 1) & -bytes);

	EXPECT_EQ(0, log_options(self->vm, MANUAL | FULL));
	madvise(mem, bytes, MADV_HUGEPAGE);
	memset(mem, 0, bytes);
	vm_set_slot(self->vm, 2, 0x20000000, mem, bytes, 0);
	pt_map_level(self->vm, va, 0x20000000, PTE_KERNEL | PTE_A | PTE_D, 2);
	ASSERT_DONE(guest_write(self->v, va, 1, 4));
	vm_set_slot(self->vm, 2, 0x20000000, mem, bytes, KVM_MEM_LOG_DIRTY_PAGES);
	ASSERT_DONE(guest_write(self->v, va + 65 * PAGE_SIZE, 1, 4));
	EXPECT_EQ(0, clear_log(self->vm, 2, 64, 64, &clear));
	EXPECT_EQ(0, get_log(self->vm, 2, map));
	EXPECT_EQ(~0ul, map[0]);
	EXPECT_EQ(~2ul, map[1]);
	ASSERT_DONE(guest_write(self->v, va + 65 * PAGE_SIZE, 2, 4));
	EXPECT_EQ(0, get_log(self->vm, 2, map));
	EXPECT_EQ(~0ul, map[1]);
	vm_set_slot(self->vm, 2, 0x20000000, NULL, 0, 0);
	munmap(big, 2 * bytes);
}

TEST_HARNESS_MAIN
