// SPDX-License-Identifier: GPL-2.0-only
/* As many memory slots as KVM has: all found, moved and deleted, in bounded time and memory. */
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "paging.h"

#define FIRST_GPA	0x100000000ul

FIXTURE(many) {
	struct vm *vm;
	struct vcpu *v;
	unsigned int nr;	/* slots, slot 0 not counted: that is the machine's memory */
	u8 *mem;		/* a page for each */
};

FIXTURE_SETUP(many)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->nr = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS) - 1;
	self->mem = vm_alloc(self->nr * PAGE_SIZE);
}

FIXTURE_TEARDOWN(many)
{
	vm_free(self->vm);
	munmap(self->mem, self->nr * PAGE_SIZE);
}

/* 0 or the errno. Every second frame has a slot of its own; the memory is in the other order. */
static int set_slot(FIXTURE_DATA(many) *self, unsigned int i, u64 pages, u64 gpa)
{
	struct kvm_userspace_memory_region r = {
		.slot = 1 + i, .guest_phys_addr = gpa, .memory_size = pages * PAGE_SIZE,
		.userspace_addr = (u64)self->mem + (self->nr - 1 - i) * PAGE_SIZE,
	};

	return ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &r) ? errno : 0;
}

static u64 slot_gpa(unsigned int i)
{
	return FIRST_GPA + i * 2 * PAGE_SIZE;
}

static u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What the guest reads at an address, or ~0 if there is no memory. */
static u64 guest_sees(FIXTURE_DATA(many) *self, u64 va)
{
	struct result r;
	u64 x = 0;

	r = guest_read(self->v, va, 4, &x);
	if (r.kind != OUT_EXIT)
		return r.kind == OUT_DONE ? x : ~1ul;
	vcpu_run(self->v);
	return ~0ul;
}

static const unsigned int some[] = { 0, 1, 511, 512, 4095, 16381, 20000, 32761, 32762 };

#define NR_SOME		(sizeof(some) / sizeof(*some))
#define SLOT_VA(i)	(TEST_VA + (i) * PAGE_SIZE)	/* of slot some[i] */
#define GAP_VA(i)	SLOT_VA(NR_SOME + (i))	/* of the frame behind it */

TEST_F_TIMEOUT(many, all_of_them, 300)
{
	u64 t = now_ms();
	unsigned int i;

	ASSERT_EQ(32763, self->nr);
	for (i = 0; i < self->nr; i++)
		ASSERT_EQ(0, set_slot(self, i, 1, slot_gpa(i))) TH_LOG("slot %u", i);
	TH_LOG("%u slots made in %lu ms", self->nr, now_ms() - t);
	EXPECT_EQ(EINVAL, set_slot(self, self->nr, 1, slot_gpa(self->nr)));
	for (i = 0; i < NR_SOME; i++) {
		pt_map(self->vm, SLOT_VA(i), slot_gpa(some[i]), PTE_KERNEL);
		pt_map(self->vm, GAP_VA(i), slot_gpa(some[i]) + PAGE_SIZE, PTE_KERNEL);
	}
	for (i = 0; i < NR_SOME; i++) {
		*(u32 *)(self->mem + (self->nr - 1 - some[i]) * PAGE_SIZE) = 1000 + i;
		EXPECT_EQ(1000 + i, guest_sees(self, SLOT_VA(i))) TH_LOG("%u", some[i]);
		EXPECT_EQ(~0ul, guest_sees(self, GAP_VA(i)));
		EXPECT_EQ(EEXIST, set_slot(self, some[i], 1, slot_gpa(100)));
		EXPECT_EQ(0, set_slot(self, some[i], 1, slot_gpa(some[i]) + PAGE_SIZE));
		EXPECT_EQ(1000 + i, guest_sees(self, GAP_VA(i)));
		EXPECT_EQ(~0ul, guest_sees(self, SLOT_VA(i)));
	}
	/* The notifier finds the slots of a range, however many others there are. */
	t = now_ms();
	for (i = 0; i < 2000; i++)
		madvise(self->mem + i * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
	TH_LOG("2000 pages given back in %lu ms", now_ms() - t);
	EXPECT_EQ(0, guest_sees(self, GAP_VA(NR_SOME - 1)));
	EXPECT_EQ(1000, guest_sees(self, GAP_VA(0)));
	t = now_ms();
	for (i = 0; i < self->nr; i += 8)
		ASSERT_EQ(0, set_slot(self, i, 0, 0)) TH_LOG("slot %u", i);
	TH_LOG("an eighth of them deleted in %lu ms", now_ms() - t);
	EXPECT_EQ(~0ul, guest_sees(self, GAP_VA(0)));
	EXPECT_EQ(1001, guest_sees(self, GAP_VA(1)));
}

/* Two slots on one page, and one on many: a change of the page reaches all of them. */
TEST_F(many, aliases)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		struct kvm_userspace_memory_region r = {
			.slot = 1 + i, .guest_phys_addr = slot_gpa(i) + (u64)i * 64 * PAGE_SIZE,
			.memory_size = (1 + i) * PAGE_SIZE, .userspace_addr = (u64)self->mem,
		};

		ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &r));
		*(u32 *)(self->mem + i * PAGE_SIZE) = i;
	}
	for (i = 0; i < 64; i++)
		pt_map(self->vm, SLOT_VA(i), slot_gpa(63) + (63ul * 64 + i) * PAGE_SIZE,
		       PTE_KERNEL);
	pt_map(self->vm, TEST_VA + 64 * PAGE_SIZE, slot_gpa(40) + (40ul * 64 + 40) * PAGE_SIZE,
	       PTE_KERNEL);
	for (i = 0; i < 64; i += 8)
		EXPECT_EQ(i, guest_sees(self, TEST_VA + i * PAGE_SIZE));
	EXPECT_EQ(40, guest_sees(self, TEST_VA + 64 * PAGE_SIZE));
	munmap(self->mem + 40 * PAGE_SIZE, PAGE_SIZE);
	for (i = 40; i <= 64; i += 24)
		EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT,
			      guest_read(self->v, TEST_VA + i * PAGE_SIZE, 4, NULL));
	EXPECT_EQ(41, guest_sees(self, TEST_VA + 41 * PAGE_SIZE));
	ASSERT_EQ(self->mem + 40 * PAGE_SIZE,
		  mmap(self->mem + 40 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

TEST_HARNESS_MAIN
