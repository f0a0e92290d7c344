// SPDX-License-Identifier: GPL-2.0-only
/* svm/check.c: each of VMRUN's rules is broken once. */
#include "check.h"
#include "svm_machine.h"
#include "tap.h"

#define PHYSICAL_BITS	40
#define CS		1

static const struct vmcb_limits limits = {
	.nr_asids = 16,
	.physical_bits = PHYSICAL_BITS,
	.cr4_may = 0x7ff | X86_CR4_CET,
	.efer_may = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_SVME,
};

static struct vmcb vmcb;

#define FIELD(f)	offsetof(struct vmcb, f), sizeof_field(struct vmcb, f)

/* A kernel in long mode. */
static void good(void)
{
	vmcb = (struct vmcb){};
	vmcb.control.intercept[INTERCEPT_VMRUN / 32] = BIT(INTERCEPT_VMRUN % 32);
	vmcb.control.iopm_pa = 0x10000;
	vmcb.control.msrpm_pa = 0x20000;
	vmcb.control.asid = 1;
	vmcb.save.efer = EFER_SVME | EFER_LME | EFER_LMA;
	vmcb.save.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	vmcb.save.cr3 = 0x1000;
	vmcb.save.cr4 = X86_CR4_PAE;
	vmcb.save.dr6 = 0xffff0ff0;
	vmcb.save.dr7 = 0x400;
	vmcb.save.seg[CS].attr = SEG_P | SEG_S | 11 | SEG_L;
}

static void set(size_t offset, size_t bytes, u64 value)
{
	memcpy((void *)&vmcb + offset, &value, bytes);
}

static void expect(const char *rule)
{
	const char *broken = vmcb_check(&vmcb, &limits);

	if (!broken != !rule || (rule && strcmp(broken, rule)))
		TAP_FAIL("broken: '%s', expected '%s'", broken ?: "none", rule ?: "none");
}

#define LONG_EFER	(EFER_SVME | EFER_LME | EFER_LMA)
#define LONG_CR0	(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP)
#define END		(1ull << PHYSICAL_BITS)

static const struct change {
	const char *rule;
	size_t offset, bytes;
	u64 value;
} bad[] = {
	{ "EFER.SVME is set", FIELD(save.efer), EFER_LME | EFER_LMA },
	{ "EFER has no reserved bit", FIELD(save.efer), LONG_EFER | BIT(1) },
	{ "EFER has no reserved bit", FIELD(save.efer), LONG_EFER | BIT_ULL(32) },
	{ "long mode has CR4.PAE", FIELD(save.cr4), 0 },
	{ "long mode has CR0.PE", FIELD(save.cr0), X86_CR0_PG },
	{ "CS.L in long mode is without CS.D", FIELD(save.seg[CS].attr), SEG_L | SEG_DB },
	{ "CR0[63:32] are 0", FIELD(save.cr0), LONG_CR0 | BIT_ULL(32) },
	{ "CR0.NW is with CR0.CD", FIELD(save.cr0), LONG_CR0 | X86_CR0_NW },
	{ "CR3 has no reserved bit", FIELD(save.cr3), END },
	{ "CR4 has no reserved bit", FIELD(save.cr4), X86_CR4_PAE | X86_CR4_SMEP },
	{ "CR4 has no reserved bit", FIELD(save.cr4), X86_CR4_PAE | BIT_ULL(32) },
	{ "DR6[63:32] are 0", FIELD(save.dr6), BIT_ULL(32) },
	{ "DR7[63:32] are 0", FIELD(save.dr7), BIT_ULL(63) },
	{ "the map of ports is in physical memory", FIELD(control.iopm_pa), END },
	{ "the map of ports is in physical memory", FIELD(control.iopm_pa), END - 0x2000 },
	{ "the map of ports is in physical memory", FIELD(control.iopm_pa), 0x10800 },
	{ "the map of MSRs is in physical memory", FIELD(control.msrpm_pa), END },
	{ "the map of MSRs is in physical memory", FIELD(control.msrpm_pa), END - 0x1000 },
	{ "the map of MSRs is in physical memory", FIELD(control.msrpm_pa), 1 },
	{ "VMRUN is intercepted", FIELD(control.intercept[INTERCEPT_VMRUN / 32]), ~1u },
	{ "the ASID is not 0", FIELD(control.asid), 0 },
	{ "the ASID is one that the processor has", FIELD(control.asid), 16 },
	{ "TLB_CONTROL is not reserved", FIELD(control.tlb_control), 2 },
	{ "TLB_CONTROL is not reserved", FIELD(control.tlb_control), TLB_CTL_ASID },
	{ "nested paging and SEV are off", FIELD(control.nested_ctl), 1 },
	{ "VMLOAD and VMSAVE are not virtualized", FIELD(control.virt_ext), 2 },
	{ "the type of the injected event is not reserved", FIELD(control.event_inj),
	  INJ_VALID | 1 << INJ_TYPE_SHIFT },
	{ "the type of the injected event is not reserved", FIELD(control.event_inj),
	  INJ_VALID | 5 << INJ_TYPE_SHIFT },
	{ "the injected exception has an exception's vector", FIELD(control.event_inj),
	  INJ_VALID | INJ_TYPE_EXCEPTION | 2 },
	{ "the injected exception has an exception's vector", FIELD(control.event_inj),
	  INJ_VALID | INJ_TYPE_EXCEPTION | 15 },
	{ "the injected exception has an exception's vector", FIELD(control.event_inj),
	  INJ_VALID | INJ_TYPE_EXCEPTION | 45 },
};

