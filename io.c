// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space is told when KVM_RUN ends, and device accesses, which it makes. An instruction
 * may need several: each is logged, and the emulation that starts anew when user space is back
 * gets those it had from the log.
 */
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#include "breakpoint.h"
#include "chips.h"
#include "emul.h"
#include "emulate.h"
#include "exit.h"
#include "insn.h"
#include "mmu.h"
#include "state.h"
#include "vcpu.h"

enum handled exit_fail(struct vcpu *vcpu, int err)
{
	vcpu->run_error = err;
	return FAIL;
}

enum handled exit_to_user(struct vcpu *vcpu, u32 reason)
{
	vcpu->run->exit_reason = reason;
	return TO_USER;
}

enum handled exit_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int nr, ...)
{
	struct kvm_run *run = vcpu->run;
	unsigned int i;
	va_list args;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = nr;
	va_start(args, nr);
	for (i = 0; i < nr; i++)
		run->internal.data[i] = va_arg(args, u64);
	va_end(args);
	return TO_USER;
}

/* Port data lies in the page behind struct kvm_run. */
static void *port_data(struct vcpu *vcpu)
{
	return (u8 *)vcpu->run + PAGE_SIZE;
}

static void ask_ports(struct vcpu *vcpu, u16 port, u8 size, bool in, u32 count)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = PAGE_SIZE;
}

static void ask_port(struct vcpu *vcpu, u16 port, u8 size, bool in, const void *data)
{
	ask_ports(vcpu, port, size, in, 1);
	if (!in)
		memcpy(port_data(vcpu), data, size);
}

static void ask_mmio(struct vcpu *vcpu, const struct io_access *a)
{
	struct kvm_run *run = vcpu->run;

	vcpu->stats.exits_mmio++;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = a->gpa;
	run->mmio.len = a->len;
	run->mmio.is_write = a->write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (a->write)
		memcpy(run->mmio.data, a->data, a->len);
}

static void ask_msr(struct vcpu *vcpu, const struct io_access *a)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = a->write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = a->msr;
	run->msr.index = a->gpa;
	if (a->write)
		memcpy(&run->msr.data, a->data, sizeof(run->msr.data));
}

void io_begin(struct vcpu *vcpu)
{
	vcpu->io.nr = 0;
	vcpu->io.pos = 0;
}

static bool same_access(const struct io_access *a, const struct io_access *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->write == b->write && a->port == b->port &&
	       !a->msr == !b->msr && !a->count == !b->count;
}

enum emu_status io_access(struct vcpu *vcpu, const struct io_access *want, void *data)
{
	struct vcpu_io *io = &vcpu->io;
	struct io_access *a;

	if (io->pos == IO_LOG_MAX)
		return EMU_UNHANDLED;
	a = &io->log[array_index_nospec(io->pos, IO_LOG_MAX)];
	io->pos++;
	if (io->pos <= io->nr && a->done && same_access(a, want)) {
		if (a->error)
			return EMU_FAULT;
		if (!a->write)
			memcpy(data, a->data, a->len);
		return EMU_DONE;
	}
	*a = *want;
	a->done = !a->msr && device_access(vcpu, a, a->data);
	io->nr = io->pos;
	if (a->done) {
		if (!a->write)
			memcpy(data, a->data, a->len);
		return EMU_DONE;
	}
	if (a->msr)
		ask_msr(vcpu, a);
	else if (a->port)
		ask_port(vcpu, a->gpa, a->len, !a->write, a->data);
	else
		ask_mmio(vcpu, a);
	return EMU_EXIT;
}

static enum emu_status ram_status(struct vcpu *vcpu, int err)
{
	if (!err)
		return EMU_DONE;
	if (err == -ENXIO)
		return EMU_RETRY;
	vcpu->run_error = err;
	return EMU_EXIT;
}

/*
 * User space has made @a. Should it have changed the guest's registers since, fewer elements may
 * be wanted; what it does to its page meanwhile is read once, and is just data.
 */
static enum emu_status take_block(struct vcpu *vcpu, const struct io_access *a, gpa_t ram,
				  unsigned int *count)
{
	int err = 0;

	*count = min_t(unsigned int, *count, a->count);
	if (!a->write)
		err = mmu_write_guest(&vcpu->mmu, ram, port_data(vcpu), *count * a->len);
	return ram_status(vcpu, err);
}

