// SPDX-License-Identifier: GPL-2.0-only
/*
 * From heads of HTTP/1 messages to OpenTelemetry's attributes (semantic conventions 1.44, HTTP).
 * Which of them a span gets depends on the traced end, which is not known here: span/ chooses.
 *
 * The server that a client wanted is, first hit: Forwarded host (RFC 7239), X-Forwarded-Host, the
 * target's authority (RFC 9112, section 3.2), Host. The scheme: Forwarded proto, X-Forwarded-Proto,
 * the target's, http. The client: Forwarded for, X-Forwarded-For; each the first hop.
 */
#include "userspace/protocol/http1_exchange.h"

#define HOST_MAX 255
#define SCHEME_MAX 16

/* A copy in x->text, with control characters (line folds) made blanks. */
static struct http1_text keep(struct exchange *x, struct bytes b)
{
	struct http1_text text = { .at = (uint32_t)x->text.len };

	text.len = (uint32_t)buf_add_some(&x->text, b);
	if (text.len < b.len)
		x->incomplete |= INCOMPLETE_TRUNCATED;
	for (size_t i = text.at; i < x->text.len; i++)
		if (x->text.data[i] < ' ' || x->text.data[i] == 0x7f)
			x->text.data[i] = ' ';
	return text;
}

static struct bytes kept(const struct exchange *x, struct http1_text text)
{
	return bytes_part(buf_bytes(&x->text), text.at, text.len);
}

/* ---- targets and addresses ------------------------------------------------------------------ */

struct address {
	struct bytes host; /* empty: none, or not to be believed */
	uint32_t port;     /* 0: not said */
};

static bool is_host(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] <= ' ' || b.data[i] == 0x7f || strchr("/?#@\"\\,;<>", b.data[i]))
			return false;
	return b.len > 0 && b.len <= HOST_MAX;
}

/* host, host:port, [v6], [v6]:port; also a bare v6 address, which has no port then. */
static struct address read_address(struct bytes b)
{
	struct bytes host = b, port = { 0 };
	struct address out = { 0 };
	uint64_t number;
	size_t colon;

	if (b.len && b.data[0] == '[') {
		size_t end = bytes_find(b, ']', 0);

		host = bytes_part(b, 1, end - 1);
		if (end >= b.len || (end + 1 < b.len && b.data[end + 1] != ':'))
			return out;
		port = bytes_from(b, end + 2);
	} else {
		colon = bytes_find(b, ':', 0);
		if (bytes_find(b, ':', colon + 1) >= b.len) {
			host = bytes_part(b, 0, colon);
			port = bytes_from(b, colon + 1);
		}
	}
	if (!is_host(host))
		return out;
	out.host = host;
	if (bytes_number(port, &number) && number <= UINT16_MAX)
		out.port = (uint32_t)number;
	return out;
}

static bool is_scheme(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = bytes_lower(b.data[i]);

		if ((c < 'a' || c > 'z') && (i == 0 || ((c < '0' || c > '9') && c != '+')))
			return false;
	}
	return b.len > 0 && b.len <= SCHEME_MAX;
}

struct target {
	struct bytes scheme, authority, path, query;
};

/* Origin-, absolute-, authority- and asterisk-form. A user's name and password are left behind. */
static struct target read_target(enum http1_method method, struct bytes raw)
{
	struct target t = { .path = raw };
	size_t colon = bytes_find(raw, ':', 0), query;

	if (method == HTTP1_CONNECT) {
		t.authority = raw;
		t.path.len = 0;
		return t;
	}
	if (bytes_starts(bytes_from(raw, colon), "://") && is_scheme(bytes_part(raw, 0, colon))) {
		size_t end = colon + 3;

		while (end < raw.len && !strchr("/?#", raw.data[end]))
			end++;
		t.scheme = bytes_part(raw, 0, colon);
		t.authority = bytes_part(raw, colon + 3, end - colon - 3);
		for (size_t i = t.authority.len; i-- > 0;)
			if (t.authority.data[i] == '@') {
				t.authority = bytes_from(t.authority, i + 1);
				break;
			}
		t.path = bytes_from(raw, end);
	}
	query = bytes_find(t.path, '?', 0);
	t.query = bytes_from(t.path, query + 1);
	t.path.len = query;
	if (!t.path.len)
		t.path = bytes_of_string("/");
	return t;
}

struct forwarded {
	struct bytes host, proto, client;
};

/* The first hop of a Forwarded header: for="[2001:db8::1]:4711";proto=https;host=example.com */
static struct forwarded read_forwarded(struct bytes value)
{
	struct forwarded out = { 0 };
	struct bytes hop = { 0 }, pair;

