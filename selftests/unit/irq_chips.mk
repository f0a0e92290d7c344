# SPDX-License-Identifier: GPL-2.0-only
#
# The chips of irq/ on a fake host: irq_chips_test, irq_chips_threads. Included by
# Makefile, behind irq_apic.mk.

CHIPS_OBJS := $(patsubst %,$(O)/irq/%.o,pic ioapic pit route)
CHIPS_TESTS := $(patsubst %.c,$(O)/%.o,$(wildcard irq_chips_test*.c)) $(O)/irq_chips_host.o $(O)/irq_shim.o

$(O)/irq_chips_test: $(CHIPS_TESTS) $(CHIPS_OBJS)
	$(link)

$(O)/irq_chips_threads: $(O)/irq_chips_threads.o $(CHIPS_OBJS)
	$(link)

chips-threads:
	@$(MAKE) -s O=$(O)/threads SAN=-fsanitize=thread COUNT= EXTRA_CFLAGS=-Wno-tsan \
		LDLIBS=-lpthread $(O)/threads/irq_chips_threads
	$(O)/threads/irq_chips_threads

threads: chips-threads

.PHONY: chips-threads
