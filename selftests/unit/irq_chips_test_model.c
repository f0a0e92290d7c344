// SPDX-License-Identifier: GPL-2.0-only
/* Random programs: the chips of irq/ against naive ones. */
#include "irq_chips.h"

/* ---- a PIC pair that follows the data sheet word by word ---- */

struct naive_chip {
	bool line[8], edge_seen[8], request[8], masked[8], service[8], level[8];
	int order[8];			/* pins, the highest priority first */
	int base, step;			/* of the initialization; 0: done */
	bool icw4, aeoi, sfnm, rotate, smm, read_isr, poll, slave;
};

struct naive {
	struct naive_chip chip[2];
};

static void naive_order(struct naive_chip *c, int lowest)
{
	int i;

	for (i = 0; i < 8; i++)
		c->order[i] = (lowest + 1 + i) % 8;
}

/* What is in service blocks the pin itself, and those behind it. */
static int naive_wants(const struct naive_chip *c)
{
	int i, pin;

	for (i = 0; i < 8; i++) {
		pin = c->order[i];
		if (c->service[pin] && !(c->smm && c->masked[pin]) &&
		    !(c->sfnm && !c->slave && pin == 2))
			return -1;
		if (c->request[pin] && !c->masked[pin])
			return pin;
	}
	return -1;
}

static void naive_cascade(struct naive *n)
{
	if (naive_wants(&n->chip[1]) >= 0)
		n->chip[0].request[2] = true;
}

static void naive_line(struct naive *n, int pin, bool up)
{
	struct naive_chip *c = &n->chip[pin / 8];

	pin %= 8;
	if (c->level[pin])
		c->request[pin] = up;
	else if (up && !c->edge_seen[pin])
		c->request[pin] = true;
	c->edge_seen[pin] = up;
	c->line[pin] = up;
	naive_cascade(n);
}

static int naive_inta(struct naive_chip *c)
{
	int pin = naive_wants(c);

	if (pin < 0)
		return 7;
	if (!c->level[pin])
		c->request[pin] = false;
	c->service[pin] = !c->aeoi;
	if (c->aeoi && c->rotate)
		naive_order(c, pin);
	return pin;
}

static int naive_take(struct naive *n)
{
	int pin = naive_inta(&n->chip[0]), vector = n->chip[0].base + pin;

	if (pin == 2)
		vector = n->chip[1].base + naive_inta(&n->chip[1]);
	naive_cascade(n);
	return vector;
}

static void naive_icw1(struct naive_chip *c, u8 data)
{
	int i;

	c->icw4 = data & 1;
	for (i = 0; i < 8; i++) {
		c->edge_seen[i] = c->masked[i] = c->service[i] = false;
		c->request[i] &= c->level[i];
	}
	naive_order(c, 7);
	c->smm = c->read_isr = c->poll = false;
	if (!c->icw4)
		c->aeoi = c->sfnm = false;
	c->step = 2;
}

static void naive_ocw2(struct naive_chip *c, u8 data)
{
	int pin = -1, i;

	switch (data >> 5) {
	case 0:
	case 4:
		c->rotate = data >> 7;
		return;
	case 1:
	case 5:
		for (i = 7; i >= 0; i--)
			if (c->service[c->order[i]] && !(c->smm && c->masked[c->order[i]]))
				pin = c->order[i];
		break;
	case 6:
		naive_order(c, data & 7);
		return;
	case 3:
	case 7:
		pin = data & 7;
	}
	if (pin < 0)
		return;
	c->service[pin] = false;
	if (data >> 7)
		naive_order(c, pin);
}

static void naive_data(struct naive_chip *c, u8 data)
{
	int i;

	switch (c->step) {
	case 0:
		for (i = 0; i < 8; i++)
			c->masked[i] = data >> i & 1;
		break;
	case 2:
		c->base = data / 8 * 8;
		c->step = 3;
		break;
	case 3:
		c->step = c->icw4 ? 4 : 0;
		break;
	case 4:
		c->aeoi = data >> 1 & 1;
		c->sfnm = data >> 4 & 1;
		c->step = 0;
	}
}

static void naive_elcr(struct naive_chip *c, u8 data)
{
	int i;

	for (i = 0; i < 8; i++) {
		bool level = data & (c->slave ? 0xde : 0xf8) & BIT(i);

		if (level && !c->level[i])
			c->request[i] = c->edge_seen[i];
		c->level[i] = level;
	}
}

