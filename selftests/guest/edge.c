// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that end where the canonical addresses do. The next one can't be fetched: #GP with
 * RIP behind the end, whoever executed the last one. Intel SDM volume 1, 3.3.7.1.
 */
#include <string.h>

#include "kselftest_harness.h"
#include "paging.h"

#define END		0x800000000000ul
#define FRAME		(DATA_GPA + 0x10000)

FIXTURE(edge) { struct vm *vm; struct vcpu *v; };

FIXTURE_SETUP(edge)
{
	self->vm = vm_create(MODE_LONG4);
	self->v = &self->vm->vcpu[0];
	pt_map(self->vm, END - PAGE_SIZE, FRAME, PTE_USER | PTE_A | PTE_D);
	/* Where an address that lost its upper bits would lead. */
	pt_map(self->vm, -END, FRAME + PAGE_SIZE, PTE_USER | PTE_A | PTE_D);
	memset(vm_ptr(self->vm, FRAME + PAGE_SIZE), 0x90, PAGE_SIZE);
}

FIXTURE_TEARDOWN(edge) { vm_free(self->vm); }

/* Let the last byte be at the very end. Return: where the first one is. */
static u64 put_at_end(struct vm *vm, struct blob code)
{
	memcpy(vm_ptr(vm, FRAME + PAGE_SIZE - code.len), code.bytes, code.len);
	return END - code.len;
}

static struct result run(struct vcpu *v, u64 rip)
{
	v->regs.rip = rip;
	v->regs.rsp = STACK_TOP - 0x100;
	v->regs.rflags = 2 | v->flags;
	return vcpu_enter(v);
}

static struct result run_at_end(struct vcpu *v, struct blob code)
{
	return run(v, put_at_end(v->vm, code));
}

#define EXPECT_FAULT_AT(r, where)				\
	do {							\
		struct result f_ = (r);				\
		EXPECT_EXC_ERR(f_, VEC_GP, 0);			\
		EXPECT_EQ((where), f_.rip);			\
	} while (0)

TEST_F(edge, executed_by_the_processor)
{
	EXPECT_FAULT_AT(run_at_end(self->v, INSN("nop")), END);
	EXPECT_FAULT_AT(run_at_end(self->v, INSN("nop; mov %%rax, %%rcx")), END);
}

TEST_F(edge, executed_for_the_guest)
{
	struct vcpu *v = self->v;

	EXPECT_FAULT_AT(run_at_end(v, INSN("cpuid")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("wbinvd")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("invlpg (%%rax)")), END);
	v->regs.rcx = MSR_TSC;
	EXPECT_FAULT_AT(run_at_end(v, INSN("rdmsr")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%dr7, %%rax")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%cr0, %%rax")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%rax, %%cr0")), END);
}

/* A read of CR3 is where the module goes on by itself. */
TEST_F(edge, ahead)
{
	struct vcpu *v = self->v;

	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%cr3, %%rax")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%cr3, %%rax; mov %%rax, %%cr3")), END);
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%cr3, %%rax; nop; nop; nop; nop; nop; nop; nop; nop;"
					   "nop; nop; nop; nop; nop; nop; nop; nop")), END);
}

TEST_F(edge, emulated)
{
	struct vcpu *v = self->v;
	u64 table = pt_map(self->vm, TEST_VA, DATA_GPA, PTE_KERNEL | PTE_A | PTE_D) & ~0xffful;

	EXPECT_DONE(guest_write(v, TEST_VA, 1, 8));
	v->regs.rbx = table + 0x800;
	v->regs.rax = 0;
	EXPECT_FAULT_AT(run_at_end(v, INSN("xadd %%rax, (%%rbx)")), END);
	v->regs.rbx = table + 0x800;
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%rax, (%%rbx)")), END);
}

TEST_F(edge, single_step)
{
	struct result r;

	self->v->flags = RFLAGS_TF;
	r = run_at_end(self->v, INSN("cpuid"));
	EXPECT_EXC(r, VEC_DB);
	EXPECT_EQ(END, r.rip);
}

TEST_F(edge, in_a_process)
{
	u64 rip = put_at_end(self->vm, INSN("cpuid"));
	u64 frame[] = { rip, USER_CS, 2, USTACK_TOP - 0x100, USER_DS };
	struct result r;

	memcpy(vm_ptr(self->vm, STACK_TOP - 0x100), frame, sizeof(frame));
	r = guest_insn(self->v, INSN("iretq"));
	EXPECT_EXC_ERR(r, VEC_GP, 0);
	EXPECT_EQ(END, r.rip);
	EXPECT_EQ(USER_CS, r.cs);
	EXPECT_EQ(USTACK_TOP - 0x100, r.rsp);
}

TEST_F(edge, across_the_end)
{
	EXPECT_FAULT_AT(run_at_end(self->v, INSN(".byte 0x0f")), END - 1);
	EXPECT_FAULT_AT(run_at_end(self->v, INSN(".byte 0xeb")), END - 1);
}

/* A branch faults itself. In QEMU's TCG it doesn't, and the fetch from its target faults. */
TEST_F(edge, branches)
{
	struct vcpu *v = self->v;

	v->regs.rax = END;
	if (run_at_end(v, INSN("jmp *%%rax; nop")).rip == END)
		SKIP(return, "targets of branches are not checked");
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%cr3, %%rax; .byte 0xeb, 0x10")), END - 2);
	EXPECT_FAULT_AT(run_at_end(v, INSN("mov %%cr3, %%rax; .byte 0xe9, 0, 0, 0, 0x10")),
			END - 5);
	v->regs.rax = END;
	EXPECT_FAULT_AT(run_at_end(v, INSN("jmp *%%rax; nop")), END - 3);
}

TEST_F(edge, beyond_from_the_beginning)
{
	struct vcpu *v = self->v;
	struct kvm_regs regs = v->regs;
	struct result r;

	regs.rip = END;
	regs.rsp = STACK_TOP - 0x100;
	regs.rflags = 2;
	v->regs = regs;
	r = vcpu_enter(v);
	EXPECT_FAULT_AT(r, END);
}

static bool on_vtx(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[4096];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "flags", 5) && strstr(line, " vmx ");
	if (f)
		fclose(f);
	return found;
}

/*
 * VT-x refuses entries with such a RIP, which Bochs does not: see that it is not asked to. What is
 * delivered by software counts as an exit of another kind.
 */
TEST_F(edge, no_entry_that_a_processor_refuses)
{
	long before = counter("exits_other");

	if (!on_vtx() || before < 0)
		SKIP(return, "not VT-x, or no counters");
	EXPECT_FAULT_AT(run_at_end(self->v, INSN("cpuid")), END);
	EXPECT_EQ(before + 1, counter("exits_other"));
}

TEST_HARNESS_MAIN
