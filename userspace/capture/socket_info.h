/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_SOCKET_INFO_H
#define SPANTAP_CAPTURE_SOCKET_INFO_H

#include "userspace/capture/socket.h"

/* Who is connected, as the kernel has told it. */
struct socket_info socket_info_of(const struct event_socket *e);

/* Who moved these bytes, and when. */
struct mark socket_mark_of(const struct event_data *e);

#endif
