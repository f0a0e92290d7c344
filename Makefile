# SPDX-License-Identifier: GPL-2.0-only

KERNEL ?= 6.1
MODULES ?= umbra
MACHINE ?= qemu
SYSTEM ?= umbra
TIME ?= 60
CPUS ?= $(if $(filter bochs,$(MACHINE)),1,2)

running := /lib/modules/$(shell uname -r)/build
KDIR ?= $(if $(wildcard $(running)/Makefile),$(running),6.1)
# KDIR may also name one of the lab's kernels.
lab_kernel := $(filter 6.1 6.12,$(KDIR))

lab := tools/lab
lab_flags = --kernel $(KERNEL) --modules $(MODULES) --cpus $(CPUS) --machine $(MACHINE) \
	$(if $(CPU),--cpu $(CPU))
MAKEFLAGS += --no-print-directory

all: module tools

help:
	@echo 'make            umbra.ko (against KDIR=$(KDIR)) and the tools'
	@echo 'make run        a shell in a guest on Umbra, in an emulated machine with AMD-V;'
	@echo '                with stdin not a terminal: feeds it to the shell of the guest'
	@echo 'make test       all tests'
	@echo 'make test-vtx   of these, those on VT-x (Bochs); some 25 minutes'
	@echo 'make test-clients QEMU, libvirt and other clients of KVM, unmodified, in the lab; an hour'
	@echo 'make test-debug on a host kernel with KASAN, lockdep, kmemleak and fault injection'
	@echo '                (builds it once: some 20 CPU minutes, 3 GB)'
	@echo 'make unit       the tests that need no lab, no root and no network'
	@echo 'make check      format, checkpatch, sparse, spelling, floors and links; [CHECKS=..]: those'
	@echo 'make format     formats the code of functions'
	@echo 'make fuzz       [TIME=60] random programs against the MMU, for TIME seconds'
	@echo 'make fuzz-api   [TIME=60] [SEED=1] [KERNEL=..]: random calls of the API in the lab, beside what a'
	@echo '                host does to memory; and what of the code that reached'
	@echo 'make fuzz-guest [TIME=60] [SEED=1]: random guests on Umbra and on KVM with nested paging'
	@echo 'make mutate     plants bugs into copies of the code: the unit tests must catch each'
	@echo 'make lab JOB=script.sh [KERNEL=6.1|6.12|debug] [MODULES=umbra|kvm-npt0|kvm-npt1|none]'
	@echo '                [MACHINE=qemu|bochs [CPU=model]] [CPUS=n] [LABFLAGS=...]:'
	@echo '                runs a script as root in the lab (qemu: AMD-V, bochs: VT-x)'
	@echo 'make client CASE="boot cpus=2" [SYSTEM=umbra|kvm] [KERNEL=..]: a KVM client out of'
	@echo "                Debian's packages in the lab (tools/lab/client --help)"
	@echo 'make bench      Umbra against KVM and the bare machine, in instructions (Documentation/'
	@echo '                bench.md): [ROWS=fork,mmap] [SEEDS=3] [PTI=off|on|both] [SYSTEMS=..]'
	@echo '                [GUEST=amd64|686|686-pae]'
	@echo 'make bench-core the MMU core alone, as sizes grow (callgrind)'
	@echo 'make kvm-selftests KERNEL_TESTS=6.1|6.12 [SYSTEM=umbra|kvm] [TESTS="name .."]: those of Linux'
	@echo 'make setup      installs and fetches what is missing (the others do it too)'
	@echo 'make clean      removes what was built; make distclean: what was fetched too'

include $(lab)/kvm-selftests.mk

setup:
	@$(lab)/setup </dev/null

module: $(if $(lab_kernel),setup)
	@$(lab)/kbuild $(KDIR) $(KFLAGS)
	@cp -u .cache/build/$(or $(lab_kernel),host)/umbra.ko umbra.ko

tools:
	@$(MAKE) -C tools

selftests:
	@$(MAKE) -C selftests

debug-kernel: setup
	@$(lab)/debug-kernel </dev/null

lab-module: setup $(if $(filter debug,$(KERNEL)),debug-kernel)
	@[ $(MODULES) != umbra ] || $(lab)/kbuild $(KERNEL) W=1

lab:
	@[ -n '$(JOB)' ] || { echo 'make lab wants JOB=script.sh (see make help)' >&2; exit 2; }
	@$(MAKE) lab-module tools selftests >&2
	@$(lab)/lab $(lab_flags) $(LABFLAGS) $(JOB)

client:
	@$(MAKE) lab-module MODULES=$(SYSTEM) </dev/null >&2
	@$(lab)/client --system $(SYSTEM) --kernel $(KERNEL) $(LABFLAGS) $(CASE)

# What the user pipes in is for the guest: builds must not read it.
run:
	@$(MAKE) lab-module tools </dev/null >&2
	@$(lab)/run $(lab_flags) $(RUNFLAGS)

unit:
	@$(MAKE) -C selftests unit

check: setup
	@tools/check/check $(CHECKS)

format:
	@tools/check/format --fix

fuzz:
	@$(MAKE) -C selftests/unit fuzz TIME=$(TIME)

# Both: KERNEL and SEED are passed on; more by FUZZFLAGS.
fuzz-api:
	@$(MAKE) lab-module selftests </dev/null >&2
	@$(lab)/fuzz-api --kernel $(KERNEL) --time $(TIME) $(if $(SEED),--seed $(SEED)) $(FUZZFLAGS)

fuzz-guest:
	@$(MAKE) lab-module selftests </dev/null >&2
	@$(lab)/fuzz-guest --kernel $(KERNEL) --time $(TIME) $(if $(SEED),--seed $(SEED)) $(FUZZFLAGS)

mutate:
	@$(MAKE) -C selftests/unit mutate

test: setup
	@$(lab)/test $(TESTFLAGS)

test-vtx: setup
	@$(lab)/test --only vtx $(TESTFLAGS)

test-clients: setup
	@$(lab)/test --only all-clients $(TESTFLAGS)

test-debug: debug-kernel
	@$(lab)/test --debug $(TESTFLAGS)

# KERNEL, ROWS, SEEDS, PTI, SYSTEMS and GUEST are passed on; more by BENCHFLAGS.
bench:
	@$(MAKE) lab-module tools </dev/null >&2
	@tools/bench/bench --kernel $(KERNEL) $(if $(ROWS),--rows $(ROWS)) \
		$(if $(SEEDS),--seeds $(SEEDS)) $(if $(PTI),--pti $(PTI)) \
		$(if $(SYSTEMS),--systems $(SYSTEMS)) $(if $(GUEST),--guest $(GUEST)) \
		$(BENCHFLAGS)

bench-core: setup
	@tools/bench/core/run $(COREFLAGS)

clean:
	rm -rf .cache/build .cache/selftests umbra.ko
	@$(MAKE) -C tools clean
	@$(MAKE) -C selftests clean

distclean: clean
	rm -rf .cache

.PHONY: all help setup module tools selftests debug-kernel lab-module lab client run unit \
	check format fuzz fuzz-api fuzz-guest mutate test test-vtx test-clients test-debug bench bench-core clean distclean
.NOTPARALLEL:
