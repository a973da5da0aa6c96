// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays a case in every way its bytes can be cut. All bytes end at a guard page in all of them.
 *
 *   whole      each step at once: its exchanges are the expected ones
 *   unsided    whole, but nobody says which end is the server: identical (not for midway cases)
 *   bytes      each step byte by byte: identical
 *   split      one step in two, at each offset; the second half is a transfer of its own unless the
 *              case is midway (then a start of a transfer is where decoders find their place):
 * identical cut        nothing after each offset; `closed`: and both directions end there gap a few
 * bytes lost at each offset head       of each step only the first N bytes and a few of the last
 * (what the kernel copies) no memory  the i-th allocation and all later ones fail, for all i: no
 * crash, no leak
 *
 * After damage: what had ended before it is identical. Nothing is invented: an exchange without an
 * `incomplete` flag has one of its own among those of the whole run, with the same name, outcome,
 * byte counts and steps (closed, head: the same name, since an end or a lost length may shorten a
 * body). Values (protocol/values.h) are the same however the bytes are cut, and never invented.
 */
#include "tests/lib/replay.h"

#include <stdlib.h>

#include "tests/lib/failing.h"
#include "tests/lib/guard.h"

#define NEVER SIZE_MAX
#define LONG_REQUEST (16 * 1024) /* decoders need not wait for the rest of such a one */
#define TAIL 8                   /* bytes of a step's end kept by `head` */
#define BUDGET (4u << 20)        /* bytes fed per way and case: longer cases skip offsets */

/* What to do to the bytes. Offsets count the case's own bytes, from its first step on. */
struct way {
	const char *name;
	size_t split, cut, gap; /* offsets, or NEVER */
	size_t lost;            /* bytes lost at gap */
	size_t head;            /* bytes kept of each step, or NEVER */
	bool closed, bytes, unsided;
};

struct record {
	struct replay_line line; /* in run.lines */
	size_t step;             /* it ended there; after the last step: one more */
	uint32_t incomplete;
	uint64_t values;   /* see exchange_values() */
	uint64_t absorbed; /* the same, whatever is incomplete */
	uint64_t request_bytes;
	bool taken; /* a damaged run had this one */
};

struct run {
	const struct replay_case *c;
	struct connection *connection;
	struct guard *guard;
	struct mark mark;
	size_t damaged; /* the first damaged step; NEVER */
	struct buf lines, records;
	struct attributes attributes;
	const char *fault; /* the engine broke its contract */
};

static void on_begin(void *context, struct connection *connection, struct exchange *x)
{
	struct run *r = context;

	(void)connection;
	x->user = r;
}

static void on_end(void *context, struct connection *connection, struct exchange *x)
{
	struct run *r = context;
	struct description d = { .attributes = &r->attributes };
	struct record record = {
		.step = r->mark.time_ns,
		.incomplete = x->incomplete,
		.values = exchange_values(x),
		.absorbed = x->values,
		.request_bytes = x->request_bytes,
	};

	if (x->user != r)
		r->fault = "an exchange ended that never began";
	x->user = NULL;
	connection_describe(connection, x, &d);
	record.line = replay_line(&r->lines, x, &d);
	buf_add_byte(&r->lines, '\n');
	buf_add(&r->records, &record, sizeof(record));
	if (!x->answered && !(x->incomplete & INCOMPLETE_UNANSWERED))
		r->fault = "an unanswered exchange does not say so";
	if (x->incomplete & INCOMPLETE_TRUNCATED && record.values)
		r->fault = "the values of a truncated exchange are known";
}

static void on_discard(void *context, struct connection *connection, struct exchange *x)
{
	struct run *r = context;

	(void)connection;
	if (x->user != r)
		r->fault = "an exchange was discarded that never began";
	x->user = NULL;
}

static const struct connection_observer observer = { .begin = on_begin,
						     .end = on_end,
						     .discard = on_discard };

static void give(struct run *r, const struct replay_step *s, size_t from, size_t to, bool fresh)
{
	bool client = r->c->side == SIDE_CLIENT;
	struct bytes piece = bytes_part(buf_bytes(&r->c->bytes), s->at + from, to - from);

	if (from < to)
		connection_data(r->connection, (s->flow == TO_SERVER) == client, /* OUT or IN */
				guard_put(r->guard, piece), fresh, &r->mark);
}

