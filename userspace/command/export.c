// SPDX-License-Identifier: GPL-2.0-only
/*
 * `spantap export`: recordings to back ends, later than `trace --otlp` would. There is no hurry
 * here, so it waits for room in an exporter's queue instead of losing what finds none. A back end
 * that an exporter gave up on gets nothing more; others do.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "exporters/exporter.h"
#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/command/command.h"
#include "userspace/command/reading.h"

#define QUEUE_MAX 65536
#define WAITING_MAX 8192 /* more than a batch, so that the exporter's thread is never idle */
#define PART_MAX 4096    /* spans handed over at once: a larger trace goes in parts */
#define LOOK_NS (200 * NS_PER_MS)
#define BACK_ENDS_MAX 4

struct export_options {
	const char *otlp, *datadog; /* NULL: not asked for; "": as the environment says */
	bool quiet, verbose, help;
};

static const struct option options[] = {
	{ "otlp", 0, OPTION_OPTIONAL, offsetof(struct export_options, otlp), "URL",
	  "OpenTelemetry over HTTP; default http://localhost:4318" },
	{ "datadog", 0, OPTION_OPTIONAL, offsetof(struct export_options, datadog), "URL",
	  "a Datadog agent; default http://localhost:8126" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct export_options, quiet), NULL, "no progress" },
	{ "verbose", 'v', OPTION_FLAG, offsetof(struct export_options, verbose), NULL,
	  "say more about what is going on" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct export_options, help), NULL, "this text" },
	OPTION_END,
};

struct back_end {
	const char *name;
	struct sink *sink;
	bool given_up;
};

struct export
{
	struct reading reading;
	struct back_end back_ends[BACK_ENDS_MAX];
	size_t count;
	bool stopped; /* by a signal */
};

static void help(void)
{
	puts("usage: spantap export FILE... --otlp[=URL] --datadog[=URL]\n\n"
	     "Sends recordings to back ends. Variables OTEL_* and DD_* work as with `spantap "
	     "trace`.\n\n"
	     "  spantap export before.spantap --otlp=http://collector:4318\n"
	     "  spantap export monday.spantap tuesday.spantap --datadog\n\n"
	     "A back end that does not answer is tried for two minutes. Exit status: 0 when all "
	     "spans were\n"
	     "delivered; 1 when not; 2 for a wrong command line.\n");
	option_help(options, stdout);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Asked for by option, or by the environment alone. */
static int open_back_end(struct export *e, const struct exporter *exporter, const char *url,
			 struct error *error)
{
	struct sink *sink;

	if ((!url && !exporter->wanted()) || e->count == BACK_ENDS_MAX)
		return 0;
	sink = exporter_sink_new(exporter, url ? url : "", QUEUE_MAX, error);
	if (!sink)
		return error_set(error, -EINVAL, "--%s: cannot be set up", exporter->name);
	e->back_ends[e->count++] = (struct back_end){ exporter->name, sink, false };
	return 0;
}

static int open_back_ends(struct export *e, const struct export_options *o, struct error *error)
{
	int err = 0;

	for (size_t i = 0; !err && exporters[i]; i++) {
		const char *url = !strcmp(exporters[i]->name, "otlp") ? o->otlp : o->datadog;

		err = open_back_end(e, exporters[i], url, error);
	}
	if (!err && !e->count)
		err = error_set(error, -EINVAL, "export where? --otlp[=URL] or --datadog[=URL]");
	return err;
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static bool stop_asked(struct export *e)
{
	sigset_t set;

	if (!sigpending(&set))
		e->stopped |= sigismember(&set, SIGINT) > 0 || sigismember(&set, SIGTERM) > 0 ||
			      sigismember(&set, SIGHUP) > 0;
	return e->stopped;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Until no more than `waiting` spans wait for b; false: it was given up, or we were told to stop.
 */
static bool wait_for(struct export *e, struct back_end *b, size_t waiting)
{
	struct exporter_counters counters;

	while (!b->given_up && !stop_asked(e)) {
		bool room = exporter_sink_wait(b->sink, waiting, clock_now_ns() + LOOK_NS);

		exporter_sink_counters(b->sink, &counters);
		b->given_up = counters.dropped_retry != 0;
		if (room && !b->given_up)
			return true;
	}
	return false;
}

static bool all_given_up(const struct export *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (!e->back_ends[i].given_up)
			return false;
	return true;
}

static void send_trace(struct export *e, const struct trace *trace)
{
	for (size_t at = 0; at < trace->count; at += PART_MAX) {
		size_t left = trace->count - at;
		struct trace part = { trace->spans + at, left < PART_MAX ? left : PART_MAX };

		for (size_t i = 0; i < e->count; i++)
			if (wait_for(e, &e->back_ends[i], WAITING_MAX))
				e->back_ends[i].sink->trace(e->back_ends[i].sink, &part);
	}
}

static void send_all(struct export *e)
{
	struct trace trace;

	while (!stop_asked(e) && !all_given_up(e) && reading_next(&e->reading, &trace))
		send_trace(e, &trace);
	/* Ending is bounded to some seconds; what waits till then may take longer. */
	for (size_t i = 0; i < e->count; i++)
		wait_for(e, &e->back_ends[i], 0);
	reading_hush(&e->reading);
	for (size_t i = 0; i < e->count; i++)
		exporter_sink_end(e->back_ends[i].sink);
	for (size_t i = 0; i < e->count; i++)
		e->back_ends[i].sink->finish(e->back_ends[i].sink, &e->reading.summary);
}

/* ---- telling -------------------------------------------------------------------------------- */

/* True when b has got all. */
static bool tell(const struct export *e, const struct back_end *b)
{
	uint64_t all = e->reading.summary.spans;
	struct exporter_counters n;

	exporter_sink_counters(b->sink, &n);
	/* Of a recording that is still being written more may be read than it said. */
	if (all < e->reading.spans || (!e->stopped && !b->given_up))
		all = e->reading.spans;
	if (n.sent == all) {
		printf("%s: %" PRIu64 " spans delivered\n", b->name, n.sent);
		return true;
	}
	printf("%s: %" PRIu64 " of %" PRIu64 " spans delivered, %" PRIu64 " refused, %" PRIu64
	       " not sent%s\n",
	       b->name, n.sent, all, n.rejected, all - n.sent - n.rejected,
	       e->stopped ? " (stopped)" : "");
	return false;
}

static int run_export(struct export *e)
{
	bool fine = true;

	send_all(e);
	for (size_t i = 0; i < e->count; i++)
		fine &= tell(e, &e->back_ends[i]);
	fine &= !reading_damaged(&e->reading);
	return fine && !fflush(stdout) ? 0 : 1;
}

static int run(int argc, char **argv)
{
	struct export_options o = { 0 };
	struct option_list files = { 0 };
	struct error error = { 0 };
	struct export e = { 0 };
	int status = EXIT_USAGE;
	int err = option_parse(options, argc, argv, &o, &files, &error);

	if (!err && o.help) {
		help();
		return 0;
	}
	log_set_level(o.verbose ? LOG_DEBUG : LOG_INFO);
	block_signals();
	if (!err)
		err = reading_open(&e.reading, &files, "handed over", o.quiet, &error);
	if (!err)
		err = open_back_ends(&e, &o, &error);
	if (!err)
		status = run_export(&e);
	for (size_t i = 0; i < e.count; i++)
		e.back_ends[i].sink->free(e.back_ends[i].sink);
	reading_close(&e.reading);
	if (err)
		log_error("%s", error.text);
	return status;
}

const struct command export_command = { "export", "recordings to a back end, later", run };
