// SPDX-License-Identifier: GPL-2.0-only
/* See session.h. */
#include "userspace/command/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "exporters/exporter.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/base/memory.h"
#include "userspace/capture/ring.h"
#include "userspace/command/replay.h"
#include "userspace/report/lines.h"
#include "userspace/report/tree.h"
#include "userspace/stitch/stitch.h"

#define TICK_NS (100 * NS_PER_MS)
#define RESCAN_NS NS_PER_SECOND
#define EXPORT_QUEUE 65536
#define TRAILING_NS (60 * NS_PER_MS) /* after the targets' end: the ring's window and one drain */

struct session {
	struct session_options options;
	struct span_rules rules;
	struct stitch *stitch;
	struct capture *capture; /* NULL: from a file */
	struct sink *sinks[SINKS_MAX];	 /* reports and recordings */
	struct sink *exports[SINKS_MAX];
	size_t sink_count, export_count;
	FILE *out;
	struct session_watch watch;
	int signals;
	bool ran;  /* there is something to sum up */
	bool over; /* and it is */
};

void session_defaults(struct session_options *o)
{
	*o = (struct session_options){
		.request_bytes = 1024,
		.response_bytes = 512,
		.ring_bytes = RING_BYTES_DEFAULT,
	};
}

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

int session_check(const struct session_options *o, struct error *error)
{
	if (o->pcap && (select_any(&o->select) || o->capture == CAPTURE_PACKET))
		return error_set(error, -EINVAL, "--pcap reads a file and --pid, --exe, --port, --container, --cgroup, "
						 "--all and --capture are about live processes: give one kind");
	if (o->select.all && (o->select.pids.count || o->select.exes.count || o->select.ports.count ||
			      o->select.containers.count || o->select.cgroups.count))
		return error_set(error, -EINVAL, "--all already means every process: leave the other target out");
	if (o->request_bytes > EVENT_HEAD_MAX || o->response_bytes > EVENT_HEAD_MAX)
		return error_set(error, -EINVAL, "--request-bytes and --response-bytes: at most 16K");
	if (!power_of_two(o->ring_bytes) || o->ring_bytes < 65536 || o->ring_bytes > 1u << 30)
		return error_set(error, -EINVAL, "--ring-bytes: a power of two from 64K to 1G");
	if (o->protocol && !protocol_find(o->protocol))
		return error_set(error, -EINVAL, "--protocol: \"%s\" is none of http, postgresql, mysql, redis",
				 o->protocol);
	return 0;
}

/* ---- opening -------------------------------------------------------------------------------- */

void session_add_sink(struct session *s, struct sink *sink)
{
	if (!sink || s->sink_count == SINKS_MAX)
		return;
	s->sinks[s->sink_count++] = sink;
	stitch_add_sink(s->stitch, sink);
}

static const struct exporter *exporter_find(const char *name)
{
	for (size_t i = 0; exporters[i]; i++)
		if (!strcmp(exporters[i]->name, name))
			return exporters[i];
	return NULL;
}

/* Asked for by option, or by the environment alone. */
static int open_export(struct session *s, const char *name, const char *url, struct error *error)
{
	const struct exporter *exporter = exporter_find(name);
	struct sink *sink;

	if (!exporter || (!url && !exporter->wanted()))
		return 0;
	sink = exporter_sink_new(exporter, url ? url : "", EXPORT_QUEUE, error);
	if (!sink)
		return error_set(error, -EINVAL, "--%s: cannot be set up", name);
	stitch_add_sink(s->stitch, sink);
	s->exports[s->export_count++] = sink;
	return 0;
}

static int open_output(struct session *s, struct error *error)
{
	const struct session_options *o = &s->options;
	struct tree_options tree = { .traces_max = o->traces_max, .explain = o->explain };

	s->out = o->output_stderr ? stderr : stdout;
	if (o->output) {
		s->out = fopen(o->output, "we");
		if (!s->out)
			return error_set(error, -errno, "--output: cannot write %s: %s", o->output, error_name(errno));
	}
	tree.out = s->out;
	tree.colour = o->colour_choice == 1 || (o->colour_choice == 0 && isatty(fileno(s->out)));
	session_add_sink(s, o->json ? lines_sink_new(s->out) : tree_sink_new(&tree));
	return s->sink_count ? 0 : error_set(error, -ENOMEM, "out of memory");
}

static int add_targets(struct session *s, struct error *error)
{
	struct select_pids *found = memory_new(sizeof(*found));
	int err = found ? select_find(&s->options.select, found, error) : -ENOMEM;

	for (size_t i = 0; !err && i < found->count; i++) {
		if (targets_has(capture_targets(s->capture), found->pids[i]))
			continue;
		err = capture_add(s->capture, found->pids[i], error);
		if (err == -ESRCH && !error) /* gone between finding and adding */
			err = 0;
	}
	memory_free(found);
	return err;
}