static void lose(struct run *r, const struct replay_step *s, uint64_t len)
{
	bool client = r->c->side == SIDE_CLIENT;

	if (len)
		connection_gap(r->connection, (s->flow == TO_SERVER) == client, len, &r->mark);
}

static void damage(struct run *r)
{
	if (r->damaged == NEVER)
		r->damaged = r->mark.time_ns;
}

/* Where offset is inside a step that has something before and after it, or NEVER. */
static size_t inside(const struct replay_step *s, size_t offset)
{
	return offset > s->at && offset < s->at + s->len ? offset - s->at : NEVER;
}

/* One step of bytes, as the way w wants it. False: nothing follows. */
static bool play_data(struct run *r, const struct replay_step *s, const struct way *w)
{
	size_t split = inside(s, w->split), lost;

	if (w->cut < s->at + s->len) {
		damage(r);
		give(r, s, 0, w->cut - s->at, true);
		return false;
	}
	if (w->gap >= s->at && w->gap < s->at + s->len) {
		damage(r);
		split = w->gap - s->at;
		lost = w->lost < s->len - split ? w->lost : s->len - split;
		give(r, s, 0, split, true);
		lose(r, s, lost);
		give(r, s, split + lost, s->len, split == 0);
	} else if (w->head != NEVER && s->len > w->head + TAIL) {
		damage(r);
		give(r, s, 0, w->head, true);
		lose(r, s, s->len - w->head - TAIL);
		give(r, s, s->len - TAIL, s->len, false);
	} else if (split != NEVER) {
		give(r, s, 0, split, true);
		give(r, s, split, s->len, !r->c->midway);
	} else {
		for (size_t i = 0; w->bytes && i + 1 < s->len; i++)
			give(r, s, i, i + 1, i == 0);
		give(r, s, w->bytes ? s->len - 1 : 0, s->len, !w->bytes || s->len == 1);
	}
	return true;
}

static void play_steps(struct run *r, const struct way *w)
{
	bool client = r->c->side == SIDE_CLIENT, more = true;

	for (size_t i = 0; more && i < replay_steps(r->c); i++) {
		const struct replay_step *s = replay_step(r->c, i);

		r->mark.time_ns = i + 1;
		if (s->kind == REPLAY_LOST)
			lose(r, s, s->len);
		else if (s->kind == REPLAY_END)
			connection_end(r->connection, (s->flow == TO_SERVER) == client, &r->mark);
		else if (s->len)
			more = play_data(r, s, w);
	}
	if (w->closed) {
		connection_end(r->connection, DIRECTION_IN, &r->mark);
		connection_end(r->connection, DIRECTION_OUT, &r->mark);
	}
}

/* The whole life of one connection. r is ready to be played again afterwards. */
static void play(struct run *r, const struct way *w)
{
	struct connection_options options = {
		.observer = &observer,
		.context = r,
		.side = w->unsided ? SIDE_UNKNOWN : r->c->side,
		.midway = r->c->midway,
	};
	const struct protocol *protocol;

	buf_reset(&r->lines);
	buf_reset(&r->records);
	r->mark = (struct mark){ 0 };
	r->damaged = NEVER;
	r->fault = NULL;
	r->connection = connection_new(&options);
	if (!r->connection)
		return;
	play_steps(r, w);
	protocol = connection_protocol(r->connection);
	if (r->damaged == NEVER && strcmp(protocol ? protocol->name : "none", r->c->protocol))
		r->fault = "detected as another protocol";
	r->mark.time_ns++;
	connection_free(r->connection, &r->mark);
	r->connection = NULL;
}

static struct bytes line_part(const struct run *r, const struct record *record, size_t len)
{
	return bytes_part(buf_bytes(&r->lines), record->line.at, len);
}

static struct record *records(const struct run *r, size_t *count)
{
	*count = r->records.len / sizeof(struct record);
	return (struct record *)(void *)r->records.data;
}

