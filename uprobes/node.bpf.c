// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs on a Node.js thread: a read begins something new (recipe.bpf.h); what is stored in a
 * promise during it, continues it when that promise is settled; at each other boundary nobody knows
 * (0). Objects are known by their addresses, so a garbage collection, which moves them, leaves
 * forwarding addresses that we follow before the old places are used again. What is not found is
 * forgotten: a missing parent, never a wrong one. A stored address is overwritten when the place is
 * stored again, so what died in between cannot be taken for another.
 */
#include "uprobes/node.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* V8's builtins, x86-64; node.c sets no probes elsewhere. */
#if defined(__TARGET_ARCH_x86)
#define HANDLER(registers) ((registers)->bx)
#define RESULT_STORED(registers) ((registers)->dx)
#define RESULT_RUN(registers) ((registers)->cx)
#define COLLECTOR(registers) ((__u32)(registers)->si)
#define IS_ZERO(registers) ((registers)->flags & 0x40)
#define QUEUE(registers) ((registers)->ax)
#else
#define HANDLER(registers) 0
#define RESULT_STORED(registers) 0
#define RESULT_RUN(registers) 0
#define COLLECTOR(registers) 0
#define IS_ZERO(registers) 0
#define QUEUE(registers) 0
#endif

static __always_inline void begins(struct followed *f, __u32 numbered)
{
	note_numbers(f);
	f->current = f->read = 0;
	f->inherited = 0;
	f->numbered = numbered;
}

SEC("uprobe")
int on_boundary(struct pt_regs *ctx)
{
	struct followed *f = followed_here();

	if (f)
		begins(f, 0);
	return 0;
}

/*
 * A callback that somebody asked for is about to run, and has that one's number; `which` offset leads
 * from what is handed over to the Environment, and the last one from there to the numbers.
 */
static __always_inline int begins_numbered(struct pt_regs *ctx, int which)
{
	struct followed *f = followed_here();
	struct target_value *target = target_current();

	if (!f || !target)
		return 0;
	begins(f, 1);
	if (target->recipe.offset[2])
		f->numbers_at = word_at(PT_REGS_PARM1(ctx) + (__s64)target->recipe.offset[which],
					(__u64)target->recipe.offset[2]);
	return 0;
}

SEC("uprobe")
int on_timers(struct pt_regs *ctx)
{
	return begins_numbered(ctx, 0);
}

SEC("uprobe")
int on_immediates(struct pt_regs *ctx)
{
	return begins_numbered(ctx, 1);
}

/* Files, names of hosts, compression: work of other threads is done. */
SEC("uprobe")
int on_work(struct pt_regs *ctx)
{
	struct followed *f = followed_here();

	if (f)
		begins(f, 1);
	return 0;
}

/* Microtasks begin to run. */
SEC("uprobe")
int on_microtasks(struct pt_regs *ctx)
{
	struct followed *f = followed_here();

	if (f) {
		f->batch = 0;
		f->mixed = 0;
		f->reaction = 1; /* nothing has run before the first */
		f->batch_from = last_number(f);
	}
	return 0;
}

/*
 * Whose the reaction is, by what was stored with it; its handler can be known, too: if one of the
 * two is older than its place, that says nothing.
 */
static __always_inline __u64 context_of(const struct followed *f, __u64 handler, __u64 context)
{
	__u32 i = slot_of(f, handler);

	if (i < FOLLOWED_MAX && context != f->context[i])
		context = context ? 0 : f->context[i];
	return context == SHARED ? 0 : context;
}

static __always_inline __u32 type_of(__u64 object)
{
	__u16 type = 0;

	bpf_probe_read_user(&type, sizeof(type), (void *)((word_at(object, 0) & ~(__u64)TAG) + MAP_TYPE));
	return type;
}

/*
 * What waits for a promise, if that is one reaction; 0: it is not. A JSPromise: its reactions at 24,
 * its state in the low bits of the number at 32 (0: pending). A reaction: the next one, then the
 * rejection's handler, the other one and the promise that it settles, where its task has them.
 */
static __always_inline __u64 waiting_for(__u64 promise, __u32 handler)
{
	__u64 reaction;
	__u32 type;

	if (!(promise & TAG) || type_of(promise) < TYPE_JS_FIRST || word_at(promise, 32) >> 32 & 3)
		return 0;
	reaction = word_at(promise, 24);
	if (!(reaction & TAG))
		return 0;
	type = type_of(reaction);
	if (type < TYPE_REACTION_FIRST || type > TYPE_REACTION_LAST)
		return 0;
	return word_at(reaction, handler - 16) & TAG ? 0 : reaction;
}

