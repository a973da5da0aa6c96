/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_SERVICE_H
#define SPANTAP_CAPTURE_SERVICE_H

/* Who is this process? Everything an output says about it, read once from /proc. */

#include "userspace/base/bytes.h"
#include "userspace/span/span.h"

/*
 * Fills *r for pid: service name (OTEL_SERVICE_NAME, DD_SERVICE, service.name of
 * OTEL_RESOURCE_ATTRIBUTES in its environment, else the script, module or program it runs),
 * container, language, process.* attributes. 0, or -ESRCH when the process has gone: *r is then
 * untouched.
 */
int service_describe(uint32_t pid, struct resource *r);

/*
 * What an environment block (strings that end with NUL) says: r->service and attributes; "" and
 * none where it says nothing. OTEL_SERVICE_NAME comes before service.name of
 * OTEL_RESOURCE_ATTRIBUTES, before DD_SERVICE.
 */
void service_read_environment(struct resource *r, struct bytes environment);

#endif
