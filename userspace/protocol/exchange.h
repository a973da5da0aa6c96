/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_EXCHANGE_H
#define SPANTAP_PROTOCOL_EXCHANGE_H

/*
 * Pairs answers with requests. With FIFO protocols a connection that was open before we came may owe
 * answers to requests that nobody saw, and each later answer would then go to the wrong request. So such
 * pairs are tentative: they are held until it is proved that nothing was owed (a request begins while
 * nothing is open, or silence follows), and thrown away when an answer comes that no request asked for.
 */

#include "userspace/protocol/connection.h"

#define EXCHANGES_OPEN_MAX 4096
#define EXCHANGES_HELD_MAX 256
#define PROOF_SILENCE_NS (200 * 1000 * 1000ull)

struct exchange_list {
	struct exchange *head, *tail;
	uint32_t count;
};

struct pairing_state {
	const struct protocol *protocol;
	const struct connection_observer *observer;
	void *context;
	struct connection *connection;
	struct connection_counters *counters;
	struct exchange_list open; /* oldest first */
	struct exchange_list held; /* answered, but the pairing is not proved */
	struct exchange_list spare;
	struct mark last;	   /* newest mark of an answered exchange */
	uint32_t text_max;
	bool tls;
	bool tentative;
};

void pairing_init(struct pairing_state *p, const struct connection_options *options,
		  struct connection *c, struct connection_counters *counters);
void pairing_release(struct pairing_state *p);

/* A new open exchange, not yet announced (absorb first, then pairing_announce). NULL: memory or ceiling. */
struct exchange *pairing_begin(struct pairing_state *p, const struct message *m, const struct mark *first);
void pairing_announce(struct pairing_state *p, struct exchange *x);

/* The open exchange that an answer with this id belongs to, or NULL: then the answer was counted as orphan. */
struct exchange *pairing_answer(struct pairing_state *p, const struct message *m);

/* x is answered: told to the observer now, or held. */
void pairing_finish(struct pairing_state *p, struct exchange *x);

/* x was no exchange after all: the observer is told to forget it. */
void pairing_withdraw(struct pairing_state *p, struct exchange *x);

/* Nobody knows any more which answer is whose: ends what has surely been answered, see connection.c. */
void pairing_give_up(struct pairing_state *p, const struct mark *last, uint32_t incomplete, bool answered);

/* From here on pairs must be proved again. */
void pairing_doubt(struct pairing_state *p);

/* What was paired without proof is thrown away: it was wrong. */
void pairing_refute(struct pairing_state *p);

void pairing_tick(struct pairing_state *p, uint64_t now_ns);

#endif
