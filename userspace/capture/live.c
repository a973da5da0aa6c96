// SPDX-License-Identifier: GPL-2.0-only
/*
 * See live.h. The socket is SOCK_DGRAM, so packets begin at their network header whatever the link
 * is. They are read from a ring shared with the kernel (TPACKET_V3): blocks of many packets, handed
 * over when full or after LIVE_DELAY_MS.
 *
 *   block: | descriptor | header, address, packet | header, address, packet | ...
 *
 * Time stamps are wall-clock time; they are turned into CLOCK_MONOTONIC with the difference
 * measured when they are read, so a step of the wall clock spoils no more than one reading.
 */
#include "userspace/capture/live.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/connect.skel.h"
#include "bpf/packet.skel.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/owner.h"
#include "userspace/capture/proc_tcp.h"

#define RING_BYTES (8u << 20)
#define BLOCK_BYTES (256u << 10) /* holds the largest packet of loopback (64 KiB) several times */
#define LOOPBACK_INTERFACE 1

struct live {
	struct packet_bpf *filter;
	struct connect_bpf *connect; /* NULL: see unhooked */
	struct reassembly *reassembly;
	struct owners owners;
	struct live_counters counters;
	uint64_t netns;
	uint64_t last_ns; /* of the last packet read */
	int fd;
	uint8_t *ring;
	uint32_t blocks, block;
	char unhooked[160];
};

/* --- opening --- */

/* What the thread that enters the namespace does. */
struct opening {
	uint32_t pid;
	int filter_fd;
	uint32_t blocks;
	int fd; /* the result, or a negative errno */
	const char *step;
};

static int set_up(int fd, const struct opening *o)
{
	struct tpacket_req3 ring = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = o->blocks,
		.tp_frame_size = 2048,
		.tp_frame_nr = BLOCK_BYTES / 2048 * o->blocks,
		.tp_retire_blk_tov = LIVE_DELAY_MS,
	};
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int version = TPACKET_V3;

	/* Bound last: without a protocol the socket gets no packets before the filter is there. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &o->filter_fd, sizeof(o->filter_fd)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all)))
		return -errno;
	return 0;
}

static void *open_inside(void *context)
{
	struct opening *o = context;
	char path[64];
	int ns, err;

	snprintf(path, sizeof(path), "/proc/%u/ns/net", o->pid);
	o->step = "open its network namespace";
	ns = open(path, O_RDONLY | O_CLOEXEC);
	o->fd = -errno;
	if (ns < 0)
		return NULL;
	o->step = "enter its network namespace (needs CAP_SYS_ADMIN)";
	err = proc_tcp_netns(o->pid) == proc_tcp_netns((uint32_t)getpid())
		      ? 0
		      : setns(ns, CLONE_NEWNET);
	o->fd = -errno;
	close(ns);
	if (err)
		return NULL;
	o->step = "open a packet socket (needs CAP_NET_RAW)";
	o->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (o->fd < 0) {
		o->fd = -errno;
		return NULL;
	}
	o->step = "set up the packet socket";
	err = set_up(o->fd, o);
	if (err) {
		close(o->fd);
		o->fd = err;
	}
	return NULL;
}

/* On a thread of its own: entering a namespace changes the thread. */
static int open_socket(struct live *l, uint32_t pid, struct error *error)
{
	struct opening o = { .pid = pid,
			     .filter_fd = bpf_program__fd(l->filter->progs.packet_filter),
			     .blocks = l->blocks };
	pthread_t thread;
	int err = pthread_create(&thread, NULL, open_inside, &o);

	if (err)
		return error_set(error, -err, "packets: start a thread: %s", error_name(-err));
	pthread_join(thread, NULL);
	if (o.fd < 0)
		return error_set(error, o.fd, "packets of pid %u: %s: %s", pid, o.step,
				 error_name(o.fd));
	l->fd = o.fd;
	l->ring = mmap(NULL, (size_t)l->blocks * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		       l->fd, 0);
	if (l->ring == MAP_FAILED) {
		err = -errno;
		l->ring = NULL;
		return error_set(error, err, "packets: map the ring of %u bytes: %s",
				 l->blocks * BLOCK_BYTES, error_name(err));
	}
	return 0;
}

static int load_filter(struct live *l, const struct live_options *options, struct error *error)
{
	int err;

	l->filter = packet_bpf__open();
	if (!l->filter)
		return error_set(error, -errno, "packets: open the filter: %s", error_name(-errno));
	if (options->snap_bytes)
		l->filter->rodata->snap = options->snap_bytes;
	err = packet_bpf__load(l->filter);
	if (err)
		return error_set(error, err,
				 "packets: load the filter: %s; needs CAP_BPF and "
				 "CAP_NET_ADMIN",
				 error_name(err));
	return 0;
}

/* A refused hook is no error: /proc tells of connections too, a little later. */
static void attach_connect(struct live *l, int targets_fd)
{
	int err;

	if (targets_fd < 0) {
		snprintf(l->unhooked, sizeof(l->unhooked), "no map of targets");
		return;
	}
	l->connect = connect_bpf__open();
	if (!l->connect) {
		snprintf(l->unhooked, sizeof(l->unhooked), "open: %s", error_name(-errno));
		return;
	}
	l->connect->rodata->netns = (uint32_t)l->netns;
	err = bpf_map__reuse_fd(l->connect->maps.targets, targets_fd);
	if (!err)
		err = bpf_map__reuse_fd(l->connect->maps.packet_flows,
					bpf_map__fd(l->filter->maps.packet_flows));
	if (!err)
		err = connect_bpf__load(l->connect);
	if (!err)
		err = connect_bpf__attach(l->connect);
	if (!err)
		return;
	snprintf(l->unhooked, sizeof(l->unhooked), "tp_btf/inet_sock_set_state: %s",
		 error_name(err));
	connect_bpf__destroy(l->connect);
	l->connect = NULL;
}

