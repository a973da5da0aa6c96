// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenTelemetry's words in Datadog's: span names, resources, types and tags. The agent does this
 * for OTLP; its own endpoint takes what tracers send, and they send the old names (db.system,
 * http.method, ...).
 */
#include "exporters/datadog_names.h"

#include <stdio.h>

#include "userspace/base/utf8.h"

const struct datadog_key datadog_keys[] = {
	{ "http.request.method", 0, "http.method", DATADOG_META },
	{ "http.response.status_code", 0, "http.status_code", DATADOG_META },
	{ "http.request.body.size", 0, "http.request.content_length", DATADOG_BY_TYPE },
	{ "http.response.body.size", 0, "http.response.content_length", DATADOG_BY_TYPE },
	{ "user_agent.original", 0, "http.useragent", DATADOG_META },
	{ "url.full", 0, "http.url", DATADOG_META },
	{ "network.protocol.version", DATADOG_HTTP, "http.version", DATADOG_META },
	{ "client.address", DATADOG_HTTP, "http.client_ip", DATADOG_META },
	{ "server.address", DATADOG_HTTP | DATADOG_SERVER, "http.server_name", DATADOG_META },
	{ "server.address", DATADOG_CLIENT, "out.host", DATADOG_META },
	{ "server.address", DATADOG_CLIENT, "peer.hostname", DATADOG_META },
	{ "server.address", DATADOG_CLIENT, "network.destination.name", DATADOG_META },
	{ "server.port", DATADOG_CLIENT, "network.destination.port", DATADOG_BY_TYPE },
	{ "network.peer.address", DATADOG_CLIENT, "network.destination.ip", DATADOG_META },
	{ "network.peer.port", DATADOG_CLIENT | DATADOG_NO_PORT, "network.destination.port",
	  DATADOG_BY_TYPE },
	{ "network.peer.port", DATADOG_CLIENT, NULL, DATADOG_META },
	{ "db.system.name", 0, "db.system", DATADOG_META },
	{ "db.system.name", 0, "db.type", DATADOG_META },
	{ "db.namespace", 0, "db.name", DATADOG_META },
	{ "db.namespace", DATADOG_REDIS, "db.redis.database_index", DATADOG_META },
	{ "db.namespace", DATADOG_REDIS, "out.redis_db", DATADOG_META },
	{ "db.query.text", DATADOG_REDIS, "redis.raw_command", DATADOG_META },
	{ "db.query.text", DATADOG_SQL, "sql.query", DATADOG_META },
	{ "db.response.returned_rows", 0, "db.row_count", DATADOG_BY_TYPE },
	{ "rpc.system.name", 0, "rpc.system", DATADOG_META },
	{ "code.file.path", 0, "_dd.code_origin.frames.0.file", DATADOG_META },
	{ "code.line.number", 0, "_dd.code_origin.frames.0.line", DATADOG_META },
	{ "code.column.number", 0, "_dd.code_origin.frames.0.column", DATADOG_META },
	{ "code.function.name", 0, "_dd.code_origin.frames.0.method", DATADOG_META },
	{ 0 },
};

enum database_form {
	FORM_OTHER = 0, /* not a case of this table */
	FORM_SQL = 1,
	FORM_COMMAND = 2, /* the resource is the command, its name ends in .command */
	FORM_DOCUMENT = 3,
};

static const struct database {
	const char *system;
	enum database_form form;
	const char *type;
} databases[] = {
	{ "postgresql", FORM_SQL, "sql" },
	{ "mysql", FORM_SQL, "sql" },
	{ "mariadb", FORM_SQL, "sql" },
	{ "sqlite", FORM_SQL, "sql" },
	{ "microsoft.sql_server", FORM_SQL, "sql" },
	{ "oracle.db", FORM_SQL, "sql" },
	{ "cockroachdb", FORM_SQL, "sql" },
	{ "clickhouse", FORM_SQL, "sql" },
	{ "other_sql", FORM_SQL, "sql" },
	{ "cassandra", FORM_SQL, "cassandra" },
	{ "redis", FORM_COMMAND, "redis" },
	{ "memcached", FORM_COMMAND, "memcached" },
	{ "mongodb", FORM_DOCUMENT, "mongodb" },
	{ "elasticsearch", FORM_DOCUMENT, "elasticsearch" },
	{ "opensearch", FORM_DOCUMENT, "opensearch" },
	{ "other", FORM_OTHER, "db" },
};

/* The row of the span's database; the last one when it is none of them. */
static const struct database *database_of(const struct span *s)
{
	const struct database *d = databases;
	struct bytes system = attributes_get(&s->attributes, "db.system.name");

	while (d->form != FORM_OTHER && !bytes_is(system, d->system))
		d++;
	return d;
}