/* Takes one of the whole run's exchanges that looks like record and is not taken yet. */
static bool take(const struct run *whole, const struct run *r, const struct record *record,
		 bool loose)
{
	size_t count;
	struct record *all = records(whole, &count);
	struct bytes line = line_part(r, record, loose ? record->line.name : record->line.core);

	for (size_t i = 0; i < count; i++) {
		size_t len = loose ? all[i].line.name : all[i].line.core;

		if (all[i].taken || !bytes_equal(line_part(whole, &all[i], len), line))
			continue;
		all[i].taken = true;
		return true;
	}
	return false;
}

static bool complain(struct buf *report, const char *what, struct bytes line)
{
	buf_printf(report, "%s:\n  ", what);
	buf_add_bytes(report, line);
	return false;
}

/* Whatever happened to the bytes: values that are known are those of some exchange of the whole
 * run. */
static bool check_values(const struct run *whole, const struct run *r, struct buf *report)
{
	size_t count, whole_count, at;
	struct record *list = records(r, &count), *all = records(whole, &whole_count);

	for (size_t i = 0; i < count; i++) {
		for (at = 0; at < whole_count && all[at].absorbed != list[i].values;)
			at++;
		if (list[i].values && at == whole_count)
			return complain(report, "invented values",
					line_part(r, &list[i], list[i].line.len));
	}
	return true;
}

/* Not damaged: how the bytes were cut makes no difference to values, but for long requests. */
static bool check_same_values(const struct run *whole, const struct run *r, struct buf *report)
{
	size_t count, whole_count;
	struct record *list = records(r, &count), *all = records(whole, &whole_count);

	for (size_t i = 0; i < count && i < whole_count; i++)
		if (list[i].values != all[i].values &&
		    (list[i].values || all[i].request_bytes < LONG_REQUEST))
			return complain(report, "values differ",
					line_part(r, &list[i], list[i].line.len));
	return true;
}

/* r is a run of the same case with damage done from step r->damaged on. */
static bool check_damaged(const struct run *whole, const struct run *r, bool loose,
			  struct buf *report)
{
	size_t count, whole_count, i;
	struct record *list = records(r, &count), *all = records(whole, &whole_count);

	for (i = 0; i < whole_count; i++)
		all[i].taken = false;
	for (i = 0; i < whole_count && all[i].step < r->damaged; i++) {
		struct bytes want = line_part(whole, &all[i], all[i].line.len);

		if (i >= count)
			return complain(report, "lost an exchange that ended before the damage",
					want);
		if (!bytes_equal(want, line_part(r, &list[i], list[i].line.len)))
			return complain(report, "changed an exchange that ended before the damage",
					want);
		all[i].taken = true;
	}
	for (; i < count; i++)
		if (!list[i].incomplete && !take(whole, r, &list[i], loose))
			return complain(report, "invented",
					line_part(r, &list[i], list[i].line.len));
	return true;
}

/* Both are lines; adds the first that differs to report. */
static bool check_same(struct bytes want, struct bytes got, struct buf *report)
{
	size_t at = 0, start;

	if (bytes_equal(want, got))
		return true;
	while (at < want.len && at < got.len && want.data[at] == got.data[at])
		at++;
	for (start = at; start && got.data[start - 1] != '\n';)
		start--;
	buf_add_text(report, "exchanges differ\n  expected: ");
	buf_add_bytes(report, bytes_part(want, start, bytes_find(want, '\n', start) - start));
	buf_add_text(report, "\n  got:      ");
	buf_add_bytes(report, bytes_part(got, start, bytes_find(got, '\n', start) - start));
	return false;
}

static void init(struct run *r, const struct replay_case *c, struct guard *guard)
{
	*r = (struct run){ .c = c, .guard = guard };
	buf_init(&r->lines, 16 * REPLAY_CASE_MAX);
	buf_init(&r->records, 16 * REPLAY_CASE_MAX);
	attributes_init(&r->attributes);
}

static void release(struct run *r)
{
	buf_release(&r->lines);
	buf_release(&r->records);
	attributes_release(&r->attributes);
}

static const struct way plain = {
	.name = "whole", .split = NEVER, .cut = NEVER, .gap = NEVER, .head = NEVER
};

/* Plays w and compares with the whole run; `at` is only said in the report. */
static bool check_way(const struct run *whole, struct run *r, const struct way *w, size_t at,
		      struct buf *report)
{
	size_t before = report->len;
	bool fine;

