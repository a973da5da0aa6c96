// SPDX-License-Identifier: GPL-2.0-only
/* Records of FastCGI: reading a header, recognising a connection by its first one. */
#include "userspace/base/cursor.h"
#include "userspace/protocol/fastcgi.h"

#define VERSION 1
#define ROLE_MAX 3        /* responder, authorizer, filter */
#define FLAG_KEEP 1       /* FCGI_KEEP_CONN: the only flag there is */
#define STATUS_MAX 3      /* FCGI_UNKNOWN_ROLE */
#define BEGIN_RESERVED 11 /* its zeros: from here to the end */

static bool goes(enum flow flow, enum fastcgi_type type)
{
	switch (type) {
	case FASTCGI_BEGIN_REQUEST:
	case FASTCGI_ABORT_REQUEST:
	case FASTCGI_PARAMS:
	case FASTCGI_STDIN:
	case FASTCGI_DATA:
	case FASTCGI_GET_VALUES:
		return flow == TO_SERVER;
	case FASTCGI_END_REQUEST:
	case FASTCGI_STDOUT:
	case FASTCGI_STDERR:
	case FASTCGI_GET_VALUES_RESULT:
	case FASTCGI_UNKNOWN_TYPE:
		return flow == TO_CLIENT;
	}
	return false;
}

static bool manages(enum fastcgi_type type)
{
	return type >= FASTCGI_GET_VALUES;
}

bool fastcgi_record_read(enum flow flow, struct bytes in, struct fastcgi_record *out)
{
	struct cursor c = cursor_of(in);
	uint8_t version = cursor_u8(&c);

	out->type = cursor_u8(&c);
	out->id = cursor_be16(&c);
	out->content = cursor_be16(&c);
	out->padding = cursor_u8(&c);
	cursor_u8(&c);
	return !c.failed && version == VERSION && goes(flow, out->type) &&
	       (out->id != 0) == !manages(out->type);
}

/* The byte at `at` is between min and max, or not there yet. */
static bool within(struct bytes in, size_t at, uint8_t min, uint8_t max)
{
	return at >= in.len || (in.data[at] >= min && in.data[at] <= max);
}

/* Version, type, some id, 8 bytes of content. */
static bool is_short_record(struct bytes in, enum fastcgi_type type)
{
	bool id = in.len < 4 || in.data[2] || in.data[3];

	return in.len && within(in, 0, VERSION, VERSION) &&
	       within(in, 1, (uint8_t)type, (uint8_t)type) && id && within(in, 4, 0, 0) &&
	       within(in, 5, 8, 8) && within(in, 7, 0, 0);
}

bool fastcgi_is_begin(struct bytes in)
{
	return is_short_record(in, FASTCGI_BEGIN_REQUEST) && within(in, 8, 0, 0) &&
	       within(in, 9, 1, ROLE_MAX) && within(in, 10, 0, FLAG_KEEP);
}

bool fastcgi_is_sure_begin(struct bytes in)
{
	for (size_t i = BEGIN_RESERVED; i < FASTCGI_BEGIN_LEN; i++)
		if (!within(in, i, 0, 0))
			return false;
	return fastcgi_is_begin(in);
}

bool fastcgi_is_end(struct bytes in)
{
	/* Its reserved bytes are whatever PHP's stack held. */
	return is_short_record(in, FASTCGI_END_REQUEST) && within(in, 12, 0, STATUS_MAX);
}

/* "Content-type:" and its like, as far as they are there. */
static bool is_header_line(struct bytes in)
{
	size_t i = 0;

	while (i < in.len && http1_token_char(in.data[i]))
		i++;
	return i > 0 && (i == in.len || in.data[i] == ':');
}

/* What an application can do: names and values that begin with FCGI_ (section 4.1). */
static bool is_question(enum flow flow, struct bytes in)
{
	struct bytes name = bytes_from(in, FASTCGI_HEADER_LEN + 2);
	struct fastcgi_record r;

	return fastcgi_record_read(flow, in, &r) &&
	       (r.type == FASTCGI_GET_VALUES || r.type == FASTCGI_GET_VALUES_RESULT) &&
	       bytes_starts(name, "FCGI_");
}

int fastcgi_probe(enum flow flow, struct bytes head)
{
	struct fastcgi_record record;

	if (flow == TO_SERVER && fastcgi_is_sure_begin(head))
		return head.len < FASTCGI_HEADER_LEN ? 20 : head.len < FASTCGI_BEGIN_LEN ? 45 : 95;
	if (flow == TO_CLIENT && fastcgi_is_end(head))
		return head.len < FASTCGI_END_LEN ? 20 : 60;
	if (is_question(flow, head))
		return 95;
	if (head.len < FASTCGI_HEADER_LEN + 4 || !fastcgi_record_read(flow, head, &record))
		return 0;
	if (record.type == FASTCGI_STDOUT && head.data[7] == 0 &&
	    is_header_line(bytes_part(head, FASTCGI_HEADER_LEN, record.content)))
		return 75;
	return 0;
}
