// SPDX-License-Identifier: GPL-2.0-only
/* See capture.h. */
#include "userspace/capture/capture.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The skeletons name the types of .rodata. */
#include "bpf/config.h"

#include "bpf/process.skel.h"
#include "bpf/socket.skel.h"
#include "bpf/syscall.skel.h"
#include "userspace/base/clock.h"
#include "userspace/base/memory.h"
#include "userspace/capture/attach.h"
#include "userspace/capture/recipe.h"
#include "userspace/capture/object.h"
#include "userspace/capture/packet_capture.h"
#include "userspace/capture/ring.h"
#include "userspace/capture/wake.h"

struct capture {
	struct capture_options options;
	enum capture_mode mode;
	struct hook_table hooks;
	struct process_bpf *process;
	struct socket_bpf *socket;
	struct syscall_bpf *syscall;
	struct ring *ring;
	struct targets *targets;
	struct socket_table *sockets;
	struct packet_capture *packets; /* CAPTURE_PACKET only */
	struct attach *attach;
	struct recipes *recipes; /* NULL: no uprobes */
	struct wakes *wakes;	 /* NULL: not wanted, or refused */
	struct packet_losses final_packets;
	struct connection_counters final; /* sums when the sockets have been freed */
	struct socket_counters final_sockets;
	uint64_t events;
};

const char *capture_mode_name(enum capture_mode mode)
{
	static const char *const names[] = { "auto", "socket", "syscall", "packet" };

	return names[mode];
}

/*
 * What the kernel copies until user space knows the protocol: either flow may carry requests, and a
 * pipeline can begin with the first transfer.
 */
#define FIRST_COPY 4096
static struct config config_of(const struct capture_options *o)
{
	uint32_t head = o->copy_request > o->copy_response ? o->copy_request : o->copy_response;

	if (head < FIRST_COPY)
		head = FIRST_COPY;
	return (struct config){ .head_in = head,
				.head_out = head,
				.wake_bytes = o->ring_bytes / 4 };
}

/* ---- loading -------------------------------------------------------------------------------- */

static int load_process(struct capture *c)
{
	struct config config = config_of(&c->options);

	c->process = process_bpf__open();
	if (!c->process)
		return -errno;
	memcpy((void *)&c->process->rodata->config, &config, sizeof(config));
	bpf_map__set_max_entries(c->process->maps.ring, c->options.ring_bytes);
	object_make_room(c->process->obj);
	return process_bpf__load(c->process);
}

static int load_socket(struct capture *c)
{
	struct config config = config_of(&c->options);
	int err;

	c->socket = socket_bpf__open();
	if (!c->socket)
		return -errno;
	memcpy((void *)&c->socket->rodata->config, &config, sizeof(config));
	err = object_share_maps(c->socket->obj, c->process->obj);
	if (!err)
		err = socket_bpf__load(c->socket);
	if (!err)
		err = socket_bpf__attach(c->socket);
	if (err) {
		socket_bpf__destroy(c->socket);
		c->socket = NULL;
	}
	return err;
}

static int load_syscall(struct capture *c)
{
	struct config config = config_of(&c->options);
	int err;

	c->syscall = syscall_bpf__open();
	if (!c->syscall)
		return -errno;
	memcpy((void *)&c->syscall->rodata->config, &config, sizeof(config));
	err = object_share_maps(c->syscall->obj, c->process->obj);
	if (!err)
		err = syscall_bpf__load(c->syscall);
	if (!err)
		err = syscall_bpf__attach(c->syscall);
	if (err) {
		syscall_bpf__destroy(c->syscall);
		c->syscall = NULL;
	}
	return err;
}

static void note(struct capture *c, enum hook hook, int err)
{
	char reason[160];

	snprintf(reason, sizeof(reason), "%s", err ? error_name(err) : "");
	if (err && object_last_log()[0])
		snprintf(reason, sizeof(reason), "%.150s", object_last_log());
	hook_set(&c->hooks, hook, err ? HOOK_UNAVAILABLE : HOOK_AVAILABLE, reason);
}

static void load_uprobes(struct capture *c)
{
	struct config config = config_of(&c->options);

	c->attach = attach_new(c->process->obj, &config, c->options.runtime_hooks, &c->hooks);
	if (c->options.runtime_hooks)
		c->wakes = wakes_new(c->process->obj, &config, &c->hooks);
}

