// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines: who started one, and for whom net/http's writer writes. At these places R14 holds the
 * running goroutine's struct g (Go's ABIInternal; what is older than 1.17 has no recipe). Nothing
 * is sent from here: births wait in a map until the goroutine moves bytes.
 */
#include "uprobes/user.bpf.h"

#define G_START 64 /* sched.pc: where it will begin */
#define G_STACK_END 8
#define G_STACK 56 /* sched.sp: where it was stopped */
#define G_M 48 /* since 1.17: stack, stackguard0, stackguard1, _panic, _defer come before */

char LICENSE[] SEC("license") = "GPL";

#if defined(__TARGET_ARCH_x86)

/* Requests that were given to a connection and are not written yet. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct unit_key); /* the *http.Request */
	__type(value, struct birth);
} requests SEC(".maps");

/* 0: none, or a version that is not known. */
static __always_inline __u64 goid_of(const struct target_value *target, __u64 g)
{
	if (!g || target->recipe.steps != 2 || !(target->recipe.flags & RECIPE_NOT_THREADS))
		return 0;
	return word_at(g + (__s64)target->recipe.offset[1]);
}

/* newproc's call of runqput(p, g, true): on the thread's own stack, while newproc's caller is
 * m.curg. */
SEC("uprobe")
int on_start(struct pt_regs *ctx)
{
	const struct target_value *target = target_current();
	struct birth birth = {}, *parent;
	struct unit_key key;

	if (!target || !target->recipe.address)
		return 0;
	key = key_of(goid_of(target, ctx->bx));
	birth.parent = goid_of(target, word_at(word_at(ctx->r14 + G_M) + target->recipe.address));
	birth.time_ns = bpf_ktime_get_ns();
	birth.origin = word_at(ctx->bx + G_START);
	if (!key.unit || !birth.parent || key.unit == birth.parent)
		return 0;
	bpf_map_update_elem(&births, &key, &birth, BPF_ANY);
	key.unit = birth.parent;
	parent = bpf_map_lookup_elem(&births, &key);
	if (parent)
		parent->parental = 1;
	return 0;
}

/* goexit1, by the goroutine itself. What has moved bytes is told to have ended; of others' parents it is noted. */
SEC("uprobe")
int on_end(struct pt_regs *ctx)
{
	const struct target_value *target = target_current();
	struct event_unit e = {};
	struct unit_key key;
	struct birth *birth;
	bool told;

	if (!target)
		return 0;
	key = key_of(goid_of(target, ctx->r14));
	birth = key.unit ? bpf_map_lookup_elem(&births, &key) : NULL;
	if (!birth)
		return 0;
	birth->ended = 1;
	if (!birth->told && birth->parental)
		return 0;
	told = birth->told;
	bpf_map_delete_elem(&births, &key);
	if (!told)
		return 0;
	e.child = key.unit;
	header_fill(&e.header, EVENT_UNIT, sizeof(e));
	ring_send(&e, sizeof(e));
	return 0;
}

/* (*persistConn).roundTrip(request *transportRequest): its first word is the *Request. */
SEC("uprobe")
int on_round_trip(struct pt_regs *ctx)
{
	const struct target_value *target = target_current();
	struct birth birth = {};
	struct unit_key key;

	if (!target)
		return 0;
	key = key_of(word_at(ctx->bx));
	birth.parent = goid_of(target, ctx->r14);
	birth.time_ns = bpf_ktime_get_ns();
	if (key.unit && birth.parent)
		bpf_map_update_elem(&requests, &key, &birth, BPF_ANY);
	return 0;
}

/* (*Request).write: the connection's writer works for who asked, as if that one had started it just
 * then. */
SEC("uprobe")
int on_request_write(struct pt_regs *ctx)
{
	const struct target_value *target = target_current();
	struct unit_key key = key_of(ctx->ax);
	struct birth *given, birth;

	if (!target)
		return 0;
	given = bpf_map_lookup_elem(&requests, &key);
	if (!given)
		return 0;
	birth = *given;
	bpf_map_delete_elem(&requests, &key);
	key.unit = goid_of(target, ctx->r14);
	if (key.unit && key.unit != birth.parent)
		bpf_map_update_elem(&births, &key, &birth, BPF_ANY);
	return 0;
}

/*
 * send(channel, sudog, ...), on the goroutine that sends: its value goes to one that waits to receive, sudog.g.
 * Told when the sender has read from a socket last: then it may be an answer to whoever gave it work.
 */
SEC("uprobe")
int on_send(struct pt_regs *ctx)
{
	const struct target_value *target = target_current();
	struct event_wake e = {};
	const struct mover *mover;
	struct unit_key key;
	__u64 woken;

	if (!target || !(target->flags & TARGET_UNIT_WAKES))
		return 0;
	key = key_of(goid_of(target, ctx->r14));
	mover = key.unit ? bpf_map_lookup_elem(&movers, &key) : NULL;
	if (!mover || !mover->read)
		return 0;
	woken = word_at(ctx->bx);
	header_fill(&e.header, EVENT_WAKE, sizeof(e));
	e.unit = key.unit;
	e.woken_unit = goid_of(target, woken);
	e.stack = word_at(woken + G_STACK_END) - word_at(woken + G_STACK);
	e.flags = EVENT_NOT_THREADS;
	e.what = WAKE_MOVED | WAKE_SLEPT_THROUGH; /* of locks and of places in a queue nothing is told here */
	if (e.woken_unit)
		ring_send(&e, sizeof(e));
	return 0;
}

#endif
