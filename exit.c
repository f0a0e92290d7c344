// SPDX-License-Identifier: GPL-2.0-only
/* What to do about an exit: one small handler for each kind. */
#include <linux/kvm_para.h>
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/thread_info.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "emul.h"
#include "emulate.h"
#include "event.h"
#include "exit.h"
#include "insn.h"
#include "mmu.h"
#include "mode.h"
#include "request.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"

static bool dump_failed;
module_param(dump_failed, bool, 0644);
MODULE_PARM_DESC(dump_failed, "write the control structure to the log when an entry fails");

typedef enum handled (*exit_handler)(struct vcpu *vcpu, struct exit *exit);

static enum handled inject_gp(struct vcpu *vcpu)
{
	event_queue_exception(vcpu, X86_TRAP_GP, true, 0);
	return ENTER;
}

static enum handled inject_ud(struct vcpu *vcpu)
{
	event_queue_exception(vcpu, X86_TRAP_UD, false, 0);
	return ENTER;
}

static bool is_long(struct vcpu *vcpu)
{
	return mode_insn(vcpu) == INSN_LONG64;
}

/*
 * Behind the instruction that exited. Where the processor does not say how long it is, decode.
 * Return: ENTER, or as exit_internal_error().
 */
static enum handled find_next(struct vcpu *vcpu, const struct exit *exit, u64 *next)
{
	unsigned int len;

	*next = exit->next_rip;
	if (*next)
		return ENTER;
	len = emul_length(vcpu);
	if (!len)
		return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 2,
					   exit->hw_reason, (u64)vcpu->cpu);
	*next = vcpu->regs.rip + len;
	if (!is_long(vcpu))
		*next = (u32)*next;
	return ENTER;
}

/* Go past the instruction that exited. */
static enum handled skip(struct vcpu *vcpu, const struct exit *exit)
{
	u64 next;
	enum handled r = find_next(vcpu, exit, &next);

	if (r == ENTER)
		insn_finish(vcpu, next);
	return r;
}

/* @err of an access to a register: done, #GP(0), or something the host lacks. */
static enum handled skip_or_gp(struct vcpu *vcpu, const struct exit *exit, int err)
{
	if (err == -EINVAL)
		return inject_gp(vcpu);
	return err ? exit_fail(vcpu, err) : skip(vcpu, exit);
}

/* ---- page faults ---- */

/* An event was being delivered, so no instruction is to be emulated: free the way for it. */
static enum handled pf_in_delivery(struct vcpu *vcpu, const struct exit *exit,
				   const struct mmu_fault *f)
{
	if (f->to_table && emul_unprotect(vcpu, f))
		return ENTER;
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, 4,
				   (u64)exit->delivering.vector, exit->hw_reason, f->gpa,
				   (u64)f->error);
}

/* Implicit supervisor accesses (descriptor tables, TSS) at CPL 3 don't heed RFLAGS.AC. */
struct mmu_access exit_access(struct vcpu *vcpu, u32 error)
{
	bool user = error & PFERR_USER;

	return (struct mmu_access) {
		.write = error & PFERR_WRITE,
		.fetch = error & PFERR_FETCH,
		.user = user,
		.ac = !user && (vcpu->regs.rflags & X86_EFLAGS_AC) && vendor(get_cpl)(vcpu) < 3,
	};
}

static enum handled handle_pf(struct vcpu *vcpu, struct exit *exit)
{
	struct mmu_fault *f = &vcpu->fault;
	enum mmu_verdict verdict = MMU_EMULATE;

	vcpu->stats.exits_pf++;
	if (!exit->pf.walked) {
		*f = (struct mmu_fault){
			.gva = exit->pf.gva,
			.error = exit->pf.error,
			.access = exit_access(vcpu, exit->pf.error),
		};
		verdict = mmu_fault(&vcpu->mmu, f);
	}
	switch (verdict) {
	case MMU_FIXED:
	case MMU_RETRY:
	case MMU_WAIT:
		return ENTER;
	case MMU_EMULATE:
		if (exit->delivering.type != EVENT_NONE)
			return pf_in_delivery(vcpu, exit, f);
		return emul_one(vcpu, f);
	case MMU_INJECT:
		event_queue_pf(vcpu, f->gva, f->inject_error);
		return ENTER;
	case MMU_ERROR:
		break;
	}
	return exit_fail(vcpu, f->err);
}

