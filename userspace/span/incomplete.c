// SPDX-License-Identifier: GPL-2.0-only
/* See incomplete.h. Every output says the same words. */
#include "userspace/span/incomplete.h"

#include "userspace/protocol/protocol.h"

const char *incomplete_name(unsigned int bit)
{
	switch (1u << (bit & 31)) {
	case INCOMPLETE_TRUNCATED:
		return "truncated";
	case INCOMPLETE_ATTACHED_MIDWAY:
		return "attached_midway";
	case INCOMPLETE_GAP:
		return "gap";
	case INCOMPLETE_LATE:
		return "late";
	case INCOMPLETE_TEXT_UNKNOWN:
		return "text_unknown";
	case INCOMPLETE_UNANSWERED:
		return "unanswered";
	}
	return NULL;
}
