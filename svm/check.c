// SPDX-License-Identifier: GPL-2.0-only
/* VMRUN's checks of a VMCB, by the manual. AMD APM volume 2. */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "check.h"
#include "trap_sets.h"

#define IOPM_BYTES	(3 * 4096ull)
#define MSRPM_BYTES	(2 * 4096ull)
#define MAP_ALIGN	4095ull

#define VIRT_EXT_LBR	BIT_ULL(0)
#define TLB_CTL_ASID_LOCAL	7

/* 15.5.1: EFER. */
static const char *check_efer(const struct vmcb_save *s, const struct vmcb_limits *l)
{
	const struct vmcb_seg *cs = &s->seg[1];
	bool long_mode = (s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG);

	if (!(s->efer & EFER_SVME))
		return "EFER.SVME is set";
	if (s->efer & ~l->efer_may)
		return "EFER has no reserved bit";
	if (long_mode && !(s->cr4 & X86_CR4_PAE))
		return "long mode has CR4.PAE";
	if (long_mode && !(s->cr0 & X86_CR0_PE))
		return "long mode has CR0.PE";
	if (long_mode && cs->attr & SEG_L && cs->attr & SEG_DB)
		return "CS.L in long mode is without CS.D";
	return NULL;
}

/* 15.5.1: control and debug registers. */
static const char *check_registers(const struct vmcb_save *s, const struct vmcb_limits *l)
{
	if (s->cr0 >> 32)
		return "CR0[63:32] are 0";
	if ((s->cr0 & X86_CR0_NW) && !(s->cr0 & X86_CR0_CD))
		return "CR0.NW is with CR0.CD";
	if (s->cr3 >> l->physical_bits)
		return "CR3 has no reserved bit";
	if (s->cr4 & ~l->cr4_may)
		return "CR4 has no reserved bit";
	if ((s->cr4 & X86_CR4_CET) && !(s->cr0 & X86_CR0_WP))
		return "CR4.CET is with CR0.WP";
	if (s->dr6 >> 32)
		return "DR6[63:32] are 0";
	if (s->dr7 >> 32)
		return "DR7[63:32] are 0";
	return NULL;
}

/* 15.10.1 and 15.11: maps of ports and MSRs. */
static bool map_ok(u64 pa, u64 bytes, const struct vmcb_limits *l)
{
	u64 end = 1ull << l->physical_bits;

	return !(pa & MAP_ALIGN) && pa < end && bytes <= end - pa;
}

static const char *check_maps(const struct vmcb_control *c, const struct vmcb_limits *l)
{
	if (!map_ok(c->iopm_pa, IOPM_BYTES, l))
		return "the map of ports is in physical memory";
	if (!map_ok(c->msrpm_pa, MSRPM_BYTES, l))
		return "the map of MSRs is in physical memory";
	return NULL;
}

static bool intercepted(const struct vmcb_control *c, unsigned int bit)
{
	return c->intercept[bit / 32] & BIT(bit % 32);
}

/* 15.16.2: kinds of flushes. */
static bool tlb_control_ok(u8 how, const struct vmcb_limits *l)
{
	if (how == TLB_CTL_ASID || how == TLB_CTL_ASID_LOCAL)
		return l->flush_by_asid;
	return how == TLB_CTL_KEEP || how == TLB_CTL_ALL;
}

/* 15.5.1, 15.16.1: what VMRUN wants of all VMCBs; and that it is one of ours. */
static const char *check_control(const struct vmcb_control *c, const struct vmcb_limits *l)
{
	if (!intercepted(c, INTERCEPT_VMRUN))
		return "VMRUN is intercepted";
	if (!c->asid)
		return "the ASID is not 0";
	if (c->asid >= l->nr_asids)
		return "the ASID is one that the processor has";
	if (!tlb_control_ok(c->tlb_control, l))
		return "TLB_CONTROL is not reserved";
	if (c->nested_ctl)
		return "nested paging and SEV are off";
	if (c->virt_ext & ~VIRT_EXT_LBR)
		return "VMLOAD and VMSAVE are not virtualized";
	return NULL;
}

/* 15.20: event injection. */
static const char *check_event(const struct vmcb_control *c)
{
	u8 vector = c->event_inj;

	if (!(c->event_inj & INJ_VALID))
		return NULL;
	switch (c->event_inj & INJ_TYPE_MASK) {
	case INJ_TYPE_INTR:
	case INJ_TYPE_NMI:
	case INJ_TYPE_SOFT:
		return NULL;
	case INJ_TYPE_EXCEPTION:
		if (vector > 31 || !(BIT(vector) & GUEST_TRAPS))
			return "the injected exception has an exception's vector";
		return NULL;
	}
	return "the type of the injected event is not reserved";
}

const char *vmcb_check(const struct vmcb *vmcb, const struct vmcb_limits *limits)
{
	return check_efer(&vmcb->save, limits) ?: check_registers(&vmcb->save, limits) ?:
	       check_maps(&vmcb->control, limits) ?: check_control(&vmcb->control, limits) ?:
	       check_event(&vmcb->control);
}
