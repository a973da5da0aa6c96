// SPDX-License-Identifier: GPL-2.0-only
/*
 * PostgreSQL's frontend/backend protocol, version 3 (documentation, chapter 55), for poolers and
 * compatible servers too. All messages but the first of a connection have one shape:
 *
 *   +------+------------------------+---------+   start, TLS, cancel: length, code, content
 *   | type | length (4, big-endian) | content |   answer to TLS: one byte, S N G
 *   +------+------------------------+---------+
 *            counts itself, not the type
 *
 * postgres_client.c and postgres_server.c decode the two flows, postgres_pending.c knows which
 * answer is due, postgres_statement.c what was prepared, postgres_describe.c what a span keeps;
 * postgres_shape.c and postgres_probe.c recognise messages. Rows, parameters and passwords are
 * skipped, never kept.
 */
#include "userspace/protocol/postgres.h"

#include "userspace/base/cursor.h"
#include "userspace/protocol/postgres_probe.h"
#include "userspace/protocol/postgres_shape.h"

enum decode_status postgres_head(enum flow flow, const struct input *in, uint32_t want,
				 uint64_t *size, struct bytes *content)
{
	struct cursor c = cursor_of(in->bytes);
	uint8_t type = cursor_u8(&c);
	uint32_t len = cursor_be32(&c);

	if (c.failed)
		return in->cut ? DECODE_LOST : DECODE_MORE;
	if (!postgres_length_fits(flow, type, len))
		return DECODE_LOST;
	*size = 1 + (uint64_t)len;
	if (want > len - 4)
		want = len - 4;
	if (cursor_left(&c) < want && !in->cut)
		return DECODE_MORE;
	*content = bytes_part(in->bytes, POSTGRES_HEADER, want);
	return DECODE_OK;
}

static struct postgres_state *warm(void *state)
{
	struct postgres_state *s = state;

	if (!s->warm)
		pending_init(&s->pending);
	s->warm = true;
	return s;
}

static struct decode decode(void *state, enum flow flow, const struct input *in,
			    struct message *out)
{
	struct postgres_state *s = warm(state);
	struct decode d;

	/* Also of half a message. */
	if (flow == TO_CLIENT)
		s->pending.heard = true;
	if (!in->bytes.len)
		return (struct decode){ .status = DECODE_MORE };
	if (flow == TO_SERVER)
		d = postgres_decode_client(s, in, out);
	else
		d = postgres_decode_server(s, in, out);
	if (d.status == DECODE_LOST && flow == TO_SERVER) {
		pending_lost_requests(&s->pending);
		postgres_statements_doubt(&s->statements, bytes_of_string(""));
	} else if (d.status == DECODE_LOST) {
		s->rows = true;
		pending_lost_answers(&s->pending);
	}
	return d;
}

static void gap(void *state, enum flow flow, uint64_t lost)
{
	struct postgres_state *s = warm(state);

	(void)lost;
	if (flow == TO_CLIENT) {
		/* Rows may be among what was lost. */
		s->rows = true;
		s->failed = false;
		pending_lost_answers(&s->pending);
		return;
	}
	pending_lost_requests(&s->pending);
	postgres_statements_doubt(&s->statements, bytes_of_string(""));
}

static size_t resync(void *state, enum flow flow, struct bytes in)
{
	struct postgres_state *s = warm(state);
	size_t at = postgres_resync(flow, in);

	if (flow == TO_CLIENT && at > 0)
		s->failed = postgres_error_ends(bytes_part(in, 0, at));
	if (flow == TO_CLIENT && at < in.len)
		pending_found_answers(&s->pending);
	else if (flow == TO_CLIENT)
		pending_lost_answers(&s->pending);
	return at;
}

static void release(void *state)
{
	struct postgres_state *s = state;

	pending_release(&s->pending);
	postgres_statements_release(&s->statements);
}

const struct protocol postgres_protocol = {
	.name = "postgresql",
	.id = PROTOCOL_POSTGRESQL,
	.pairing = PAIRING_FIFO,
	.state_size = sizeof(struct postgres_state),
	.exchange_size = sizeof(struct postgres_exchange),
	.default_port = 5432,
	.probe = postgres_probe,
	.decode = decode,
	.gap = gap,
	.resync = resync,
	.absorb = postgres_absorb,
	.describe = postgres_describe,
	.release = release,
};
