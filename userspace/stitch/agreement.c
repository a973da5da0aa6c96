// SPDX-License-Identifier: GPL-2.0-only
/*
 * See agreement.h. Each proposal is counted once, when it is known what became of it: it stood at
 * the call's end (and won, or was one of those that agreed or disagreed), or it was withdrawn.
 */
#include "userspace/stitch/agreement.h"

#include "userspace/span/sink.h"
#include "userspace/stitch/explain.h"
#include "userspace/stitch/state.h"

void agreement_decided(struct stitch_counters *n, const struct node *call,
		       const struct node *parent)
{
	bool first = parent != NULL;

	for (int i = 0; i < LAYER_COUNT; i++) {
		const struct node *request = call->candidates[i].request;

		if (!request)
			continue;
		n->layers[i].proposed++;
		n->layers[i].won += first;
		first = false;
		for (int j = i + 1; j < LAYER_COUNT; j++) {
			if (!call->candidates[j].request)
				continue;
			n->pairs[i][j].agreed += call->candidates[j].request == request;
			n->pairs[i][j].disagreed += call->candidates[j].request != request;
		}
	}
}

void agreement_claimed(struct stitch_counters *n, int layer)
{
	n->layers[layer].proposed++;
	n->layers[layer].won++;
}

void link_withdraw(struct stitch *s, struct candidate *c, const char *why)
{
	ptrdiff_t layer = c - c->call->candidates;

	if (!c->request)
		return;
	s->counters.layers[layer].proposed++;
	s->counters.layers[layer].withdrawn++;
	explain_withdrawn(c->call, (int)layer, why);
	link_clear(c);
}

void stitch_summary(const struct stitch_counters *n, struct summary *out)
{
	_Static_assert(LAYER_COUNT <= SUMMARY_LAYERS_MAX, "the summary has room for all layers");
	out->layer_count = LAYER_COUNT;
	out->pair_count = 0;
	for (int i = 0; i < LAYER_COUNT; i++) {
		out->layers[i] = (struct summary_layer){ layers[i]->name, n->layers[i].proposed,
							 n->layers[i].won, n->layers[i].withdrawn };
		for (int j = i + 1; j < LAYER_COUNT; j++)
			if (n->pairs[i][j].agreed || n->pairs[i][j].disagreed)
				out->pairs[out->pair_count++] =
					(struct summary_pair){ layers[i]->name, layers[j]->name,
							       n->pairs[i][j].agreed,
							       n->pairs[i][j].disagreed };
	}
	out->conflicts = n->conflicts;
	out->closure = n->closure;
}
