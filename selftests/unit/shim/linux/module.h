/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MODULE_H
#define SHIM_MODULE_H

#include <linux/moduleparam.h>

#define EXPORT_SYMBOL_GPL(name)
#define MODULE_LICENSE(text)
#endif
