/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_SERVICE_H
#define SPANTAP_CAPTURE_SERVICE_H

/* Who is this process? Everything an output says about it, read once from /proc. */

#include "userspace/span/span.h"

/*
 * Fills *r for pid: service name (OTEL_SERVICE_NAME, DD_SERVICE, service.name of OTEL_RESOURCE_ATTRIBUTES in its
 * environment, else the script, module or program it runs), container, language, process.* attributes.
 * 0, or -ESRCH when the process has gone: *r is then untouched.
 */
int service_describe(uint32_t pid, struct resource *r);

#endif
