// SPDX-License-Identifier: GPL-2.0-only
/* The dirty ring: each frame written, once; taken back; full; what a VMM may write into it. */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define SLOT_GPA	0x10000000ul
#define PAGES		200
#define RING_BYTES	PAGE_SIZE
#define ENTRIES		(RING_BYTES / sizeof(struct kvm_dirty_gfn))
#define SPARE		64
#define LOG		KVM_MEM_LOG_DIRTY_PAGES
#define WITH_BITMAP	225	/* KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, of newer headers */

FIXTURE(ring) {
	struct vm *vm;
	struct vcpu *v;
	u8 *mem;
	struct kvm_dirty_gfn *ring;
	unsigned int next;	/* to be read */
};

static void *map_ring(struct vcpu *v, size_t bytes, int prot, int flags)
{
	return mmap(NULL, bytes, prot, flags, v->fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE);
}

FIXTURE_SETUP(ring)
{
	self->vm = vm_create_with_ring(MODE_LONG4, RING_BYTES);
	self->v = &self->vm->vcpu[0];
	self->mem = vm_alloc(PAGES * PAGE_SIZE);
	for (int i = 0; i < PAGES; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, SLOT_GPA + i * PAGE_SIZE,
		       PTE_KERNEL | PTE_A | PTE_D);
	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, PAGES * PAGE_SIZE, LOG);
	self->ring = map_ring(self->v, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, self->ring);
}

FIXTURE_TEARDOWN(ring)
{
	munmap(self->ring, RING_BYTES);
	vm_free(self->vm);
	munmap(self->mem, PAGES * PAGE_SIZE);
}

/* The next frame of slot 1 in the ring; -1: none; -2: what is there makes no sense. */
static long harvest(FIXTURE_DATA(ring) *self)
{
	struct kvm_dirty_gfn *e = &self->ring[self->next % ENTRIES];

	if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
		return -1;
	if (e->flags != KVM_DIRTY_GFN_F_DIRTY || e->slot != 1)
		return -2;
	__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	self->next++;
	return e->offset;
}

static long reset(FIXTURE_DATA(ring) *self)
{
	int n = ioctl(self->vm->fd, KVM_RESET_DIRTY_RINGS);

	return n < 0 ? -errno : n;
}

#define WRITE(page)	guest_write(self->v, TEST_VA + (page) * PAGE_SIZE, 1, 4)

static int enable(struct vm *vm, u32 id, u64 bytes)
{
	struct kvm_enable_cap cap = { .cap = id, .args = { bytes } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

TEST(enabling)
{
	struct vm *vm = vm_create_bare();
	int max = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING);

	EXPECT_EQ(1 << 20, max);
	EXPECT_EQ(max, ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	EXPECT_EQ(0, ioctl(vm->fd, KVM_CHECK_EXTENSION, WITH_BITMAP));
	EXPECT_EQ(EINVAL, enable(vm, WITH_BITMAP, 0));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, 0));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, PAGE_SIZE / 2));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, 3 * PAGE_SIZE));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, ~0ul));
	EXPECT_EQ(E2BIG, enable(vm, KVM_CAP_DIRTY_LOG_RING, 2ul * max));
	EXPECT_EQ(E2BIG, enable(vm, KVM_CAP_DIRTY_LOG_RING, 1ul << 63));
	EXPECT_EQ(E2BIG, enable(vm, KVM_CAP_DIRTY_LOG_RING, 1ul << 32));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_RESET_DIRTY_RINGS));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, enable(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, max));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, max));	/* once only */
	vm_free(vm);
	vm = vm_create(MODE_LONG4);
	/* a vCPU is there */
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, PAGE_SIZE));
	EXPECT_EQ(MAP_FAILED, map_ring(&vm->vcpu[0], PAGE_SIZE, PROT_READ, MAP_SHARED));
	vm_free(vm);
}

