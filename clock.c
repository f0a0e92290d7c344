// SPDX-License-Identifier: GPL-2.0-only
/* A VM's time, in nanoseconds since it was made or as user space has set it. */
#include <linux/clocksource.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include <asm/kvm_para.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>

#include "clock.h"
#include "compat.h"
#include "mmu.h"
#include "pv.h"
#include "request.h"
#include "vcpu.h"
#include "vm.h"

/* ---- the host's clock ---- */

static LIST_HEAD(clocks);
static DEFINE_MUTEX(clocks_lock);
static bool host_on_tsc;

/**
 * struct host_time - one moment
 * @tsc:	the counter
 * @ns:		since boot, as fast as the counter: without NTP's corrections
 * @real:	nanoseconds since 1970
 */
struct host_time {
	u64 tsc, ns, real;
};

/* Returns whether that is exact: the host's clock is the counter. */
static bool read_host(struct host_time *t)
{
	struct system_time_snapshot snap;
	unsigned long flags;
	u64 before, after;
	bool exact;

	local_irq_save(flags);
	before = rdtsc_ordered();
	host_snapshot(&snap);
	after = rdtsc_ordered();
	local_irq_restore(flags);
	exact = READ_ONCE(host_on_tsc) && snap.cycles - before <= after - before;
	t->tsc = exact ? snap.cycles : before;
	t->ns = ktime_to_ns(ktime_mono_to_any(snapshot_raw(&snap), TK_OFFS_BOOT));
	t->real = ktime_to_ns(snapshot_real(&snap));
	return exact;
}

static void tell_all(struct work_struct *unused)
{
	struct vm_clock *clock;

	mutex_lock(&clocks_lock);
	list_for_each_entry(clock, &clocks, node)
		tsc_changed(container_of(clock, struct vm, clock));
	mutex_unlock(&clocks_lock);
}

static DECLARE_WORK(tell_work, tell_all);

/* Where time is being kept, nobody may be woken. */
static void tell_soon(struct irq_work *unused)
{
	schedule_work(&tell_work);
}

static DEFINE_IRQ_WORK(tell_irq_work, tell_soon);

void clock_resume(void)
{
	irq_work_queue(&tell_irq_work);
}

static int host_ticks(struct notifier_block *nb, unsigned long stepped, void *data)
{
	const struct timekeeper *tk = data;
	bool on_tsc = tk->tkr_mono.clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;

	if (on_tsc == host_on_tsc)
		return 0;
	WRITE_ONCE(host_on_tsc, on_tsc);
	irq_work_queue(&tell_irq_work);
	return 0;
}

static struct notifier_block host_nb = { .notifier_call = host_ticks };

int clock_module_init(void)
{
	return pvclock_gtod_register_notifier(&host_nb);
}

void clock_module_exit(void)
{
	pvclock_gtod_unregister_notifier(&host_nb);
	irq_work_sync(&tell_irq_work);
	cancel_work_sync(&tell_work);
}

/* ---- a VM's ---- */

/* From cycles to nanoseconds: (cycles << shift) * mul >> 32. */
struct rate {
	u32 mul;
	s8 shift;
};

/* As precise as 32 bits are. */
static struct rate rate_of(u32 khz)
{
	u64 ns = div_u64(1000000ull << 43, khz);
	int more = fls64(ns) - 32;

	return (struct rate){ .mul = ns >> more, .shift = more - 11 };
}

static u64 to_ns(u64 cycles, struct rate rate)
{
	cycles = rate.shift < 0 ? cycles >> -rate.shift : cycles << rate.shift;
	return mul_u64_u32_shr(cycles, rate.mul, 32);
}

/* Are all counters one? The lock is held. */
static bool counters_agree(const struct vm *vm)
{
	unsigned int i, nr = smp_load_acquire(&vm->nr_vcpus);

	for (i = 1; i < nr; i++)
		if (vm->vcpus[i]->tsc.offset != vm->vcpus[0]->tsc.offset ||
		    vm->vcpus[i]->tsc.ratio != vm->vcpus[0]->tsc.ratio)
			return false;
	return nr;
}

/* The lock is held. */
static u64 time_at(const struct vm *vm, const struct host_time *t)
{
	const struct vm_clock *clock = &vm->clock;

	/* A counter below that of the snapshot began anew: the host has slept. */
	if (!clock->stable || t->tsc < clock->base_tsc)
		return t->ns + clock->offset;
	return clock->base_ns + to_ns(tsc_scale(t->tsc - clock->base_tsc, clock->ratio),
				      rate_of(clock->khz));
}

/* It is @ns at @t, and goes on from there. */
static void begin_at(struct vm *vm, const struct host_time *t, u64 ns, bool stable)
{
	struct vm_clock *clock = &vm->clock;

	clock->stable = stable;
	clock->stale = false;
	clock->base_tsc = t->tsc;
	clock->base_ns = ns;
	clock->offset = ns - t->ns;
	if (!stable)
		return;
	clock->ratio = vm->vcpus[0]->tsc.ratio;
	clock->khz = tsc_scale(tsc_khz, clock->ratio);
}

/* The lock is held. What the time is counted by may change, but it goes on from where it is. */
static void settle(struct vm *vm, struct host_time *t)
{
	bool stable = read_host(t) && !check_tsc_unstable() && counters_agree(vm);

	if (vm->clock.stale || stable != vm->clock.stable)
		begin_at(vm, t, time_at(vm, t), stable);
}

void clock_create(struct vm *vm)
{
	struct host_time t;

	spin_lock_init(&vm->clock.lock);
	vm->clock.default_khz = tsc_khz;
	read_host(&t);
	begin_at(vm, &t, 0, false);
	mutex_lock(&clocks_lock);
	list_add(&vm->clock.node, &clocks);
	mutex_unlock(&clocks_lock);
}

