// SPDX-License-Identifier: GPL-2.0-only
/* VMs that come and go: in any order, killed at any moment, and without leaks. */
#include <signal.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "smp.h"

#define FRAME(n) (DATA_GPA + (n) * PAGE_SIZE)

TEST(vm_fd_closed_before_the_vcpu)
{
	struct vm *vm = vm_create(MODE_LONG4);
	struct vcpu *v = &vm->vcpu[0];

	close(vm->fd);
	EXPECT_DONE(guest_write(v, LOW_DATA, 5, 4));
	EXPECT_DONE(guest_read(v, LOW_DATA, 4, NULL));
	EXPECT_EQ(5, v->regs.rax);
	vm_free(vm);
}

TEST(vcpu_fd_closed_first)
{
	struct vm *vm = vm_create(MODE_LONG4);

	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	close(vm->vcpu[0].fd);
	vm_set_slot(vm, 1, 0x20000000, vm_ptr(vm, DATA_GPA), PAGE_SIZE, 0);
	vm_set_slot(vm, 1, 0x20000000, NULL, 0, 0);
	/* the run page outlives its descriptor */
	EXPECT_NE(0xffff, vm->vcpu[0].run->exit_reason);
	vm_free(vm);
}

TEST(device_closed_first)
{
	struct vm *vm = vm_create(MODE_LONG4);

	close(vm->dev);
	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	vm->dev = -1;
	vm_free(vm);
}

TEST(memory_unmapped_before_the_vm)
{
	struct vm *vm = vm_create(MODE_LONG4);

	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	munmap(vm->mem, vm->mem_bytes);
	vm->mem = NULL;
	vm_free(vm);
}

TEST(duplicated_descriptors)
{
	struct vm *vm = vm_create(MODE_LONG4);
	int vcpu = dup(vm->vcpu[0].fd), fd = dup(vm->fd);

	close(vm->fd);
	close(vm->vcpu[0].fd);
	vm->fd = fd;
	vm->vcpu[0].fd = vcpu;
	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	vm_free(vm);
}

static void busy_guest(struct vm *vm)
{
	for (int i = 0; i < 64; i++)
		pt_map(vm, TEST_VA + i * PAGE_SIZE, FRAME(i), PTE_KERNEL);
	for (int i = 0; i < 64; i += 7)
		if (guest_write(&vm->vcpu[0], TEST_VA + i * PAGE_SIZE, i, 4).kind != OUT_DONE)
			die("write to page %d", i);
}

static long slab_kib(void)
{
	char line[128];
	long kib, sum = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %ld", &kib) == 1 ||
		    sscanf(line, "Percpu: %ld", &kib) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &kib) == 1)
			sum += kib;
	fclose(f);
	return sum;
}

/* KASAN keeps what was freed for a while; there kmemleak is the one that looks for leaks. */
static bool frees_late(void)
{
	char line[128];
	bool found = false;
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " kasan_quarantine_put");
	if (f)
		fclose(f);
	return found;
}

/* 2 KiB a VM would show: each has a page of vCPU state and tables at the least. */
TEST(many_vms_leak_nothing)
{
	volatile long before = 0;
	volatile int fd_before = 0;
	int fd_after;

	for (int i = 0; i < 120; i++) {
		struct vm *vm;

		if (i == 20) {
			before = slab_kib();
			fd_before = dup(0);
			close(fd_before);
		}
		vm = vm_create(i & 1 ? MODE_LONG4 : MODE_PAE);
		busy_guest(vm);
		vm_free(vm);
	}
	fd_after = dup(0);
	EXPECT_EQ(fd_before, fd_after);
	if (frees_late())
		return;
	EXPECT_LT(slab_kib() - before, 100 * 12) TH_LOG("KiB before: %ld", before);
}

/* Guest code for victims: new translations all the time. */
static volatile u64 *victim_ptes;
static volatile u64 victim_rounds;