/* The hook of the mode, or in AUTO the first that works. */
static int load_hooks(struct capture *c, struct error *error)
{
	enum capture_mode mode = c->options.mode;
	int err = -ENOTSUP;

	if (mode == CAPTURE_PACKET) {
		c->packets = packet_capture_new(c->sockets, c->targets,
						bpf_map__fd(c->process->maps.targets));
		c->mode = CAPTURE_PACKET;
		return c->packets ? 0 : -ENOMEM;
	}
	if (mode == CAPTURE_AUTO || mode == CAPTURE_SOCKET) {
		if (object_has_tracepoint("sock_send_length")) {
			err = load_socket(c);
			note(c, HOOK_SOCKET, err);
		} else {
			hook_set(&c->hooks, HOOK_SOCKET, HOOK_UNAVAILABLE,
				 "the kernel has no sock_send_length tracepoint (Linux 6.3 and "
				 "newer have)");
		}
		c->mode = CAPTURE_SOCKET;
	}
	if ((mode == CAPTURE_AUTO && err) || mode == CAPTURE_SYSCALL) {
		err = load_syscall(c);
		note(c, HOOK_SYSCALL, err);
		c->mode = CAPTURE_SYSCALL;
	}
	hook_set(&c->hooks, HOOK_TCP_STATE, err ? HOOK_UNAVAILABLE : HOOK_AVAILABLE, "");
	if (err)
		return error_set(
			error, err,
			"capture %s: %s; try --capture auto, and `spantap doctor` for what works",
			capture_mode_name(mode),
			mode == CAPTURE_SOCKET ? c->hooks.hooks[HOOK_SOCKET].reason
					       : c->hooks.hooks[HOOK_SYSCALL].reason);
	return 0;
}

/* ---- events --------------------------------------------------------------------------------- */

static void on_process(struct capture *c, const struct event_process *e)
{
	struct mark mark = { .time_ns = e->header.time_ns, .pid = e->header.pid };

	if (e->what == PROCESS_FORK) {
		targets_forked(c->targets, e->header.pid, e->parent);
		attach_add_child(c->attach, e->header.pid, e->parent, mark.time_ns);
		recipes_add(c->recipes, e->header.pid, mark.time_ns);
		wakes_add(c->wakes, e->header.pid, mark.time_ns);
	} else if (e->what == PROCESS_EXEC) {
		targets_execed(c->targets, e->header.pid);
		attach_add(c->attach, e->header.pid, mark.time_ns);
		recipes_add(c->recipes, e->header.pid, mark.time_ns);
		wakes_add(c->wakes, e->header.pid, mark.time_ns);
	} else if (e->what == PROCESS_EXIT) {
		attach_remove(c->attach, e->header.pid);
		wakes_remove(c->wakes, e->header.pid);
		recipes_remove(c->recipes, e->header.pid);
		socket_table_process_gone(c->sockets, e->header.pid, &mark);
		targets_exited(c->targets, e->header.pid, e->header.time_ns);
		if (c->options.process_gone)
			c->options.process_gone(c->options.stitch, e->header.pid);
	}
}

static void on_unit(struct capture *c, const struct event_unit *e)
{
	const struct capture_options *o = &c->options;

	if (!o->unit_born)
		return;
	if (e->parent)
		o->unit_born(o->stitch, e->header.pid, e->child, e->parent,
			     e->born_ns ? e->born_ns : e->header.time_ns, e->origin);
	if (!e->parent || e->ended)
		o->unit_ended(o->stitch, e->header.pid, e->child);
}

static void on_event(void *context, const struct event_header *event)
{
	struct capture *c = context;

	c->events++;
	if (event->kind == EVENT_PROCESS)
		on_process(c, (const void *)event);
	else if (event->kind == EVENT_UNIT)
		on_unit(c, (const void *)event);
	else if (event->kind == EVENT_WAKE && c->options.woken)
		c->options.woken(c->options.stitch, (const void *)event);
	else if (event->kind == EVENT_RESUMED && c->options.resumed)
		c->options.resumed(c->options.stitch, (const void *)event);
	else
		socket_table_event(c->sockets, event);
}

