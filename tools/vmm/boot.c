// SPDX-License-Identifier: GPL-2.0-only
/* Linux: a bzImage by the 64-bit or 32-bit boot protocol, Documentation/x86/boot.rst. */
#include <asm/bootparam.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "vmm.h"

#define BOOT_PARAMS	0x10000ULL
#define CMDLINE		0x20000ULL
#define CMDLINE_MAX	4095
#define PAGE_TABLES	0x2000ULL
#define EBDA		0x9fc00ULL
#define ENTRY_64	0x200

#define HDRS_MAGIC	0x53726448
#define BOOT_FLAG	0xaa55
#define LOADER_TYPE	0xff
#define MIN_PROTOCOL	0x020c

#define PTE_PRESENT_RW	0x3ULL
#define PDE_LARGE	0x80ULL

#define TSC_MEASURE_NS	10000000
#define CMDLINE_IRQCHIP	"console=ttyS0"
#define CMDLINE_PIC	"console=ttyS0 acpi=off noapic nolapic"

static void check_header(const struct machine *m, const struct setup_header *hdr, size_t size)
{
	const char *kernel = m->opt.kernel;

	if (size < 0x1000 || hdr->header != HDRS_MAGIC || hdr->boot_flag != BOOT_FLAG)
		die("%s is not a bzImage (vmlinux files can't be booted; --multiboot and --flat "
		    "take other images)", kernel);
	if (hdr->version < MIN_PROTOCOL)
		die("%s has boot protocol %x.%02x; 2.12 (Linux 3.8) or later is needed", kernel,
		    hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		die("%s is a zImage, not a bzImage", kernel);
	if (m->opt.protocol == 64 && !(hdr->xloadflags & XLF_KERNEL_64))
		die("%s has no 64-bit entry point: use --protocol 32", kernel);
}

/* Where it wants to be if that fits, else as low as it can go. */
static u64 load_address(const struct machine *m, const struct setup_header *hdr)
{
	u64 end = low_ram_end(m);

	if (hdr->pref_address >= HIGH_RAM && hdr->pref_address + hdr->init_size <= end)
		return hdr->pref_address;
	if (!hdr->relocatable_kernel || HIGH_RAM + hdr->init_size > end)
		die("%s needs more memory: %llu MiB is too little (--mem)", m->opt.kernel,
		    (unsigned long long)(m->ram_size / MIB));
	return HIGH_RAM;
}

static u64 load_kernel(struct machine *m, const u8 *image, size_t size,
		       const struct setup_header *hdr)
{
	size_t setup = ((hdr->setup_sects ? hdr->setup_sects : 4) + 1) * 512;
	u64 addr = load_address(m, hdr);
	void *to;

	if (setup >= size)
		die("%s is cut short", m->opt.kernel);
	to = guest_ptr(m, addr, size - setup);
	if (!to)
		die("%s does not fit into the guest's memory (--mem)", m->opt.kernel);
	memcpy(to, image + setup, size - setup);
	return addr;
}

static void load_initrd(struct machine *m, struct boot_params *bp, u64 lowest)
{
	u64 end = low_ram_end(m), addr;
	size_t size;
	void *data;

	if (!m->opt.initrd)
		return;
	data = read_file(m->opt.initrd, &size);
	if (end > (u64)bp->hdr.initrd_addr_max + 1)
		end = (u64)bp->hdr.initrd_addr_max + 1;
	addr = size < end ? (end - size) & ~0xfffULL : 0;
	if (addr < lowest)
		die("no room for %s (%zu MiB) beside the kernel: use a larger --mem",
		    m->opt.initrd, size >> 20);
	memcpy(guest_ptr(m, addr, size), data, size);
	free(data);
	bp->hdr.ramdisk_image = addr;
	bp->hdr.ramdisk_size = size;
}

/*
 * Port reads that exit are too slow for the kernel to calibrate the TSC by the PIT everywhere, so
 * it is told the frequency: the host's, measured against the host's clock.
 */
static u64 tsc_khz(void)
{
	u64 start_ns = now_ns(), start = __rdtsc(), ns, ticks;

	do {
		ns = now_ns() - start_ns;
		ticks = __rdtsc() - start;
	} while (ns < TSC_MEASURE_NS);
	return ticks * 1000000 / ns;
}

static void default_cmdline(struct machine *m, char *to, size_t size)
{
	int len = snprintf(to, size, "%s", m->irqchip ? CMDLINE_IRQCHIP : CMDLINE_PIC);

	if (!m->irqchip || !cpu_has_kvmclock(m))
		snprintf(to + len, size - len, " tsc_early_khz=%llu",
			 (unsigned long long)tsc_khz());
}

static void set_cmdline(struct machine *m, struct boot_params *bp)
{
	char defaults[128] = "";
	const char *append = m->opt.append ? m->opt.append : "";
	char *to = guest_ptr(m, CMDLINE, CMDLINE_MAX + 1);
	u32 max = bp->hdr.cmdline_size < CMDLINE_MAX ? bp->hdr.cmdline_size : CMDLINE_MAX;
	int len;

	if (!m->opt.bare_cmdline)
		default_cmdline(m, defaults, sizeof(defaults));
	len = snprintf(to, max + 1, "%s%s%s", defaults, *defaults && *append ? " " : "", append);
	if (len < 0 || (u32)len > max)
		die("the command line is too long: %d bytes, the kernel takes %u", len, max);
	bp->hdr.cmd_line_ptr = CMDLINE;
}

static void add_e820(struct boot_params *bp, u64 start, u64 end, u32 type)
{
	struct boot_e820_entry *e = &bp->e820_table[bp->e820_entries++];

	e->addr = start;
	e->size = end - start;
	e->type = type;
}

static void set_e820(struct machine *m, struct boot_params *bp)
{
	enum { RAM = 1, RESERVED = 2 };

	add_e820(bp, 0, EBDA, RAM);
	add_e820(bp, EBDA, LOW_HOLE_START, RESERVED);
	add_e820(bp, LOW_HOLE_END, HIGH_RAM, RESERVED);
	add_e820(bp, HIGH_RAM, low_ram_end(m), RAM);
	if (m->ram_size > PCI_HOLE_START)
		add_e820(bp, PCI_HOLE_END, PCI_HOLE_END + m->ram_size - PCI_HOLE_START, RAM);
}

/* The first 4 GiB, mapped to themselves by 2 MiB pages. */
static u64 build_page_tables(struct machine *m)
{
	u64 *pml4 = guest_ptr(m, PAGE_TABLES, 6 * 4096);
	u64 *pdpt = pml4 + 512, *pd = pml4 + 1024;
	u64 i;

	memset(pml4, 0, 2 * 4096);
	pml4[0] = (PAGE_TABLES + 4096) | PTE_PRESENT_RW;
	for (i = 0; i < 4; i++)
		pdpt[i] = (PAGE_TABLES + (i + 2) * 4096) | PTE_PRESENT_RW;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i * 2 * MIB | PDE_LARGE | PTE_PRESENT_RW;
	return PAGE_TABLES;
}

static void set_start(struct machine *m, u64 addr)
{
	m->start.rsi = BOOT_PARAMS;
	if (m->opt.protocol == 32) {
		m->start.mode = START_PROT32;
		m->start.rip = addr;
		return;
	}
	m->start.mode = START_LONG64;
	m->start.rip = addr + ENTRY_64;
	m->start.cr3 = build_page_tables(m);
}

void boot_linux(struct machine *m)
{
	struct boot_params *bp = guest_ptr(m, BOOT_PARAMS, sizeof(*bp));
	const struct setup_header *hdr;
	size_t size, hdr_size;
	u64 addr;
	u8 *image;

	image = read_file(m->opt.kernel, &size);
	hdr = (const void *)(image + offsetof(struct boot_params, hdr));
	check_header(m, hdr, size);
	addr = load_kernel(m, image, size, hdr);

	memset(bp, 0, sizeof(*bp));
	hdr_size = 0x202 + image[0x201] - offsetof(struct boot_params, hdr);
	if (hdr_size > sizeof(bp->hdr))
		hdr_size = sizeof(bp->hdr);
	memcpy(&bp->hdr, hdr, hdr_size);
	bp->hdr.type_of_loader = LOADER_TYPE;
	bp->hdr.code32_start = addr;
	load_initrd(m, bp, addr + hdr->init_size);
	set_cmdline(m, bp);
	set_e820(m, bp);
	if (m->irqchip)
		bp->acpi_rsdp_addr = acpi_create(m);
	set_start(m, addr);
	free(image);
}
