// SPDX-License-Identifier: GPL-2.0-only
/* vCPU creation, and each piece of state that can't be set to nonsense. */
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"

FIXTURE_IN_MODE(vcpu, MODE_LONG4)

TEST_F(vcpu, ids)
{
	int max = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int fd;

	if (max <= 0)
		max = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CREATE_VCPU, 0));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CREATE_VCPU, max));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CREATE_VCPU, -1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CREATE_VCPU, 0x80000000));
	EXPECT_EQ(EINVAL, errno);
	fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, max - 1);
	EXPECT_GE(fd, 0);
	close(fd);
	/* closing the descriptor does not free the id: the vCPU lives as long as its VM */
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CREATE_VCPU, max - 1));
	EXPECT_EQ(EEXIST, errno);
}

TEST_F(vcpu, too_many)
{
	int max = ioctl(self->vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int fd, n = 1;

	for (int id = 1; id < max && id < 64; id++, n++) {
		fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, id);
		ASSERT_GE(fd, 0) TH_LOG("vCPU %d of %d, errno %d", id, max, errno);
		close(fd);
	}
	if (n == max) {
		EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CREATE_VCPU, max));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(vcpu, mmap)
{
	size_t size = self->v->run_bytes;

	volatile char *p = mmap(NULL, size + 16 * PAGE_SIZE, PROT_READ, MAP_SHARED,
				self->v->fd, 0);
	pid_t pid;
	int status;

	if (p == MAP_FAILED)
		return;
	/* pages behind the end must fault, not show kernel memory */
	pid = fork();
	if (!pid)
		_exit(p[size + 8 * PAGE_SIZE] & 0);
	waitpid(pid, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

TEST_F(vcpu, unknown_and_misplaced_ioctls)
{
	EXPECT_EQ(-1, ioctl(self->v->fd, KVM_CREATE_VCPU, 5));
	EXPECT_TRUE(errno == ENOTTY || errno == EINVAL);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_RUN, 0));
	EXPECT_TRUE(errno == ENOTTY || errno == EINVAL);
	EXPECT_EQ(-1, ioctl(self->v->fd, _IO(KVMIO, 0xfe), 0));
	EXPECT_TRUE(errno == ENOTTY || errno == EINVAL);
	EXPECT_EQ(-1, ioctl(self->v->fd, _IO(0x42, 0x80), 0));
	EXPECT_TRUE(errno == ENOTTY || errno == EINVAL);
}

TEST_F(vcpu, run_with_argument)
{
	EXPECT_EQ(-1, ioctl(self->v->fd, KVM_RUN, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(vcpu, null_pointers)
{
	static const unsigned long calls[] = {
		KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_FPU,
		KVM_SET_FPU, KVM_GET_XSAVE, KVM_SET_XSAVE, KVM_GET_XCRS, KVM_SET_XCRS,
		KVM_GET_MSRS, KVM_SET_MSRS, KVM_SET_CPUID2, KVM_GET_CPUID2, KVM_GET_DEBUGREGS,
		KVM_SET_DEBUGREGS, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_MP_STATE,
		KVM_SET_MP_STATE, KVM_INTERRUPT, KVM_TRANSLATE,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		errno = 0;
		EXPECT_EQ(-1, ioctl(self->v->fd, calls[i], (void *)8))
			TH_LOG("ioctl %#lx", calls[i]);
		EXPECT_EQ(EFAULT, errno) TH_LOG("ioctl %#lx", calls[i]);
	}
}

TEST_F(vcpu, regs_round_trip)
{
	struct kvm_regs in = {
		.rax = 1, .rbx = 2, .rcx = 3, .rdx = 4, .rsi = 5, .rdi = 6, .rsp = 7, .rbp = 8,
		.r8 = 9, .r9 = 10, .r10 = 11, .r11 = 12, .r12 = 13, .r13 = 14, .r14 = 15,
		.r15 = ~0ul, .rip = 0xffffffff80001234, .rflags = 0x246,
	}, out;

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_REGS, &in));
	memset(&out, 0xaa, sizeof(out));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_REGS, &out));
	EXPECT_EQ(0, memcmp(&in, &out, sizeof(in)));
}

/* Bit 1 of RFLAGS is always set, whatever user space thinks. */
TEST_F(vcpu, rflags_fixed_bit)
{
	struct kvm_regs regs = { .rflags = 0 };

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_SET_REGS, &regs));
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_REGS, &regs));
	EXPECT_EQ(2, regs.rflags);
}

