// SPDX-License-Identifier: GPL-2.0-only
/* See exit_machine.h. */
#include "tap.h"

#include "exit_machine.h"
#include "breakpoint.h"
#include "chips.h"
#include "emul.h"
#include "entry_check.h"
#include "event.h"
#include "exit.h"
#include "halt.h"
#include "guest_debug.h"
#include "insn.h"
#include "mmu.h"
#include "mode.h"
#include "msr_filter.h"
#include "state.h"
#include "vendor.h"

int shim_pagefaults_off;
u8 cpuid_linear_bits = 48;

struct vcpu v;
const u8 *code;
unsigned int code_bytes;
bool cs_l, cs_db;
enum mmu_verdict verdict;
bool to_table, refuse;
bool no_memory;
unsigned int faults, emulated, unprotects;
gva_t invalidated;
gpa_t written;
u64 written_value;

void __attribute__((noreturn)) shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: %s", file, line, what);
}

/* ---- the MMU ---- */

static bool refused(void)
{
	CHECK_EQ(v.mmu.atomic, !!shim_pagefaults_off);
	return refuse && v.mmu.atomic;
}

enum mmu_verdict mmu_fault(struct mmu_vcpu *m, struct mmu_fault *f)
{
	faults++;
	f->gpa = 0x5000;
	f->to_table = to_table;
	f->err = -ENOMEM;
	return refused() ? MMU_WAIT : verdict;
}

unsigned int mmu_fetch(struct mmu_vcpu *m, gva_t gva, void *to, unsigned int len)
{
	gva_t at = v.regs.rip;

	if (!code)
		return 0;
	if (mode_insn(&v) != INSN_LONG64)
		at = (u32)(at + CS_BASE);
	CHECK_EQ(gva, at);
	memset(to, 0x90, len);
	memcpy(to, code, code_bytes);
	return len;
}

bool mmu_peek(struct mmu_vcpu *m, gva_t gva, u64 *data)
{
	return false;
}

int mmu_set_cr3(struct mmu_vcpu *m, u64 cr3, bool flush)
{
	return refused() ? -EFAULT : 0;
}

int mmu_set_pdptes(struct mmu_vcpu *m, const u64 pdpte[4])
{
	return 0;
}

int mmu_write_guest(struct mmu_vcpu *m, gpa_t gpa, const void *src, unsigned int len)
{
	if (refused())
		return -EFAULT;
	written = gpa;
	written_value = 0;
	memcpy(&written_value, src, len);
	return 0;
}

bool mmu_unprotect(struct mmu_vcpu *m, gpa_t gpa)
{
	unprotects++;
	return true;
}

void mmu_invlpg(struct mmu_vcpu *m, gva_t gva)
{
	invalidated = gva;
}

void mmu_set_mode(struct mmu_vcpu *m, const struct mmu_regs *regs) { }
void mmu_flush_address(struct mmu_vcpu *m, u64 pcid, gva_t gva) { }
void mmu_flush_pcid(struct mmu_vcpu *m, u64 pcid) { }
void mmu_flush_guest(struct mmu_vcpu *m) { }

/* ---- the backend ---- */

void vendor_get_segment(struct vcpu *vcpu, int seg, struct kvm_segment *out)
{
	*out = (struct kvm_segment){ .present = 1, .s = 1 };
	if (seg == VCPU_SREG_CS)
		*out = (struct kvm_segment){ .base = CS_BASE, .l = cs_l, .db = cs_db };
	else if (seg == VCPU_SREG_DS)
		out->base = DS_BASE;
	else if (seg == VCPU_SREG_FS)
		out->base = FS_BASE;
}

int vendor_get_cpl(struct vcpu *vcpu)
{
	return 0;
}

u32 vendor_get_shadow(struct vcpu *vcpu)
{
	return 0;
}

void vendor_set_shadow(struct vcpu *vcpu, u32 shadow) { }
void vendor_update_mode(struct vcpu *vcpu) { }
void vendor_dump(struct vcpu *vcpu) { }

