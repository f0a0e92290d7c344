// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's memory: linear addresses through the guest's paging to RAM or to devices.
 * An operand lies in one page or in two; both are translated and checked before anything is
 * read or written.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include <asm/processor-flags.h>

#include "breakpoint.h"
#include "emul.h"
#include "emulate.h"
#include "memslot.h"
#include "mmu.h"
#include "slots.h"
#include "state.h"
#include "vcpu.h"

#define MAX_TRANSLATIONS	1000	/* then the tables change all the time: enter again */

struct piece {
	gpa_t gpa;
	unsigned int len;
	bool device;
};

static struct mmu_access access_for(const struct emulate_ctxt *ctxt, unsigned int flags,
				    bool write)
{
	bool system = flags & EMU_ACC_SYSTEM;

	return (struct mmu_access) {
		.write = write || (flags & EMU_ACC_RMW),
		.user = ctxt->cpl == 3 && !system,
		.ac = ctxt->cpl < 3 && !system && (ctxt->rflags & X86_EFLAGS_AC),
	};
}

/* The fault that brought us here has been translated already. */
static bool known_page(const struct mmu_fault *f, gva_t gva, const struct mmu_access *access)
{
	return f && (f->gva & PAGE_MASK) == (gva & PAGE_MASK) && !access->fetch &&
	       !f->access.fetch && access->write <= f->access.write &&
	       access->user == f->access.user && access->ac == f->access.ac;
}

static enum emu_status translate(struct emulate_ctxt *ctxt, gva_t gva,
				 const struct mmu_access *access, gpa_t *gpa)
{
	struct vcpu *vcpu = ctxt->priv;
	const struct mmu_fault *f = vcpu->io.fault;
	unsigned int tries = 0;
	u32 error;
	int err;

	if (known_page(f, gva, access)) {
		*gpa = (f->gpa & PAGE_MASK) | offset_in_page(gva);
		return EMU_DONE;
	}
	do {
		err = mmu_translate(&vcpu->mmu, gva, access, gpa, &error);
		cond_resched();
	} while (err == -EAGAIN && ++tries < MAX_TRANSLATIONS);
	if (err == -EFAULT)
		return emulate_raise_pf(ctxt, gva, error);
	return err ? EMU_RETRY : EMU_DONE;
}

static bool is_device(struct vcpu *vcpu, gpa_t gpa, bool write)
{
	const struct memslot *slot = memslot_find(vcpu->vm, gpa >> PAGE_SHIFT);

	return !slot || (write && (slot->flags & MEMSLOT_READONLY));
}

static enum emu_status locate(struct emulate_ctxt *ctxt, gva_t gva, unsigned int bytes,
			      const struct mmu_access *access, struct piece p[2])
{
	unsigned int room = PAGE_SIZE - offset_in_page(gva);
	enum emu_status status = EMU_DONE;
	int i;

	p[0].len = min(bytes, room);
	p[1].len = bytes - p[0].len;
	for (i = 0; i < 2 && p[i].len && !status; i++) {
		status = translate(ctxt, gva, access, &p[i].gpa);
		if (!status)
			p[i].device = is_device(ctxt->priv, p[i].gpa, access->write);
		gva += room;
		if (ctxt->mode != INSN_LONG64)
			gva = (u32)gva;
	}
	return status;
}

/* A trap behind the instruction, if that gets so far. Tables that it needs are not its data. */
static void watch(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes, unsigned int flags,
		  enum breakpoint_kind kind)
{
	if (!(flags & EMU_ACC_SYSTEM))
		ctxt->traps |= debug_hits(ctxt->priv, addr, bytes, kind);
}

enum emu_status emul_error(struct vcpu *vcpu, int err)
{
	vcpu->run_error = err;
	return EMU_EXIT;
}

/* Each lookup may find a newer set of slots: what was RAM a moment ago may be a device by now. */
static enum emu_status ram_result(struct vcpu *vcpu, int err)
{
	if (!err)
		return EMU_DONE;
	return err == -ENXIO ? EMU_RETRY : emul_error(vcpu, err);
}

