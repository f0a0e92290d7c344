/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instruction decoder and emulator.
 *
 * Both are pure: insn_decode() looks at nothing but the bytes that it is given, and emulate()
 * reaches memory, ports and machine state only through struct emulate_ops.
 */
#ifndef UMBRA_EMULATE_H
#define UMBRA_EMULATE_H

#include "types.h"

#define INSN_MAX_BYTES	15

enum insn_mode {
	INSN_REAL16,
	INSN_VM86,
	INSN_PROT16,		/* also 16-bit code segments of compatibility mode */
	INSN_PROT32,		/* also 32-bit code segments of compatibility mode */
	INSN_LONG64,
};

enum insn_status {
	INSN_OK		= 0,
	INSN_MORE	= -1,	/* a valid beginning: more bytes are needed */
	INSN_INVALID	= -2,	/* #UD */
	INSN_TOO_LONG	= -3,	/* over 15 bytes: #GP(0) */
	INSN_UNKNOWN	= -4,	/* not in the tables; its length is not known */
};

/* General registers in their encoding order: indices of emulate_ctxt.regs. */
enum gpr {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	GPR_COUNT,
	GPR_NONE = 0xff,
};

/* Segment registers in their encoding order, then the system ones. */
enum seg_reg {
	SREG_ES, SREG_CS, SREG_SS, SREG_DS, SREG_FS, SREG_GS,
	SREG_TR, SREG_LDTR,
	SREG_COUNT,
};

enum insn_op {
	OP_OTHER,		/* the length is known, nothing else is */

	/* data movement */
	OP_MOV, OP_MOVBE, OP_MOVZX, OP_MOVSX, OP_MOV_FROM_SEG, OP_MOV_TO_SEG, OP_MOVNTI,
	OP_XCHG, OP_CMPXCHG, OP_CMPXCHG8B, OP_XADD, OP_LEA, OP_CMOVCC, OP_SETCC, OP_BSWAP,
	OP_XLAT, OP_CBW, OP_CWD, OP_LAHF, OP_SAHF, OP_LOAD_FAR_PTR,

	/* arithmetic: the eight of opcode 00..3f in encoding order */
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP,
	OP_TEST, OP_NOT, OP_NEG, OP_INC, OP_DEC,
	OP_MUL, OP_IMUL1, OP_IMUL, OP_DIV, OP_IDIV,
	/* shifts: the eight of group 2 in encoding order */
	OP_ROL, OP_ROR, OP_RCL, OP_RCR, OP_SHL, OP_SHR, OP_SAL, OP_SAR,
	OP_SHLD, OP_SHRD,
	OP_BT, OP_BTS, OP_BTR, OP_BTC,
	OP_BSF, OP_BSR, OP_TZCNT, OP_LZCNT, OP_POPCNT,
	OP_DAA, OP_DAS, OP_AAA, OP_AAS, OP_AAM, OP_AAD,

	/* strings */
	OP_MOVS, OP_CMPS, OP_STOS, OP_LODS, OP_SCAS, OP_INS, OP_OUTS,

	/* stack and control flow */
	OP_PUSH, OP_PUSH_SEG, OP_POP, OP_POP_SEG, OP_PUSHA, OP_POPA, OP_PUSHF, OP_POPF,
	OP_ENTER, OP_LEAVE,
	OP_CALL, OP_CALL_IND, OP_CALL_FAR, OP_JMP, OP_JMP_IND, OP_JMP_FAR,
	OP_RET, OP_RET_FAR, OP_IRET,
	OP_JCC, OP_LOOP, OP_LOOPE, OP_LOOPNE, OP_JCXZ,
	OP_INT, OP_INT3, OP_INT1, OP_INTO, OP_BOUND,

	/* flags, hints */
	OP_CLC, OP_STC, OP_CMC, OP_CLD, OP_STD, OP_CLI, OP_STI,
	OP_NOP, OP_PAUSE, OP_PREFETCH, OP_CLFLUSH, OP_FENCE,

