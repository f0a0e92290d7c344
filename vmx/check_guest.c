// SPDX-License-Identifier: GPL-2.0-only
/* The checks of VM entries: the guest's state. Intel SDM volume 3C, 27.3.1. */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/vmx.h>

#include "check.h"
#include "entry_check.h"
#include "trap_sets.h"

/* Access rights. */
#define RIGHTS_TYPE		0xfu
#define RIGHTS_CODE		8u
#define RIGHTS_CONFORMING	4u	/* of code */
#define RIGHTS_RW		2u	/* readable code, writable data */
#define RIGHTS_ACCESSED	1u
#define RIGHTS_S		BIT(4)
#define RIGHTS_DPL(ar)	((ar) >> 5 & 3)
#define RIGHTS_P		BIT(7)
#define RIGHTS_L		BIT(13)
#define RIGHTS_DB		BIT(14)
#define RIGHTS_G		BIT(15)
#define RIGHTS_UNUSABLE	BIT(16)
#define RIGHTS_RESERVED	0xfffe0f00u
#define RIGHTS_VM86		0xf3u

#define TYPE_LDT	2
#define TYPE_TSS16	3	/* busy */
#define TYPE_TSS	11	/* busy */

#define SELECTOR_RPL	3
#define SELECTOR_TI	4

/* In the VMCS's order. */
enum { ES, CS, SS, DS, FS, GS, LDTR, TR, NR_SEGS };

struct seg {
	u16 selector;
	u64 base;
	u32 limit, ar;
};

/* What many rules ask for. */
struct guest {
	u64 cr0, cr4, rflags, debugctl;
	u32 entry, intr, injected;
	bool long_mode, vm86, unrestricted;
	struct seg seg[NR_SEGS];
};

static void read_segs(const struct vmcs_view *v, struct guest *g)
{
	unsigned int i;

	for (i = 0; i < NR_SEGS; i++)
		g->seg[i] = (struct seg){
			.selector = vmcs_get(v, GUEST_ES_SELECTOR + 2 * i),
			.base = vmcs_get(v, GUEST_ES_BASE + 2 * i),
			.limit = vmcs_get(v, GUEST_ES_LIMIT + 2 * i),
			.ar = vmcs_get(v, GUEST_ES_AR_BYTES + 2 * i),
		};
}

static void read_guest(const struct vmcs_view *v, struct guest *g)
{
	u32 info = vmcs_get(v, VM_ENTRY_INTR_INFO_FIELD);

	g->cr0 = vmcs_get(v, GUEST_CR0);
	g->cr4 = vmcs_get(v, GUEST_CR4);
	g->rflags = vmcs_get(v, GUEST_RFLAGS);
	g->debugctl = vmcs_get(v, GUEST_IA32_DEBUGCTL);
	g->entry = vmcs_get(v, VM_ENTRY_CONTROLS);
	g->intr = vmcs_get(v, GUEST_INTERRUPTIBILITY_INFO);
	g->injected = info & INTR_INFO_VALID_MASK ? info : 0;
	g->long_mode = g->entry & VM_ENTRY_IA32E_MODE;
	g->vm86 = g->rflags & X86_EFLAGS_VM;
	g->unrestricted = vmcs_get_cpu2(v) & SECONDARY_EXEC_UNRESTRICTED_GUEST;
	read_segs(v, g);
}

static bool usable(const struct seg *s)
{
	return !(s->ar & RIGHTS_UNUSABLE);
}

static bool injects(const struct guest *g, u32 type)
{
	return g->injected && (g->injected & INTR_INFO_INTR_TYPE_MASK) == type;
}

/* ---- 27.3.1.1: control registers, debug registers, MSRs ---- */

