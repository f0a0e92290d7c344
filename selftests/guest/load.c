// SPDX-License-Identifier: GPL-2.0-only
/* Slots, dirty log and host memory change under two vCPUs that never stop (hard case 32). */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "smp.h"

#define SLOT_GPA 0x10000000ul
#define SLOT_PAGES 64
#define SLOT_BYTES (SLOT_PAGES * PAGE_SIZE)
#define ROUNDS 30

FIXTURE(load) {
	struct vm *vm;
	struct smp_guest g[2];
	u8 *mem;
};

static volatile u64 loops[2];

FIXTURE_SETUP(load)
{
	self->vm = vm_create(MODE_LONG4);
	vm_add_vcpu(self->vm);
	vm_load_image(self->vm);
	self->mem = vm_alloc(SLOT_BYTES);
	for (int i = 0; i < SLOT_PAGES; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, SLOT_GPA + i * PAGE_SIZE, PTE_KERNEL);
	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, SLOT_BYTES, 0);
}

FIXTURE_TEARDOWN(load)
{
	vm_free(self->vm);
	munmap(self->mem, SLOT_BYTES);
}

/* Each vCPU counts in words of its own on every page. */
static void writer(u64 id)
{
	for (u32 n = 1;; n++) {
		for (int i = 0; i < SLOT_PAGES; i++)
			((volatile u32 *)(TEST_VA + i * PAGE_SIZE))[id] = n;
		loops[id]++;
	}
}

static void start_writers(struct smp_guest *g, struct vm *vm)
{
	for (int i = 0; i < 2; i++)
		smp_start(&g[i], &vm->vcpu[i], writer, i);
}

/* Both have gone round once more since the call. */
static void wait_for_writers(struct vm *vm)
{
	volatile u64 *l = *guest_global(vm, loops);
	u64 before[2] = { l[0], l[1] };

	while (l[0] < before[0] + 2 || l[1] < before[1] + 2)
		sched_yield();
}

static void stop_writers(struct __test_metadata *_metadata, struct smp_guest *g)
{
	for (int i = 0; i < 2; i++) {
		smp_stop(&g[i]);
		EXPECT_EQ(OUT_ERRNO, g[i].r.kind) TH_LOG("vCPU %d: %s", i, result_str(g[i].r));
		EXPECT_EQ(EINTR, g[i].r.err);
	}
}

/* A slot that is gone is MMIO for the while: the vCPU thread answers and goes on. */
static volatile bool slot_test_over;

static void *mmio_thread(void *arg)
{
	struct vcpu *v = arg;
	struct result r;

	do {
		r = vcpu_run(v);
	} while (!slot_test_over && r.kind == OUT_EXIT && r.exit == KVM_EXIT_MMIO);
	/* The test then waits for this vCPU in vain. */
	if (!slot_test_over)
		fprintf(stderr, "# a vCPU stopped early: %s\n", result_str(r));
	return (void *)(long)(r.kind == OUT_ERRNO ? r.err : r.kind == OUT_EXIT &&
			      r.exit == KVM_EXIT_MMIO ? EINTR : -1);
}

TEST_F(load, slot_deleted_and_made_again)
{
	pthread_t thread[2];
	void *ret;

	/* starts them in the guest's C code without a thread of the library's */
	start_writers(self->g, self->vm);
	wait_for_writers(self->vm);
	stop_writers(_metadata, self->g);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, mmio_thread, &self->vm->vcpu[i]));
	}
	for (int i = 0; i < ROUNDS; i++) {
		vm_set_slot(self->vm, 1, SLOT_GPA, NULL, 0, 0);
		memset(self->mem, 0, SLOT_BYTES);
		for (int j = 0; j < SLOT_BYTES; j += PAGE_SIZE) {
			EXPECT_EQ(0, *(u64 *)(self->mem + j)) TH_LOG("written after the delete");
		}
		vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, SLOT_BYTES, 0);
	}
	wait_for_writers(self->vm);
	slot_test_over = true;
	for (int i = 0; i < 2; i++) {
		self->vm->vcpu[i].run->immediate_exit = 1;
		while (pthread_tryjoin_np(thread[i], &ret))
			pthread_kill(thread[i], SIGUSR2);
		EXPECT_EQ(EINTR, (long)ret);
	}
}

