// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where instructions end, and what is delivered there: single steps, breakpoints, what MOV SS
 * holds back, INT1; and what the delivery of an exception does to debug registers and RFLAGS.RF.
 *
 * QEMU's TCG arms breakpoints when MOV to DR7 runs natively, not when VMRUN loads DR7 from the
 * VMCB, and knows nothing that MOV SS holds back: tests with breakpoints are Bochs's. Those of
 * INT1 too: TCG makes it #UD.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

#define DR6_RESET	0xffff0ff0ul
#define DR6_B0		1ul
#define DR6_BD		(1ul << 13)
#define DR6_BS		(1ul << 14)
#define DR7_RESET	0x400ul
#define DR7_GD		(1ul << 13)
#define DR7_WATCH	0x70401ul	/* reads and writes of 2 bytes at DR0 */
#define DR7_EXEC	0x401ul		/* execution at DR0 */
#define RFLAGS_RF	(1ul << 16)
#define MMIO_GPA	0x7000000ul	/* no memory here */

FIXTURE(debug) {
	struct vm *vm;
	struct vcpu *v;
};

FIXTURE_VARIANT(debug) {
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(debug, real) { .mode = MODE_REAL };
FIXTURE_VARIANT_ADD(debug, prot) { .mode = MODE_PROT };
FIXTURE_VARIANT_ADD(debug, pae) { .mode = MODE_PAE };
FIXTURE_VARIANT_ADD(debug, level4) { .mode = MODE_LONG4 };

FIXTURE_SETUP(debug)
{
	self->vm = vm_create(variant->mode);
	self->v = &self->vm->vcpu[0];
}

FIXTURE_TEARDOWN(debug)
{
	vm_free(self->vm);
}

FIXTURE_IN_MODE(debug64, MODE_LONG4)

static struct kvm_debugregs get_debug(struct vcpu *v)
{
	struct kvm_debugregs d;

	if (ioctl(v->fd, KVM_GET_DEBUGREGS, &d))
		die("KVM_GET_DEBUGREGS");
	return d;
}

static void set_debug(struct vcpu *v, u64 db0, u64 dr7)
{
	struct kvm_debugregs d = { .db[0] = db0, .dr6 = DR6_RESET, .dr7 = dr7 };

	if (ioctl(v->fd, KVM_SET_DEBUGREGS, &d))
		die("KVM_SET_DEBUGREGS");
}

static u64 dr6_news(struct vcpu *v)
{
	return get_debug(v).dr6 & ~DR6_RESET;
}

static bool gd_is_on(struct vcpu *v)
{
	return get_debug(v).dr7 & DR7_GD;
}

#define ONLY_BOCHS(why)							\
	do {								\
		if (!on_bochs())					\
			SKIP(return, why);				\
	} while (0)
#define NEEDS_INT1() ONLY_BOCHS("QEMU's TCG knows no INT1")
#define NEEDS_BREAKPOINTS() ONLY_BOCHS("QEMU's VMRUN arms no breakpoints")

/* ---- INT1 ---- */

TEST_F(debug, int1_is_a_trap)
{
	static const u8 code[] = { 0xf1, 0x90 };
	struct vcpu *v = self->v;
	struct result r;

	NEEDS_INT1();
	set_debug(v, 0, DR7_RESET | DR7_GD);
	r = guest_insn(v, (struct blob){ code, 2 });
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
	EXPECT_EQ(0, r.rflags & RFLAGS_RF);
	EXPECT_EQ(0, dr6_news(v));
	EXPECT_FALSE(gd_is_on(v));
}

/* Its delivery clears TF: no step follows, and none is in DR6. */
TEST_F(debug, int1_with_tf)
{
	static const u8 code[] = { 0xf1, 0x90 };
	struct vcpu *v = self->v;
	struct result r;

	NEEDS_INT1();
	v->flags = RFLAGS_TF;
	r = guest_insn(v, (struct blob){ code, 2 });
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
	EXPECT_EQ(RFLAGS_TF, r.rflags & RFLAGS_TF);
	EXPECT_EQ(0, dr6_news(v));
}

/* From user mode: the gate's privilege level is of no account, unlike INT3's. */
TEST_F(debug, int1_of_a_user)
{
	static const u8 code[] = { 0x66, 0xf1, 0x90 };
	struct vcpu *v = self->v;
	struct result r;

	NEEDS_INT1();
	if (variant->mode == MODE_REAL)
		SKIP(return, "no privilege levels");
	v->user = true;
	r = guest_insn(v, (struct blob){ code, 3 });
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(UCODE_GPA + 2, r.rip);
	EXPECT_EQ(3, r.cs & 3);
}

/* Real mode with a 4 GiB segment: on VT-x the emulator runs it all. */
TEST_F(debug, int1_emulated)
{
	static const u8 code[] = { 0xf1, 0x90 };
	struct vcpu *v = self->v;
	struct kvm_sregs s;
	struct result r;

	NEEDS_INT1();
	if (variant->mode != MODE_REAL)
		SKIP(return, "real mode only");
	vcpu_get_sregs(v, &s);
	s.ds.limit = 0xffffffff;
	s.ds.g = 1;
	vcpu_set_sregs(v, &s);
	set_debug(v, 0, DR7_RESET | DR7_GD);
	v->flags = RFLAGS_TF;
	r = guest_insn(v, (struct blob){ code, 2 });
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
	EXPECT_EQ(0, dr6_news(v));
	EXPECT_FALSE(gd_is_on(v));
}

/* Prepares @code with its stack in a page that the shadow tables lack. */
static u64 *fresh_stack(struct vcpu *v, int nr, const void *code)
{
	u64 page = DATA_GPA + nr * PAGE_SIZE;

	memcpy(vm_ptr(v->vm, CODE_GPA), code, 4);
	v->regs.rip = CODE_GPA;
	v->regs.rsp = TEST_VA + nr * PAGE_SIZE + 0x800;
	v->regs.rflags = 2;
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
	return vm_ptr(v->vm, page + 0x800 - 7 * 8);	/* vector, error, rip */
}

TEST_F(debug64, software_exceptions_through_a_fault)
{
	static const struct { u8 code[4], vector, length; } insn[] = {
		{ { 0xcc, 0x90, 0xf4 }, VEC_BP, 1 },
		{ { 0xcd, 0x52, 0xf4 }, 0x52, 2 },
		{ { 0xf1, 0x90, 0xf4 }, VEC_DB, 1 },
	};
	struct vcpu *v = self->v;
	u64 *frame;

	for (int i = 0; i < 3; i++)
		pt_map(self->vm, TEST_VA + i * PAGE_SIZE, DATA_GPA + i * PAGE_SIZE, PTE_KERNEL);
	for (int i = 0; i < 2 + on_bochs(); i++) {
		frame = fresh_stack(v, i, insn[i].code);
		ASSERT_EQ(0, ioctl(v->fd, KVM_RUN, 0));
		ASSERT_EQ(PORT_EXC, v->run->io.port);
		EXPECT_EQ(insn[i].vector, frame[0]);
		EXPECT_EQ(CODE_GPA + insn[i].length, frame[2]);
		vcpu_settle(v);
	}
}

/* ---- DR7.GD, RF ---- */

TEST_F(debug, step_clears_gd)
{
	static const u8 nops[] = { 0x90, 0x90 }, cpuid[] = { 0x0f, 0xa2, 0x90 };
	struct vcpu *v = self->v;

	v->flags = RFLAGS_TF;
	set_debug(v, 0, DR7_RESET | DR7_GD);
	EXPECT_EXC(guest_insn(v, (struct blob){ nops, 2 }), VEC_DB);
	EXPECT_EQ(DR6_BS, dr6_news(v));
	EXPECT_FALSE(gd_is_on(v));
	set_debug(v, 0, DR7_RESET | DR7_GD);
	EXPECT_EXC(guest_insn(v, (struct blob){ cpuid, 3 }), VEC_DB);
	EXPECT_EQ(DR6_BS, dr6_news(v));
	EXPECT_FALSE(gd_is_on(v));
}

/* A fault: RF is pushed as 1 (not that real mode's FLAGS had room for it). */
TEST_F(debug, gd_itself)
{
	static const u8 read_dr6[] = { 0x0f, 0x21, 0xf0 };
	struct vcpu *v = self->v;
	struct result r;

	set_debug(v, 0, DR7_RESET | DR7_GD);
	r = guest_insn(v, (struct blob){ read_dr6, 3 });
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA, r.rip);
	EXPECT_EQ(DR6_BD, dr6_news(v));
	EXPECT_FALSE(gd_is_on(v));
	if (variant->mode != MODE_REAL) {
		EXPECT_EQ(RFLAGS_RF, r.rflags & RFLAGS_RF);
	}
	EXPECT_DONE(guest_insn(v, (struct blob){ read_dr6, 3 }));
	EXPECT_EQ(DR6_BD, v->regs.rax & DR6_BD);
}

