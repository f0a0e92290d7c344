# SPDX-License-Identifier: GPL-2.0-only
#
# SMI and RSM on a fake vCPU: smm_test. Included by Makefile, behind exit.mk. SMM= takes another smm.c.

SMM_UNITS := smm smm_events state mode entry_check
SMM_OBJS  := $(SMM_UNITS:%=$(O)/smm/%.o) $(O)/smm_test.o $(O)/smm_machine.o
SMM_HEADERS := $(EXIT_HEADERS) smm_shim.h smm_machine.h
SMM_CPPFLAGS := $(SVM_CPPFLAGS) -include smm_shim.h

SMM ?= $(TOP)/smm.c

$(O)/smm/smm.o: $(SMM) $(SMM_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(SMM_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/smm/%.o: $(TOP)/%.c $(SMM_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(SMM_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/smm_test.o $(O)/smm_machine.o: $(O)/%.o: %.c $(SMM_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(SMM_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/smm_test: $(SMM_OBJS)
	$(link)

-include $(wildcard $(O)/smm/*.d)
