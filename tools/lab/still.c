// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the static key of preempt notifiers on in the lab. Modules that run guests turn it on and
 * off with each load or VM, which patches code of the scheduler while other processors run it: QEMU
 * before 8.1 can miss that, and go on for ever with an int3 that is gone (see tools/lab/lab). It is
 * loaded while there is one processor.
 */
#include <linux/module.h>
#include <linux/preempt.h>

static int __init still_init(void)
{
	preempt_notifier_inc();
	return 0;
}

module_init(still_init);
MODULE_DESCRIPTION("Keeps a static key of the scheduler's on");
MODULE_LICENSE("GPL");
