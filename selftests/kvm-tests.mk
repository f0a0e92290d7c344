# SPDX-License-Identifier: GPL-2.0-only
# What api/ and guest/ share: kselftest's rules, static programs, and the library.
here := $(dir $(lastword $(MAKEFILE_LIST)))
KSELFTEST ?= $(abspath $(here)../.cache/kselftest/tools/testing/selftests)
lib := $(here)guest/lib

# Empty is not the root folder, which is what lib.mk would make of it.
ifeq ($(strip $(OUTPUT)),)
override OUTPUT := $(abspath $(here)../.cache/selftests/$(notdir $(CURDIR)))
endif

ifeq ($(wildcard $(KSELFTEST)/lib.mk),)
$(error no kselftest in $(KSELFTEST): run 'make setup' at the top, or set KSELFTEST)
endif

# Guest code in C is part of the program: no vector registers, no canaries, fixed addresses, and
# interrupt handlers on its own stack.
CFLAGS += -D_GNU_SOURCE -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	  -Wno-missing-field-initializers -fno-stack-protector -fno-pie -fcf-protection=none \
	  -fno-builtin -mgeneral-regs-only -mno-red-zone -I$(lib) -I$(KSELFTEST) \
	  -pthread
LDFLAGS += -static -no-pie
LOCAL_HDRS += $(wildcard $(lib)/*.h)
EXTRA_CLEAN = $(OUTPUT)/lib.a $(LIB_OBJ)

include $(KSELFTEST)/lib.mk

LIB_OBJ := $(patsubst $(lib)/%.c,$(OUTPUT)/lib-%.o,$(wildcard $(lib)/*.c))
$(LIB_OBJ): $(OUTPUT)/lib-%.o: $(lib)/%.c $(LOCAL_HDRS)
	@mkdir -p $(OUTPUT)
	$(CC) $(CFLAGS) -c $< -o $@

$(OUTPUT)/lib.a: $(LIB_OBJ)
	$(AR) rcs $@ $^

$(TEST_GEN_PROGS): $(OUTPUT)/lib.a
