// SPDX-License-Identifier: GPL-2.0-only
/* A local APIC: priorities, registers, MSRs, state. Intel SDM 3A 11.4 to 11.12, AMD APM 2 16. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "internal.h"

#define BASE_BSP	BIT(8)
#define BASE_X2		BIT(10)
#define BASE_ENABLED	BIT(11)
#define BASE_ADDRESS	0xfee00000u

#define VERSION		0x00050014u	/* 6 LVTs */
#define SPIV_WRITABLE	0x3ffu
#define ICR_BUSY	BIT(12)
#define ICR_RESERVED	(BIT_ULL(13) | GENMASK_ULL(17, 16) | GENMASK_ULL(31, 20))
#define LVT_EXTINT	(IRQ_EXTINT << 8)
#define MSR_X2APIC	0x800
#define MSR_DEADLINE	0x6e0

/* What can be written of the LVTs, from the timer's to the error's. */
static const u32 lvt_writable[] = {
	LVT_MASKED | LVT_VECTOR,
	LVT_MASKED | LVT_VECTOR | LVT_MODE,
	LVT_MASKED | LVT_VECTOR | LVT_MODE,
	LVT_MASKED | LVT_VECTOR | LVT_MODE | BIT(13) | BIT(15),
	LVT_MASKED | LVT_VECTOR | LVT_MODE | BIT(13) | BIT(15),
	LVT_MASKED | LVT_VECTOR,
};

#define NR_LVTS		ARRAY_SIZE(lvt_writable)

/* ---- priorities ---- */

u8 lapic_tpr(const struct lapic *apic)
{
	return reg_get(apic, REG_TPR);
}

static void update_ppr(struct lapic *apic)
{
	u8 tpr = lapic_tpr(apic), serviced = apic->in_service < 0 ? 0 : apic->in_service & 0xf0;

	apic->ppr = (tpr & 0xf0) >= serviced ? tpr : serviced;
}

/* The deadline that has come is 0 from here on: its interrupt is in the IRR. */
static void end_deadline(struct lapic *apic)
{
	if (!smp_load_acquire(&apic->deadline_over))
		return;
	apic->deadline_over = false;
	apic->deadline = 0;
}

int lapic_pending(struct lapic *apic)
{
	int vector;

	if (unlikely(READ_ONCE(apic->deadline_over)))
		end_deadline(apic);
	vector = highest_vector(apic->irr);
	return (vector & 0xf0) > apic->ppr && vector >= 0 && lapic_enabled(apic) ? vector : -1;
}

/* What is pending needs no other event: the vCPU's thread has changed what decides about it. */
static void recheck(struct lapic *apic)
{
	if (lapic_pending(apic) >= 0)
		irq_host_kick(apic);
}

bool lapic_is_idle(const struct lapic *apic)
{
	return highest_vector(apic->irr) < 0;
}

/*
 * An interrupt that waits, or that the I/O APIC wants to hear of, needs the exit. One that comes
 * from now on kicks, and the offer is taken back before it is looked at.
 */
static void offer_eoi(struct lapic *apic, u8 vector)
{
	apic->eoi_offered = !test_bit(vector, apic->tmr) && lapic_is_idle(apic) &&
			    irq_host_offer_eoi(apic, vector);
}

/* Others look at IRR, then ISR (the RTC): a vector on its way is in both, never in neither. */
void lapic_take(struct lapic *apic, u8 vector)
{
	unsigned long *word = &apic->isr[BIT_WORD(vector)];

	WRITE_ONCE(*word, READ_ONCE(*word) | BIT_MASK(vector));
	clear_bit(vector, apic->irr);
	apic->in_service = max_t(int, apic->in_service, vector);
	update_ppr(apic);
	offer_eoi(apic, vector);
}

