// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header lines of a FastCGI application's answer, as in CGI (RFC 3875, section 6): a `Status:`
 * line, else a `Location:`, else it is 200. Some applications send HTTP's own status line.
 */
#include "userspace/protocol/fastcgi.h"

#define STATUS_REDIRECT 302

static uint16_t read_status(struct bytes text)
{
	struct bytes digits = bytes_part(http1_trim(text), 0, 3);
	uint64_t status = 0;

	return digits.len == 3 && bytes_number(digits, &status) && status >= 100 ? (uint16_t)status
										 : 0;
}

static void take_line(struct fastcgi_head *h, struct bytes line)
{
	size_t colon = bytes_find(line, ':', 0), blank = bytes_find(line, ' ', 0);
	struct bytes name = bytes_part(line, 0, colon), value = bytes_from(line, colon + 1);

	if (bytes_starts(line, "HTTP/") && blank < colon)
		h->status = read_status(bytes_from(line, blank));
	else if (bytes_is_nocase(name, "status") && read_status(value))
		h->status = read_status(value);
	else if (bytes_is_nocase(name, "location"))
		h->redirect = true;
}

static void end_line(struct fastcgi_head *h)
{
	struct bytes line = http1_trim(bytes_of(h->line, h->len));

	h->done = !line.len;
	if (line.len)
		take_line(h, line);
	h->len = 0;
	if (h->done && !h->status)
		h->status = h->redirect ? STATUS_REDIRECT : 200;
}

void fastcgi_head_read(struct fastcgi_head *h, struct bytes in)
{
	for (size_t i = 0; i < in.len && !h->done; i++) {
		h->size++;
		if (in.data[i] == '\n')
			end_line(h);
		else if (h->len < sizeof(h->line))
			h->line[h->len++] = in.data[i];
	}
}
