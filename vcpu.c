// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU: its file, its ioctls, its life, and the physical CPU it is on. */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/trapnr.h>

#include "cap.h"
#include "chips.h"
#include "clock.h"
#include "compat.h"
#include "cpus.h"
#include "dirty_ring.h"
#include "event.h"
#include "guest_debug.h"
#include "mce.h"
#include "halt.h"
#include "mmu.h"
#include "request.h"
#include "smm.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"
#include "vm_chips.h"

/* ---- on a physical CPU ---- */

DEFINE_PER_CPU(struct vcpu *, vcpu_loaded);

static void sched_in(struct preempt_notifier *pn, int cpu)
{
	struct vcpu *vcpu = container_of(pn, struct vcpu, notifier);
	int err;

	WRITE_ONCE(vcpu->cpu, cpu);
	pv_sched_in(vcpu, cpu);
	__this_cpu_write(vcpu_loaded, vcpu);
	err = vendor(vcpu_load)(vcpu, cpu);
	if (err)
		vcpu->unreachable = err;
}

static void sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct vcpu *vcpu = container_of(pn, struct vcpu, notifier);

	vendor(vcpu_put)(vcpu);
	__this_cpu_write(vcpu_loaded, NULL);
	WRITE_ONCE(vcpu->cpu, -1);
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/* Preemption is off. */
static void leave_cpu(struct vcpu *vcpu)
{
	sched_out(&vcpu->notifier, NULL);
	preempt_notifier_unregister(&vcpu->notifier);
}

int vcpu_load(struct vcpu *vcpu)
{
	int cpu, err;

	if (vcpu->lost)
		return -EIO;
	cpu = get_cpu();
	vcpu->unreachable = 0;
	preempt_notifier_register(&vcpu->notifier);
	sched_in(&vcpu->notifier, cpu);
	err = vcpu->unreachable;
	if (err)
		leave_cpu(vcpu);
	put_cpu();
	return err;
}

int vcpu_put(struct vcpu *vcpu)
{
	preempt_disable();
	leave_cpu(vcpu);
	preempt_enable();
	if (vcpu->unreachable)
		vcpu->lost = true;
	return vcpu->lost ? -EIO : 0;
}

/* ---- ioctls that move a struct of fixed size ---- */

static int get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *state)
{
	vcpu_accept_sipi(vcpu);
	state->mp_state = vcpu->mp_state;
	if (state->mp_state == KVM_MP_STATE_HALTED && READ_ONCE(vcpu->pv.unhalted))
		state->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

static int set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *state)
{
	if (state->mp_state == KVM_MP_STATE_RUNNABLE || state->mp_state == KVM_MP_STATE_HALTED) {
		vcpu->mp_state = state->mp_state;
		return 0;
	}
	if (!vcpu->chips)
		return -EINVAL;
	/* In SMM INIT waits. An SMI that finds no code to interrupt waits as well. */
	if (state->mp_state != KVM_MP_STATE_UNINITIALIZED && vcpu->smm.inside)
		return -EINVAL;
	switch (state->mp_state) {
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
		vcpu->mp_state = state->mp_state;
		return 0;
	case KVM_MP_STATE_SIPI_RECEIVED:
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		set_bit(APIC_SIPI, &vcpu->chips->apic.pending);
		return 0;
	}
	return -EINVAL;
}

static int translate(struct vcpu *vcpu, struct kvm_translation *tr)
{
	gpa_t gpa = 0;
	u32 error;
	int r;

	do {
		r = mmu_translate(&vcpu->mmu, tr->linear_address, NULL, &gpa, &error);
	} while (r == -EAGAIN && !fatal_signal_pending(current));
	if (r == -EAGAIN)
		return -EINTR;
	tr->physical_address = r ? ~0ull : gpa & ~GPA_SMM;
	tr->valid = !r;
	tr->writeable = 1;
	tr->usermode = 0;
	return 0;
}

static int get_events(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
	event_get(vcpu, events);
	return 0;
}

static int set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	int r = event_set(vcpu, events);

	if (!r && events->exception.injected && events->exception.nr == X86_TRAP_BP)
		guest_debug_pass_int3(vcpu);
	return r;
}

static int interrupt(struct vcpu *vcpu, struct kvm_interrupt *irq)
{
	return vcpu->vm->chips->mode == CHIPS_KERNEL ? -ENXIO : event_interrupt(vcpu, irq->irq);
}

/* The page is for guests that exit on each change of the TPR; ours do what they do without. */
static int set_vapic_addr(struct vcpu *vcpu, const struct kvm_vapic_addr *addr)
{
	return vcpu->chips ? 0 : -EINVAL;
}

static int tpr_access(struct vcpu *vcpu, struct kvm_tpr_access_ctl *ctl)
{
	return ctl->enabled ? -EINVAL : 0;
}

