// SPDX-License-Identifier: GPL-2.0-only
/* Executors of flag, port and privileged instructions. */
#include "internal.h"

static enum emu_status need_cpl0(struct emulate_ctxt *ctxt)
{
	return ctxt->cpl ? emulate_raise(ctxt, EMU_GP, 0) : EMU_DONE;
}

enum emu_status emu_read_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val)
{
	return ctxt->ops->read_cr ? ctxt->ops->read_cr(ctxt, nr, val) : EMU_UNHANDLED;
}

static enum emu_status write_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 val)
{
	return ctxt->ops->write_cr ? ctxt->ops->write_cr(ctxt, nr, val) : EMU_UNHANDLED;
}

enum emu_status exec_flag(struct emulate_ctxt *ctxt)
{
	switch (ctxt->insn.op) {
	case OP_CLC: ctxt->rflags &= ~FL_CF; break;
	case OP_STC: ctxt->rflags |= FL_CF; break;
	case OP_CMC: ctxt->rflags ^= FL_CF; break;
	case OP_CLD: ctxt->rflags &= ~FL_DF; break;
	default: ctxt->rflags |= FL_DF; break;
	}
	return EMU_DONE;
}

/* With CR4.VME or PVI this is about the virtual interrupt flag, which is not done here. */
static enum emu_status if_not_allowed(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 cr4;

	status = emu_read_cr(ctxt, 4, &cr4);
	if (status)
		return status;
	if (cr4 & (ctxt->mode == INSN_VM86 ? CR4_VME : CR4_PVI))
		return EMU_UNHANDLED;
	return emulate_raise(ctxt, EMU_GP, 0);
}

enum emu_status exec_cli_sti(struct emulate_ctxt *ctxt)
{
	if (ctxt->cpl > emu_iopl(ctxt))
		return if_not_allowed(ctxt);
	if (ctxt->insn.op == OP_CLI) {
		ctxt->rflags &= ~FL_IF;
		return EMU_DONE;
	}
	if (!(ctxt->rflags & FL_IF))
		ctxt->shadow = EMU_SHADOW_STI;
	ctxt->rflags |= FL_IF;
	return EMU_DONE;
}

#define FL_AH	(FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF)

enum emu_status exec_lahf(struct emulate_ctxt *ctxt)
{
	ctxt->regs[GPR_RAX] = (ctxt->regs[GPR_RAX] & ~0xff00ULL) |
			      ((ctxt->rflags & FL_AH) | FL_FIXED) << 8;
	return EMU_DONE;
}

enum emu_status exec_sahf(struct emulate_ctxt *ctxt)
{
	ctxt->rflags = (ctxt->rflags & ~FL_AH) | ((ctxt->regs[GPR_RAX] >> 8) & FL_AH);
	return EMU_DONE;
}

/* clflush reads nothing: what is there may be a device. */
enum emu_status exec_nop(struct emulate_ctxt *ctxt)
{
	gva_t addr;

	if (ctxt->insn.op != OP_CLFLUSH)
		return EMU_DONE;
	return emu_linear(ctxt, ctxt->insn.seg, emu_address(ctxt), 1, false, &addr);
}

enum emu_status exec_ud(struct emulate_ctxt *ctxt)
{
	return emulate_raise(ctxt, EMU_UD, 0);
}

/* In compatibility mode the TSS may be above 4G. */
static enum emu_status read_tss(struct emulate_ctxt *ctxt, const struct emulate_segment *tr,
				u32 offset, u16 *val)
{
	return emu_read_table(ctxt, tr->base + offset, val, 2);
}

/* The I/O permission bitmap of a 32- or 64-bit TSS, SDM vol. 1 19.5.2. */
static enum emu_status check_io_bitmap(struct emulate_ctxt *ctxt, u16 port, unsigned int bytes)
{
	struct emulate_segment tr;
	enum emu_status status;
	u16 map, bits;
	u32 offset;

	ctxt->ops->get_segment(ctxt, SREG_TR, &tr);
	if (!tr.present || !(tr.type & 8) || tr.limit < 103)
		return emulate_raise(ctxt, EMU_GP, 0);
	status = read_tss(ctxt, &tr, 102, &map);
	if (status)
		return status;
	offset = map + port / 8;
	if (offset + 1 > tr.limit)
		return emulate_raise(ctxt, EMU_GP, 0);
	status = read_tss(ctxt, &tr, offset, &bits);
	if (!status && ((bits >> (port & 7)) & ((1 << bytes) - 1)))
		return emulate_raise(ctxt, EMU_GP, 0);
	return status;
}

