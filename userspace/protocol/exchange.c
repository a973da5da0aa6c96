// SPDX-License-Identifier: GPL-2.0-only
/* See exchange.h. */
#include "userspace/protocol/exchange.h"

#include "userspace/base/memory.h"

#define SPARE_MAX 64

static void push(struct exchange_list *l, struct exchange *x)
{
	x->next = NULL;
	if (l->tail)
		l->tail->next = x;
	else
		l->head = x;
	l->tail = x;
	l->count++;
}

static void take(struct exchange_list *l, struct exchange *x)
{
	struct exchange *before = NULL;

	for (struct exchange *at = l->head; at != x; at = at->next)
		before = at;
	if (before)
		before->next = x->next;
	else
		l->head = x->next;
	if (l->tail == x)
		l->tail = before;
	x->next = NULL;
	l->count--;
}

static void exchange_free(struct exchange *x)
{
	buf_release(&x->text);
	memory_free(x->own);
	memory_free(x);
}

void pairing_init(struct pairing_state *p, const struct connection_options *options,
		  struct connection *c, struct connection_counters *counters)
{
	*p = (struct pairing_state){
		.observer = options->observer,
		.context = options->context,
		.connection = c,
		.counters = counters,
		.text_max = options->text_max ? options->text_max : 64 * 1024,
		.tentative = options->midway,
		.tls = options->tls,
	};
}

static void release_list(struct exchange_list *l)
{
	while (l->head) {
		struct exchange *x = l->head;

		l->head = x->next;
		exchange_free(x);
	}
	*l = (struct exchange_list){ 0 };
}

void pairing_release(struct pairing_state *p)
{
	release_list(&p->open);
	release_list(&p->held);
	release_list(&p->spare);
}

static struct exchange *exchange_get(struct pairing_state *p)
{
	struct exchange *x = p->spare.head;
	struct buf text;
	void *own;

	if (!x) {
		x = memory_new(sizeof(*x));
		own = x ? memory_new(p->protocol->exchange_size) : NULL;
		if (!own) {
			memory_free(x);
			return NULL;
		}
		x->own = own;
		buf_init(&x->text, p->text_max);
		return x;
	}
	take(&p->spare, x);
	own = x->own;
	text = x->text;
	buf_reset(&text);
	memset(own, 0, p->protocol->exchange_size);
	*x = (struct exchange){ .own = own, .text = text };
	return x;
}

static void exchange_put(struct pairing_state *p, struct exchange *x)
{
	if (p->spare.count < SPARE_MAX)
		push(&p->spare, x);
	else
		exchange_free(x);
}

/* Proved (or no proof needed): tell, then reuse. */
static void tell(struct pairing_state *p, struct exchange *x)
{
	p->counters->exchanges++;
	p->observer->end(p->context, p->connection, x);
	exchange_put(p, x);
}

static void tell_held(struct pairing_state *p)
{
	while (p->held.head) {
		struct exchange *x = p->held.head;

		take(&p->held, x);
		tell(p, x);
	}
}

static void discard_list(struct pairing_state *p, struct exchange_list *l)
{
	struct exchange *x = l->head, *next;

	for (; x; x = next) {
		next = x->next;
		if (!x->tentative)
			continue;
		take(l, x);
		p->counters->discarded++;
		p->observer->discard(p->context, p->connection, x);
		exchange_put(p, x);
	}
}

struct exchange *pairing_begin(struct pairing_state *p, const struct message *m, const struct mark *first)
{
	struct exchange *x;

	if (p->tentative && p->open.count == 0 && p->held.count) {
		p->tentative = false;
		tell_held(p);
	}
	if (p->open.count >= EXCHANGES_OPEN_MAX)
		pairing_give_up(p, first, INCOMPLETE_UNANSWERED, false);
	x = exchange_get(p);
	if (!x) {
		p->counters->no_memory++;
		return NULL;
	}
	x->protocol = p->protocol;
	x->tls = p->tls;
	x->id = m->id;
	x->request_first = x->request_last = *first;
	x->tentative = p->tentative && p->protocol->pairing == PAIRING_FIFO;
	push(&p->open, x);
	return x;
}

void pairing_announce(struct pairing_state *p, struct exchange *x)
{
	p->observer->begin(p->context, p->connection, x);
}

struct exchange *pairing_answer(struct pairing_state *p, const struct message *m)
{
	struct exchange *x = p->open.head;

	if (p->protocol->pairing == PAIRING_BY_ID)
		while (x && x->id != m->id)
			x = x->next;
	if (x)
		return x;
	p->counters->orphan_responses++;
	/* Something was owed after all: every pair since then may be shifted. */
	pairing_refute(p);
	return NULL;
}

void pairing_finish(struct pairing_state *p, struct exchange *x)
{
	x->answered = true;
	p->last = x->response_last;
	take(&p->open, x);
	if (!x->tentative || !p->tentative) {
		tell(p, x);
		return;
	}
	push(&p->held, x);
	if (p->observer->answered)
		p->observer->answered(p->context, p->connection, x);
	if (p->held.count < EXCHANGES_HELD_MAX)
		return;
	/* Busy without a pause, and never an answer too many: the pairing holds. */
	p->tentative = false;
	tell_held(p);
}

void pairing_withdraw(struct pairing_state *p, struct exchange *x)
{
	take(&p->open, x);
	p->observer->discard(p->context, p->connection, x);
	exchange_put(p, x);
}

void pairing_give_up(struct pairing_state *p, const struct mark *last, uint32_t incomplete, bool answered)
{
	/* Answers are missing: so they may be for those that had none proved to be theirs. */
	for (struct exchange *x = p->open.head ? p->held.head : NULL; x; x = x->next)
		x->incomplete |= INCOMPLETE_GAP;
	tell_held(p);
	while (p->open.head) {
		struct exchange *x = p->open.head;

		take(&p->open, x);
		x->incomplete |= incomplete;
		x->answered = answered;
		if (answered) {
			if (!x->responding)
				x->response_first = *last;
			x->responding = true;
			x->response_last = *last;
		} else {
			x->incomplete |= INCOMPLETE_UNANSWERED;
		}
		tell(p, x);
	}
}

void pairing_doubt(struct pairing_state *p)
{
	if (p->protocol && p->protocol->pairing == PAIRING_FIFO)
		p->tentative = true;
}

void pairing_refute(struct pairing_state *p)
{
	if (!p->tentative)
		return;
	discard_list(p, &p->held);
	discard_list(p, &p->open);
}

void pairing_tick(struct pairing_state *p, uint64_t now_ns)
{
	if (!p->held.count || p->open.count || now_ns < p->last.time_ns + PROOF_SILENCE_NS)
		return;
	p->tentative = false;
	tell_held(p);
}