struct capture *capture_new(const struct capture_options *options, struct error *error)
{
	struct socket_options sockets = {
		.observer = options->observer,
		.stitch = options->stitch,
		.copy_request = options->copy_request,
		.copy_response = options->copy_response,
		.copy_max = EVENT_HEAD_MAX,
		.only = options->only,
		.verdicts_fd = -1,
	};
	struct capture *c = memory_new(sizeof(*c));
	int err;

	if (!c) {
		error_set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	c->options = *options;
	object_capture_log();
	err = object_check_kernel(error);
	if (!err) {
		err = load_process(c);
		if (err)
			error_set(error, err, "cannot load the process hook: %s",
				  object_last_log());
	}
	if (!err) {
		sockets.verdicts_fd = bpf_map__fd(c->process->maps.verdicts);
		c->targets = targets_new(bpf_map__fd(c->process->maps.targets));
		c->sockets = socket_table_new(&sockets);
		c->ring = ring_new(bpf_map__fd(c->process->maps.ring), on_event, c);
		err = c->targets && c->sockets && c->ring ? 0 : -ENOMEM;
		error_set(err ? error : NULL, err, "cannot set up capture: %s", error_name(err));
	}
	if (!err)
		err = load_hooks(c, error);
	if (!err) { /* before any target is added: what forks from then on is followed */
		err = process_bpf__attach(c->process);
		note(c, HOOK_PROCESS, err);
		error_set(err ? error : NULL, err, "cannot follow processes: %s", error_name(err));
	}
	if (!err && options->uprobes && c->mode != CAPTURE_PACKET)
		load_uprobes(c);
	if (!err && c->mode != CAPTURE_PACKET)
		c->recipes = recipes_new(bpf_map__fd(c->process->maps.targets));
	if (!err)
		return c;
	capture_free(c);
	return NULL;
}

void capture_finish(struct capture *c)
{
	if (!c->sockets)
		return;
	if (c->packets)
		packet_capture_losses(c->packets, &c->final_packets);
	packet_capture_free(c->packets);
	c->packets = NULL;
	c->final_sockets = *socket_table_counters(c->sockets);
	socket_table_sum(c->sockets, &c->final);
	socket_table_free(c->sockets);
	c->sockets = NULL;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	capture_finish(c);
	attach_free(c->attach);
	recipes_free(c->recipes);
	wakes_free(c->wakes);
	socket_bpf__destroy(c->socket);
	syscall_bpf__destroy(c->syscall);
	ring_free(c->ring);
	process_bpf__destroy(c->process);
	targets_free(c->targets);
	memory_free(c);
}

/* ---- running -------------------------------------------------------------------------------- */

enum capture_mode capture_mode(const struct capture *c)
{
	return c->mode;
}

struct targets *capture_targets(struct capture *c)
{
	return c->targets;
}

int capture_add(struct capture *c, uint32_t pid, struct error *error)
{
	int err = targets_add(c->targets, pid, error);

	/* It moves bytes already: what runs there first, for probes take a while. */
	recipes_add_new(c->recipes, c->targets, clock_now_ns());
	attach_add_new(c->attach, c->targets, clock_now_ns());
	wakes_add_new(c->wakes, c->targets, clock_now_ns());
	return err || !c->packets ? err : packet_capture_add(c->packets, pid, error);
}

int capture_fd(const struct capture *c)
{
	return ring_fd(c->ring);
}

void capture_drain(struct capture *c, bool last)
{
	if (c->packets)
		packet_capture_drain(c->packets);
	ring_drain(c->ring, last);
	if (!last) {
		attach_tick(c->attach, clock_now_ns());
		recipes_tick(c->recipes, clock_now_ns());
		wakes_tick(c->wakes, clock_now_ns());
	}
}

void capture_tick(struct capture *c, uint64_t now_ns)
{
	if (c->packets)
		packet_capture_tick(c->packets, now_ns);
	socket_table_tick(c->sockets, now_ns);
	targets_tick(c->targets, now_ns);
}

const struct hook_table *capture_hooks(const struct capture *c)
{
	return &c->hooks;
}

uint64_t capture_events(const struct capture *c)
{
	return c->events;
}

/* ---- losses --------------------------------------------------------------------------------- */

static uint64_t read_counter(struct capture *c, uint32_t which)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0, *values = memory_array(cpus > 0 ? (size_t)cpus : 1, sizeof(*values));

