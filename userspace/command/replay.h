/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_REPLAY_H
#define SPANTAP_COMMAND_REPLAY_H

#include "userspace/base/error.h"
#include "userspace/stitch/stitch.h"

/* Decodes a capture file into s. A file that is damaged part-way gives what can be read, then an error. */
int replay_file(const char *path, struct stitch *s, const char *protocol, struct error *error);

#endif
