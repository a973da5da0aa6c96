// SPDX-License-Identifier: GPL-2.0-only
/* See target.h. */
#include "userspace/capture/target.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/config.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/service.h"

#define GONE_KEPT_NS (10 * NS_PER_SECOND)
#define CHILDREN_DEPTH_MAX 64
#define TASK_EXITING 0x4 /* the kernel's PF_EXITING */
#define PARENTS_MAX 16

struct process {
	uint32_t pid, parent;
	struct resource *resource; /* NULL: not asked for yet */
	uint64_t gone_ns;          /* 0: alive */
	uint64_t found_ns; /* it ran already when it became a target; 0: seen from its start */
};

struct targets {
	int map_fd;
	size_t alive;
	struct map processes;
};

struct targets *targets_new(int map_fd)
{
	struct targets *t = memory_new(sizeof(*t));

	if (!t)
		return NULL;
	t->map_fd = map_fd;
	map_init(&t->processes, sizeof(uint32_t), 2 * TARGETS_MAX);
	return t;
}

static void process_free(struct process *p)
{
	resource_drop(p->resource);
	memory_free(p);
}

void targets_free(struct targets *t)
{
	struct process *p;
	size_t at = 0;

	if (!t)
		return;
	while ((p = map_next(&t->processes, &at)))
		process_free(p);
	map_release(&t->processes);
	memory_free(t);
}

static struct process *process_of(struct targets *t, uint32_t pid, uint32_t parent)
{
	struct process *p = map_find(&t->processes, &pid);

	if (p && p->gone_ns) { /* the number was given to another process */
		map_remove(&t->processes, &pid);
		process_free(p);
		p = NULL;
	}
	if (p)
		return p;
	p = memory_new(sizeof(*p));
	if (!p || map_set(&t->processes, &pid, p)) {
		memory_free(p);
		return NULL;
	}
	p->pid = pid;
	p->parent = parent;
	t->alive++;
	return p;
}

static void scan_children(struct targets *t, uint32_t pid, unsigned int depth);

/* On its way out, so its exit hook may have run. A leader that left before its threads has company.
 */
static bool process_is_gone(uint32_t pid)
{
	char path[32], line[512];
	unsigned long flags = 0;
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	at = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	if (f)
		fclose(f);
	for (int field = 2; at && field < 20;
	     field++) { /* proc(5): 9 is flags, 20 the number of threads */
		at = strchr(at + 1, ' ');
		if (at && field == 8)
			flags = strtoul(at, NULL, 10);
	}
	return !at || ((flags & TASK_EXITING) && strtoul(at, NULL, 10) <= 1);
}

/* -EEXIST: was known, its children are too. */
static int add_one(struct targets *t, uint32_t pid, uint32_t parent)
{
	/* Until recipe.c has looked: its threads may carry what runs. */
	struct target_value value = { .recipe = { .base = RECIPE_PENDING,
						  .flags = RECIPE_NOT_THREADS } };
	struct process *known = map_find(&t->processes, &pid);

	if (known && !known->gone_ns)
		return -EEXIST;
	known = process_of(t, pid, parent);
	if (!known)
		return -ENOMEM;
	known->found_ns = clock_now_ns();
	if (t->map_fd >= 0 && bpf_map_update_elem(t->map_fd, &pid, &value, BPF_NOEXIST) &&
	    errno != EEXIST)
		return -ENOSPC;
	/* The exit hook found nothing to remove, and its number may be given to a stranger. */
	if (t->map_fd >= 0 && process_is_gone(pid)) {
		bpf_map_delete_elem(t->map_fd, &pid);
		targets_exited(t, pid, clock_now_ns());
	}
	return 0;
}

static void scan_list(struct targets *t, uint32_t pid, const char *path, unsigned int depth)
{
	FILE *f = fopen(path, "re");
	unsigned long child;
	char word[32];
	int c;

	if (!f)
		return;
	for (size_t len = 0; (c = fgetc(f)) != EOF;) {
		if (c >= '0' && c <= '9' && len < sizeof(word) - 1) {
			word[len++] = (char)c;
			continue;
		}
		word[len] = '\0';
		child = len ? strtoul(word, NULL, 10) : 0;
		len = 0;
		if (child && add_one(t, (uint32_t)child, pid) != -ENOSPC)
			scan_children(t, (uint32_t)child, depth + 1);
	}
	fclose(f);
}

