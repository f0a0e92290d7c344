// SPDX-License-Identifier: GPL-2.0-only
/* ACPI tables: processors and the I/O APIC, how to switch off and how to reset. ACPI 6.5, 5.2. */
#include <stddef.h>
#include <string.h>

#include "vmm.h"

#define TABLES		0xe0000ULL	/* where a search for the RSDP begins */
#define FACS_ADDR	(TABLES + 0x40)
#define OTHERS		(TABLES + 0x80)

#define LAPIC_ADDR	0xfee00000
#define IOAPIC_ADDR	0xfec00000
#define SCI_IRQ		9
#define SPACE_IO	1

#define MADT_PCAT_COMPAT	1
#define MADT_LAPIC_ENABLED	1
#define MADT_HIGH_LEVEL		0xd

#define FADT_REVISION		3
#define FADT_WBINVD		(1U << 0)
#define FADT_C1			(1U << 2)
#define FADT_NO_BUTTONS		(3U << 4)
#define FADT_RESET		(1U << 10)
#define BOOT_LEGACY_DEVICES	(1U << 0)
#define BOOT_NO_VGA		(1U << 2)

#define PACKED		__attribute__((packed))

struct PACKED header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
};

struct PACKED rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 extended_checksum, reserved[3];
};

struct PACKED facs {
	char signature[4];
	u32 length;
	u8 zeros[56];
};

struct PACKED xsdt {
	struct header h;
	u64 tables[2];
};

struct PACKED address {
	u8 space, bits, offset, access;
	u64 address;
};

struct PACKED fadt {
	struct header h;
	u32 facs, dsdt;
	u8 model, profile;
	u16 sci;
	u32 smi_cmd;
	u8 smi_values[4];
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, timer, gpe[2];
	u8 pm1_event_length, pm1_control_length, lengths[5], cst;
	u16 latency[2], flush[2];
	u8 duty[2], day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved;
	u32 flags;
	struct address reset;
	u8 reset_value, arm[2], minor;
	u64 x_facs, x_dsdt;
	struct address x_blocks[8];
};

struct PACKED madt {
	struct header h;
	u32 lapic_address, flags;
	struct PACKED {
		u8 type, length, id;
		u8 reserved;
		u32 address, gsi_base;
	} ioapic;
	struct PACKED {
		u8 type, length, bus, irq;
		u32 gsi;
		u16 flags;
	} sci;
	struct PACKED {
		u8 type, length, uid, apic_id;
		u32 flags;
	} lapic[MAX_VCPUS];
};

_Static_assert(sizeof(struct fadt) == 244 && offsetof(struct fadt, reset) == 116,
	       "the FADT of ACPI 2.0");

/* Name (_S5, Package () { 0, 0, 0, 0 }): type 0 of sleep is 'off', and there is no other. */
static const u8 aml[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0 };

struct PACKED dsdt {
	struct header h;
	u8 aml[sizeof(aml)];
};

static u8 checksum(const void *data, size_t size)
{
	const u8 *byte = data;
	u8 sum = 0;

	while (size--)
		sum -= *byte++;
	return sum;
}

/* Puts @table after what is at *@end and returns its address. */
static u64 add_table(struct machine *m, u64 *end, const char *signature, u8 revision,
		     struct header *table, size_t size)
{
	u64 addr = *end;

	memcpy(table->signature, signature, sizeof(table->signature));
	table->length = size;
	table->revision = revision;
	memcpy(table->oem_id, "UMBRA ", sizeof(table->oem_id));
	memcpy(table->oem_table_id, "UMBRAVMM", sizeof(table->oem_table_id));
	memcpy(table->creator_id, "UMBR", sizeof(table->creator_id));
	table->oem_revision = 1;
	table->creator_revision = 1;
	table->checksum = checksum(table, size);
	memcpy(guest_ptr(m, addr, size), table, size);
	*end = (addr + size + 15) & ~15ULL;
	return addr;
}

static u64 add_madt(struct machine *m, u64 *end)
{
	struct madt madt = {
		.lapic_address = LAPIC_ADDR,
		.flags = MADT_PCAT_COMPAT,
		.ioapic = { .type = 1, .length = sizeof(madt.ioapic), .address = IOAPIC_ADDR },
		.sci = { .type = 2, .length = sizeof(madt.sci), .irq = SCI_IRQ, .gsi = SCI_IRQ,
			 .flags = MADT_HIGH_LEVEL },
	};
	unsigned int i;

	for (i = 0; i < m->nr_vcpus; i++) {
		madt.lapic[i].length = sizeof(madt.lapic[i]);
		madt.lapic[i].uid = i;
		madt.lapic[i].apic_id = i;
		madt.lapic[i].flags = MADT_LAPIC_ENABLED;
	}
	return add_table(m, end, "APIC", FADT_REVISION, &madt.h,
			 offsetof(struct madt, lapic[i]));
}

static u64 add_fadt(struct machine *m, u64 *end, u64 dsdt)
{
	struct fadt fadt = {
		.facs = FACS_ADDR, .dsdt = dsdt, .x_dsdt = dsdt,
		.sci = SCI_IRQ,
		.pm1a_event = PM1_EVENT, .pm1_event_length = PM1_CONTROL - PM1_EVENT,
		.pm1a_control = PM1_CONTROL, .pm1_control_length = PM1_END - PM1_CONTROL,
		.latency = { 0xffff, 0xffff },	/* neither C2 nor C3 */
		.boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_C1 | FADT_NO_BUTTONS | FADT_RESET,
		.reset = { .space = SPACE_IO, .bits = 8, .access = 1, .address = RESET_CONTROL },
		.reset_value = SYSTEM_RESET,
	};

	return add_table(m, end, "FACP", FADT_REVISION, &fadt.h, sizeof(fadt));
}

static void put_rsdp(struct machine *m, u64 xsdt)
{
	struct rsdp rsdp = { .revision = 2, .length = sizeof(rsdp), .xsdt = xsdt };

	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem_id, "UMBRA ", sizeof(rsdp.oem_id));
	rsdp.checksum = checksum(&rsdp, offsetof(struct rsdp, length));
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(guest_ptr(m, TABLES, sizeof(rsdp)), &rsdp, sizeof(rsdp));
}

/* Returns the address of the RSDP. */
u64 acpi_create(struct machine *m)
{
	static const struct facs facs = { "FACS", sizeof(facs), { 0 } };
	struct dsdt dsdt;
	struct xsdt xsdt;
	u64 end = OTHERS;

	memcpy(guest_ptr(m, FACS_ADDR, sizeof(facs)), &facs, sizeof(facs));
	memset(&dsdt, 0, sizeof(dsdt));
	memcpy(dsdt.aml, aml, sizeof(aml));
	memset(&xsdt, 0, sizeof(xsdt));
	xsdt.tables[0] = add_fadt(m, &end, add_table(m, &end, "DSDT", 2, &dsdt.h, sizeof(dsdt)));
	xsdt.tables[1] = add_madt(m, &end);
	put_rsdp(m, add_table(m, &end, "XSDT", 1, &xsdt.h, sizeof(xsdt)));
	return TABLES;
}