	/* system */
	OP_IN, OP_OUT, OP_HLT, OP_CPUID, OP_RDMSR, OP_WRMSR, OP_RDTSC, OP_RDTSCP, OP_RDPMC,
	OP_MOV_FROM_CR, OP_MOV_TO_CR, OP_MOV_FROM_DR, OP_MOV_TO_DR, OP_CLTS, OP_LMSW, OP_SMSW,
	OP_SGDT, OP_SIDT, OP_LGDT, OP_LIDT, OP_SLDT, OP_STR, OP_LLDT, OP_LTR, OP_VERR, OP_VERW,
	OP_LAR, OP_LSL, OP_ARPL,
	OP_INVLPG, OP_INVPCID, OP_INVD, OP_WBINVD, OP_MONITOR, OP_MWAIT,
	OP_XGETBV, OP_XSETBV, OP_SWAPGS, OP_SYSCALL, OP_SYSRET, OP_SYSENTER, OP_SYSEXIT,
	OP_RSM, OP_CLAC, OP_STAC, OP_RDRAND, OP_RDSEED, OP_RDPID,
	OP_VMCALL, OP_VMX,	/* OP_VMX: any other VT-x instruction */
	OP_VMMCALL, OP_SVM,	/* OP_SVM: any other AMD-V instruction */
	OP_UD,			/* ud0, ud1, ud2: always #UD, the length is right */

	/* SSE moves */
	OP_MOV_XMM,		/* 16, 8 or 4 bytes between xmm and memory, xmm or a register */
	OP_MOV_XMM_HALF,	/* movlps, movhps, movlpd, movhpd */

	OP_COUNT
};

enum insn_opnd_kind {
	OPND_NONE,
	OPND_REG,		/* general register */
	OPND_HIGH,		/* ah, ch, dh, bh: .reg is 0..3 */
	OPND_MEM,
	OPND_IMM,		/* insn.imm, sign extended */
	OPND_SEG, OPND_CR, OPND_DR, OPND_XMM,
};

struct insn_opnd {
	u8 kind;		/* enum insn_opnd_kind */
	u8 reg;
	u8 bytes;
};

enum insn_flags {
	INSN_LOCKED	= 1 << 0,	/* lock prefix (xchg with memory is atomic without) */
	INSN_REP	= 1 << 1,	/* f3 is the last repeat prefix */
	INSN_REPNE	= 1 << 2,	/* f2 is the last repeat prefix */
	INSN_OPSIZE	= 1 << 3,	/* 66 */
	INSN_ADDRSIZE	= 1 << 4,	/* 67 */
	INSN_SEG_OVR	= 1 << 5,	/* a segment prefix that has an effect */
	INSN_MODRM	= 1 << 6,
	INSN_RIP_REL	= 1 << 7,
	INSN_ALIGNED	= 1 << 8,	/* SSE memory operand must be aligned */
	INSN_HIGH_HALF	= 1 << 9,	/* OP_MOV_XMM_HALF: bits 64..127 */
};

/**
 * struct insn - a decoded instruction, plain data
 *
 * @length:	bytes from the first prefix to the last immediate byte
 * @op:		what it does (enum insn_op)
 * @mode:	the mode that it was decoded for (enum insn_mode)
 * @map:	1 one-byte opcodes, 2 0f, 3 0f 38, 4 0f 3a
 * @opcode:	last opcode byte
 * @op_bytes:	operand size in bytes, 1, 2, 4 or 8 (1 for the byte forms)
 * @addr_bytes:	address size in bytes, 2, 4 or 8
 * @seg:	segment of the memory operand (enum seg_reg), defaults applied
 * @rex:	REX prefix or 0
 * @modrm:	the ModRM byte, if INSN_MODRM
 * @reg:	ModRM.reg with REX.R
 * @base:	base register of the memory operand or GPR_NONE
 * @index:	index register of the memory operand or GPR_NONE
 * @scale:	shift of the index, 0..3
 * @cc:		condition of jcc, setcc, cmovcc
 * @flags:	enum insn_flags
 * @disp:	displacement, sign extended (moffs: zero extended)
 * @imm:	immediate or relative branch displacement, sign extended
 * @imm2:	enter: nesting level; far pointer: selector
 * @dst:	first operand
 * @src:	second operand
 * @src2:	third operand
 */
struct insn {
	u8 length;
	u8 op;
	u8 mode;
	u8 map;
	u8 opcode;
	u8 op_bytes;
	u8 addr_bytes;
	u8 seg;
	u8 rex;
	u8 modrm;
	u8 reg;
	u8 base;
	u8 index;
	u8 scale;
	u8 cc;
	u16 flags;
	s64 disp;
	s64 imm;
	u16 imm2;
	struct insn_opnd dst, src, src2;
};