void clock_destroy(struct vm *vm)
{
	mutex_lock(&clocks_lock);
	list_del(&vm->clock.node);
	mutex_unlock(&clocks_lock);
}

void clock_get(struct vm *vm, struct kvm_clock_data *data)
{
	struct host_time t;

	memset(data, 0, sizeof(*data));
	spin_lock(&vm->clock.lock);
	settle(vm, &t);
	data->clock = time_at(vm, &t);
	if (vm->clock.stable) {
		data->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
		data->realtime = t.real;
		data->host_tsc = t.tsc;
	}
	spin_unlock(&vm->clock.lock);
}

int clock_set(struct vm *vm, const struct kvm_clock_data *data)
{
	u64 ns = data->clock;
	struct host_time t;

	if (data->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	spin_lock(&vm->clock.lock);
	settle(vm, &t);
	if (data->flags & KVM_CLOCK_REALTIME && t.real > data->realtime)
		ns += t.real - data->realtime;
	begin_at(vm, &t, ns, vm->clock.stable);
	spin_unlock(&vm->clock.lock);
	tsc_changed(vm);
	return 0;
}

/* ---- the guest's pages ---- */

/* With an odd version while it is being written; @bytes with the version, which comes first. */
static int write_versioned(struct vcpu *vcpu, gpa_t gpa, void *data, unsigned int bytes)
{
	u32 *version = data;

	if (offset_in_page(gpa) + bytes > PAGE_SIZE ||
	    mmu_read_guest(&vcpu->mmu, gpa, version, sizeof(*version)))
		return -ENXIO;
	*version = (*version + 1) | 1;
	if (mmu_write_guest(&vcpu->mmu, gpa, version, sizeof(*version)))
		return -ENXIO;
	smp_wmb();
	if (mmu_write_guest(&vcpu->mmu, gpa, data, bytes))
		return -ENXIO;
	smp_wmb();
	++*version;
	return mmu_write_guest(&vcpu->mmu, gpa, version, sizeof(*version));
}

static struct pvclock_wall_clock wall_clock(struct vm *vm)
{
	struct host_time t;
	u32 nsec;
	u64 sec;

	spin_lock(&vm->clock.lock);
	settle(vm, &t);
	sec = div_u64_rem(t.real - time_at(vm, &t), NSEC_PER_SEC, &nsec);
	spin_unlock(&vm->clock.lock);
	return (struct pvclock_wall_clock){ .sec = sec, .nsec = nsec };
}

int clock_write_wall(struct vcpu *vcpu, u64 gpa)
{
	struct pvclock_wall_clock wall;

	if (gpa && vcpu->mmu.atomic)
		return -EAGAIN;
	WRITE_ONCE(vcpu->vm->clock.wall, gpa);
	if (!gpa)
		return 0;
	wall = wall_clock(vcpu->vm);
	write_versioned(vcpu, gpa_from_guest(gpa), &wall, sizeof(wall));
	return 0;
}

static struct pvclock_vcpu_time_info page_of(struct vcpu *vcpu)
{
	struct vm_clock *clock = &vcpu->vm->clock;
	struct pvclock_vcpu_time_info page = {};
	struct host_time t;
	struct rate rate;

	spin_lock(&clock->lock);
	settle(vcpu->vm, &t);
	rate = rate_of(tsc_scale(tsc_khz, vcpu->tsc.ratio));
	page.tsc_timestamp = clock->stable ? clock->base_tsc : t.tsc;
	page.tsc_timestamp = tsc_scale(page.tsc_timestamp, vcpu->tsc.ratio) + vcpu->tsc.offset;
	page.system_time = clock->stable ? clock->base_ns : time_at(vcpu->vm, &t);
	page.tsc_to_system_mul = rate.mul;
	page.tsc_shift = rate.shift;
	page.flags = clock->stable ? PVCLOCK_TSC_STABLE_BIT : 0;
	spin_unlock(&clock->lock);
	return page;
}

/* The guest takes the bit back itself. */
static u8 told_stopped(struct vcpu *vcpu, gpa_t gpa)
{
	u8 flags = 0;

	mmu_read_guest(&vcpu->mmu, gpa + offsetof(struct pvclock_vcpu_time_info, flags), &flags, 1);
	return flags & PVCLOCK_GUEST_STOPPED;
}

void clock_update(struct vcpu *vcpu)
{
	gpa_t gpa = gpa_from_guest(vcpu->pv.system_time & ~1ull);
	struct pvclock_vcpu_time_info page;

	if (!(vcpu->pv.system_time & KVM_MSR_ENABLED))
		return;
	page = page_of(vcpu);
	page.flags |= vcpu->pv.stopped ? PVCLOCK_GUEST_STOPPED : told_stopped(vcpu, gpa);
	if (!write_versioned(vcpu, gpa, &page, sizeof(page)))
		vcpu->pv.stopped = false;
	vcpu->pv.cpu = vcpu->cpu;
	vcpu->pv.next = jiffies + HZ;
}

int clock_stopped(struct vcpu *vcpu)
{
	if (!(vcpu->pv.system_time & KVM_MSR_ENABLED))
		return -EINVAL;
	vcpu->pv.stopped = true;
	clock_update(vcpu);
	return 0;
}

/* Counters of CPUs may differ, and the host's clock may be faster or slower. */
void clock_sched_in(struct vcpu *vcpu, int cpu)
{
	if (!(vcpu->pv.system_time & KVM_MSR_ENABLED) || READ_ONCE(vcpu->vm->clock.stable))
		return;
	if (cpu != vcpu->pv.cpu || time_after(jiffies, vcpu->pv.next))
		vcpu_request(vcpu, REQ_CLOCK);
}
