// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exchange with PostgreSQL keeps of its messages, and how that reads as OpenTelemetry
 * attributes (semantic conventions 1.44, database client spans, PostgreSQL). One buffer holds all
 * texts:
 *
 *   exchange.text   [ SQL | prepared statement's name | error message ]
 *
 * The SQL and the error message are raw here; span/ redacts them.
 */
#include "userspace/protocol/postgres.h"

/* Kept free of SQL for the name and the error message. */
#define TEXT_RESERVE 1024
#define MESSAGE_MAX 512

static void take_request(const struct postgres_state *s, struct exchange *x,
			 const struct message *m)
{
	struct postgres_exchange *own = x->own;
	size_t room = x->text.max > TEXT_RESERVE ? x->text.max - TEXT_RESERVE : 0;
	struct bytes sql = bytes_part(m->text[TEXT_SQL], 0, room);

	own->kind = (enum postgres_kind)m->kind;
	own->transaction = s->transaction;
	if (m->kind == POSTGRES_FUNCTION) {
		own->function = (uint32_t)(m->number >> POSTGRES_NUMBER_SHIFT);
		return;
	}
	own->known = m->kind == POSTGRES_QUERY ? sql.len || !(m->flags & MESSAGE_TRUNCATED)
					       : m->number & POSTGRES_KNOWN;
	own->sql_len = (uint32_t)buf_add_some(&x->text, sql);
	own->name_len = (uint32_t)buf_add_some(&x->text, m->text[TEXT_NAME]);
	if (own->sql_len < m->text[TEXT_SQL].len)
		x->incomplete |= INCOMPLETE_TRUNCATED;
	if (!own->known)
		x->incomplete |= INCOMPLETE_TEXT_UNKNOWN;
}

/* The number at the end of a tag: "SELECT 5", "INSERT 0 5". */
static bool tag_count(struct bytes tag, uint64_t *out)
{
	size_t at = tag.len;

	while (at && tag.data[at - 1] != ' ')
		at--;
	return bytes_number(bytes_from(tag, at), out);
}

static void take_tag(struct postgres_exchange *own, const struct message *m)
{
	struct bytes tag = m->text[TEXT_SQL];
	uint64_t rows;

	if (!tag_count(tag, &rows))
		return;
	if (bytes_starts(tag, "MOVE "))
		return;
	/* CREATE TABLE AS says SELECT too, but returns no row. */
	if (bytes_starts(tag, "FETCH ") ||
	    (bytes_starts(tag, "SELECT ") && (m->number & POSTGRES_ROWS || !rows))) {
		own->returning = true;
		own->returned += rows;
	} else {
		own->affecting = true;
		own->affected += rows;
	}
}

static void take_error(struct exchange *x, const struct message *m)
{
	struct postgres_exchange *own = x->own;
	struct bytes code = m->text[TEXT_CODE];

	if (own->code[0])
		return;
	if (code.len == sizeof(own->code) - 1)
		memcpy(own->code, code.data, code.len);
	else
		own->code[0] = '?';
	own->message_len =
		(uint32_t)buf_add_some(&x->text, bytes_part(m->text[TEXT_MESSAGE], 0, MESSAGE_MAX));
}

/* An extended query's values are those of its Execute. What is copied in is not looked at. */
static void take_values(const struct postgres_state *s, struct exchange *x, const struct message *m)
{
	if (m->role == MESSAGE_REQUEST || m->kind == POSTGRES_EXECUTE)
		x->values = m->values;
	if (s->pending.copying)
		x->values = 0;
}

void postgres_absorb(void *state, struct exchange *x, const struct message *m)
{
	struct postgres_exchange *own = x->own;

	/* The engine refused or gave up an exchange without our knowing: this is another one's
	 * answer. */
	if (m->id != x->id) {
		x->incomplete |= INCOMPLETE_GAP;
		return;
	}
	if (m->role == MESSAGE_REQUEST)
		take_request(state, x, m);
	else if (m->role == MESSAGE_REQUEST_PART && m->kind == POSTGRES_EXECUTE)
		own->kind = POSTGRES_EXECUTE;
	else if (m->kind == POSTGRES_TAG)
		take_tag(own, m);
	else if (m->kind == POSTGRES_ERROR)
		take_error(x, m);
	take_values(state, x, m);
	if (m->number & POSTGRES_DOUBTFUL)
		x->incomplete |= INCOMPLETE_GAP;
	if (m->flags & MESSAGE_ABORTED)
		own->aborted = true;
}

/* Classes 00 and 01 are success and warning. */
static bool is_error(const char *code)
{
	return code[0] && !(code[0] == '0' && (code[1] == '0' || code[1] == '1'));
}

static void describe_outcome(const struct exchange *x, struct description *out)
{
	const struct postgres_exchange *own = x->own;
	struct attributes *a = out->attributes;

	if (own->aborted) {
		out->outcome = OUTCOME_ERROR;
		out->outcome_message =
			bytes_of_string("skipped by the server after an earlier error");
		attributes_text(a, "error.type", "pipeline_aborted");
		return;
	}
	if (!own->code[0])
		return;
	if (own->code[0] != '?')
		attributes_text(a, "db.response.status_code", own->code);
	if (!is_error(own->code))
		return;
	out->outcome = OUTCOME_ERROR;
	attributes_text(a, "error.type", own->code[0] == '?' ? "_OTHER" : own->code);
	out->outcome_message =
		bytes_part(buf_bytes(&x->text), own->sql_len + own->name_len, own->message_len);
}

void postgres_describe(const void *state, const struct exchange *x, struct description *out)
{
	const struct postgres_exchange *own = x->own;
	const struct postgres_state *s = state;
	struct attributes *a = out->attributes;
	struct bytes text = buf_bytes(&x->text);

	attributes_text(a, "db.system.name", "postgresql");
	if (s->database_len)
		attributes_string(a, "db.namespace", bytes_of(s->database, s->database_len));
	if (own->kind == POSTGRES_FUNCTION) {
		out->operation = bytes_of_string("CALL");
		attributes_int(a, "spantap.db.function_oid", own->function);
	} else if (own->known) {
		out->statement = bytes_part(text, 0, own->sql_len);
	} else {
		out->operation = bytes_of_string(own->kind == POSTGRES_QUERY ? "QUERY" : "EXECUTE");
		if (own->name_len)
			attributes_string(a, "spantap.db.statement_name",
					  bytes_part(text, own->sql_len, own->name_len));
	}
	if (own->returning)
		attributes_int(a, "db.response.returned_rows", (int64_t)own->returned);
	/* An error takes back what its statement did. */
	if (own->affecting && !own->code[0])
		attributes_int(a, "spantap.db.affected_rows", (int64_t)own->affected);
	if (own->transaction == 'T' || own->transaction == 'E')
		attributes_text(a, "spantap.db.transaction",
				own->transaction == 'T' ? "open" : "failed");
	describe_outcome(x, out);
}
