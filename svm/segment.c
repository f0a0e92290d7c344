// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments and descriptor tables in the VMCB. AMD APM volume 2, 15.5.1.
 */
#include <asm/processor-flags.h>

#include "svm.h"

static struct vmcb_seg *vmcb_seg(struct vmcb_save *save, int seg)
{
	switch (seg) {
	case VCPU_SREG_TR:
		return &save->tr;
	case VCPU_SREG_LDTR:
		return &save->ldtr;
	default:
		return &save->seg[seg];
	}
}

static bool is_data_seg(int seg)
{
	return seg != VCPU_SREG_CS && seg != VCPU_SREG_TR && seg != VCPU_SREG_LDTR;
}

void svm_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out)
{
	struct vmcb_save *save = &to_svm(vcpu)->vmcb->save;
	const struct vmcb_seg *s = vmcb_seg(save, seg);

	*out = (struct kvm_segment){
		.base		= s->base,
		.limit		= s->limit,
		.selector	= s->selector,
		.type		= s->attr & SEG_TYPE,
		.s		= !!(s->attr & SEG_S),
		.dpl		= (s->attr >> SEG_DPL_SHIFT) & 3,
		.present	= !!(s->attr & SEG_P),
		.avl		= !!(s->attr & SEG_AVL),
		.l		= !!(s->attr & SEG_L),
		.db		= !!(s->attr & SEG_DB),
		.g		= !!(s->attr & SEG_G),
		.unusable	= !(s->attr & SEG_P),
	};

	/* What processors leave out of the VMCB although it is true by definition. */
	out->g = out->limit > 0xfffff || (out->g && seg != VCPU_SREG_CS &&
					  (out->limit & 0xfff) == 0xfff);
	if (seg == VCPU_SREG_TR)
		out->type |= 2;
	if (seg == VCPU_SREG_SS) {
		out->dpl = save->cpl;
		if (out->unusable)
			out->db = 0;
	}
	if (is_data_seg(seg) && !out->unusable)
		out->type |= 1;
}

/* As the processor has it: where SS is empty its selector counts, in real mode neither. */
static u8 cpl_of(struct vcpu *vcpu, const struct kvm_segment *ss)
{
	if (!(vcpu->mode.cr0 & X86_CR0_PE))
		return 0;
	return (ss->present && !ss->unusable ? ss->dpl : ss->selector) & 3;
}

void svm_set_segment(struct vcpu *vcpu, int seg, const struct kvm_segment *in)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_save *save = &svm->vmcb->save;
	struct vmcb_seg *s = vmcb_seg(save, seg);
	u8 dpl = in->dpl & 3;

	if (seg == VCPU_SREG_SS)
		dpl = save->cpl = cpl_of(vcpu, in);
	s->base = in->base;
	s->limit = in->limit;
	s->selector = in->selector;
	s->attr = (in->type & SEG_TYPE) | (in->s ? SEG_S : 0) |
		  dpl << SEG_DPL_SHIFT |
		  (in->present && !in->unusable ? SEG_P : 0) | (in->avl ? SEG_AVL : 0) |
		  (in->l ? SEG_L : 0) | (in->db ? SEG_DB : 0) | (in->g ? SEG_G : 0);
	svm_dirty(svm, CLEAN_SEG);
}

static struct vmcb_seg *vmcb_dt(struct svm *svm, int dt)
{
	return dt == VCPU_DTR_GDT ? &svm->vmcb->save.gdtr : &svm->vmcb->save.idtr;
}

void svm_get_dt(struct vcpu *vcpu, int dt, struct kvm_dtable *out)
{
	const struct vmcb_seg *s = vmcb_dt(to_svm(vcpu), dt);

	*out = (struct kvm_dtable){ .base = s->base, .limit = s->limit };
}

void svm_set_dt(struct vcpu *vcpu, int dt, const struct kvm_dtable *in)
{
	struct svm *svm = to_svm(vcpu);
	struct vmcb_seg *s = vmcb_dt(svm, dt);

	s->base = in->base;
	s->limit = in->limit;
	svm_dirty(svm, CLEAN_DT);
}

/* The processor takes every state that a guest can be in. */
bool svm_run_alone(struct vcpu *vcpu, const struct insn *insn)
{
	return false;
}

int svm_get_cpl(struct vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.cpl;
}

void svm_reset_segments(struct svm *svm)
{
	static const struct vmcb_seg data = { .attr = SEG_P | SEG_S | 3, .limit = 0xffff };
	struct vmcb_save *save = &svm->vmcb->save;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(save->seg); i++)
		save->seg[i] = data;
	save->seg[VCPU_SREG_CS] = (struct vmcb_seg){
		.selector = 0xf000, .base = 0xffff0000, .limit = 0xffff,
		.attr = SEG_P | SEG_S | 11,
	};
	save->gdtr = (struct vmcb_seg){ .limit = 0xffff };
	save->idtr = (struct vmcb_seg){ .limit = 0xffff };
	save->ldtr = (struct vmcb_seg){ .limit = 0xffff, .attr = SEG_P | 2 };
	save->tr = (struct vmcb_seg){ .limit = 0xffff, .attr = SEG_P | 11 };
	save->cpl = 0;
}
