// SPDX-License-Identifier: GPL-2.0-only
/* vmx/check_guest.c: each rule of VM entries for the guest's state is broken once. */
#include "tap.h"
#include "vmx_test.h"

#define CR0_GOOD	(X86_CR0_PE | X86_CR0_NE | X86_CR0_PG)
#define CR4_GOOD	(X86_CR4_VMXE | X86_CR4_PAE)
#define LONG_EFER	(EFER_LME | EFER_LMA)
#define STEP		(X86_EFLAGS_FIXED | X86_EFLAGS_TF)
#define IRQS_ON		(X86_EFLAGS_FIXED | X86_EFLAGS_IF)
#define BS		BIT(14)

/* Fields of a segment: 0 to 7 are ES, CS, SS, DS, FS, GS, LDTR, TR. */
enum { ES, CS, SS, DS, FS, GS, LDTR, TR };
#define SEL(i)		(GUEST_ES_SELECTOR + 2 * (i))
#define BASE(i)		(GUEST_ES_BASE + 2 * (i))
#define LIMIT(i)	(GUEST_ES_LIMIT + 2 * (i))
#define AR(i)		(GUEST_ES_AR_BYTES + 2 * (i))
#define UNUSABLE	BIT(16)

static const struct change registers[] = {
	{ "CR0 is as VMX operation wants it", { { GUEST_CR0, X86_CR0_PE | X86_CR0_PG } } },
	{ "CR0 is as VMX operation wants it", { { GUEST_CR0, CR0_GOOD | BIT_ULL(32) } } },
	{ "CR0 is as VMX operation wants it", { { GUEST_CR0, X86_CR0_NE | X86_CR0_PE } } },
	{ "CR4 is as VMX operation wants it", { { GUEST_CR4, X86_CR4_PAE } } },
	{ "CR4 is as VMX operation wants it", { { GUEST_CR4, CR4_GOOD | X86_CR4_SMAP } } },
	{ "CR4.CET is with CR0.WP", { { GUEST_CR0, CR0_GOOD },
	  { GUEST_CR4, CR4_GOOD | X86_CR4_CET } } },
	{ "IA-32e mode is with CR0.PG and CR4.PAE", { { GUEST_CR4, X86_CR4_VMXE } } },
	{ "CR4.PCIDE is with IA-32e mode", { { GUEST_CR4, CR4_GOOD | X86_CR4_PCIDE } }, .pae = 1 },
	{ NULL, { { GUEST_CR4, CR4_GOOD | X86_CR4_PCIDE } } },
	{ "CR3 has no reserved bit", { { GUEST_CR3, END } } },
	{ NULL, { { GUEST_CR3, END - 0x1000 } } },
	{ "DEBUGCTL has no reserved bit", { { GUEST_IA32_DEBUGCTL, BIT(3) } } },
	{ "DEBUGCTL has no reserved bit", { { GUEST_IA32_DEBUGCTL, BIT(16) } } },
	{ NULL, { { GUEST_IA32_DEBUGCTL, 0xffc7 } } },
	{ "DR7[63:32] are 0", { { GUEST_DR7, BIT_ULL(32) } } },
	{ "EFER has no reserved bit", { { GUEST_IA32_EFER, LONG_EFER | EFER_SVME } } },
	{ "EFER.LMA is the control's", { { GUEST_IA32_EFER, EFER_LME } } },
	{ "EFER.LMA is the control's", { { GUEST_IA32_EFER, LONG_EFER } }, .pae = 1 },
	{ "EFER.LME is EFER.LMA with paging", { { GUEST_IA32_EFER, EFER_LMA } } },
	{ "EFER.LME is EFER.LMA with paging", { { GUEST_IA32_EFER, EFER_LME } }, .pae = 1 },
	{ "SYSENTER MSRs are canonical", { { GUEST_SYSENTER_ESP, NOT_CANONICAL } } },
	{ "SYSENTER MSRs are canonical", { { GUEST_SYSENTER_EIP, NOT_CANONICAL } } },
	{ "PAT has memory types", { { GUEST_IA32_PAT, 3 } } },
};

