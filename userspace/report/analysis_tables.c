// SPDX-License-Identifier: GPL-2.0-only
/* See analysis_tables.h. */
#include "userspace/report/analysis_tables.h"

#include <inttypes.h>
#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/base/random.h"
#include "userspace/base/utf8.h"

#define EDGE_IN 0x9d5c1fb3u /* told apart from calls by their seeds */
#define EDGE_SERVICE 0x51ed270bu

/* map_hash() goes byte by byte: too slow for every statement of every call. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(struct bytes b, uint64_t seed)
{
	uint64_t h = mix(seed ^ 0x9e3779b97f4a7c15ull, b.len ^ 0xbf58476d1ce4e5b9ull), word;
	size_t at = 0;

	for (; b.len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, b.data + at, sizeof(word));
		h = mix(h ^ word, 0x94d049bb133111ebull ^ seed);
	}
	if (at < b.len) {
		word = 0;
		memcpy(&word, b.data + at, b.len - at);
		h = mix(h ^ word, 0x94d049bb133111ebull ^ seed);
	}
	return mix(h, 0xd6e8feb86659fd93ull);
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
	return hash(bytes_of_string(text), seed);
}

static void copy_text(char *out, size_t size, struct bytes text)
{
	text = utf8_cut(text, size - 1);
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.data[i] ? (char)text.data[i] : ' ';
	out[text.len] = '\0';
}

/* Appends to a list that grows by doubling. */
static bool append(void *list_pointer, size_t *count, size_t *capacity, void *item)
{
	void ***list = list_pointer;

	if (*count == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 16;
		void *grown = memory_resize(*list, more * sizeof(**list));

		if (!grown)
			return false;
		*list = grown;
		*capacity = more;
	}
	(*list)[(*count)++] = item;
	return true;
}

/* Into a table and its list; nothing when either has no room. */
static bool keep(struct map *map, uint64_t key, void *list_pointer, size_t *count, size_t *capacity,
		 void *item)
{
	if (!append(list_pointer, count, capacity, item))
		return false;
	if (!map_set(map, &key, item))
		return true;
	--*count;
	return false;
}

struct analysis_tables *analysis_tables_new(const struct analysis_options *options)
{
	struct analysis_tables *t = memory_new(sizeof(*t));

	if (!t)
		return NULL;
	map_init(&t->services, sizeof(uint64_t), ANALYSIS_SERVICES_MAX);
	map_init(&t->endpoints, sizeof(uint64_t), ANALYSIS_ENDPOINTS_MAX);
	map_init(&t->queries, sizeof(uint64_t), ANALYSIS_QUERIES_MAX);
	map_init(&t->edges, sizeof(uint64_t), ANALYSIS_EDGES_MAX);
	map_init(&t->families, sizeof(uint64_t), ANALYSIS_QUERIES_MAX);
	request_work_init(&t->work);
	random_fill(&t->seed, sizeof(t->seed));
	t->series_left = options->series ? ANALYSIS_SERIES_BYTES : ANALYSIS_LIVE_BYTES;
	t->text_left = ANALYSIS_TEXTS_BYTES;
	t->findings = finding_list_new();
	if (!t->findings) {
		memory_free(t);
		return NULL;
	}
	return t;
}

/* ---- services ------------------------------------------------------------------------------- */

static void init_series(struct analysis *a, struct series *s)
{
	series_init(s);
	s->budget = &a->tables->series_left;
}

bool analysis_service(struct analysis *a, const struct span *s, struct service_key *out)
{
	struct analysis_tables *t = a->tables;
	const char *name = s->resource ? s->resource->service : "";

	out->hash = hash_text(name, t->seed);
	out->service = map_find(&t->services, &out->hash);
	if (out->service)
		return true;
	out->service = memory_new(sizeof(*out->service));
	if (!out->service)
		return false;
	snprintf(out->service->name, sizeof(out->service->name), "%s", name);
	init_series(a, &out->service->latency);
	if (keep(&t->services, out->hash, &a->services, &a->service_count, &t->service_capacity,
		 out->service))
		return true;
	memory_free(out->service);
	out->service = NULL;
	return false;
}

