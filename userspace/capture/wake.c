// SPDX-License-Identifier: GPL-2.0-only
/* See wake.h. A process is looked at when it is twice as old, then each two seconds: threads come
 * late, and so does what recipe.c finds. */
#include "userspace/capture/wake.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

/* The skeleton names the types of .rodata. */
#include "bpf/config.h"

#include "bpf/wake.skel.h"
#include "userspace/base/clock.h"
#include "userspace/base/error.h"
#include "userspace/base/log.h"
#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/base/procfs.h"
#include "userspace/capture/object.h"

/* bpf/maps.bpf.h */
#define TARGET_WAKES 0x2u
#define TARGET_UNIT_WAKES 0x4u

#define LOOKS_PER_TICK 64
#define LOOK_FIRST_NS (20 * NS_PER_MS)
#define LOOK_LATE_NS (2 * NS_PER_SECOND)
#define STATUS_LEN_MAX 65536

struct process {
	uint32_t pid;
	uint64_t since_ns, next_ns;
	bool told; /* counted in `wanted` */
};

struct wakes {
	struct wake_bpf *object;
	struct bpf_link *link; /* NULL: nobody needs it */
	struct map processes;
	struct buf text;
	size_t wanted;
	uint64_t next_ns;
};

static int load(struct wakes *w, struct bpf_object *owner, const struct config *config)
{
	int err;

	w->object = wake_bpf__open();
	if (!w->object)
		return -errno;
	memcpy((void *)&w->object->rodata->config, config, sizeof(*config));
	err = object_share_maps(w->object->obj, owner);
	if (!err)
		err = wake_bpf__load(w->object);
	if (err)
		return err;
	/* What cannot be attached is to be known now. */
	w->link = bpf_program__attach(w->object->progs.on_waking);
	err = w->link ? 0 : -errno;
	bpf_link__destroy(w->link);
	w->link = NULL;
	return err;
}

struct wakes *wakes_new(struct bpf_object *owner, const struct config *config,
			struct hook_table *hooks)
{
	struct wakes *w = memory_new(sizeof(*w));
	int err;

	if (!w)
		return NULL;
	map_init(&w->processes, sizeof(uint32_t), TARGETS_MAX);
	buf_init(&w->text, STATUS_LEN_MAX);
	err = load(w, owner, config);
	hook_set(hooks, HOOK_WAKE, err ? HOOK_UNAVAILABLE : HOOK_AVAILABLE,
		 !err                   ? ""
		 : object_last_log()[0] ? object_last_log()
					: error_name(err));
	if (!err)
		return w;
	wakes_free(w);
	return NULL;
}

void wakes_free(struct wakes *w)
{
	size_t at = 0;
	void *value;

	if (!w)
		return;
	while ((value = map_next(&w->processes, &at)))
		memory_free(value);
	map_release(&w->processes);
	buf_release(&w->text);
	bpf_link__destroy(w->link);
	wake_bpf__destroy(w->object);
	memory_free(w);
}

/* ---- one process ---------------------------------------------------------------------------- */

static uint64_t threads_of(struct wakes *w, uint32_t pid)
{
	static const char name[] = "\nThreads:\t";
	struct bytes number;
	const char *line;
	uint64_t n;

	buf_reset(&w->text);
	if (procfs_read_pid(pid, "status", &w->text) || !buf_add_byte(&w->text, '\0'))
		return 0;
	line = strstr((const char *)w->text.data, name);
	number = bytes_of_string(line ? line + sizeof(name) - 1 : "");
	return bytes_number(bytes_part(number, 0, bytes_find(number, '\n', 0)), &n) ? n : 0;
}

/*
 * Of an interpreter's or a scheduler's own units threads say nothing, and its lock's wakes are
 * many. Go tells of its units itself (uprobes/go.bpf.c); of tasks nobody does.
 */
static uint32_t flags_for(const struct recipe *recipe, uint64_t threads)
{
	if (recipe->flags & RECIPE_TASKS)
		return 0;
	if (recipe->base == RECIPE_NONE || recipe->flags & RECIPE_MOUNTED)
		return threads > 1 ? TARGET_WAKES : 0;
	return recipe->flags & RECIPE_NOT_THREADS ? TARGET_UNIT_WAKES : 0;
}

static void count(struct wakes *w, struct process *p, bool told)
{
	if (told == p->told)
		return;
	p->told = told;
	w->wanted += told ? 1 : (size_t)-1;
	if (!w->wanted) {
		bpf_link__destroy(w->link);
		w->link = NULL;
	} else if (!w->link) {
		w->link = bpf_program__attach(w->object->progs.on_waking);
	}
}

static void look_at(struct wakes *w, struct process *p)
{
	int fd = bpf_map__fd(w->object->maps.targets);
	struct target_value value;
	uint32_t flags;

	if (bpf_map_lookup_elem(fd, &p->pid, &value))
		return;
	flags = flags_for(&value.recipe, threads_of(w, p->pid));
	count(w, p, flags & TARGET_WAKES);
	flags |= value.flags & ~(TARGET_WAKES | TARGET_UNIT_WAKES);
	if (flags == value.flags)
		return;
	if (flags & TARGET_WAKES)
		log_debug("pid %u: its threads' wakes are told", p->pid);
	value.flags = flags;
	bpf_map_update_elem(fd, &p->pid, &value, BPF_EXIST);
}

/* ---- processes ------------------------------------------------------------------------------ */

static void schedule(struct wakes *w, uint32_t pid, uint64_t now_ns, uint64_t next_ns)
{
	struct process *p = map_find(&w->processes, &pid);

	if (!p) {
		p = memory_new(sizeof(*p));
		if (!p || map_set(&w->processes, &pid, p)) {
			memory_free(p);
			return;
		}
		p->pid = pid;
	}
	p->since_ns = now_ns;
	p->next_ns = next_ns;
	if (next_ns < w->next_ns)
		w->next_ns = next_ns;
}

void wakes_add(struct wakes *w, uint32_t pid, uint64_t now_ns)
{
	if (w)
		schedule(w, pid, now_ns, now_ns + LOOK_FIRST_NS);
}

void wakes_add_new(struct wakes *w, const struct targets *targets, uint64_t now_ns)
{
	size_t at = 0;
	uint32_t pid;

	if (!w)
		return;
	while ((pid = targets_next(targets, &at)))
		if (!map_find(&w->processes, &pid))
			schedule(w, pid, now_ns, now_ns);
	wakes_tick(w, now_ns);
}

void wakes_remove(struct wakes *w, uint32_t pid)
{
	struct process *p = w ? map_remove(&w->processes, &pid) : NULL;

	if (!p)
		return;
	count(w, p, false);
	memory_free(p);
}

void wakes_tick(struct wakes *w, uint64_t now_ns)
{
	uint64_t next = now_ns + LOOK_LATE_NS;
	uint32_t looks = 0;
	struct process *p;
	size_t at = 0;

	if (!w || now_ns < w->next_ns)
		return;
	while ((p = map_next(&w->processes, &at))) {
		if (p->next_ns <= now_ns && looks++ < LOOKS_PER_TICK) {
			uint64_t age = now_ns - p->since_ns;

			look_at(w, p);
			p->next_ns = now_ns + (age < LOOK_FIRST_NS  ? LOOK_FIRST_NS
					       : age > LOOK_LATE_NS ? LOOK_LATE_NS
								    : age);
		}
		if (p->next_ns < next)
			next = p->next_ns;
	}
	w->next_ns = next;
}

uint64_t wakes_misses(const struct wakes *w)
{
	return w ? object_recursion_misses(w->object->obj) : 0;
}
