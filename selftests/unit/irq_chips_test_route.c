// SPDX-License-Identifier: GPL-2.0-only
/* GSIs of irq/. */
#include <errno.h>

#include "irq_chips.h"

static struct kvm_irq_routing_entry pin(u32 gsi, u32 chip, u32 nr)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = nr },
	};
}

static struct kvm_irq_routing_entry msi(u32 gsi, u32 address, u32 data)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = address, .data = data },
	};
}

static int fill(const struct kvm_irq_routing_entry *entry, u32 nr)
{
	return irq_routes_fill(&host.chips, host.routes, entry, nr);
}

static int fill_one(struct kvm_irq_routing_entry entry)
{
	return fill(&entry, 1);
}

/* The I/O APIC's pin sends to APIC 0, and the PIC is open. */
static void open_pin(unsigned int nr, u8 vector)
{
	u32 select = 0x10 + 2 * nr, entry = vector;

	ioapic_mmio_write(host.chips.ioapic, 0, 4, &select);
	ioapic_mmio_write(host.chips.ioapic, 0x10, 4, &entry);
}

static void open_pic(void)
{
	unsigned int port;

	for (port = 0x20; port <= 0xa0; port += 0x80) {
		pic_out(port, 0x11);
		pic_out(port + 1, port == 0x20 ? 0x30 : 0x38);
		pic_out(port + 1, port == 0x20 ? 4 : 2);
		pic_out(port + 1, 1);
	}
}

TEST(route_default)
{
	unsigned int gsi;

	host_start();
	open_pic();
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++)
		open_pin(gsi, 0x40 + gsi);
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		CHECK_EQ(line(gsi, true), gsi < 16 ? 2 : 1);
		CHECK_EQ(host_last()->vector, 0x40 + gsi);
		line(gsi, false);
	}
	CHECK_EQ(line(24, true), -1);
	CHECK_EQ(line(4095, true), -1);
	CHECK_EQ(line(4096, true), -1);
	CHECK_EQ(line(~0u, true), -1);
	CHECK_EQ(irq_routes_gsi(host.routes, KVM_IRQCHIP_PIC_SLAVE, 3), 11);
	CHECK_EQ(irq_routes_gsi(host.routes, KVM_IRQCHIP_IOAPIC, 23), 23);
	CHECK_EQ(pic_take(host.chips.pic), 0x30);
	host_end();
}

TEST(route_status_adds_up)
{
	struct kvm_irq_routing_entry entry[] = {
		pin(4, KVM_IRQCHIP_IOAPIC, 4), pin(4, KVM_IRQCHIP_PIC_MASTER, 4),
	};

	host_start();
	open_pin(4, 0x44);
	pic_out(0x21, 0xff);
	CHECK_EQ(line(4, true), 1);	/* the PIC's is masked */
	CHECK_EQ(line(4, true), 0);
	CHECK_EQ(line(5, true), -1);
	line(4, false);
	host_eoi(0, 0x44);
	CHECK_EQ(fill(entry, 2), 0);
	CHECK_EQ(line(4, true), 1);
	host_end();
}

TEST(route_table_replaces)
{
	struct kvm_irq_routing_entry entry[] = {
		pin(2000, KVM_IRQCHIP_IOAPIC, 5), pin(0, KVM_IRQCHIP_IOAPIC, 2),
		pin(0, KVM_IRQCHIP_PIC_MASTER, 0), msi(4095, 0xfee01000, 0x55),
		pin(9, KVM_IRQCHIP_PIC_SLAVE, 1),
	};

	host_start();
	CHECK_EQ(fill(entry, 5), 0);
	open_pic();
	open_pin(5, 0x45);
	open_pin(2, 0x42);
	CHECK_EQ(line(2000, true), 1);
	CHECK_EQ(host_last()->vector, 0x45);
	CHECK_EQ(line(0, true), 2);
	CHECK_EQ(host_last()->vector, 0x42);
	CHECK_EQ(line(4095, true), 1);
	CHECK_EQ(host_last()->vector, 0x55);
	CHECK_EQ(line(9, true), 1);
	CHECK_EQ(line(1, true), -1);
	CHECK_EQ(irq_routes_gsi(host.routes, KVM_IRQCHIP_IOAPIC, 2), 0);
	CHECK_EQ(irq_routes_gsi(host.routes, KVM_IRQCHIP_IOAPIC, 5), 2000);
	CHECK_EQ(irq_routes_gsi(host.routes, KVM_IRQCHIP_PIC_SLAVE, 1), 9);
	CHECK_EQ(irq_routes_gsi(host.routes, KVM_IRQCHIP_PIC_MASTER, 1), -1);
	CHECK_EQ(fill(entry, 0), 0);
	CHECK_EQ(line(0, true), -1);
	CHECK_EQ(line(4095, true), -1);
	host_end();
}

