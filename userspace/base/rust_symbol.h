/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_RUST_SYMBOL_H
#define SPANTAP_BASE_RUST_SYMBOL_H

/* Rust's symbols carry hashes of crates and types: they are found by the names of which they are
 * made. */

#include "userspace/base/elf.h"

/*
 * Does the mangled name have these names ("tokio::runtime::task") one after the other, in Rust's
 * legacy mangling or in v0? Others may stand between and behind them.
 */
bool rust_symbol_has(struct bytes mangled, const char *path);

bool rust_symbol_is_closure(struct bytes mangled);

/* The file's next function that has them and is no closure, from *at on, which begins at 0. */
bool rust_symbol_next_function(const struct elf *elf, size_t *at, const char *path,
			       struct elf_symbol *out);

#endif
