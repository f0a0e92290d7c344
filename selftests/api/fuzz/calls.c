// SPDX-License-Identifier: GPL-2.0-only
/*
 * All calls of the API: each with an argument of its own, half of the time one that could be meant,
 * and now and then with one of another call, or with a pointer that leads nowhere.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

enum target { SYS, VM, VCPU };

struct call {
	const char *name;
	unsigned long nr;
	enum target on;
	/* Fills an argument of fuzz_thread.buffer; NULL: random words. */
	void (*make)(struct fuzz_thread *t, const struct call *call, void *arg);
	unsigned long get;	/* for make_bent: the call that says how the argument looks */
	bool by_value;
};

static int target_fd(struct fuzz_thread *t, enum target on)
{
	struct vm *vm = t->fuzz->vm;

	switch (on) {
	case SYS:	return vm->dev;
	case VM:	return vm->fd;
	default:	return vm->vcpu[fuzz_pick(t, FUZZ_VCPUS)].fd;
	}
}

static size_t bytes_of(unsigned long nr)
{
	return nr >> _IOC_SIZESHIFT & _IOC_SIZEMASK;
}

/* ---- arguments ---- */

/* What the VM has now, with a few words of it changed. */
static void make_bent(struct fuzz_thread *t, const struct call *call, void *arg)
{
	if (ioctl(target_fd(t, call->on), call->get, arg))
		fuzz_fill(t, arg, bytes_of(call->nr));
	fuzz_bend(t, arg, bytes_of(call->nr));
}

/* The extended state is longer than the call's number says. */
static void make_xsave(struct fuzz_thread *t, const struct call *call, void *arg)
{
	memset(arg, 0, PAGE_SIZE * 3);
	make_bent(t, call, arg);
}

static void make_slot(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct vm *vm = t->fuzz->vm;
	u64 page = fuzz_pick(t, vm->mem_bytes / PAGE_SIZE);
	struct kvm_userspace_memory_region *r = arg;

	*r = (struct kvm_userspace_memory_region){
		.slot = fuzz_pick(t, 8) | (ONE_IN(t, 4) ? 1u << 16 : 0),
		.flags = fuzz_pick(t, 4),
		.guest_phys_addr = page * PAGE_SIZE,
		.memory_size = ONE_IN(t, 4) ? 0 : fuzz_pick(t, 1024) * PAGE_SIZE,
		.userspace_addr = (u64)vm->mem + page * PAGE_SIZE,
	};
	/* Slot 0 has the guest's code and tables. */
	if (r->slot == 0 && !ONE_IN(t, 16))
		r->memory_size = vm->mem_bytes, r->guest_phys_addr = 0,
		r->userspace_addr = (u64)vm->mem;
	if (ONE_IN(t, 3))
		fuzz_bend(t, r, sizeof(*r));
}

static const u32 odd_msrs[] = {
	0x10, 0x1b, 0x3a, 0x3b, 0x48, 0x49, 0x8b, 0x9e, 0xce, 0xfe, 0x10a, 0x140, 0x174, 0x175,
	0x176, 0x179, 0x17a, 0x17b, 0x1a0, 0x1d9, 0x200, 0x201, 0x250, 0x277, 0x2ff, 0x345, 0x400,
	0x401, 0x480, 0x6e0, 0x800, 0x830, 0x83f, 0xda0, 0x40000000, 0x4b564d00, 0x4b564d01,
	0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05, 0xc0000080, 0xc0000081, 0xc0000082,
	0xc0000084, 0xc0000100, 0xc0000102, 0xc0000103, 0xc0010015, 0xc001001f, 0xc0010020,
	0xc0010111, 0xc0010114, 0xc0010117, 0xc0011029,
};

static void make_msrs(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_msrs *m = arg;

	m->pad = 0;
	m->nmsrs = ONE_IN(t, 16) ? fuzz_word(t) : 1 + fuzz_pick(t, 4);
	for (u32 i = 0; i < 4; i++) {
		m->entries[i] = (struct kvm_msr_entry){
			.index = odd_msrs[fuzz_pick(t, ARRAY_SIZE(odd_msrs))] +
				 (ONE_IN(t, 8) ? fuzz_pick(t, 8) : 0),
			.data = ONE_IN(t, 3) ? fuzz_gpa(t) | 1 : fuzz_word(t),
		};
	}
}

static void make_list(struct fuzz_thread *t, const struct call *call, void *arg)
{
	*(u32 *)arg = ONE_IN(t, 2) ? 1000 : fuzz_word(t);
}

static void make_cpuid(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_cpuid2 *cpuid = arg;

	cpuid->nent = 200;
	if (ioctl(t->fuzz->vm->dev, KVM_GET_SUPPORTED_CPUID, cpuid))
		return;
	fuzz_bend(t, cpuid->entries, cpuid->nent * sizeof(cpuid->entries[0]));
	if (ONE_IN(t, 8))
		cpuid->nent = fuzz_pick(t, 256);
}

static void make_dirty_log(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_dirty_log *log = arg;

	*log = (struct kvm_dirty_log){ .slot = fuzz_pick(t, 8),
				       .dirty_bitmap = t->buffer + PAGE_SIZE };
}

static void make_clear_log(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_clear_dirty_log *log = arg;

	*log = (struct kvm_clear_dirty_log){
		.slot = fuzz_pick(t, 8), .first_page = fuzz_pick(t, 8) * 64,
		.num_pages = fuzz_pick(t, 4) * 64, .dirty_bitmap = t->buffer + PAGE_SIZE,
	};
	if (ONE_IN(t, 3))
		fuzz_bend(t, log, sizeof(*log));
}

static int event_fd(struct fuzz_thread *t)
{
	return ONE_IN(t, 16) ? (int)fuzz_pick(t, 32) : t->fuzz->event[fuzz_pick(t, FUZZ_EVENTS)];
}

static void make_irqfd(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_irqfd *irqfd = arg;

	*irqfd = (struct kvm_irqfd){ .fd = event_fd(t), .gsi = fuzz_pick(t, 32),
				     .flags = fuzz_pick(t, 4), .resamplefd = event_fd(t) };
}

static void make_ioeventfd(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_ioeventfd *io = arg;

	*io = (struct kvm_ioeventfd){
		.fd = event_fd(t), .flags = fuzz_pick(t, 8), .len = 1u << fuzz_pick(t, 4),
		.addr = ONE_IN(t, 2) ? fuzz_pick(t, 256) : fuzz_gpa(t),
		.datamatch = fuzz_pick(t, 256),
	};
	if (ONE_IN(t, 4))
		fuzz_bend(t, io, sizeof(*io));
}

static void make_routes(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_irq_routing *r = arg;

	*r = (struct kvm_irq_routing){ .nr = fuzz_pick(t, 8), .flags = ONE_IN(t, 16) };
	for (int i = 0; i < 8; i++) {
		struct kvm_irq_routing_entry *e = &r->entries[i];

		*e = (struct kvm_irq_routing_entry){ .gsi = fuzz_pick(t, 32),
						     .type = 1 + fuzz_pick(t, 2) };
		e->u.irqchip.irqchip = fuzz_pick(t, 4);
		e->u.irqchip.pin = fuzz_pick(t, 26);
		if (e->type == KVM_IRQ_ROUTING_MSI) {
			e->u.msi.address_lo = LAPIC_GPA | fuzz_pick(t, 8) << 12;
			e->u.msi.data = fuzz_word(t);
		}
	}
	if (ONE_IN(t, 4))
		fuzz_bend(t, r->entries, sizeof(r->entries[0]) * 8);
}

static void make_msi(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_msi *msi = arg;

	*msi = (struct kvm_msi){ .address_lo = LAPIC_GPA | (fuzz_word(t) & 0xffffc),
				 .data = fuzz_word(t) & 0xcfff };
	if (ONE_IN(t, 4))
		fuzz_bend(t, msi, sizeof(*msi));
}

static void make_line(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_irq_level *line = arg;

	*line = (struct kvm_irq_level){ .irq = ONE_IN(t, 8) ? fuzz_word(t) : fuzz_pick(t, 32),
					.level = fuzz_pick(t, 2) };
}

static void make_chip(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_irqchip *chip = arg;

	memset(chip, 0, sizeof(*chip));
	chip->chip_id = fuzz_pick(t, 4);
	if (call->nr == KVM_GET_IRQCHIP)
		return;
	ioctl(t->fuzz->vm->fd, KVM_GET_IRQCHIP, chip);
	fuzz_bend(t, &chip->chip, sizeof(chip->chip));
}