static const char *check_cr(const struct vmcs_view *v, const struct guest *g)
{
	u64 free = g->unrestricted ? X86_CR0_PE | X86_CR0_PG : 0;
	const struct vmx_limits *l = v->limits;

	if (l->cr0_set & ~free & ~g->cr0 || g->cr0 & ~l->cr0_may)
		return "CR0 is as VMX operation wants it";
	if ((g->cr0 & X86_CR0_PG) && !(g->cr0 & X86_CR0_PE))
		return "CR0.PG is with CR0.PE";
	if (l->cr4_set & ~g->cr4 || g->cr4 & ~l->cr4_may)
		return "CR4 is as VMX operation wants it";
	if ((g->cr4 & X86_CR4_CET) && !(g->cr0 & X86_CR0_WP))
		return "CR4.CET is with CR0.WP";
	if (g->long_mode && !(g->cr0 & X86_CR0_PG && g->cr4 & X86_CR4_PAE))
		return "IA-32e mode is with CR0.PG and CR4.PAE";
	if (!g->long_mode && g->cr4 & X86_CR4_PCIDE)
		return "CR4.PCIDE is with IA-32e mode";
	if (vmcs_get(v, GUEST_CR3) >> l->physical_bits)
		return "CR3 has no reserved bit";
	return NULL;
}

#define DEBUGCTL_RESERVED	(~0xffc7ull)

static const char *check_debug(const struct vmcs_view *v, const struct guest *g)
{
	if (!(g->entry & VM_ENTRY_LOAD_DEBUG_CONTROLS))
		return NULL;
	if (g->debugctl & DEBUGCTL_RESERVED)
		return "DEBUGCTL has no reserved bit";
	return vmcs_get(v, GUEST_DR7) >> 32 ? "DR7[63:32] are 0" : NULL;
}

static const char *check_efer(const struct vmcs_view *v, const struct guest *g)
{
	u64 efer = vmcs_get(v, GUEST_IA32_EFER);

	if (!(g->entry & VM_ENTRY_LOAD_IA32_EFER))
		return NULL;
	if (efer & ~v->limits->efer_may)
		return "EFER has no reserved bit";
	if (!(efer & EFER_LMA) == g->long_mode)
		return "EFER.LMA is the control's";
	if ((g->cr0 & X86_CR0_PG) && !(efer & EFER_LMA) != !(efer & EFER_LME))
		return "EFER.LME is EFER.LMA with paging";
	return NULL;
}

static const char *check_msrs(const struct vmcs_view *v, const struct guest *g)
{
	if (!vmcs_canonical(v, GUEST_SYSENTER_ESP) || !vmcs_canonical(v, GUEST_SYSENTER_EIP))
		return "SYSENTER MSRs are canonical";
	if (g->entry & VM_ENTRY_LOAD_IA32_PAT && !vmcs_pat_ok(vmcs_get(v, GUEST_IA32_PAT)))
		return "PAT has memory types";
	return NULL;
}

/* ---- 27.3.1.2: segments ---- */

static const char *check_selectors(const struct guest *g)
{
	const struct seg *ldtr = &g->seg[LDTR];

	if (g->seg[TR].selector & SELECTOR_TI)
		return "TR is in the GDT";
	if (usable(ldtr) && ldtr->selector & SELECTOR_TI)
		return "LDTR is in the GDT";
	if (!g->vm86 && !g->unrestricted &&
	    (g->seg[SS].selector ^ g->seg[CS].selector) & SELECTOR_RPL)
		return "the RPL of SS is that of CS";
	return NULL;
}

static const char *check_bases(const struct vmcs_view *v, const struct guest *g)
{
	unsigned int bits = v->limits->linear_bits, i;

	if (!canonical_in(g->seg[TR].base, bits) || !canonical_in(g->seg[FS].base, bits) ||
	    !canonical_in(g->seg[GS].base, bits))
		return "the bases of TR, FS and GS are canonical";
	if (usable(&g->seg[LDTR]) && !canonical_in(g->seg[LDTR].base, bits))
		return "the base of LDTR is canonical";
	if (g->seg[CS].base >> 32)
		return "the base of CS has 32 bits";
	for (i = ES; i <= DS; i++)
		if (usable(&g->seg[i]) && g->seg[i].base >> 32)
			return "the bases of SS, DS and ES have 32 bits";
	return NULL;
}