/*
 * What Promise.all and the like settle when the last of their elements is: the capability stands
 * behind the number of those that remain, in the context of their closures.
 */
static __always_inline __u64 combined(__u64 handler, __u32 closure_context)
{
	__u64 capability = word_at(word_at(handler, closure_context), 40);

	return type_of(capability) >= TYPE_CAPABILITY_FIRST && type_of(capability) <= TYPE_CAPABILITY_LAST ?
		       word_at(capability, 8) :
		       0;
}

/*
 * Whose the task in the queue is: what was stored with it or, where that is not known (a handler
 * that was stored by code that is not optimized), with what waits for its result.
 */
__attribute__((noinline)) int resumed_one(__u64 task, __u32 at, __u32 handler, __u32 closure_context)
{
	struct followed *f = followed_here();
	__u32 type = type_of(task), i;
	__u64 context = 0;

	if (!f || at >= EVENT_RESUMED_MAX)
		return 0;
	f->resumed.units[at] = 0;
	if (type != TYPE_FULFILL && type != TYPE_REJECT)
		return 0;
	for (int depth = 0; depth < RESULTS_MAX && task && !context; depth++) {
		__u64 result = word_at(task, handler + 8);

		i = slot_of(f, object_of(word_at(task, handler), result, closure_context));
		context = context_of(f, word_at(task, handler), i < FOLLOWED_MAX ? f->context[i] : 0);
		if (is_undefined(result))
			result = combined(word_at(task, handler), closure_context);
		task = waiting_for(result, handler);
	}
	f->resumed.units[at] = context;
	return 0;
}

/* Tells whose promises the read has settled. One for the verifier to look at once. */
__attribute__((noinline)) int resumed_tell(__u64 queue, __u32 handler, __u32 closure_context)
{
	struct followed *f = followed_here();
	__u64 size = word_at(queue, QUEUE_SIZE), capacity = word_at(queue, QUEUE_CAPACITY);
	__u64 start = word_at(queue, QUEUE_START), ring = word_at(queue, QUEUE_RING);
	struct event_resumed *e;
	__u32 told = 0, bytes;

	if (!f || !f->read || size > QUEUE_MAX || (capacity & (capacity - 1)))
		return 0;
	e = &f->resumed;
	for (__u32 i = 0; i < EVENT_RESUMED_MAX && i < size; i++) {
		__u64 task = word_at(ring + ((start + i) & (capacity - 1)) * 8, 0);

		resumed_one(task, i, handler, closure_context);
		told = i + 1;
	}
	e->told = told;
	e->count = (__u32)size;
	e->read = f->read;
	f->read = 0;
	bytes = sizeof(*e) - sizeof(e->units) + (told > EVENT_RESUMED_MAX ? 0 : told) * 8;
	header_fill(&e->header, EVENT_RESUMED, bytes);
	ring_send(e, bytes);
	return 0;
}

/*
 * Before each microtask, and (the jump that follows is taken) after the last. What they have put off
 * with process.nextTick() runs then: it is theirs, if all of them were one context's.
 */
static __always_inline int between_microtasks(struct pt_regs *ctx, __u32 handler,
					      __u32 closure_context)
{
	struct followed *f = followed_here();

	if (!f)
		return 0;
	if (!f->reaction)
		f->mixed = 1;
	f->reaction = 0;
	note_numbers(f);
	f->current = IS_ZERO(ctx) && !f->mixed && (!f->numbered || f->numbers_at) ? f->batch : 0;
	f->inherited = f->current && f->numbered;
	f->batch_to = last_number(f);
	if (f->read && handler && !IS_ZERO(ctx))
		resumed_tell(QUEUE(ctx), handler, closure_context);
	return 0;
}

SEC("uprobe")
int on_microtask(struct pt_regs *ctx)
{
	return between_microtasks(ctx, 0, 0);
}

SEC("uprobe")
int on_microtask_24_32(struct pt_regs *ctx)
{
	return between_microtasks(ctx, 24, 32);
}

SEC("uprobe")
int on_microtask_32_40(struct pt_regs *ctx)
{
	return between_microtasks(ctx, 32, 40);
}

/* The last probe that is set: from here on all are there. */
SEC("uprobe")
int on_stream(struct pt_regs *ctx)
{
	struct followed *f = follow();

	if (f)
		begins(f, 0);
	return 0;
}

