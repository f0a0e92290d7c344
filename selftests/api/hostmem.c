// SPDX-License-Identifier: GPL-2.0-only
/* Slots over memory of the host's that is not like any other. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "paging.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#define SLOT_GPA 0x10000000ul
#define NR_PAGES 8

FIXTURE(hostmem) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_SETUP(hostmem)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	for (int i = 0; i < NR_PAGES; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, SLOT_GPA + i * PAGE_SIZE, PTE_KERNEL);
}

FIXTURE_TEARDOWN(hostmem)
{
	vm_free(self->vm);
}

/* Memory that the kernel itself can't read, or NULL (secretmem.enable=1 is needed before 6.5). */
static u8 *secret_memory(bool touched)
{
	int fd = syscall(SYS_memfd_secret, 0);
	u8 *p = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!ftruncate(fd, NR_PAGES * PAGE_SIZE))
		p = mmap(NULL, NR_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		die("secret memory can't be mapped");
	if (touched)
		memset(p, 0x90, NR_PAGES * PAGE_SIZE);
	return p;
}

#define EXPECT_REFUSED(r) \
	EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EFAULT, r)

/* Every access, whether or not the pages are there already. */
TEST_F(hostmem, secret_memory_is_refused)
{
	for (int touched = 0; touched < 2; touched++) {
		u8 *p = secret_memory(touched);

		if (!p)
			SKIP(return, "no memfd_secret");
		vm_set_slot(self->vm, 1, SLOT_GPA, p, NR_PAGES * PAGE_SIZE, 0);
		EXPECT_REFUSED(guest_read(self->v, TEST_VA, 8, NULL));
		EXPECT_REFUSED(guest_write(self->v, TEST_VA + PAGE_SIZE, 1, 8));
		EXPECT_REFUSED(guest_exec(self->v, TEST_VA + 2 * PAGE_SIZE));
		EXPECT_EQ(touched ? 0x90 : 0, p[PAGE_SIZE]);
		vm_set_slot(self->vm, 1, SLOT_GPA, p, 0, 0);
		munmap(p, NR_PAGES * PAGE_SIZE);
		EXPECT_DONE(guest_read(self->v, LOW_DATA, 8, NULL));
	}
}

TEST_F(hostmem, secret_memory_in_a_read_only_or_logged_slot)
{
	static const u32 flags[] = { KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES };
	u8 *p = secret_memory(true);

	if (!p)
		SKIP(return, "no memfd_secret");
	for (int i = 0; i < 2; i++) {
		vm_set_slot(self->vm, 1, SLOT_GPA, p, NR_PAGES * PAGE_SIZE, flags[i]);
		EXPECT_REFUSED(guest_read(self->v, TEST_VA, 8, NULL));
		vm_set_slot(self->vm, 1, SLOT_GPA, p, 0, 0);
	}
	munmap(p, NR_PAGES * PAGE_SIZE);
}

/* Code there makes an exit: its bytes would be read through the kernel's own map. */
TEST_F(hostmem, code_in_secret_memory)
{
	struct blob code = INSN("cpuid; mov %%cr0, %%rax; out %%al, $0xf0");
	u8 *p = secret_memory(true);

	if (!p)
		SKIP(return, "no memfd_secret");
	memcpy(p, code.bytes, code.len);
	vm_set_slot(self->vm, 1, SLOT_GPA, p, NR_PAGES * PAGE_SIZE, 0);
	self->v->regs.rip = TEST_VA;
	self->v->regs.rsp = STACK_TOP;
	self->v->regs.rflags = 2;
	EXPECT_REFUSED(vcpu_enter(self->v));
	munmap(p, NR_PAGES * PAGE_SIZE);
}

/* What lies beside a page that is there is looked at as well: it must not get mapped. */
TEST_F(hostmem, secret_memory_beside_other)
{
	u8 *p = secret_memory(true), *plain = vm_alloc(PAGE_SIZE);
	u64 x;

	if (!p)
		SKIP(return, "no memfd_secret");
	memset(plain, 0x5a, PAGE_SIZE);
	vm_set_slot(self->vm, 1, SLOT_GPA, plain, PAGE_SIZE, 0);
	vm_set_slot(self->vm, 2, SLOT_GPA + PAGE_SIZE, p, PAGE_SIZE, 0);
	for (int i = 0; i < 2; i++) {
		u64 gpa = pt_entry_gpa(self->vm, TEST_VA + i * PAGE_SIZE, 1);

		pt_put(self->vm, gpa,
		       pt_entry(self->vm, TEST_VA + i * PAGE_SIZE, 1) | PTE_A | PTE_D);
	}
	EXPECT_DONE(guest_read(self->v, TEST_VA, 1, &x));
	EXPECT_EQ(0x5a, x);
	EXPECT_REFUSED(guest_read(self->v, TEST_VA + PAGE_SIZE, 1, NULL));
	munmap(plain, PAGE_SIZE);
	munmap(p, NR_PAGES * PAGE_SIZE);
}