static void victim_main(u64 arg)
{
	for (u64 n = 0;; n++) {
		for (int i = 0; i < 64; i++) {
			victim_ptes[i] = FRAME((i + n) % 64) | PTE_KERNEL;
			guest_flush((void *)(TEST_VA + i * PAGE_SIZE));
			*(volatile u32 *)(TEST_VA + i * PAGE_SIZE) = n;
		}
		victim_rounds = n;
	}
}

static void victim(int ready)
{
	struct vm *vm = vm_create(MODE_LONG4);
	struct smp_guest g[2];

	vm_add_vcpu(vm);
	vm_load_image(vm);
	for (int i = 0; i < 64; i++)
		pt_map(vm, TEST_VA + i * PAGE_SIZE, FRAME(i), PTE_KERNEL);
	*guest_global(vm, victim_ptes) = (u64 *)pt_entry_gpa(vm, TEST_VA, 1);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (int i = 0; i < 2; i++)
		smp_start(&g[i], &vm->vcpu[i], victim_main, 0);
	for (;;) {
		vm_set_slot(vm, 1, 0x20000000, vm_ptr(vm, DATA_GPA), 64 * PAGE_SIZE, 0);
		madvise(vm_ptr(vm, DATA_GPA), 64 * PAGE_SIZE, MADV_DONTNEED);
		vm_set_slot(vm, 1, 0x20000000, NULL, 0, 0);
	}
}

/* kill -9 at moments spread over the first milliseconds of a run. */
TEST(killed_at_any_moment)
{
	long before = 0;

	for (int i = 0; i < 40; i++) {
		int ready[2], status;
		char c;
		pid_t pid;

		if (i == 8)
			before = slab_kib();
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		if (!pid)
			victim(ready[1]);
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		close(ready[0]);
		for (volatile int spin = 0; spin < i * 20000; spin++)
			;
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	EXPECT_LT(slab_kib() - before, 32 * 12) TH_LOG("KiB before: %ld", before);
	/* and the next VM works */
	struct vm *vm = vm_create(MODE_LONG4);

	busy_guest(vm);
	vm_free(vm);
}

TEST(many_vms_at_once)
{
	struct vm *vm[12];

	for (int i = 0; i < 12; i++)
		vm[i] = vm_create(i & 1 ? MODE_LONG4 : MODE_32);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 12; i++) {
			u64 x;

			ASSERT_DONE(guest_read(&vm[i]->vcpu[0], LOW_DATA, 4, &x));
			EXPECT_EQ(round ? i * 100 + round - 1 : 0, x);
			ASSERT_DONE(guest_write(&vm[i]->vcpu[0], LOW_DATA, i * 100 + round, 4));
		}
	}
	for (int i = 0; i < 12; i += 2)
		vm_free(vm[i]);
	for (int i = 1; i < 12; i += 2) {
		EXPECT_DONE(guest_read(&vm[i]->vcpu[0], LOW_DATA, 4, NULL));
		vm_free(vm[i]);
	}
}

/* One process's VM in the hands of another: only closing it is allowed there. */
TEST(inherited_by_a_child)
{
	struct vm *vm = vm_create(MODE_LONG4);
	int status;
	pid_t pid;

	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 1, 4));
	pid = fork();
	if (!pid) {
		vm_free(vm);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 2, 4));
	EXPECT_EQ(2, vm_read(vm, LOW_DATA, 4));
	vm_free(vm);
}

/* What is counted can be read when the VM and the vCPU have no descriptor left. */
TEST(statistics_closed_last)
{
	struct vm *vm = vm_create(MODE_LONG4);
	struct kvm_stats_header h;
	char id[2][256] = {};
	int fd[2];

	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	fd[0] = ioctl(vm->fd, KVM_GET_STATS_FD, NULL);
	fd[1] = ioctl(vm->vcpu[0].fd, KVM_GET_STATS_FD, NULL);
	vm_free(vm);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(sizeof(h), pread(fd[i], &h, sizeof(h), 0));
		ASSERT_LT(h.name_size, sizeof(id[i]));
		EXPECT_EQ(h.name_size, pread(fd[i], id[i], h.name_size, h.id_offset));
		EXPECT_NE('\0', id[i][0]);
		close(fd[i]);
	}
}

TEST_HARNESS_MAIN
