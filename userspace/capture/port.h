/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PORT_H
#define SPANTAP_CAPTURE_PORT_H

#include "userspace/capture/select.h"

/*
 * Adds to out the processes that have a listening TCP socket on port open, in any network namespace (workers that
 * inherited it among them). 0 or -ENOSPC.
 */
int port_owners(uint16_t port, struct select_pids *out);

#endif
