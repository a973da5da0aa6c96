// SPDX-License-Identifier: GPL-2.0-only
/*
 * span_finish(): from what a decoder says about an exchange to what an output may see. Names,
 * required attributes and the rules for errors are those of OpenTelemetry's semantic
 * conventions 1.44 for HTTP and for databases; values are taken out by redact.c and sql.c, routes
 * come from route.c. The caller has set the kind, the resource, `incomplete` and, where it knows
 * them, network.peer.* and server.*.
 *
 *   HTTP server  GET /pair/{id}      http.route, url.path, url.query
 *   HTTP client  GET /lookup/{id}    url.template, url.full; url.path and url.query are in url.full
 *   SQL          SELECT pair user    db.query.summary, db.query.text
 *   others       GET                 what the decoder calls the operation
 */
#include <inttypes.h>
#include <stdio.h>

#include "userspace/base/utf8.h"
#include "userspace/span/redact.h"
#include "userspace/span/rules.h"
#include "userspace/span/span.h"
#include "userspace/span/sql.h"

#define MESSAGE_READ_MAX \
	1024 /* of an error text: more than is kept, so that a cut value still has its end */

/* Copies what fits of text: valid UTF-8, and nothing that a terminal would obey. */
static void set_line(char *out, size_t size, struct bytes text)
{
	size_t at = 0, bad = 0, len;

	for (size_t i = 0; i < text.len; i += len) {
		uint8_t c = text.data[i];

		len = utf8_character(text, i, &bad);
		if (at + (len ? len : 3) >= size)
			break;
		if (!len) {
			memcpy(out + at, "\xef\xbf\xbd", 3);
			at += 3;
			len = bad;
		} else if (c < 0x20 || c == 0x7f) {
			out[at++] = ' ';
		} else {
			memcpy(out + at, text.data + i, len);
			at += len;
		}
	}
	out[at] = '\0';
}

/* An integer attribute; 0 when it is missing. */
static int64_t integer(const struct attributes *a, const char *key)
{
	const struct attribute *item = attributes_find(a, key);

	return item && item->type == ATTRIBUTE_INT ? item->integer : 0;
}

static bool has(const struct attributes *a, const char *key)
{
	return attributes_find(a, key) != NULL;
}

/* Taken out first: were memory refused, the old value would stay. value is not in a's own text. */
static void replace(struct attributes *a, const char *key, struct bytes value)
{
	attributes_remove(a, key);
	attributes_string(a, key, value);
}

/* server.address of a client span is required: the peer, if nobody knows a better name. */
static void server_from_peer(struct span *s)
{
	struct attributes *a = &s->attributes;

	if (s->kind != SPAN_CLIENT || has(a, "server.address") || !has(a, "network.peer.address"))
		return;
	attributes_string(a, "server.address", attributes_get(a, "network.peer.address"));
	if (integer(a, "network.peer.port") && !has(a, "server.port"))
		attributes_int(a, "server.port", integer(a, "network.peer.port"));
}

static int64_t default_port(const struct attributes *a)
{
	return bytes_is(attributes_get(a, "url.scheme"), "https") ? 443 : 80;
}

/* scheme://host:port/path?query; query is redacted already. */
static void set_url(struct span *s, const struct span_rules *rules, struct bytes query)
{
	struct attributes *a = &s->attributes;
	struct bytes host = attributes_get(a, "server.address"),
		     path = attributes_get(a, "url.path");
	struct buf *url = &rules->scratch[1];
	bool v6 = bytes_find(host, ':', 0) < host.len;

	if (has(a, "url.full") || !path.len || !host.len)
		return;
	if (host.data[0] == '/') /* a UNIX socket */
		host = bytes_of_string("localhost");
	buf_reset(url);
	buf_add_bytes(url, attributes_get(a, "url.scheme"));
	buf_add_text(url, v6 ? "://[" : "://");
	buf_add_bytes(url, host);
	buf_add_text(url, v6 ? "]" : "");
	if (integer(a, "server.port") && integer(a, "server.port") != default_port(a))
		buf_printf(url, ":%" PRId64, integer(a, "server.port"));
	if (path.data[0] == '/')
		buf_add_bytes(url, path);
	if (query.len) {
		buf_add_byte(url, '?');
		buf_add_bytes(url, query);
	}
	attributes_string(a, "url.full", buf_bytes(url));
}

