// SPDX-License-Identifier: GPL-2.0-only
/* See place.h. */
#include "userspace/store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/base/bytes.h"
#include "userspace/store/schema.h"

#define HEADER_SIZE 100
#define HEADER_APPLICATION_ID 68 /* SQLite's file format, "The Database Header" */

static bool is_recording(const char *path)
{
	uint8_t head[HEADER_SIZE], *id = head + HEADER_APPLICATION_ID;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, head, sizeof(head));

	if (fd >= 0)
		close(fd);
	return len == sizeof(head) && !memcmp(head, "SQLite format 3", 16) &&
	       (uint32_t)(id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3]) ==
		       RECORDING_APPLICATION_ID;
}

/* Somebody writes to it just now. */
static bool in_use(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool used = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return used;
}

/* The directory that path is to be made in. */
static int check_directory(const char *path, struct error *error)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(directory))
		return error_set(error, -ENAMETOOLONG, "%.64s...: cannot be written: %s", path,
				 error_name(ENAMETOOLONG));
	snprintf(directory, sizeof(directory), "%.*s", (int)len, path);
	if (access(!slash ? "." : len ? directory : "/", W_OK | X_OK))
		return error_set(error, -errno, "%s: cannot be written: %s", path,
				 error_name(errno));
	return 0;
}

static const char *const beside[] = { "-wal", "-shm", "-journal" };

/* SQLite takes files of these names for its own. */
static int check_beside(const char *path, struct error *error)
{
	char name[PATH_MAX + 16];
	struct stat st;

	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		if (snprintf(name, sizeof(name), "%s%s", path, beside[i]) >= (int)sizeof(name))
			return error_set(error, -ENAMETOOLONG, "%.64s...: %s", path,
					 error_name(ENAMETOOLONG));
		if (!lstat(name, &st))
			return error_set(error, -EEXIST,
					 "%s: is in the way of a recording's log; remove it or "
					 "choose another name",
					 name);
	}
	return check_directory(path, error);
}

int place_check(const char *path, bool replace, struct error *error)
{
	struct stat st;

	if (!path[0])
		return error_set(error, -EINVAL, "the recording's file name is empty");
	if (stat(path, &st)) {
		if (errno == ENOENT)
			return check_beside(path, error);
		return error_set(error, -errno, "%s: cannot be written: %s", path,
				 error_name(errno));
	}
	if (S_ISDIR(st.st_mode))
		return error_set(error, -EISDIR, "%s: is a directory; a recording is a file", path);
	if (!S_ISREG(st.st_mode))
		return error_set(
			error, -EINVAL,
			"%s: is not a regular file; a recording cannot be a pipe or device", path);
	if (!st.st_size)
		return check_beside(path, error);
	if (!is_recording(path))
		return error_set(error, -EEXIST,
				 "%s: exists and is not a recording; it is left alone", path);
	if (!replace)
		return error_set(error, -EEXIST,
				 "%s: holds a recording already; --force overwrites it", path);
	if (in_use(path))
		return error_set(error, -EBUSY, "%s: is being written by another spantap", path);
	return check_directory(path, error);
}

/* Who called sudo wants to read it too. */
static void give_to_caller(int fd)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	uint64_t u, g;

	if (geteuid() || !uid || !gid || !bytes_number(bytes_of_string(uid), &u) ||
	    !bytes_number(bytes_of_string(gid), &g) || u > UINT32_MAX || g > UINT32_MAX)
		return;
	if (fchown(fd, (uid_t)u, (gid_t)g))
		return; /* a file system without owners: as good */
}

int place_take(const char *path, bool replace, struct error *error)
{
	int err = place_check(path, replace, error), fd;

	if (err)
		return err;
	place_remove(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(error, -errno, "%s: cannot be written: %s", path,
				 error_name(errno));
	flock(fd, LOCK_EX | LOCK_NB);
	give_to_caller(fd);
	return fd;
}

void place_remove(const char *path)
{
	char name[PATH_MAX + 16];

	unlink(path);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		if (snprintf(name, sizeof(name), "%s%s", path, beside[i]) < (int)sizeof(name))
			unlink(name);
}