/* A page table there: the host reads it as the VMM would, and lives. */
TEST_F(hostmem, page_table_in_secret_memory)
{
	u8 *p = secret_memory(true);
	u64 x, pde = pt_entry(self->vm, TEST_VA, 2);

	if (!p)
		SKIP(return, "no memfd_secret");
	memset(p, 0, PAGE_SIZE);
	*(u64 *)p = LOW_DATA | PTE_KERNEL;
	memset(vm_ptr(self->vm, LOW_DATA), 0x33, 8);
	vm_set_slot(self->vm, 1, SLOT_GPA, p, NR_PAGES * PAGE_SIZE, 0);
	pt_put(self->vm, pt_entry_gpa(self->vm, TEST_VA, 2), SLOT_GPA | (pde & ~PTE_ADDR));
	EXPECT_DONE(guest_read(self->v, TEST_VA, 1, &x));
	EXPECT_EQ(0x33, x);
	EXPECT_EQ(PTE_A, *(u64 *)p & PTE_A);
	EXPECT_PF(guest_read(self->v, TEST_VA + PAGE_SIZE, 1, NULL), 0, TEST_VA + PAGE_SIZE);
	EXPECT_DONE(guest_write(self->v, LOW_DATA + 8, 1, 8));
	munmap(p, NR_PAGES * PAGE_SIZE);
	EXPECT_PF(guest_read(self->v, TEST_VA, 1, NULL), 0, TEST_VA);
}

static void ignore(int sig)
{
}

/* A page with a memory error, found before or after the guest had it. The VMM is told by SIGBUS. */
TEST_F(hostmem, poisoned_memory)
{
	signal(SIGBUS, ignore);
	for (int before = 0; before < 2; before++) {
		u8 *p = vm_alloc(2 * PAGE_SIZE);

		memset(p, 1, 2 * PAGE_SIZE);
		vm_set_slot(self->vm, 1, SLOT_GPA, p, 2 * PAGE_SIZE, 0);
		if (before)
			EXPECT_DONE(guest_write(self->v, TEST_VA, 2, 8));
		if (madvise(p, PAGE_SIZE, MADV_HWPOISON))
			SKIP(return, "no MADV_HWPOISON");
		EXPECT_RESULT(r_.kind == OUT_ERRNO && (r_.err == EHWPOISON || r_.err == EFAULT),
			      guest_read(self->v, TEST_VA, 8, NULL));
		EXPECT_DONE(guest_read(self->v, TEST_VA + PAGE_SIZE, 8, NULL));
		vm_set_slot(self->vm, 1, SLOT_GPA, p, 0, 0);
		munmap(p, 2 * PAGE_SIZE);
	}
}

/* The page of zeroes that all share, read and then written; a huge one of them too. */
TEST_F(hostmem, zero_page)
{
	u8 *p = vm_alloc(LARGE_BYTES), *at = p + (-(u64)p & (LARGE_BYTES / 2 - 1));
	u64 x;

	vm_set_slot(self->vm, 1, SLOT_GPA, at, NR_PAGES * PAGE_SIZE, 0);
	EXPECT_EQ(0, *(volatile u8 *)at);
	EXPECT_DONE(guest_read(self->v, TEST_VA, 8, &x));
	EXPECT_EQ(0, x);
	EXPECT_DONE(guest_write(self->v, TEST_VA, 5, 8));
	EXPECT_EQ(5, at[0]);
	EXPECT_EQ(0, *(volatile u8 *)vm_alloc(PAGE_SIZE));
	EXPECT_DONE(guest_read(self->v, TEST_VA + PAGE_SIZE, 8, &x));
	EXPECT_EQ(0, x);
	munmap(p, LARGE_BYTES);
}

TEST_HARNESS_MAIN
