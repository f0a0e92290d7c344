// SPDX-License-Identifier: GPL-2.0-only
/* The machine as a whole: open the device, create the VM, start its threads, end them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define TSS_ADDR		0xfffbd000ULL
#define IDENTITY_MAP_ADDR	0xfffbc000ULL

#define JOIN_WAIT_NS		50000000
#define JOIN_TRIES		200

static const char *open_hint(const char *device)
{
	bool umbra = strstr(device, "umbra");

	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return umbra ? "load the module: insmod umbra.ko" :
			       "load the module: modprobe kvm-amd or kvm-intel";
	case EACCES:
	case EPERM:
		return "run as root, or have the device's permissions changed";
	case EBUSY:
		return "another hypervisor uses the processor: rmmod kvm_amd or kvm_intel";
	default:
		return "see dmesg";
	}
}

static void open_device(struct machine *m)
{
	const char *device = m->opt.device;
	int version;

	m->sys_fd = open(device, O_RDWR | O_CLOEXEC);
	if (m->sys_fd < 0)
		die("cannot open %s: %s\n  %s", device, strerror(errno), open_hint(device));
	version = ioctl(m->sys_fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		die_errno("%s does not speak the KVM API: KVM_GET_API_VERSION failed", device);
	if (version != KVM_API_VERSION)
		die("%s has KVM API version %d; this program needs %d", device, version,
		    KVM_API_VERSION);
}

/* Only VT-x needs these two; ENOTTY says that nobody does. */
static void set_vm_addresses(struct machine *m)
{
	u64 identity = IDENTITY_MAP_ADDR;

	if (ioctl(m->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 && errno != ENOTTY)
		die_errno("KVM_SET_IDENTITY_MAP_ADDR failed");
	if (ioctl(m->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0 && errno != ENOTTY)
		die_errno("KVM_SET_TSS_ADDR failed");
}

static bool has(struct machine *m, unsigned long capability)
{
	return ioctl(m->sys_fd, KVM_CHECK_EXTENSION, capability) > 0;
}

/* Only Linux is told of the APICs; the other images know a PIC and exits at HLT. */
static void create_irqchip(struct machine *m)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	m->irqchip = m->opt.kernel && !m->opt.no_irqchip && has(m, KVM_CAP_IRQCHIP) &&
		     has(m, KVM_CAP_PIT2);
	if (!m->irqchip) {
		if (m->opt.kernel && m->opt.cpus > 1)
			die("--cpus %u needs the kernel's interrupt controllers, and %s %s",
			    m->opt.cpus, m->opt.no_irqchip ? "--no-irqchip" : m->opt.device,
			    m->opt.no_irqchip ? "forbids them" : "has none (KVM_CAP_IRQCHIP)");
		return;
	}
	if (ioctl(m->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		die_errno("KVM_CREATE_IRQCHIP failed (see --no-irqchip)");
	if (ioctl(m->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		die_errno("KVM_CREATE_PIT2 failed (see --no-irqchip)");
}

void machine_create(struct machine *m)
{
	int size;

	pthread_mutex_init(&m->lock, NULL);
	open_device(m);
	m->vm_fd = ioctl(m->sys_fd, KVM_CREATE_VM, 0);
	if (m->vm_fd < 0)
		die("KVM_CREATE_VM failed: %s\n  %s", strerror(errno), open_hint(m->opt.device));
	set_vm_addresses(m);
	create_irqchip(m);
	size = ioctl(m->sys_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		die_errno("KVM_GET_VCPU_MMAP_SIZE failed");
	m->run_size = size;
	memory_create(m);
}

bool machine_stopping(const struct machine *m)
{
	return __atomic_load_n(&m->stop, __ATOMIC_ACQUIRE);
}

/* The first one to stop the machine decides the status. Callable with or without the lock. */
void machine_stop(struct machine *m, int status)
{
	int no = -1;

	if (!__atomic_compare_exchange_n(&m->status, &no, status, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&m->stop, 1, __ATOMIC_RELEASE);
	loop_wake();
}

/* The lock is held. */
void machine_set_irq(struct machine *m, unsigned int irq, bool level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	if (!m->irqchip) {
		pic_set_line(&m->pic, irq, level);
		return;
	}
	if (level == (m->irq_levels >> irq & 1))
		return;
	m->irq_levels ^= 1U << irq;
	if (ioctl(m->vm_fd, KVM_IRQ_LINE, &line) < 0)
		die_errno("KVM_IRQ_LINE failed for interrupt %u", irq);
}

static void wake_halted(struct machine *m)
{
	unsigned int i;

	pthread_mutex_lock(&m->lock);
	for (i = 0; i < m->nr_vcpus; i++)
		pthread_cond_broadcast(&m->vcpu[i].wake);
	pthread_mutex_unlock(&m->lock);
}

static void kick_all(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_vcpus; i++)
		if (m->vcpu[i].started)
			pthread_kill(m->vcpu[i].thread, SIG_KICK);
}

/*
 * A signal may come just before a system call that waits, so it is sent until it works; to all,
 * as one vCPU may wait for another that writes output.
 */
static void join(struct vcpu *vcpu)
{
	struct timespec until;
	unsigned int tries = 0;

	if (!vcpu->started)
		return;
	do {
		if (tries++ == JOIN_TRIES)
			die("vCPU %u does not come back from KVM_RUN; see dmesg", vcpu->index);
		kick_all(vcpu->m);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += JOIN_WAIT_NS;
		if (until.tv_nsec >= (long)NS_PER_SEC) {
			until.tv_nsec -= NS_PER_SEC;
			until.tv_sec++;
		}
	} while (pthread_timedjoin_np(vcpu->thread, NULL, &until));
	vcpu->started = false;
}

void machine_run(struct machine *m)
{
	unsigned int i, nr = m->start.all_vcpus || m->irqchip ? m->nr_vcpus : 1;

	vcpu_install_kick();
	m->nr_running = nr;
	for (i = 0; i < nr; i++)
		vcpu_start(&m->vcpu[i]);
	loop_run(m);
	wake_halted(m);
	for (i = 0; i < nr; i++)
		join(&m->vcpu[i]);
}
