/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_URL_H
#define SPANTAP_EXPORTERS_URL_H

/* What exporters do with URLs before libcurl sees them. */

#include <stdbool.h>
#include <stddef.h>

#include "userspace/base/error.h"

/* 0 when url is http:// or https:// with a host; else -EINVAL and a sentence that begins with
 * `who`. */
int url_check(const char *who, const char *url, struct error *error);

/* True when nothing follows the host but a query. */
bool url_has_no_path(const char *url);

/*
 * base with path (that begins with '/') added before its query, unless base's path ends in it
 * already. 0 or -ENAMETOOLONG.
 */
int url_join(const char *base, const char *path, char *out, size_t size);

/* url without user, password and query, for people to read. */
void url_display(const char *url, char *out, size_t size);

#endif
