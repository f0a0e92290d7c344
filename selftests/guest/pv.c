// SPDX-License-Identifier: GPL-2.0-only
/* Paravirtual help with interrupts: EOIs without a write, IPIs to many, HLT left by a kick. */
#include <asm/kvm_para.h>
#include <errno.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "chips.h"
#include "kselftest_harness.h"

#define VECTOR		0x51
#define HIGHER		0x71
#define OFFER_GPA	((u64)&offer)
#define ROUNDS		200

FIXTURE(pv) {
	struct vm *vm;
	struct smp_guest g[4];
};

FIXTURE_SETUP(pv)
{
	self->vm = vm_create_with_chips(CHIPS_ALL, 4);
	memset(self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(pv)
{
	for (int i = 0; i < 4; i++)
		if (self->g[i].started)
			smp_stop(&self->g[i]);
	vm_free(self->vm);
}

/* ---- guest code ---- */

static volatile u32 offer __attribute__((aligned(4)));
static volatile u64 handled, skipped, higher, ready, awake;

#define ASM_HANDLER(name, text)				\
	void name(struct frame *);			\
	asm(".pushsection .text\n" #name ":\n"		\
	    "	push %rax\n" text			\
	    "	pop %rax\n"				\
	    "	iretq\n.popsection\n")
#define EOI	"	mov $0xfee000b0, %eax\n	movl $0, (%rax)\n"
#define SKIP_OR_EOI "	lock btrl $0, offer\n	jnc 1f\n	lock incq skipped\n	jmp 2f\n" \
		    "1:" EOI "2:\n"

ASM_HANDLER(on_irq, "	lock incq handled\n" SKIP_OR_EOI);
/* Something more urgent comes while this one is in service. */
ASM_HANDLER(on_nested, "	lock incq handled\n"
	"	mov $0xfee00300, %eax\n	movl $0x40071, (%rax)\n	sti\n	nop\n	cli\n"
	SKIP_OR_EOI);
ASM_HANDLER(on_higher, "	lock incq higher\n" SKIP_OR_EOI);

static inline long call(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	long r = nr;

	/* Each vendor's instruction is #UD or a hypercall on the other's; CPUID tells. */
	if (ready >> 63)
		asm volatile("vmcall" : "+a" (r) : "b" (a), "c" (b), "d" (c), "S" (d) : "memory");
	else
		asm volatile("vmmcall" : "+a" (r) : "b" (a), "c" (b), "d" (c), "S" (d) : "memory");
	return r;
}

static void self_ipis(u64 vector)
{
	apic_write(APIC_SPIV, 0x1ff);
	guest_write_msr(MSR_KVM_PV_EOI_EN, OFFER_GPA | 1);
	asm volatile("sti");
	for (u64 i = 1; i <= ROUNDS; i++) {
		apic_write(APIC_ICR, ICR_SELF | vector);
		while (handled < i)
			cpu_relax();
	}
	asm volatile("cli");
	for (u32 reg = APIC_ISR; reg < APIC_ISR + 0x80; reg += 0x10)
		guest_assert(!apic_read(reg));
	guest_done();
}

/* Each interrupt is ended once: by a write, or, where it was offered, without. */
TEST_F(pv, eoi_without_a_write)
{
	vm_handle(self->vm, VECTOR, on_irq);
	smp_start(&self->g[0], &self->vm->vcpu[0], self_ipis, VECTOR);
	EXPECT_GUEST_DONE(&self->g[0]);
	EXPECT_EQ(ROUNDS, *guest_global(self->vm, handled));
	EXPECT_EQ(ROUNDS, *guest_global(self->vm, skipped));
}

/* What is in service below another one is ended by a write. */
TEST_F(pv, nested_interrupts_end_in_turn)
{
	vm_handle(self->vm, VECTOR, on_nested);
	vm_handle(self->vm, HIGHER, on_higher);
	smp_start(&self->g[0], &self->vm->vcpu[0], self_ipis, VECTOR);
	EXPECT_GUEST_DONE(&self->g[0]);
	EXPECT_EQ(ROUNDS, *guest_global(self->vm, handled));
	EXPECT_EQ(ROUNDS, *guest_global(self->vm, higher));
	EXPECT_EQ(ROUNDS, *guest_global(self->vm, skipped));
}

static void stop_in_handler(u64 vector)
{
	apic_write(APIC_SPIV, 0x1ff);
	guest_write_msr(MSR_KVM_PV_EOI_EN, OFFER_GPA | 1);
	asm volatile("sti");
	apic_write(APIC_ICR, ICR_SELF | vector);
	asm volatile("nop");
	guest_done();
}

ASM_HANDLER(on_stop, "	incq handled\n	outl %eax, $0xf3\n" SKIP_OR_EOI);

/* Who saves the state finds the interrupt in service, and no offer in memory. */
TEST_F(pv, offer_is_taken_back_for_user_space)
{
	struct kvm_lapic_state state;
	u32 word;

	vm_handle(self->vm, VECTOR, on_stop);
	smp_start(&self->g[0], &self->vm->vcpu[0], stop_in_handler, VECTOR);
	smp_join(&self->g[0]);
	ASSERT_EQ(1, *guest_global(self->vm, handled));
	EXPECT_EQ(0, *guest_global(self->vm, offer) & 1);
	ASSERT_EQ(0, ioctl(self->vm->vcpu[0].fd, KVM_GET_LAPIC, &state));
	memcpy(&word, state.regs + APIC_ISR + VECTOR / 32 * 16, sizeof(word));
	EXPECT_EQ(1u << VECTOR % 32, word);
	ASSERT_EQ(0, ioctl(self->vm->vcpu[0].fd, KVM_SET_LAPIC, &state));
	EXPECT_DONE(vcpu_run(&self->vm->vcpu[0]));
	EXPECT_EQ(0, *guest_global(self->vm, skipped));
	ASSERT_EQ(0, ioctl(self->vm->vcpu[0].fd, KVM_GET_LAPIC, &state));
	memcpy(&word, state.regs + APIC_ISR + VECTOR / 32 * 16, sizeof(word));
	EXPECT_EQ(0, word);
}

TEST_F(pv, msr)
{
	static const u64 bad[] = { LOW_DATA | 2, LOW_DATA | 3 };
	/* Where nothing is: interrupts are ended by writes. KVM refuses these at once. */
	static const u64 nowhere[] = { MEM_BYTES | 1, 1ul << 52 | 1, (~0ul & ~3ul) | 1 };
	struct vcpu *v = &self->vm->vcpu[0];
	u64 value = 1;

	ASSERT_EQ(1, vcpu_get_msr(v, MSR_KVM_PV_EOI_EN, &value));
	EXPECT_EQ(0, value);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, vcpu_set_msr(v, MSR_KVM_PV_EOI_EN, bad[i]));
	EXPECT_EQ(1, vcpu_set_msr(v, MSR_KVM_PV_EOI_EN, LOW_DATA | 1));
	ASSERT_EQ(1, vcpu_get_msr(v, MSR_KVM_PV_EOI_EN, &value));
	EXPECT_EQ(LOW_DATA | 1, value);
	for (int i = 0; i < 3; i++)
		vcpu_set_msr(v, MSR_KVM_PV_EOI_EN, nowhere[i]);
	EXPECT_EQ(1, vcpu_set_msr(v, MSR_KVM_PV_EOI_EN, 0));
}

static void without_memory(u64 gpa)
{
	apic_write(APIC_SPIV, 0x1ff);
	guest_write_msr(MSR_KVM_PV_EOI_EN, gpa | 1);
	asm volatile("sti");
	for (u64 i = 1; i <= ROUNDS; i++) {
		apic_write(APIC_ICR, ICR_SELF | VECTOR);
		while (handled < i)
			cpu_relax();
	}
	guest_done();
}

TEST_F(pv, eoi_where_no_memory_is)
{
	u64 value;

	vm_handle(self->vm, VECTOR, on_irq);
	if (!vcpu_set_msr(&self->vm->vcpu[0], MSR_KVM_PV_EOI_EN, MEM_BYTES | 1))
		SKIP(return, "the MSR refuses that");
	smp_start(&self->g[0], &self->vm->vcpu[0], without_memory, MEM_BYTES);
	EXPECT_GUEST_DONE(&self->g[0]);
	EXPECT_EQ(0, *guest_global(self->vm, skipped));
	ASSERT_EQ(1, vcpu_get_msr(&self->vm->vcpu[0], MSR_KVM_PV_EOI_EN, &value));
	EXPECT_EQ(MEM_BYTES | 1, value);
}

/* ---- hypercalls ---- */

static void sleeper(u64 vmcall)
{
	apic_write(APIC_SPIV, 0x1ff);
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		asm volatile("sti; hlt; cli");
}

static void tell_vendor(struct vm *vm)
{
	if (guest_has(vm, 0, 3, 3))	/* 'i' of GenuineIntel, 'e' of AuthenticAMD */
		*guest_global(vm, ready) |= 1ul << 63;
}

static void wait_for_sleepers(u64 nr)
{
	while ((ready & 0xff) != nr)
		cpu_relax();
}

static void ipis_to_many(u64 arg)
{
	wait_for_sleepers(3);
	for (u64 i = 1; i <= ROUNDS; i++) {
		/* ids 0 to 3, of which 0 is not named; and many that are nobody's */
		guest_assert(call(KVM_HC_SEND_IPI, ~0ul << 1, ~0ul, 0, VECTOR) == 3);
		while (handled < 3 * i)
			cpu_relax();
	}
	guest_assert(call(KVM_HC_SEND_IPI, ~0ul, ~0ul, 4, VECTOR) == 0);
	guest_assert(call(KVM_HC_SEND_IPI, ~0ul, ~0ul, ~0u, VECTOR) == 0);
	guest_assert(call(KVM_HC_SEND_IPI, 2, 0, 0, VECTOR | 1 << 18) < 0);
	guest_assert(call(KVM_HC_SEND_IPI, 2, 0, 0, VECTOR | 1 << 11) < 0);
	guest_assert(call(KVM_HC_SCHED_YIELD, 1, 0, 0, 0) == 0);
	guest_assert(call(KVM_HC_SCHED_YIELD, 0, 0, 0, 0) == 0);
	guest_assert(call(KVM_HC_SCHED_YIELD, ~0ul, 0, 0, 0) == 0);
	guest_assert(call(KVM_HC_KICK_CPU, 0, ~0ul, 0, 0) == 0);
	guest_assert(call(1234, 0, 0, 0, 0) == -KVM_ENOSYS);
	guest_assert(handled == 3 * ROUNDS);
	guest_done();
}

TEST_F(pv, ipis_to_many)
{
	vm_handle(self->vm, VECTOR, on_irq);
	tell_vendor(self->vm);
	for (int i = 1; i < 4; i++)
		smp_start(&self->g[i], &self->vm->vcpu[i], sleeper, 0);
	smp_start(&self->g[0], &self->vm->vcpu[0], ipis_to_many, 0);
	EXPECT_GUEST_DONE(&self->g[0]);
}

/* Interrupts are off: nothing but a kick ends the HLT. */
static void kicked(u64 arg)
{
	for (;;) {
		ready++;
		asm volatile("cli; hlt");
		awake++;
	}
}

static void kicks(u64 arg)
{
	for (u64 i = 1; i <= ROUNDS; i++) {
		while ((ready & 0xffff) != i)
			cpu_relax();
		guest_assert(awake == i - 1);
		guest_assert(call(KVM_HC_KICK_CPU, 0, 1, 0, 0) == 0);
		while (awake != i)
			cpu_relax();
	}
	guest_done();
}

TEST_F(pv, kick_out_of_hlt)
{
	tell_vendor(self->vm);
	smp_start(&self->g[1], &self->vm->vcpu[1], kicked, 0);
	smp_start(&self->g[0], &self->vm->vcpu[0], kicks, 0);
	EXPECT_GUEST_DONE(&self->g[0]);
}

static int enforce(struct vcpu *v)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};

	return ioctl(v->fd, KVM_ENABLE_CAP, &cap);
}

