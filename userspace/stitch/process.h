/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_STITCH_PROCESS_H
#define SPANTAP_STITCH_PROCESS_H

/* What the layers know of a process and of its units: requests that are open there. */

#include "userspace/stitch/link.h"
#include "userspace/stitch/origin.h"

#define UNITS_MAX 262144
#define UNITS_FEW 16384 /* with so many none is forgotten */

/* Of an event loop's calls to one port: did the one who wrote them go on with their answers? */
#define REPLIES_PORTS 8
struct replies {
	uint16_t port; /* 0: not in use */
	uint32_t agreed, disagreed;
};

struct process_requests {
	uint32_t pid;
	uint32_t open_count;
	bool resumes; /* its loops tell whom a read has made go on */
	struct replies replies[REPLIES_PORTS];
	uint64_t opened; /* requests ever opened: tells whether another one came in between */
	struct segments *segments;  /* segment.c's own; NULL: none */
	struct wait_places *places; /* completion.c's own; NULL: none */
	struct list open;           /* oldest first */
	struct list held; /* ended calls that an open request may still claim, in the order of their
			     end */
};

struct unit_requests {
	uint32_t open_count;
	bool served;         /* has owned a request: it is no helper of other requests */
	bool shared;         /* had two requests open at once: the thread says nothing any more */
	bool recent;         /* asked for since units were last forgotten */
	bool hosts;          /* a thread that serves requests with coroutines: says little itself */
	bool alone;          /* has called while no request was open, or beyond its end */
	uint32_t generation; /* of what goes by this id: an address is used again */
	struct node *only;   /* the open one, when open_count is 1 */
	uint64_t answered_ns; /* when it last wrote an answer */
	uint64_t voice;       /* of a thread: the nested context that has read and answered its
				 requests */
	bool voices;          /* there was more than one such context */
	struct list calls;    /* its calls without a parent so far, by begin */
	struct unit_requests *parent; /* what started it; NULL: not known */
	struct list children, sibling;
	struct completion *completion;                    /* completion.c's own; NULL: none */
	uint32_t calls_made, calls_answered, quiet_until; /* of a worker, for completion.c */
	uint64_t last_socket;                             /* of its last call */
	uint64_t timer_ns; /* of a thread, for timer.c: it has called out of itself; 0: never */
	uint64_t timers_until_ns; /* it does so */
	uint64_t waits_for;       /* the socket of its last call while there is no answer */
	uint64_t overtaken;       /* the same, and then a request was read */
	uint16_t sleeps;          /* when it last moved bytes */
	uint64_t born_ns;         /* when that was */
	uint64_t origin;          /* and where: origin.h */
};

struct process_table {
	struct map processes; /* by pid */
	struct map units;     /* by struct unit_key */
	struct map origins;   /* origin.h */
	size_t units_wanted;  /* with so many, those that are over are forgotten */
};

void process_table_init(struct process_table *t);
void process_table_release(struct process_table *t);

/*
 * Made at the first call; NULL when memory is refused or there are too many. Units that
 * nobody asked for lately and that have nothing open are forgotten: threads come and go, and each
 * goroutine has an id of its own.
 */
struct process_requests *process_of(struct process_table *t, uint32_t pid);
struct unit_requests *unit_of(struct process_table *t, uint32_t pid, uint64_t unit);

/* What ran when these bytes moved: a goroutine, else the thread. NULL: not known. */
struct unit_requests *unit_of_thread(struct process_table *t, const struct mark *mark);

/*
 * The runtime's context that was current then; NULL where there is none. For fibers inside the only
 * one that serves the thread's requests (a server with a thread per request): that one.
 */
struct unit_requests *unit_of_context(struct process_table *t, const struct mark *mark);

/* These bytes are a request or an answer: who serves requests on this thread? */
void unit_heard(struct process_table *t, const struct mark *mark);

/*
 * `parent` has started `child`, which is a new one even when its id was used before. Ids that are
 * addresses are used again at once: calls that the former one made belong to what had started it.
 */
void unit_born(struct process_table *t, uint32_t pid, uint64_t child, uint64_t parent,
	       uint64_t time_ns, uint64_t origin);

/* It will not run any more. */
void unit_ended(struct process_table *t, uint32_t pid, uint64_t unit);

/* The unit has read a request, which it owns until the answer is out. */
void unit_opens(struct unit_requests *u, struct node *request);
void unit_ends(struct unit_requests *u, const struct node *request);

/* How many requests the process has read so far. */
uint64_t process_number(struct process_table *t, uint32_t pid);

/* A request is open from when it was read until its answer is out. */
void process_request_opens(struct process_table *t, struct node *request);
void process_request_ends(struct process_table *t, struct node *request);

/* Forgets a process and its units. */
void process_gone(struct process_table *t, uint32_t pid);

#endif
