/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the emulator share. */
#ifndef UMBRA_EMULATE_INTERNAL_H
#define UMBRA_EMULATE_INTERNAL_H

#include "emulate.h"

#define FL_CF	(1ULL << 0)
#define FL_PF	(1ULL << 2)
#define FL_AF	(1ULL << 4)
#define FL_ZF	(1ULL << 6)
#define FL_SF	(1ULL << 7)
#define FL_TF	(1ULL << 8)
#define FL_IF	(1ULL << 9)
#define FL_DF	(1ULL << 10)
#define FL_OF	(1ULL << 11)
#define FL_IOPL	(3ULL << 12)
#define FL_NT	(1ULL << 14)
#define FL_RF	(1ULL << 16)
#define FL_VM	(1ULL << 17)
#define FL_AC	(1ULL << 18)
#define FL_VIF	(1ULL << 19)
#define FL_VIP	(1ULL << 20)
#define FL_ID	(1ULL << 21)
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)
#define FL_FIXED 2ULL

#define CR0_EM	(1ULL << 2)
#define CR0_TS	(1ULL << 3)
#define CR0_AM	(1ULL << 18)
#define CR4_VME	(1ULL << 0)
#define CR4_PVI	(1ULL << 1)
#define CR4_TSD	(1ULL << 2)
#define CR4_OSFXSR (1ULL << 9)
#define CR4_UMIP (1ULL << 11)
#define CR4_SMAP (1ULL << 21)

typedef enum emu_status (*exec_fn)(struct emulate_ctxt *ctxt);

/**
 * struct alu - one arithmetic operation
 *
 * @op:		enum insn_op
 * @bytes:	operand size
 * @src:	second operand or shift count
 * @flags:	rflags, in and out
 */
struct alu {
	u8 op;
	u8 bytes;
	u64 src;
	u64 src2;
	u64 flags;
};

static inline u64 low_bytes(u64 val, unsigned int bytes)
{
	return bytes >= 8 ? val : val & ((1ULL << (8 * bytes)) - 1);
}

static inline s64 sign_extend(u64 val, unsigned int bytes)
{
	unsigned int shift = 64 - 8 * bytes;

	return (s64)(val << shift) >> shift;
}

static inline bool is_real_or_vm86(const struct emulate_ctxt *ctxt)
{
	return ctxt->mode <= INSN_VM86;
}

static inline bool emu_is_canonical(const struct emulate_ctxt *ctxt, u64 addr)
{
	return canonical_in(addr, ctxt->la57 ? 57 : 48);
}

/* Bases of segments and tables have the width that the processor has, whatever CR4 says. */
static inline bool emu_is_canonical_base(const struct emulate_ctxt *ctxt, u64 addr)
{
	return canonical_in(addr, ctxt->la57 || ctxt->base57 ? 57 : 48);
}

static inline unsigned int emu_iopl(const struct emulate_ctxt *ctxt)
{
	return (ctxt->rflags & FL_IOPL) >> 12;
}

/* alu.c: arithmetic on values, no access to anything */
u64 alu_compute(struct alu *alu, u64 dst);
u64 shift_compute(struct alu *alu, u64 dst);

/* access.c: operands and memory, with segment and canonical checks */
enum emu_status emu_linear(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
			   unsigned int bytes, bool write, gva_t *addr);
enum emu_status emu_read_linear(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				unsigned int bytes, unsigned int flags);
enum emu_status emu_read(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset, void *buf,
			 unsigned int bytes);
enum emu_status emu_write(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
			  const void *buf, unsigned int bytes);
enum emu_status emu_probe_write(struct emulate_ctxt *ctxt, enum seg_reg seg, u64 offset,
				unsigned int bytes);
u64 emu_address(const struct emulate_ctxt *ctxt);
u64 emu_get_reg(const struct emulate_ctxt *ctxt, const struct insn_opnd *opnd);
void emu_set_reg(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, u64 val);
void emu_set_gpr(struct emulate_ctxt *ctxt, unsigned int reg, unsigned int bytes, u64 val);
enum emu_status emu_load(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, u64 *val);
enum emu_status emu_store(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, u64 val);
enum emu_status emu_modify(struct emulate_ctxt *ctxt, const struct insn_opnd *opnd, bool atomic,
			   u64 (*fn)(struct alu *alu, u64 old), struct alu *alu, u64 *old);
enum emu_status emu_cmpxchg(struct emulate_ctxt *ctxt, gva_t addr, void *old, const void *new,
			    unsigned int bytes, bool *swapped);

