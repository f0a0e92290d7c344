// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "paging.h"
#include "vm.h"

void vcpu_get_sregs(struct vcpu *v, struct kvm_sregs *sregs)
{
	if (ioctl(v->fd, KVM_GET_SREGS, sregs))
		die("KVM_GET_SREGS");
}

void vcpu_set_sregs(struct vcpu *v, const struct kvm_sregs *sregs)
{
	if (ioctl(v->fd, KVM_SET_SREGS, sregs))
		die("KVM_SET_SREGS");
}

/* With ones where the kernel writes nothing. */
struct kvm_vcpu_events vcpu_get_events(struct vcpu *v)
{
	struct kvm_vcpu_events e;

	memset(&e, 0xff, sizeof(e));
	if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e))
		die("KVM_GET_VCPU_EVENTS: %d", errno);
	return e;
}

int vcpu_set_events(struct vcpu *v, struct kvm_vcpu_events e)
{
	return ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e) ? errno : 0;
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

/* Both return how many MSRs were done: 1 or 0. */
int vcpu_get_msr(struct vcpu *v, u32 index, u64 *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };
	int n = ioctl(v->fd, KVM_GET_MSRS, &m);

	*value = m.entry.data;
	return n;
}

int vcpu_set_msr(struct vcpu *v, u32 index, u64 value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return ioctl(v->fd, KVM_SET_MSRS, &m);
}

