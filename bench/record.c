// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a recording is written and read, and how large it gets: spans of three kinds of
 * services, with what varies in real ones (paths, ports, sizes, times, hashes). Processor time of
 * all threads counts, not the clock: what one core does.
 *
 *   record [SPANS] [FILE]   prints one line for each kind; exit status 1 when below what DESIGN.md
 * asks for
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/random.h"
#include "userspace/protocol/protocol.h"
#include "userspace/store/recording.h"

#define SPANS 400000
#define SPANS_A_SECOND 50000
#define BYTES_A_SPAN 150
#define CALLS 12
#define WORKERS 4
#define START_NS 1700000000000000000ull

struct load {
	struct resource *workers[WORKERS];
	struct span *spans[1 + 2 * CALLS];
	struct sink *sink;
	uint64_t now_ns, random, connections;
	size_t trace_spans;
};

static uint64_t next(struct load *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

static uint64_t below(struct load *l, uint64_t n)
{
	return next(l) % n;
}

static struct span *begin(struct load *l, size_t n, const char *protocol, enum span_kind kind,
			  const char *name)
{
	struct span *s = l->spans[n];
	struct resource *worker = l->workers[below(l, WORKERS)];

	span_reset(s);
	if (n)
		memcpy(s->trace_id, l->spans[0]->trace_id, TRACE_ID_SIZE);
	else
		random_fill(s->trace_id, TRACE_ID_SIZE);
	random_fill(s->span_id, SPAN_ID_SIZE);
	s->trace_flags = 1;
	s->protocol = protocol_find(protocol);
	s->kind = kind;
	s->resource = resource_hold(n ? l->spans[0]->resource : worker);
	s->tid = s->resource->pid + (uint32_t)below(l, 8);
	s->call_hash = next(l);
	s->connection = n ? 4096 + below(l, 16) : 1000000 + l->connections++;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->start_ns = l->now_ns += 20000 + below(l, 400000);
	s->ttfb_ns = s->start_ns + 100000 + below(l, 3000000);
	s->end_ns = s->ttfb_ns + below(l, 200000);
	return s;
}

static void child_of(struct span *s, const struct span *parent)
{
	s->has_parent = true;
	memcpy(s->parent_span_id, parent->span_id, SPAN_ID_SIZE);
	s->rule = PARENT_UNIT;
	s->sure = 1.0;
}

static struct span *server(struct load *l, const char *route, const char *path)
{
	char name[300];
	struct span *s;

	snprintf(name, sizeof(name), "GET %s", route);
	s = begin(l, 0, "http", SPAN_SERVER, name);
	s->time = (struct span_time){ true, false, 200000 + below(l, 2000000), below(l, 20000),
				      below(l, 900000) };
	attributes_text(&s->attributes, "http.request.method", "GET");
	attributes_text(&s->attributes, "url.path", path);
	attributes_text(&s->attributes, "http.route", route);
	attributes_text(&s->attributes, "url.scheme", "http");
	attributes_int(&s->attributes, "http.response.status_code", below(l, 50) ? 200 : 404);
	attributes_text(&s->attributes, "server.address", "shop.example.com");
	attributes_int(&s->attributes, "server.port", 8080);
	attributes_text(&s->attributes, "network.protocol.version", "1.1");
	attributes_text(&s->attributes, "network.peer.address", "10.1.2.3");
	attributes_int(&s->attributes, "network.peer.port", (int64_t)(32768 + below(l, 28000)));
	attributes_text(&s->attributes, "user_agent.original",
			"Mozilla/5.0 (X11; Linux x86_64) wrk/4.1.0");
	attributes_int(&s->attributes, "http.response.body.size", (int64_t)below(l, 60000));
	return s;
}

/* A web server's static files: each request a trace of its own. */
static void nginx(struct load *l)
{
	static const char *const kinds[] = { "css", "js", "png", "woff2" };
	const char *kind = kinds[below(l, 4)];
	char route[64], path[128];

	snprintf(route, sizeof(route), "/static/{file}.%s", kind);
	snprintf(path, sizeof(path), "/static/%08" PRIx64 ".%s", next(l) & 0xffffffff, kind);
	server(l, route, path);
	l->trace_spans = 1;
}

static void query(struct load *l, size_t n)
{
	static const char *const texts[] = {
		"SELECT id, name, price, stock FROM product WHERE id = ?",
		"SELECT discount.percent FROM discount JOIN influencer ON influencer.id = "
		"discount.influencer_id WHERE "
		"discount.product_id = ?",
		"INSERT INTO orders (customer_id, product_id, amount, created) VALUES (?, ?, ?, ?) "
		"RETURNING id",
	};
	static const char *const names[] = { "SELECT product", "SELECT discount influencer",
					     "INSERT orders" };
	size_t which = below(l, 3);
	struct span *s = begin(l, n, "postgresql", SPAN_CLIENT, names[which]);

	child_of(s, l->spans[0]);
	attributes_text(&s->attributes, "db.system.name", "postgresql");
	attributes_text(&s->attributes, "db.namespace", "shop");
	attributes_text(&s->attributes, "db.query.text", texts[which]);
	attributes_text(&s->attributes, "db.query.summary", names[which]);
	attributes_int(&s->attributes, "db.response.returned_rows", (int64_t)below(l, 40));
	attributes_text(&s->attributes, "server.address", "db.internal");
	attributes_int(&s->attributes, "server.port", 5432);
	attributes_text(&s->attributes, "network.peer.address", "10.1.9.9");
	attributes_int(&s->attributes, "network.peer.port", 5432);
	attributes_text(&s->attributes, "code.file.path", "/srv/shop/discounts.py");
	attributes_text(&s->attributes, "code.function.name", "status");
	attributes_int(&s->attributes, "code.line.number", 41 + (int64_t)which);
}

static void get(struct load *l, size_t n)
{
	struct span *s = begin(l, n, "redis", SPAN_CLIENT, "GET");
	char text[64];

	snprintf(text, sizeof(text), "GET product:%" PRIu64, below(l, 100000));
	child_of(s, l->spans[0]);
	attributes_text(&s->attributes, "db.system.name", "redis");
	attributes_text(&s->attributes, "db.namespace", "0");
	attributes_text(&s->attributes, "db.operation.name", "GET");
	attributes_text(&s->attributes, "db.query.text", text);
	attributes_text(&s->attributes, "network.peer.address", "127.0.0.1");
	attributes_int(&s->attributes, "network.peer.port", 6379);
}

/* A shop: a request with some queries and cache lookups. */
static void shop(struct load *l)
{
	char path[64];

	snprintf(path, sizeof(path), "/product/%" PRIu64, below(l, 1000000));
	server(l, "/product/{id}", path);
	for (size_t i = 1; i <= CALLS; i++)
		query(l, i);
	for (size_t i = CALLS + 1; i <= 2 * CALLS; i++)
		get(l, i);
	l->spans[0]->end_ns = l->now_ns + 3000000;
	l->trace_spans = 1 + 2 * CALLS;
}

/* What dictionaries do not help: every text is new. */
static void unique(struct load *l)
{
	char path[128];

	snprintf(path, sizeof(path), "/search/%016" PRIx64 "/%016" PRIx64, next(l), next(l));
	server(l, path, path);
	l->trace_spans = 1;
}

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The queue must not be full: it is the writer that is measured. */
static void wait_for_room(struct load *l, uint64_t spans)
{
	struct recording_progress now;

	for (;;) {
		recording_sink_progress(l->sink, &now);
		if (spans < now.spans + now.dropped + 30000)
			return;
		l->sink->tick(l->sink, clock_now_ns());
		usleep(2000);
	}
}

/* The same spans into nothing: what making them costs. */
static double make_only(struct load *l, void (*make)(struct load *l), uint64_t spans)
{
	double start = processor_seconds();

	for (uint64_t n = 0; n < spans; n += l->trace_spans)
		make(l);
	return processor_seconds() - start;
}

static double read_all(const char *path, uint64_t *spans)
{
	struct error error = { 0 };
	double start = processor_seconds();
	struct recordings *r = recordings_open(&path, 1, &error);
	struct trace trace;
	trace_ref ref;

	*spans = 0;
	while (r && recordings_next(r, &trace, &ref))
		*spans += trace.count;
	recordings_close(r);
	return processor_seconds() - start;
}

static bool measure(const char *name, void (*make)(struct load *l), uint64_t spans,
		    const char *path)
{
	struct recording_options options = { .path = path,
					     .replace = true,
					     .description = "bench" };
	struct load l = { .now_ns = START_NS, .random = 88172645463325252ull };
	struct recording_progress end;
	struct error error = { 0 };
	struct summary summary = { 0 };
	double made, wrote, read;
	struct stat st = { 0 };
	uint64_t count = 0, readable;

	for (int i = 0; i < WORKERS; i++) {
		l.workers[i] = resource_new();
		l.workers[i]->pid = 1000 + (uint32_t)i;
		snprintf(l.workers[i]->service, sizeof(l.workers[i]->service), "shop-web");
	}
	for (size_t i = 0; i < sizeof(l.spans) / sizeof(l.spans[0]); i++)
		l.spans[i] = span_new();
	made = make_only(&l, make, spans);
	l.sink = recording_sink_new(&options, &error);
	if (!l.sink) {
		fprintf(stderr, "%s\n", error.text);
		return false;
	}
	wrote = processor_seconds();
	for (; count < spans; count += l.trace_spans) {
		struct trace trace = { (const struct span *const *)l.spans, 0 };

		make(&l);
		trace.count = l.trace_spans;
		l.sink->trace(l.sink, &trace);
		if (count % 1000 < l.trace_spans)
			wait_for_room(&l, count);
	}
	summary.spans = count;
	l.sink->finish(l.sink, &summary);
	wrote = processor_seconds() - wrote - made;
	recording_sink_progress(l.sink, &end);
	l.sink->free(l.sink);
	stat(path, &st);
	read = read_all(path, &readable);
	printf("%-8s %8" PRIu64
	       " spans  write %7.0f spans/s  read %7.0f spans/s  %5.1f bytes/span%s%s\n",
	       name, count, (double)count / wrote, (double)readable / read,
	       (double)st.st_size / (double)count, end.dropped ? "  LOST SOME" : "",
	       readable != count ? "  NOT ALL READ" : "");
	for (size_t i = 0; i < sizeof(l.spans) / sizeof(l.spans[0]); i++)
		span_free(l.spans[i]);
	for (int i = 0; i < WORKERS; i++)
		resource_drop(l.workers[i]);
	return (double)count / wrote >= SPANS_A_SECOND &&
	       (double)st.st_size / (double)count < BYTES_A_SPAN && readable == count &&
	       !end.dropped;
}

int main(int argc, char **argv)
{
	uint64_t spans = argc > 1 ? strtoull(argv[1], NULL, 10) : SPANS;
	const char *path = argc > 2 ? argv[2] : "/tmp/spantap-bench.spantap";
	bool good = true;

	good &= measure("nginx", nginx, spans, path);
	good &= measure("shop", shop, spans, path);
	measure("unique", unique, spans / 4, path); /* told, not judged */
	if (argc < 3)
		unlink(path);
	return !good;
}
