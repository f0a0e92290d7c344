/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small machine for tests: one VM with flat memory, vCPUs in any paging mode, and a way to
 * run single instructions in it and see what they did.
 *
 * Guest physical memory, mapped one to one for supervisor mode as far as LOW_BYTES:
 */
#ifndef SELFTESTS_VM_H
#define SELFTESTS_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/kvm.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SIZE	0x1000ul

#define IVT_GPA		0x0ul		/* real mode's vectors */
#define IDT_GPA		0x1000ul
#define GDT_GPA		0x2000ul
#define TSS_GPA		0x3000ul
#define STUBS_GPA	0x4000ul	/* exception stubs, 16 bytes each */
#define CODE_GPA	0x5000ul	/* the instruction under test, supervisor's */
#define UCODE_GPA	0x6000ul	/* the same for user mode */
#define STACK_GPA	0x7000ul	/* a page, grows down; top is STACK_TOP */
#define STACK_TOP	0x8000ul
#define USTACK_GPA	0x9000ul
#define USTACK_TOP	0xa000ul
#define TABLES_GPA	0x20000ul	/* page tables */
#define TABLES_END	0x100000ul
#define LOW_DATA	0x100000ul	/* data that is mapped one to one */
#define IMAGE_GPA	0x400000ul	/* where vm_load_image() puts this very program */
#define LOW_BYTES	0x800000ul
#define DATA_GPA	0x800000ul	/* data without a mapping */
#define LARGE_GPA	0x2000000ul	/* two large pages of any format */
#define LARGE_BYTES	0x400000ul
#define MEM_BYTES	0x4000000ul

#define TEST_VA		0x10000000ul	/* nothing is mapped here at the start */

#define KERNEL_CS	0x08
#define KERNEL_DS	0x10
#define USER_DS		0x1b
#define USER_CS		0x23
#define TSS_SEL		0x28
#define CODE16_SEL	0x38
#define DATA16_SEL	0x40
#define CODE32_SEL	0x48
#define CODE64_SEL	0x50

#define PORT_DONE	0xf0	/* the instruction under test is behind us */
#define PORT_EXC	0xf1	/* an exception stub ran */
#define PORT_ASSERT	0xf2	/* a C guest's assertion failed */
#define PORT_SYNC	0xf3	/* a C guest reports; eax is the value */
#define VECTOR_DONE	0x40	/* PORT_DONE of user mode */

enum guest_mode { MODE_REAL, MODE_PROT, MODE_32, MODE_PAE, MODE_LONG4, MODE_LONG5 };

struct pt_format {
	const char *name;
	u8 levels;
	u8 entry_bytes;
	u8 index_bits;
	bool is_long;
};

struct vm;

/* What one run of the guest came to. */
enum outcome {
	OUT_DONE,		/* the code under test reached its end */
	OUT_EXC,		/* an exception: vector, error, cr2, rip, cs, rflags, rsp */
	OUT_EXIT,		/* any other exit to user space: v->run->exit_reason */
	OUT_ERRNO,		/* KVM_RUN failed: err */
};

struct result {
	enum outcome kind;
	u8 vector;
	u32 error;
	u64 cr2;
	u64 rip;
	u64 cs, rflags, rsp;
	u32 exit;
	int err;
};

struct vcpu {
	struct vm *vm;
	int id, fd;
	struct kvm_run *run;
	size_t run_bytes;
	struct kvm_regs regs;	/* registers for the next run, and after it */
	bool user;		/* run code at CPL 3 */
	u64 flags;		/* more RFLAGS for code under test */
};

struct vm {
	int dev, fd;
	enum guest_mode mode;
	const struct pt_format *fmt;
	u8 *mem;
	size_t mem_bytes;
	u64 root;		/* gpa of the top table */
	u64 next_table;
	int nr_vcpus;
	struct vcpu vcpu[4];
};

struct blob {
	const u8 *bytes;
	size_t len;
};

/*
 * Machine code for the guest; registers with two percent signs. INSN32 and INSN16 are for
 * 32- and 16-bit code segments.
 */
#define INSN_AS(mode, text) ({						\
	const u8 *b_, *e_;						\
									\
	asm volatile("lea 7770f(%%rip), %0\n\tlea 7771f(%%rip), %1\n"	\
		     ".pushsection .rodata.guest, \"a\"\n" mode		\
		     "\n7770:\t" text "\n7771:\n.code64\n.popsection"	\
		     : "=r" (b_), "=r" (e_));				\
	(struct blob){ b_, e_ - b_ };					\
})
#define INSN(text)	INSN_AS(".code64", text)
#define INSN32(text)	INSN_AS(".code32", text)
#define INSN16(text)	INSN_AS(".code16", text)

