// SPDX-License-Identifier: GPL-2.0-only
/* vmx/check.c: each rule of VM entries for controls and the host's state is broken once. */
#define TAP_MAIN
#include "tap.h"
#include "vmx_test.h"

u64 fields[NR_FIELDS], pdptes[4];

/* All controls that are known here may be on; default settings have to. */
#define PIN_MUST	0x16ull
#define CPU_MUST	0x0401e172ull
#define EXIT_MUST	0x36dffull
#define ENTRY_MUST	0x11ffull
#define ALL		(0xffffffffull << 32)
#define CR0_MUST	(X86_CR0_PE | X86_CR0_NE | X86_CR0_PG)

struct vmx_limits limits;

static const struct vmx_limits haswell = {
	.pin = PIN_MUST | 0xffull << 32,
	.cpu = CPU_MUST | (ALL & ~BIT_ULL(32)),
	.cpu2 = ALL & ~BIT_ULL(32 + 27),
	.exit = EXIT_MUST | (ALL & ~BIT_ULL(32 + 30)),
	.entry = ENTRY_MUST | 0x7fffffull << 32,
	.misc = 4 << 16 | 7 << 6,
	.cr0_set = CR0_MUST,
	.cr0_may = 0xffffffff,
	.cr4_set = X86_CR4_VMXE,
	.cr4_may = 0x7ff | X86_CR4_VMXE | X86_CR4_PCIDE | X86_CR4_CET,
	.efer_may = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX,
	.physical_bits = PHYSICAL_BITS,
	.linear_bits = 48,
};

static u64 read_field(const struct vmcs_view *view, unsigned long field)
{
	CHECK(field < NR_FIELDS);
	return fields[field];
}

static u64 read_pdpte(const struct vmcs_view *view, unsigned int i)
{
	CHECK(i < 4);
	return pdptes[i];
}

/* ---- a VMCS that breaks no rule ---- */

static void good_controls(void)
{
	fields[PIN_BASED_VM_EXEC_CONTROL] = PIN_MUST | PIN_BASED_EXT_INTR_MASK |
					    PIN_BASED_NMI_EXITING | PIN_BASED_VIRTUAL_NMIS;
	fields[CPU_BASED_VM_EXEC_CONTROL] = CPU_MUST | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS;
	fields[VM_EXIT_CONTROLS] = EXIT_MUST | VM_EXIT_HOST_ADDR_SPACE_SIZE |
				   VM_EXIT_LOAD_IA32_EFER | VM_EXIT_LOAD_IA32_PAT;
	fields[VM_ENTRY_CONTROLS] = ENTRY_MUST | VM_ENTRY_LOAD_DEBUG_CONTROLS |
				    VM_ENTRY_IA32E_MODE | VM_ENTRY_LOAD_IA32_EFER |
				    VM_ENTRY_LOAD_IA32_PAT;
	fields[VMCS_LINK_POINTER] = ~0ull;
}

static void good_host(void)
{
	fields[HOST_CR0] = CR0_MUST | X86_CR0_WP;
	fields[HOST_CR3] = 0x1000;
	fields[HOST_CR4] = X86_CR4_VMXE | X86_CR4_PAE;
	fields[HOST_IA32_EFER] = EFER_LME | EFER_LMA;
	fields[HOST_IA32_PAT] = 0x0007040600070406;
	fields[HOST_CS_SELECTOR] = 0x10;
	fields[HOST_SS_SELECTOR] = 0x18;
	fields[HOST_TR_SELECTOR] = 0x40;
	fields[HOST_RIP] = 0xffffffff81000000;
}

static void good_segments(void)
{
	unsigned int i;

	for (i = 0; i < 6; i++) {
		fields[GUEST_ES_SELECTOR + 2 * i] = 0x10;
		fields[GUEST_ES_LIMIT + 2 * i] = 0xffffffff;
		fields[GUEST_ES_AR_BYTES + 2 * i] = i == 1 ? 0xa09b : 0xc093;
	}
	fields[GUEST_LDTR_SELECTOR] = 0x20;
	fields[GUEST_ES_LIMIT + 12] = 0xffff;
	fields[GUEST_ES_AR_BYTES + 12] = 0x82;
	fields[GUEST_TR_SELECTOR] = 0x40;
	fields[GUEST_ES_LIMIT + 14] = 0x67;
	fields[GUEST_ES_AR_BYTES + 14] = 0x8b;
}

