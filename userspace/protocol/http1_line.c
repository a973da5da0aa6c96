// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start lines of HTTP/1 messages (RFC 9112, sections 3 and 4), for http1.c:
 *
 *   method SP request-target SP HTTP/1.x CRLF        HTTP/1.x SP ddd [SP reason] CRLF
 *
 * Three degrees of trust: a decoder that is in step reads any method and a target with spaces in it
 * (servers answer that with an error, which is an exchange too); probe() wants a strict line and
 * gives less for a part of one; to find its place again after a loss, the decoder wants a
 * registered method and what follows the line to be a header.
 */
#include "userspace/protocol/http1_line.h"

#define METHOD_MAX 32
#define STATUS_LINE_MIN 12 /* HTTP/1.1 200 */
#define SURE_MAX 8192      /* a longer start line is not waited for after a loss */

static const char *const method_names[] = {
	[HTTP1_OTHER] = "_OTHER", [HTTP1_CONNECT] = "CONNECT", [HTTP1_DELETE] = "DELETE",
	[HTTP1_GET] = "GET",      [HTTP1_HEAD] = "HEAD",       [HTTP1_OPTIONS] = "OPTIONS",
	[HTTP1_PATCH] = "PATCH",  [HTTP1_POST] = "POST",       [HTTP1_PUT] = "PUT",
	[HTTP1_QUERY] = "QUERY",  [HTTP1_TRACE] = "TRACE",
};

#define METHOD_COUNT (sizeof(method_names) / sizeof(method_names[0]))

/* Others of IANA's registry: enough to be sure of a start line, not enough for a name. */
static const char *const registered[] = {
	"ACL",           "BIND",        "CHECKIN",
	"CHECKOUT",      "COPY",        "LABEL",
	"LINK",          "LOCK",        "MERGE",
	"MKACTIVITY",    "MKCALENDAR",  "MKCOL",
	"MKREDIRECTREF", "MKWORKSPACE", "MOVE",
	"ORDERPATCH",    "PROPFIND",    "PROPPATCH",
	"REBIND",        "REPORT",      "SEARCH",
	"UNBIND",        "UNCHECKOUT",  "UNLINK",
	"UNLOCK",        "UPDATE",      "VERSION-CONTROL",
	"PURGE",
};

enum http1_method http1_method_of(struct bytes name)
{
	for (size_t i = HTTP1_OTHER + 1; i < METHOD_COUNT; i++)
		if (bytes_is(name, method_names[i]))
			return (enum http1_method)i;
	return HTTP1_OTHER;
}

const char *http1_method_name(enum http1_method method)
{
	return method_names[(size_t)method < METHOD_COUNT ? method : HTTP1_OTHER];
}

bool http1_token_char(uint8_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (!http1_token_char(b.data[i]))
			return false;
	return b.len > 0;
}

static bool has_control(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] < ' ' || b.data[i] == 0x7f)
			return true;
	return false;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_registered(struct bytes method)
{
	for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++)
		if (bytes_is(method, registered[i]))
			return true;
	return http1_method_of(method) != HTTP1_OTHER;
}

static bool is_tail(struct bytes b, const char *s)
{
	size_t len = strlen(s);

	return b.len < len && bytes_is(b, s + len - b.len);
}

/* An unknown method that a known one ends with (ET, OST): its first bytes are missing. */
static bool is_piece(struct bytes method)
{
	bool tail = false;

	if (is_registered(method))
		return false;
	for (size_t i = HTTP1_OTHER + 1; i < METHOD_COUNT; i++)
		tail |= is_tail(method, method_names[i]);
	for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++)
		tail |= is_tail(method, registered[i]);
	return tail;
}

/* Do a and s agree as far as both go? */
static bool agrees(struct bytes a, const char *s)
{
	struct bytes b = bytes_of_string(s);
	size_t len = a.len < b.len ? a.len : b.len;

	return bytes_equal(bytes_part(a, 0, len), bytes_part(b, 0, len));
}

