// SPDX-License-Identifier: GPL-2.0-only
/*
 * See attach.h.
 *
 *   process -> /proc/PID/maps -> file (device, inode) -> does a target match? -> its plan -> links
 *
 * Every file is looked at once. A process is looked at again when the size of its executable
 * mappings has changed, after an eighth of its age: a library that is loaded at the start is found
 * within milliseconds.
 */
#include "userspace/capture/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "uprobes/target.h"
#include "userspace/base/clock.h"
#include "userspace/base/error.h"
#include "userspace/base/log.h"
#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/base/procfs.h"
#include "userspace/capture/mapping.h"
#include "userspace/capture/object.h"
#include "userspace/capture/probes.h"

#define TARGETS_LIMIT 16
#define FILES_MAX 16384
#define MAPS_LEN_MAX (8u << 20)
#define LOOKS_PER_TICK 64 /* about 0.1 ms each: other work waits meanwhile */
#define LOOK_SOON_NS (5 * NS_PER_MS)
#define LOOK_LATE_NS (2 * NS_PER_SECOND)
#define FORGET_NS (30 * NS_PER_SECOND) /* files without a target: inodes are given away */

struct process {
	uint32_t pid;
	uint64_t since_ns, next_ns;
	uint64_t executable_kib;             /* mapped at the last look */
	struct probes probes[TARGETS_LIMIT]; /* of its own: those of runtimes, as uprobe_targets */
};

struct file_key {
	uint64_t inode;
	uint32_t major, minor;
};

/* Which file this is, however it is reached: containers of one image have it under many devices. */
struct file_identity {
	uint64_t device, inode, size;
	struct timespec changed;
};

struct file {
	struct file_key key;
	uint64_t seen_ns;
	struct file_identity identity;
	struct probes probes;
	bool probed;       /* or the same file is, under another key */
	uint32_t runtimes; /* per-process targets that it is for: bits of their indices */
};

struct attach {
	struct hook_table *hooks;
	struct bpf_object *objects[TARGETS_LIMIT]; /* as uprobe_targets; NULL: refused */
	struct map processes, files;
	struct buf text;
	uint64_t next_ns;
};

/* One that is refused is not hidden by others that are not. */
static void note_loaded(struct hook_table *hooks, const struct uprobe_target *target, int err)
{
	enum hook hook = target->per_process ? HOOK_RUNTIME : HOOK_TLS;
	char reason[sizeof(hooks->hooks[0].reason)];

	if (hooks->hooks[hook].state == HOOK_UNAVAILABLE)
		return;
	snprintf(reason, sizeof(reason), "%s: %s", target->name,
		 object_last_log()[0] ? object_last_log() : error_name(err));
	hook_set(hooks, hook, err ? HOOK_UNAVAILABLE : HOOK_AVAILABLE, err ? reason : "");
}

struct attach *attach_new(struct bpf_object *owner, const struct config *config, bool runtimes,
			  struct hook_table *hooks)
{
	struct attach *a = memory_new(sizeof(*a));

	if (!a)
		return NULL;
	a->hooks = hooks;
	map_init(&a->processes, sizeof(uint32_t), TARGETS_MAX);
	map_init(&a->files, sizeof(struct file_key), FILES_MAX);
	buf_init(&a->text, MAPS_LEN_MAX);
	for (size_t i = 0; uprobe_targets[i] && i < TARGETS_LIMIT; i++) {
		int err;

		if (uprobe_targets[i]->per_process && !runtimes)
			continue;
		err = probes_load(uprobe_targets[i], owner, config, &a->objects[i]);
		note_loaded(hooks, uprobe_targets[i], err);
	}
	return a;
}

static void detach_all(struct process *p)
{
	for (size_t i = 0; i < TARGETS_LIMIT; i++)
		probes_release(&p->probes[i]);
}

static bool has_probes(const struct process *p)
{
	for (size_t i = 0; i < TARGETS_LIMIT; i++)
		if (p->probes[i].count)
			return true;
	return false;
}

void attach_free(struct attach *a)
{
	struct process *p;
	struct file *f;
	size_t at = 0;

	if (!a)
		return;
	while ((p = map_next(&a->processes, &at))) {
		detach_all(p);
		memory_free(p);
	}
	for (at = 0; (f = map_next(&a->files, &at));) {
		probes_release(&f->probes);
		memory_free(f);
	}
	for (size_t i = 0; i < TARGETS_LIMIT; i++)
		bpf_object__close(a->objects[i]);
	map_release(&a->processes);
	map_release(&a->files);
	buf_release(&a->text);
	memory_free(a);
}

/* ---- one file ------------------------------------------------------------------------------- */