TEST(vmrun_refuses_each_broken_rule)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		good();
		set(bad[i].offset, bad[i].bytes, bad[i].value);
		expect(bad[i].rule);
	}
	good();
	vmcb.save.cr4 |= X86_CR4_CET;
	vmcb.save.cr0 &= ~(u64)X86_CR0_WP;
	expect("CR4.CET is with CR0.WP");
}

static const struct change fine[] = {
	{ NULL, FIELD(save.efer), EFER_SVME },
	{ NULL, FIELD(save.efer), LONG_EFER | EFER_NX | EFER_SCE },
	{ NULL, FIELD(save.cr0), 0 },
	{ NULL, FIELD(save.cr0), LONG_CR0 | X86_CR0_CD | X86_CR0_NW },
	{ NULL, FIELD(save.cr0), LONG_CR0 | X86_CR0_CD },
	{ NULL, FIELD(save.cr3), END - 0x1000 },
	{ NULL, FIELD(save.cr4), X86_CR4_PAE | X86_CR4_CET },
	{ NULL, FIELD(save.seg[CS].attr), SEG_DB },
	{ NULL, FIELD(save.seg[CS].base), 1ull << 63 },		/* made canonical */
	{ NULL, FIELD(save.rip), 1ull << 63 },
	{ NULL, FIELD(control.iopm_pa), END - 0x3000 },
	{ NULL, FIELD(control.msrpm_pa), END - 0x2000 },
	{ NULL, FIELD(control.asid), 15 },
	{ NULL, FIELD(control.tlb_control), TLB_CTL_ALL },
	{ NULL, FIELD(control.event_inj), INJ_TYPE_EXCEPTION | 2 },	/* not valid */
	{ NULL, FIELD(control.event_inj), INJ_VALID | INJ_TYPE_NMI | 2 },
	{ NULL, FIELD(control.event_inj), INJ_VALID | INJ_TYPE_SOFT | 255 },
	{ NULL, FIELD(control.event_inj), INJ_VALID | INJ_TYPE_EXCEPTION | X86_TRAP_XF },
	{ NULL, FIELD(control.event_inj), INJ_VALID | INJ_TYPE_EXCEPTION | INJ_HAS_ERROR | 14 },
};

TEST(vmrun_takes_what_breaks_none)
{
	unsigned int i;

	good();
	expect(NULL);
	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		good();
		set(fine[i].offset, fine[i].bytes, fine[i].value);
		expect(NULL);
	}
}