static bool pushes_error(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

/* The same bytes do in 16-, 32- and 64-bit code: push error, push vector, out. */
static void write_stub(struct vm *vm, int vector)
{
	u8 *p = vm_ptr(vm, STUBS_GPA + vector * 16);

	if (!pushes_error(vector) || vm->mode == MODE_REAL) {
		*p++ = 0x6a;
		*p++ = 0;
	}
	*p++ = 0x6a;
	*p++ = vector;
	*p++ = 0xe6;
	*p++ = PORT_EXC;
	*p++ = 0xf4;
}

static void write_gate(struct vm *vm, int vector, bool is_long)
{
	u64 target = STUBS_GPA + vector * 16;
	u64 gate = (target & 0xffff) | (u64)KERNEL_CS << 16 | 0x8eull << 40 |
		   (target >> 16 & 0xffff) << 48;

	if (vector >= VECTOR_DONE || vector == 3)
		gate |= 3ull << 45;
	if (is_long) {
		memcpy(vm_ptr(vm, IDT_GPA + vector * 16), &gate, 8);
		memset(vm_ptr(vm, IDT_GPA + vector * 16 + 8), 0, 8);
	} else {
		memcpy(vm_ptr(vm, IDT_GPA + vector * 8), &gate, 8);
	}
}

static void write_gdt(struct vm *vm, bool is_long)
{
	u64 *gdt = vm_ptr(vm, GDT_GPA);
	u64 code = is_long ? 0x00af9b000000ffff : 0x00cf9b000000ffff;

	gdt[KERNEL_CS / 8] = code;
	gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	gdt[USER_DS / 8] = 0x00cff3000000ffff;
	gdt[USER_CS / 8] = code | 3ull << 45;
	gdt[TSS_SEL / 8] = 0x0000890000000067ull | TSS_GPA << 16;
	gdt[TSS_SEL / 8 + 1] = 0;
	gdt[CODE16_SEL / 8] = 0x00009b000000ffff;
	gdt[DATA16_SEL / 8] = 0x000093000000ffff;
	gdt[CODE32_SEL / 8] = 0x00cf9b000000ffff;
	gdt[CODE64_SEL / 8] = 0x00af9b000000ffff;
}

static void write_tss(struct vm *vm, bool is_long)
{
	u32 *tss = vm_ptr(vm, TSS_GPA);

	memset(tss, 0, 0x68);
	tss[1] = STACK_TOP;			/* esp0 or rsp0 */
	if (!is_long)
		tss[2] = KERNEL_DS;
	((u16 *)tss)[0x66 / 2] = 0x68;		/* no I/O bitmap */
}

/* Descriptor tables and stubs for vm->mode. */
void vm_write_descriptors(struct vm *vm)
{
	bool is_long = vm->mode >= MODE_LONG4;
	u16 *ivt = vm_ptr(vm, IVT_GPA);

	for (int i = 0; i < 256; i++) {
		write_stub(vm, i);
		write_gate(vm, i, is_long);
		ivt[2 * i] = STUBS_GPA + i * 16;
		ivt[2 * i + 1] = 0;
	}
	write_gdt(vm, is_long);
	write_tss(vm, is_long);
}

static struct kvm_segment flat_segment(u16 selector, u8 type, int dpl, bool l)
{
	return (struct kvm_segment){
		.selector = selector, .limit = 0xffffffff, .type = type, .present = 1,
		.dpl = dpl, .s = 1, .g = 1, .l = l, .db = !l,
	};
}

static struct kvm_segment real_segment(u8 type)
{
	return (struct kvm_segment){ .limit = 0xffff, .type = type, .present = 1, .s = 1 };
}

static void real_segments(struct kvm_sregs *s)
{
	s->cs = real_segment(0xb);
	s->ds = s->es = s->fs = s->gs = s->ss = real_segment(3);
	s->idt.base = IVT_GPA;
	s->idt.limit = 0x3ff;
}

static void flat_segments(struct kvm_sregs *s, bool is_long)
{
	s->cs = flat_segment(KERNEL_CS, 0xb, 0, is_long);
	s->ss = flat_segment(KERNEL_DS, 3, 0, false);
	/* IRET to user mode would empty segments of the supervisor */
	s->ds = s->es = s->fs = s->gs = flat_segment(USER_DS, 3, 3, false);
	s->tr = (struct kvm_segment){
		.base = TSS_GPA, .limit = 0x67, .selector = TSS_SEL, .type = 0xb, .present = 1,
	};
	s->idt.base = IDT_GPA;
	s->idt.limit = is_long ? 0xfff : 0x7ff;
	s->gdt.base = GDT_GPA;
	s->gdt.limit = 0x7f;
}

static void control_registers(struct vcpu *v, struct kvm_sregs *s, enum guest_mode mode)
{
	bool nx = GUEST_HAS_NX(v->vm);

	s->cr0 = CR0_ET | CR0_NE;
	s->cr3 = s->cr4 = s->efer = 0;
	if (mode >= MODE_PROT)
		s->cr0 |= CR0_PE;
	if (mode < MODE_32)
		return;
	s->cr0 |= CR0_PG | CR0_WP;
	s->cr3 = v->vm->root;
	s->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PGE | (mode == MODE_32 ? CR4_PSE : CR4_PAE);
	if (mode >= MODE_LONG4)
		s->efer = EFER_LME | EFER_LMA;
	if (nx && mode >= MODE_PAE)
		s->efer |= EFER_NXE;
	if (mode == MODE_LONG5)
		s->cr4 |= CR4_LA57;
}

/*
 * The guest loads TR itself in 32-bit mode: QEMU's TCG ends with 'invalid tss type' when a
 * stack is switched through a TSS whose hidden type came busy out of the VMCB.
 */
void vcpu_load_tr(struct vcpu *v)
{
	u8 *type = vm_ptr(v->vm, GDT_GPA + TSS_SEL + 5);
	struct result r;

	if (v->vm->mode != MODE_PROT && v->vm->mode != MODE_32 && v->vm->mode != MODE_PAE)
		return;
	*type = 0x89;
	v->regs.rax = TSS_SEL;
	r = guest_insn(v, INSN32("ltr %%ax"));
	if (r.kind != OUT_DONE)
		die("ltr: %s", result_str(r));
}

void vcpu_set_mode(struct vcpu *v, enum guest_mode mode)
{
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	if (mode == MODE_REAL)
		real_segments(&s);
	else
		flat_segments(&s, mode >= MODE_LONG4);
	control_registers(v, &s, mode);
	vcpu_set_sregs(v, &s);
	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rflags = 2;
	vcpu_load_tr(v);
}