	play(r, w);
	buf_printf(report, "%s %zu: ", w->name, at);
	if (r->fault)
		fine = complain(report, r->fault, bytes_of_string(""));
	else if (r->damaged == NEVER)
		fine = check_same(buf_bytes(&whole->lines), buf_bytes(&r->lines), report) &&
		       check_same_values(whole, r, report);
	else
		fine = check_damaged(whole, r, w->closed || w->head != NEVER, report) &&
		       check_values(whole, r, report);
	if (fine)
		report->len = before;
	return fine;
}

/* The ways that have one run per offset. */
static bool check_offset(const struct run *whole, struct run *r, size_t at, struct buf *report)
{
	struct way split = plain, cut = plain, closed = plain, gap = plain, wide = plain;

	split.name = "split at offset";
	split.split = at;
	cut.name = "cut at offset";
	cut.cut = at;
	closed = cut;
	closed.name = "closed at offset";
	closed.closed = true;
	gap.name = "gap of 1 at offset";
	gap.gap = at;
	gap.lost = 1;
	wide = gap;
	wide.name = "gap of 5 at offset";
	wide.lost = 5;
	return check_way(whole, r, &split, at, report) && check_way(whole, r, &cut, at, report) &&
	       check_way(whole, r, &closed, at, report) && check_way(whole, r, &gap, at, report) &&
	       check_way(whole, r, &wide, at, report);
}

static void play_without_memory(void *context)
{
	play(context, &plain);
}

static bool check_ways(const struct run *whole, struct run *r, struct buf *report)
{
	static const size_t heads[] = { 16, 64, 256, 1024 };
	size_t len = whole->c->bytes.len, runs = len ? BUDGET / len : 1;
	size_t stride = getenv("REPLAY_ALL") || runs >= len ? 1 : len / (runs + 1) + 1;
	struct way bytes = plain, unsided = plain, head = plain;

	bytes.name = "byte by byte";
	bytes.bytes = true;
	unsided.name = "side unknown";
	unsided.unsided = true;
	head.name = "head of";
	if (!check_way(whole, r, &bytes, 1, report) ||
	    (!whole->c->midway && !check_way(whole, r, &unsided, 0, report)))
		return false;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		head.head = heads[i];
		if (!check_way(whole, r, &head, heads[i], report))
			return false;
	}
	for (size_t at = 0; at < len; at += stride)
		if (!check_offset(whole, r, at, report))
			return false;
	if (!failing_loop(play_without_memory, r)) {
		buf_add_text(report, "no memory: never ends");
		return false;
	}
	return true;
}

/* guard and whole are the caller's to release; whole has been played. */
static bool play_whole(const struct replay_case *c, struct run *whole, struct guard *guard,
		       struct buf *report)
{
	init(whole, c, guard);
	if (guard_init(guard, c->bytes.len + 1)) {
		buf_add_text(report, "no guard page");
		return false;
	}
	play(whole, &plain);
	if (whole->fault)
		return complain(report, whole->fault, buf_bytes(&whole->lines));
	return true;
}

bool replay_check(const struct replay_case *c, struct buf *report)
{
	struct guard guard = { 0 };
	struct run whole, other;
	bool fine;

	init(&other, c, &guard);
	fine = play_whole(c, &whole, &guard, report) &&
	       check_same(buf_bytes(&c->expected), buf_bytes(&whole.lines), report) &&
	       check_ways(&whole, &other, report);
	release(&whole);
	release(&other);
	guard_release(&guard);
	return fine;
}

bool replay_rewrite(const struct replay_case *c, struct buf *out, struct buf *report)
{
	struct guard guard = { 0 };
	struct run whole;
	bool fine = play_whole(c, &whole, &guard, report);
	struct bytes lines = buf_bytes(&whole.lines), source = buf_bytes(&c->source);

	while (source.len > 1 && source.data[source.len - 2] == '\n')
		source.len--;
	buf_add_bytes(out, source);
	if (lines.len)
		buf_add_byte(out, '\n');
	for (size_t at = 0, end; at < lines.len; at = end + 1) {
		end = bytes_find(lines, '\n', at);
		buf_add_text(out, "= ");
		buf_add_bytes(out, bytes_part(lines, at, end + 1 - at));
	}
	release(&whole);
	guard_release(&guard);
	return fine && !out->full;
}
