/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_EMULATED_H
#define SPANTAP_BASE_EMULATED_H

/*
 * Where a uprobe is cheap: at an instruction that the kernel emulates (push, jump, call, nop). It
 * steps over others with a debug exception, which costs 20 to 35 times more on a virtual machine.
 */

#include "userspace/base/bytes.h"

/* Registers that must still hold what the caller put there. x86-64 only. */
enum emulated_keep {
	KEEP_AX = 1 << 0,
	KEEP_BX = 1 << 1,
	KEEP_CX = 1 << 2,
	KEEP_DX = 1 << 3,
	KEEP_SI = 1 << 4,
	KEEP_DI = 1 << 5,
	KEEP_BP = 1 << 6,
	KEEP_R8 = 1 << 8,
	KEEP_R9 = 1 << 9,
	KEEP_R10 = 1 << 10,
	KEEP_R11 = 1 << 11,
	KEEP_R12 = 1 << 12,
	KEEP_R13 = 1 << 13,
	KEEP_R14 = 1 << 14,
	KEEP_R15 = 1 << 15,
};

/*
 * The first such instruction on the straight line from the function's entry, with the registers of
 * `keep` as they were there; 0, the entry, when there is none.
 */
uint64_t emulated_find(uint32_t machine, struct bytes code, unsigned int keep);

#endif
