// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module in its host: processors that go and come, unloading, KVM beside it, suspend. What
 * loads modules needs the files where the lab has them, and is skipped elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "kselftest_harness.h"
#include "smp.h"

#define UMBRA_KO "/umbra.ko"
#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"
#define WAKE_ALARM "/sys/class/rtc/rtc0/wakealarm"
#define NR_VCPUS 2

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* ---- guests that spin ---- */

static volatile u64 rounds[NR_VCPUS];

static void count(u64 id)
{
	for (;;)
		rounds[id]++;
}

struct spinners {
	struct vm *vm;
	struct smp_guest g[NR_VCPUS];
};

static void spin(struct spinners *s)
{
	s->vm = vm_create(MODE_LONG4);
	vm_add_vcpu(s->vm);
	vm_load_image(s->vm);
	for (int i = 0; i < NR_VCPUS; i++)
		smp_start(&s->g[i], &s->vm->vcpu[i], count, i);
}

/* Every guest has gone on since the call. */
static void wait_for_progress(struct spinners *s)
{
	volatile u64 *r = *guest_global(s->vm, rounds);
	u64 before[NR_VCPUS];

	for (int i = 0; i < NR_VCPUS; i++)
		before[i] = r[i];
	for (int i = 0; i < NR_VCPUS; i++)
		while (r[i] < before[i] + 1000 && !s->g[i].over)
			sched_yield();
}

static void stop(struct __test_metadata *_metadata, struct spinners *s)
{
	for (int i = 0; i < NR_VCPUS; i++) {
		smp_stop(&s->g[i]);
		EXPECT_RESULT(r_.kind == OUT_ERRNO && r_.err == EINTR, s->g[i].r);
	}
	vm_free(s->vm);
}

/* ---- processors ---- */

static bool set_online(bool on)
{
	return write_file(CPU1_ONLINE, on ? "1" : "0");
}

static bool pin(struct smp_guest *g, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !pthread_setaffinity_np(g->thread, sizeof(set), &set);
}

FIXTURE(processors) {
	struct spinners s;
};

FIXTURE_SETUP(processors)
{
	if (access(CPU1_ONLINE, W_OK))
		SKIP(_exit(255), "there is no second processor that can be taken away");
}

FIXTURE_TEARDOWN(processors)
{
	set_online(true);
}

/* A processor goes with a guest on it and comes back; the guest moves away and returns. */
TEST_F(processors, go_and_come_under_guests)
{
	spin(&self->s);
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(pin(&self->s.g[1], 1));
		wait_for_progress(&self->s);
		ASSERT_TRUE(set_online(false));
		wait_for_progress(&self->s);
		ASSERT_TRUE(set_online(true));
	}
	ASSERT_TRUE(pin(&self->s.g[1], 1));
	ASSERT_TRUE(pin(&self->s.g[0], 0));
	wait_for_progress(&self->s);
	stop(_metadata, &self->s);
}

/* It comes when there is a VM already, and goes when there is none. */
TEST_F(processors, come_after_the_first_vm)
{
	ASSERT_TRUE(set_online(false));
	spin(&self->s);
	ASSERT_TRUE(set_online(true));
	ASSERT_TRUE(pin(&self->s.g[0], 1));
	wait_for_progress(&self->s);
	stop(_metadata, &self->s);
	ASSERT_TRUE(set_online(false));
	ASSERT_TRUE(set_online(true));
	spin(&self->s);
	ASSERT_TRUE(pin(&self->s.g[1], 1));
	wait_for_progress(&self->s);
	stop(_metadata, &self->s);
}

/* Guests that change places all the time: no control structure may be left behind. */
TEST_F(processors, guests_change_places)
{
	spin(&self->s);
	for (int i = 0; i < 100; i++) {
		ASSERT_TRUE(pin(&self->s.g[0], i & 1));
		ASSERT_TRUE(pin(&self->s.g[1], (i >> 1) & 1));
	}
	wait_for_progress(&self->s);
	stop(_metadata, &self->s);
}

/* ---- modules ---- */

static bool load_with(const char *file, const char *params)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && !syscall(SYS_finit_module, fd, params, 0);
	int err = errno;

	if (fd >= 0)
		close(fd);
	errno = err;
	return ok;
}

static bool load(const char *file)
{
	return load_with(file, "");
}

/* A VM that was just closed may still be on its way out. */
static void unload(const char *name)
{
	while (syscall(SYS_delete_module, name, O_NONBLOCK) && errno != ENOENT)
		sched_yield();
}

static const char *kvm_vendor(void)
{
	struct kvm_cpuid2 *cpuid;
	bool amd = false;
	int dev = vm_open_device();

	cpuid = vm_supported_cpuid(dev);
	for (u32 i = 0; i < cpuid->nent; i++)
		if (!cpuid->entries[i].function)
			amd = cpuid->entries[i].ecx == 0x444d4163;	/* 'cAMD' */
	free(cpuid);
	close(dev);
	return amd ? "amd" : "intel";
}

