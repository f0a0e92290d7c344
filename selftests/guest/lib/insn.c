// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm.h"

const char *result_str(struct result r)
{
	static char s[200];

	switch (r.kind) {
	case OUT_DONE:
		return "done";
	case OUT_EXC:
		snprintf(s, sizeof(s), "exception %u, error %#x, cr2 %#lx, at %#lx", r.vector,
			 r.error, r.cr2, r.rip);
		return s;
	case OUT_EXIT:
		snprintf(s, sizeof(s), "exit reason %u at %#lx", r.exit, r.rip);
		return s;
	default:
		snprintf(s, sizeof(s), "KVM_RUN: errno %d (%s)", r.err, strerror(r.err));
		return s;
	}
}

static int word_bytes(struct vm *vm)
{
	if (vm->mode == MODE_REAL)
		return 2;
	return vm->mode >= MODE_LONG4 ? 8 : 4;
}

/* The stub has pushed the vector below the error code and the processor's own frame. */
static void read_frame(struct vcpu *v, struct result *r)
{
	int w = word_bytes(v->vm);
	u64 sp = v->regs.rsp;
	struct kvm_sregs s;

	r->kind = OUT_EXC;
	r->vector = vm_read(v->vm, sp, 1);
	r->error = vm_read(v->vm, sp + w, w > 4 ? 4 : w);
	r->rip = vm_read(v->vm, sp + 2 * w, w);
	r->cs = vm_read(v->vm, sp + 3 * w, w) & 0xffff;
	r->rflags = vm_read(v->vm, sp + 4 * w, w);
	if (w == 8 || (r->cs & 3))
		r->rsp = vm_read(v->vm, sp + 5 * w, w);
	if (r->vector == VECTOR_DONE) {
		r->kind = OUT_DONE;
	} else if (r->vector == VEC_PF) {
		vcpu_get_sregs(v, &s);
		r->cr2 = s.cr2;
	}
}

static struct result classify(struct vcpu *v, int ret)
{
	struct result r = { .kind = OUT_ERRNO, .err = ret ? errno : 0 };

	if (ret)
		return r;
	if (ioctl(v->fd, KVM_GET_REGS, &v->regs))
		die("KVM_GET_REGS");
	r.exit = v->run->exit_reason;
	r.rip = v->regs.rip;
	r.kind = OUT_EXIT;
	if (r.exit != KVM_EXIT_IO || v->run->io.direction != KVM_EXIT_IO_OUT)
		return r;
	if (v->run->io.port == PORT_DONE)
		r.kind = OUT_DONE;
	else if (v->run->io.port == PORT_EXC)
		read_frame(v, &r);
	return r;
}

struct result vcpu_run(struct vcpu *v)
{
	return classify(v, ioctl(v->fd, KVM_RUN, 0));
}

/*
 * After an exit for I/O the vCPU is in the middle of an instruction; it is completed by the
 * next KVM_RUN, and only then are the registers settled. immediate_exit does just that.
 */
static void complete_io(struct vcpu *v)
{
	if (v->run->exit_reason != KVM_EXIT_IO && v->run->exit_reason != KVM_EXIT_MMIO)
		return;
	v->run->immediate_exit = 1;
	if (!ioctl(v->fd, KVM_RUN, 0) || errno != EINTR)
		die("immediate_exit did not end KVM_RUN with EINTR");
	v->run->immediate_exit = 0;
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
}

void vcpu_settle(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	vcpu_run(v);
	v->run->immediate_exit = 0;
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
}

struct result vcpu_enter(struct vcpu *v)
{
	complete_io(v);
	if (ioctl(v->fd, KVM_SET_REGS, &v->regs))
		die("KVM_SET_REGS");
	return vcpu_run(v);
}

static void put_code(struct vcpu *v, u64 gpa, struct blob code)
{
	static const u8 done[] = { 0xe6, PORT_DONE, 0xf4 };
	static const u8 user_done[] = { 0xcd, VECTOR_DONE, 0xf4 };
	u8 *p = vm_ptr(v->vm, gpa);

	memcpy(p, code.bytes, code.len);
	memcpy(p + code.len, v->user ? user_done : done, 3);
}

