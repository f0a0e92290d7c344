// SPDX-License-Identifier: GPL-2.0-only
/* Registers as user space gets and sets them, and what they are after reset. */
#include <linux/bitmap.h>
#include <linux/string.h>

#include <asm/fpu/xcr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "chips.h"
#include "emulate.h"
#include "entry_check.h"
#include "exit.h"
#include "mmu.h"
#include "mode.h"
#include "request.h"
#include "smm.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"

#define RFLAGS_FIXED	((u64)X86_EFLAGS_FIXED)
#define RFLAGS_VALID	0x3f7fd5ull

/* struct kvm_regs begins with the general registers, in an order of its own. */
static const u8 regs_order[NR_GPRS] = {
	GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX, GPR_RSI, GPR_RDI, GPR_RSP, GPR_RBP,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
};

static_assert(offsetof(struct kvm_regs, rip) == NR_GPRS * sizeof(u64));

int state_get_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	u64 *out = (u64 *)regs;
	unsigned int i;

	for (i = 0; i < NR_GPRS; i++)
		out[i] = vcpu->regs.gpr[regs_order[i]];
	regs->rip = vcpu->regs.rip;
	regs->rflags = vcpu->regs.rflags;
	return 0;
}

int state_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	const u64 *in = (const u64 *)regs;
	unsigned int i;

	if (regs->rflags & ~(RFLAGS_VALID | RFLAGS_FIXED) || !entry_rip_ok(regs->rip))
		return -EINVAL;
	for (i = 0; i < NR_GPRS; i++)
		vcpu->regs.gpr[regs_order[i]] = in[i];
	vcpu->regs.rip = regs->rip;
	vcpu->regs.rflags = regs->rflags | RFLAGS_FIXED;
	vcpu->events.exception.type = EVENT_NONE;
	vcpu->events.irq_injected = false;	/* the new RFLAGS.IF decides */
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* struct kvm_sregs begins with these. */
static const u8 sregs_order[] = {
	VCPU_SREG_CS, VCPU_SREG_DS, VCPU_SREG_ES, VCPU_SREG_FS, VCPU_SREG_GS, VCPU_SREG_SS,
	VCPU_SREG_TR, VCPU_SREG_LDTR,
};

static_assert(offsetof(struct kvm_sregs, gdt) ==
	      ARRAY_SIZE(sregs_order) * sizeof(struct kvm_segment));

int state_get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct kvm_segment *seg = (struct kvm_segment *)sregs;
	const struct vcpu_mode *mode = &vcpu->mode;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sregs_order); i++)
		vendor(get_segment)(vcpu, sregs_order[i], &seg[i]);
	vendor(get_dt)(vcpu, VCPU_DTR_GDT, &sregs->gdt);
	vendor(get_dt)(vcpu, VCPU_DTR_IDT, &sregs->idt);
	sregs->cr0 = mode->cr0;
	sregs->cr2 = mode->cr2;
	sregs->cr3 = mode->cr3;
	sregs->cr4 = mode->cr4;
	sregs->cr8 = mode->cr8;
	sregs->efer = mode->efer;
	sregs->apic_base = mode->apic_base;
	memset(sregs->interrupt_bitmap, 0, sizeof(sregs->interrupt_bitmap));
	if (vcpu->events.irq.type == EVENT_IRQ)
		__set_bit(vcpu->events.irq.vector, (unsigned long *)sregs->interrupt_bitmap);
	return 0;
}

/* @pdpte: PAE's, or NULL: they are in guest memory. */
static int load_machine(struct vcpu *vcpu, const struct kvm_sregs *sregs, const u64 *pdpte)
{
	const struct kvm_segment *seg = (const struct kvm_segment *)sregs;
	struct vcpu_mode *mode = &vcpu->mode;
	unsigned int i;

	mode->cr0 = mode_settled_cr0(sregs->cr0);
	mode->cr3 = sregs->cr3;
	mode->cr4 = sregs->cr4;
	mode->efer = sregs->efer;
	vendor(set_dt)(vcpu, VCPU_DTR_GDT, &sregs->gdt);
	vendor(set_dt)(vcpu, VCPU_DTR_IDT, &sregs->idt);
	for (i = 0; i < ARRAY_SIZE(sregs_order); i++)
		vendor(set_segment)(vcpu, sregs_order[i], &seg[i]);
	return pdpte ? mode_apply_pdptes(vcpu, pdpte) : mode_apply(vcpu);
}

int state_load_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	return load_machine(vcpu, sregs, NULL);
}

static int load_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs, const u64 *pdpte)
{
	vcpu->mode.cr2 = sregs->cr2;
	mode_set_cr8(vcpu, sregs->cr8);
	mode_load_apic_base(vcpu, sregs->apic_base);
	return load_machine(vcpu, sregs, pdpte);
}

