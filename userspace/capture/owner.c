// SPDX-License-Identifier: GPL-2.0-only
/*
 * See owner.h. One look at /proc: the targets' socket inodes (/proc/PID/fd), then the namespace's
 * sockets (/proc/PID/net/tcp*); those that match are entered into the filter's maps. A connection
 * that is gone stays a second longer, as its last packets may not have been read yet.
 */
#include "userspace/capture/owner.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "bpf/packet.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/proc_tcp.h"

#define SCAN_NS (200 * NS_PER_MS)
#define SCAN_SHARE 10 /* at most a tenth of the time goes to looking */
#define GONE_KEPT_NS NS_PER_SECOND
#define INODES_MAX 262144

_Static_assert(sizeof(struct packet_address) == sizeof(struct packet_end), "the same layout");

/* An address that a target listens on. */
struct listener {
	struct packet_address address;
	uint32_t pid;
	uint32_t generation; /* of the look that saw it last */
};

void owners_init(struct owners *o, uint64_t netns, const struct targets *targets, int flows_fd,
		 int listeners_fd, bool hooked)
{
	*o = (struct owners){ .flows_fd = flows_fd,
			      .listeners_fd = listeners_fd,
			      .netns = netns,
			      .targets = targets,
			      .hooked = hooked };
	map_init(&o->inodes, sizeof(uint64_t), INODES_MAX);
	map_init(&o->taken, sizeof(uint16_t), INODES_MAX);
	map_init(&o->listeners, sizeof(struct packet_address), PACKET_LISTENERS_MAX);
}

void owners_release(struct owners *o)
{
	struct listener *l;
	size_t at = 0;

	while ((l = map_next(&o->listeners, &at)))
		memory_free(l);
	map_release(&o->listeners);
	map_release(&o->taken);
	map_release(&o->inodes);
}

static struct packet_flow_key key_of(const struct packet_address *local,
				     const struct packet_address *remote)
{
	struct packet_flow_key key;

	memcpy(&key.local, local, sizeof(key.local));
	memcpy(&key.remote, remote, sizeof(key.remote));
	return key;
}

/* --- one look at /proc --- */

static void note_inode(void *context, uint32_t pid, uint64_t inode)
{
	struct owners *o = context;

	/* Shared after fork: the first process that has it stands for all. */
	if (!map_find(&o->inodes, &inode) && map_set(&o->inodes, &inode, (void *)(uintptr_t)pid))
		o->full++;
}

static void listen_on(struct owners *o, const struct packet_address *address, uint32_t pid)
{
	struct listener *l = map_find(&o->listeners, address);
	struct packet_listener value = { .pid = pid };

	if (!l) {
		l = memory_new(sizeof(*l));
		if (!l || map_set(&o->listeners, address, l)) {
			memory_free(l);
			o->full++;
			return;
		}
		l->address = *address;
	}
	l->generation = o->generation;
	if (l->pid == pid)
		return;
	l->pid = pid;
	if (bpf_map_update_elem(o->listeners_fd, address, &value, BPF_ANY))
		o->full++;
}

static void note_listener(struct owners *o, const struct proc_tcp *socket, uint32_t pid)
{
	static const uint8_t any[16];
	struct packet_address address = socket->local;

	listen_on(o, &address, pid);
	if (!socket->v6 || memcmp(address.ip, any, sizeof(any)) != 0)
		return;
	/* Usually it takes IPv4 too (/proc does not tell). If it does not, another process may
	 * listen there, whose entry of the table of IPv4 came first. */
	packet_address_ipv4(&address, any, socket->local.port);
	if (!map_find(&o->taken, &address.port))
		listen_on(o, &address, pid);
}

static void note_connection(struct owners *o, const struct proc_tcp *socket, uint32_t pid)
{
	struct packet_flow_key key = key_of(&socket->local, &socket->remote);
	struct packet_flow flow, wanted = { .pid = pid };

	if (bpf_map_lookup_elem(o->flows_fd, &key, &flow) == 0) {
		if (flow.pid == pid && !flow.ended_ns)
			return;
		wanted.connected = flow.connected && !flow.ended_ns;
	}
	if (bpf_map_update_elem(o->flows_fd, &key, &wanted, BPF_ANY))
		o->full++;
}

