/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_MODULEPARAM_H
#define SHIM_MODULEPARAM_H

#include <stddef.h>

/* Tests set a parameter by its name: shim_param_set("cache", 0). */
void shim_param_add(const char *name, void *var, size_t size);
long shim_param_set(const char *name, long value);

#define module_param_named(name, var, type, perm)			\
	__attribute__((constructor)) static void shim_param_##name(void) \
	{								\
		shim_param_add(#name, &(var), sizeof(var));		\
	}								\
	_Static_assert(1, "")
#define module_param(name, type, perm)	module_param_named(name, name, type, perm)
#define MODULE_PARM_DESC(name, text)	_Static_assert(1, "")

#endif
