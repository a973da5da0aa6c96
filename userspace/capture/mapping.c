// SPDX-License-Identifier: GPL-2.0-only
/*
 * See mapping.h. proc_pid_maps(5):
 *
 *   7f2c5e035000-7f2c5e090000 r-xp 0001f000 fe:00 1315107                    /usr/lib/libssl.so.3
 *   addresses                 what offset   device inode                     path
 */
#include "userspace/capture/mapping.h"

#include <fcntl.h>
#include <stdio.h>

/* A hexadecimal number that `end` follows; *line goes behind both. */
static bool take_hex(struct bytes *line, uint8_t end, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < line->len && i < 16; i++) {
		uint8_t c = bytes_lower(line->data[i]);

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (!i || i == line->len || line->data[i] != end)
		return false;
	*line = bytes_from(*line, i + 1);
	*out = n;
	return true;
}

static bool parse(struct bytes line, struct mapping *m)
{
	uint64_t major, minor;
	size_t end;

	if (!take_hex(&line, '-', &m->start) || !take_hex(&line, ' ', &m->end) || line.len < 5 ||
	    line.data[4] != ' ')
		return false;
	m->executable = line.data[2] == 'x';
	line = bytes_from(line, 5);
	if (!take_hex(&line, ' ', &m->offset) || !take_hex(&line, ':', &major) ||
	    !take_hex(&line, ' ', &minor))
		return false;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	end = bytes_find(line, ' ', 0);
	if (!bytes_number(bytes_part(line, 0, end), &m->inode))
		return false;
	m->path = bytes_trim(bytes_from(line, end));
	return true;
}

bool mapping_next(struct bytes *text, struct mapping *out)
{
	while (text->len) {
		size_t end = bytes_find(*text, '\n', 0);
		struct bytes line = bytes_part(*text, 0, end);
		bool whole = end < text->len;

		*text = bytes_from(*text, end + 1);
		*out = (struct mapping){ 0 };
		if (whole && parse(line, out))
			return true;
	}
	return false;
}

int mapping_open(uint32_t pid, const struct mapping *m)
{
	char path[64 + 4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 || m->path.len > 4000)
		return fd;
	/* map_files wants CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. */
	snprintf(path, sizeof(path), "/proc/%u/root%.*s", pid, (int)m->path.len,
		 (const char *)m->path.data);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

bool mapping_bias(const struct mapping *m, const struct elf *elf, uint64_t *bias)
{
	for (size_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *s = &elf->segments[i];
		uint64_t page = s->offset & ~4095ull;

		if (m->offset < page || m->offset > s->offset + s->len)
			continue;
		*bias = m->start - (s->address - s->offset + m->offset);
		return true;
	}
	return false;
}

bool mapping_again(const struct mapping *m, const struct mapping *last)
{
	return m->inode == last->inode && m->major == last->major && m->minor == last->minor &&
	       last->executable;
}