FIXTURE(modules) {
	char ko[32], name[16];		/* KVM's for this processor */
};

FIXTURE_SETUP(modules)
{
	const char *vendor;

	if (access(UMBRA_KO, R_OK) || access("/sys/module/umbra", F_OK))
		SKIP(_exit(255), "needs Umbra loaded and " UMBRA_KO);
	vendor = kvm_vendor();
	snprintf(self->ko, sizeof(self->ko), "/modules/kvm-%s.ko", vendor);
	snprintf(self->name, sizeof(self->name), "kvm_%s", vendor);
	if (access(self->ko, R_OK))
		SKIP(_exit(255), "needs the host kernel's KVM in /modules");
}

/* What kvm_amd and kvm_intel need; none of it touches the processor. */
static bool load_kvm_core(void)
{
	return load("/modules/irqbypass.ko") && load("/modules/kvm.ko");
}

static void unload_kvm(FIXTURE_DATA(modules) *self)
{
	unload(self->name);
	unload("kvm");
	unload("irqbypass");
}

FIXTURE_TEARDOWN(modules)
{
	unload_kvm(self);
	load(UMBRA_KO);
}

static void run_a_guest(struct __test_metadata *_metadata)
{
	struct vm *vm = vm_create(MODE_LONG4);

	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	EXPECT_EQ(5, vm_read(vm, LOW_DATA, 4));
	vm_free(vm);
}

/* Has the kernel said so since the last call? */
static bool logged(const char *text)
{
	static char log[1 << 20];
	int n = klogctl(4, log, sizeof(log) - 1);	/* SYSLOG_ACTION_READ_CLEAR */

	log[n < 0 ? 0 : n] = 0;
	return strstr(log, text);
}

TEST_F_TIMEOUT(modules, unloaded_and_loaded_again, 300)
{
	for (int i = 0; i < 3; i++) {
		unload("umbra");
		ASSERT_NE(0, access("/dev/umbra", F_OK));
		ASSERT_TRUE(load(UMBRA_KO)) TH_LOG("errno %d", errno);
		run_a_guest(_metadata);
	}
}

TEST_F_TIMEOUT(modules, not_unloaded_while_in_use, 120)
{
	struct vm *vm = vm_create(MODE_LONG4);

	EXPECT_EQ(-1, syscall(SYS_delete_module, "umbra", O_NONBLOCK));
	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	close(vm->dev);
	vm->dev = -1;
	EXPECT_EQ(-1, syscall(SYS_delete_module, "umbra", O_NONBLOCK));
	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 6, 4));
	vm_free(vm);
}

/* Loading KVM takes long on an emulated machine. */
TEST_F_TIMEOUT(modules, kvm_is_refused_beside_umbra, 300)
{
	ASSERT_TRUE(load_kvm_core()) TH_LOG("errno %d", errno);
	EXPECT_FALSE(load(self->ko));
	EXPECT_EQ(EBUSY, errno);
	run_a_guest(_metadata);
}

TEST_F_TIMEOUT(modules, umbra_is_refused_beside_kvm, 300)
{
	int kvm, vm;

	unload("umbra");
	ASSERT_TRUE(load_kvm_core() && load(self->ko)) TH_LOG("errno %d", errno);
	logged("");
	EXPECT_FALSE(load(UMBRA_KO));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(logged("unload"));
	/* with a VM, KVM has turned virtualization on */
	kvm = open("/dev/kvm", O_RDWR);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	EXPECT_LE(0, vm);
	EXPECT_FALSE(load(UMBRA_KO));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(logged("unload"));
	close(vm);
	close(kvm);
	unload_kvm(self);
	ASSERT_TRUE(load(UMBRA_KO)) TH_LOG("errno %d", errno);
	run_a_guest(_metadata);
}

#define KVM_MINOR	232

TEST_F_TIMEOUT(modules, takes_the_place_of_kvm, 300)
{
	struct stat st;

	unload("umbra");
	ASSERT_TRUE(load_with(UMBRA_KO, "device=kvm")) TH_LOG("errno %d", errno);
	EXPECT_NE(0, access("/dev/umbra", F_OK));
	ASSERT_EQ(0, stat("/dev/kvm", &st));
	EXPECT_EQ(makedev(10, KVM_MINOR), st.st_rdev);
	setenv("UMBRA_DEV", "/dev/kvm", 1);
	run_a_guest(_metadata);
	unload("umbra");
	EXPECT_NE(0, access("/dev/kvm", F_OK));
}