/* The functions above and those of state.c, all with one type. */
#define VCPU_OP(name, fn)						\
static int op_##name(struct vcpu *vcpu, void *data)			\
{									\
	return fn(vcpu, data);						\
}

VCPU_OP(get_regs, state_get_regs)
VCPU_OP(set_regs, state_set_regs)
VCPU_OP(get_sregs, state_get_sregs)
VCPU_OP(set_sregs, state_set_sregs)
VCPU_OP(get_sregs2, state_get_sregs2)
VCPU_OP(set_sregs2, state_set_sregs2)
VCPU_OP(get_fpu, state_get_fpu)
VCPU_OP(set_fpu, state_set_fpu)
VCPU_OP(get_xsave, state_get_xsave)
VCPU_OP(set_xsave, state_set_xsave)
VCPU_OP(get_xcrs, state_get_xcrs)
VCPU_OP(set_xcrs, state_set_xcrs)
VCPU_OP(get_debugregs, state_get_debugregs)
VCPU_OP(set_debugregs, state_set_debugregs)
VCPU_OP(get_events, get_events)
VCPU_OP(set_events, set_events)
VCPU_OP(get_mp_state, get_mp_state)
VCPU_OP(set_mp_state, set_mp_state)
VCPU_OP(get_lapic, chips_get_lapic)
VCPU_OP(set_lapic, chips_set_lapic)
VCPU_OP(set_vapic_addr, set_vapic_addr)
VCPU_OP(tpr_access, tpr_access)
VCPU_OP(translate, translate)
VCPU_OP(interrupt, interrupt)
VCPU_OP(set_guest_debug, guest_debug_set)
VCPU_OP(setup_mce, mce_set_cap)
VCPU_OP(set_mce, mce_inject)

/* The ioctl's number says how large the struct is and which way it goes. */
static const struct vcpu_op {
	u32 cmd;
	int (*fn)(struct vcpu *vcpu, void *data);
} vcpu_ops[] = {
	{ KVM_GET_REGS, op_get_regs },
	{ KVM_SET_REGS, op_set_regs },
	{ KVM_GET_SREGS, op_get_sregs },
	{ KVM_SET_SREGS, op_set_sregs },
	{ KVM_GET_SREGS2, op_get_sregs2 },
	{ KVM_SET_SREGS2, op_set_sregs2 },
	{ KVM_GET_FPU, op_get_fpu },
	{ KVM_SET_FPU, op_set_fpu },
	{ KVM_GET_XSAVE, op_get_xsave },
	{ KVM_GET_XSAVE2, op_get_xsave },
	{ KVM_SET_XSAVE, op_set_xsave },
	{ KVM_GET_XCRS, op_get_xcrs },
	{ KVM_SET_XCRS, op_set_xcrs },
	{ KVM_GET_DEBUGREGS, op_get_debugregs },
	{ KVM_SET_DEBUGREGS, op_set_debugregs },
	{ KVM_GET_VCPU_EVENTS, op_get_events },
	{ KVM_SET_VCPU_EVENTS, op_set_events },
	{ KVM_GET_MP_STATE, op_get_mp_state },
	{ KVM_SET_MP_STATE, op_set_mp_state },
	{ KVM_GET_LAPIC, op_get_lapic },
	{ KVM_SET_LAPIC, op_set_lapic },
	{ KVM_SET_VAPIC_ADDR, op_set_vapic_addr },
	{ KVM_TPR_ACCESS_REPORTING, op_tpr_access },
	{ KVM_TRANSLATE, op_translate },
	{ KVM_INTERRUPT, op_interrupt },
	{ KVM_SET_GUEST_DEBUG, op_set_guest_debug },
	{ KVM_X86_SETUP_MCE, op_setup_mce },
	{ KVM_X86_SET_MCE, op_set_mce },
};

static const struct vcpu_op *find_op(u32 cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vcpu_ops); i++)
		if (vcpu_ops[i].cmd == cmd)
			return &vcpu_ops[i];
	return NULL;
}

/* Loaded, and with the slots held. */
#define vcpu_do(vcpu, call)					\
({								\
	int idx__ = srcu_read_lock(&(vcpu)->vm->srcu);		\
	long r__ = vcpu_load(vcpu);				\
								\
	if (!r__) {						\
		r__ = (call);					\
		r__ = vcpu_put(vcpu) ?: r__;			\
	}							\
	srcu_read_unlock(&(vcpu)->vm->srcu, idx__);		\
	r__;							\
})

