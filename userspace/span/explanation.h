/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_SPAN_EXPLANATION_H
#define SPANTAP_SPAN_EXPLANATION_H

/*
 * Why a span has this parent, or none: what each layer of stitch/ said about it. Made only when
 * asked for (--explain). Phrases are static strings.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLANATION_ID_SIZE 8 /* a span's */
#define EXPLANATION_NAME_MAX 96

enum stance {
	STANCE_SILENT,    /* it named no request; why */
	STANCE_CHOSEN,    /* its request is the parent */
	STANCE_AGREED,    /* it named the same one as what was chosen */
	STANCE_CONFLICT,  /* layers named different ones: none counts */
	STANCE_WITHDRAWN, /* it took back what it had said; why */
	STANCE_REFUSED,   /* the request cannot have this call; why */
};

/* "silent", "chosen", ... */
const char *stance_name(enum stance stance);

struct opinion {
	const char *layer;
	enum stance stance;
	const char *why; /* NULL: nothing to add */
	/* The request that it named; zero where it is silent. */
	uint8_t span_id[EXPLANATION_ID_SIZE];
	uint64_t start_ns;
	char name[EXPLANATION_NAME_MAX];
};

struct explanation {
	const char *why;    /* of what no layer has decided; NULL: nothing to say */
	const char *header; /* which of its headers names a trace; NULL: none */
	/* Of a call: who made it, among how many requests. */
	bool call;
	bool unit_alone; /* its thread says nothing: units move between threads */
	uint32_t tid, open_requests;
	uint64_t unit;          /* the runtime's; 0: none */
	uint64_t held_until_ns; /* it waited that long to be claimed; 0: it did not */
	size_t count;
	struct opinion opinions[]; /* one a layer, the surest first */
};

/* NULL when memory is refused. */
struct explanation *explanation_new(size_t opinions);
void explanation_free(struct explanation *e); /* NULL is fine */

/* From one clock to another; NULL is fine. */
void explanation_move(struct explanation *e, int64_t offset_ns);

#endif