TEST(vmx_guest_registers)
{
	static const struct change none = {};

	EXPECT_EACH(registers);
	vmcs_apply(&none);
	limits.cr0_set &= ~(u64)X86_CR0_PE;
	fields[GUEST_CR0] &= ~(u64)X86_CR0_PE;
	vmcs_expect("CR0.PG is with CR0.PE");
}

static const struct change segments[] = {
	{ "TR is in the GDT", { { SEL(TR), 0x44 } } },
	{ "LDTR is in the GDT", { { SEL(LDTR), 0x24 } } },
	{ NULL, { { SEL(LDTR), 0x24 }, { AR(LDTR), UNUSABLE } } },
	{ "the RPL of SS is that of CS", { { SEL(CS), 0x13 } } },
	{ "the bases of TR, FS and GS are canonical", { { BASE(TR), NOT_CANONICAL } } },
	{ "the bases of TR, FS and GS are canonical", { { BASE(FS), NOT_CANONICAL } } },
	{ "the bases of TR, FS and GS are canonical",
	  { { BASE(GS), NOT_CANONICAL }, { AR(GS), UNUSABLE } } },
	{ "the base of LDTR is canonical", { { BASE(LDTR), NOT_CANONICAL } } },
	{ "the base of CS has 32 bits", { { BASE(CS), BIT_ULL(32) } } },
	{ "the bases of SS, DS and ES have 32 bits", { { BASE(SS), BIT_ULL(32) } } },
	{ "the bases of SS, DS and ES have 32 bits", { { BASE(DS), BIT_ULL(32) } } },
	{ "the bases of SS, DS and ES have 32 bits", { { BASE(ES), BIT_ULL(32) } } },
	{ NULL, { { BASE(ES), BIT_ULL(32) }, { AR(ES), UNUSABLE } } },
	{ NULL, { { BASE(FS), 0xffff800000000000 } } },
	{ "virtual-8086 bases are 16 times the selector", { { BASE(DS), 0x20 } }, .vm86 = 1 },
	{ "virtual-8086 limits are 0xffff", { { LIMIT(GS), 0xfffff } }, .vm86 = 1 },
	{ "virtual-8086 segments are writable data of DPL 3", { { AR(CS), 0x9b } }, .vm86 = 1 },
	{ "virtual-8086 segments are writable data of DPL 3", { { AR(ES), UNUSABLE } }, .vm86 = 1 },
	{ "CS is usable", { { AR(CS), 0xa09b | UNUSABLE } } },
	{ "CS is accessed code", { { AR(CS), 0xa09a } } },
	{ "CS is accessed code", { { AR(CS), 0xc093 } } },
	{ "the DPL of CS fits that of SS", { { AR(CS), 0xa0fb } } },
	{ "the DPL of CS fits that of SS", { { AR(CS), 0xa0ff } } },
	{ NULL, { { AR(CS), 0xa09f } } },
	{ "CS.L in IA-32e mode is without CS.D", { { AR(CS), 0xe09b } } },
	{ NULL, { { AR(CS), 0xe09b } }, .pae = 1 },
	{ "SS is accessed and writable data", { { AR(SS), 0xc091 } } },
	{ "SS is accessed and writable data", { { AR(SS), 0xc09b } } },
	{ NULL, { { AR(SS), 0xc097 } } },
	{ "the DPL of SS is its RPL", { { SEL(SS), 0x13 }, { SEL(CS), 0x13 } } },
	{ "the DPL of SS is its RPL", { { SEL(SS), 3 }, { SEL(CS), 3 }, { AR(SS), UNUSABLE } } },
	{ NULL, { { AR(SS), UNUSABLE } } },
	{ "data segments are accessed", { { AR(DS), 0xc092 } } },
	{ "code in data segments is readable", { { AR(ES), 0xc099 } } },
	{ NULL, { { AR(ES), 0xc09b } } },
	{ "the RPL of data segments is not above their DPL", { { SEL(FS), 0x13 } } },
	{ NULL, { { SEL(FS), 0x13 }, { AR(FS), 0xc09f } } },		/* conforming */
	{ NULL, { { SEL(FS), 0x13 }, { AR(FS), UNUSABLE } } },
	{ "segments are code or data", { { AR(GS), 0xc083 } } },
	{ "usable segments are present", { { AR(DS), 0xc013 } } },
	{ "usable segments are present", { { AR(CS), 0xa01b } } },
	{ "access rights have no reserved bit", { { AR(SS), 0xc193 } } },
	{ "access rights have no reserved bit", { { AR(DS), 0xc093 | BIT(17) } } },
	{ "limits are as G has them", { { LIMIT(CS), 0xffff0000 } } },
	{ "limits are as G has them", { { AR(ES), 0x4093 } } },
	{ NULL, { { AR(ES), 0x4093 }, { LIMIT(ES), 0xfffff } } },
	{ "TR is a busy TSS", { { AR(TR), 0x89 } } },
	{ "TR is a busy TSS", { { AR(TR), 0x83 } } },
	{ NULL, { { AR(TR), 0x83 } }, .pae = 1 },
	{ "TR is a busy TSS", { { AR(TR), 0x8b | UNUSABLE } } },
	{ "TR is well-formed", { { AR(TR), 0x9b } } },
	{ "TR is well-formed", { { AR(TR), 0x0b } } },
	{ "TR is well-formed", { { AR(TR), 0x18b } } },
	{ "TR is well-formed", { { AR(TR), 0x808b } } },
	{ "LDTR is an LDT", { { AR(LDTR), 0x83 } } },
	{ "LDTR is well-formed", { { AR(LDTR), 0x02 } } },
	{ "LDTR is well-formed", { { AR(LDTR), 0x92 } } },
	{ NULL, { { AR(LDTR), UNUSABLE | 0x83 } } },
};

