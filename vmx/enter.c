// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into the guest and out again.
 */
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "emulate.h"
#include "exit.h"
#include "guestmode.h"
#include "self_check.h"
#include "vmx.h"

#define VM86_FLAGS	((u64)(X86_EFLAGS_VM | X86_EFLAGS_IOPL))

static_assert(offsetof(struct vcpu_regs, gpr) == 0 && GPR_RCX == 1 && GPR_RDI == 7,
	      "entry.S knows this");

static u64 hardware_rflags(const struct vcpu *vcpu, const struct vmx *vmx)
{
	u64 rflags = vcpu->regs.rflags | X86_EFLAGS_FIXED;

	if (unlikely(vmx->alone))
		return vmx_alone_rflags(vcpu, vmx);
	return vmx->how == VMX_VM86 ? (rflags & ~VM86_FLAGS) | X86_EFLAGS_VM : rflags;
}

static void write_if_changed(unsigned long field, u64 *old, u64 value)
{
	if (*old == value)
		return;
	*old = value;
	vmcs_write(field, value);
}

static void load_guest(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	write_if_changed(GUEST_CR3, &vmx->root, vcpu->mmu.root_hpa);
	write_if_changed(GUEST_RIP, &vmx->rip, vcpu->regs.rip);
	write_if_changed(GUEST_RSP, &vmx->rsp, vcpu->regs.gpr[GPR_RSP]);
	write_if_changed(GUEST_RFLAGS, &vmx->rflags, hardware_rflags(vcpu, vmx));
	if (unlikely(vmx->alone))
		vmx_lend_segments(vcpu);
	else
		vmx_write_segments(vmx);
	vmx_prepare_events(vcpu);
	vmx_update_host(vmx);
	vmx_load_msrs(vcpu);
	vmx_do_flush(vcpu);
}

static void save_guest(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	/* An exit ends a HLT, as on AMD-V: guests look what woke them. */
	if (unlikely(vmx->halts))
		vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmx->rip = vmcs_read(GUEST_RIP);
	vmx->rsp = vmcs_read(GUEST_RSP);
	vmx->rflags = vmcs_read(GUEST_RFLAGS);
	vcpu->regs.rip = vmx->rip;
	vcpu->regs.gpr[GPR_RSP] = vmx->rsp;
	if (unlikely(vmx->alone)) {
		vmx_end_alone(vcpu, vmx->rflags);
		return;
	}
	if (vmx->how == VMX_VM86)
		vcpu->regs.rflags = (vmx->rflags & ~VM86_FLAGS) |
				    (vcpu->regs.rflags & X86_EFLAGS_IOPL);
	else
		vcpu->regs.rflags = vmx->rflags;
	vmx_forget_segments(vmx);
}

static __always_inline u64 current_cr2(void)
{
	u64 value;

	asm volatile("mov %%cr2, %0" : "=r" (value));
	return value;
}

static noinstr unsigned long switch_worlds(struct vcpu_regs *regs, u64 *cr2, bool launched,
					   struct spec_ctrl spec)
{
	unsigned long failed;

	guest_state_enter();
	if (current_cr2() != *cr2)
		asm volatile("mov %0, %%cr2" : : "r" (*cr2) : "memory");
	failed = vmx_enter_guest(regs, launched, spec);
	*cr2 = current_cr2();
	guest_state_exit();
	return failed;
}

/* Return: whether the guest has run. */
static bool run_guest(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	unsigned long failed;
	u64 debugctl;

	vmx->entered = true;
	/* An exit clears it. Interrupts are off: until now perf may have changed it from afar. */
	debugctl = host_rdmsr(MSR_IA32_DEBUGCTLMSR);
	failed = switch_worlds(&vcpu->regs, &vcpu->mode.cr2, vmx->launched,
			       spec_ctrl_enter(vcpu));
	if (debugctl)
		host_wrmsr(MSR_IA32_DEBUGCTLMSR, debugctl);
	return !failed;
}

/*
 * PEBS writes its records to linear addresses of the host's, whoever runs: its counters stop, then
 * it is off. Intel SDM 3B, 'Processor Event Based Sampling'.
 */
struct pebs {
	u64 enabled, counting;
};

static void pebs_stop(struct pebs *pebs)
{
	u32 low, high;

	*pebs = (struct pebs){};
	if (!boot_cpu_has(X86_FEATURE_PEBS))
		return;
	pebs->enabled = host_rdmsr(MSR_IA32_PEBS_ENABLE);
	if (likely(!pebs->enabled))
		return;
	/* The first processors with PEBS have no such register, nor records in memory by Linux. */
	if (!rdmsr_safe(MSR_CORE_PERF_GLOBAL_CTRL, &low, &high)) {
		pebs->counting = (low | (u64)high << 32) & pebs->enabled;
		host_wrmsr(MSR_CORE_PERF_GLOBAL_CTRL, (low | (u64)high << 32) & ~pebs->enabled);
	}
	host_wrmsr(MSR_IA32_PEBS_ENABLE, 0);
}