/* ---- endpoints ------------------------------------------------------------------------------ */

static void free_endpoint(struct endpoint *e)
{
	for (size_t i = 0; i < e->call_count; i++)
		memory_free(e->call_list[i]);
	memory_free(e->call_list);
	map_release(&e->call_map);
	series_release(&e->latency);
	series_release(&e->calls);
	series_release(&e->ttfb);
	series_release(&e->failed);
	for (int i = 0; i < TIME_PARTS; i++)
		series_release(&e->time[i]);
	detectors_free(e->detector_state);
	memory_free(e);
}

struct endpoint *analysis_endpoint(struct analysis *a, const struct service_key *service,
				   const char *name)
{
	struct analysis_tables *t = a->tables;
	uint64_t key = hash_text(name, service->hash);
	struct endpoint *e = map_find(&t->endpoints, &key);

	if (e)
		return e;
	e = memory_new(sizeof(*e));
	if (!e)
		return NULL;
	e->service = service->service;
	snprintf(e->name, sizeof(e->name), "%s", name);
	map_init(&e->call_map, sizeof(uint64_t), ANALYSIS_CALLS_MAX);
	init_series(a, &e->latency);
	init_series(a, &e->calls);
	init_series(a, &e->ttfb);
	init_series(a, &e->failed);
	for (int i = 0; i < TIME_PARTS; i++)
		init_series(a, &e->time[i]);
	e->detector_state = detectors_new();
	if (keep(&t->endpoints, key, &a->endpoints, &a->endpoint_count, &t->endpoint_capacity, e))
		return e;
	free_endpoint(e);
	return NULL;
}

/* ---- queries -------------------------------------------------------------------------------- */

/* 127.0.0.1:5432/shop, [::1]:5432/shop, /run/redis.sock/2 */
static void put_target(char *out, size_t size, const char *scheme, const struct call *c)
{
	bool v6 = bytes_find(c->address, ':', 0) < c->address.len;
	char port[24] = "", text[512];
	int address = (int)(c->address.len < 200 ? c->address.len : 200);
	int database = (int)(c->database.len < 100 ? c->database.len : 100);

	if (c->port && c->address.len && c->address.data[0] != '/')
		snprintf(port, sizeof(port), ":%" PRId64, c->port);
	snprintf(text, sizeof(text), "%s%s%.*s%s%s%s%.*s", scheme, v6 ? "[" : "", address,
		 address ? (const char *)c->address.data : "?", v6 ? "]" : "", port,
		 database ? "/" : "", database, database ? (const char *)c->database.data : "");
	copy_text(out, size, bytes_of_string(text));
}

static const char *service_of(const struct span *s)
{
	return s->resource ? s->resource->service : "";
}

