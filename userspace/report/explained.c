// SPDX-License-Identifier: GPL-2.0-only
/*
 * See explained.h. A line begins with the rule and what it has found; then come those that agreed,
 * those that took back what they had said, and of a call without a parent what each layer lacked.
 */
#include "userspace/report/explained.h"

#include <stdio.h>
#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/report/visible.h"

#define DECIMAL_UNITS (1ull << 32) /* goroutines are counted, contexts are addresses */

static void add_time(struct buf *out, uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_SECOND);
	struct tm tm;

	localtime_r(&seconds, &tm);
	buf_printf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (int)(ns / NS_PER_MS % 1000));
}

static void add_request(struct buf *out, const struct opinion *o)
{
	char name[EXPLANATION_NAME_MAX * 3];

	buf_printf(out, "%s of ",
		   o->name[0] ? visible(name, sizeof(name), bytes_of_string(o->name))
			      : "the request");
	add_time(out, o->start_ns);
}

/* Who made it: a number of the runtime's, where that moves between threads, else with its thread.
 */
static void add_unit(struct buf *out, const struct explanation *e)
{
	if (!e->unit_alone || !e->unit)
		buf_printf(out, "thread %u", e->tid);
	if (e->unit)
		buf_printf(out, e->unit < DECIMAL_UNITS ? "%s%s %llu" : "%s%s 0x%llx",
			   e->unit_alone ? "" : ", ", e->unit_alone ? "unit" : "context",
			   (unsigned long long)e->unit);
}

static const struct opinion *chosen_of(const struct explanation *e)
{
	for (size_t i = 0; e->call && i < e->count; i++)
		if (e->opinions[i].stance == STANCE_CHOSEN)
			return &e->opinions[i];
	return NULL;
}

static void add_opinion(struct buf *out, const struct opinion *o, bool silent_too)
{
	switch (o->stance) {
	case STANCE_SILENT:
		if (silent_too && o->why)
			buf_printf(out, "\n%s: %s", o->layer, o->why);
		return;
	case STANCE_CHOSEN:
		return;
	case STANCE_AGREED:
		buf_printf(out, "; %s agrees", o->layer);
		return;
	case STANCE_CONFLICT:
		buf_printf(out, "\n%s says ", o->layer);
		break;
	case STANCE_WITHDRAWN:
		buf_printf(out, "\n%s took back ", o->layer);
		break;
	case STANCE_REFUSED:
		buf_printf(out, "\n%s cannot be right with ", o->layer);
		break;
	}
	add_request(out, o);
	if (o->why && o->why[0])
		buf_printf(out, ": %s", o->why);
}

static void call_text(struct buf *out, const struct span *s)
{
	const struct explanation *e = s->explanation;
	const struct opinion *chosen = chosen_of(e);

	buf_printf(out, "%s: ", chosen ? chosen->layer : parent_rule_name(s->rule));
	add_unit(out, e);
	buf_printf(out, ", %u open request%s", e->open_requests, e->open_requests == 1 ? "" : "s");
	if (chosen && chosen->why)
		buf_printf(out, "; %s", chosen->why);
	if (e->header)
		buf_printf(out, "; %s", e->header);
	if (e->held_until_ns) {
		buf_add_text(out, "; held until ");
		add_time(out, e->held_until_ns);
		buf_add_text(out, ", nobody claimed it");
	}
	if (e->why)
		buf_printf(out, "%s%s", e->held_until_ns && !e->header ? ": " : "; ", e->why);
	for (size_t i = 0; i < e->count; i++)
		add_opinion(out, &e->opinions[i], !chosen);
}

void explained_text(struct buf *out, const struct span *s)
{
	const struct explanation *e = s->explanation;

	if (!e)
		return;
	if (e->call) {
		call_text(out, s);
		return;
	}
	buf_printf(out, "%s: %s%s%s", parent_rule_name(s->rule), e->header ? e->header : "",
		   e->header && e->why ? ": " : "", e->why ? e->why : "");
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void opinion_json(struct json *j, const struct opinion *o)
{
	json_object(j);
	json_member_text(j, "layer", o->layer);
	json_member_text(j, "says", stance_name(o->stance));
	if (o->why && o->why[0])
		json_member_text(j, "why", o->why);
	if (o->start_ns) {
		json_key(j, "request");
		json_object(j);
		json_key(j, "span_id");
		json_hex(j, o->span_id, sizeof(o->span_id));
		json_member_text(j, "name", o->name);
		json_member_uint(j, "start_ns", o->start_ns);
		json_object_end(j);
	}
	json_object_end(j);
}

static void call_json(struct json *j, const struct explanation *e)
{
	char unit[32];

	json_member_uint(j, "thread", e->tid);
	if (e->unit) {
		snprintf(unit, sizeof(unit), e->unit < DECIMAL_UNITS ? "%llu" : "0x%llx",
			 (unsigned long long)e->unit);
		json_member_text(j, "unit", unit);
	}
	json_member_uint(j, "open_requests", e->open_requests);
	if (e->held_until_ns)
		json_member_uint(j, "held_until_ns", e->held_until_ns);
	json_key(j, "layers");
	json_array(j);
	for (size_t i = 0; i < e->count; i++)
		opinion_json(j, &e->opinions[i]);
	json_array_end(j);
}

void explained_json(struct json *j, const struct span *s)
{
	const struct explanation *e = s->explanation;

	if (!e)
		return;
	json_key(j, "explain");
	json_object(j);
	if (e->why)
		json_member_text(j, "why", e->why);
	if (e->header)
		json_member_text(j, "header", e->header);
	if (e->call)
		call_json(j, e);
	json_object_end(j);
}

/* ---- folding -------------------------------------------------------------------------------- */

static bool opinions_alike(const struct opinion *a, const struct opinion *b)
{
	return a->stance == b->stance && a->why == b->why &&
	       !memcmp(a->span_id, b->span_id, sizeof(a->span_id));
}

bool explained_alike(const struct span *a, const struct span *b)
{
	const struct explanation *one = a->explanation, *two = b->explanation;

	if (!one || !two)
		return one == two;
	if (a->rule != b->rule || one->why != two->why || one->header != two->header ||
	    one->tid != two->tid || one->unit != two->unit ||
	    one->open_requests != two->open_requests || one->count != two->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (!opinions_alike(&one->opinions[i], &two->opinions[i]))
			return false;
	return true;
}
