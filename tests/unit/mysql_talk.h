/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_UNIT_MYSQL_TALK_H
#define SPANTAP_TESTS_UNIT_MYSQL_TALK_H

/*
 * What the tests of the MySQL decoder are made of: payloads, packets, and a conversation that is
 * played to connection.c and leaves one line per exchange in `seen`.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "userspace/base/memory.h"
#include "userspace/protocol/connection.h"
#include "userspace/protocol/mysql.h"

#define S(literal) bytes_of(literal, sizeof(literal) - 1)
#define GREETING               \
	"\x0a"                 \
	"8.4.3\0"              \
	"\1\0\0\0"             \
	"saltsalt\0"           \
	"\xff\xff"             \
	"\xff\2\0"             \
	"\xff\xdf"             \
	"\x15"                 \
	"\0\0\0\0\0\0\0\0\0\0" \
	"saltsaltsalt\0"       \
	"caching_sha2_password\0"
#define GREETING_MARIADB           \
	"\x0a"                     \
	"5.5.5-10.11.19-MariaDB\0" \
	"\1\0\0\0"                 \
	"saltsalt\0"               \
	"\xfe\xf7"                 \
	"\x2d\2\0"                 \
	"\xff\x81"
#define ZEROS23 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
/* CONNECT_WITH_DB, PROTOCOL_41, SECURE_CONNECTION; user root, 4 bytes of auth data, schema shop. */
#define LOGIN_REST              \
	"\0\0\0\1"              \
	"\x2d" ZEROS23 "root\0" \
	"\4AUTH"                \
	"shop\0"
#define LOGIN "\x08\x82\0\0" LOGIN_REST
#define LOGIN_DEPRECATE_EOF "\x08\x82\0\1" LOGIN_REST
#define OK "\0\0\0\2\0\0\0"
#define OK_MORE "\0\0\0\x0a\0\0\0"
#define EOF_ "\xfe\0\0\2\0"
#define EOF_MORE "\xfe\0\0\x0a\0"
#define EOF_CURSOR "\xfe\0\0\x42\0"
#define OK_EOF "\xfe\0\0\2\0\0\0"
#define ERR "\xff\x28\4#42000bad syntax"
#define COLUMN "\3def\0\0\0\1c\0\x0c\x3f\0\1\0\0\0\x08\x81\0\0\0\0"
#define PREPARED(id, columns, parameters) "\0" id "\0\0\0" columns "\0" parameters "\0\0\0\0"

/* Adds a packet with its header. */
static inline void add_packet(struct buf *b, uint8_t seq, struct bytes payload)
{
	buf_add_byte(b, (uint8_t)payload.len);
	buf_add_byte(b, (uint8_t)(payload.len >> 8));
	buf_add_byte(b, (uint8_t)(payload.len >> 16));
	buf_add_byte(b, seq);
	buf_add_bytes(b, payload);
}

struct talk {
	struct connection *connection;
	struct mark mark;
	struct attributes attributes;
	char seen[4096]; /* one line per finished exchange */
};

static inline int number_of(const struct talk *t, const char *key)
{
	const struct attribute *a = attributes_find(&t->attributes, key);

	return a && a->type == ATTRIBUTE_INT ? (int)a->integer : -1;
}

static inline void on_begin(void *context, struct connection *c, struct exchange *x)
{
	(void)context, (void)c, (void)x;
}

/* NAME|statement|system schema|rows|affected|code sqlstate message|incomplete */
static inline void on_end(void *context, struct connection *c, struct exchange *x)
{
	struct talk *t = context;
	struct description d = { .attributes = &t->attributes };
	struct bytes system, schema, code, state;
	size_t len = strlen(t->seen);

	connection_describe(c, x, &d);
	system = attributes_get(&t->attributes, "db.system.name");
	schema = attributes_get(&t->attributes, "db.namespace");
	code = attributes_get(&t->attributes, "db.response.status_code");
	state = attributes_get(&t->attributes, "spantap.db.sqlstate");
	assert_true(bytes_equal(code, attributes_get(&t->attributes, "error.type")));
	assert_int_equal(d.outcome, code.len ? OUTCOME_ERROR : OUTCOME_UNSET);
	snprintf(t->seen + len, sizeof(t->seen) - len,
		 "%.*s|%.*s|%.*s %.*s|%d|%d|%.*s %.*s %.*s|%x\n", (int)d.operation.len,
		 d.operation.data, d.statement.len > 60 ? 60 : (int)d.statement.len,
		 d.statement.data, (int)system.len, system.data, (int)schema.len, schema.data,
		 number_of(t, "db.response.returned_rows"),
		 number_of(t, "spantap.db.affected_rows"), (int)code.len, code.data, (int)state.len,
		 state.data, (int)d.outcome_message.len, d.outcome_message.data, x->incomplete);
}

static const struct connection_observer observer = {
	.begin = on_begin, .end = on_end, .discard = on_begin
};

static inline void talk_begin(struct talk *t, bool midway)
{
	struct connection_options options = { .observer = &observer,
					      .context = t,
					      .side = SIDE_CLIENT,
					      .midway = midway,
					      .only = &mysql_protocol };

	memset(t, 0, sizeof(*t));
	attributes_init(&t->attributes);
	t->connection = connection_new(&options);
	assert_non_null(t->connection);
}

static inline void talk_end(struct talk *t, const char *expected)
{
	connection_free(t->connection, &t->mark);
	assert_string_equal(t->seen, expected);
	attributes_release(&t->attributes);
}

static inline void raw(struct talk *t, enum flow flow, struct bytes bytes)
{
	uint8_t *copy = memory_new(bytes.len); /* exact: the sanitizer sees an overread */

	memcpy(copy, bytes.data, bytes.len);
	t->mark.time_ns++;
	connection_data(t->connection, flow == TO_SERVER ? DIRECTION_OUT : DIRECTION_IN,
			bytes_of(copy, bytes.len), true, &t->mark);
	memory_free(copy);
}

static inline void gap(struct talk *t, enum flow flow, uint64_t len)
{
	t->mark.time_ns++;
	connection_gap(t->connection, flow == TO_SERVER ? DIRECTION_OUT : DIRECTION_IN, len,
		       &t->mark);
}

static inline void packet(struct talk *t, enum flow flow, uint8_t seq, struct bytes payload)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	add_packet(&b, seq, payload);
	raw(t, flow, buf_bytes(&b));
	buf_release(&b);
}

#define ask(t, literal) packet(t, TO_SERVER, 0, S(literal))
#define answer(t, seq, literal) packet(t, TO_CLIENT, seq, S(literal))

#endif