static const char *check_vm86(const struct guest *g)
{
	const struct seg *s;

	for (s = g->seg; s <= &g->seg[GS]; s++) {
		if (s->base != (u64)s->selector << 4)
			return "virtual-8086 bases are 16 times the selector";
		if (s->limit != 0xffff)
			return "virtual-8086 limits are 0xffff";
		if (s->ar != RIGHTS_VM86)
			return "virtual-8086 segments are writable data of DPL 3";
	}
	return NULL;
}

/* Of any usable segment but TR and LDTR, of which the last two go for those as well. */
static const char *check_rights(const struct seg *s)
{
	if (!(s->ar & RIGHTS_S))
		return "segments are code or data";
	if (!(s->ar & RIGHTS_P))
		return "usable segments are present";
	if (s->ar & RIGHTS_RESERVED)
		return "access rights have no reserved bit";
	if (!segment_limit_ok(s->limit, s->ar & RIGHTS_G))
		return "limits are as G has them";
	return NULL;
}

static bool cs_type_ok(const struct guest *g)
{
	u32 type = g->seg[CS].ar & RIGHTS_TYPE;

	if (type == (RIGHTS_RW | RIGHTS_ACCESSED))
		return g->unrestricted;
	return (type & (RIGHTS_CODE | RIGHTS_ACCESSED)) == (RIGHTS_CODE | RIGHTS_ACCESSED);
}

static bool cs_dpl_ok(const struct guest *g)
{
	u32 cs = g->seg[CS].ar, dpl = RIGHTS_DPL(cs), cpl = RIGHTS_DPL(g->seg[SS].ar);

	if (!(cs & RIGHTS_CODE))
		return !dpl;
	return cs & RIGHTS_CONFORMING ? dpl <= cpl : dpl == cpl;
}

static const char *check_cs(const struct guest *g)
{
	const struct seg *cs = &g->seg[CS];

	if (!usable(cs))
		return "CS is usable";
	if (!cs_type_ok(g))
		return "CS is accessed code";
	if (!cs_dpl_ok(g))
		return "the DPL of CS fits that of SS";
	if (g->long_mode && cs->ar & RIGHTS_L && cs->ar & RIGHTS_DB)
		return "CS.L in IA-32e mode is without CS.D";
	return check_rights(cs);
}

static const char *check_ss(const struct guest *g)
{
	const struct seg *ss = &g->seg[SS];
	u32 type = ss->ar & RIGHTS_TYPE;

	if (usable(ss) && type != 3 && type != 7)
		return "SS is accessed and writable data";
	if (!g->unrestricted && RIGHTS_DPL(ss->ar) != (ss->selector & SELECTOR_RPL))
		return "the DPL of SS is its RPL";
	if (g->unrestricted && RIGHTS_DPL(ss->ar) &&
	    (!(g->cr0 & X86_CR0_PE) || !(g->seg[CS].ar & RIGHTS_CODE)))
		return "the DPL of SS in real mode is 0";
	return usable(ss) ? check_rights(ss) : NULL;
}

static const char *check_data(const struct guest *g, const struct seg *s)
{
	u32 type = s->ar & RIGHTS_TYPE;

	if (!usable(s))
		return NULL;
	if (!(type & RIGHTS_ACCESSED))
		return "data segments are accessed";
	if (type & RIGHTS_CODE && !(type & RIGHTS_RW))
		return "code in data segments is readable";
	if (!g->unrestricted && type < 12 && RIGHTS_DPL(s->ar) < (s->selector & SELECTOR_RPL))
		return "the RPL of data segments is not above their DPL";
	return check_rights(s);
}

static const char *check_plain(const struct guest *g)
{
	static const u8 data[] = { DS, ES, FS, GS };
	const char *rule = check_cs(g) ?: check_ss(g);
	unsigned int i;

	for (i = 0; !rule && i < ARRAY_SIZE(data); i++)
		rule = check_data(g, &g->seg[data[i]]);
	return rule;
}

static bool system_ok(const struct seg *s)
{
	return !(s->ar & RIGHTS_S) && s->ar & RIGHTS_P && !(s->ar & RIGHTS_RESERVED) &&
	       segment_limit_ok(s->limit, s->ar & RIGHTS_G);
}

