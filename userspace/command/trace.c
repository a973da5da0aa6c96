// SPDX-License-Identifier: GPL-2.0-only
/* `spantap trace`: each finished trace as a tree, live. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "userspace/base/log.h"
#include "userspace/command/command.h"
#include "userspace/command/session.h"

static const struct option options[] = {
	SESSION_TARGET_OPTIONS, SESSION_EXPORT_OPTIONS, SESSION_CAPTURE_OPTIONS, SESSION_GENERAL_OPTIONS, OPTION_END,
};

static void help(void)
{
	puts("usage: spantap trace TARGET [OPTIONS]\n\n"
	     "Shows each request of a running program as a tree of the calls it made.\n\n"
	     "  sudo spantap trace --pid 1234                 a process and its children\n"
	     "  sudo spantap trace --port 8000 --duration 30s whoever listens there, for half a minute\n"
	     "  sudo spantap trace --container web --json     a container, one JSON object per span\n"
	     "  sudo spantap trace --pid 1234 --otlp=http://localhost:4318\n"
	     "  spantap trace --pcap capture.pcap             a capture file, without root");
	option_help(options, stdout);
}

static int run(int argc, char **argv)
{
	struct session_options o;
	struct option_list rest = { 0 };
	struct error error = { 0 };
	struct session *session;
	int err;

	session_defaults(&o);
	err = option_parse(options, argc, argv, &o, &rest, &error);
	if (!err && o.help) {
		help();
		return 0;
	}
	log_set_level(o.verbose ? LOG_DEBUG : LOG_INFO);
	if (!err && rest.count)
		err = error_set(&error, -1, "trace takes no argument: \"%s\" (a PID is given as --pid %s)",
				rest.items[0], rest.items[0]);
	if (!err)
		err = session_check(&o, &error);
	if (!err && !o.pcap && !select_any(&o.select))
		err = error_set(&error, -1, "trace what? --pid PID, --port PORT, --exe NAME, --container ID or --pcap FILE");
	session = err ? NULL : session_new(&o, 0, &error);
	if (!session) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	if (isatty(STDERR_FILENO) && !o.pcap)
		log_info("tracing %zu process%s (capture: %s); Ctrl-C stops", session_targets(session),
			 session_targets(session) == 1 ? "" : "es", session_mode(session));
	err = session_loop(session, &error);
	session_finish(session);
	if (err)
		log_error("%s", error.text);
	return err ? EXIT_USAGE : 0;
}

const struct command trace_command = { "trace", "each finished trace as a tree, live", run };