/* An IRET frame at the top of the supervisor's stack, and an IRET to run it. */
static void through_iret(struct vcpu *v, u64 rip)
{
	u64 frame[5] = { rip, USER_CS, v->flags | 2, USTACK_TOP - 0x100, USER_DS };
	static const u8 iret[] = { 0x48, 0xcf };
	int w = word_bytes(v->vm);
	bool is_long = w == 8;

	memcpy(vm_ptr(v->vm, CODE_GPA), iret + !is_long, 1 + is_long);
	v->regs.rip = CODE_GPA;
	v->regs.rsp = STACK_TOP - 0x100;
	v->regs.rflags = 2;
	for (int i = 0; i < 5; i++)
		memcpy(vm_ptr(v->vm, v->regs.rsp + i * w), &frame[i], w);
}

/* Runs from @rip with a fresh stack, at the privilege that v->user says. */
static struct result run_at(struct vcpu *v, u64 rip)
{
	if (v->user) {
		through_iret(v, rip);
	} else {
		v->regs.rip = rip;
		v->regs.rsp = STACK_TOP - 0x100;
		v->regs.rflags = 2 | v->flags;
	}
	return vcpu_enter(v);
}

/* Code at a physical address that is mapped one to one. */
struct result guest_insn_at(struct vcpu *v, u64 rip, struct blob code)
{
	put_code(v, rip, code);
	return run_at(v, rip);
}

struct result guest_insn(struct vcpu *v, struct blob code)
{
	return guest_insn_at(v, v->user ? UCODE_GPA : CODE_GPA, code);
}

/* mov between rax and (rbx): opcode for bytes, or the one after it for more */
static struct blob mov_insn(struct vcpu *v, int bytes, u8 opcode)
{
	static u8 b[8];
	int n = 0, w = word_bytes(v->vm);

	if (w == 2)
		b[n++] = 0x67;
	if ((bytes == 2 && w != 2) || (bytes == 4 && w == 2))
		b[n++] = 0x66;
	if (bytes == 8)
		b[n++] = 0x48;
	if (bytes == 8 && w != 8)
		die("8-byte mov in 32-bit mode");
	b[n++] = opcode + (bytes > 1);
	b[n++] = 0x03;
	return (struct blob){ b, n };
}

struct result guest_read(struct vcpu *v, u64 va, int bytes, u64 *value)
{
	struct result r;

	v->regs.rax = 0;
	v->regs.rbx = va;
	r = guest_insn(v, mov_insn(v, bytes, 0x8a));
	if (value)
		*value = v->regs.rax;
	return r;
}

struct result guest_write(struct vcpu *v, u64 va, u64 value, int bytes)
{
	v->regs.rax = value;
	v->regs.rbx = va;
	return guest_insn(v, mov_insn(v, bytes, 0x88));
}

/* What guest_exec() runs: int VECTOR_DONE. */
void put_exec_target(struct vm *vm, u64 gpa)
{
	u8 *p = vm_ptr(vm, gpa);

	p[0] = 0xcd;
	p[1] = VECTOR_DONE;
	p[2] = 0xf4;
}

struct result guest_exec(struct vcpu *v, u64 va)
{
	return run_at(v, va);
}

struct result guest_invlpg(struct vcpu *v, u64 va)
{
	static const u8 invlpg[] = { 0x0f, 0x01, 0x3b };

	v->regs.rbx = va;
	return guest_insn(v, (struct blob){ invlpg, 3 });
}

struct result guest_set_cr(struct vcpu *v, int nr, u64 value)
{
	u8 mov[] = { 0x0f, 0x22, 0xc0 | nr << 3 };

	v->regs.rax = value;
	return guest_insn(v, (struct blob){ mov, 3 });
}

u64 guest_get_cr(struct vcpu *v, int nr)
{
	u8 mov[] = { 0x0f, 0x20, 0xc0 | nr << 3 };
	struct result r = guest_insn(v, (struct blob){ mov, 3 });

	if (r.kind != OUT_DONE)
		die("mov from cr%d: %s", nr, result_str(r));
	return v->regs.rax;
}

struct result guest_wrmsr(struct vcpu *v, u32 msr, u64 value)
{
	static const u8 wrmsr[] = { 0x0f, 0x30 };

	v->regs.rcx = msr;
	v->regs.rax = (u32)value;
	v->regs.rdx = value >> 32;
	return guest_insn(v, (struct blob){ wrmsr, 2 });
}

struct result guest_rdmsr(struct vcpu *v, u32 msr, u64 *value)
{
	static const u8 rdmsr[] = { 0x0f, 0x32 };
	struct result r;

	v->regs.rcx = msr;
	r = guest_insn(v, (struct blob){ rdmsr, 2 });
	*value = (v->regs.rax & 0xffffffff) | v->regs.rdx << 32;
	return r;
}
