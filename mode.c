// SPDX-License-Identifier: GPL-2.0-only
/*
 * CR0, CR3, CR4, CR8, EFER and XCR0: which values a processor takes, and who has to know.
 * Intel SDM 2 'MOV - Move to/from Control Registers', 3A 2.5, 4.1 and 9.8.5; AMD APM 2 3.1
 * and 14.6.
 */
#include <linux/mm.h>

#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "chips.h"
#include "emulate.h"
#include "entry_check.h"
#include "mmu.h"
#include "mode.h"
#include "vcpu.h"
#include "vendor.h"

/* Bits that decide how addresses translate, or whose change flushes the TLB. */
#define CR0_MMU_BITS	(X86_CR0_PG | X86_CR0_WP)
#define CR4_MMU_BITS	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE | \
			 X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_LA57 | X86_CR4_PKE)
#define EFER_MMU_BITS	(EFER_NX | EFER_LMA)

/* Bits whose change loads the PDPTEs if PAE paging results: Intel SDM 3A 4.4.1. */
#define CR0_PDPTE_BITS	(X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_PDPTE_BITS	(X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

#define CR3_NOFLUSH	BIT_ULL(63)
#define CR3_PCID	0xfffull

static bool is_64bit_code(struct vcpu *vcpu)
{
	return mode_insn(vcpu) == INSN_LONG64;
}

static bool is_pae(const struct vcpu_mode *m)
{
	return (m->cr0 & X86_CR0_PG) && (m->cr4 & X86_CR4_PAE) && !(m->efer & EFER_LMA);
}

static bool mmu_differs(const struct vcpu_mode *a, const struct vcpu_mode *b)
{
	return ((a->cr0 ^ b->cr0) & CR0_MMU_BITS) || ((a->cr4 ^ b->cr4) & CR4_MMU_BITS) ||
	       ((a->efer ^ b->efer) & EFER_MMU_BITS);
}

static bool loads_pdptes(const struct vcpu_mode *old, const struct vcpu_mode *new)
{
	return is_pae(new) && (((old->cr0 ^ new->cr0) & CR0_PDPTE_BITS) ||
			       ((old->cr4 ^ new->cr4) & CR4_PDPTE_BITS));
}

static void tell_mmu(struct vcpu *vcpu)
{
	const struct mmu_regs regs = {
		.cr0 = vcpu->mode.cr0,
		.cr3 = vcpu->mode.cr3,
		.cr4 = vcpu->mode.cr4,
		.efer = vcpu->mode.efer,
		.maxphyaddr = vcpu->cpuid.maxphyaddr,
		.gbpages = vcpu->cpuid.gbpages,
		.smm = vcpu->smm.inside,
	};

	mmu_set_mode(&vcpu->mmu, &regs);
}

/* Go from one valid mode to another; nothing happens if the PDPTEs are bad. */
static int change(struct vcpu *vcpu, const struct vcpu_mode *new)
{
	const struct vcpu_mode old = vcpu->mode;
	int err = 0;

	vcpu->mode = *new;
	if (mmu_differs(&old, new))
		tell_mmu(vcpu);
	if (loads_pdptes(&old, new))
		err = mmu_set_cr3(&vcpu->mmu, new->cr3, true);
	if (err) {
		vcpu->mode = old;
		if (mmu_differs(&old, new))
			tell_mmu(vcpu);
		return err;
	}
	vendor(update_mode)(vcpu);
	return 0;
}

int mode_get_cr(const struct vcpu *vcpu, unsigned int nr, u64 *value)
{
	const struct vcpu_mode *m = &vcpu->mode;

	switch (nr) {
	case 0: *value = m->cr0; break;
	case 2: *value = m->cr2; break;
	case 3: *value = m->cr3; break;
	case 4: *value = m->cr4; break;
	case 8: *value = m->cr8; break;
	default: return -EINVAL;
	}
	return 0;
}

static bool cr0_valid(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || (cr0 & X86_CR0_PE);
}

u64 mode_settled_cr0(u64 cr0)
{
	return (cr0 & (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE |
		       X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)) |
	       X86_CR0_ET;
}

static bool is_16bit_tss(const struct kvm_segment *tr)
{
	return tr->present && !tr->unusable && !tr->s && (tr->type & ~2) == 1;
}

