/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_ERROR_H
#define SPANTAP_BASE_ERROR_H

/*
 * What failed, on what, why, and what to try: one sentence, filled below command/ and printed there
 * once. The first error wins; later ones are consequences.
 */

struct error {
	char text[512];
};

/* Fills *error (NULL is allowed) unless it is filled already. Returns err, so callers can `return`. */
int error_set(struct error *error, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Text for a negative errno; valid until the thread's next call. */
const char *error_name(int err);

#endif
