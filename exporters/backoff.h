/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_EXPORTERS_BACKOFF_H
#define SPANTAP_EXPORTERS_BACKOFF_H

#include <time.h>

#include "userspace/base/bytes.h"

#define BACKOFF_FIRST_NS 500000000ull
#define BACKOFF_MAX_NS 30000000000ull
#define BACKOFF_RETRY_AFTER_MAX_NS \
	300000000000ull /* a back end may ask for five minutes, not for a day */

/*
 * How long to wait after the failures-th failure in a row (1 for the first): twice as long each
 * time, of which `random` (any 64 bits) takes up to half away, so that many probes do not come back
 * at once.
 */
uint64_t backoff_delay_ns(unsigned int failures, uint64_t random);

/*
 * The wait that a Retry-After header asks for: seconds, or an HTTP-date against `now`. False when
 * the value is neither; never more than BACKOFF_RETRY_AFTER_MAX_NS.
 */
bool backoff_retry_after(struct bytes value, time_t now, uint64_t *wait_ns);

#endif
