// SPDX-License-Identifier: GPL-2.0-only
/* The pair of 8259A interrupt controllers of a PC. Intel's data sheet 231468. */
#include <linux/bits.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "irqchip.h"

#define PINS		8
#define CASCADE		2	/* the master's pin that the slave is at */
#define SPURIOUS	7

#define ICW1		BIT(4)
#define ICW1_IC4	BIT(0)
#define ICW4_AEOI	BIT(1)
#define ICW4_SFNM	BIT(4)
#define OCW3		BIT(3)
#define OCW3_RR		BIT(1)
#define OCW3_POLL	BIT(2)
#define OCW3_SMM	BIT(5)
#define OCW3_ESMM	BIT(6)
#define OCW2_EOI	BIT(5)
#define OCW2_SPECIFIC	BIT(6)
#define OCW2_ROTATE	BIT(7)
#define POLL_REQUEST	BIT(7)

/*
 * @chip:	registers: the master's, the slave's; priority_add is the pin of highest priority,
 *		last_irr has the lines of which the next rise is no edge
 * @source:	by pin: a bit for each enum irq_source that holds it up
 * @acked: @unmasked: pins that the host has not been told of yet
 * @request:	the master asks for an interrupt; anyone may look
 * @told:	... and did when the lock was taken, so that the host knows
 */
struct pic {
	raw_spinlock_t lock;
	struct irq_chips *chips;
	struct kvm_pic_state chip[2];
	u8 source[2 * PINS];
	u16 acked, unmasked;
	bool request, told;
};

static const u8 elcr_mask[2] = { 0xf8, 0xde };

static bool is_master(const struct pic *pic, const struct kvm_pic_state *s)
{
	return s == &pic->chip[0];
}

static u16 pair_mask(const struct pic *pic, const struct kvm_pic_state *s, u8 pins)
{
	return is_master(pic, s) ? pins : pins << PINS;
}

/* How many places the first of these pins is behind the highest priority; PINS: there is none. */
static unsigned int first_rank(const struct kvm_pic_state *s, u8 pins)
{
	unsigned int rank;

	for (rank = 0; rank < PINS; rank++)
		if (pins & BIT((s->priority_add + rank) % PINS))
			break;
	return rank;
}

static unsigned int pin_of(const struct kvm_pic_state *s, unsigned int rank)
{
	return (s->priority_add + rank) % PINS;
}

/* The pin that a chip asks service for, or -1. */
static int chip_request(const struct pic *pic, const struct kvm_pic_state *s)
{
	unsigned int rank = first_rank(s, s->irr & ~s->imr);
	u8 blocking = s->isr;

	if (s->special_mask)
		blocking &= ~s->imr;
	if (s->special_fully_nested_mode && is_master(pic, s))
		blocking &= ~BIT(CASCADE);
	return rank < first_rank(s, blocking) ? pin_of(s, rank) : -1;
}

/* The slave's output pulses at each new request: the master keeps it though the request is gone. */
static void pic_cascade(struct pic *pic)
{
	if (chip_request(pic, &pic->chip[1]) >= 0)
		pic->chip[0].irr |= BIT(CASCADE);
}

static unsigned long pic_lock(struct pic *pic)
	__acquires(&pic->lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	pic->told = pic->request;
	return flags;
}

static void tell_of_pins(struct pic *pic, u16 acked, u16 unmasked)
{
	unsigned int pin;

	for (pin = 0; (acked | unmasked) >> pin; pin++) {
		if (acked & BIT(pin))
			irq_host_acked(pic->chips, pin / PINS, pin % PINS);
		if (unmasked & BIT(pin))
			irq_host_unmasked(pic->chips, pin / PINS, pin % PINS);
	}
}

/* The host is told of what has changed without the lock: it sets lines then. */
static void pic_unlock(struct pic *pic, unsigned long flags)
	__releases(&pic->lock)
{
	bool request = chip_request(pic, &pic->chip[0]) >= 0, told = pic->told;
	u16 acked = pic->acked, unmasked = pic->unmasked;

	pic->acked = 0;
	pic->unmasked = 0;
	WRITE_ONCE(pic->request, request);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	if (request && !told)
		irq_host_extint(pic->chips);
	tell_of_pins(pic, acked, unmasked);
}