TEST_F(ring, mapping)
{
	struct vcpu *v = self->v;
	const int rw = PROT_READ | PROT_WRITE;

	EXPECT_EQ(MAP_FAILED, map_ring(v, RING_BYTES, rw, MAP_PRIVATE));
	EXPECT_EQ(MAP_FAILED, map_ring(v, RING_BYTES, PROT_READ, MAP_PRIVATE));
	EXPECT_EQ(MAP_FAILED, map_ring(v, RING_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED));
	EXPECT_EQ(MAP_FAILED, map_ring(v, RING_BYTES + PAGE_SIZE, rw, MAP_SHARED));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, rw, MAP_SHARED, v->fd, 3 * PAGE_SIZE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, rw, MAP_SHARED, v->fd, 62 * PAGE_SIZE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE_SIZE, rw, MAP_SHARED, v->fd, 63 * PAGE_SIZE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, rw, MAP_SHARED, v->fd, -PAGE_SIZE));
}

TEST_F(ring, no_log)
{
	u64 map[8] = {};
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = map };
	struct kvm_clear_dirty_log clear = { .slot = ~0u, .first_page = 1, .dirty_bitmap = map };

	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	EXPECT_EQ(ENXIO, errno);
}

/* Reads leave no mark, a write one; after the reset the next write leaves another. */
TEST_F(ring, written_pages_only)
{
	EXPECT_DONE(guest_read(self->v, TEST_VA + 5 * PAGE_SIZE, 4, NULL));
	EXPECT_EQ(-1, harvest(self));
	EXPECT_DONE(WRITE(3));
	EXPECT_DONE(WRITE(3));
	EXPECT_DONE(WRITE(150));
	EXPECT_EQ(3, harvest(self));
	EXPECT_DONE(WRITE(3));
	EXPECT_EQ(150, harvest(self));
	EXPECT_EQ(-1, harvest(self));
	EXPECT_EQ(2, reset(self));
	EXPECT_EQ(0, reset(self));
	EXPECT_DONE(WRITE(150));
	EXPECT_EQ(150, harvest(self));
	EXPECT_EQ(-1, harvest(self));
	EXPECT_DONE(WRITE(3));
	EXPECT_EQ(3, harvest(self));
	EXPECT_EQ(2, reset(self));
}

/* What is not given back is not taken back. */
TEST_F(ring, in_order)
{
	EXPECT_DONE(WRITE(1));
	EXPECT_DONE(WRITE(2));
	self->ring[1].flags = KVM_DIRTY_GFN_F_RESET;
	EXPECT_EQ(0, reset(self));
	self->ring[0].flags = KVM_DIRTY_GFN_F_RESET;
	EXPECT_EQ(2, reset(self));
	EXPECT_EQ(0, self->ring[0].flags);
	EXPECT_EQ(0, self->ring[1].flags);
}

/* Pages that were writable before logging began. */
TEST_F(ring, logging_switched_on_late)
{
	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, PAGES * PAGE_SIZE, 0);
	EXPECT_DONE(WRITE(8));
	EXPECT_EQ(-1, harvest(self));
	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, PAGES * PAGE_SIZE, LOG);
	EXPECT_EQ(-1, harvest(self));
	EXPECT_DONE(WRITE(8));
	EXPECT_EQ(8, harvest(self));
}

