// SPDX-License-Identifier: GPL-2.0-only
/* See recipe.h. Files are looked at once, by device and inode; a process until it has a recipe or
 * is a minute old. */
#include "userspace/capture/recipe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bpf/config.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/base/memory.h"
#include "userspace/base/procfs.h"
#include "userspace/capture/mapping.h"
#include "userspace/runtime/runtime.h"

#define FILES_MAX 16384
#define MAPS_LEN_MAX (8u << 20)
#define LOOKS_PER_TICK 16
#define LOOKS_AT_START 1024            /* what was not looked at has no parents */
#define LOOK_FIRST_NS (20 * NS_PER_MS) /* after an exec; then when it is twice as old */
#define LOOK_UNTIL_NS (60 * NS_PER_SECOND)
#define FORGET_NS (60 * NS_PER_SECOND) /* files that are no runtime: inodes are given away */

struct process {
	uint32_t pid;
	uint64_t since_ns, next_ns; /* next_ns 0: there is nothing more to find */
	struct recipe told;         /* the kernel knows it */
	bool looked;                /* it knows whether there is one */
};

struct file_key {
	uint64_t inode;
	uint32_t major, minor;
};

struct file {
	struct file_key key;
	uint64_t seen_ns;
	const struct runtime *runtime; /* NULL: none */
	bool warned;                   /* of a version that is not known */
};

struct recipes {
	int map_fd;
	struct map processes, files;
	struct buf text;
	uint64_t next_ns;
};

struct recipes *recipes_new(int map_fd)
{
	struct recipes *r = memory_new(sizeof(*r));

	if (!r)
		return NULL;
	r->map_fd = map_fd;
	map_init(&r->processes, sizeof(uint32_t), TARGETS_MAX);
	map_init(&r->files, sizeof(struct file_key), FILES_MAX);
	buf_init(&r->text, MAPS_LEN_MAX);
	return r;
}

void recipes_free(struct recipes *r)
{
	size_t at = 0;
	void *value;

	if (!r)
		return;
	while ((value = map_next(&r->processes, &at)))
		memory_free(value);
	for (at = 0; (value = map_next(&r->files, &at));)
		memory_free(value);
	map_release(&r->processes);
	map_release(&r->files);
	buf_release(&r->text);
	memory_free(r);
}

bool image_read(const struct image *image, uint64_t address, void *out, size_t len)
{
	return address <= INT64_MAX &&
	       pread(image->memory_fd, out, len, (off_t)address) == (ssize_t)len;
}

/* ---- one file of one process ---------------------------------------------------------------- */

static int tell_kernel(const struct recipes *r, uint32_t pid, const struct recipe *recipe)
{
	struct target_value value;

	if (bpf_map_lookup_elem(r->map_fd, &pid, &value))
		return -ESRCH;
	value.recipe = *recipe;
	return bpf_map_update_elem(r->map_fd, &pid, &value, BPF_EXIST) ? -errno : 0;
}

/* Once a file: many processes may run it. */
static void warn(struct file *f, uint32_t pid, const char *what, const struct recipe *recipe)
{
	const char *then = recipe->base ? "which thread runs says nothing of what it runs"
					: "its threads are told apart, not what runs on them";

	if (f->warned)
		log_debug("pid %u: %s; %s", pid, what, then);
	else
		log_warn("pid %u: %s; %s", pid, what, then);
	f->warned = true;
}

/* True when nothing more is to be found. */
static bool use_runtime(const struct recipes *r, struct file *f, struct image *image,
			struct recipe *told)
{
	const struct runtime *runtime = f->runtime;
	struct recipe recipe = { 0 };
	struct error error = { 0 };
	char path[32];
	int err;

	snprintf(path, sizeof(path), "/proc/%u/mem", image->pid);
	image->memory_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (image->memory_fd < 0)
		return true;
	err = runtime->find_recipe(image, &recipe, &error);
	close(image->memory_fd);
	if (err == -EAGAIN)
		return false;
	if (err < 0)
		warn(f, image->pid, error.text, &recipe);
	if ((err >= 0 || recipe.base) && memcmp(told, &recipe, sizeof(recipe)) != 0 &&
	    !tell_kernel(r, image->pid, &recipe)) {
		if (err >= 0)
			log_debug("pid %u: %s: the id of what runs is known", image->pid,
				  runtime->name);
		*told = recipe;
	}
	return err != RUNTIME_FOR_NOW;
}

