/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_SECRET_H
#define SPANTAP_BASE_SECRET_H

#include "userspace/base/siphash.h"

/*
 * The key of this run, made by the kernel when first asked for. It must never be written anywhere:
 * whoever has it can find out what was hashed by trying. NULL when the kernel gives no random
 * bytes. One thread.
 */
const struct siphash_key *secret_key(void);

#endif
