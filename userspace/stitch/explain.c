// SPDX-License-Identifier: GPL-2.0-only
/* See explain.h. */
#include "userspace/stitch/explain.h"

#include "userspace/stitch/stitch.h"
#include "userspace/stitch/trace.h"

static struct opinion *opinion_of(struct node *call, int layer)
{
	struct explanation *e = call->span->explanation;

	return e && (size_t)layer < e->count ? &e->opinions[layer] : NULL;
}

static void put(char *out, size_t *at, struct bytes text)
{
	size_t room = EXPLANATION_NAME_MAX - 1 - *at, len = text.len < room ? text.len : room;

	memcpy(out + *at, text.data, len);
	*at += len;
	out[*at] = '\0';
}

void explain_name(struct node *request, const struct connection *c, const struct exchange *x)
{
	struct span *s = request->span;
	struct description d = { .attributes = &s->attributes };
	struct bytes method, path;
	size_t at = 0;

	connection_describe(c, x, &d);
	method = attributes_get(&s->attributes, "http.request.method");
	path = attributes_get(&s->attributes, "url.path");
	if (method.len) {
		put(s->name, &at, method);
		put(s->name, &at, bytes_of_string(" "));
		put(s->name, &at, path);
	} else {
		put(s->name, &at, d.operation);
	}
	attributes_reset(&s->attributes);
}

void explain_begin(struct stitch *s, struct node *call)
{
	const struct process_requests *p = process_of(stitch_processes(s), call->begin.pid);
	struct explanation *e = call->span->explanation;

	if (!e)
		return;
	e->call = true;
	e->tid = call->begin.tid;
	e->unit = call->begin.unit;
	e->unit_alone = call->begin.not_threads;
	e->open_requests = p ? p->open_count : 0;
	for (size_t i = 0; i < e->count; i++)
		e->opinions[i] = (struct opinion){ .layer = layers[i]->name };
}

void explain_asked(struct stitch *s, struct node *call, int layer)
{
	struct opinion *o = opinion_of(call, layer);

	if (o && o->stance == STANCE_SILENT && layers[layer]->why)
		o->why = layers[layer]->why(s, call);
}

static void name_request(struct opinion *o, enum stance stance, const char *why,
			 const struct node *request)
{
	size_t at = 0;

	o->stance = stance;
	o->why = why;
	if (!request)
		return;
	memcpy(o->span_id, request->span->span_id, sizeof(o->span_id));
	o->start_ns = request->begin.time_ns;
	put(o->name, &at, bytes_of_string(request->span->name));
}

void explain_proposed(struct node *call, int layer)
{
	struct opinion *o = opinion_of(call, layer);

	/* What becomes of it is told at the call's end. */
	if (o)
		name_request(o, STANCE_WITHDRAWN, NULL, call->candidates[layer].request);
}

void explain_withdrawn(struct node *call, int layer, const char *why)
{
	struct opinion *o = opinion_of(call, layer);

	if (o)
		name_request(o, STANCE_WITHDRAWN, why, call->candidates[layer].request);
}

void explain_claimed(struct node *call, int layer, const struct node *request)
{
	struct opinion *o = opinion_of(call, layer);

	if (o)
		name_request(o, STANCE_CHOSEN, "found when the response was written", request);
}

void explain_decided(struct node *call, const struct node *parent, bool conflict)
{
	enum stance stance = conflict ? STANCE_CONFLICT : STANCE_CHOSEN;

	for (int i = 0; i < LAYER_COUNT; i++) {
		struct opinion *o = opinion_of(call, i);

		if (!o || !call->candidates[i].request)
			continue;
		name_request(o, stance, NULL, call->candidates[i].request);
		if (parent)
			stance = STANCE_AGREED;
	}
	if (conflict && call->span->explanation)
		call->span->explanation->why = "layers named different requests";
}

void explain_refused(struct node *call)
{
	for (int i = 0; i < LAYER_COUNT; i++) {
		struct opinion *o = opinion_of(call, i);

		if (o && (o->stance == STANCE_CHOSEN || o->stance == STANCE_AGREED)) {
			o->stance = STANCE_REFUSED;
			o->why = "the request has too many calls, or was caused by this one";
		}
	}
}

void explain_alone(struct node *call, uint64_t held_until_ns, const char *why)
{
	struct explanation *e = call->span->explanation;

	if (!e)
		return;
	e->held_until_ns = held_until_ns;
	if (!e->call)
		why = "a capture does not tell which process made it";
	if (trace_remote_parent(call)) {
		e->header = call->propagation.header;
		e->why = "its own headers name a span, which somebody inside the program made";
	} else if (!e->why) {
		e->why = why;
	}
}

void explain_orphaned(struct node *child)
{
	for (int i = 0; i < LAYER_COUNT; i++) {
		struct opinion *o = opinion_of(child, i);

		if (!o || (o->stance != STANCE_CHOSEN && o->stance != STANCE_AGREED))
			continue;
		o->stance = STANCE_WITHDRAWN;
		o->why = "that turned out to be no request";
	}
	if (child->span->explanation)
		child->span->explanation->why = "what it belonged to turned out to be nothing";
}

void explain_request(struct node *request)
{
	struct explanation *e = request->span->explanation;

	if (!e)
		return;
	e->header = request->propagation.header;
	if (request->joined)
		e->why = "its call was seen at the other end of its connection";
	else if (trace_remote_parent(request))
		e->why = "names a span that spantap has not seen";
	else if (e->header)
		e->why = "names the trace, but no span in it";
	else
		e->why = "no header names its caller, and the other end is not traced";
}
