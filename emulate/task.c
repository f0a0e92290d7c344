// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches: Intel SDM vol. 3A 8.3, AMD APM vol. 2 12.3. What comes before the
 * registers of the new task are there faults in the old one, what comes later in the new one.
 */
#include "internal.h"

#define CR0_PG		(1ULL << 31)
#define DR6_BT		(1U << 15)
#define FL_LOADED	(FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF | FL_VM | \
			 FL_AC | FL_VIF | FL_VIP | FL_ID)

#define NR_SEGS		6	/* ES to GS, in the TSS's order */
#define NR_GPRS		8

/* Where things are in a TSS of 32 bits and in one of 16. */
#define TSS32_CR3	0x1c
#define TSS32_EIP	0x20
#define TSS32_SEGS	0x48
#define TSS32_LDT	0x60
#define TSS32_TRAP	0x64
#define TSS32_BYTES	0x68
#define TSS16_IP	0x0e
#define TSS16_SEGS	0x22
#define TSS16_LDT	0x2a
#define TSS16_BYTES	0x2c

/* A task's state, of either kind of TSS. */
struct task {
	struct descriptor d;
	bool wide;
	u32 cr3, ip, flags, gpr[NR_GPRS];
	u16 seg[NR_SEGS], ldt;
	bool trap;
};

static bool nests(const struct emu_task_switch *how)
{
	return how->source == EMU_TASK_CALL || how->source == EMU_TASK_GATE;
}

static u32 tss_bytes(bool wide)
{
	return wide ? TSS32_BYTES : TSS16_BYTES;
}

static bool is_wide(const struct emulate_segment *tss)
{
	return tss->type & 8;
}

/* ---- memory, whatever its size ---- */

static enum emu_status read_bytes(struct emulate_ctxt *ctxt, gva_t addr, u8 *buf, u32 bytes)
{
	enum emu_status status = EMU_DONE;
	u32 i;

	for (i = 0; i < bytes && !status; i += 4)
		status = emu_read_table(ctxt, addr + i, buf + i, 4);
	return status;
}

static enum emu_status write_value(struct emulate_ctxt *ctxt, gva_t addr, u32 val,
				   unsigned int bytes)
{
	return ctxt->ops->write(ctxt, emu_table_address(ctxt, addr), &val, bytes, EMU_ACC_SYSTEM);
}

static enum emu_status probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes)
{
	if (!ctxt->ops->probe)
		return EMU_DONE;
	return ctxt->ops->probe(ctxt, emu_table_address(ctxt, addr), bytes, EMU_ACC_SYSTEM);
}

static u32 get(const u8 *raw, unsigned int offset, unsigned int bytes)
{
	u32 val = 0;

	__builtin_memcpy(&val, raw + offset, bytes);
	return val;
}

/* ---- the old task ---- */

/* The offset of field @i behind the instruction pointer: ip, flags, registers. */
static unsigned int word_at(bool wide, unsigned int i)
{
	return wide ? TSS32_EIP + 4 * i : TSS16_IP + 2 * i;
}

static unsigned int segment_at(bool wide, unsigned int i)
{
	return wide ? TSS32_SEGS + 4 * i : TSS16_SEGS + 2 * i;
}

static unsigned int nr_segments(bool wide)
{
	return wide ? NR_SEGS : 4;
}

static enum emu_status save_segments(struct emulate_ctxt *ctxt, const struct emulate_segment *tss)
{
	bool wide = is_wide(tss);
	enum emu_status status = EMU_DONE;
	struct emulate_segment seg;
	unsigned int i;

	for (i = 0; i < nr_segments(wide) && !status; i++) {
		ctxt->ops->get_segment(ctxt, i, &seg);
		status = write_value(ctxt, tss->base + segment_at(wide, i), seg.selector, 2);
	}
	return status;
}

static enum emu_status save_task(struct emulate_ctxt *ctxt, const struct emulate_segment *tss,
				 const struct emu_task_switch *how)
{
	u64 flags = ctxt->rflags | (how->restarts ? FL_RF : 0);
	bool wide = is_wide(tss);
	unsigned int bytes = wide ? 4 : 2, i;
	enum emu_status status;

	if (how->source == EMU_TASK_IRET)
		flags &= ~FL_NT;
	status = write_value(ctxt, tss->base + word_at(wide, 0), ctxt->rip, bytes);
	if (!status)
		status = write_value(ctxt, tss->base + word_at(wide, 1), flags, bytes);
	for (i = 0; i < NR_GPRS && !status; i++)
		status = write_value(ctxt, tss->base + word_at(wide, 2 + i), ctxt->regs[i], bytes);
	return status ? status : save_segments(ctxt, tss);
}

