// SPDX-License-Identifier: GPL-2.0-only
/* See secret.h. */
#include "userspace/base/secret.h"

#include <sys/random.h>

const struct siphash_key *secret_key(void)
{
	static struct siphash_key key;
	static bool made;

	if (!made)
		made = getrandom(&key, sizeof(key), 0) == (ssize_t)sizeof(key);
	return made ? &key : NULL;
}
