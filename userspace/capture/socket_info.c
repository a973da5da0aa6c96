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