static bool has(const struct span *s, const char *key)
{
	return attributes_find(&s->attributes, key) != NULL;
}

uint32_t datadog_subject(const struct span *s)
{
	bool in = s->kind == SPAN_SERVER || s->kind == SPAN_CONSUMER;
	bool out = s->kind == SPAN_CLIENT || s->kind == SPAN_PRODUCER;
	uint32_t subject = (in ? DATADOG_SERVER : 0) | (out ? DATADOG_CLIENT : 0);

	if (has(s, "http.request.method"))
		subject |= DATADOG_HTTP;
	if (has(s, "db.system.name"))
		subject |= DATADOG_DATABASE;
	if (has(s, "db.system.name") && database_of(s)->form == FORM_SQL)
		subject |= DATADOG_SQL;
	if (bytes_is(attributes_get(&s->attributes, "db.system.name"), "redis"))
		subject |= DATADOG_REDIS;
	if (has(s, "messaging.system"))
		subject |= DATADOG_MESSAGING;
	if (has(s, "rpc.system.name"))
		subject |= DATADOG_RPC;
	if (!has(s, "server.port"))
		subject |= DATADOG_NO_PORT;
	return subject;
}

/* The agent wants [a-zA-Z0-9_.], a letter first. */
static void clean_name(char *name)
{
	for (char *c = name; *c; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
		bool other = (*c >= '0' && *c <= '9') || *c == '.' || *c == '_';

		if (c == name ? !letter : !letter && !other)
			*c = c == name ? 'x' : '_';
	}
}

void datadog_operation(const struct span *s, uint32_t subject,
		       char out[static DATADOG_NAME_MAX + 1])
{
	const struct attributes *a = &s->attributes;
	const char *side = subject & DATADOG_SERVER   ? "server"
			   : subject & DATADOG_CLIENT ? "client"
						      : "";
	struct bytes word = { 0 };
	const char *end = "";

	if (subject & DATADOG_HTTP) {
		word = bytes_of_string("http");
	} else if (subject & DATADOG_DATABASE) {
		word = attributes_get(a, "db.system.name");
		end = database_of(s)->form == FORM_COMMAND ? ".command" : ".query";
		side = "";
	} else if (subject & DATADOG_MESSAGING) {
		word = attributes_get(a, "messaging.system");
		end = s->kind == SPAN_PRODUCER ? ".send" : ".process";
		side = "";
	} else if (subject & DATADOG_RPC) {
		word = attributes_get(a, "rpc.system.name");
	} else if (s->protocol) {
		word = bytes_of_string(s->protocol->name);
	}
	if (side[0])
		end = ".request";
	if (!word.len && !end[0])
		word = bytes_of_string("internal");
	snprintf(out, DATADOG_NAME_MAX + 1, "%.*s%s%s%s", (int)word.len,
		 word.len ? (const char *)word.data : "", word.len && side[0] ? "." : "", side,
		 end);
	clean_name(out);
}

static void http_resource(const struct span *s, uint32_t subject, struct buf *out)
{
	struct bytes method = attributes_get(&s->attributes, "http.request.method");
	struct bytes route = attributes_get(
		&s->attributes, subject & DATADOG_SERVER ? "http.route" : "url.template");

	if (bytes_is(method, "_OTHER"))
		method = bytes_of_string("HTTP");
	buf_add_bytes(out, method);
	if (route.len) {
		buf_add_byte(out, ' ');
		buf_add_bytes(out, route);
	}
}

void datadog_resource(const struct span *s, uint32_t subject, struct buf *out)
{
	struct bytes text = { 0 };

	buf_reset(out);
	if (subject & DATADOG_HTTP) {
		http_resource(s, subject, out);
	} else if (subject & DATADOG_DATABASE) {
		bool command = database_of(s)->form == FORM_COMMAND;

		text = attributes_get(&s->attributes,
				      command ? "db.operation.name" : "db.query.text");
		buf_add_bytes(out, utf8_cut(text, DATADOG_RESOURCE_MAX));
	}
	if (!out->len)
		buf_add_text(out, s->name[0] ? s->name : "unknown");
}

const char *datadog_type(const struct span *s, uint32_t subject)
{
	if (subject & DATADOG_DATABASE)
		return database_of(s)->type;
	if (subject & DATADOG_MESSAGING)
		return "queue";
	if (subject & DATADOG_SERVER)
		return "web";
	return subject & DATADOG_CLIENT ? "http" : "custom";
}

const char *datadog_language(const char *language)
{
	static const char *const names[][2] = {
		{ "nodejs", "javascript" },
		{ "java", "jvm" },
		{ "kotlin", "jvm" },
		{ "webjs", "javascript" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i][0], language))
			return names[i][1];
	return language;
}
