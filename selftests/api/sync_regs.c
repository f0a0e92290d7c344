// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_SYNC_REGS: registers in kvm_run. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define ALL	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

FIXTURE_IN_MODE(sync_regs, MODE_LONG4)

TEST_F(sync_regs, unknown_bits)
{
	struct kvm_run *run = self->v->run;

	EXPECT_EQ(ALL, ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS));
	for (int bit = 3; bit < 64; bit++) {
		run->kvm_valid_regs = 1ul << bit;
		EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_RUN, 0));
		run->kvm_valid_regs = 0;
		run->kvm_dirty_regs = 1ul << bit;
		EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_RUN, 0));
		EXPECT_EQ(1ul << bit, run->kvm_dirty_regs);
		run->kvm_dirty_regs = 0;
	}
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

TEST_F(sync_regs, shown)
{
	struct kvm_run *run = self->v->run;
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	memset(&run->s, 0xff, sizeof(run->s));
	EXPECT_DONE(guest_insn(self->v, INSN("mov $0x1234, %%ebx")));
	EXPECT_EQ(~0ul, run->s.regs.regs.rbx);
	run->kvm_valid_regs = ALL;
	EXPECT_DONE(guest_insn(self->v, INSN("mov $0x5678, %%ebx")));
	EXPECT_EQ(0x5678, run->s.regs.regs.rbx);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_REGS, &regs));
	EXPECT_EQ(0, memcmp(&regs, &run->s.regs.regs, sizeof(regs)));
	vcpu_get_sregs(self->v, &sregs);
	EXPECT_EQ(0, memcmp(&sregs, &run->s.regs.sregs, sizeof(sregs)));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, memcmp(&events, &run->s.regs.events, sizeof(events)));
}

TEST_F(sync_regs, taken)
{
	struct kvm_run *run = self->v->run;
	struct kvm_regs regs;

	run->kvm_valid_regs = ALL;
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
	vcpu_settle(self->v);
	run->s.regs.regs.r12 = 0xabcd;
	run->s.regs.sregs.cr2 = 0x7000;
	run->s.regs.events.nmi.masked = 1;
	run->kvm_dirty_regs = ALL;
	run->immediate_exit = 1;
	EXPECT_ERRNO(EINTR, ioctl(self->v->fd, KVM_RUN, 0));
	run->immediate_exit = 0;
	EXPECT_EQ(0, run->kvm_dirty_regs);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_REGS, &regs));
	EXPECT_EQ(0xabcd, regs.r12);
	EXPECT_EQ(0x7000, run->s.regs.sregs.cr2);
	EXPECT_EQ(1, run->s.regs.events.nmi.masked);
}

/* What the ioctls refuse is refused here; the guest stays where it was. */
TEST_F(sync_regs, hostile_registers)
{
	struct kvm_run *run = self->v->run;
	struct kvm_sync_regs good;

	run->kvm_valid_regs = ALL;
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
	vcpu_settle(self->v);
	good = run->s.regs;
	run->s.regs.sregs.cr4 = ~0ul;
	run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_RUN, 0));
	run->s.regs = good;
	run->s.regs.events.exception.injected = 1;
	run->s.regs.events.exception.nr = 99;
	run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_RUN, 0));
	run->s.regs = good;
	run->s.regs.regs.rflags = ~0ul;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	EXPECT_ERRNO(EINVAL, ioctl(self->v->fd, KVM_RUN, 0));
	run->kvm_dirty_regs = 0;
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

static volatile bool over;

static void *scribble(void *arg)
{
	volatile struct kvm_run *run = arg;

	for (u32 i = 0; !over; i++) {
		run->s.regs.events.exception.nr = i;
		run->s.regs.events.exception.injected = 1;
		run->s.regs.sregs.cr4 ^= 1ul << (i & 63);
		run->s.regs.regs.rflags = i * 0x9e3779b97f4a7c15;
		run->kvm_dirty_regs = i & 7;
	}
	return NULL;
}

/* Whatever comes of it, the next guest runs. */
TEST_F(sync_regs, changed_while_they_are_read)
{
	pthread_t thread;

	self->v->run->kvm_valid_regs = ALL;
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
	over = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, self->v->run));
	for (int i = 0; i < 2000; i++) {
		self->v->run->immediate_exit = i & 1;
		ioctl(self->v->fd, KVM_RUN, 0);
	}
	over = true;
	pthread_join(thread, NULL);
	self->vm = vm_create(MODE_LONG4);
	EXPECT_DONE(guest_read(&self->vm->vcpu[0], LOW_DATA, 4, NULL));
}

TEST_HARNESS_MAIN
