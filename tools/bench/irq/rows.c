// SPDX-License-Identifier: GPL-2.0-only
/* The rows: guest code, and the little that the VMM does for some of them. */
#include <linux/kvm_para.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "irq.h"

#define MSR_PV_EOI	0x4b564d04

#define APIC_SELF_IPI	0x3f0

#define SPIV_ON		0x1ff
#define DIVIDE_BY_1	0xb

#define TIMER_TICKS	30000	/* longer than it takes to set the timer */
#define HANDLERS	200	/* in service at a time */

volatile u64 bench_ticks;
static volatile u64 handled;
static volatile u32 pv_eoi __attribute__((aligned(4)));

/* ---- guest code: instructions ---- */

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr) : "memory");
	return (u64)hi << 32 | lo;
}

static inline long hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	long r = nr;

	asm volatile("vmmcall" : "+a" (r) : "b" (a), "c" (b), "d" (c), "S" (d) : "memory");
	return r;
}

static inline void halt(void)
{
	guest_sti_hlt();
	guest_cli();
}

static void x2apic_on(void)
{
	guest_write_msr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	x2apic_write(APIC_SPIV, SPIV_ON);
}

/* ---- handlers ---- */

#define ASM_HANDLER(name, text)				\
	void name(struct frame *);			\
	asm(".pushsection .text\n" #name ":\n"		\
	    "	push %rax\n	push %rcx\n	push %rdx\n"	\
	    "	cmpq $guest_hlt, 24(%rsp)\n	jne 8f\n"	\
	    "	incq 24(%rsp)\n8:\n" text		\
	    "	pop %rdx\n	pop %rcx\n	pop %rax\n"	\
	    "	iretq\n.popsection\n")

#define COUNT	"	incq handled\n"
#define EOI_X2	"	mov $0x80b, %ecx\n	xor %eax, %eax\n	xor %edx, %edx\n	wrmsr\n"
#define EOI_X	"	mov $0xfee000b0, %eax\n	movl $0, (%rax)\n"

ASM_HANDLER(on_irq_x2, COUNT EOI_X2);
ASM_HANDLER(on_irq_x, COUNT EOI_X);
ASM_HANDLER(on_irq_pv, COUNT "	btrl $0, pv_eoi\n	jc 1f\n" EOI_X2 "1:\n");
/* Of other vCPUs: an answer to vCPU 0. */
ASM_HANDLER(on_call_x2, COUNT EOI_X2 "	mov $0x830, %ecx\n	mov $0x50, %eax\n	wrmsr\n");
ASM_HANDLER(on_call_x, COUNT EOI_X "	movl $0, 0x260(%rax)\n	movl $0x50, 0x250(%rax)\n");
/* The last of three answers; they may run at once. */
ASM_HANDLER(on_call_of_three, EOI_X2
	"	mov $1, %eax\n	lock xaddq %rax, handled\n	cmpq $2, %rax\n	jne 1f\n"
	"	mov $0x830, %ecx\n	mov $0x50, %eax\n	wrmsr\n1:\n");
ASM_HANDLER(on_doorbell, COUNT EOI_X2 "	mov $0x510, %edx\n	outl %eax, %dx\n");

/* ---- guest code: around a row ---- */

static u64 begin(void)
{
	guest_out(PORT_SYNC, 0);
	return guest_tsc();
}

static void end(u64 start)
{
	bench_ticks = guest_tsc() - start;
	guest_out(PORT_SYNC, 1);
}

#define TWICE(n, statement)					\
	for (int round_ = 0; round_ < 2; round_++) {		\
		u64 start_ = begin();				\
								\
		for (u64 i_ = 0; i_ < (n); i_++)		\
			statement;				\
		end(start_);					\
	}							\
	guest_done()

/* ---- interrupts to itself ---- */

static void self_x2(u64 n)
{
	x2apic_on();
	guest_sti();
	TWICE(n, x2apic_write(APIC_SELF_IPI, VECTOR));
}

static void self_x(u64 n)
{
	apic_write(APIC_SPIV, SPIV_ON);
	guest_sti();
	TWICE(n, apic_write(APIC_ICR, ICR_SELF | VECTOR));
}

static void self_pv_eoi(u64 n)
{
	guest_write_msr(MSR_PV_EOI, (u64)&pv_eoi | 1);
	self_x2(n);
}

/* HLT with an interrupt at the door: no time is spent in it. */
static void pending_wait(u64 n)
{
	x2apic_on();
	TWICE(n, { x2apic_write(APIC_SELF_IPI, VECTOR); halt(); });
}

static void eoi_x2(u64 n)
{
	x2apic_on();
	TWICE(n, x2apic_write(APIC_EOI, 0));
}