/* Whether there was one to be ended. */
static bool end_interrupt(struct lapic *apic)
{
	int vector = apic->in_service;
	unsigned long *word;

	if (vector < 0)
		return false;
	word = &apic->isr[BIT_WORD(vector)];
	WRITE_ONCE(*word, READ_ONCE(*word) & ~BIT_MASK(vector));
	apic->in_service = highest_vector(apic->isr);
	update_ppr(apic);
	irq_host_eoi(apic, vector);
	return true;
}

void lapic_eoi(struct lapic *apic)
{
	if (end_interrupt(apic))
		recheck(apic);
}

int lapic_settle_eoi(struct lapic *apic)
{
	int left;

	if (likely(!apic->eoi_offered))
		return 0;
	left = irq_host_take_eoi(apic);
	if (left < 0)
		return left;
	apic->eoi_offered = false;
	if (!left)
		end_interrupt(apic);
	return 0;
}

void lapic_set_tpr(struct lapic *apic, u8 tpr)
{
	u8 before = apic->ppr;

	reg_set(apic, REG_TPR, tpr);
	update_ppr(apic);
	if (apic->ppr < before)
		recheck(apic);
}

/* ---- LINT0, LINT1 ---- */

static bool lvt_is(const struct lapic *apic, u32 reg, u32 mode)
{
	return (reg_get(apic, reg) & (LVT_MASKED | LVT_MODE)) == mode << 8;
}

bool lapic_takes_extint(const struct lapic *apic)
{
	return !lapic_enabled(apic) || lvt_is(apic, REG_LVT_LINT0, IRQ_EXTINT);
}

bool lapic_takes_lint1_nmi(const struct lapic *apic)
{
	return lapic_enabled(apic) && lvt_is(apic, REG_LVT_LINT1, IRQ_NMI);
}

/* The PIC's output may be up for long. */
static void recheck_extint(struct lapic *apic)
{
	if (lapic_takes_extint(apic))
		irq_host_kick(apic);
}

/* ---- mode and id ---- */

/* After each change of the xAPIC ID or the mode. */
static void update_renamed(struct lapic *apic)
{
	bool renamed = lapic_enabled(apic) && !lapic_is_x2(apic) &&
		       reg_get(apic, REG_ID) >> 24 != apic->id;

	if (renamed == apic->renamed)
		return;
	apic->renamed = renamed;
	if (renamed)
		atomic_inc(&apic->chips->nr_renamed);
	else
		atomic_dec(&apic->chips->nr_renamed);
}

static void set_own_id(struct lapic *apic)
{
	u32 id = apic->id;

	if (lapic_is_x2(apic)) {
		reg_set(apic, REG_ID, id);
		reg_set(apic, REG_LDR, id >> 4 << 16 | 1u << (id & 0xf));
	} else if (lapic_enabled(apic)) {
		reg_set(apic, REG_ID, id << 24);
	}
	update_renamed(apic);
}

static bool mode_allowed(u64 old, u64 new, bool host)
{
	bool was_x2 = old & BASE_X2, x2 = new & BASE_X2;

	if (x2 && !(new & BASE_ENABLED))
		return false;
	if (host || was_x2 == x2)
		return true;
	return x2 ? old & BASE_ENABLED : !(new & BASE_ENABLED);
}

int lapic_set_base(struct lapic *apic, u64 base, bool host)
{
	u64 changed = apic->base ^ base;

	if (!mode_allowed(apic->base, base, host))
		return -EINVAL;
	WRITE_ONCE(apic->base, base);
	if (changed & (BASE_ENABLED | BASE_X2)) {
		set_own_id(apic);
		recheck_extint(apic);
		recheck(apic);
	}
	return 0;
}

/* ---- reset ---- */

static void clear_vectors(struct lapic *apic)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(apic->irr); i++) {
		WRITE_ONCE(apic->irr[i], 0);
		WRITE_ONCE(apic->isr[i], 0);
		WRITE_ONCE(apic->tmr[i], 0);
	}
	apic->in_service = -1;
	apic->eoi_offered = false;
}

