// SPDX-License-Identifier: GPL-2.0-only
/* The emulator's machine: segments, control and debug registers, MSRs, ports. */
#include <linux/nospec.h>
#include <linux/string.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "breakpoint.h"
#include "emul.h"
#include "emulate.h"
#include "mode.h"
#include "msr_filter.h"
#include "smm.h"
#include "state.h"
#include "vcpu.h"
#include "vendor.h"

#define DR6_BD		BIT_ULL(13)

static void op_committed(struct emulate_ctxt *ctxt)
{
	io_begin(ctxt->priv);
}

static enum emu_status op_io_in(struct emulate_ctxt *ctxt, u16 port, void *buf,
				unsigned int bytes)
{
	const struct io_access a = { .gpa = port, .len = bytes, .port = true };

	ctxt->traps |= debug_hits(ctxt->priv, port, bytes, BREAKPOINT_PORT);
	return io_access(ctxt->priv, &a, buf);
}

static enum emu_status op_io_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
				 unsigned int bytes)
{
	struct io_access a = { .gpa = port, .len = bytes, .port = true, .write = true };

	memcpy(a.data, buf, bytes);
	ctxt->traps |= debug_hits(ctxt->priv, port, bytes, BREAKPOINT_PORT);
	return io_access(ctxt->priv, &a, NULL);
}

/* Segments are numbered alike in emulate.h and vendor.h. */
static_assert(SREG_CS == (int)VCPU_SREG_CS && SREG_GS == (int)VCPU_SREG_GS);
static_assert(SREG_TR == (int)VCPU_SREG_TR && SREG_LDTR == (int)VCPU_SREG_LDTR);

static void op_get_segment(struct emulate_ctxt *ctxt, enum seg_reg reg,
			   struct emulate_segment *seg)
{
	struct kvm_segment s;

	vendor(get_segment)(ctxt->priv, reg, &s);
	*seg = (struct emulate_segment) {
		.base = s.base, .limit = s.limit, .selector = s.selector, .type = s.type,
		.dpl = s.dpl, .s = s.s, .present = s.present && !s.unusable, .avl = s.avl,
		.l = s.l, .db = s.db, .g = s.g,
	};
}

static enum emu_status op_set_segment(struct emulate_ctxt *ctxt, enum seg_reg reg,
				      const struct emulate_segment *seg)
{
	const struct kvm_segment s = {
		.base = seg->base, .limit = seg->limit, .selector = seg->selector,
		.type = seg->type, .dpl = seg->dpl, .s = seg->s, .present = seg->present,
		.unusable = !seg->present, .avl = seg->avl, .l = seg->l, .db = seg->db,
		.g = seg->g,
	};

	vendor(set_segment)(ctxt->priv, reg, &s);
	return EMU_DONE;
}

static enum emu_status op_read_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	return mode_get_cr(ctxt->priv, nr, val) ? emulate_raise(ctxt, EMU_UD, 0) : EMU_DONE;
}

/* A lowered task priority may let an interrupt through that user space holds back. */
static int write_cr8(struct vcpu *vcpu, u64 val)
{
	if (val < vcpu->mode.cr8 && !vcpu->chips)
		vcpu->io.then = KVM_EXIT_SET_TPR;
	return mode_set_cr8(vcpu, val);
}

static enum emu_status op_write_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 val)
{
	struct vcpu *vcpu = ctxt->priv;
	int err = 0;

	vcpu->stats.exits_cr++;
	switch (nr) {
	case 0: err = mode_set_cr0(vcpu, val); break;
	case 2: vcpu->mode.cr2 = val; break;
	case 3: err = mode_set_cr3(vcpu, val); break;
	case 4: err = mode_set_cr4(vcpu, val); break;
	case 8: err = write_cr8(vcpu, val); break;
	default: return emulate_raise(ctxt, EMU_UD, 0);
	}
	if (err == -EINVAL)
		return emulate_raise(ctxt, EMU_GP, 0);
	return err ? emul_error(vcpu, err) : EMU_DONE;
}

/* DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE says that they are not there. */
static enum emu_status check_dr(struct emulate_ctxt *ctxt, unsigned int *nr)
{
	struct vcpu *vcpu = ctxt->priv;

	if (*nr > 7)
		return emulate_raise(ctxt, EMU_UD, 0);
	if (*nr == 4 || *nr == 5) {
		if (vcpu->mode.cr4 & X86_CR4_DE)
			return emulate_raise(ctxt, EMU_UD, 0);
		*nr += 2;
	}
	if (!(vcpu->debug.dr7 & DR7_GD))
		return EMU_DONE;
	vcpu->debug.dr7 &= ~DR7_GD;
	vcpu->debug.dr6 |= DR6_BD;
	vendor(update_mode)(vcpu);
	return emulate_raise(ctxt, EMU_DB, 0);
}

static enum emu_status op_read_dr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	const struct vcpu_debug *d = &((struct vcpu *)ctxt->priv)->debug;
	enum emu_status status = check_dr(ctxt, &nr);

	if (!status)
		*val = nr < 4 ? d->db[array_index_nospec(nr, 4)] : nr == 6 ? d->dr6 : d->dr7;
	return status;
}

static enum emu_status op_write_dr(struct emulate_ctxt *ctxt, unsigned int nr, u64 val)
{
	struct vcpu *vcpu = ctxt->priv;
	enum emu_status status = check_dr(ctxt, &nr);

	if (status)
		return status;
	if (nr >= 6 && val >> 32)
		return emulate_raise(ctxt, EMU_GP, 0);
	if (nr < 4)
		vcpu->debug.db[array_index_nospec(nr, 4)] = val;
	else if (nr == 6)
		vcpu->debug.dr6 = dr6_settled(val);
	else
		vcpu->debug.dr7 = dr7_settled(val);
	vendor(update_mode)(vcpu);
	return EMU_DONE;
}

/* @a: what user space is asked for, if it wants to be. */
static enum emu_status msr_refused(struct emulate_ctxt *ctxt, struct io_access *a, u64 *val,
				   int err)
{
	struct vcpu *vcpu = ctxt->priv;
	enum emu_status status;

	a->msr = msr_exit_reason(vcpu, err);
	if (!a->msr)
		return msr_is_fault(err) ? emulate_raise(ctxt, EMU_GP, 0) : emul_error(vcpu, err);
	status = io_access(vcpu, a, val);
	return status == EMU_FAULT ? emulate_raise(ctxt, EMU_GP, 0) : status;
}

static enum emu_status op_read_msr(struct emulate_ctxt *ctxt, u32 msr, u64 *val)
{
	struct io_access a = { .gpa = msr, .len = sizeof(*val) };
	int err = msr_guest_read(ctxt->priv, msr, val);

	return err ? msr_refused(ctxt, &a, val, err) : EMU_DONE;
}

static enum emu_status op_write_msr(struct emulate_ctxt *ctxt, u32 msr, u64 val)
{
	struct io_access a = { .gpa = msr, .len = sizeof(val), .write = true };
	int err = msr_guest_write(ctxt->priv, msr, val);

	memcpy(a.data, &val, sizeof(val));
	return err ? msr_refused(ctxt, &a, NULL, err) : EMU_DONE;
}

static enum emu_status op_cpuid(struct emulate_ctxt *ctxt, u32 regs[4])
{
	cpuid_query(ctxt->priv, &regs[0], &regs[1], &regs[2], &regs[3]);
	return EMU_DONE;
}

static enum emu_status op_rdtsc(struct emulate_ctxt *ctxt, u64 *tsc)
{
	return msr_read(ctxt->priv, MSR_IA32_TSC, tsc, true) ? EMU_UNHANDLED : EMU_DONE;
}

static enum emu_status op_get_dt(struct emulate_ctxt *ctxt, bool idt, struct emulate_dt *dt)
{
	struct kvm_dtable t;

