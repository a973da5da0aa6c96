// SPDX-License-Identifier: GPL-2.0-only
/* See backoff.h. Retry-After: RFC 9110, section 10.2.3. */
#include "exporters/backoff.h"

#include <curl/curl.h>
#include <stdio.h>

#include "userspace/base/clock.h"

uint64_t backoff_delay_ns(unsigned int failures, uint64_t random)
{
	uint64_t delay = BACKOFF_FIRST_NS;

	for (unsigned int i = 1; i < failures && delay < BACKOFF_MAX_NS; i++)
		delay *= 2;
	if (delay > BACKOFF_MAX_NS)
		delay = BACKOFF_MAX_NS;
	return delay - random % (delay / 2);
}

bool backoff_retry_after(struct bytes value, time_t now, uint64_t *wait_ns)
{
	uint64_t seconds;
	char text[64];
	time_t then;

	value = bytes_trim(value);
	if (!bytes_number(value, &seconds)) {
		if (!value.len || value.len >= sizeof(text))
			return false;
		snprintf(text, sizeof(text), "%.*s", (int)value.len, value.data);
		then = curl_getdate(text, NULL);
		if (then < 0)
			return false;
		seconds = then > now ? (uint64_t)(then - now) : 0;
	}
	if (seconds > BACKOFF_RETRY_AFTER_MAX_NS / NS_PER_SECOND)
		seconds = BACKOFF_RETRY_AFTER_MAX_NS / NS_PER_SECOND;
	*wait_ns = seconds * NS_PER_SECOND;
	return true;
}