static void reset_regs(struct lapic *apic)
{
	unsigned int reg;

	for (reg = REG_TPR; reg < sizeof(apic->regs); reg += 16)
		if (reg != REG_LDR || !lapic_is_x2(apic))
			reg_set(apic, reg, 0);
	for (reg = REG_LVT_TIMER; reg <= REG_LVT_ERROR; reg += 16)
		reg_set(apic, reg, LVT_MASKED);
	if (apic->base & BASE_BSP && !READ_ONCE(apic->chips->lint0_masked))
		reg_set(apic, REG_LVT_LINT0, LVT_EXTINT);
	reg_set(apic, REG_VERSION, VERSION);
	reg_set(apic, REG_DFR, DFR_FLAT);
	reg_set(apic, REG_SPIV, 0xff);
}

void lapic_reset(struct lapic *apic, bool init)
{
	timer_reset(apic);
	if (!init) {
		WRITE_ONCE(apic->base, BASE_ADDRESS | BASE_ENABLED | (apic->base & BASE_BSP));
		set_own_id(apic);
		WRITE_ONCE(apic->pending, 0);
	}
	reset_regs(apic);
	clear_vectors(apic);
	update_ppr(apic);
}

void lapic_init(struct lapic *apic, struct irq_chips *chips, u32 id, u64 base)
{
	apic->chips = chips;
	apic->id = id;
	apic->base = base;
	timer_init(apic);
	lapic_reset(apic, false);
}

/* ---- registers ---- */

static u32 bitmap_reg(const unsigned long *map, u32 index)
{
	return READ_ONCE(map[index / 2]) >> (index % 2 * 32);
}

/* Registers that can be read, each a bit. */
static bool is_readable(const struct lapic *apic, u32 reg)
{
#define R(reg)		BIT_ULL((reg) >> 4)
#define RANGE(a, b)	GENMASK_ULL((b) >> 4, (a) >> 4)
	u64 readable = R(REG_ID) | R(REG_VERSION) | R(REG_TPR) | R(REG_PPR) | R(REG_LDR) |
		       R(REG_SPIV) | RANGE(REG_ISR, REG_ESR) | R(REG_ICR) |
		       RANGE(REG_LVT_TIMER, REG_TMCCT) | R(REG_TDCR);

	if (!lapic_is_x2(apic))
		readable |= R(REG_APR) | R(REG_DFR) | R(REG_ICR2);
	return reg < sizeof(apic->regs) && readable & R(reg);
#undef R
#undef RANGE
}

static u32 read_reg(struct lapic *apic, u32 reg)
{
	u32 index = reg >> 4 & 7;

	switch (reg) {
	case REG_PPR:
		return apic->ppr;
	case REG_ISR ... REG_ISR + 0x70:
		return bitmap_reg(apic->isr, index);
	case REG_TMR ... REG_TMR + 0x70:
		return bitmap_reg(apic->tmr, index);
	case REG_IRR ... REG_IRR + 0x70:
		return bitmap_reg(apic->irr, index);
	case REG_TMCCT:
		return timer_current(apic);
	default:
		return reg_get(apic, reg);
	}
}

static void write_lvt(struct lapic *apic, u32 reg, u32 value)
{
	u32 writable = lvt_writable[(reg - REG_LVT_TIMER) >> 4];

	if (reg == REG_LVT_TIMER)
		writable |= apic->deadline_mode_allowed ? LVT_TIMER_MODE : BIT(17);
	value &= writable;
	if (!(reg_get(apic, REG_SPIV) & SPIV_ENABLED))
		value |= LVT_MASKED;
	reg_set(apic, reg, value);
	if (reg == REG_LVT_TIMER)
		timer_set_mode(apic);
	if (reg == REG_LVT_LINT0)
		recheck_extint(apic);
}

/* A disabled APIC has all its LVTs masked. */
static void write_spiv(struct lapic *apic, u32 value)
{
	u32 reg;

	reg_set(apic, REG_SPIV, value & SPIV_WRITABLE);
	if (value & SPIV_ENABLED)
		return;
	for (reg = REG_LVT_TIMER; reg <= REG_LVT_ERROR; reg += 16)
		reg_set(apic, reg, reg_get(apic, reg) | LVT_MASKED);
}

