// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that software does not emulate, where segments are as only real mode has them or
 * leaves them: big, at odd places, or with selectors that protected mode would not load.
 */
#include <string.h>

#include "kselftest_harness.h"
#include "paging.h"

#define SCRATCH		0x10000ul	/* up to TABLES_GPA */
#define MMIO_GPA	0xd0000000ul
#define BIG		0xffffffffu

FIXTURE(unreal) { struct vm *vm; struct vcpu *v; };

static void set_data(struct vcpu *v, u64 base, u32 limit)
{
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	s.ds.base = base;
	s.ds.limit = limit;
	s.ds.g = limit > 0xfffff;
	s.cr4 |= CR4_OSFXSR;
	vcpu_set_sregs(v, &s);
}

/* QEMU's TCG does not, nor does it look at MXCSR. */
static bool checks_limits(struct vcpu *v)
{
	v->regs.rbx = 0xffff;
	return guest_insn(v, INSN16("mov (%%bx), %%ax")).kind == OUT_EXC;
}

FIXTURE_SETUP(unreal)
{
	self->vm = vm_create(MODE_REAL);
	self->v = &self->vm->vcpu[0];
	set_data(self->v, 0, BIG);
	self->v->regs.rbx = SCRATCH;
}

FIXTURE_TEARDOWN(unreal) { vm_free(self->vm); }

TEST_F(unreal, control_and_status_word)
{
	self->v->regs.rbx = 0x7e00;
	self->v->regs.rax = 0x1234;
	EXPECT_DONE(guest_insn(self->v, INSN16("fninit; fnstsw %%ax; fnstcw (%%bx)")));
	EXPECT_EQ(0, self->v->regs.rax & 0xffff);
	EXPECT_EQ(0x37f, vm_read(self->vm, 0x7e00, 2));
}

TEST_F(unreal, operands_above_64k)
{
	self->v->regs.rbx = LOW_DATA;
	EXPECT_DONE(guest_insn(self->v,
			       INSN16("fninit; fldpi; fstpl (%%ebx); fld1; fistpl 8(%%ebx)")));
	EXPECT_EQ(0x400921fb54442d18, vm_read(self->vm, LOW_DATA, 8));
	EXPECT_EQ(1, vm_read(self->vm, LOW_DATA + 8, 4));
}

TEST_F(unreal, sse_above_64k)
{
	u32 *data = vm_ptr(self->vm, LOW_DATA);

	data[0] = 7;
	self->v->regs.rbx = LOW_DATA;
	self->v->regs.rax = 5;
	EXPECT_DONE(guest_insn(self->v, INSN16("cvtsi2ss (%%ebx), %%xmm0; cvtsi2ss %%eax, %%xmm1;"
					       "addps %%xmm1, %%xmm0; cvttss2si %%xmm0, %%ecx;"
					       "comiss %%xmm1, %%xmm0; seta %%dl")));
	EXPECT_EQ(12, self->v->regs.rcx);
	EXPECT_EQ(1, self->v->regs.rdx & 0xff);
}

TEST_F(unreal, fxsave_and_back)
{
	self->v->regs.rbx = LOW_DATA;
	EXPECT_DONE(guest_insn(self->v, INSN16("fninit; fldz; fld1; fxsave (%%ebx); fninit;"
					       "fxrstor (%%ebx); faddp; fistps 512(%%ebx)")));
	EXPECT_EQ(1, vm_read(self->vm, LOW_DATA + 512, 2));
}

/* FNSAVE and the like write what real mode wants, segments big or not. */
TEST_F(unreal, environment_has_the_format_of_real_mode)
{
	u8 *image = vm_ptr(self->vm, SCRATCH), plain[94], stenv[14];
	struct blob code = INSN16("fninit; fldpi; fnstenv 0x100(%%bx); fnsave (%%bx); frstor (%%bx);"
				  "fldenv 0x100(%%bx); fnstsw %%ax");

	set_data(self->v, SCRATCH, 0xffff);
	self->v->regs.rbx = 0;
	EXPECT_DONE(guest_insn(self->v, code));
	memcpy(plain, image, sizeof(plain));
	memcpy(stenv, image + 0x100, sizeof(stenv));
	memset(image, 0xee, 0x200);
	set_data(self->v, SCRATCH, BIG);
	EXPECT_DONE(guest_insn(self->v, code));
	EXPECT_EQ(0, memcmp(plain, image, sizeof(plain)));
	EXPECT_EQ(0, memcmp(stenv, image + 0x100, sizeof(stenv)));
}