TEST(route_refuses)
{
	struct kvm_irq_routing_entry entry = pin(1, KVM_IRQCHIP_IOAPIC, 1);

	host_start();
	CHECK_EQ(fill_one(pin(4096, KVM_IRQCHIP_IOAPIC, 1)), -EINVAL);
	CHECK_EQ(fill_one(pin(~0u, KVM_IRQCHIP_IOAPIC, 1)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, 3, 1)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, 0x102, 1)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, KVM_IRQCHIP_IOAPIC, 24)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, KVM_IRQCHIP_PIC_MASTER, 8)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, KVM_IRQCHIP_PIC_SLAVE, 8)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, KVM_IRQCHIP_PIC_SLAVE, 0x100)), -EINVAL);
	CHECK_EQ(fill_one(pin(1, KVM_IRQCHIP_PIC_SLAVE, 7)), 0);
	entry.flags = 1;
	CHECK_EQ(fill_one(entry), -EINVAL);
	entry = msi(1, 0, 0);
	entry.flags = KVM_MSI_VALID_DEVID;
	CHECK_EQ(fill_one(entry), 0);
	entry.flags = 2;
	CHECK_EQ(fill_one(entry), -EINVAL);
	entry.flags = 0;
	for (entry.type = 0; entry.type < 8; entry.type++)
		CHECK_EQ(fill_one(entry), entry.type == 1 || entry.type == 2 ? 0 : -EINVAL);
	CHECK_EQ(fill(NULL, 4097), -EINVAL);
	host_end();
}

TEST(route_one_to_each)
{
	struct kvm_irq_routing_entry entry[] = {
		pin(1, KVM_IRQCHIP_IOAPIC, 1), pin(1, KVM_IRQCHIP_PIC_MASTER, 1),
		pin(1, KVM_IRQCHIP_PIC_SLAVE, 1), pin(2, KVM_IRQCHIP_IOAPIC, 1),
	};

	host_start();
	CHECK_EQ(fill(entry, 4), 0);
	entry[3].gsi = 1;
	CHECK_EQ(fill(entry, 4), -EINVAL);
	entry[3] = msi(1, 0, 0);
	CHECK_EQ(fill(entry, 4), -EINVAL);
	entry[0] = msi(1, 0, 0);
	CHECK_EQ(fill(entry, 3), -EINVAL);
	entry[1] = msi(1, 0, 0);
	CHECK_EQ(fill(entry, 2), -EINVAL);
	host_end();
}

TEST(route_needs_the_chip)
{
	struct irq_chips split = { 0 };
	struct kvm_irq_routing_entry entry = pin(1, KVM_IRQCHIP_IOAPIC, 1);

	host_start();
	CHECK_EQ(irq_routes_fill(&split, host.routes, &entry, 1), -EINVAL);
	entry = pin(1, KVM_IRQCHIP_PIC_MASTER, 1);
	CHECK_EQ(irq_routes_fill(&split, host.routes, &entry, 1), -EINVAL);
	entry = msi(1, 0, 0);
	CHECK_EQ(irq_routes_fill(&split, host.routes, &entry, 1), 0);
	host_end();
}

