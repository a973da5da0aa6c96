// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a web server says of a request to a FastCGI application. Header fields come as HTTP_NAME,
 * with underscores for dashes (RFC 3875, section 4.1.18).
 */
#include "userspace/base/cursor.h"
#include "userspace/protocol/fastcgi.h"

#define LENGTH_LONG 0x80u
#define LENGTH_MASK 0x7fffffffu
#define FIELD_MAX 40 /* longer than all header fields of propagation.h */

static size_t read_length(struct cursor *c)
{
	uint32_t len = cursor_u8(c);

	if (len & LENGTH_LONG)
		len = (len << 24 | (uint32_t)cursor_be(c, 3)) & LENGTH_MASK;
	return len;
}

static struct bytes *wanted(struct fastcgi_params *p, struct bytes name)
{
#define FIELD(text, member)                                                     \
	{                                                                       \
		text, sizeof(text) - 1, offsetof(struct fastcgi_params, member) \
	}
	static const struct {
		const char *name;
		size_t len, at;
	} fields[] = {
		FIELD("REQUEST_METHOD", method),
		FIELD("REQUEST_URI", uri),
		FIELD("SCRIPT_NAME", script),
		FIELD("PATH_INFO", path),
		FIELD("QUERY_STRING", query),
		FIELD("CONTENT_LENGTH", length),
		FIELD("SERVER_NAME", name),
		FIELD("SERVER_PORT", port),
		FIELD("HTTPS", https),
		FIELD("REQUEST_SCHEME", scheme),
		FIELD("REMOTE_ADDR", remote),
		FIELD("HTTP_HOST", host),
		FIELD("HTTP_USER_AGENT", agent),
		FIELD("HTTP_FORWARDED", forwarded),
		FIELD("HTTP_X_FORWARDED_FOR", forwarded_for),
		FIELD("HTTP_X_FORWARDED_HOST", forwarded_host),
		FIELD("HTTP_X_FORWARDED_PROTO", forwarded_proto),
	};
#undef FIELD

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (name.len == fields[i].len && !memcmp(name.data, fields[i].name, name.len))
			return (struct bytes *)(void *)((uint8_t *)p + fields[i].at);
	return NULL;
}

static void read_header(struct fastcgi_params *p, struct bytes name, struct bytes value)
{
	uint8_t field[FIELD_MAX];

	if (name.len > sizeof(field))
		return;
	for (size_t i = 0; i < name.len; i++)
		field[i] = name.data[i] == '_' ? '-' : bytes_lower(name.data[i]);
	propagation_field(&p->propagation, bytes_of(field, name.len), value);
}

void fastcgi_params_read(struct bytes pairs, struct fastcgi_params *out)
{
	struct cursor c = cursor_of(pairs);

	while (cursor_left(&c)) {
		size_t name_len = read_length(&c), value_len = read_length(&c);
		struct bytes name = cursor_bytes(&c, name_len), value = cursor_bytes(&c, value_len),
			     *field;

		if (c.failed)
			break;
		field = wanted(out, name);
		if (field && !field->len)
			*field = value;
		else if (!field && bytes_starts(name, "HTTP_"))
			read_header(out, bytes_from(name, strlen("HTTP_")), value);
	}
	out->cut = c.failed;
}

/* Not every web server sends REQUEST_URI. */
static struct bytes target_of(const struct fastcgi_params *p, struct buf *text)
{
	size_t at = text->len;

	if (p->uri.len || !p->script.len)
		return p->uri;
	buf_add_bytes(text, p->script);
	buf_add_bytes(text, p->path);
	if (p->query.len) {
		buf_add_byte(text, '?');
		buf_add_bytes(text, p->query);
	}
	return bytes_from(buf_bytes(text), at);
}

static struct bytes host_of(const struct fastcgi_params *p, struct buf *text)
{
	size_t at = text->len;

	if (p->host.len || !p->name.len)
		return p->host;
	buf_add_bytes(text, p->name);
	if (p->port.len) {
		buf_add_byte(text, ':');
		buf_add_bytes(text, p->port);
	}
	return bytes_from(buf_bytes(text), at);
}

static struct bytes scheme_of(const struct fastcgi_params *p)
{
	if (p->forwarded_proto.len)
		return p->forwarded_proto;
	if (p->https.len && !bytes_is_nocase(p->https, "off"))
		return bytes_of_string("https");
	return p->scheme;
}

void fastcgi_params_head(const struct fastcgi_params *p, struct buf *text, struct http1_head *out)
{
	uint64_t length;
	struct bytes target, host;
	size_t room = p->script.len + p->path.len + p->query.len + p->name.len + p->port.len + 2;

	/* At once, or the first slice would move. */
	if (buf_room(text, room))
		text->len -= room;
	target = target_of(p, text);
	host = host_of(p, text);
	*out = (struct http1_head){
		.start = { .method = p->method, .target = target, .minor = -1 },
		.whole = !p->cut,
		.host = host,
		.user_agent = p->agent,
		.forwarded = p->forwarded,
		.forwarded_for = p->forwarded_for.len ? p->forwarded_for : p->remote,
		.forwarded_host = p->forwarded_host,
		.forwarded_proto = scheme_of(p),
		.propagation = p->propagation,
	};
	if (bytes_number(p->length, &length) && length <= HTTP1_BODY_MAX) {
		out->framing = HTTP1_FRAMING_LENGTH;
		out->length = length;
	}
}
