// SPDX-License-Identifier: GPL-2.0-only
/* See schema.h. */
#include "userspace/store/schema.h"

/* The order of columns counts: write.c and decode.c go by number. */
const struct schema_table schema_tables[] = {
	{ "about", "CREATE TABLE about(key TEXT PRIMARY KEY, value)" },
	{ "total",
	  "CREATE TABLE total(what TEXT, name TEXT, count INTEGER, PRIMARY KEY(what, name))" },
	{ "resource", "CREATE TABLE resource(id INTEGER PRIMARY KEY, pid INTEGER, service TEXT, "
		      "container_id TEXT, "
		      "language TEXT, attributes TEXT, dropped INTEGER)" },
	{ "text", "CREATE TABLE text(id INTEGER PRIMARY KEY, value TEXT)" },
	{ "shape", "CREATE TABLE shape(id INTEGER PRIMARY KEY, protocol TEXT, kind TEXT, name "
		   "TEXT, status TEXT, "
		   "message TEXT, rule TEXT, sure REAL, trace_flags INTEGER, has_parent INTEGER, "
		   "parent_remote INTEGER, incomplete INTEGER, time TEXT, dropped INTEGER, "
		   "attributes TEXT)" },
	{ "trace", "CREATE TABLE trace(id INTEGER PRIMARY KEY, trace_id BLOB, start INTEGER, spans "
		   "INTEGER)" },
	{ "span",
	  "CREATE TABLE span(id INTEGER PRIMARY KEY, span_id BLOB, parent, start INTEGER, ttfb "
	  "INTEGER, "
	  "duration INTEGER, shape INTEGER, resource INTEGER, tid INTEGER, cpu INTEGER, runqueue "
	  "INTEGER, "
	  "blocked INTEGER, call_hash INTEGER, connection INTEGER, varying TEXT, links BLOB)" },
	{ 0 },
};

/* A varying value's place: after those of name, message and sure, and of the nulls before it. */
#define PLACE                                                                                      \
	"((shape.name IS NULL) + (shape.message IS NULL) + (shape.sure IS NULL) + "                \
	"(SELECT count(*) FROM json_each(shape.attributes) AS b WHERE b.type = 'null' AND b.id < " \
	"each.id))"

#define VARYING(place) "json_extract(span.varying, '$[' || " place " || ']')"

/* A long text that came again stands in `text`: [id]. */
#define RESOLVED(place)                                                                           \
	"CASE json_type(span.varying, '$[' || " place " || ']') WHEN 'array' THEN "               \
	"json_quote((SELECT value FROM text WHERE id = json_extract(span.varying, '$[' || " place \
	" || '][0]'))) "                                                                          \
	"WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE json_quote(" VARYING(             \
		place) ") END"

#define PLAIN(place)                                                                   \
	"CASE json_type(span.varying, '$[' || " place " || ']') WHEN 'array' THEN "    \
	"(SELECT value FROM text WHERE id = json_extract(span.varying, '$[' || " place \
	" || '][0]')) "                                                                \
	"ELSE " VARYING(place) " END"

const char *const schema_views[] = {
	"CREATE VIEW spans AS SELECT span.id AS id, lower(hex(trace.trace_id)) AS "
	"trace_id, "
	"lower(hex(span.span_id)) AS span_id, "
	"nullif(lower(hex(CASE typeof(span.parent) WHEN 'integer' THEN "
	"(SELECT p.span_id FROM span AS p WHERE p.id = trace.id + span.parent) "
	"ELSE span.parent END)), '') AS parent_span_id, "
	"resource.service AS service, shape.kind AS kind, shape.protocol AS "
	"protocol, "
	"coalesce(shape.name, " PLAIN(
		"0") ") AS name, "
		     "strftime('%Y-%m-%dT%H:%M:%fZ', (trace.start + span.start) / "
		     "1e9, 'unixepoch') AS started, "
		     "round(span.duration / 1e6, 3) AS ms, round(span.ttfb / 1e6, "
		     "3) AS ttfb_ms, "
		     "trace.start + span.start AS start_ns, trace.start + "
		     "span.start + span.ttfb AS ttfb_ns, "
		     "trace.start + span.start + span.duration AS end_ns, "
		     "shape.status AS status, "
		     "coalesce(shape.message, " PLAIN(
			     "(shape.name IS NULL)") ") AS message, "
						     "resource.pid AS pid, "
						     "coalesce(span.tid, "
						     "resource.pid) AS tid, "
						     "resource.container_id AS "
						     "container_id, "
						     "shape.rule AS parent_rule, "
						     "coalesce(shape.sure, " PLAIN(
							     "((shape.name IS "
							     "NULL) + "
							     "(shape.message IS "
							     "NULL))") ") AS "
								       "parent_"
								       "sure, "
								       "shape.time "
								       "AS time, "
								       "span.cpu "
								       "AS cpu_ns, "
								       "span."
								       "runqueue "
								       "AS "
								       "runqueue_"
								       "ns, "
								       "span."
								       "blocked AS "
								       "blocked_ns,"
								       " "
								       "shape."
								       "incomplete "
								       "AS "
								       "incomplete,"
								       " span."
								       "connection "
								       "AS "
								       "connection,"
								       " span.call_"
								       "hash AS "
								       "call_hash, "
								       "(SELECT "
								       "json_group_"
								       "object(key,"
								       " json("
								       "value)) "
								       "FROM "
								       "(SELECT "
								       "each.key "
								       "AS key, "
								       "CASE "
								       "each.type "
								       "WHEN "
								       "'null' "
								       "THEN"
								       " " RESOLVED(
									       PLACE) " WHEN "
										      "'true' THEN "
										      "'true' WHEN "
										      "'false' "
										      "THEN "
										      "'false' "
										      "WHEN "
										      "'object' "
										      "THEN "
										      "each.value "
										      "ELSE "
										      "json_quote("
										      "each.value) "
										      "END AS "
										      "value "
										      "FROM "
										      "json_each("
										      "shape."
										      "attributes) "
										      "AS each)) "
										      "AS "
										      "attributes "
										      "FROM trace "
										      "JOIN span "
										      "ON span.id "
										      "BETWEEN "
										      "trace.id "
										      "AND "
										      "trace.id + "
										      "trace.spans "
										      "- 1 "
										      "LEFT JOIN "
										      "shape ON "
										      "shape.id = "
										      "span.shape "
										      "LEFT JOIN "
										      "resource ON "
										      "resource.id "
										      "= "
										      "span."
										      "resource",

	"CREATE VIEW traces AS SELECT trace.id AS id, lower(hex(trace.trace_id)) "
	"AS trace_id, "
	"strftime('%Y-%m-%dT%H:%M:%fZ', trace.start / 1e9, 'unixepoch') AS "
	"started, trace.spans AS spans, "
	"(SELECT service FROM resource WHERE id = span.resource) AS service, "
	"(SELECT name FROM shape WHERE id = span.shape) AS name, "
	"round(span.duration / 1e6, 3) AS ms "
	"FROM trace JOIN span ON span.id = trace.id",

	"CREATE VIEW links AS SELECT span.id AS span, lower(hex(substr(span.links, "
	"1 + 24 * n.n, 16))) AS trace_id, "
	"lower(hex(substr(span.links, 17 + 24 * n.n, 8))) AS span_id FROM span "
	"JOIN (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3) AS n "
	"ON length(span.links) >= 24 * (n.n + 1)",
	0,
};
