// SPDX-License-Identifier: GPL-2.0-only
/* See socket_info.h. */
#include "userspace/capture/socket_info.h"

#include <string.h>

static struct mark connect_of(const struct event_socket *e)
{
	return (struct mark){
		.time_ns = e->connect_ns,
		.unit = e->connect_unit,
		.pid = e->connect_pid,
		.tid = e->connect_tid,
		.not_threads = (e->connect_flags & EVENT_NOT_THREADS) != 0,
		.nested = (e->connect_flags & EVENT_NESTED) != 0,
	};
}

struct socket_info socket_info_of(const struct event_socket *e)
{
	struct socket_info info = {
		.id = e->socket,
		.peer = e->peer,
		.netns = e->netns,
		.pid = e->header.pid,
		.local = e->local,
		.remote = e->remote,
		.connect = connect_of(e),
	};

	if (e->path_len && e->path_len <= EVENT_PATH_MAX) {
		memcpy(info.path, e->path, e->path_len);
		if (!info.path[0])
			info.path[0] = '@';
	}
	return info;
}

struct mark socket_mark_of(const struct event_data *e)
{
	return (struct mark){
		.time_ns = e->header.time_ns,
		.unit = e->unit,
		.tied = (e->flags & EVENT_TIED) != 0,
		.not_threads = (e->flags & EVENT_NOT_THREADS) != 0,
		.nested = (e->flags & EVENT_NESTED) != 0,
		.wakes = (e->flags & EVENT_WAKES) != 0,
		.task = (e->flags & EVENT_TASK) != 0,
		.waited = (e->flags & EVENT_WAITED) != 0,
		.cpu_ns = e->cpu_ns,
		.runqueue_ns = e->runqueue_ns,
		.sleeps = e->sleeps,
		.pid = e->header.pid,
		.tid = e->header.tid,
		.seq = e->seq,
		.late = (e->flags & EVENT_LATE) != 0,
	};
}
