# SPDX-License-Identifier: GPL-2.0-only
#
# svm/ and what else stands next to the processor, on a fake of it. Included by Makefile.

SVM_TESTS := $(O)/svm_test
SVM_UNITS := tlb event exit vmcb enter segment msr page probe errata dump check
SVM_OBJS  := $(SVM_UNITS:%=$(O)/svm/%.o) $(O)/svm/physical.o $(O)/svm/fpu.o $(O)/svm_machine.o

# Headers of the kernel that svm_shim.h stands in for.
SVM_EMPTY := $(addprefix $(O)/svm/shim/,$(addprefix linux/,cc_platform.h cpu.h gfp.h irq_work.h jump_label.h mem_encrypt.h \
	     mm.h mmu_notifier.h mutex.h percpu.h preempt.h printk.h ratelimit.h rbtree.h rcuwait.h refcount.h signal_types.h \
	     slab.h smp.h srcu.h static_call.h thread_info.h xarray.h) $(addprefix asm/,asm.h cpufeature.h mce.h msr.h \
	     fpu/api.h fpu/types.h fpu/xcr.h \
	     msr-index.h processor.h special_insns.h trapnr.h nospec-branch.h))
SVM_HEADERS := $(SVM_EMPTY) $(O)/svm/shim/uapi/asm/svm.h svm_shim.h
SVM_CPPFLAGS := -I$(O)/svm/shim -include svm_shim.h -Wno-address-of-packed-member

$(SVM_EMPTY):
	@mkdir -p $(@D) && : >$@

$(O)/svm/shim/uapi/asm/svm.h:
	@mkdir -p $(@D) && echo '#include <asm/svm.h>' >$@

$(O)/svm/%.o: $(TOP)/svm/%.c $(SVM_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(SVM_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/svm/%.o: $(TOP)/%.c $(SVM_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(SVM_CPPFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/svm_test.o $(O)/svm_test_events.o $(O)/svm_test_tsc.o $(O)/svm_test_check.o \
		$(O)/svm_machine.o: $(O)/%.o: %.c $(SVM_HEADERS)
	@echo "  CC      $@"
	@$(CC) $(SVM_CPPFLAGS) -I$(TOP)/svm $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/svm_test: $(O)/svm_test.o $(O)/svm_test_events.o $(O)/svm_test_tsc.o $(O)/svm_test_check.o $(SVM_OBJS)
	$(link)

-include $(wildcard $(O)/svm/*.d)
