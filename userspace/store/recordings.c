// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several recordings read as one: each file's next trace is at hand, the one that ended first is
 * given. Traces that lie in parts are given whole when the first part's turn comes.
 */
#include <errno.h>
#include <sys/stat.h>

#include "userspace/base/memory.h"
#include "userspace/store/file.h"
#include "userspace/store/join.h"
#include "userspace/store/order.h"
#include "userspace/store/recording.h"
#include "userspace/store/totals.h"

#define FILES_MAX 1024
#define REF_FILE_SHIFT 48

/* What a file gives next. */
struct front {
	struct span_pool spans;
	struct file_trace trace;
	uint64_t end_ns;
	bool ready, used;
};

struct recordings {
	struct file *files;
	struct front *fronts;
	size_t count;
	struct names names;
	struct join join;
	bool joined;
	struct span_pool whole, got; /* a trace of several parts; the one of recordings_get() */
};

static bool given_twice(const char *const *paths, size_t count, size_t at)
{
	struct stat a, b;

	if (stat(paths[at], &a))
		return false;
	for (size_t i = 0; i < at && i < count; i++)
		if (!stat(paths[i], &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return true;
	return false;
}

struct recordings *recordings_open(const char *const *paths, size_t count, struct error *error)
{
	struct recordings *r;
	int err = 0;

	if (!count || count > FILES_MAX) {
		error_set(error, -EINVAL, "1 to %d recordings can be read at once, not %zu",
			  FILES_MAX, count);
		return NULL;
	}
	r = memory_new(sizeof(*r));
	if (!r) {
		error_set(error, -ENOMEM, "%s: out of memory", paths[0]);
		return NULL;
	}
	names_init(&r->names);
	span_pool_init(&r->whole);
	span_pool_init(&r->got);
	r->files = memory_array(count, sizeof(*r->files));
	r->fronts = memory_array(count, sizeof(*r->fronts));
	if (!r->files || !r->fronts)
		err = error_set(error, -ENOMEM, "%s: out of memory", paths[0]);
	for (size_t i = 0; !err && i < count; i++) {
		if (given_twice(paths, count, i))
			err = error_set(error, -EINVAL, "%s: is given twice", paths[i]);
		else
			err = file_open(&r->files[r->count++], paths[i], &r->names, error);
	}
	if (err) {
		recordings_close(r);
		return NULL;
	}
	return r;
}

void recordings_close(struct recordings *r)
{
	if (!r)
		return;
	span_pool_release(&r->whole);
	span_pool_release(&r->got);
	for (size_t i = 0; i < r->count; i++) {
		span_pool_release(&r->fronts[i].spans);
		file_release(&r->files[i]);
	}
	if (r->joined)
		join_release(&r->join);
	memory_free(r->files);
	memory_free(r->fronts);
	names_release(&r->names);
	memory_free(r);
}

size_t recordings_count(const struct recordings *r)
{
	return r->count;
}

const struct recording_info *recordings_info(const struct recordings *r, size_t file)
{
	return &r->files[file].info;
}

void recordings_summary(const struct recordings *r, struct summary *out)
{
	*out = (struct summary){ 0 };
	for (size_t i = 0; i < r->count; i++)
		totals_merge(out, &r->files[i].info.summary);
}

/* ---- traces --------------------------------------------------------------------------------- */

static void join(struct recordings *r)
{
	if (!r->joined)
		join_init(&r->join, r->files,
			  r->count); /* without memory: parts come as traces of their own */
	r->joined = true;
}

static uint64_t end_of(const struct span_pool *p)
{
	uint64_t end_ns = 0;

	for (size_t i = 0; i < p->count; i++)
		end_ns = p->spans[i]->end_ns > end_ns ? p->spans[i]->end_ns : end_ns;
	return end_ns;
}

static struct trace_parts *parts_of(const struct recordings *r, size_t file,
				    const struct file_trace *trace)
{
	return join_find(&r->join, trace->trace_id,
			 (struct trace_part){ (uint32_t)file, trace->row });
}

/* It went out as a part of a trace before. */
static bool given(const struct recordings *r, size_t file)
{
	const struct trace_parts *parts = parts_of(r, file, &r->fronts[file].trace);

	return parts && parts->given;
}

/* The file's next trace into its front; not ready at its end. */
static void advance(struct recordings *r, size_t i)
{
	struct front *front = &r->fronts[i];

	front->ready = front->used = false;
	while (file_next(&r->files[i], &front->trace)) {
		span_pool_reset(&front->spans);
		if (given(r, i) || !file_spans(&r->files[i], &r->files[i].next_spans, &front->trace,
					       &front->spans))
			continue;
		front->end_ns = end_of(&front->spans);
		front->ready = true;
		return;
	}
}

/* Clocks that jumped back leave spans that end before they begin: told, and read as they are. */
static void give(struct span_pool *p, struct trace *out)
{
	*out = (struct trace){ (const struct span *const *)p->spans, p->count };
}

/* All parts of a trace, in order. False when none could be read. */
static bool collect(struct recordings *r, const struct trace_parts *parts, struct span_pool *out)
{
	struct file_trace trace;

	span_pool_reset(out);
	for (size_t i = 0; i < parts->count; i++) {
		struct file *f = &r->files[parts->parts[i].file];

		if (file_find(f, parts->parts[i].row, &trace))
			file_spans(f, &f->get_spans, &trace, out);
	}
	order_spans(out->spans, &out->count);
	return out->count;
}

static trace_ref ref_of(size_t file, int64_t row)
{
	return (uint64_t)(file + 1) << REF_FILE_SHIFT | (uint64_t)row;
}

bool recordings_next(struct recordings *r, struct trace *out, trace_ref *ref)
{
	size_t first = r->count;
	struct trace_parts *parts;

	join(r);
	for (size_t i = 0; i < r->count; i++) {
		struct front *front = &r->fronts[i];

		if (!front->ready || front->used || given(r, i))
			advance(r, i);
		if (front->ready && (first == r->count || front->end_ns < r->fronts[first].end_ns))
			first = i;
	}
	if (first == r->count)
		return false;
	r->fronts[first].used = true;
	*ref = ref_of(first, r->fronts[first].trace.row);
	parts = parts_of(r, first, &r->fronts[first].trace);
	if (parts)
		parts->given = true;
	if (parts && parts->count > 1 && collect(r, parts, &r->whole))
		give(&r->whole, out);
	else
		give(&r->fronts[first].spans, out);
	return true;
}

void recordings_rewind(struct recordings *r)
{
	for (size_t i = 0; i < r->count; i++) {
		file_rewind(&r->files[i]);
		r->fronts[i].ready = false;
	}
	if (r->joined)
		join_rewind(&r->join);
}

bool recordings_get(struct recordings *r, trace_ref ref, struct trace *out)
{
	size_t file = (size_t)(ref >> REF_FILE_SHIFT) - 1;
	const struct trace_parts *parts;
	struct file_trace trace;

	if (!(ref >> REF_FILE_SHIFT) || file >= r->count)
		return false;
	join(r);
	if (!file_find(&r->files[file], (int64_t)(ref & FILE_ROW_MAX), &trace))
		return false;
	parts = parts_of(r, file, &trace);
	span_pool_reset(&r->got);
	if (parts ? !collect(r, parts, &r->got)
		  : !file_spans(&r->files[file], &r->files[file].get_spans, &trace, &r->got))
		return false;
	give(&r->got, out);
	return true;
}