static void set_features(struct vcpu *v, u32 features)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(v->vm->dev);

	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			cpuid->entries[i].eax = features;
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		die("KVM_SET_CPUID2");
	free(cpuid);
}

static void no_calls(u64 arg)
{
	guest_assert(call(KVM_HC_SEND_IPI, 1, 0, 0, VECTOR) == -KVM_ENOSYS);
	guest_assert(call(KVM_HC_KICK_CPU, 0, 0, 0, 0) == -KVM_ENOSYS);
	guest_assert(call(KVM_HC_SCHED_YIELD, 0, 0, 0, 0) == -KVM_ENOSYS);
	guest_done();
}

TEST_F(pv, only_by_cpuid)
{
	struct vcpu *v = &self->vm->vcpu[0];
	u64 value;

	tell_vendor(self->vm);
	set_features(v, 0);
	ASSERT_EQ(0, enforce(v));
	EXPECT_EQ(0, vcpu_get_msr(v, MSR_KVM_PV_EOI_EN, &value));
	EXPECT_EQ(0, vcpu_set_msr(v, MSR_KVM_PV_EOI_EN, 0));
	smp_start(&self->g[0], v, no_calls, 0);
	EXPECT_GUEST_DONE(&self->g[0]);
}

/* ---- KVM_CAP_X86_DISABLE_EXITS ---- */