struct irq_msg irq_msg_of_icr(u32 low)
{
	return (struct irq_msg){
		.logical = low & BIT(11),
		.shorthand = low >> 18 & 3,
		.mode = low >> 8 & 7,
		.vector = low,
		.level = low & BIT(15),
		.assert = low & BIT(14),
	};
}

static void send_ipi(struct lapic *apic, u32 low, u32 dest)
{
	struct irq_msg msg = irq_msg_of_icr(low);

	msg.dest = dest;
	msg.wide = lapic_is_x2(apic);
	irq_deliver(apic->chips, apic, &msg);
}

static void write_icr(struct lapic *apic, u32 low, u32 high)
{
	low &= ~ICR_BUSY;
	reg_set(apic, REG_ICR, low);
	reg_set(apic, REG_ICR2, high);
	send_ipi(apic, low, lapic_is_x2(apic) ? high : high >> 24);
}

/* Those that both modes have, but ICR. -EINVAL: can't be written, or not with that. */
static int write_reg(struct lapic *apic, u32 reg, u32 value)
{
	switch (reg) {
	case REG_TPR:
		lapic_set_tpr(apic, value);
		return 0;
	case REG_EOI:
		lapic_eoi(apic);
		return 0;
	case REG_SPIV:
		write_spiv(apic, value);
		return 0;
	case REG_ESR:	/* no error is ever found */
		reg_set(apic, REG_ESR, 0);
		return 0;
	case REG_LVT_TIMER ... REG_LVT_ERROR:
		write_lvt(apic, reg, value);
		return 0;
	case REG_TMICT:
		timer_set_initial(apic, value);
		return 0;
	case REG_TDCR:
		timer_set_divisor(apic, value & 0xb);
		return 0;
	default:
		return -EINVAL;
	}
}

static void write_xapic_reg(struct lapic *apic, u32 reg, u32 value)
{
	switch (reg) {
	case REG_ID:
		reg_set(apic, REG_ID, value & 0xff000000);
		update_renamed(apic);
		break;
	case REG_LDR:
		reg_set(apic, REG_LDR, value & 0xff000000);
		break;
	case REG_DFR:
		reg_set(apic, REG_DFR, value | 0x0fffffff);
		break;
	case REG_ICR:
		write_icr(apic, value, reg_get(apic, REG_ICR2));
		break;
	case REG_ICR2:
		reg_set(apic, REG_ICR2, value & 0xff000000);
		break;
	default:
		write_reg(apic, reg, value);
	}
}

void lapic_mmio_read(struct lapic *apic, u32 offset, u32 len, void *data)
{
	u32 within = offset & 0xf, value;

	memset(data, 0, len);
	if (within + len > sizeof(value) || !is_readable(apic, offset))
		return;
	value = read_reg(apic, offset & ~0xf);
	memcpy(data, (u8 *)&value + within, len);
}

void lapic_mmio_write(struct lapic *apic, u32 offset, u32 len, const void *data)
{
	u32 value;

	if (len != sizeof(value) || offset & 0xf)
		return;
	memcpy(&value, data, len);
	write_xapic_reg(apic, offset, value);
}

/* ---- MSRs ---- */

/* What a MSR is in the page; beyond it: none. */
static u32 msr_reg(const struct lapic *apic, u32 index)
{
	bool is = lapic_is_x2(apic) && index - MSR_X2APIC < sizeof(apic->regs) / 16;

	return is ? (index - MSR_X2APIC) << 4 : sizeof(apic->regs);
}

int lapic_msr_read(struct lapic *apic, u32 index, u64 *data)
{
	u32 reg = msr_reg(apic, index);

	if (index == MSR_DEADLINE) {
		*data = timer_get_deadline(apic);
		return 0;
	}
	if (!is_readable(apic, reg))
		return -EINVAL;
	*data = read_reg(apic, reg);
	if (reg == REG_ICR)
		*data |= (u64)reg_get(apic, REG_ICR2) << 32;
	return 0;
}

