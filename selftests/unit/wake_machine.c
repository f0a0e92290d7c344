// SPDX-License-Identifier: GPL-2.0-only
/* See wake.h: the vCPU's processor and guest, and the rest of the module. */
#include "tap.h"

#include "wake.h"
#include "clock.h"
#include "cpus.h"
#include "dirty_ring.h"
#include "emul.h"
#include "entry_check.h"
#include "guest_debug.h"
#include "mode.h"
#include "sync_regs.h"

struct wake wake;
struct vcpu wake_vcpu;
struct vm wake_vm;

static struct vm_chips vm_chips;
static struct vcpu_chips vcpu_chips;
static struct kvm_run run_page;
bool wake_pv_eoi;

static struct lapic *apics[1], *by_id[IRQ_MAX_IDS];
static struct irq_routes *routes;
static struct task_struct vcpu_task;

#define RMW(x)	__atomic_fetch_add(&(x), 1, __ATOMIC_SEQ_CST)

static void write_apic(u32 reg, u32 value)
{
	lapic_mmio_write(&vcpu_chips.apic, reg, 4, &value);
}

static void start_pic(void)
{
	static const u8 master[] = { PIC_BASE, 4, 1, 0 };
	unsigned int i;

	vm_chips.chips.pic = pic_create(&vm_chips.chips);
	pic_port_write(vm_chips.chips.pic, 0x20, 0x11);
	for (i = 0; i < ARRAY_SIZE(master); i++)
		pic_port_write(vm_chips.chips.pic, 0x21, master[i]);
}

void wake_reset(enum guest guest)
{
	struct vcpu *v = &wake_vcpu;

	free(vm_chips.chips.pic);
	free(vm_chips.chips.ioapic);
	wake = (struct wake){ .guest = guest };
	wake_vm = (struct vm){ .nr_vcpus = 1, .vcpus = { v }, .chips = &vm_chips };
	vm_chips = (struct vm_chips){
		.vm = &wake_vm, .mode = CHIPS_KERNEL,
		.chips = { .apic = apics, .by_id = by_id, .nr_apics = 1 },
	};
	vcpu_chips = (struct vcpu_chips){ .vcpu = v };
	apics[0] = by_id[0] = &vcpu_chips.apic;
	memset(v, 0, offsetof(struct vcpu, code));
	v->vm = &wake_vm;
	v->run = &run_page;
	v->chips = &vcpu_chips;
	v->regs.rflags = X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	v->pv.steal = STEAL_GPA | KVM_MSR_ENABLED;
	v->pv.eoi = wake_pv_eoi ? EOI_GPA | KVM_MSR_ENABLED : 0;
	v->tsc.khz = 1000000;
	lapic_init(&vcpu_chips.apic, &vm_chips.chips, 0, 0xfee00800);
	write_apic(0xf0, 0x1ff);
	write_apic(0x320, VECTOR);
	INIT_LIST_HEAD(&vm_chips.resamplers);
	if (!routes) {
		routes = kzalloc(irq_routes_size(IRQ_DEFAULT_ROUTES), 0);
		irq_routes_default(routes);
	}
	vm_chips.routes = routes;
	vm_chips.chips.ioapic = ioapic_create(&vm_chips.chips);
	start_pic();
	if (guest != GUEST_OPENS_LINT0)
		write_apic(0x350, 0x700);
	vcpu_task = (struct task_struct){ TASK_RUNNING };
}

/* ---- the kernel: threads ---- */

struct task_struct *wake_task(void)
{
	return &vcpu_task;
}

bool wake_resched(void)
{
	return current == &vcpu_task && wake.resched;
}

int guest_work(void)
{
	wake.resched = false;
	return 0;
}

static bool is_awake(void)
{
	return __atomic_load_n(&vcpu_task.state, __ATOMIC_SEQ_CST) == TASK_RUNNING;
}

void schedule(void)
{
	CHECK(current == &vcpu_task && !wake.irqs_off);
	wake_wait(is_awake);
}

void wake_up_process(struct task_struct *task)
{
	CHECK(task == &vcpu_task);
	smp_mb();
	__atomic_store_n(&task->state, TASK_RUNNING, __ATOMIC_SEQ_CST);
}

/* ---- the kernel: processors; the vCPU's is 0, and others want something from 1 ---- */

int get_cpu(void)
{
	return current != &vcpu_task;
}

void local_irq_disable(void)
{
	__atomic_store_n(&wake.irqs_off, true, __ATOMIC_SEQ_CST);
}

