/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_GZIP_H
#define SPANTAP_EXPORTERS_GZIP_H

#include "userspace/base/buf.h"

/* Appends the gzip form (RFC 1952) of in. 0, or -ENOMEM when memory or out's ceiling refuse it. */
int gzip_compress(struct bytes in, struct buf *out);

#endif