	if (values && !bpf_map_lookup_elem(bpf_map__fd(c->process->maps.counters), &which, values))
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	memory_free(values);
	return sum;
}

static void add_loss(struct loss *out, size_t max, size_t *count, const char *name, uint64_t n)
{
	/* ring_full stands in every summary: its zero is a promise. */
	if ((n || !strcmp(name, "ring_full")) && *count < max)
		out[(*count)++] = (struct loss){ name, n };
}

size_t capture_losses(struct capture *c, struct loss *out, size_t max)
{
#define COUNTER_NAME(name, text) #name,
	static const char *const names[] = { COUNTERS(COUNTER_NAME) };
#undef COUNTER_NAME
	const struct socket_counters *s =
		c->sockets ? socket_table_counters(c->sockets) : &c->final_sockets;
	struct connection_counters sum = c->final;
	size_t count = 0;

	for (uint32_t i = 0; i < COUNTER_COUNT; i++)
		if (i != COUNTER_events)
			add_loss(out, max, &count, names[i], read_counter(c, i));
	if (c->sockets)
		socket_table_sum(c->sockets, &sum);
	add_loss(out, max, &count, "events_malformed", ring_malformed(c->ring));
	add_loss(out, max, &count, "events_missing", s->gaps);
	add_loss(out, max, &count, "sockets_refused", s->refused);
	add_loss(out, max, &count, "connections_foreign", s->foreign);
	add_loss(out, max, &count, "connections_tls", s->tls);
	add_loss(out, max, &count, "responses_without_request", sum.orphan_responses);
	add_loss(out, max, &count, "exchanges_doubtful", sum.discarded);
	add_loss(out, max, &count, "decoder_lost_place", sum.resyncs);
	add_loss(out, max, &count, "bytes_undecoded", sum.lost_bytes);
	add_loss(out, max, &count, "no_memory", sum.no_memory);
	add_loss(out, max, &count, "packets_dropped", c->final_packets.dropped);
	add_loss(out, max, &count, "packet_connections_untracked", c->final_packets.untracked);
	add_loss(out, max, &count, "packet_gap_bytes", c->final_packets.gap_bytes);
	add_loss(out, max, &count, "hook_recursion",
		 object_recursion_misses(c->process->obj) +
			 object_recursion_misses(c->socket ? c->socket->obj : NULL) +
			 object_recursion_misses(c->syscall ? c->syscall->obj : NULL) +
			 attach_misses(c->attach) + wakes_misses(c->wakes));
	return count;
}

/* A packet socket of no protocol: it receives nothing. */
static void probe_packet(struct capture *c)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	note(c, HOOK_PACKET, fd < 0 ? -errno : 0);
	if (fd >= 0)
		close(fd);
}

void capture_probe(struct hook_table *table)
{
	struct capture_options options = { .ring_bytes = 1 << 16,
					   .copy_request = 64,
					   .copy_response = 64,
					   .runtime_hooks = true };
	struct capture c = { .options = options };
	int err;

	object_capture_log();
	err = load_process(&c);
	if (!err)
		err = process_bpf__attach(c.process);
	note(&c, HOOK_PROCESS, err);
	if (!err) {
		if (object_has_tracepoint("sock_send_length"))
			note(&c, HOOK_SOCKET, load_socket(&c));
		else
			hook_set(&c.hooks, HOOK_SOCKET, HOOK_UNAVAILABLE,
				 "needs Linux 6.3 or newer");
		note(&c, HOOK_SYSCALL, load_syscall(&c));
		hook_set(&c.hooks, HOOK_TCP_STATE,
			 c.socket || c.syscall ? HOOK_AVAILABLE : HOOK_UNAVAILABLE, "");
		load_uprobes(&c);
		if (hook_available(&c.hooks, HOOK_TLS))
			note(&c, HOOK_TLS, attach_probe(c.attach));
	}
	probe_packet(&c);
	wakes_free(c.wakes);
	attach_free(c.attach);
	socket_bpf__destroy(c.socket);
	syscall_bpf__destroy(c.syscall);
	process_bpf__destroy(c.process);
	*table = c.hooks;
}
