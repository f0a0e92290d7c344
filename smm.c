// SPDX-License-Identifier: GPL-2.0-only
/*
 * System Management Mode. An SMI saves the processor's state to memory that only SMM sees and
 * begins at SMBASE + 0x8000; RSM brings it back.
 *
 * The saved state has one of two forms: AMD's of 64 bits (AMD APM 2, table 10-1), or that of all
 * processors without long mode. Handlers look into both, and migration takes them along in the
 * guest's memory, from KVM and to it: what is not in the manuals is where KVM has it.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "breakpoint.h"
#include "chips.h"
#include "emulate.h"
#include "entry_check.h"
#include "event.h"
#include "mmu.h"
#include "mode.h"
#include "smm.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"

#define AREA_BYTES	512
#define AREA_OFFSET	0xfe00ull
#define ENTRY_RIP	0x8000
#define DR7_RESET	0x400u

/* Revisions: SMBASE may be changed (bit 17); the low half names the form. */
#define REVISION_32	0x20000u
#define REVISION_64	0x20064u

#define RFLAGS_VALID	0x3f7fd5ull

/* What is saved. @shadow: KVM_X86_SHADOW_INT_*; @halted: the SMI ended a HLT */
struct smm_state {
	u64 gpr[NR_GPRS], rip, rflags;
	u32 dr6, dr7, base;
	u8 shadow;
	bool halted;
	struct kvm_sregs sregs;
};

/* ---- in memory: @at as the manuals count, the first or the last byte of the area's 64 KiB ---- */

static void put(u8 *area, unsigned int at, u64 value, unsigned int bytes)
{
	memcpy(area + at % AREA_BYTES, &value, bytes);
}

static u64 get(const u8 *area, unsigned int at, unsigned int bytes)
{
	u64 value = 0;

	memcpy(&value, area + at % AREA_BYTES, bytes);
	return value;
}

/* As in the upper half of a descriptor. */
static u32 attributes(const struct kvm_segment *s)
{
	bool present = s->present && !s->unusable;

	return s->type << 8 | s->s << 12 | s->dpl << 13 | present << 15 | s->avl << 20 |
	       s->l << 21 | s->db << 22 | s->g << 23;
}

static void set_attributes(struct kvm_segment *s, u32 bits)
{
	s->type = bits >> 8 & 15;
	s->s = bits >> 12 & 1;
	s->dpl = bits >> 13 & 3;
	s->present = bits >> 15 & 1;
	s->avl = bits >> 20 & 1;
	s->l = bits >> 21 & 1;
	s->db = bits >> 22 & 1;
	s->g = bits >> 23 & 1;
	s->unusable = !s->present;
}

/* Where a segment is in each form; selectors are apart in the smaller one. */
struct place {
	u16 at64, at32, selector32;
	u16 sreg;	/* in struct kvm_sregs */
};

#define PLACE(name, at64, at32, selector32) \
	{ at64, at32, selector32, offsetof(struct kvm_sregs, name) }

static const struct place places[] = {
	PLACE(es, 0xfe00, 0x7f84, 0x7fa8), PLACE(cs, 0xfe10, 0x7f90, 0x7fac),
	PLACE(ss, 0xfe20, 0x7f9c, 0x7fb0), PLACE(ds, 0xfe30, 0x7f2c, 0x7fb4),
	PLACE(fs, 0xfe40, 0x7f38, 0x7fb8), PLACE(gs, 0xfe50, 0x7f44, 0x7fbc),
	PLACE(ldt, 0xfe70, 0x7f78, 0x7fc0), PLACE(tr, 0xfe90, 0x7f5c, 0x7fc4),
};

#define segment_at(sregs, place)	((void *)(sregs) + (place)->sreg)

/* ---- the form of 64 bits ---- */