/* Setting PG activates long mode if LME asks for it. */
static int paging_on(struct vcpu *vcpu, struct vcpu_mode *new)
{
	struct kvm_segment cs, tr;

	if (!(new->efer & EFER_LME))
		return 0;
	vendor(get_segment)(vcpu, VCPU_SREG_CS, &cs);
	vendor(get_segment)(vcpu, VCPU_SREG_TR, &tr);
	if (!(new->cr4 & X86_CR4_PAE) || cs.l || is_16bit_tss(&tr))
		return -EINVAL;
	new->efer |= EFER_LMA;
	return 0;
}

static int paging_off(struct vcpu *vcpu, struct vcpu_mode *new)
{
	if (is_64bit_code(vcpu) || (new->cr4 & X86_CR4_PCIDE))
		return -EINVAL;
	new->efer &= ~EFER_LMA;
	return 0;
}

int mode_set_cr0(struct vcpu *vcpu, u64 value)
{
	struct vcpu_mode new = vcpu->mode;
	int err = 0;

	if (!cr0_valid(value))
		return -EINVAL;
	new.cr0 = mode_settled_cr0(value);
	if (new.cr0 & ~vcpu->mode.cr0 & X86_CR0_PG)
		err = paging_on(vcpu, &new);
	else if (~new.cr0 & vcpu->mode.cr0 & X86_CR0_PG)
		err = paging_off(vcpu, &new);
	return err ?: change(vcpu, &new);
}

static bool cr3_valid(struct vcpu *vcpu, u64 cr3)
{
	return !(cr3 >> vcpu->cpuid.maxphyaddr);
}

int mode_set_cr3(struct vcpu *vcpu, u64 value)
{
	bool flush = true;
	int err;

	if (vcpu->mode.cr4 & X86_CR4_PCIDE) {
		flush = !(value & CR3_NOFLUSH);
		value &= ~CR3_NOFLUSH;
	}
	if (!(vcpu->mode.efer & EFER_LMA))
		value = (u32)value;
	else if (!cr3_valid(vcpu, value))
		return -EINVAL;
	err = mmu_set_cr3(&vcpu->mmu, value, flush);
	if (err)
		return err;
	vcpu->mode.cr3 = value;
	return 0;
}

static bool cr4_change_valid(const struct vcpu_mode *old, u64 cr4)
{
	if ((old->efer & EFER_LMA) &&
	    (!(cr4 & X86_CR4_PAE) || ((cr4 ^ old->cr4) & X86_CR4_LA57)))
		return false;
	if (!(cr4 & ~old->cr4 & X86_CR4_PCIDE))
		return true;
	return (old->efer & EFER_LMA) && !(old->cr3 & CR3_PCID);
}

int mode_set_cr4(struct vcpu *vcpu, u64 value)
{
	struct vcpu_mode new = vcpu->mode;

	if ((value & vcpu->cpuid.cr4_reserved) || !cr4_change_valid(&vcpu->mode, value))
		return -EINVAL;
	new.cr4 = value;
	return change(vcpu, &new);
}

static bool cr8_valid(u64 cr8)
{
	return cr8 <= 15;
}

int mode_set_cr8(struct vcpu *vcpu, u64 value)
{
	if (!cr8_valid(value))
		return -EINVAL;
	vcpu->mode.cr8 = value;
	chips_set_tpr(vcpu, value);
	return 0;
}

static bool efer_valid(const struct vcpu *vcpu, u64 efer)
{
	return !(efer & ~(u64)EFER_LMA & vcpu->cpuid.efer_reserved);
}

int mode_set_efer(struct vcpu *vcpu, u64 value)
{
	struct vcpu_mode new = vcpu->mode;

	value = (value & ~(u64)EFER_LMA) | (vcpu->mode.efer & EFER_LMA);
	if (!efer_valid(vcpu, value))
		return -EINVAL;
	if ((vcpu->mode.cr0 & X86_CR0_PG) && ((value ^ vcpu->mode.efer) & EFER_LME))
		return -EINVAL;
	new.efer = value;
	return change(vcpu, &new);
}

