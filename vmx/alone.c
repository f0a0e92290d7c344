// SPDX-License-Identifier: GPL-2.0-only
/*
 * One instruction that the emulator lacks, in a state that the processor does not take: it is
 * executed alone (RFLAGS.TF ends it) with segments that stand in for the guest's.
 *
 * Virtual-8086 segments suit what has its format from real mode: base and limit must be those of
 * real mode as far as the instruction reaches. Flat or odd ones, as real mode has them behind a
 * visit to protected mode, become segments of CPL 0 with the same base and limit; so do those that
 * real mode leaves behind. All exceptions exit, as nothing can be delivered with these segments;
 * what the instruction raises is the guest's. Intel SDM volume 3B, 21.1 and 21.3.
 */
#include <asm/processor-flags.h>

#include "emulate.h"
#include "mmu.h"
#include "vmx.h"

#define REAL_LIMIT	0xffffu
#define MAX_X87		108	/* bytes of FNSAVE */
#define MAX_OPERAND	4096	/* of any other, but for what XSAVE may become */
#define MAX_INSN	15

#define CODE		8
#define EXPAND_DOWN	4
#define WRITABLE	2
#define ACCESSED	1

#define ARITH_FLAGS	((u64)(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
			       X86_EFLAGS_SF | X86_EFLAGS_OF))

static bool is_real(const struct vcpu *vcpu)
{
	return !(vcpu->mode.cr0 & X86_CR0_PE);
}

static bool is_x87(const struct insn *insn)
{
	return insn->map == 1 && (insn->opcode & 0xf8) == 0xd8;
}

static bool has_memory(const struct insn *insn)
{
	return (insn->flags & INSN_MODRM) && (insn->modrm >> 6) != 3;
}

/* FLDENV, FNSTENV, FRSTOR, FNSAVE: real mode has a format of its own. */
static bool has_real_format(const struct insn *insn)
{
	return is_x87(insn) && (insn->opcode == 0xd9 || insn->opcode == 0xdd) &&
	       has_memory(insn) && ((insn->modrm >> 3) & 5) == 4;
}

/* Neither a privilege nor a segment beside that of its operand matters to these. */
static bool is_plain(const struct insn *insn)
{
	u8 op = insn->opcode;

	if (insn->op != OP_OTHER)
		return false;
	if (insn->map == 1)
		return is_x87(insn) || op == 0x9b;
	return insn->map == 2 && op != 0xf7 &&
	       ((op & 0xf8) == 0x10 || (op >= 0x28 && op <= 0x2f) ||
		(op >= 0x50 && op <= 0x7f) || (op >= 0xc2 && op <= 0xc6) || op >= 0xd0);
}

/* What depends on nothing that CPL 0 in protected mode changes; the last ones exit, or are #UD. */
static bool is_known(const struct vcpu *vcpu, const struct insn *insn)
{
	switch (insn->op) {
	case OP_OTHER:
	case OP_RDRAND:
	case OP_RDSEED:
	case OP_RDPID:
	case OP_XGETBV:
	case OP_BOUND:
	case OP_CLAC:
	case OP_STAC:
	case OP_XSETBV:
	case OP_RDPMC:
	case OP_MONITOR:
	case OP_MWAIT:
	case OP_VMCALL:
	case OP_VMMCALL:
	case OP_VMX:
		return true;
	case OP_VERR:
	case OP_VERW:
	case OP_LAR:
	case OP_LSL:
	case OP_ARPL:
		return !is_real(vcpu);
	}
	return false;
}

static bool vm86_base(const struct kvm_segment *s)
{
	return !(s->base & 0xf) && s->base >> 4 <= 0xffff;
}

static bool expands_down(const struct kvm_segment *s)
{
	return (s->type & (CODE | EXPAND_DOWN)) == EXPAND_DOWN;
}

/* Would an access up to @last be the same with the limit of real mode? */
static bool reaches(const struct kvm_segment *s, u64 last)
{
	return vm86_base(s) && !expands_down(s) && last <= REAL_LIMIT && last <= s->limit;
}

static bool fits_vm86(struct vcpu *vcpu, const struct insn *insn)
{
	const struct kvm_segment *seg = to_vmx(vcpu)->seg;
	u64 addr = insn_address(insn, vcpu->regs.gpr, vcpu->regs.rip);

	if (!is_real(vcpu) || !is_plain(insn) ||
	    !reaches(&seg[VCPU_SREG_CS], vcpu->regs.rip + MAX_INSN))
		return false;
	return !has_memory(insn) ||
	       reaches(&seg[insn->seg], addr + (is_x87(insn) ? MAX_X87 : MAX_OPERAND));
}

