/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_PROTOCOL_H
#define SPANTAP_PROTOCOL_PROTOCOL_H

/*
 * What a decoder is. One protocol is one file that defines one `const struct protocol NAME_protocol`
 * and has one line in registry.h.
 *
 * connection.c feeds it each flow's bytes in order. Payloads are truncated by design (the kernel copies
 * the head and the tail of a transfer), bytes can be lost, and the first byte seen can be from the middle
 * of a connection. All input is hostile.
 *
 *   bytes -> decode() -> message -> [pairing in exchange.c] -> absorb() -> exchange -> describe()
 *
 * A message is a request, an answer, or a part of one. decode() only slices: fields of a message point into
 * the input (or into the decoder's state) and are valid until the next call. absorb() copies what the span
 * will need into the exchange; describe() turns a finished exchange into attributes.
 */

#include "userspace/base/attribute.h"
#include "userspace/base/bytes.h"
#include "userspace/protocol/propagation.h"

/* Kept in recordings: explicit, append-only. */
enum protocol_id {
	PROTOCOL_UNKNOWN = 0,
	PROTOCOL_HTTP1 = 1,
	PROTOCOL_POSTGRESQL = 2,
	PROTOCOL_MYSQL = 3,
	PROTOCOL_REDIS = 4,
	PROTOCOL_FASTCGI = 5,
};

/* Which way bytes go, seen from the protocol: clients send TO_SERVER whoever is traced. */
enum flow {
	TO_SERVER = 0,
	TO_CLIENT = 1,
};

struct input {
	struct bytes bytes; /* contiguous, from the first byte not yet decoded */
	bool cut;	    /* the bytes after these are lost or will not be kept: MORE is refused */
	bool ended;	    /* the sender closed this flow after these bytes (bytes may be empty) */
};

enum decode_status {
	DECODE_OK = 0,	    /* *out is a message */
	DECODE_MORE = 1,    /* the message is not whole; call again with more. Not when cut. */
	DECODE_LOST = 2,    /* cannot tell where the next message begins: resync() from here on */
	DECODE_FOREIGN = 3, /* not this protocol, or no longer (upgrade, TLS): stop decoding for good */
};

/*
 * `used` (<= in.bytes.len) bytes are consumed. `skip` more bytes of the same message follow that the
 * decoder does not need to see (a body, a row, the rest of a long statement): they are counted, their
 * last byte ends the message, and it does not matter whether they were captured.
 * OK with used == 0 and skip == 0 is allowed while it reports messages from state (each call must change
 * the state: at most 4,096 in a row).
 */
struct decode {
	enum decode_status status;
	size_t used;
	uint64_t skip;
};

enum message_role {
	MESSAGE_CONTROL = 0,	   /* consumed, concerns no exchange (handshake, notice, sync) */
	MESSAGE_REQUEST = 1,	   /* begins a new exchange */
	MESSAGE_REQUEST_PART = 2,  /* more of the newest request, or of the one with its id (a body chunk) */
	MESSAGE_RESPONSE_PART = 3, /* part of an answer: first one sets ttfb, does not end the exchange */
	MESSAGE_RESPONSE = 4,	   /* ends the answer */
};

/* Message flags. */
#define MESSAGE_TRUNCATED 0x1u /* a text was longer than what was captured */
#define MESSAGE_ABORTED 0x2u   /* RESPONSE only: the server skipped this request, there are no bytes for it */
#define MESSAGE_WITHDRAWN 0x4u /* RESPONSE only: it came to nothing worth a span (a bare prepare): discard it */

#define MESSAGE_TEXTS 4

/*
 * With PAIRING_FIFO an answer belongs to the oldest unanswered exchange of the connection; with
 * PAIRING_BY_ID to the one whose request had the same id. The other fields are the protocol's own.
 */
struct message {
	enum message_role role;
	uint32_t flags;
	uint64_t id;
	uint32_t kind;
	int64_t number;
	uint64_t values; /* of a request: see exchange.values */
	struct bytes text[MESSAGE_TEXTS];
};

enum pairing {
	PAIRING_FIFO = 0,
	PAIRING_BY_ID = 1,
};

/* Why a span is not whole; the names in output are those of DESIGN.md. */
#define INCOMPLETE_TRUNCATED 0x01u
#define INCOMPLETE_ATTACHED_MIDWAY 0x02u
#define INCOMPLETE_GAP 0x04u
#define INCOMPLETE_LATE 0x08u
#define INCOMPLETE_TEXT_UNKNOWN 0x10u
#define INCOMPLETE_UNANSWERED 0x20u

