// SPDX-License-Identifier: GPL-2.0-only
/* See top_messages.h. */
#include "userspace/report/top_messages.h"

#include <fcntl.h>
#include <unistd.h>

#include "userspace/base/log.h"
#include "userspace/report/visible.h"

#define KEPT_BYTES (64 * 1024)

bool top_messages_begin(struct top_messages *m)
{
	int ends[2];

	*m = (struct top_messages){ .saved = -1, .end = -1 };
	buf_init(&m->all, KEPT_BYTES);
	/* Not blocking: who writes must not wait for who draws. */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return false;
	m->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (m->saved < 0 || dup2(ends[1], STDERR_FILENO) < 0) {
		close(ends[0]);
		close(ends[1]);
		if (m->saved >= 0)
			close(m->saved);
		m->saved = -1;
		return false;
	}
	close(ends[1]);
	m->end = ends[0];
	return true;
}

/* The last whole line, without the name of the program. */
static void find_last(struct top_messages *m)
{
	struct bytes all = buf_bytes(&m->all), line = { 0 };

	for (size_t at = 0; at < all.len;) {
		size_t end = bytes_find(all, '\n', at);

		if (end > at)
			line = bytes_part(all, at, end - at);
		at = end + 1;
	}
	if (bytes_starts(line, "spantap: "))
		line = bytes_from(line, strlen("spantap: "));
	visible(m->last, sizeof(m->last), line);
}

bool top_messages_read(struct top_messages *m, uint64_t now_ns)
{
	uint8_t data[4096];
	bool any = false;
	ssize_t len;

	while (m->end >= 0 && (len = read(m->end, data, sizeof(data))) > 0) {
		if (m->all.len + (size_t)len > KEPT_BYTES) { /* the newest are what matters */
			m->cut += m->all.len;
			buf_reset(&m->all);
		}
		buf_add(&m->all, data, (size_t)len);
		any = true;
	}
	if (any) {
		find_last(m);
		m->last_ns = now_ns;
	}
	return any;
}

void top_messages_end(struct top_messages *m)
{
	if (m->end < 0)
		return;
	top_messages_read(m, 1);
	dup2(m->saved, STDERR_FILENO);
	close(m->saved);
	close(m->end);
	m->saved = m->end = -1;
	if (m->cut)
		log_warn("%llu bytes of messages before these are lost",
			 (unsigned long long)m->cut);
	for (size_t at = 0; at < m->all.len;) {
		ssize_t len = write(STDERR_FILENO, m->all.data + at, m->all.len - at);

		if (len <= 0)
			break;
		at += (size_t)len;
	}
	buf_release(&m->all);
}
