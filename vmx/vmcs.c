// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS's making: controls, and control registers derived from the guest's.
 * Intel SDM volume 3C, 25.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "compat.h"
#include "hardware.h"
#include "mmu.h"
#include "vm.h"
#include "vmx.h"

/* Bits that make virtual-8086 code behave as real-mode code does not. */
#define CR0_NOT_VM86	X86_CR0_AM
#define CR4_NOT_VM86	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_UMIP)

/* A loop of PAUSEs so close together exits after so long: another vCPU may have the lock. */
#define PLE_GAP_CYCLES		128
#define PLE_WINDOW_CYCLES	4096

/*
 * Those that always exit. #DB, #AC: their endless delivery would hang the host, CVE-2015-5307.
 * #UD: software may know the instruction (exit.c).
 */
#define EXCEPTIONS	(BIT(X86_TRAP_PF) | BIT(X86_TRAP_MC) | BIT(X86_TRAP_DB) | \
			 BIT(X86_TRAP_AC) | BIT(X86_TRAP_UD))

static int alloc_areas(struct vmx *vmx)
{
	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs)
		return -ENOMEM;
	vmx->vmcs_pa = virt_to_phys(vmx->vmcs);
	*(u32 *)vmx->vmcs = vmx_caps.revision;
	if (vmx_caps.efer)
		return 0;
	vmx->lists = kzalloc(sizeof(*vmx->lists), GFP_KERNEL_ACCOUNT);
	return vmx->lists ? 0 : -ENOMEM;
}

int vmx_vcpu_create(struct vcpu *vcpu)
{
	static atomic64_t serial;
	struct vmx *vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);

	if (!vmx)
		return -ENOMEM;
	vcpu->backend = vmx;
	if (alloc_areas(vmx)) {
		vmx_vcpu_destroy(vcpu);
		return -ENOMEM;
	}
	vmx->serial = atomic64_inc_return(&serial);
	vmx->vpid = vmx_vpid_get();
	vmx->cpu = -1;
	return 0;
}

void vmx_vcpu_destroy(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	if (!vmx)
		return;
	vmx_vpid_put(vmx->vpid);
	free_page((unsigned long)vmx->vmcs);
	kfree(vmx->lists);
	kfree(vmx);
	vcpu->backend = NULL;
}

/* What user space does not want to exit: KVM_X86_DISABLE_EXITS_*. */
static void turn_exits_off(struct vmx *vmx, u32 off)
{
	if (off & KVM_X86_DISABLE_EXITS_HLT)
		vmx->cpu_ctl &= ~CPU_BASED_HLT_EXITING;
	if (off & KVM_X86_DISABLE_EXITS_MWAIT)
		vmx->cpu_ctl &= ~(CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING);
	if (off & KVM_X86_DISABLE_EXITS_PAUSE)
		vmx->cpu2_ctl &= ~SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	vmx->halts = off & KVM_X86_DISABLE_EXITS_HLT;
}

