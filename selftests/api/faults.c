// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of a call fails once: the call says ENOMEM, or does without; nothing is
 * left half done, so that it succeeds when it is made again. Needs a host kernel with fault
 * injection (Documentation/fault-injection in the kernel's source).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "paging.h"

#define MAX_ALLOCATIONS	3000
#define FRAME(n)	(DATA_GPA + (n) * PAGE_SIZE)
#define OTHER_GPA	0x20000000ul
#define INJECT		"/sys/kernel/debug/"

static int fail_nth = -1;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return ok;
}

/* Allocations that may wait fail too, and nobody prints a stack for each. */
static bool injection_ready(void)
{
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	return fail_nth >= 0 && put(INJECT "failslab/ignore-gfp-wait", "N") &&
	       put(INJECT "failslab/verbose", "0") &&
	       put(INJECT "fail_page_alloc/ignore-gfp-wait", "N") &&
	       put(INJECT "fail_page_alloc/ignore-gfp-highmem", "N") &&
	       put(INJECT "fail_page_alloc/min-order", "0") &&
	       put(INJECT "fail_page_alloc/verbose", "0");
}

static void set_fail_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(fail_nth, text, len, 0) != len)
		die("can't write fail-nth");
}

/* Return: whether the allocation came, and failed. */
static bool clear_fail_nth(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		die("can't read fail-nth");
	set_fail_nth(0);
	return !atoi(text);
}

/*
 * @begin: makes what the call needs; @call: a system call, negative when it failed;
 * @end: the VM must work after it, and is taken down.
 */
struct scenario {
	struct vm *(*begin)(void);
	long (*call)(struct vm *vm);
	bool (*end)(struct vm *vm, long result);
};

/* EFAULT: guest memory itself could not be had, which KVM_RUN learns from the host's copies. */
static bool out_of_memory(int err)
{
	return err == ENOMEM || err == EFAULT;
}

/* Return: how many allocations failed, one run each; -1: something is wrong. */
static int fail_each(const struct scenario *s)
{
	int n, err = 0;
	bool injected = true;

	for (n = 1; injected && n < MAX_ALLOCATIONS; n++) {
		struct vm *vm = s->begin ? s->begin() : NULL;
		long r;

		set_fail_nth(n);
		r = s->call(vm);
		err = r < 0 ? errno : 0;
		injected = clear_fail_nth();
		if (r < 0 && (!out_of_memory(err) || !injected)) {
			printf("# allocation %d: the call failed with %s\n", n, strerror(err));
			return -1;
		}
		if (r < 0)
			r = s->call(vm);
		if (r < 0 || !s->end(vm, r)) {
			printf("# allocation %d failed, and now nothing works: %s\n", n,
			       strerror(errno));
			return -1;
		}
	}
	return injected ? -1 : n - 2;
}

#define EXPECT_SURVIVES(...) EXPECT_SURVIVES_FROM(1, __VA_ARGS__)
#define EXPECT_SURVIVES_FROM(least, ...)				\
	do {								\
		int n_;							\
									\
		if (!injection_ready())					\
			SKIP(return, "the kernel has no fault injection"); \
		n_ = fail_each(&(struct scenario){ __VA_ARGS__ });	\
		EXPECT_LE(least, n_);					\
		TH_LOG("%d allocations failed", n_);			\
	} while (0)

/* For its time limit: a debug kernel on an emulated machine is slow. */
FIXTURE(faults) {
};

FIXTURE_SETUP(faults)
{
}

FIXTURE_TEARDOWN(faults)
{
}

static bool writes(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu[0];

	return guest_write(v, LOW_DATA, 5, 4).kind == OUT_DONE &&
	       guest_read(v, LOW_DATA, 4, NULL).kind == OUT_DONE && v->regs.rax == 5;
}

static struct vm *level4(void)
{
	return vm_create(MODE_LONG4);
}

static bool still_works(struct vm *vm, long result)
{
	bool ok = writes(vm);

	vm_free(vm);
	return ok;
}

static bool close_result(struct vm *vm, long result)
{
	close(result);
	if (vm)
		vm_free(vm);
	return true;
}

static long create_vm(struct vm *vm)
{
	return ioctl(vm->dev, KVM_CREATE_VM, 0);
}

TEST_F_TIMEOUT(faults, creating_a_vm, 600)
{
	EXPECT_SURVIVES(vm_create_bare, create_vm, close_result);
}

static long create_vcpu(struct vm *vm)
{
	return ioctl(vm->fd, KVM_CREATE_VCPU, 0);
}

TEST_F_TIMEOUT(faults, creating_a_vcpu, 600)
{
	EXPECT_SURVIVES(vm_create_bare, create_vcpu, close_result);
}

static long set_slot(struct vm *vm, u64 bytes, u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .flags = flags, .guest_phys_addr = OTHER_GPA, .memory_size = bytes,
		.userspace_addr = (u64)vm_ptr(vm, LARGE_GPA),
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static long create_slot(struct vm *vm)
{
	return set_slot(vm, 16 << 20, KVM_MEM_LOG_DIRTY_PAGES);
}

TEST_F_TIMEOUT(faults, creating_a_slot, 600)
{
	EXPECT_SURVIVES(level4, create_slot, still_works);
}

static struct vm *with_slot(void)
{
	struct vm *vm = level4();

	if (set_slot(vm, 16 << 20, 0))
		die("slot 1");
	pt_map(vm, TEST_VA, OTHER_GPA, PTE_KERNEL);
	if (guest_write(&vm->vcpu[0], TEST_VA, 7, 4).kind != OUT_DONE)
		die("write to slot 1");
	return vm;
}

static bool logs(struct vm *vm, long result)
{
	u64 bits[16 << 20 >> 12 >> 6] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	bool ok = guest_write(&vm->vcpu[0], TEST_VA, 8, 4).kind == OUT_DONE &&
		  !ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) && bits[0] == 1;

	return still_works(vm, result) && ok;
}

