// SPDX-License-Identifier: GPL-2.0-only
/* See svm_machine.h; and the kernel's functions that svm/ calls. */
#include <ucontext.h>

#include "svm_machine.h"
#include "tap.h"

struct mach mach;
int shim_cpu;
char shim_log[256];
bool check_entry_on;

static struct svm_cpu others[SHIM_CPUS];

/* ---- memory ---- */

/* What was allocated together; split_page() makes its pages independent. */
static struct block {
	unsigned long base;
	unsigned int pages, left;
} blocks[64];

/* Each is at the beginning of 2 MiB, where the processor's own pages must not be. */
#define BLOCK_ALIGN	(2ul << 20)

static struct block *block_of(unsigned long addr)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		if (blocks[i].left && blocks[i].base == (addr & -BLOCK_ALIGN))
			return &blocks[i];
	TAP_FAIL("%lx is not allocated", addr);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	size_t size = PAGE_SIZE << order;
	void *p = aligned_alloc(BLOCK_ALIGN, BLOCK_ALIGN);
	unsigned int i = 0;

	CHECK(p);
	while (i < ARRAY_SIZE(blocks) - 1 && blocks[i].left)
		i++;
	CHECK(!blocks[i].left);
	blocks[i] = (struct block){ (unsigned long)p, 1u << order, 1 };
	memset(p, gfp & __GFP_ZERO ? 0 : 0x5a, size);
	return (unsigned long)p;
}

/* There is a struct page for no page: it is the address. */
struct page *virt_to_page(const void *p)
{
	return (struct page *)p;
}

void split_page(struct page *page, unsigned int order)
{
	struct block *b = block_of((unsigned long)page);

	CHECK(b->left == 1 && b->pages == 1u << order);
	b->left = b->pages;
	b->pages = 1;
}

void free_pages(unsigned long addr, unsigned int order)
{
	struct block *b;

	if (!addr)
		return;
	b = block_of(addr);
	CHECK_EQ(b->pages, 1u << order);
	memset((void *)addr, 0x6b, PAGE_SIZE << order);
	if (!--b->left)
		free((void *)b->base);
}

unsigned int mach_blocks(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		n += !!blocks[i].left;
	return n;
}

/* With SEV-SNP, others' writes to the 2 MiB would fault. */
static void check_own_page(unsigned long pa)
{
	CHECK(pa && !(pa & (PAGE_SIZE - 1)));
	CHECK(pa & (BLOCK_ALIGN - 1));
	block_of(pa);
}

/* ---- instructions of the kernel ---- */

struct fixup {
	u64 from, to;
};

extern const struct fixup __start_shim_extable[], __stop_shim_extable[];

static void fault(greg_t *regs)
{
	const struct fixup *f;

	for (f = __start_shim_extable; f < __stop_shim_extable; f++) {
		if (f->from != (u64)regs[REG_RIP])
			continue;
		regs[REG_RIP] = f->to;
		return;
	}
	TAP_FAIL("#UD at %llx, which has no fixup", regs[REG_RIP]);
}

/* AMD APM volume 3, INVLPGA and STGI. */
static void trapped(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const u8 *insn = (const u8 *)regs[REG_RIP];

	if (insn[0] != 0x0f || insn[1] != 0x01 || (insn[2] != 0xdf && insn[2] != 0xdc))
		TAP_FAIL("signal %d at %p", sig, insn);
	if (!(mach.efer[shim_cpu] & EFER_SVME)) {
		fault(regs);
		return;
	}
	if (insn[2] == 0xdf) {
		mach.tlb[shim_cpu][(u32)regs[REG_RCX]][regs[REG_RAX] >> 12] = 0;
		mach.invlpgas++;
	}
	regs[REG_RIP] += 3;
}

static void flush(u8 how, u32 asid)
{
	if (how == TLB_CTL_ALL)
		memset(mach.tlb[shim_cpu], 0, sizeof(mach.tlb[shim_cpu]));
	else if (how == TLB_CTL_ASID)
		memset(mach.tlb[shim_cpu][asid], 0, sizeof(mach.tlb[shim_cpu][asid]));
}

/* ---- VMCB clean bits: AMD APM volume 2, 15.15.3 ---- */

#define FIELD(bit, field)						\
	{ bit, #field, offsetof(struct vmcb, field), sizeof(((struct vmcb *)0)->field) }

static const struct {
	unsigned int bit;
	const char *name;
	size_t offset, bytes;
} cached_fields[] = {
	FIELD(0, control.intercept), FIELD(0, control.tsc_offset), FIELD(0, control.pause_count),
	FIELD(1, control.iopm_pa), FIELD(1, control.msrpm_pa),
	FIELD(2, control.asid),
	FIELD(3, control.int_ctl), FIELD(3, control.int_vector),
	FIELD(4, control.nested_ctl), FIELD(4, control.nested_cr3), FIELD(4, save.g_pat),
	FIELD(5, save.cr0), FIELD(5, save.cr3), FIELD(5, save.cr4), FIELD(5, save.efer),
	FIELD(6, save.dr6), FIELD(6, save.dr7),
	FIELD(7, save.gdtr), FIELD(7, save.idtr),
	FIELD(8, save.seg[0]), FIELD(8, save.seg[1]), FIELD(8, save.seg[2]), FIELD(8, save.seg[3]),
	FIELD(8, save.cpl),
	FIELD(9, save.cr2),
	FIELD(10, save.debugctl), FIELD(10, control.virt_ext),
};

/* A VMCB as the processor that ran it last has it. */
static struct cached {
	const struct vmcb *vmcb;
	int cpu;
	struct vmcb copy;
} cache[8];

static struct cached *cached(const struct vmcb *vmcb)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cache); i++)
		if (cache[i].vmcb == vmcb)
			return &cache[i];
	return NULL;
}

static void forget(const struct vmcb *vmcb)
{
	struct cached *c = cached(vmcb);

	if (c)
		c->vmcb = NULL;
}

static void forget_cpu(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cache); i++)
		if (cache[i].cpu == shim_cpu)
			cache[i].vmcb = NULL;
}

static void remember(const struct vmcb *vmcb)
{
	struct cached *c = cached(vmcb) ?: cached(NULL);

	CHECK(c);
	*c = (struct cached){ vmcb, shim_cpu, *vmcb };
}

/* What is said to be clean is what this processor knows. */
static void check_clean(const struct vmcb *vmcb)
{
	const struct cached *c = cached(vmcb);
	unsigned int i;

	if (!vmcb->control.clean)
		return;
	if (!c || c->cpu != shim_cpu)
		TAP_FAIL("clean %x, but this processor did not run the VMCB last",
			 vmcb->control.clean);
	for (i = 0; i < ARRAY_SIZE(cached_fields); i++) {
		size_t offset = cached_fields[i].offset;

		if (vmcb->control.clean & BIT(cached_fields[i].bit) &&
		    memcmp((void *)vmcb + offset, (void *)&c->copy + offset,
			   cached_fields[i].bytes))
			TAP_FAIL("%s has changed and is said to be clean", cached_fields[i].name);
	}
}

/* The guest does something of all that it may do without an exit. */
static void guest_acts(struct vmcb *vmcb)
{
	static u32 n;

	n++;
	vmcb->save.cr2 = n;
	if (n % 3 == 0)
		vmcb->save.dr6 ^= BIT(n % 4);
	vmcb->save.seg[n % 6].selector = n;
	vmcb->save.gdtr.limit = (u16)n;
	vmcb->control.int_ctl ^= n & 1;
	vmcb->control.int_state = n >> 1 & 1;
}

static void run(struct vmcb *vmcb)
{
	u64 *cached = &mach.tlb[shim_cpu][vmcb->control.asid][mach.page];

	flush(vmcb->control.tlb_control, vmcb->control.asid);
	if (!*cached)
		*cached = mach.memory;
	mach.seen = *cached;
	vmcb->control.exit_code = SVM_EXIT_INTR;
	vmcb->control.exit_int_info = 0;
	vmcb->save.rip++;
	guest_acts(vmcb);
}

void svm_enter_guest(struct vcpu_regs *regs, unsigned long vmcb_pa, unsigned long host_pa,
		     struct spec_ctrl spec)
{
	struct vmcb *vmcb = (struct vmcb *)vmcb_pa;
	enum mach_entry how = mach.next;

	check_own_page(vmcb_pa);
	check_own_page(host_pa);
	check_own_page(mach.hsave[shim_cpu]);
	mach.vmruns++;
	mach.next = MACH_RUN;
	CHECK(vmcb->control.asid && vmcb->control.asid < mach.cpuid_svm[shim_cpu].nr_asids);
	if (!(mach.efer[shim_cpu] & EFER_SVME) || how == MACH_FAULT)
		return;
	check_clean(vmcb);
	forget(vmcb);
	switch (how) {
	case MACH_INVALID:
		vmcb->control.exit_code = VMEXIT_INVALID;
		break;
	case MACH_CHECK:
		run(vmcb);
		vmcb->control.exit_code = SVM_EXIT_EXCP_BASE + X86_TRAP_MC;
		remember(vmcb);
		break;
	case MACH_SHUTDOWN:
		memset(vmcb, 0xcd, sizeof(*vmcb));
		vmcb->control.exit_code = SVM_EXIT_SHUTDOWN;
		break;
	default:
		run(vmcb);
		remember(vmcb);
	}
}

/* Those that are just there. */
static u64 *plain_msr(u32 msr)
{
	switch (msr) {
	case 0xc001102e:
		return &mach.bp_cfg[shim_cpu];
	case MSR_AMD64_DC_CFG:
		return &mach.dc_cfg[shim_cpu];
	case MSR_AMD64_TSC_RATIO:
		CHECK(mach.cpuid_svm[shim_cpu].features & BIT(4));	/* or #GP */
		return &mach.tsc_ratio[shim_cpu];
	case MSR_IA32_MC0_STATUS:
		return &mach.mc_status[shim_cpu];
	case MSR_IA32_MCG_STATUS:
		return &mach.mcg_status[shim_cpu];
	default:
		return NULL;
	}
}