static void queue_exception(struct vcpu *v, u8 vector)
{
	struct kvm_vcpu_events e;

	if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e))
		die("KVM_GET_VCPU_EVENTS");
	e.exception.injected = 1;
	e.exception.nr = vector;
	e.exception.has_error_code = vector == VEC_GP;
	e.exception.error_code = 0;
	if (ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e))
		die("KVM_SET_VCPU_EVENTS");
}

/* KVM_SET_REGS forgets an exception: it goes first. */
static struct result run_with_exception(struct vcpu *v, u8 vector)
{
	vcpu_settle(v);
	*(u8 *)vm_ptr(v->vm, CODE_GPA) = 0xf4;
	v->regs.rip = CODE_GPA;
	v->regs.rsp = STACK_TOP - 0x100;
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
	queue_exception(v, vector);
	return vcpu_run(v);
}

TEST_F(debug, db_of_user_space_clears_gd)
{
	struct vcpu *v = self->v;

	ASSERT_DONE(guest_insn(v, (struct blob){ (u8 *)"\x90", 1 }));
	set_debug(v, 0, DR7_RESET | DR7_GD);
	EXPECT_EXC(run_with_exception(v, VEC_GP), VEC_GP);
	EXPECT_TRUE(gd_is_on(v));
	EXPECT_EXC(run_with_exception(v, VEC_DB), VEC_DB);
	EXPECT_FALSE(gd_is_on(v));
}

