// SPDX-License-Identifier: GPL-2.0-only
/* See recorded.h. */
#include "tests/lib/recorded.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPANS 4

static char directory[64];
static char paths[16][128];

/* Not cmocka's: fuzzers are linked with this too. */
#define must(condition) must_be(condition, #condition, __LINE__)

static void must_be(bool is, const char *what, int line)
{
	if (is)
		return;
	fprintf(stderr, "tests/lib/recorded.c:%d: not so: %s\n", line, what);
	abort();
}

int recorded_setup(void **state)
{
	(void)state;
	/* In memory, where there is such a place: tests write and sync a lot. */
	snprintf(directory, sizeof(directory), "%s/spantap-recording-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	return mkdtemp(directory) ? 0 : -1;
}

int recorded_teardown(void **state)
{
	char path[512];
	DIR *dir = opendir(directory);

	(void)state;
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir)
		closedir(dir);
	return rmdir(directory);
}

const char *recorded_path(const char *name)
{
	static size_t next;
	char *path = paths[next++ % 16];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void same_attributes(const struct attributes *a, const struct attributes *b)
{
	must(a->count == b->count);
	must(a->dropped == b->dropped);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct attribute *x = &a->items[i], *y = &b->items[i];

		must(!strcmp(x->key, y->key));
		must(x->type == y->type);
		if (x->type == ATTRIBUTE_STRING)
			must(bytes_equal(attribute_string(a, x), attribute_string(b, y)));
		else if (x->type == ATTRIBUTE_BOOL)
			must(x->boolean == y->boolean);
		else
			must(!memcmp(&x->integer, &y->integer, sizeof(x->integer)));
	}
}

static void same_resource(const struct resource *a, const struct resource *b)
{
	must(!a == !b);
	if (!a)
		return;
	must(a->pid == b->pid);
	must(!strcmp(a->service, b->service));
	must(!strcmp(a->container_id, b->container_id));
	must(!strcmp(a->language, b->language));
	same_attributes(&a->attributes, &b->attributes);
}

static void same_place(const struct span *a, const struct span *b)
{
	must(!memcmp(a->trace_id, b->trace_id, TRACE_ID_SIZE));
	must(!memcmp(a->span_id, b->span_id, SPAN_ID_SIZE));
	must(!memcmp(a->parent_span_id, b->parent_span_id, SPAN_ID_SIZE));
	must(a->has_parent == b->has_parent);
	must(a->parent_remote == b->parent_remote);
	must(a->trace_flags == b->trace_flags);
	must(a->rule == b->rule);
	must(!memcmp(&a->sure, &b->sure, sizeof(a->sure)));
	must(a->link_count == b->link_count);
	if (a->link_count)
		must(!memcmp(a->links, b->links, a->link_count * sizeof(a->links[0])));
}

void recorded_same(const struct span *a, const struct span *b)
{
	same_place(a, b);
	must(!strcmp(a->name, b->name));
	must(a->kind == b->kind);
	must(!strcmp(a->protocol->name, b->protocol->name));
	must(a->start_ns == b->start_ns);
	must(a->ttfb_ns == b->ttfb_ns);
	must(a->end_ns == b->end_ns);
	must(a->outcome == b->outcome);
	same_attributes(&a->attributes, &b->attributes);
	must(!strcmp(a->outcome_message, b->outcome_message));
	same_resource(a->resource, b->resource);
	must(a->tid == b->tid);
	must(a->call_hash == b->call_hash);
	must(a->connection == b->connection);
	must(a->time.present == b->time.present);
	must(a->time.shared == b->time.shared);
	must(a->time.cpu_ns == b->time.cpu_ns);
	must(a->time.runqueue_ns == b->time.runqueue_ns);
	must(a->time.blocked_ns == b->time.blocked_ns);
	must(a->incomplete == b->incomplete);
}

/* ---- random spans --------------------------------------------------------------------------- */

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d)
{
	d->state += 0x9e3779b97f4a7c15;
	uint64_t z = d->state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Small ones often, and all that can be. */
static uint64_t number(struct dice *d)
{
	return roll(d) >> roll(d) % 64;
}

/* Text of ours, of anybody, with escapes, and bytes that are none. */
static size_t text(struct dice *d, char *out, size_t max)
{
	static const char plain[] = "abc/?=&{}\"\\ \n\t\001\177",
			  odd[] = "\303\251\377\200\355\240\200";
	size_t len = roll(d) % 8 ? roll(d) % 24 : roll(d) % max;
	bool any = roll(d) % 8 == 0;

	if (len >= max)
		len = max - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = any && roll(d) % 4 == 0 ? odd[roll(d) % (sizeof(odd) - 1)]
						 : plain[roll(d) % (sizeof(plain) - 1)];
	out[len] = 0;
	return len;
}

static void random_attributes(struct dice *d, struct attributes *a, size_t most)
{
	static const char *const keys[] = { "url.path",   "server.port", "db.query.text",
					    "error.type", "user.agent",  "a",
					    "b.c",        "test.real",   "test.yes",
					    "k1",         "k2",          "k3" };
	double real;
	uint64_t bits;
	char value[1000];
	size_t len;

	for (size_t n = roll(d) % most; n; n--) {
		const char *key = keys[roll(d) % 12];

		switch (roll(d) % 5) {
		case 0:
			attributes_int(a, key, (int64_t)number(d));
			break;
		case 1:
			attributes_bool(a, key, roll(d) & 1);
			break;
		case 2:
			bits = roll(d) % 4 ? roll(d) : 0x7ff0000000000000; /* infinity */
			memcpy(&real, &bits, sizeof(real));
			attributes_double(a, key, real == real ? real : 0.5);
			break;
		default:
			len = text(d, value, sizeof(value));
			if (len && roll(d) % 16 == 0)
				value[roll(d) % len] = 0;
			attributes_string(a, key, bytes_of(value, len));
		}
	}
	a->dropped = roll(d) % 16 ? 0 : (uint32_t)number(d);
}

static struct resource *random_resource(struct dice *d)
{
	struct resource *r = resource_new();

	r->pid = (uint32_t)number(d);
	text(d, r->service, sizeof(r->service));
	text(d, r->container_id, sizeof(r->container_id));
	text(d, r->language, sizeof(r->language));
	random_attributes(d, &r->attributes, 6);
	return r;
}

static void id(struct dice *d, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)roll(d);
}

