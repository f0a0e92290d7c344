// SPDX-License-Identifier: GPL-2.0-only
/* One instruction of a vCPU through the emulator, and what follows from how it ended. */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "emul.h"
#include "emulate.h"
#include "entry_check.h"
#include "event.h"
#include "exit.h"
#include "halt.h"
#include "insn.h"
#include "mmu.h"
#include "mode.h"
#include "vcpu.h"
#include "vendor.h"
#include "vm.h"

#define DR7_LOCAL	0x155ull	/* L0 to L3, LE */

/*
 * A table that is unshadowed for an unknown instruction may be needed to execute just that
 * instruction, and come back at once. When the guest's registers have been the very same for
 * so many times, it won't get on.
 */
#define MAX_UNPROTECTS	64

static void load_ctxt(struct vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = vcpu->emul;

	ctxt->ops = &emul_ops;
	ctxt->priv = vcpu;
	memcpy(ctxt->regs, vcpu->regs.gpr, sizeof(ctxt->regs));
	ctxt->rip = vcpu->regs.rip;
	ctxt->rflags = vcpu->regs.rflags;
	ctxt->mode = mode_insn(vcpu);
	ctxt->cpl = vendor(get_cpl)(vcpu);
	ctxt->la57 = vcpu->mode.cr4 & X86_CR4_LA57;
	ctxt->intel = vcpu->cpuid.intel;
	ctxt->base57 = cpuid_linear_bits > 48;
	ctxt->has_invpcid = vcpu->cpuid.invpcid;
	ctxt->has_alt_cr8 = vcpu->cpuid.alt_cr8;
	ctxt->code_len = 0;
	ctxt->shadow = 0;
	ctxt->traps = 0;
	ctxt->tf_trap = false;
	ctxt->rep_partial = false;
	ctxt->task_switched = false;
}

static void begin(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	vcpu->io.pos = 0;
	vcpu->run_error = 0;
	vcpu->io.then = 0;
	vcpu->io.fault = fault;
	vcpu->debug.hits = 0;
	load_ctxt(vcpu);
}

/* Also after a fault or an exit: the complete iterations of a repeated instruction are in it. */
static void store_ctxt(struct vcpu *vcpu)
{
	const struct emulate_ctxt *ctxt = vcpu->emul;

	memcpy(vcpu->regs.gpr, ctxt->regs, sizeof(ctxt->regs));
	vcpu->regs.rip = ctxt->rip;
	vcpu->regs.rflags = ctxt->rflags;
}

static enum handled inject_fault(struct vcpu *vcpu)
{
	const struct emulate_fault *f = &vcpu->emul->fault;

	vcpu->debug.hits = 0;
	/* The only #DB that an instruction raises is a fault: of a debug register with DR7.GD. */
	if (f->vector == EMU_DB)
		vcpu->regs.rflags |= X86_EFLAGS_RF;
	if (f->vector == EMU_PF)
		event_queue_pf(vcpu, f->cr2, f->error);
	else
		event_queue_exception(vcpu, f->vector, f->has_error, f->error);
	return REENTER;
}

/* Between two iterations Intel's processors hide breakpoints from the one that goes on. */
static void end_iteration(struct vcpu *vcpu)
{
	if (vcpu->cpuid.intel)
		vcpu->regs.rflags |= X86_EFLAGS_RF;
}

/* Breakpoints of the old task are off. */
static void leave_task(struct vcpu *vcpu)
{
	vcpu->debug.dr7 &= ~DR7_LOCAL;
	vendor(update_mode)(vcpu);
}

/* RIP and RFLAGS are the emulator's work; all else that happens at the end is not. */
static void ended(struct vcpu *vcpu, u32 shadow, bool step)
{
	if (vcpu->emul->task_switched)
		leave_task(vcpu);
	vcpu->debug.hits |= vcpu->emul->traps;
	insn_end(vcpu, shadow, step);
}

static enum handled done(struct vcpu *vcpu)
{
	const struct emulate_ctxt *ctxt = vcpu->emul;

	vcpu->stats.emulated++;
	if (ctxt->insn.op == OP_IRET)
		vcpu->events.nmi_masked = false;
	if (ctxt->rep_partial)
		end_iteration(vcpu);
	ended(vcpu, (ctxt->shadow & EMU_SHADOW_STI ? SHADOW_STI : 0) |
		    (ctxt->shadow & EMU_SHADOW_MOV_SS ? SHADOW_MOV_SS : 0), ctxt->tf_trap);
	if (vcpu->io.then == KVM_EXIT_HLT)
		return vcpu_halt(vcpu);
	return vcpu->io.then ? exit_to_user(vcpu, vcpu->io.then) : REENTER;
}

/*
 * In an unprivileged process of the guest it is that process's problem, not the machine's, unless
 * user space wants to know.
 */
static enum handled failed(struct vcpu *vcpu)
{
	const struct emulate_ctxt *ctxt = vcpu->emul;
	struct kvm_run *run = vcpu->run;

