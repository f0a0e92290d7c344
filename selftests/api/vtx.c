// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU whose state the processor can't hold: VT-x taken away from under it, as by another
 * hypervisor. The parameter vtx_fail makes the so-manieth load of a vCPU fail; where nothing
 * fails there is no VT-x, and the tests are skipped.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "paging.h"

#define FAIL "/sys/module/umbra/parameters/vtx_fail"

static bool fail_load(unsigned int nth)
{
	char text[12];
	int fd = open(FAIL, O_WRONLY), len = snprintf(text, sizeof(text), "%u", nth);
	bool ok = fd >= 0 && write(fd, text, len) == len;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool has_failed(void)
{
	char text[12] = "";
	int fd = open(FAIL, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return false;
	close(fd);
	return text[0] == '0';
}

FIXTURE(vtx) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_SETUP(vtx)
{
	struct kvm_regs regs;

	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	if (!fail_load(1))
		SKIP(_exit(255), "no parameter vtx_fail");
	ioctl(self->v->fd, KVM_GET_REGS, &regs);
	if (!has_failed())
		SKIP(_exit(255), "not on VT-x");
}

FIXTURE_TEARDOWN(vtx)
{
	fail_load(0);
	vm_free(self->vm);
}

/* Nothing is done, and nothing lost. */
TEST_F(vtx, busy_changes_nothing)
{
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(struct kvm_msr_entry));
	struct kvm_sregs before, after, other;
	struct kvm_cpuid2 no_cpuid = { 0 };
	struct kvm_debugregs dbg;
	struct kvm_regs regs;
	int fd = self->v->fd;

	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
	vcpu_get_sregs(self->v, &before);
	ioctl(fd, KVM_GET_DEBUGREGS, &dbg);
	ioctl(fd, KVM_GET_REGS, &regs);
	other = before;
	other.cr0 ^= CR0_WP;
	other.cr4 ^= CR4_PGE;
	other.gdt.base ^= 0x1000;
	other.fs.base ^= 0x1000;
	msrs->nmsrs = 1;
	msrs->entries[0].index = MSR_SYSENTER_EIP;
	msrs->entries[0].data = 0x1234;

#define EXPECT_BUSY(call)	do { fail_load(1); EXPECT_ERRNO(EBUSY, call); } while (0)
	EXPECT_BUSY(ioctl(fd, KVM_GET_SREGS, &after));
	EXPECT_BUSY(ioctl(fd, KVM_SET_SREGS, &other));
	EXPECT_BUSY(ioctl(fd, KVM_GET_REGS, &regs));
	EXPECT_BUSY(ioctl(fd, KVM_SET_REGS, &regs));
	EXPECT_BUSY(ioctl(fd, KVM_SET_DEBUGREGS, &dbg));
	EXPECT_BUSY(ioctl(fd, KVM_SET_MSRS, msrs));
	EXPECT_BUSY(ioctl(fd, KVM_GET_MSRS, msrs));
	EXPECT_BUSY(ioctl(fd, KVM_SET_CPUID2, &no_cpuid));
	EXPECT_BUSY(ioctl(fd, KVM_RUN, 0));
	EXPECT_TRUE(has_failed());

	vcpu_get_sregs(self->v, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ASSERT_EQ(1, ioctl(fd, KVM_GET_MSRS, msrs));
	EXPECT_NE(0x1234, msrs->entries[0].data);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
	free(msrs);
}

/* What could not be done then can be done later, and the processor sees it. */
TEST_F(vtx, mode_changed_after_busy)
{
	struct kvm_sregs sregs;

	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_P);
	EXPECT_PF(guest_write(self->v, TEST_VA, 1, 4), ERR_P | ERR_W, TEST_VA);
	vcpu_get_sregs(self->v, &sregs);
	sregs.cr0 &= ~CR0_WP;
	EXPECT_BUSY(ioctl(self->v->fd, KVM_SET_SREGS, &sregs));
	EXPECT_PF(guest_write(self->v, TEST_VA, 1, 4), ERR_P | ERR_W, TEST_VA);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_SREGS, &sregs));
	EXPECT_DONE(guest_write(self->v, TEST_VA, 1, 4));
}

TEST_F(vtx, create_vcpu)
{
	int fd;

	EXPECT_BUSY(ioctl(self->vm->fd, KVM_CREATE_VCPU, 7));
	fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, 7);
	EXPECT_LE(0, fd);
	close(fd);
}

static void *compete(void *stop)
{
	while (!*(volatile bool *)stop)
		;
	return NULL;
}

/*
 * In the middle of KVM_RUN nothing can be undone. The vCPU is of no use then, and says so: it must
 * not go on with a VMCS that has missed something.
 */
TEST_F(vtx, lost_while_it_runs)
{
	struct vcpu *v = self->v;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	volatile bool stop = false;
	pthread_t thread;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpu), &cpu));
	ASSERT_EQ(0, pthread_create(&thread, NULL, compete, (void *)&stop));
	EXPECT_DONE(guest_read(v, LOW_DATA, 4, NULL));
	memcpy(vm_ptr(self->vm, CODE_GPA), "\xeb\xfe", 2);	/* jmp to itself */
	v->regs.rip = CODE_GPA;
	v->regs.rflags = RFLAGS_IF | 2;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
	fail_load(2);
	EXPECT_ERRNO(EIO, ioctl(v->fd, KVM_RUN, 0));
	EXPECT_TRUE(has_failed());
	stop = true;
	pthread_join(thread, NULL);
	EXPECT_ERRNO(EIO, ioctl(v->fd, KVM_RUN, 0));
	EXPECT_ERRNO(EIO, ioctl(v->fd, KVM_GET_SREGS, &sregs));
	EXPECT_ERRNO(EIO, ioctl(v->fd, KVM_GET_REGS, &regs));
}

TEST_HARNESS_MAIN
