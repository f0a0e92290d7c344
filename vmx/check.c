// SPDX-License-Identifier: GPL-2.0-only
/* The checks of VM entries: controls, and the host's state. Intel SDM volume 3C, 27.2. */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/vmx.h>

#include "check.h"
#include "trap_sets.h"

#define VMX_BASIC_ANY_ERROR_CODE	BIT_ULL(56)	/* error codes are not tied to vectors */
#define VMX_MISC_CR3_TARGETS(misc)	((misc) >> 16 & 0x1ff)
#define CET_EXIT			BIT(28)
#define CET_ENTRY			BIT(20)

u32 vmcs_get_cpu2(const struct vmcs_view *v)
{
	u32 cpu = vmcs_get(v, CPU_BASED_VM_EXEC_CONTROL);

	return cpu & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS ?
	       vmcs_get(v, SECONDARY_VM_EXEC_CONTROL) : 0;
}

/* ---- 27.2.1: control fields ---- */

enum word { PIN, CPU, CPU2, EXIT, ENTRY, NR_WORDS };

struct controls {
	u32 word[NR_WORDS];
};

static struct controls read_controls(const struct vmcs_view *v)
{
	return (struct controls){ {
		[PIN] = vmcs_get(v, PIN_BASED_VM_EXEC_CONTROL),
		[CPU] = vmcs_get(v, CPU_BASED_VM_EXEC_CONTROL),
		[CPU2] = vmcs_get_cpu2(v),
		[EXIT] = vmcs_get(v, VM_EXIT_CONTROLS),
		[ENTRY] = vmcs_get(v, VM_ENTRY_CONTROLS),
	} };
}

static bool allowed(u32 word, u64 msr)
{
	return !((u32)msr & ~word) && !(word & ~(u32)(msr >> 32));
}

static const char *check_reserved(const struct controls *c, const struct vmx_limits *l)
{
	if (!allowed(c->word[PIN], l->pin))
		return "pin-based controls are as the processor allows";
	if (!allowed(c->word[CPU], l->cpu))
		return "processor-based controls are as the processor allows";
	if (c->word[CPU] & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS &&
	    !allowed(c->word[CPU2], l->cpu2))
		return "secondary controls are as the processor allows";
	if (!allowed(c->word[EXIT], l->exit))
		return "exit controls are as the processor allows";
	if (!allowed(c->word[ENTRY], l->entry))
		return "entry controls are as the processor allows";
	return NULL;
}

/* Controls that bring rules of their own, which are not here. */
static const struct { u8 word; u32 bits; const char *rule; } unused[] = {
	{ CPU, CPU_BASED_ACTIVATE_TERTIARY_CONTROLS, "tertiary controls are off" },
	{ CPU2, SECONDARY_EXEC_ENABLE_EPT, "EPT is off" },
	{ CPU2, SECONDARY_EXEC_ENABLE_VMFUNC, "VM functions are off" },
	{ CPU2, BIT(18) | BIT(23), "#VE and sub-page permissions are off" },
	{ CPU2, SECONDARY_EXEC_PT_USE_GPA, "PT by guest addresses is off" },
	{ CPU2, BIT(31), "notify exits are off" },
	{ EXIT, VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL, "exits load no PERF_GLOBAL_CTRL" },
	{ EXIT, CET_EXIT | BIT(29) | BIT(31), "exits load no CET state, PKRS nor more" },
	{ ENTRY, VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL, "entries load no PERF_GLOBAL_CTRL" },
	{ ENTRY, VM_ENTRY_LOAD_BNDCFGS | VM_ENTRY_LOAD_IA32_RTIT_CTL,
	  "entries load no BNDCFGS nor RTIT_CTL" },
	{ ENTRY, BIT(19) | CET_ENTRY | BIT(21) | BIT(22),
	  "entries load no UINV, CET state, LBR_CTL nor PKRS" },
	{ ENTRY, VM_ENTRY_SMM | VM_ENTRY_DEACT_DUAL_MONITOR, "entries are not to SMM" },
};

static const char *check_unused(const struct controls *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unused); i++)
		if (c->word[unused[i].word] & unused[i].bits)
			return unused[i].rule;
	return NULL;
}

