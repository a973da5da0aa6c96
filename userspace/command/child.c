// SPDX-License-Identifier: GPL-2.0-only
/* See child.h. The child reads one byte from a pipe before it becomes the command; a pipe that is
 * closed ends it. */
#include "userspace/command/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userspace/base/bytes.h"
#include "userspace/base/log.h"

#define EXIT_CANNOT_RUN 126 /* as shells have it */
#define EXIT_NOT_FOUND 127

char **child_command(int *argc, char **argv, bool *given)
{
	*given = false;
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		*given = true;
		*argc = i;
		return argv[i + 1] ? argv + i + 1 : NULL;
	}
	return NULL;
}

/* Gives up root for whoever called sudo. */
static int become_caller(void)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID"),
		   *user = getenv("SUDO_USER");
	uint64_t u, g;

	if (geteuid() != 0 || !uid || !gid || !user)
		return 0;
	if (!bytes_number(bytes_of_string(uid), &u) || !bytes_number(bytes_of_string(gid), &g))
		return -EINVAL;
	if (initgroups(user, (gid_t)g) || setgid((gid_t)g) || setuid((uid_t)u))
		return -errno;
	return 0;
}

static _Noreturn void become(char **command, int wait_fd, const char *who)
{
	char byte;
	int err;

	if (read(wait_fd, &byte, 1) != 1)
		_exit(EXIT_CANNOT_RUN);
	err = become_caller();
	if (err) {
		log_error("%s: cannot become the user who called sudo: %s", who, error_name(err));
		_exit(EXIT_CANNOT_RUN);
	}
	execvp(command[0], command);
	log_error("%s: cannot start %s: %s", who, command[0], error_name(errno));
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

int child_start(struct child *c, char **command, const char *who, struct error *error)
{
	int ends[2];
	pid_t pid;

	*c = (struct child){ .go = -1 };
	if (pipe2(ends, O_CLOEXEC))
		return error_set(error, -errno, "%s: cannot make a pipe: %s", who,
				 error_name(errno));
	pid = fork();
	if (!pid) {
		close(ends[1]);
		become(command, ends[0], who);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return error_set(error, -errno, "%s: cannot fork: %s", who, error_name(errno));
	}
	*c = (struct child){ pid, ends[1] };
	return 0;
}

int child_go(struct child *c)
{
	return write(c->go, "g", 1) == 1 ? 0 : -errno;
}

int child_end(struct child *c)
{
	int status = 0;

	if (!c->pid)
		return 0;
	close(c->go);
	if (waitpid(c->pid, &status, WNOHANG) != c->pid) {
		kill(c->pid, SIGTERM); /* ours: started above */
		waitpid(c->pid, &status, 0);
	}
	*c = (struct child){ .go = -1 };
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