TEST_F(load, memory_dropped)
{
	start_writers(self->g, self->vm);
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, madvise(self->mem, SLOT_BYTES, MADV_DONTNEED));
	}
	wait_for_writers(self->vm);
	stop_writers(_metadata, self->g);
	for (int i = 0; i < SLOT_PAGES; i++) {
		EXPECT_NE(0, ((u32 *)(self->mem + i * PAGE_SIZE))[0]) TH_LOG("page %d", i);
		EXPECT_NE(0, ((u32 *)(self->mem + i * PAGE_SIZE))[1]) TH_LOG("page %d", i);
	}
}

/* The pages are mapped anew at the same place: the guest must write to the new ones. */
TEST_F(load, memory_replaced)
{
	start_writers(self->g, self->vm);
	for (int i = 0; i < ROUNDS; i++) {
		u8 *fresh = vm_alloc(SLOT_BYTES);

		ASSERT_EQ(self->mem, mremap(fresh, SLOT_BYTES, SLOT_BYTES,
					    MREMAP_MAYMOVE | MREMAP_FIXED, self->mem));
		wait_for_writers(self->vm);
		for (int j = 0; j < SLOT_PAGES; j += 9) {
			ASSERT_NE(0, *(u32 *)(self->mem + j * PAGE_SIZE)) TH_LOG("page %d", j);
		}
	}
	stop_writers(_metadata, self->g);
}

/* What is moved away must stay as it was. */
TEST_F(load, memory_moved_away_is_left_alone)
{
	u8 *old = vm_alloc(SLOT_BYTES);
	u32 seen[SLOT_PAGES];

	start_writers(self->g, self->vm);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(old, mremap(self->mem, SLOT_BYTES, SLOT_BYTES,
				      MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, old));
		for (int j = 0; j < SLOT_PAGES; j++)
			seen[j] = *(volatile u32 *)(old + j * PAGE_SIZE);
		wait_for_writers(self->vm);
		for (int j = 0; j < SLOT_PAGES; j++) {
			ASSERT_EQ(seen[j], *(volatile u32 *)(old + j * PAGE_SIZE));
		}
	}
	stop_writers(_metadata, self->g);
	munmap(old, SLOT_BYTES);
}

TEST_F(load, memory_write_protected_and_back)
{
	start_writers(self->g, self->vm);
	for (int i = 0; i < ROUNDS; i++) {
		/* fork write-protects everything; what faults then is the host's affair */
		pid_t pid = fork();

		if (!pid)
			_exit(*(u32 *)self->mem == 0xffffffff);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	}
	wait_for_writers(self->vm);
	for (int j = 0; j < SLOT_PAGES; j++) {
		EXPECT_NE(0, *(volatile u32 *)(self->mem + j * PAGE_SIZE));
	}
	stop_writers(_metadata, self->g);
}

/* A child of fork() keeps the memory as it was at that moment. */
TEST_F(load, fork_snapshot)
{
	start_writers(self->g, self->vm);
	wait_for_writers(self->vm);
	for (int i = 0; i < 10; i++) {
		int to_child[2], status;
		pid_t pid;

		ASSERT_EQ(0, pipe(to_child));
		pid = fork();
		if (!pid) {
			u32 seen[SLOT_PAGES];
			int bad = 0;
			char c;

			for (int j = 0; j < SLOT_PAGES; j++)
				seen[j] = *(volatile u32 *)(self->mem + j * PAGE_SIZE);
			bad |= read(to_child[0], &c, 1) != 1;
			for (int j = 0; j < SLOT_PAGES; j++)
				bad |= seen[j] != *(volatile u32 *)(self->mem + j * PAGE_SIZE);
			_exit(bad);
		}
		wait_for_writers(self->vm);
		ASSERT_EQ(1, write(to_child[1], "x", 1));
		waitpid(pid, &status, 0);
		EXPECT_EQ(0, status) TH_LOG("the guest wrote to the child's memory");
		close(to_child[0]);
		close(to_child[1]);
	}
	stop_writers(_metadata, self->g);
}