/**
 * insn_decode() - decode one instruction
 * @insn:	result; only valid when INSN_OK is returned
 * @bytes:	the instruction's bytes
 * @n:		how many there are; more than INSN_MAX_BYTES are not looked at
 * @mode:	mode of the code segment
 *
 * Any context, no side effects. Instructions that emulate() does not know are decoded too
 * (as OP_OTHER, or with a name of their own) as long as their length is certain.
 *
 * Return: an enum insn_status. Intel SDM vol. 2 chapter 2, AMD APM vol. 3 chapter 1.
 */
int insn_decode(struct insn *insn, const u8 *bytes, unsigned int n, enum insn_mode mode);

/* Whose processor an instruction is for. */
enum insn_vendor {
	INSN_ANY_VENDOR,	/* what differs is INSN_UNKNOWN */
	INSN_INTEL,
	INSN_AMD,
};

/**
 * insn_decode_as() - decode one instruction as a vendor's processors do
 * @insn: @bytes: @n: @mode:	see insn_decode()
 * @vendor:	near branches with 66 in 64-bit mode differ, and 0f 0d with a register
 *
 * Return: as insn_decode(). Intel SDM vol. 2 chapter 2.2.1.7, AMD APM vol. 3 chapter 1.2.
 */
int insn_decode_as(struct insn *insn, const u8 *bytes, unsigned int n, enum insn_mode mode,
		   enum insn_vendor vendor);

/**
 * insn_address() - offset of the memory operand in its segment
 * @insn:	a decoded instruction with a memory operand
 * @regs:	the 16 general registers
 * @rip:	where the instruction begins
 *
 * Return: the effective address, cut to the address size. Add the base of segment insn->seg
 * (in 64-bit mode of FS and GS only) for the linear address.
 */
u64 insn_address(const struct insn *insn, const u64 *regs, u64 rip);

/**
 * insn_condition() - does a conditional instruction do it?
 * @cc:		insn->cc
 * @flags:	rflags
 *
 * Return: whether the condition holds. Intel SDM vol. 1 appendix B.
 */
bool insn_condition(u8 cc, u64 flags);

/**
 * insn_result_flags() - what a result alone says about the flags
 * @flags:	rflags before
 * @result:	the value
 * @bytes:	how many of it count, 1 to 8
 *
 * Return: @flags with SF, ZF and PF set anew. Intel SDM vol. 1 3.4.3.1.
 */
u64 insn_result_flags(u64 flags, u64 result, unsigned int bytes);

enum emu_status {
	EMU_DONE,		/* executed; for ops: the access is complete */
	EMU_FAULT,		/* emulate_ctxt.fault is to be injected */
	EMU_EXIT,		/* user space has to act first, then emulate again */
	EMU_UNHANDLED,		/* not known how to do this */
	EMU_RETRY,		/* nothing done: enter the guest again */
};

/* Exception vectors that the emulator raises. */
enum emu_vector {
	EMU_DE = 0, EMU_DB = 1, EMU_BP = 3, EMU_OF = 4, EMU_BR = 5, EMU_UD = 6, EMU_NM = 7,
	EMU_TS = 10, EMU_NP = 11, EMU_SS = 12, EMU_GP = 13, EMU_PF = 14, EMU_AC = 17,
};

struct emulate_fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2;		/* #PF only */
};

/**
 * struct emulate_segment - a segment register with its hidden part
 * @base:	linear base
 * @limit:	last valid offset in bytes (scaled already if @g)
 * @selector:	visible part
 * @type:	the descriptor's four type bits
 * @dpl:	descriptor privilege level
 * @s:		code or data (not system)
 * @present:	present and usable
 * @avl:	available to software
 * @l:		64-bit code
 * @db:		default operand size / big stack
 * @g:		granularity as in the descriptor
 */
struct emulate_segment {
	u64 base;
	u32 limit;
	u16 selector;
	u8 type;
	u8 dpl;
	bool s, present, avl, l, db, g;
};

struct emulate_dt {
	u64 base;
	u16 limit;
};

/* Flags of memory accesses. */
enum emu_access {
	EMU_ACC_RMW	= 1 << 0,	/* read: the write follows, so check for write access */
	EMU_ACC_SYSTEM	= 1 << 1,	/* supervisor access whatever the CPL (tables, TSS) */
};

struct emulate_ctxt;