static void finish_url(struct span *s, const struct span_rules *rules)
{
	struct attributes *a = &s->attributes;
	struct buf *work = &rules->scratch[0];
	struct bytes query = attributes_get(a, "url.query");

	if (rules->redact && query.len) {
		buf_reset(work);
		redact_query(work, query);
		replace(a, "url.query", buf_bytes(work));
	}
	if (rules->redact && has(a, "url.full")) {
		buf_reset(work);
		redact_url(work, attributes_get(a, "url.full"));
		replace(a, "url.full", buf_bytes(work));
	}
	if (s->kind != SPAN_CLIENT)
		return;
	set_url(s, rules, attributes_get(a, "url.query"));
	if (has(a, "url.full")) {
		attributes_remove(a, "url.path");
		attributes_remove(a, "url.query");
	}
}

/* http.route or url.template, from the rules, from what was learned, or from the path's shape. */
static struct bytes infer_template(struct span *s, const struct span_rules *rules)
{
	struct attributes *a = &s->attributes;
	const char *key = s->kind == SPAN_CLIENT ? "url.template" : "http.route";
	int64_t status = integer(a, "http.response.status_code");
	/* Scanners ask for what does not exist; who got no answer may be one. */
	bool found = status && status != 400 && status != 404 && status != 405;
	struct buf *work = &rules->scratch[0];
	char scope[320];

	if (has(a, key))
		return attributes_get(a, key);
	if (s->kind == SPAN_CLIENT) {
		struct bytes host = attributes_get(a, "server.address");

		snprintf(scope, sizeof(scope), ">%.*s:%" PRId64,
			 (int)(host.len < 256 ? host.len : 256), (const char *)host.data,
			 integer(a, "server.port"));
	} else {
		snprintf(scope, sizeof(scope), "%s", s->resource ? s->resource->service : "");
	}
	buf_reset(work);
	if (!route_infer(rules->routes, bytes_of_string(scope), attributes_get(a, "url.path"),
			 found, work))
		return (struct bytes){ 0 };
	attributes_string(a, key, buf_bytes(work));
	return attributes_get(a, key);
}

/*
 * Server: 5xx is an error, 4xx is the caller's. Client: both. Without a status, what the decoder
 * says.
 */
static void finish_status(struct span *s)
{
	struct attributes *a = &s->attributes;
	int64_t status = integer(a, "http.response.status_code");
	struct bytes type = attributes_get(a, "error.type");
	uint64_t number;
	char text[8];

	if (!status)
		return;
	if (status >= (s->kind == SPAN_CLIENT ? 400 : 500)) {
		s->outcome = OUTCOME_ERROR;
		snprintf(text, sizeof(text), "%d", (int)(status % 1000));
		if (!type.len)
			attributes_text(a, "error.type", text);
	} else if (!type.len || bytes_number(type, &number)) {
		s->outcome = OUTCOME_UNSET;
		attributes_remove(a, "error.type");
	}
}

static void finish_http(struct span *s, const struct span_rules *rules)
{
	struct attributes *a = &s->attributes;
	struct buf *work = &rules->scratch[1];
	struct bytes method, template;

	server_from_peer(s);
	if (!has(a, "url.scheme"))
		attributes_text(a, "url.scheme", "http");
	if (has(a, "server.address") && !has(a, "server.port") &&
	    attributes_get(a, "server.address").data[0] != '/')
		attributes_int(a, "server.port", default_port(a));
	if (s->kind == SPAN_SERVER && !has(a, "client.address") && has(a, "network.peer.address"))
		attributes_string(a, "client.address", attributes_get(a, "network.peer.address"));
	finish_status(s);
	template = infer_template(s, rules);
	buf_reset(work);
	method = attributes_get(a, "http.request.method");
	if (bytes_is(method, "_OTHER"))
		buf_add_text(work, "HTTP");
	else
		buf_add_bytes(work, method);
	if (template.len) {
		buf_add_byte(work, ' ');
		buf_add_bytes(work, template);
	}
	set_line(s->name, sizeof(s->name), buf_bytes(work));
	finish_url(s, rules);
}

/* What a statement becomes: db.query.text and db.query.summary. */
static void finish_statement(struct span *s, const struct description *d,
			     const struct span_rules *rules)
{
	struct attributes *a = &s->attributes;
	struct buf *text = &rules->scratch[0], *summary = &rules->scratch[1];
	enum sql_dialect dialect = sql_dialect_of(attributes_get(a, "db.system.name"));
	struct bytes kept;

	if (!d->statement.len)
		return;
	sql_reduce(d->statement, dialect, s->incomplete & INCOMPLETE_TRUNCATED, text, summary);
	kept = rules->redact ? buf_bytes(text) : d->statement;
	if (kept.len)
		attributes_string(a, "db.query.text", kept);
	if (summary->len)
		attributes_string(a, "db.query.summary", buf_bytes(summary));
}