static void naive_out(struct naive *n, u16 port, u8 data)
{
	struct naive_chip *c = &n->chip[port == 0x4d1 || port == 0xa0 || port == 0xa1];

	if (port >= 0x4d0) {
		naive_elcr(c, data);
	} else if (port & 1) {
		naive_data(c, data);
	} else if (data & 0x10) {
		naive_icw1(c, data);
	} else if (data & 8) {
		c->poll |= data >> 2 & 1;
		if (data & 2)
			c->read_isr = data & 1;
		if (data & 0x40)
			c->smm = data >> 5 & 1;
	} else {
		naive_ocw2(c, data);
	}
	naive_cascade(n);
}

static u8 naive_bits(const bool *bit)
{
	u8 bits = 0;
	int i;

	for (i = 0; i < 8; i++)
		bits |= bit[i] << i;
	return bits;
}

static u8 naive_in(struct naive *n, u16 port)
{
	struct naive_chip *c = &n->chip[port == 0x4d1 || port == 0xa0 || port == 0xa1];
	u8 data = 0;

	if (port >= 0x4d0)
		return naive_bits(c->level);
	if (c->poll) {
		c->poll = false;
		if (naive_wants(c) >= 0) {
			if (c->slave)
				n->chip[0].request[2] = false;
			data = 0x80 | naive_inta(c);
		}
		naive_cascade(n);
		return data;
	}
	return naive_bits(port & 1 ? c->masked : c->read_isr ? c->service : c->request);
}

/* Commands that matter are more likely than others. */
static u8 random_command(u64 *seed)
{
	static const u8 common[] = { 0x20, 0x0a, 0x0b, 0x0c, 0x68, 0x48, 0xa0, 0x80, 0x00, 0x11 };
	u64 r = splitmix(seed);

	return r & 1 ? common[r / 2 % sizeof(common)] : r >> 8;
}

static void random_step(struct naive *n, u64 *seed)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u64 r = splitmix(seed);
	u16 port = ports[r % 6];
	u8 data = random_command(seed);

	if (port & 1 || port >= 0x4d0)
		data = splitmix(seed) & splitmix(seed);
	switch (r >> 8 & 7) {
	case 0:
		CHECK_EQ(pic_in(port), naive_in(n, port));
		break;
	case 1:
		CHECK_EQ(pic_take(host.chips.pic), naive_take(n));
		break;
	case 2:
	case 3:
		if (r >> 12 & 15)
			break;
		pic_out(port, data);
		naive_out(n, port, data);
		break;
	default:
		pic_set_line(host.chips.pic, IRQ_SOURCE_USER, r >> 16 & 15, r >> 20 & 1);
		naive_line(n, r >> 16 & 15, r >> 20 & 1);
	}
	CHECK_EQ(pic_output(host.chips.pic), naive_wants(&n->chip[0]) >= 0);
}

TEST(pic_random_programs)
{
	u64 seed;
	int program, i;

	for (program = 0; program < 2000; program++) {
		struct naive n = { .chip[1].slave = true };

		seed = program;
		naive_order(&n.chip[0], 7);
		naive_order(&n.chip[1], 7);
		host_start();
		for (i = 0; i < 300; i++)
			random_step(&n, &seed);
		host_end();
	}
}

/* ---- a counter that is clocked ---- */

#define HZ	1193182ull

struct clocked {
	int mode, count, value;
	bool gate, out;
};

static void clocked_load(struct clocked *c, int mode, int count)
{
	*c = (struct clocked){ mode, count, count, c->gate, mode != 0 };
}

static void clocked_gate(struct clocked *c, bool gate)
{
	if (gate && !c->gate && c->mode != 4)
		c->value = c->mode ? c->count : c->value;
	if (c->mode == 2 || c->mode == 3)
		c->out = true;
	c->gate = gate;
}

/* Even counts in mode 3. */
static void clocked_tick(struct clocked *c)
{
	if (!c->gate)
		return;
	c->value -= c->mode == 3 ? 2 : 1;
	if (c->mode == 0)
		c->out |= !c->value;
	else if (c->mode == 4)
		c->out = c->value;
	else if (c->mode == 3)
		c->out ^= !c->value;
	if (!c->value && (c->mode == 2 || c->mode == 3))
		c->value = c->count;
	if (c->mode == 2)
		c->out = c->value != 1;
}

/* Within a tick, not at its edge. */
static u64 tick(u64 ticks)
{
	return ticks * 1000000000ull / HZ + 400;
}

static void load(struct clocked *c, u64 *seed)
{
	static const int modes[] = { 0, 2, 3, 4 };
	int mode = modes[splitmix(seed) % 4], count = 2 + splitmix(seed) % 150 * 2;

	pit_port_write(host.chips.pit, 0x43, 0xb0 | mode << 1);
	pit_port_write(host.chips.pit, 0x42, count);
	pit_port_write(host.chips.pit, 0x42, count >> 8);
	clocked_load(c, mode, count);
}

