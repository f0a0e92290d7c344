// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages on the APIC bus: who takes them, and how. Intel SDM 3A 11.6, 11.12.10.
 *
 * Nothing is locked: a message that races with a change of its destination's registers sees them
 * before or after, as on the bus.
 */
#include <linux/atomic.h>
#include <linux/nospec.h>

#include "internal.h"

#define XAPIC_ALL	0xffu
#define X2APIC_ALL	0xffffffffu

int lapic_set_irr(struct lapic *apic, u8 vector, bool level)
{
	if (vector < 16 || !lapic_active(apic))
		return -1;
	/* Who sees the vector in the IRR sees its trigger mode. */
	if (test_bit(vector, apic->tmr) != level) {
		if (level)
			set_bit(vector, apic->tmr);
		else
			clear_bit(vector, apic->tmr);
	}
	return !test_and_set_bit(vector, apic->irr);
}

static int take_fixed(struct lapic *apic, const struct irq_msg *msg)
{
	int ret = lapic_set_irr(apic, msg->vector, msg->level);

	if (ret > 0)
		irq_host_kick(apic);
	return ret;
}

/* An INIT drops a SIPI that nobody has looked at yet. */
static int take_init(struct lapic *apic)
{
	xchg(&apic->pending, BIT(APIC_INIT));
	irq_host_kick(apic);
	return 1;
}

static int take_sipi(struct lapic *apic, const struct irq_msg *msg)
{
	WRITE_ONCE(apic->sipi_vector, msg->vector);
	smp_wmb();	/* pairs with lapic_take_sipi() */
	set_bit(APIC_SIPI, &apic->pending);
	irq_host_kick(apic);
	return 1;
}

/* 1: delivered, 0: coalesced, -1: not taken. */
static int take(struct lapic *apic, const struct irq_msg *msg)
{
	switch (msg->mode) {
	case IRQ_FIXED:
	case IRQ_LOWEST:
		return take_fixed(apic, msg);
	case IRQ_NMI:
		irq_host_nmi(apic);
		return 1;
	case IRQ_SMI:
		irq_host_smi(apic);
		return 1;
	case IRQ_INIT:
		return take_init(apic);
	case IRQ_SIPI:
		return take_sipi(apic, msg);
	default:	/* ExtINT is the PIC's alone, by LINT0 */
		return -1;
	}
}

bool lapic_take_init(struct lapic *apic)
{
	return test_bit(APIC_INIT, &apic->pending) && test_and_clear_bit(APIC_INIT, &apic->pending);
}

bool lapic_take_sipi(struct lapic *apic, u8 *vector)
{
	/* Not one that came behind an INIT that is still to be taken: it would be lost for that. */
	if (READ_ONCE(apic->pending) != BIT(APIC_SIPI) ||
	    cmpxchg(&apic->pending, BIT(APIC_SIPI), 0) != BIT(APIC_SIPI))
		return false;
	*vector = READ_ONCE(apic->sipi_vector);
	return true;
}

struct lapic *irq_by_id(const struct irq_chips *chips, u32 id)
{
	if (id >= IRQ_MAX_IDS)
		return NULL;
	return READ_ONCE(chips->by_id[array_index_nospec(id, IRQ_MAX_IDS)]);
}

/*
 * The receiver's mode says what is a broadcast, and an xAPIC's is no x2APIC's: but without
 * interrupt remapping a device can only say 0xff.
 */
static bool is_broadcast(const struct lapic *apic, const struct lapic *src,
			 const struct irq_msg *msg)
{
	if (!lapic_is_x2(apic))
		return msg->dest == XAPIC_ALL && !(src && msg->wide);
	return msg->dest == X2APIC_ALL ||
	       (msg->dest == XAPIC_ALL && !src && !apic->chips->no_broadcast_quirk);
}

/* A vCPU that no 8 bits can name is found by all 32 in xAPIC mode too. */
static bool match_physical(const struct lapic *apic, const struct irq_msg *msg)
{
	if (lapic_is_x2(apic) || msg->dest > 0xff || (apic->id > 0xff && apic->chips->wide_ids))
		return msg->dest == apic->id;
	return msg->dest == reg_get(apic, REG_ID) >> 24;
}

/* An x2APIC's logical destination is none of an xAPIC's. */
static bool match_logical(const struct lapic *apic, const struct lapic *src,
			  const struct irq_msg *msg)
{
	u32 ldr = reg_get(apic, REG_LDR), dest = msg->dest;

	if (lapic_is_x2(apic))
		return ldr >> 16 == dest >> 16 && (u16)(ldr & dest);
	if (src && msg->wide)
		return false;
	ldr >>= 24;
	switch (reg_get(apic, REG_DFR)) {
	case DFR_FLAT:
		return ldr & dest;
	case DFR_CLUSTER:
		return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	default:
		return false;
	}
}