/**
 * struct emulate_ops - everything that the emulator can reach
 *
 * All return an enum emu_status that, unless EMU_DONE, ends the instruction and is returned by
 * emulate(). An op that returns EMU_FAULT has filled ctxt->fault (emulate_raise() helps).
 * The order of calls depends on nothing but the guest's state and the values that ops gave. An
 * op that returned EMU_EXIT is called again with the same arguments when the instruction is
 * emulated again. While an op runs, the registers in @ctxt may be half way through the
 * instruction; emulate() takes that back unless it ends with EMU_DONE.
 *
 * Linear addresses are canonical or, outside 64-bit mode, within 32 bits (not those of
 * EMU_ACC_SYSTEM: compatibility mode has its tables anywhere); an access may cross a page.
 * Except @fetch, @get_segment, @read and @write every op may be NULL: an instruction that
 * needs it is EMU_UNHANDLED.
 *
 * @fetch:	read @bytes code bytes at @addr; never crosses a page
 * @read:	read @bytes (1..32) bytes; @flags of enum emu_access
 * @write:	write @bytes (1..32) bytes; all of it or, on a fault, none
 * @cmpxchg:	atomically compare @bytes (1, 2, 4, 8, 16) with @old and store @new; if they
 *		differ store what is there in @old and set *@swapped false
 * @probe:	check that a write of @bytes would not fault, without doing it (NULL: not checked)
 * @committed:	one iteration of a repeated string instruction is complete, its registers are
 *		in @ctxt, and its accesses will not be repeated (NULL: nobody cares)
 * @io_in:	one port read of @bytes (1, 2, 4); permissions were checked
 * @io_out:	one port write
 * @io_block:	a repeated INS (@in) or OUTS: up to *@count elements of @bytes between the port and
 *		memory from @addr upwards, in one page; *@count: how many were moved, 0: each is
 *		to be done for itself (NULL: always)
 * @get_segment: read a segment register
 * @set_segment: set a segment register with its hidden part; all checks were made
 * @load_segment: load a selector by the rules of protected mode, in place of what the emulator
 *		does itself with @get_dt, @read, @write and @set_segment (NULL: it does)
 * @read_cr:	read control register @nr
 * @write_cr:	write control register @nr, with all checks on the value
 * @read_dr:	read debug register @nr
 * @write_dr:	write debug register @nr
 * @read_msr:	read an MSR; #GP(0) if there is none
 * @write_msr:	write an MSR
 * @cpuid:	@regs are eax, ebx, ecx, edx in and out
 * @rdtsc:	guest's time stamp counter
 * @get_dt:	read GDTR or (@idt) IDTR
 * @set_dt:	set GDTR or (@idt) IDTR
 * @read_xmm:	read the low 16 bytes of a vector register
 * @write_xmm:	write the low 16 bytes of a vector register
 * @hlt:	the guest halts; rip is advanced when this returns EMU_DONE
 * @invlpg:	invalidate one linear address
 * @invpcid:	INVPCID of @type with its descriptor's two words, and all checks on them
 * @wbinvd:	write back and invalidate caches
 * @rsm:	RSM: leave SMM for the state that was saved, that of @ctxt (registers, rip, rflags,
 *		shadow) included; #UD outside SMM
 */
struct emulate_ops {
	enum emu_status (*fetch)(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				 unsigned int bytes);
	enum emu_status (*read)(struct emulate_ctxt *ctxt, gva_t addr, void *buf,
				unsigned int bytes, unsigned int flags);
	enum emu_status (*write)(struct emulate_ctxt *ctxt, gva_t addr, const void *buf,
				 unsigned int bytes, unsigned int flags);
	enum emu_status (*cmpxchg)(struct emulate_ctxt *ctxt, gva_t addr, void *old,
				   const void *new, unsigned int bytes, bool *swapped);
	enum emu_status (*probe)(struct emulate_ctxt *ctxt, gva_t addr, unsigned int bytes,
				 unsigned int flags);
	void (*committed)(struct emulate_ctxt *ctxt);

	enum emu_status (*io_in)(struct emulate_ctxt *ctxt, u16 port, void *buf,
				 unsigned int bytes);
	enum emu_status (*io_out)(struct emulate_ctxt *ctxt, u16 port, const void *buf,
				  unsigned int bytes);
	enum emu_status (*io_block)(struct emulate_ctxt *ctxt, u16 port, bool in, gva_t addr,
				    unsigned int bytes, unsigned int *count);

	void (*get_segment)(struct emulate_ctxt *ctxt, enum seg_reg reg,
			    struct emulate_segment *seg);
	enum emu_status (*set_segment)(struct emulate_ctxt *ctxt, enum seg_reg reg,
				       const struct emulate_segment *seg);
	enum emu_status (*load_segment)(struct emulate_ctxt *ctxt, enum seg_reg reg,
					u16 selector);

