// SPDX-License-Identifier: GPL-2.0-only
/*
 * See port.h. /proc/PID/net/tcp lists the sockets of a network namespace with their inodes;
 * /proc/PID/fd says who has one of them open.
 */
#include "userspace/capture/port.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "userspace/base/procfs.h"

#define NAMESPACES_MAX 256
#define INODES_MAX 256
#define STATE_LISTEN 0x0a

struct port_search {
	uint16_t port;
	char namespaces[NAMESPACES_MAX][32]; /* already read: "net:[4026531840]" */
	size_t namespace_count;
	unsigned long inodes[INODES_MAX];
	size_t inode_count;
	struct select_pids *out;
};

/* "sl local rem st tx:rx tr:when retrnsmt uid timeout inode": fields are separated by spaces. */
static const char *field(const char *line, int index)
{
	for (;;) {
		line += strspn(line, " ");
		if (index-- == 0)
			return line;
		line += strcspn(line, " ");
	}
}

static void read_listeners(struct port_search *s, uint32_t pid, const char *name)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *colon = strchr(field(line, 1), ':');

		if (!colon || strtoul(colon + 1, NULL, 16) != s->port ||
		    strtoul(field(line, 3), NULL, 16) != STATE_LISTEN ||
		    s->inode_count == INODES_MAX)
			continue;
		s->inodes[s->inode_count++] = strtoul(field(line, 9), NULL, 10);
	}
	if (f)
		fclose(f);
}

static int collect(void *context, uint32_t pid)
{
	struct port_search *s = context;
	char name[32];

	procfs_link(pid, "ns/net", name, sizeof(name));
	if (!name[0])
		return 0;
	for (size_t i = 0; i < s->namespace_count; i++)
		if (!strcmp(s->namespaces[i], name))
			return 0;
	if (s->namespace_count < NAMESPACES_MAX)
		snprintf(s->namespaces[s->namespace_count++], sizeof(s->namespaces[0]), "%s", name);
	read_listeners(s, pid, "tcp");
	read_listeners(s, pid, "tcp6");
	return 0;
}

static bool has_inode(const struct port_search *s, const char *link)
{
	unsigned long inode = strncmp(link, "socket:[", 8) ? 0 : strtoul(link + 8, NULL, 10);

	for (size_t i = 0; i < s->inode_count && inode; i++)
		if (s->inodes[i] == inode)
			return true;
	return false;
}

static bool owns(const struct port_search *s, uint32_t pid)
{
	char path[320], link[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "fd/%s", entry->d_name);
		procfs_link(pid, path, link, sizeof(link));
		found = has_inode(s, link);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int add_owner(void *context, uint32_t pid)
{
	struct port_search *s = context;

	if (!owns(s, pid))
		return 0;
	for (size_t i = 0; i < s->out->count; i++)
		if (s->out->pids[i] == pid)
			return 0;
	if (s->out->count == SELECT_PIDS_MAX)
		return -ENOSPC;
	s->out->pids[s->out->count++] = pid;
	return 0;
}

int port_owners(uint16_t port, struct select_pids *out)
{
	struct port_search s = { .port = port, .out = out };

	procfs_each_pid(collect, &s);
	return s.inode_count ? procfs_each_pid(add_owner, &s) : 0;
}
