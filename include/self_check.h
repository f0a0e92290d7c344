/* SPDX-License-Identifier: GPL-2.0-only */
/* The backends look before each entry whether the processor would take it. In main.c. */
#ifndef UMBRA_SELF_CHECK_H
#define UMBRA_SELF_CHECK_H

#include <linux/jump_label.h>

/*
 * Module parameter check_entry. What breaks a rule of the processor's manual is logged by the
 * rule's name and not entered: EXIT_FAIL_ENTRY.
 */
DECLARE_STATIC_KEY_FALSE(check_entry_on);

#endif
