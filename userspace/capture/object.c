// SPDX-License-Identifier: GPL-2.0-only
/* See object.h. */
#include "userspace/capture/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "userspace/base/log.h"

/* The print callback of libbpf has no context: the one place for a static buffer. */
static char last_line[256];

static int keep_log(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];
	size_t len;

	vsnprintf(line, sizeof(line), format, args);
	len = strlen(line);
	while (len && line[len - 1] == '\n')
		line[--len] = '\0';
	if (level == LIBBPF_WARN)
		snprintf(last_line, sizeof(last_line), "%.*s", (int)sizeof(last_line) - 1, line);
	if (level != LIBBPF_DEBUG)
		log_debug("%s", line);
	return 0;
}

void object_capture_log(void)
{
	libbpf_set_print(keep_log);
}

const char *object_last_log(void)
{
	return last_line;
}

int object_share_maps(struct bpf_object *object, struct bpf_object *owner)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		struct bpf_map *shared = bpf_object__find_map_by_name(owner, name);
		int err;

		/* .rodata and its like are each object's own, though their names can be alike. */
		if (!shared || strchr(name, '.'))
			continue;
		err = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		if (err)
			return err;
	}
	return 0;
}

/* The allocator came with the permission to use it: v6.1. */
static bool kernel_has_allocator(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = btf && btf__find_by_name_kind(btf, "bpf_mem_alloc", BTF_KIND_STRUCT) > 0;

	btf__free(btf);
	return found;
}

void object_make_room(struct bpf_object *object)
{
	struct bpf_map *map;

	if (kernel_has_allocator())
		return;
	bpf_object__for_each_map(map, object) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_HASH)
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~(__u32)BPF_F_NO_PREALLOC);
	}
}

int object_map_fd(struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	return map ? bpf_map__fd(map) : -1;
}

int object_check_kernel(struct error *error)
{
	struct bpf_insn exit_0[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd;

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return error_set(error, -ENOTSUP,
				 "this kernel has no type information (/sys/kernel/btf/vmlinux): boot one built with "
				 "CONFIG_DEBUG_INFO_BTF=y, or decode a capture with --pcap FILE");
	fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "probe", "GPL", exit_0, 2, NULL);
	if (fd < 0)
		return error_set(error, fd,
				 "no permission to load BPF programs: run with sudo, or give the binary "
				 "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_PTRACE");
	close(fd);
	return 0;
}

uint64_t object_recursion_misses(struct bpf_object *object)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	if (!object)
		return 0;
	bpf_object__for_each_program(program, object) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

bool object_has_tracepoint(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	char type[128];
	bool found;

	if (!btf)
		return false;
	snprintf(type, sizeof(type), "btf_trace_%s", name);
	found = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
	btf__free(btf);
	return found;
}