/* ---- exceptions and windows ---- */

/* #UD is intercepted where CPUID offers an instruction that this processor lacks. */
static bool only_in_software(struct vcpu *vcpu)
{
	return emul_length(vcpu) && vcpu->emul->insn.op == OP_INVPCID;
}

/*
 * INT1 is a trap, and no reason is found in DR6. It is also the end of the instruction; its
 * delivery clears TF, as that of INT n does: no single step follows.
 */
static enum handled insn_trap(struct vcpu *vcpu, const struct exit *exit)
{
	u64 next;
	enum handled r = find_next(vcpu, exit, &next);

	if (r != ENTER)
		return r;
	vcpu->regs.rip = next;
	vcpu->regs.rflags &= ~(u64)X86_EFLAGS_RF;
	event_queue_exception(vcpu, exit->exception.vector, false, 0);
	return ENTER;
}

/* An #AC that the guest did not ask for is the host's, which watches for split locks. */
static bool is_split_lock(struct vcpu *vcpu)
{
	bool asked = vcpu->mode.cr0 & X86_CR0_AM && vcpu->regs.rflags & X86_EFLAGS_AC &&
		     vendor(get_cpl)(vcpu) == 3;

	return boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) && !asked;
}

/* The host warns and slows the task down, or kills it; the VMM is told then. */
static enum handled handle_split_lock(struct vcpu *vcpu, struct exit *exit)
{
	if (host_split_lock(vcpu->regs.rip))
		return ENTER;
	vcpu->run->ex.exception = X86_TRAP_AC;
	vcpu->run->ex.error_code = exit->exception.error;
	return exit_to_user(vcpu, KVM_EXIT_EXCEPTION);
}

static enum handled handle_exception(struct vcpu *vcpu, struct exit *exit)
{
	u8 vector = exit->exception.vector;

	vcpu->stats.exits_exception++;
	if (vector == X86_TRAP_UD && only_in_software(vcpu))
		return emul_one(vcpu, NULL);
	if (vector == X86_TRAP_AC && is_split_lock(vcpu))
		return handle_split_lock(vcpu, exit);
	if (vector == X86_TRAP_MC)
		return ENTER;	/* the host's, and the host has seen to it */
	if (exit->exception.insn)
		return insn_trap(vcpu, exit);
	if (vector == X86_TRAP_DB)
		event_queue_db(vcpu, exit->exception.dr6);
	else
		event_queue_exception(vcpu, vector, exit->exception.has_error,
				      exit->exception.error);
	return ENTER;
}

static enum handled handle_host_irq(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_irq++;
	return ENTER;
}

static enum handled handle_irq_window(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_irq_window++;
	return ENTER;
}

static enum handled handle_nmi_window(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	vcpu->events.nmi_masked = false;
	return ENTER;
}

/* ---- instructions ---- */

static enum handled handle_io(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_io++;
	if (exit->io.string || !exit->next_rip)
		return emul_one(vcpu, NULL);
	return io_port(vcpu, exit);
}

void exit_cpuid(struct vcpu *vcpu)
{
	u64 *gpr = vcpu->regs.gpr;
	u32 eax = gpr[GPR_RAX], ebx = gpr[GPR_RBX], ecx = gpr[GPR_RCX], edx = gpr[GPR_RDX];

	vcpu->stats.exits_cpuid++;
	cpuid_query(vcpu, &eax, &ebx, &ecx, &edx);
	gpr[GPR_RAX] = eax;
	gpr[GPR_RBX] = ebx;
	gpr[GPR_RCX] = ecx;
	gpr[GPR_RDX] = edx;
}

static enum handled handle_cpuid(struct vcpu *vcpu, struct exit *exit)
{
	exit_cpuid(vcpu);
	return skip(vcpu, exit);
}

