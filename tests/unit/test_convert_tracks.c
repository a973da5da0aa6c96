// SPDX-License-Identifier: GPL-2.0-only
/* userspace/report/convert_tracks.c: whatever the spans, those on one track are nested or apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/lib/failing.h"
#include "userspace/base/memory.h"
#include "userspace/report/convert_tracks.h"

#define SPANS_MAX 4096

struct drawn {
	uint32_t pid, tid;
	uint64_t start, end;
};

struct fixture {
	struct tracks *tracks;
	struct resource *resource;
	struct span *spans[64]; /* of the trace being made */
	size_t count;
	struct drawn drawn[SPANS_MAX];
	size_t drawn_count;
	size_t processes, lanes, alone;
};

static void on_process(void *context, uint32_t pid, const struct span *s)
{
	struct fixture *f = context;

	(void)s;
	assert_int_equal(pid, ++f->processes);
}

static void on_track(void *context, uint32_t pid, uint32_t tid, uint32_t lane, const struct span *s)
{
	struct fixture *f = context;

	assert_true(pid && tid && s);
	assert_true(lane < TRACKS_LANES_MAX);
	f->lanes++;
}

static int setup(void **state)
{
	struct fixture *f = memory_new(sizeof(*f));
	struct tracks_options options = { on_process, on_track, f };

	*state = f;
	f->resource = resource_new();
	f->resource->pid = 412;
	f->tracks = tracks_new(&options);
	for (size_t i = 0; i < 64; i++) {
		f->spans[i] = span_new();
		f->spans[i]->resource = resource_hold(f->resource);
		f->spans[i]->span_id[0] = (uint8_t)(i + 1);
	}
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tracks_free(f->tracks);
	for (size_t i = 0; i < 64; i++)
		span_free(f->spans[i]);
	resource_drop(f->resource);
	memory_free(f);
	return 0;
}

/* The next span of the trace; parent: its number in the trace, from 1; 0: none. */
static void add(struct fixture *f, uint32_t tid, uint64_t start, uint64_t end, size_t parent)
{
	struct span *s = f->spans[f->count++];

	s->tid = tid;
	s->start_ns = start;
	s->end_ns = end;
	s->has_parent = parent != 0;
	s->parent_span_id[0] = (uint8_t)parent;
}

/* Places the trace; returns its spans' places. */
static const struct placed *place(struct fixture *f)
{
	struct trace trace = { (const struct span *const *)f->spans, f->count };
	const struct placed *placed = tracks_place(f->tracks, &trace);

	assert_non_null(placed);
	for (size_t i = 0; i < f->count; i++) {
		assert_ptr_equal(placed[i].span, f->spans[i]);
		if (!placed[i].tid) {
			f->alone++;
			continue;
		}
		assert_true(f->drawn_count < SPANS_MAX);
		f->drawn[f->drawn_count++] =
			(struct drawn){ placed[i].pid, placed[i].tid, placed[i].span->start_ns,
					placed[i].end_ns };
	}
	f->count = 0;
	return placed;
}

static void assert_nested(const struct fixture *f)
{
	for (size_t i = 0; i < f->drawn_count; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct drawn *a = &f->drawn[i], *b = &f->drawn[j];
			bool apart = a->end <= b->start || b->end <= a->start;
			bool inside = (a->start >= b->start && a->end <= b->end) ||
				      (b->start >= a->start && b->end <= a->end);

			if (a->pid == b->pid && a->tid == b->tid)
				assert_true(apart || inside);
		}
	}
}

static void test_request(void **state)
{
	struct fixture *f = *state;
	const struct placed *p;

	add(f, 1, 100, 200, 0);
	add(f, 1, 110, 120, 1);
	add(f, 1, 120, 200, 1);
	add(f, 1, 130, 130, 3);
	p = place(f);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(p[i].tid, p[0].tid);
	assert_ptr_equal(p[1].parent, &p[0]);
	assert_ptr_equal(p[3].parent, &p[2]);
	assert_null(p[0].parent);
	/* The next one begins where it ended. */
	add(f, 1, 200, 300, 0);
	assert_int_equal(place(f)[0].tid, 1);
	assert_int_equal(f->lanes, 1);
}