/* An NMI of perf's may have come in between: what it has stopped has no event selected any more. */
static void pebs_resume(const struct pebs *pebs)
{
	if (likely(!pebs->enabled))
		return;
	host_wrmsr(MSR_IA32_PEBS_ENABLE, pebs->enabled);
	if (pebs->counting)
		host_wrmsr(MSR_CORE_PERF_GLOBAL_CTRL,
			  host_rdmsr(MSR_CORE_PERF_GLOBAL_CTRL) | pebs->counting);
}

static bool run_unwatched(struct vcpu *vcpu)
{
	struct pebs pebs;
	bool ran;

	pebs_stop(&pebs);
	ran = run_guest(vcpu);
	pebs_resume(&pebs);
	return ran;
}

/* The processor can't run it: hand it to the emulator, together with the event that is due. */
static void emulate_instead(struct vmx *vmx, struct exit *exit)
{
	/* A #DB takes with it what would cause another. */
	if (vmx->injected.type == EVENT_EXCEPTION && vmx->injected.vector == X86_TRAP_DB)
		vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	*exit = (struct exit){
		.kind = vmx->injected.type == EVENT_NONE ? EXIT_EMULATE : EXIT_DELIVER,
		.delivering = vmx->injected,
	};
}

/* VMX operation has ended (suspend, kexec, reboot), or the VMCS is bad. */
static void refuse(struct vmx *vmx, struct exit *exit, u32 reason)
{
	*exit = (struct exit){
		.kind = EXIT_FAIL_ENTRY,
		.hw_reason = reason,
		.delivering = vmx->injected,
	};
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
}

/* Behind the last instruction below the end of the canonical addresses, for one. */
static bool rip_is_refused(struct vcpu *vcpu)
{
	unsigned int bits = vcpu->mode.cr4 & X86_CR4_LA57 ? 57 : 48;

	return vmx_is_64bit(vcpu) && !canonical_in(vcpu->regs.rip, bits);
}

/* Segments are looked at again when software changed them, or the flag that gives them meaning. */
static bool must_emulate(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	if (vmx->root_level != vcpu->mmu.root_level)
		vmx_update_mode(vcpu);
	if (vmx->recheck || (vmx->how == VMX_NATIVE &&
			     (vmx->rflags ^ vcpu->regs.rflags) & X86_EFLAGS_VM))
		vmx_find_how(vcpu);
	if (unlikely(!canonical_in(vcpu->regs.rip, 48)) && rip_is_refused(vcpu))
		return true;
	return vmx->how == VMX_EMULATED ||
	       (vmx->how == VMX_VM86 && vmx->injected.type != EVENT_NONE);
}

static void enter_guest(struct vcpu *vcpu, struct exit *exit)
{
	struct vmx *vmx = to_vmx(vcpu);

	load_guest(vcpu);
	if (static_branch_unlikely(&check_entry_on) && vmx_breaks_rule(vcpu)) {
		refuse(vmx, exit, VMX_EXIT_REASONS_FAILED_VMENTRY | EXIT_REASON_INVALID_STATE);
	} else if (run_unwatched(vcpu)) {
		save_guest(vcpu);
		vmx_decode_exit(vcpu, exit);
	} else {
		refuse(vmx, exit, vmcs_read(VM_INSTRUCTION_ERROR));
	}
}

void vmx_enter(struct vcpu *vcpu, struct exit *exit)
{
	struct vmx *vmx = to_vmx(vcpu);

	/* What is to be delivered goes first; the instruction then comes here again. */
	if (vmx->injected.type != EVENT_NONE)
		vmx->alone = ALONE_NOT;
	/* What was written while it was not loaded is lost: the VMCS is older than we believe. */
	if (!vmx->loaded || READ_ONCE(vcpu->unreachable))
		refuse(vmx, exit, vmcs_read(VM_INSTRUCTION_ERROR));
	else if (must_emulate(vcpu) && !vmx->alone)
		emulate_instead(vmx, exit);
	else
		enter_guest(vcpu, exit);
	vmx->injected = (struct event){};
	vmx->alone = ALONE_NOT;
}

/* An NMI or a machine check that exited has not reached the host yet. */
void vmx_exit_irq(struct vcpu *vcpu, const struct exit *exit)
{
	if (exit->kind != EXIT_HOST_NMI)
		return;
	if ((exit->hw_info[1] & INTR_INFO_VECTOR_MASK) == X86_TRAP_MC)
		host_machine_check();
	else
		host_nmi();
}
