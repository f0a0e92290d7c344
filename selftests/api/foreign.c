// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory that is a device's, or the kernel's own: there is no struct page to be had. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define SLOT_GPA	0x10000000ul
#define BAR_BYTES	(16 * PAGE_SIZE)

FIXTURE(foreign) {
	struct vm *vm;
	struct vcpu *v;
	int bar;	/* -1: there is none */
};

static int read_hex(const char *dir, const char *name)
{
	char path[512], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	return strtol(text, NULL, 16);
}

/* The memory of QEMU's ivshmem: plain memory behind a PCI device. */
static int open_bar(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *d;
	char path[512];
	int fd = -1;

	while (dir && fd < 0 && (d = readdir(dir))) {
		if (read_hex(d->d_name, "vendor") != 0x1af4 ||
		    read_hex(d->d_name, "device") != 0x1110)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", d->d_name);
		fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, "1", 1) != 1)
			return -1;
		close(fd);
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", d->d_name);
		fd = open(path, O_RDWR);
	}
	if (dir)
		closedir(dir);
	return fd;
}

FIXTURE_SETUP(foreign)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->bar = open_bar();
	for (int i = 0; i < 16; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, SLOT_GPA + i * PAGE_SIZE,
		       PTE_KERNEL | PTE_A | PTE_D);
}

FIXTURE_TEARDOWN(foreign)
{
	vm_free(self->vm);
	if (self->bar >= 0)
		close(self->bar);
}

#define EXPECT_EFAULT(run) EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT, run)

static u8 *map_bar(FIXTURE_DATA(foreign) *self, int prot)
{
	return mmap(NULL, BAR_BYTES, prot, MAP_SHARED, self->bar, 0);
}

/* Written and read from both sides, natively and by the emulator; gone when it is unmapped. */
TEST_F(foreign, device_memory)
{
	struct vcpu *v = self->v;
	u64 x;
	u8 *bar;

	if (self->bar < 0)
		SKIP(return, "no device with memory");
	bar = map_bar(self, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, bar);
	vm_set_slot(self->vm, 1, SLOT_GPA, bar, BAR_BYTES, 0);
	*(volatile u64 *)bar = 0x1234;
	EXPECT_DONE(guest_read(v, TEST_VA, 8, &x));
	EXPECT_EQ(0x1234, x);
	EXPECT_DONE(guest_write(v, TEST_VA + 8, 0x5678, 8));
	EXPECT_EQ(0x5678, *(volatile u64 *)(bar + 8));
	EXPECT_DONE(guest_write(v, TEST_VA + 2 * PAGE_SIZE, 0x9abc, 8));	/* first touch */
	EXPECT_EQ(0x9abc, *(volatile u64 *)(bar + 2 * PAGE_SIZE));
	EXPECT_DONE(guest_write(v, TEST_VA + 4 * PAGE_SIZE - 4, 0x1122334455667788, 8));
	EXPECT_EQ(0x55667788, *(volatile u32 *)(bar + 4 * PAGE_SIZE - 4));
	EXPECT_EQ(0x11223344, *(volatile u32 *)(bar + 4 * PAGE_SIZE));
	v->regs.rsi = TEST_VA;
	v->regs.rdi = TEST_VA + 16;
	v->regs.rdx = 0x70;
	EXPECT_EXIT(guest_insn(v, INSN("insl")), KVM_EXIT_IO);
	*(u32 *)((u8 *)v->run + v->run->io.data_offset) = 0xdef0;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(0xdef0, *(volatile u32 *)(bar + 16));
	ASSERT_EQ(0, mprotect(bar, BAR_BYTES, PROT_READ));
	EXPECT_EFAULT(guest_write(v, TEST_VA, 1, 8));
	EXPECT_DONE(guest_read(v, TEST_VA, 8, &x));
	EXPECT_EQ(0x1234, x);
	ASSERT_EQ(0, mprotect(bar, BAR_BYTES, PROT_NONE));
	EXPECT_EFAULT(guest_read(v, TEST_VA, 8, NULL));
	ASSERT_EQ(0, mprotect(bar, BAR_BYTES, PROT_READ | PROT_WRITE));
	EXPECT_DONE(guest_write(v, TEST_VA, 2, 8));
	munmap(bar, BAR_BYTES);
	EXPECT_EFAULT(guest_read(v, TEST_VA, 8, NULL));
	EXPECT_EFAULT(guest_write(v, TEST_VA, 1, 8));
}