TEST(vmx_guest_segments)
{
	EXPECT_EACH(segments);
}

static const struct change tables_and_rip[] = {
	{ "the bases of GDTR and IDTR are canonical", { { GUEST_GDTR_BASE, NOT_CANONICAL } } },
	{ "the bases of GDTR and IDTR are canonical", { { GUEST_IDTR_BASE, NOT_CANONICAL } } },
	{ "the limits of GDTR and IDTR have 16 bits", { { GUEST_GDTR_LIMIT, 0x10000 } } },
	{ "the limits of GDTR and IDTR have 16 bits", { { GUEST_IDTR_LIMIT, 0x10000 } } },
	{ "RIP outside 64-bit code has 32 bits", { { GUEST_RIP, BIT_ULL(32) } }, .pae = 1 },
	{ "RIP outside 64-bit code has 32 bits",
	  { { GUEST_RIP, BIT_ULL(32) }, { AR(CS), 0xc09b } } },
	{ "RIP is one of a linear address", { { GUEST_RIP, BIT_ULL(48) } } },
	{ NULL, { { GUEST_RIP, BIT_ULL(47) } } },	/* not canonical, and taken all the same */
	{ NULL, { { GUEST_RIP, 0xffffffff80000000 } } },
	{ "RFLAGS has its fixed bits", { { GUEST_RFLAGS, 0 } } },
	{ "RFLAGS has its fixed bits", { { GUEST_RFLAGS, X86_EFLAGS_FIXED | BIT(15) } } },
	{ "RFLAGS has its fixed bits", { { GUEST_RFLAGS, X86_EFLAGS_FIXED | BIT(22) } } },
	{ "RFLAGS has its fixed bits", { { GUEST_RFLAGS, X86_EFLAGS_FIXED | BIT_ULL(32) } } },
	{ "an interrupt comes with RFLAGS.IF",
	  { { VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | 0x40 } } },
	{ NULL, { { VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | 0x40 },
	  { GUEST_RFLAGS, IRQS_ON } } },
};