/* Bits B0 to B3 of an earlier #DB go, in software as in hardware; the others stay. */
TEST_F(debug64, step_replaces_breakpoint_bits)
{
	struct kvm_debugregs d = { .dr6 = DR6_RESET | DR6_B0 | DR6_BD, .dr7 = DR7_RESET };
	struct vcpu *v = self->v;

	v->flags = RFLAGS_TF;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_DEBUGREGS, &d));
	EXPECT_EXC(guest_insn(v, INSN("nop; nop")), VEC_DB);
	EXPECT_EQ(DR6_BS | DR6_BD, dr6_news(v));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_DEBUGREGS, &d));
	EXPECT_EXC(guest_insn(v, INSN("cpuid; nop")), VEC_DB);
	EXPECT_EQ(DR6_BS | DR6_BD, dr6_news(v));
}

/* Faults have RF set in the frame: those of software, and on Bochs those of the processor. */
TEST_F(debug64, rf_of_faults)
{
	struct vcpu *v = self->v;
	struct result r = guest_insn(v, INSN("mov $0x4b560000, %%ecx; rdmsr"));

	EXPECT_EXC(r, VEC_GP);
	EXPECT_EQ(RFLAGS_RF, r.rflags & RFLAGS_RF);
	r = guest_insn(v, INSN("xor %%eax, %%eax; vmrun"));
	EXPECT_EXC(r, VEC_UD);
	if (on_bochs()) {
		EXPECT_EQ(RFLAGS_RF, r.rflags & RFLAGS_RF);
	}
	r = guest_insn(v, INSN("ud2"));
	EXPECT_EXC(r, VEC_UD);
	if (on_bochs()) {
		EXPECT_EQ(RFLAGS_RF, r.rflags & RFLAGS_RF);
	}
	r = guest_insn(v, INSN("int3"));
	EXPECT_EXC(r, VEC_BP);
	EXPECT_EQ(0, r.rflags & RFLAGS_RF);
}