/* Who moved some bytes, and when. All zero but time_ns where no process is known (a capture). */
struct mark {
	uint64_t time_ns; /* CLOCK_MONOTONIC, when the transfer had happened */
	uint64_t unit;	  /* the runtime's id of what runs (a coroutine's context, a goroutine); 0: not known */
	uint64_t cpu_ns;  /* the thread's processor time so far */
	uint64_t runqueue_ns;
	uint32_t pid;
	uint32_t tid;
	uint32_t tied; /* 1: `unit` is a connection's: what it calls is for the request that came there */
	uint32_t seq; /* TCP: sequence number of the transfer's first byte; else 0 */
	uint16_t late; /* 1: the call blocked, so time_ns is later than the bytes */
	uint8_t not_threads; /* 1: units move between threads, `tid` says nothing */
	uint8_t nested; /* 1: units of a thread run inside each other (fibers) */
	uint16_t sleeps; /* how often the thread went to sleep so far, modulo 65536 */
	uint8_t wakes;	/* 1: who wakes whom in this process is told (stitch_woken) */
	uint8_t task; /* 1: `unit` is a task: libraries' and timers' run between those of requests */
	uint8_t waited; /* 1: another thread had to wake this one since its last transfer */
};

/* A request with its answer. Made and paired by exchange.c; `own` and `text` belong to the protocol. */
struct exchange {
	const struct protocol *protocol;
	void *own;	  /* protocol->exchange_size bytes, zero at first */
	struct buf text;  /* the protocol's strings; emptied before each use, memory kept */
	uint64_t id;
	struct mark request_first, request_last;   /* of the first and the last byte */
	struct mark response_first, response_last;
	uint64_t request_bytes, response_bytes;	   /* whole messages as on the wire */
	/*
	 * The request with all its values, as one number (values.h). absorb() sets it where it is sure of every
	 * byte that matters, and takes it back (0: not known) where more of the request follows unseen. Read it
	 * through exchange_values().
	 */
	uint64_t values;
	uint32_t request_seq; /* TCP sequence number of the request's first byte; 0 if unknown */
	uint32_t incomplete;  /* INCOMPLETE_* */
	bool responding;      /* a first answer byte came */
	bool answered;	      /* the whole answer came */
	bool tentative;	      /* pairing is not yet proved (attached midway) */
	bool tls;	      /* it went through TLS */
	struct propagation propagation; /* what the request carried, set in absorb() */
	void *user;	      /* the observer's */
	struct exchange *next;
};

/*
 * What x asked for, or 0: bytes of it, or which statement it names, are not known for sure; or it has no answer,
 * which could have asked for more (a file, rows to copy).
 */
static inline uint64_t exchange_values(const struct exchange *x)
{
	uint32_t doubt = INCOMPLETE_TRUNCATED | INCOMPLETE_GAP | INCOMPLETE_TEXT_UNKNOWN |
			 INCOMPLETE_UNANSWERED;

	return x->incomplete & doubt ? 0 : x->values;
}

enum outcome {
	OUTCOME_UNSET = 0,
	OUTCOME_OK = 1,
	OUTCOME_ERROR = 2,
};

/*
 * What one exchange says, raw: nothing here is redacted or reduced yet, span/ does that before
 * anybody else sees it. Slices may point into the exchange.
 */
struct description {
	struct attributes *attributes; /* empty, to be filled with OpenTelemetry names */
	struct bytes operation;	       /* span name unless `statement` or HTTP attributes give one */
	struct bytes statement;	       /* raw SQL, to become db.query.text and db.query.summary */
	enum outcome outcome;	       /* ERROR also wants the attribute error.type */
	struct bytes outcome_message;  /* a server's error text; may hold literals: span/ redacts it */
};

struct protocol {
	const char *name; /* as in DESIGN.md's `protocol` */
	enum protocol_id id;
	enum pairing pairing;
	size_t state_size;    /* per connection, zeroed */
	size_t exchange_size; /* per exchange, zeroed */
	uint32_t default_port;
	uint32_t copy[2];     /* bytes of a transfer worth copying TO_SERVER and TO_CLIENT; 0: the default */

	/*
	 * How surely are these the first captured bytes of this protocol in this flow, 0..100? Called for
	 * the start of a transfer, perhaps mid-connection and short. 0: impossible; 50: looks like it;
	 * 90 and above: nothing else looks like this. Must not depend on the port.
	 */
	int (*probe)(enum flow flow, struct bytes head);

	struct decode (*decode)(void *state, enum flow flow, const struct input *in, struct message *out);

	/* `lost` bytes of a flow that no message owned are missing. NULL: nothing to do. */
	void (*gap)(void *state, enum flow flow, uint64_t lost);

	/*
	 * After LOST or a gap: offset of the first byte in `in` where a message surely begins, or in.len.
	 * `in` starts at the start of a transfer or right after a gap. NULL: resume where a transfer starts
	 * and probe() gives at least 50.
	 */
	size_t (*resync)(void *state, enum flow flow, struct bytes in);

	/* Takes what it needs from a message that pairing gave to x. Called for every role but CONTROL. */
	void (*absorb)(void *state, struct exchange *x, const struct message *m);

	/* x is finished (x->answered tells how). `state` is the connection's: database, user, versions. */
	void (*describe)(const void *state, const struct exchange *x, struct description *out);

	void (*release)(void *state); /* NULL: nothing to free */
};

/* All protocols, ended by NULL; see registry.h. */
extern const struct protocol *const protocols[];

/* By name, or NULL. */
const struct protocol *protocol_find(const char *name);

#endif