static const u32 caps[] = {
	KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
	KVM_CAP_DISABLE_QUIRKS2, KVM_CAP_X86_DISABLE_EXITS, KVM_CAP_X2APIC_API,
	KVM_CAP_MAX_VCPU_ID, KVM_CAP_DIRTY_LOG_RING, KVM_CAP_X86_TRIPLE_FAULT_EVENT,
	KVM_CAP_ENFORCE_PV_FEATURE_CPUID, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_EXIT_ON_EMULATION_FAILURE,
};

static void make_cap(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_enable_cap *cap = arg;

	*cap = (struct kvm_enable_cap){ .cap = fuzz_pick(t, 250), .args = { fuzz_pick(t, 16) } };
	if (ONE_IN(t, 2))
		cap->cap = caps[fuzz_pick(t, ARRAY_SIZE(caps))];
	if (ONE_IN(t, 2))
		cap->args[0] = fuzz_word(t);
}

static void make_filter(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_msr_filter *filter = arg;
	u32 ranges = fuzz_pick(t, 3);

	memset(filter, 0, sizeof(*filter));
	filter->flags = fuzz_pick(t, 2);
	for (u32 i = 0; i < ranges; i++) {
		filter->ranges[i] = (struct kvm_msr_filter_range){
			.flags = 1 + fuzz_pick(t, 3), .nmsrs = 1 + fuzz_pick(t, 64),
			.base = odd_msrs[fuzz_pick(t, ARRAY_SIZE(odd_msrs))],
			.bitmap = t->buffer + PAGE_SIZE,
		};
	}
	if (ONE_IN(t, 4))
		fuzz_bend(t, filter, sizeof(*filter));
}

static void make_zone(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_coalesced_mmio_zone *zone = arg;

	*zone = (struct kvm_coalesced_mmio_zone){ .addr = fuzz_gpa(t), .size = fuzz_pick(t, 4096),
						  .pio = ONE_IN(t, 3) };
}

static void make_attr(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_device_attr *attr = arg;

	*attr = (struct kvm_device_attr){ .group = fuzz_pick(t, 2), .attr = fuzz_pick(t, 3),
					  .addr = (u64)t->buffer + PAGE_SIZE };
	if (ONE_IN(t, 4))
		fuzz_bend(t, attr, sizeof(*attr));
}

static void make_pit(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_pit_config *config = arg;

	memset(config, 0, sizeof(*config));
	config->flags = fuzz_pick(t, 3);
}

/* One that blocked the signal would end the vCPU's coming back. */
static void make_sigmask(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_signal_mask *mask = arg;

	memset(mask, 0, 16);
	mask->len = ONE_IN(t, 8) ? fuzz_word(t) : 8;
}

static void make_debug(struct fuzz_thread *t, const struct call *call, void *arg)
{
	struct kvm_guest_debug *debug = arg;

	fuzz_fill(t, debug, sizeof(*debug));
	debug->control = fuzz_pick(t, 2) ? fuzz_pick(t, 16) << 16 | fuzz_pick(t, 4) : 0;
}

/* ---- the calls ---- */

#define WORDS(n, on)		{ #n, n, on, NULL, 0, false }
#define MADE(n, on, how)	{ #n, n, on, make_ ## how, 0, false }
#define BENT(n, on, from)	{ #n, n, on, make_bent, from, false }
#define VALUE(n, on)		{ #n, n, on, NULL, 0, true }

#ifndef KVM_GET_SREGS2
#error "these headers are older than the project's floor"
#endif

