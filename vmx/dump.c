// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS into the log, when the processor refuses it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/ratelimit.h>

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
