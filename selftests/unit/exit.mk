# SPDX-License-Identifier: GPL-2.0-only
#
# Exits and their handlers, on a fake vCPU: exit_test. Included by Makefile, behind svm.mk.

EXIT_UNITS := exit emul_atomic insn ahead mode io
EXIT_OBJS  := $(EXIT_UNITS:%=$(O)/exit/%.o) $(O)/exit_test.o $(O)/exit_machine.o
EXIT_EMPTY := $(addprefix $(O)/svm/shim/linux/,uaccess.h stdarg.h)
EXIT_HEADERS := $(SVM_HEADERS) $(EXIT_EMPTY) exit_shim.h
EXIT_CPPFLAGS := $(SVM_CPPFLAGS) -include exit_shim.h

$(EXIT_EMPTY):
	@mkdir -p $(@D) && : >$@

$(O)/exit/%.o: $(TOP)/%.c $(EXIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(EXIT_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/exit_test.o $(O)/exit_machine.o: $(O)/%.o: %.c $(EXIT_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(EXIT_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/exit_test: $(EXIT_OBJS) $(EMULATE_OBJS)
	$(link)

-include $(wildcard $(O)/exit/*.d)