static enum http1_start_status read_version(struct bytes version, int *minor)
{
	if (version.len != strlen("HTTP/1.1") || !is_digit(version.data[7]))
		return HTTP1_START_BAD;
	if (bytes_starts(version, "HTTP/1.")) {
		*minor = version.data[7] - '0';
		return HTTP1_START_OK;
	}
	if (bytes_starts(version, "HTTP/2.") || bytes_starts(version, "HTTP/3."))
		return HTTP1_START_FOREIGN;
	return HTTP1_START_BAD;
}

/* Is this no accident? A known method says so; others want a target that looks like one. */
static bool is_likely(const struct http1_start *start)
{
	struct bytes target = start->target;

	if (!target.len || is_registered(start->method))
		return target.len > 0;
	return !is_piece(start->method) &&
	       (target.data[0] == '/' || target.data[0] == '*' ||
		bytes_starts(bytes_from(target, bytes_find(target, ':', 0)), "://"));
}

static enum http1_start_status read_request(struct bytes line, bool whole, struct http1_start *out)
{
	size_t method_end = bytes_find(bytes_part(line, 0, METHOD_MAX + 1), ' ', 0);
	struct bytes rest = bytes_from(line, method_end + 1);
	size_t target_end = rest.len;

	out->method = bytes_part(line, 0, method_end);
	if (method_end > METHOD_MAX || method_end >= line.len || !is_token(out->method) ||
	    has_control(rest))
		return HTTP1_START_BAD;
	out->minor = -1;
	if (!whole) {
		out->target = bytes_part(rest, 0, bytes_find(rest, ' ', 0));
		if (!is_likely(out) || !agrees(bytes_from(rest, out->target.len), " HTTP/1."))
			return HTTP1_START_BAD;
		return HTTP1_START_OK;
	}
	rest = bytes_trim(rest);
	target_end = rest.len;
	while (target_end && rest.data[target_end - 1] != ' ')
		target_end--;
	out->target = bytes_trim(bytes_part(rest, 0, target_end));
	if (!is_likely(out))
		return HTTP1_START_BAD;
	return read_version(bytes_from(rest, target_end), &out->minor);
}

static enum http1_start_status read_status(struct bytes line, struct http1_start *out)
{
	uint64_t status;

	if (line.len < STATUS_LINE_MIN || !bytes_starts(line, "HTTP/1.") ||
	    !is_digit(line.data[7]) || line.data[8] != ' ' ||
	    (line.len > STATUS_LINE_MIN && line.data[STATUS_LINE_MIN] != ' '))
		return HTTP1_START_BAD;
	if (!bytes_number(bytes_part(line, 9, 3), &status) || status < 100)
		return HTTP1_START_BAD;
	out->minor = line.data[7] - '0';
	out->status = (unsigned int)status;
	return HTTP1_START_OK;
}

enum http1_start_status http1_start_read(enum flow flow, struct bytes line, bool whole,
					 struct http1_start *out)
{
	*out = (struct http1_start){ .minor = -1 };
	return flow == TO_SERVER ? read_request(line, whole, out) : read_status(line, out);
}

bool http1_start_possible(enum flow flow, struct bytes in)
{
	size_t space;

	if (flow == TO_CLIENT)
		return agrees(in, "HTTP/1.");
	space = bytes_find(bytes_part(in, 0, METHOD_MAX + 1), ' ', 0);
	return space <= METHOD_MAX && is_token(bytes_part(in, 0, space));
}

/* ---- recognising ---------------------------------------------------------------------------- */

/* The line in `in` up to its LF, without CRLF; false when there is no LF. *end: after the LF. */
static bool first_line(struct bytes in, struct bytes *line, size_t *end)
{
	size_t at = bytes_find(in, '\n', 0);

	*line = bytes_part(in, 0, at);
	*end = at + 1;
	if (line->len && line->data[line->len - 1] == '\r')
		line->len--;
	return at < in.len;
}

