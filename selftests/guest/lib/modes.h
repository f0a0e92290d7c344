/* SPDX-License-Identifier: GPL-2.0-only */
/* Fixtures with a VM in one paging mode, or in each. Include after kselftest_harness.h. */
#ifndef SELFTESTS_MODES_H
#define SELFTESTS_MODES_H

#include "paging.h"

#define HARNESS_SKIP 255	/* the child's status that kselftest_harness.h takes for a skip */

#define FIXTURE_IN_MODE(name, guest_mode)				\
	FIXTURE(name) { struct vm *vm; struct vcpu *v; };		\
	FIXTURE_SETUP(name)						\
	{								\
		self->vm = vm_create(guest_mode);			\
		self->v = &self->vm->vcpu[0];				\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		vm_free(self->vm);					\
	}

#define FIXTURE_IN_EVERY_MODE(name)					\
	FIXTURE(name) { struct vm *vm; struct vcpu *v; };		\
	FIXTURE_VARIANT(name) { enum guest_mode mode; };		\
	FIXTURE_VARIANT_ADD(name, m32bit) { .mode = MODE_32 };		\
	FIXTURE_VARIANT_ADD(name, pae) { .mode = MODE_PAE };		\
	FIXTURE_VARIANT_ADD(name, level4) { .mode = MODE_LONG4 };	\
	FIXTURE_VARIANT_ADD(name, level5) { .mode = MODE_LONG5 };	\
	FIXTURE_SETUP(name)						\
	{								\
		if (variant->mode == MODE_LONG5 && !device_has_la57())	\
			SKIP(_exit(HARNESS_SKIP), "no 5-level paging in CPUID"); \
		self->vm = vm_create(variant->mode);			\
		self->v = &self->vm->vcpu[0];				\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		vm_free(self->vm);					\
	}

static inline bool device_has_la57(void)
{
	struct vm *vm = vm_create_bare();
	bool has = GUEST_HAS_LA57(vm);

	vm_free(vm);
	return has;
}

#endif
