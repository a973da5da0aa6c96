/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_HOOK_H
#define SPANTAP_CAPTURE_HOOK_H

/*
 * What this kernel and these privileges allow. A refused hook is data, not an error: it removes one named
 * capability, and `spantap doctor` prints this table.
 */

#include <stdbool.h>

/* X(id, name, what is lost without it) */
#define HOOKS(X)                                                                                  \
	X(PROCESS, "process", "children of the target are not followed from the kernel")          \
	X(SOCKET, "socket", "socket operations come from system call tracepoints, or packets")    \
	X(SYSCALL, "syscall", "no fallback where the socket hook is missing")                     \
	X(TCP_STATE, "tcp-state", "connections end when they fall silent, not when they close")   \
	X(TLS, "tls", "the plaintext of TLS connections (OpenSSL) is not seen")                   \
	X(RUNTIME, "runtime", "tasks that a request's own task starts are not known to be its own") \
	X(WAKE, "wake", "work that is handed to threads of a pool is not known to be a request's") \
	X(PACKET, "packet", "no capture from packets")

enum hook {
#define HOOK_ENUM(id, name, lost) HOOK_##id,
	HOOKS(HOOK_ENUM)
#undef HOOK_ENUM
	HOOK_COUNT,
};

enum hook_state {
	HOOK_UNTRIED = 0,
	HOOK_AVAILABLE = 1,
	HOOK_UNAVAILABLE = 2,
};

struct hook_table {
	struct {
		enum hook_state state;
		char reason[160];
	} hooks[HOOK_COUNT];
};

void hook_set(struct hook_table *t, enum hook hook, enum hook_state state, const char *reason);
const char *hook_name(enum hook hook);
const char *hook_lost(enum hook hook);

static inline bool hook_available(const struct hook_table *t, enum hook hook)
{
	return t->hooks[hook].state == HOOK_AVAILABLE;
}

#endif
