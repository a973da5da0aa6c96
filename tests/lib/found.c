// SPDX-License-Identifier: GPL-2.0-only
/* See found.h. */
#include "tests/lib/found.h"

#include <assert.h>
#include <stdio.h>

#include "userspace/span/sql.h"

#define STATEMENT_MAX 65536

void found_init(struct found *f)
{
	*f = (struct found){ .pause_ns = 1000000, .clock_ns = 1000000000 };
	made_init(&f->made);
	f->web = made_resource("shop-web");
	f->analysis = analysis_new(&(struct analysis_options){ .series = false });
	assert(f->analysis);
}

void found_release(struct found *f)
{
	analysis_free(f->analysis);
	made_release(&f->made);
	resource_drop(f->web);
}

struct span *found_begin(struct found *f, const char *name, uint64_t duration_us)
{
	f->request = made_server(&f->made, f->web, NULL, name, f->clock_ns,
				 f->clock_ns + duration_us * FOUND_US);
	return f->request;
}

void found_end(struct found *f)
{
	f->clock_ns = f->request->end_ns - MADE_START + f->pause_ns;
	analysis_add(f->analysis, made_trace(&f->made), 0);
	made_reset(&f->made);
}

static struct span *identify(const struct found *f, struct span *s, uint64_t hash)
{
	s->call_hash = hash;
	s->connection = f->connection;
	return s;
}

struct span *found_sql(struct found *f, const char *statement, uint64_t start_us,
		       uint64_t duration_us, uint64_t hash)
{
	uint64_t start = f->clock_ns + start_us * FOUND_US;
	struct buf text, summary;
	struct span *s;

	buf_init(&text, STATEMENT_MAX);
	buf_init(&summary, SQL_SUMMARY_MAX);
	sql_reduce(bytes_of_string(statement), SQL_POSTGRESQL, false, &text, &summary);
	s = made_sql(&f->made, f->request, statement, start, start + duration_us * FOUND_US);
	attributes_string(&s->attributes, "db.query.text", buf_bytes(&text));
	attributes_string(&s->attributes, "db.query.summary", buf_bytes(&summary));
	buf_release(&text);
	buf_release(&summary);
	return identify(f, s, hash);
}

struct span *found_redis(struct found *f, const char *command, uint64_t start_us,
			 uint64_t duration_us, uint64_t hash)
{
	uint64_t start = f->clock_ns + start_us * FOUND_US;

	return identify(
		f, made_redis(&f->made, f->request, command, start, start + duration_us * FOUND_US),
		hash);
}

struct span *found_http(struct found *f, const char *method, const char *template,
			uint64_t start_us, uint64_t duration_us, uint64_t hash)
{
	uint64_t start = f->clock_ns + start_us * FOUND_US;
	struct span *s =
		made_http(&f->made, f->request, template, start, start + duration_us * FOUND_US);

	attributes_text(&s->attributes, "http.request.method", method);
	return identify(f, s, hash);
}

void found_time(struct found *f, uint64_t cpu_us, uint64_t blocked_us)
{
	made_time(f->request, cpu_us * FOUND_US, 0, blocked_us * FOUND_US);
}

size_t found_finish(struct found *f)
{
	analysis_finish(f->analysis);
	return f->analysis->finding_count;
}

const struct finding *found_kind(const struct found *f, const char *kind)
{
	for (size_t i = 0; i < f->analysis->finding_count; i++)
		if (!strcmp(f->analysis->findings[i]->kind, kind))
			return f->analysis->findings[i];
	return NULL;
}

static void say(const struct found *f)
{
	for (size_t i = 0; i < f->analysis->finding_count; i++)
		fprintf(stderr, "# found %s in %s: %s\n", f->analysis->findings[i]->kind,
			f->analysis->findings[i]->endpoint->name,
			f->analysis->findings[i]->evidence);
}

const struct finding *found_only(struct found *f, const char *kind)
{
	if (found_finish(f) == 1 && found_kind(f, kind))
		return f->analysis->findings[0];
	fprintf(stderr, "# %s alone was to be found\n", kind);
	say(f);
	return NULL;
}

bool found_none(struct found *f)
{
	if (!found_finish(f))
		return true;
	say(f);
	return false;
}