static const struct call calls[] = {
	VALUE(KVM_GET_API_VERSION, SYS), VALUE(KVM_CHECK_EXTENSION, SYS),
	VALUE(KVM_GET_VCPU_MMAP_SIZE, SYS),
	MADE(KVM_GET_SUPPORTED_CPUID, SYS, list), MADE(KVM_GET_EMULATED_CPUID, SYS, list),
	MADE(KVM_GET_MSR_INDEX_LIST, SYS, list), MADE(KVM_GET_MSR_FEATURE_INDEX_LIST, SYS, list),
	WORDS(KVM_X86_GET_MCE_CAP_SUPPORTED, SYS),

	VALUE(KVM_CHECK_EXTENSION, VM), VALUE(KVM_CREATE_VCPU, VM),
	VALUE(KVM_SET_TSS_ADDR, VM), WORDS(KVM_SET_IDENTITY_MAP_ADDR, VM),
	VALUE(KVM_SET_NR_MMU_PAGES, VM), VALUE(KVM_GET_NR_MMU_PAGES, VM),
	VALUE(KVM_SET_BOOT_CPU_ID, VM), VALUE(KVM_CREATE_IRQCHIP, VM), VALUE(KVM_CREATE_PIT, VM),
	VALUE(KVM_RESET_DIRTY_RINGS, VM),
	MADE(KVM_SET_USER_MEMORY_REGION, VM, slot), MADE(KVM_GET_DIRTY_LOG, VM, dirty_log),
	MADE(KVM_CLEAR_DIRTY_LOG, VM, clear_log),
	MADE(KVM_IRQFD, VM, irqfd), MADE(KVM_IOEVENTFD, VM, ioeventfd),
	MADE(KVM_SET_GSI_ROUTING, VM, routes), MADE(KVM_SIGNAL_MSI, VM, msi),
	MADE(KVM_IRQ_LINE, VM, line), MADE(KVM_IRQ_LINE_STATUS, VM, line),
	MADE(KVM_GET_IRQCHIP, VM, chip), MADE(KVM_SET_IRQCHIP, VM, chip),
	MADE(KVM_CREATE_PIT2, VM, pit), BENT(KVM_SET_PIT, VM, KVM_GET_PIT), WORDS(KVM_GET_PIT, VM),
	BENT(KVM_SET_PIT2, VM, KVM_GET_PIT2), WORDS(KVM_GET_PIT2, VM),
	WORDS(KVM_REINJECT_CONTROL, VM), BENT(KVM_SET_CLOCK, VM, KVM_GET_CLOCK),
	WORDS(KVM_GET_CLOCK, VM), MADE(KVM_ENABLE_CAP, VM, cap),
	MADE(KVM_X86_SET_MSR_FILTER, VM, filter), VALUE(KVM_SET_TSC_KHZ, VM),
	VALUE(KVM_GET_TSC_KHZ, VM), MADE(KVM_REGISTER_COALESCED_MMIO, VM, zone),
	MADE(KVM_UNREGISTER_COALESCED_MMIO, VM, zone), MADE(KVM_HAS_DEVICE_ATTR, VM, attr),

	BENT(KVM_SET_REGS, VCPU, KVM_GET_REGS), WORDS(KVM_GET_REGS, VCPU),
	BENT(KVM_SET_SREGS, VCPU, KVM_GET_SREGS), WORDS(KVM_GET_SREGS, VCPU),
	BENT(KVM_SET_SREGS2, VCPU, KVM_GET_SREGS2), WORDS(KVM_GET_SREGS2, VCPU),
	BENT(KVM_SET_FPU, VCPU, KVM_GET_FPU), WORDS(KVM_GET_FPU, VCPU),
	{ "KVM_SET_XSAVE", KVM_SET_XSAVE, VCPU, make_xsave, KVM_GET_XSAVE, false },
	WORDS(KVM_GET_XSAVE, VCPU), WORDS(KVM_GET_XSAVE2, VCPU),
	BENT(KVM_SET_XCRS, VCPU, KVM_GET_XCRS), WORDS(KVM_GET_XCRS, VCPU),
	BENT(KVM_SET_DEBUGREGS, VCPU, KVM_GET_DEBUGREGS), WORDS(KVM_GET_DEBUGREGS, VCPU),
	BENT(KVM_SET_VCPU_EVENTS, VCPU, KVM_GET_VCPU_EVENTS), WORDS(KVM_GET_VCPU_EVENTS, VCPU),
	BENT(KVM_SET_MP_STATE, VCPU, KVM_GET_MP_STATE), WORDS(KVM_GET_MP_STATE, VCPU),
	BENT(KVM_SET_LAPIC, VCPU, KVM_GET_LAPIC), WORDS(KVM_GET_LAPIC, VCPU),
	MADE(KVM_SET_MSRS, VCPU, msrs), MADE(KVM_GET_MSRS, VCPU, msrs),
	MADE(KVM_SET_CPUID2, VCPU, cpuid), MADE(KVM_GET_CPUID2, VCPU, list),
	WORDS(KVM_SET_CPUID, VCPU), WORDS(KVM_INTERRUPT, VCPU), VALUE(KVM_NMI, VCPU),
	VALUE(KVM_SMI, VCPU), VALUE(KVM_SET_TSC_KHZ, VCPU), VALUE(KVM_GET_TSC_KHZ, VCPU),
	VALUE(KVM_KVMCLOCK_CTRL, VCPU), WORDS(KVM_X86_SETUP_MCE, VCPU),
	WORDS(KVM_X86_SET_MCE, VCPU), WORDS(KVM_TRANSLATE, VCPU),
	WORDS(KVM_TPR_ACCESS_REPORTING, VCPU), WORDS(KVM_SET_VAPIC_ADDR, VCPU),
	MADE(KVM_SET_SIGNAL_MASK, VCPU, sigmask), MADE(KVM_SET_GUEST_DEBUG, VCPU, debug),
	MADE(KVM_ENABLE_CAP, VCPU, cap), MADE(KVM_HAS_DEVICE_ATTR, VCPU, attr),
	MADE(KVM_GET_DEVICE_ATTR, VCPU, attr), MADE(KVM_SET_DEVICE_ATTR, VCPU, attr),
};
_Static_assert(ARRAY_SIZE(calls) <= MAX_CALLS, "fuzz_marks has no room for them");