static void random_place(struct dice *d, struct span *s, uint64_t n)
{
	struct dice trace = { n / SPANS + 1 },
		    parent = { n - n % SPANS + roll(d) % SPANS + 1000000 };
	struct dice self = { n + 1000000 };

	id(&trace, s->trace_id, TRACE_ID_SIZE);
	id(&self, s->span_id, SPAN_ID_SIZE);
	s->has_parent = n % SPANS;
	if (s->has_parent && roll(d) % 4)
		parent.state = n - n % SPANS + 1000000;
	if (s->has_parent)
		id(&parent, s->parent_span_id, SPAN_ID_SIZE);
	s->parent_remote = s->has_parent && roll(d) % 8 == 0;
	s->trace_flags = (uint8_t)roll(d);
	s->rule = (enum parent_rule)(roll(d) % PARENT_RULES);
	s->sure = roll(d) % 3 ? 1.0 : (double)(roll(d) % 1000) / 999;
	s->link_count = roll(d) % 16 ? 0 : (uint32_t)(roll(d) % (SPAN_LINKS_MAX + 1));
	for (uint32_t i = 0; i < s->link_count; i++) {
		id(d, s->links[i].trace_id, TRACE_ID_SIZE);
		id(d, s->links[i].span_id, SPAN_ID_SIZE);
	}
}

struct span *recorded_random(uint64_t n)
{
	static const char *const names[] = { "http", "postgresql", "mysql", "redis" };
	struct dice d = { n * 1000003 }, whose = { roll(&d) % 5 };
	struct span *s = span_new();

	random_place(&d, s, n);
	text(&d, s->name, roll(&d) % 8 ? 40 : sizeof(s->name));
	s->kind = (enum span_kind)(1 + roll(&d) % 5);
	s->protocol = protocol_find(names[roll(&d) % 4]);
	s->start_ns = roll(&d) % 50 ? 1700000000000000000 + n * 1000000 + n % SPANS : roll(&d) >> 2;
	s->ttfb_ns = roll(&d) % 4 ? s->start_ns + (number(&d) >> 2) : 0;
	s->end_ns = s->start_ns + (number(&d) >> 2);
	s->outcome = (enum outcome)(roll(&d) % 3);
	random_attributes(&d, &s->attributes, 12);
	if (roll(&d) % 4 == 0)
		text(&d, s->outcome_message, sizeof(s->outcome_message));
	s->resource = roll(&d) % 32 ? random_resource(&whose) : NULL;
	s->tid = (uint32_t)number(&d);
	s->call_hash = roll(&d) % 4 ? roll(&d) : 0;
	s->connection = number(&d);
	if (roll(&d) % 2)
		s->time = (struct span_time){ true, roll(&d) & 1, number(&d), number(&d),
					      number(&d) };
	s->incomplete = roll(&d) % 4 ? 0 : (uint32_t)(roll(&d) % 64);
	return s;
}

void recorded_fill(struct sink *sink, uint64_t from, uint64_t to)
{
	for (uint64_t t = from; t < to; t++) {
		struct span *spans[SPANS];

		for (uint64_t i = 0; i < SPANS; i++)
			spans[i] = recorded_random(t * SPANS + i);
		sink->trace(sink, &(struct trace){ (const struct span *const *)spans, SPANS });
		for (uint64_t i = 0; i < SPANS; i++)
			span_free(spans[i]);
	}
}

/* ---- files ---------------------------------------------------------------------------------- */

struct sink *recorded_sink(const struct recording_options *options)
{
	struct error error = { 0 };
	struct sink *sink = recording_sink_new(options, &error);

	if (!sink)
		fprintf(stderr, "%s\n", error.text);
	must(sink != NULL);
	return sink;
}

void recorded_finish(struct sink *sink, uint64_t spans)
{
	struct summary summary = { .spans = spans };

	sink->finish(sink, &summary);
	sink->free(sink);
}

struct recordings *recorded_open(const char *path)
{
	struct error error = { 0 };
	struct recordings *r = recordings_open(&path, 1, &error);

	if (!r)
		fprintf(stderr, "%s\n", error.text);
	must(r != NULL);
	return r;
}

uint64_t recorded_count(struct recordings *r)
{
	struct trace trace;
	uint64_t spans = 0;
	trace_ref ref;

	while (recordings_next(r, &trace, &ref)) {
		must(ref != 0 && trace.count);
		for (size_t i = 0; i < trace.count; i++) {
			const struct span *s = trace.spans[i];

			must(!memcmp(s->trace_id, trace.spans[0]->trace_id, TRACE_ID_SIZE));
			must(s->protocol->name);
			must(memchr(s->name, 0, sizeof(s->name)));
			must(s->attributes.count <= ATTRIBUTES_MAX &&
			     s->link_count <= SPAN_LINKS_MAX);
			for (uint32_t n = 0; n < s->attributes.count; n++) {
				const struct attribute *a = &s->attributes.items[n];
				struct bytes value = attribute_string(&s->attributes, a);

				must(strlen(a->key) < 1000);
				must(!value.len || value.data[value.len - 1] <= 255);
			}
		}
		spans += trace.count;
	}
	return spans;
}
