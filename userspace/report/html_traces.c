// SPDX-License-Identifier: GPL-2.0-only
/* See html_traces.h. */
#include "userspace/report/html_traces.h"

#include <stdio.h>

#include "userspace/report/html_trace.h"
#include "userspace/store/recording.h"

#define NOT_THERE ((uintptr_t)-1) /* looked at, and not in the page */

void html_traces_init(struct html_traces *t)
{
	*t = (struct html_traces){ 0 };
	map_init(&t->block, sizeof(uint64_t), (size_t)ANALYSIS_ENDPOINTS_MAX * ANALYSIS_SLOWEST);
}

void html_traces_release(struct html_traces *t)
{
	map_release(&t->block);
}

/* True when it is in the page now. */
static bool write_one(struct html_traces *t, struct html_page *page, struct recordings *r,
		      uint64_t ref, uint64_t bytes_max)
{
	struct trace trace;
	struct buf buf;
	char id[32];
	bool good;

	if (t->bytes >= bytes_max) {
		t->left_out++;
		return false;
	}
	if (!recordings_get(r, ref, &trace)) {
		t->unreadable++;
		return false;
	}
	buf_init(&buf, bytes_max - t->bytes);
	good = html_trace(&buf, &trace);
	if (good) {
		snprintf(id, sizeof(id), "trace-%llu", (unsigned long long)t->count++);
		html_page_data(page, id, buf_bytes(&buf));
		t->bytes += buf.len;
	} else {
		t->left_out++;
	}
	buf_release(&buf);
	return good;
}

void html_traces_write(struct html_traces *t, struct html_page *page, const struct analysis *a,
		       struct recordings *r, uint64_t bytes_max)
{
	for (size_t rank = 0; r && rank < ANALYSIS_SLOWEST; rank++) {
		for (size_t i = 0; i < a->endpoint_count; i++) {
			const struct endpoint *e = a->endpoints[i];
			uint64_t ref = rank < e->slowest_count ? e->slowest[rank].ref : 0;
			uintptr_t number = NOT_THERE;

			if (!ref || map_find(&t->block, &ref))
				continue;
			if (write_one(t, page, r, ref, bytes_max))
				number = t->count;
			map_set(&t->block, &ref,
				(void *)number); /* refused: written twice, no harm */
		}
	}
}

int64_t html_traces_find(const struct html_traces *t, const struct kept_trace *kept)
{
	uintptr_t number = kept->ref ? (uintptr_t)map_find(&t->block, &kept->ref) : 0;

	return number && number != NOT_THERE ? (int64_t)number - 1 : -1;
}
