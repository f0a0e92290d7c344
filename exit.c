// SPDX-License-Identifier: GPL-2.0-only
/*
 * What to do about an exit: one small handler for each kind, in the table at the end.
 *
 * A handler is called in the entry loop first (atomic: preemption and page faults are off). A guest
 * on shadow tables makes exits by the thousand, and most are handled there. A handler that would
 * have to sleep changes nothing and answers WAIT; it is called again where it may sleep.
 */
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "emul.h"
#include "emulate.h"
#include "event.h"
#include "exit.h"
#include "halt.h"
#include "guest_debug.h"
#include "insn.h"
#include "memslot.h"
#include "mmu.h"
#include "mode.h"
#include "msr_filter.h"
#include "pv.h"
#include "request.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"

static bool dump_failed;
module_param(dump_failed, bool, 0644);
MODULE_PARM_DESC(dump_failed, "write the control structure to the log when an entry fails");

/* Not in the entry loop: it sleeps, goes to user space, or the loop has to begin anew. */
#define OUTSIDE	1
/* An instruction: exit.next_rip is known when the handler is called. */
#define INSN	2

/* @stat: which counter of struct vcpu_stats counts them; 0: none */
struct handler {
	enum handled (*handle)(struct vcpu *vcpu, struct exit *exit);
	u8 flags, stat;
};

static enum handled handle_gp(struct vcpu *vcpu, struct exit *exit)
{
	event_queue_exception(vcpu, X86_TRAP_GP, true, 0);
	return REENTER;
}

static enum handled handle_ud(struct vcpu *vcpu, struct exit *exit)
{
	event_queue_exception(vcpu, X86_TRAP_UD, false, 0);
	return REENTER;
}

static enum handled skip(struct vcpu *vcpu, const struct exit *exit)
{
	insn_skip(vcpu, exit);
	return REENTER;
}

/* @err of an access to a register: done, #GP(0), to be tried where it may sleep, or the host's. */
static enum handled skip_or_gp(struct vcpu *vcpu, struct exit *exit, int err)
{
	if (likely(!err))
		return skip(vcpu, exit);
	if (err == -EINVAL)
		return handle_gp(vcpu, exit);
	return vcpu->mmu.atomic ? WAIT : exit_fail(vcpu, err);
}

static noinline enum handled find_end_far(struct vcpu *vcpu, struct exit *exit)
{
	unsigned int length = emul_length(vcpu);

	if (!length)
		return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 2,
					   exit->hw_reason, (u64)vcpu->cpu);
	exit->next_rip = vcpu->regs.rip + length;
	return REENTER;
}

/* Where the instruction ends, if the processor does not say so. */
static noinline enum handled find_end(struct vcpu *vcpu, struct exit *exit)
{
	const struct insn *insn = insn_here(vcpu, exit);

	if (unlikely(!insn))
		return vcpu->mmu.atomic ? WAIT : find_end_far(vcpu, exit);
	exit->next_rip = vcpu->regs.rip + insn->length;
	return REENTER;
}

/* What decode assists would have said. What is not for the kernel alone, the emulator checks. */
static __always_inline void decode(struct vcpu *vcpu, struct exit *exit)
{
	const struct insn *insn = insn_here(vcpu, exit);

	if (!insn || (insn->flags & INSN_LOCKED) || vendor(get_cpl)(vcpu))
		return;
	exit->next_rip = vcpu->regs.rip + insn->length;
	if (insn->op == OP_MOV_TO_CR) {
		exit->kind = EXIT_CR_WRITE;
		exit->cr.cr = insn->dst.reg;
		exit->cr.gpr = insn->src.reg;
	} else if (insn->op == OP_MOV_FROM_CR) {
		exit->kind = EXIT_CR_READ;
		exit->cr.cr = insn->src.reg;
		exit->cr.gpr = insn->dst.reg;
	} else if (insn->op == OP_INVLPG) {
		exit->kind = EXIT_INVLPG;
		exit->gva = insn_linear(vcpu, insn);
	}
}

/* ---- page faults ---- */

/* An event was being delivered, so no instruction is to be emulated: free the way for it. */
static enum handled pf_in_delivery(struct vcpu *vcpu, const struct exit *exit,
				   const struct mmu_fault *f)
{
	if (f->to_table && emul_unprotect(vcpu, f))
		return REENTER;
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, 4,
				   (u64)exit->delivering.vector, exit->hw_reason, f->gpa & ~GPA_SMM,
				   (u64)f->error);
}

/* Implicit supervisor accesses (descriptor tables, TSS) at CPL 3 don't heed RFLAGS.AC. */
static struct mmu_access pf_access(struct vcpu *vcpu, u32 error)
{
	bool user = error & PFERR_USER;

	return (struct mmu_access) {
		.write = error & PFERR_WRITE,
		.fetch = error & PFERR_FETCH,
		.user = user,
		.ac = !user && (vcpu->regs.rflags & X86_EFLAGS_AC) && vendor(get_cpl)(vcpu) < 3,
	};
}

/* The walk is not made twice: the fault is kept for the call that may sleep. */
static enum handled pf_emulate(struct vcpu *vcpu, struct exit *exit)
{
	if (!vcpu->mmu.atomic) {
		if (exit->delivering.type != EVENT_NONE)
			return pf_in_delivery(vcpu, exit, &vcpu->fault);
		return emul_one(vcpu, &vcpu->fault);
	}
	if (emul_atomic(vcpu, exit))
		return REENTER;
	vcpu->fault_kept = true;
	return WAIT;
}

static bool same_access(struct mmu_access a, struct mmu_access b)
{
	return a.write == b.write && a.fetch == b.fetch && a.user == b.user && a.ac == b.ac;
}

/* A device's page is looked up once: nothing else would remember it, as no spte stands for it. */
static bool is_known_device(const struct vcpu *vcpu, const struct mmu_fault *f)
{
	return vcpu->device.root_uses == vcpu->mmu.root_uses &&
	       !((vcpu->device.gva ^ f->gva) & PAGE_MASK) &&
	       same_access(vcpu->device.access, f->access) &&
	       !memslot_find(vcpu->vm, vcpu->device.gpa >> PAGE_SHIFT);
}

static void learn_device(struct vcpu *vcpu, const struct mmu_fault *f)
{
	if (f->to_table || memslot_find(vcpu->vm, f->gpa >> PAGE_SHIFT))
		return;
	vcpu->device.root_uses = vcpu->mmu.root_uses;
	vcpu->device.gva = f->gva;
	vcpu->device.gpa = f->gpa & PAGE_MASK;
	vcpu->device.access = f->access;
}

static enum mmu_verdict pf_walk(struct vcpu *vcpu, const struct exit *exit)
{
	struct mmu_fault *f = &vcpu->fault;
	enum mmu_verdict verdict;

	*f = (struct mmu_fault){
		.gva = exit->pf.gva,
		.error = exit->pf.error,
		.access = pf_access(vcpu, exit->pf.error),
	};
	if (is_known_device(vcpu, f)) {
		f->gpa = vcpu->device.gpa | (f->gva & ~PAGE_MASK);
		return MMU_EMULATE;
	}
	verdict = mmu_fault(&vcpu->mmu, f);
	if (verdict == MMU_EMULATE)
		learn_device(vcpu, f);
	return verdict;
}

static enum handled handle_pf(struct vcpu *vcpu, struct exit *exit)
{
	const struct mmu_fault *f = &vcpu->fault;
	enum mmu_verdict verdict = vcpu->fault_kept ? MMU_EMULATE : pf_walk(vcpu, exit);

	vcpu->fault_kept = false;
	switch (verdict) {
	case MMU_INJECT:
		event_queue_pf(vcpu, f->gva, f->inject_error);
		return REENTER;
	case MMU_FIXED:
	case MMU_RETRY:
		return REENTER;
	case MMU_EMULATE:
		return pf_emulate(vcpu, exit);
	case MMU_WAIT:
		return WAIT;
	case MMU_ERROR:
		break;
	}
	return exit_fail(vcpu, f->err);
}