static void good_guest(void)
{
	fields[GUEST_CR0] = CR0_MUST | X86_CR0_WP;
	fields[GUEST_CR3] = 0x1000;
	fields[GUEST_CR4] = X86_CR4_VMXE | X86_CR4_PAE;
	fields[GUEST_IA32_EFER] = EFER_LME | EFER_LMA;
	fields[GUEST_IA32_PAT] = 0x0007040600070406;
	fields[GUEST_DR7] = 0x400;
	fields[GUEST_RFLAGS] = X86_EFLAGS_FIXED;
	good_segments();
}

static void outside_long_mode(void)
{
	fields[VM_ENTRY_CONTROLS] &= ~(u64)VM_ENTRY_IA32E_MODE;
	fields[GUEST_IA32_EFER] = 0;
	fields[GUEST_ES_AR_BYTES + 2] = 0xc09b;
}

static void in_vm86(void)
{
	unsigned int i;

	outside_long_mode();
	fields[GUEST_RFLAGS] |= X86_EFLAGS_VM;
	for (i = 0; i < 6; i++) {
		fields[GUEST_ES_SELECTOR + 2 * i] = 0x1000 + i;
		fields[GUEST_ES_BASE + 2 * i] = 0x10000 + 16 * i;
		fields[GUEST_ES_LIMIT + 2 * i] = 0xffff;
		fields[GUEST_ES_AR_BYTES + 2 * i] = 0xf3;
	}
}

void vmcs_apply(const struct change *change)
{
	unsigned int i;

	limits = haswell;
	memset(fields, 0, sizeof(fields));
	memset(pdptes, 0, sizeof(pdptes));
	good_controls();
	good_host();
	good_guest();
	if (change->pae)
		outside_long_mode();
	if (change->vm86)
		in_vm86();
	for (i = 0; i < MAX_WRITES && (change->write[i].field || change->write[i].value); i++)
		fields[change->write[i].field] = change->write[i].value;
}

static const struct vmcs_view view = { read_field, read_pdpte, &limits };

static void expect(const char *broken, const char *rule)
{
	if (!broken != !rule || (rule && strcmp(broken, rule)))
		TAP_FAIL("broken: '%s', expected '%s'", broken ?: "none", rule ?: "none");
}

void vmcs_expect(const char *rule)
{
	expect(vmcs_check(&view), rule);
}

void vmcs_expect_guest(const char *rule)
{
	expect(vmcs_check_guest(&view), rule);
}

/* ---- controls ---- */

#define PIN_GOOD	(PIN_MUST | PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING | \
			 PIN_BASED_VIRTUAL_NMIS)
#define CPU_GOOD	(CPU_MUST | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
#define EXIT_GOOD	(EXIT_MUST | VM_EXIT_HOST_ADDR_SPACE_SIZE)
#define ENTRY_GOOD	(ENTRY_MUST | VM_ENTRY_IA32E_MODE)
#define VIRTUAL_IRQS	(SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)

#define PIN_IS(bits)	{ PIN_BASED_VM_EXEC_CONTROL, bits }
#define CPU_IS(bits)	{ CPU_BASED_VM_EXEC_CONTROL, bits }
#define CPU2_IS(bits)	{ SECONDARY_VM_EXEC_CONTROL, bits }
#define EXIT_IS(bits)	{ VM_EXIT_CONTROLS, bits }
#define ENTRY_IS(bits)	{ VM_ENTRY_CONTROLS, bits }