static int write_x2_icr(struct lapic *apic, u64 data)
{
	if (data & ICR_RESERVED)
		return -EINVAL;
	write_icr(apic, data, data >> 32);
	return 0;
}

static int write_self_ipi(struct lapic *apic, u64 data)
{
	if (data > 0xff)
		return -EINVAL;
	send_ipi(apic, IRQ_SELF << 18 | data, 0);
	return 0;
}

static bool x2_value_allowed(u32 reg, u64 data)
{
	switch (reg) {
	case REG_TPR:
		return data <= 0xff;
	case REG_EOI:
	case REG_ESR:
		return !data;
	default:
		return data <= U32_MAX;
	}
}

int lapic_msr_write(struct lapic *apic, u32 index, u64 data, bool host)
{
	u32 reg = msr_reg(apic, index);

	if (index == MSR_DEADLINE) {
		timer_set_deadline(apic, data);
		return 0;
	}
	if (reg == REG_ICR)
		return write_x2_icr(apic, data);
	if (reg == REG_SELF_IPI)
		return write_self_ipi(apic, data);
	return x2_value_allowed(reg, data) ? write_reg(apic, reg, data) : -EINVAL;
}

/* ---- state ---- */

static u32 state_get(const struct kvm_lapic_state *state, u32 reg)
{
	u32 value;

	memcpy(&value, state->regs + reg, sizeof(value));
	return value;
}

static void state_put(struct kvm_lapic_state *state, u32 reg, u32 value)
{
	memcpy(state->regs + reg, &value, sizeof(value));
}

void lapic_get_state(struct lapic *apic, struct kvm_lapic_state *state)
{
	u32 i;

	*state = apic->regs;
	state_put(state, REG_PPR, apic->ppr);
	for (i = 0; i < APIC_VECTORS / 32; i++) {
		state_put(state, REG_ISR + i * 16, bitmap_reg(apic->isr, i));
		state_put(state, REG_TMR + i * 16, bitmap_reg(apic->tmr, i));
		state_put(state, REG_IRR + i * 16, bitmap_reg(apic->irr, i));
	}
	state_put(state, REG_TMCCT, timer_current(apic));
	if (lapic_is_x2(apic) && !apic->chips->wide_ids)
		state_put(state, REG_ID, apic->id << 24);
}

static void set_bitmap(unsigned long *map, const struct kvm_lapic_state *state, u32 reg)
{
	u32 i;

	for (i = 0; i < APIC_VECTORS / 64; i++, reg += 32)
		WRITE_ONCE(map[i], state_get(state, reg) | (u64)state_get(state, reg + 16) << 32);
}

static void set_regs(struct lapic *apic, const struct kvm_lapic_state *state)
{
	u32 reg;

	for (reg = 0; reg < sizeof(apic->regs); reg += 16)
		reg_set(apic, reg, state_get(state, reg));
	reg_set(apic, REG_VERSION, VERSION);
	reg_set(apic, REG_TPR, state_get(state, REG_TPR) & 0xff);
	if (lapic_is_x2(apic))
		set_own_id(apic);
	else
		update_renamed(apic);
	set_bitmap(apic->tmr, state, REG_TMR);
	set_bitmap(apic->isr, state, REG_ISR);
	set_bitmap(apic->irr, state, REG_IRR);
	apic->in_service = highest_vector(apic->isr);
	apic->eoi_offered = false;
	update_ppr(apic);
}

int lapic_set_state(struct lapic *apic, const struct kvm_lapic_state *state)
{
	if (lapic_is_x2(apic) && apic->chips->wide_ids && state_get(state, REG_ID) != apic->id)
		return -EINVAL;
	set_regs(apic, state);
	timer_restore(apic, state_get(state, REG_TMCCT));
	recheck_extint(apic);
	recheck(apic);
	return 0;
}
