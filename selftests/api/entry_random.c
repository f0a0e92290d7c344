// SPDX-License-Identifier: GPL-2.0-only
/* Events of all kinds, and random state: no entry fails. See entry_checks.c. */
#include <string.h>

#include "kselftest_harness.h"
#include "entry_checks.h"

FIXTURE_IN(real, MODE_REAL)
FIXTURE_IN(m32, MODE_32)
FIXTURE_IN(long4, MODE_LONG4)

/* ---- events ---- */

static const u32 with_error = 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17;
static const u32 without_error = 0xfb | 1 << 16 | 1 << 18 | 1 << 19;

static int set_exception(struct vcpu *v, u8 nr, bool has_error, u32 error)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1, .nr = nr, .error_code = error,
						    .has_error_code = has_error } };

	return try(v, KVM_SET_VCPU_EVENTS, &e);
}

static void settle(struct vcpu *v)
{
	vcpu_settle(v);
	v->regs.rip = CODE_GPA;
	v->regs.rsp = STACK_TOP - 0x100;
	v->regs.rflags = 2;
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
}

TEST_F(long4, exceptions)
{
	for (unsigned int nr = 0; nr < 256; nr++) {
		bool known = nr < 32 && ((with_error & ~4u) | (without_error & ~4u)) >> nr & 1;
		bool pushes = nr < 32 && with_error >> nr & 1;

		if (nr == 2)
			known = false;
		settle(self->v);
		EXPECT_EQ(known && pushes ? 0 : EINVAL, set_exception(self->v, nr, true, 0))
			TH_LOG("vector %u", nr);
		EXPECT_EQ(EINVAL, set_exception(self->v, nr, true, 0x10000));
		EXPECT_EQ(EINVAL, set_exception(self->v, nr, true, 1u << 31));
		if (pushes) {
			EXPECT_EQ(0, set_exception(self->v, nr, true, 0xfff8));
			EXPECT_EXC_ERR(vcpu_run(self->v), nr, 0xfff8);
			settle(self->v);
		}
		EXPECT_EQ(known ? 0 : EINVAL, set_exception(self->v, nr, false, 0x12345))
			TH_LOG("vector %u", nr);
		if (known && pushes) {
			EXPECT_NO_RUN(vcpu_run(self->v));
		} else if (known) {
			EXPECT_EXC(vcpu_run(self->v), nr);
		}
	}
}

/* In real mode there are none. */
TEST_F(real, exception_without_error_code)
{
	settle(self->v);
	EXPECT_EQ(0, set_exception(self->v, VEC_GP, false, 0));
	EXPECT_EXC(vcpu_run(self->v), VEC_GP);
	settle(self->v);
	EXPECT_EQ(0, set_exception(self->v, VEC_GP, true, 8));
	EXPECT_EXC(vcpu_run(self->v), VEC_GP);
}

/* All flags and shadows, with RFLAGS.IF and without. */
TEST_F(long4, events_of_all_kinds)
{
	for (int form = 0; form < 1 << 10; form++) {
		struct kvm_vcpu_events e = {
			.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING,
			.interrupt = { .injected = form & 1, .nr = 0x51, .shadow = form >> 1 & 3 },
			.nmi = { .injected = form >> 3 & 1, .masked = form >> 4 & 1,
				 .pending = form >> 5 & 1 },
			.exception = { .injected = form >> 6 & 1, .nr = form & 128 ? 13 : 6,
				       .has_error_code = form >> 7 & 1 },
		};
		struct result r;

		settle(self->v);
		self->v->regs.rflags |= (form & 256 ? RFLAGS_IF : 0) | (form & 512 ? RFLAGS_TF : 0);
		memcpy(vm_ptr(self->vm, CODE_GPA), "\x90\x90\xf4", 3);
		ASSERT_EQ(0, try(self->v, KVM_SET_REGS, &self->v->regs));
		if (try(self->v, KVM_SET_VCPU_EVENTS, &e)) {
			EXPECT_TRUE(e.nmi.injected && e.interrupt.shadow);
			continue;
		}
		r = vcpu_run(self->v);
		EXPECT_TRUE(r.kind == OUT_EXC || (r.kind == OUT_EXIT && r.exit == KVM_EXIT_HLT))
			TH_LOG("form %#x: %s", form, result_str(r));
		memset(&e, 0, sizeof(e));
		e.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
		ASSERT_EQ(0, try(self->v, KVM_SET_VCPU_EVENTS, &e));
	}
}

