// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_SREGS2 and KVM_SET_SREGS2: PAE's top entries travel, memory or not. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define PDPTRS_VALID	1

FIXTURE_IN_MODE(pae, MODE_PAE)
FIXTURE_IN_MODE(long_mode, MODE_LONG4)

static struct kvm_sregs2 get(struct vcpu *v)
{
	struct kvm_sregs2 s;

	memset(&s, 0xff, sizeof(s));
	if (ioctl(v->fd, KVM_GET_SREGS2, &s))
		die("KVM_GET_SREGS2: %d", errno);
	return s;
}

static int set(struct vcpu *v, struct kvm_sregs2 s)
{
	return ioctl(v->fd, KVM_SET_SREGS2, &s) ? errno : 0;
}

TEST_F(long_mode, same_as_the_old)
{
	struct kvm_sregs2 s = get(self->v);
	struct kvm_sregs old;

	EXPECT_EQ(1, vm_has_cap(self->vm, KVM_CAP_SREGS2));
	vcpu_get_sregs(self->v, &old);
	EXPECT_EQ(0, memcmp(&s, &old, offsetof(struct kvm_sregs, interrupt_bitmap)));
	EXPECT_EQ(0, s.flags);
	EXPECT_EQ(0, set(self->v, s));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(long_mode, hostile_arguments)
{
	struct kvm_sregs2 s = get(self->v), bad = s;

	EXPECT_ERRNO(EFAULT, ioctl(self->v->fd, KVM_SET_SREGS2, (void *)8));
	EXPECT_ERRNO(EFAULT, ioctl(self->v->fd, KVM_GET_SREGS2, (void *)8));
	bad.flags = 2;
	EXPECT_EQ(EINVAL, set(self->v, bad));
	bad.flags = 1ul << 63;
	EXPECT_EQ(EINVAL, set(self->v, bad));
	bad.flags = PDPTRS_VALID;
	EXPECT_EQ(EINVAL, set(self->v, bad));
	bad = s;
	bad.cr4 = ~0ul;
	EXPECT_EQ(EINVAL, set(self->v, bad));
	s = get(self->v);
	EXPECT_EQ(0, s.flags);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

/* What memory says of them counts only when CR3 is loaded. */
TEST_F(pae, entries_that_memory_has_no_more)
{
	struct kvm_sregs2 s = get(self->v), now;
	u64 *table = vm_ptr(self->vm, s.cr3 & ~31ul);

	EXPECT_EQ(PDPTRS_VALID, s.flags);
	EXPECT_EQ(0, memcmp(table, s.pdptrs, sizeof(s.pdptrs)));
	memset(table, 0, sizeof(s.pdptrs));
	EXPECT_EQ(0, set(self->v, s));
	now = get(self->v);
	EXPECT_EQ(0, memcmp(&now, &s, sizeof(s)));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
	s.flags = 0;
	EXPECT_EQ(0, set(self->v, s));
	now = get(self->v);
	EXPECT_EQ(0, now.pdptrs[0]);
}

TEST_F(pae, entries_that_map_something_else)
{
	struct kvm_sregs2 s = get(self->v);
	u64 value = 0;

	memset(vm_ptr(self->vm, LOW_DATA), 0x5a, 4);
	s.pdptrs[1] = s.pdptrs[0];
	EXPECT_EQ(0, set(self->v, s));
	EXPECT_DONE(guest_read(self->v, 0x40000000 + LOW_DATA, 4, &value));
	EXPECT_EQ(0x5a5a5a5a, value);
	s.pdptrs[1] = 0;
	EXPECT_EQ(0, set(self->v, s));
	EXPECT_PF(guest_read(self->v, 0x40000000 + LOW_DATA, 4, NULL), 0, 0x40000000 + LOW_DATA);
}

TEST_F(pae, reserved_bits)
{
	struct kvm_sregs2 s = get(self->v), bad = s, now;

	for (int bit = 0; bit < 64; bit++) {
		bool reserved = (bit >= 1 && bit <= 2) || (bit >= 5 && bit <= 8) || bit >= 52;

		bad.pdptrs[3] = 1ul << bit | 1;
		if (reserved)
			EXPECT_EQ(EINVAL, set(self->v, bad)) TH_LOG("bit %d", bit);
	}
	now = get(self->v);
	EXPECT_EQ(0, memcmp(&now, &s, sizeof(s)));
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_HARNESS_MAIN
