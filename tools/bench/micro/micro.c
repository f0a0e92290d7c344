// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest without a kernel: does one thing that exits, many times, and counts. Marks the VMM's
 * counters before and after each row and prints 'bench NAME ITERATIONS TSC-TICKS' at the end.
 */
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define COM1		0x3f8
#define MARK_PORT	0xf6
#define SINK_PORT	0x80

#define P		(1ULL << 0)
#define RW		(1ULL << 1)
#define ACCESSED	(1ULL << 5)
#define DIRTY		(1ULL << 6)
#define SOFT		(1ULL << 9)
#define CR0_WP		(1ULL << 16)
#define CR4_PGE		(1ULL << 7)

#define PAGE		4096ULL
#define PAGES		4096U		/* of the window */
#define WINDOW		(1ULL << 39)	/* where they are seen, under PML4 entry 1 */
#define MEMORY		(64ULL << 20)	/* where they are */

extern u64 pml4[512];
extern char page_fault_entry[];

static u64 second_pml4[512] __attribute__((aligned(4096)));
static u64 pdpt[512] __attribute__((aligned(4096)));
static u64 pd[512] __attribute__((aligned(4096)));
/* Tables for the window. Two sets are for rows that want tables which nothing has used yet. */
enum { COMMON, FOR_FILL, FOR_FILL_USED, NR_SETS };
static volatile u64 tables[NR_SETS][PAGES] __attribute__((aligned(4096)));
static volatile u64 *pte = tables[COMMON];
static u64 idt[2 * 256] __attribute__((aligned(4096)));
static u32 faults;

