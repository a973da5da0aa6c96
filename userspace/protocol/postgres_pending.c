// SPDX-License-Identifier: GPL-2.0-only
/*
 * See postgres_pending.h; PostgreSQL documentation, 55.2 "Message Flow". Entries leave at the head
 * as their answers come. An entry that ENDS takes the oldest open exchange with it, so the entries
 * that end and the open group together are always as many as the open exchanges in exchange.c.
 *
 *   P B D E | P B E | S          two groups in one pipeline
 *   . . . *   . . *              * ENDS
 *   P D S -> P D (PREPARED) S    the pseudo entry ends the group that executed nothing
 *
 * Where bytes are missing, counting answers proves nothing. Then only two things are believed: an
 * answer when a single exchange is open, and a ReadyForQuery, which settles all that was asked
 * before it.
 */
#include "userspace/protocol/postgres_pending.h"

#define OWNED 0x40u /* concerns an exchange */
#define ENDS 0x80u  /* its answer ends that exchange */
#define KIND 0x3fu

/* Fewer than the engine's ceiling of open exchanges, and of messages that one ReadyForQuery may
 * report. */
#define EXCHANGES_MAX 4000
#define ENTRIES_MAX (16 * 1024)

void pending_init(struct pending *p)
{
	*p = (struct pending){ 0 };
	/* What was taken from the front is dropped late, see pop(). */
	buf_init(&p->entries, 2 * ENTRIES_MAX);
}

void pending_release(struct pending *p)
{
	buf_release(&p->entries);
}

static size_t count(const struct pending *p)
{
	return p->entries.len - p->head;
}

/* The i-th entry from the head; 0 when there is none. */
static uint8_t entry(const struct pending *p, size_t i)
{
	return i < count(p) ? p->entries.data[p->head + i] : PENDING_NONE;
}

static enum pending_kind kind_of(uint8_t e)
{
	return (enum pending_kind)(e & KIND);
}

static void set(struct pending *p, size_t i, uint8_t e)
{
	p->entries.data[p->head + i] = e;
}

static uint8_t pop(struct pending *p)
{
	uint8_t e = entry(p, 0);

	p->head++;
	if (p->head == p->entries.len) {
		buf_reset(&p->entries);
		p->head = 0;
	} else if (p->head >= ENTRIES_MAX / 2) {
		buf_drop(&p->entries, p->head);
		p->head = 0;
	}
	return e;
}

/* Forgets entries and exchanges; nothing is owed any more. */
static void clear(struct pending *p)
{
	buf_reset(&p->entries);
	p->head = 0;
	p->exchanges = 0;
	p->group = GROUP_NONE;
	p->skipping = p->uncertain = p->damaged = p->copying = false;
}

static void push(struct pending *p, uint32_t e)
{
	if (count(p) < ENTRIES_MAX && buf_add_byte(&p->entries, (uint8_t)e))
		return;
	p->entries.full = false;
	p->uncertain = p->damaged = true;
}

/* ---- the client's messages ------------------------------------------------------------------ */

static bool begin(struct pending *p)
{
	/* The client goes on, so it has got what we have not: a ReadyForQuery, or (and then
	 * connection.c does the same) the answers to all that is open. */
	if (!p->exchanges) {
		p->missed = p->deaf;
		if (p->uncertain)
			clear(p);
	}
	if (p->missed && p->heard && p->exchanges) {
		clear(p);
		p->missed = p->deaf;
	}
	if (p->exchanges >= EXCHANGES_MAX) {
		pending_lost_requests(p);
		return false;
	}
	if (p->exchanges++ == 0)
		p->heard = false;
	p->begun++;
	return true;
}

static void group_close(struct pending *p)
{
	if (p->group == GROUP_OPEN)
		push(p, PENDING_PREPARED | OWNED | ENDS);
	p->group = GROUP_NONE;
}

enum message_role pending_join(struct pending *p, enum pending_kind kind, uint32_t statement)
{
	enum message_role role = MESSAGE_CONTROL;
	uint32_t e = kind;