/* What another context has stored at this address died. */
static __always_inline void forget_other(struct followed *f, __u64 object)
{
	__u32 i = slot_of(f, object);

	if (i < FOLLOWED_MAX && f->context[i] != f->storing)
		f->object[i] = 0;
}

static __always_inline int stored(struct pt_regs *ctx, __u32 closure_context)
{
	struct followed *f = followed_here();
	__u64 object;

	if (!f)
		return 0;
	object = object_of(HANDLER(ctx), RESULT_STORED(ctx), closure_context);
	current_find();
	forget_other(f, object);
	if (f->storing && (object & TAG))
		store(f, object, f->storing, 0);
	return 0;
}

SEC("uprobe")
int on_then_32(struct pt_regs *ctx)
{
	return stored(ctx, 32);
}

SEC("uprobe")
int on_then_40(struct pt_regs *ctx)
{
	return stored(ctx, 40);
}

/* A handler can be stored more than once, so it stays; by two contexts, it says nothing any more. */
static __always_inline void store_handler(struct followed *f, __u64 handler)
{
	__u32 i;

	if (!(handler & TAG) || is_undefined(handler))
		return;
	i = slot_of(f, handler);
	if (i >= FOLLOWED_MAX)
		store(f, handler, f->storing, 0);
	else if (f->context[i] != f->storing)
		f->context[i] = SHARED;
}

/* then(on_fulfilled, on_rejected), called from code that is not optimized: makes its result inside. */
SEC("uprobe")
int on_prototype_then(struct pt_regs *ctx)
{
	struct followed *f = followed_here();
	__u64 handlers[2] = {}; /* above the return address and the receiver */

	if (!f || bpf_probe_read_user(handlers, sizeof(handlers), (void *)(PT_REGS_SP(ctx) + 16)))
		return 0;
	current_find();
	store_handler(f, handlers[0]);
	store_handler(f, handlers[1]);
	return 0;
}

static __always_inline int runs(struct pt_regs *ctx, __u32 closure_context)
{
	struct followed *f = followed_here();
	__u64 handler = HANDLER(ctx);
	__u64 context;

	if (!f)
		return 0;
	context = take(f, object_of(handler, RESULT_RUN(ctx), closure_context));
	note_numbers(f);
	f->current = context_of(f, handler, context);
	f->inherited = 0;
	f->reaction = 1;
	if (!f->current || (f->batch && f->batch != f->current))
		f->mixed = 1;
	f->batch = f->current;
	return 0;
}

SEC("uprobe")
int on_reaction_32(struct pt_regs *ctx)
{
	return runs(ctx, 32);
}

SEC("uprobe")
int on_reaction_40(struct pt_regs *ctx)
{
	return runs(ctx, 40);
}

/* A heap object begins with its map, whose map is the map of maps, which is its own. */
static __always_inline bool is_object(__u64 address)
{
	__u64 map = word_at(address, 0), maps;

	if (!(map & TAG))
		return false;
	maps = word_at(map, 0);
	return (maps & TAG) && word_at(maps, 0) == maps;
}

/* One for the verifier to look at once. what: the slot | age << 32 | full << 63. */
__attribute__((noinline)) int moved(__u64 what)
{
	struct followed *f = followed_here();
	__u32 i = (__u32)what & (FOLLOWED_MAX - 1);
	__u8 age = (__u8)(what >> 32);
	__u64 object, context, word;

	if (!f || !f->object[i] || f->age[i] == age)
		return 0;
	object = f->object[i];
	context = f->context[i];
	word = word_at(object, 0);
	if (!word || (word & TAG)) { /* not moved: an old one, or dead */
		if (word && (f->age[i] || context == SHARED || what >> 63))
			f->age[i] = age;
		else
			f->object[i] = 0;
		return 0;
	}
	f->object[i] = 0;
	if (is_object(word | TAG))
		store(f, word | TAG, context, age);
	return 0;
}

SEC("uprobe")
int on_collected(struct pt_regs *ctx)
{
	struct followed *f = followed_here();
	__u64 age;

	if (!f)
		return 0;
	if (!++f->collections)
		f->collections = 1;
	/* A full one moves whole pages to where the old are, and nothing in them. */
	age = (__u64)f->collections << 32 | (__u64)(COLLECTOR(ctx) != COLLECTOR_OF_YOUNG) << 63;
	for (__u32 i = 0; i < FOLLOWED_MAX; i++)
		moved(age | i);
	return 0;
}