static int chip_set_line(struct kvm_pic_state *s, u8 pin, bool level)
{
	bool request = level && ((s->elcr | ~s->last_irr) & pin);
	int ret = !(request && s->irr & pin);

	if (request)
		s->irr |= pin;
	else if (s->elcr & pin)
		s->irr &= ~pin;
	if (level)
		s->last_irr |= pin;
	else
		s->last_irr &= ~pin;
	return s->imr & pin ? -1 : ret;
}

int pic_set_line(struct pic *pic, enum irq_source source, unsigned int pin, bool level)
{
	u8 by = BIT(source == IRQ_SOURCE_STATUS ? IRQ_SOURCE_USER : source);
	unsigned long flags = pic_lock(pic);
	int ret;

	pic->source[pin] = level ? pic->source[pin] | by : pic->source[pin] & ~by;
	ret = chip_set_line(&pic->chip[pin / PINS], BIT(pin % PINS), pic->source[pin]);
	pic_cascade(pic);
	pic_unlock(pic, flags);
	return ret;
}

bool pic_output(const struct pic *pic)
{
	return READ_ONCE(pic->request);
}

/* INTA; a pin that isn't there any more is the spurious one. */
static unsigned int chip_take(struct pic *pic, struct kvm_pic_state *s)
{
	int pin = chip_request(pic, s);

	if (pin < 0)
		return SPURIOUS;
	if (!(s->elcr & BIT(pin)))
		s->irr &= ~BIT(pin);
	if (!s->auto_eoi) {
		s->isr |= BIT(pin);
		return pin;
	}
	if (s->rotate_on_auto_eoi)
		s->priority_add = (pin + 1) % PINS;
	pic->acked |= pair_mask(pic, s, BIT(pin));
	return pin;
}

u8 pic_take(struct pic *pic)
{
	struct kvm_pic_state *s = &pic->chip[0];
	unsigned long flags = pic_lock(pic);
	u8 vector;

	pic->told = false;
	vector = chip_take(pic, s);
	if (vector == CASCADE) {
		s = &pic->chip[1];
		vector = chip_take(pic, s);
	}
	vector += s->irq_base;
	pic_cascade(pic);
	pic_unlock(pic, flags);
	return vector;
}

/* ICW1. What is forgotten counts as acknowledged, or who waits for that did so for ever. */
static void chip_init(struct pic *pic, struct kvm_pic_state *s, u8 icw1)
{
	pic->acked |= pair_mask(pic, s, s->isr | (s->irr & ~s->elcr));
	s->init4 = icw1 & ICW1_IC4;
	s->last_irr = 0;
	s->irr &= s->elcr;
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
	}
	s->init_state = 1;
}

static void chip_eoi(struct pic *pic, struct kvm_pic_state *s, u8 ocw2)
{
	unsigned int pin = ocw2 % PINS, rank;

	if (!(ocw2 & OCW2_SPECIFIC)) {
		rank = first_rank(s, s->special_mask ? s->isr & ~s->imr : s->isr);
		if (rank == PINS)
			return;
		pin = pin_of(s, rank);
	}
	s->isr &= ~BIT(pin);
	if (ocw2 & OCW2_ROTATE)
		s->priority_add = (pin + 1) % PINS;
	pic->acked |= pair_mask(pic, s, BIT(pin));
}

static void chip_ocw2(struct pic *pic, struct kvm_pic_state *s, u8 ocw2)
{
	if (ocw2 & OCW2_EOI)
		chip_eoi(pic, s, ocw2);
	else if (!(ocw2 & OCW2_SPECIFIC))
		s->rotate_on_auto_eoi = !!(ocw2 & OCW2_ROTATE);
	else if (ocw2 & OCW2_ROTATE)
		s->priority_add = (ocw2 + 1) % PINS;
}

static void chip_ocw3(struct kvm_pic_state *s, u8 ocw3)
{
	if (ocw3 & OCW3_POLL)
		s->poll = 1;
	if (ocw3 & OCW3_RR)
		s->read_reg_select = ocw3 & 1;
	if (ocw3 & OCW3_ESMM)
		s->special_mask = !!(ocw3 & OCW3_SMM);
}

static void chip_command(struct pic *pic, struct kvm_pic_state *s, u8 data)
{
	if (data & ICW1)
		chip_init(pic, s, data);
	else if (data & OCW3)
		chip_ocw3(s, data);
	else
		chip_ocw2(pic, s, data);
}

