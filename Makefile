# SPDX-License-Identifier: GPL-2.0-only

KERNEL ?= 6.1
MODULES ?= umbra
CPUS ?= 2

running := /lib/modules/$(shell uname -r)/build
KDIR ?= $(if $(wildcard $(running)/Makefile),$(running),6.1)
# KDIR may also name one of the lab's kernels.
lab_kernel := $(filter 6.1 6.12,$(KDIR))

lab := tools/lab
MAKEFLAGS += --no-print-directory

all: module tools

help:
	@echo 'make            umbra.ko (against KDIR=$(KDIR)) and the tools'
	@echo 'make run        a shell in a guest on Umbra, in an emulated machine with AMD-V;'
	@echo '                with stdin not a terminal: feeds it to the shell of the guest'
	@echo 'make test       all tests'
	@echo 'make unit       the tests that need no lab, no root and no network'
	@echo 'make lab JOB=script.sh [KERNEL=6.1|6.12] [MODULES=umbra|kvm-npt0|kvm-npt1|none]'
	@echo '                [CPUS=n] [LABFLAGS=...]: runs a script as root in the lab'
	@echo 'make setup      installs and fetches what is missing (the others do it too)'
	@echo 'make clean      removes what was built; make distclean: what was fetched too'

setup:
	@$(lab)/setup </dev/null

module: $(if $(lab_kernel),setup)
	@$(lab)/kbuild $(KDIR) $(KFLAGS)
	@cp -u .cache/build/$(or $(lab_kernel),host)/umbra.ko umbra.ko

tools:
	@$(MAKE) -C tools

selftests:
	@$(MAKE) -C selftests

lab-module: setup
	@[ $(MODULES) != umbra ] || $(lab)/kbuild $(KERNEL) W=1

lab:
	@[ -n '$(JOB)' ] || { echo 'make lab wants JOB=script.sh (see make help)' >&2; exit 2; }
	@$(MAKE) lab-module tools selftests >&2
	@$(lab)/lab --kernel $(KERNEL) --modules $(MODULES) --cpus $(CPUS) $(LABFLAGS) $(JOB)

# What the user pipes in is for the guest: builds must not read it.
run:
	@$(MAKE) lab-module tools </dev/null >&2
	@$(lab)/run --kernel $(KERNEL) --modules $(MODULES) --cpus $(CPUS) $(RUNFLAGS)

unit:
	@$(MAKE) -C selftests unit

test: setup
	@$(lab)/test $(TESTFLAGS)

clean:
	rm -rf .cache/build .cache/selftests umbra.ko
	@$(MAKE) -C tools clean
	@$(MAKE) -C selftests clean

distclean: clean
	rm -rf .cache

.PHONY: all help setup module tools selftests lab-module lab run unit test clean distclean
.NOTPARALLEL:
