/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_UPROBES_NODE_BPF_H
#define SPANTAP_UPROBES_NODE_BPF_H

/* Of a Node.js thread that is followed: what is kept by address and by number, and V8's objects. */

#include "bpf/core.bpf.h"

#include "bpf/recipe.bpf.h"

#define TAG 1 /* of pointers to heap objects */
#define SHARED (~0ull) /* a handler that several have stored: whose it runs for is not known */
#define COLLECTOR_OF_YOUNG 0 /* enum class GarbageCollector: SCAVENGER */
#define EXPONENT 0x7ff0000000000000ull

/* MicrotaskQueue, and the tasks in it (instance types, offset of that in a map): 18 to 24. */
#define QUEUE_SIZE 8
#define QUEUE_CAPACITY 16
#define QUEUE_START 24
#define QUEUE_RING 32
#define QUEUE_MAX 0x100000
#define MAP_TYPE 12
#define NUMBER_LAST 16 /* AsyncHooks::Fields: kExecutionAsyncId, kTriggerAsyncId, kAsyncIdCounter */
#define FOLLOWED_IDS_BITS 10
#define TYPE_FULFILL 0x84
#define TYPE_REJECT 0x85
#define TYPE_REACTION_FIRST 162 /* PROMISE_REACTION_TYPE: 166, 163, 163, 162 */
#define TYPE_REACTION_LAST 166
#define TYPE_CAPABILITY_FIRST 161 /* PROMISE_CAPABILITY_TYPE: 164, 161, 161, 161 */
#define TYPE_CAPABILITY_LAST 164
#define TYPE_JS_FIRST 1056 /* JSPromise's is some 2,060 */
#define RESULTS_MAX 4	   /* promises that wait for each other */

/* What a new entry is copied from. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct followed);
} nothing SEC(".maps");

static __always_inline __u64 word_at(__u64 object, __u64 offset)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)((object & ~(__u64)TAG) + offset));
	return word;
}

static __always_inline struct followed *followed_here(void)
{
	__u64 thread = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&threads_followed, &thread);
}

static __always_inline struct followed *follow(void)
{
	struct followed *f = followed_here(), *zeros;
	struct target_value *target;
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 key = 0;

	if (f)
		return f;
	target = target_current();
	zeros = bpf_map_lookup_elem(&nothing, &key);
	if (!target || target->recipe.base != RECIPE_FOLLOWED || !zeros)
		return NULL;
	bpf_map_update_elem(&threads_followed, &thread, zeros, BPF_NOEXIST);
	return bpf_map_lookup_elem(&threads_followed, &thread);
}

/* What runs is about to change: the numbers given since the last time are its. */
static __always_inline void note_numbers(struct followed *f)
{
	__u64 last = 0, owner = f->inherited ? 0 : f->current;
	__u32 i = (f->number_count - 1) & (FOLLOWED_IDS - 1);

	if (!f->numbers_at)
		return;
	bpf_probe_read_user(&last, sizeof(last), (void *)(f->numbers_at + NUMBER_LAST));
	if (last == f->number_last)
		return;
	if (!f->number_count || f->number_owner[i] != owner)
		i = f->number_count++ & (FOLLOWED_IDS - 1);
	f->number_to[i] = f->number_last = last;
	f->number_owner[i] = owner;
}

static __always_inline __u64 last_number(const struct followed *f)
{
	__u64 last = 0;

	if (f->numbers_at)
		bpf_probe_read_user(&last, sizeof(last), (void *)(f->numbers_at + NUMBER_LAST));
	return last;
}

/* Whoever was given this number; 0: not known. */
static __always_inline __u64 owner_of_number(const struct followed *f, __u64 number)
{
	__u32 high = f->number_count, low = high > FOLLOWED_IDS ? high - FOLLOWED_IDS : 0, first = low;

	for (int step = 0; step < FOLLOWED_IDS_BITS + 1 && low < high; step++) {
		__u32 middle = low + (high - low) / 2;

		if (f->number_to[middle & (FOLLOWED_IDS - 1)] < number)
			low = middle + 1;
		else
			high = middle;
	}
	/* Where the eldest begins is forgotten. */
	if (low == first || low >= f->number_count)
		return 0;
	return f->number_owner[low & (FOLLOWED_IDS - 1)];
}

/* For what is stored: what runs, or who asked for the callback that runs. */
__attribute__((noinline)) int current_find(void)
{
	struct followed *f = followed_here();
	__u64 number = 0;

	if (!f)
		return 0;
	f->storing = followed_inherits(f) ? f->current : 0;
	if (f->storing || !f->numbered || !f->numbers_at)
		return 0;
	note_numbers(f);
	bpf_probe_read_user(&number, sizeof(number), (void *)f->numbers_at);
	f->storing = owner_of_number(f, number);
	return 0;
}

static __always_inline __u32 set_of(__u64 object)
{
	return (__u32)((object >> 3) * 0x9e3779b97f4a7c15ull >> 56) * FOLLOWED_WAYS;
}

/* The slot of an object, or FOLLOWED_MAX. */
static __always_inline __u32 slot_of(const struct followed *f, __u64 object)
{
	__u32 set = set_of(object);

	for (__u32 way = 0; way < FOLLOWED_WAYS; way++) {
		__u32 i = (set + way) & (FOLLOWED_MAX - 1);

		if (f->object[i] == object)
			return i;
	}
	return FOLLOWED_MAX;
}

/* The context that was stored with it, once; 0: none. */
static __always_inline __u64 take(struct followed *f, __u64 object)
{
	__u32 i = slot_of(f, object);

	if (i >= FOLLOWED_MAX)
		return 0;
	if (f->uses[i] > 1) /* Promise.all: one closure's context for all that it waits for */
		f->uses[i]--;
	else
		f->object[i] = 0;
	return f->context[i];
}

/* Whoever waits longest makes room. */
static __always_inline void store(struct followed *f, __u64 object, __u64 context, __u8 age)
{
	__u64 best = ~0ull;
	__u32 set = set_of(object), at = set;

	for (__u32 way = 0; way < FOLLOWED_WAYS; way++) {
		__u32 i = (set + way) & (FOLLOWED_MAX - 1);
		__u64 rank = f->object[i] == object ? 0 : f->object[i] ? f->context[i] : 1;

		if (rank < best) {
			best = rank;
			at = i;
		}
	}
	at &= FOLLOWED_MAX - 1;
	f->object[at] = object;
	f->uses[at] = f->object[at] == object && f->context[at] == context ? f->uses[at] + 1 : 1;
	f->object[at] = object;
	f->context[at] = context;
	f->age[at] = age;
}

/* undefined, whose second word is the number NaN */
static __always_inline bool is_undefined(__u64 object)
{
	return (word_at(object, 8) & EXPONENT) == EXPONENT;
}

/*
 * What is the same when a reaction is stored and when it runs: its result, a promise of its own; an
 * await has none, but a closure with its own context.
 */
static __always_inline __u64 object_of(__u64 handler, __u64 result, __u32 closure_context)
{
	return is_undefined(result) ? word_at(handler, closure_context) : result;
}

#endif