static void save_64(u8 *area, const struct smm_state *s)
{
	const struct kvm_sregs *sregs = &s->sregs;
	const struct place *p;
	unsigned int i;

	for (p = places; p < places + ARRAY_SIZE(places); p++) {
		const struct kvm_segment *seg = segment_at(sregs, p);

		put(area, p->at64, seg->selector, 2);
		put(area, p->at64 + 2, attributes(seg) >> 8, 2);
		put(area, p->at64 + 4, seg->limit, 4);
		put(area, p->at64 + 8, seg->base, 8);
	}
	put(area, 0xfe64, sregs->gdt.limit, 4);
	put(area, 0xfe68, sregs->gdt.base, 8);
	put(area, 0xfe84, sregs->idt.limit, 4);
	put(area, 0xfe88, sregs->idt.base, 8);
	put(area, 0xfec9, s->halted, 1);
	put(area, 0xfecb, s->shadow, 1);
	put(area, 0xfed0, sregs->efer, 8);
	put(area, 0xfefc, REVISION_64, 4);
	put(area, 0xff00, s->base, 4);
	put(area, 0xff48, sregs->cr4, 8);
	put(area, 0xff50, sregs->cr3, 8);
	put(area, 0xff58, sregs->cr0, 8);
	put(area, 0xff60, s->dr7, 8);
	put(area, 0xff68, s->dr6, 8);
	put(area, 0xff70, s->rflags, 8);
	put(area, 0xff78, s->rip, 8);
	for (i = 0; i < NR_GPRS; i++)
		put(area, 0xfff8 - 8 * i, s->gpr[i], 8);
}

static void load_64(const u8 *area, struct smm_state *s)
{
	struct kvm_sregs *sregs = &s->sregs;
	const struct place *p;
	unsigned int i;

	for (p = places; p < places + ARRAY_SIZE(places); p++) {
		struct kvm_segment *seg = segment_at(sregs, p);

		seg->selector = get(area, p->at64, 2);
		set_attributes(seg, get(area, p->at64 + 2, 2) << 8);
		seg->limit = get(area, p->at64 + 4, 4);
		seg->base = get(area, p->at64 + 8, 8);
	}
	sregs->gdt.limit = get(area, 0xfe64, 4);
	sregs->gdt.base = get(area, 0xfe68, 8);
	sregs->idt.limit = get(area, 0xfe84, 4);
	sregs->idt.base = get(area, 0xfe88, 8);
	s->halted = get(area, 0xfec9, 1) & 1;
	s->shadow = get(area, 0xfecb, 1);
	sregs->efer = get(area, 0xfed0, 8);
	s->base = get(area, 0xff00, 4);
	sregs->cr4 = get(area, 0xff48, 8);
	sregs->cr3 = get(area, 0xff50, 8);
	sregs->cr0 = get(area, 0xff58, 8);
	s->dr7 = get(area, 0xff60, 8);
	s->dr6 = get(area, 0xff68, 8);
	s->rflags = get(area, 0xff70, 8);
	s->rip = get(area, 0xff78, 8);
	for (i = 0; i < NR_GPRS; i++)
		s->gpr[i] = get(area, 0xfff8 - 8 * i, 8);
}

/* ---- the form without long mode: EFER stays as it is ---- */

static void save_32(u8 *area, const struct smm_state *s)
{
	const struct kvm_sregs *sregs = &s->sregs;
	const struct place *p;
	unsigned int i;

	for (p = places; p < places + ARRAY_SIZE(places); p++) {
		const struct kvm_segment *seg = segment_at(sregs, p);

		put(area, p->at32, attributes(seg), 4);
		put(area, p->at32 + 4, seg->limit, 4);
		put(area, p->at32 + 8, seg->base, 4);
		put(area, p->selector32, seg->selector, 4);
	}
	put(area, 0x7ef8, s->base, 4);
	put(area, 0x7efc, REVISION_32, 4);
	put(area, 0x7f02, s->halted, 2);
	put(area, 0x7f14, sregs->cr4, 4);
	put(area, 0x7f1a, s->shadow, 1);
	put(area, 0x7f54, sregs->idt.limit, 4);
	put(area, 0x7f58, sregs->idt.base, 4);
	put(area, 0x7f70, sregs->gdt.limit, 4);
	put(area, 0x7f74, sregs->gdt.base, 4);
	put(area, 0x7fc8, s->dr7, 4);
	put(area, 0x7fcc, s->dr6, 4);
	for (i = 0; i < 8; i++)
		put(area, 0x7fd0 + 4 * i, s->gpr[i], 4);
	put(area, 0x7ff0, s->rip, 4);
	put(area, 0x7ff4, s->rflags, 4);
	put(area, 0x7ff8, sregs->cr3, 4);
	put(area, 0x7ffc, sregs->cr0, 4);
}

