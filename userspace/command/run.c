// SPDX-License-Identifier: GPL-2.0-only
/*
 * `spantap run -- CMD`: starts a command and traces it from its first system call. Its output stays
 * its own, ours goes to --output or standard error.
 */
#include <errno.h>
#include <stddef.h>

#include "userspace/base/log.h"
#include "userspace/command/child.h"
#include "userspace/command/command.h"
#include "userspace/command/session.h"

static const struct option options[] = {
	SESSION_EXPORT_OPTIONS,
	SESSION_CAPTURE_OPTIONS,
	SESSION_GENERAL_OPTIONS,
	OPTION_END,
};

static void help(void)
{
	puts("usage: spantap run [OPTIONS] -- COMMAND [ARGUMENT...]\n\n"
	     "Starts a command and traces it and its children, as strace and perf do. As root "
	     "through sudo, the\n"
	     "command runs as the user who called sudo.\n\n"
	     "  sudo spantap run -- python3 app.py\n"
	     "  sudo spantap run --json --output spans.jsonl -- ./test.sh");
	option_help(options, stdout);
}

static int run(int argc, char **argv)
{
	struct session_options o;
	struct option_list rest = { 0 };
	struct error error = { 0 };
	struct session *session = NULL;
	struct child child = { 0 };
	bool given;
	char **command = child_command(&argc, argv, &given);
	int err, status = EXIT_USAGE;

	session_defaults(&o);
	err = option_parse(options, argc, argv, &o, &rest, &error);
	if (!err && o.help) {
		help();
		return 0;
	}
	log_set_level(o.verbose ? LOG_DEBUG : LOG_INFO);
	if (!err && (!command || rest.count))
		err = error_set(&error, -EINVAL,
				"run what? spantap run [OPTIONS] -- COMMAND [ARGUMENT...]");
	if (!err)
		err = session_check(&o, &error);
	o.output_stderr = true;
	if (!err)
		err = child_start(&child, command, "run", &error);
	if (!err)
		session = session_new(&o, child.pid, &error);
	if (session) {
		err = child_go(&child);
		if (!err)
			err = session_loop(session, &error);
		session_finish(session);
	}
	if (child.pid)
		status = child_end(&child);
	if (!session || err) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	return status;
}

const struct command run_command = { "run", "start a command and trace it", run };