/* User space takes at most 8 bytes at a time. */
static enum emu_status access_device(struct vcpu *vcpu, const struct piece *p, void *buf,
				     bool write)
{
	enum emu_status status = EMU_DONE;
	struct io_access a;
	unsigned int done;

	for (done = 0; done < p->len && !status; done += a.len) {
		a = (struct io_access) {
			.gpa = (p->gpa & ~GPA_SMM) + done,
			.len = min_t(unsigned int, p->len - done, sizeof(a.data)),
			.write = write,
		};
		if (write)
			memcpy(a.data, buf + done, a.len);
		status = io_access(vcpu, &a, buf + done);
	}
	return status;
}

/* Where an operand lies, for one who is about to read or write all of it. */
static enum emu_status begin(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
			     unsigned int flags, bool write, struct piece p[2])
{
	const struct mmu_access access = access_for(ctxt, flags, write);

	watch(ctxt, addr, bytes, flags, write ? BREAKPOINT_WRITE : BREAKPOINT_READ);
	return locate(ctxt, addr, bytes, &access, p);
}

static enum emu_status read_piece(struct vcpu *vcpu, const struct piece *p, void *buf)
{
	if (!p->len)
		return EMU_DONE;
	if (p->device)
		return access_device(vcpu, p, buf, false);
	return ram_result(vcpu, mmu_read_guest(&vcpu->mmu, p->gpa, buf, p->len));
}

/* Devices first, in case user space has to act: RAM is then written once, when all is sure. */
static enum emu_status write_pieces(struct vcpu *vcpu, const struct piece p[2], const u8 *buf,
				    bool device)
{
	enum emu_status status = EMU_DONE;
	int i;

	for (i = 0; i < 2 && p[i].len && !status; buf += p[i++].len) {
		if (p[i].device != device)
			continue;
		if (device)
			status = access_device(vcpu, &p[i], (void *)buf, true);
		else
			status = ram_result(vcpu, mmu_write_guest(&vcpu->mmu, p[i].gpa, buf,
								  p[i].len));
	}
	return status;
}

/*
 * Loops that write page tables are fetched from the same page over and over: its translation is
 * kept until another root is taken up, or the guest's TLB is flushed or loses an address.
 */
static enum emu_status translate_code(struct emulate_ctxt *ctxt, gva_t addr, gpa_t *gpa)
{
	const struct mmu_access access = { .fetch = true, .user = ctxt->cpl == 3 };
	struct vcpu *vcpu = ctxt->priv;
	struct vcpu_io *io = &vcpu->io;
	gva_t page = addr & PAGE_MASK;
	enum emu_status status;

	if (io->code.valid && io->code.gva == page && io->code.user == access.user &&
	    io->code.root_uses == vcpu->mmu.root_uses) {
		*gpa = io->code.gpa | offset_in_page(addr);
		return EMU_DONE;
	}
	status = translate(ctxt, addr, &access, gpa);
	io->code.valid = !status;
	io->code.user = access.user;
	io->code.root_uses = vcpu->mmu.root_uses;
	io->code.gva = page;
	io->code.gpa = *gpa & PAGE_MASK;
	return status;
}

enum emu_status emul_mem_fetch(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes)
{
	struct vcpu *vcpu = ctxt->priv;
	enum emu_status status;
	gpa_t gpa = 0;

	status = translate_code(ctxt, addr, &gpa);
	if (status)
		return status;
	if (is_device(vcpu, gpa, false))
		return EMU_UNHANDLED;
	return ram_result(vcpu, mmu_read_guest(&vcpu->mmu, gpa, buf, bytes));
}

enum emu_status emul_mem_read(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			      unsigned int bytes, unsigned int flags)
{
	struct vcpu *vcpu = ctxt->priv;
	enum emu_status status;
	struct piece p[2];

	status = begin(ctxt, addr, bytes, flags, false, p);
	if (!status)
		status = read_piece(vcpu, &p[0], buf);
	if (!status)
		status = read_piece(vcpu, &p[1], buf + p[0].len);
	return status;
}