enum emu_status emu_io_allowed(struct emulate_ctxt *ctxt, u16 port, unsigned int bytes)
{
	if (ctxt->mode == INSN_REAL16)
		return EMU_DONE;
	if (ctxt->mode != INSN_VM86 && ctxt->cpl <= emu_iopl(ctxt))
		return EMU_DONE;
	return check_io_bitmap(ctxt, port, bytes);
}

/* The port is an immediate byte, or dx where the instruction has no such operand. */
static u16 port_of(const struct emulate_ctxt *ctxt, const struct insn_opnd *opnd)
{
	return opnd->kind == OPND_IMM ? (u8)ctxt->insn.imm : (u16)ctxt->regs[GPR_RDX];
}

enum emu_status exec_in(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	u16 port = port_of(ctxt, &insn->src);
	enum emu_status status;
	u64 val = 0;

	if (!ctxt->ops->io_in)
		return EMU_UNHANDLED;
	status = emu_io_allowed(ctxt, port, insn->op_bytes);
	if (!status)
		status = ctxt->ops->io_in(ctxt, port, &val, insn->op_bytes);
	if (!status)
		emu_set_reg(ctxt, &insn->dst, val);
	return status;
}

enum emu_status exec_out(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	u16 port = port_of(ctxt, &insn->dst);
	u64 val = emu_get_reg(ctxt, &insn->src);
	enum emu_status status;

	if (!ctxt->ops->io_out)
		return EMU_UNHANDLED;
	status = emu_io_allowed(ctxt, port, insn->op_bytes);
	return status ? status : ctxt->ops->io_out(ctxt, port, &val, insn->op_bytes);
}

enum emu_status exec_hlt(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);

	if (status)
		return status;
	return ctxt->ops->hlt ? ctxt->ops->hlt(ctxt) : EMU_UNHANDLED;
}

enum emu_status exec_cpuid(struct emulate_ctxt *ctxt)
{
	u32 regs[4] = {
		ctxt->regs[GPR_RAX], ctxt->regs[GPR_RBX], ctxt->regs[GPR_RCX], ctxt->regs[GPR_RDX],
	};
	enum emu_status status;

	if (!ctxt->ops->cpuid)
		return EMU_UNHANDLED;
	status = ctxt->ops->cpuid(ctxt, regs);
	if (status)
		return status;
	ctxt->regs[GPR_RAX] = regs[0];
	ctxt->regs[GPR_RBX] = regs[1];
	ctxt->regs[GPR_RCX] = regs[2];
	ctxt->regs[GPR_RDX] = regs[3];
	return EMU_DONE;
}

static void set_edx_eax(struct emulate_ctxt *ctxt, u64 val)
{
	ctxt->regs[GPR_RAX] = (u32)val;
	ctxt->regs[GPR_RDX] = val >> 32;
}

enum emu_status exec_rdmsr(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	u64 val;

	if (status)
		return status;
	if (!ctxt->ops->read_msr)
		return EMU_UNHANDLED;
	status = ctxt->ops->read_msr(ctxt, ctxt->regs[GPR_RCX], &val);
	if (!status)
		set_edx_eax(ctxt, val);
	return status;
}

enum emu_status exec_wrmsr(struct emulate_ctxt *ctxt)
{
	u64 val = (u32)ctxt->regs[GPR_RAX] | ctxt->regs[GPR_RDX] << 32;
	enum emu_status status = need_cpl0(ctxt);

	if (status)
		return status;
	if (!ctxt->ops->write_msr)
		return EMU_UNHANDLED;
	return ctxt->ops->write_msr(ctxt, ctxt->regs[GPR_RCX], val);
}

#define MSR_TSC_AUX	0xc0000103

/* rdtsc and rdtscp */
enum emu_status exec_rdtsc(struct emulate_ctxt *ctxt)
{
	bool aux = ctxt->insn.op == OP_RDTSCP;
	enum emu_status status = EMU_DONE;
	u64 cr4 = 0, tsc, val = 0;