static const struct change bad_controls[] = {
	{ "pin-based controls are as the processor allows", { PIN_IS(PIN_GOOD & ~BIT(1)) } },
	{ "pin-based controls are as the processor allows", { PIN_IS(PIN_GOOD | BIT(8)) } },
	{ "processor-based controls are as the processor allows", { CPU_IS(CPU_GOOD & ~BIT(1)) } },
	{ "processor-based controls are as the processor allows", { CPU_IS(CPU_GOOD | BIT(0)) } },
	{ "secondary controls are as the processor allows", { CPU2_IS(BIT(27)) } },
	{ "exit controls are as the processor allows", { EXIT_IS(EXIT_GOOD & ~BIT(0)) } },
	{ "exit controls are as the processor allows", { EXIT_IS(EXIT_GOOD | BIT(30)) } },
	{ "entry controls are as the processor allows", { ENTRY_IS(ENTRY_GOOD & ~BIT(0)) } },
	{ "entry controls are as the processor allows", { ENTRY_IS(ENTRY_GOOD | BIT(23)) } },
	{ "virtual NMIs are with NMI exiting", { PIN_IS(PIN_GOOD & ~PIN_BASED_NMI_EXITING) } },
	{ "NMI windows are with virtual NMIs", { PIN_IS(PIN_GOOD & ~PIN_BASED_VIRTUAL_NMIS),
	  CPU_IS(CPU_GOOD | CPU_BASED_NMI_WINDOW_EXITING) } },
	{ "a virtual APIC is with a TPR shadow",
	  { CPU2_IS(SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE) } },
	{ "a virtual APIC is with a TPR shadow", { CPU2_IS(SECONDARY_EXEC_APIC_REGISTER_VIRT) } },
	{ "a virtual APIC is with a TPR shadow", { CPU2_IS(VIRTUAL_IRQS) } },
	{ "virtual interrupts are with interrupt exiting",
	  { PIN_IS(PIN_GOOD & ~PIN_BASED_EXT_INTR_MASK), CPU2_IS(VIRTUAL_IRQS),
	    CPU_IS(CPU_GOOD | CPU_BASED_TPR_SHADOW) } },
	{ "posted interrupts are with virtual ones", { PIN_IS(PIN_GOOD | PIN_BASED_POSTED_INTR),
	  EXIT_IS(EXIT_GOOD | VM_EXIT_ACK_INTR_ON_EXIT) } },
	{ "posted interrupts are with acknowledgment",
	  { PIN_IS(PIN_GOOD | PIN_BASED_POSTED_INTR), CPU2_IS(VIRTUAL_IRQS),
	    CPU_IS(CPU_GOOD | CPU_BASED_TPR_SHADOW) } },
	{ "unrestricted guest is with EPT", { CPU2_IS(SECONDARY_EXEC_UNRESTRICTED_GUEST) } },
	{ "page-modification log and execute bits are with EPT",
	  { CPU2_IS(SECONDARY_EXEC_ENABLE_PML) } },
	{ "page-modification log and execute bits are with EPT",
	  { CPU2_IS(SECONDARY_EXEC_MODE_BASED_EPT_EXEC) } },
	{ "the preemption timer is saved only if it is on",
	  { EXIT_IS(EXIT_GOOD | VM_EXIT_SAVE_VMX_PREEMPTION_TIMER) } },
	{ "tertiary controls are off", { CPU_IS(CPU_GOOD | BIT(17)) } },
	{ "EPT is off", { CPU2_IS(SECONDARY_EXEC_ENABLE_EPT) } },
	{ "VM functions are off", { CPU2_IS(SECONDARY_EXEC_ENABLE_VMFUNC) } },
	{ "#VE and sub-page permissions are off", { CPU2_IS(BIT(18)) } },
	{ "#VE and sub-page permissions are off", { CPU2_IS(BIT(23)) } },
	{ "PT by guest addresses is off", { CPU2_IS(SECONDARY_EXEC_PT_USE_GPA) } },
	{ "notify exits are off", { CPU2_IS(BIT(31)) } },
	{ "exits load no PERF_GLOBAL_CTRL", { EXIT_IS(EXIT_GOOD | BIT(12)) } },
	{ "exits load no CET state, PKRS nor more", { EXIT_IS(EXIT_GOOD | BIT(28)) } },
	{ "exits load no CET state, PKRS nor more", { EXIT_IS(EXIT_GOOD | BIT(29)) } },
	{ "entries load no PERF_GLOBAL_CTRL", { ENTRY_IS(ENTRY_GOOD | BIT(13)) } },
	{ "entries load no BNDCFGS nor RTIT_CTL", { ENTRY_IS(ENTRY_GOOD | BIT(16)) } },
	{ "entries load no BNDCFGS nor RTIT_CTL", { ENTRY_IS(ENTRY_GOOD | BIT(18)) } },
	{ "entries load no UINV, CET state, LBR_CTL nor PKRS", { ENTRY_IS(ENTRY_GOOD | BIT(20)) } },
	{ "entries are not to SMM", { ENTRY_IS(ENTRY_GOOD | VM_ENTRY_SMM) } },
	{ "entries are not to SMM", { ENTRY_IS(ENTRY_GOOD | VM_ENTRY_DEACT_DUAL_MONITOR) } },
};

