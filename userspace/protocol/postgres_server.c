// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's half of PostgreSQL's protocol: what answers, and what concerns nobody.
 *
 *   1 2 3 n t T s   to Parse, Bind, Close, Describe, and a portal suspended
 *   D.. C  I  E     rows, command tag; empty query; error (fields of a letter and a string)
 *   G H W d c       copy
 *   Z               ready: settles all that was asked up to the Query or Sync it answers
 *   N S A R K v     at any time, or of the start: nobody's
 */
#include "userspace/base/cursor.h"
#include "userspace/protocol/postgres.h"
#include "userspace/protocol/postgres_shape.h"

/* The server's tags fit 64 bytes; severity, code and message come first in an error. */
#define TAG_MAX 64
#define ERROR_MAX 2048

/* Rows, or copied data, one after another: all that begin in these bytes count as one message. */
static uint64_t run_size(const struct input *in, uint8_t type, uint64_t size)
{
	while (size < in->bytes.len) {
		struct cursor c = cursor_of(bytes_from(in->bytes, (size_t)size));
		uint8_t next = cursor_u8(&c);
		uint32_t len = cursor_be32(&c);

		if (c.failed || next != type || !postgres_length_fits(TO_CLIENT, type, len))
			break;
		size += 1 + (uint64_t)len;
	}
	return size;
}

static void read_error(struct bytes content, struct message *out)
{
	struct cursor c = cursor_of(content);

	out->kind = POSTGRES_ERROR;
	while (!c.failed) {
		uint8_t field = cursor_u8(&c);
		struct bytes rest = bytes_from(content, c.at), value;

		if (!field)
			break;
		value = cursor_string(&c);
		if (field == 'C')
			out->text[TEXT_CODE] = value;
		else if (field == 'M') /* the part of a long one that is there */
			out->text[TEXT_MESSAGE] = c.failed ? rest : value;
	}
}

static void take(struct message *out, struct pending_answer answer)
{
	out->role = answer.role;
	out->flags |= answer.flags;
	if (answer.lost)
		out->number |= POSTGRES_DOUBTFUL;
}

/* The type of the first message from offset at on that is not nobody's; 0: it is not there yet. */
static uint8_t type_after(const struct input *in, uint64_t at)
{
	while (at < in->bytes.len) {
		struct cursor c = cursor_of(bytes_from(in->bytes, (size_t)at));
		uint8_t type = cursor_u8(&c);
		uint32_t len = cursor_be32(&c);

		if (type != 'N' && type != 'S' && type != 'A')
			return type;
		if (c.failed || !postgres_length_fits(TO_CLIENT, type, len))
			break;
		at += 1 + (uint64_t)len;
	}
	return 0;
}

/*
 * A CommandComplete that ends an Execute is followed by what the commit says, at Sync: an error
 * there is the call's. The server sends both at once, so the next message's type is waited for;
 * false: it is not there.
 */
static bool complete(struct postgres_state *s, const struct input *in, uint64_t size,
		     struct bytes content, struct message *out)
{
	bool commits = pending_commits(&s->pending);
	uint8_t after = commits ? type_after(in, size) : 0;

	if (commits && !after && !in->cut)
		return false;
	take(out, pending_answer(&s->pending, 'C', after == 'E'));
	out->kind = POSTGRES_TAG;
	out->text[TEXT_SQL] = bytes_part(content, 0, bytes_find(content, 0, 0));
	if (s->rows)
		out->number |= POSTGRES_ROWS;
	if (out->text[TEXT_SQL].len == content.len || (commits && !after))
		out->number |= POSTGRES_DOUBTFUL;
	s->rows = false;
	return true;
}

static uint32_t wanted(uint8_t type)
{
	return type == 'C' ? TAG_MAX : type == 'E' ? ERROR_MAX : type == 'Z' ? 1 : 0;
}

static struct decode ready(struct postgres_state *s, const struct input *in, struct bytes content,
			   struct message *out)
{
	struct pending_answer answer;

	if (!content.len)
		return (struct decode){ .status = DECODE_LOST };
	if (s->failed && s->pending.exchanges == 1) {
		out->kind = POSTGRES_ERROR;
		out->number |= POSTGRES_DOUBTFUL;
	}
	answer = pending_ready(&s->pending);
	take(out, answer);
	if (answer.more)
		return (struct decode){ .status = DECODE_OK };
	s->transaction = content.data[0];
	s->starting = s->rows = s->failed = false;
	return postgres_used(in, POSTGRES_HEADER + 1);
}

/* The server's one byte about encryption; false: it is an ordinary message. */
static bool encryption(struct postgres_state *s, const struct input *in, struct decode *out)
{
	uint8_t byte = in->bytes.data[0];

	if (!s->encryption || s->starting || (byte != 'S' && byte != 'G' && byte != 'N'))
		return false;
	s->encryption--;
	*out = byte == 'N' ? postgres_used(in, 1) : (struct decode){ .status = DECODE_FOREIGN };
	return true;
}

static struct decode message(struct postgres_state *s, uint8_t type, const struct input *in,
			     uint64_t size, struct bytes content, struct message *out)
{
	switch (type) {
	case 'Z':
		return ready(s, in, content, out);
	case 'C':
		if (!complete(s, in, size, content, out))
			return (struct decode){ .status = DECODE_MORE };
		break;
	case 'E':
		read_error(content, out);
		take(out, pending_error(&s->pending));
		break;
	case 'D':
	case 'd':
		size = run_size(in, type, size);
		s->rows = true;
		take(out, pending_answer(&s->pending, type, false));
		break;
	case 'N':
	case 'S':
	case 'A':
	case 'R':
	case 'K':
	case 'v':
		out->role = MESSAGE_CONTROL;
		break;
	default:
		take(out, pending_answer(&s->pending, type, false));
		break;
	}
	return postgres_used(in, size);
}

struct decode postgres_decode_server(struct postgres_state *s, const struct input *in,
				     struct message *out)
{
	uint8_t type = in->bytes.data[0];
	struct pending_answer due;
	enum decode_status status;
	struct bytes content;
	struct decode d;
	uint64_t size;

	if (encryption(s, in, &d))
		return d;
	status = postgres_head(TO_CLIENT, in, wanted(type), &size, &content);
	if (status != DECODE_OK)
		return (struct decode){ .status = status };
	out->id = pending_oldest(&s->pending);
	due = pending_due(&s->pending);
	if (due.more) {
		take(out, due);
		return (struct decode){ .status = DECODE_OK };
	}
	s->failed &= type == 'Z';
	return message(s, type, in, size, content, out);
}
