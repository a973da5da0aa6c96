// SPDX-License-Identifier: GPL-2.0-only
/* See random.h. xoshiro256** (Blackman and Vigna, 2018). */
#include "userspace/base/random.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static uint64_t next(void)
{
	static uint64_t s[4];
	uint64_t result, t;

	while (!(s[0] | s[1] | s[2] | s[3])) {
		struct timespec now;

		if (getrandom(s, sizeof(s), 0) == (ssize_t)sizeof(s))
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		s[0] = (uint64_t)now.tv_nsec | 1;
	}
	result = rotate(s[1] * 5, 7) * 9;
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

void random_fill(void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		uint64_t r = next();
		size_t n = len < sizeof(r) ? len : sizeof(r);

		memcpy(p, &r, n);
		p += n;
		len -= n;
	}
}
