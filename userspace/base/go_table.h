/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_GO_TABLE_H
#define SPANTAP_BASE_GO_TABLE_H

/*
 * Functions by name in programs that the Go linker made: their table (.gopclntab) stays in stripped
 * ones too, since the runtime itself needs it. Of Go 1.16 to today.
 */

#include "userspace/base/elf.h"

#define GO_TABLE_NAMES_MAX 16

/*
 * Fills out[i] for names[i]; its len stays 0 where there is none (it was inlined, or is not in this
 * program). 0; -ENOTSUP: no such table, or one of a form that is not known; -ENOMEM; an error of
 * reading.
 */
int go_table_find(const struct elf *elf, const char *const *names, size_t count,
		  struct elf_function *out);

#endif
