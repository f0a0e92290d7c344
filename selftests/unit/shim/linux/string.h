/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_STRING_H
#define SHIM_STRING_H

#include <stdlib.h>
#include <string.h>
#include <linux/compiler.h>
#endif