/* The first wants the other. */
static const struct need {
	u8 word;
	u32 bits;
	u8 needs_word;
	u32 needs;
	const char *rule;
} needs[] = {
	{ PIN, PIN_BASED_VIRTUAL_NMIS, PIN, PIN_BASED_NMI_EXITING,
	  "virtual NMIs are with NMI exiting" },
	{ CPU, CPU_BASED_NMI_WINDOW_EXITING, PIN, PIN_BASED_VIRTUAL_NMIS,
	  "NMI windows are with virtual NMIs" },
	{ CPU2, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE | SECONDARY_EXEC_APIC_REGISTER_VIRT |
	  SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY, CPU, CPU_BASED_TPR_SHADOW,
	  "a virtual APIC is with a TPR shadow" },
	{ CPU2, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY, PIN, PIN_BASED_EXT_INTR_MASK,
	  "virtual interrupts are with interrupt exiting" },
	{ PIN, PIN_BASED_POSTED_INTR, CPU2, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY,
	  "posted interrupts are with virtual ones" },
	{ PIN, PIN_BASED_POSTED_INTR, EXIT, VM_EXIT_ACK_INTR_ON_EXIT,
	  "posted interrupts are with acknowledgment" },
	{ CPU2, SECONDARY_EXEC_UNRESTRICTED_GUEST, CPU2, SECONDARY_EXEC_ENABLE_EPT,
	  "unrestricted guest is with EPT" },
	{ CPU2, SECONDARY_EXEC_ENABLE_PML | SECONDARY_EXEC_MODE_BASED_EPT_EXEC, CPU2,
	  SECONDARY_EXEC_ENABLE_EPT, "page-modification log and execute bits are with EPT" },
	{ EXIT, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER, PIN, PIN_BASED_VMX_PREEMPTION_TIMER,
	  "the preemption timer is saved only if it is on" },
};

static const char *check_needs(const struct controls *c)
{
	const struct need *n;

	for (n = needs; n < needs + ARRAY_SIZE(needs); n++)
		if (c->word[n->word] & n->bits && !(c->word[n->needs_word] & n->needs))
			return n->rule;
	return NULL;
}

static bool in_memory(const struct vmcs_view *v, u64 pa, u64 align)
{
	return !(pa & (align - 1)) && !(pa >> v->limits->physical_bits);
}

/* Structures in memory, with the control that uses them. */
static const struct { u16 field, align; u8 word; u32 bit; const char *rule; } areas[] = {
	{ IO_BITMAP_A, 4096, CPU, CPU_BASED_USE_IO_BITMAPS, "I/O bitmap A is a page" },
	{ IO_BITMAP_B, 4096, CPU, CPU_BASED_USE_IO_BITMAPS, "I/O bitmap B is a page" },
	{ MSR_BITMAP, 4096, CPU, CPU_BASED_USE_MSR_BITMAPS, "the MSR bitmap is a page" },
	{ VIRTUAL_APIC_PAGE_ADDR, 4096, CPU, CPU_BASED_TPR_SHADOW, "the virtual APIC is a page" },
	{ APIC_ACCESS_ADDR, 4096, CPU2, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES,
	  "the APIC-access page is a page" },
	{ VMREAD_BITMAP, 4096, CPU2, SECONDARY_EXEC_SHADOW_VMCS, "the VMREAD bitmap is a page" },
	{ VMWRITE_BITMAP, 4096, CPU2, SECONDARY_EXEC_SHADOW_VMCS, "the VMWRITE bitmap is a page" },
	{ POSTED_INTR_DESC_ADDR, 64, PIN, PIN_BASED_POSTED_INTR,
	  "the posted-interrupt descriptor is aligned" },
};

static const char *check_areas(const struct vmcs_view *v, const struct controls *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(areas); i++)
		if (c->word[areas[i].word] & areas[i].bit &&
		    !in_memory(v, vmcs_get(v, areas[i].field), areas[i].align))
			return areas[i].rule;
	return NULL;
}