static void eoi_x(u64 n)
{
	apic_write(APIC_SPIV, SPIV_ON);
	TWICE(n, apic_write(APIC_EOI, 0));
}

/* So many interrupts are in service. */
static void fill_isr(struct bench *b)
{
	struct kvm_lapic_state state;
	int fd = b->vm->vcpu[0].fd;

	if (ioctl(fd, KVM_GET_LAPIC, &state))
		die("KVM_GET_LAPIC");
	for (u32 vector = 255; vector > 255 - b->iterations; vector--)
		state.regs[APIC_ISR + vector / 32 * 16 + vector / 8 % 4] |= 1 << vector % 8;
	if (ioctl(fd, KVM_SET_LAPIC, &state))
		die("KVM_SET_LAPIC");
}

/* ---- between vCPUs ---- */

static volatile u32 others_ready;

static void sleeper(u64 n)
{
	x2apic_on();
	__atomic_add_fetch(&others_ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		halt();
}

static void sleeper_x(u64 n)
{
	apic_write(APIC_SPIV, SPIV_ON);
	__atomic_add_fetch(&others_ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		halt();
}

static void wait_for_others(u32 nr)
{
	while (others_ready != nr)
		cpu_relax();
}

static void wait_until_handled(u64 nr)
{
	while (handled < nr)
		halt();
}

static void call_x2(u64 n)
{
	x2apic_on();
	wait_for_others(1);
	TWICE(n, {
		handled = 0;
		x2apic_write(APIC_ICR, 1ul << 32 | OTHER_VECTOR);
		wait_until_handled(2);
	});
}

static void call_x(u64 n)
{
	apic_write(APIC_SPIV, SPIV_ON);
	wait_for_others(1);
	TWICE(n, {
		handled = 0;
		apic_write(APIC_ICR2, 1u << 24);
		apic_write(APIC_ICR, OTHER_VECTOR);
		wait_until_handled(2);
	});
}

/* To three, one by one and by a hypercall. */
static void call_three(u64 n)
{
	x2apic_on();
	wait_for_others(3);
	TWICE(n, {
		handled = 0;
		for (u64 id = 1; id <= 3; id++)
			x2apic_write(APIC_ICR, id << 32 | OTHER_VECTOR);
		wait_until_handled(4);
	});
}

static void call_three_pv(u64 n)
{
	x2apic_on();
	wait_for_others(3);
	TWICE(n, {
		handled = 0;
		hypercall(KVM_HC_SEND_IPI, 7, 0, 1, OTHER_VECTOR);
		wait_until_handled(4);
	});
}

/* ---- the timer: what it costs beyond the time that it was set to ---- */

static u64 one_deadline(void)
{
	u64 before = handled, start = guest_tsc(), set;

	guest_write_msr(MSR_DEADLINE, start + TIMER_TICKS);
	set = guest_tsc() - start;
	while (handled == before)
		;
	return set + guest_tsc() - start - TIMER_TICKS;
}

static u64 one_shot(void)
{
	u64 before = handled, start = guest_tsc(), set;

	x2apic_write(APIC_TMICT, TIMER_TICKS);
	set = guest_tsc() - start;
	while (handled == before)
		;
	return set + guest_tsc() - start - TIMER_TICKS;
}

static void timer(u64 n, u64 (*once)(void))
{
	guest_sti();
	for (int round = 0; round < 2; round++) {
		u64 sum = 0;

		begin();
		for (u64 i = 0; i < n; i++)
			sum += once();
		bench_ticks = sum;
		guest_out(PORT_SYNC, 1);
	}
	guest_done();
}

static void timer_deadline(u64 n)
{
	x2apic_on();
	x2apic_write(APIC_LVTT, LVT_DEADLINE | VECTOR);
	timer(n, one_deadline);
}

static void timer_one_shot(u64 n)
{
	x2apic_on();
	x2apic_write(APIC_LVTT, VECTOR);
	x2apic_write(APIC_TDCR, DIVIDE_BY_1);
	timer(n, one_shot);
}

/* ---- eventfds ---- */

static void add_irqfd(struct bench *b)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routes = {
		.head.nr = 1,
		.entry = { .gsi = GSI, .type = KVM_IRQ_ROUTING_MSI,
			   .u.msi = { .address_lo = LAPIC_GPA, .data = VECTOR } },
	};
	struct kvm_irqfd args = { .gsi = GSI };

	b->irqfd = eventfd(0, 0);
	args.fd = b->irqfd;
	if (ioctl(b->vm->fd, KVM_SET_GSI_ROUTING, &routes) ||
	    ioctl(b->vm->fd, KVM_IRQFD, &args))
		die("an irqfd");
}

static void add_ioeventfd(struct bench *b, u64 addr, u32 flags)
{
	struct kvm_ioeventfd args = { .addr = addr, .len = 4, .flags = flags };

	b->ioeventfd = eventfd(0, 0);
	args.fd = b->ioeventfd;
	if (ioctl(b->vm->fd, KVM_IOEVENTFD, &args))
		die("KVM_IOEVENTFD");
}

static void add_register(struct bench *b)
{
	add_ioeventfd(b, DEVICE_PAGE, 0);
}

static void add_port(struct bench *b)
{
	add_ioeventfd(b, PORT_DEVICE, KVM_IOEVENTFD_FLAG_PIO);
}

static void add_both(struct bench *b)
{
	add_irqfd(b);
	add_port(b);
}

static void to_register(u64 n)
{
	TWICE(n, *(volatile u32 *)DEVICE_PAGE = 0);
}

static void to_port(u64 n)
{
	TWICE(n, guest_out(PORT_DEVICE, 0));
}

static void signal_irqfd(struct bench *b)
{
	if (eventfd_write(b->irqfd, 1))
		die("an eventfd");
}

static void serve_irq(struct bench *b)
{
	bench_serve(b, PORT_IRQ, signal_irqfd);
}

static void ask_for_irq(u64 n)
{
	x2apic_on();
	guest_sti();
	TWICE(n, guest_out(PORT_IRQ, 0));
}

static void device_guest(u64 n)
{
	x2apic_on();
	guest_out(PORT_DEVICE, 0);
	for (;;)
		halt();
}

static void wait_for_guest(struct bench *b)
{
	eventfd_t count;

	if (eventfd_read(b->ioeventfd, &count))
		die("the guest's answer");
}

/* As a device's thread: an interrupt to a halted guest, whose handler answers. */
static void drive_device(struct bench *b)
{
	for (u32 i = 0; i < b->iterations; i++) {
		signal_irqfd(b);
		wait_for_guest(b);
	}
}

const struct row rows[] = {
	{ .name = "ipi-self", .iterations = 1000, .vcpus = 1, .guest = self_x2,
	  .handler = on_irq_x2 },
	{ .name = "ipi-self-xapic", .iterations = 1000, .vcpus = 1, .guest = self_x,
	  .handler = on_irq_x },
	{ .name = "ipi-self-pv-eoi", .iterations = 1000, .vcpus = 1, .guest = self_pv_eoi,
	  .handler = on_irq_pv, .feature = 1 << KVM_FEATURE_PV_EOI },
	{ .name = "eoi", .iterations = HANDLERS, .vcpus = 1, .guest = eoi_x2,
	  .before = fill_isr },
	{ .name = "eoi-xapic", .iterations = HANDLERS, .vcpus = 1, .guest = eoi_x,
	  .before = fill_isr },
	{ .name = "hlt", .iterations = 1000, .vcpus = 1, .guest = pending_wait,
	  .handler = on_irq_x2 },
	{ .name = "ipi", .iterations = 500, .vcpus = 2, .guest = call_x2, .other_guest = sleeper,
	  .handler = on_irq_x2, .other_handler = on_call_x2 },
	{ .name = "ipi-xapic", .iterations = 500, .vcpus = 2, .guest = call_x,
	  .other_guest = sleeper_x, .handler = on_irq_x, .other_handler = on_call_x },
	{ .name = "ipi-three", .iterations = 500, .vcpus = 4, .guest = call_three,
	  .other_guest = sleeper, .handler = on_irq_x2, .other_handler = on_call_of_three },
	{ .name = "ipi-three-pv", .iterations = 500, .vcpus = 4, .guest = call_three_pv,
	  .other_guest = sleeper, .handler = on_irq_x2, .other_handler = on_call_of_three,
	  .feature = 1 << KVM_FEATURE_PV_SEND_IPI },
	{ .name = "timer-deadline", .iterations = 500, .vcpus = 1, .guest = timer_deadline,
	  .handler = on_irq_x2 },
	{ .name = "timer-one-shot", .iterations = 500, .vcpus = 1, .guest = timer_one_shot,
	  .handler = on_irq_x2 },
	{ .name = "irqfd", .iterations = 500, .vcpus = 1, .guest = ask_for_irq,
	  .handler = on_irq_x2, .prepare = add_irqfd, .serve = serve_irq },
	{ .name = "irqfd-wake", .iterations = 500, .vcpus = 1, .guest = device_guest,
	  .handler = on_doorbell, .prepare = add_both, .before = wait_for_guest,
	  .drive = drive_device },
	{ .name = "mmio-eventfd", .iterations = 1000, .vcpus = 1, .guest = to_register,
	  .prepare = add_register },
	{ .name = "pio-eventfd", .iterations = 1000, .vcpus = 1, .guest = to_port,
	  .prepare = add_port },
	{ }
};
