# SPDX-License-Identifier: GPL-2.0-only
#
# The instruction decoder and emulator. Included by Makefile, which has the rules for objects.
#
#	decode_test	known encodings; lengths against Zydis, if libzydis-dev is installed
#	emulate_test	on a model machine: faults, restarts, locks, privileged, real mode
#	emulate_native	random instructions against the processor beneath
#			(SEED=n, ROUNDS=n in the environment for others, and more)
#	ahead_test	ahead.c on a fake vCPU
#	fuzz_emulate	libFuzzer, with clang; fuzz.sh runs it

EMULATE_TESTS := $(addprefix $(O)/,decode_test emulate_test emulate_native ahead_test)
EMULATE_SRC	:= $(wildcard $(TOP)/emulate/*.c)
EMULATE_OBJS := $(EMULATE_SRC:$(TOP)/%.c=$(O)/%.o)

$(O)/decode_test: LDLIBS += $(if $(wildcard /usr/include/Zydis/Zydis.h),-lZydis)
$(O)/decode_test: $(O)/decode_test.o $(EMULATE_OBJS)
	$(link)

$(O)/emulate_test: $(O)/emulate_test.o $(O)/emulate_test_system.o $(O)/emulate_test_mode.o \
		$(O)/emulate_test_vendor.o $(O)/emulate_test_far.o $(O)/emulate_test_deliver.o \
		$(O)/emulate_test_operands.o $(O)/emulate_test_task.o \
		$(O)/emulate_model.o $(EMULATE_OBJS)
	$(link)

$(O)/emulate_native: $(O)/emulate_native.o $(O)/native_compare.o $(O)/native_step.o \
		$(O)/native_vendor.o \
		$(EMULATE_OBJS)
	$(link)

$(O)/ahead.o $(O)/ahead_test.o: CPPFLAGS := -Ishim_vcpu $(CPPFLAGS)

$(O)/ahead_test: $(O)/ahead_test.o $(O)/ahead.o $(EMULATE_OBJS)
	$(link)

$(O)/fuzz_emulate: fuzz_emulate.c $(EMULATE_SRC)
	@echo "  CLANG   $@"
	@clang $(CPPFLAGS) -std=gnu11 -O1 -g -fno-strict-aliasing \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o $@ $^