u64 host_rdmsr(u32 msr)
{
	if (plain_msr(msr))
		return *plain_msr(msr);
	switch (msr) {
	case MSR_EFER:
		return mach.efer[shim_cpu];
	case MSR_IA32_XSS:
		return mach.msr_xss;
	}
	return 0;
}

void host_wrmsr(u32 msr, u64 value)
{
	if (plain_msr(msr))
		*plain_msr(msr) = value;
	if (msr == 0xc0010117)
		mach.hsave[shim_cpu] = value;
	if (msr == MSR_EFER) {
		/* #GP: AMD APM volume 2, 15.4 */
		CHECK(!(value & EFER_SVME) || !(mach.vm_cr[shim_cpu] & BIT(4)));
		mach.efer[shim_cpu] = value;
		/* Nothing is said of what survives that. */
		forget_cpu();
	}
	if (msr != MSR_IA32_XSS)
		return;
	/* Or a context switch would save less of the thread than it has. */
	CHECK(mach.kernel_fpu);
	mach.msr_xss = value;
	mach.msr_xss_writes++;
}

int rdmsr_safe(u32 msr, u32 *low, u32 *high)
{
	u64 value = msr == 0xc0010114 ? mach.vm_cr[shim_cpu] : host_rdmsr(msr);

	*low = value;
	*high = value >> 32;
	return msr == 0xc001102e && mach.no_bp_cfg ? -EIO : 0;
}

int wrmsr_safe(u32 msr, u32 low, u32 high)
{
	host_wrmsr(msr, low | (u64)high << 32);
	return 0;
}

void cpuid_count(u32 leaf, u32 index, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	*eax = *ebx = *ecx = *edx = 0;
	if (leaf == 0x80000000)
		*eax = mach.max_leaf;
	if (leaf == 0x80000008)
		*eax = mach.sizes;
	if (leaf == 0x8000001f) {
		*eax = mach.sme[0];
		*ebx = mach.sme[1];
	}
	if (leaf == 0x80000001 && mach.cpuid_svm[shim_cpu].nr_asids)
		*ecx = BIT(2);
	if (leaf == 0x8000000a) {
		*ebx = mach.cpuid_svm[shim_cpu].nr_asids;
		*edx = mach.cpuid_svm[shim_cpu].features;
	}
}

bool cc_platform_has(enum cc_attr attr)
{
	return mach.encrypted;
}

bool boot_cpu_has(enum shim_feature feature)
{
	return mach.features & BIT(feature);
}

void __write_cr4(unsigned long cr4)
{
	mach.host_flushes++;
}

unsigned long __read_cr4(void)
{
	return X86_CR4_PAE | X86_CR4_MCE;
}

void kernel_fpu_begin_mask(unsigned int mask)
{
	CHECK(!mach.kernel_fpu);
	mach.kernel_fpu = true;
}

void kernel_fpu_end(void)
{
	CHECK(mach.kernel_fpu);
	mach.kernel_fpu = false;
}

u64 xgetbv(u32 index)
{
	return 1;
}

void xsetbv(u32 index, u64 value)
{
}

/* ---- processors ---- */

void shim_set_cpu(int cpu)
{
	others[shim_cpu] = svm_cpu;
	shim_cpu = cpu;
	svm_cpu = others[cpu];
}

void *shim_per_cpu(void *p, int cpu)
{
	return cpu == shim_cpu ? p : &others[cpu];
}

void on_each_cpu(void (*fn)(void *data), void *data, int wait)
{
	int cpu, self = shim_cpu;

	for (cpu = 0; cpu < SHIM_CPUS; cpu++) {
		shim_set_cpu(cpu);
		fn(data);
	}
	shim_set_cpu(self);
}

/* ---- the kernel ---- */

void *kzalloc(size_t size, gfp_t gfp)
{
	return calloc(1, size);
}

void kfree(const void *p)
{
	free((void *)p);
}

int shim_printk(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(shim_log, sizeof(shim_log), format, args);
	va_end(args);
	return 0;
}

void __attribute__((noreturn)) shim_warn(const char *file, int line, const char *what)
{
	TAP_FAIL("%s:%d: the kernel would warn: %s", file, line, what);
}

/* ---- tests ---- */

void mach_start(void)
{
	struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };
	int cpu;

	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	mach = (struct mach){
		.memory = 1,
		.features = BIT(X86_FEATURE_NX),
		.max_leaf = 0x8000001f,
		.sizes = 0x3030,
	};
	for (cpu = 0; cpu < SHIM_CPUS; cpu++)
		mach.cpuid_svm[cpu].nr_asids = MACH_ASIDS;
}
