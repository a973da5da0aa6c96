// SPDX-License-Identifier: GPL-2.0-only
/* See wakeup.h. */
#include "userspace/capture/wakeup.h"

#include <sys/socket.h>

static bool only_nul(const struct event_data *e)
{
	const uint8_t *bytes = (const uint8_t *)(e + 1);

	if (e->len != e->head_len || e->flags & (EVENT_PLAINTEXT | EVENT_NO_BUFFER))
		return false;
	for (uint16_t i = 0; i < e->head_len; i++)
		if (bytes[i])
			return false;
	return true;
}

bool wakeup_takes(struct wakeup *w, const struct socket_info *info, const struct event_data *e)
{
	if (w->over || info->local.family != AF_UNIX || !info->peer || info->path[0] ||
	    !only_nul(e)) {
		w->over = true;
		return false;
	}
	w->bytes += e->len;
	w->transfers++;
	return true;
}

bool wakeup_pairs(struct wakeup *w, const struct socket_info *info, struct wakeup *peer,
		  const struct socket_info *peer_info)
{
	if (peer && !peer->over && peer->bytes && info->pid == peer_info->pid)
		w->own = peer->own = true;
	return w->own && w->transfers == WAKEUPS_SURE;
}

uint64_t wakeup_lost(const struct wakeup *w)
{
	return w->own && !w->over ? 0 : w->bytes;
}