	vcpu->stats.emulate_failed++;
	if (vendor(get_cpl)(vcpu) && !READ_ONCE(vcpu->vm->exit_on_failure)) {
		event_queue_exception(vcpu, X86_TRAP_UD, false, 0);
		return REENTER;
	}
	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 3;	/* the flags, and two words of size and bytes */
	if (ctxt->code_len) {
		run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = ctxt->code_len;
		memcpy(run->emulation_failure.insn_bytes, ctxt->code, ctxt->code_len);
	}
	return exit_to_user(vcpu, KVM_EXIT_INTERNAL_ERROR);
}

bool emul_unprotect(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	struct vcpu_io *io = &vcpu->io;

	if (memcmp(&io->stuck.regs, &vcpu->regs, sizeof(vcpu->regs))) {
		io->stuck.regs = vcpu->regs;
		io->stuck.count = 0;
	}
	if (fault->self_map || ++io->stuck.count > MAX_UNPROTECTS)
		return false;
	mmu_unprotect(&vcpu->mmu, fault->gpa);
	return true;
}

static bool run_alone(struct vcpu *vcpu)
{
	const struct emulate_ctxt *ctxt = vcpu->emul;

	return vendor(run_alone)(vcpu, ctxt->decoded ? &ctxt->insn : NULL);
}

static enum handled unhandled(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	if (fault && fault->to_table && emul_unprotect(vcpu, fault))
		return REENTER;
	if (!fault && run_alone(vcpu))
		return REENTER;
	return failed(vcpu);
}

static enum handled needs_user(struct vcpu *vcpu)
{
	if (vcpu->run_error)
		return FAIL;
	vcpu->io.pending = IO_EMULATE;
	vcpu->io.rip = vcpu->regs.rip;
	return TO_USER;
}

/* INT1 is delivered as exit.c does it: an exception behind the instruction, TF or not. */
static enum emu_status int1(struct vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = vcpu->emul;

	ctxt->rip += ctxt->insn.length;
	if (ctxt->mode != INSN_LONG64)
		ctxt->rip = (u32)ctxt->rip;
	ctxt->rflags &= ~(u64)X86_EFLAGS_RF;
	event_queue_exception(vcpu, X86_TRAP_DB, false, 0);
	return EMU_DONE;
}

/* What the emulator has no operation for, as it is about the vCPU. */
static enum emu_status beyond_emulator(struct vcpu *vcpu)
{
	if (vcpu->emul->decoded && vcpu->emul->insn.op == OP_INT1)
		return int1(vcpu);
	return EMU_UNHANDLED;
}

static enum emu_status run_emulator(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	struct emulate_ctxt *ctxt = vcpu->emul;
	enum emu_status status;

	begin(vcpu, fault);
	status = emulate(ctxt);
	if (status == EMU_UNHANDLED)
		status = beyond_emulator(vcpu);
	store_ctxt(vcpu);
	vcpu->io.fault = NULL;
	return status;
}

static enum handled faulted(struct vcpu *vcpu)
{
	if (vcpu->emul->task_switched)
		leave_task(vcpu);
	return inject_fault(vcpu);
}

static enum handled act(struct vcpu *vcpu, enum emu_status status, const struct mmu_fault *fault)
{
	switch (status) {
	case EMU_DONE:
		return done(vcpu);
	case EMU_FAULT:
		return faulted(vcpu);
	case EMU_EXIT:
		return needs_user(vcpu);
	case EMU_RETRY:
		return REENTER;
	case EMU_UNHANDLED:
		break;
	}
	return unhandled(vcpu, fault);
}

enum handled emul_one(struct vcpu *vcpu, const struct mmu_fault *fault)
{
	io_begin(vcpu);
	return act(vcpu, run_emulator(vcpu, fault), fault);
}

enum handled emul_fault(struct vcpu *vcpu, const struct event *fault)
{
	enum emu_status status;

	io_begin(vcpu);
	status = run_emulator(vcpu, NULL);
	if (status != EMU_UNHANDLED)
		return act(vcpu, status, NULL);
	if (!run_alone(vcpu))
		event_queue_exception(vcpu, fault->vector, fault->has_error, fault->error);
	return REENTER;
}

/* What INT n does, which seems to end where the guest stands: it pushes that rip. */
static enum emu_status deliver_real(struct emulate_ctxt *ctxt, u8 vector)
{
	ctxt->code[0] = 0xcd;
	ctxt->code[1] = vector;
	ctxt->code_len = 2;
	ctxt->rip -= 2;
	return emulate(ctxt);
}

/* A fault behind a task switch is the new task's, whose state is in force. */
static enum emu_status taken_over(struct vcpu *vcpu, enum emu_status status)
{
	if (!status || (status == EMU_FAULT && vcpu->emul->task_switched))
		store_ctxt(vcpu);
	return status;
}

/* What was injected is delivered. */
static void event_arrived(struct vcpu *vcpu)
{
	static const struct event none = { .type = EVENT_NONE };

	event_requeue(vcpu, &none);
}

static enum emu_status run_event(struct vcpu *vcpu, const struct event *event)
{
	const struct emu_event e = {
		.vector = event->vector, .soft = event->type == EVENT_SOFT_IRQ,
		.has_error = event->has_error, .error = event->error,
	};
	struct emulate_ctxt *ctxt = vcpu->emul;
	enum emu_status status;