static void unit_was_born(void *stitch, uint32_t pid, uint64_t child, uint64_t parent,
			  uint64_t time_ns, uint64_t origin)
{
	stitch_unit_born(stitch, pid, child, parent, time_ns, origin);
}

static void unit_has_ended(void *stitch, uint32_t pid, uint64_t unit)
{
	stitch_unit_ended(stitch, pid, unit);
}

static void has_resumed(void *stitch, const struct event_resumed *e)
{
	stitch_resumed(stitch, &(struct resumed){ .read = e->read,
						  .units = (const void *)e->units,
						  .pid = e->header.pid,
						  .count = e->count,
						  .told = e->told });
}

static void has_woken(void *stitch, const struct event_wake *e)
{
	bool units = e->flags & EVENT_NOT_THREADS;

	stitch_woken(stitch, &(struct wake){ .time_ns = e->header.time_ns,
					     .by = units ? e->unit : e->header.tid,
					     .woken = units ? e->woken_unit : e->woken_tid,
					     .stack = e->stack,
					     .pid = e->header.pid,
					     .moved = (e->what & WAKE_MOVED) &&
						      !(e->what & WAKE_WAITED),
					     .slept_through = e->what & WAKE_SLEPT_THROUGH });
}

static void forget_process(void *stitch, uint32_t pid)
{
	stitch_process_gone(stitch, pid);
}