TEST_F(vcpu, sregs_round_trip)
{
	struct kvm_sregs in, out;

	vcpu_get_sregs(self->v, &in);
	in.cr2 = 0x123456789000;
	in.fs.base = 0x7000000000;
	in.gs.base = 0xffff888000000000;
	in.ldt = (struct kvm_segment){
		.base = 0x3000, .limit = 0x1f, .selector = 0x18, .type = 2, .present = 1,
	};
	in.gdt.limit = 0x6f;
	in.idt.base = 0xfffffe0000000000;
	vcpu_set_sregs(self->v, &in);
	vcpu_get_sregs(self->v, &out);
	EXPECT_EQ(in.cr0, out.cr0);
	EXPECT_EQ(in.cr2, out.cr2);
	EXPECT_EQ(in.cr3, out.cr3);
	EXPECT_EQ(in.cr4, out.cr4);
	EXPECT_EQ(in.cr8, out.cr8);
	EXPECT_EQ(in.efer, out.efer);
	EXPECT_EQ(0, memcmp(&in.fs, &out.fs, sizeof(in.fs)));
	EXPECT_EQ(0, memcmp(&in.gs, &out.gs, sizeof(in.gs)));
	EXPECT_EQ(0, memcmp(&in.ldt, &out.ldt, sizeof(in.ldt)));
	EXPECT_EQ(0, memcmp(&in.tr, &out.tr, sizeof(in.tr)));
	EXPECT_EQ(0, memcmp(&in.ds, &out.ds, sizeof(in.ds)));
	EXPECT_EQ(in.gdt.base, out.gdt.base);
	EXPECT_EQ(in.gdt.limit, out.gdt.limit);
	EXPECT_EQ(in.idt.base, out.idt.base);
}

TEST_F(vcpu, reset_state)
{
	int fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, 1);
	struct kvm_sregs s;
	struct kvm_regs r;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ioctl(fd, KVM_GET_SREGS, &s));
	ASSERT_EQ(0, ioctl(fd, KVM_GET_REGS, &r));
	EXPECT_EQ(0x60000010, s.cr0);
	EXPECT_EQ(0xf000, s.cs.selector);
	EXPECT_EQ(0xffff0000, s.cs.base);
	EXPECT_EQ(0xffff, s.cs.limit);
	EXPECT_EQ(0xfff0, r.rip);
	EXPECT_EQ(2, r.rflags);
	EXPECT_EQ(0, s.cr3);
	EXPECT_EQ(0, s.cr4);
	EXPECT_EQ(0, s.efer);
	EXPECT_EQ(0xffff, s.idt.limit);
	EXPECT_EQ(0xffff, s.ds.limit);
	close(fd);
}

static int try_sregs(struct vcpu *v, const struct kvm_sregs *s)
{
	return ioctl(v->fd, KVM_SET_SREGS, s) ? errno : 0;
}

TEST_F(vcpu, impossible_sregs)
{
	struct kvm_sregs good, s;

	vcpu_get_sregs(self->v, &good);
#define IMPOSSIBLE(change)						\
	do {								\
		s = good;						\
		change;							\
		EXPECT_EQ(EINVAL, try_sregs(self->v, &s)) TH_LOG("%s", #change); \
		EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));	\
	} while (0)
	IMPOSSIBLE(s.cr4 &= ~CR4_PAE);			/* long mode without PAE */
	IMPOSSIBLE(s.efer &= ~EFER_LMA);		/* LME and PG without LMA */
	IMPOSSIBLE(s.efer &= ~EFER_LME);		/* LMA without LME */
	IMPOSSIBLE(s.cr4 |= 1ul << 31);			/* reserved */
	IMPOSSIBLE(s.cr4 |= 1ul << 63);
	IMPOSSIBLE(s.cr4 |= 1ul << 15);
	IMPOSSIBLE(s.cr4 |= CR4_VMXE);			/* not offered */
	IMPOSSIBLE(s.cr3 |= 1ul << 62);			/* above MAXPHYADDR */
#undef IMPOSSIBLE
	EXPECT_EQ(0, try_sregs(self->v, &good));
}

/* The vector that user space left pending in the old way. */
TEST_F(vcpu, sregs_interrupt_bitmap)
{
	struct kvm_sregs s;
	struct kvm_vcpu_events e;

	vcpu_get_sregs(self->v, &s);
	s.interrupt_bitmap[1] = 1ul << 5;
	vcpu_set_sregs(self->v, &s);
	vcpu_get_sregs(self->v, &s);
	EXPECT_EQ(1ul << 5, s.interrupt_bitmap[1]);
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_GET_VCPU_EVENTS, &e));
	EXPECT_EQ(69, e.interrupt.nr);
	EXPECT_EQ(1, e.interrupt.injected);
}

