// SPDX-License-Identifier: GPL-2.0-only
/* See probes.h. */
#include "userspace/capture/probes.h"

#include <errno.h>
#include <stdio.h>

#include "userspace/base/memory.h"
#include "userspace/capture/object.h"

/* The only read-only data of an object is its config. */
static int set_config(struct bpf_object *object, const struct config *config)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".rodata"))
			return bpf_map__set_initial_value(map, config, sizeof(*config));
	}
	return -ENOENT;
}

int probes_load(const struct uprobe_target *target, struct bpf_object *owner,
		const struct config *config, struct bpf_object **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = target->name);
	size_t len;
	const void *elf = target->object(&len);
	struct bpf_object *object = bpf_object__open_mem(elf, len, &options);
	int err;

	if (!object)
		return -errno;
	object_make_room(object);
	err = set_config(object, config);
	if (!err)
		err = object_share_maps(object, owner);
	if (!err)
		err = bpf_object__load(object);
	if (err)
		bpf_object__close(object);
	*out = err ? NULL : object;
	return err;
}

void probes_release(struct probes *p)
{
	while (p->count)
		bpf_link__destroy(p->links[--p->count]);
	memory_free(p->links);
	p->links = NULL;
}

int probe_set(struct bpf_object *object, int fd, const struct uprobe_site *site, pid_t pid,
	      struct bpf_link **out)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, site->program);
	char path[64];

	if (!program)
		return -ENOENT;
	/* The very file that was looked at, whatever its path means now, in whichever namespace. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*out = bpf_program__attach_uprobe(program, false, pid, path, site->offset);
	return *out ? 0 : -errno;
}

int probes_set(struct bpf_object *object, int fd, const struct uprobe_plan *plan, pid_t pid,
	       struct probes *out)
{
	int err = 0;

	out->links = memory_array(plan->count, sizeof(*out->links));
	if (!out->links)
		return -ENOMEM;
	for (size_t i = 0; !err && i < plan->count; i++) {
		err = probe_set(object, fd, &plan->sites[i], pid, &out->links[out->count]);
		out->count += !err;
	}
	if (err)
		probes_release(out);
	return err;
}
