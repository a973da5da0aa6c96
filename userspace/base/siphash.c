// SPDX-License-Identifier: GPL-2.0-only
/* See siphash.h. */
#include "userspace/base/siphash.h"

#include <endian.h>

static uint64_t rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static void rounds(uint64_t v[4], int count)
{
	while (count--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void take_word(struct siphash *h, uint64_t word)
{
	h->v[3] ^= word;
	rounds(h->v, 2);
	h->v[0] ^= word;
}

void siphash_init(struct siphash *h, const struct siphash_key *key)
{
	*h = (struct siphash){
		.v = { key->a ^ 0x736f6d6570736575ull, key->b ^ 0x646f72616e646f6dull,
		       key->a ^ 0x6c7967656e657261ull, key->b ^ 0x7465646279746573ull }
	};
}

void siphash_add(struct siphash *h, struct bytes bytes)
{
	unsigned int bits = 8 * (h->len & 7); /* in the tail */
	uint64_t word;

	h->len += bytes.len;
	for (; bytes.len >= sizeof(word); bytes = bytes_from(bytes, sizeof(word))) {
		memcpy(&word, bytes.data, sizeof(word));
		word = le64toh(word);
		take_word(h, h->tail | word << bits);
		h->tail = bits ? word >> (64 - bits) : 0;
	}
	for (size_t i = 0; i < bytes.len; i++) {
		h->tail |= (uint64_t)bytes.data[i] << bits;
		bits += 8;
		if (bits < 64)
			continue;
		take_word(h, h->tail);
		h->tail = 0;
		bits = 0;
	}
}

uint64_t siphash_value(const struct siphash *h)
{
	struct siphash end = *h;

	take_word(&end, end.tail | end.len << 56);
	end.v[2] ^= 0xff;
	rounds(end.v, 4);
	return end.v[0] ^ end.v[1] ^ end.v[2] ^ end.v[3];
}