/* 27.2.1.1: the rest. */
static const char *check_execution(const struct vmcs_view *v, const struct controls *c)
{
	u32 both = SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE | SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES;

	if (vmcs_get(v, CR3_TARGET_COUNT) > VMX_MISC_CR3_TARGETS(v->limits->misc))
		return "there are no more CR3 targets than the processor has";
	if (c->word[CPU] & CPU_BASED_TPR_SHADOW && vmcs_get(v, TPR_THRESHOLD) >> 4 &&
	    !(c->word[CPU2] & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY))
		return "the TPR threshold has 4 bits";
	if ((c->word[CPU2] & both) == both)
		return "the virtual APIC is in one place";
	if (c->word[CPU2] & SECONDARY_EXEC_ENABLE_VPID && !vmcs_get(v, VIRTUAL_PROCESSOR_ID))
		return "the VPID is not 0";
	if (c->word[PIN] & PIN_BASED_POSTED_INTR && vmcs_get(v, POSTED_INTR_NV) >> 8)
		return "the notification vector has 8 bits";
	return NULL;
}

/* 27.2.1.2 and 27.2.1.3: lists of MSRs, of 16 bytes each. */
static const struct { u16 count, address; const char *rule; } lists[] = {
	{ VM_EXIT_MSR_STORE_COUNT, VM_EXIT_MSR_STORE_ADDR, "MSRs stored by exits are in memory" },
	{ VM_EXIT_MSR_LOAD_COUNT, VM_EXIT_MSR_LOAD_ADDR, "MSRs loaded by exits are in memory" },
	{ VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDR, "MSRs loaded by entries are in memory" },
};

static const char *check_lists(const struct vmcs_view *v)
{
	unsigned int i;
	u64 count, pa;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		count = (u32)vmcs_get(v, lists[i].count);
		pa = vmcs_get(v, lists[i].address);
		if (count && (!in_memory(v, pa, 16) || !in_memory(v, pa + 16 * (count - 1), 16)))
			return lists[i].rule;
	}
	return NULL;
}

/* ---- 27.2.1.3: event injection ---- */

static bool injects_instruction(u32 info)
{
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;

	return type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
	       type == INTR_TYPE_PRIV_SW_EXCEPTION;
}

static bool vector_ok(u32 info)
{
	u32 vector = info & INTR_INFO_VECTOR_MASK;

	switch (info & INTR_INFO_INTR_TYPE_MASK) {
	case INTR_TYPE_NMI_INTR:
		return vector == X86_TRAP_NMI;
	case INTR_TYPE_HARD_EXCEPTION:
		return vector < 32;
	case INTR_TYPE_OTHER_EVENT:
		return !vector;
	}
	return true;
}

static bool type_ok(const struct vmcs_view *v, u32 info)
{
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;

	if (type == INTR_TYPE_OTHER_EVENT)
		return v->limits->cpu >> 32 & CPU_BASED_MONITOR_TRAP_FLAG;
	return type != INTR_TYPE_RESERVED;
}

/* As without unrestricted guest, where all vectors that have an error code push it. */
static bool error_code_ok(const struct vmcs_view *v, u32 info)
{
	bool hard = (info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_HARD_EXCEPTION;
	bool pushes = info & INTR_INFO_DELIVER_CODE_MASK;

	if (!hard)
		return !pushes;
	if (v->limits->basic & VMX_BASIC_ANY_ERROR_CODE)
		return true;
	return pushes == !!(ERROR_CODE_TRAPS & BIT(info & INTR_INFO_VECTOR_MASK));
}

static bool length_ok(const struct vmcs_view *v)
{
	u32 length = vmcs_get(v, VM_ENTRY_INSTRUCTION_LEN);

	return length <= 15 && (length || v->limits->misc & VMX_MISC_ZERO_LEN_INS);
}

static const char *check_injection(const struct vmcs_view *v)
{
	u32 info = vmcs_get(v, VM_ENTRY_INTR_INFO_FIELD);

	if (!(info & INTR_INFO_VALID_MASK))
		return NULL;
	if (!type_ok(v, info))
		return "the type of the injected event is not reserved";
	if (!vector_ok(info))
		return "the injected event's vector fits its type";
	if (!error_code_ok(v, info))
		return "the injected event has an error code where its vector has one";
	if (info & INTR_INFO_RESVD_BITS_MASK)
		return "the injected event has no reserved bit";
	if (info & INTR_INFO_DELIVER_CODE_MASK && vmcs_get(v, VM_ENTRY_EXCEPTION_ERROR_CODE) >> 16)
		return "the injected error code has 16 bits";
	if (injects_instruction(info) && !length_ok(v))
		return "the injected event's instruction has 1 to 15 bytes";
	return NULL;
}

static const char *check_controls(const struct vmcs_view *v)
{
	const struct controls c = read_controls(v);

	return check_reserved(&c, v->limits) ?: check_needs(&c) ?: check_unused(&c) ?:
	       check_areas(v, &c) ?: check_execution(v, &c) ?: check_lists(v) ?:
	       check_injection(v);
}

/* ---- 27.2.2 to 27.2.4: the host's state ---- */

bool vmcs_pat_ok(u64 pat)
{
	const unsigned int types = BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6) | BIT(7);

	for (; pat; pat >>= 8)
		if ((pat & 0xff) > 7 || !(types & BIT(pat & 0xff)))
			return false;
	return true;
}

