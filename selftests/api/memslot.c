// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_USER_MEMORY_REGION with every bad argument, and what slots do to a running guest. */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

FIXTURE(slots) {
	struct vm *vm;
	struct vcpu *v;
	u8 *mem;	/* 16 pages */
};

#define MEM_PAGES 16
#define SLOT_GPA 0x10000000ul

FIXTURE_SETUP(slots)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->mem = vm_alloc(MEM_PAGES * PAGE_SIZE);
	pt_map(self->vm, TEST_VA, SLOT_GPA, PTE_KERNEL);
	pt_map(self->vm, TEST_VA + PAGE_SIZE, SLOT_GPA + PAGE_SIZE, PTE_KERNEL);
}

FIXTURE_TEARDOWN(slots)
{
	vm_free(self->vm);
	munmap(self->mem, MEM_PAGES * PAGE_SIZE);
}

/* 0 or the errno */
static int set_slot(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 bytes, u64 hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = bytes,
		.userspace_addr = hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) ? errno : 0;
}

TEST_F(slots, unaligned)
{
	u64 hva = (u64)self->mem;

	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA + 1, PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA + 0x800, PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE + 1, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 0x10, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, hva + 8));
	EXPECT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, hva));
}

TEST_F(slots, wrapping_and_huge)
{
	u64 hva = (u64)self->mem;

	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, -PAGE_SIZE, 2 * PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, -PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 1ul << 62, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 1ul << 63, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE << 31, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, ~0xffful));
}

/* A slot above what the guest can address is useless; it must not be dangerous. */
TEST_F(slots, above_maxphyaddr)
{
	int e = set_slot(self->vm, 1, 0, 1ul << 52, PAGE_SIZE, (u64)self->mem);

	EXPECT_TRUE(e == 0 || e == EINVAL) TH_LOG("errno %d", e);
	e = set_slot(self->vm, 2, 0, (1ul << 63) - PAGE_SIZE, PAGE_SIZE, (u64)self->mem);
	EXPECT_TRUE(e == 0 || e == EINVAL) TH_LOG("errno %d", e);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 8, NULL));
}

TEST_F(slots, kernel_and_noncanonical_addresses)
{
	static const u64 bad[] = {
		0xffff888000000000, 0xffffffff81000000, 0x8000000000000000,
		0xfffffffffffff000, 0x0100000000000000,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, bad[i]))
			TH_LOG("address %#lx", bad[i]);
	}
}

TEST_F(slots, bad_flags)
{
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 1u << bit, SLOT_GPA, PAGE_SIZE,
					   (u64)self->mem)) TH_LOG("flag bit %d", bit);
	}
}

TEST_F(slots, bad_ids)
{
	int n = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	int spaces = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE);

	EXPECT_EQ(EINVAL, set_slot(self->vm, n, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 0xffff, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	EXPECT_EQ(EINVAL, set_slot(self->vm, ~0u, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	if (spaces <= 1) {
		EXPECT_EQ(EINVAL, set_slot(self->vm, 1 << 16 | 1, 0, SLOT_GPA, PAGE_SIZE,
					   (u64)self->mem));
	}
	EXPECT_EQ(0, set_slot(self->vm, n - 1, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, NULL);
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(slots, overlap)
{
	u64 hva = (u64)self->mem;

	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 4 * PAGE_SIZE, hva));
	EXPECT_EQ(EEXIST, set_slot(self->vm, 2, 0, SLOT_GPA, PAGE_SIZE, hva));
	EXPECT_EQ(EEXIST, set_slot(self->vm, 2, 0, SLOT_GPA + PAGE_SIZE, PAGE_SIZE, hva));
	EXPECT_EQ(EEXIST, set_slot(self->vm, 2, 0, SLOT_GPA - PAGE_SIZE, 2 * PAGE_SIZE, hva));
	EXPECT_EQ(EEXIST, set_slot(self->vm, 2, 0, SLOT_GPA - PAGE_SIZE, 8 * PAGE_SIZE, hva));
	EXPECT_EQ(0, set_slot(self->vm, 2, 0, SLOT_GPA - PAGE_SIZE, PAGE_SIZE, hva));
	EXPECT_EQ(0, set_slot(self->vm, 3, 0, SLOT_GPA + 4 * PAGE_SIZE, PAGE_SIZE, hva));
	EXPECT_EQ(EEXIST, set_slot(self->vm, 2, 0, SLOT_GPA + 3 * PAGE_SIZE, PAGE_SIZE, hva));
}

TEST_F(slots, changes_that_are_not_allowed)
{
	u64 hva = (u64)self->mem;

	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 0, hva));
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 4 * PAGE_SIZE, hva));
	EXPECT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 4 * PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 5 * PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 4 * PAGE_SIZE, hva + PAGE_SIZE));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, KVM_MEM_READONLY, SLOT_GPA, 4 * PAGE_SIZE, hva));
	EXPECT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 0, 0));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, 0, SLOT_GPA, 0, 0));
}