/* ---- the rest of the module ---- */

bool boot_cpu_has(enum shim_feature feature)
{
	return false;
}

void shim_param_add(const char *name, void *var, size_t size) { }

bool entry_segments_ok(const struct kvm_sregs *sregs)
{
	return true;
}

u32 debug_hits(const struct vcpu *vcpu, u64 addr, unsigned int bytes, enum breakpoint_kind kind)
{
	return 0;
}

void event_queue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	vcpu->events.exception = (struct event){ EVENT_EXCEPTION, vector, has_error, error };
}

void event_queue_pf(struct vcpu *vcpu, gva_t gva, u32 error)
{
	vcpu->mode.cr2 = gva;
	event_queue_exception(vcpu, 14, true, error);
}

void event_queue_db(struct vcpu *vcpu, u64 dr6)
{
	vcpu->debug.dr6 |= dr6;
	event_queue_exception(vcpu, 1, false, 0);
}

void cpuid_query(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	*eax = *ebx = *ecx = *edx = 7;
}

int msr_guest_read(struct vcpu *vcpu, u32 index, u64 *data)
{
	*data = 1;
	return 0;
}

int msr_guest_write(struct vcpu *vcpu, u32 index, u64 data)
{
	return refused() ? -EFAULT : 0;
}

/* There is no APIC in the kernel, and no device. */
void chips_set_tpr(struct vcpu *vcpu, u64 cr8) { }

int chips_set_apic_base(struct vcpu *vcpu, u64 base, bool host)
{
	return 0;
}

long pv_hypercall(struct vcpu *vcpu, bool wide)
{
	return -1;
}

struct memslot *memslot_find(struct vm *vm, gfn_t gfn)
{
	static struct memslot slot;

	return no_memory ? NULL : &slot;
}

u32 msr_exit_reason(const struct vcpu *vcpu, int err)
{
	return 0;
}

bool device_access(struct vcpu *vcpu, const struct io_access *a, void *data)
{
	return false;
}

bool guest_debug_at_int3(struct vcpu *vcpu)
{
	return false;
}

enum handled vcpu_halt(struct vcpu *vcpu)
{
	return exit_to_user(vcpu, KVM_EXIT_HLT);
}

enum handled guest_debug_int3(struct vcpu *vcpu)
{
	TAP_FAIL("a breakpoint of nobody's");
}

enum handled guest_debug_int(struct vcpu *vcpu)
{
	return REENTER;
}

void vcpu_init(struct vcpu *vcpu)
{
	CHECK(!vcpu->mmu.atomic);
}

/* The emulator sleeps. */
static enum handled emulate_here(void)
{
	CHECK(!v.mmu.atomic);
	emulated++;
	return REENTER;
}

enum handled emul_one(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	CHECK(!fault || fault == &v.fault);
	return emulate_here();
}

enum handled emul_fault(struct vcpu *vcpu, const struct event *fault)
{
	return emulate_here();
}

enum handled emul_event(struct vcpu *vcpu, const struct event *event)
{
	return emulate_here();
}

enum handled emul_task(struct vcpu *vcpu, const struct exit *exit)
{
	return emulate_here();
}

bool emul_unprotect(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	CHECK(!vcpu->mmu.atomic);
	return true;
}

unsigned int emul_length(struct vcpu *vcpu)
{
	CHECK(!vcpu->mmu.atomic);
	vcpu->emul->insn.op = OP_NOP;
	return 3;
}

enum handled emul_fix_call(struct vcpu *vcpu)
{
	CHECK(!vcpu->mmu.atomic);
	return REENTER;
}

bool cpuid_has_mwait(struct vcpu *vcpu)
{
	return false;
}

bool eventfd_watches(struct vm *vm, const struct io_access *a)
{
	return false;
}

int mmu_read_guest(struct mmu_vcpu *m, gpa_t gpa, void *dst, unsigned int len)
{
	memset(dst, 0, len);
	return 0;
}