static void out8(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static u8 in8(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static u64 tsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

#define READ_CR(n) ({ u64 v_; asm volatile("mov %%cr" #n ", %0" : "=r"(v_) : : "memory"); v_; })
#define WRITE_CR(n, v) asm volatile("mov %0, %%cr" #n : : "r"((u64)(v)) : "memory")

static void invlpg(u64 addr)
{
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
}

static void print(const char *s)
{
	for (; *s; s++)
		out8(COM1, *s);
}

static void print_number(u64 n)
{
	char digits[21];
	int i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = '0' + n % 10;
		n /= 10;
	} while (n);
	print(digits + i);
}

static void die(const char *what)
{
	print("bench: wrong: ");
	print(what);
	print("\n");
	for (;;)
		out8(0xf4, 1);
}

static u64 address(u32 page)
{
	return WINDOW + page * PAGE;
}

static volatile u64 *window(u32 page)
{
	return (volatile u64 *)address(page);
}

/* The same memory by the mapping of everything. */
static volatile u64 *direct(u32 page)
{
	return (volatile u64 *)(MEMORY + page * PAGE);
}

static u64 make_pte(u32 page, u64 bits)
{
	return (MEMORY + page * PAGE) | bits;
}

static void new_window(u32 set, u64 bits)
{
	u32 i;

	pte = tables[set];
	for (i = 0; i < PAGES; i++)
		pte[i] = make_pte(i, bits);
	for (i = 0; i < PAGES / 512; i++)
		pd[i] = (u64)(uintptr_t)&pte[i * 512] | P | RW | ACCESSED;
	pdpt[0] = (u64)(uintptr_t)pd | P | RW | ACCESSED;
	pml4[1] = second_pml4[1] = (u64)(uintptr_t)pdpt | P | RW | ACCESSED;
	second_pml4[0] = pml4[0];
	WRITE_CR(3, READ_CR(3));
}

static void use_window(void)
{
	u32 i;

	for (i = 0; i < PAGES; i++)
		*window(i) = i + 1;
}

static void check_window(u64 add)
{
	u32 i;

	for (i = 0; i < PAGES; i++)
		if (*direct(i) != i + add)
			die("what a page of the window holds");
}

void page_fault(u64 addr)
{
	u32 page = (addr - WINDOW) / PAGE;

	if (addr < WINDOW || page >= PAGES || (pte[page] & P))
		die("a page fault");
	faults++;
	pte[page] = make_pte(page, P | RW | ACCESSED | DIRTY);
}

/* ---- the rows ---- */

static void run_empty(u32 n)
{
	while (n--)
		asm volatile("" : : : "memory");
}

static void run_cpuid(u32 n)
{
	u32 a, b, c, d;

	while (n--) {
		a = 0x80000000;
		asm volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
		if (a < 0x80000001)
			die("cpuid");
	}
}

/* An iteration is one load. */
static void run_cr3(u32 n)
{
	u64 one = (u64)(uintptr_t)pml4, two = (u64)(uintptr_t)second_pml4;

	for (; n; n -= 2) {
		WRITE_CR(3, two);
		WRITE_CR(3, one);
	}
}

/* A page looked at after each load, as there always is. */
static void run_cr3_touch(u32 n)
{
	u64 one = (u64)(uintptr_t)pml4, two = (u64)(uintptr_t)second_pml4;

	for (; n; n -= 2) {
		WRITE_CR(3, two);
		if (*window(7) != 8)
			die("a page after a CR3 load");
		WRITE_CR(3, one);
		if (*window(9) != 10)
			die("a page after a CR3 load");
	}
}

static void run_cr0_wp(u32 n)
{
	u64 cr0 = READ_CR(0);

	for (; n; n -= 2) {
		WRITE_CR(0, cr0 & ~CR0_WP);
		WRITE_CR(0, cr0);
	}
}

static void run_cr4_pge(u32 n)
{
	u64 cr4 = READ_CR(4);

	for (; n; n -= 2) {
		WRITE_CR(4, cr4 ^ CR4_PGE);
		WRITE_CR(4, cr4);
	}
}

static void run_out(u32 n)
{
	while (n--)
		out8(SINK_PORT, 0);
}

static void run_in(u32 n)
{
	while (n--)
		if (in8(SINK_PORT) != 0xff)
			die("a port that is not there");
}

static void run_invlpg(u32 n)
{
	while (n--)
		invlpg(address(n % PAGES));
}

static void run_invlpg_touch(u32 n)
{
	while (n--) {
		invlpg(address(n % PAGES));
		if (*window(n % PAGES) != n % PAGES + 1)
			die("a page after INVLPG");
	}
}

/* Accessed and dirty bits are clear: each page is its own fault. */
static void prepare_fill(void)
{
	new_window(FOR_FILL, P | RW);
}

static void prepare_fill_used(void)
{
	new_window(FOR_FILL_USED, P | RW | ACCESSED | DIRTY);
}

static void run_fill(u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		*window(i) = i + 1;
}

static void prepare_window(void)
{
	new_window(COMMON, P | RW | ACCESSED | DIRTY);
	use_window();
}

/* As a fork does: all entries of tables, one after the other, with no use between. */
static void run_pte_burst(u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		pte[i % PAGES] ^= SOFT;
}

/* As a page fault handler does: one entry, then the page is used. */
static void run_pte_use(u32 n)
{
	u32 i, page;

	for (i = 0; i < n; i++) {
		page = i * 37 % PAGES;
		pte[page] ^= SOFT;
		if (*window(page) != page + 1)
			die("a page after its entry was written");
	}
}

/* The page is another one now: neighbours change places, twice. */
static void run_pte_remap(u32 n)
{
	u32 i, page;

	for (i = 0; i < n; i++) {
		page = i % PAGES;
		pte[page] = make_pte(page ^ 1, P | RW | ACCESSED | DIRTY);
		invlpg(address(page));
		if (*window(page) != (page ^ 1) + 1)
			die("a page that was mapped elsewhere");
		pte[page] = make_pte(page, P | RW | ACCESSED | DIRTY);
		invlpg(address(page));
		if (*window(page) != page + 1)
			die("a page that was mapped back");
	}
}

static void run_pte_cr3(u32 n)
{
	u64 cr3 = READ_CR(3);
	u32 i, page;

	for (i = 0; i < n; i++) {
		page = i * 37 % PAGES;
		pte[page] ^= SOFT;
		WRITE_CR(3, cr3);
		if (*window(page) != page + 1)
			die("a page after a CR3 load");
	}
}

/* Not present: the guest's own fault, its handler's write, then the fill. */
static void prepare_demand(void)
{
	u32 i;

	prepare_window();
	for (i = 0; i < PAGES; i++)
		pte[i] = 0;
	WRITE_CR(3, READ_CR(3));
	faults = 0;
}

static void run_demand(u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		*window(i) = i + 2;
	if (faults != n)
		die("the number of page faults");
}

static void check_demand(void)
{
	check_window(2);
	use_window();
}

static void check_plain(void)
{
	check_window(1);
}

static const struct row {
	const char *name;
	u32 iterations;
	void (*prepare)(void);
	void (*run)(u32 n);
	void (*check)(void);
	int warm;		/* may run once before it is measured */
} rows[] = {
	{ "nothing", 1000, NULL, run_empty, NULL, 1 },
	{ "cpuid", 2000, NULL, run_cpuid, NULL, 1 },
	{ "port-write", 500, NULL, run_out, NULL, 1 },
	{ "port-read", 500, NULL, run_in, NULL, 1 },
	{ "cr3-load", 2000, prepare_window, run_cr3, check_plain, 1 },
	{ "cr3-load-touch", 2000, prepare_window, run_cr3_touch, check_plain, 1 },
	{ "cr0-wp", 2000, prepare_window, run_cr0_wp, check_plain, 1 },
	{ "cr4-pge", 2000, prepare_window, run_cr4_pge, check_plain, 1 },
	{ "fill", PAGES, prepare_fill, run_fill, check_plain, 0 },
	{ "fill-used", PAGES, prepare_fill_used, run_fill, check_plain, 0 },
	{ "invlpg", 2000, prepare_window, run_invlpg, check_plain, 1 },
	{ "invlpg-touch", 2000, prepare_window, run_invlpg_touch, check_plain, 1 },
	{ "pte-burst", PAGES, prepare_window, run_pte_burst, check_plain, 0 },
	{ "pte-use", 2000, prepare_window, run_pte_use, check_plain, 1 },
	{ "pte-remap", 1000, prepare_window, run_pte_remap, check_plain, 1 },
	{ "pte-cr3", 2000, prepare_window, run_pte_cr3, check_plain, 1 },
	{ "demand", PAGES, prepare_demand, run_demand, check_demand, 0 },
};

static void mark(void)
{
	static u8 number;

	out8(MARK_PORT, number++);
}

#define NR_ROWS	(sizeof(rows) / sizeof(rows[0]))
static u64 ticks[NR_ROWS];

static void print_result(const struct row *row)
{
	print("bench ");
	print(row->name);
	print(" ");
	print_number(row->iterations);
	print(" ");
	print_number(ticks[row - rows]);
	print("\n");
}

static void measure(const struct row *row)
{
	u64 start, end;

	if (row->prepare)
		row->prepare();
	if (row->warm)
		row->run(row->iterations);
	mark();
	start = tsc();
	row->run(row->iterations);
	end = tsc();
	mark();
	if (row->check)
		row->check();
	ticks[row - rows] = end - start;
}

static void set_idt(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) p = { sizeof(idt) - 1,
		(u64)(uintptr_t)idt };
	u64 handler = (u64)(uintptr_t)page_fault_entry;

	idt[28] = (handler & 0xffff) | 8 << 16 | 0x8eULL << 40 | (handler >> 16 & 0xffff) << 48;
	idt[29] = handler >> 32;
	asm volatile("lidt %0" : : "m"(p));
}

int main(void)
{
	u32 i;

	set_idt();
	for (i = 0; i < PAGES; i++)
		*direct(i) = i + 1;
	mark();
	for (i = 0; i < NR_ROWS; i++)
		measure(&rows[i]);
	for (i = 0; i < NR_ROWS; i++)
		print_result(&rows[i]);
	return 0;
}
