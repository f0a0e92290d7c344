// SPDX-License-Identifier: GPL-2.0-only
/* System Management Mode: SMIs, RSM, what user space sees of them, and SMM's own memory. */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "modes.h"

#define SMM_SPACE	(1u << 16)
#define SMBASE		0x30000ul
#define SMRAM_BYTES	0x10000ul
#define PORT_SMM	0xb0
#define MARK		0x5a5a1234u
#define MARK_AT		0x1000		/* in SMRAM */

#define MSR_SMI_COUNT_	0x34
#define MSR_SMBASE	0x9e

FIXTURE(smm) { struct vm *vm; struct vcpu *v; u8 *smram; };

/* SMM sees what others see, but for SMRAM. */
FIXTURE_SETUP(smm)
{
	struct vm *vm = vm_create(MODE_LONG4);
	u64 end = SMBASE + SMRAM_BYTES;
	struct blob handler = INSN16("mov $0x3100, %%bx\n mov %%bx, %%ds\n movl $0x5a5a1234, 0\n"
				     "out %%al, $0xb0\n rsm");

	self->vm = vm;
	self->v = &vm->vcpu[0];
	self->smram = vm_alloc(SMRAM_BYTES);
	vm_set_slot(vm, SMM_SPACE, 0, vm->mem, SMBASE, 0);
	vm_set_slot(vm, SMM_SPACE | 1, SMBASE, self->smram, SMRAM_BYTES, 0);
	vm_set_slot(vm, SMM_SPACE | 2, end, vm->mem + end, MEM_BYTES - end, 0);
	memcpy(self->smram + 0x8000, handler.bytes, handler.len);
	guest_insn(self->v, INSN("nop"));
	vcpu_settle(self->v);
}

FIXTURE_TEARDOWN(smm)
{
	vm_free(self->vm);
	munmap(self->smram, SMRAM_BYTES);
}

static u64 smi_count(struct vcpu *v)
{
	u64 count = ~0ul;

	vcpu_get_msr(v, MSR_SMI_COUNT_, &count);
	return count;
}

static bool in_handler(struct vcpu *v, struct result r)
{
	return r.kind == OUT_EXIT && r.exit == KVM_EXIT_IO && v->run->io.port == PORT_SMM &&
	       v->run->flags & KVM_RUN_X86_SMM;
}

TEST_F(smm, offered)
{
	EXPECT_EQ(1, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM));
	EXPECT_EQ(2, ioctl(self->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE));
	EXPECT_EQ(2, ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE));
}