	http1_list_next(&value, ',', &hop);
	while (http1_list_next(&hop, ';', &pair)) {
		size_t equals = bytes_find(pair, '=', 0);
		struct bytes name = bytes_part(pair, 0, equals),
			     word = bytes_from(pair, equals + 1);

		if (word.len >= 2 && word.data[0] == '"' && word.data[word.len - 1] == '"')
			word = bytes_part(word, 1, word.len - 2);
		if (bytes_is_nocase(name, "host"))
			out.host = word;
		else if (bytes_is_nocase(name, "proto"))
			out.proto = word;
		else if (bytes_is_nocase(name, "for"))
			out.client = word;
	}
	return out;
}

static struct bytes first_element(struct bytes list)
{
	struct bytes element = { 0 };

	http1_list_next(&list, ',', &element);
	return element;
}

static struct address choose_server(const struct http1_head *head, struct bytes forwarded,
				    struct bytes authority)
{
	const struct bytes from[] = { forwarded, first_element(head->forwarded_host), authority,
				      head->host };
	struct address a = { 0 };

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]) && !a.host.len; i++)
		a = read_address(from[i]);
	return a;
}

static struct http1_text keep_scheme(struct exchange *x, struct bytes forwarded,
				     struct bytes header, struct bytes target)
{
	const struct bytes from[] = { forwarded, first_element(header), target };
	struct http1_text text;

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		if (!is_scheme(from[i]))
			continue;
		text = keep(x, from[i]);
		for (size_t at = text.at; at < x->text.len; at++)
			x->text.data[at] = bytes_lower(x->text.data[at]);
		return text;
	}
	return (struct http1_text){ 0 };
}

/* ---- taking --------------------------------------------------------------------------------- */

void http1_exchange_request(struct exchange *x, const struct http1_head *head)
{
	struct http1_exchange *own = x->own;
	enum http1_method method = http1_method_of(head->start.method);
	struct target target = read_target(method, head->start.target);
	struct forwarded forwarded = read_forwarded(head->forwarded);
	struct address server = choose_server(head, forwarded.host, target.authority), client;

	client = read_address(forwarded.client.len ? forwarded.client
						   : first_element(head->forwarded_for));
	own->minor = (int8_t)head->start.minor;
	own->known_method = (uint8_t)method;
	x->values = head->values;
	own->port = server.port;
	own->request_body = head->length;
	own->request_body_known = head->whole && head->framing == HTTP1_FRAMING_LENGTH;
	if (method == HTTP1_OTHER)
		own->method = keep(x, head->start.method);
	own->scheme = keep_scheme(x, forwarded.proto, head->forwarded_proto, target.scheme);
	own->host = keep(x, server.host);
	if (!bytes_is_nocase(client.host, "unknown"))
		own->client = keep(x, client.host);
	own->agent = keep(x, head->user_agent);
	/* Last: it can be longer than all there is room for. */
	own->path = keep(x, target.path);
	own->query = keep(x, target.query);
	propagation_read(&x->propagation, &head->propagation);
}

void http1_exchange_answer(struct exchange *x, const struct http1_head *head)
{
	struct http1_exchange *own = x->own;

	own->status = (uint16_t)head->start.status;
	if (own->minor < 0)
		own->minor = (int8_t)head->start.minor;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void add_text(struct attributes *a, const char *key, const struct exchange *x,
		     struct http1_text text)
{
	if (text.len)
		attributes_string(a, key, kept(x, text));
}

void http1_exchange_describe(const struct exchange *x, struct description *out)
{
	static const char *const versions[] = { "1.0", "1.1" };
	const struct http1_exchange *own = x->own;
	struct attributes *a = out->attributes;

	attributes_text(a, "http.request.method", http1_method_name(own->known_method));
	add_text(a, "http.request.method_original", x, own->method);
	add_text(a, "url.path", x, own->path);
	add_text(a, "url.query", x, own->query);
	if (own->scheme.len)
		add_text(a, "url.scheme", x, own->scheme);
	else
		attributes_text(a, "url.scheme", x->tls ? "https" : "http");
	add_text(a, "server.address", x, own->host);
	if (own->port)
		attributes_int(a, "server.port", own->port);
	add_text(a, "client.address", x, own->client);
	add_text(a, "user_agent.original", x, own->agent);
	if (own->status)
		attributes_int(a, "http.response.status_code", own->status);
	if (own->minor >= 0)
		attributes_text(a, "network.protocol.version", versions[own->minor > 0]);
	if (own->request_body_known)
		attributes_int(a, "http.request.body.size", (int64_t)own->request_body);
	if (own->response_body_known && x->answered)
		attributes_int(a, "http.response.body.size", (int64_t)own->response_body);
}