/* Nothing is written before it is known that all of it can be. */
static enum emu_status probe_task(struct emulate_ctxt *ctxt, const struct emulate_segment *tss)
{
	unsigned int first = word_at(is_wide(tss), 0);

	if (tss->limit < tss_bytes(is_wide(tss)) - 1)
		return emu_selector_fault(ctxt, EMU_TS, tss->selector);
	return probe(ctxt, tss->base + first,
		     segment_at(is_wide(tss), nr_segments(is_wide(tss))) - first);
}

static enum emu_status clear_busy(struct emulate_ctxt *ctxt, const struct emulate_segment *tss)
{
	struct descriptor d = { .selector = tss->selector };
	enum emu_status status = emu_read_descriptor(ctxt, &d, EMU_TS);

	if (status)
		return status;
	return write_value(ctxt, d.addr + 5, (d.low >> 40 & 0xff) & ~TYPE_TSS_BUSY, 1);
}

/* ---- the new task ---- */

/* A switch back finds a busy task, any other one that is not. */
static enum emu_status find_tss(struct emulate_ctxt *ctxt, const struct emu_task_switch *how,
				struct descriptor *d)
{
	bool back = how->source == EMU_TASK_IRET;
	u8 vector = back ? EMU_TS : EMU_GP, type = back ? TYPE_TSS_BUSY : 0;
	enum emu_status status;

	d->selector = how->selector;
	if (is_null(d->selector) || (d->selector & SEL_TI))
		return emu_selector_fault(ctxt, vector, d->selector);
	status = emu_read_descriptor(ctxt, d, vector);
	if (status)
		return status;
	if (d->seg.s || (d->seg.type & ~8) != (TYPE_TSS16 | type))
		return emu_selector_fault(ctxt, vector, d->selector);
	if (!d->seg.present)
		return emu_selector_fault(ctxt, EMU_NP, d->selector);
	if (d->seg.limit < tss_bytes(is_wide(&d->seg)) - 1)
		return emu_selector_fault(ctxt, EMU_TS, d->selector);
	return EMU_DONE;
}

static enum emu_status read_task(struct emulate_ctxt *ctxt, struct task *t)
{
	u8 raw[TSS32_BYTES];
	bool wide = is_wide(&t->d.seg);
	unsigned int bytes = wide ? 4 : 2, i;
	enum emu_status status;

	status = read_bytes(ctxt, t->d.seg.base, raw, tss_bytes(wide));
	if (status)
		return status;
	t->wide = wide;
	t->ip = get(raw, word_at(wide, 0), bytes);
	t->flags = get(raw, word_at(wide, 1), bytes);
	for (i = 0; i < NR_GPRS; i++)
		t->gpr[i] = get(raw, word_at(wide, 2 + i), bytes);
	for (i = 0; i < nr_segments(wide); i++)
		t->seg[i] = get(raw, segment_at(wide, i), 2);
	t->ldt = get(raw, wide ? TSS32_LDT : TSS16_LDT, 2);
	t->cr3 = wide ? get(raw, TSS32_CR3, 4) : 0;
	t->trap = wide && (raw[TSS32_TRAP] & 1);
	return EMU_DONE;
}

static void take_registers(struct emulate_ctxt *ctxt, const struct task *t, bool nested)
{
	unsigned int i;

	ctxt->task_switched = true;
	ctxt->rip = t->ip;
	ctxt->rflags = (t->flags & FL_LOADED) | (nested ? FL_NT : 0) | FL_FIXED;
	for (i = 0; i < NR_GPRS; i++)
		ctxt->regs[i] = t->gpr[i];
	if (t->trap)
		ctxt->traps |= DR6_BT;
	__builtin_memcpy(ctxt->rollback.regs, ctxt->regs, sizeof(ctxt->regs));
	ctxt->rollback.rip = ctxt->rip;
	ctxt->rollback.rflags = ctxt->rflags;
}

static enum emu_status take_control(struct emulate_ctxt *ctxt, const struct task *t)
{
	enum emu_status status;
	u64 cr0;

