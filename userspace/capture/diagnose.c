// SPDX-License-Identifier: GPL-2.0-only
/* See diagnose.h. The same questions that recipe.c and attach.c ask, without what they do then. */
#include "userspace/capture/diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "uprobes/target.h"
#include "userspace/base/error.h"
#include "userspace/base/procfs.h"
#include "userspace/capture/mapping.h"
#include "userspace/runtime/runtime.h"

#define MAPS_LEN_MAX (8u << 20)

/* One that is known counts more than one that is not. */
static void ask_runtime(const struct runtime *runtime, const struct image *image,
			struct diagnosis *out)
{
	struct recipe recipe = { 0 };
	struct error error = { 0 };
	int err;

	if (out->known)
		return;
	err = runtime->find_recipe(image, &recipe, &error);
	out->runtime = runtime->name;
	out->known = err >= 0;
	out->starting = err == -EAGAIN;
	out->threads_silent = recipe.flags & RECIPE_NOT_THREADS;
	out->threads = out->known && !recipe.base && !out->threads_silent;
	out->known &= recipe.base || out->threads;
	snprintf(out->why, sizeof(out->why), "%.*s", (int)sizeof(out->why) - 1, error.text);
	if (!runtime->version || !runtime->version(image, out->version, sizeof(out->version)))
		out->version[0] = '\0';
}

static struct diagnosis_hook *hook_of(struct diagnosis *d, const char *name)
{
	for (size_t i = 0; i < d->hook_count; i++)
		if (d->hooks[i].name == name)
			return &d->hooks[i];
	if (d->hook_count == DIAGNOSIS_HOOKS_MAX)
		return NULL;
	d->hooks[d->hook_count] = (struct diagnosis_hook){ .name = name };
	return &d->hooks[d->hook_count++];
}

static void ask_hooks(const struct elf *elf, struct diagnosis *out)
{
	for (size_t i = 0; uprobe_targets[i]; i++) {
		const struct uprobe_target *target = uprobe_targets[i];
		struct diagnosis_hook *hook;
		struct uprobe_plan plan = { 0 };
		int err;

		if (!target->per_process || !target->matches(elf))
			continue;
		hook = hook_of(out, target->name);
		if (!hook || hook->probes) /* set in the first file that it is for */
			continue;
		err = target->locate(elf, &plan);
		hook->probes = err ? 0 : plan.count;
		snprintf(hook->refused, sizeof(hook->refused), "%s",
			 plan.refused[0] ? plan.refused
			 : err           ? error_name(err)
					 : "nothing to probe was found");
	}
}

static void look_at_file(struct image *image, const struct mapping *m, struct diagnosis *out)
{
	const struct runtime *runtime;
	struct elf elf;
	int fd = mapping_open(image->pid, m);

	if (fd < 0)
		return;
	if (!elf_init(&elf, fd)) {
		image->elf = &elf;
		image->path = m->path;
		runtime = runtime_of_file(&elf, m->path);
		if (runtime && mapping_bias(m, &elf, &image->bias))
			ask_runtime(runtime, image, out);
		ask_hooks(&elf, out);
	}
	elf_release(&elf);
	close(fd);
}

int diagnose(uint32_t pid, struct diagnosis *out)
{
	struct image image = { .pid = pid };
	struct mapping m, last = { 0 };
	struct bytes text;
	struct buf maps;
	char path[32];
	int err;

	*out = (struct diagnosis){ 0 };
	snprintf(path, sizeof(path), "/proc/%u/mem", pid);
	image.memory_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (image.memory_fd < 0)
		return -errno;
	buf_init(&maps, MAPS_LEN_MAX);
	err = procfs_read_pid(pid, "maps", &maps);
	image.maps = buf_bytes(&maps);
	for (text = image.maps; !err && mapping_next(&text, &m); last = m)
		if (m.executable && m.inode && m.path.len && m.path.data[0] == '/' &&
		    !mapping_again(&m, &last))
			look_at_file(&image, &m, out);
	buf_release(&maps);
	close(image.memory_fd);
	return err;
}