TEST_F(slots, delete_is_seen_at_once)
{
	u64 x;

	memset(self->mem, 0x5a, PAGE_SIZE);
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 4, &x));
	EXPECT_EQ(0x5a5a5a5a, x);
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 0, 0));
	EXPECT_EXIT(guest_read(self->v, TEST_VA, 4, &x), KVM_EXIT_MMIO);
	EXPECT_EQ(SLOT_GPA, self->v->run->mmio.phys_addr);
	EXPECT_EQ(4, self->v->run->mmio.len);
	EXPECT_EQ(0, self->v->run->mmio.is_write);
	*(u32 *)self->v->run->mmio.data = 0x12345678;
	EXPECT_DONE(vcpu_run(self->v));
	EXPECT_EQ(0x12345678, self->v->regs.rax);
	/* and what was MMIO becomes memory */
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 4, &x));
	EXPECT_EQ(0x5a5a5a5a, x);
}

TEST_F(slots, move_is_seen_at_once)
{
	u64 x;

	*(u32 *)self->mem = 0xabcd;
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 4, &x));
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA + PAGE_SIZE, PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_read(self->v, TEST_VA + PAGE_SIZE, 4, &x));
	EXPECT_EQ(0xabcd, x);
	EXPECT_EXIT(guest_read(self->v, TEST_VA, 4, &x), KVM_EXIT_MMIO);
}

TEST_F(slots, recreated_with_other_memory)
{
	u64 x;

	self->mem[0] = 1;
	self->mem[PAGE_SIZE] = 2;
	for (int i = 0; i < 50; i++) {
		u64 hva = (u64)self->mem + (i & 1) * PAGE_SIZE;

		ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, hva));
		ASSERT_DONE(guest_read(self->v, TEST_VA, 1, &x));
		ASSERT_EQ(1 + (i & 1), x);
		ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 0, 0));
	}
}

TEST_F(slots, read_only)
{
	u64 x;

	*(u64 *)self->mem = 0x1111;
	ASSERT_EQ(0, set_slot(self->vm, 1, KVM_MEM_READONLY, SLOT_GPA, PAGE_SIZE,
			      (u64)self->mem));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 8, &x));
	EXPECT_EQ(0x1111, x);
	EXPECT_EXIT(guest_write(self->v, TEST_VA + 8, 0xdead, 4), KVM_EXIT_MMIO);
	EXPECT_EQ(1, self->v->run->mmio.is_write);
	EXPECT_EQ(SLOT_GPA + 8, self->v->run->mmio.phys_addr);
	EXPECT_EQ(4, self->v->run->mmio.len);
	EXPECT_EQ(0xdead, *(u32 *)self->v->run->mmio.data);
	EXPECT_DONE(vcpu_run(self->v));
	EXPECT_EQ(0, *(u64 *)(self->mem + 8));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 8, &x));
	EXPECT_EQ(0x1111, x);
}

