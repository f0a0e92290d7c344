// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/ioctl.h>

#include "chips.h"

int vm_make_chips(struct vm *vm, enum chips chips)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { SPLIT_PINS } };

	if (chips == CHIPS_ALL)
		return ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0);
	return chips == CHIPS_SPLIT ? ioctl(vm->fd, KVM_ENABLE_CAP, &split) : 0;
}

int vcpu_set_mp_state(struct vcpu *v, u32 state)
{
	struct kvm_mp_state s = { .mp_state = state };

	return ioctl(v->fd, KVM_SET_MP_STATE, &s);
}

struct vm *vm_create_with_chips(enum chips chips, int vcpus)
{
	struct vm *vm = vm_create_bare();

	if (vm_make_chips(vm, chips))
		die("interrupt controllers of kind %d", chips);
	vm_add_memory(vm, MODE_LONG4);
	vm_load_image(vm);
	pt_map(vm, LAPIC_GPA, LAPIC_GPA, PTE_KERNEL);
	pt_map(vm, IOAPIC_GPA, IOAPIC_GPA, PTE_KERNEL);
	while (vcpus--)
		if (vcpu_set_mp_state(vm_add_vcpu(vm), KVM_MP_STATE_RUNNABLE))
			die("KVM_SET_MP_STATE");
	return vm;
}

void vm_handle(struct vm *vm, int vector, void (*handler)(struct frame *))
{
	u64 target = (u64)handler;
	u64 gate[2] = {
		(target & 0xffff) | (u64)KERNEL_CS << 16 | 0x8eull << 40 |
			(target >> 16 & 0xffff) << 48,
		target >> 32,
	};

	memcpy(vm_ptr(vm, IDT_GPA + vector * 16), gate, sizeof(gate));
}

void vcpu_use_x2apic(struct vcpu *v)
{
	struct kvm_sregs s;

	vcpu_get_sregs(v, &s);
	s.apic_base |= APICBASE_X2;
	vcpu_set_sregs(v, &s);
}

int vm_irq_line(struct vm *vm, u32 gsi, u32 level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line) ? -1 : line.status;
}

asm(".pushsection .text\n"
    ".globl guest_sti_hlt, guest_hlt\n"
    "guest_sti_hlt:\n"
    "	sti\n"
    "guest_hlt:\n"
    "	hlt\n"
    "	ret\n"
    ".popsection\n");
