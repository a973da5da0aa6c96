/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STORE_PLACE_H
#define SPANTAP_STORE_PLACE_H

/* Where a recording may be written: never over what is none. */

#include "userspace/base/error.h"

#include <stdbool.h>

/* Could it be written there? Touches nothing. 0 or negative errno with one sentence. */
int place_check(const char *path, bool replace, struct error *error);

/*
 * Makes an empty file, in place of a recording if need be, that only its owner can read. Returns a
 * descriptor that tells others that it is being written: keep it until the database is closed.
 */
int place_take(const char *path, bool replace, struct error *error);

/* Deletes the recording and what stands beside it. */
void place_remove(const char *path);

#endif
