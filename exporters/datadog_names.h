/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_DATADOG_NAMES_H
#define SPANTAP_EXPORTERS_DATADOG_NAMES_H

#include "userspace/base/buf.h"
#include "userspace/span/span.h"

/* Limits of the agent's normaliser and of Datadog's tracers: what is longer is cut here, not there.
 */
#define DATADOG_NAME_MAX 100
#define DATADOG_SERVICE_MAX 100
#define DATADOG_RESOURCE_MAX 5000
#define DATADOG_KEY_MAX 200
#define DATADOG_VALUE_MAX 25000

/* What a span is about, as bits; rows of the attribute table apply to some of them only. */
#define DATADOG_HTTP 0x01u
#define DATADOG_DATABASE 0x02u
#define DATADOG_SQL 0x04u
#define DATADOG_REDIS 0x08u
#define DATADOG_MESSAGING 0x10u
#define DATADOG_RPC 0x20u
#define DATADOG_CLIENT 0x40u   /* it goes out: client or producer */
#define DATADOG_SERVER 0x80u   /* it comes in: server or consumer */
#define DATADOG_NO_PORT 0x100u /* no server.port: the peer's is the one to name */

uint32_t datadog_subject(const struct span *s);

/* "http.server.request", "postgresql.query", "redis.command": what Datadog calls the span's name.
 */
void datadog_operation(const struct span *s, uint32_t subject,
		       char out[static DATADOG_NAME_MAX + 1]);

/* "GET /pair/{id}", reduced SQL, "HGETALL", into *out (reset first). Not empty. */
void datadog_resource(const struct span *s, uint32_t subject, struct buf *out);

/* "web", "http", "sql", "redis", ... */
const char *datadog_type(const struct span *s, uint32_t subject);

enum datadog_place {
	DATADOG_BY_TYPE = 0, /* numbers to metrics, everything else to meta */
	DATADOG_META = 1,
};

/* One of the keys under which Datadog knows an OpenTelemetry attribute. */
struct datadog_key {
	const char *from;
	uint32_t subject; /* all of these bits */
	const char *to;   /* NULL: Datadog says it elsewhere, it is left out */
	enum datadog_place place;
};

/* The table, ended by an entry without `from`. An attribute without a row keeps its name. */
extern const struct datadog_key datadog_keys[];

/* The target's language as Datadog writes it in the tag `language`; "" when not known. */
const char *datadog_language(const char *language);

#endif
