// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread per vCPU. The machine's lock is held except inside KVM_RUN, while waiting after HLT,
 * and while output is written.
 *
 * A kick is a signal whose handler sets immediate_exit, so one that comes between the last look
 * at the PIC and KVM_RUN is not lost. The PIC is wired to vCPU 0. With an irqchip there is no PIC
 * here: interrupts, HLT and the start of further processors are the kernel's.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm.h"

static __thread struct kvm_run *this_run;

static void kicked(int signal)
{
	(void)signal;
	if (this_run)
		this_run->immediate_exit = 1;
}

void vcpu_install_kick(void)
{
	struct sigaction action = { .sa_handler = kicked };

	sigemptyset(&action.sa_mask);
	sigaction(SIG_KICK, &action, NULL);
}

void vcpu_create(struct machine *m, unsigned int index)
{
	struct vcpu *vcpu = &m->vcpu[index];

	vcpu->m = m;
	vcpu->index = index;
	pthread_cond_init(&vcpu->wake, NULL);
	vcpu->fd = ioctl(m->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0)
		die_errno("KVM_CREATE_VCPU failed for vCPU %u", index);
	vcpu->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die_errno("cannot map the kvm_run page of vCPU %u", index);
	cpu_set_cpuid(vcpu);
	cpu_set_start_state(vcpu);
}

/* The PIC's output changed; the lock is held. */
void vcpu_intr_changed(void *opaque)
{
	struct machine *m = opaque;
	struct vcpu *vcpu = &m->vcpu[0];

	if (!m->pic.intr)
		return;
	if (vcpu->halted)
		pthread_cond_signal(&vcpu->wake);
	else if (vcpu->in_run)
		pthread_kill(vcpu->thread, SIG_KICK);
}

static bool intr_pending(const struct vcpu *vcpu)
{
	return !vcpu->index && !vcpu->m->irqchip && vcpu->m->pic.intr;
}

static void stop_with_error(struct vcpu *vcpu, const char *what)
{
	warn("%s failed on vCPU %u: %s", what, vcpu->index, strerror(errno));
	machine_stop(vcpu->m, STATUS_ERROR);
}

static void offer_interrupt(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_interrupt irq;

	if (intr_pending(vcpu) && run->ready_for_interrupt_injection) {
		irq.irq = pic_ack(&vcpu->m->pic);
		if (ioctl(vcpu->fd, KVM_INTERRUPT, &irq) < 0)
			stop_with_error(vcpu, "KVM_INTERRUPT");
		run->ready_for_interrupt_injection = 0;
		vcpu->injected++;
	}
	run->request_interrupt_window = intr_pending(vcpu);
}

static void stop_vcpu(struct vcpu *vcpu)
{
	vcpu->stopped = true;
	if (!--vcpu->m->nr_running)
		machine_stop(vcpu->m, 0);
}

/* Nothing can wake a vCPU that halts with interrupts off, or that the PIC is not wired to. */
static void handle_hlt(struct vcpu *vcpu)
{
	struct machine *m = vcpu->m;

	if (vcpu->index || !vcpu->run->if_flag) {
		stop_vcpu(vcpu);
		return;
	}
	bus_idle(m);
	console_feed(m, true);
	if (m->pic.intr)
		return;
	vcpu->halted = true;
	if (console_has_output()) {
		pthread_mutex_unlock(&m->lock);
		console_flush(m, -1);
		pthread_mutex_lock(&m->lock);
	}
	while (!m->pic.intr && !machine_stopping(m))
		pthread_cond_wait(&vcpu->wake, &m->lock);
	vcpu->halted = false;
}

static void crash(struct vcpu *vcpu)
{
	vcpu->crashed = true;
	machine_stop(vcpu->m, STATUS_CRASH);
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason < MAX_EXIT_REASON)
		vcpu->exits[run->exit_reason]++;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		bus_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		bus_mmio(run);
		break;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_HLT:
		/* An irqchip's kernel waits itself. */
		if (vcpu->m->irqchip)
			crash(vcpu);
		else
			handle_hlt(vcpu);
		break;
	default:
		crash(vcpu);
	}
}

static void handle_run_error(struct vcpu *vcpu)
{
	if (errno == EINTR || errno == EAGAIN) {
		vcpu->interrupted++;
		return;
	}
	stop_with_error(vcpu, "KVM_RUN");
}

/* Called and returns with the lock held. */
static void run_once(struct vcpu *vcpu)
{
	struct machine *m = vcpu->m;
	bool flush = console_flush_due();
	int ret;

	vcpu->in_run = true;
	pthread_mutex_unlock(&m->lock);
	if (flush)
		console_flush(m, -1);
	ret = ioctl(vcpu->fd, KVM_RUN, 0);
	pthread_mutex_lock(&m->lock);
	vcpu->in_run = false;
	if (ret < 0)
		handle_run_error(vcpu);
	else
		handle_exit(vcpu);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct machine *m = vcpu->m;

	this_run = vcpu->run;
	pthread_mutex_lock(&m->lock);
	while (!vcpu->stopped) {
		offer_interrupt(vcpu);
		vcpu->run->immediate_exit = 0;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (machine_stopping(m))
			break;
		run_once(vcpu);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

void vcpu_start(struct vcpu *vcpu)
{
	int error = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);

	if (error) {
		errno = error;
		die_errno("cannot start the thread of vCPU %u", vcpu->index);
	}
	vcpu->started = true;
}
