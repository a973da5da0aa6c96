// SPDX-License-Identifier: GPL-2.0-only
/*
 * `spantap top`: endpoints, queries and dependencies as they are now. On a terminal a screen that
 * answers to keys (report/top_*), else a table of text each interval. Here are its options;
 * top_live.c runs it.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "userspace/base/clock.h"
#include "userspace/base/log.h"
#include "userspace/command/command.h"
#include "userspace/command/top_live.h"

#define WINDOW_DEFAULT (60 * NS_PER_SECOND)
#define ROWS_DEFAULT 10

#define FIELD(name) offsetof(struct top_options, name)

static const struct option options[] = {
	SESSION_TARGET_OPTIONS,
	{ NULL, 0, OPTION_HEADING, 0, NULL, "What to show:" },
	{ "interval", 'i', OPTION_DURATION, FIELD(interval_ns), "TIME",
	  "between two screens or tables (1s)" },
	{ "window", 'w', OPTION_TEXT, FIELD(window_text), "TIME",
	  "numbers are of the last TIME (60s); all: since the start" },
	{ "sort", 0, OPTION_CHOICE, FIELD(sort), "time|rate|errors|p50|p95|p99|name",
	  "by which column" },
	{ "iterations", 'n', OPTION_NUMBER, FIELD(iterations), "N",
	  "end after N screens or tables" },
	{ "rows", 0, OPTION_NUMBER, FIELD(rows), "N", "of each table of text (10; --json: all)" },
	{ "plain", 0, OPTION_FLAG, FIELD(plain), NULL, "tables of text, also on a terminal" },
	{ "json", 0, OPTION_FLAG, FIELD(session.json), NULL, "one JSON object each interval" },
	{ "output", 'o', OPTION_TEXT, FIELD(session.output), "FILE",
	  "write tables there instead of standard output" },
	SESSION_EXPORT_OPTIONS,
	SESSION_CAPTURE_OPTIONS,
	{ NULL, 0, OPTION_HEADING, 0, NULL, "General:" },
	{ "duration", 'd', OPTION_DURATION, FIELD(session.duration_ns), "TIME",
	  "stop after this long (60s, 5m)" },
	{ "colour", 0, OPTION_CHOICE, FIELD(session.colour_choice), "auto|always|never",
	  "colours; auto: unless NO_COLOR is set" },
	{ "verbose", 'v', OPTION_FLAG, FIELD(session.verbose), NULL,
	  "say more about what is going on" },
	{ "help", 'h', OPTION_FLAG, FIELD(session.help), NULL, "this text" },
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap top TARGET [OPTIONS]\n\n"
	     "What a running program is busy with, refreshed each second: endpoints, queries and "
	     "dependencies by rate,\n"
	     "errors, latency and total time. Enter opens one: where its time goes, what it calls, "
	     "its slowest request.\n"
	     "Press ? for the keys. To a pipe or a file: a table of text each interval.\n\n"
	     "  sudo spantap top --pid 1234                    a process and its children\n"
	     "  sudo spantap top --port 8000 --window 10s      whoever listens there, the last ten "
	     "seconds\n"
	     "  sudo spantap top --all --sort p95\n"
	     "  sudo spantap top --pid 1234 -n 1 -i 10s --json one object, after ten seconds\n"
	     "  spantap top --pcap capture.pcap                a capture file, without root");
	option_help(options, stdout);
}

static int check(struct top_options *o, struct error *error)
{
	o->window_ns = o->session.pcap ? 0 : WINDOW_DEFAULT;
	if (o->window_text && !strcmp(o->window_text, "all"))
		o->window_ns = 0;
	else if (o->window_text &&
		 (option_duration(o->window_text, &o->window_ns) || o->window_ns < NS_PER_SECOND ||
		  o->window_ns > 86400 * NS_PER_SECOND))
		return error_set(error, -EINVAL,
				 "--window: \"%s\" is no time from 1s to 24h, nor all",
				 o->window_text);
	if (o->interval_ns < 100 * NS_PER_MS || o->interval_ns > 3600 * NS_PER_SECOND)
		return error_set(error, -EINVAL, "--interval: from 100ms to 1h");
	if (!o->session.json && !o->rows)
		o->rows = ROWS_DEFAULT;
	if (!o->session.pcap && !select_any(&o->session.select))
		return error_set(error, -EINVAL,
				 "top of what? --pid PID, --port PORT, --exe NAME, --container ID, "
				 "--all or --pcap FILE");
	return session_check(&o->session, error);
}

static int run(int argc, char **argv)
{
	struct top_options o = { .interval_ns = NS_PER_SECOND };
	struct option_list rest = { 0 };
	struct error error = { 0 };
	int err;

	session_defaults(&o.session);
	o.session.no_output = true;
	err = option_parse(options, argc, argv, &o, &rest, &error);
	if (!err && o.session.help) {
		help();
		return 0;
	}
	log_set_level(o.session.verbose ? LOG_DEBUG : LOG_INFO);
	if (!err && rest.count)
		err = error_set(&error, -EINVAL,
				"top takes no argument: \"%s\" (a PID is given as --pid %s)",
				rest.items[0], rest.items[0]);
	if (!err)
		err = check(&o, &error);
	if (!err)
		err = top_live(&o, &error);
	if (err)
		log_error("%s", error.text);
	return err ? EXIT_USAGE : 0;
}

const struct command top_command = {
	"top", "endpoints, queries and dependencies by rate and latency, live", run
};