	vendor(get_dt)(ctxt->priv, idt ? VCPU_DTR_IDT : VCPU_DTR_GDT, &t);
	dt->base = t.base;
	dt->limit = t.limit;
	return EMU_DONE;
}

static enum emu_status op_set_dt(struct emulate_ctxt *ctxt, bool idt, const struct emulate_dt *dt)
{
	const struct kvm_dtable t = { .base = dt->base, .limit = dt->limit };

	vendor(set_dt)(ctxt->priv, idt ? VCPU_DTR_IDT : VCPU_DTR_GDT, &t);
	return EMU_DONE;
}

static enum emu_status op_read_xmm(struct emulate_ctxt *ctxt, unsigned int nr, void *val)
{
	fpu_read_sse(ctxt->priv, nr, val);
	return EMU_DONE;
}

static enum emu_status op_write_xmm(struct emulate_ctxt *ctxt, unsigned int nr, const void *val)
{
	fpu_write_sse(ctxt->priv, nr, val);
	return EMU_DONE;
}

static enum emu_status op_hlt(struct emulate_ctxt *ctxt)
{
	((struct vcpu *)ctxt->priv)->io.then = KVM_EXIT_HLT;
	return EMU_DONE;
}

static enum emu_status op_invlpg(struct emulate_ctxt *ctxt, gva_t addr)
{
	struct vcpu *vcpu = ctxt->priv;

	vcpu->stats.exits_invlpg++;
	mode_invlpg(vcpu, addr);
	return EMU_DONE;
}

static enum emu_status op_invpcid(struct emulate_ctxt *ctxt, u64 type, u64 pcid, gva_t addr)
{
	if (mode_invpcid(ctxt->priv, type, pcid, addr))
		return emulate_raise(ctxt, EMU_GP, 0);
	return EMU_DONE;
}

/* The host's caches are coherent, and the guest reaches no device's memory by itself. */
static enum emu_status op_wbinvd(struct emulate_ctxt *ctxt)
{
	return EMU_DONE;
}

static enum emu_status op_rsm(struct emulate_ctxt *ctxt)
{
	struct vcpu *vcpu = ctxt->priv;
	bool halt;
	int err = smm_leave(vcpu, &halt);

	if (err == -EINVAL)
		return emulate_raise(ctxt, EMU_UD, 0);
	if (err == -ESHUTDOWN)
		return EMU_RETRY;	/* it does not come to that */
	if (err)
		return emul_error(vcpu, err);
	memcpy(ctxt->regs, vcpu->regs.gpr, sizeof(ctxt->regs));
	ctxt->rip = vcpu->regs.rip;
	ctxt->rflags = vcpu->regs.rflags;
	ctxt->shadow = vendor(get_shadow)(vcpu);
	if (halt)
		vcpu->io.then = KVM_EXIT_HLT;
	return EMU_DONE;
}

static_assert(EMU_SHADOW_STI == (int)SHADOW_STI && EMU_SHADOW_MOV_SS == (int)SHADOW_MOV_SS);

const struct emulate_ops emul_ops = {
	.fetch = emul_mem_fetch,
	.read = emul_mem_read,
	.write = emul_mem_write,
	.cmpxchg = emul_mem_cmpxchg,
	.probe = emul_mem_probe,
	.committed = op_committed,
	.io_in = op_io_in,
	.io_out = op_io_out,
	.io_block = emul_mem_io_block,
	.get_segment = op_get_segment,
	.set_segment = op_set_segment,
	.read_cr = op_read_cr,
	.write_cr = op_write_cr,
	.read_dr = op_read_dr,
	.write_dr = op_write_dr,
	.read_msr = op_read_msr,
	.write_msr = op_write_msr,
	.cpuid = op_cpuid,
	.rdtsc = op_rdtsc,
	.get_dt = op_get_dt,
	.set_dt = op_set_dt,
	.read_xmm = op_read_xmm,
	.write_xmm = op_write_xmm,
	.hlt = op_hlt,
	.invlpg = op_invlpg,
	.invpcid = op_invpcid,
	.wbinvd = op_wbinvd,
	.rsm = op_rsm,
};