static bool identify(int fd, struct file_identity *out)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return false;
	/* Overlays of one layer differ in their device only; the file beneath, which gets the
	 * probes, is one. */
	out->device = fs.f_type == OVERLAYFS_SUPER_MAGIC ? 0 : st.st_dev;
	out->inode = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->changed = st.st_ctim;
	return true;
}

static bool same(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool probed_already(const struct attach *a, const struct file *f)
{
	const struct file *other;
	size_t at = 0;

	while ((other = map_next(&a->files, &at)))
		if (other->probes.count && same(&other->identity, &f->identity))
			return true;
	return false;
}

static void tell(struct attach *a, const struct mapping *m, const char *what)
{
	char reason[sizeof(a->hooks->hooks[0].reason)];

	snprintf(reason, sizeof(reason), "%.*s: %s", (int)m->path.len, (const char *)m->path.data,
		 what);
	log_debug("tls: %s", reason);
	hook_set(a->hooks, HOOK_TLS, a->hooks->hooks[HOOK_TLS].state, reason);
}

static void probe_file(struct attach *a, const struct mapping *m, int fd, const struct elf *elf,
		       struct file *f)
{
	for (size_t i = 0; uprobe_targets[i] && i < TARGETS_LIMIT; i++) {
		struct uprobe_plan plan = { 0 };
		int err;

		if (!a->objects[i] || !uprobe_targets[i]->matches(elf))
			continue;
		if (uprobe_targets[i]->per_process) {
			f->runtimes |= 1u << i;
			continue;
		}
		if (f->probed || !identify(fd, &f->identity))
			continue;
		f->probed = probed_already(a, f);
		if (f->probed)
			continue;
		err = uprobe_targets[i]->locate(elf, &plan);
		if (!err && plan.count)
			err = probes_set(a->objects[i], fd, &plan, -1, &f->probes);
		if (err)
			tell(a, m, error_name(err));
		else if (plan.refused[0])
			tell(a, m, plan.refused);
		f->probed = !err && f->probes.count;
		if (f->probed)
			log_debug("%s: %zu probes in %.*s", uprobe_targets[i]->name,
				  f->probes.count, (int)m->path.len, (const char *)m->path.data);
	}
}

static void look_at_file(struct attach *a, uint32_t pid, const struct mapping *m, struct file *f)
{
	int fd = mapping_open(pid, m);
	struct elf elf;

	if (fd < 0)
		return;
	if (!elf_init(&elf, fd))
		probe_file(a, m, fd, &elf, f);
	elf_release(&elf);
	close(fd);
}

static struct file *meet_file(struct attach *a, uint32_t pid, const struct mapping *m,
			      uint64_t now_ns)
{
	struct file_key key = { m->inode, m->major, m->minor };
	struct file *f = map_find(&a->files, &key);

	if (f && (f->probed || f->runtimes || now_ns < f->seen_ns + FORGET_NS))
		return f;
	if (!f) {
		f = memory_new(sizeof(*f));
		if (!f || map_set(&a->files, &key, f)) {
			memory_free(f);
			return NULL;
		}
	}
	f->seen_ns = now_ns;
	look_at_file(a, pid, m, f);
	return f;
}

/* A runtime's probes are set in this process alone: others that map the same file pay nothing. */
static void probe_runtime(struct attach *a, struct process *p, const struct mapping *m,
			  size_t index)
{
	const struct uprobe_target *target = uprobe_targets[index];
	struct uprobe_plan plan = { 0 };
	int fd = mapping_open(p->pid, m), err;
	struct elf elf;

	if (fd < 0)
		return;
	err = elf_init(&elf, fd);
	if (!err)
		err = target->locate(&elf, &plan);
	if (!err && plan.count)
		err = probes_set(a->objects[index], fd, &plan, (pid_t)p->pid, &p->probes[index]);
	if (err || !plan.count)
		log_debug("pid %u: %s: not probed: %s", p->pid, target->name,
			  plan.refused[0] ? plan.refused : error_name(err));
	elf_release(&elf);
	close(fd);
}

/* ---- one process ---------------------------------------------------------------------------- */

/* The kernel keeps the sizes of executable mappings: VmExe of the program, VmLib of all others. */
static uint64_t executable_kib(struct attach *a, uint32_t pid)
{
	static const char *const names[] = { "\nVmExe:", "\nVmLib:" };
	uint64_t sum = 0;

	buf_reset(&a->text);
	if (procfs_read_pid(pid, "status", &a->text) || !buf_add_byte(&a->text, '\0'))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		const char *line = strstr((const char *)a->text.data, names[i]);
		struct bytes number = bytes_of_string(line ? line + strlen(names[i]) : "");
		uint64_t n;

		while (number.len && (number.data[0] == ' ' || number.data[0] == '\t'))
			number = bytes_from(number, 1);
		if (bytes_number(bytes_part(number, 0, bytes_find(number, ' ', 0)), &n))
			sum += n;
	}
	return sum;
}