static const char *check_host_registers(const struct vmcs_view *v)
{
	u64 cr0 = vmcs_get(v, HOST_CR0), cr4 = vmcs_get(v, HOST_CR4);
	const struct vmx_limits *l = v->limits;

	if (l->cr0_set & ~cr0 || cr0 & ~l->cr0_may)
		return "the host's CR0 is as VMX operation wants it";
	if (l->cr4_set & ~cr4 || cr4 & ~l->cr4_may)
		return "the host's CR4 is as VMX operation wants it";
	if ((cr4 & X86_CR4_CET) && !(cr0 & X86_CR0_WP))
		return "the host's CR4.CET is with CR0.WP";
	if ((vmcs_get(v, HOST_CR3) & ~l->cr3_more) >> l->physical_bits)
		return "the host's CR3 has no reserved bit";
	if (!vmcs_canonical(v, HOST_IA32_SYSENTER_ESP) ||
	    !vmcs_canonical(v, HOST_IA32_SYSENTER_EIP))
		return "the host's SYSENTER MSRs are canonical";
	return NULL;
}

static const char *check_host_msrs(const struct vmcs_view *v)
{
	u32 exit = vmcs_get(v, VM_EXIT_CONTROLS);
	u64 efer = vmcs_get(v, HOST_IA32_EFER);
	u64 long_mode = EFER_LME | EFER_LMA;

	if (exit & VM_EXIT_LOAD_IA32_PAT && !vmcs_pat_ok(vmcs_get(v, HOST_IA32_PAT)))
		return "the host's PAT has memory types";
	if (!(exit & VM_EXIT_LOAD_IA32_EFER))
		return NULL;
	if (efer & ~v->limits->efer_may)
		return "the host's EFER has no reserved bit";
	if ((efer & long_mode) != long_mode)
		return "the host's EFER is that of a 64-bit host";
	return NULL;
}

static const u16 host_selectors[] = {
	HOST_ES_SELECTOR, HOST_CS_SELECTOR, HOST_SS_SELECTOR, HOST_DS_SELECTOR,
	HOST_FS_SELECTOR, HOST_GS_SELECTOR, HOST_TR_SELECTOR,
};

static const u16 host_bases[] = {
	HOST_FS_BASE, HOST_GS_BASE, HOST_TR_BASE, HOST_GDTR_BASE, HOST_IDTR_BASE,
};

static const char *check_host_segments(const struct vmcs_view *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(host_selectors); i++)
		if (vmcs_get(v, host_selectors[i]) & 7)
			return "the host's selectors are of the GDT and CPL 0";
	if (!vmcs_get(v, HOST_CS_SELECTOR) || !vmcs_get(v, HOST_TR_SELECTOR))
		return "the host's CS and TR are not null";
	for (i = 0; i < ARRAY_SIZE(host_bases); i++)
		if (!vmcs_canonical(v, host_bases[i]))
			return "the host's bases are canonical";
	return NULL;
}

/* 27.2.4, for a processor in IA-32e mode. */
static const char *check_address_size(const struct vmcs_view *v)
{
	if (!(vmcs_get(v, VM_EXIT_CONTROLS) & VM_EXIT_HOST_ADDR_SPACE_SIZE))
		return "exits are to a 64-bit host";
	if (!(vmcs_get(v, HOST_CR4) & X86_CR4_PAE))
		return "the host's CR4.PAE is set";
	if (!vmcs_canonical(v, HOST_RIP))
		return "the host's RIP is canonical";
	return NULL;
}

const char *vmcs_check(const struct vmcs_view *v)
{
	return check_controls(v) ?: check_address_size(v) ?: check_host_registers(v) ?:
	       check_host_msrs(v) ?: check_host_segments(v) ?: vmcs_check_guest(v);
}
