# SPDX-License-Identifier: GPL-2.0-only
# Linux's own KVM selftests (tools/lab/kvm-selftests --help), for the Makefile at the top:
# make kvm-selftests KERNEL_TESTS=6.1|6.12 SYSTEM=umbra|kvm [LIMIT=120] [TESTS='x86_64/*']
# make test-kvm-selftests: both versions' on Umbra, the long form of them

KERNEL_TESTS ?= 6.1

kvm-selftests:
	@$(MAKE) lab-module KERNEL=$(KERNEL_TESTS) MODULES=$(or $(SYSTEM),umbra) </dev/null >&2
	@tools/lab/kvm-selftests --tests $(KERNEL_TESTS) --system $(or $(SYSTEM),umbra) \
		$(if $(LIMIT),--limit $(LIMIT)) $(LABFLAGS) $(TESTS)

test-kvm-selftests:
	@for version in 6.1 6.12; do \
		$(MAKE) kvm-selftests KERNEL_TESTS=$$version SYSTEM=umbra || bad=1; \
	done; [ -z "$$bad" ]

.PHONY: kvm-selftests test-kvm-selftests
