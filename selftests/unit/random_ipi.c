// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that halt, and TLB shootdowns: a vCPU changes an entry, invalidates it, and asks all
 * others to do the same by an IPI of irq/'s own APICs. A vCPU takes it before its next operation,
 * and a halted one is woken by it. When the last one has invalidated the address nobody may use
 * what the entry said before; the oracle looks at each of them.
 */
#include "apic.h"
#include "random.h"

#define SHOOTDOWN	0xfd
#define WAKE_UP		0x40

static struct lapic apics[NR_VCPUS], *list[NR_VCPUS], *by_id[IRQ_MAX_IDS];
static struct irq_chips chips;

/* By the vCPU that began: which address, and who has yet to invalidate it. */
static struct shootdown {
	u64 va;
	unsigned int waits_for;
	bool pcid;
} shootdowns[NR_VCPUS];

static bool halted[NR_VCPUS];

/* ---- what irq/ asks of its host ---- */

void irq_host_kick(struct lapic *apic)
{
	vcpu(apic->id)->in_guest = false;
	halted[apic->id] = false;
}

u64 irq_host_now(void)
{
	return mach.now;
}

u64 irq_host_tsc(struct lapic *apic, u32 *khz)
{
	*khz = 1;
	return mach.now;
}

void irq_host_nmi(struct lapic *apic) { }
void irq_host_smi(struct lapic *apic) { }
void irq_host_apic_timer(struct lapic *apic, u64 when) { }
void irq_host_eoi(struct lapic *apic, u8 vector) { }
bool irq_host_offer_eoi(struct lapic *apic, u8 vector) { return false; }
int irq_host_take_eoi(struct lapic *apic) { return 1; }

void ipi_start(unsigned int nr_vcpus)
{
	static const u32 enabled = 0x1ff;
	u32 i;

	memset(apics, 0, sizeof(apics));
	memset(shootdowns, 0, sizeof(shootdowns));
	memset(halted, 0, sizeof(halted));
	chips = (struct irq_chips){ .apic = list, .by_id = by_id, .nr_apics = nr_vcpus };
	for (i = 0; i < nr_vcpus; i++) {
		list[i] = by_id[i] = &apics[i];
		lapic_init(&apics[i], &chips, i, 0xfee00800);
		lapic_mmio_write(&apics[i], 0xf0, 4, &enabled);
	}
}

/* ---- a shootdown ---- */

/* Nobody uses what was: but those that are in the middle of something, who are looked at later. */
static void check_all(const struct shootdown *s)
{
	unsigned int i;

	for (i = 0; i < chips.nr_apics; i++) {
		struct vcpu *v = vcpu(i);

		if (v->there && !v->busy && !halted[i])
			guest_access(v, s->va, (i & 1) ? WRITE_ : READ_);
	}
}

/* The handler: of all shootdowns that wait for this vCPU. */
static void handle_shootdowns(struct vcpu *v)
{
	unsigned int i, self = v - mach.vcpu;
	bool was_busy = v->busy;

	for (i = 0; i < chips.nr_apics; i++) {
		struct shootdown *s = &shootdowns[i];

		if (!(s->waits_for & BIT(self)))
			continue;
		v->busy = true;
		if (s->pcid && v->regs.efer & EFER_LMA)
			guest_invpcid(v, 0, v->regs.cr4 & CR4_PCIDE ? v->regs.cr3 & 0xfff : 0,
				      s->va);
		else
			guest_invlpg(v, s->va);
		v->busy = was_busy;
		s->waits_for &= ~BIT(self);
		if (!s->waits_for)
			check_all(s);
	}
}

void ipi_take(struct vcpu *v)
{
	struct lapic *apic = &apics[v - mach.vcpu];
	int vector;

	while ((vector = lapic_pending(apic)) >= 0) {
		v->in_guest = false;
		lapic_take(apic, vector);
		if (vector == SHOOTDOWN)
			handle_shootdowns(v);
		lapic_eoi(apic);
	}
}

static void send(struct vcpu *from, unsigned int shorthand, u32 dest, u8 vector)
{
	struct irq_msg msg = {
		.mode = IRQ_FIXED, .vector = vector, .shorthand = shorthand, .dest = dest,
	};

	irq_deliver(&chips, from ? &apics[from - mach.vcpu] : NULL, &msg);
}

/* The last entry of the walk, as it is now. */
static bool change_entry(struct vcpu *v, const struct op *op, u64 va)
{
	struct ref_walk walk;
	u64 entry;
	int r;

	ref_walk_now(&v->regs, v->arch.root[v->arch.nr_roots - 1].pdpte, va, &READ_, &walk);
	if (walk.lost || !walk.nr)
		return false;
	entry = pick_entry(v, op->b, op->c);
	r = mmu_write_guest(&v->m, walk.entry[walk.nr - 1], &entry, ref_entry_size(&v->regs));
	return !r;
}

void op_shootdown(struct vcpu *v, const struct op *op)
{
	unsigned int i, self = v - mach.vcpu;
	struct shootdown *s = &shootdowns[self];
	u64 va = pick_va(v, op->a);

	/* All of them read it before: their TLBs have it. */
	for (i = 0; i < chips.nr_apics; i++)
		if (vcpu(i)->there && !vcpu(i)->busy && !halted[i] && op->d & BIT(i))
			guest_access(vcpu(i), va, READ_);
	if (s->waits_for || !change_entry(v, op, va))
		return;
	guest_invlpg(v, va);
	*s = (struct shootdown){ .va = va, .pcid = op->d >> 8 & 1 };
	for (i = 0; i < chips.nr_apics; i++)
		s->waits_for |= i == self ? 0 : BIT(i);
	send(v, IRQ_ALL_BUT_SELF, 0, SHOOTDOWN);
	/* Some take it at once, others before whatever they do next. */
	for (i = 0; i < chips.nr_apics; i++)
		if (!vcpu(i)->busy && op->d >> 16 & BIT(i))
			ipi_take(vcpu(i));
}

/* ---- halts ---- */

void op_halt(struct vcpu *v)
{
	halted[v - mach.vcpu] = lapic_pending(&apics[v - mach.vcpu]) < 0;
}

bool ipi_halted(const struct vcpu *v)
{
	return halted[v - mach.vcpu];
}

void ipi_wake(const struct vcpu *v)
{
	send(NULL, IRQ_DEST, v - mach.vcpu, WAKE_UP);
}
