/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_LINK_H
#define SPANTAP_STITCH_LINK_H

/*
 * Spans in the making, and how layers propose parents. A layer of STITCHING.md is one file with one
 * `const struct layer NAME_layer` and one line in layers.c; the order there is the order of trust.
 */

#include "userspace/base/list.h"
#include "userspace/base/map.h"
#include "userspace/capture/socket.h"
#include "userspace/span/span.h"

struct stitch;
struct node;

/* X(name): the layers that choose a client call's parent, the surest first. */
#define LAYERS(X)    \
	X(exact)     \
	X(unit)      \
	X(context)   \
	X(lineage)   \
	X(resumed)   \
	X(responder) \
	X(completion) \
	X(exclusive) \
	X(segment)

enum layer_index {
#define LAYER_ENUM(name) LAYER_##name,
	LAYERS(LAYER_ENUM)
#undef LAYER_ENUM
		LAYER_COUNT,
};

/* What one layer found for one call: at most one request. Cleared when that request's trace goes
 * out. */
struct candidate {
	struct node *request;
	struct node *call;
	struct list waiting; /* in request->waiters */
	uint64_t note;       /* the layer's own */
};

struct layer {
	const char *name;
	enum parent_rule rule;
	double sure;
	int (*init)(struct stitch *s);
	void (*release)(struct stitch *s);
	void (*request_opens)(struct stitch *s, struct node *request);
	void (*request_ends)(struct stitch *s, struct node *request);
	/* Its answer is written, just before it ends; `answer` is that of its first byte. */
	void (*request_answered)(struct stitch *s, struct node *request, const struct mark *answer);
	/* Finds the request that may have made this call; link_propose() it. */
	void (*call_begins)(struct stitch *s, struct node *call);
	/* Its answer is read: from first to last byte. */
	void (*call_answered)(struct stitch *s, struct node *call, const struct mark *first,
			      const struct mark *last);
	/* Does the candidate still hold now that the call has ended? NULL: always. */
	bool (*holds)(struct stitch *s, struct node *call, const struct candidate *c);
	const char *broken; /* in words, why it does not */
	/*
	 * For --explain: why call_begins() has just found nothing; a static phrase. NULL: nothing
	 * to say. Must change nothing.
	 */
	const char *(*why)(struct stitch *s, const struct node *call);
};

extern const struct layer *const layers[LAYER_COUNT];

/* The two ends of one request on the wire: equal on both. */
struct wire_key {
	struct event_address client, server;
	uint32_t seq;
	uint32_t pad;
};

_Static_assert(sizeof(struct wire_key) <= MAP_KEY_MAX, "wire_key");

struct node {
	struct span *span;
	struct node *parent;
	struct list children, sibling; /* children in order of their begin */
	struct candidate candidates[LAYER_COUNT];
	struct list waiters;  /* candidates of open calls that may become children */
	struct list open;     /* in its process's open requests, or held calls */
	struct list ended_at; /* in stitch's list of ended roots that are not out yet, or of held
				 calls */
	struct list replied;  /* its answer was read, and whom that made go on is not told yet */
	uint64_t reply_unit;  /* what that read began (resumed.c) */
	uint32_t reply_tid;
	bool undecided;       /* ended, and has not chosen its parent */
	struct list made;     /* in its unit's calls, or in a request's chain */
	struct list
		chain; /* of a request: calls that its callbacks made, as it seems (segment.c) */
	struct node *caused_by; /* of a call: the request whose chain it is in */
	uint64_t socket;        /* of a call */
	uint64_t answer_ns;     /* its answer's first byte, for segment.c */
	uint64_t answered_ns;   /* of a call: its last one */
	bool first_call;        /* on its connection */
	bool same_caller;       /* made the one before on it, too */
	struct mark connect; /* of a first call: who opened the connection; time_ns 0: not known */
	bool unfollowed, chain_broken;
	bool after;      /* of a call: whoever made it had answered, or nobody had asked */
	uint64_t number; /* of a request in its process; of a call: the newest request's then */
	struct mark begin, read,
		end;      /* request's first byte, request known, last byte of the answer */
	uint64_t born_ns; /* when what made it was started, if that is over; 0: it is not */
	uint32_t ordinal;     /* of a worker's call, from 1 on; 0: it is no worker's (completion.c) */
	uint32_t generation, context_generation; /* of the units that count it */
	struct propagation propagation;
	struct wire_key key;
	bool keyed;
	bool request; /* a server's: can have calls */
	bool counted; /* by its unit */
	bool context_counted;
	bool held;     /* an ended call without a parent, which an open request may still claim */
	bool late;     /* lost its candidates because their trace went out */
	bool answered; /* layers know that it is over; ended: its span is whole too */
	bool ended;
	bool joined; /* a server span placed under the call that caused it */
	bool shared; /* its thread had two requests open */
	uint32_t child_count;
};

/* One open request at most per layer and call. */
void link_propose(struct node *call, enum layer_index layer, struct node *request, uint64_t note);

/* Takes back what was proposed; with link_withdraw() the totals and --explain tell. */
void link_clear(struct candidate *c);
void link_withdraw(struct stitch *s, struct candidate *c, const char *why);

/*
 * Among the candidates of an ended call the first layer wins; two that disagree give NULL and
 * *conflict. *rule and *sure are set with a parent.
 */
struct node *link_decide(const struct node *call, enum parent_rule *rule, double *sure,
			 bool *conflict);

/* Places child under parent (which may be open). */
void link_attach(struct node *parent, struct node *child, enum parent_rule rule, double sure);

#endif
