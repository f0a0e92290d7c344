// SPDX-License-Identifier: GPL-2.0-only
/*
 * User space debugs the guest: breakpoints of its own, in memory (INT3) and in debug registers,
 * and single steps. What they make ends KVM_RUN; the guest sees neither #DB nor #BP.
 *
 * A step is RFLAGS.TF, which instructions in the processor and in the emulator end with alike.
 * It is the guest's only from KVM_RUN's beginning to its end.
 */
#include <linux/string.h>

#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "breakpoint.h"
#include "emul.h"
#include "emulate.h"
#include "event.h"
#include "guest_debug.h"
#include "request.h"
#include "vcpu.h"
#include "vendor.h"

static void pass(struct vcpu *vcpu, const struct insn *insn)
{
	vcpu->regs.rip += insn->length;
	if (insn->mode != INSN_LONG64)
		vcpu->regs.rip = (u32)vcpu->regs.rip;
}

static bool at_int3(struct vcpu *vcpu)
{
	return emul_length(vcpu) && vcpu->emul->insn.op == OP_INT3;
}

bool guest_debug_at_int3(struct vcpu *vcpu)
{
	return vcpu->guest_debug.control & KVM_GUESTDBG_USE_SW_BP && at_int3(vcpu);
}

/* As the processor would have done it. What its delivery raises is at the instruction. */
static enum handled deliver_int(struct vcpu *vcpu, const struct insn *insn)
{
	const struct event event = {
		.type = EVENT_SOFT_IRQ,
		.vector = insn->op == OP_INTO ? X86_TRAP_OF : insn->imm,
	};
	u64 rip = vcpu->regs.rip, rsp = vcpu->regs.gpr[GPR_RSP], next;
	enum handled r;

	pass(vcpu, insn);
	next = vcpu->regs.rip;
	r = emul_event(vcpu, &event);
	if (vcpu->regs.rip == next && vcpu->regs.gpr[GPR_RSP] == rsp)
		vcpu->regs.rip = rip;	/* it did not come to it */
	return r;
}

enum handled guest_debug_int(struct vcpu *vcpu)
{
	const struct insn *insn = &vcpu->emul->insn;

	if (!emul_length(vcpu))
		return REENTER;		/* not mapped any more */
	if (insn->op == OP_INT3)
		return guest_debug_int3(vcpu);
	return deliver_int(vcpu, insn);
}

void guest_debug_pass_int3(struct vcpu *vcpu)
{
	if (at_int3(vcpu))
		pass(vcpu, &vcpu->emul->insn);
}

static int inject(struct vcpu *vcpu, u32 control)
{
	if (vcpu->events.exception.type != EVENT_NONE)
		return -EBUSY;
	if (control & KVM_GUESTDBG_INJECT_DB) {
		event_queue_exception(vcpu, X86_TRAP_DB, false, 0);
	} else {
		guest_debug_pass_int3(vcpu);
		event_queue_exception(vcpu, X86_TRAP_BP, false, 0);
	}
	return 0;
}

int guest_debug_set(struct vcpu *vcpu, const struct kvm_guest_debug *dbg)
{
	struct vcpu_guest_debug *d = &vcpu->guest_debug;
	int r = 0;

	if (dbg->control & ~GUEST_DEBUG_VALID)
		return -EINVAL;
	if (dbg->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP))
		r = inject(vcpu, dbg->control);
	if (r)
		return r;
	*d = (struct vcpu_guest_debug){};
	if (dbg->control & KVM_GUESTDBG_ENABLE)
		d->control = dbg->control;
	memcpy(d->db, dbg->arch.debugreg, sizeof(d->db));
	d->dr7 = dr7_settled(dbg->arch.debugreg[7]) & ~DR7_GD;
	vcpu_take_request(vcpu, REQ_DEBUG);
	vendor(update_mode)(vcpu);
	vendor(update_cpuid)(vcpu);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/*
 * In an interrupt shadow a step would have to be pending already, and end where it begins. With the
 * shadow the backend forgets what was pending of a step that user space has been told of.
 */
static void forget_pending(struct vcpu *vcpu)
{
	vendor(set_shadow)(vcpu, SHADOW_STI);
	vendor(set_shadow)(vcpu, 0);
}

void guest_debug_begin(struct vcpu *vcpu)
{
	struct vcpu_guest_debug *d = &vcpu->guest_debug;

	if (!(d->control & KVM_GUESTDBG_SINGLESTEP))
		return;
	forget_pending(vcpu);
	d->stepping = true;
	d->tf = vcpu->regs.rflags & X86_EFLAGS_TF;
	vcpu->regs.rflags |= X86_EFLAGS_TF;
}

void guest_debug_end(struct vcpu *vcpu)
{
	if (!vcpu->guest_debug.tf)
		vcpu->regs.rflags &= ~(u64)X86_EFLAGS_TF;
	vcpu->guest_debug.stepping = false;
}

static enum handled tell(struct vcpu *vcpu, u32 vector, u64 dr6)
{
	struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;
	struct kvm_segment cs;

	vendor(get_segment)(vcpu, VCPU_SREG_CS, &cs);
	memset(arch, 0, sizeof(*arch));
	arch->exception = vector;
	arch->pc = cs.base + vcpu->regs.rip;
	arch->dr6 = dr6;
	arch->dr7 = vcpu_dr7(vcpu);
	return exit_to_user(vcpu, KVM_EXIT_DEBUG);
}

enum handled guest_debug_trap(struct vcpu *vcpu)
{
	u64 hits = vcpu->guest_debug.hits;

	vcpu->guest_debug.hits = 0;
	return tell(vcpu, X86_TRAP_DB, hits | DR6_ONES);
}

enum handled guest_debug_int3(struct vcpu *vcpu)
{
	return tell(vcpu, X86_TRAP_BP, 0);
}
