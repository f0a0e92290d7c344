// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "paging.h"
#include "vm.h"

#define MAX_CPUID_ENTRIES 256

void vm_die(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "# %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (errno %d, %s)\n", errno, strerror(errno));
	fflush(stderr);
	_exit(1);
}

u64 from_env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

int vm_open_device(void)
{
	const char *dev = getenv("UMBRA_DEV");
	int fd;

	if (!dev || !*dev)
		dev = "/dev/umbra";
	fd = open(dev, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("can't open %s; is the module loaded? UMBRA_DEV names another device", dev);
	return fd;
}

bool on_bochs(void)
{
	char vendor[32] = "";
	FILE *f = fopen("/sys/class/dmi/id/bios_vendor", "r");

	if (f && !fgets(vendor, sizeof(vendor), f))
		vendor[0] = 0;
	if (f)
		fclose(f);
	return strstr(vendor, "Bochs");
}

void *vm_alloc(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap of %zu bytes", bytes);
	return p;
}

void *vm_ptr(struct vm *vm, u64 gpa)
{
	if (gpa >= vm->mem_bytes)
		die("gpa %#lx is outside of memory", gpa);
	return vm->mem + gpa;
}

u64 vm_read(struct vm *vm, u64 gpa, int bytes)
{
	u64 value = 0;

	memcpy(&value, vm_ptr(vm, gpa), bytes);
	return value;
}

void vm_set_slot(struct vm *vm, u32 slot, u64 gpa, void *hva, u64 bytes, u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (u64)hva,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		die("slot %u at %#lx, %#lx bytes, flags %u", slot, gpa, bytes, flags);
}

bool vm_has_cap(struct vm *vm, int cap)
{
	return ioctl(vm->dev, KVM_CHECK_EXTENSION, cap) > 0;
}

struct kvm_cpuid2 *vm_supported_cpuid(int dev)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	cpuid->nent = MAX_CPUID_ENTRIES;
	if (ioctl(dev, KVM_GET_SUPPORTED_CPUID, cpuid))
		die("KVM_GET_SUPPORTED_CPUID");
	return cpuid;
}

static u32 supported(struct vm *vm, u32 leaf, int reg)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(vm->dev);
	u32 value = 0;

	for (u32 i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];
		u32 regs[4] = { e->eax, e->ebx, e->ecx, e->edx };

		if (e->function == leaf && e->index == 0)
			value = regs[reg];
	}
	free(cpuid);
	return value;
}

/* reg: 0 to 3 are eax, ebx, ecx, edx */
bool guest_has(struct vm *vm, u32 leaf, int reg, int bit)
{
	return supported(vm, leaf, reg) >> bit & 1;
}

int guest_maxphyaddr(struct vm *vm)
{
	int bits = supported(vm, 0x80000008, 0) & 0xff;

	return bits ? bits : 36;
}

struct vm *vm_create_bare(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->dev = vm_open_device();
	vm->fd = ioctl(vm->dev, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	return vm;
}

u32 vm_claim_7_ebx, vm_claim_1_ecx;

static void set_cpuid(struct vcpu *v)
{
	struct kvm_cpuid2 *cpuid = vm_supported_cpuid(v->vm->dev);

	for (u32 i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 7 && cpuid->entries[i].index == 0)
			cpuid->entries[i].ebx |= vm_claim_7_ebx;
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= vm_claim_1_ecx;
	}
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		die("KVM_SET_CPUID2 with what is supported");
	free(cpuid);
}

struct vcpu *vm_add_vcpu(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu[vm->nr_vcpus];

	v->vm = vm;
	v->id = vm->nr_vcpus++;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, v->id);
	if (v->fd < 0)
		die("KVM_CREATE_VCPU %d", v->id);
	v->run_bytes = ioctl(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, v->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		die("mmap of vCPU %d", v->id);
	set_cpuid(v);
	if (vm->mem)
		vcpu_set_mode(v, vm->mode);
	return v;
}

/* Aligned so that the host can back LARGE_GPA with large pages, and maps it so. */
static u8 *alloc_memory(size_t bytes)
{
	u8 *p = vm_alloc(bytes + LARGE_BYTES), *start;

	start = (u8 *)(((u64)p + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1));
	if (start > p)
		munmap(p, start - p);
	if (p + LARGE_BYTES > start)
		munmap(start + bytes, p + LARGE_BYTES - start);
	madvise(start + LARGE_GPA, 2 * LARGE_BYTES, MADV_HUGEPAGE);
	return start;
}

/* With what a guest needs in there: descriptors, page tables. */
void vm_add_memory(struct vm *vm, enum guest_mode mode)
{
	vm->mode = mode;
	vm->mem_bytes = MEM_BYTES;
	vm->mem = alloc_memory(vm->mem_bytes);
	vm_set_slot(vm, 0, 0, vm->mem, vm->mem_bytes, 0);
	vm->next_table = TABLES_GPA;
	vm_write_descriptors(vm);
	if (mode >= MODE_32)
		vm->root = pt_build(vm, mode);
}

struct vm *vm_create_with_ring(enum guest_mode mode, u64 ring_bytes)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { ring_bytes } };
	struct vm *vm = vm_create_bare();

	if (ring_bytes && ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		die("a dirty ring of %#lx bytes", ring_bytes);
	vm_add_memory(vm, mode);
	vm_add_vcpu(vm);
	return vm;
}

struct vm *vm_create(enum guest_mode mode)
{
	return vm_create_with_ring(mode, 0);
}

void vm_free(struct vm *vm)
{
	for (int i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpu[i].run, vm->vcpu[i].run_bytes);
		close(vm->vcpu[i].fd);
	}
	close(vm->fd);
	close(vm->dev);
	if (vm->mem)
		munmap(vm->mem, vm->mem_bytes);
	free(vm);
}

/* Guest code in C: the whole program, at the addresses where it is linked. */
void vm_load_image(struct vm *vm)
{
	const Elf64_Phdr *ph = (const void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);

	for (unsigned long i = 0; i < n; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (ph[i].p_vaddr < IMAGE_GPA || ph[i].p_vaddr + ph[i].p_memsz > LOW_BYTES)
			die("this program is linked at %#lx: link with -no-pie -static",
			    (u64)ph[i].p_vaddr);
		memcpy(vm_ptr(vm, ph[i].p_vaddr), (void *)ph[i].p_vaddr, ph[i].p_memsz);
	}
}

long counter(const char *name)
{
	FILE *f = fopen("/sys/kernel/debug/umbra/stats", "r");
	char word[64];
	long value = -1, n;

	while (f && fscanf(f, "%63s %ld", word, &n) == 2)
		if (!strcmp(word, name))
			value = n;
	if (f)
		fclose(f);
	return value;
}
