# SPDX-License-Identifier: GPL-2.0-only
#
# The checks of VM entries, on a VMCS that is an array. Included by Makefile, after svm.mk.

VMX_EMPTY := $(O)/vmx/shim/asm/vmx.h
VMX_HEADERS := $(SVM_EMPTY) $(VMX_EMPTY) vmx_shim.h svm_shim.h
VMX_CPPFLAGS := -I$(O)/vmx/shim -I$(O)/svm/shim -include vmx_shim.h -I$(TOP)/vmx
VMX_OBJS := $(O)/vmx/check.o $(O)/vmx/check_guest.o $(O)/vmx_test_guest.o

$(VMX_EMPTY):
	@mkdir -p $(@D) && : >$@

$(O)/vmx/%.o: $(TOP)/vmx/%.c $(VMX_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(VMX_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/vmx_test.o $(O)/vmx_test_guest.o: $(O)/%.o: %.c $(VMX_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(VMX_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -Wno-missing-field-initializers -MMD -MP -c -o $@ $<

$(O)/vmx_test: $(O)/vmx_test.o $(VMX_OBJS)
	$(link)

-include $(wildcard $(O)/vmx/*.d)