static bool match(const struct lapic *apic, const struct lapic *src, const struct irq_msg *msg)
{
	if (!lapic_enabled(apic))
		return false;
	if (msg->shorthand)
		return msg->shorthand == IRQ_ALL || apic != src;
	if (is_broadcast(apic, src, msg))
		return true;
	return msg->logical ? match_logical(apic, src, msg) : match_physical(apic, msg);
}

static inline void add(int *sum, int taken)
{
	if (taken >= 0)
		*sum = taken + (*sum > 0 ? *sum : 0);
}

static int deliver_all(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg)
{
	unsigned int i, nr = smp_load_acquire(&chips->nr_apics);
	int sum = -1;

	for (i = 0; i < nr; i++)
		if (match(chips->apic[i], src, msg))
			add(&sum, take(chips->apic[i], msg));
	return sum;
}

/* The candidate with that number, or the last one; how many there are. */
static struct lapic *candidate(struct irq_chips *chips, struct lapic *src,
			       const struct irq_msg *msg, unsigned int number,
			       unsigned int *found)
{
	unsigned int i, nr = smp_load_acquire(&chips->nr_apics);
	struct lapic *last = NULL;

	*found = 0;
	for (i = 0; i < nr && *found <= number; i++)
		if (lapic_active(chips->apic[i]) && match(chips->apic[i], src, msg)) {
			last = chips->apic[i];
			++*found;
		}
	return last;
}

/* Who is the lowest is not looked at: a vector has always the same one, its caches warm. */
static int deliver_lowest(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg)
{
	unsigned int found;
	struct lapic *apic = candidate(chips, src, msg, IRQ_MAX_APICS, &found);

	if (found > 1)
		apic = candidate(chips, src, msg, msg->vector % found, &found);
	return apic ? take(apic, msg) : -1;
}

/* x2APIC ids are logical destinations read in another way: a cluster is 16 of them. */
static int deliver_cluster(struct irq_chips *chips, const struct irq_msg *msg)
{
	unsigned long members = (u16)msg->dest;
	u32 first = (msg->dest >> 16) * 16;
	int sum = -1;

	for (; members; members &= members - 1) {
		struct lapic *apic = irq_by_id(chips, first + __ffs(members));

		if (apic && lapic_is_x2(apic))
			add(&sum, take(apic, msg));
	}
	return sum;
}

static int deliver_one(struct irq_chips *chips, const struct irq_msg *msg)
{
	struct lapic *apic = irq_by_id(chips, msg->dest);

	return apic && lapic_enabled(apic) ? take(apic, msg) : -1;
}

/* One that its id finds? Not if an xAPIC's isn't its vCPU's. */
static bool is_unicast(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg)
{
	return !msg->logical && msg->dest != X2APIC_ALL &&
	       (msg->dest != XAPIC_ALL || (src && msg->wide)) && !atomic_read(&chips->nr_renamed);
}

int irq_deliver(struct irq_chips *chips, struct lapic *src, const struct irq_msg *msg)
{
	if (msg->level && !msg->assert)
		return -1;
	if (msg->shorthand == IRQ_SELF)
		return src ? take(src, msg) : -1;
	if (!msg->shorthand) {
		if (is_unicast(chips, src, msg))
			return deliver_one(chips, msg);
		if (src && msg->wide && msg->logical && msg->dest != X2APIC_ALL &&
		    msg->mode != IRQ_LOWEST)
			return deliver_cluster(chips, msg);
	}
	if (msg->mode == IRQ_LOWEST && (msg->logical || msg->dest != XAPIC_ALL || msg->shorthand))
		return deliver_lowest(chips, src, msg);
	return deliver_all(chips, src, msg);
}

int irq_deliver_many(struct irq_chips *chips, const unsigned long *ids, u32 first,
		     const struct irq_msg *msg)
{
	unsigned int i;
	int found = 0;

	if (msg->level && !msg->assert)
		return 0;
	for (i = 0; i < IRQ_MANY_IDS; i++) {
		struct lapic *apic = NULL;

		if (test_bit(i, ids) && first + i >= first)
			apic = irq_by_id(chips, first + i);
		if (!apic || !lapic_enabled(apic))
			continue;
		take(apic, msg);
		found++;
	}
	return found;
}
