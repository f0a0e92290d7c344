// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments and descriptor tables, and whether the processor takes them as they are.
 * Intel SDM volume 3C, 25.4.1 and 27.3.1.2.
 *
 * Without unrestricted guest, which needs EPT, the processor enters neither real mode
 * nor protected mode with the segments that real mode leaves behind. Real mode with
 * ordinary segments runs as virtual-8086 code with IOPL 0 and a TSS that permits no
 * ports: all that differs there faults, exits and is emulated. The rest is emulated,
 * instruction by instruction, until the segments are ordinary again.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "vmx.h"

#define NR_SEGS		8
#define NR_PLAIN	6	/* ES to GS; then TR and LDTR */
#define ALL_SEGS	0xffu

/* Access rights. */
#define SEG_S		BIT(4)
#define SEG_DPL_SHIFT	5
#define SEG_P		BIT(7)
#define SEG_AVL		BIT(12)
#define SEG_L		BIT(13)
#define SEG_DB		BIT(14)
#define SEG_G		BIT(15)
#define SEG_UNUSABLE	BIT(16)

#define SEG_VM86		0xf3u	/* present, DPL 3, writable data */
#define SEG_TSS		0x8bu	/* present, busy TSS */

/* The VMCS's order is that of VCPU_SREG_* but for the last two. */
static unsigned int vmcs_index(int seg)
{
	return seg == VCPU_SREG_TR ? 7 : seg == VCPU_SREG_LDTR ? 6 : seg;
}

static bool usable(const struct kvm_segment *s)
{
	return s->present && !s->unusable;
}

/* ---- from the VMCS ---- */

static struct kvm_segment real_mode_segment(int seg, u16 selector)
{
	return (struct kvm_segment){
		.selector = selector,
		.base = selector << 4,
		.limit = 0xffff,
		.type = seg == VCPU_SREG_CS ? 11 : 3,
		.s = 1,
		.present = 1,
	};
}

static void read_segment(struct vmx *vmx, int seg)
{
	struct kvm_segment *s = &vmx->seg[seg];
	unsigned int i = 2 * vmcs_index(seg);
	u16 selector = vmcs_read(GUEST_ES_SELECTOR + i);
	u32 ar;

	if (vmx->how == VMX_VM86) {
		*s = real_mode_segment(seg, selector);
		return;
	}
	ar = vmcs_read(GUEST_ES_AR_BYTES + i);
	*s = (struct kvm_segment){
		.base		= vmcs_read(GUEST_ES_BASE + i),
		.limit		= vmcs_read(GUEST_ES_LIMIT + i),
		.selector	= selector,
		.type		= ar & 0xf,
		.s		= !!(ar & SEG_S),
		.dpl		= (ar >> SEG_DPL_SHIFT) & 3,
		.present	= (ar & SEG_P) && !(ar & SEG_UNUSABLE),
		.avl		= !!(ar & SEG_AVL),
		.l		= !!(ar & SEG_L),
		.db		= !!(ar & SEG_DB),
		.g		= !!(ar & SEG_G),
		.unusable	= !!(ar & SEG_UNUSABLE),
	};
}

static struct kvm_segment *segment(struct vmx *vmx, int seg)
{
	if (!(vmx->seg_valid & BIT(seg))) {
		read_segment(vmx, seg);
		vmx->seg_valid |= BIT(seg);
	}
	return &vmx->seg[seg];
}

/* After an exit. In virtual-8086 mode TR and LDTR in the VMCS are not the guest's. */
void vmx_forget_segments(struct vmx *vmx)
{
	vmx->seg_valid = vmx->how == VMX_VM86 ? BIT(VCPU_SREG_TR) | BIT(VCPU_SREG_LDTR) : 0;
}

/* ---- into the VMCS ---- */

/* What contradicts itself, or is of no consequence, is mended: the processor would refuse it. */
static bool large_granules(const struct kvm_segment *s)
{
	if (s->limit >> 20)
		return true;
	return s->g && (s->limit & 0xfff) == 0xfff;
}

static u32 access_rights(const struct kvm_segment *s)
{
	return s->type | (s->s ? SEG_S : 0) | s->dpl << SEG_DPL_SHIFT | SEG_P |
	       (s->avl ? SEG_AVL : 0) | (s->l ? SEG_L : 0) | (s->db ? SEG_DB : 0) |
	       (large_granules(s) ? SEG_G : 0);
}