enum emu_status emul_mem_write(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
			       unsigned int bytes, unsigned int flags)
{
	struct vcpu *vcpu = ctxt->priv;
	enum emu_status status;
	struct piece p[2];

	status = begin(ctxt, addr, bytes, flags, true, p);
	if (!status)
		status = write_pieces(vcpu, p, buf, true);
	if (!status)
		status = write_pieces(vcpu, p, buf, false);
	return status;
}

/* Across pages or misaligned, what the bus locks is only compared and written. */
static enum emu_status cmpxchg_split(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				     const void *new, unsigned int bytes, bool *swapped)
{
	enum emu_status status;
	u8 now[16];

	status = emul_mem_read(ctxt, addr, now, bytes, EMU_ACC_RMW);
	if (status)
		return status;
	*swapped = !memcmp(now, old, bytes);
	if (*swapped)
		return emul_mem_write(ctxt, addr, new, bytes, 0);
	memcpy(old, now, bytes);
	return EMU_DONE;
}

/* Memory differed: say what is there. Should it be @old again by now, then try again. */
static enum emu_status cmpxchg_ram(struct vcpu *vcpu, gpa_t gpa, void *old, const void *new,
				   unsigned int bytes, bool *swapped)
{
	u8 now[16];
	int err;

	do {
		err = mmu_cmpxchg_guest(&vcpu->mmu, gpa, old, new, bytes);
		*swapped = !err;
		if (err == 1)
			err = mmu_read_guest(&vcpu->mmu, gpa, now, bytes);
		else
			return ram_result(vcpu, err);
	} while (!err && !memcmp(now, old, bytes));
	if (!err)
		memcpy(old, now, bytes);
	return ram_result(vcpu, err);
}

enum emu_status emul_mem_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				 const void *new, unsigned int bytes, bool *swapped)
{
	enum emu_status status;
	struct piece p[2];

	if (bytes > 16)
		return EMU_UNHANDLED;
	status = begin(ctxt, addr, bytes, 0, true, p);
	if (status)
		return status;
	/* @old has just been read from the device; a second time may have effects. */
	*swapped = true;
	if (p[0].device || (p[1].len && p[1].device))
		return emul_mem_write(ctxt, addr, new, bytes, 0);
	if (p[1].len || (addr & (bytes - 1)))
		return cmpxchg_split(ctxt, addr, old, new, bytes, swapped);
	return cmpxchg_ram(ctxt->priv, p[0].gpa, old, new, bytes, swapped);
}

enum emu_status emul_mem_probe(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
			       unsigned int flags)
{
	const struct mmu_access access = access_for(ctxt, flags, true);
	struct piece p[2];

	return locate(ctxt, addr, bytes, &access, p);
}

enum emu_status emul_mem_patch(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
			       unsigned int bytes)
{
	const struct mmu_access access = access_for(ctxt, 0, true);
	enum emu_status status;
	struct piece p[2];

	status = locate(ctxt, addr, bytes, &access, p);
	if (status)
		return status;
	if (p[0].device || (p[1].len && p[1].device))
		return EMU_UNHANDLED;
	return write_pieces(ctxt->priv, p, buf, false);
}

/* Breakpoints on the port or on the memory stop the guest between two elements. */
enum emu_status emul_mem_io_block(struct emulate_ctxt *ctxt, u16 port, bool in, gva_t addr,
				  unsigned int bytes, unsigned int *count)
{
	const struct io_access want = { .gpa = port, .len = bytes, .port = true, .write = !in,
					.count = 1 };
	const struct mmu_access access = access_for(ctxt, 0, in);
	struct vcpu *vcpu = ctxt->priv;
	enum emu_status status;
	struct piece p[2];

	status = locate(ctxt, addr, bytes * *count, &access, p);
	if (!status && !p[0].device && !(vcpu_dr7(vcpu) & BREAKPOINTS_ENABLED))
		return io_block(vcpu, &want, p[0].gpa, count);
	*count = 0;
	return status;
}