static const char *check_system(const struct guest *g)
{
	const struct seg *tr = &g->seg[TR], *ldtr = &g->seg[LDTR];
	u32 type = tr->ar & RIGHTS_TYPE;

	if (!usable(tr) || (type != TYPE_TSS && (g->long_mode || type != TYPE_TSS16)))
		return "TR is a busy TSS";
	if (!system_ok(tr))
		return "TR is well-formed";
	if (!usable(ldtr))
		return NULL;
	if ((ldtr->ar & RIGHTS_TYPE) != TYPE_LDT)
		return "LDTR is an LDT";
	return system_ok(ldtr) ? NULL : "LDTR is well-formed";
}

static const char *check_segments(const struct vmcs_view *v, const struct guest *g)
{
	return check_selectors(g) ?: check_bases(v, g) ?:
	       (g->vm86 ? check_vm86(g) : check_plain(g)) ?: check_system(g);
}

/* ---- 27.3.1.3 and 27.3.1.4: descriptor tables, RIP, RFLAGS ---- */

static const char *check_tables(const struct vmcs_view *v)
{
	if (!vmcs_canonical(v, GUEST_GDTR_BASE) || !vmcs_canonical(v, GUEST_IDTR_BASE))
		return "the bases of GDTR and IDTR are canonical";
	if (vmcs_get(v, GUEST_GDTR_LIMIT) >> 16 || vmcs_get(v, GUEST_IDTR_LIMIT) >> 16)
		return "the limits of GDTR and IDTR have 16 bits";
	return NULL;
}

static const char *check_rip(const struct vmcs_view *v, const struct guest *g)
{
	u64 rip = vmcs_get(v, GUEST_RIP);
	s64 top = (s64)rip >> v->limits->linear_bits;

	if (!(g->long_mode && g->seg[CS].ar & RIGHTS_L))
		return rip >> 32 ? "RIP outside 64-bit code has 32 bits" : NULL;
	return top && top != -1 ? "RIP is one of a linear address" : NULL;
}

#define RFLAGS_RESERVED	(~0x3fffffull | BIT(15) | BIT(5) | BIT(3))

static const char *check_rflags(const struct guest *g)
{
	if (g->rflags & RFLAGS_RESERVED || !(g->rflags & X86_EFLAGS_FIXED))
		return "RFLAGS has its fixed bits";
	if (g->vm86 && (g->long_mode || !(g->cr0 & X86_CR0_PE)))
		return "RFLAGS.VM is in protected mode";
	if (injects(g, INTR_TYPE_EXT_INTR) && !(g->rflags & X86_EFLAGS_IF))
		return "an interrupt comes with RFLAGS.IF";
	return NULL;
}

/* ---- 27.3.1.5: activity, interruptibility, pending debug exceptions ---- */

#define INTR_STATE_SHADOW	(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

/* What may be delivered to a processor that is not active. */
static bool wakes(const struct guest *g, u32 activity)
{
	u32 vector = g->injected & INTR_INFO_VECTOR_MASK;
	bool exception = injects(g, INTR_TYPE_HARD_EXCEPTION);

	if (!g->injected || activity == GUEST_ACTIVITY_ACTIVE)
		return true;
	if (activity == GUEST_ACTIVITY_WAIT_SIPI)
		return false;
	if (injects(g, INTR_TYPE_NMI_INTR) || (exception && vector == X86_TRAP_MC))
		return true;
	return activity == GUEST_ACTIVITY_HLT &&
	       (injects(g, INTR_TYPE_EXT_INTR) || injects(g, INTR_TYPE_OTHER_EVENT) ||
		(exception && vector == X86_TRAP_DB));
}

/* Bits 6 to 8 of IA32_VMX_MISC are the states 1 to 3. */
static const char *check_activity(const struct vmcs_view *v, const struct guest *g)
{
	u32 activity = vmcs_get(v, GUEST_ACTIVITY_STATE);

	if (activity > GUEST_ACTIVITY_WAIT_SIPI ||
	    (activity && !(v->limits->misc >> 5 & BIT(activity))))
		return "the activity state is one that the processor has";
	if (activity == GUEST_ACTIVITY_HLT && RIGHTS_DPL(g->seg[SS].ar))
		return "HLT is at CPL 0";
	if (activity && g->intr & INTR_STATE_SHADOW)
		return "an interrupt shadow is of an active processor";
	if (!wakes(g, activity))
		return "the event can come in the activity state";
	return NULL;
}