/* Refused at once, or by the processor when it is entered. */
TEST_F(vcpu, code_segment_both_long_and_32_bit)
{
	struct kvm_sregs good, s;

	vcpu_get_sregs(self->v, &good);
	s = good;
	s.cs.db = 1;
	if (try_sregs(self->v, &s) != EINVAL) {
		EXPECT_EXIT(guest_read(self->v, LOW_DATA, 4, NULL), KVM_EXIT_FAIL_ENTRY);
	}
	vcpu_set_sregs(self->v, &good);
	EXPECT_DONE(guest_read(self->v, LOW_DATA, 4, NULL));
}

/*
 * Whatever it is given, KVM_RUN comes back and the host lives. TR and LDTR are left alone:
 * QEMU's TCG ends with 'invalid tss'.
 */
TEST_F(vcpu, garbage_segments_run)
{
	struct kvm_sregs good, s;
	struct result r;
	u64 seed = 12345;

	vcpu_get_sregs(self->v, &good);
	for (int i = 0; i < 60; i++) {
		struct kvm_segment *seg[] = { &s.cs, &s.ss, &s.ds, &s.es, &s.fs, &s.gs };

		s = good;
		for (int j = 0; j < 6; j++) {
			lcg_next(&seed);
			seg[j]->type = seed >> 60;
			seg[j]->s = seed >> 40 & 1;
			seg[j]->dpl = seed >> 41 & 3;
			seg[j]->present = seed >> 43 & 1;
			seg[j]->db = seed >> 44 & 1;
			seg[j]->l = seed >> 45 & 1;
			seg[j]->g = seed >> 46 & 1;
			seg[j]->unusable = seed >> 47 & 1;
		}
		if (try_sregs(self->v, &s))
			continue;
		alarm(20);
		r = guest_insn(self->v, INSN("hlt"));
		EXPECT_TRUE(r.kind == OUT_EXC || r.kind == OUT_EXIT || r.kind == OUT_ERRNO)
			TH_LOG("round %d: %s", i, result_str(r));
		self->v->run->exit_reason = KVM_EXIT_UNKNOWN;
	}
	vcpu_set_sregs(self->v, &good);
}

TEST_F(vcpu, translate)
{
	struct kvm_translation t = { .linear_address = LOW_DATA + 0x123 };

	ASSERT_EQ(0, ioctl(self->v->fd, KVM_TRANSLATE, &t));
	EXPECT_EQ(1, t.valid);
	EXPECT_EQ(LOW_DATA + 0x123, t.physical_address);
	pt_map(self->vm, TEST_VA, DATA_GPA + 0x3000, PTE_USER);
	t.linear_address = TEST_VA + 0x456;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_TRANSLATE, &t));
	EXPECT_EQ(1, t.valid);
	EXPECT_EQ(DATA_GPA + 0x3456, t.physical_address);
	t.linear_address = TEST_VA + 0x40000000;
	ASSERT_EQ(0, ioctl(self->v->fd, KVM_TRANSLATE, &t));
	EXPECT_EQ(0, t.valid);
}

TEST_F(vcpu, stats_fd)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc *d;
	char buf[256], id[256];
	int fds[2] = {
		ioctl(self->vm->fd, KVM_GET_STATS_FD, NULL),
		ioctl(self->v->fd, KVM_GET_STATS_FD, NULL),
	};

	for (int i = 0; i < 2; i++) {
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(sizeof(h), pread(fds[i], &h, sizeof(h), 0));
		ASSERT_LE(h.name_size + sizeof(*d), sizeof(buf));
		EXPECT_GT(h.num_desc, 0u);
		ASSERT_EQ(h.name_size, pread(fds[i], id, h.name_size, h.id_offset));
		EXPECT_GT(strnlen(id, h.name_size), 0u);
		EXPECT_LT(strnlen(id, h.name_size), h.name_size);
		for (u32 n = 0; n < h.num_desc; n++) {
			size_t size = sizeof(*d) + h.name_size;
			u64 value;

			ASSERT_EQ(size, pread(fds[i], buf, size, h.desc_offset + n * size));
			d = (void *)buf;
			EXPECT_GT(strnlen(d->name, h.name_size), 0u);
			EXPECT_LT(strnlen(d->name, h.name_size), h.name_size);
			ASSERT_GT(d->size, 0);
			EXPECT_EQ(8, pread(fds[i], &value, 8, h.data_offset + d->offset));
		}
		EXPECT_EQ(0, pread(fds[i], buf, sizeof(buf), 1 << 30));
		close(fds[i]);
	}
}

TEST_HARNESS_MAIN
