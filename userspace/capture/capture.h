/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_CAPTURE_H
#define SPANTAP_CAPTURE_CAPTURE_H

/*
 * The kernel side as one thing: loads the hooks that this kernel allows, follows the targets, and turns the
 * ring buffer's events into calls of the socket table.
 */

#include "userspace/base/error.h"
#include "userspace/capture/hook.h"
#include "userspace/capture/socket.h"
#include "userspace/capture/target.h"

enum capture_mode {
	CAPTURE_AUTO = 0,
	CAPTURE_SOCKET = 1,
	CAPTURE_SYSCALL = 2,
	CAPTURE_PACKET = 3,
};

#define RING_BYTES_DEFAULT (16u << 20)
#define LOSSES_MAX 32

struct capture_options {
	enum capture_mode mode;
	uint32_t ring_bytes; /* a power of two, at least 64 KiB */
	uint32_t copy_request, copy_response; /* bytes of a message's head */
	bool uprobes, runtime_hooks;
	const struct protocol *only;
	const struct connection_observer *observer;
	void *stitch;
	void (*process_gone)(void *stitch, uint32_t pid);
	void (*unit_born)(void *stitch, uint32_t pid, uint64_t child, uint64_t parent, uint64_t time_ns,
			  uint64_t origin);
	void (*unit_ended)(void *stitch, uint32_t pid, uint64_t unit);
	void (*woken)(void *stitch, const struct event_wake *e);
	void (*resumed)(void *stitch, const struct event_resumed *e);
};

struct capture;

/* Loads and attaches. NULL with a sentence in *error (no privilege, no BTF, mode not available). */
struct capture *capture_new(const struct capture_options *options, struct error *error);
void capture_free(struct capture *c);

/* The mode in use: SOCKET, SYSCALL or PACKET. */
enum capture_mode capture_mode(const struct capture *c);
const char *capture_mode_name(enum capture_mode mode);

struct targets *capture_targets(struct capture *c);

/* Follows pid and its children from now on. 0 or as targets_add. */
int capture_add(struct capture *c, uint32_t pid, struct error *error);

/* For poll(), and what to do when it is readable or RING_DRAIN_MS have passed. */
int capture_fd(const struct capture *c);
void capture_drain(struct capture *c, bool last);
void capture_tick(struct capture *c, uint64_t now_ns);

/* Ends all connections, so that their exchanges are told. Nothing may be drained afterwards. */
void capture_finish(struct capture *c);

const struct hook_table *capture_hooks(const struct capture *c);

struct loss {
	const char *name;
	uint64_t count;
};

/* All counters of losses that are not zero, `events` among them not. Returns how many. */
size_t capture_losses(struct capture *c, struct loss *out, size_t max);

/* Events seen so far, for progress and benches. */
uint64_t capture_events(const struct capture *c);

/* Where can this run: fills the table by loading and attaching each hook once, tracing nothing. */
void capture_probe(struct hook_table *table);

#endif
