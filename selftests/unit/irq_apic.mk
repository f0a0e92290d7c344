# SPDX-License-Identifier: GPL-2.0-only
#
# The local APIC of irq/ on a fake host: irq_apic_test, irq_apic_threads. Included by Makefile.

IRQ	?= $(TOP)/irq

APIC_OBJS := $(patsubst %,$(O)/irq/%.o,apic deliver timer)
APIC_TESTS := $(patsubst %.c,$(O)/%.o,$(wildcard irq_apic_test*.c)) $(O)/irq_apic_host.o $(O)/irq_shim.o

$(O)/irq/%.o: $(IRQ)/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/irq_apic_test: $(APIC_TESTS) $(APIC_OBJS)
	$(link)

$(O)/irq_apic_threads: $(O)/irq_apic_threads.o $(APIC_OBJS)
	$(link)

apic-threads:
	@$(MAKE) -s O=$(O)/threads SAN=-fsanitize=thread COUNT= EXTRA_CFLAGS=-Wno-tsan \
		LDLIBS=-lpthread $(O)/threads/irq_apic_threads
	$(O)/threads/irq_apic_threads

threads: apic-threads

-include $(wildcard $(O)/irq/*.d)
.PHONY: apic-threads