static struct query *new_query(struct analysis *a, const struct service_key *service,
			       const struct call *c)
{
	struct analysis_tables *t = a->tables;
	struct bytes text = utf8_cut(c->text, ANALYSIS_TEXT_MAX);
	struct query *q = text.len < t->text_left ? memory_new(sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	q->text = memory_text(text.data, text.len);
	if (!q->text) {
		memory_free(q);
		return NULL;
	}
	for (size_t i = 0; i < text.len; i++)
		if (!q->text[i])
			q->text[i] = ' ';
	t->text_left -= text.len;
	q->service = service->service->name;
	q->dependency = c->dependency;
	copy_text(q->system, sizeof(q->system), c->system);
	put_target(q->target, sizeof(q->target), "", c);
	init_series(a, &q->latency);
	init_series(a, &q->failed);
	return q;
}

static void free_query(struct query *q)
{
	series_release(&q->latency);
	series_release(&q->failed);
	memory_free(q->text);
	memory_free(q);
}

/* "GET user:alice" -> "GET user:*"; false where the key's last part is a pattern already. */
static bool family_of(struct bytes text, char room[CALL_TEXT_MAX], struct bytes *out)
{
	size_t begin = bytes_find(text, ' ', 0) + 1, end, last;

	if (begin >= text.len || text.len >= CALL_TEXT_MAX)
		return false;
	end = last = bytes_find(text, ' ', begin);
	while (last > begin && !memchr(":/.|", text.data[last - 1], 4))
		last--;
	if (last == end || bytes_find(bytes_part(text, last, end - last), '*', 0) < end - last)
		return false;
	memcpy(room, text.data, last);
	room[last] = '*';
	memcpy(room + last + 1, text.data + end, text.len - end);
	*out = bytes_of(room, last + 1 + text.len - end);
	return true;
}

/* A text that is new: does its family have as many as it may, so that this one is counted under the
 * family's name? */
static bool family_full(struct analysis *a, uint64_t key)
{
	uintptr_t count = (uintptr_t)map_find(&a->tables->families, &key);

	if (count >= ANALYSIS_KEYS_MAX)
		return true;
	/* Without memory every text stays itself. */
	map_set(&a->tables->families, &key, (void *)(count + 1));
	return false;
}

static struct query *add_query(struct analysis *a, const struct service_key *service,
			       const struct call *c, uint64_t key)
{
	struct analysis_tables *t = a->tables;
	struct query *q = new_query(a, service, c);

	if (!q || keep(&t->queries, key, &a->queries, &a->query_count, &t->query_capacity, q))
		return q;
	t->text_left += strlen(q->text);
	free_query(q);
	return NULL;
}

struct query *analysis_query(struct analysis *a, const struct service_key *service,
			     const struct call *c, uint64_t *key)
{
	uint64_t seed = hash(c->system, service->hash);
	struct call family = *c;
	char room[CALL_TEXT_MAX];
	struct query *q;

	*key = hash(c->text, seed);
	q = map_find(&a->tables->queries, key);
	if (!q && c->dependency == DEPENDENCY_CACHE && family_of(c->text, room, &family.text)) {
		uint64_t of_family = hash(family.text, seed);

		if (family_full(a, of_family)) {
			*key = of_family;
			q = map_find(&a->tables->queries, key);
		} else {
			family.text = c->text;
		}
	}
	if (!q)
		q = add_query(a, service, &family, *key);
	if (q && c->served && !q->joined) {
		q->joined = true;
		copy_text(q->target, sizeof(q->target), bytes_of_string(service_of(c->served)));
	}
	return q;
}

struct call_sum *analysis_call_sum(struct analysis *a, struct endpoint *e, const struct query *q,
				   const struct call *c, uint64_t key)
{
	struct call_sum *sum = map_find(&e->call_map, &key);

	if (sum)
		return sum;
	sum = a->tables->call_sums < ANALYSIS_CALL_SUMS_MAX ? memory_new(sizeof(*sum)) : NULL;
	if (!sum)
		return NULL;
	sum->query = q;
	copy_text(sum->file, sizeof(sum->file), c->file);
	copy_text(sum->function, sizeof(sum->function), c->function);
	sum->line = c->line > 0 && c->line <= INT32_MAX ? (uint32_t)c->line : 0;
	if (!keep(&e->call_map, key, &e->call_list, &e->call_count, &e->call_capacity, sum)) {
		memory_free(sum);
		return NULL;
	}
	a->tables->call_sums++;
	return sum;
}

/* ---- edges ---------------------------------------------------------------------------------- */

static struct edge *new_edge(struct analysis *a, uint64_t key, const char *from,
			     const struct call *c, const char *service)
{
	struct analysis_tables *t = a->tables;
	struct edge *edge = memory_new(sizeof(*edge));
	char scheme[32];

	if (!edge)
		return NULL;
	edge->key = key;
	edge->from = from;
	edge->traced = service != NULL;
	copy_text(edge->system, sizeof(edge->system), c->system);
	snprintf(scheme, sizeof(scheme), "%s://", edge->system);
	if (service)
		copy_text(edge->to, sizeof(edge->to), bytes_of_string(service));
	else
		put_target(edge->to, sizeof(edge->to), scheme, c);
	if (keep(&t->edges, key, &a->edges, &a->edge_count, &t->edge_capacity, edge))
		return edge;
	memory_free(edge);
	return NULL;
}

struct edge *analysis_edge(struct analysis *a, const struct service_key *from, const struct call *c)
{
	uint64_t key = hash(c->system, from->hash),
		 address = hash(c->address, key ^ (uint64_t)c->port);
	struct edge *edge;

	key = c->served ? hash_text(service_of(c->served), key ^ EDGE_SERVICE)
			: hash(c->database, address);
	edge = map_find(&a->tables->edges, &key);
	if (edge)
		return edge;
	edge = new_edge(a, key, from->service->name, c, c->served ? service_of(c->served) : NULL);
	if (!edge)
		return NULL;
	edge->address = address;
	edge->vague = !c->served && !c->database.len;
	return edge;
}

/* The only edge that knows more of where this vague one leads; NULL: none, or several. */
static struct edge *clear_edge(const struct analysis *a, const struct edge *vague)
{
	struct edge *found = NULL;

	for (size_t i = 0; i < a->edge_count; i++) {
		struct edge *other = a->edges[i];

		if (other->vague || other->address != vague->address)
			continue;
		if (found)
			return NULL;
		found = other;
	}
	return found;
}

void analysis_merge_edges(struct analysis *a)
{
	size_t i = 0;

	while (i < a->edge_count) {
		struct edge *edge = a->edges[i], *clear = edge->vague ? clear_edge(a, edge) : NULL;

		if (!clear) {
			i++;
			continue;
		}
		clear->calls += edge->calls;
		clear->errors += edge->errors;
		clear->total_ns += edge->total_ns;
		map_remove(&a->tables->edges, &edge->key);
		memory_free(edge);
		a->edge_count--;
		memmove(&a->edges[i], &a->edges[i + 1], (a->edge_count - i) * sizeof(*a->edges));
	}
}

struct edge *analysis_edge_in(struct analysis *a, const struct service_key *to,
			      const struct span *server)
{
	struct bytes system = attributes_get(&server->attributes, "db.system.name");
	struct call c = { .system = system };
	struct edge *edge;
	uint64_t key;

	if (!system.len && server->protocol)
		c.system = bytes_of_string(server->protocol->name);
	key = hash(c.system, to->hash ^ EDGE_IN);
	edge = map_find(&a->tables->edges, &key);
	return edge ? edge : new_edge(a, key, "", &c, to->service->name);
}

/* ---- the end -------------------------------------------------------------------------------- */

void analysis_tables_free(struct analysis *a)
{
	struct analysis_tables *t = a->tables;

	for (size_t i = 0; i < a->endpoint_count; i++)
		free_endpoint(a->endpoints[i]);
	for (size_t i = 0; i < a->service_count; i++) {
		series_release(&a->services[i]->latency);
		memory_free(a->services[i]);
	}
	for (size_t i = 0; i < a->query_count; i++)
		free_query(a->queries[i]);
	for (size_t i = 0; i < a->edge_count; i++)
		memory_free(a->edges[i]);
	memory_free(a->endpoints);
	memory_free(a->services);
	memory_free(a->queries);
	memory_free(a->edges);
	if (!t)
		return;
	map_release(&t->services);
	map_release(&t->endpoints);
	map_release(&t->queries);
	map_release(&t->edges);
	map_release(&t->families);
	request_work_release(&t->work);
	finding_list_free(t->findings);
	memory_free(t);
}