void local_irq_enable(void)
{
	__atomic_store_n(&wake.irqs_off, false, __ATOMIC_SEQ_CST);
	__atomic_store_n(&wake.ipi, false, __ATOMIC_SEQ_CST);
}

void smp_send_reschedule(int cpu)
{
	CHECK_EQ(cpu, 0);
	if (__atomic_load_n(&wake.irqs_off, __ATOMIC_SEQ_CST))
		__atomic_store_n(&wake.ipi, true, __ATOMIC_SEQ_CST);
}

static bool is_taken(void)
{
	return !__atomic_load_n(&wake.ipi, __ATOMIC_SEQ_CST);
}

const struct cpumask *const cpu_online_mask = &(const struct cpumask){ 1 };

void smp_call_function_many(const struct cpumask *mask, void (*fn)(void *), void *data, bool wait)
{
	CHECK_EQ(mask->bits, 1);
	smp_send_reschedule(0);
	if (wait)
		wake_wait(is_taken);
}

/* ---- the processor: the guest's ---- */

void vendor_inject(struct vcpu *vcpu, const struct event *event)
{
	wake.injected = *event;
}

void vendor_open_windows(struct vcpu *vcpu, bool irq, bool nmi)
{
	wake.irq_window = irq;
	wake.nmi_window = nmi;
}

u32 vendor_get_shadow(struct vcpu *vcpu)
{
	return 0;
}

static bool is_interrupted(void)
{
	return __atomic_load_n(&wake.ipi, __ATOMIC_SEQ_CST);
}

/* Who asked for a flush relies on it by now: nothing stale may be used. */
static void check_flushed(struct vcpu *vcpu)
{
	if (vcpu->flush_tags)
		wake.flushed = true;
	vcpu->flush_tags = 0;
	CHECK(!__atomic_load_n(&wake.asked, __ATOMIC_SEQ_CST) || wake.flushed);
}

/* The exit that the handler's end makes: EXIT_EMULATE for its write; NR_EXIT_KINDS: none. */
static enum exit_kind deliver(void)
{
	struct event event = wake.injected;

	wake.injected.type = EVENT_NONE;
	if (event.type == EVENT_NMI)
		RMW(wake.nmis);
	else if (event.vector == PIC_BASE)
		RMW(wake.extints);
	else
		RMW(wake.irqs);
	if (event.type == EVENT_NMI)
		return EXIT_NMI_WINDOW;
	if (!wake.offered)
		return EXIT_EMULATE;
	wake.offered = 0;
	return NR_EXIT_KINDS;
}

static enum exit_kind use_window(void)
{
	enum exit_kind kind = wake.nmi_window ? EXIT_NMI_WINDOW : EXIT_IRQ_WINDOW;

	wake.nmi_window = wake.irq_window = false;
	return kind;
}

static enum exit_kind run_guest(void)
{
	enum exit_kind kind = wake.injected.type != EVENT_NONE ? deliver() : NR_EXIT_KINDS;

	if (kind != NR_EXIT_KINDS)
		return kind;
	if (is_interrupted())
		return EXIT_HOST_IRQ;
	if (wake.nmi_window || wake.irq_window)
		return use_window();
	if (wake.entries++ == 0)
		return EXIT_CPUID;
	if (wake.guest == GUEST_HALTS || (wake.guest == GUEST_MIXED && wake.entries & 1))
		return EXIT_HLT;
	if (wake.guest == GUEST_OPENS_LINT0 && wake.entries == 2)
		return EXIT_IO;
	wake.in_guest = true;
	wake_wait(is_interrupted);
	wake.in_guest = false;
	return EXIT_HOST_IRQ;
}

void vendor_enter(struct vcpu *vcpu, struct exit *exit)
{
	CHECK(wake.irqs_off && vcpu->mp_state == KVM_MP_STATE_RUNNABLE);
	check_flushed(vcpu);
	*exit = (struct exit){ .kind = run_guest() };
}

void vendor_exit_irq(struct vcpu *vcpu, const struct exit *exit) { }
void vendor_update_cpuid(struct vcpu *vcpu) { }
void vendor_set_shadow(struct vcpu *vcpu, u32 shadow) { }
void vendor_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out) { }
void vendor_set_segment(struct vcpu *vcpu, int seg, const struct kvm_segment *in) { }

/* ---- exit.c ---- */