TEST_F(unreal, base_between_paragraphs)
{
	set_data(self->v, SCRATCH + 3, BIG);
	self->v->regs.rbx = 1;
	EXPECT_DONE(guest_insn(self->v, INSN16("fninit; fnstcw (%%bx)")));
	EXPECT_EQ(0x37f, vm_read(self->vm, SCRATCH + 4, 2));
}

TEST_F(unreal, code_reads_through_big_segments_only_where_it_may)
{
	set_data(self->v, 0, 0xfff);
	if (!checks_limits(self->v))
		SKIP(return, "no segment limits");
	EXPECT_EXC(guest_insn(self->v, INSN16("flds 0xffd")), VEC_GP);
	EXPECT_DONE(guest_insn(self->v, INSN16("flds 0xffc")));
	set_data(self->v, 0, BIG);
	self->v->regs.rbp = 0xfffe;
	EXPECT_EXC(guest_insn(self->v, INSN16("flds (%%bp)")), VEC_SS);
}

TEST_F(unreal, faults_are_the_guests)
{
	struct vcpu *v = self->v;
	struct kvm_sregs s;

	v->regs.rbx = LOW_DATA + 4;
	EXPECT_EXC(guest_insn(v, INSN16("addps (%%ebx), %%xmm0")), VEC_GP);
	v->regs.rbx = SCRATCH + 1;
	EXPECT_EXC(guest_insn(v, INSN16("fxsave (%%ebx)")), VEC_GP);
	vcpu_get_sregs(v, &s);
	s.cr0 |= CR0_TS;
	vcpu_set_sregs(v, &s);
	EXPECT_EXC(guest_insn(v, INSN16("fninit")), VEC_NM);
	EXPECT_EXC(guest_insn(v, INSN16("sqrtps %%xmm0, %%xmm0")), VEC_NM);
	s.cr0 &= ~CR0_TS;
	s.cr4 &= ~CR4_OSFXSR;
	vcpu_set_sregs(v, &s);
	EXPECT_EXC(guest_insn(v, INSN16("sqrtps %%xmm0, %%xmm0")), VEC_UD);
}

TEST_F(unreal, single_steps)
{
	struct result r;

	self->v->flags = RFLAGS_TF;
	r = guest_insn(self->v, INSN16("fninit; fnstsw %%ax"));
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(CODE_GPA + 2, r.rip);
}

/* Arithmetic flags come out, all others stay. */
TEST_F(unreal, flags)
{
	self->v->flags = RFLAGS_AC | 0x400 | 0x4001;	/* AC, DF, NT, CF */
	EXPECT_DONE(guest_insn(self->v, INSN16("fninit; fld1; fldz; fcomip; pushfl; popl %%eax")));
	EXPECT_EQ(RFLAGS_AC | 0x400 | 0x4000 | 1, self->v->regs.rax & (RFLAGS_AC | 0x47d5));
}

/* Between CR0.PE and the far jump, segments are those of real mode, with any selectors. */
TEST_F(unreal, behind_the_switch_to_protected_mode)
{
	struct kvm_sregs s;

	vcpu_get_sregs(self->v, &s);
	s.es.selector = 0x1233;
	s.es.base = 0x12330;
	vcpu_set_sregs(self->v, &s);
	self->v->regs.rbx = LOW_DATA;
	EXPECT_DONE(guest_insn(self->v, INSN16("mov %%cr0, %%eax; or $1, %%al; mov %%eax, %%cr0;"
					       "fninit; fnstcw (%%ebx); fld1; fistps %%es:2;"
					       "cvtsi2ss %%ecx, %%xmm0;"
					       "and $0xfe, %%al; mov %%eax, %%cr0")));
	EXPECT_EQ(0x37f, vm_read(self->vm, LOW_DATA, 2));
	EXPECT_EQ(1, vm_read(self->vm, 0x12332, 2));
}

TEST_F(unreal, random_numbers)
{
	if (!guest_has(self->vm, 1, 2, 30))
		SKIP(return, "no RDRAND");
	self->v->regs.rax = 0;
	EXPECT_DONE(guest_insn(self->v, INSN16("1: rdrand %%eax; jnc 1b")));
}