static void queue_irq(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	unsigned long vector = find_first_bit((const unsigned long *)sregs->interrupt_bitmap,
					      KVM_NR_INTERRUPTS);

	if (vector == KVM_NR_INTERRUPTS)
		return;
	vcpu->events.irq = (struct event){ .type = EVENT_IRQ, .vector = vector };
	vcpu_request(vcpu, REQ_EVENT);
}

/* Only loading PDPTEs shows whether they are good. */
static int set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs, const u64 *pdpte)
{
	bool had_pdptes = mode_has_pdptes(vcpu);
	struct kvm_sregs old;
	u64 old_pdpte[4];
	int r;

	if (!mode_valid_sregs(vcpu, sregs) || !entry_segments_ok(sregs))
		return -EINVAL;
	state_get_sregs(vcpu, &old);
	mmu_get_pdptes(&vcpu->mmu, old_pdpte);
	r = load_sregs(vcpu, sregs, pdpte);
	if (r)
		load_sregs(vcpu, &old, had_pdptes ? old_pdpte : NULL);
	return r;
}

int state_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	int r = set_sregs(vcpu, sregs, NULL);

	if (!r)
		queue_irq(vcpu, sregs);
	return r;
}

#define COMMON_SREGS offsetof(struct kvm_sregs, interrupt_bitmap)

static_assert(COMMON_SREGS == offsetof(struct kvm_sregs2, flags));

int state_get_sregs2(struct vcpu *vcpu, struct kvm_sregs2 *sregs2)
{
	struct kvm_sregs sregs;

	state_get_sregs(vcpu, &sregs);
	memset(sregs2, 0, sizeof(*sregs2));
	memcpy(sregs2, &sregs, COMMON_SREGS);
	if (mode_has_pdptes(vcpu)) {
		mmu_get_pdptes(&vcpu->mmu, (u64 *)sregs2->pdptrs);
		sregs2->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	return 0;
}

int state_set_sregs2(struct vcpu *vcpu, const struct kvm_sregs2 *sregs2)
{
	bool given = sregs2->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	struct kvm_sregs sregs = {};

	if (sregs2->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	memcpy(&sregs, sregs2, COMMON_SREGS);
	return set_sregs(vcpu, &sregs, given ? (const u64 *)sregs2->pdptrs : NULL);
}

int state_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	memset(xcrs, 0, sizeof(*xcrs));
	if (!fpu_xcr0_supported())
		return -EINVAL;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	xcrs->xcrs[0].value = vcpu->mode.xcr0;
	return 0;
}

int state_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	unsigned int i;

	if (!fpu_xcr0_supported() || xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return mode_set_xcr0(vcpu, xcrs->xcrs[i].value);
	return 0;
}

/* All but the APIC. */
static void reset(struct vcpu *vcpu)
{
	memset(&vcpu->regs, 0, sizeof(vcpu->regs));
	vcpu->regs.gpr[GPR_RDX] = 0x600;
	vcpu->regs.rip = 0xfff0;
	vcpu->regs.rflags = RFLAGS_FIXED;
	vcpu->mode = (struct vcpu_mode){
		.cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET,
		.xcr0 = 1,
		.apic_base = 0xfee00800 | (vcpu->id == vcpu->vm->boot_id ? 0x100 : 0),
	};
	memset(&vcpu->events, 0, sizeof(vcpu->events));
	memset(&vcpu->io, 0, sizeof(vcpu->io));
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	vcpu->smm = (struct vcpu_smm){ .base = SMBASE_RESET };
	vcpu_take_request(vcpu, REQ_SMI);
	debug_reset(vcpu);
	msr_reset(vcpu);
	vcpu->pv = (struct vcpu_pv){ .cpu = -1 };
	vendor(vcpu_reset)(vcpu);
	mode_apply(vcpu);
}

void vcpu_reset(struct vcpu *vcpu)
{
	reset(vcpu);
	chips_reset(vcpu, false);
	if (vcpu->chips && !(vcpu->mode.apic_base & MSR_IA32_APICBASE_BSP))
		vcpu->mp_state = KVM_MP_STATE_UNINITIALIZED;
}

void vcpu_init(struct vcpu *vcpu)
{
	const struct vcpu_mode mode = vcpu->mode;
	const struct vcpu_msrs msrs = vcpu->msrs;
	const u32 smbase = vcpu->smm.base;

	reset(vcpu);
	vcpu->msrs = msrs;
	vcpu->smm.base = smbase;
	vcpu->mode.cr0 = (mode.cr0 & (X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET;
	vcpu->mode.xcr0 = mode.xcr0;
	vcpu->mode.apic_base = mode.apic_base;
	chips_reset(vcpu, true);
	mode_apply(vcpu);
}