	if (p->group == GROUP_NONE || p->statement != statement) {
		group_close(p);
		if (!begin(p))
			return MESSAGE_CONTROL;
		p->group = GROUP_OPEN;
		p->statement = statement;
		role = MESSAGE_REQUEST;
	} else if (p->group == GROUP_OPEN) {
		role = MESSAGE_REQUEST_PART;
	}
	if (p->group == GROUP_OPEN)
		e |= kind == PENDING_EXECUTE ? OWNED | ENDS : OWNED;
	p->flushed = false;
	push(p, e);
	if (kind == PENDING_EXECUTE)
		p->group = GROUP_NONE;
	return role;
}

enum message_role pending_ask(struct pending *p, enum pending_kind kind)
{
	bool begins = kind == PENDING_QUERY || kind == PENDING_FUNCTION;

	/* During COPY FROM the server ignores Sync. */
	if (kind == PENDING_SYNC && p->copying)
		return MESSAGE_CONTROL;
	if (kind != PENDING_CLOSE)
		group_close(p);
	if (begins && !begin(p))
		return MESSAGE_CONTROL;
	push(p, begins ? kind | OWNED | ENDS : kind);
	return begins ? MESSAGE_REQUEST : MESSAGE_CONTROL;
}

void pending_flush(struct pending *p)
{
	p->flushed = p->group == GROUP_OPEN;
}

enum message_role pending_copy(struct pending *p, bool ends)
{
	bool part = p->copying && p->exchanges == 1;

	if (ends)
		p->copying = false;
	return part ? MESSAGE_REQUEST_PART : MESSAGE_CONTROL;
}

void pending_lost_requests(struct pending *p)
{
	bool open = p->group == GROUP_OPEN;

	/* Copied data: part of a request that is open. */
	if (p->copying) {
		p->uncertain = p->damaged = true;
		return;
	}
	p->group = GROUP_NONE;
	/* Whether the open group was executed is among what was lost. */
	if (open)
		push(p, PENDING_LOST | OWNED | ENDS);
	else if (!count(p) || kind_of(entry(p, count(p) - 1)) != PENDING_LOST)
		push(p, PENDING_LOST);
}

/* ---- the server's messages ------------------------------------------------------------------ */

/* The head's exchange is over. */
static void end_exchange(struct pending *p)
{
	if (p->exchanges)
		p->exchanges--;
}

/* Did the oldest exchange prove to be a prepare only? Then it is over. */
static bool prepared(struct pending *p)
{
	if (p->uncertain || p->settling)
		return false;
	if (kind_of(entry(p, 0)) == PENDING_PREPARED)
		pop(p);
	else if (!count(p) && p->flushed && p->group == GROUP_OPEN)
		p->group = GROUP_NONE;
	else
		return false;
	end_exchange(p);
	return true;
}

static const struct pending_answer withdrawn = { .role = MESSAGE_RESPONSE,
						 .flags = MESSAGE_WITHDRAWN };

struct pending_answer pending_due(struct pending *p)
{
	struct pending_answer answer = withdrawn;

	p->heard = true;
	answer.more = prepared(p);
	return answer;
}

/* Can a message of this type answer an entry of this kind? */
static bool fits(enum pending_kind kind, uint8_t type)
{
	switch (type) {
	case '1':
		return kind == PENDING_PARSE;
	case '2':
		return kind == PENDING_BIND;
	case '3':
		return kind == PENDING_CLOSE;
	case 't':
	case 'n':
		return kind == PENDING_DESCRIBE;
	case 'T':
		return kind == PENDING_DESCRIBE || kind == PENDING_QUERY;
	case 's':
		return kind == PENDING_EXECUTE;
	case 'V':
		return kind == PENDING_FUNCTION;
	default: /* C I D G H W d c */
		return kind == PENDING_EXECUTE || kind == PENDING_QUERY;
	}
}

static bool completes(uint8_t type)
{
	return type == 'C' || type == 'I' || type == 's';
}

