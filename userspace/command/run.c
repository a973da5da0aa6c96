// SPDX-License-Identifier: GPL-2.0-only
/*
 * `spantap run -- CMD`: starts a command and traces it from its first system call. The child waits on a pipe
 * until it is followed; its output stays its own, ours goes to --output or standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userspace/base/bytes.h"
#include "userspace/base/log.h"
#include "userspace/command/command.h"
#include "userspace/command/session.h"

static const struct option options[] = {
	SESSION_EXPORT_OPTIONS, SESSION_CAPTURE_OPTIONS, SESSION_GENERAL_OPTIONS, OPTION_END,
};

static void help(void)
{
	puts("usage: spantap run [OPTIONS] -- COMMAND [ARGUMENT...]\n\n"
	     "Starts a command and traces it and its children, as strace and perf do. As root through sudo, the\n"
	     "command runs as the user who called sudo.\n\n"
	     "  sudo spantap run -- python3 app.py\n"
	     "  sudo spantap run --json --output spans.jsonl -- ./test.sh");
	option_help(options, stdout);
}

/* The words after `--`; NULL when there are none. */
static char **command_of(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		*argc = i;
		return argv[i + 1] ? argv + i + 1 : NULL;
	}
	return NULL;
}

/* Gives up root for whoever called sudo. */
static int become_caller(void)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID"), *user = getenv("SUDO_USER");
	uint64_t u, g;

	if (geteuid() != 0 || !uid || !gid || !user)
		return 0;
	if (!bytes_number(bytes_of_string(uid), &u) || !bytes_number(bytes_of_string(gid), &g))
		return -EINVAL;
	if (initgroups(user, (gid_t)g) || setgid((gid_t)g) || setuid((uid_t)u))
		return -errno;
	return 0;
}

static pid_t start(char **command, int go[2])
{
	pid_t pid;
	char byte;

	if (pipe2(go, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid)
		return pid;
	close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(126);
	if (become_caller()) {
		log_error("run: cannot become the user who called sudo: %s", error_name(errno));
		_exit(126);
	}
	execvp(command[0], command);
	log_error("run: cannot start %s: %s", command[0], error_name(errno));
	_exit(127);
}

static int exit_status(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, WNOHANG) != pid) {
		kill(pid, SIGTERM); /* ours: started above */
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(int argc, char **argv)
{
	struct session_options o;
	struct option_list rest = { 0 };
	struct error error = { 0 };
	struct session *session = NULL;
	char **command = command_of(&argc, argv);
	int go[2], err, status = EXIT_USAGE;
	pid_t pid = -1;

	session_defaults(&o);
	err = option_parse(options, argc, argv, &o, &rest, &error);
	if (!err && o.help) {
		help();
		return 0;
	}
	log_set_level(o.verbose ? LOG_DEBUG : LOG_INFO);
	if (!err && (!command || rest.count))
		err = error_set(&error, -EINVAL, "run what? spantap run [OPTIONS] -- COMMAND [ARGUMENT...]");
	if (!err)
		err = session_check(&o, &error);
	o.output_stderr = true;
	if (!err)
		pid = start(command, go);
	if (!err && pid < 0)
		err = error_set(&error, -errno, "run: cannot fork: %s", error_name(errno));
	if (!err)
		session = session_new(&o, pid, &error);
	if (session) {
		err = write(go[1], "g", 1) == 1 ? session_loop(session, &error) : -errno;
		session_finish(session);
	}
	if (pid > 0) {
		close(go[1]);
		status = exit_status(pid);
	}
	if (!session || err) {
		log_error("%s", error.text);
		return EXIT_USAGE;
	}
	return status;
}

const struct command run_command = { "run", "start a command and trace it", run };
