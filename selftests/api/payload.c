// SPDX-License-Identifier: GPL-2.0-only
/* What KVM_ENABLE_CAP adds to KVM_GET_VCPU_EVENTS: exception payloads, triple faults. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define DR6_STEP	(1ul << 14)
#define DR6_RESET	0xffff0ff0ul

FIXTURE(events) { struct vm *vm; struct vcpu *v; };

FIXTURE_SETUP(events)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	guest_insn(self->v, INSN("nop"));
	vcpu_settle(self->v);
}

FIXTURE_TEARDOWN(events)
{
	vm_free(self->vm);
}

static int enable(struct vm *vm, u32 cap, u64 on)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { on } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &e);
}

TEST_F(events, only_if_turned_on)
{
	struct kvm_vcpu_events e = vcpu_get_events(self->v);

	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_EXCEPTION_PAYLOAD));
	EXPECT_TRUE(vm_has_cap(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT));
	EXPECT_EQ(0, e.flags & (KVM_VCPUEVENT_VALID_PAYLOAD | KVM_VCPUEVENT_VALID_TRIPLE_FAULT));
	e.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	EXPECT_EQ(EINVAL, vcpu_set_events(self->v, e));
	e.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	EXPECT_EQ(EINVAL, vcpu_set_events(self->v, e));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	e = vcpu_get_events(self->v);
	EXPECT_TRUE(e.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	EXPECT_TRUE(e.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	EXPECT_EQ(0, e.exception.pending | e.exception_has_payload | e.triple_fault.pending);
	EXPECT_EQ(0, vcpu_set_events(self->v, e));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 0));
	EXPECT_EQ(EINVAL, vcpu_set_events(self->v, e));
}

/* Not before it is delivered do CR2 and DR6 change. */
TEST_F(events, payload_of_a_page_fault)
{
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	e = vcpu_get_events(self->v);
	e.exception.pending = 1;
	e.exception.nr = VEC_PF;
	e.exception.has_error_code = 1;
	e.exception.error_code = ERR_W;
	e.exception_has_payload = 1;
	e.exception_payload = 0x12345;
	ASSERT_EQ(0, vcpu_set_events(self->v, e));
	e = vcpu_get_events(self->v);
	EXPECT_EQ(1, e.exception.pending);
	EXPECT_EQ(0, e.exception.injected);
	EXPECT_EQ(1, e.exception_has_payload);
	EXPECT_EQ(0x12345, e.exception_payload);
	vcpu_get_sregs(self->v, &s);
	EXPECT_NE(0x12345, s.cr2);
	EXPECT_PF(vcpu_run(self->v), ERR_W, 0x12345);
	e = vcpu_get_events(self->v);
	EXPECT_EQ(0, e.exception.pending | e.exception_has_payload);
}

TEST_F(events, payload_of_a_debug_exception)
{
	struct kvm_debugregs d = { .dr6 = DR6_RESET | 0xf, .dr7 = 0x400 };
	struct kvm_vcpu_events e;

	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	e = vcpu_get_events(self->v);
	e.exception.pending = 1;
	e.exception.nr = VEC_DB;
	e.exception_has_payload = 1;
	e.exception_payload = DR6_STEP | 2;
	ASSERT_EQ(0, vcpu_set_events(self->v, e));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_DEBUGREGS, &d));
	EXPECT_EXC(vcpu_run(self->v), VEC_DB);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_DEBUGREGS, &d));
	EXPECT_EQ(DR6_RESET | DR6_STEP | 2, d.dr6);
}

TEST_F(events, hostile_payloads)
{
	struct kvm_vcpu_events e;

	ASSERT_EQ(0, enable(self->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	e = vcpu_get_events(self->v);
	e.exception.pending = 1;
	e.exception.nr = 2;
	EXPECT_EQ(EINVAL, vcpu_set_events(self->v, e));
	e.exception.nr = 32;
	EXPECT_EQ(EINVAL, vcpu_set_events(self->v, e));
	/* of no use to this one, and no harm */
	e.exception.nr = VEC_UD;
	e.exception_has_payload = 0xff;
	e.exception_payload = ~0ul;
	EXPECT_EQ(0, vcpu_set_events(self->v, e));
	EXPECT_EXC(vcpu_run(self->v), VEC_UD);
	e.exception.nr = VEC_DB;
	EXPECT_EQ(0, vcpu_set_events(self->v, e));
	EXPECT_EXC(vcpu_run(self->v), VEC_DB);
}

/* Set and taken back, and set. */
TEST_F(events, triple_fault)
{
	struct kvm_vcpu_events e;

	ASSERT_EQ(0, enable(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	e = vcpu_get_events(self->v);
	e.triple_fault.pending = 1;
	ASSERT_EQ(0, vcpu_set_events(self->v, e));
	e = vcpu_get_events(self->v);
	EXPECT_EQ(1, e.triple_fault.pending);
	e.triple_fault.pending = 0;
	ASSERT_EQ(0, vcpu_set_events(self->v, e));
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
	vcpu_settle(self->v);
	e.triple_fault.pending = 1;
	ASSERT_EQ(0, vcpu_set_events(self->v, e));
	EXPECT_EXIT(vcpu_run(self->v), KVM_EXIT_SHUTDOWN);
}

TEST_HARNESS_MAIN