TEST_F_TIMEOUT(modules, takes_no_other_name, 120)
{
	static const char * const wrong[] = {
		"device=", "device=mem", "device=kvm0", "device=../x"
	};

	unload("umbra");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		logged("");
		EXPECT_FALSE(load_with(UMBRA_KO, wrong[i]));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_TRUE(logged("only umbra and kvm")) TH_LOG("%s", wrong[i]);
	}
}

TEST_F_TIMEOUT(modules, does_not_take_the_place_of_kvm_by_force, 300)
{
	unload("umbra");
	ASSERT_TRUE(load_kvm_core() && load(self->ko)) TH_LOG("errno %d", errno);
	logged("");
	EXPECT_FALSE(load_with(UMBRA_KO, "device=kvm"));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(logged("unload"));
	EXPECT_EQ(0, access("/dev/kvm", F_OK));
}

/* libvirt, for one, opens it so. */
TEST(a_read_only_file_will_do)
{
	const char *name = getenv("UMBRA_DEV") ?: "/dev/umbra";
	int dev = open(name, O_RDONLY | O_CLOEXEC);
	int vm = ioctl(dev, KVM_CREATE_VM, 0);

	EXPECT_EQ(KVM_API_VERSION, ioctl(dev, KVM_GET_API_VERSION, 0));
	ASSERT_LE(0, vm);
	EXPECT_LE(0, ioctl(vm, KVM_CREATE_VCPU, 0));
}

/* ---- AMD-V goes off under a VM, as a crash's NMI or a reboot's IPI may have it ---- */

#define MSR_EFER	0xc0000080
#define EFER_SVME	(1ull << 12)

FIXTURE(svme) {
	int msr;
};

FIXTURE_SETUP(svme)
{
	cpu_set_t cpu0;

	if (access("/sys/module/umbra", F_OK) || strcmp(kvm_vendor(), "amd"))
		SKIP(_exit(255), "needs Umbra on AMD-V");
	if (!load("/modules/msr.ko") && errno != EEXIST)
		SKIP(_exit(255), "needs the host kernel's msr in /modules");
	CPU_ZERO(&cpu0);
	CPU_SET(0, &cpu0);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpu0), &cpu0));
	self->msr = open("/dev/cpu/0/msr", O_RDWR);
	ASSERT_LE(0, self->msr);
}

FIXTURE_TEARDOWN(svme)
{
	close(self->msr);
	unload("msr");
}

static bool set_svme(int msr, bool on)
{
	u64 efer;

	if (pread(msr, &efer, 8, MSR_EFER) != 8)
		return false;
	efer = on ? efer | EFER_SVME : efer & ~EFER_SVME;
	return pwrite(msr, &efer, 8, MSR_EFER) == 8;
}

TEST_F(svme, entry_without_it_fails)
{
	struct vm *vm = vm_create(MODE_LONG4);
	struct vcpu *v = &vm->vcpu[0];

	EXPECT_DONE(guest_write(v, LOW_DATA, 5, 4));
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(set_svme(self->msr, false)) TH_LOG("errno %d", errno);
		EXPECT_EXIT(guest_write(v, LOW_DATA, 6, 4), KVM_EXIT_FAIL_ENTRY);
		EXPECT_EQ(5 + i, vm_read(vm, LOW_DATA, 4));
		ASSERT_TRUE(set_svme(self->msr, true));
		EXPECT_DONE(guest_write(v, LOW_DATA, 6 + i, 4));
		EXPECT_EQ(6 + i, vm_read(vm, LOW_DATA, 4));
	}
	vm_free(vm);
}

/* The last VM goes: there is nothing to turn off any more. */
TEST_F(svme, end_without_it)
{
	struct vm *vm = vm_create(MODE_LONG4);

	EXPECT_DONE(guest_write(&vm->vcpu[0], LOW_DATA, 5, 4));
	ASSERT_TRUE(set_svme(self->msr, false)) TH_LOG("errno %d", errno);
	vm_free(vm);
	run_a_guest(_metadata);
}

/* ---- suspend ---- */

/* The firmware forgets what virtualization needs; guests go on as if nothing had been. */
TEST(suspend_to_memory_under_guests)
{
	struct spinners s;

	if (on_bochs() && sysconf(_SC_NPROCESSORS_ONLN) > 1)
		SKIP(return, "Bochs loses time when the second processor comes back");
	if (access("/sys/power/state", W_OK) || access(WAKE_ALARM, W_OK))
		SKIP(return, "this kernel does not suspend, or has no clock to wake it");
	spin(&s);
	for (int i = 0; i < 2; i++) {
		wait_for_progress(&s);
		ASSERT_TRUE(write_file(WAKE_ALARM, "0"));	/* else there may be one already */
		ASSERT_TRUE(write_file(WAKE_ALARM, "+2"));
		ASSERT_TRUE(write_file("/sys/power/state", "mem")) TH_LOG("errno %d", errno);
		wait_for_progress(&s);
	}
	stop(_metadata, &s);
}

TEST_HARNESS_MAIN