/* stack.c */
unsigned int emu_stack_bytes(struct emulate_ctxt *ctxt);
enum emu_status emu_push(struct emulate_ctxt *ctxt, u64 val, unsigned int bytes);
enum emu_status emu_pop(struct emulate_ctxt *ctxt, u64 *val, unsigned int bytes);
enum emu_status emu_branch(struct emulate_ctxt *ctxt, u64 target);
enum emu_status emu_check_vm86(struct emulate_ctxt *ctxt);
u64 emu_flags_writable(const struct emulate_ctxt *ctxt, unsigned int bytes);


/* segment.c */
#define SEL_RPL		3
#define SEL_TI		4
#define SEL_ERROR	0xfffc		/* what of a selector is in an error code */

#define TYPE_ACCESSED	1
#define TYPE_WRITABLE	2		/* of data; of code: readable */
#define TYPE_CONFORMING	4
#define TYPE_CODE	8

/* System descriptors. */
#define TYPE_LDT	2
#define TYPE_TASK_GATE	5
#define TYPE_TSS16	1
#define TYPE_TSS	9
#define TYPE_TSS_BUSY	2
#define TYPE_GATE16	4
#define TYPE_GATE	12

struct descriptor {
	u64 low, high;			/* high: of a system descriptor in long mode */
	gva_t addr;
	u16 selector;
	struct emulate_segment seg;
};

static inline bool is_null(u16 selector)
{
	return !(selector & ~SEL_RPL);
}

bool emu_long_mode(struct emulate_ctxt *ctxt);
gva_t emu_table_address(struct emulate_ctxt *ctxt, gva_t addr);
enum emu_status emu_read_table(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
			       unsigned int bytes);
enum emu_status emu_selector_fault(struct emulate_ctxt *ctxt, u8 vector, u16 selector);
enum emu_status emu_read_descriptor(struct emulate_ctxt *ctxt, struct descriptor *d, u8 vector);
bool emu_is_code(struct emulate_ctxt *ctxt, const struct descriptor *d);
bool emu_data_allowed(const struct descriptor *d, unsigned int cpl);
bool emu_stack_allowed(const struct descriptor *d, unsigned int cpl);
enum emu_status emu_mark_used(struct emulate_ctxt *ctxt, struct descriptor *d);
enum emu_status emu_load_segment(struct emulate_ctxt *ctxt, enum seg_reg reg, u16 selector);

/* gate.c */
enum emu_status emu_branch_protected(struct emulate_ctxt *ctxt, u16 selector, u64 offset);
bool emu_is_64bit(struct emulate_ctxt *ctxt, const struct descriptor *code);
enum emu_status emu_check_target(struct emulate_ctxt *ctxt, const struct descriptor *code,
				 u64 offset);
enum emu_status emu_check_present(struct emulate_ctxt *ctxt, const struct descriptor *d,
				  u8 vector);
enum emu_status emu_set_cs(struct emulate_ctxt *ctxt, struct descriptor *code, unsigned int cpl,
			   u64 offset);

/* return.c */
enum emu_status emu_return_protected(struct emulate_ctxt *ctxt);
enum emu_status emu_iret_protected(struct emulate_ctxt *ctxt);

/* far.c */
enum emu_status emu_load_far(struct emulate_ctxt *ctxt, u64 *offset, u16 *selector);

/* system.c */
enum emu_status emu_read_cr(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val);
enum emu_status emu_io_allowed(struct emulate_ctxt *ctxt, u16 port, unsigned int bytes);

/* string.c */
bool emu_is_string(const struct insn *insn);
enum emu_status emu_string(struct emulate_ctxt *ctxt);

/* The executors. All take the decoded ctxt->insn, with ctxt->rip already past it. */
enum emu_status exec_alu(struct emulate_ctxt *ctxt);
enum emu_status exec_test(struct emulate_ctxt *ctxt);
enum emu_status exec_shift(struct emulate_ctxt *ctxt);
enum emu_status exec_mul(struct emulate_ctxt *ctxt);
enum emu_status exec_imul(struct emulate_ctxt *ctxt);
enum emu_status exec_div(struct emulate_ctxt *ctxt);
enum emu_status exec_bit_test(struct emulate_ctxt *ctxt);
enum emu_status exec_bit_scan(struct emulate_ctxt *ctxt);
enum emu_status exec_decimal(struct emulate_ctxt *ctxt);

