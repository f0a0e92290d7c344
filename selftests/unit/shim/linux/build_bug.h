/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_BUILD_BUG_H
#define SHIM_BUILD_BUG_H

#include <linux/bug.h>

#endif
