// SPDX-License-Identifier: GPL-2.0-only
/*
 * See postgres_statement.h. Two small tables from name to statement; a statement is counted because
 * a portal outlives the redefinition of the name that it was bound from. The unnamed statement and
 * portal are the name "". A client that parses the unnamed statement over and over alternates
 * between two spare texts, so nothing is allocated once they are warm.
 */
#include "userspace/protocol/postgres_statement.h"

#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/protocol/values.h"

/* Drivers cache 100 (asyncpg, psycopg) to 256 (JDBC) statements a connection, and open few portals.
 */
#define STATEMENTS_MAX 512
#define PORTALS_MAX 32
#define SQL_BYTES_MAX (1024 * 1024)
#define SPARE_MAX 4
#define FIRST_CAPACITY 4

struct postgres_name {
	uint32_t hash;
	uint32_t used;   /* the clock when it was last */
	uint64_t values; /* of a portal: its parameters */
	struct postgres_statement *statement;
	uint8_t len;
	uint8_t text[POSTGRES_NAME_MAX];
};

static struct postgres_statement *statement_new(struct postgres_statements *s, struct bytes name)
{
	struct postgres_statement *statement = s->spare;
	struct buf sql;

	if (statement) {
		s->spare = statement->next;
		s->spare_count--;
		sql = statement->sql;
		buf_reset(&sql);
	} else {
		statement = memory_new(sizeof(*statement));
		if (!statement)
			return NULL;
		buf_init(&sql, POSTGRES_SQL_MAX);
	}
	*statement = (struct postgres_statement){ .sql = sql, .name_len = (uint8_t)name.len };
	if (name.len)
		memcpy(statement->name, name.data, name.len);
	if (!++s->serial)
		s->serial = 1;
	statement->serial = s->serial;
	return statement;
}

static void statement_drop(struct postgres_statements *s, struct postgres_statement *statement)
{
	if (!statement || --statement->references)
		return;
	s->sql_bytes -= statement->sql.len;
	if (s->spare_count >= SPARE_MAX) {
		buf_release(&statement->sql);
		memory_free(statement);
		return;
	}
	statement->next = s->spare;
	s->spare = statement;
	s->spare_count++;
}

static struct bytes clamp(struct bytes name)
{
	return bytes_part(name, 0, POSTGRES_NAME_MAX);
}

static struct postgres_name *table_find(struct postgres_table *t, struct bytes name)
{
	uint32_t hash = (uint32_t)map_hash(name.data, name.len, 0);

	for (uint32_t i = 0; i < t->count; i++) {
		struct postgres_name *item = &t->items[i];

		if (item->hash == hash && bytes_equal(bytes_of(item->text, item->len), name))
			return item;
	}
	return NULL;
}

static void table_remove(struct postgres_statements *s, struct postgres_table *t,
			 struct postgres_name *item)
{
	statement_drop(s, item->statement);
	*item = t->items[--t->count];
}

static void table_remove_oldest(struct postgres_statements *s, struct postgres_table *t)
{
	struct postgres_name *oldest = t->items;

	/* The clock may wrap: compare distances. */
	for (uint32_t i = 1; i < t->count; i++)
		if (s->clock - t->items[i].used > s->clock - oldest->used)
			oldest = &t->items[i];
	table_remove(s, t, oldest);
}

static bool table_grow(struct postgres_table *t)
{
	uint32_t capacity = t->capacity ? t->capacity * 2 : FIRST_CAPACITY;
	struct postgres_name *items = memory_resize(t->items, capacity * sizeof(*items));

	if (!items)
		return false;
	t->items = items;
	t->capacity = capacity;
	return true;
}

/* name now means statement, whose reference is taken over; false: it was dropped. */
static bool table_set(struct postgres_statements *s, struct postgres_table *t, uint32_t max,
		      struct bytes name, struct postgres_statement *statement)
{
	struct postgres_name *item = table_find(t, name);

	if (item) {
		statement_drop(s, item->statement);
	} else {
		if (t->count >= max)
			table_remove_oldest(s, t);
		if (t->count == t->capacity && !table_grow(t)) {
			statement_drop(s, statement);
			return false;
		}
		item = &t->items[t->count++];
		item->hash = (uint32_t)map_hash(name.data, name.len, 0);
		item->len = (uint8_t)name.len;
		if (name.len)
			memcpy(item->text, name.data, name.len);
	}
	item->statement = statement;
	item->values = 0;
	item->used = ++s->clock;
	return true;
}

/* A new statement under name, referred to once; its text is unknown as yet. */
static struct postgres_statement *define(struct postgres_statements *s, struct bytes name)
{
	struct postgres_statement *statement = statement_new(s, name);