/* ---- single steps over instructions that exit ---- */

/* Runs under TF from @rip on until something else than a step comes; counts the steps. */
static int steps(struct vcpu *v, struct blob code, struct result *r)
{
	int n = 0;

	v->flags = RFLAGS_TF;
	*r = guest_insn(v, code);
	while (r->kind == OUT_EXC && r->vector == VEC_DB && n < 50) {
		n++;
		vcpu_settle(v);
		v->regs.rip = r->rip;
		v->regs.rsp = STACK_TOP - 0x100;
		v->regs.rflags = r->rflags;
		*r = vcpu_enter(v);
	}
	v->flags = 0;
	return n;
}

TEST_F(debug64, every_kind_of_exit_is_one_step)
{
	struct vcpu *v = self->v;
	struct result r;

	pt_map(self->vm, TEST_VA, MMIO_GPA, PTE_KERNEL);
	v->regs.rbx = TEST_VA;
	EXPECT_EQ(10, steps(v, INSN("cpuid; mov %%cr3, %%rax; mov %%rax, %%cr3; mov %%cr0, %%rax;"
				    "mov %%rax, %%cr0; invlpg (%%rbx); mov %%db7, %%rax;"
				    "mov $0x277, %%ecx; rdmsr; wrmsr"), &r));
	EXPECT_EQ(OUT_DONE, r.kind) TH_LOG("%s", result_str(r));
}

/* INT n clears TF on its way: no step at the handler's beginning, on VT-x in real mode neither. */
TEST_F(debug, int_is_not_stepped)
{
	struct vcpu *v = self->v;
	struct result r;

	v->flags = RFLAGS_TF;
	r = guest_insn(v, (struct blob){ (u8 *)"\xcd\x52", 2 });
	EXPECT_EXC(r, 0x52);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
	EXPECT_EQ(RFLAGS_TF, r.rflags & RFLAGS_TF);
	r = guest_insn(v, (struct blob){ (u8 *)"\xcc", 1 });
	EXPECT_EXC(r, VEC_BP);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
}

/* A trap behind HLT ends it. */
TEST_F(debug, step_over_hlt)
{
	struct vcpu *v = self->v;
	struct result r;

	v->flags = RFLAGS_TF;
	r = guest_insn(v, (struct blob){ (u8 *)"\xf4\x90", 2 });
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
}

/* ---- what MOV SS holds back ---- */

/* SS comes from LOW_DATA, which is watched. */
static struct result watched(struct vcpu *v, struct blob code)
{
	*(u16 *)vm_ptr(v->vm, LOW_DATA) = KERNEL_DS;
	set_debug(v, LOW_DATA, DR7_WATCH);
	v->regs.rbx = LOW_DATA;
	return guest_insn(v, code);
}

#define EXPECT_HELD(r, at, news)					\
	do {								\
		struct result h_ = (r);					\
		EXPECT_EXC(h_, VEC_DB);					\
		EXPECT_EQ(CODE_GPA + (at), h_.rip);			\
		EXPECT_EQ(news, dr6_news(self->v));			\
	} while (0)