static const char *check_interruptibility(const struct vmcs_view *v, const struct guest *g)
{
	u32 pin = vmcs_get(v, PIN_BASED_VM_EXEC_CONTROL);

	if (g->intr & ~0xfu)
		return "interruptibility has no reserved bit";
	if ((g->intr & INTR_STATE_SHADOW) == INTR_STATE_SHADOW)
		return "there is one interrupt shadow";
	if (g->intr & GUEST_INTR_STATE_STI && !(g->rflags & X86_EFLAGS_IF))
		return "STI's shadow is with RFLAGS.IF";
	if (injects(g, INTR_TYPE_EXT_INTR) && g->intr & INTR_STATE_SHADOW)
		return "an interrupt comes outside of shadows";
	if (injects(g, INTR_TYPE_NMI_INTR) && g->intr & INTR_STATE_SHADOW)
		return "an NMI comes outside of shadows";
	if (g->intr & GUEST_INTR_STATE_SMI)
		return "SMIs are blocked in SMM only";
	if (injects(g, INTR_TYPE_NMI_INTR) && g->intr & GUEST_INTR_STATE_NMI &&
	    pin & PIN_BASED_VIRTUAL_NMIS)
		return "an NMI comes while none is blocked";
	return NULL;
}

#define PENDING_BS		BIT(14)
#define PENDING_ALLOWED		(0xfull | BIT(12) | PENDING_BS)
#define DEBUGCTL_SINGLE		BIT(1)	/* BTF */

/* Without RTM (bit 16), which is not passed on. */
static const char *check_pending_debug(const struct vmcs_view *v, const struct guest *g)
{
	u64 pending = vmcs_get(v, GUEST_PENDING_DBG_EXCEPTIONS);
	bool steps = g->rflags & X86_EFLAGS_TF && !(g->debugctl & DEBUGCTL_SINGLE);

	if (pending & ~PENDING_ALLOWED)
		return "pending debug exceptions have no reserved bit";
	if (!(g->intr & INTR_STATE_SHADOW) &&
	    vmcs_get(v, GUEST_ACTIVITY_STATE) != GUEST_ACTIVITY_HLT)
		return NULL;
	if (!(pending & PENDING_BS) == steps)
		return "a single step is pending in a shadow or HLT as RFLAGS.TF says";
	return NULL;
}

/* Another VMCS is for shadowing and SMM. */
static const char *check_link(const struct vmcs_view *v)
{
	return vmcs_get(v, VMCS_LINK_POINTER) == ~0ull ? NULL : "there is no linked VMCS";
}

/* ---- 27.3.1.6: PDPTEs ---- */

static const char *check_pdptes(const struct vmcs_view *v, const struct guest *g)
{
	u64 reserved = ~0ull << v->limits->physical_bits | 0x1e6, pdpte;
	unsigned int i;

	if (!(g->cr0 & X86_CR0_PG) || !(g->cr4 & X86_CR4_PAE) || g->long_mode)
		return NULL;
	for (i = 0; i < 4; i++) {
		pdpte = v->pdpte(v, i);
		if (pdpte & 1 && pdpte & reserved)
			return "PDPTEs have no reserved bit";
	}
	return NULL;
}

const char *vmcs_check_guest(const struct vmcs_view *v)
{
	struct guest g;

	read_guest(v, &g);
	return check_cr(v, &g) ?: check_debug(v, &g) ?: check_efer(v, &g) ?: check_msrs(v, &g) ?:
	       check_segments(v, &g) ?: check_tables(v) ?: check_rip(v, &g) ?:
	       check_rflags(&g) ?: check_activity(v, &g) ?: check_interruptibility(v, &g) ?:
	       check_pending_debug(v, &g) ?: check_link(v) ?: check_pdptes(v, &g);
}
