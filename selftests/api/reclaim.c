// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who looks at the slots besides the vCPUs: the shrinker, the audit of debugfs, the end of the
 * VM. The debug kernel's lockdep and KASAN see what here only may go wrong.
 */
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "paging.h"

#define SLOT_GPA	0x10000000ul
#define NR_SLOTS	8
#define SLOT_PAGES	4
#define SLOT_BYTES	(SLOT_PAGES * PAGE_SIZE)

#define AUDIT_SWITCH	"/sys/module/umbra/parameters/audit"

/* Returns false where there is no such file. */
static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Breaches that the audit of all VMs finds; -1 if there is no such file. */
static long audit_all(void)
{
	long sum = -1;
	glob_t g;

	if (glob("/sys/kernel/debug/umbra/*/audit", 0, NULL, &g))
		return sum;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char text[32] = "";
		int fd = open(g.gl_pathv[i], O_RDONLY);

		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
			sum = (sum < 0 ? 0 : sum) + atol(text);
		if (fd >= 0)
			close(fd);
	}
	globfree(&g);
	return sum;
}

/* Slot @i holds one guest page table, at its start, which maps its other pages. */
static u64 slot_gpa(int i)
{
	return SLOT_GPA + i * SLOT_BYTES;
}

static u64 slot_va(int i)
{
	return TEST_VA + ((u64)i << 21);
}

FIXTURE(reclaim) {
	struct vm *vm;
	struct vcpu *v;
	u8 *mem;
};

static void build(struct vm *vm, u8 *mem)
{
	for (int i = 0; i < NR_SLOTS; i++) {
		u64 *table = (u64 *)(mem + i * SLOT_BYTES);

		pt_map(vm, slot_va(i), DATA_GPA, PTE_KERNEL);
		pt_put(vm, pt_entry_gpa(vm, slot_va(i), 2), slot_gpa(i) | PTE_KERNEL);
		for (int j = 1; j < SLOT_PAGES; j++)
			table[j] = (slot_gpa(i) + j * PAGE_SIZE) | PTE_KERNEL;
		vm_set_slot(vm, 1 + i, slot_gpa(i), table, SLOT_BYTES, 0);
	}
}

FIXTURE_SETUP(reclaim)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	self->mem = vm_alloc(NR_SLOTS * SLOT_BYTES);
	build(self->vm, self->mem);
}

FIXTURE_TEARDOWN(reclaim)
{
	write_file(AUDIT_SWITCH, "0");
	munmap(self->mem, NR_SLOTS * SLOT_BYTES);
}

/* Guest memory in each slot, through the table in it. */
static struct result touch(struct vcpu *v, int slot)
{
	return guest_write(v, slot_va(slot) + PAGE_SIZE, slot, 8);
}

/* Slots are freed one after the other; what is left of the guest's tables is in the others. */
TEST_F(reclaim, tables_in_every_slot_at_the_end)
{
	for (int audit = 0; audit < 2; audit++) {
		struct vm *vm = self->vm;

		write_file(AUDIT_SWITCH, audit ? "1" : "0");
		for (int i = 0; i < NR_SLOTS; i++)
			EXPECT_DONE(touch(&vm->vcpu[0], i));
		self->vm = vm_create(MODE_LONG4);
		build(self->vm, self->mem);
		vm_free(vm);
	}
	vm_free(self->vm);
}

static volatile bool stop;

static void *reclaimer(void *unused)
{
	long breaches = 0, found;

	while (!stop) {
		write_file("/proc/sys/vm/drop_caches", "2");
		found = audit_all();
		breaches += found > 0 ? found : 0;
	}
	return (void *)breaches;
}

TEST_F(reclaim, shrinker_and_audit_while_slots_change)
{
	void *breaches;
	pthread_t t;

	stop = false;
	ASSERT_EQ(0, pthread_create(&t, NULL, reclaimer, NULL));
	for (int n = 0; n < 400; n++) {
		int i = n % NR_SLOTS;
		u8 *at = self->mem + i * SLOT_BYTES;

		for (int j = 0; j < NR_SLOTS; j++)
			EXPECT_DONE(touch(self->v, j));
		/* away, or gone; then back, every other time with its log */
		vm_set_slot(self->vm, 1 + i, slot_gpa(n & 8 ? NR_SLOTS + i : i), at,
			    n & 8 ? SLOT_BYTES : 0, 0);
		vm_set_slot(self->vm, 1 + i, slot_gpa(i), at, SLOT_BYTES,
			    n & 16 ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	}
	stop = true;
	pthread_join(t, &breaches);
	EXPECT_EQ(NULL, breaches);
	EXPECT_EQ(0, audit_all() > 0);
	vm_free(self->vm);
}

TEST_HARNESS_MAIN