	if (!ctxt->ops->rdtsc || (aux && !ctxt->ops->read_msr))
		return EMU_UNHANDLED;
	if (ctxt->cpl)
		status = emu_read_cr(ctxt, 4, &cr4);
	if (!status && (cr4 & CR4_TSD))
		status = emulate_raise(ctxt, EMU_GP, 0);
	if (!status)
		status = ctxt->ops->rdtsc(ctxt, &tsc);
	if (!status && aux)
		status = ctxt->ops->read_msr(ctxt, MSR_TSC_AUX, &val);
	if (status)
		return status;
	set_edx_eax(ctxt, tsc);
	if (aux)
		ctxt->regs[GPR_RCX] = (u32)val;
	return EMU_DONE;
}

/* The other name of CR8, AMD APM vol. 3 MOV CRn. */
static enum emu_status check_cr(struct emulate_ctxt *ctxt, u8 *nr)
{
	if (ctxt->insn.flags & INSN_LOCKED) {
		if (!ctxt->has_alt_cr8)
			return emulate_raise(ctxt, EMU_UD, 0);
		*nr = 8;
	}
	return need_cpl0(ctxt);
}

enum emu_status exec_mov_from_cr(struct emulate_ctxt *ctxt)
{
	u8 nr = ctxt->insn.src.reg;
	enum emu_status status = check_cr(ctxt, &nr);
	u64 val;

	if (!status)
		status = emu_read_cr(ctxt, nr, &val);
	if (!status)
		emu_set_reg(ctxt, &ctxt->insn.dst, val);
	return status;
}

enum emu_status exec_mov_to_cr(struct emulate_ctxt *ctxt)
{
	u8 nr = ctxt->insn.dst.reg;
	enum emu_status status = check_cr(ctxt, &nr);

	if (status)
		return status;
	return write_cr(ctxt, nr, emu_get_reg(ctxt, &ctxt->insn.src));
}

enum emu_status exec_mov_from_dr(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	u64 val;

	if (status)
		return status;
	if (!ctxt->ops->read_dr)
		return EMU_UNHANDLED;
	status = ctxt->ops->read_dr(ctxt, ctxt->insn.src.reg, &val);
	if (!status)
		emu_set_reg(ctxt, &ctxt->insn.dst, val);
	return status;
}

enum emu_status exec_mov_to_dr(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);

	if (status)
		return status;
	if (!ctxt->ops->write_dr)
		return EMU_UNHANDLED;
	return ctxt->ops->write_dr(ctxt, ctxt->insn.dst.reg, emu_get_reg(ctxt, &ctxt->insn.src));
}

enum emu_status exec_clts(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	u64 cr0;

	if (!status)
		status = emu_read_cr(ctxt, 0, &cr0);
	return status ? status : write_cr(ctxt, 0, cr0 & ~CR0_TS);
}

/* PE, MP, EM and TS; PE can be set but not cleared. */
enum emu_status exec_lmsw(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	u64 cr0, msw;

	if (!status)
		status = emu_load(ctxt, &ctxt->insn.dst, &msw);
	if (!status)
		status = emu_read_cr(ctxt, 0, &cr0);
	return status ? status : write_cr(ctxt, 0, (cr0 & ~0xeULL) | (msw & 0xf));
}

/* sgdt, sidt, sldt, smsw and str are privileged with CR4.UMIP. */
static enum emu_status check_umip(struct emulate_ctxt *ctxt)
{
	enum emu_status status;
	u64 cr4;

	if (!ctxt->cpl)
		return EMU_DONE;
	status = emu_read_cr(ctxt, 4, &cr4);
	if (!status && (cr4 & CR4_UMIP))
		return emulate_raise(ctxt, EMU_GP, 0);
	return status;
}

/* A 16-bit word in memory, whatever the operand size; a register is filled. */
static enum emu_status store_word(struct emulate_ctxt *ctxt, u64 val)
{
	struct insn_opnd *dst = &ctxt->insn.dst;

	if (dst->kind == OPND_MEM)
		dst->bytes = 2;
	return emu_store(ctxt, dst, val);
}

enum emu_status exec_smsw(struct emulate_ctxt *ctxt)
{
	enum emu_status status = check_umip(ctxt);
	u64 cr0;

	if (!status)
		status = emu_read_cr(ctxt, 0, &cr0);
	return status ? status : store_word(ctxt, cr0);
}

/* sldt and str */
enum emu_status exec_sldt(struct emulate_ctxt *ctxt)
{
	enum emu_status status = check_umip(ctxt);
	struct emulate_segment seg;

