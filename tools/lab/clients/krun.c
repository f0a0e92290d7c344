// SPDX-License-Identifier: GPL-2.0-only
/*
 * krun CPUS MB KERNEL INITRD WORDS: boots a kernel (an ELF file) with libkrun, its serial line
 * on stdout. libkrun ends the process when the guest resets itself.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define KERNEL_FORMAT_ELF 1
#define LOG_WARNINGS 2

int32_t krun_set_log_level(uint32_t level);
int32_t krun_create_ctx(void);
int32_t krun_set_vm_config(uint32_t ctx, uint8_t cpus, uint32_t mib);
int32_t krun_set_kernel(uint32_t ctx, const char *path, uint32_t format, const char *initramfs,
			const char *words);
int32_t krun_disable_implicit_console(uint32_t ctx);
int32_t krun_add_serial_console_default(uint32_t ctx, int in, int out);
int32_t krun_start_enter(uint32_t ctx);

static int32_t must(const char *what, int32_t result)
{
	if (result < 0) {
		fprintf(stderr, "krun: %s: %d\n", what, result);
		exit(1);
	}
	return result;
}

int main(int argc, char **argv)
{
	int32_t ctx;

	if (argc != 6)
		return 2;
	krun_set_log_level(LOG_WARNINGS);
	ctx = must("context", krun_create_ctx());
	must("processors and memory", krun_set_vm_config(ctx, atoi(argv[1]), atoi(argv[2])));
	must("kernel", krun_set_kernel(ctx, argv[3], KERNEL_FORMAT_ELF, argv[4], argv[5]));
	must("console", krun_disable_implicit_console(ctx));
	must("serial line", krun_add_serial_console_default(ctx, 0, 1));
	return must("start", krun_start_enter(ctx));
}
