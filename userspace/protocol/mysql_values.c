// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an execution gives its statement (MySQL "COM_STMT_EXECUTE", MariaDB
 * "COM_STMT_BULK_EXECUTE"):
 *
 *   EXECUTE  | id 4 | flags 1 | iterations 4 | count, if flags & 8 |
 *            | nulls (count + 7) / 8 | types follow 1 | types 2 each, and names if flags & 8 |
 * values | BULK     | id 4 | flags 2 | types 2 each, if flags & 128 | rows |
 *
 * Types are sent with the first execution, later ones refer to them. Nothing of it is kept but
 * hashes.
 */
#include "userspace/protocol/mysql.h"

#define COUNT_FOLLOWS 0x08u
#define TYPES_FOLLOW 0x80u

static uint64_t bulk_values(const struct mysql_statement *s, struct cursor *c)
{
	uint16_t flags = cursor_le16(c);
	struct values v;

	values_begin(&v, "bulk");
	values_add_known(&v, s->values);
	values_add(&v, bytes_from(c->in, c->at));
	if (!(flags & TYPES_FOLLOW) || c->failed)
		values_lose(&v);
	return values_end(&v);
}

/* The types at c, with the names of the parameters where there are any. */
static uint64_t read_types(struct cursor *c, uint64_t count, bool named)
{
	size_t from = c->at;

	if (!named)
		cursor_bytes(c, 2 * (size_t)count);
	for (; named && count && !c->failed; count--) {
		cursor_bytes(c, 2);
		mysql_lenenc_bytes(c);
	}
	return c->failed ? 0 : values_of("types", bytes_part(c->in, from, c->at - from));
}

uint64_t mysql_execution_values(const struct mysql *my, struct mysql_statement *s,
				struct bytes payload, bool bulk)
{
	bool doubt = s->losses != my->losses, named, typed;
	struct cursor c = cursor_of(bytes_from(payload, sizeof(s->id)));
	uint64_t count = s->parameters;
	struct values v;

	if (bulk)
		return bulk_values(s, &c);
	/* What was lost may have been a parameter's long data, or other types. */
	if (doubt)
		s->types = 0;
	s->losses = my->losses;
	values_begin(&v, "execute");
	values_add_known(&v, s->values);
	if (doubt || s->long_data)
		values_lose(&v);
	s->long_data = false;
	named = cursor_u8(&c) & COUNT_FOLLOWS;
	cursor_le32(&c);
	if (named)
		count = mysql_lenenc(&c);
	if (count > UINT16_MAX)
		c.failed = true;
	if (count) {
		values_add(&v, cursor_bytes(&c, (size_t)(count + 7) / 8));
		typed = cursor_u8(&c);
		if (typed || c.failed)
			s->types = read_types(&c, count, named);
		values_add_known(&v, s->types);
		values_add(&v, bytes_from(c.in, c.at));
	}
	if (c.failed)
		values_lose(&v);
	return values_end(&v);
}