TEST_F(slots, memory_unmapped_under_the_guest)
{
	u64 x;

	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 2 * PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 7, 4));
	munmap(self->mem, PAGE_SIZE);
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT,
		      guest_read(self->v, TEST_VA, 4, &x));
	/* given back, the guest goes on as if nothing had been */
	ASSERT_EQ(self->mem, mmap(self->mem, PAGE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 4, &x));
	EXPECT_EQ(0, x);
	EXPECT_DONE(guest_read(self->v, TEST_VA + PAGE_SIZE, 4, &x));
}

TEST_F(slots, memory_write_protected_by_the_vmm)
{
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 7, 4));
	ASSERT_EQ(0, mprotect(self->mem, PAGE_SIZE, PROT_READ));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 4, NULL));
	EXPECT_EQ(7, self->v->regs.rax);
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT,
		      guest_write(self->v, TEST_VA, 8, 4));
	EXPECT_EQ(7, self->mem[0]);
	ASSERT_EQ(0, mprotect(self->mem, PAGE_SIZE, PROT_READ | PROT_WRITE));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 9, 4));
	EXPECT_EQ(9, self->mem[0]);
}

TEST_F(slots, slot_over_a_hole)
{
	munmap(self->mem + PAGE_SIZE, PAGE_SIZE);
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 2 * PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 1, 1));
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT,
		      guest_write(self->v, TEST_VA + PAGE_SIZE, 1, 1));
}

/* The vCPU's own run page, the vDSO, a device: usable or refused, but the host survives. */
TEST_F(slots, special_mappings)
{
	struct vcpu *v = self->v;
	int zero = open("/dev/zero", O_RDWR);
	void *z = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
	struct result r;
	u64 hva[3] = { (u64)v->run, 0, (u64)z };
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[vvar]"))
			hva[1] = strtoul(line, NULL, 16);
	for (int i = 0; i < 3; i++) {
		if (!hva[i] || set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, hva[i]))
			continue;
		r = guest_read(v, TEST_VA, 4, NULL);
		EXPECT_TRUE(r.kind == OUT_DONE || (r.kind == OUT_ERRNO && r.err == EFAULT) ||
			    (r.kind == OUT_EXIT && r.exit == KVM_EXIT_INTERNAL_ERROR))
			TH_LOG("mapping %d: %s", i, result_str(r));
		r = guest_write(v, TEST_VA + 0xff0, 0, 4);
		EXPECT_NE(OUT_EXC, r.kind) TH_LOG("mapping %d: %s", i, result_str(r));
		ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 0, 0));
	}
	EXPECT_DONE(guest_read(v, LOW_DATA, 4, NULL));
	munmap(z, PAGE_SIZE);
	close(zero);
	if (maps)
		fclose(maps);
}

TEST_F(slots, file_mapping_that_is_truncated)
{
	int fd = memfd_create("slot", 0);
	void *p;

	ASSERT_EQ(0, ftruncate(fd, PAGE_SIZE));
	p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, (u64)p));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 0x77, 1));
	EXPECT_EQ(0x77, *(u8 *)p);
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT,
		      guest_write(self->v, TEST_VA, 0x78, 1));
	close(fd);
}

/* The same host page in two slots is the same memory. */
TEST_F(slots, two_slots_on_one_page)
{
	u64 x;

	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, PAGE_SIZE, (u64)self->mem));
	ASSERT_EQ(0, set_slot(self->vm, 2, 0, SLOT_GPA + PAGE_SIZE, PAGE_SIZE, (u64)self->mem));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 0x4242, 4));
	EXPECT_DONE(guest_read(self->v, TEST_VA + PAGE_SIZE, 4, &x));
	EXPECT_EQ(0x4242, x);
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, 0, 0));
	EXPECT_DONE(guest_write(self->v, TEST_VA + PAGE_SIZE, 0x4343, 4));
	EXPECT_EXIT(guest_read(self->v, TEST_VA, 4, &x), KVM_EXIT_MMIO);
}

