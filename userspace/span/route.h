/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_ROUTE_H
#define SPANTAP_SPAN_ROUTE_H

/*
 * Gives a URL path a low-cardinality template: http.route of a server, url.template of a client.
 * The application's own router is out of sight, so the template is inferred: by the shape of each
 * segment
 * (/pair/7 is /pair/{id}), by what was seen before (a place with too many different words is
 * {name}), and by rules that the user gives, which win.
 */

#include "userspace/base/buf.h"
#include "userspace/base/error.h"

/* Bytes of a template: with the method it fits a span's name. What is deeper is one '*'. */
#define ROUTE_MAX 200
#define ROUTE_SEGMENTS_MAX 10

#define ROUTE_RULES_MAX 256

/* Services and called hosts that learn apart from each other; the others learn together. */
#define ROUTE_SCOPES_MAX 64

/* Words remembered per scope: 64 KiB. Then unknown ones are {name}. */
#define ROUTE_NODES_MAX 4096

/*
 * Different words at one place, before it is {name}. First segments are nearly always the
 * application's own. Of these words, so many may come from requests that were not found.
 */
#define ROUTE_WORDS_MAX 50
#define ROUTE_ROOT_WORDS_MAX 200
#define ROUTE_STRAYS_MAX 10

struct route_table;

struct route_table *route_table_new(void); /* NULL when memory is refused */
void route_table_free(struct route_table *t);

/*
 * Adds a rule: paths that match its pattern have its template as their route. A segment is literal,
 * or `:name`, `{name}`, `<name>` (anything), or a star (anything; at the end: anything that
 * follows, also nothing). The template of "/user/:name" is /user/{name}; "PATTERN=TEMPLATE" names
 * it freely. Earlier rules win. 0, -EINVAL, -ENOSPC or -ENOMEM with *error filled.
 */
int route_rule_add(struct route_table *t, const char *rule, struct error *error);

/*
 * Appends the template of path (what comes before '?') to out, at most ROUTE_MAX bytes. scope says
 * whose path it is: a service's name, or a host that is called. found: the answer was not 404, so
 * its words are worth learning (scanners ask for thousands of paths that do not exist). false and
 * nothing appended when path is not an absolute path ("*", "host:port").
 */
bool route_infer(struct route_table *t, struct bytes scope, struct bytes path, bool found,
		 struct buf *out);

#endif