static void note_socket(void *context, const struct proc_tcp *socket)
{
	static const uint8_t any4[16] = { [10] = 0xff, [11] = 0xff };
	struct owners *o = context;
	uint32_t pid = (uint32_t)(uintptr_t)map_find(&o->inodes, &socket->inode);

	if (socket->state == PROC_TCP_LISTEN && pid) {
		note_listener(o, socket, pid);
	} else if (socket->state == PROC_TCP_LISTEN) {
		if (!socket->v6 && !memcmp(socket->local.ip, any4, sizeof(any4)))
			map_set(&o->taken, &socket->local.port, o);
	} else if (pid && socket->remote.port) {
		note_connection(o, socket, pid);
	}
}

static void forget_listeners(struct owners *o)
{
	struct listener *l;
	size_t at = 0;

	while ((l = map_next(&o->listeners, &at))) {
		if (l->generation == o->generation)
			continue;
		bpf_map_delete_elem(o->listeners_fd, &l->address);
		map_remove(&o->listeners, &l->address);
		memory_free(l);
	}
}

static void look(struct owners *o)
{
	uint32_t pid;
	size_t at = 0;

	o->generation++;
	o->scans++;
	o->reader = 0;
	map_release(&o->inodes);
	map_release(&o->taken);
	while ((pid = targets_next(o->targets, &at))) {
		if (proc_tcp_netns(pid) != o->netns || proc_tcp_inodes(pid, note_inode, o))
			continue;
		o->reader = pid;
	}
	if (!o->reader || proc_tcp_each(o->reader, note_socket, o) == 0)
		forget_listeners(o);
}

/* --- the end of connections --- */

/* The targets' connections that /proc has now. */
struct seen {
	struct map keys; /* struct packet_flow_key */
	const struct owners *owners;
};

static void note_seen(void *context, const struct proc_tcp *socket)
{
	struct seen *s = context;
	struct packet_flow_key key = key_of(&socket->local, &socket->remote);

	if (map_find(&s->owners->inodes, &socket->inode))
		map_set(&s->keys, &key, s);
}

/* Deletes what ended a while ago; without the hook, first marks as ended what /proc no longer has.
 */
static void expire(struct owners *o, uint64_t now_ns)
{
	struct seen seen = { .owners = o };
	struct packet_flow_key key, next;
	bool more, look_there;

	map_init(&seen.keys, sizeof(key), PACKET_FLOWS_MAX);
	look_there = !o->hooked && (!o->reader || !proc_tcp_each(o->reader, note_seen, &seen));
	more = bpf_map_get_next_key(o->flows_fd, NULL, &next) == 0;
	for (uint32_t i = 0; more && i < PACKET_FLOWS_MAX; i++) {
		struct packet_flow flow;

		key = next;
		more = bpf_map_get_next_key(o->flows_fd, &key, &next) == 0;
		if (bpf_map_lookup_elem(o->flows_fd, &key, &flow))
			continue;
		if (flow.ended_ns && now_ns > flow.ended_ns + GONE_KEPT_NS) {
			bpf_map_delete_elem(o->flows_fd, &key);
		} else if (!flow.ended_ns && look_there && !map_find(&seen.keys, &key)) {
			flow.ended_ns = now_ns;
			bpf_map_update_elem(o->flows_fd, &key, &flow, BPF_EXIST);
		}
	}
	map_release(&seen.keys);
}

void owners_tick(struct owners *o, uint64_t now_ns, bool now)
{
	uint64_t took;

	if (!now && now_ns < o->next_ns)
		return;
	look(o);
	if (now_ns > o->expired_ns + GONE_KEPT_NS) {
		o->expired_ns = now_ns;
		expire(o, now_ns);
	}
	took = clock_now_ns() - now_ns;
	o->next_ns = now_ns + took + (took * SCAN_SHARE > SCAN_NS ? took * SCAN_SHARE : SCAN_NS);
}

bool owners_find(void *context, const struct packet_address *local,
		 const struct packet_address *remote, struct packet_owner *out)
{
	const struct owners *o = context;
	struct packet_flow_key key = key_of(local, remote);
	struct packet_address any = { .port = local->port };
	const struct listener *l = map_find(&o->listeners, local);
	struct packet_flow flow;

	if (!l) {
		static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

		if (!memcmp(local->ip, mapped, sizeof(mapped)))
			memcpy(any.ip, mapped, sizeof(mapped));
		l = map_find(&o->listeners, &any);
	}
	*out = (struct packet_owner){ .side = l ? SIDE_SERVER : SIDE_UNKNOWN };
	if (bpf_map_lookup_elem(o->flows_fd, &key, &flow) == 0) {
		out->pid = flow.pid;
		out->fresh = flow.connected;
		if (flow.connected)
			out->side = SIDE_CLIENT;
		return true;
	}
	out->pid = l ? l->pid : 0;
	return l != NULL;
}