/* The emulator's writes, and the A and D bits that a walk sets. */
TEST_F(ring, writes_by_software)
{
	u64 va = TEST_VA + 0x40000000;
	struct vcpu *v = self->v;

	pt_map(self->vm, va, DATA_GPA, PTE_KERNEL);
	pt_put(self->vm, pt_entry_gpa(self->vm, va, 2),
	       (SLOT_GPA + 20 * PAGE_SIZE) | PTE_KERNEL | PTE_A);
	((u64 *)(self->mem + 20 * PAGE_SIZE))[0] = DATA_GPA | PTE_KERNEL;
	EXPECT_DONE(guest_read(v, va, 4, NULL));
	EXPECT_EQ(20, harvest(self));
	EXPECT_EQ(1, reset(self));
	EXPECT_DONE(guest_write(v, va, 1, 4));
	EXPECT_EQ(20, harvest(self));
	v->regs.rdi = TEST_VA + 12 * PAGE_SIZE;
	v->regs.rdx = 0x70;
	EXPECT_EXIT(guest_insn(v, INSN("insb")), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(12, harvest(self));
	EXPECT_EQ(-1, harvest(self));
}

static struct result write_all(FIXTURE_DATA(ring) *self, unsigned int pages)
{
	struct vcpu *v = self->v;

	v->regs.rdi = TEST_VA;
	v->regs.rcx = pages;
	return guest_insn(v, INSN("1: movl $1, (%%rdi)\n add $4096, %%rdi\n loop 1b"));
}

/* The guest stops while there is room, and goes on once it is emptied; no page is left out. */
TEST_F(ring, full)
{
	struct vcpu *v = self->v;
	struct result r = write_all(self, PAGES);
	u64 seen[4] = {};
	long page, n = 0;

	EXPECT_EXIT(r, KVM_EXIT_DIRTY_RING_FULL);
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_DIRTY_RING_FULL);	/* and stays */
	EXPECT_EQ(0, reset(self));
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_DIRTY_RING_FULL);
	while ((page = harvest(self)) >= 0) {
		seen[page / 64] |= 1ul << page % 64;
		n++;
	}
	EXPECT_EQ(ENTRIES - SPARE, n);
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_DIRTY_RING_FULL);	/* read is not reset */
	EXPECT_EQ(n, reset(self));
	EXPECT_DONE(vcpu_run(v));
	while ((page = harvest(self)) >= 0) {
		seen[page / 64] |= 1ul << page % 64;
		n++;
	}
	EXPECT_GE(n, PAGES);		/* that of the last fault comes again */
	EXPECT_LE(n, PAGES + 1);
	EXPECT_EQ(~0ul, seen[0] & seen[1] & seen[2]);
	EXPECT_EQ(0xff, seen[3]);
}

TEST_F(ring, hostile)
{
	static const u32 slots[] = { 1, 0, 2, 32763, 32764, 0xffff, 0x10001, ~0u };
	static const u64 offsets[] = { 0, PAGES - 1, PAGES, 1ul << 31, 1ul << 40, 1ul << 63, ~0ul };
	unsigned int i, j, k;

	/* All of it given back, though little or nothing was taken. */
	for (i = 0; i < ENTRIES; i++)
		self->ring[i] = (struct kvm_dirty_gfn){ ~0u, ~0u, ~0ul };
	EXPECT_EQ(0, reset(self));
	EXPECT_DONE(WRITE(1));
	memset(self->ring, 0xff, RING_BYTES);
	EXPECT_EQ(1, reset(self));
	for (i = 0; i < sizeof(slots) / sizeof(*slots); i++)
		for (j = 0; j < sizeof(offsets) / sizeof(*offsets); j++) {
			write_all(self, PAGES);
			for (k = 0; k < ENTRIES; k++)
				self->ring[k] = (struct kvm_dirty_gfn){
					KVM_DIRTY_GFN_F_RESET, slots[i], offsets[j] - k % 2,
				};
			EXPECT_GE(reset(self), 0);
		}
	/* Flags that are neither: the ring stays full, until there are sane ones. */
	memset(self->ring, 0, RING_BYTES);
	EXPECT_EQ(0, reset(self));
	/* All is protected anew with the log switched off and on. */
	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, PAGES * PAGE_SIZE, 0);
	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, PAGES * PAGE_SIZE, LOG);
	EXPECT_EXIT(write_all(self, PAGES), KVM_EXIT_DIRTY_RING_FULL);
	for (k = 0; k < ENTRIES; k++)
		self->ring[k].flags = KVM_DIRTY_GFN_F_RESET;
	EXPECT_EQ(ENTRIES - SPARE, reset(self));
	EXPECT_DONE(vcpu_run(self->v));
}

/* The mapping outlives the VM. */
TEST_F(ring, mapped_for_longer)
{
	EXPECT_DONE(WRITE(7));
	vm_free(self->vm);
	EXPECT_EQ(7, harvest(self));
	self->vm = vm_create(MODE_LONG4);
	self->ring[0].flags = 0;
}

TEST_HARNESS_MAIN
