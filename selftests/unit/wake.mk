# SPDX-License-Identifier: GPL-2.0-only
#
# How others reach a vCPU: wake_test, wake_threads, and wake.sh with the model wake.pml. Included by
# Makefile, behind exit.mk and irq_chips.mk.
#
# RUN=folder takes the run loop from elsewhere.

RUN	?= $(TOP)

WAKE_UNITS := run halt request vcpu_irq chips event pv
WAKE_IRQ   := apic deliver timer pic ioapic pit route
WAKE_OBJS  := $(WAKE_UNITS:%=$(O)/wake/%.o) $(WAKE_IRQ:%=$(O)/wake/irq/%.o) $(O)/wake/wake_machine.o
WAKE_EMPTY := $(addprefix $(O)/wake/shim/linux/,context_tracking.h cpumask.h hashtable.h hrtimer.h \
	      interrupt.h jiffies.h ktime.h rculist.h rcupdate.h sched.h sched/signal.h vtime.h)
WAKE_HEADERS := $(EXIT_HEADERS) $(WAKE_EMPTY) wake_shim.h
# Both sides are contexts of one thread, which ASan does not follow.
wake_san = $(subst address$(comma),,$(1))
comma := ,
WAKE_CC = $(CC) -I$(O)/wake/shim $(EXIT_CPPFLAGS) -include wake_shim.h $(CPPFLAGS) $(call wake_san,$(CFLAGS)) -MMD -MP -c -o $@ $<

$(WAKE_EMPTY):
	@mkdir -p $(@D) && : >$@

$(O)/wake/irq/%.o: $(IRQ)/%.c $(WAKE_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(WAKE_CC)

$(O)/wake/wake_%.o: wake_%.c $(WAKE_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(WAKE_CC)

$(O)/wake/%.o: $(RUN)/%.c $(WAKE_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(WAKE_CC)

$(O)/wake_test: LDFLAGS := $(call wake_san,$(LDFLAGS))
$(O)/wake_test: $(O)/wake/wake_test.o $(WAKE_OBJS)
	$(link)

$(O)/wake_threads: $(O)/wake/wake_threads.o $(WAKE_OBJS)
	$(link)

wake-threads:
	@$(MAKE) -s O=$(O)/threads SAN=-fsanitize=thread COUNT= \
		EXTRA_CFLAGS="-Wno-tsan -DWAKE_THREADS" LDLIBS=-lpthread $(O)/threads/wake_threads
	$(O)/threads/wake_threads

threads: wake-threads

.PHONY: wake-threads
-include $(wildcard $(O)/wake/*.d $(O)/wake/irq/*.d)
