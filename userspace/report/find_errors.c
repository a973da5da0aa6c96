// SPDX-License-Identifier: GPL-2.0-only
/*
 * errors: requests that failed, what most of them said, and the call that had failed before they
 * did.
 */
#include <stdio.h>

#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/report/find.h"

#define SHARE_MIN 0.01 /* of the requests: a rate of failures that most services accept ... */
#define ERRORS_MIN 10  /* ... unless there are as many as this */
#define SAYINGS_MAX 8  /* different ones that are counted, of requests and of calls */
#define SAYING_SIZE 128
#define TIMES_KEPT 2 /* a saying is told as the usual one if it is at least every 2nd failure */

struct saying {
	uint64_t key, count;
	uint32_t kind; /* of calls */
	char text[SAYING_SIZE];
};

struct state {
	uint64_t errors, after_call, time_ns;
	struct saying *requests, *calls; /* SAYINGS_MAX each, once there was an error */
};

/* "500", "23505: duplicate key value" */
static void count_saying(struct saying *list, const struct span *s, uint32_t kind)
{
	struct bytes type = attributes_get(&s->attributes, "error.type");
	uint64_t key = map_hash(type.data, type.len, kind);

	key = map_hash(s->outcome_message, strnlen(s->outcome_message, sizeof(s->outcome_message)),
		       key) |
	      1;
	for (size_t i = 0; i < SAYINGS_MAX; i++) {
		if (!list[i].key) {
			list[i].key = key;
			list[i].kind = kind;
			snprintf(list[i].text, sizeof(list[i].text), "%.*s%s%s", (int)type.len,
				 (const char *)type.data,
				 type.len && s->outcome_message[0] ? ": " : "", s->outcome_message);
		}
		if (list[i].key == key) {
			list[i].count++;
			return;
		}
	}
}

static void observe(void *state, const struct observation *o)
{
	const struct span *server = o->request->server;
	struct state *s = state;

	if (server->outcome != OUTCOME_ERROR)
		return;
	s->errors++;
	s->time_ns += o->request->duration_ns;
	if (!s->requests)
		s->requests = memory_array(SAYINGS_MAX * 2, sizeof(*s->requests));
	if (!s->requests)
		return;
	s->calls = s->requests + SAYINGS_MAX;
	count_saying(s->requests, server, CALL_KIND_NONE);
	for (size_t i = o->count;
	     i-- > 0;) { /* the last that failed is the one that was not survived */
		const struct call_fact *f = &o->calls[i];

		if (f->call->span->outcome != OUTCOME_ERROR || f->kind == CALL_KIND_NONE)
			continue;
		s->after_call++;
		count_saying(s->calls, f->call->span, f->kind);
		break;
	}
}

static const struct saying *usual(const struct saying *list, uint64_t of)
{
	const struct saying *best = list;

	for (size_t i = 1; list && i < SAYINGS_MAX; i++)
		if (list[i].count > best->count)
			best = &list[i];
	return best && best->count * TIMES_KEPT >= of && best->count ? best : NULL;
}

static void conclude(void *state, const struct conclusion *c)
{
	const struct state *s = state;
	const struct saying *request = usual(s->requests, s->errors),
			    *call = usual(s->calls, s->after_call);
	char share[16];
	struct draft d;

	if (!s->errors ||
	    (s->errors < ERRORS_MIN && (double)s->errors < SHARE_MIN * (double)c->requests))
		return;
	draft_init(&d, c, "errors", s->time_ns);
	draft_evidence(&d, "%llu of %llu requests failed (%s)", (unsigned long long)s->errors,
		       (unsigned long long)c->requests,
		       find_share(share, (double)s->errors / (double)c->requests));
	if (request && request->text[0])
		draft_evidence(&d, ", %llu with %s", (unsigned long long)request->count,
			       request->text);
	/* A call that fails now and then in requests that fail is no cause. */
	if (s->after_call * TIMES_KEPT < s->errors)
		call = NULL;
	if (call) {
		draft_call(&d, c, call->kind);
		draft_evidence(&d, "; a call had failed before in %llu, mostly with %s",
			       (unsigned long long)s->after_call,
			       call->text[0] ? call->text : "an error");
	} else if (request) {
		snprintf(d.text, sizeof(d.text), "%s", request->text);
	}
	draft_add(&d, c,
		  call ? "look at the call that failed first"
		       : "no call of theirs had failed before: look for the reason in the "
			 "service's own log");
}

static void release(void *state)
{
	memory_free(((struct state *)state)->requests);
}

const struct detector errors_detector = {
	"errors", sizeof(struct state), observe, conclude, release,
};
