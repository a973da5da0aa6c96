// SPDX-License-Identifier: GPL-2.0-only
/*
 * uvloop writes at the end of its turn what its streams were given: who gave it is noted here, for
 * the transfer on that socket (transfer.bpf.h).
 *
 *   UVStream   24: its handle, a uv_stream_t
 *   handle     0: the UVStream again (data)   16: type   184: descriptor (libuv 1.x on Linux)
 */
#include "uprobes/user.bpf.h"

#include "bpf/buffer.bpf.h"

#define STREAM_HANDLE 24
#define HANDLE_TYPE 16
#define HANDLE_FD 184
#define UV_NAMED_PIPE 7
#define UV_TCP 12

char LICENSE[] SEC("license") = "GPL";

/* The stream's socket, 0 when it is none. */
static __always_inline __u64 socket_of(struct task_struct *task, __u64 stream)
{
	__u64 handle = word_at(stream + STREAM_HANDLE);
	__u32 type = (__u32)word_at(handle + HANDLE_TYPE);
	struct file *file;

	if (!handle || word_at(handle) != stream || (type != UV_TCP && type != UV_NAMED_PIPE))
		return 0;
	file = file_of(task, (__u32)word_at(handle + HANDLE_FD));
	return file && file_is_socket(file) ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
}

/* (PyObject *self, ...) */
SEC("uprobe")
int on_write(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 socket, *before;
	__u16 flags = 0;
	__u64 unit;

	if (!target_current())
		return 0;
	unit = recipe_walk(task, &flags);
	socket = socket_of(task, PT_REGS_PARM1(ctx));
	if (!socket)
		return 0;
	before = bpf_map_lookup_elem(&handovers, &socket);
	if (before && *before != unit)
		unit = 0; /* two write at once: nobody knows whose the next transfer is */
	bpf_map_update_elem(&handovers, &socket, &unit, BPF_ANY);
	return 0;
}