const char *fuzz_call_name(unsigned int i)
{
	return i < ARRAY_SIZE(calls) ? calls[i].name : NULL;
}

/* The argument where it is; at the end of what is mapped, whole or not; or anywhere. */
static u64 place(struct fuzz_thread *t, size_t bytes)
{
	u8 *end = t->buffer + BUFFER_BYTES;

	switch (fuzz_pick(t, 24)) {
	case 0:
		return fuzz_word(t);
	case 1:
		return (u64)(end - fuzz_pick(t, bytes + 1));
	case 2:
		return (u64)memcpy(end - bytes, t->buffer, bytes);
	case 3:
		return (u64)t->fuzz->vm->mem + fuzz_pick(t, t->fuzz->vm->mem_bytes);
	default:
		return (u64)t->buffer;
	}
}

static u64 value_of(struct fuzz_thread *t)
{
	return ONE_IN(t, 2) ? fuzz_pick(t, 512) : fuzz_word(t);
}

/* fd numbers that a call returns are not kept: what they stand for ends at once. */
static bool makes_fd(unsigned long nr)
{
	return nr == KVM_CREATE_VCPU || nr == KVM_GET_STATS_FD;
}

/* The @nth allocation from now on fails; 0: none does. */
static void fail_allocation(struct fuzz_thread *t, u32 nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (t->fail_nth >= 0 && pwrite(t->fail_nth, text, len, 0) != len)
		die("can't write fail-nth");
}

void fuzz_call(struct fuzz_thread *t)
{
	u32 i = fuzz_pick(t, ARRAY_SIZE(calls));
	const struct call *call = &calls[i];
	struct fuzz_marks *marks = t->fuzz->marks;
	enum target on = ONE_IN(t, 64) ? fuzz_pick(t, 3) : call->on;
	int fd = target_fd(t, on), ret, error;
	u64 arg;

	if (call->by_value) {
		arg = value_of(t);
	} else {
		if (call->make)
			call->make(t, call, t->buffer);
		else
			fuzz_fill(t, t->buffer, bytes_of(call->nr));
		arg = place(t, bytes_of(call->nr));
	}
	fail_allocation(t, ONE_IN(t, 4) ? 1 + fuzz_pick(t, 16) : 0);
	ret = ioctl(fd, call->nr, arg);
	error = errno;
	fail_allocation(t, 0);
	__atomic_add_fetch(&marks->calls, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(ret < 0 ? &marks->failed[i] : &marks->ok[i], 1, __ATOMIC_RELAXED);
	/* From 512 on they are the kernel's own. */
	if (ret < 0 && error >= 512) {
		marks->leaked_call = i;
		marks->leaked_errno = error;
	}
	if (ret >= 0 && makes_fd(call->nr))
		close(ret);
}