static bool write_ksm(const char *name, const char *value)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", name);
	f = fopen(path, "w");
	return f && fputs(value, f) >= 0 && !fclose(f);
}

static long read_ksm(const char *name)
{
	char path[64];
	long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%ld", &value) != 1)
		value = 0;
	if (f)
		fclose(f);
	return value;
}

/* Equal pages that the guest could write become one; its next write must split them again. */
TEST_F(load, merged_pages_are_split_by_a_write)
{
	struct vcpu *v = &self->vm->vcpu[0];
	u64 x;

	if (!write_ksm("pages_to_scan", "10000") || !write_ksm("sleep_millisecs", "0"))
		SKIP(return, "this kernel has no KSM");
	for (int i = 0; i < SLOT_PAGES; i++) {
		ASSERT_DONE(guest_write(v, TEST_VA + i * PAGE_SIZE, 0x5ca1ab1e, 4));
	}
	ASSERT_EQ(0, madvise(self->mem, SLOT_BYTES, MADV_MERGEABLE));
	ASSERT_TRUE(write_ksm("run", "1"));
	while (read_ksm("pages_sharing") < SLOT_PAGES - 2)
		sched_yield();
	ASSERT_DONE(guest_write(v, TEST_VA + 5 * PAGE_SIZE, 0x600d, 4));
	for (int i = 0; i < SLOT_PAGES; i++) {
		ASSERT_DONE(guest_read(v, TEST_VA + i * PAGE_SIZE, 4, &x));
		EXPECT_EQ(i == 5 ? 0x600d : 0x5ca1ab1e, x) TH_LOG("page %d", i);
		EXPECT_EQ(x, *(u32 *)(self->mem + i * PAGE_SIZE)) TH_LOG("page %d", i);
	}
	write_ksm("run", "2");
	write_ksm("run", "0");
}

static void get_dirty(struct vm *vm, u64 *bitmap)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log))
		die("KVM_GET_DIRTY_LOG");
}

/*
 * Migration in small: copy what is dirty until the guest is stopped; the copy must then be the
 * same as the memory.
 */
TEST_F(load, dirty_log_loses_nothing)
{
	u8 *copy = vm_alloc(SLOT_BYTES);
	u64 bitmap = ~0ul;

	vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, SLOT_BYTES, KVM_MEM_LOG_DIRTY_PAGES);
	start_writers(self->g, self->vm);
	for (int i = 0; i <= ROUNDS; i++) {
		if (i == ROUNDS)
			stop_writers(_metadata, self->g);
		if (i)
			get_dirty(self->vm, &bitmap);
		for (int j = 0; j < SLOT_PAGES; j++)
			if (bitmap >> j & 1)
				memcpy(copy + j * PAGE_SIZE, self->mem + j * PAGE_SIZE, PAGE_SIZE);
	}
	EXPECT_EQ(0, memcmp(copy, self->mem, SLOT_BYTES));
	munmap(copy, SLOT_BYTES);
}

TEST_F(load, dirty_log_toggled)
{
	start_writers(self->g, self->vm);
	for (int i = 0; i < ROUNDS; i++)
		vm_set_slot(self->vm, 1, SLOT_GPA, self->mem, SLOT_BYTES,
			    i & 1 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
	wait_for_writers(self->vm);
	stop_writers(_metadata, self->g);
}

TEST_HARNESS_MAIN