/* The same bytes in every mode: mov (%di), or (%bx) in 16-bit code, to SS; CPUID. */
TEST_F(debug, mov_ss_then_cpuid)
{
	static const u8 code[] = { 0x8e, 0x17, 0x0f, 0xa2, 0x90 };
	struct vcpu *v = self->v;

	NEEDS_BREAKPOINTS();
	*(u16 *)vm_ptr(self->vm, 0xa000) = variant->mode == MODE_REAL ? 0 : KERNEL_DS;
	for (int tf = 0; tf < 2; tf++) {
		v->flags = tf ? RFLAGS_TF : 0;
		v->regs.rax = 0;
		v->regs.rbx = 0xa000;
		v->regs.rdi = 0xa000;
		set_debug(v, 0xa000, DR7_WATCH);
		EXPECT_HELD(guest_insn(v, (struct blob){ code, 5 }), 4,
			    DR6_B0 | (tf ? DR6_BS : 0));
	}
}

TEST_F(debug64, mov_ss_then_an_exit)
{
	struct vcpu *v = self->v;

	NEEDS_BREAKPOINTS();
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; nop; nop")), 3, DR6_B0);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; cpuid; nop")), 4, DR6_B0);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; mov %%cr3, %%rax; nop")), 5, DR6_B0);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; invlpg (%%rbx); nop")), 5, DR6_B0);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; mov %%db7, %%rax; nop")), 5, DR6_B0);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; wbinvd; nop")), 4, DR6_B0);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; hlt; nop")), 3, DR6_B0);
	v->regs.rcx = MSR_PAT;
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; rdmsr; nop")), 4, DR6_B0);
}

/* Together with a single step: one #DB, with the reasons of both. */
TEST_F(debug64, mov_ss_then_an_exit_with_tf)
{
	struct vcpu *v = self->v;

	NEEDS_BREAKPOINTS();
	v->flags = RFLAGS_TF;
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; nop; nop")), 3, DR6_B0 | DR6_BS);
	EXPECT_HELD(watched(v, INSN("mov (%%rbx), %%ss; cpuid; nop")), 4, DR6_B0 | DR6_BS);
}

/* A port access: user space has its say between the instruction's beginning and its end. */
TEST_F(debug64, mov_ss_then_a_port)
{
	struct vcpu *v = self->v;

	NEEDS_BREAKPOINTS();
	EXPECT_EXIT(watched(v, INSN("mov (%%rbx), %%ss; in $0x70, %%al; nop")), KVM_EXIT_IO);
	EXPECT_HELD(vcpu_run(v), 4, DR6_B0);
}

/* The next instruction faults: the fault comes, and the trap is lost, as in the processor. */
TEST_F(debug64, mov_ss_then_a_fault)
{
	struct vcpu *v = self->v;
	struct result r;

	NEEDS_BREAKPOINTS();
	v->regs.rcx = 0x4b560000;
	r = watched(v, INSN("mov (%%rbx), %%ss; rdmsr; nop"));
	EXPECT_EXC(r, VEC_GP);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
	EXPECT_EQ(0, dr6_news(v));
}

TEST_F(debug64, pop_ss_then_an_exit)
{
	struct vm *vm = vm_create(MODE_PAE);
	struct vcpu *v = &vm->vcpu[0];

	NEEDS_BREAKPOINTS();
	self->v = v;
	set_debug(v, STACK_TOP - 0x104, 0xf0401);
	*(u32 *)vm_ptr(vm, STACK_TOP - 0x104) = KERNEL_DS;
	/* The frame goes to just that place, so that there is a second #DB, at the first's stub. */
	EXPECT_EXC(guest_insn(v, INSN32("sub $4, %%esp; pop %%ss; cpuid; nop")), VEC_DB);
	EXPECT_EQ(CODE_GPA + 6, vm_read(vm, v->regs.rsp + 5 * 4, 4));
	vm_free(vm);
}

/* ---- breakpoints ---- */