TEST_F(smm, there_and_back)
{
	struct kvm_sregs before, inside, after;
	struct vcpu *v = self->v;
	struct result r;

	vcpu_get_sregs(v, &before);
	ASSERT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	EXPECT_EQ(1, vcpu_get_events(v).smi.pending);
	EXPECT_EQ(0, vcpu_get_events(v).smi.smm);
	v->regs.rbx = 41;
	r = guest_insn(v, INSN("inc %%rbx"));
	ASSERT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
	EXPECT_EQ(1, vcpu_get_events(v).smi.smm);
	EXPECT_EQ(0, vcpu_get_events(v).smi.pending);
	EXPECT_TRUE(vcpu_get_events(v).flags & KVM_VCPUEVENT_VALID_SMM);
	EXPECT_EQ(1, vcpu_get_events(v).nmi.masked);
	vcpu_get_sregs(v, &inside);
	EXPECT_EQ(SMBASE, inside.cs.base);
	EXPECT_EQ(0, inside.cr0 & (CR0_PE | CR0_PG));
	EXPECT_EQ(MARK, *(u32 *)(self->smram + MARK_AT));
	EXPECT_EQ(0, vm_read(self->vm, SMBASE + MARK_AT, 4));
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(42, v->regs.rbx);
	EXPECT_EQ(0, v->run->flags & KVM_RUN_X86_SMM);
	EXPECT_EQ(0, vcpu_get_events(v).smi.smm);
	EXPECT_EQ(0, vcpu_get_events(v).nmi.masked);
	vcpu_get_sregs(v, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	EXPECT_EQ(1, smi_count(v));
}

TEST_F(smm, another_waits_for_rsm)
{
	struct vcpu *v = self->v;
	struct result r;

	ASSERT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	r = guest_insn(v, INSN("nop"));
	ASSERT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
	EXPECT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	EXPECT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	EXPECT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	r = vcpu_run(v);
	ASSERT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
	EXPECT_EQ(2, smi_count(v));
	/* The NMI comes when SMM has been left. */
	EXPECT_EXC(vcpu_run(v), 2);
	EXPECT_EQ(2, smi_count(v));
}

TEST_F(smm, rsm_outside)
{
	EXPECT_EXC(guest_insn(self->v, INSN("rsm")), VEC_UD);
	self->v->user = true;
	EXPECT_EXC(guest_insn(self->v, INSN("rsm")), VEC_UD);
}

/* Moved by the handler, as firmware does it, and by user space. */
TEST_F(smm, smbase)
{
	struct vcpu *v = self->v;
	u64 base = 0;
	struct result r;

	EXPECT_EQ(1, vcpu_get_msr(v, MSR_SMBASE, &base));
	EXPECT_EQ(SMBASE, base);
	EXPECT_EXC(guest_rdmsr(v, MSR_SMBASE, &base), VEC_GP);
	EXPECT_EXC(guest_wrmsr(v, MSR_SMBASE, SMBASE), VEC_GP);
	EXPECT_EXC(guest_wrmsr(v, MSR_SMI_COUNT_, 0), VEC_GP);
	vcpu_settle(v);
	EXPECT_EQ(0, vcpu_set_msr(v, MSR_SMBASE, 1ul << 52));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	r = guest_insn(v, INSN("nop"));
	ASSERT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
	*(u32 *)(self->smram + 0xff00) = 0x50000;
	EXPECT_DONE(vcpu_run(v));
	EXPECT_EQ(1, vcpu_get_msr(v, MSR_SMBASE, &base));
	EXPECT_EQ(0x50000, base);
	memcpy(vm_ptr(self->vm, 0x58000), self->smram + 0x8000, 64);
	vcpu_settle(v);
	ASSERT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	r = guest_insn(v, INSN("nop"));
	EXPECT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
	EXPECT_DONE(vcpu_run(v));
}

TEST_F(smm, saved_state_of_no_processor)
{
	struct vcpu *v = self->v;
	struct result r;

	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
		r = guest_insn(v, INSN("nop"));
		ASSERT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
		if (i)
			memset(self->smram + 0xfe00, 0xff, 512);
		else
			*(u64 *)(self->smram + 0xff58) = CR0_PG;
		EXPECT_EXIT(vcpu_run(v), KVM_EXIT_SHUTDOWN);
		/* As a VMM resets it. */
		vcpu_set_mode(v, MODE_LONG4);
		ASSERT_EQ(0, vcpu_set_events(v, (struct kvm_vcpu_events){
			.flags = KVM_VCPUEVENT_VALID_SMM }));
	}
	EXPECT_DONE(guest_insn(v, INSN("nop")));
}

TEST_F(smm, events)
{
	struct vcpu *v = self->v;
	struct kvm_vcpu_events e = vcpu_get_events(v);
	struct result r;

	EXPECT_EQ(0, e.smi.smm | e.smi.pending | e.smi.smm_inside_nmi | e.smi.latched_init);
	e.smi.smm = 1;
	e.smi.smm_inside_nmi = 1;
	e.smi.pending = 1;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(1, vcpu_get_events(v).smi.smm);
	EXPECT_EQ(1, vcpu_get_events(v).smi.smm_inside_nmi);
	EXPECT_EQ(1, vcpu_get_events(v).smi.pending);
	v->run->immediate_exit = 1;
	EXPECT_ERRNO(EINTR, ioctl(v->fd, KVM_RUN, 0));
	v->run->immediate_exit = 0;
	EXPECT_TRUE(v->run->flags & KVM_RUN_X86_SMM);
	/* Without the flag it stays. */
	e.flags &= ~KVM_VCPUEVENT_VALID_SMM;
	e.smi.smm = 0;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(1, vcpu_get_events(v).smi.smm);
	e.flags |= KVM_VCPUEVENT_VALID_SMM;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(0, vcpu_get_events(v).smi.smm);
	EXPECT_EQ(0, vcpu_get_events(v).smi.smm_inside_nmi);
	r = guest_insn(v, INSN("nop"));
	EXPECT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
}