enum emu_status exec_mov(struct emulate_ctxt *ctxt);
enum emu_status exec_movbe(struct emulate_ctxt *ctxt);
enum emu_status exec_movsx(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_from_seg(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_to_seg(struct emulate_ctxt *ctxt);
enum emu_status exec_load_far_ptr(struct emulate_ctxt *ctxt);
enum emu_status exec_xchg(struct emulate_ctxt *ctxt);
enum emu_status exec_cmpxchg(struct emulate_ctxt *ctxt);
enum emu_status exec_cmpxchg8b(struct emulate_ctxt *ctxt);
enum emu_status exec_xadd(struct emulate_ctxt *ctxt);
enum emu_status exec_lea(struct emulate_ctxt *ctxt);
enum emu_status exec_cmovcc(struct emulate_ctxt *ctxt);
enum emu_status exec_setcc(struct emulate_ctxt *ctxt);
enum emu_status exec_bswap(struct emulate_ctxt *ctxt);
enum emu_status exec_xlat(struct emulate_ctxt *ctxt);
enum emu_status exec_cbw(struct emulate_ctxt *ctxt);
enum emu_status exec_cwd(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_xmm(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_xmm_half(struct emulate_ctxt *ctxt);

enum emu_status exec_push(struct emulate_ctxt *ctxt);
enum emu_status exec_push_seg(struct emulate_ctxt *ctxt);
enum emu_status exec_pop(struct emulate_ctxt *ctxt);
enum emu_status exec_pop_seg(struct emulate_ctxt *ctxt);
enum emu_status exec_pusha(struct emulate_ctxt *ctxt);
enum emu_status exec_popa(struct emulate_ctxt *ctxt);
enum emu_status exec_pushf(struct emulate_ctxt *ctxt);
enum emu_status exec_popf(struct emulate_ctxt *ctxt);
enum emu_status exec_enter(struct emulate_ctxt *ctxt);
enum emu_status exec_leave(struct emulate_ctxt *ctxt);
enum emu_status exec_call(struct emulate_ctxt *ctxt);
enum emu_status exec_jmp(struct emulate_ctxt *ctxt);
enum emu_status exec_branch_ind(struct emulate_ctxt *ctxt);
enum emu_status exec_ret(struct emulate_ctxt *ctxt);
enum emu_status exec_jcc(struct emulate_ctxt *ctxt);
enum emu_status exec_loop(struct emulate_ctxt *ctxt);
enum emu_status exec_branch_far(struct emulate_ctxt *ctxt);
enum emu_status exec_ret_far(struct emulate_ctxt *ctxt);
enum emu_status exec_iret(struct emulate_ctxt *ctxt);
enum emu_status exec_int(struct emulate_ctxt *ctxt);

enum emu_status exec_flag(struct emulate_ctxt *ctxt);
enum emu_status exec_cli_sti(struct emulate_ctxt *ctxt);
enum emu_status exec_lahf(struct emulate_ctxt *ctxt);
enum emu_status exec_sahf(struct emulate_ctxt *ctxt);
enum emu_status exec_nop(struct emulate_ctxt *ctxt);
enum emu_status exec_ud(struct emulate_ctxt *ctxt);
enum emu_status exec_in(struct emulate_ctxt *ctxt);
enum emu_status exec_out(struct emulate_ctxt *ctxt);
enum emu_status exec_hlt(struct emulate_ctxt *ctxt);
enum emu_status exec_cpuid(struct emulate_ctxt *ctxt);
enum emu_status exec_rdmsr(struct emulate_ctxt *ctxt);
enum emu_status exec_wrmsr(struct emulate_ctxt *ctxt);
enum emu_status exec_rdtsc(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_from_cr(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_to_cr(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_from_dr(struct emulate_ctxt *ctxt);
enum emu_status exec_mov_to_dr(struct emulate_ctxt *ctxt);
enum emu_status exec_clts(struct emulate_ctxt *ctxt);
enum emu_status exec_lmsw(struct emulate_ctxt *ctxt);
enum emu_status exec_smsw(struct emulate_ctxt *ctxt);
enum emu_status exec_store_dt(struct emulate_ctxt *ctxt);
enum emu_status exec_load_dt(struct emulate_ctxt *ctxt);
enum emu_status exec_sldt(struct emulate_ctxt *ctxt);
enum emu_status exec_lldt(struct emulate_ctxt *ctxt);
enum emu_status exec_query_segment(struct emulate_ctxt *ctxt);
enum emu_status exec_invlpg(struct emulate_ctxt *ctxt);
enum emu_status exec_invpcid(struct emulate_ctxt *ctxt);
enum emu_status exec_wbinvd(struct emulate_ctxt *ctxt);
enum emu_status exec_rsm(struct emulate_ctxt *ctxt);

#endif
