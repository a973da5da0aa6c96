// SPDX-License-Identifier: GPL-2.0-only
/*
 * Texts of prepared statements by their id, for the executions that only name the id. Bounded per
 * connection in number and in bytes, because clients that never close a statement exist; the least
 * recently used one goes first, and its next execution says that its text is unknown.
 */
#include "userspace/protocol/mysql.h"

#include "userspace/base/memory.h"

#define STATEMENTS_MAX 1024 /* four times the largest default cache of the connectors */
#define STATEMENT_TEXT_MAX (16 * 1024)
#define STATEMENTS_LEN_MAX (256 * 1024)

void mysql_statement_remove(struct mysql *my, uint32_t id)
{
	struct mysql_statement *s;

	if (!my->statements.count)
		return;
	s = map_remove(&my->statements, &id);
	if (!s)
		return;
	my->statements_len -= s->len;
	memory_free(s);
}

static void remove_oldest(struct mysql *my)
{
	struct mysql_statement *oldest = NULL, *s;
	size_t at = 0;

	for (s = map_next(&my->statements, &at); s; s = map_next(&my->statements, &at))
		if (!oldest || s->used < oldest->used)
			oldest = s;
	if (oldest)
		mysql_statement_remove(my, oldest->id);
}

void mysql_statement_add(struct mysql *my, uint32_t id, uint16_t parameters, struct bytes text,
			 bool truncated)
{
	size_t len = text.len < STATEMENT_TEXT_MAX ? text.len : STATEMENT_TEXT_MAX;
	struct mysql_statement *s;

	if (!my->statements.key_size)
		map_init(&my->statements, sizeof(id), STATEMENTS_MAX);
	mysql_statement_remove(my, id);
	while (my->statements.count >= STATEMENTS_MAX ||
	       my->statements_len + len > STATEMENTS_LEN_MAX)
		remove_oldest(my);
	s = memory_new(sizeof(*s) + len);
	if (!s)
		return;
	s->id = id;
	s->parameters = parameters;
	s->losses = my->losses;
	s->truncated = truncated || len < text.len;
	s->values = s->truncated ? 0 : values_of("statement", text);
	s->used = ++my->statements_clock;
	s->len = len;
	if (len)
		memcpy(s->text, text.data, len);
	if (map_set(&my->statements, &id, s)) {
		memory_free(s);
		return;
	}
	my->statements_len += len;
}

struct mysql_statement *mysql_statement_find(struct mysql *my, uint32_t id)
{
	struct mysql_statement *s = my->statements.count ? map_find(&my->statements, &id) : NULL;

	if (s)
		s->used = ++my->statements_clock;
	return s;
}

void mysql_statement_clear(struct mysql *my)
{
	struct mysql_statement *s;
	size_t at = 0;

	if (!my->statements.key_size)
		return;
	for (s = map_next(&my->statements, &at); s; s = map_next(&my->statements, &at))
		memory_free(s);
	map_release(&my->statements);
	my->statements = (struct map){ 0 };
	my->statements_len = 0;
}
