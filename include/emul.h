/* SPDX-License-Identifier: GPL-2.0-only */
/* The emulator at work for a vCPU, and what it leaves to user space. */
#ifndef UMBRA_EMUL_H
#define UMBRA_EMUL_H

#include "emulate.h"
#include "exit.h"
#include "types.h"

struct event;
struct io_access;
struct mmu_fault;
struct vcpu;

/* ---- emul.c, emul_mem.c, emul_ops.c ---- */

extern const struct emulate_ops emul_ops;

/* Those of the operations that reach memory, see struct emulate_ops (emul_mem.c). */
enum emu_status emul_mem_fetch(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes);
enum emu_status emul_mem_read(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			      unsigned int bytes, unsigned int flags);
enum emu_status emul_mem_write(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
			       unsigned int bytes, unsigned int flags);
enum emu_status emul_mem_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				 const void *new, unsigned int bytes, bool *swapped);
enum emu_status emul_mem_io_block(struct emulate_ctxt *ctxt, u16 port, bool in, gva_t addr,
				  unsigned int bytes, unsigned int *count);
/**
 * emul_mem_patch() - change code as the guest itself could
 * @ctxt:	the emulation
 * @addr:	linear address
 * @buf: @bytes: what is to be there
 *
 * Return: EMU_DONE; EMU_FAULT: the guest may not; EMU_UNHANDLED: there is no RAM; EMU_RETRY;
 * EMU_EXIT: vcpu.run_error is KVM_RUN's.
 */
enum emu_status emul_mem_patch(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
			       unsigned int bytes);
enum emu_status emul_mem_probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
			       unsigned int flags);

/**
 * emul_error() - an op found that the host lacks something
 * @vcpu:	the vCPU
 * @err:	negative errno, which KVM_RUN returns
 *
 * Return: EMU_EXIT.
 */
enum emu_status emul_error(struct vcpu *vcpu, int err);

/**
 * emul_one() - run the instruction at rip in the emulator
 * @vcpu:	loaded, slots held
 * @write_fault: the MMU's fault if a write to a shadowed table brought us here,
 *		else NULL; an instruction that the emulator does not know then
 *		runs for itself, after the table lost its shadow
 *
 * Return: as exit_handle().
 */
enum handled emul_one(struct vcpu *vcpu, const struct mmu_fault *write_fault);

/**
 * emul_fault() - as emul_one(), after the processor raised a fault
 * @vcpu:	loaded, slots held
 * @fault:	which is the guest's, unless the emulator knows the instruction better
 *
 * Return: as exit_handle().
 */
enum handled emul_fault(struct vcpu *vcpu, const struct event *fault);

/**
 * emul_event() - deliver an event where the processor can't be entered for it
 * @vcpu:	loaded, slots held
 * @event:	queued and marked as injected
 *
 * Return: as exit_handle().
 */
enum handled emul_event(struct vcpu *vcpu, const struct event *event);

/**
 * emul_task() - make the task switch that the processor left to us
 * @vcpu:	loaded, slots held
 * @exit:	kind EXIT_TASK_SWITCH; next_rip is known, unless an event was being delivered
 *
 * Return: as exit_handle().
 */
enum handled emul_task(struct vcpu *vcpu, const struct exit *exit);

/**
 * emul_resume() - emulate once more what waited for user space
 * @vcpu:	loaded, slots held
 *
 * Return: as exit_handle().
 */
enum handled emul_resume(struct vcpu *vcpu);

/**
 * emul_unprotect() - let a write go that can't be emulated
 * @vcpu:	loaded, slots held
 * @fault:	the MMU's, with to_table
 *
 * Return: whether to enter again; not if that won't help, or has not helped again and again.
 */
bool emul_unprotect(struct vcpu *vcpu, const struct mmu_fault *fault);

/**
 * emul_length() - how long is the instruction at rip?
 * @vcpu:	loaded, slots held
 *
 * Return: bytes, or 0 if it could not be fetched or decoded.
 */
unsigned int emul_length(struct vcpu *vcpu);

/**
 * emul_fix_call() - make a hypercall of another maker's processors one of this one's
 * @vcpu:	loaded, slots held; emul_length() has decoded VMCALL or VMMCALL at rip
 *
 * The guest's code is changed, if the guest may write there; else it gets the #UD that the
 * processor gave. Return: as exit_handle().
 */
enum handled emul_fix_call(struct vcpu *vcpu);

/* ---- emul_atomic.c ---- */

/**
 * emul_atomic() - emulate what needs no emulator
 * @vcpu:	loaded, slots held; nothing here sleeps. vcpu->fault: the MMU's, MMU_EMULATE
 * @exit:	kind EXIT_PF
 *
 * Return: whether the instruction is done, or the way free for it to run by itself.
 */
bool emul_atomic(struct vcpu *vcpu, struct exit *exit);

/* ---- io.c ---- */

/**
 * io_access() - a device access of the instruction being emulated
 * @vcpu:	loaded
 * @want:	gpa or port, len up to 8, write or not; a write's data
 * @data:	a read's data, if EMU_DONE
 *
 * Return: EMU_DONE; EMU_EXIT: run is filled in, user space has to act first;
 * EMU_UNHANDLED: more accesses than one instruction can have.
 */
enum emu_status io_access(struct vcpu *vcpu, const struct io_access *want, void *data);

/**
 * io_block() - many elements of a string instruction between a port and RAM
 * @vcpu:	loaded, slots held
 * @want:	the port, len, write or not; count is not 0
 * @ram:	guest-physical address of the first element; all are in one page
 * @count:	in: how many there are at most; out: how many were moved, 0: each for itself
 *
 * Return: as io_access(); EMU_RETRY: it was no RAM.
 */
enum emu_status io_block(struct vcpu *vcpu, const struct io_access *want, gpa_t ram,
			 unsigned int *count);

/**
 * io_begin() - an instruction, or one iteration of it, begins: no device access is behind it
 * @vcpu:	loaded
 */
void io_begin(struct vcpu *vcpu);

/**
 * io_port() - a port access that the processor decoded
 * @vcpu:	loaded
 * @exit:	kind EXIT_IO, not a string instruction; the processor says where it ends
 *
 * Return: as exit_handle().
 */
enum handled io_port(struct vcpu *vcpu, const struct exit *exit);

/**
 * io_complete() - user space has done what the last exit asked for
 * @vcpu:	loaded, slots held; KVM_RUN has just begun
 *
 * Return: whether an emulation waits for it, see emul_resume().
 */
bool io_complete(struct vcpu *vcpu);

#endif