static struct pending_answer of_role(enum message_role role)
{
	return (struct pending_answer){ .role = role };
}

/* Pops up to the entry that ends the oldest exchange; false when its group is still open. *hole:
 * not all of its request was seen. */
static bool pop_exchange(struct pending *p, bool *hole)
{
	size_t i = 0;

	while (i < count(p) && !(entry(p, i) & ENDS))
		i++;
	if (i == count(p))
		return false;
	while (i--)
		pop(p);
	*hole = kind_of(entry(p, 0)) == PENDING_LOST;
	/* The hole stays, only the exchange that it would have ended is gone. */
	if (*hole)
		set(p, 0, PENDING_LOST);
	else
		pop(p);
	end_exchange(p);
	return true;
}

/* An error ends the oldest exchange, which is an extended one. *hole as above. */
static void fail_group(struct pending *p, bool *hole)
{
	if (pop_exchange(p, hole))
		return;
	buf_reset(&p->entries);
	p->head = 0;
	end_exchange(p);
	p->group = GROUP_FAILED;
}

/* Where the only exchange that an answer can be for ends; false: there are more, or holes before
 * it. */
static bool only(const struct pending *p, size_t *at)
{
	for (*at = 0; *at < count(p); ++*at) {
		if (kind_of(entry(p, *at)) == PENDING_LOST)
			return false;
		if (entry(p, *at) & ENDS)
			break;
	}
	return p->exchanges == 1;
}

/* Bytes are missing: an answer is believed when there is one exchange only that it can be for. */
static struct pending_answer guess(struct pending *p, uint8_t type, bool fails)
{
	bool hole;
	size_t i;

	if (!only(p, &i))
		return of_role(MESSAGE_CONTROL);
	if (kind_of(entry(p, i)) == PENDING_EXECUTE && strchr("12tTn", type))
		return of_role(MESSAGE_RESPONSE_PART);
	if (!fits(kind_of(entry(p, i)), type))
		return of_role(MESSAGE_CONTROL);
	p->copying |= type == 'G' || type == 'W';
	p->copying |= type == 'G' || type == 'W';
	if (kind_of(entry(p, i)) != PENDING_EXECUTE || !completes(type) || fails)
		return of_role(MESSAGE_RESPONSE_PART);
	pop_exchange(p, &hole);
	return (struct pending_answer){ .role = MESSAGE_RESPONSE, .lost = p->damaged };
}

/* In COPY FROM the server drops the Syncs that were sent along with the Execute. */
static void drop_syncs(struct pending *p)
{
	size_t kept = 1;

	p->copying = true;
	for (size_t i = 1; i < count(p); i++)
		if (kind_of(entry(p, i)) != PENDING_SYNC)
			set(p, kept++, entry(p, i));
	p->entries.len = p->head + kept;
}

struct pending_answer pending_answer(struct pending *p, uint8_t type, bool fails)
{
	uint8_t e = entry(p, 0);
	struct pending_answer answer = of_role(e & OWNED ? MESSAGE_RESPONSE_PART : MESSAGE_CONTROL);

	if (!e) /* it answers what was asked before we came */
		return of_role(!p->exchanges && (completes(type) || type == 'V') ? MESSAGE_RESPONSE
										 : MESSAGE_CONTROL);
	if (!p->uncertain && kind_of(e) == PENDING_LOST)
		return of_role(MESSAGE_CONTROL);
	if (!p->uncertain && !fits(kind_of(e), type))
		p->uncertain = p->damaged = true;
	if (p->uncertain)
		return guess(p, type, fails);
	if (kind_of(e) == PENDING_EXECUTE && (type == 'G' || type == 'W'))
		drop_syncs(p);
	if (type == 'G' || type == 'W')
		p->copying = true;
	if (kind_of(e) == PENDING_QUERY || kind_of(e) == PENDING_FUNCTION || type == 't')
		return answer;
	if (kind_of(e) == PENDING_EXECUTE) {
		if (!completes(type) || fails)
			return answer;
		p->copying = false;
		pop(p);
		if (e & ENDS)
			end_exchange(p);
		return of_role(e & ENDS ? MESSAGE_RESPONSE : MESSAGE_CONTROL);
	}
	pop(p);
	return prepared(p) ? withdrawn : answer;
}