	io_begin(vcpu);
	begin(vcpu, NULL);
	if (ctxt->mode == INSN_REAL16)
		status = deliver_real(ctxt, event->vector);
	else
		status = emulate_event_delivery(ctxt, &e);
	return taken_over(vcpu, status);
}

enum handled emul_event(struct vcpu *vcpu, const struct event *event)
{
	switch (run_event(vcpu, event)) {
	case EMU_DONE:
		event_arrived(vcpu);
		vcpu->debug.held = 0;
		ended(vcpu, 0, false);	/* the frame may have hit a breakpoint */
		return REENTER;
	case EMU_FAULT:
		if (vcpu->emul->task_switched)
			event_arrived(vcpu);
		return faulted(vcpu);
	case EMU_RETRY:
		return REENTER;
	default:
		break;
	}
	if (vcpu->run_error)
		return FAIL;
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, 2, (u64)event->vector,
				   (u64)event->type);
}

#define TRAPS	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_BP) | BIT(X86_TRAP_OF) | BIT(X86_TRAP_DF) | \
		 BIT(X86_TRAP_MC))

static enum emu_status run_task(struct vcpu *vcpu, const struct exit *exit)
{
	const struct event *e = &exit->delivering;
	const struct emu_task_switch how = {
		.selector = exit->task.selector,
		.source = exit->task.source,
		.external = e->type != EVENT_NONE,
		.restarts = e->type == EVENT_EXCEPTION && !(BIT(e->vector & 31) & TRAPS),
		.has_error = exit->task.has_error,
		.error = exit->task.error,
	};
	struct emulate_ctxt *ctxt = vcpu->emul;
	enum emu_status status;

	io_begin(vcpu);
	begin(vcpu, NULL);
	ctxt->insn = (struct insn){ .op = OP_OTHER };
	if (e->type == EVENT_NONE)
		ctxt->rip = insn_next(vcpu, exit);
	status = emulate_task_switch(ctxt, &how);
	return taken_over(vcpu, status);
}

/* The event has arrived: it switched the tasks. A switch back ends the blocking of NMIs. */
static void task_arrived(struct vcpu *vcpu, const struct exit *exit)
{
	event_arrived(vcpu);
	if (exit->task.source == EMU_TASK_IRET)
		vcpu->events.nmi_masked = false;
}

enum handled emul_task(struct vcpu *vcpu, const struct exit *exit)
{
	switch (run_task(vcpu, exit)) {
	case EMU_DONE:
		task_arrived(vcpu, exit);
		return done(vcpu);
	case EMU_FAULT:
		if (vcpu->emul->task_switched)
			task_arrived(vcpu, exit);
		return faulted(vcpu);
	case EMU_RETRY:
		return REENTER;
	default:
		break;
	}
	if (vcpu->run_error)
		return FAIL;
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION, 4, 0ull, exit->hw_reason,
				   exit->hw_info[0], exit->hw_info[1]);
}

enum handled emul_resume(struct vcpu *vcpu)
{
	return act(vcpu, run_emulator(vcpu, NULL), NULL);
}

/* Where the instruction is in linear memory. */
static gva_t code_address(struct emulate_ctxt *ctxt)
{
	struct emulate_segment cs;

	if (ctxt->mode == INSN_LONG64)
		return ctxt->rip;
	ctxt->ops->get_segment(ctxt, SREG_CS, &cs);
	return (u32)(ctxt->rip + cs.base);
}

enum handled emul_fix_call(struct vcpu *vcpu)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 }, vmmcall[] = { 0x0f, 0x01, 0xd9 };
	struct emulate_ctxt *ctxt = vcpu->emul;
	const u8 *native = ctxt->insn.op == OP_VMCALL ? vmmcall : vmcall;
	enum emu_status status = EMU_UNHANDLED;

	vcpu->run_error = 0;
	if (ctxt->insn.length == sizeof(vmcall))
		status = emul_mem_patch(ctxt, code_address(ctxt), native, sizeof(vmcall));
	if (status == EMU_EXIT)
		return FAIL;
	if (status == EMU_FAULT || status == EMU_UNHANDLED)
		event_queue_exception(vcpu, X86_TRAP_UD, false, 0);
	return REENTER;
}

unsigned int emul_length(struct vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = vcpu->emul;
	unsigned int bytes, n = 0;
	int decoded = INSN_MORE;
	gva_t gva;

	load_ctxt(vcpu);
	gva = code_address(ctxt);
	while (decoded == INSN_MORE && n < INSN_MAX_BYTES) {
		bytes = min_t(unsigned int, INSN_MAX_BYTES - n, PAGE_SIZE - offset_in_page(gva));
		if (emul_mem_fetch(ctxt, gva, ctxt->code + n, bytes))
			break;
		n += bytes;
		gva += bytes;
		decoded = insn_decode(&ctxt->insn, ctxt->code, n, ctxt->mode);
	}
	return decoded == INSN_OK ? ctxt->insn.length : 0;
}
