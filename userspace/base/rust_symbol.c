// SPDX-License-Identifier: GPL-2.0-only
/*
 * See rust_symbol.h. Both manglings write a name as its length and its letters; a path's names
 * follow each other but for what v0 and impls put between.
 *
 *   _ZN5tokio7runtime4task3raw7dealloc17h0123456789abcdefE
 *   _RINvNtNtNtCs1a2b_5tokio7runtime4task3raw7dealloc...
 */
#include "userspace/base/rust_symbol.h"

#include <stdio.h>

#define NAME_LEN_MAX 64

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Behind the first place where the name stands with its length; false: nowhere. */
static bool skip_to(struct bytes *rest, struct bytes name)
{
	char wanted[NAME_LEN_MAX + 8];
	int len = snprintf(wanted, sizeof(wanted), "%zu%.*s", name.len, (int)name.len,
			   (const char *)name.data);

	if (name.len > NAME_LEN_MAX)
		return false;
	for (size_t at = 0; at + (size_t)len <= rest->len; at++) {
		if (memcmp(rest->data + at, wanted, (size_t)len) != 0 ||
		    (at && is_digit(rest->data[at - 1])))
			continue;
		*rest = bytes_from(*rest, at + (size_t)len);
		return true;
	}
	return false;
}

bool rust_symbol_has(struct bytes mangled, const char *path)
{
	struct bytes names = bytes_of_string(path);

	if (!bytes_starts(mangled, "_ZN") && !bytes_starts(mangled, "_R"))
		return false;
	while (names.len) {
		struct bytes name = bytes_part(names, 0, bytes_find(names, ':', 0));

		if (!skip_to(&mangled, name))
			return false;
		names = bytes_from(names, name.len + 2);
	}
	return true;
}

bool rust_symbol_is_closure(struct bytes mangled)
{
	static const char closure[] = "$u7b$closure$u7d$";

	return bytes_starts(mangled, "_RNC") ||
	       memmem(mangled.data, mangled.len, closure, sizeof(closure) - 1);
}

bool rust_symbol_next_function(const struct elf *elf, size_t *at, const char *path,
			       struct elf_symbol *out)
{
	while (elf_next_symbol(elf, at, out))
		if (out->function && out->len && rust_symbol_has(out->name, path) &&
		    !rust_symbol_is_closure(out->name))
			return true;
	return false;
}