static u32 plain_rights(int seg, const struct kvm_segment *s)
{
	if (usable(s))
		return access_rights(s) | 1;	/* accessed */
	return SEG_UNUSABLE | (seg == VCPU_SREG_SS ? (s->selector & 3u) << SEG_DPL_SHIFT : 0);
}

static u32 tr_rights(const struct kvm_segment *s)
{
	if (!usable(s) || s->s || (s->type & ~8) == 0 || (s->type & 5) != 1)
		return SEG_TSS;
	return (access_rights(s) & ~(SEG_L | SEG_DB)) | 2;	/* busy */
}

static u32 ldtr_rights(const struct kvm_segment *s)
{
	return usable(s) && !s->s && s->type == 2 ? access_rights(s) & ~(SEG_L | SEG_DB) :
						    SEG_UNUSABLE;
}

static void write_fields(unsigned int index, u16 selector, u64 base, u32 limit, u32 ar)
{
	vmcs_write(GUEST_ES_SELECTOR + 2 * index, selector);
	vmcs_write(GUEST_ES_BASE + 2 * index, base);
	vmcs_write(GUEST_ES_LIMIT + 2 * index, limit);
	vmcs_write(GUEST_ES_AR_BYTES + 2 * index, ar);
}

static void write_vm86_segment(int seg, const struct kvm_segment *s)
{
	unsigned int i = vmcs_index(seg);

	if (seg == VCPU_SREG_TR)
		write_fields(i, 0, 0, 0, SEG_TSS);
	else if (seg == VCPU_SREG_LDTR)
		write_fields(i, 0, 0, 0, SEG_UNUSABLE);
	else
		write_fields(i, s->selector, s->base, 0xffff, SEG_VM86);
}

static void write_segment(int seg, const struct kvm_segment *s)
{
	unsigned int i = vmcs_index(seg);

	switch (seg) {
	case VCPU_SREG_TR:
		write_fields(i, s->selector & ~4, s->base, s->limit, tr_rights(s));
		break;
	case VCPU_SREG_LDTR:
		write_fields(i, s->selector & ~4, s->base, s->limit, ldtr_rights(s));
		break;
	case VCPU_SREG_FS:
	case VCPU_SREG_GS:
		write_fields(i, s->selector, s->base, s->limit, plain_rights(seg, s));
		break;
	default:
		write_fields(i, s->selector, (u32)s->base, s->limit, plain_rights(seg, s));
	}
}

/* Before an entry. */
void vmx_write_segments(struct vmx *vmx)
{
	int seg;

	for (seg = 0; vmx->seg_dirty; seg++) {
		if (!(vmx->seg_dirty & BIT(seg)))
			continue;
		vmx->seg_dirty &= ~BIT(seg);
		if (vmx->how == VMX_VM86)
			write_vm86_segment(seg, &vmx->seg[seg]);
		else
			write_segment(seg, &vmx->seg[seg]);
	}
}

/* ---- what can be entered ---- */

static bool vm86_shaped(const struct kvm_segment *s)
{
	return s->base == (u64)s->selector << 4 && s->limit == 0xffff;
}

/* L and D together no processor takes, nor the emulator: the failed entry tells user space. */
static bool cs_ok(const struct kvm_segment *cs, const struct kvm_segment *ss)
{
	u8 cpl = usable(ss) ? ss->dpl : ss->selector & 3;

	if (!usable(cs) || !cs->s || !(cs->type & 8))
		return false;
	return cs->type & 4 ? cs->dpl <= cpl : cs->dpl == cpl;
}

static bool ss_ok(const struct kvm_segment *ss, const struct kvm_segment *cs)
{
	if ((ss->selector & 3) != (cs->selector & 3))
		return false;
	return !usable(ss) || (ss->s && (ss->type & ~5) == 2 && ss->dpl == (ss->selector & 3));
}

static bool data_ok(const struct kvm_segment *s)
{
	if (!usable(s))
		return true;
	if (!s->s || (s->type & 10) == 8)
		return false;
	return s->type >= 12 || s->dpl >= (s->selector & 3);
}

static bool native_ok(const struct kvm_segment *s)
{
	return cs_ok(&s[VCPU_SREG_CS], &s[VCPU_SREG_SS]) &&
	       ss_ok(&s[VCPU_SREG_SS], &s[VCPU_SREG_CS]) &&
	       data_ok(&s[VCPU_SREG_DS]) && data_ok(&s[VCPU_SREG_ES]) &&
	       data_ok(&s[VCPU_SREG_FS]) && data_ok(&s[VCPU_SREG_GS]);
}