struct live *live_new(const struct live_options *options, uint32_t pid, struct error *error)
{
	struct reassembly_options reassembly = { .consumer = options->consumer,
						 .context = options->context,
						 .owner = owners_find };
	uint32_t bytes = options->ring_bytes ? options->ring_bytes : RING_BYTES;
	struct live *l = memory_new(sizeof(*l));

	if (!l) {
		error_set(error, -ENOMEM, "packets: out of memory");
		return NULL;
	}
	l->fd = -1;
	l->blocks = bytes < 2 * BLOCK_BYTES ? 2 : bytes / BLOCK_BYTES;
	l->netns = proc_tcp_netns(pid);
	if (!l->netns) {
		error_set(error, -ESRCH, "packets of pid %u: no such process", pid);
		goto out;
	}
	if (load_filter(l, options, error))
		goto out;
	attach_connect(l, options->targets_fd);
	owners_init(&l->owners, l->netns, options->targets,
		    bpf_map__fd(l->filter->maps.packet_flows),
		    bpf_map__fd(l->filter->maps.packet_listeners), l->connect != NULL);
	reassembly.owner_context = &l->owners;
	l->reassembly = reassembly_new(&reassembly);
	if (!l->reassembly) {
		error_set(error, -ENOMEM, "packets: out of memory");
		goto out;
	}
	if (open_socket(l, pid, error))
		goto out;
	owners_tick(&l->owners, clock_now_ns(), true);
	return l;
out:
	live_free(l);
	return NULL;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	reassembly_free(l->reassembly);
	if (l->ring)
		munmap(l->ring, (size_t)l->blocks * BLOCK_BYTES);
	if (l->fd >= 0)
		close(l->fd);
	owners_release(&l->owners);
	connect_bpf__destroy(l->connect);
	packet_bpf__destroy(l->filter);
	memory_free(l);
}

/* --- reading --- */

static uint32_t ends_here(const struct sockaddr_ll *address)
{
	if (address->sll_ifindex == LOOPBACK_INTERFACE)
		return PACKET_SOURCE_HERE | PACKET_DESTINATION_HERE;
	return address->sll_pkttype == PACKET_OUTGOING ? PACKET_SOURCE_HERE
						       : PACKET_DESTINATION_HERE;
}

static void read_packet(struct live *l, const struct tpacket3_hdr *header, int64_t epoch_offset,
			uint64_t now_ns)
{
	const uint8_t *start = (const uint8_t *)header;
	const struct sockaddr_ll *address =
		(const void *)(start + TPACKET_ALIGN(sizeof(struct tpacket3_hdr)));
	int64_t time_ns =
		(int64_t)(header->tp_sec * NS_PER_SECOND + header->tp_nsec) - epoch_offset;
	struct packet packet = { .here = ends_here(address) };
	enum packet_kind kind;

	/* Not after now and not before the packet read before: the wall clock may have been set. */
	packet.time_ns = time_ns < (int64_t)l->last_ns ? l->last_ns : (uint64_t)time_ns;
	if (packet.time_ns > now_ns)
		packet.time_ns = now_ns;
	l->last_ns = packet.time_ns;
	l->counters.packets++;
	l->counters.cut += header->tp_snaplen < header->tp_len;
	kind = packet_decode(PACKET_LINK_IP, bytes_of(start + header->tp_net, header->tp_snaplen),
			     header->tp_len, &packet);
	l->counters.kinds[kind]++;
	if (kind == PACKET_TCP)
		reassembly_feed(l->reassembly, &packet);
}

void live_drain(struct live *l)
{
	int64_t epoch_offset = clock_epoch_offset();

	for (uint32_t i = 0; i < l->blocks; i++) {
		struct tpacket_block_desc *block =
			(void *)(l->ring + (size_t)l->block * BLOCK_BYTES);
		struct tpacket_hdr_v1 *head = &block->hdr.bh1;
		uint64_t now_ns = clock_now_ns();
		const uint8_t *at;

		if (!(__atomic_load_n(&head->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return;
		at = (const uint8_t *)block + head->offset_to_first_pkt;
		for (uint32_t k = 0; k < head->num_pkts; k++) {
			const struct tpacket3_hdr *header = (const void *)at;

			read_packet(l, header, epoch_offset, now_ns);
			at += header->tp_next_offset;
		}
		__atomic_store_n(&head->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		l->block = (l->block + 1) % l->blocks;
	}
}

void live_tick(struct live *l, uint64_t now_ns)
{
	owners_tick(&l->owners, now_ns, false);
	/* What is still in the ring may be LIVE_DELAY_MS old: it must not find its hole given up.
	 */
	if (now_ns > 2 * LIVE_DELAY_MS * NS_PER_MS)
		reassembly_tick(l->reassembly, now_ns - 2 * LIVE_DELAY_MS * NS_PER_MS);
}

int live_fd(const struct live *l)
{
	return l->fd;
}

uint64_t live_netns(const struct live *l)
{
	return l->netns;
}

const char *live_unhooked(const struct live *l)
{
	return l->connect ? NULL : l->unhooked;
}

const struct live_counters *live_counters(struct live *l)
{
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof(stats);

	/* The kernel's count starts again at zero each time it is read. */
	if (getsockopt(l->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		l->counters.dropped += stats.tp_drops;
	l->counters.untracked = l->owners.full;
	return &l->counters;
}

const struct reassembly_counters *live_reassembly(const struct live *l)
{
	return reassembly_counters(l->reassembly);
}