TEST(vmx_guest_tables_rip_and_rflags)
{
	static const struct change vm86 = { .vm86 = true };

	EXPECT_EACH(tables_and_rip);
	vmcs_apply(&vm86);
	fields[VM_ENTRY_CONTROLS] |= VM_ENTRY_IA32E_MODE;
	fields[GUEST_IA32_EFER] = LONG_EFER;
	vmcs_expect("RFLAGS.VM is in protected mode");
	vmcs_apply(&vm86);
	limits.cr0_set = 0;
	fields[GUEST_CR0] = X86_CR0_NE;
	vmcs_expect("RFLAGS.VM is in protected mode");
}

#define HLT		{ GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_HLT }
#define SHUTDOWN	{ GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_SHUTDOWN }
#define WAIT_SIPI	{ GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_WAIT_SIPI }
#define STI		{ GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_STI }
#define MOV_SS		{ GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_MOV_SS }
#define FLAGS(f)	{ GUEST_RFLAGS, f }
#define PENDING(bits)	{ GUEST_PENDING_DBG_EXCEPTIONS, bits }
#define INJECT(info)	{ VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | (info) }
#define IRQ		INJECT(0x40)
#define NMI		INJECT(INTR_TYPE_NMI_INTR | 2)
#define EXCEPTION(n)	INJECT(INTR_TYPE_HARD_EXCEPTION | (n))

static const struct change activity[] = {
	{ "the activity state is one that the processor has", { { GUEST_ACTIVITY_STATE, 4 } } },
	{ "HLT is at CPL 0", { HLT, { SEL(CS), 0x13 }, { AR(CS), 0xa0fb }, { SEL(SS), 0x13 },
	  { AR(SS), 0xc0f3 } } },
	{ "an interrupt shadow is of an active processor", { HLT, STI, FLAGS(IRQS_ON) } },
	{ "an interrupt shadow is of an active processor", { SHUTDOWN, MOV_SS } },
	{ "the event can come in the activity state", { HLT, EXCEPTION(6) } },
	{ "the event can come in the activity state", { SHUTDOWN, IRQ, FLAGS(IRQS_ON) } },
	{ "the event can come in the activity state", { SHUTDOWN, EXCEPTION(1) } },
	{ "the event can come in the activity state", { WAIT_SIPI, NMI } },
	{ NULL, { HLT, IRQ, FLAGS(IRQS_ON) } },
	{ NULL, { HLT, EXCEPTION(1) } },
	{ NULL, { HLT, EXCEPTION(18) } },
	{ NULL, { HLT, INJECT(INTR_TYPE_OTHER_EVENT) } },
	{ NULL, { SHUTDOWN, NMI } },
	{ NULL, { WAIT_SIPI } },
};

static const struct change interruptibility[] = {
	{ "interruptibility has no reserved bit", { { GUEST_INTERRUPTIBILITY_INFO, BIT(4) } } },
	{ "interruptibility has no reserved bit", { { GUEST_INTERRUPTIBILITY_INFO, BIT(31) } } },
	{ "there is one interrupt shadow",
	  { { GUEST_INTERRUPTIBILITY_INFO, 3 }, FLAGS(IRQS_ON) } },
	{ "STI's shadow is with RFLAGS.IF", { STI } },
	{ "an interrupt comes outside of shadows", { STI, IRQ, FLAGS(IRQS_ON) } },
	{ "an interrupt comes outside of shadows", { MOV_SS, IRQ, FLAGS(IRQS_ON) } },
	{ "an NMI comes outside of shadows", { MOV_SS, NMI } },
	{ "an NMI comes outside of shadows", { STI, NMI, FLAGS(IRQS_ON) } },
	{ "SMIs are blocked in SMM only",
	  { { GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_SMI } } },
	{ "an NMI comes while none is blocked",
	  { { GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI }, NMI } },
	{ NULL, { STI, FLAGS(IRQS_ON) } },
	{ NULL, { MOV_SS, EXCEPTION(1) } },
	{ NULL, { { GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI } } },
};

