/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_INSTRUCTION_H
#define SPANTAP_BASE_INSTRUCTION_H

/* Where does a function return? Machine code of x86-64 and arm64, disassembled by Capstone. */

#include "userspace/base/bytes.h"

#define INSTRUCTION_RETURNS_MAX 32

struct instruction_returns {
	size_t count;
	uint64_t at[INSTRUCTION_RETURNS_MAX]; /* bytes from the function's start */
};

/*
 * Finds all return instructions of the function that `code` is, of an ELF machine (EM_*). A
 * function that can be left in another way would make a caller miss an end, so it is refused:
 * -ENOTSUP, with the reason (a literal) in *reason: a tail call, an instruction nobody knows, no
 * return at all, too many, another machine. -ENOMEM.
 */
int instruction_find_returns(uint32_t machine, struct bytes code, struct instruction_returns *out,
			     const char **reason);

/*
 * The same for a function that other parts of the code belong to: a cold part elsewhere, a tail
 * call's target. Follows direct jumps from `entry`, a place in `code`, and finds all return
 * instructions on the way; out->at are places in code. A call that never returns is not known for
 * one, so returns of what stands behind it may be among them: what runs there has to look twice. 0;
 * -ENOTSUP with a reason; -ENOMEM.
 */
int instruction_reach_returns(uint32_t machine, struct bytes code, uint64_t entry,
			      struct instruction_returns *out, const char **reason);

#endif
