// SPDX-License-Identifier: GPL-2.0-only
/* Images that are not Linux: raw ones that start in real mode, and Multiboot (version 1). */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

#define MB_MAGIC	0x1badb002
#define MB_BOOT_MAGIC	0x2badb002
#define MB_SEARCH	8192
#define MB_ADDRESSES	(1U << 16)
#define MB_VIDEO	(1U << 2)
#define MB_UNKNOWN	0xfff8U		/* required features that don't exist here */

#define INFO_ADDR	0x1000ULL

struct mb_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct mb_module {
	u32 start, end, cmdline, reserved;
};

struct mb_mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __attribute__((packed));

struct mb_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline;
	u32 mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
	u32 drives_length, drives_addr, config_table, boot_loader_name;
};

/* What is put at INFO_ADDR. */
struct mb_page {
	struct mb_info info;
	struct mb_module module;
	struct mb_mmap mmap[3];
	char loader[16];
	char cmdline[4096];
};

void load_flat(struct machine *m)
{
	u64 addr = m->opt.flat_addr;
	size_t size;
	void *data, *to;

	data = read_file(m->opt.flat, &size);
	to = guest_ptr(m, addr, size);
	if (addr >= LOW_HOLE_START || !to)
		die("%s (%zu bytes) does not fit at %#llx: the image must lie below %#llx",
		    m->opt.flat, size, (unsigned long long)addr, LOW_HOLE_START);
	if (addr >= 0x10000 && addr % 16)
		die("an image above 64 KiB must be loaded at a multiple of 16");
	memcpy(to, data, size);
	free(data);

	m->start.mode = START_REAL;
	m->start.all_vcpus = true;
	m->start.rip = addr;
	if (addr >= 0x10000) {
		m->start.seg = addr >> 4;
		m->start.rip = 0;
	}
}

static const struct mb_header *find_header(const u8 *image, size_t size)
{
	const struct mb_header *h;
	size_t at;

	for (at = 0; at + 12 <= size && at < MB_SEARCH; at += 4) {
		h = (const void *)(image + at);
		if (h->magic != MB_MAGIC || h->magic + h->flags + h->checksum)
			continue;
		if (!(h->flags & MB_ADDRESSES) || at + sizeof(*h) <= size)
			return h;
	}
	return NULL;
}

/* Copies a part of the image and clears what follows; returns where the guest's memory ends. */
static u64 load_part(struct machine *m, u64 gpa, const void *data, u64 filesz, u64 memsz)
{
	u8 *to = guest_ptr(m, gpa, memsz);

	if (gpa < INFO_ADDR + sizeof(struct mb_page))
		die("%s: its part at %#llx is where the boot information goes (below %#zx)",
		    m->opt.multiboot, (unsigned long long)gpa,
		    (size_t)INFO_ADDR + sizeof(struct mb_page));
	if (!to || filesz > memsz)
		die("%s: its part at %#llx (%llu bytes) does not fit into the guest's memory",
		    m->opt.multiboot, (unsigned long long)gpa, (unsigned long long)memsz);
	memcpy(to, data, filesz);
	memset(to + filesz, 0, memsz - filesz);
	return gpa + memsz;
}

static u64 load_addresses(struct machine *m, const u8 *image, size_t size,
			  const struct mb_header *h)
{
	u64 at = (const u8 *)h - image;
	u64 skip = at - (h->header_addr - h->load_addr);
	u64 filesz, memsz;

	if (h->load_addr > h->header_addr || h->header_addr - h->load_addr > at)
		die("%s: the load addresses of its multiboot header are wrong", m->opt.multiboot);
	filesz = h->load_end_addr ? h->load_end_addr - h->load_addr : size - skip;
	memsz = h->bss_end_addr ? h->bss_end_addr - h->load_addr : filesz;
	if (filesz > size - skip)
		die("%s is cut short", m->opt.multiboot);
	m->start.rip = h->entry_addr;
	return load_part(m, h->load_addr, image + skip, filesz, memsz > filesz ? memsz : filesz);
}

