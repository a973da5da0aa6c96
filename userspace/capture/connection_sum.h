/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_CONNECTION_SUM_H
#define SPANTAP_CAPTURE_CONNECTION_SUM_H

#include "userspace/protocol/connection.h"

/* Adds what this connection has counted; NULL has counted nothing. */
void connection_sum(struct connection_counters *sum, const struct connection *c);

#endif