static void look_at_process(struct attach *a, struct process *p, uint64_t now_ns)
{
	uint64_t kib = executable_kib(a, p->pid);
	struct mapping m, last = { 0 };
	const struct file *f;
	struct bytes text;

	if (kib == p->executable_kib)
		return;
	p->executable_kib = kib;
	buf_reset(&a->text);
	if (procfs_read_pid(p->pid, "maps", &a->text))
		return;
	for (text = buf_bytes(&a->text); mapping_next(&text, &m); last = m) {
		if (!m.executable || !m.inode || !m.path.len || m.path.data[0] != '/')
			continue;
		if (m.inode == last.inode && m.major == last.major && m.minor == last.minor &&
		    last.executable)
			continue;
		f = meet_file(a, p->pid, &m, now_ns);
		for (size_t i = 0; f && i < TARGETS_LIMIT; i++)
			if (f->runtimes & 1u << i && !p->probes[i].count)
				probe_runtime(a, p, &m, i);
	}
}

static struct process *process_of(struct attach *a, uint32_t pid)
{
	struct process *p = map_find(&a->processes, &pid);

	if (p)
		return p;
	p = memory_new(sizeof(*p));
	if (!p || map_set(&a->processes, &pid, p)) {
		memory_free(p);
		return NULL;
	}
	p->pid = pid;
	return p;
}

static void schedule(struct attach *a, uint32_t pid, uint64_t now_ns, uint64_t first_ns)
{
	struct process *p = process_of(a, pid);

	if (!p)
		return;
	p->since_ns = now_ns;
	p->next_ns = first_ns;
	p->executable_kib = 0;
	if (first_ns < a->next_ns)
		a->next_ns = first_ns;
}

void attach_add(struct attach *a, uint32_t pid, uint64_t now_ns)
{
	struct process *p = a ? map_find(&a->processes, &pid) : NULL;

	if (p) /* another program: its memory is new */
		detach_all(p);
	if (a)
		schedule(a, pid, now_ns, now_ns);
}

void attach_add_new(struct attach *a, const struct targets *targets, uint64_t now_ns)
{
	size_t at = 0;
	uint32_t pid;

	if (!a)
		return;
	while ((pid = targets_next(targets, &at)))
		if (!map_find(&a->processes, &pid))
			attach_add(a, pid, now_ns);
	attach_tick(a, now_ns);
}

void attach_add_child(struct attach *a, uint32_t pid, uint32_t parent, uint64_t now_ns)
{
	const struct process *p = a ? map_find(&a->processes, &parent) : NULL;

	if (a) /* a runtime's probes have to be set again, and soon */
		schedule(a, pid, now_ns,
			 now_ns + (p && has_probes(p) ? LOOK_SOON_NS : LOOK_LATE_NS));
}

void attach_remove(struct attach *a, uint32_t pid)
{
	struct process *p = a ? map_remove(&a->processes, &pid) : NULL;

	if (!p)
		return;
	detach_all(p);
	memory_free(p);
}

void attach_tick(struct attach *a, uint64_t now_ns)
{
	uint64_t next = now_ns + LOOK_LATE_NS;
	uint32_t looks = 0;
	struct process *p;
	size_t at = 0;

	if (!a || now_ns < a->next_ns)
		return;
	while ((p = map_next(&a->processes, &at))) {
		if (p->next_ns <= now_ns && looks++ < LOOKS_PER_TICK) {
			uint64_t pause = (now_ns - p->since_ns) / 8;

			look_at_process(a, p, now_ns);
			p->next_ns = now_ns + (pause < LOOK_SOON_NS   ? LOOK_SOON_NS
					       : pause > LOOK_LATE_NS ? LOOK_LATE_NS
								      : pause);
		}
		if (p->next_ns < next)
			next = p->next_ns;
	}
	a->next_ns = next;
}

/* ---- what works ----------------------------------------------------------------------------- */

int attach_probe(struct attach *a)
{
	struct uprobe_site site = { "on_new", 0 }; /* its target is the first of the table */
	struct bpf_link *link = NULL;
	struct elf elf;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), err;

	if (!a || !a->objects[0] || fd < 0) {
		if (fd >= 0)
			close(fd);
		return -ENOTSUP;
	}
	err = elf_init(&elf, fd);
	/* The first instruction has run already and will not again. */
	if (!err && !elf_offset(&elf, elf.start, 1, &site.offset))
		err = -ENOEXEC;
	if (!err)
		err = probe_set(a->objects[0], fd, &site, -1, &link);
	bpf_link__destroy(link);
	elf_release(&elf);
	close(fd);
	return err;
}

uint64_t attach_misses(const struct attach *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; a && i < TARGETS_LIMIT; i++)
		sum += a->objects[i] ? object_recursion_misses(a->objects[i]) : 0;
	return sum;
}