	if (status)
		return status;
	ctxt->ops->get_segment(ctxt, ctxt->insn.op == OP_SLDT ? SREG_LDTR : SREG_TR, &seg);
	return store_word(ctxt, seg.selector);
}

/* lldt and ltr */
enum emu_status exec_lldt(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	u64 selector;

	if (!status)
		status = emu_load(ctxt, &ctxt->insn.dst, &selector);
	if (status)
		return status;
	return emu_load_segment(ctxt, ctxt->insn.op == OP_LLDT ? SREG_LDTR : SREG_TR, selector);
}

static unsigned int dt_base_bytes(const struct emulate_ctxt *ctxt)
{
	return ctxt->mode == INSN_LONG64 ? 8 : 4;
}

/* sgdt and sidt */
enum emu_status exec_store_dt(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = dt_base_bytes(ctxt);
	enum emu_status status = check_umip(ctxt);
	struct emulate_dt dt;
	u8 buf[10];

	if (status)
		return status;
	if (!ctxt->ops->get_dt)
		return EMU_UNHANDLED;
	status = ctxt->ops->get_dt(ctxt, insn->op == OP_SIDT, &dt);
	if (status)
		return status;
	__builtin_memcpy(buf, &dt.limit, 2);
	__builtin_memcpy(buf + 2, &dt.base, bytes);
	return emu_write(ctxt, insn->seg, emu_address(ctxt), buf, 2 + bytes);
}

/* lgdt and lidt; with 16-bit operand size the base has 24 bits. */
enum emu_status exec_load_dt(struct emulate_ctxt *ctxt)
{
	struct insn *insn = &ctxt->insn;
	unsigned int bytes = dt_base_bytes(ctxt);
	enum emu_status status = need_cpl0(ctxt);
	struct emulate_dt dt = { .base = 0 };
	u8 buf[10];

	if (status)
		return status;
	if (!ctxt->ops->set_dt)
		return EMU_UNHANDLED;
	status = emu_read(ctxt, insn->seg, emu_address(ctxt), buf, 2 + bytes);
	if (status)
		return status;
	__builtin_memcpy(&dt.limit, buf, 2);
	__builtin_memcpy(&dt.base, buf + 2, bytes);
	if (insn->op_bytes == 2)
		dt.base &= 0xffffff;
	if (!emu_is_canonical_base(ctxt, dt.base))
		return emulate_raise(ctxt, EMU_GP, 0);
	return ctxt->ops->set_dt(ctxt, insn->op == OP_LIDT, &dt);
}

/* An address that is not canonical is no fault, it only has no effect. */
enum emu_status exec_invlpg(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	struct insn *insn = &ctxt->insn;
	struct emulate_segment seg;
	gva_t addr = emu_address(ctxt);

	if (status)
		return status;
	if (!ctxt->ops->invlpg)
		return EMU_UNHANDLED;
	ctxt->ops->get_segment(ctxt, insn->seg, &seg);
	if (ctxt->mode != INSN_LONG64)
		addr = (u32)(addr + seg.base);
	else if (insn->seg == SREG_FS || insn->seg == SREG_GS)
		addr += seg.base;
	if (!emu_is_canonical(ctxt, addr))
		return EMU_DONE;
	return ctxt->ops->invlpg(ctxt, addr);
}

enum emu_status exec_invpcid(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);
	struct insn *insn = &ctxt->insn;
	u64 desc[2];

	if (!ctxt->has_invpcid)
		return emulate_raise(ctxt, EMU_UD, 0);
	if (!ctxt->ops->invpcid)
		return EMU_UNHANDLED;
	if (!status)
		status = emu_read(ctxt, insn->seg, emu_address(ctxt), desc, sizeof(desc));
	if (status)
		return status;
	return ctxt->ops->invpcid(ctxt, low_bytes(ctxt->regs[insn->reg], insn->dst.bytes),
				  desc[0], desc[1]);
}

enum emu_status exec_wbinvd(struct emulate_ctxt *ctxt)
{
	enum emu_status status = need_cpl0(ctxt);

	if (status)
		return status;
	return ctxt->ops->wbinvd ? ctxt->ops->wbinvd(ctxt) : EMU_UNHANDLED;
}

/* From any privilege level: Intel SDM vol. 3C 32.4.1. */
enum emu_status exec_rsm(struct emulate_ctxt *ctxt)
{
	return ctxt->ops->rsm ? ctxt->ops->rsm(ctxt) : EMU_UNHANDLED;
}