/* Each entry has the guest's DR0 to DR3, whatever came between. */
TEST_F(debug64, breakpoints_over_many_exits)
{
	struct vcpu *v = self->v;
	struct result r;

	NEEDS_BREAKPOINTS();
	set_debug(v, CODE_GPA + 11, DR7_EXEC);
	r = guest_insn(v, INSN("mov $20, %%esi; cpuid; dec %%esi; jnz . - 4; nop; nop"));
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA + 11, r.rip);
	EXPECT_EQ(DR6_B0, dr6_news(v));
	set_debug(v, LOW_DATA, DR7_WATCH);
	r = guest_insn(v, INSN("mov $20, %%esi; cpuid; dec %%esi; jnz . - 4; mov %%eax, 0x100000"));
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(DR6_B0, dr6_news(v));
}

/* Ports, which exit before the processor looks; the words 0x70 and 0x71. */
TEST_F(debug, breakpoint_on_a_port)
{
	static const u8 in70[] = { 0xe4, 0x70, 0x90 }, out72[] = { 0xe6, 0x72, 0x90 },
			outs[] = { 0x6e, 0x90 };
	struct vcpu *v = self->v;
	struct kvm_sregs s;

	set_debug(v, 0x71, 0x60401ul);
	v->regs.rdx = 0x71;
	v->regs.rsi = 0x7800;
	EXPECT_EXIT(guest_insn(v, (struct blob){ in70, 3 }), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));	/* without CR4.DE */
	vcpu_get_sregs(v, &s);
	s.cr4 |= CR4_DE;
	vcpu_set_sregs(v, &s);
	EXPECT_EXIT(guest_insn(v, (struct blob){ in70, 3 }), KVM_EXIT_IO);
	EXPECT_HELD(vcpu_run(v), 2, DR6_B0);
	EXPECT_EXIT(guest_insn(v, (struct blob){ out72, 3 }), KVM_EXIT_IO);
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EXIT(guest_insn(v, (struct blob){ outs, 2 }), KVM_EXIT_IO);
	EXPECT_HELD(vcpu_run(v), 1, DR6_B0);
}

/* ---- STI's shadow ---- */

/* INT n right behind STI begins again when its push faults: nothing comes in between. */
TEST_F(debug64, sti_int_before_an_interrupt)
{
	struct kvm_interrupt irq = { .irq = 0x61 };
	struct vcpu *v = self->v;
	u64 *frame;

	ONLY_BOCHS("QEMU's VMRUN does not load the interrupt shadow");
	pt_map(self->vm, TEST_VA, DATA_GPA, PTE_KERNEL);
	frame = fresh_stack(v, 0, "\xfb\xcd\x52\xf4");
	ASSERT_EQ(0, ioctl(v->fd, KVM_INTERRUPT, &irq));
	ASSERT_EQ(0, ioctl(v->fd, KVM_RUN, 0));
	ASSERT_EQ(PORT_EXC, v->run->io.port);
	EXPECT_EQ(0x52, frame[0]);
	EXPECT_EQ(CODE_GPA + 3, frame[2]);
}

/*
 * An NMI waits for the end of STI's shadow. Some processors have no such wait in their NMI
 * window: there it would open again and again, so that the interrupt window has to do it.
 */
TEST_F(debug64, nmi_behind_sti)
{
	struct vcpu *v = self->v;
	struct kvm_vcpu_events e;
	long before = counter("exits_irq_window");
	struct result r;

	ONLY_BOCHS("VT-x only");
	ASSERT_DONE(guest_insn(v, INSN("nop")));
	vcpu_settle(v);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e));
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	v->regs.rflags = RFLAGS_IF | 2;
	v->flags = RFLAGS_IF;
	memcpy(vm_ptr(self->vm, CODE_GPA), "\x90\x90\xf4", 3);
	v->regs.rip = CODE_GPA;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &v->regs));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e));
	r = vcpu_run(v);
	EXPECT_EXC(r, 2);
	EXPECT_EQ(CODE_GPA + 1, r.rip);
	EXPECT_GT(counter("exits_irq_window"), before);
}

TEST_HARNESS_MAIN
