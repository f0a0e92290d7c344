// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: one mapping, shown to the guest in up to three slots around the PC's holes. */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm.h"

#define HUGE_ALIGN	(2 * MIB)

/* Memory from 3 GiB on appears at 4 GiB. */
u64 low_ram_end(const struct machine *m)
{
	return m->ram_size < PCI_HOLE_START ? m->ram_size : PCI_HOLE_START;
}

/* The VMM's view of guest-physical memory, or NULL where there is no RAM all along. */
void *guest_ptr(const struct machine *m, u64 gpa, u64 len)
{
	u64 end = gpa + len;

	if (end < gpa)
		return NULL;
	if (end <= LOW_HOLE_START || (gpa >= LOW_HOLE_END && end <= low_ram_end(m)))
		return m->ram + gpa;
	if (gpa < PCI_HOLE_END || m->ram_size <= PCI_HOLE_START)
		return NULL;
	gpa -= PCI_HOLE_END - PCI_HOLE_START;
	end -= PCI_HOLE_END - PCI_HOLE_START;
	return end <= m->ram_size ? m->ram + gpa : NULL;
}

static void set_slot(struct machine *m, u32 slot, u64 gpa, u64 size, u64 offset)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)m->ram + offset,
	};

	if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		die_errno("KVM_SET_USER_MEMORY_REGION failed for slot %u (%#llx bytes at %#llx)",
			  slot, (unsigned long long)size, (unsigned long long)gpa);
}

static void map_ram(struct machine *m)
{
	size_t size = m->ram_size + HUGE_ALIGN;
	u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die_errno("cannot map %llu MiB of guest memory (try a smaller --mem)",
			  (unsigned long long)(m->ram_size / MIB));
	m->ram = (u8 *)(((uintptr_t)p + HUGE_ALIGN - 1) & ~(HUGE_ALIGN - 1));
	if (madvise(m->ram, m->ram_size, m->opt.hugepages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) < 0 &&
	    m->opt.hugepages)
		warn("no transparent huge pages on this host; going on without");
}

void memory_create(struct machine *m)
{
	m->ram_size = m->opt.mem;
	map_ram(m);
	set_slot(m, 0, 0, LOW_HOLE_START, 0);
	set_slot(m, 1, LOW_HOLE_END, low_ram_end(m) - LOW_HOLE_END, LOW_HOLE_END);
	if (m->ram_size > PCI_HOLE_START)
		set_slot(m, 2, PCI_HOLE_END, m->ram_size - PCI_HOLE_START, PCI_HOLE_START);
}