static void init_controls(struct vmx *vmx, u32 exits_off)
{
	vmx->cpu_ctl = vmx_caps.cpu;
	vmx->cpu2_ctl = vmx_caps.cpu2;
	turn_exits_off(vmx, exits_off);
	if (!vmx->vpid)
		vmx->cpu2_ctl &= ~SECONDARY_EXEC_ENABLE_VPID;
	vmx->entry_ctl = vmx_caps.entry;
	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, vmx_caps.pin);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, vmx->cpu_ctl);
	if (vmx->cpu_ctl & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
		vmcs_write(SECONDARY_VM_EXEC_CONTROL, vmx->cpu2_ctl);
	if (vmx->cpu2_ctl & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		vmcs_write(PLE_GAP, PLE_GAP_CYCLES);
		vmcs_write(PLE_WINDOW, PLE_WINDOW_CYCLES);
	}
	if (vmx->vpid)
		vmcs_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	vmx->vpid_now = vmx->vpid;
	vmcs_write(VM_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write(VM_ENTRY_CONTROLS, vmx->entry_ctl);
	if (vmx->cpu_ctl & CPU_BASED_USE_MSR_BITMAPS)
		vmcs_write(MSR_BITMAP, vmx_msr_bitmap());

	/*
	 * Every #PF: with a mask of 0 all error codes match 0, and the exception's bit decides.
	 * Or those that don't match, as the bit is then clear. A fetch exits always: hardware,
	 * with EFER.NXE set, tells of it where the guest's processor might not.
	 */
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK, mmu_passthrough ? PFERR_PRESENT | PFERR_FETCH : 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write(CR0_GUEST_HOST_MASK, ~0ul);
	vmcs_write(CR4_GUEST_HOST_MASK, ~0ul);
}

static void init_msr_lists(struct vmx *vmx)
{
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, !!vmx->lists);
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, !!vmx->lists);
	if (!vmx->lists) {
		vmcs_write(HOST_IA32_EFER, host_rdmsr(MSR_EFER));
		return;
	}
	vmx->lists->entry.index = MSR_EFER;
	vmx->lists->exit.index = MSR_EFER;
	vmx->lists->exit.value = host_rdmsr(MSR_EFER);
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, virt_to_phys(&vmx->lists->entry));
	vmcs_write(VM_EXIT_MSR_LOAD_ADDR, virt_to_phys(&vmx->lists->exit));
}

/* What is the same on all CPUs; see host.c for the rest. */
static void init_host(void)
{
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmcs_write(HOST_RIP, (unsigned long)vmx_exited);
}