static void limit_statement(struct span *s, size_t max)
{
	struct bytes text = attributes_get(&s->attributes, "db.query.text");

	if (text.len <= max)
		return;
	attributes_string(&s->attributes, "db.query.text", utf8_cut(text, max));
	s->incomplete |= INCOMPLETE_TRUNCATED;
}

/* The convention's {target}, appended to name. */
static void add_target(struct buf *name, const struct attributes *a)
{
	static const char *const keys[] = { "db.collection.name", "db.stored_procedure.name",
					    "db.namespace", "server.address" };
	size_t i = 0;

	while (i < 4 && !attributes_get(a, keys[i]).len)
		i++;
	if (i == 4)
		return;
	if (name->len)
		buf_add_byte(name, ' ');
	buf_add_bytes(name, attributes_get(a, keys[i]));
	if (i == 3 && integer(a, "server.port"))
		buf_printf(name, ":%" PRId64, integer(a, "server.port"));
}

static void name_database(struct span *s, const struct description *d, struct buf *work)
{
	const struct attributes *a = &s->attributes;

	buf_reset(work);
	buf_add_bytes(work, attributes_get(a, "db.query.summary"));
	if (!work->len && !d->statement.len)
		buf_add_bytes(work, d->operation);
	if (!work->len) {
		buf_add_bytes(work, attributes_get(a, "db.operation.name"));
		add_target(work, a);
	}
	if (!work->len)
		buf_add_bytes(work, attributes_get(a, "db.system.name"));
	set_line(s->name, sizeof(s->name), buf_bytes(work));
}

static void finish_database(struct span *s, const struct description *d,
			    const struct span_rules *rules)
{
	struct attributes *a = &s->attributes;

	server_from_peer(s);
	finish_statement(s, d, rules);
	limit_statement(s, rules->statement_max);
	name_database(s, d, &rules->scratch[1]);
	/* Only a port that is not the system's usual one, and only with an address. */
	if (!has(a, "server.address") ||
	    (s->protocol && integer(a, "server.port") == s->protocol->default_port))
		attributes_remove(a, "server.port");
}

static void finish_outcome(struct span *s, const struct description *d,
			   const struct span_rules *rules)
{
	struct attributes *a = &s->attributes;
	struct bytes message = bytes_part(d->outcome_message, 0, MESSAGE_READ_MAX);
	struct buf *work = &rules->scratch[0];

	s->outcome_message[0] = '\0';
	if (s->outcome != OUTCOME_ERROR) {
		/*
		 * An answer that is no error has no type of error, and instrumentations leave "ok"
		 * to people.
		 */
		attributes_remove(a, "error.type");
		return;
	}
	if (!has(a, "error.type")) {
		struct bytes code = attributes_get(a, "db.response.status_code");

		attributes_string(a, "error.type", code.len ? code : bytes_of_string("_OTHER"));
	}
	buf_reset(work);
	if (rules->redact)
		redact_message(work, message);
	set_line(s->outcome_message, sizeof(s->outcome_message),
		 rules->redact ? buf_bytes(work) : message);
}

/* Every output is promised valid UTF-8. */
static void clean_strings(struct attributes *a, struct buf *work)
{
	for (uint32_t i = 0; i < a->count;) {
		struct bytes value = attribute_string(a, &a->items[i]);

		if (utf8_valid(value) == value.len) {
			i++;
			continue;
		}
		buf_reset(work);
		utf8_add(work, value);
		replace(a, a->items[i].key, buf_bytes(work)); /* and so it becomes the last one */
	}
}

void span_finish(struct span *s, const struct description *d, const struct span_rules *rules)
{
	struct bytes name = d->operation;

	s->outcome = d->outcome == OUTCOME_ERROR ? OUTCOME_ERROR : OUTCOME_UNSET;
	if (has(&s->attributes, "http.request.method")) {
		finish_http(s, rules);
	} else if (has(&s->attributes, "db.system.name")) {
		finish_database(s, d, rules);
	} else {
		if (!name.len)
			name = bytes_of_string(s->protocol ? s->protocol->name : "unknown");
		set_line(s->name, sizeof(s->name), name);
	}
	finish_outcome(s, d, rules);
	clean_strings(&s->attributes, &rules->scratch[0]);
}