/* ---- exceptions and windows ---- */

/*
 * To software it may be known: an instruction that CPUID offers and this processor lacks, RSM in
 * SMM, or the hypercall of another maker's processors.
 */
static enum handled handle_undefined(struct vcpu *vcpu, struct exit *exit)
{
	u8 op = emul_length(vcpu) ? vcpu->emul->insn.op : OP_OTHER;

	if (op == OP_INVPCID || (op == OP_RSM && vcpu->smm.inside))
		return emul_one(vcpu, NULL);
	if ((op == OP_VMCALL || op == OP_VMMCALL) &&
	    vm_has_quirk(vcpu->vm, KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
		return emul_fix_call(vcpu);
	return handle_ud(vcpu, exit);
}

/*
 * INT1 is a trap, and no reason is found in DR6. It is also the end of the instruction; its
 * delivery clears TF, as that of INT n does: no single step follows.
 */
static enum handled insn_trap(struct vcpu *vcpu, struct exit *exit)
{
	enum handled r = exit->next_rip ? REENTER : find_end(vcpu, exit);

	if (r != REENTER)
		return r;
	vcpu->regs.rip = insn_next(vcpu, exit);
	vcpu->regs.rflags &= ~(u64)X86_EFLAGS_RF;
	event_queue_exception(vcpu, exit->exception.vector, false, 0);
	return REENTER;
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
		return REENTER;
	vcpu->run->ex.exception = X86_TRAP_AC;
	vcpu->run->ex.error_code = exit->exception.error;
	return exit_to_user(vcpu, KVM_EXIT_EXCEPTION);
}

static enum handled handle_exception(struct vcpu *vcpu, struct exit *exit)
{
	u8 vector = exit->exception.vector;

	if (vector == X86_TRAP_UD)
		return handle_undefined(vcpu, exit);
	if (vector == X86_TRAP_AC && is_split_lock(vcpu))
		return handle_split_lock(vcpu, exit);
	if (vector == X86_TRAP_MC)
		return REENTER;	/* the host's, and the host has seen to it */
	if (vector == X86_TRAP_BP && vcpu->guest_debug.control & KVM_GUESTDBG_USE_SW_BP)
		return guest_debug_int3(vcpu);
	if (exit->exception.insn)
		return insn_trap(vcpu, exit);
	if (vector == X86_TRAP_DB)
		event_queue_db(vcpu, exit->exception.dr6);
	else
		event_queue_exception(vcpu, vector, exit->exception.has_error,
				      exit->exception.error);
	return REENTER;
}

/* The loop begins anew, and sees to it. */
static enum handled handle_irq(struct vcpu *vcpu, struct exit *exit)
{
	return REENTER;
}

static enum handled handle_nmi_window(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->events.nmi_masked = false;
	return REENTER;
}

/* ---- instructions ---- */

static enum handled handle_io(struct vcpu *vcpu, struct exit *exit)
{
	if (exit->io.string || !exit->next_rip)
		return vcpu->mmu.atomic ? WAIT : emul_one(vcpu, NULL);
	return io_port(vcpu, exit);
}

static noinline_for_stack enum handled handle_cpuid(struct vcpu *vcpu, struct exit *exit)
{
	u64 *gpr = vcpu->regs.gpr;
	u32 eax = gpr[GPR_RAX], ebx = gpr[GPR_RBX], ecx = gpr[GPR_RCX], edx = gpr[GPR_RDX];

	cpuid_query(vcpu, &eax, &ebx, &ecx, &edx);
	gpr[GPR_RAX] = eax;
	gpr[GPR_RBX] = ebx;
	gpr[GPR_RCX] = ecx;
	gpr[GPR_RDX] = edx;
	return skip(vcpu, exit);
}

static enum handled handle_hlt(struct vcpu *vcpu, struct exit *exit)
{
	insn_skip(vcpu, exit);
	return vcpu_halt(vcpu);
}

/* User space wants to know: the emulator asks it. */
static noinline enum handled msr_refused(struct vcpu *vcpu, struct exit *exit, int err)
{
	if (!msr_exit_reason(vcpu, err))
		return skip_or_gp(vcpu, exit, msr_is_fault(err) ? -EINVAL : err);
	return vcpu->mmu.atomic ? WAIT : emul_one(vcpu, NULL);
}

/*
 * A processor that forgets STI's shadow at the entry, as emulated ones do, takes the interrupt
 * between STI and HLT, and nobody would end that HLT. So it comes right behind it.
 */
static enum handled handle_irq_window(struct vcpu *vcpu, struct exit *exit)
{
	const struct insn *insn;

	if (likely(!vcpu->events.irq_in_shadow) || vendor(get_cpl)(vcpu))
		return REENTER;
	insn = insn_here(vcpu, exit);
	if (!insn || insn->op != OP_HLT)
		return REENTER;
	exit->next_rip = vcpu->regs.rip + insn->length;
	return handle_hlt(vcpu, exit);
}

static enum handled handle_rdmsr(struct vcpu *vcpu, struct exit *exit)
{
	u64 data;
	int err = msr_guest_read(vcpu, vcpu->regs.gpr[GPR_RCX], &data);

	if (unlikely(err))
		return msr_refused(vcpu, exit, err);
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
	int err = msr_guest_write(vcpu, vcpu->regs.gpr[GPR_RCX], edx_eax(vcpu));

	return likely(!err) ? skip(vcpu, exit) : msr_refused(vcpu, exit, err);
}

/* A lowered task priority may let an interrupt through that user space holds back. */
static enum handled write_cr8(struct vcpu *vcpu, struct exit *exit, u64 value)
{
	u64 old = vcpu->mode.cr8;
	int err = mode_set_cr8(vcpu, value);
	enum handled r = skip_or_gp(vcpu, exit, err);

	if (err || r != REENTER || value >= old || vcpu->chips)
		return r;
	return exit_to_user(vcpu, KVM_EXIT_SET_TPR);
}

static enum handled handle_cr_write(struct vcpu *vcpu, struct exit *exit)
{
	u64 value = insn_trim(vcpu, exit, vcpu->regs.gpr[exit->cr.gpr]);

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
	return handle_ud(vcpu, exit);
}

static enum handled handle_cr_read(struct vcpu *vcpu, struct exit *exit)
{
	u64 value;

	if (mode_get_cr(vcpu, exit->cr.cr, &value))
		return handle_ud(vcpu, exit);
	vcpu->regs.gpr[exit->cr.gpr] = insn_trim(vcpu, exit, value);
	insn_skip(vcpu, exit);
	if (exit->long_mode)
		insn_run_ahead(vcpu);
	return REENTER;
}

static enum handled handle_invlpg(struct vcpu *vcpu, struct exit *exit)
{
	mode_invlpg(vcpu, exit->gva);
	return skip(vcpu, exit);
}

static enum handled handle_xsetbv(struct vcpu *vcpu, struct exit *exit)
{
	if (!(vcpu->mode.cr4 & X86_CR4_OSXSAVE))
		return handle_ud(vcpu, exit);
	if (vendor(get_cpl)(vcpu) || (u32)vcpu->regs.gpr[GPR_RCX])
		return handle_gp(vcpu, exit);
	return skip_or_gp(vcpu, exit, mode_set_xcr0(vcpu, edx_eax(vcpu)));
}

static enum handled handle_nothing(struct vcpu *vcpu, struct exit *exit)
{
	return skip(vcpu, exit);
}

static enum handled handle_vmcall(struct vcpu *vcpu, struct exit *exit)
{
	long answer = pv_hypercall(vcpu, exit->long_mode);

	vcpu->regs.gpr[GPR_RAX] = insn_trim(vcpu, exit, answer);
	return skip(vcpu, exit);
}

/* MONITOR and MWAIT, which go on at once, as they may. */
static enum handled handle_mwait(struct vcpu *vcpu, struct exit *exit)
{
	if (vm_has_quirk(vcpu->vm, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) || cpuid_has_mwait(vcpu))
		return skip(vcpu, exit);
	return handle_ud(vcpu, exit);
}

static enum handled handle_deliver(struct vcpu *vcpu, struct exit *exit)
{
	return emul_event(vcpu, &exit->delivering);
}

static enum handled handle_int(struct vcpu *vcpu, struct exit *exit)
{
	return guest_debug_int(vcpu);
}

static enum handled handle_emulate(struct vcpu *vcpu, struct exit *exit)
{
	if (unlikely(vcpu->guest_debug.control) && guest_debug_at_int3(vcpu))
		return guest_debug_int3(vcpu);
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

	if (unlikely(vcpu->guest_debug.control) && guest_debug_at_int3(vcpu))
		return guest_debug_int3(vcpu);
	return emul_fault(vcpu, &fault);
}

/* TF was the backend's; the guest's own, and its breakpoints, are due all the same. */
static enum handled handle_stepped(struct vcpu *vcpu, struct exit *exit)
{
	vcpu->stats.emulated++;
	vcpu->debug.hits |= exit->exception.dr6 & DR_TRAP_BITS;
	insn_finish(vcpu, vcpu->regs.rip);
	return REENTER;
}

/* ---- the end ---- */

/* An instruction switched tasks: the old one goes on behind it. */
static enum handled handle_task_switch(struct vcpu *vcpu, struct exit *exit)
{
	enum handled r = REENTER;

	if (exit->delivering.type == EVENT_NONE && !exit->next_rip)
		r = find_end(vcpu, exit);
	if (r != REENTER)
		return r;
	return emul_task(vcpu, exit);
}

static enum handled handle_shutdown(struct vcpu *vcpu, struct exit *exit)
{
	if (exit->state_lost)
		vcpu_init(vcpu);
	return exit_to_user(vcpu, KVM_EXIT_SHUTDOWN);
}

static enum handled handle_fail_entry(struct vcpu *vcpu, struct exit *exit)
{
	if (dump_failed)
		vendor(dump)(vcpu);
	vcpu->run->fail_entry.hardware_entry_failure_reason = exit->hw_reason;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return exit_to_user(vcpu, KVM_EXIT_FAIL_ENTRY);
}

static enum handled handle_unknown(struct vcpu *vcpu, struct exit *exit)
{
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 4,
				   exit->hw_reason, (u64)vcpu->cpu, exit->hw_info[0],
				   exit->hw_info[1]);
}

#define STAT(name) (offsetof(struct vcpu_stats, name) / sizeof(u64))

static const struct handler handlers[NR_EXIT_KINDS] = {
	[EXIT_PF]		= { handle_pf, 0, STAT(exits_pf) },
	[EXIT_EXCEPTION]	= { handle_exception, OUTSIDE, STAT(exits_exception) },
	[EXIT_HOST_IRQ]		= { handle_irq, OUTSIDE, STAT(exits_irq) },
	[EXIT_HOST_NMI]		= { handle_irq, OUTSIDE, STAT(exits_irq) },
	[EXIT_IRQ_WINDOW]	= { handle_irq_window, OUTSIDE, STAT(exits_irq_window) },
	[EXIT_NMI_WINDOW]	= { handle_nmi_window, OUTSIDE, STAT(exits_other) },
	[EXIT_IO]		= { handle_io, 0, STAT(exits_io) },
	[EXIT_CPUID]		= { handle_cpuid, INSN, STAT(exits_cpuid) },
	[EXIT_HLT]		= { handle_hlt, INSN | OUTSIDE, STAT(exits_hlt) },
	[EXIT_RDMSR]		= { handle_rdmsr, INSN, STAT(exits_msr) },
	[EXIT_WRMSR]		= { handle_wrmsr, INSN, STAT(exits_msr) },
	[EXIT_CR_WRITE]		= { handle_cr_write, INSN, STAT(exits_cr) },
	[EXIT_CR_READ]		= { handle_cr_read, INSN, STAT(exits_cr) },
	[EXIT_INVLPG]		= { handle_invlpg, INSN, STAT(exits_invlpg) },
	[EXIT_XSETBV]		= { handle_xsetbv, INSN | OUTSIDE, STAT(exits_other) },
	[EXIT_RDPMC]		= { handle_gp, 0, STAT(exits_other) },
	[EXIT_WBINVD]		= { handle_nothing, INSN, STAT(exits_other) },
	[EXIT_PAUSE]		= { handle_nothing, INSN, STAT(exits_other) },
	[EXIT_VMCALL]		= { handle_vmcall, INSN, STAT(exits_other) },
	[EXIT_MWAIT]		= { handle_mwait, INSN, STAT(exits_other) },
	[EXIT_UD]		= { handle_ud, 0, STAT(exits_other) },
	[EXIT_EMULATE]		= { handle_emulate, OUTSIDE },
	[EXIT_FAULT]		= { handle_fault, OUTSIDE },
	[EXIT_STEPPED]		= { handle_stepped, OUTSIDE },
	[EXIT_INT]		= { handle_int, OUTSIDE, STAT(exits_other) },
	[EXIT_DELIVER]		= { handle_deliver, OUTSIDE, STAT(exits_other) },
	[EXIT_TASK_SWITCH]	= { handle_task_switch, OUTSIDE, STAT(exits_other) },
	[EXIT_SHUTDOWN]		= { handle_shutdown, OUTSIDE, STAT(exits_other) },
	[EXIT_FAIL_ENTRY]	= { handle_fail_entry, OUTSIDE, STAT(exits_other) },
	[EXIT_UNKNOWN]		= { handle_unknown, OUTSIDE, STAT(exits_other) },
};

static __always_inline enum handled handle(struct vcpu *vcpu, struct exit *exit,
					   const struct handler *h)
{
	enum handled r = REENTER;

	if ((h->flags & INSN) && !exit->next_rip)
		r = find_end(vcpu, exit);
	if (r == REENTER)
		r = h->handle(vcpu, exit);
	if (r != WAIT && h->stat)
		((u64 *)&vcpu->stats)[h->stat]++;
	return r;
}

static const struct handler *handler_of(const struct exit *exit)
{
	if (WARN_ON_ONCE(exit->kind >= NR_EXIT_KINDS))
		return &handlers[EXIT_UNKNOWN];
	return &handlers[array_index_nospec(exit->kind, NR_EXIT_KINDS)];
}

enum handled exit_handle(struct vcpu *vcpu, struct exit *exit)
{
	return handle(vcpu, exit, handler_of(exit));
}

/* A row that the compiler knows: no indirect call, which mitigations make dear. */
#define HANDLE(kind) handle(vcpu, exit, &handlers[kind])

inline enum handled exit_handle_atomic(struct vcpu *vcpu, struct exit *exit)
{
	enum handled r = WAIT;

	pagefault_disable();
	vcpu->mmu.atomic = true;
	if (exit->kind == EXIT_EMULATE)
		decode(vcpu, exit);
	if (exit->kind == EXIT_PF)
		r = HANDLE(EXIT_PF);
	else if (exit->kind == EXIT_CPUID)
		r = HANDLE(EXIT_CPUID);
	else if (exit->kind == EXIT_CR_WRITE)
		r = HANDLE(EXIT_CR_WRITE);
	else if (exit->kind == EXIT_CR_READ)
		r = HANDLE(EXIT_CR_READ);
	else if (exit->kind == EXIT_INVLPG)
		r = HANDLE(EXIT_INVLPG);
	else if (!(handler_of(exit)->flags & OUTSIDE))
		r = exit_handle(vcpu, exit);
	vcpu->mmu.atomic = false;
	pagefault_enable();
	return r;
}