static void load_32(const u8 *area, struct smm_state *s)
{
	struct kvm_sregs *sregs = &s->sregs;
	const struct place *p;
	unsigned int i;

	for (p = places; p < places + ARRAY_SIZE(places); p++) {
		struct kvm_segment *seg = segment_at(sregs, p);

		set_attributes(seg, get(area, p->at32, 4));
		seg->limit = get(area, p->at32 + 4, 4);
		seg->base = get(area, p->at32 + 8, 4);
		seg->selector = get(area, p->selector32, 4);
	}
	s->base = get(area, 0x7ef8, 4);
	s->halted = get(area, 0x7f02, 2) & 1;
	sregs->cr4 = get(area, 0x7f14, 4);
	s->shadow = get(area, 0x7f1a, 1);
	sregs->idt.limit = get(area, 0x7f54, 4);
	sregs->idt.base = get(area, 0x7f58, 4);
	sregs->gdt.limit = get(area, 0x7f70, 4);
	sregs->gdt.base = get(area, 0x7f74, 4);
	s->dr7 = get(area, 0x7fc8, 4);
	s->dr6 = get(area, 0x7fcc, 4);
	for (i = 0; i < 8; i++)
		s->gpr[i] = get(area, 0x7fd0 + 4 * i, 4);
	s->rip = get(area, 0x7ff0, 4);
	s->rflags = get(area, 0x7ff4, 4);
	sregs->cr3 = get(area, 0x7ff8, 4);
	sregs->cr0 = get(area, 0x7ffc, 4);
}

/* SMBASE may be any: the area may lie in two pages. */
static int move_area(struct vcpu *vcpu, u8 *area, bool write)
{
	gpa_t gpa = GPA_SMM | (vcpu->smm.base + AREA_OFFSET);
	unsigned int done, n;
	int err = 0;

	for (done = 0; !err && done < AREA_BYTES; done += n) {
		n = min_t(unsigned int, AREA_BYTES - done,
			  PAGE_SIZE - offset_in_page(gpa + done));
		if (write)
			err = mmu_write_guest(&vcpu->mmu, gpa + done, area + done, n);
		else
			err = mmu_read_guest(&vcpu->mmu, gpa + done, area + done, n);
		/* Where no memory is a write is lost, and all bits read as ones. */
		if (err == -ENXIO && !write)
			memset(area + done, 0xff, n);
		if (err == -ENXIO)
			err = 0;
	}
	return err;
}

/* ---- in the processor ---- */

/* The step that user space makes is none of the guest's. */
static u64 own_rflags(const struct vcpu *vcpu)
{
	bool ours = vcpu->guest_debug.stepping && !vcpu->guest_debug.tf;

	return vcpu->regs.rflags & ~(ours ? (u64)X86_EFLAGS_TF : 0);
}

static void set_rflags(struct vcpu *vcpu, u64 rflags)
{
	vcpu->regs.rflags = rflags | X86_EFLAGS_FIXED;
	if (!vcpu->guest_debug.stepping)
		return;
	vcpu->guest_debug.tf = rflags & X86_EFLAGS_TF;
	vcpu->regs.rflags |= X86_EFLAGS_TF;
}

/* What is not saved stays as it is. */
static void collect(struct vcpu *vcpu, struct smm_state *s)
{
	memcpy(s->gpr, vcpu->regs.gpr, sizeof(s->gpr));
	s->rip = vcpu->regs.rip;
	s->rflags = own_rflags(vcpu);
	s->dr6 = vcpu->debug.dr6;
	s->dr7 = vcpu->debug.dr7;
	s->base = vcpu->smm.base;
	s->shadow = shadow_to_user(vendor(get_shadow)(vcpu));
	s->halted = vcpu->smm.halted;
	state_get_sregs(vcpu, &s->sregs);
}

/* AMD APM 2, table 10-4. A task, LDT and GDT stay. */
static void set_entry_segments(struct kvm_sregs *sregs, u32 base)
{
	const struct kvm_segment data = {
		.limit = U32_MAX, .type = 3, .s = 1, .present = 1, .g = 1,
	};

	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = sregs->cs = data;
	sregs->cs.selector = base >> 4;
	sregs->cs.base = base;
	sregs->idt = (struct kvm_dtable){};
}

