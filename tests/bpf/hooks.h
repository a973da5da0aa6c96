/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_BPF_HOOKS_H
#define SPANTAP_TESTS_BPF_HOOKS_H

/*
 * The capture hooks, loaded and attached for real: one set per mode, kept for the whole program. A case forks
 * a child (the target) that does the I/O, and compares the events of one socket, written as text:
 *
 *   S            EVENT_SOCKET
 *   O5+100       100 bytes sent at offset 5, all of them copied
 *   I0+9000:1024+64   received; 1024 copied from the start, 64 from the end
 *   N L          after one of those: no buffer, late
 *   E1 E2 C3     a direction ended (bit 0 receiving, bit 1 sending); closed
 *
 * What is sent is a pattern of the stream position, so every copied byte is compared too: a wrong one reads
 * "BAD". Both modes must give the same text unless a case says why not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bpf/config.h"
#include "bpf/event.h"

enum mode {
	MODE_SOCKET = 0,
	MODE_SYSCALL = 1,
	MODES = 2,
};

struct hooks;

/* For the child: says what failed and ends it. */
#define CHECK(condition)                                                                         \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			fprintf(stderr, "# %s:%d: %s: %m\n", __FILE__, __LINE__, #condition);    \
			_exit(1);                                                                \
		}                                                                                \
	} while (0)

/* Runs the cases once per mode; *state is the struct hooks. For main(). */
int hooks_main(const struct CMUnitTest *cases, size_t count);

enum mode hooks_mode(const struct hooks *h);

/* A set of its own with a ring of this size or another head; NULL when it cannot load. Not attached twice. */
struct hooks *hooks_new(enum mode mode, uint32_t ring_bytes, uint32_t head);
void hooks_free(struct hooks *h);

/* Forks a target that runs act(context) and exits 0; returns its PID once it is followed. */
pid_t hooks_start(struct hooks *h, void (*act)(void *context), void *context);

/* The same for a process that is not followed. */
pid_t hooks_start_stranger(void (*act)(void *context), void *context);

/* Waits for the child; fails the test unless it exited 0. */
void hooks_finish(struct hooks *h, pid_t pid);

/* Start and finish: afterwards the events are there. Those of earlier runs are forgotten. */
void hooks_run(struct hooks *h, void (*act)(void *context), void *context);

/* Takes what the ring holds; forgets all that was taken. */
void hooks_drain(struct hooks *h);
void hooks_forget(struct hooks *h);

/* The events of a socket as text (see above); valid until the next call. in, out: stream positions at offset 0. */
const char *hooks_text_from(struct hooks *h, uint64_t socket, uint64_t in, uint64_t out);
const char *hooks_text(struct hooks *h, uint64_t socket);

/* The n-th event of that kind (of that socket, unless 0), or NULL. */
const void *hooks_event(struct hooks *h, enum event_kind kind, uint64_t socket, unsigned int n);

/* How many events there are in all. */
size_t hooks_count(struct hooks *h);

uint64_t hooks_counter(struct hooks *h, enum counter which);
int hooks_targets_fd(struct hooks *h);
int hooks_verdicts_fd(struct hooks *h);

/* Sockets whose state is kept (fallback only; the other keeps it on the socket itself). */
size_t hooks_states(struct hooks *h);

/* ---- connections ---- */

enum link_kind {
	LINK_TCP4 = 0,
	LINK_TCP6 = 1,
	LINK_UNIX = 2, /* a pair without names */
	LINK_KINDS = 3,
};

struct end {
	int fd;
	uint64_t inode;
	uint64_t sent; /* stream position of the next byte sent here */
};

/* a connected, b accepted. */
struct link {
	struct end a, b;
};

void link_open(struct link *l, enum link_kind kind);
void link_close(struct link *l);
uint64_t socket_inode_of(int fd);

/* The byte at a stream position, and len of them from the end's next position on, which moves. */
uint8_t pattern(uint64_t position);
void fill(struct end *e, void *buffer, size_t len);
void fill_vector(struct end *e, const struct iovec *iov, int count);

/* In the child: sends len bytes with one send, takes len bytes with one read once they are there. */
void put(struct end *e, size_t len);
void get(struct end *e, size_t len);

/* Waits until so many bytes can be read. */
void wait_bytes(int fd, size_t len);

#endif