/*
 * There is no interrupt controller in the kernel: what ends a HLT is known to user space; but a
 * trap right behind it ends it, too.
 */
static enum handled handle_hlt(struct vcpu *vcpu, struct exit *exit)
{
	enum handled r = skip(vcpu, exit);

	vcpu->stats.exits_hlt++;
	if (r != ENTER || vcpu->events.exception.type != EVENT_NONE)
		return r;
	return exit_to_user(vcpu, KVM_EXIT_HLT);
}

static enum handled handle_rdmsr(struct vcpu *vcpu, struct exit *exit)
{
	u64 data;

	vcpu->stats.exits_msr++;
	if (msr_read(vcpu, vcpu->regs.gpr[GPR_RCX], &data, false))
		return inject_gp(vcpu);
	vcpu->regs.gpr[GPR_RAX] = (u32)data;
	vcpu->regs.gpr[GPR_RDX] = data >> 32;
	return skip(vcpu, exit);
}

static u64 edx_eax(struct vcpu *vcpu)
{
	return (u32)vcpu->regs.gpr[GPR_RAX] | vcpu->regs.gpr[GPR_RDX] << 32;
}

static enum handled handle_wrmsr(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_msr++;
	return skip_or_gp(vcpu, exit,
			  msr_write(vcpu, vcpu->regs.gpr[GPR_RCX], edx_eax(vcpu), false));
}

/* A lowered task priority may let an interrupt through that user space holds back. */
static enum handled write_cr8(struct vcpu *vcpu, const struct exit *exit, u64 value)
{
	u64 old = vcpu->mode.cr8;
	int err = mode_set_cr8(vcpu, value);
	enum handled r = skip_or_gp(vcpu, exit, err);

	if (err || r != ENTER || value >= old)
		return r;
	return exit_to_user(vcpu, KVM_EXIT_SET_TPR);
}

static enum handled handle_cr_write(struct vcpu *vcpu, struct exit *exit)
{
	u64 value = vcpu->regs.gpr[exit->cr.gpr];

	vcpu->stats.exits_cr++;
	if (!is_long(vcpu))
		value = (u32)value;
	switch (exit->cr.cr) {
	case 0:
		return skip_or_gp(vcpu, exit, mode_set_cr0(vcpu, value));
	case 2:
		vcpu->mode.cr2 = value;
		return skip(vcpu, exit);
	case 3:
		return skip_or_gp(vcpu, exit, mode_set_cr3(vcpu, value));
	case 4:
		return skip_or_gp(vcpu, exit, mode_set_cr4(vcpu, value));
	case 8:
		return write_cr8(vcpu, exit, value);
	}
	return inject_ud(vcpu);
}

static enum handled handle_cr_read(struct vcpu *vcpu, struct exit *exit)
{
	u64 value;

	vcpu->stats.exits_cr++;
	if (mode_get_cr(vcpu, exit->cr.cr, &value))
		return inject_ud(vcpu);
	vcpu->regs.gpr[exit->cr.gpr] = is_long(vcpu) ? value : (u32)value;
	return skip(vcpu, exit);
}

static enum handled handle_invlpg(struct vcpu *vcpu, struct exit *exit)
{
	mode_invlpg(vcpu, exit->gva);
	return skip(vcpu, exit);
}

static enum handled handle_xsetbv(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	if (!(vcpu->mode.cr4 & X86_CR4_OSXSAVE))
		return inject_ud(vcpu);
	if (vendor(get_cpl)(vcpu) || (u32)vcpu->regs.gpr[GPR_RCX])
		return inject_gp(vcpu);
	return skip_or_gp(vcpu, exit, mode_set_xcr0(vcpu, edx_eax(vcpu)));
}

static enum handled handle_gp(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	return inject_gp(vcpu);
}

static enum handled handle_nothing(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	return skip(vcpu, exit);
}

/* No hypercall is offered; a guest that tries one is told so in KVM's way. */
static enum handled handle_vmcall(struct vcpu *vcpu, struct exit *exit)
{
	long answer = vendor(get_cpl)(vcpu) ? -KVM_EPERM : -KVM_ENOSYS;