static void begin_handler(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	sregs->cr0 &= ~(u64)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	sregs->cr4 = 0;
	if (vcpu->cpuid.lm)
		sregs->efer = 0;
	set_entry_segments(sregs, vcpu->smm.base);
	vcpu->regs.rip = ENTRY_RIP;
	set_rflags(vcpu, 0);
	vcpu->debug.dr7 = DR7_RESET;
	vcpu->debug.held = 0;
	vendor(set_shadow)(vcpu, 0);
	smm_set_inside(vcpu, true);
	state_load_sregs(vcpu, sregs);	/* paging is off: nothing can be wrong */
}

int smm_enter(struct vcpu *vcpu)
{
	struct vcpu_smm *smm = &vcpu->smm;
	u8 area[AREA_BYTES] = {};
	struct smm_state s = {};
	int err;

	if (vcpu_take_request(vcpu, REQ_SMI))
		smm->pending = true;
	if (!smm_due(vcpu))
		return 0;
	collect(vcpu, &s);
	if (vcpu->cpuid.lm)
		save_64(area, &s);
	else
		save_32(area, &s);
	err = move_area(vcpu, area, true);
	if (err)
		return err;
	smm->pending = false;
	smm->halted = false;
	smm->count++;
	vcpu->stats.smis++;
	smm->inside_nmi = vcpu->events.nmi_masked;
	vcpu->events.nmi_masked = true;
	begin_handler(vcpu, &s.sregs);
	return 0;
}

/* LMA follows from the others. */
static void settle(struct smm_state *s)
{
	struct kvm_sregs *sregs = &s->sregs;

	sregs->cr0 |= X86_CR0_ET;
	sregs->efer &= ~(u64)EFER_LMA;
	if (sregs->efer & EFER_LME && sregs->cr0 & X86_CR0_PG)
		sregs->efer |= EFER_LMA;
	s->rflags = (s->rflags & RFLAGS_VALID) | X86_EFLAGS_FIXED;
}

/* Could a processor have this state? */
static bool is_valid(struct vcpu *vcpu, const struct smm_state *s)
{
	const struct kvm_sregs *sregs = &s->sregs;
	bool long_mode = sregs->efer & EFER_LMA;

	if (!mode_valid_sregs(vcpu, sregs) || !entry_segments_ok(sregs))
		return false;
	if (s->rflags & X86_EFLAGS_VM && (long_mode || !(sregs->cr0 & X86_CR0_PE)))
		return false;
	return long_mode && sregs->cs.l ? entry_rip_ok(s->rip) : !(s->rip >> 32);
}

static void load_rest(struct vcpu *vcpu, const struct smm_state *s)
{
	memcpy(vcpu->regs.gpr, s->gpr, sizeof(s->gpr));
	vcpu->regs.rip = s->rip;
	set_rflags(vcpu, s->rflags);
	vcpu->debug.dr6 = dr6_settled(s->dr6);
	vcpu->debug.dr7 = dr7_settled(s->dr7);
	vcpu->debug.held = 0;
	vcpu->smm.base = s->base;
	vendor(set_shadow)(vcpu, shadow_from_user(s->shadow));
	vendor(update_mode)(vcpu);
}

/* PDPTEs are in memory as others see it. If they are bad nothing has happened. */
static int load_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct kvm_sregs was;
	int err;

	state_get_sregs(vcpu, &was);
	smm_set_inside(vcpu, false);
	err = state_load_sregs(vcpu, sregs);
	if (!err)
		return 0;
	smm_set_inside(vcpu, true);
	state_load_sregs(vcpu, &was);
	return err;
}

int smm_leave(struct vcpu *vcpu, bool *halt)
{
	u8 area[AREA_BYTES];
	struct smm_state s;
	int err;

	if (!vcpu->smm.inside)
		return -EINVAL;
	err = move_area(vcpu, area, false);
	if (err)
		return err;
	collect(vcpu, &s);
	if (vcpu->cpuid.lm)
		load_64(area, &s);
	else
		load_32(area, &s);
	settle(&s);
	if (!is_valid(vcpu, &s) || load_sregs(vcpu, &s.sregs)) {
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		return -ESHUTDOWN;
	}
	load_rest(vcpu, &s);
	vcpu->events.nmi_masked = vcpu->smm.inside_nmi;
	vcpu->smm.inside_nmi = false;
	vcpu_request(vcpu, REQ_EVENT);
	*halt = s.halted;
	return 0;
}