static bool all_vm86(const struct kvm_segment *s, bool rights_too)
{
	unsigned int i;

	for (i = 0; i < NR_PLAIN; i++)
		if (!vm86_shaped(&s[i]) ||
		    (rights_too && !(usable(&s[i]) && s[i].dpl == 3 && s[i].type == 3 && s[i].s)))
			return false;
	return true;
}

static enum vmx_how find_how(struct vcpu *vcpu, const struct kvm_segment *s)
{
	bool ok;

	if (!(vcpu->mode.cr0 & X86_CR0_PE))
		return all_vm86(s, false) ? VMX_VM86 : VMX_EMULATED;
	if (vcpu->regs.rflags & X86_EFLAGS_VM)
		ok = all_vm86(s, true);
	else
		ok = native_ok(s);
	return ok ? VMX_NATIVE : VMX_EMULATED;
}

void vmx_find_how(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	enum vmx_how how;
	int seg;

	for (seg = 0; seg < NR_SEGS; seg++)
		segment(vmx, seg);
	how = find_how(vcpu, vmx->seg);
	vmx->recheck = false;
	if (how == vmx->how)
		return;
	vmx->how = how;
	vmx->seg_dirty = ALL_SEGS;
	vmx_set_exceptions(vmx);
}

/* ---- for all others ---- */

bool vmx_is_64bit(struct vcpu *vcpu)
{
	return vcpu->mode.efer & EFER_LMA && segment(to_vmx(vcpu), VCPU_SREG_CS)->l;
}

void vmx_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out)
{
	*out = *segment(to_vmx(vcpu), seg);
}

void vmx_set_segment(struct vcpu *vcpu, int seg, const struct kvm_segment *in)
{
	struct vmx *vmx = to_vmx(vcpu);

	vmx->seg[seg] = *in;
	vmx->seg[seg].type &= 0xf;
	vmx->seg[seg].dpl &= 3;
	vmx->seg[seg].unusable = !usable(in);
	vmx->seg_valid |= BIT(seg);
	vmx->seg_dirty |= BIT(seg);
	vmx->recheck = true;
}

void vmx_get_dt(struct vcpu *vcpu, int dt, struct kvm_dtable *out)
{
	bool gdt = dt == VCPU_DTR_GDT;

	*out = (struct kvm_dtable){
		.base = vmcs_read(gdt ? GUEST_GDTR_BASE : GUEST_IDTR_BASE),
		.limit = vmcs_read(gdt ? GUEST_GDTR_LIMIT : GUEST_IDTR_LIMIT),
	};
}

void vmx_set_dt(struct vcpu *vcpu, int dt, const struct kvm_dtable *in)
{
	bool gdt = dt == VCPU_DTR_GDT;

	vmcs_write(gdt ? GUEST_GDTR_BASE : GUEST_IDTR_BASE, in->base);
	vmcs_write(gdt ? GUEST_GDTR_LIMIT : GUEST_IDTR_LIMIT, in->limit);
}

int vmx_get_cpl(struct vcpu *vcpu)
{
	const struct kvm_segment *ss;

	if (!(vcpu->mode.cr0 & X86_CR0_PE))
		return 0;
	if (vcpu->regs.rflags & X86_EFLAGS_VM)
		return 3;
	ss = segment(to_vmx(vcpu), VCPU_SREG_SS);
	return usable(ss) ? ss->dpl : ss->selector & 3;
}

void vmx_reset_segments(struct vmx *vmx)
{
	int seg;

	for (seg = 0; seg < NR_PLAIN; seg++)
		vmx->seg[seg] = real_mode_segment(seg, 0);
	vmx->seg[VCPU_SREG_CS].selector = 0xf000;
	vmx->seg[VCPU_SREG_CS].base = 0xffff0000;
	vmx->seg[VCPU_SREG_TR] = (struct kvm_segment){ .limit = 0xffff, .type = 11, .present = 1 };
	vmx->seg[VCPU_SREG_LDTR] = (struct kvm_segment){ .limit = 0xffff, .type = 2, .present = 1 };
	vmx->seg_valid = ALL_SEGS;
	vmx->seg_dirty = ALL_SEGS;
	vmx->how = VMX_EMULATED;
	vmx->recheck = true;
	vmcs_write(GUEST_GDTR_BASE, 0);
	vmcs_write(GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write(GUEST_IDTR_BASE, 0);
	vmcs_write(GUEST_IDTR_LIMIT, 0xffff);
}