struct pending_answer pending_error(struct pending *p)
{
	struct pending_answer answer = { .role = MESSAGE_RESPONSE, .lost = p->damaged };
	uint8_t e = entry(p, 0);
	bool hole = false;
	size_t i = 0;

	p->copying = false;
	if (p->uncertain) {
		if (!only(p, &i))
			return of_role(MESSAGE_CONTROL);
		e = i < count(p) ? entry(p, i) : OWNED;
	}
	if (kind_of(e) == PENDING_QUERY || kind_of(e) == PENDING_FUNCTION) {
		if (!(e & ENDS))
			return of_role(MESSAGE_CONTROL);
		/* The entry waits for its ReadyForQuery. */
		set(p, i, (uint8_t)(e & ~(ENDS | OWNED)));
		end_exchange(p);
		return answer;
	}
	/* Nothing was asked (the server says good-bye), or nobody knows what. */
	if (!e || kind_of(e) == PENDING_LOST)
		return of_role(MESSAGE_CONTROL);
	if (kind_of(e) != PENDING_SYNC)
		p->skipping = true;
	if (!(e & OWNED))
		return of_role(MESSAGE_CONTROL);
	fail_group(p, &hole);
	answer.lost |= hole;
	return answer;
}

/* How many entries a ReadyForQuery settles now. */
static size_t settled(struct pending *p)
{
	size_t first = 0, last = 0;

	for (size_t i = 0; i < count(p); i++) {
		enum pending_kind kind = kind_of(entry(p, i));

		if (kind == PENDING_LOST && !first)
			p->uncertain = p->damaged = true;
		if (kind != PENDING_SYNC && kind != PENDING_QUERY && kind != PENDING_FUNCTION)
			continue;
		last = i + 1;
		if (!first && (kind == PENDING_SYNC || !p->skipping))
			first = i + 1;
	}
	if (!p->uncertain)
		return first;
	p->damaged |= p->exchanges > 1;
	/* Some earlier ReadyForQuery may be missing; too few exchanges open heals, too many never
	 * would. */
	return last ? last : count(p);
}

struct pending_answer pending_ready(struct pending *p)
{
	struct pending_answer answer = of_role(MESSAGE_CONTROL);

	if (!p->settling)
		p->settling = settled(p);
	while (p->settling) {
		uint8_t e = pop(p);
		bool query = kind_of(e) == PENDING_QUERY || kind_of(e) == PENDING_FUNCTION;

		p->settling--;
		if (!(e & ENDS))
			continue;
		end_exchange(p);
		answer.role = MESSAGE_RESPONSE;
		answer.more = p->settling != 0;
		if (kind_of(e) == PENDING_PREPARED)
			answer.flags = MESSAGE_WITHDRAWN;
		else if (p->skipping && !p->uncertain)
			answer.flags = MESSAGE_ABORTED;
		else
			answer.lost = !query || answer.more || p->damaged;
		if (answer.more)
			return answer;
	}
	p->skipping = p->uncertain = p->damaged = p->copying = false;
	return answer;
}

bool pending_commits(const struct pending *p)
{
	enum pending_kind next;
	size_t i = 0;

	if (p->uncertain && !only(p, &i))
		return false;
	next = kind_of(entry(p, i + 1));
	return kind_of(entry(p, i)) == PENDING_EXECUTE &&
	       (next == PENDING_SYNC || next == PENDING_LOST);
}

void pending_lost_answers(struct pending *p)
{
	p->heard = p->deaf = p->missed = true;
	if (count(p) || p->exchanges)
		p->uncertain = true;
}

void pending_found_answers(struct pending *p)
{
	p->heard = true;
	p->deaf = false;
}