static int exits_off(struct vm *vm, u64 which)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { which } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

static u32 features_of(struct vcpu *v)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(v->vm->dev);
	u32 features = 0;

	if (ioctl(v->fd, KVM_GET_CPUID2, cpuid))
		die("KVM_GET_CPUID2");
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == KVM_CPUID_FEATURES)
			features = cpuid->entries[i].eax;
	free(cpuid);
	return features;
}

TEST_F(pv, exits_are_turned_off_before_there_are_vcpus)
{
	struct vm *vm = vm_create_bare();
	int offered = ioctl(vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_X86_DISABLE_EXITS);
	struct vcpu *v;

	ASSERT_EQ(KVM_X86_DISABLE_EXITS_HLT, offered & KVM_X86_DISABLE_EXITS_HLT);
	EXPECT_ERRNO(EINVAL, exits_off(vm, 1u << 10));
	EXPECT_ERRNO(EINVAL, exits_off(vm, 1ul << 40));
	EXPECT_EQ(0, exits_off(vm, offered));
	v = vm_add_vcpu(vm);
	set_features(v, 1 << KVM_FEATURE_PV_UNHALT | 1 << KVM_FEATURE_PV_EOI);
	EXPECT_EQ(1 << KVM_FEATURE_PV_EOI, features_of(v));
	vm_free(vm);
	set_features(&self->vm->vcpu[0], 1 << KVM_FEATURE_PV_UNHALT);
	EXPECT_EQ(1 << KVM_FEATURE_PV_UNHALT, features_of(&self->vm->vcpu[0]));
}

/* A halted guest leaves its HLT for an interrupt of the host's, and for one of its own. */
TEST(hlt_without_exit)
{
	struct vm *vm = vm_create_with_chips(CHIPS_ALL, 0);
	struct smp_guest g = { };
	u64 hlts;

	if (exits_off(vm, KVM_X86_DISABLE_EXITS_HLT))
		die("a VM whose HLT does not exit");
	if (vcpu_set_mp_state(vm_add_vcpu(vm), KVM_MP_STATE_RUNNABLE))
		die("KVM_SET_MP_STATE");
	vm_handle(vm, VECTOR, on_irq);
	hlts = counter("exits_hlt");
	smp_start(&g, &vm->vcpu[0], sleeper, 0);
	while (!*guest_global(vm, ready))
		;
	for (u64 i = 1; i <= ROUNDS; i++) {
		struct kvm_msi msi = { .address_lo = LAPIC_GPA, .data = VECTOR };

		ASSERT_LT(0, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
		while (*guest_global(vm, handled) < i)
			;
	}
	smp_stop(&g);
	if (counter("exits_hlt") >= 0)
		EXPECT_EQ(hlts, counter("exits_hlt"));
	vm_free(vm);
}

TEST_HARNESS_MAIN
