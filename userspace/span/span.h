/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_SPAN_H
#define SPANTAP_SPAN_SPAN_H

/*
 * The type that flows from stitching to every output: one finished operation, already redacted, named and
 * placed in its trace. Times are nanoseconds since the Unix epoch.
 */

#include "userspace/base/attribute.h"
#include "userspace/protocol/protocol.h"
#include "userspace/span/explanation.h"

#define TRACE_ID_SIZE 16
#define SPAN_ID_SIZE 8
#define SPAN_NAME_MAX 256
#define SPAN_LINKS_MAX 4

/* OTLP's numbers. */
enum span_kind {
	SPAN_INTERNAL = 1,
	SPAN_SERVER = 2,
	SPAN_CLIENT = 3,
	SPAN_PRODUCER = 4,
	SPAN_CONSUMER = 5,
};

/* Which rule chose the parent; names as in STITCHING.md. Kept in recordings: append-only. */
enum parent_rule {
	PARENT_ROOT = 0, /* a span that could not have a parent: not counted */
	PARENT_NONE = 1,
	PARENT_EXACT_ID = 2,
	PARENT_UNIT = 3,
	PARENT_LINEAGE = 4,
	PARENT_RESPONDER = 5,
	PARENT_COMPLETION = 6,
	PARENT_EXCLUSIVE = 7,
	PARENT_SEGMENT = 8,
	PARENT_HEADER = 9,
	PARENT_CONNECTION = 10,
	PARENT_RULES = 11,
};

/* "unit", "exclusive", ...; "root" for PARENT_ROOT. */
const char *parent_rule_name(enum parent_rule rule);

/* "server", "client", ...  */
const char *span_kind_name(enum span_kind kind);

/* Who the span is about. Shared by all spans of a process, counted: resource_hold / resource_drop. */
struct resource {
	uint32_t references;
	uint32_t pid; /* as seen from the host; 0 from a capture */
	char service[128];
	char container_id[80];
	char language[16];	      /* telemetry.sdk.language's word for the target, or "" */
	struct attributes attributes; /* process.*, container.id, OTEL_RESOURCE_ATTRIBUTES; without service.name */
};

struct resource *resource_new(void); /* one reference; NULL when memory is refused */
struct resource *resource_hold(struct resource *r);
void resource_drop(struct resource *r); /* NULL is fine */

/* Where a server span's own time (not under a child) went. */
struct span_time {
	bool present;
	bool shared; /* the thread served other requests too: numbers are the process's */
	uint64_t cpu_ns, runqueue_ns, blocked_ns;
};

struct span_link {
	uint8_t trace_id[TRACE_ID_SIZE];
	uint8_t span_id[SPAN_ID_SIZE];
};

struct span {
	uint8_t trace_id[TRACE_ID_SIZE];
	uint8_t span_id[SPAN_ID_SIZE];
	uint8_t parent_span_id[SPAN_ID_SIZE];
	bool has_parent;
	bool parent_remote; /* the parent is in no output of ours (a propagated context) */
	uint8_t trace_flags;
	char name[SPAN_NAME_MAX];
	enum span_kind kind;
	const struct protocol *protocol;
	uint64_t start_ns, ttfb_ns, end_ns; /* ttfb 0: no answer came */
	enum outcome outcome;
	struct attributes attributes;
	char outcome_message[256];
	struct resource *resource; /* held */
	uint32_t tid;
	/* Of the whole request with its values, keyed by a secret of this run: equal hashes, equal calls. 0: not known. */
	uint64_t call_hash;
	uint64_t connection; /* the socket it went over, unique in this run; 0: not known */
	enum parent_rule rule;
	double sure; /* of the parent, 0..1 */
	struct span_time time;
	uint32_t incomplete; /* INCOMPLETE_* */
	struct span_link links[SPAN_LINKS_MAX];
	uint32_t link_count;
	struct explanation *explanation; /* owned; NULL: not asked for */
};

/* Spans of one trace, parents before children, siblings by start. Borrowed during the call that gets it. */
struct trace {
	const struct span *const *spans;
	size_t count;
};

struct span *span_new(void); /* attributes initialised; NULL when memory is refused */
void span_free(struct span *s);
void span_reset(struct span *s); /* for reuse: drops the resource, keeps the memory */

/*
 * Name, kind-dependent attributes, redaction: everything between a description and a span.
 * d->attributes must be &s->attributes. See name.c, redact.c, sql.c, route.c.
 */
struct span_rules;
void span_finish(struct span *s, const struct description *d, const struct span_rules *rules);

#endif