static int open_capture(struct session *s, pid_t started, struct error *error)
{
	const struct session_options *o = &s->options;
	struct capture_options options = {
		.mode = (enum capture_mode)o->capture,
		.ring_bytes = (uint32_t)o->ring_bytes,
		.copy_request = (uint32_t)o->request_bytes,
		.copy_response = (uint32_t)o->response_bytes,
		.uprobes = !o->no_uprobes,
		.runtime_hooks = !o->no_runtime_hooks,
		.only = o->protocol ? protocol_find(o->protocol) : NULL,
		.observer = &stitch_observer,
		.stitch = s->stitch,
		.process_gone = forget_process,
		.unit_born = unit_was_born,
		.unit_ended = unit_has_ended,
		.woken = has_woken,
		.resumed = has_resumed,
	};
	struct select_pids none;
	int err = 0;

	/* A target that is not there should be said before a missing privilege is. */
	if (!started && select_any(&o->select) && o->select.pids.count)
		err = select_find(&o->select, &none, error);
	if (err)
		return err;
	s->capture = capture_new(&options, error);
	if (!s->capture)
		return -EPERM;
	stitch_set_targets(s->stitch, capture_targets(s->capture));
	return started ? capture_add(s->capture, (uint32_t)started, error) : add_targets(s, error);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct session *session_new(const struct session_options *o, pid_t started, struct error *error)
{
	struct stitch_options stitch = { 0 };
	struct session *s = memory_new(sizeof(*s));
	int err;

	if (!s)
		return NULL;
	s->options = *o;
	s->signals = -1;
	err = span_rules_init(&s->rules);
	s->rules.redact = !o->no_redact;
	for (size_t i = 0; !err && i < o->routes.count; i++)
		err = route_rule_add(s->rules.routes, o->routes.items[i], error);
	stitch.rules = &s->rules;
	stitch.explain = o->explain;
	s->stitch = err ? NULL : stitch_new(&stitch);
	if (!s->stitch)
		err = error_set(error, err ? err : -ENOMEM, "out of memory");
	if (!err && !o->no_output)
		err = open_output(s, error);
	if (!err)
		err = open_export(s, "otlp", o->otlp, error);
	if (!err)
		err = open_export(s, "datadog", o->datadog, error);
	if (!err && !o->pcap)
		err = open_capture(s, started, error);
	if (!err) {
		s->signals = open_signals();
		return s;
	}
	session_finish(s);
	return NULL;
}

/* ---- running -------------------------------------------------------------------------------- */

size_t session_targets(const struct session *s)
{
	return s->capture ? targets_alive(capture_targets(s->capture)) : 0;
}

const char *session_mode(const struct session *s)
{
	return s->capture ? capture_mode_name(capture_mode(s->capture)) : "file";
}

static bool stop_asked(struct session *s)
{
	struct signalfd_siginfo info;

	return s->signals >= 0 && read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

/* True when there is nothing left to watch. Programs, ports and containers may come back. */
static bool all_gone(const struct session *s)
{
	const struct select_options *o = &s->options.select;

	return !targets_alive(capture_targets(s->capture)) && !o->exes.count && !o->ports.count &&
	       !o->containers.count && !o->cgroups.count && !o->all;
}

static bool can_rescan(const struct session *s)
{
	const struct select_options *o = &s->options.select;

	return o->exes.count || o->ports.count || o->containers.count || o->cgroups.count || o->all;
}

void session_watch(struct session *s, const struct session_watch *watch)
{
	s->watch = *watch;
}

static void tick(struct session *s, uint64_t now)
{
	capture_tick(s->capture, now);
	stitch_tick(s->stitch, now);
}

static void live_loop(struct session *s)
{
	uint64_t start = clock_now_ns(), now = start, ticked = start, scanned = start, gone = 0;
	struct pollfd fds[] = { { capture_fd(s->capture), POLLIN, 0 },
				{ s->signals, POLLIN, 0 },
				{ s->watch.step ? s->watch.fd : -1, POLLIN, 0 } };

	while (!stop_asked(s)) {
		poll(fds, 3, RING_DRAIN_MS);
		capture_drain(s->capture, false);
		now = clock_now_ns();
		if (now - ticked >= TICK_NS) {
			tick(s, now);
			ticked = now;
		}
		if (s->watch.step && !s->watch.step(s->watch.context, now))
			break;
		if (can_rescan(s) && now - scanned >= RESCAN_NS) {
			add_targets(s, NULL);
			scanned = now;
		}
		if (s->options.duration_ns && now - start >= s->options.duration_ns)
			break;
		gone = all_gone(s) ? (gone ? gone : now) : 0;
		if (gone && now - gone >= TRAILING_NS)
			break;
	}
	capture_drain(s->capture, true);
	tick(s, clock_now_ns());
}

int session_loop(struct session *s, struct error *error)
{
	int err = 0;

	if (s->options.pcap)
		err = replay_file(s->options.pcap, s->stitch, s->options.protocol, error);
	else
		live_loop(s);
	if (err) /* of a file: what came before the damage counts */
		stitch_flush(s->stitch);
	s->ran = !err || stitch_counters(s->stitch)->spans;
	return err;
}

/* ---- ending --------------------------------------------------------------------------------- */

static void add_loss(struct summary *sum, const char *name, uint64_t count)
{
	if (sum->lost_count < sizeof(sum->lost) / sizeof(sum->lost[0]))
		sum->lost[sum->lost_count++] = (struct summary_loss){ name, count };
}

/* Exporters deliver what they still have, so that the summary can say what they could not. */
static void finish_exports(struct session *s, struct summary *sum)
{
	struct exporter_counters all = { 0 };

	for (size_t i = 0; i < s->export_count; i++) /* side by side: together they take no longer than one */
		exporter_sink_end(s->exports[i]);
	for (size_t i = 0; i < s->export_count; i++) {
		struct exporter_counters one;

		s->exports[i]->finish(s->exports[i], sum);
		exporter_sink_counters(s->exports[i], &one);
		all.rejected += one.rejected;
		all.dropped_full += one.dropped_full;
		all.dropped_retry += one.dropped_retry;
	}
	if (!s->export_count)
		return;
	add_loss(sum, "export_rejected", all.rejected);
	add_loss(sum, "export_queue_full", all.dropped_full);
	add_loss(sum, "export_undelivered", all.dropped_retry);
}

static void add_stitch_losses(struct summary *sum, const struct stitch_counters *n)
{
	const struct summary_loss losses[] = {
		{ "parents_in_conflict", n->conflicts },
		{ "children_too_late", n->late_children },
		{ "children_too_many", n->too_many_children },
		{ "spans_without_memory", n->no_memory },
	};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		if (losses[i].count)
			add_loss(sum, losses[i].name, losses[i].count);
}

void session_totals(const struct session *s, struct summary *out)
{
	const struct stitch_counters *n = stitch_counters(s->stitch);
	struct loss losses[LOSSES_MAX];
	size_t count = s->capture ? capture_losses(s->capture, losses, LOSSES_MAX) : 0;

	*out = (struct summary){ .spans = n->spans, .traces = n->traces };
	memcpy(out->parents, n->parents, sizeof(out->parents));
	if (!s->capture)
		add_loss(out, "ring_full", 0);
	for (size_t i = 0; i < count; i++)
		add_loss(out, losses[i].name, losses[i].count);
	add_stitch_losses(out, n);
	stitch_summary(n, out);
}

static void tell_summary(struct session *s)
{
	struct summary sum;

	session_totals(s, &sum);
	finish_exports(s, &sum);
	for (size_t i = 0; i < s->sink_count; i++)
		if (s->sinks[i]->finish)
			s->sinks[i]->finish(s->sinks[i], &sum);
}

void session_end(struct session *s)
{
	if (s->over)
		return;
	s->over = true;
	if (s->capture)
		capture_finish(s->capture);
	if (s->stitch)
		stitch_flush(s->stitch);
	if (s->ran)
		tell_summary(s);
}

void session_finish(struct session *s)
{
	if (!s)
		return;
	session_end(s);
	stitch_free(s->stitch);
	for (size_t i = 0; i < s->sink_count; i++)
		s->sinks[i]->free(s->sinks[i]);
	for (size_t i = 0; i < s->export_count; i++)
		s->exports[i]->free(s->exports[i]);
	capture_free(s->capture);
	span_rules_release(&s->rules);
	if (s->out && s->options.output)
		fclose(s->out);
	if (s->signals >= 0)
		close(s->signals);
	memory_free(s);
}
