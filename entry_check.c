// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space gave a vCPU, against what a processor enters.
 *
 * Refused is what no guest can bring about: Intel SDM volume 3C, 27.3.1 for a processor with
 * unrestricted guest, which stands all the leftovers of real mode in protected mode; AMD APM
 * volume 2, 15.5.1. What one ioctl tells is judged there; what takes two of them, which come in
 * any order, before the next entry. The accessed bit of a type is left to the backends.
 */
#include <asm/processor-flags.h>

#include "emulate.h"
#include "entry_check.h"
#include "exit.h"
#include "mode.h"
#include "trap_sets.h"
#include "vcpu.h"
#include "vendor.h"

#define TYPE_BUSY_TSS16	3
#define TYPE_BUSY_TSS	11
#define TYPE_LDT	2
#define SELECTOR_TI	4

/* ---- segments ---- */

static bool usable(const struct kvm_segment *s)
{
	return s->present && !s->unusable;
}

static bool is_code(const struct kvm_segment *s)
{
	return s->type & 8;
}

static u8 type_of(const struct kvm_segment *s)
{
	return (s->type & 15) | 1;
}

static bool limit_ok(const struct kvm_segment *s)
{
	return segment_limit_ok(s->limit, s->g);
}

static bool tr_ok(const struct kvm_segment *tr, bool long_mode)
{
	u8 type = tr->type & 15;

	if (!usable(tr) || tr->s || tr->selector & SELECTOR_TI)
		return false;
	if (type != TYPE_BUSY_TSS && (long_mode || type != TYPE_BUSY_TSS16))
		return false;
	return is_canonical(tr->base) && limit_ok(tr);
}

static bool ldtr_ok(const struct kvm_segment *ldt)
{
	if (!usable(ldt))
		return true;
	return !ldt->s && (ldt->type & 15) == TYPE_LDT && !(ldt->selector & SELECTOR_TI) &&
	       is_canonical(ldt->base) && limit_ok(ldt);
}

/* In every mode. FS and GS have all of their base even if there is no segment in them. */
static bool range_ok(const struct kvm_segment *s, bool wide)
{
	if (wide && !is_canonical(s->base))
		return false;
	return !usable(s) || (limit_ok(s) && (wide || !(s->base >> 32)));
}

static bool data_ok(const struct kvm_segment *s)
{
	return !usable(s) || (s->s && (!is_code(s) || s->type & 2));
}

static bool ss_ok(const struct kvm_segment *ss)
{
	return !usable(ss) || (ss->s && (type_of(ss) == 3 || type_of(ss) == 7));
}

static u8 cpl_of(const struct kvm_segment *ss)
{
	return usable(ss) ? ss->dpl & 3 : ss->selector & 3;
}

/* Data, as real mode leaves it there, or code whose DPL fits CPL. */
static bool cs_ok(const struct kvm_segment *cs, u8 cpl)
{
	if (!usable(cs) || !cs->s)
		return false;
	if (!is_code(cs))
		return type_of(cs) == 3 && !cs->dpl && !cpl;
	return cs->type & 4 ? cs->dpl <= cpl : cs->dpl == cpl;
}

static bool vm86_rights(const struct kvm_segment *s)
{
	return usable(s) && s->s && s->dpl == 3 && (type_of(s) & 7) == 3;
}

/* RFLAGS.VM comes by another ioctl. */
static bool could_be_vm86(const struct kvm_sregs *s)
{
	return !(s->efer & EFER_LMA) && vm86_rights(&s->cs) && vm86_rights(&s->ss) &&
	       vm86_rights(&s->ds) && vm86_rights(&s->es) && vm86_rights(&s->fs) &&
	       vm86_rights(&s->gs);
}

static bool protected_ok(const struct kvm_sregs *s)
{
	if ((s->efer & EFER_LMA) && s->cs.l && s->cs.db)
		return false;
	return cs_ok(&s->cs, cpl_of(&s->ss)) && ss_ok(&s->ss) && data_ok(&s->ds) &&
	       data_ok(&s->es) && data_ok(&s->fs) && data_ok(&s->gs);
}

bool entry_segments_ok(const struct kvm_sregs *s)
{
	if (!is_canonical(s->gdt.base) || !is_canonical(s->idt.base) || s->cs.base >> 32)
		return false;
	if (!range_ok(&s->cs, false) || !range_ok(&s->ss, false) || !range_ok(&s->ds, false) ||
	    !range_ok(&s->es, false) || !range_ok(&s->fs, true) || !range_ok(&s->gs, true))
		return false;
	if (!tr_ok(&s->tr, s->efer & EFER_LMA) || !ldtr_ok(&s->ldt))
		return false;
	return !(s->cr0 & X86_CR0_PE) || could_be_vm86(s) || protected_ok(s);
}

/* ---- rip, RFLAGS, events ---- */

/* One bit more than canonical: a guest may run off the end of the lower half. */
bool entry_rip_ok(u64 rip)
{
	s64 top = (s64)rip >> cpuid_linear_bits;

	return !top || top == -1;
}

bool entry_exception_ok(u8 vector, bool has_error, u32 error)
{
	if (vector > 31 || !(BIT(vector) & GUEST_TRAPS))
		return false;
	return !has_error || (BIT(vector) & ERROR_CODE_TRAPS && !(error >> 16));
}

/* Real mode knows no error codes, protected mode none that is left out. */
static bool error_code_ok(const struct vcpu *vcpu)
{
	const struct event *e = &vcpu->events.exception;

	if (e->type == EVENT_NONE || e->has_error || !(vcpu->mode.cr0 & X86_CR0_PE))
		return true;
	return e->vector > 31 || !(BIT(e->vector) & ERROR_CODE_TRAPS);
}

int entry_check(struct vcpu *vcpu)
{
	const struct vcpu_mode *mode = &vcpu->mode;

	if ((vcpu->regs.rflags & X86_EFLAGS_VM) &&
	    (!(mode->cr0 & X86_CR0_PE) || mode->efer & EFER_LMA))
		return -EINVAL;
	if (vcpu->regs.rip >> 32 && mode_insn(vcpu) != INSN_LONG64)
		return -EINVAL;
	if ((mode->cr4 & X86_CR4_PCIDE) && !(mode->efer & EFER_LMA))
		return -EINVAL;
	if (vcpu->events.nmi_injected && vendor(get_shadow)(vcpu))
		return -EINVAL;
	return error_code_ok(vcpu) ? 0 : -EINVAL;
}