/* Each thread has its own children. */
static void scan_children(struct targets *t, uint32_t pid, unsigned int depth)
{
	char path[320];
	struct dirent *entry;
	DIR *tasks;

	if (depth > CHILDREN_DEPTH_MAX)
		return;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%u/task/%s/children", pid, entry->d_name);
		scan_list(t, pid, path, depth);
	}
	if (tasks)
		closedir(tasks);
}

int targets_add(struct targets *t, uint32_t pid, struct error *error)
{
	char path[32];
	int err;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (access(path, F_OK))
		return error_set(error, -ESRCH,
				 "no process has the PID %u: see `ps aux`, or use --port or --exe",
				 pid);
	err = add_one(t, pid, 0);
	if (err && err != -EEXIST)
		return error_set(error, err, "too many targets: at most %u processes", TARGETS_MAX);
	scan_children(t, pid, 0);
	targets_resource(t, pid); /* its first span may end after it has */
	return 0;
}

/* Gone before we could look: it is what its parent was, but for its number. */
static void inherit(struct resource *r, const struct resource *parent)
{
	if (!parent || !parent->service[0]) {
		snprintf(r->service, sizeof(r->service), "pid-%u", r->pid);
		return;
	}
	memcpy(r->service, parent->service, sizeof(r->service));
	memcpy(r->container_id, parent->container_id, sizeof(r->container_id));
	memcpy(r->language, parent->language, sizeof(r->language));
	attributes_copy(&r->attributes, &parent->attributes);
	attributes_int(&r->attributes, "process.pid", r->pid);
}

/* depth: numbers are reused, so that a chain of parents could be a ring. */
static struct resource *resource_of(struct targets *t, uint32_t pid, unsigned int depth)
{
	struct process *p = map_find(&t->processes, &pid);

	if (!p && !depth)
		p = process_of(t, pid, 0);
	if (!p || p->resource)
		return p ? p->resource : NULL;
	p->resource = resource_new();
	if (!p->resource)
		return NULL;
	p->resource->pid = pid;
	if (service_describe(pid, p->resource))
		inherit(p->resource, p->parent && depth < PARENTS_MAX
					     ? resource_of(t, p->parent, depth + 1)
					     : NULL);
	return p->resource;
}

struct resource *targets_resource(struct targets *t, uint32_t pid)
{
	return resource_of(t, pid, 0);
}

uint64_t targets_found_ns(const struct targets *t, uint32_t pid)
{
	const struct process *p = map_find(&t->processes, &pid);

	return p ? p->found_ns : 0;
}

bool targets_has(const struct targets *t, uint32_t pid)
{
	const struct process *p = map_find(&t->processes, &pid);

	return p && !p->gone_ns;
}

size_t targets_alive(const struct targets *t)
{
	return t->alive;
}

void targets_forked(struct targets *t, uint32_t pid, uint32_t parent)
{
	struct process *p = map_find(&t->processes, &pid);

	if (p && !p->gone_ns) {
		p->parent = p->parent ? p->parent : parent;
		return;
	}
	process_of(t, pid, parent);
}

void targets_execed(struct targets *t, uint32_t pid)
{
	struct process *p = map_find(&t->processes, &pid);

	if (!p)
		return;
	resource_drop(p->resource);
	p->resource = NULL;
	p->found_ns = 0;
	resource_of(t, pid, 0); /* now: it may be short-lived */
}

void targets_exited(struct targets *t, uint32_t pid, uint64_t now_ns)
{
	struct process *p = map_find(&t->processes, &pid);

	if (!p || p->gone_ns)
		return;
	p->gone_ns = now_ns ? now_ns : 1;
	t->alive--;
}

void targets_tick(struct targets *t, uint64_t now_ns)
{
	struct process *p;
	size_t at = 0;

	while ((p = map_next(&t->processes, &at))) {
		if (!p->gone_ns || now_ns < p->gone_ns + GONE_KEPT_NS)
			continue;
		map_remove(&t->processes, &p->pid);
		process_free(p);
	}
}

uint32_t targets_next(const struct targets *t, size_t *at)
{
	const struct process *p;

	while ((p = map_next(&t->processes, at)))
		if (!p->gone_ns)
			return p->pid;
	return 0;
}