	vcpu->stats.exits_other++;
	vcpu->regs.gpr[GPR_RAX] = is_long(vcpu) ? (u64)answer : (u32)answer;
	return skip(vcpu, exit);
}

static enum handled handle_ud(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	return inject_ud(vcpu);
}

static enum handled handle_deliver(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	return emul_event(vcpu, &exit->delivering);
}

static enum handled handle_emulate(struct vcpu *vcpu, struct exit *exit)
{
	return emul_one(vcpu, NULL);
}

/* To the processor it was a fault. What the emulator does not know was one, then. */
static enum handled handle_fault(struct vcpu *vcpu, struct exit *exit)
{
	const struct event fault = {
		.type = EVENT_EXCEPTION,
		.vector = exit->exception.vector,
		.has_error = exit->exception.has_error,
		.error = exit->exception.error,
	};

	return emul_fault(vcpu, &fault);
}

/* TF was the backend's; the guest's own, and its breakpoints, are due all the same. */
static enum handled handle_stepped(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.emulated++;
	vcpu->debug.hits |= exit->exception.dr6 & DR_TRAP_BITS;
	insn_finish(vcpu, vcpu->regs.rip);
	return ENTER;
}

/* ---- the end ---- */

static enum handled handle_task_switch(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	return emul_task(vcpu, exit);
}

static enum handled handle_shutdown(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	if (exit->state_lost)
		vcpu_init(vcpu);
	return exit_to_user(vcpu, KVM_EXIT_SHUTDOWN);
}

static enum handled handle_fail_entry(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	if (dump_failed)
		vendor(dump)(vcpu);
	vcpu->run->fail_entry.hardware_entry_failure_reason = exit->hw_reason;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return exit_to_user(vcpu, KVM_EXIT_FAIL_ENTRY);
}

static enum handled handle_unknown(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.exits_other++;
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 4,
				   exit->hw_reason, (u64)vcpu->cpu, exit->hw_info[0],
				   exit->hw_info[1]);
}

static const exit_handler handlers[NR_EXIT_KINDS] = {
	[EXIT_PF]		= handle_pf,
	[EXIT_EXCEPTION]	= handle_exception,
	[EXIT_HOST_IRQ]		= handle_host_irq,
	[EXIT_HOST_NMI]		= handle_host_irq,
	[EXIT_IRQ_WINDOW]	= handle_irq_window,
	[EXIT_NMI_WINDOW]	= handle_nmi_window,
	[EXIT_IO]		= handle_io,
	[EXIT_CPUID]		= handle_cpuid,
	[EXIT_HLT]		= handle_hlt,
	[EXIT_RDMSR]		= handle_rdmsr,
	[EXIT_WRMSR]		= handle_wrmsr,
	[EXIT_CR_WRITE]		= handle_cr_write,
	[EXIT_CR_READ]		= handle_cr_read,
	[EXIT_INVLPG]		= handle_invlpg,
	[EXIT_XSETBV]		= handle_xsetbv,
	[EXIT_RDPMC]		= handle_gp,
	[EXIT_WBINVD]		= handle_nothing,
	[EXIT_PAUSE]		= handle_nothing,
	[EXIT_VMCALL]		= handle_vmcall,
	[EXIT_UD]		= handle_ud,
	[EXIT_EMULATE]		= handle_emulate,
	[EXIT_FAULT]		= handle_fault,
	[EXIT_STEPPED]		= handle_stepped,
	[EXIT_DELIVER]		= handle_deliver,
	[EXIT_TASK_SWITCH]	= handle_task_switch,
	[EXIT_SHUTDOWN]		= handle_shutdown,
	[EXIT_FAIL_ENTRY]	= handle_fail_entry,
	[EXIT_UNKNOWN]		= handle_unknown,
};

enum handled exit_handle(struct vcpu *vcpu, struct exit *exit)
{
	if (WARN_ON_ONCE(exit->kind >= NR_EXIT_KINDS))
		return handle_unknown(vcpu, exit);
	return handlers[array_index_nospec(exit->kind, NR_EXIT_KINDS)](vcpu, exit);
}
