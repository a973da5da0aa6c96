/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_RUNTIME_THREAD_LOCAL_H
#define SPANTAP_RUNTIME_THREAD_LOCAL_H

/*
 * How to get to a thread-local variable of a shared library from outside (x86-64). The dynamic
 * linker numbers modules when it loads them: the number stands in the process's memory where the
 * library's own code finds it.
 */

#include "userspace/runtime/runtime.h"

#define THREAD_LOCAL_STEPS 3
#define THREAD_LOCAL_PLACE_MAX 65536

/*
 * `place`: the variable's, in its library's block. Fills base and the first THREAD_LOCAL_STEPS
 * steps, which lead to the variable's value. 0; -EAGAIN: the linker was not there yet; -ENOTSUP: a
 * build or a C library whose threads' storage is not known.
 */
int thread_local_steps(const struct image *image, uint64_t place, struct recipe *out);

#endif