/* In real mode CS may be written through. */
static bool fits_protected(struct vcpu *vcpu, const struct insn *insn)
{
	const struct kvm_segment *cs = &to_vmx(vcpu)->seg[VCPU_SREG_CS];

	/* A fault of the guest's own must not go straight to it with these segments. */
	if ((cs->l && cs->db) || (mmu_passthrough && (vcpu->mode.cr0 & X86_CR0_PG)))
		return false;
	if (!insn)
		return true;
	if (is_real(vcpu) && (has_real_format(insn) ||
			      (has_memory(insn) && insn->seg == SREG_CS)))
		return false;
	return is_known(vcpu, insn);
}

bool vmx_run_alone(struct vcpu *vcpu, const struct insn *insn)
{
	struct vmx *vmx = to_vmx(vcpu);
	struct kvm_segment s;
	int seg;

	if (vmx->how == VMX_NATIVE || vmx_get_cpl(vcpu))
		return false;
	for (seg = 0; seg < ARRAY_SIZE(vmx->seg); seg++)
		vmx_get_segment(vcpu, seg, &s);
	if (vmx->how == VMX_EMULATED && insn && fits_vm86(vcpu, insn))
		vmx->alone = ALONE_VM86;
	else if (fits_protected(vcpu, insn))
		vmx->alone = ALONE_PROTECTED;
	return vmx->alone != ALONE_NOT;
}

static struct kvm_segment vm86_segment(const struct kvm_segment *s)
{
	u16 selector = vm86_base(s) ? s->base >> 4 : 0;

	return (struct kvm_segment){ .selector = selector, .base = selector << 4 };
}

static u8 data_type(const struct vcpu *vcpu, int seg, const struct kvm_segment *s)
{
	if (!is_real(vcpu) && seg != VCPU_SREG_SS)
		return s->type & CODE ? s->type | WRITABLE : s->type;
	return (s->type & CODE ? 0 : s->type & EXPAND_DOWN) | WRITABLE | ACCESSED;
}

static struct kvm_segment protected_segment(const struct vcpu *vcpu, int seg,
					    const struct kvm_segment *in)
{
	struct kvm_segment s = *in;

	s.selector &= ~3;
	s.dpl = 0;
	s.s = 1;
	if (s.limit >> 20)
		s.limit |= 0xfff;
	if (is_real(vcpu) || seg == VCPU_SREG_CS) {
		s.present = 1;
		s.unusable = 0;
	}
	if (seg != VCPU_SREG_CS) {
		s.type = data_type(vcpu, seg, in);
		return s;
	}
	if (is_real(vcpu))
		s.db = 0;
	if (is_real(vcpu) || !(s.type & CODE))
		s.type = CODE | WRITABLE | ACCESSED;
	return s;
}

/* In the VMCS; the guest's own are kept, and will be written when they are next wanted. */
void vmx_lend_segments(struct vcpu *vcpu)
{
	struct vmx *vmx = to_vmx(vcpu);
	struct kvm_segment own[ARRAY_SIZE(vmx->seg)];
	u8 how = vmx->how;
	int seg;

	memcpy(own, vmx->seg, sizeof(own));
	for (seg = VCPU_SREG_ES; seg <= VCPU_SREG_GS; seg++)
		vmx->seg[seg] = vmx->alone == ALONE_VM86 ?
				vm86_segment(&own[seg]) :
				protected_segment(vcpu, seg, &own[seg]);
	vmx->how = vmx->alone == ALONE_VM86 ? VMX_VM86 : VMX_NATIVE;
	vmx->seg_dirty = ~0;
	vmx_write_segments(vmx);
	vmx->how = how;
	memcpy(vmx->seg, own, sizeof(own));
	vmx->seg_dirty = ~0;
}

u64 vmx_alone_rflags(const struct vcpu *vcpu, const struct vmx *vmx)
{
	u64 rflags = vcpu->regs.rflags & ~(u64)(X86_EFLAGS_VM | X86_EFLAGS_IOPL | X86_EFLAGS_NT);

	if (vmx->alone == ALONE_VM86)
		rflags = (rflags & ~(u64)X86_EFLAGS_AC) | X86_EFLAGS_VM;
	return rflags | X86_EFLAGS_FIXED | X86_EFLAGS_TF;
}

void vmx_end_alone(struct vcpu *vcpu, u64 rflags)
{
	u64 changed = ARITH_FLAGS;

	if (to_vmx(vcpu)->alone == ALONE_PROTECTED)
		changed |= X86_EFLAGS_AC;
	vcpu->regs.rflags = (vcpu->regs.rflags & ~changed) | (rflags & changed);
}