int mode_set_xcr0(struct vcpu *vcpu, u64 value)
{
	const u64 bnd = XFEATURE_MASK_BNDREGS | XFEATURE_MASK_BNDCSR;

	if ((value & ~vcpu->cpuid.xcr0_allowed) || !(value & XFEATURE_MASK_FP))
		return -EINVAL;
	if ((value & XFEATURE_MASK_YMM) && !(value & XFEATURE_MASK_SSE))
		return -EINVAL;
	if ((value & bnd) && (value & bnd) != bnd)
		return -EINVAL;
	if ((value & XFEATURE_MASK_AVX512) &&
	    ((value & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512 ||
	     !(value & XFEATURE_MASK_YMM)))
		return -EINVAL;
	vcpu->mode.xcr0 = value;
	return 0;
}

/* x2APIC mode is one of an APIC that is on. */
static bool apic_base_valid(const struct vcpu *vcpu, u64 base)
{
	const u64 flags = MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE |
			  (vcpu->chips ? MSR_IA32_APICBASE_X2 : 0);

	if (base & MSR_IA32_APICBASE_X2 && !(base & MSR_IA32_APICBASE_ENABLE))
		return false;
	return !(base & ~flags & 0xfff) && !(base >> vcpu->cpuid.maxphyaddr);
}

void mode_load_apic_base(struct vcpu *vcpu, u64 value)
{
	vcpu->mode.apic_base = value;
	chips_set_apic_base(vcpu, value, true);
}

int mode_set_apic_base(struct vcpu *vcpu, u64 value, bool host)
{
	if (!apic_base_valid(vcpu, value))
		return -EINVAL;
	if (chips_set_apic_base(vcpu, value, host))
		return -EINVAL;
	vcpu->mode.apic_base = value;
	return 0;
}

static bool long_mode_consistent(const struct kvm_sregs *s)
{
	if ((s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG))
		return (s->cr4 & X86_CR4_PAE) && (s->efer & EFER_LMA);
	return !(s->efer & EFER_LMA) && !s->cs.l;
}

bool mode_valid_sregs(struct vcpu *vcpu, const struct kvm_sregs *s)
{
	if (!cr0_valid(s->cr0) || !cr3_valid(vcpu, s->cr3) || !cr8_valid(s->cr8))
		return false;
	if ((s->cr4 & vcpu->cpuid.cr4_reserved) || !efer_valid(vcpu, s->efer))
		return false;
	if (!apic_base_valid(vcpu, s->apic_base))
		return false;
	return long_mode_consistent(s);
}

int mode_apply(struct vcpu *vcpu)
{
	int err;

	tell_mmu(vcpu);
	err = mmu_set_cr3(&vcpu->mmu, vcpu->mode.cr3, true);
	vendor(update_mode)(vcpu);
	return err ? -EINVAL : 0;
}

void mode_memory_changed(struct vcpu *vcpu)
{
	tell_mmu(vcpu);
}

bool mode_has_pdptes(const struct vcpu *vcpu)
{
	return is_pae(&vcpu->mode);
}

int mode_apply_pdptes(struct vcpu *vcpu, const u64 pdpte[4])
{
	int err;

	if (!is_pae(&vcpu->mode))
		return -EINVAL;
	tell_mmu(vcpu);
	err = mmu_set_pdptes(&vcpu->mmu, pdpte);
	vendor(update_mode)(vcpu);
	return err;
}

void mode_invlpg(struct vcpu *vcpu, gva_t gva)
{
	vcpu->io.code.valid = false;
	vcpu_forget_device(vcpu);
	mmu_invlpg(&vcpu->mmu, gva);
}

int mode_invpcid(struct vcpu *vcpu, u64 type, u64 pcid, gva_t gva)
{
	u64 current_pcid = vcpu->mode.cr4 & X86_CR4_PCIDE ? vcpu->mode.cr3 & CR3_PCID : 0;

	if (type > 3 || (pcid & ~CR3_PCID))
		return -EINVAL;
	if (type <= 1 && pcid && !(vcpu->mode.cr4 & X86_CR4_PCIDE))
		return -EINVAL;
	if (type == 0 && !is_canonical(gva))
		return -EINVAL;
	if (type == 0 && pcid == current_pcid) {
		vcpu->stats.exits_invlpg++;
		mode_invlpg(vcpu, gva);
	} else if (type == 0) {
		mmu_flush_address(&vcpu->mmu, pcid, gva);
	} else if (type == 1) {
		mmu_flush_pcid(&vcpu->mmu, pcid);
	} else {
		mmu_flush_guest(&vcpu->mmu);
	}
	return 0;
}

enum insn_mode mode_insn(struct vcpu *vcpu)
{
	struct kvm_segment cs;

	if (!(vcpu->mode.cr0 & X86_CR0_PE))
		return INSN_REAL16;
	vendor(get_segment)(vcpu, VCPU_SREG_CS, &cs);
	return insn_mode_of(true, vcpu->regs.rflags & X86_EFLAGS_VM, vcpu->mode.efer & EFER_LMA,
			    cs.l, cs.db);
}