#define DEFINE_LOAD_ELF(bits)								\
static u64 load_elf##bits(struct machine *m, const u8 *image, size_t size)		\
{											\
	const Elf##bits##_Ehdr *eh = (const void *)image;				\
	const Elf##bits##_Phdr *ph;							\
	u64 end, last = 0;								\
	int i;										\
											\
	if (eh->e_phentsize != sizeof(*ph) ||						\
	    eh->e_phoff > size || eh->e_phnum > (size - eh->e_phoff) / sizeof(*ph))	\
		die("%s: bad ELF program headers", m->opt.multiboot);			\
	for (i = 0; i < eh->e_phnum; i++) {						\
		ph = (const void *)(image + eh->e_phoff + i * sizeof(*ph));		\
		if (ph->p_type != PT_LOAD)						\
			continue;							\
		if (ph->p_offset > size || ph->p_filesz > size - ph->p_offset)		\
			die("%s is cut short", m->opt.multiboot);			\
		end = load_part(m, ph->p_paddr, image + ph->p_offset, ph->p_filesz,	\
				ph->p_memsz);						\
		last = end > last ? end : last;						\
	}										\
	m->start.rip = eh->e_entry;							\
	return last;									\
}
DEFINE_LOAD_ELF(32)
DEFINE_LOAD_ELF(64)

static u64 load_elf(struct machine *m, const u8 *image, size_t size)
{
	if (size < sizeof(Elf64_Ehdr) || memcmp(image, ELFMAG, SELFMAG))
		die("%s is neither an ELF file nor does its multiboot header say where to load it",
		    m->opt.multiboot);
	if (image[EI_CLASS] == ELFCLASS64)
		return load_elf64(m, image, size);
	return load_elf32(m, image, size);
}

static void load_module(struct machine *m, struct mb_page *page, u64 end)
{
	u64 addr = (end + 0xfff) & ~0xfffULL;
	size_t size;
	void *data;

	if (!m->opt.initrd)
		return;
	if (addr < HIGH_RAM)
		addr = HIGH_RAM;
	data = read_file(m->opt.initrd, &size);
	load_part(m, addr, data, size, size);
	free(data);
	page->module.start = addr;
	page->module.end = addr + size;
	page->info.flags |= 1 << 3;
	page->info.mods_count = 1;
	page->info.mods_addr = INFO_ADDR + offsetof(struct mb_page, module);
}

static void add_mmap(struct mb_page *page, u64 start, u64 end)
{
	struct mb_mmap *e = &page->mmap[page->info.mmap_length / sizeof(*e)];

	e->size = sizeof(*e) - sizeof(e->size);
	e->addr = start;
	e->len = end - start;
	e->type = 1;
	page->info.mmap_length += sizeof(*e);
}

static void fill_info(struct machine *m, struct mb_page *page)
{
	struct mb_info *info = &page->info;
	const char *append = m->opt.append ? m->opt.append : "";

	info->flags |= 1 << 0 | 1 << 2 | 1 << 6 | 1 << 9;
	info->mem_lower = LOW_HOLE_START >> 10;
	info->mem_upper = (low_ram_end(m) - HIGH_RAM) >> 10;
	info->cmdline = INFO_ADDR + offsetof(struct mb_page, cmdline);
	info->boot_loader_name = INFO_ADDR + offsetof(struct mb_page, loader);
	info->mmap_addr = INFO_ADDR + offsetof(struct mb_page, mmap);
	strcpy(page->loader, "umbra-vmm");
	if ((size_t)snprintf(page->cmdline, sizeof(page->cmdline), "%s", append) >=
	    sizeof(page->cmdline))
		die("the command line is too long");
	add_mmap(page, 0, LOW_HOLE_START);
	add_mmap(page, HIGH_RAM, low_ram_end(m));
	if (m->ram_size > PCI_HOLE_START)
		add_mmap(page, PCI_HOLE_END, PCI_HOLE_END + m->ram_size - PCI_HOLE_START);
}

void load_multiboot(struct machine *m)
{
	struct mb_page *page = guest_ptr(m, INFO_ADDR, sizeof(*page));
	const struct mb_header *h;
	size_t size;
	u8 *image;
	u64 end;

	image = read_file(m->opt.multiboot, &size);
	h = find_header(image, size);
	if (!h)
		die("%s has no multiboot (version 1) header in its first 8 KiB", m->opt.multiboot);
	if (h->flags & (MB_UNKNOWN | MB_VIDEO))
		die("%s asks for multiboot features that are not there (flags %#x)",
		    m->opt.multiboot, h->flags);
	if (h->flags & MB_ADDRESSES)
		end = load_addresses(m, image, size, h);
	else
		end = load_elf(m, image, size);
	memset(page, 0, sizeof(*page));
	load_module(m, page, end);
	fill_info(m, page);
	free(image);

	m->start.mode = START_PROT32;
	m->start.all_vcpus = true;
	m->start.rax = MB_BOOT_MAGIC;
	m->start.rbx = INFO_ADDR;
}
