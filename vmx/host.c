// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX operation on this CPU, the current VMCS, and the host's state that exits lose.
 *
 * A CPU is in VMX operation only while a vCPU is loaded, from the scheduling in of
 * its thread to the scheduling out. That makes hotplug and suspend easy, for they run
 * when no vCPU is loaded, no VMCS is ever active on two CPUs, and where the processor can't
 * trace (Intel PT) in VMX operation, other threads are traced.
 */
#include <linux/cpu.h>
#include <linux/moduleparam.h>
#include <linux/smp.h>
#include <asm/asm.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include <asm/segment.h>
#include <asm/tlbflush.h>

#include "compat.h"
#include "vmx.h"

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

/* One that takes an address. Return: 0; or -EIO where it fails, or is #UD: out of VMX operation. */
#define DEFINE_VMX_INSN(insn)						\
static int insn(hpa_t pa)						\
{									\
	asm goto("1: " #insn " %[pa]\n\t"				\
		 "jna %l[failed]\n\t"					\
		 _ASM_EXTABLE(1b, %l[failed])				\
		 : : [pa] "m" (pa) : "cc", "memory" : failed);		\
	return 0;							\
failed:									\
	return -EIO;							\
}

DEFINE_VMX_INSN(vmxon)
DEFINE_VMX_INSN(vmclear)
DEFINE_VMX_INSN(vmptrld)

static void vmxoff(void)
{
	asm goto("1: vmxoff\n\t"
		 _ASM_EXTABLE(1b, %l[done])
		 : : : "cc", "memory" : done);
done:
	return;
}

/* Interrupts are off. */
static int enter_operation(struct vmx_cpu *cpu)
{
	int err;

	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;
	host_trace_off();
	host_set_vmxe();
	err = vmxon(cpu->vmxon_pa);
	if (!err) {
		cpu->on = true;
		return 0;
	}
	host_clear_vmxe();
	host_trace_on();
	return err;
}

static void leave_operation(struct vmx_cpu *cpu)
{
	if (!cpu->on)
		return;
	cpu->on = false;
	vmxoff();
	host_clear_vmxe();
	host_trace_on();
}

/* The firmware should have locked it; if not, nobody else does it after boot. */
static void unlock_feature(void)
{
	u32 low, high;

	if (rdmsr_safe(MSR_IA32_FEAT_CTL, &low, &high) || low & FEAT_CTL_LOCKED)
		return;
	wrmsr_safe(MSR_IA32_FEAT_CTL,
		   low | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX | FEAT_CTL_LOCKED, high);
}

/* Tries once, so that a refusal comes early. */
int vmx_cpu_enable(void)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);
	int err;

	if (cpu->enabled)
		return 0;
	unlock_feature();
	err = vmx_compare_caps() ?: enter_operation(cpu);
	if (err)
		return err;
	leave_operation(cpu);
	cpu->star = host_rdmsr(MSR_STAR);
	cpu->lstar = host_rdmsr(MSR_LSTAR);
	cpu->sfmask = host_rdmsr(MSR_SYSCALL_MASK);
	if (vmx_caps.rdtscp)
		cpu->tsc_aux = host_rdmsr(MSR_TSC_AUX);
	cpu->sysenter[0] = host_rdmsr(MSR_IA32_SYSENTER_CS);
	cpu->sysenter[1] = host_rdmsr(MSR_IA32_SYSENTER_ESP);
	cpu->sysenter[2] = host_rdmsr(MSR_IA32_SYSENTER_EIP);
	cpu->enabled = true;
	return 0;
}

/* The VMCS must be in memory, whole, before another CPU can take it over. */
static void let_go(struct vmx_cpu *cpu)
{
	struct vmx *vmx;

	if (cpu->current_vcpu) {
		vmx = to_vmx(cpu->current_vcpu);
		vmclear(vmx->vmcs_pa);
		vmx->loaded = false;
		vmx->launched = false;
		cpu->current_vcpu = NULL;
	}
	leave_operation(cpu);
}

void vmx_cpu_disable(void)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);

	cpu->enabled = false;
	if (cpu->current_vcpu)
		WRITE_ONCE(cpu->current_vcpu->unreachable, -EBUSY);
	let_go(cpu);
}

/* ---- the host's state in the VMCS ---- */

static u64 tss_base(void)
{
	struct desc_ptr gdt;
	const struct ldttss_desc *tss;

	native_store_gdt(&gdt);
	tss = (const void *)(gdt.address + GDT_ENTRY_TSS * 8);
	return tss->base0 | tss->base1 << 16 | tss->base2 << 24 | (u64)tss->base3 << 32;
}