static long do_op(struct vcpu *vcpu, const struct vcpu_op *op, void __user *arg)
{
	size_t size = _IOC_SIZE(op->cmd);
	void *data = kzalloc(size, GFP_KERNEL_ACCOUNT);
	long r = -EFAULT;

	if (!data)
		return -ENOMEM;
	if (_IOC_DIR(op->cmd) & _IOC_WRITE && copy_from_user(data, arg, size))
		goto out;
	vcpu->recheck |= _IOC_DIR(op->cmd) == _IOC_WRITE;
	r = vcpu_do(vcpu, op->fn(vcpu, data));
	if (!r && _IOC_DIR(op->cmd) & _IOC_READ && copy_to_user(arg, data, size))
		r = -EFAULT;
out:
	kfree(data);
	return r;
}

/* ---- the others ---- */

static long set_signal_mask(struct vcpu *vcpu, const struct kvm_signal_mask __user *arg)
{
	struct kvm_signal_mask head;
	sigset_t set;

	if (!arg) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, arg->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

static long run_loaded(struct vcpu *vcpu)
{
	int r, err;

	r = vcpu_load(vcpu);
	if (r)
		return r;
	r = vcpu_run(vcpu);
	err = vcpu_put(vcpu);
	/* When the host goes down, user space has been told so. */
	return err && cpus_usable() ? err : r;
}

/*
 * As ppoll() and KVM do: with the old mask in real_blocked a signal that only the
 * temporary mask lets through is neither dropped as ignored nor kills at once.
 */
static long run_masked(struct vcpu *vcpu)
{
	long r;

	sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
	r = run_loaded(vcpu);
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
	return r;
}

static long run(struct vcpu *vcpu)
{
	if (!cpus_usable())
		return -EBUSY;
	return vcpu->sigset_active ? run_masked(vcpu) : run_loaded(vcpu);
}

static long locked_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;
	const struct vcpu_op *op = find_op(cmd);
	void __user *uarg = (void __user *)arg;

	if (op)
		return do_op(vcpu, op, uarg);
	switch (cmd) {
	case KVM_RUN:
		return arg ? -EINVAL : run(vcpu);
	case KVM_NMI:
		return event_nmi(vcpu);
	case KVM_SMI:
		vcpu_request(vcpu, REQ_SMI);
		return 0;
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, uarg);
	case KVM_SET_CPUID2:
		return vcpu_do(vcpu, cpuid_set(vcpu, uarg));
	case KVM_SET_CPUID:
		return vcpu_do(vcpu, cpuid_set_old(vcpu, uarg));
	case KVM_GET_CPUID2:
		return cpuid_get(vcpu, uarg);
	case KVM_GET_MSRS:
		return vcpu_do(vcpu, msr_get_many(vcpu, uarg));
	case KVM_SET_MSRS:
		return vcpu_do(vcpu, msr_set_many(vcpu, uarg));
	case KVM_ENABLE_CAP:
		return vcpu_enable_cap(vcpu, uarg);
	case KVM_GET_STATS_FD:
		return vcpu_stats_fd(file, vcpu);
	case KVM_SET_TSC_KHZ:
		return vcpu_do(vcpu, tsc_set_khz(vcpu, arg));
	case KVM_GET_TSC_KHZ:
		return vcpu->tsc.khz;
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return vcpu_do(vcpu, tsc_attr(vcpu, cmd, uarg));
	case KVM_KVMCLOCK_CTRL:
		return vcpu_do(vcpu, clock_stopped(vcpu));
	}
	return -ENOTTY;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;
	long r;

	if (vcpu->vm->mm != current->mm)
		return -EIO;
	if (mutex_lock_killable(&vcpu->lock))
		return -EINTR;
	r = locked_ioctl(file, cmd, arg);
	mutex_unlock(&vcpu->lock);
	return r;
}

/* ---- the file ---- */

static struct page *mapped_page(const struct vcpu *vcpu, unsigned long page)
{
	if (page == KVM_COALESCED_MMIO_PAGE_OFFSET)
		return virt_to_page(vcpu->vm->coalesced.ring);
	if (page >= VCPU_RUN_SIZE >> PAGE_SHIFT)
		return dirty_ring_page(vcpu, page);
	page = array_index_nospec(page, VCPU_RUN_SIZE >> PAGE_SHIFT);
	return virt_to_page((void *)vcpu->run + (page << PAGE_SHIFT));
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	vmf->page = mapped_page(vmf->vma->vm_file->private_data, vmf->pgoff);
	if (!vmf->page)
		return VM_FAULT_SIGBUS;
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static bool is_ring(const struct vcpu *vcpu, struct vm_area_struct *vma)
{
	return dirty_ring_page(vcpu, vma->vm_pgoff) &&
	       dirty_ring_page(vcpu, vma->vm_pgoff + vma_pages(vma) - 1) &&
	       (vma->vm_flags & (VM_SHARED | VM_EXEC)) == VM_SHARED;
}

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff + vma_pages(vma) > VCPU_MMAP_SIZE >> PAGE_SHIFT &&
	    !is_ring(file->private_data, vma))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