TEST(vmx_controls_that_break_a_rule)
{
	EXPECT_EACH(bad_controls);
}

#define IO_BITMAPS	CPU_IS(CPU_GOOD | CPU_BASED_USE_IO_BITMAPS)
#define SHADOWED	CPU_IS(CPU_GOOD | CPU_BASED_TPR_SHADOW)
#define POSTED		PIN_IS(PIN_GOOD | PIN_BASED_POSTED_INTR), CPU2_IS(VIRTUAL_IRQS), \
			SHADOWED, EXIT_IS(EXIT_GOOD | VM_EXIT_ACK_INTR_ON_EXIT)

static const struct change bad_execution[] = {
	{ "I/O bitmap A is a page", { IO_BITMAPS, { IO_BITMAP_A, 0x1800 } } },
	{ "I/O bitmap A is a page", { IO_BITMAPS, { IO_BITMAP_A, END } } },
	{ "I/O bitmap B is a page", { IO_BITMAPS, { IO_BITMAP_B, 1 } } },
	{ "the MSR bitmap is a page", { CPU_IS(CPU_GOOD | CPU_BASED_USE_MSR_BITMAPS),
	  { MSR_BITMAP, END } } },
	{ "the virtual APIC is a page", { SHADOWED, { VIRTUAL_APIC_PAGE_ADDR, 0x1010 } } },
	{ "the APIC-access page is a page",
	  { CPU2_IS(SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES), { APIC_ACCESS_ADDR, END } } },
	{ "the VMREAD bitmap is a page", { CPU2_IS(SECONDARY_EXEC_SHADOW_VMCS),
	  { VMREAD_BITMAP, 0x800 } } },
	{ "the VMWRITE bitmap is a page", { CPU2_IS(SECONDARY_EXEC_SHADOW_VMCS),
	  { VMWRITE_BITMAP, 0x800 } } },
	{ "the posted-interrupt descriptor is aligned", { POSTED, { POSTED_INTR_DESC_ADDR, 32 } } },
	{ "the notification vector has 8 bits", { POSTED, { POSTED_INTR_NV, 0x100 } } },
	{ "there are no more CR3 targets than the processor has", { { CR3_TARGET_COUNT, 5 } } },
	{ "the TPR threshold has 4 bits", { SHADOWED, { TPR_THRESHOLD, 16 } } },
	{ "the virtual APIC is in one place", { SHADOWED,
	  CPU2_IS(SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES |
		  SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE) } },
	{ "the VPID is not 0", { CPU2_IS(SECONDARY_EXEC_ENABLE_VPID) } },
	{ "MSRs stored by exits are in memory", { { VM_EXIT_MSR_STORE_COUNT, 1 },
	  { VM_EXIT_MSR_STORE_ADDR, 8 } } },
	{ "MSRs loaded by exits are in memory", { { VM_EXIT_MSR_LOAD_COUNT, 2 },
	  { VM_EXIT_MSR_LOAD_ADDR, END - 16 } } },
	{ "MSRs loaded by entries are in memory", { { VM_ENTRY_MSR_LOAD_COUNT, 1 },
	  { VM_ENTRY_MSR_LOAD_ADDR, END } } },
};

TEST(vmx_execution_that_breaks_a_rule)
{
	EXPECT_EACH(bad_execution);
}

#define INJECT(info)	{ VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | (info) }