/* What differs from CPU to CPU. */
static void write_cpu_state(const struct vmx_cpu *cpu)
{
	struct desc_ptr gdt, idt;

	native_store_gdt(&gdt);
	store_idt(&idt);
	vmcs_write(HOST_TR_BASE, tss_base());
	vmcs_write(HOST_GDTR_BASE, gdt.address);
	vmcs_write(HOST_IDTR_BASE, idt.address);
	vmcs_write(HOST_GS_BASE, host_rdmsr(MSR_GS_BASE));
	vmcs_write(HOST_IA32_SYSENTER_CS, cpu->sysenter[0]);
	vmcs_write(HOST_IA32_SYSENTER_ESP, cpu->sysenter[1]);
	vmcs_write(HOST_IA32_SYSENTER_EIP, cpu->sysenter[2]);
}

static void save_host(struct vmx *vmx)
{
	struct vmx_host *host = &vmx->host;

	savesegment(ds, host->ds);
	savesegment(es, host->es);
	savesegment(fs, host->fs);
	savesegment(gs, host->gs);
	asm volatile("sldt %0" : "=rm" (host->ldt));
	store_idt(&host->idt);
	vmcs_write(HOST_FS_BASE, host_rdmsr(MSR_FS_BASE));
	vmx->host_cr3 = ~0ull;
	vmx->host_cr4 = ~0ull;
}

/* The kernel's own CR3 and CR4 may change while the vCPU is loaded. */
void vmx_update_host(struct vmx *vmx)
{
	u64 cr3 = __read_cr3(), cr4 = __read_cr4();

	if (vmx->host_cr3 != cr3)
		vmcs_write(HOST_CR3, cr3);
	if (vmx->host_cr4 != cr4)
		vmcs_write(HOST_CR4, cr4);
	vmx->host_cr3 = cr3;
	vmx->host_cr4 = cr4;
}

/* An exit makes the selectors and LDTR null, and the limits of GDT, IDT and TSS what it likes. */
static void restore_host(struct vmx *vmx)
{
	const struct vmx_host *host = &vmx->host;
	u64 fs_base = host_rdmsr(MSR_FS_BASE);

	if (host->ldt)
		asm volatile("lldt %0" : : "rm" (host->ldt));
	if (host->ds | host->es) {
		loadsegment(ds, host->ds);
		loadsegment(es, host->es);
	}
	if (host->fs) {
		loadsegment(fs, host->fs);
		host_wrmsr(MSR_FS_BASE, fs_base);
	}
	if (host->gs) {
		load_gs_index(host->gs);
		host_wrmsr(MSR_KERNEL_GS_BASE, vmx->host.kernel_gs);
	}
	load_fixmap_gdt(smp_processor_id());
	native_load_idt(&host->idt);
	invalidate_tss_limit();
}

static unsigned int fail_load;
module_param_named(vtx_fail, fail_load, uint, 0600);
MODULE_PARM_DESC(vtx_fail,
		 "for tests: on VT-x, so many loads of a vCPU from now, one fails (0: none does)");

static bool must_fail(void)
{
	unsigned int n = READ_ONCE(fail_load);

	if (likely(!n))
		return false;
	WRITE_ONCE(fail_load, n - 1);
	return n == 1;
}

/* Make the VMCS current. Another hypervisor may have come, or VMX operation be refused by now. */
static int take(struct vmx_cpu *cpu, struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	if (!cpu->enabled || cpu->on || must_fail() || enter_operation(cpu))
		return -EBUSY;
	if (vmx->cpu < 0)
		vmclear(vmx->vmcs_pa);
	if (vmptrld(vmx->vmcs_pa)) {
		leave_operation(cpu);
		return -EBUSY;
	}
	cpu->current_vcpu = vcpu;
	vmx->loaded = true;
	return 0;
}

static void load_host(struct vmx_cpu *c, struct vcpu *vcpu, int cpu)
{
	struct vmx *vmx = to_vmx(vcpu);

	if (vmx->cpu != cpu) {
		vmx->cpu = cpu;
		write_cpu_state(c);
	}
	/* KVM may have used the same VPIDs here while we were out of VMX operation. */
	vcpu_flush_tlb(vcpu);
	save_host(vmx);
	if (c->last != vmx->serial)
		host_switch_guests();
	c->last = vmx->serial;
}

int vmx_vcpu_load(struct vcpu *vcpu, int cpu)
{
	struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);
	unsigned long flags;
	int err;

	local_irq_save(flags);
	err = take(c, vcpu);
	if (!err)
		load_host(c, vcpu, cpu);
	local_irq_restore(flags);
	return err;
}

void vmx_vcpu_put(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	unsigned long flags;

	local_irq_save(flags);
	vmx->alone = ALONE_NOT;
	vmx_unload_msrs(vmx);
	if (vmx->entered)
		restore_host(vmx);
	vmx->entered = false;
	if (vmx->loaded)
		let_go(this_cpu_ptr(&vmx_cpu));
	local_irq_restore(flags);
}