TEST_F(slots, tss_and_identity_map)
{
	u64 addr = 0xfffbc000;

	EXPECT_EQ(0, ioctl(self->vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	ioctl(self->vm->fd, KVM_SET_TSS_ADDR, 0xfffffffffffff000);
	/* refused once there is a vCPU */
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	EXPECT_EQ(EINVAL, errno);
	vm_free(self->vm);
	self->vm = vm_create_bare();
	EXPECT_EQ(0, ioctl(self->vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_SET_IDENTITY_MAP_ADDR, NULL));
	EXPECT_EQ(EFAULT, errno);
}

/* Or minus the errno. */
static long dirty_pages(struct vm *vm, u32 slot)
{
	u64 map = 0;
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = &map };

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log))
		return -errno;
	return map;
}

/* A move and a change of flags in one call: both happen, and what the log has is kept. */
TEST_F(slots, moved_and_logged_at_once)
{
	const u64 bytes = MEM_PAGES * PAGE_SIZE, far = SLOT_GPA + (1 << 20), hva = (u64)self->mem;

	pt_map(self->vm, TEST_VA, SLOT_GPA, PTE_KERNEL | PTE_A | PTE_D);
	pt_map(self->vm, TEST_VA + PAGE_SIZE, far + PAGE_SIZE, PTE_KERNEL | PTE_A | PTE_D);
	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, bytes, hva));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 1, 8));
	EXPECT_EQ(-ENOENT, dirty_pages(self->vm, 1));
	for (int i = 0; i < 3; i++) {
		/* on: written there, it is logged; before, it is not */
		ASSERT_EQ(0, set_slot(self->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, far, bytes, hva));
		EXPECT_DONE(guest_write(self->v, TEST_VA + PAGE_SIZE, 1, 8));
		EXPECT_EQ(2, dirty_pages(self->vm, 1));
		EXPECT_EQ(0, dirty_pages(self->vm, 1));
		/* moved, still on: the log is kept */
		EXPECT_DONE(guest_write(self->v, TEST_VA + PAGE_SIZE, 2, 8));
		ASSERT_EQ(0, set_slot(self->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, bytes, hva));
		EXPECT_DONE(guest_write(self->v, TEST_VA, 2, 8));
		EXPECT_EQ(3, dirty_pages(self->vm, 1));
		/* off, and moved */
		ASSERT_EQ(0, set_slot(self->vm, 1, 0, far, bytes, hva));
		EXPECT_DONE(guest_write(self->v, TEST_VA + PAGE_SIZE, 3, 8));
		EXPECT_EQ(-ENOENT, dirty_pages(self->vm, 1));
		ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, bytes, hva));
		EXPECT_EQ(-ENOENT, dirty_pages(self->vm, 1));
	}
}

/* What a call may not change it may not change beside something else either. */
TEST_F(slots, moved_and_changed_at_once)
{
	const u64 far = SLOT_GPA + (1 << 20), bytes = 4 * PAGE_SIZE, hva = (u64)self->mem;
	const u32 log = KVM_MEM_LOG_DIRTY_PAGES, ro = KVM_MEM_READONLY;

	ASSERT_EQ(0, set_slot(self->vm, 1, 0, SLOT_GPA, bytes, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, ro, far, bytes, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, ro | log, far, bytes, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, log, far, bytes + PAGE_SIZE, hva));
	EXPECT_EQ(EINVAL, set_slot(self->vm, 1, log, far, bytes, hva + PAGE_SIZE));
	EXPECT_EQ(-ENOENT, dirty_pages(self->vm, 1));
	/* read-only, moved and logged: of the VMM's own doing */
	ASSERT_EQ(0, set_slot(self->vm, 2, ro, far, bytes, hva));
	ASSERT_EQ(0, set_slot(self->vm, 2, ro | log, far + bytes, bytes, hva));
	EXPECT_EQ(0, dirty_pages(self->vm, 2));
	ASSERT_EQ(0, set_slot(self->vm, 2, ro, far, bytes, hva));
	EXPECT_EQ(-ENOENT, dirty_pages(self->vm, 2));
	/* deleted, whatever else is asked for */
	EXPECT_EQ(0, set_slot(self->vm, 2, log, SLOT_GPA, 0, hva));
	EXPECT_EQ(-ENOENT, dirty_pages(self->vm, 2));
}

TEST_HARNESS_MAIN