/* A broken test set-up, not a failed expectation: says where and ends the test. */
#define die(fmt, ...)	vm_die(__FILE__, __LINE__, fmt, ##__VA_ARGS__)
void vm_die(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

/* The next one; the high bits are the better ones. */
static inline u64 lcg_next(u64 *random)
{
	return *random = *random * 6364136223846793005ul + 1442695040888963407ul;
}

/* A number in the environment. */
u64 from_env(const char *name, u64 otherwise);

int vm_open_device(void);

/*
 * Bochs 2.7 does not leave a guest for an external interrupt when it was entered with RFLAGS.IF
 * clear: a guest that spins so never ends there.
 */
bool on_bochs(void);

/* vm.c: the VM and its vCPUs. */
struct vm *vm_create(enum guest_mode mode);
struct vm *vm_create_with_ring(enum guest_mode mode, u64 ring_bytes);	/* of dirty frames */
struct vm *vm_create_bare(void);	/* no vCPU, no memory */
void vm_add_memory(struct vm *vm, enum guest_mode mode);	/* to a bare one */
long counter(const char *name);		/* of the module's, over all VMs; -1: there is none */
/* Bits of leaf 7's EBX and leaf 1's ECX that vCPUs get from now on, offered or not. */
extern u32 vm_claim_7_ebx, vm_claim_1_ecx;

struct vcpu *vm_add_vcpu(struct vm *vm);
void vm_free(struct vm *vm);
void vm_set_slot(struct vm *vm, u32 slot, u64 gpa, void *hva, u64 bytes, u32 flags);
void *vm_alloc(size_t bytes);
void vm_load_image(struct vm *vm);
void *vm_ptr(struct vm *vm, u64 gpa);
u64 vm_read(struct vm *vm, u64 gpa, int bytes);
bool vm_has_cap(struct vm *vm, int cap);
struct kvm_cpuid2 *vm_supported_cpuid(int dev);
bool guest_has(struct vm *vm, u32 leaf, int reg, int bit);

#define GUEST_HAS_PSE(vm)	guest_has(vm, 1, 3, 3)
#define GUEST_HAS_PCID(vm)	guest_has(vm, 1, 2, 17)
#define GUEST_HAS_PGE(vm)	guest_has(vm, 1, 3, 13)
#define GUEST_HAS_PSE36(vm)	guest_has(vm, 1, 3, 17)
#define GUEST_HAS_XSAVE(vm)	guest_has(vm, 1, 2, 26)
#define GUEST_HAS_SMEP(vm)	guest_has(vm, 7, 1, 7)
#define GUEST_HAS_SMAP(vm)	guest_has(vm, 7, 1, 20)
#define GUEST_HAS_INVPCID(vm)	guest_has(vm, 7, 1, 10)
#define GUEST_HAS_LA57(vm)	guest_has(vm, 7, 2, 16)
#define GUEST_HAS_NX(vm)	guest_has(vm, 0x80000001, 3, 20)
#define GUEST_HAS_GBPAGES(vm)	guest_has(vm, 0x80000001, 3, 26)
#define GUEST_HAS_CX16(vm)	guest_has(vm, 1, 2, 13)
int guest_maxphyaddr(struct vm *vm);

/* state.c: registers of a mode. */
void vcpu_set_mode(struct vcpu *v, enum guest_mode mode);
void vcpu_load_tr(struct vcpu *v);
void vm_write_descriptors(struct vm *vm);
void vcpu_get_sregs(struct vcpu *v, struct kvm_sregs *sregs);
void vcpu_set_sregs(struct vcpu *v, const struct kvm_sregs *sregs);
struct kvm_vcpu_events vcpu_get_events(struct vcpu *v);
int vcpu_set_events(struct vcpu *v, struct kvm_vcpu_events e);	/* 0 or errno */
int vcpu_get_msr(struct vcpu *v, u32 index, u64 *value);
int vcpu_set_msr(struct vcpu *v, u32 index, u64 value);

/* insn.c: run code in the guest. */
struct result vcpu_run(struct vcpu *v);		/* until something happens */
void vcpu_settle(struct vcpu *v);		/* completes the last OUT: state may be set now */
struct result vcpu_enter(struct vcpu *v);	/* v->regs, then vcpu_run() */
struct result guest_insn(struct vcpu *v, struct blob code);
struct result guest_insn_at(struct vcpu *v, u64 rip, struct blob code);
struct result guest_read(struct vcpu *v, u64 va, int bytes, u64 *value);
struct result guest_write(struct vcpu *v, u64 va, u64 value, int bytes);
struct result guest_exec(struct vcpu *v, u64 va);
struct result guest_invlpg(struct vcpu *v, u64 va);
struct result guest_set_cr(struct vcpu *v, int nr, u64 value);
u64 guest_get_cr(struct vcpu *v, int nr);
struct result guest_wrmsr(struct vcpu *v, u32 msr, u64 value);
struct result guest_rdmsr(struct vcpu *v, u32 msr, u64 *value);
void put_exec_target(struct vm *vm, u64 gpa);
const char *result_str(struct result r);

/* Assertions on results; r is evaluated once. */
#define EXPECT_RESULT(cond, r)						\
	do {								\
		struct result r_ = (r);					\
		EXPECT_TRUE(cond)					\
			TH_LOG("%s", result_str(r_));			\
	} while (0)
#define EXPECT_DONE(r)		EXPECT_RESULT(r_.kind == OUT_DONE, r)
#define EXPECT_EXC(r, vec)	EXPECT_RESULT(r_.kind == OUT_EXC && r_.vector == (vec), r)
#define EXPECT_EXC_ERR(r, vec, err_)					\
	EXPECT_RESULT(r_.kind == OUT_EXC && r_.vector == (vec) && r_.error == (err_), r)
#define EXPECT_PF(r, err_, cr2_)					\
	EXPECT_RESULT(r_.kind == OUT_EXC && r_.vector == 14 &&		\
		      r_.error == (err_) && r_.cr2 == (cr2_), r)
#define EXPECT_EXIT(r, reason)	EXPECT_RESULT(r_.kind == OUT_EXIT && r_.exit == (reason), r)
#define ASSERT_DONE(r)							\
	do {								\
		struct result r_ = (r);					\
		ASSERT_EQ(OUT_DONE, r_.kind)				\
			TH_LOG("%s", result_str(r_));			\
	} while (0)

/* A system call fails with that errno. */
#define EXPECT_ERRNO(e, call)						\
	do {								\
		errno = 0;						\
		EXPECT_EQ(-1, call);					\
		EXPECT_EQ(e, errno);					\
	} while (0)

/* Vectors and page-fault error bits. */
#define VEC_DE	0
#define VEC_DB	1
#define VEC_BP	3
#define VEC_UD	6
#define VEC_NM	7
#define VEC_DF	8
#define VEC_NP	11
#define VEC_SS	12
#define VEC_GP	13
#define VEC_PF	14
#define VEC_AC	17
#define ERR_P 1u
#define ERR_W 2u
#define ERR_U 4u
#define ERR_R 8u
#define ERR_I 16u

#define CR0_PE	(1ul << 0)
#define CR0_MP	(1ul << 1)
#define CR0_EM	(1ul << 2)
#define CR0_TS	(1ul << 3)
#define CR0_ET	(1ul << 4)
#define CR0_NE	(1ul << 5)
#define CR0_WP	(1ul << 16)
#define CR0_AM	(1ul << 18)
#define CR0_NW	(1ul << 29)
#define CR0_CD	(1ul << 30)
#define CR0_PG	(1ul << 31)
#define CR4_DE	(1ul << 3)
#define CR4_PSE	(1ul << 4)
#define CR4_PAE	(1ul << 5)
#define CR4_PGE	(1ul << 7)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP (1ul << 11)
#define CR4_LA57 (1ul << 12)
#define CR4_VMXE (1ul << 13)
#define CR4_FSGSBASE (1ul << 16)
#define CR4_PCIDE (1ul << 17)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define EFER_SCE (1ul << 0)
#define EFER_LME (1ul << 8)
#define EFER_LMA (1ul << 10)
#define EFER_NXE (1ul << 11)
#define RFLAGS_TF (1ul << 8)
#define RFLAGS_IF (1ul << 9)
#define RFLAGS_AC (1ul << 18)

#define MSR_TSC		0x10
#define MSR_SYSENTER_CS	0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT		0x277
#define MSR_EFER_	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_SFMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define MSR_TSC_AUX	0xc0000103

#endif
