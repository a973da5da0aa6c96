// SPDX-License-Identifier: GPL-2.0-only
/* See agreement.h. */
#include "userspace/report/agreement.h"

#define NONE_NOTABLE 0.01

static uint64_t calls_of(const uint64_t parents[PARENT_RULES])
{
	uint64_t calls = 0;

	for (int i = PARENT_NONE; i < PARENT_RULES; i++)
		calls += parents[i];
	return calls;
}

void agreement_shares(struct buf *out, const uint64_t parents[PARENT_RULES])
{
	uint64_t calls = calls_of(parents);
	bool first = true;

	for (int i = PARENT_NONE + 1; i <= PARENT_RULES; i++) {
		int rule = i == PARENT_RULES ? PARENT_NONE : i; /* none last */

		if (!parents[rule])
			continue;
		buf_printf(out, "%s%s %.1f%%", first ? "" : ", ",
			   parent_rule_name((enum parent_rule)rule),
			   100.0 * (double)parents[rule] / (double)calls);
		first = false;
	}
}

void agreement_pairs(struct buf *out, const struct summary *s, bool disagreements)
{
	bool first = true;

	for (size_t i = 0; i < s->pair_count; i++) {
		const struct summary_pair *p = &s->pairs[i];

		if (disagreements && !p->disagreed)
			continue;
		buf_printf(out, "%s%s and %s agree on %llu call%s, disagree on %llu",
			   first ? "" : "; ", p->first, p->second, (unsigned long long)p->agreed,
			   p->agreed == 1 ? "" : "s", (unsigned long long)p->disagreed);
		first = false;
	}
}

void agreement_layers(struct buf *out, const struct summary *s)
{
	bool first = true;

	for (size_t i = 0; i < s->layer_count; i++) {
		const struct summary_layer *l = &s->layers[i];

		if (!l->proposed)
			continue;
		buf_printf(out, "%s%s %llu proposed, %llu chosen, %llu withdrawn",
			   first ? "" : "; ", l->name, (unsigned long long)l->proposed,
			   (unsigned long long)l->won, (unsigned long long)l->withdrawn);
		first = false;
	}
}

void agreement_closure(struct buf *out, const struct summary *s)
{
	const struct summary_closure *c = &s->closure;

	if (c->closed || c->broken)
		buf_printf(out,
			   "%llu chains closed, %llu broken; believed in %llu of %llu process%s",
			   (unsigned long long)c->closed, (unsigned long long)c->broken,
			   (unsigned long long)c->believed, (unsigned long long)c->processes,
			   c->processes == 1 ? "" : "es");
}

bool agreement_notable(const struct summary *s)
{
	uint64_t calls = calls_of(s->parents);

	for (size_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i].disagreed)
			return true;
	return calls && (double)s->parents[PARENT_NONE] > NONE_NOTABLE * (double)calls;
}

static void pairs_json(struct json *j, const struct summary *s)
{
	json_key(j, "agreement");
	json_array(j);
	for (size_t i = 0; i < s->pair_count; i++) {
		const struct summary_pair *p = &s->pairs[i];

		json_object(j);
		json_key(j, "layers");
		json_array(j);
		json_text(j, p->first);
		json_text(j, p->second);
		json_array_end(j);
		json_member_uint(j, "agreed", p->agreed);
		json_member_uint(j, "disagreed", p->disagreed);
		json_object_end(j);
	}
	json_array_end(j);
}

void agreement_json(struct json *j, const struct summary *s)
{
	if (!s->layer_count)
		return;
	json_key(j, "layers");
	json_object(j);
	for (size_t i = 0; i < s->layer_count; i++) {
		json_key(j, s->layers[i].name);
		json_object(j);
		json_member_uint(j, "proposed", s->layers[i].proposed);
		json_member_uint(j, "chosen", s->layers[i].won);
		json_member_uint(j, "withdrawn", s->layers[i].withdrawn);
		json_object_end(j);
	}
	json_object_end(j);
	pairs_json(j, s);
	json_member_uint(j, "conflicts", s->conflicts);
	json_key(j, "closure");
	json_object(j);
	json_member_uint(j, "closed", s->closure.closed);
	json_member_uint(j, "broken", s->closure.broken);
	json_member_uint(j, "processes", s->closure.processes);
	json_member_uint(j, "processes_believed", s->closure.believed);
	json_object_end(j);
}