TEST(route_full_table)
{
	struct kvm_irq_routing_entry *entry = calloc(IRQ_MAX_GSIS, sizeof(*entry));
	u32 i;

	host_start();
	for (i = 0; i < IRQ_MAX_GSIS; i++)
		entry[i] = msi((i * 1001) % IRQ_MAX_GSIS, 0xfee00000, 0x20 + i % 200);
	CHECK_EQ(fill(entry, IRQ_MAX_GSIS), 0);
	for (i = 0; i < IRQ_MAX_GSIS; i++) {
		CHECK_NE(line(entry[i].gsi, true), -1);
		CHECK_EQ(host_last()->vector, 0x20 + i % 200);
	}
	free(entry);
	host_end();
}

TEST(route_message)
{
	struct irq_msg m;

	host_start();
	CHECK_EQ(irq_msi(&m, &host.chips, 0xfee12000, 0xffffffff, 0x4031), 0);
	CHECK_EQ(m.dest, 0x12);
	CHECK_EQ(m.vector, 0x31);
	CHECK_EQ(m.mode, IRQ_FIXED);
	CHECK(m.assert && !m.level && !m.logical && !m.wide && m.shorthand == IRQ_DEST);
	CHECK_EQ(irq_msi(&m, &host.chips, 0xfee12004, 0, 0xc431), 0);
	CHECK(m.level && m.logical);
	CHECK_EQ(m.mode, IRQ_NMI);
	irq_msi(&m, &host.chips, 0xfee1200c, 0, 0x31);
	CHECK_EQ(m.mode, IRQ_LOWEST);
	irq_msi(&m, &host.chips, 0xfee1200c, 0, 0x431);
	CHECK_EQ(m.mode, IRQ_NMI);
	host_end();
}

TEST(route_message_of_wide_ids)
{
	struct irq_msg m;
	struct kvm_irq_routing_entry entry = msi(1, 0xfee12000, 0x31);

	host_start();
	host.chips.wide_ids = true;
	CHECK_EQ(irq_msi(&m, &host.chips, 0xfee12000, 0x345600, 0x31), 0);
	CHECK_EQ(m.dest, 0x345612);
	CHECK(m.wide);
	CHECK_EQ(irq_msi(&m, &host.chips, 0xfee12000, 0x345601, 0x31), -EINVAL);
	entry.u.msi.address_hi = 1;
	CHECK_EQ(fill_one(entry), -EINVAL);
	host_end();
}

TEST(route_message_has_no_low_level)
{
	host_start();
	CHECK_EQ(fill_one(msi(7, 0xfee00000, 0x8031)), 0);
	CHECK_EQ(line(7, false), -1);
	CHECK_EQ(host.sent, 0);
	CHECK_EQ(line(7, true), 1);
	CHECK(host_last()->level);
	CHECK_EQ(line(7, true), 0);
	CHECK_EQ(host.sent, 2);
	host_end();
}

/* Whatever it says, a table is refused, or all GSIs can be set. */
TEST(route_hostile_tables)
{
	struct kvm_irq_routing_entry entry[64];
	u64 seed = 5;
	u32 i, n, nr, good = 0;

	host_start();
	for (i = 0; i < 20000; i++) {
		nr = splitmix(&seed) % 64;
		for (n = 0; n < nr; n++) {
			u64 r = splitmix(&seed);

			entry[n] = pin(r % 4099, r >> 16 & 3, (r >> 20) % 25);
			if (r >> 40 & 1)
				entry[n] = msi(r % 4096, r >> 32, r >> 8);
			else if (r >> 41 & 1)
				entry[n].u.irqchip.pin %= 8;
			if (!(r >> 42 & 0xff))
				((u8 *)&entry[n])[r >> 50 & 31] = r >> 56;
		}
		if (fill(entry, nr))
			continue;
		good++;
		CHECK_EQ(host.routes->nr, nr);
		for (n = 0; n < nr; n++)
			line(entry[n].gsi, splitmix(&seed) & 1);
	}
	CHECK(good > 1000);
	host_end();
}