/* INIT waits for the end of SMM, and no state contradicts that. */
TEST(latched_init)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_INIT_RECEIVED };
	struct vm *vm = vm_create_bare();
	struct kvm_vcpu_events e;
	struct vcpu *v;

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		SKIP(return, "no interrupt controllers in the kernel");
	v = vm_add_vcpu(vm);
	e = vcpu_get_events(v);
	e.smi.smm = 1;
	e.smi.latched_init = 1;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(1, vcpu_get_events(v).smi.latched_init);
	EXPECT_ERRNO(EINVAL, ioctl(v->fd, KVM_SET_MP_STATE, &mp));
	mp.mp_state = KVM_MP_STATE_SIPI_RECEIVED;
	EXPECT_ERRNO(EINVAL, ioctl(v->fd, KVM_SET_MP_STATE, &mp));
	e.smi.latched_init = 0;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(0, vcpu_get_events(v).smi.latched_init);
	e.smi.smm = 0;
	ASSERT_EQ(0, vcpu_set_events(v, e));
	mp.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_MP_STATE, &mp));
	e.smi.smm = 1;
	EXPECT_EQ(EINVAL, vcpu_set_events(v, e));
	/* An SMI just waits for code that it can interrupt. */
	e.smi.smm = 0;
	e.smi.pending = 1;
	EXPECT_EQ(0, vcpu_set_events(v, e));
	EXPECT_EQ(0, ioctl(v->fd, KVM_SET_MP_STATE, &mp));
	EXPECT_EQ(1, vcpu_get_events(v).smi.pending);
	vm_free(vm);
}

static int slot(struct vm *vm, u32 id, u64 gpa, void *mem, u64 bytes)
{
	struct kvm_userspace_memory_region r = {
		.slot = id, .guest_phys_addr = gpa, .userspace_addr = (u64)mem,
		.memory_size = bytes,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) ? errno : 0;
}

TEST_F(smm, slots)
{
	u64 far = 0x100000000ul;
	u8 *mem = vm_alloc(2 * PAGE_SIZE);

	EXPECT_EQ(EINVAL, slot(self->vm, 2 * SMM_SPACE, far, mem, PAGE_SIZE));
	EXPECT_EQ(EINVAL, slot(self->vm, SMM_SPACE | 0xffff, far, mem, PAGE_SIZE));
	EXPECT_EQ(EINVAL, slot(self->vm, SMM_SPACE | 9, far, mem, 0));
	EXPECT_EQ(0, slot(self->vm, SMM_SPACE | 9, far, mem, PAGE_SIZE));
	EXPECT_EQ(EEXIST, slot(self->vm, SMM_SPACE | 10, far, mem, PAGE_SIZE));
	EXPECT_EQ(0, slot(self->vm, 9, far, mem + PAGE_SIZE, PAGE_SIZE));
	EXPECT_EQ(EEXIST, slot(self->vm, 10, far, mem, PAGE_SIZE));
	EXPECT_EQ(0, slot(self->vm, SMM_SPACE | 9, far + PAGE_SIZE, mem, PAGE_SIZE));
	EXPECT_EQ(0, slot(self->vm, SMM_SPACE | 9, 0, NULL, 0));
	EXPECT_EQ(0, slot(self->vm, 9, 0, NULL, 0));
	munmap(mem, 2 * PAGE_SIZE);
}

static u64 log_of(struct vm *vm, u32 id, u64 page, u64 *map)
{
	struct kvm_dirty_log log = { .slot = id, .dirty_bitmap = map };

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log))
		die("KVM_GET_DIRTY_LOG: %d", errno);
	return map[page / 64] >> page % 64 & 1;
}

TEST_F(smm, dirty_logs_are_apart)
{
	static u64 map[MEM_BYTES / PAGE_SIZE / 64];
	u64 page = MARK_AT / PAGE_SIZE;
	struct vcpu *v = self->v;
	struct kvm_dirty_log none = { .slot = SMM_SPACE, .dirty_bitmap = map };
	struct result r;

	EXPECT_ERRNO(ENOENT, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &none));
	none.slot = 2 * SMM_SPACE;
	EXPECT_ERRNO(EINVAL, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &none));
	vm_set_slot(self->vm, 0, 0, self->vm->mem, MEM_BYTES, KVM_MEM_LOG_DIRTY_PAGES);
	vm_set_slot(self->vm, SMM_SPACE | 1, SMBASE, self->smram, SMRAM_BYTES,
		    KVM_MEM_LOG_DIRTY_PAGES);
	ASSERT_EQ(0, ioctl(v->fd, KVM_SMI, 0));
	r = guest_insn(v, INSN("nop"));
	ASSERT_TRUE(in_handler(v, r)) TH_LOG("%s", result_str(r));
	EXPECT_EQ(1, log_of(self->vm, SMM_SPACE | 1, page, map));
	EXPECT_EQ(1, map[0] >> 15 & 1);		/* the saved state */
	EXPECT_EQ(0, log_of(self->vm, 0, SMBASE / PAGE_SIZE + page, map));
	EXPECT_EQ(0, log_of(self->vm, SMM_SPACE | 1, page, map));
	EXPECT_DONE(vcpu_run(v));
}

TEST_HARNESS_MAIN