TEST_F(foreign, read_only_mapping)
{
	u64 x;
	u8 *bar;

	if (self->bar < 0)
		SKIP(return, "no device with memory");
	bar = map_bar(self, PROT_READ);
	ASSERT_NE(MAP_FAILED, bar);
	vm_set_slot(self->vm, 1, SLOT_GPA, bar, BAR_BYTES, 0);
	EXPECT_EFAULT(guest_write(self->v, TEST_VA + PAGE_SIZE, 1, 8));
	EXPECT_DONE(guest_read(self->v, TEST_VA + PAGE_SIZE, 8, &x));
	EXPECT_EQ(*(volatile u64 *)(bar + PAGE_SIZE), x);
	EXPECT_EFAULT(guest_write(self->v, TEST_VA + PAGE_SIZE, 1, 8));
	munmap(bar, BAR_BYTES);
}

/* Code and page tables in it, and the log of what is written. */
TEST_F(foreign, code_tables_and_log)
{
	struct kvm_dirty_log log = { .slot = 1 };
	u64 va = TEST_VA + 0x40000000, map = 0, x;
	struct vcpu *v = self->v;
	u8 *bar;

	if (self->bar < 0)
		SKIP(return, "no device with memory");
	bar = map_bar(self, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, bar);
	vm_set_slot(self->vm, 1, SLOT_GPA, bar, BAR_BYTES, KVM_MEM_LOG_DIRTY_PAGES);
	log.dirty_bitmap = &map;
	pt_map(self->vm, va, DATA_GPA, PTE_KERNEL);
	pt_put(self->vm, pt_entry_gpa(self->vm, va, 2),
	       (SLOT_GPA + 3 * PAGE_SIZE) | PTE_KERNEL | PTE_A);
	((volatile u64 *)(bar + 3 * PAGE_SIZE))[0] = DATA_GPA | PTE_KERNEL;
	*(u64 *)(self->vm->mem + DATA_GPA) = 77;
	EXPECT_DONE(guest_read(v, va, 8, &x));
	EXPECT_EQ(77, x);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(1ul << 3, map);	/* the A bit */
	EXPECT_DONE(guest_write(v, TEST_VA + 5 * PAGE_SIZE, 1, 8));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(1ul << 5, map);
	/* CPUID exits, and its code is looked at: cpuid; ret */
	memcpy(bar + 6 * PAGE_SIZE, "\x0f\xa2\xc3", 3);
	v->regs.rsi = TEST_VA + 6 * PAGE_SIZE;
	EXPECT_DONE(guest_insn(v, INSN("call *%%rsi")));
	EXPECT_DONE(guest_insn(v, INSN("call *%%rsi")));
	munmap(bar, BAR_BYTES);
}

/* gVisor maps these into its guests. */
TEST_F(foreign, kernels_own)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[256];
	u64 hva = 0, x;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[vvar]"))
			hva = strtoul(line, NULL, 16);
	ASSERT_NE(0, hva);
	fclose(maps);
	vm_set_slot(self->vm, 1, SLOT_GPA, (void *)hva, PAGE_SIZE, 0);
	EXPECT_DONE(guest_read(self->v, TEST_VA + 0x10, 4, &x));
	EXPECT_EFAULT(guest_write(self->v, TEST_VA + 0x10, 0, 4));
	EXPECT_DONE(guest_read(self->v, TEST_VA + 0x10, 4, &x));
}

TEST_HARNESS_MAIN
