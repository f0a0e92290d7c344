// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that are acted upon between two entries. A guest on shadow tables makes these by the
 * thousand: fills, CR3 loads, INVLPG, CPUID. Preemption is off and nothing here sleeps; what would
 * have to, and all that is rare, is left to exit.c with nothing changed.
 */
#include <linux/uaccess.h>

#include "breakpoint.h"
#include "emulate.h"
#include "event.h"
#include "exit.h"
#include "insn.h"
#include "mmu.h"
#include "mode.h"
#include "vcpu.h"
#include "vendor.h"

/* CR0, CR3 and CR4; a value that faults, or has to wait for memory, is left alone. */
static bool write_cr(struct vcpu *vcpu, unsigned int cr, unsigned int gpr)
{
	u64 value = vcpu->regs.gpr[gpr];
	int err = -EINVAL;

	if (cr == 0)
		err = mode_set_cr0(vcpu, value);
	else if (cr == 3)
		err = mode_set_cr3(vcpu, value);
	else if (cr == 4)
		err = mode_set_cr4(vcpu, value);
	if (!err)
		vcpu->stats.exits_cr++;
	return !err;
}

static bool read_cr(struct vcpu *vcpu, unsigned int cr, unsigned int gpr)
{
	if (mode_get_cr(vcpu, cr, &vcpu->regs.gpr[gpr]))
		return false;
	vcpu->stats.exits_cr++;
	return true;
}

static bool do_invlpg(struct vcpu *vcpu, const struct insn *insn)
{
	mode_invlpg(vcpu, insn_linear(vcpu, insn));
	return true;
}

static bool do_cpuid(struct vcpu *vcpu)
{
	exit_cpuid(vcpu);
	return true;
}

/* The processor says no more than that it was one of these. */
static bool undecoded(struct vcpu *vcpu, const struct exit *exit)
{
	const struct insn *insn;
	bool done = false;
	u64 next;

	insn = insn_here(vcpu, exit);
	if (!insn || (insn->flags & INSN_LOCK))
		return false;
	next = vcpu->regs.rip + insn->length;
	if (insn->op == OP_CPUID)
		done = do_cpuid(vcpu);
	else if (vendor(get_cpl)(vcpu))
		done = false;
	else if (insn->op == OP_MOV_TO_CR)
		done = write_cr(vcpu, insn->dst.reg, insn->src.reg);
	else if (insn->op == OP_MOV_FROM_CR)
		done = read_cr(vcpu, insn->src.reg, insn->dst.reg);
	else if (insn->op == OP_INVLPG)
		done = do_invlpg(vcpu, insn);
	if (done)
		insn_finish(vcpu, next);
	if (done && insn->op == OP_MOV_FROM_CR)
		insn_run_ahead(vcpu);
	return done;
}

static bool decoded(struct vcpu *vcpu, const struct exit *exit)
{
	bool done = false;

	if (exit->kind == EXIT_CPUID) {
		done = do_cpuid(vcpu);
	} else if (exit->kind == EXIT_INVLPG) {
		mode_invlpg(vcpu, exit->gva);
		done = true;
	} else if (exit->long_mode) {
		if (exit->kind == EXIT_CR_WRITE)
			done = write_cr(vcpu, exit->cr.cr, exit->cr.gpr);
		else
			done = read_cr(vcpu, exit->cr.cr, exit->cr.gpr);
	}
	if (done)
		insn_finish(vcpu, exit->next_rip);
	if (done && exit->kind == EXIT_CR_READ)
		insn_run_ahead(vcpu);
	return done;
}

/* A plain store to an upper table: a level-1 table would be out of sync by now. */
static bool store_entry(struct vcpu *vcpu, const struct insn *insn, gpa_t gpa)
{
	u64 next = vcpu->regs.rip + insn->length;
	u64 value = insn->imm;

	/* The fault may tell where its second page begins, of a store that straddles two. */
	if (insn->dst.kind != OPND_MEM || insn->dst.bytes < 4 || (gpa & (insn->dst.bytes - 1)) ||
	    insn_linear(vcpu, insn) != vcpu->fault.gva)
		return false;
	if (insn->src.kind == OPND_REG)
		value = vcpu->regs.gpr[insn->src.reg];
	else if (insn->src.kind != OPND_IMM)
		return false;
	if (mmu_write_guest(&vcpu->mmu, gpa, &value, insn->dst.bytes))
		return false;
	vcpu->stats.emulated++;
	insn_finish(vcpu, next);
	return true;
}

/* What is written as a block becomes a new table, or none. */
static bool is_block(const struct insn *insn)
{
	return (insn->op == OP_STOS || insn->op == OP_MOVS) &&
	       (insn->flags & (INSN_REP | INSN_REPNE));
}

/* A write to a table that is to be emulated. */
static noinline_for_stack bool table_write(struct vcpu *vcpu, const struct exit *exit)
{
	const struct mmu_fault *f = &vcpu->fault;
	const struct insn *insn;

	if (!f->to_table || exit->delivering.type != EVENT_NONE ||
	    mode_insn(vcpu) != INSN_LONG64 || (vcpu->debug.dr7 & BREAKPOINTS_ENABLED))
		return false;
	insn = insn_here(vcpu, exit);
	if (!insn)
		return false;
	if (insn->op == OP_MOV)
		return store_entry(vcpu, insn, f->gpa);
	return is_block(insn) && !f->self_map && mmu_unprotect(&vcpu->mmu, f->gpa);
}

static bool page_fault(struct vcpu *vcpu, struct exit *exit)
{
	struct mmu_fault *f = &vcpu->fault;

	*f = (struct mmu_fault){
		.gva = exit->pf.gva,
		.error = exit->pf.error,
		.access = exit_access(vcpu, exit->pf.error),
	};
	switch (mmu_fault(&vcpu->mmu, f)) {
	case MMU_INJECT:
		event_queue_pf(vcpu, f->gva, f->inject_error);
		fallthrough;
	case MMU_FIXED:
	case MMU_RETRY:
		vcpu->stats.exits_pf++;
		return true;
	case MMU_EMULATE:
		if (table_write(vcpu, exit)) {
			vcpu->stats.exits_pf++;
			return true;
		}
		exit->pf.walked = true;
		fallthrough;
	default:
		return false;
	}
}

static bool act(struct vcpu *vcpu, struct exit *exit)
{
	switch (exit->kind) {
	case EXIT_PF:
		return page_fault(vcpu, exit);
	case EXIT_CPUID:
	case EXIT_CR_WRITE:
	case EXIT_CR_READ:
	case EXIT_INVLPG:
		if (exit->next_rip)
			return decoded(vcpu, exit);
		fallthrough;
	case EXIT_EMULATE:
		return exit->long_mode && undecoded(vcpu, exit);
	default:
		return false;
	}
}

bool exit_fast(struct vcpu *vcpu, struct exit *exit)
{
	bool done;

	pagefault_disable();
	vcpu->mmu.atomic = true;
	done = act(vcpu, exit);
	vcpu->mmu.atomic = false;
	pagefault_enable();
	return done;
}
