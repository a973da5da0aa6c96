/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_ENVIRONMENT_H
#define SPANTAP_EXPORTERS_ENVIRONMENT_H

/* Environment variables as OpenTelemetry reads them: what is empty is not set, what is wrong is
 * told and ignored. */

#include <stdbool.h>
#include <stdint.h>

#include "userspace/base/buf.h"

/* The value of name, or NULL when it is not set or empty. */
const char *environment_get(const char *name);

/* A whole number into *out; false when name is not set or not a number (which is told). */
bool environment_number(const char *name, uint64_t *out);

/* Appends in with its %xx decoded; false when one of them is malformed. */
bool percent_decode(struct bytes in, struct buf *out);

/*
 * "key=value,key2=value2" of OTEL_EXPORTER_OTLP_HEADERS, percent-encoded, as "key: value\n" lines
 * onto *out. Pairs that would not make a header are told and left out. Values are never told: they
 * are secrets.
 */
void environment_headers(const char *name, const char *value, struct buf *out);

#endif