/* What exits elsewhere does so here. */
TEST_F(unreal, exits)
{
	struct vcpu *v = self->v;

	if (!on_bochs())
		SKIP(return, "nothing here is special on AMD-V");
	v->regs.rax = 77;
	EXPECT_DONE(guest_insn(v, INSN16("vmcall")));
	EXPECT_EQ(-1000, (int)v->regs.rax);
	EXPECT_EXC(guest_insn(v, INSN16("vmxoff")), VEC_UD);
	v->regs.rcx = 0;
	EXPECT_EXC(guest_insn(v, INSN16("rdpmc")), VEC_GP);
	EXPECT_EXC(guest_insn(v, INSN16("xsetbv")), VEC_UD);
}

/* A device's register is nothing for them: user space hears of it, and nothing loops. */
TEST_F(unreal, operand_in_a_device)
{
	self->v->regs.rbx = MMIO_GPA;
	EXPECT_EXIT(guest_insn(self->v, INSN16("flds (%%ebx)")), KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, self->v->run->internal.suberror);
}

/* With ordinary segments too: faults of what runs as virtual-8086 code are real mode's. */
FIXTURE(real) { struct vm *vm; struct vcpu *v; };
FIXTURE_SETUP(real)
{
	self->vm = vm_create(MODE_REAL);
	self->v = &self->vm->vcpu[0];
	set_data(self->v, 0, 0xffff);
}
FIXTURE_TEARDOWN(real) { vm_free(self->vm); }

TEST_F(real, operand_not_aligned)
{
	struct vcpu *v = self->v;
	struct result r;

	v->regs.rbx = 0x7e01;
	r = guest_insn(v, INSN16("addps (%%bx), %%xmm0"));
	EXPECT_EXC(r, VEC_GP);
	EXPECT_EQ(CODE_GPA, r.rip);
	EXPECT_EXC(guest_insn(v, INSN16("fxsave (%%bx)")), VEC_GP);
	EXPECT_EXC(guest_insn(v, INSN16("sqrtpd (%%bx), %%xmm0")), VEC_GP);
	v->regs.rbx = 0x7e00;
	EXPECT_DONE(guest_insn(v, INSN16("addps (%%bx), %%xmm0")));
}

TEST_F(real, operand_beyond_the_limit)
{
	struct vcpu *v = self->v;

	if (!checks_limits(v))
		SKIP(return, "no segment limits");
	v->regs.rbx = 0xffff;
	v->regs.rbp = 0xffff;
	EXPECT_EXC(guest_insn(v, INSN16("flds (%%bx)")), VEC_GP);
	EXPECT_EXC(guest_insn(v, INSN16("flds (%%bp)")), VEC_SS);
	EXPECT_EXC(guest_insn(v, INSN16("fnsave (%%bx)")), VEC_GP);
	EXPECT_EXC(guest_insn(v, INSN16("cvtsi2ss (%%bp), %%xmm0")), VEC_SS);
	v->regs.rbx = 0x10000;
	EXPECT_EXC(guest_insn(v, INSN16("flds (%%ebx)")), VEC_GP);
	EXPECT_EXC(guest_insn(v, INSN16("ldmxcsr (%%ebx)")), VEC_GP);
}

TEST_F(real, bad_mxcsr)
{
	if (!checks_limits(self->v))
		SKIP(return, "no limits, and MXCSR is not checked");
	self->v->regs.rbx = 0x7e00;
	memset(vm_ptr(self->vm, 0x7e00), 0xff, 4);
	EXPECT_EXC(guest_insn(self->v, INSN16("ldmxcsr (%%bx)")), VEC_GP);
}

TEST_F(real, lock_is_refused)
{
	self->v->regs.rbx = 0x7e00;
	EXPECT_EXC(guest_insn(self->v, INSN16(".byte 0xf0; addps (%%bx), %%xmm0")), VEC_UD);
}

TEST_F(real, bound)
{
	u16 *limits = vm_ptr(self->vm, 0x7e00);

	limits[0] = 5;
	limits[1] = 10;
	self->v->regs.rbx = 0x7e00;
	self->v->regs.rax = 7;
	EXPECT_DONE(guest_insn(self->v, INSN16("bound %%ax, (%%bx)")));
	self->v->regs.rax = 11;
	EXPECT_EXC(guest_insn(self->v, INSN16("bound %%ax, (%%bx)")), 5);
	set_data(self->v, 0, BIG);
	EXPECT_EXC(guest_insn(self->v, INSN16("bound %%ax, (%%bx)")), 5);
	self->v->regs.rax = 5;
	EXPECT_DONE(guest_insn(self->v, INSN16("bound %%ax, (%%bx)")));
}

TEST_HARNESS_MAIN