static struct file *file_of(struct recipes *r, const struct mapping *m)
{
	struct file_key key = { m->inode, m->major, m->minor };
	struct file *f = map_find(&r->files, &key);

	if (f)
		return f;
	f = memory_new(sizeof(*f));
	if (!f || map_set(&r->files, &key, f)) {
		memory_free(f);
		return NULL;
	}
	f->key = key;
	return f;
}

static bool look_at_file(struct recipes *r, struct process *p, const struct mapping *m,
			 uint64_t now_ns)
{
	struct image image = { .pid = p->pid, .path = m->path, .maps = buf_bytes(&r->text) };
	struct file *f = file_of(r, m);
	struct elf elf;
	bool done = false;
	int fd;

	if (!f || (f->seen_ns && !f->runtime && now_ns < f->seen_ns + FORGET_NS))
		return false;
	fd = mapping_open(p->pid, m);
	if (fd < 0)
		return false;
	f->seen_ns = now_ns;
	image.elf = &elf;
	if (!elf_init(&elf, fd)) {
		f->runtime = runtime_of_file(&elf, m->path);
		if (f->runtime && mapping_bias(m, &elf, &image.bias))
			done = use_runtime(r, f, &image, &p->told);
	}
	elf_release(&elf);
	close(fd);
	return done;
}

/* ---- processes ------------------------------------------------------------------------------ */

static bool look_at_process(struct recipes *r, struct process *p, uint64_t now_ns)
{
	struct mapping m, last = { 0 };
	struct bytes text;

	buf_reset(&r->text);
	if (procfs_read_pid(p->pid, "maps", &r->text))
		return true;
	for (text = buf_bytes(&r->text); mapping_next(&text, &m); last = m) {
		if (!m.executable || !m.inode || !m.path.len || m.path.data[0] != '/')
			continue;
		if (mapping_again(&m, &last))
			continue;
		if (look_at_file(r, p, &m, now_ns))
			return true;
	}
	return false;
}

static void schedule(struct recipes *r, uint32_t pid, uint64_t now_ns, uint64_t next_ns)
{
	struct process *p = map_find(&r->processes, &pid);

	if (!p) {
		p = memory_new(sizeof(*p));
		if (!p || map_set(&r->processes, &pid, p)) {
			memory_free(p);
			return;
		}
	}
	*p = (struct process){ .pid = pid, .since_ns = now_ns, .next_ns = next_ns };
	if (!r->next_ns || next_ns < r->next_ns)
		r->next_ns = next_ns;
}

void recipes_add(struct recipes *r, uint32_t pid, uint64_t now_ns)
{
	if (r)
		schedule(r, pid, now_ns, now_ns + LOOK_FIRST_NS);
}

static void tick(struct recipes *r, uint64_t now_ns, uint32_t looks_max)
{
	uint64_t next = now_ns + LOOK_UNTIL_NS;
	struct process *p;
	uint32_t looks = 0;
	size_t at = 0;

	if (!r || !r->next_ns || now_ns < r->next_ns)
		return;
	while ((p = map_next(&r->processes, &at))) {
		if (p->next_ns && p->next_ns <= now_ns && looks < looks_max) {
			uint64_t age = now_ns - p->since_ns;
			bool over = look_at_process(r, p, now_ns) || age > LOOK_UNTIL_NS;

			looks++;
			if (!p->looked && !p->told.base)
				tell_kernel(r, p->pid, &p->told);
			p->looked = true;
			p->next_ns =
				over ? 0 : now_ns + (age > LOOK_FIRST_NS ? age : LOOK_FIRST_NS);
		}
		if (p->next_ns && p->next_ns < next)
			next = p->next_ns;
	}
	r->next_ns = next;
}

void recipes_add_new(struct recipes *r, const struct targets *targets, uint64_t now_ns)
{
	size_t at = 0;
	uint32_t pid;

	if (!r)
		return;
	while ((pid = targets_next(targets, &at)))
		if (!map_find(&r->processes, &pid))
			schedule(r, pid, now_ns, now_ns);
	tick(r, now_ns, LOOKS_AT_START);
}

void recipes_remove(struct recipes *r, uint32_t pid)
{
	if (r)
		memory_free(map_remove(&r->processes, &pid));
}

void recipes_tick(struct recipes *r, uint64_t now_ns)
{
	tick(r, now_ns, LOOKS_PER_TICK);
}