static void init_guest(struct vmx *vmx)
{
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	vmcs_write(GUEST_SYSENTER_ESP, 0);
	vmcs_write(GUEST_SYSENTER_EIP, 0);
	vmcs_write(GUEST_RIP, 0);
	vmcs_write(GUEST_RSP, 0);
	vmcs_write(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	vmx->rip = 0;
	vmx->rsp = 0;
	vmx->rflags = X86_EFLAGS_FIXED;
	vmx->shadow = 0;
	vmx->nmi_blocked = false;
	vmx->root = INVALID_ROOT;
}

void vmx_vcpu_reset(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	preempt_disable();
	vmx_unload_msrs(vmx);
	preempt_enable();
	memset(vmx->msr, 0, sizeof(vmx->msr));
	vmx->cstar = 0;
	vmx->injected = (struct event){};
	vcpu_flush_tlb(vcpu);
	vmx->exceptions = 0;
	vmx->cr0 = 0;
	vmx->cr4 = 0;
	vmx->dr7 = 0;
	vmx->efer = ~0ull;
	init_controls(vmx, READ_ONCE(vcpu->vm->exits_off));
	vmx_update_tsc(vcpu);
	init_msr_lists(vmx);
	init_host();
	init_guest(vmx);
	vmx_reset_segments(vmx);
	vmx_update_mode(vcpu);
	vmx_update_cpuid(vcpu);
}

/* Real mode runs as virtual-8086 code, which is protected mode. */
static u64 vmx_cr0(const struct vcpu_mode *mode)
{
	u64 cr0 = hardware_cr0(mode) | X86_CR0_PE | X86_CR0_NE;

	if (!(mode->cr0 & X86_CR0_PE))
		cr0 &= ~(u64)CR0_NOT_VM86;
	return (cr0 | vmx_caps.cr0_set) & vmx_caps.cr0_may;
}

static u64 vmx_cr4(const struct vcpu_mode *mode, int root_level)
{
	u64 cr4 = hardware_cr4(mode, root_level) | X86_CR4_VMXE;

	if (!(mode->cr0 & X86_CR0_PE))
		cr4 &= ~(u64)CR4_NOT_VM86;
	return (cr4 | vmx_caps.cr4_set) & vmx_caps.cr4_may;
}

static void set_entry_ctl(struct vmx *vmx, u32 bits, bool on)
{
	u32 ctl = on ? vmx->entry_ctl | bits : vmx->entry_ctl & ~bits;

	if (ctl == vmx->entry_ctl)
		return;
	vmx->entry_ctl = ctl;
	vmcs_write(VM_ENTRY_CONTROLS, ctl);
}

static void update_efer(struct vcpu *vcpu, u64 efer)
{
	struct vmx *vmx = to_vmx(vcpu);

	if (vmx->efer == efer)
		return;
	vmx->efer = efer;
	vcpu_flush_tlb(vcpu);
	set_entry_ctl(vmx, VM_ENTRY_IA32E_MODE, efer & EFER_LMA);
	if (vmx->lists)
		vmx->lists->entry.value = efer;
	else
		vmcs_write(GUEST_IA32_EFER, efer);
}

static void update_dr7(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	u64 dr7 = hardware_dr7(vcpu);

	if (vmx->dr7 != dr7)
		vmcs_write(GUEST_DR7, dr7);
	vmx->dr7 = dr7;
}

void vmx_update_mode(struct vcpu *vcpu)
{
	const struct vcpu_mode *mode = &vcpu->mode;
	struct vmx *vmx = to_vmx(vcpu);
	u64 cr0 = vmx_cr0(mode);
	u64 cr4 = vmx_cr4(mode, vcpu->mmu.root_level);

	vmx->root_level = vcpu->mmu.root_level;
	if (vmx->cr0 != cr0 || vmx->cr4 != cr4) {
		vmcs_write(GUEST_CR0, cr0);
		vmcs_write(GUEST_CR4, cr4);
		vmx->cr0 = cr0;
		vmx->cr4 = cr4;
		vcpu_flush_tlb(vcpu);
	}
	vmcs_write(CR0_READ_SHADOW, mode->cr0);
	vmcs_write(CR4_READ_SHADOW, mode->cr4);
	update_efer(vcpu, hardware_efer(mode));
	update_dr7(vcpu);
	vmx->recheck |= vmx->pe != !!(mode->cr0 & X86_CR0_PE);
	vmx->pe = mode->cr0 & X86_CR0_PE;
}

/* By how the guest is run, and its CPUID. */
void vmx_set_exceptions(struct vmx *vmx)
{
	u32 exceptions = EXCEPTIONS;

	if (vmx->how != VMX_NATIVE)
		exceptions = ~0u;
	if (vmx->int3_exits)
		exceptions |= BIT(X86_TRAP_BP);
	if (mmu_passthrough)
		exceptions &= ~BIT(X86_TRAP_PF);
	if (vmx->exceptions == exceptions)
		return;
	vmx->exceptions = exceptions;
	vmcs_write(EXCEPTION_BITMAP, exceptions);
}

void vmx_set_cpu_ctl(struct vmx *vmx, u32 bits, bool on)
{
	u32 ctl = on ? vmx->cpu_ctl | bits : vmx->cpu_ctl & ~bits;

	if (ctl == vmx->cpu_ctl)
		return;
	vmx->cpu_ctl = ctl;
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, ctl);
}

/*
 * INVPCID exits because INVLPG does; where it is not known it is #UD, and the emulator's. So is
 * RSM, which is one to guests everywhere.
 */
void vmx_update_cpuid(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	u32 ctl = vmx->cpu2_ctl & ~(SECONDARY_EXEC_ENABLE_RDTSCP | SECONDARY_EXEC_ENABLE_INVPCID);

	if (vcpu->cpuid.rdtscp)
		ctl |= SECONDARY_EXEC_ENABLE_RDTSCP;
	if (vcpu->cpuid.invpcid)
		ctl |= SECONDARY_EXEC_ENABLE_INVPCID;
	ctl &= vmx_caps.cpu2_may;
	vmx->int3_exits = vcpu->guest_debug.control & KVM_GUESTDBG_USE_SW_BP;
	vmx_set_exceptions(vmx);
	vmx_set_cpu_ctl(vmx, vmx_caps.cpu & CPU_BASED_USE_MSR_BITMAPS, !vcpu->filter_msrs);
	if (ctl != vmx->cpu2_ctl)
		vmcs_write(SECONDARY_VM_EXEC_CONTROL, ctl);
	vmx->cpu2_ctl = ctl;
}