/* Calls that overlap, one that outlives its request, and what is below them. */
static void test_overlap(void **state)
{
	struct fixture *f = *state;
	const struct placed *p;

	add(f, 1, 100, 200, 0);
	add(f, 1, 110, 150, 1);
	add(f, 1, 120, 160, 1);
	add(f, 1, 125, 140, 3);
	add(f, 1, 190, 230, 1);
	p = place(f);
	assert_int_equal(p[1].tid, p[0].tid);
	assert_int_not_equal(p[2].tid, p[0].tid);
	assert_int_equal(p[3].tid, p[2].tid);
	assert_int_not_equal(p[4].tid, p[0].tid);
	assert_nested(f);
	/* A long one that ended later though it began before. */
	add(f, 1, 50, 400, 0);
	place(f);
	assert_nested(f);
	assert_int_equal(f->alone, 0);
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct resource *other = resource_new();
	const struct placed *p;

	add(f, 1, 100, 200, 0);
	add(f, 2, 100, 200, 1);
	p = place(f);
	assert_int_equal(p[0].pid, p[1].pid);
	assert_int_not_equal(p[0].tid, p[1].tid);
	/* The same number on another host. */
	other->pid = 412;
	attributes_text(&other->attributes, "host.name", "elsewhere");
	resource_drop(f->spans[0]->resource);
	f->spans[0]->resource = other;
	add(f, 1, 100, 200, 0);
	p = place(f);
	assert_int_equal(p[0].pid, 2);
	assert_int_equal(f->processes, 2);
}

/* Too many at once for tracks, ends before starts, parents that are themselves or nowhere. */
static void test_odd(void **state)
{
	struct fixture *f = *state;
	const struct placed *p;

	for (uint64_t i = 0; i < TRACKS_LANES_MAX + 3; i++) {
		add(f, 1, 100 + i, 1000 + i, 0);
		place(f);
	}
	assert_int_equal(f->lanes, TRACKS_LANES_MAX);
	assert_int_equal(f->alone, 3);
	assert_nested(f);
	add(f, 1, 5000, 4000, 1);
	add(f, 1, 5000, 5000, 60);
	p = place(f);
	assert_int_equal(p[0].end_ns, 5000);
	assert_null(p[0].parent);
	assert_null(p[1].parent);
	/* Nothing at all. */
	f->count = 0;
	tracks_place(f->tracks, &(struct trace){ NULL, 0 });
}

static void test_random(void **state)
{
	struct fixture *f = *state;
	uint64_t now = 1000;

	srand(7);
	for (int t = 0; t < 100; t++) {
		size_t count = (size_t)rand() % 30 + 1;
		uint64_t begin = now > 300 ? now - (uint64_t)(rand() % 300) : 0;

		now += (uint64_t)(rand() % 100);
		for (size_t i = 0; i < count; i++) {
			uint64_t start = begin + (uint64_t)(rand() % 400);

			add(f, (uint32_t)(rand() % 3), start, start + (uint64_t)(rand() % 100), i);
		}
		place(f);
	}
	assert_nested(f);
	assert_true(f->drawn_count > 1000);
}

static void place_without_memory(void *context)
{
	struct fixture *f = context;
	struct tracks_options options = { on_process, on_track, f };
	struct tracks *t = tracks_new(&options);
	struct trace trace = { (const struct span *const *)f->spans, 20 };

	f->processes = 0;
	if (t)
		tracks_place(t, &trace);
	tracks_free(t);
}

static void test_memory(void **state)
{
	assert_int_not_equal(failing_loop(place_without_memory, *state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
