// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS into the log, when the processor refuses it, or would.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "check.h"
#include "compat.h"
#include "physical.h"
#include "vmx.h"

void vmx_write_failed(unsigned long field)
{
	pr_err_ratelimited("VMWRITE of field %lx failed, error %llu\n", field,
			   vmcs_read(VM_INSTRUCTION_ERROR));
}

/* The fields of one segment register are this far from those of ES. */
static void dump_seg(const char *name, unsigned int i)
{
	pr_err("%-4s %04llx ar %05llx limit %08llx base %016llx\n", name,
	       vmcs_read(GUEST_ES_SELECTOR + 2 * i), vmcs_read(GUEST_ES_AR_BYTES + 2 * i),
	       vmcs_read(GUEST_ES_LIMIT + 2 * i), vmcs_read(GUEST_ES_BASE + 2 * i));
}

static void dump_guest(void)
{
	static const char * const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	unsigned int i;

	pr_err("cr0 %llx/%llx cr3 %llx cr4 %llx/%llx dr7 %llx\n", vmcs_read(GUEST_CR0),
	       vmcs_read(CR0_READ_SHADOW), vmcs_read(GUEST_CR3), vmcs_read(GUEST_CR4),
	       vmcs_read(CR4_READ_SHADOW), vmcs_read(GUEST_DR7));
	pr_err("rip %llx rsp %llx rflags %llx activity %llx interruptibility %llx debug %llx\n",
	       vmcs_read(GUEST_RIP), vmcs_read(GUEST_RSP), vmcs_read(GUEST_RFLAGS),
	       vmcs_read(GUEST_ACTIVITY_STATE), vmcs_read(GUEST_INTERRUPTIBILITY_INFO),
	       vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS));
	for (i = 0; i < ARRAY_SIZE(names); i++)
		dump_seg(names[i], i);
	pr_err("gdtr %llx/%llx idtr %llx/%llx\n", vmcs_read(GUEST_GDTR_BASE),
	       vmcs_read(GUEST_GDTR_LIMIT), vmcs_read(GUEST_IDTR_BASE),
	       vmcs_read(GUEST_IDTR_LIMIT));
}

static void dump_host(void)
{
	pr_err("host: cr0 %llx cr3 %llx cr4 %llx rip %llx rsp %llx fs %llx gs %llx tr %llx\n",
	       vmcs_read(HOST_CR0), vmcs_read(HOST_CR3), vmcs_read(HOST_CR4),
	       vmcs_read(HOST_RIP), vmcs_read(HOST_RSP), vmcs_read(HOST_FS_BASE),
	       vmcs_read(HOST_GS_BASE), vmcs_read(HOST_TR_BASE));
	pr_err("host: gdtr %llx idtr %llx sysenter %llx %llx %llx\n", vmcs_read(HOST_GDTR_BASE),
	       vmcs_read(HOST_IDTR_BASE), vmcs_read(HOST_IA32_SYSENTER_CS),
	       vmcs_read(HOST_IA32_SYSENTER_ESP), vmcs_read(HOST_IA32_SYSENTER_EIP));
}

void vmx_dump(struct vcpu *vcpu)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, 2);
	const struct vmx *vmx = to_vmx(vcpu);

	if (!__ratelimit(&limit))
		return;
	pr_err("VMCS of vCPU %u: exit %llx qualification %llx error %llu how %u%s\n", vcpu->id,
	       vmcs_read(VM_EXIT_REASON), vmcs_read(EXIT_QUALIFICATION),
	       vmcs_read(VM_INSTRUCTION_ERROR), vmx->how, vmx->loaded ? "" : " (not loaded)");
	pr_err("controls: pin %llx cpu %x/%x exit %llx entry %x exceptions %x vpid %u efer %llx\n",
	       vmcs_read(PIN_BASED_VM_EXEC_CONTROL), vmx->cpu_ctl, vmx->cpu2_ctl,
	       vmcs_read(VM_EXIT_CONTROLS), vmx->entry_ctl, vmx->exceptions, vmx->vpid, vmx->efer);
	pr_err("inject %llx error %llx, delivering %llx error %llx\n",
	       vmcs_read(VM_ENTRY_INTR_INFO_FIELD), vmcs_read(VM_ENTRY_EXCEPTION_ERROR_CODE),
	       vmcs_read(IDT_VECTORING_INFO_FIELD), vmcs_read(IDT_VECTORING_ERROR_CODE));
	dump_guest();
	dump_host();
}

/* ---- parameter check_entry ---- */

#define BASIC_TRUE_CONTROLS	BIT_ULL(55)
#define CR3_LAM			(BIT_ULL(61) | BIT_ULL(62))

static struct vmx_limits limits;

static u64 control_msr(u32 msr, u32 true_msr)
{
	return host_rdmsr(limits.basic & BASIC_TRUE_CONTROLS ? true_msr : msr);
}

#define LEAF7_1_EAX_LAM		BIT(26)

static bool has_lam(void)
{
	u32 eax, ebx, ecx, edx;

	if (boot_cpu_data.cpuid_level < 7 || !cpuid_eax(7))
		return false;
	cpuid_count(7, 1, &eax, &ebx, &ecx, &edx);
	return eax & LEAF7_1_EAX_LAM;
}

/* After vmx_caps is known. */
void vmx_check_init(void)
{
	limits.basic = host_rdmsr(MSR_IA32_VMX_BASIC);
	limits.misc = host_rdmsr(MSR_IA32_VMX_MISC);
	limits.pin = control_msr(MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PINBASED_CTLS);
	limits.cpu = control_msr(MSR_IA32_VMX_PROCBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	limits.exit = control_msr(MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_TRUE_EXIT_CTLS);
	limits.entry = control_msr(MSR_IA32_VMX_ENTRY_CTLS, MSR_IA32_VMX_TRUE_ENTRY_CTLS);
	if (limits.cpu >> 32 & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
		limits.cpu2 = host_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
	limits.cr0_set = vmx_caps.cr0_set;
	limits.cr0_may = vmx_caps.cr0_may;
	limits.cr4_set = vmx_caps.cr4_set;
	limits.cr4_may = vmx_caps.cr4_may;
	limits.efer_may = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	limits.cr3_more = has_lam() ? CR3_LAM : 0;
	limits.physical_bits = physical_bits();
	limits.linear_bits = cpuid_eax(0x80000008) >> 8 & 0xff;
}

static u64 view_read(const struct vmcs_view *view, unsigned long field)
{
	return vmcs_read(field);
}

/* Of the shadow root, which is in the kernel's own memory. */
static u64 view_pdpte(const struct vmcs_view *view, unsigned int i)
{
	const u64 *root = phys_to_virt(vmcs_read(GUEST_CR3) & ~0x1full);

	return READ_ONCE(root[i]);
}

bool vmx_breaks_rule(struct vcpu *vcpu)
{
	static const struct vmcs_view view = { view_read, view_pdpte, &limits };
	const char *rule = vmcs_check(&view);

	if (likely(!rule))
		return false;
	pr_err_ratelimited("vCPU %u breaks a rule of entries: %s\n", vcpu->id, rule);
	vmx_dump(vcpu);
	return true;
}