/* OCW1, or ICW2 to ICW4. */
static void chip_data(struct pic *pic, struct kvm_pic_state *s, u8 data)
{
	switch (s->init_state) {
	case 0:
		pic->unmasked |= pair_mask(pic, s, s->imr & ~data);
		s->imr = data;
		break;
	case 1:
		s->irq_base = data & 0xf8;
		s->init_state = 2;
		break;
	case 2:
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3:
		s->special_fully_nested_mode = !!(data & ICW4_SFNM);
		s->auto_eoi = !!(data & ICW4_AEOI);
		s->init_state = 0;
		break;
	}
}

/* What was an edge is one no more; a line counts as it is. */
static void chip_set_elcr(struct kvm_pic_state *s, u8 data)
{
	u8 level = data & s->elcr_mask & ~s->elcr;

	s->irr = (s->irr & ~level) | (s->last_irr & level);
	s->elcr = data & s->elcr_mask;
}

static struct kvm_pic_state *chip_of(struct pic *pic, u16 port)
{
	return &pic->chip[port >= 0x4d0 ? port & 1 : port >> 7];
}

void pic_port_write(struct pic *pic, u16 port, u8 data)
{
	struct kvm_pic_state *s = chip_of(pic, port);
	unsigned long flags = pic_lock(pic);

	if (port >= 0x4d0)
		chip_set_elcr(s, data);
	else if (port & 1)
		chip_data(pic, s, data);
	else
		chip_command(pic, s, data);
	pic_cascade(pic);
	pic_unlock(pic, flags);
}

/* The read that follows a poll command is an INTA cycle. */
static u8 chip_poll(struct pic *pic, struct kvm_pic_state *s)
{
	int pin = chip_request(pic, s);

	s->poll = 0;
	if (pin < 0)
		return 0;
	if (!is_master(pic, s))
		pic->chip[0].irr &= ~BIT(CASCADE);
	return POLL_REQUEST | chip_take(pic, s);
}

static u8 chip_read(struct pic *pic, struct kvm_pic_state *s, u16 port)
{
	if (port >= 0x4d0)
		return s->elcr;
	if (s->poll)
		return chip_poll(pic, s);
	if (port & 1)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

u8 pic_port_read(struct pic *pic, u16 port)
{
	unsigned long flags = pic_lock(pic);
	u8 data;

	data = chip_read(pic, chip_of(pic, port), port);
	pic_cascade(pic);
	pic_unlock(pic, flags);
	return data;
}

void pic_get_state(struct pic *pic, unsigned int chip, struct kvm_pic_state *state)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	*state = pic->chip[chip & 1];
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

static void sanitize(struct kvm_pic_state *s, u8 mask)
{
	s->priority_add %= PINS;
	s->irq_base &= 0xf8;
	s->init_state &= 3;
	s->elcr_mask = mask;
	s->elcr &= mask;
	s->read_reg_select = !!s->read_reg_select;
	s->poll = !!s->poll;
	s->special_mask = !!s->special_mask;
	s->auto_eoi = !!s->auto_eoi;
	s->rotate_on_auto_eoi = !!s->rotate_on_auto_eoi;
	s->special_fully_nested_mode = !!s->special_fully_nested_mode;
	s->init4 = !!s->init4;
}

int pic_set_state(struct pic *pic, unsigned int chip, const struct kvm_pic_state *state)
{
	struct kvm_pic_state s = *state;
	unsigned long flags;

	sanitize(&s, elcr_mask[chip & 1]);
	flags = pic_lock(pic);
	pic->told = false;
	pic->chip[chip & 1] = s;
	if (chip == KVM_IRQCHIP_PIC_SLAVE)	/* an older slave has no say in a new master */
		pic_cascade(pic);
	pic_unlock(pic, flags);
	return 0;
}

struct pic *pic_create(struct irq_chips *chips)
{
	struct pic *pic = kzalloc(sizeof(*pic), GFP_KERNEL_ACCOUNT);

	if (!pic)
		return NULL;
	raw_spin_lock_init(&pic->lock);
	pic->chips = chips;
	pic->chip[0].elcr_mask = elcr_mask[0];
	pic->chip[1].elcr_mask = elcr_mask[1];
	return pic;
}

void pic_destroy(struct pic *pic)
{
	kfree(pic);
}
