// SPDX-License-Identifier: GPL-2.0-only
/*
 * Header blocks of HTTP/1 messages (RFC 9112, sections 2.2, 5 and 6), for http1.c:
 *
 *   start line CRLF
 *   name ":" value CRLF [SP more of the value CRLF ...]     (obsolete folding)
 *   CRLF
 *
 * A bare LF ends a line too. Lines without a colon, or with a blank before it, are passed over.
 * Only the fields below are looked at; no other value leaves this file.
 */
#include "userspace/protocol/http1_head.h"

#include "userspace/protocol/http1_values.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes http1_trim(struct bytes b)
{
	while (b.len && is_blank(b.data[0]))
		b = bytes_from(b, 1);
	while (b.len && is_blank(b.data[b.len - 1]))
		b.len--;
	return b;
}

bool http1_list_next(struct bytes *list, uint8_t separator, struct bytes *element)
{
	bool quoted = false;
	size_t i;

	if (!list->len)
		return false;
	for (i = 0; i < list->len && (quoted || list->data[i] != separator); i++) {
		if (list->data[i] == '"')
			quoted = !quoted;
		else if (quoted && list->data[i] == '\\' && i + 1 < list->len)
			i++;
	}
	*element = http1_trim(bytes_part(*list, 0, i));
	*list = bytes_from(*list, i + 1);
	return true;
}

size_t http1_head_end(struct http1_search *s, struct bytes in)
{
	for (;;) {
		size_t end = bytes_find(in, '\n', s->searched);
		size_t len = end - s->line;

		if (end >= in.len) {
			s->searched = in.len;
			return 0;
		}
		if (s->line && (len == 0 || (len == 1 && in.data[s->line] == '\r')))
			return end + 1;
		s->line = s->searched = end + 1;
	}
}

/* Takes one field with its folded lines off *block; false when no whole line is left. */
static bool next_field(struct bytes *block, struct bytes *name, struct bytes *value)
{
	size_t end = bytes_find(*block, '\n', 0), colon;

	while (end + 1 < block->len &&
	       (block->data[end + 1] == ' ' || block->data[end + 1] == '\t'))
		end = bytes_find(*block, '\n', end + 1);
	if (end >= block->len)
		return false;
	colon = bytes_find(bytes_part(*block, 0, end), ':', 0);
	*name = bytes_part(*block, 0, colon);
	*value = http1_trim(bytes_part(*block, colon + 1, end > colon ? end - colon - 1 : 0));
	*block = bytes_from(*block, end + 1);
	return true;
}

/* What the fields said about the body so far. */
struct framing {
	bool has_length, broken, coded, chunked;
	uint64_t length;
};

static void read_length(struct framing *f, struct bytes value)
{
	struct bytes element;

	if (!value.len)
		f->broken = true;
	while (http1_list_next(&value, ',', &element)) {
		uint64_t length = 0;

		if (!bytes_number(element, &length) || length > HTTP1_BODY_MAX ||
		    (f->has_length && length != f->length))
			f->broken = true;
		f->has_length = true;
		f->length = length;
	}
}

static void read_coding(struct framing *f, struct bytes value)
{
	struct bytes element;

	while (http1_list_next(&value, ',', &element)) {
		if (!element.len || bytes_is_nocase(element, "identity"))
			continue;
		f->coded = true;
		f->chunked = bytes_is_nocase(element, "chunked");
	}
}

static void read_framing(const struct framing *f, struct http1_head *out)
{
	if (f->coded)
		out->framing = f->chunked ? HTTP1_FRAMING_CHUNKED : HTTP1_FRAMING_CODED;
	else if (f->broken)
		out->framing = HTTP1_FRAMING_BROKEN;
	else if (f->has_length)
		out->framing = HTTP1_FRAMING_LENGTH;
	out->length = out->framing == HTTP1_FRAMING_LENGTH ? f->length : 0;
}

static struct bytes *wanted(struct http1_head *h, struct bytes name)
{
	static const struct {
		const char *name;
		size_t at;
	} fields[] = {
		{ "host", offsetof(struct http1_head, host) },
		{ "user-agent", offsetof(struct http1_head, user_agent) },
		{ "forwarded", offsetof(struct http1_head, forwarded) },
		{ "x-forwarded-for", offsetof(struct http1_head, forwarded_for) },
		{ "x-forwarded-host", offsetof(struct http1_head, forwarded_host) },
		{ "x-forwarded-proto", offsetof(struct http1_head, forwarded_proto) },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (bytes_is_nocase(name, fields[i].name))
			return (struct bytes *)(void *)((uint8_t *)h + fields[i].at);
	return NULL;
}

enum http1_start_status http1_head_read(enum flow flow, struct bytes block, bool whole,
					struct http1_head *out)
{
	size_t end = bytes_find(block, '\n', 0);
	struct bytes line = bytes_part(block, 0, end), name, value;
	struct framing framing = { 0 };
	struct values values = { .unknown = flow == TO_CLIENT };
	enum http1_start_status status;

	*out = (struct http1_head){ .whole = whole };
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	status = http1_start_read(flow, line, end < block.len, &out->start);
	if (status != HTTP1_START_OK)
		return status;
	if (flow == TO_SERVER)
		http1_values_begin(&values, out);
	block = bytes_from(block, end + 1);
	while (next_field(&block, &name, &value)) {
		struct bytes *field;

		if (bytes_is_nocase(name, "content-length")) {
			read_length(&framing, value);
		} else if (bytes_is_nocase(name, "transfer-encoding")) {
			read_coding(&framing, value);
		} else if (flow == TO_SERVER &&
			   !propagation_field(&out->propagation, name, value)) {
			field = wanted(out, name);
			if (field && !field->len)
				*field = value;
			http1_values_field(&values, name, value);
		}
	}
	read_framing(&framing, out);
	out->values = http1_values_end(&values, out);
	return HTTP1_START_OK;
}