/* Devices in the kernel take one element at a time: is the first for one of them? */
static int block_in_kernel(struct vcpu *vcpu, struct io_access *a, gpa_t ram, bool *taken)
{
	int err = a->write ? mmu_read_guest(&vcpu->mmu, ram, a->data, a->len) : 0;

	*taken = !err && device_access(vcpu, a, a->data);
	if (*taken && !a->write)
		err = mmu_write_guest(&vcpu->mmu, ram, a->data, a->len);
	return err;
}

enum emu_status io_block(struct vcpu *vcpu, const struct io_access *want, gpa_t ram,
			 unsigned int *count)
{
	struct vcpu_io *io = &vcpu->io;
	struct io_access *a = &io->log[0];
	bool taken;
	int err;

	if (io->nr && a->done && same_access(a, want))
		return take_block(vcpu, a, ram, count);
	if (io->nr || eventfd_watches(vcpu->vm, want)) {
		*count = 0;
		return EMU_DONE;
	}
	*a = *want;
	err = block_in_kernel(vcpu, a, ram, &taken);
	if (err || taken) {
		*count = 1;
		return ram_status(vcpu, err);
	}
	if (a->write)
		err = mmu_read_guest(&vcpu->mmu, ram, port_data(vcpu), *count * a->len);
	if (err)
		return ram_status(vcpu, err);
	a->count = *count;
	io->pos = io->nr = 1;
	ask_ports(vcpu, a->gpa, a->len, !a->write, a->count);
	return EMU_EXIT;
}

/* The emulation starts anew, and finds it done. */
static void complete_access(struct vcpu *vcpu)
{
	struct io_access *a = &vcpu->io.log[vcpu->io.nr - 1];

	a->done = true;
	a->error = a->msr && vcpu->run->msr.error;
	if (a->msr)
		memcpy(a->data, (void *)&vcpu->run->msr.data, sizeof(a->data));
	else if (!a->write && !a->count)
		memcpy(a->data, a->port ? port_data(vcpu) : vcpu->run->mmio.data, a->len);
}

/* Byte and word forms leave the rest of RAX alone, the others clear it. */
static void load_rax(struct vcpu *vcpu, const void *data, u8 size)
{
	u64 value = size == 4 ? 0 : vcpu->regs.gpr[GPR_RAX];

	memcpy(&value, data, size);
	vcpu->regs.gpr[GPR_RAX] = value;
}

static void complete_port(struct vcpu *vcpu, const void *data)
{
	if (vcpu->io.pio.in)
		load_rax(vcpu, data, vcpu->io.pio.size);
	vcpu->debug.hits = debug_hits(vcpu, vcpu->io.pio.port, vcpu->io.pio.size, BREAKPOINT_PORT);
	insn_finish(vcpu, vcpu->io.next_rip);
}

enum handled io_port(struct vcpu *vcpu, const struct exit *exit)
{
	struct io_access a = { .gpa = exit->io.port, .len = exit->io.size, .port = true,
			       .write = !exit->io.in };
	struct vcpu_io *io = &vcpu->io;

	memcpy(a.data, &vcpu->regs.gpr[GPR_RAX], a.len);
	io->rip = vcpu->regs.rip;
	io->next_rip = insn_next(vcpu, exit);
	io->pio.port = exit->io.port;
	io->pio.size = exit->io.size;
	io->pio.in = exit->io.in;
	if (device_access(vcpu, &a, a.data)) {
		complete_port(vcpu, a.data);
		return REENTER;
	}
	io->pending = IO_PIO;
	ask_port(vcpu, exit->io.port, exit->io.size, exit->io.in, a.data);
	return TO_USER;
}

bool io_complete(struct vcpu *vcpu)
{
	int pending = vcpu->io.pending;

	vcpu->io.pending = IO_NONE;
	if (pending == IO_NONE || vcpu->regs.rip != vcpu->io.rip)
		return false;
	if (pending == IO_PIO)
		complete_port(vcpu, port_data(vcpu));
	else
		complete_access(vcpu);
	return pending == IO_EMULATE;
}