static const struct change bad_injection[] = {
	{ "the type of the injected event is not reserved", { INJECT(INTR_TYPE_RESERVED) } },
	{ "the injected event's vector fits its type", { INJECT(INTR_TYPE_NMI_INTR | 3) } },
	{ "the injected event's vector fits its type", { INJECT(INTR_TYPE_HARD_EXCEPTION | 32) } },
	{ "the injected event's vector fits its type", { INJECT(INTR_TYPE_OTHER_EVENT | 1) } },
	{ "the injected event has an error code where its vector has one",
	  { INJECT(INTR_TYPE_HARD_EXCEPTION | 14) } },
	{ "the injected event has an error code where its vector has one",
	  { INJECT(INTR_TYPE_HARD_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | 6) } },
	{ "the injected event has an error code where its vector has one",
	  { INJECT(INTR_TYPE_SOFT_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | 13) } },
	{ "the injected event has no reserved bit", { INJECT(INTR_TYPE_NMI_INTR | BIT(12) | 2) } },
	{ "the injected error code has 16 bits",
	  { INJECT(INTR_TYPE_HARD_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | 14),
	    { VM_ENTRY_EXCEPTION_ERROR_CODE, BIT(16) } } },
	{ "the injected event's instruction has 1 to 15 bytes", { INJECT(INTR_TYPE_SOFT_INTR) } },
	{ "the injected event's instruction has 1 to 15 bytes",
	  { INJECT(INTR_TYPE_SOFT_EXCEPTION | 3), { VM_ENTRY_INSTRUCTION_LEN, 16 } } },
	{ NULL, { { VM_ENTRY_INTR_INFO_FIELD, INTR_TYPE_RESERVED } } },		/* not valid */
	{ NULL, { INJECT(INTR_TYPE_OTHER_EVENT) } },
	{ NULL, { INJECT(INTR_TYPE_NMI_INTR | 2) } },
	{ NULL, { INJECT(INTR_TYPE_HARD_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | 14),
	  { VM_ENTRY_EXCEPTION_ERROR_CODE, 0xffff } } },
	{ NULL, { INJECT(INTR_TYPE_SOFT_INTR | 0x80), { VM_ENTRY_INSTRUCTION_LEN, 2 } } },
};

TEST(vmx_injection)
{
	static const struct change gp = { NULL, { INJECT(INTR_TYPE_HARD_EXCEPTION | 13) } };
	static const struct change empty = { NULL, { INJECT(INTR_TYPE_SOFT_INTR) } };
	static const struct change mtf = { NULL, { INJECT(INTR_TYPE_OTHER_EVENT) } };

	EXPECT_EACH(bad_injection);
	vmcs_apply(&gp);
	limits.basic = BIT_ULL(56);
	vmcs_expect(NULL);
	vmcs_apply(&empty);
	limits.misc |= BIT(30);
	vmcs_expect(NULL);
	vmcs_apply(&mtf);
	limits.cpu &= ~BIT_ULL(32 + 27);
	vmcs_expect("the type of the injected event is not reserved");
}

/* ---- the host's state ---- */

#define HOST_CR4_GOOD	(X86_CR4_VMXE | X86_CR4_PAE)

