// SPDX-License-Identifier: GPL-2.0-only
/* See find.h. */
#include "userspace/report/find.h"

#include <stdarg.h>
#include <stdio.h>

#include "userspace/report/duration.h"

void draft_init(struct draft *d, const struct conclusion *c, const char *kind, uint64_t cost_ns)
{
	d->text[0] = d->evidence[0] = '\0';
	d->finding = (struct finding){
		.kind = kind,
		.endpoint = c->endpoint,
		.text = d->text,
		.evidence = d->evidence,
		.share = c->total_ns ? (double)cost_ns / (double)c->total_ns : 0,
		.cost_ns = cost_ns / c->requests,
	};
	if (d->finding.share > 1)
		d->finding.share = 1;
}

void draft_call(struct draft *d, const struct conclusion *c, uint32_t kind)
{
	const struct query *query = c->kinds->items[kind].query;
	const struct endpoint *e = c->endpoint;

	snprintf(d->text, sizeof(d->text), "%s", query->text);
	for (size_t i = 0; i < e->call_count; i++) {
		const struct call_sum *call = e->call_list[i];

		if (call->query != query)
			continue;
		memcpy(d->finding.file, call->file, sizeof(d->finding.file));
		memcpy(d->finding.function, call->function, sizeof(d->finding.function));
		d->finding.line = call->line;
	}
}

void draft_evidence(struct draft *d, const char *format, ...)
{
	size_t at = strlen(d->evidence);
	va_list list;

	va_start(list, format);
	vsnprintf(d->evidence + at, sizeof(d->evidence) - at, format, list);
	va_end(list);
}

void draft_add(struct draft *d, const struct conclusion *c, const char *advice)
{
	char text[FINDING_SENTENCE_MAX];

	if (c->cut && d->finding.calls_per_request > 0)
		draft_evidence(d, "; only the first %d calls of a request are looked at",
			       OBSERVED_CALLS_MAX);
	snprintf(text, sizeof(text), "%s", advice);
	d->finding.advice = text;
	finding_add(c->out, &d->finding);
	d->finding.advice = NULL;
}

bool draft_worth(const struct draft *d, double share, uint64_t ns)
{
	return d->finding.share >= share || d->finding.cost_ns >= ns;
}

const char *find_time(char out[32], uint64_t ns)
{
	duration_text(out, 32, ns);
	return out;
}

const char *find_share(char out[16], double share)
{
	snprintf(out, 16, share < 0.0095 ? "%.1f%%" : "%.0f%%", 100 * share);
	return out;
}
