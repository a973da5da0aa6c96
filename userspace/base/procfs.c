// SPDX-License-Identifier: GPL-2.0-only
/* See procfs.h. */
#include "userspace/base/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int procfs_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t block[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, block, sizeof(block))) > 0)
		if (buf_add_some(out, bytes_of(block, (size_t)n)) < (size_t)n)
			break;
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

int procfs_read_pid(uint32_t pid, const char *name, struct buf *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	return procfs_read(path, out);
}

void procfs_link(uint32_t pid, const char *name, char *out, size_t size)
{
	char path[320];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	n = readlink(path, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
}

bool procfs_has_socket(uint32_t pid, uint64_t inode)
{
	char path[272], link[64], wanted[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno != ENOENT;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "fd/%s", entry->d_name);
		procfs_link(pid, path, link, sizeof(link));
		found = !strcmp(link, wanted);
	}
	closedir(dir);
	return found;
}

int procfs_each_pid(int (*each)(void *context, uint32_t pid), void *context)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int result = 0;

	if (!dir)
		return -errno;
	while (!result && (entry = readdir(dir))) {
		uint64_t pid;

		if (bytes_number(bytes_of_string(entry->d_name), &pid))
			result = each(context, (uint32_t)pid);
	}
	closedir(dir);
	return result;
}

struct bytes procfs_argument(struct bytes cmdline, size_t index)
{
	while (cmdline.len) {
		size_t end = bytes_find(cmdline, 0, 0);

		if (index-- == 0)
			return bytes_part(cmdline, 0, end);
		cmdline = bytes_from(cmdline, end + 1);
	}
	return (struct bytes){ 0 };
}

struct bytes procfs_environment(struct bytes block, const char *name)
{
	size_t len = strlen(name);

	while (block.len) {
		size_t end = bytes_find(block, 0, 0);
		struct bytes entry = bytes_part(block, 0, end);

		if (bytes_starts(entry, name) && entry.len > len && entry.data[len] == '=')
			return bytes_from(entry, len + 1);
		block = bytes_from(block, end + 1);
	}
	return (struct bytes){ 0 };
}