	enum emu_status (*read_cr)(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val);
	enum emu_status (*write_cr)(struct emulate_ctxt *ctxt, unsigned int nr, u64 val);
	enum emu_status (*read_dr)(struct emulate_ctxt *ctxt, unsigned int nr, u64 *val);
	enum emu_status (*write_dr)(struct emulate_ctxt *ctxt, unsigned int nr, u64 val);
	enum emu_status (*read_msr)(struct emulate_ctxt *ctxt, u32 msr, u64 *val);
	enum emu_status (*write_msr)(struct emulate_ctxt *ctxt, u32 msr, u64 val);
	enum emu_status (*cpuid)(struct emulate_ctxt *ctxt, u32 regs[4]);
	enum emu_status (*rdtsc)(struct emulate_ctxt *ctxt, u64 *tsc);
	enum emu_status (*get_dt)(struct emulate_ctxt *ctxt, bool idt, struct emulate_dt *dt);
	enum emu_status (*set_dt)(struct emulate_ctxt *ctxt, bool idt,
				  const struct emulate_dt *dt);

	enum emu_status (*read_xmm)(struct emulate_ctxt *ctxt, unsigned int nr, void *val);
	enum emu_status (*write_xmm)(struct emulate_ctxt *ctxt, unsigned int nr,
				     const void *val);

	enum emu_status (*hlt)(struct emulate_ctxt *ctxt);
	enum emu_status (*invlpg)(struct emulate_ctxt *ctxt, gva_t addr);
	enum emu_status (*invpcid)(struct emulate_ctxt *ctxt, u64 type, u64 pcid, gva_t addr);
	enum emu_status (*wbinvd)(struct emulate_ctxt *ctxt);
	enum emu_status (*rsm)(struct emulate_ctxt *ctxt);
};

/* Interrupt shadow that the emulated instruction leaves behind. */
enum emu_shadow {
	EMU_SHADOW_STI		= 1 << 0,
	EMU_SHADOW_MOV_SS	= 1 << 1,
};

/**
 * struct emulate_ctxt - the state of one emulation
 *
 * The caller fills everything above @insn, and reads the rest (and the registers) afterwards.
 *
 * @ops:	how to reach the machine
 * @priv:	the caller's
 * @regs:	general registers, indexed by enum gpr
 * @rip:	instruction pointer (not the linear address)
 * @rflags:	flags
 * @mode:	mode of the code segment
 * @cpl:	current privilege level (0 in real mode, 3 in vm86 mode)
 * @la57:	linear addresses have 57 bits (CR4.LA57)
 * @base57:	those that are loaded as a base may have (the processor has LA57): SDM 3A 4.5.2
 * @intel:	the guest's processor calls itself Intel's: where processors differ do as theirs
 *		do, else as AMD's
 * @has_invpcid: it has INVPCID
 * @has_alt_cr8: LOCK makes CR0 of MOV CR8 (CPUID 0x80000001 ECX bit 4)
 * @code:	bytes of the instruction, if @code_len says so; else read with ops->fetch
 * @code_len:	how many of them are valid; in: 0 or what the hardware gave; out: the bytes
 *		looked at, for a report on EMU_UNHANDLED
 * @insn:	the decoded instruction; valid if @decoded
 * @decoded:	the bytes were decoded
 * @fault:	exception, on EMU_FAULT
 * @shadow:	interrupt shadow after the instruction (enum emu_shadow), on EMU_DONE
 * @tf_trap:	a single-step #DB is due after the instruction, on EMU_DONE
 * @task_switched: the state is another task's, also on EMU_FAULT; DR7's local enables are due
 * @traps:	bits of DR6 for a #DB that is due after the instruction, on EMU_DONE
 * @rep_partial: EMU_DONE, but iterations remain: rip still names the same instruction
 * @rollback:	the emulator's own
 */
struct emulate_ctxt {
	const struct emulate_ops *ops;
	void *priv;
	u64 regs[GPR_COUNT];
	u64 rip;
	u64 rflags;
	enum insn_mode mode;
	u8 cpl;
	bool la57, base57;
	bool intel, has_invpcid, has_alt_cr8;
	u8 code[INSN_MAX_BYTES];
	u8 code_len;