static const struct change pending[] = {
	{ "pending debug exceptions have no reserved bit", { PENDING(BIT(4)) } },
	{ "pending debug exceptions have no reserved bit", { PENDING(BIT(13)) } },
	{ "pending debug exceptions have no reserved bit", { PENDING(BIT(15)) } },
	{ "pending debug exceptions have no reserved bit", { PENDING(BIT_ULL(63)) } },
	{ "a single step is pending in a shadow or HLT as RFLAGS.TF says",
	  { MOV_SS, FLAGS(STEP) } },
	{ "a single step is pending in a shadow or HLT as RFLAGS.TF says",
	  { MOV_SS, PENDING(BS) } },
	{ "a single step is pending in a shadow or HLT as RFLAGS.TF says", { HLT, FLAGS(STEP) } },
	{ "a single step is pending in a shadow or HLT as RFLAGS.TF says",
	  { HLT, FLAGS(STEP), PENDING(BS), { GUEST_IA32_DEBUGCTL, BIT(1) } } },
	{ NULL, { MOV_SS, FLAGS(STEP), PENDING(BS) } },
	{ NULL, { MOV_SS, PENDING(BIT(12) | 0xf) } },
	{ NULL, { FLAGS(STEP) } },
	{ NULL, { PENDING(BS) } },
	{ "there is no linked VMCS", { { VMCS_LINK_POINTER, 0x1000 } } },
};

TEST(vmx_guest_activity_and_events)
{
	static const struct change halted = { NULL, { HLT } };

	EXPECT_EACH(activity);
	EXPECT_EACH(interruptibility);
	EXPECT_EACH(pending);
	vmcs_apply(&halted);
	limits.misc &= ~(u64)BIT(6);
	vmcs_expect("the activity state is one that the processor has");
}

TEST(vmx_guest_pdptes)
{
	static const struct change pae = { .pae = true }, long_mode = {};
	static const u64 bad[] = { 0x1002 | 1, 0x1020 | 1, 0x1100 | 1, END | 1, 1ull << 63 | 1 };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		for (n = 0; n < 4; n++) {
			vmcs_apply(&pae);
			pdptes[n] = bad[i];
			vmcs_expect("PDPTEs have no reserved bit");
			pdptes[n] &= ~1ull;
			vmcs_expect(NULL);
		}
		vmcs_apply(&long_mode);
		pdptes[0] = bad[i];
		vmcs_expect(NULL);
	}
	vmcs_apply(&pae);
	pdptes[3] = 0x1019;
	vmcs_expect(NULL);
}

static const struct change unrestricted[] = {
	{ NULL, { { GUEST_CR0, X86_CR0_NE } }, .pae = 1 },
	{ NULL, { { GUEST_CR0, X86_CR0_NE }, { AR(CS), 0xc093 } }, .pae = 1 },
	{ NULL, { { SEL(CS), 0x13 }, { SEL(FS), 0x13 } } },
	{ "CR0 is as VMX operation wants it", { { GUEST_CR0, X86_CR0_PE | X86_CR0_PG } } },
	{ "CR0.PG is with CR0.PE", { { GUEST_CR0, X86_CR0_NE | X86_CR0_PG } } },
	{ "the DPL of CS fits that of SS", { { AR(CS), 0xc0b3 } }, .pae = 1 },
	{ "the DPL of SS in real mode is 0",
	  { { GUEST_CR0, X86_CR0_NE }, { AR(SS), 0xc0f3 }, { AR(CS), 0xc0fb } }, .pae = 1 },
	{ "the DPL of SS in real mode is 0", { { AR(SS), 0xc0f3 }, { AR(CS), 0xc093 } }, .pae = 1 },
	{ NULL, { { AR(SS), 0xc0f3 }, { AR(CS), 0xa0fb } } },
};

/* Which Umbra never is, and vmcs_check() says so. */
TEST(vmx_guest_that_is_unrestricted)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unrestricted); i++) {
		vmcs_apply(&unrestricted[i]);
		fields[SECONDARY_VM_EXEC_CONTROL] = SECONDARY_EXEC_UNRESTRICTED_GUEST;
		vmcs_expect_guest(unrestricted[i].rule);
	}
}
