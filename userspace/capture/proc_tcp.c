// SPDX-License-Identifier: GPL-2.0-only
/*
 * See proc_tcp.h. A line, with words split by blanks (addresses are the kernel's 32-bit words as
 * native numbers, ports are plain hexadecimal):
 *
 *   sl  local_address rem_address   st tx:rx tr:when retrnsmt uid timeout inode ...
 *   0:  0100007F:1F90 00000000:0000 0A ...                                12345
 */
#include "userspace/capture/proc_tcp.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_LOCAL 1
#define WORD_REMOTE 2
#define WORD_STATE 3
#define WORD_INODE 9
#define WORDS 10

static bool hex_number(struct bytes text, uint32_t *out)
{
	uint32_t n = 0;

	if (text.len == 0 || text.len > 8)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = bytes_lower(text.data[i]);

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*out = n;
	return true;
}

static bool parse_address(struct bytes text, bool v6, struct packet_address *out)
{
	size_t words = v6 ? 4 : 1;
	uint32_t word[4], port;
	uint8_t ip[4];

	if (text.len <= words * 8 || text.data[words * 8] != ':' ||
	    !hex_number(bytes_from(text, words * 8 + 1), &port) || port > 0xffff)
		return false;
	for (size_t i = 0; i < words; i++)
		if (!hex_number(bytes_part(text, i * 8, 8), &word[i]))
			return false;
	if (v6) {
		memcpy(out->ip, word, sizeof(out->ip));
		out->port = (uint16_t)port;
	} else {
		memcpy(ip, word, sizeof(ip));
		packet_address_ipv4(out, ip, (uint16_t)port);
	}
	return true;
}

bool proc_tcp_parse(struct bytes line, bool v6, struct proc_tcp *out)
{
	struct bytes word[WORDS] = { 0 };
	size_t at = 0;

	for (int i = 0; i < WORDS; i++) {
		size_t start;

		while (at < line.len && line.data[at] == ' ')
			at++;
		start = at;
		while (at < line.len && line.data[at] != ' ' && line.data[at] != '\n')
			at++;
		word[i] = bytes_part(line, start, at - start);
	}
	*out = (struct proc_tcp){ .v6 = v6 };
	return parse_address(word[WORD_LOCAL], v6, &out->local) &&
	       parse_address(word[WORD_REMOTE], v6, &out->remote) &&
	       hex_number(word[WORD_STATE], &out->state) &&
	       bytes_number(word[WORD_INODE], &out->inode);
}

static int read_table(uint32_t pid, bool v6,
		      void (*each)(void *context, const struct proc_tcp *socket), void *context)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, v6 ? "tcp6" : "tcp");
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		struct proc_tcp socket;

		if (proc_tcp_parse(bytes_of_string(line), v6, &socket))
			each(context, &socket);
	}
	fclose(file);
	return 0;
}

int proc_tcp_each(uint32_t pid, void (*each)(void *context, const struct proc_tcp *socket),
		  void *context)
{
	int err = read_table(pid, false, each, context);

	if (err)
		return err;
	read_table(pid, true, each, context); /* not there when IPv6 is off */
	return 0;
}

int proc_tcp_inodes(uint32_t pid, void (*each)(void *context, uint32_t pid, uint64_t inode),
		    void *context)
{
	char path[64], link[64];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link));
		struct bytes text = bytes_of(link, len > 0 ? (size_t)len : 0);
		uint64_t inode;

		if (bytes_starts(text, "socket:[") && text.data[text.len - 1] == ']' &&
		    bytes_number(bytes_part(text, 8, text.len - 9), &inode))
			each(context, pid, inode);
	}
	closedir(dir);
	return 0;
}

uint64_t proc_tcp_netns(uint32_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	return stat(path, &st) ? 0 : st.st_ino;
}
