/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_PROTOCOL_HTTP1_VALUES_H
#define SPANTAP_PROTOCOL_HTTP1_VALUES_H

/* What an HTTP/1 request asks for (values.h): its line and its header fields, where it has no body.
 */

#include "userspace/protocol/http1_head.h"
#include "userspace/protocol/values.h"

/* Of a head whose start line is there; then each field of it; then what they come to, 0: not known.
 */
void http1_values_begin(struct values *v, const struct http1_head *head);
void http1_values_field(struct values *v, struct bytes name, struct bytes value);
uint64_t http1_values_end(struct values *v, const struct http1_head *head);

#endif