/* ---- life ---- */

static void free_vcpu(struct vcpu *vcpu)
{
	chips_vcpu_destroy(vcpu);
	dirty_ring_destroy(vcpu);
	kvfree(vcpu->cpuid.entry);
	kfree(vcpu->emul);
	if (vcpu->run)
		free_pages_exact(vcpu->run, VCPU_RUN_SIZE);
	kvfree(vcpu);
}

static struct vcpu *alloc_vcpu(struct vm *vm, u32 id)
{
	struct vcpu *vcpu = kvzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return NULL;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu_request(vcpu, REQ_MSR_FILTER);
	mutex_init(&vcpu->lock);
	rcuwait_init(&vcpu->wait);
	preempt_notifier_init(&vcpu->notifier, &preempt_ops);
	vcpu->emul = kzalloc(sizeof(*vcpu->emul), GFP_KERNEL_ACCOUNT);
	vcpu->run = alloc_pages_exact(VCPU_RUN_SIZE, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (vcpu->emul && vcpu->run && !dirty_ring_create(vcpu))
		return vcpu;
	free_vcpu(vcpu);
	return NULL;
}

static int init_vcpu(struct vcpu *vcpu)
{
	int idx, r = chips_vcpu_create(vcpu) ?: fpu_create(vcpu);

	if (r)
		return r;
	r = mmu_vcpu_init(&vcpu->mmu, &vcpu->vm->mmu);
	if (r)
		goto out_fpu;
	tsc_create(vcpu);
	r = vendor(vcpu_create)(vcpu);
	if (r)
		goto out_mmu;
	cpuid_reset(vcpu);
	mce_create(vcpu);
	idx = srcu_read_lock(&vcpu->vm->srcu);
	r = vcpu_load(vcpu);
	if (!r) {
		vcpu_reset(vcpu);
		r = vcpu_put(vcpu);
	}
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (!r)
		return 0;
	vendor(vcpu_destroy)(vcpu);

out_mmu:
	idx = srcu_read_lock(&vcpu->vm->srcu);
	mmu_vcpu_destroy(&vcpu->mmu);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
out_fpu:
	fpu_destroy(vcpu);
	return r;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	vendor(vcpu_destroy)(vcpu);
	mmu_vcpu_destroy(&vcpu->mmu);
	fpu_destroy(vcpu);
	free_vcpu(vcpu);
}

static int check_id(struct vm *vm, u32 id)
{
	unsigned int i;

	vm->max_vcpu_ids = vm->max_vcpu_ids ?: UMBRA_MAX_VCPU_IDS;
	if (vm->nr_vcpus == UMBRA_MAX_VCPUS || id >= vm->max_vcpu_ids)
		return -EINVAL;
	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i]->id == id)
			return -EEXIST;
	return 0;
}

/* Others can reach the vCPU from here on, so nothing may fail afterwards. */
static void publish(struct vm *vm, struct vcpu *vcpu)
{
	vcpu->index = vm->nr_vcpus;
	vm->vcpus[vcpu->index] = vcpu;
	smp_store_release(&vm->nr_vcpus, vcpu->index + 1);
	chips_publish(vcpu);
}

static struct file *add_to_vm(struct vm *vm, struct vcpu *vcpu)
{
	struct file *file;
	int r;

	mutex_lock(&vm->lock);
	r = check_id(vm, vcpu->id);
	/* They have got a ring meanwhile. */
	if (!r && !vcpu->ring.size != !vm->ring_bytes)
		r = -EAGAIN;
	file = r ? ERR_PTR(r) : anon_inode_getfile("umbra-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (!IS_ERR(file)) {
		vm_get(vm);
		publish(vm, vcpu);
		tsc_changed(vm);
	}
	mutex_unlock(&vm->lock);
	return file;
}

static int install(struct vm *vm, struct vcpu *vcpu)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = add_to_vm(vm, vcpu);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static int create(struct vm *vm, u32 id)
{
	struct vcpu *vcpu = alloc_vcpu(vm, id);
	int r;

	if (!vcpu)
		return -ENOMEM;
	r = init_vcpu(vcpu);
	if (r) {
		free_vcpu(vcpu);
		return r;
	}
	r = install(vm, vcpu);
	if (r < 0)
		vcpu_destroy(vcpu);
	return r;
}

static void count_begun(struct vm *vm, int by)
{
	mutex_lock(&vm->lock);
	vm->vcpus_begun += by;
	mutex_unlock(&vm->lock);
}

/* From the first vCPU that is begun on, the VM's interrupt controllers are what they are. */
int vcpu_create_file(struct vm *vm, u32 id)
{
	int r;

	count_begun(vm, 1);
	r = create(vm, id);
	if (r < 0)
		count_begun(vm, -1);
	return r;
}
