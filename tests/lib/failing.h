/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_LIB_FAILING_H
#define SPANTAP_TESTS_LIB_FAILING_H

#include <stddef.h>

/*
 * Runs body(context) with the first allocation failing (and every later one), then from the second
 * on, and so on until a run in which none failed. body must release what it made, and must hold
 * whatever fails. Returns how many runs it took; 0 when there was no end to them.
 */
size_t failing_loop(void (*body)(void *context), void *context);

#endif