enum handled exit_handle_atomic(struct vcpu *vcpu, struct exit *exit)
{
	switch (exit->kind) {
	case EXIT_HLT:
		return vcpu_halt(vcpu);
	case EXIT_EMULATE:	/* an interrupt's handler */
		CHECK_EQ(lapic_settle_eoi(&vcpu->chips->apic), 0);
		lapic_eoi(&vcpu->chips->apic);
		break;
	case EXIT_NMI_WINDOW:	/* that of an NMI is at its end */
		vcpu->events.nmi_masked = false;
		break;
	case EXIT_IO:
		write_apic(0x350, 0x700);
		break;
	default:
		break;
	}
	return REENTER;
}

enum handled exit_handle(struct vcpu *vcpu, struct exit *exit)
{
	TAP_FAIL("nobody answered WAIT");
}

enum handled exit_to_user(struct vcpu *vcpu, u32 reason)
{
	CHECK_EQ(reason, KVM_EXIT_SHUTDOWN);
	return TO_USER;
}

enum handled exit_fail(struct vcpu *vcpu, int err)
{
	TAP_FAIL("KVM_RUN fails: %d", err);
}

/* ---- mmu/ ---- */

int mmu_load_root(struct mmu_vcpu *m)
{
	m->root_hpa = 0x1000;
	return 0;
}

void mmu_flush_guest(struct mmu_vcpu *m)
{
	vcpu_flush_tlb(mmu_to_vcpu(m));
}

static u8 *guest_byte(gpa_t gpa)
{
	bool is_preempted = gpa == STEAL_GPA + offsetof(struct kvm_steal_time, preempted);

	if (gpa == EOI_GPA)
		return &wake.offered;
	return is_preempted ? &wake.preempted : NULL;
}

int mmu_read_guest(struct mmu_vcpu *m, gpa_t gpa, void *dst, unsigned int len)
{
	memset(dst, 0, len);
	if (guest_byte(gpa))
		*(u8 *)dst = READ_ONCE(*guest_byte(gpa));
	return 0;
}

int mmu_write_guest(struct mmu_vcpu *m, gpa_t gpa, const void *src, unsigned int len)
{
	if (guest_byte(gpa))
		WRITE_ONCE(*guest_byte(gpa), *(const u8 *)src);
	return 0;
}

int mmu_cmpxchg_guest(struct mmu_vcpu *m, gpa_t gpa, const void *old, const void *new,
		      unsigned int len)
{
	u8 was = *(const u8 *)old;

	smp_mb();
	return !__atomic_compare_exchange_n(guest_byte(gpa), &was, *(const u8 *)new, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* ---- the rest of the module ---- */

void vcpu_init(struct vcpu *vcpu)
{
	wake.inits++;
	chips_reset(vcpu, true);
	memset(&vcpu->events, 0, sizeof(vcpu->events));
}

int mode_set_cr8(struct vcpu *vcpu, u64 cr8)
{
	return 0;
}

u64 tsc_read(const struct vcpu *vcpu)
{
	return 0;
}

int clock_write_wall(struct vcpu *vcpu, u64 gpa)
{
	return 0;
}

int entry_check(struct vcpu *vcpu)
{
	return 0;
}

int sync_from_user(struct vcpu *vcpu)
{
	return 0;
}

bool io_complete(struct vcpu *vcpu)
{
	return false;
}

bool dirty_ring_full(const struct vcpu *vcpu)
{
	return false;
}

enum handled emul_resume(struct vcpu *vcpu)
{
	return REENTER;
}

enum handled guest_debug_trap(struct vcpu *vcpu)
{
	return REENTER;
}

bool entry_exception_ok(u8 vector, bool has_error, u32 error)
{
	return true;
}

bool cpus_usable(void)
{
	return true;
}

/* No SMI is sent here. */
int smm_enter(struct vcpu *vcpu)
{
	return 0;
}

bool smm_events_valid(const struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	return true;
}

void smm_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *events) { }
void smm_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *events) { }
void guest_debug_begin(struct vcpu *vcpu) { }
void guest_debug_end(struct vcpu *vcpu) { }
void sync_to_user(struct vcpu *vcpu) { }
void clock_update(struct vcpu *vcpu) { }
void clock_sched_in(struct vcpu *vcpu, int cpu) { }
void fpu_enter(struct vcpu *vcpu) { }
void fpu_leave(struct vcpu *vcpu) { }
void debug_enter(struct vcpu *vcpu) { }
void debug_leave(struct vcpu *vcpu) { }

void *kzalloc(size_t size, gfp_t gfp)
{
	return calloc(1, size);
}

void kfree(const void *p)
{
	free((void *)p);
}

void __attribute__((noreturn)) shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: %s", file, line, what);
}