static const struct change bad_host[] = {
	{ "exits are to a 64-bit host", { EXIT_IS(EXIT_MUST) } },
	{ "the host's CR4.PAE is set", { { HOST_CR4, X86_CR4_VMXE } } },
	{ "the host's RIP is canonical", { { HOST_RIP, NOT_CANONICAL } } },
	{ "the host's CR0 is as VMX operation wants it", { { HOST_CR0, CR0_MUST & ~X86_CR0_NE } } },
	{ "the host's CR0 is as VMX operation wants it", { { HOST_CR0, CR0_MUST | BIT_ULL(32) } } },
	{ "the host's CR4 is as VMX operation wants it", { { HOST_CR4, X86_CR4_PAE } } },
	{ "the host's CR4 is as VMX operation wants it",
	  { { HOST_CR4, HOST_CR4_GOOD | X86_CR4_SMEP } } },
	{ "the host's CR4.CET is with CR0.WP",
	  { { HOST_CR0, CR0_MUST }, { HOST_CR4, HOST_CR4_GOOD | X86_CR4_CET } } },
	{ "the host's CR3 has no reserved bit", { { HOST_CR3, BIT_ULL(62) } } },
	{ "the host's CR3 has no reserved bit", { { HOST_CR3, END } } },
	{ "the host's SYSENTER MSRs are canonical", { { HOST_IA32_SYSENTER_ESP, NOT_CANONICAL } } },
	{ "the host's SYSENTER MSRs are canonical", { { HOST_IA32_SYSENTER_EIP, NOT_CANONICAL } } },
	{ "the host's PAT has memory types", { { HOST_IA32_PAT, 2 } } },
	{ "the host's PAT has memory types", { { HOST_IA32_PAT, 8ull << 56 } } },
	{ "the host's EFER has no reserved bit",
	  { { HOST_IA32_EFER, EFER_LME | EFER_LMA | BIT(1) } } },
	{ "the host's EFER is that of a 64-bit host", { { HOST_IA32_EFER, EFER_LME } } },
	{ "the host's EFER is that of a 64-bit host", { { HOST_IA32_EFER, EFER_LMA } } },
	{ "the host's selectors are of the GDT and CPL 0", { { HOST_SS_SELECTOR, 0x1b } } },
	{ "the host's selectors are of the GDT and CPL 0", { { HOST_TR_SELECTOR, 0x44 } } },
	{ "the host's selectors are of the GDT and CPL 0", { { HOST_ES_SELECTOR, 1 } } },
	{ "the host's selectors are of the GDT and CPL 0", { { HOST_DS_SELECTOR, 1 } } },
	{ "the host's selectors are of the GDT and CPL 0", { { HOST_FS_SELECTOR, 1 } } },
	{ "the host's selectors are of the GDT and CPL 0", { { HOST_GS_SELECTOR, 1 } } },
	{ "the host's CS and TR are not null", { { HOST_CS_SELECTOR, 0 } } },
	{ "the host's CS and TR are not null", { { HOST_TR_SELECTOR, 0 } } },
	{ "the host's bases are canonical", { { HOST_FS_BASE, NOT_CANONICAL } } },
	{ "the host's bases are canonical", { { HOST_GS_BASE, NOT_CANONICAL } } },
	{ "the host's bases are canonical", { { HOST_TR_BASE, NOT_CANONICAL } } },
	{ "the host's bases are canonical", { { HOST_GDTR_BASE, NOT_CANONICAL } } },
	{ "the host's bases are canonical", { { HOST_IDTR_BASE, NOT_CANONICAL } } },
};

TEST(vmx_host_that_breaks_a_rule)
{
	EXPECT_EACH(bad_host);
}

static const struct change good[] = {
	{ NULL },
	{ NULL, .vm86 = true },
	{ NULL, .pae = true },
	{ NULL, { IO_BITMAPS, { IO_BITMAP_A, 0x1000 }, { IO_BITMAP_B, END - 0x1000 } } },
	{ NULL, { { IO_BITMAP_A, 1 }, { MSR_BITMAP, 1 } } },		/* not used */
	{ NULL, { CPU2_IS(SECONDARY_EXEC_ENABLE_VPID), { VIRTUAL_PROCESSOR_ID, 1 } } },
	{ NULL, { CPU_IS(CPU_MUST), CPU2_IS(~0u) } },			/* not activated */
	{ NULL, { POSTED, { POSTED_INTR_DESC_ADDR, 64 }, { POSTED_INTR_NV, 0xff } } },
	{ NULL, { { CR3_TARGET_COUNT, 4 } } },
	{ NULL, { { VM_EXIT_MSR_LOAD_COUNT, 2 }, { VM_EXIT_MSR_LOAD_ADDR, END - 32 } } },
	{ NULL, { EXIT_IS(EXIT_GOOD), { HOST_IA32_EFER, 0 }, { HOST_IA32_PAT, 2 } } },
};

TEST(vmx_controls_and_host_that_break_no_rule)
{
	static const struct change lam = { NULL, { { HOST_CR3, BIT_ULL(62) | 0x1000 } } };

	EXPECT_EACH(good);
	vmcs_apply(&lam);
	limits.cr3_more = BIT_ULL(61) | BIT_ULL(62);
	vmcs_expect(NULL);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