	struct insn insn;
	bool decoded;
	struct emulate_fault fault;
	u8 shadow;
	bool tf_trap;
	bool task_switched;
	u32 traps;
	bool rep_partial;
	struct {
		u64 regs[GPR_COUNT];
		u64 rip, rflags;
	} rollback;
};

/**
 * emulate() - execute one instruction
 * @ctxt:	the guest's state, in and out
 *
 * Fetches the bytes that @ctxt->code lacks, decodes them and executes the instruction. A
 * repeated string instruction runs for a bounded number of iterations and commits the
 * registers after each one; with iterations left it ends with EMU_DONE and @ctxt->rep_partial.
 * Context: whatever the ops allow.
 *
 * Return: EMU_DONE with registers, rip and rflags advanced; anything else with them as they
 * were before the instruction or, repeated, before its unfinished iteration.
 */
enum emu_status emulate(struct emulate_ctxt *ctxt);

/* What makes a processor switch tasks; VT-x has these numbers. */
enum emu_task_source { EMU_TASK_CALL, EMU_TASK_IRET, EMU_TASK_JMP, EMU_TASK_GATE };

/**
 * struct emu_task_switch - a task switch to be made
 * @selector:	of the new TSS
 * @source:	enum emu_task_source; EMU_TASK_GATE is a gate in the IDT
 * @external:	by an event that no INT instruction made: EXT is set in error codes
 * @restarts:	by a fault: RF is set in the EFLAGS that are saved
 * @has_error:	@error is pushed on the new task's stack
 * @error:	error code
 */
struct emu_task_switch {
	u16 selector;
	u8 source;
	bool external, restarts, has_error;
	u32 error;
};

/**
 * emulate_task_switch() - switch to another task
 * @ctxt:	the guest's state, in and out; rip is what the old task goes on with
 * @how:	to which, and why; the rights to get there have been checked
 *
 * Intel SDM vol. 3A 8.3. Return: EMU_DONE; EMU_FAULT, in the new task if @ctxt->task_switched;
 * EMU_RETRY or EMU_EXIT: nothing has been done; EMU_UNHANDLED: not possible, or half done.
 */
enum emu_status emulate_task_switch(struct emulate_ctxt *ctxt, const struct emu_task_switch *how);

/**
 * struct emu_event - an exception or interrupt to be delivered
 * @vector:	which
 * @soft:	by INT n, INT3 or INTO: the gate's privilege level counts
 * @has_error:	@error is pushed
 * @error:	error code
 */
struct emu_event {
	u8 vector;
	bool soft, has_error;
	u32 error;
};

/**
 * emulate_event_delivery() - enter a handler through the IDT of protected or long mode
 * @ctxt:	the guest's state, in and out; rip and rflags are what is pushed
 * @event:	what happened
 *
 * Intel SDM vol. 2 INT n, vol. 3A 6.12 to 6.14. Return: EMU_DONE; anything else with the
 * registers as they were, but a fault in a new task (@ctxt->task_switched). EMU_UNHANDLED in
 * real and in vm86 mode.
 */
enum emu_status emulate_event_delivery(struct emulate_ctxt *ctxt, const struct emu_event *event);

/**
 * emulate_raise() - let an op report an exception
 * @ctxt:	the emulation
 * @vector:	exception vector; not EMU_PF
 * @error:	error code, used by the vectors that push one
 *
 * Return: EMU_FAULT.
 */
enum emu_status emulate_raise(struct emulate_ctxt *ctxt, u8 vector, u32 error);

/**
 * emulate_raise_pf() - let an op report a page fault
 * @ctxt:	the emulation
 * @addr:	linear address, for CR2
 * @error:	page-fault error code
 *
 * Return: EMU_FAULT.
 */
enum emu_status emulate_raise_pf(struct emulate_ctxt *ctxt, gva_t addr, u32 error);

/**
 * insn_mode_of() - mode of a code segment
 * @pe:		CR0.PE
 * @vm:		RFLAGS.VM
 * @lma:	EFER.LMA
 * @cs_l:	L bit of CS
 * @cs_db:	D bit of CS
 *
 * Return: the mode to decode for.
 */
static inline enum insn_mode insn_mode_of(bool pe, bool vm, bool lma, bool cs_l, bool cs_db)
{
	if (!pe)
		return INSN_REAL16;
	if (vm && !lma)
		return INSN_VM86;
	if (lma && cs_l)
		return INSN_LONG64;
	return cs_db ? INSN_PROT32 : INSN_PROT16;
}

#endif
