// SPDX-License-Identifier: GPL-2.0-only
/* See values.h. */
#include "userspace/protocol/values.h"

#include "userspace/base/secret.h"

void values_begin(struct values *v, const char *what)
{
	const struct siphash_key *key = secret_key();

	*v = (struct values){ .unknown = !key };
	if (key)
		siphash_init(&v->hash, key);
	values_add(v, bytes_of_string(what));
}

void values_add_number(struct values *v, uint64_t number)
{
	siphash_add(&v->hash, bytes_of(&number, sizeof(number)));
}

void values_add(struct values *v, struct bytes part)
{
	values_add_number(v, part.len);
	siphash_add(&v->hash, part);
}

void values_add_known(struct values *v, uint64_t hash)
{
	v->unknown |= !hash;
	values_add_number(v, hash);
}

uint64_t values_end(const struct values *v)
{
	uint64_t hash;

	if (v->unknown)
		return 0;
	hash = siphash_value(&v->hash);
	return hash ? hash : 1;
}

uint64_t values_of(const char *what, struct bytes part)
{
	struct values v;

	values_begin(&v, what);
	values_add(&v, part);
	return values_end(&v);
}