	if (!statement)
		return NULL;
	statement->references = 1;
	return table_set(s, &s->statements, STATEMENTS_MAX, name, statement) ? statement : NULL;
}

struct postgres_statement *postgres_statement_parse(struct postgres_statements *s,
						    struct bytes name, struct bytes sql, bool cut)
{
	struct postgres_statement *statement;

	name = clamp(name);
	postgres_statement_close(s, name);
	statement = define(s, name);
	if (!statement)
		return NULL;
	statement->known = true;
	statement->cut = buf_add_some(&statement->sql, sql) < sql.len || cut;
	statement->values = statement->cut ? 0 : values_of("statement", sql);
	s->sql_bytes += statement->sql.len;
	/* The one just made was used last, so it stays. */
	while (s->sql_bytes > SQL_BYTES_MAX && s->statements.count > 1)
		table_remove_oldest(s, &s->statements);
	return statement;
}

struct postgres_statement *postgres_statement_find(struct postgres_statements *s, struct bytes name)
{
	struct postgres_name *item;

	name = clamp(name);
	item = table_find(&s->statements, name);
	if (!item)
		return define(s, name);
	item->used = ++s->clock;
	return item->statement;
}

struct postgres_statement *postgres_portal_bind(struct postgres_statements *s, struct bytes portal,
						struct bytes name, uint64_t values)
{
	struct postgres_statement *statement = postgres_statement_find(s, name);

	portal = clamp(portal);
	if (!statement) {
		postgres_portal_close(s, portal);
		return NULL;
	}
	statement->references++;
	if (!table_set(s, &s->portals, PORTALS_MAX, portal, statement))
		return NULL;
	table_find(&s->portals, portal)->values = values;
	return statement;
}

uint64_t postgres_portal_values(struct postgres_statements *s, struct bytes portal)
{
	struct postgres_name *item = table_find(&s->portals, clamp(portal));
	struct values v;

	if (!item)
		return 0;
	values_begin(&v, "execute");
	values_add_known(&v, item->statement->values);
	values_add_known(&v, item->values);
	item->values = 0;
	return values_end(&v);
}

void postgres_statement_bound(struct postgres_statements *s, struct postgres_statement *statement,
			      uint16_t parameters)
{
	if (statement->doubtful && statement->bound) {
		if (statement->parameters != parameters) {
			s->sql_bytes -= statement->sql.len;
			buf_reset(&statement->sql);
			statement->known = statement->cut = false;
			statement->values = 0;
		}
		statement->doubtful = false;
	}
	statement->bound = true;
	statement->parameters = parameters;
}

struct postgres_statement *postgres_portal_find(struct postgres_statements *s, struct bytes portal)
{
	struct postgres_statement *statement;
	struct postgres_name *item;

	portal = clamp(portal);
	item = table_find(&s->portals, portal);
	if (item) {
		item->used = ++s->clock;
		return item->statement;
	}
	statement = statement_new(s, bytes_of_string(""));
	if (!statement)
		return NULL;
	statement->references = 1;
	return table_set(s, &s->portals, PORTALS_MAX, portal, statement) ? statement : NULL;
}

static void table_close(struct postgres_statements *s, struct postgres_table *t, struct bytes name)
{
	struct postgres_name *item = table_find(t, clamp(name));

	if (item)
		table_remove(s, t, item);
}

void postgres_statement_close(struct postgres_statements *s, struct bytes name)
{
	table_close(s, &s->statements, name);
}

void postgres_portal_close(struct postgres_statements *s, struct bytes portal)
{
	table_close(s, &s->portals, portal);
}

void postgres_statements_doubt(struct postgres_statements *s, struct bytes prefix)
{
	/* Portals and the unnamed statement are redefined all the time, names hardly ever. */
	while (s->portals.count)
		table_remove(s, &s->portals, s->portals.items);
	if (!prefix.len)
		postgres_statement_close(s, prefix);
	for (uint32_t i = 0; i < s->statements.count; i++) {
		struct postgres_name *item = &s->statements.items[i];

		if (!bytes_equal(bytes_part(bytes_of(item->text, item->len), 0, prefix.len),
				 clamp(prefix)))
			continue;
		item->statement->doubtful = true;
		/* Even if it proves to be the same for all we can tell. */
		item->statement->values = 0;
	}
}

static void table_release(struct postgres_statements *s, struct postgres_table *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		statement_drop(s, t->items[i].statement);
	memory_free(t->items);
	*t = (struct postgres_table){ 0 };
}

void postgres_statements_release(struct postgres_statements *s)
{
	table_release(s, &s->portals);
	table_release(s, &s->statements);
	while (s->spare) {
		struct postgres_statement *statement = s->spare;

		s->spare = statement->next;
		buf_release(&statement->sql);
		memory_free(statement);
	}
	*s = (struct postgres_statements){ 0 };
}
