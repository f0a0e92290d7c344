/* SPDX-License-Identifier: GPL-2.0-only */
/* VMs with interrupt controllers in the kernel, and how C guests (smp.h) get at them. */
#ifndef SELFTESTS_CHIPS_H
#define SELFTESTS_CHIPS_H

#include "smp.h"

enum chips { CHIPS_NONE, CHIPS_ALL, CHIPS_SPLIT };

#define SPLIT_PINS	24
#define LAPIC_GPA	0xfee00000ul	/* both are mapped there, one to one */
#define IOAPIC_GPA	0xfec00000ul
#define MSR_APICBASE	0x1b
#define MSR_DEADLINE	0x6e0
#define MSR_X2APIC	0x800
#define APICBASE_X2	(1ul << 10)

#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_SPIV	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_LINT0	0x350
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0

#define ICR_ASSERT	(1u << 14)
#define ICR_NMI		(4u << 8)
#define ICR_SELF	(1u << 18)
#define ICR_ALL		(2u << 18)
#define ICR_OTHERS	(3u << 18)

#define LVT_MASKED	(1u << 16)
#define LVT_PERIODIC	(1u << 17)
#define LVT_DEADLINE	(2u << 17)

#define IOAPIC_PINS	24
#define IOAPIC_LEVEL	(1u << 15)

/* What the processor pushes; for functions that vm_handle() names. */
struct frame {
	u64 rip, cs, rflags, rsp, ss;
};
#define HANDLER __attribute__((interrupt))

/* In long mode; all vCPUs are runnable. Any set of chips that the VM can't have is fatal. */
struct vm *vm_create_with_chips(enum chips chips, int vcpus);
int vm_make_chips(struct vm *vm, enum chips chips);	/* the ioctl's result */
void vm_handle(struct vm *vm, int vector, void (*handler)(struct frame *));
void vcpu_use_x2apic(struct vcpu *v);
int vcpu_set_mp_state(struct vcpu *v, u32 state);
int vm_irq_line(struct vm *vm, u32 gsi, u32 level);	/* status, or -1 with errno */

/* ---- for guest code ---- */

static inline void apic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(LAPIC_GPA + reg) = value;
}

static inline u32 apic_read(u32 reg)
{
	return *(volatile u32 *)(LAPIC_GPA + reg);
}

static inline void guest_write_msr(u32 index, u64 value)
{
	asm volatile("wrmsr" : : "c" (index), "a" ((u32)value), "d" ((u32)(value >> 32)) :
		     "memory");
}

static inline void x2apic_write(u32 reg, u64 value)
{
	guest_write_msr(MSR_X2APIC + (reg >> 4), value);
}

/* By the way that the vCPU's APIC is in. */
static inline void guest_apic_write(bool x2apic, u32 reg, u32 value)
{
	if (x2apic)
		x2apic_write(reg, value);
	else
		apic_write(reg, value);
}

static inline void ioapic_write(u32 index, u32 value)
{
	*(volatile u32 *)IOAPIC_GPA = index;
	*(volatile u32 *)(IOAPIC_GPA + 0x10) = value;
}

static inline void guest_outb(u16 port, u8 value)
{
	asm volatile("outb %0, %w1" : : "a" (value), "Nd" (port) : "memory");
}

static inline u8 guest_inb(u16 port)
{
	u8 value;

	asm volatile("inb %w1, %0" : "=a" (value) : "Nd" (port) : "memory");
	return value;
}

static inline u64 guest_tsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | (u64)high << 32;
}

static inline void guest_cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void guest_sti(void)
{
	asm volatile("sti" : : : "memory");
}

/*
 * With interrupts off: nothing comes between the last look and the halt. But QEMU 7.2's VMRUN
 * forgets that STI was just there, and on KVM an interrupt may then come right before the HLT,
 * which nobody ends: a handler that calls guest_no_hlt() leaves that HLT out, and is told so.
 */
void guest_sti_hlt(void);
extern const char guest_hlt[];

static inline bool guest_no_hlt(struct frame *f)
{
	if (f->rip != (u64)guest_hlt)
		return false;
	f->rip++;
	return true;
}

#endif
