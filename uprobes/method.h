/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_UPROBES_METHOD_H
#define SPANTAP_UPROBES_METHOD_H

/* Functions of a Python extension, found without symbols: by the tables that Python itself reads. */

#include "userspace/base/elf.h"

#define METHODS_MAX 16

struct methods {
	size_t count;
	uint64_t address[METHODS_MAX]; /* of their code, each once */
};

/*
 * The methods called `name` of all types of the file; with `next`, only those that stand before one
 * called that in a type's table. 0 (also when there are none), or negative errno.
 */
int methods_find(const struct elf *elf, const char *name, const char *next, struct methods *out);

#endif
