// SPDX-License-Identifier: GPL-2.0-only
/* See detect.h. */
#include "userspace/protocol/detect.h"

#define SURE 80	     /* accepted whatever else is possible */
#define LIKELY 50    /* accepted when nothing else comes near */
#define MARGIN 15
#define PORT_BONUS 15

static enum flow flow_of(enum direction dir, enum side side)
{
	return (dir == DIRECTION_IN) == (side == SIDE_SERVER) ? TO_SERVER : TO_CLIENT;
}

struct detection detect(enum direction dir, enum side side, uint32_t port, struct bytes bytes)
{
	struct detection best = { .side = side }, none = { .side = side };
	int second = 0;

	for (size_t i = 0; protocols[i]; i++) {
		for (enum side s = SIDE_SERVER; s <= SIDE_CLIENT; s++) {
			int score;

			if (side != SIDE_UNKNOWN && s != side)
				continue;
			score = protocols[i]->probe(flow_of(dir, s), bytes);
			if (score > 0 && port && port == protocols[i]->default_port)
				score += PORT_BONUS;
			if (score > best.score) {
				second = best.score;
				best = (struct detection){ protocols[i], s, score };
			} else if (score > second) {
				second = score;
			}
		}
	}
	if (best.score >= SURE && best.score > second)
		return best;
	if (best.score >= LIKELY && best.score >= second + MARGIN)
		return best;
	none.score = best.score;
	return none;
}