/* A request line that does not end in `line`: what is there decides. */
static int probe_part(struct bytes line)
{
	size_t space = bytes_find(bytes_part(line, 0, METHOD_MAX + 1), ' ', 0);
	struct bytes method = bytes_part(line, 0, space), target, version;
	bool known;

	if (space > METHOD_MAX || !is_token(method) || bytes_is(method, "PRI"))
		return 0;
	if (space < line.len && is_piece(method))
		return 0;
	if (space == line.len) {
		for (size_t i = HTTP1_OTHER + 1; i < METHOD_COUNT; i++)
			if (line.len <= strlen(method_names[i]) && agrees(line, method_names[i]))
				return line.len >= 3 ? 30 : 20;
		return 5;
	}
	known = is_registered(method);
	target = bytes_from(line, space + 1);
	if (!target.len)
		return known ? 40 : 10;
	version = bytes_from(target, bytes_find(target, ' ', 0));
	target.len -= version.len;
	if (!target.len || has_control(target))
		return 0;
	if (!agrees(version, " HTTP/1.") || version.len > strlen(" HTTP/1.1") ||
	    (version.len == strlen(" HTTP/1.1") && !is_digit(version.data[8])))
		return 0;
	if (version.len >= strlen(" HTTP/"))
		return known ? 90 : 85;
	if (target.data[0] != '/' && target.data[0] != '*' && !agrees(target, "http://") &&
	    !agrees(target, "https://") && !bytes_is(method, "CONNECT"))
		return known ? 10 : 5;
	return known ? 70 : 45;
}

static int probe_request(struct bytes head)
{
	struct http1_start start;
	struct bytes line;
	size_t end;

	if (!head.len)
		return 0;
	if (!first_line(head, &line, &end))
		return probe_part(line);
	if (http1_start_read(TO_SERVER, line, true, &start) != HTTP1_START_OK ||
	    bytes_find(start.target, ' ', 0) < start.target.len)
		return 0;
	return is_registered(start.method) ? 95 : 90;
}

static int probe_answer(struct bytes head)
{
	struct http1_start start;
	struct bytes line;
	size_t end;
	bool whole = first_line(head, &line, &end);

	if (http1_start_read(TO_CLIENT, line, whole, &start) == HTTP1_START_OK)
		return 95;
	if (whole || !line.len || !agrees(line, "HTTP/1."))
		return 0;
	if (line.len > 7 && (!is_digit(line.data[7]) || (line.len > 8 && line.data[8] != ' ') ||
			     line.len >= STATUS_LINE_MIN))
		return 0;
	for (size_t i = 9; i < line.len; i++)
		if (!is_digit(line.data[i]))
			return 0;
	if (line.len >= 7)
		return 80;
	return line.len >= 5 ? 50 : 15;
}

int http1_start_probe(enum flow flow, struct bytes head)
{
	return flow == TO_SERVER ? probe_request(head) : probe_answer(head);
}

/* Are these the first bytes of a header line or of the blank line, as far as they go? */
static bool header_begins(struct bytes in)
{
	size_t i = 0;

	if (!in.len || in.data[0] == '\n' || in.data[0] == '\r')
		return true;
	while (i < in.len && http1_token_char(in.data[i]))
		i++;
	return i == in.len || (i > 0 && in.data[i] == ':');
}

enum http1_sure http1_start_sure(enum flow flow, struct bytes in)
{
	struct http1_start start;
	struct bytes line;
	size_t end;

	/* Most lines fail here, before their end is looked for. */
	if (!in.len || in.data[0] < 'A' || in.data[0] > 'Z' || !http1_start_possible(flow, in))
		return HTTP1_NO;
	if (!first_line(bytes_part(in, 0, SURE_MAX), &line, &end))
		return in.len < SURE_MAX && http1_start_probe(flow, line) >= 15 ? HTTP1_MAYBE
										: HTTP1_NO;
	if (http1_start_read(flow, line, true, &start) != HTTP1_START_OK)
		return HTTP1_NO;
	if (flow == TO_SERVER &&
	    (!is_registered(start.method) || bytes_find(start.target, ' ', 0) < start.target.len))
		return HTTP1_NO;
	return header_begins(bytes_from(in, end)) ? HTTP1_SURE : HTTP1_NO;
}