static void compare(const struct clocked *c)
{
	struct pit *pit = host.chips.pit;
	u8 low = pit_port_read(pit, 0x42), high = pit_port_read(pit, 0x42);

	CHECK_EQ(pit_port_read(pit, 0x61) >> 5 & 1, c->out);
	CHECK_EQ(low | high << 8, (u16)c->value);
}

TEST(pit_random_counters)
{
	struct clocked c = { .gate = true };
	u64 seed = 11, began;
	int program, i, n;

	host_start();
	pit_port_write(host.chips.pit, 0x61, 1);
	for (program = 0; program < 500; program++) {
		load(&c, &seed);
		began = host.now;
		for (i = n = 1; n < 500; i++, n++) {
			host.now = began + tick(i);
			clocked_tick(&c);
			compare(&c);
			if (splitmix(&seed) % 40)
				continue;
			pit_port_write(host.chips.pit, 0x61, !c.gate);
			clocked_gate(&c, !c.gate);
			compare(&c);
			if (c.gate && (c.mode == 2 || c.mode == 3 || c.value == c.count)) {
				began = host.now;
				i = 0;
			}
		}
	}
	host_end();
}

/* ---- routes that are looked up one by one ---- */

static bool naive_is_valid(const struct kvm_irq_routing_entry *e)
{
	if (e->gsi >= 4096)
		return false;
	if (e->type == KVM_IRQ_ROUTING_MSI)
		return e->flags < 2;
	return e->type == KVM_IRQ_ROUTING_IRQCHIP && !e->flags && e->u.irqchip.irqchip < 3 &&
	       e->u.irqchip.pin < (e->u.irqchip.irqchip == 2 ? 24 : 8);
}

static bool naive_accepts(const struct kvm_irq_routing_entry *e, u32 nr)
{
	u32 i, j;

	for (i = 0; i < nr; i++) {
		if (!naive_is_valid(&e[i]))
			return false;
		for (j = 0; j < i; j++)
			if (e[i].gsi == e[j].gsi && (e[i].type != e[j].type ||
			    e[i].type == KVM_IRQ_ROUTING_MSI ||
			    e[i].u.irqchip.irqchip == e[j].u.irqchip.irqchip))
				return false;
	}
	return true;
}

static u32 pins_up(unsigned int chip)
{
	struct kvm_pic_state pic;
	struct kvm_ioapic_state ioapic;

	if (chip == KVM_IRQCHIP_IOAPIC) {
		ioapic_get_state(host.chips.ioapic, &ioapic);
		return ioapic.irr;
	}
	pic_get_state(host.chips.pic, chip, &pic);
	return pic.last_irr;
}

static void naive_compare(const struct kvm_irq_routing_entry *e, u32 nr, u32 gsi)
{
	u32 want[3] = { 0 }, messages = 0, i;

	for (i = 0; i < nr; i++) {
		if (e[i].gsi != gsi)
			continue;
		if (e[i].type == KVM_IRQ_ROUTING_MSI)
			messages++;
		else
			want[e[i].u.irqchip.irqchip] |= 1u << e[i].u.irqchip.pin;
	}
	host.sent = 0;
	line(gsi, true);
	CHECK_EQ(host.sent, messages);
	for (i = 0; i < 3; i++)
		CHECK_EQ(pins_up(i), want[i]);
	line(gsi, false);
	CHECK_EQ(host.sent, messages);
	for (i = 0; i < 3; i++)
		CHECK_EQ(pins_up(i), 0);
}

TEST(route_random_tables)
{
	struct kvm_irq_routing_entry e[32];
	u64 seed = 3;
	u32 i, n, nr, good = 0;

	host_start();
	for (i = 0; i < 20000; i++) {
		nr = splitmix(&seed) % 8;
		memset(e, 0, sizeof(e));
		for (n = 0; n < nr; n++) {
			u64 r = splitmix(&seed);

			e[n].gsi = r & 15 ? r >> 4 & 15 : r >> 4 & 0x1fff;
			e[n].type = r >> 20 & 31 ? 1 + (r >> 25 & 1) : r >> 25 & 7;
			e[n].flags = r >> 30 & 31 ? 0 : r >> 35 & 3;
			e[n].u.irqchip.irqchip = r >> 40 & 3;
			e[n].u.irqchip.pin = (r >> 42 & 31) % 25;
		}
		CHECK_EQ(!irq_routes_fill(&host.chips, host.routes, e, nr), naive_accepts(e, nr));
		if (!naive_accepts(e, nr))
			continue;
		good++;
		for (n = 0; n < 16; n++)
			naive_compare(e, nr, n);
	}
	CHECK(good > 2000);
	host_end();
}