	status = emu_read_cr(ctxt, 0, &cr0);
	if (!status)
		status = ctxt->ops->write_cr(ctxt, 0, cr0 | CR0_TS);
	if (!status && t->wide && (cr0 & CR0_PG))
		status = ctxt->ops->write_cr(ctxt, 3, t->cr3);
	return status;
}

/* Before the first descriptor is looked at there are only selectors. */
static void take_selectors(struct emulate_ctxt *ctxt, const struct task *t)
{
	struct emulate_segment seg;
	unsigned int i;

	for (i = 0; i < NR_SEGS; i++) {
		ctxt->ops->get_segment(ctxt, i, &seg);
		if (i != SREG_CS && i != SREG_SS)
			seg = (struct emulate_segment) { .selector = t->seg[i] };
		/* Code and stack stay consistent. */
		else if (((t->seg[SREG_CS] ^ seg.selector) & SEL_RPL) == 0 &&
			 ((t->seg[SREG_SS] ^ seg.selector) & SEL_RPL) == 0)
			seg.selector = t->seg[i];
		ctxt->ops->set_segment(ctxt, i, &seg);
	}
	seg = (struct emulate_segment) { .selector = t->ldt };
	ctxt->ops->set_segment(ctxt, SREG_LDTR, &seg);
}

static enum emu_status load_ldt(struct emulate_ctxt *ctxt, u16 selector)
{
	struct descriptor d = { .selector = selector };
	enum emu_status status;

	if (is_null(selector))
		return EMU_DONE;
	if (selector & SEL_TI)
		return emu_selector_fault(ctxt, EMU_TS, selector);
	status = emu_read_descriptor(ctxt, &d, EMU_TS);
	if (!status && (d.seg.s || d.seg.type != TYPE_LDT || !d.seg.present))
		status = emu_selector_fault(ctxt, EMU_TS, selector);
	return status ? status : ctxt->ops->set_segment(ctxt, SREG_LDTR, &d.seg);
}

static bool code_allowed(struct emulate_ctxt *ctxt, const struct descriptor *d)
{
	unsigned int rpl = d->selector & SEL_RPL;

	if (!emu_is_code(ctxt, d))
		return false;
	return d->seg.type & TYPE_CONFORMING ? d->seg.dpl <= rpl : d->seg.dpl == rpl;
}

/* Read, check and mark the descriptor of any of the six. */
static enum emu_status find_segment(struct emulate_ctxt *ctxt, unsigned int reg,
				    struct descriptor *d, unsigned int cpl)
{
	u8 absent = reg == SREG_SS ? EMU_SS : EMU_NP;
	enum emu_status status;
	bool ok;

	if (is_null(d->selector))
		return emu_selector_fault(ctxt, EMU_TS, d->selector);
	status = emu_read_descriptor(ctxt, d, EMU_TS);
	if (status)
		return status;
	ok = reg == SREG_CS ? code_allowed(ctxt, d) :
	     reg == SREG_SS ? emu_stack_allowed(d, cpl) : emu_data_allowed(d, cpl);
	if (!ok)
		return emu_selector_fault(ctxt, EMU_TS, d->selector);
	if (!d->seg.present)
		return emu_selector_fault(ctxt, absent, d->selector);
	return emu_mark_used(ctxt, d);
}

static enum emu_status load_code_and_stack(struct emulate_ctxt *ctxt, const struct task *t)
{
	struct descriptor cs = { .selector = t->seg[SREG_CS] };
	struct descriptor ss = { .selector = t->seg[SREG_SS] };
	unsigned int cpl = t->seg[SREG_CS] & SEL_RPL;
	enum emu_status status;

	status = find_segment(ctxt, SREG_CS, &cs, cpl);
	if (!status)
		status = find_segment(ctxt, SREG_SS, &ss, cpl);
	if (status)
		return status;
	ctxt->cpl = cpl;
	ctxt->mode = cs.seg.db ? INSN_PROT32 : INSN_PROT16;
	ctxt->ops->set_segment(ctxt, SREG_SS, &ss.seg);
	return ctxt->ops->set_segment(ctxt, SREG_CS, &cs.seg);
}

static enum emu_status load_data(struct emulate_ctxt *ctxt, const struct task *t)
{
	static const u8 regs[] = { SREG_DS, SREG_ES, SREG_FS, SREG_GS };
	enum emu_status status = EMU_DONE;
	struct descriptor d;
	unsigned int i;