TEST_F_TIMEOUT(faults, switching_the_dirty_log_on, 600)
{
	EXPECT_SURVIVES(with_slot, create_slot, logs);
}

static long delete_slot(struct vm *vm)
{
	return set_slot(vm, 0, 0);
}

static bool slot_is_gone(struct vm *vm, long result)
{
	bool ok = guest_write(&vm->vcpu[0], TEST_VA, 8, 4).kind == OUT_EXIT &&
		  vm->vcpu[0].run->exit_reason == KVM_EXIT_MMIO;

	vm_free(vm);
	return ok;
}

TEST_F_TIMEOUT(faults, deleting_a_slot, 600)
{
	EXPECT_SURVIVES(with_slot, delete_slot, slot_is_gone);
}

static struct kvm_cpuid2 *cpuid;

static long set_cpuid(struct vm *vm)
{
	return ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, cpuid);
}

TEST_F_TIMEOUT(faults, setting_cpuid, 600)
{
	struct vm *vm = vm_create_bare();

	cpuid = vm_supported_cpuid(vm->dev);
	vm_free(vm);
	EXPECT_SURVIVES(level4, set_cpuid, still_works);
}

/* Stores of eax through ebx, ecx and edx (or rbx ...); out %al, $PORT_DONE. */
static void prepare_stores(struct vm *vm, u64 va, u64 second, u64 third)
{
	static const u8 code[] = { 0x89, 0x03, 0x89, 0x01, 0x89, 0x02, 0xe6, PORT_DONE, 0xf4 };
	struct vcpu *v = &vm->vcpu[0];

	memcpy(vm_ptr(vm, CODE_GPA), code, sizeof(code));
	v->regs = (struct kvm_regs){
		.rip = CODE_GPA, .rax = FRAME(1) | PTE_KERNEL, .rbx = va, .rcx = second,
		.rdx = third, .rflags = 2,
	};
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
}

static long run(struct vm *vm)
{
	return ioctl(vm->vcpu[0].fd, KVM_RUN, 0);
}

static bool stored(struct vm *vm, long result)
{
	struct kvm_run *run = vm->vcpu[0].run;
	bool ok = run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_DONE &&
		  vm_read(vm, FRAME(0), 4) == (FRAME(1) | PTE_KERNEL);

	return still_works(vm, result) && ok;
}

/* The first that this vCPU ever runs. */
static struct vm *store_in(enum guest_mode mode)
{
	struct vm *vm = vm_create(mode);

	pt_map(vm, TEST_VA, FRAME(0), PTE_KERNEL);
	prepare_stores(vm, TEST_VA, TEST_VA + 8, TEST_VA + 16);
	return vm;
}

static struct vm *store_in_32(void)
{
	return store_in(MODE_32);
}

static struct vm *store_in_pae(void)
{
	return store_in(MODE_PAE);
}

static struct vm *store_in_level4(void)
{
	return store_in(MODE_LONG4);
}

TEST_F_TIMEOUT(faults, first_run_32bit, 600)
{
	EXPECT_SURVIVES(store_in_32, run, stored);
}

TEST_F_TIMEOUT(faults, first_run_pae, 600)
{
	EXPECT_SURVIVES(store_in_pae, run, stored);
}

TEST_F_TIMEOUT(faults, first_run_level4, 600)
{
	EXPECT_SURVIVES(store_in_level4, run, stored);
}

#define FAR_VA	(TEST_VA + 0x4000000)
#define FARTHER_VA (FAR_VA + 0x4000000)

/* A page table in use changes: TEST_VA is FRAME(1) afterwards. New ones come into use. */
static struct vm *store_to_table(void)
{
	struct vm *vm = store_in_level4();

	if (vcpu_run(&vm->vcpu[0]).kind != OUT_DONE || !writes(vm))
		die("the first run");
	pt_map(vm, FAR_VA, FRAME(2), PTE_KERNEL);
	pt_map(vm, FARTHER_VA, FRAME(3), PTE_KERNEL);
	prepare_stores(vm, pt_entry_gpa(vm, TEST_VA, 1), FAR_VA, FARTHER_VA);
	return vm;
}

static bool table_written(struct vm *vm, long result)
{
	struct vcpu *v = &vm->vcpu[0];
	bool ok = v->run->exit_reason == KVM_EXIT_IO && v->run->io.port == PORT_DONE &&
		  vm_read(vm, FRAME(3), 4) == (FRAME(1) | PTE_KERNEL) &&
		  guest_invlpg(v, TEST_VA).kind == OUT_DONE &&
		  guest_write(v, TEST_VA, 9, 4).kind == OUT_DONE &&
		  vm_read(vm, FRAME(1), 4) == 9;

	return still_works(vm, result) && ok;
}

/* The MMU may have spare objects enough. */
TEST_F_TIMEOUT(faults, page_table_write, 600)
{
	EXPECT_SURVIVES_FROM(0, store_to_table, run, table_written);
}

TEST_HARNESS_MAIN
