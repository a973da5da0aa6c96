// SPDX-License-Identifier: GPL-2.0-only
/* See reading.h. */
#include "userspace/command/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"

#define FIRST_AFTER_NS (500 * NS_PER_MS) /* small files are done by then */
#define TELL_EVERY_NS (200 * NS_PER_MS)

int reading_open(struct reading *r, const struct option_list *files, const char *verb, bool quiet,
		 struct error *error)
{
	*r = (struct reading){ .verb = verb, .tell = !quiet && isatty(STDERR_FILENO) };
	if (!files->count)
		return error_set(
			error, -EINVAL,
			"which recording? give one file or more, as record -o writes them");
	if (files->count == OPTION_LIST_MAX)
		return error_set(error, -EINVAL, "at most %d files at once", OPTION_LIST_MAX - 1);
	r->recordings = recordings_open(files->items, files->count, error);
	if (!r->recordings)
		return error_set(error, -EINVAL, "cannot be read");
	recordings_summary(r->recordings, &r->summary);
	for (size_t i = 0; i < recordings_count(r->recordings); i++) {
		const struct recording_info *info = recordings_info(r->recordings, i);

		if (info->start_ns && (!r->start_ns || info->start_ns < r->start_ns))
			r->start_ns = info->start_ns;
	}
	r->told_ns = clock_now_ns() + FIRST_AFTER_NS - TELL_EVERY_NS;
	return 0;
}

void reading_hush(struct reading *r)
{
	if (r->shown)
		fputs("\r\033[K", stderr);
	r->shown = false;
}

static void tell(struct reading *r)
{
	uint64_t now_ns = clock_now_ns(), all = r->summary.spans;

	if (!r->tell || now_ns < r->told_ns + TELL_EVERY_NS)
		return;
	r->told_ns = now_ns;
	r->shown = true;
	/* A recording that is still being written has more than it said. */
	if (all >= r->spans && all)
		fprintf(stderr, "\r\033[K%s %" PRIu64 " of %" PRIu64 " spans (%" PRIu64 "%%)",
			r->verb, r->spans, all, r->spans * 100 / all);
	else
		fprintf(stderr, "\r\033[K%s %" PRIu64 " spans", r->verb, r->spans);
	fflush(stderr);
}

bool reading_next(struct reading *r, struct trace *out)
{
	tell(r);
	if (!recordings_next(r->recordings, out, &r->ref))
		return false;
	r->spans += out->count;
	return true;
}

bool reading_damaged(struct reading *r)
{
	bool any = false;

	reading_hush(r);
	for (size_t i = 0; i < recordings_count(r->recordings); i++) {
		const struct recording_info *info = recordings_info(r->recordings, i);

		if (!info->damage[0])
			continue;
		log_warn("%s: %s", info->path, info->damage);
		any = true;
	}
	return any;
}

void reading_close(struct reading *r)
{
	reading_hush(r);
	recordings_close(r->recordings);
	r->recordings = NULL;
}