	for (i = 0; i < sizeof(regs) && !status; i++) {
		d = (struct descriptor) { .selector = t->seg[regs[i]] };
		if (is_null(d.selector))
			continue;
		status = find_segment(ctxt, regs[i], &d, ctxt->cpl);
		if (!status)
			status = ctxt->ops->set_segment(ctxt, regs[i], &d.seg);
	}
	return status;
}

static enum emu_status load_vm86(struct emulate_ctxt *ctxt, const struct task *t)
{
	enum emu_status status = EMU_DONE;
	unsigned int i;

	ctxt->mode = INSN_VM86;
	ctxt->cpl = 3;
	for (i = 0; i < NR_SEGS && !status; i++)
		status = emu_load_segment(ctxt, i, t->seg[i]);
	return status;
}

static enum emu_status load_segments(struct emulate_ctxt *ctxt, const struct task *t)
{
	enum emu_status status;

	take_selectors(ctxt, t);
	status = load_ldt(ctxt, t->ldt);
	if (status)
		return status;
	if (t->flags & FL_VM)
		return load_vm86(ctxt, t);
	status = load_code_and_stack(ctxt, t);
	return status ? status : load_data(ctxt, t);
}

static enum emu_status begin_task(struct emulate_ctxt *ctxt, const struct task *t,
				  const struct emu_task_switch *how)
{
	struct emulate_segment cs;
	enum emu_status status;

	status = take_control(ctxt, t);
	if (!status)
		status = load_segments(ctxt, t);
	if (!status && how->has_error)
		status = emu_push(ctxt, how->error, t->wide ? 4 : 2);
	if (status)
		return status;
	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	return ctxt->rip > cs.limit ? emulate_raise(ctxt, EMU_GP, 0) : EMU_DONE;
}

/* ---- the switch ---- */

static enum emu_status prepare(struct emulate_ctxt *ctxt, const struct emu_task_switch *how,
			       struct task *t, const struct emulate_segment *old)
{
	enum emu_status status = find_tss(ctxt, how, &t->d);

	if (!status)
		status = probe_task(ctxt, old);
	if (!status && nests(how))
		status = probe(ctxt, t->d.seg.base, 2);
	if (!status && how->source != EMU_TASK_IRET)
		status = probe(ctxt, t->d.addr + 5, 1);
	return status ? status : read_task(ctxt, t);
}

static enum emu_status leave_old(struct emulate_ctxt *ctxt, const struct emu_task_switch *how,
				 struct task *t, const struct emulate_segment *old)
{
	enum emu_status status = EMU_DONE;

	if (!nests(how))
		status = clear_busy(ctxt, old);
	if (!status)
		status = save_task(ctxt, old, how);
	if (!status && nests(how))
		status = write_value(ctxt, t->d.seg.base, old->selector, 2);
	if (!status && how->source != EMU_TASK_IRET)
		status = emu_mark_used(ctxt, &t->d);
	return status ? status : ctxt->ops->set_segment(ctxt, SREG_TR, &t->d.seg);
}

static enum emu_status switch_tasks(struct emulate_ctxt *ctxt, const struct emu_task_switch *how)
{
	struct task t = { .wide = false };
	struct emulate_segment old;
	enum emu_status status;

	ctxt->ops->get_segment(ctxt, SREG_TR, &old);
	status = prepare(ctxt, how, &t, &old);
	if (status)
		return status;	/* nothing has been written */
	status = leave_old(ctxt, how, &t, &old);
	if (!status) {
		take_registers(ctxt, &t, nests(how));
		status = begin_task(ctxt, &t, how);
	}
	/* It can't be begun again. */
	return status == EMU_DONE || status == EMU_FAULT ? status : EMU_UNHANDLED;
}

enum emu_status emulate_task_switch(struct emulate_ctxt *ctxt, const struct emu_task_switch *how)
{
	enum emu_status status;

	ctxt->task_switched = false;
	ctxt->traps = 0;
	if (!ctxt->ops->set_segment || !ctxt->ops->get_dt || !ctxt->ops->write_cr)
		return EMU_UNHANDLED;
	status = switch_tasks(ctxt, how);
	if (status == EMU_FAULT && how->external && ctxt->fault.has_error &&
	    ctxt->fault.vector != EMU_PF)
		ctxt->fault.error |= 1;
	return status;
}