/* An NMI that is on its way, behind an interrupt shadow: one call, or the second one of two. */
TEST_F(long4, nmi_in_a_shadow)
{
	struct kvm_vcpu_events e = {
		.flags = KVM_VCPUEVENT_VALID_SHADOW,
		.interrupt.shadow = KVM_X86_SHADOW_INT_MOV_SS,
	};

	settle(self->v);
	EXPECT_EQ(0, try(self->v, KVM_SET_VCPU_EVENTS, &e));
	e.nmi.injected = 1;
	EXPECT_EQ(EINVAL, try(self->v, KVM_SET_VCPU_EVENTS, &e));
	e.flags = 0;
	EXPECT_EQ(0, try(self->v, KVM_SET_VCPU_EVENTS, &e));
	EXPECT_NO_RUN(vcpu_run(self->v));
	memset(&e, 0, sizeof(e));
	e.flags = KVM_VCPUEVENT_VALID_SHADOW;
	EXPECT_EQ(0, try(self->v, KVM_SET_VCPU_EVENTS, &e));
	EXPECT_DONE(guest_insn(self->v, INSN("nop")));
}

/* The stack is a device, so that the delivery of an interrupt ends in user space. */
TEST_F(long4, interrupt_under_way_and_then_disabled)
{
	struct kvm_interrupt irq = { .irq = 0x51 };
	struct vcpu *v = self->v;

	pt_map(self->vm, TEST_VA, 0xe0000000, PTE_KERNEL);
	settle(v);
	v->regs.rsp = TEST_VA + 0x800;
	v->regs.rflags = 2 | RFLAGS_IF;
	ASSERT_EQ(0, try(v, KVM_SET_REGS, &v->regs));
	ASSERT_EQ(0, try(v, KVM_INTERRUPT, &irq));
	EXPECT_EXIT(vcpu_run(v), KVM_EXIT_INTERNAL_ERROR);
	EXPECT_DONE(guest_insn(v, INSN("nop")));
	v->flags = RFLAGS_IF;
	EXPECT_EXC(guest_insn(v, INSN("nop")), 0x51);
}

/* ---- anything at all ---- */

static u64 seed = 1;

static u64 next_random(void)
{
	lcg_next(&seed);
	return seed >> 33 | seed << 31;
}

static void change_segment(struct kvm_segment *s)
{
	u64 r = next_random();

	switch (r >> 8 & 7) {
	case 0: s->base = next_random() >> (r & 63); break;
	case 1: s->limit = next_random() >> (r & 31); break;
	case 2: s->type = r & 15; break;
	case 3: s->dpl = r & 3; break;
	case 4: s->selector = r; break;
	case 5: s->present = r & 1; s->unusable = r >> 1 & 1; break;
	case 6: s->s = r & 1; s->l = r >> 1 & 1; break;
	case 7: s->g = r & 1; s->db = r >> 1 & 1; break;
	}
}

static void change_sregs(struct kvm_sregs *s)
{
	u64 r = next_random(), bit = 1ul << (r >> 8 & 63);

	switch (r & 15) {
	case 8: s->cr0 ^= bit; break;
	case 9: s->cr4 ^= bit; break;
	case 10: s->efer ^= bit; break;
	case 11: s->cr3 ^= bit; break;
	case 12: s->gdt.base ^= bit; break;
	case 13: s->idt.base ^= bit; break;
	case 14: s->apic_base ^= bit; break;
	case 15: s->cr8 ^= bit; break;
	default: change_segment(segment(s, r & 7));
	}
}

/* Through TR that came by KVM_SET_SREGS QEMU's TCG switches no 32-bit stack, but ends. */
static bool may_run(struct vcpu *v, const struct kvm_sregs *s)
{
	return on_bochs() || v->vm->mode >= MODE_LONG4 || !s->ss.dpl;
}

static void random_sregs(struct __test_metadata *_metadata, struct vcpu *v)
{
	int rounds = on_bochs() ? 1000 : 2000, taken = 0;
	struct kvm_sregs good, s;

	vcpu_get_sregs(v, &good);
	for (int i = 0; i < rounds; i++) {
		s = good;
		for (int n = next_random() & 3; n >= 0; n--)
			change_sregs(&s);
		s.tr = good.tr;
		if (try(v, KVM_SET_SREGS, &s))
			continue;
		taken++;
		if (!may_run(v, &s))
			continue;
		EXPECT_FALSE(entry_fails(v)) TH_LOG("round %d", i);
		vcpu_set_sregs(v, &good);
	}
	EXPECT_LT(rounds / 20, taken);
}

TEST_F(long4, random_sregs)
{
	random_sregs(_metadata, self->v);
}

TEST_F(m32, random_sregs)
{
	random_sregs(_metadata, self->v);
}

TEST_F(real, random_sregs)
{
	random_sregs(_metadata, self->v);
}

TEST_F(long4, random_debugregs)
{
	int rounds = on_bochs() ? 200 : 1000;

	for (int i = 0; i < rounds; i++) {
		struct kvm_debugregs d = {
			.db = { next_random(), next_random(), next_random(), next_random() },
			.dr6 = (u32)next_random(), .dr7 = (u32)next_random() & ~0xffu,
		};

		if (i & 1)
			*(i & 2 ? &d.dr6 : &d.dr7) |= 1ul << (32 + (i >> 2) % 32);
		EXPECT_EQ(i & 1 ? EINVAL : 0, try(self->v, KVM_SET_DEBUGREGS, &d));
		EXPECT_FALSE(entry_fails(self->v));
	}
}

TEST_HARNESS_MAIN
