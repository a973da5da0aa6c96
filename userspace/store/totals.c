// SPDX-License-Identifier: GPL-2.0-only
/*
 * See totals.h. `what` of layers: proposed, chosen, withdrawn, by layer; agreed, disagreed, by
 * FIRST+SECOND; closure, by closed, broken, processes, believed; conflicts,
 * by calls.
 */
#include "userspace/store/totals.h"

#include <stdio.h>

#define PAIR_NAME_MAX 64

static struct summary_layer *layer_of(struct summary *sum, const char *name)
{
	for (size_t i = 0; i < sum->layer_count; i++)
		if (!strcmp(sum->layers[i].name, name))
			return &sum->layers[i];
	if (sum->layer_count == SUMMARY_LAYERS_MAX)
		return NULL;
	sum->layers[sum->layer_count] = (struct summary_layer){ .name = name };
	return &sum->layers[sum->layer_count++];
}

static struct summary_pair *pair_of(struct summary *sum, const char *first, const char *second)
{
	for (size_t i = 0; i < sum->pair_count; i++)
		if (!strcmp(sum->pairs[i].first, first) && !strcmp(sum->pairs[i].second, second))
			return &sum->pairs[i];
	if (sum->pair_count == sizeof(sum->pairs) / sizeof(sum->pairs[0]))
		return NULL;
	sum->pairs[sum->pair_count] = (struct summary_pair){ .first = first, .second = second };
	return &sum->pairs[sum->pair_count++];
}

static void add_loss(struct summary *sum, const char *name, uint64_t count)
{
	size_t i;

	for (i = 0; i < sum->lost_count; i++)
		if (!strcmp(sum->lost[i].name, name))
			break;
	if (i == sizeof(sum->lost) / sizeof(sum->lost[0]))
		return;
	if (i == sum->lost_count)
		sum->lost[sum->lost_count++] = (struct summary_loss){ name, 0 };
	sum->lost[i].count += count;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool add_layer(struct summary *sum, struct bytes what, const char *name, uint64_t count)
{
	bool proposed = bytes_is(what, "proposed"), won = bytes_is(what, "chosen");
	struct summary_layer *l;

	if (!proposed && !won && !bytes_is(what, "withdrawn"))
		return false;
	l = layer_of(sum, name);
	if (l)
		*(proposed ? &l->proposed : won ? &l->won : &l->withdrawn) += count;
	return true;
}

static bool add_pair(struct summary *sum, struct names *names, struct bytes what, struct bytes name,
		     uint64_t count)
{
	bool agreed = bytes_is(what, "agreed");
	size_t plus = bytes_find(name, '+', 0);
	const char *first, *second;
	struct summary_pair *p;

	if (!agreed && !bytes_is(what, "disagreed"))
		return false;
	first = names_text(names, bytes_part(name, 0, plus));
	second = names_text(names, bytes_from(name, plus + 1));
	p = first && second ? pair_of(sum, first, second) : NULL;
	if (p)
		*(agreed ? &p->agreed : &p->disagreed) += count;
	return true;
}

static void add_closure(struct summary_closure *c, const char *name, uint64_t count)
{
	if (!strcmp(name, "closed"))
		c->closed += count;
	else if (!strcmp(name, "broken"))
		c->broken += count;
	else if (!strcmp(name, "processes"))
		c->processes += count;
	else if (!strcmp(name, "believed"))
		c->believed += count;
}

void totals_add(struct summary *sum, struct names *names, struct bytes what,
		struct bytes name_bytes, uint64_t count)
{
	const char *name;

	if (add_pair(sum, names, what, name_bytes, count))
		return;
	name = names_text(names, name_bytes);
	if (!name || add_layer(sum, what, name, count))
		return;
	if (bytes_is(what, "seen") && !strcmp(name, "spans"))
		sum->spans = count;
	else if (bytes_is(what, "seen") && !strcmp(name, "traces"))
		sum->traces = count;
	else if (bytes_is(what, "lost"))
		add_loss(sum, name, count);
	else if (bytes_is(what, "conflicts"))
		sum->conflicts += count;
	else if (bytes_is(what, "closure"))
		add_closure(&sum->closure, name, count);
	else if (bytes_is(what, "parents"))
		for (int rule = 0; rule < PARENT_RULES; rule++)
			if (!strcmp(name, parent_rule_name((enum parent_rule)rule)))
				sum->parents[rule] = count;
}

/* ---- several -------------------------------------------------------------------------------- */

static void merge_layers(struct summary *sum, const struct summary *one)
{
	for (size_t i = 0; i < one->layer_count; i++) {
		struct summary_layer *l = layer_of(sum, one->layers[i].name);

		if (!l)
			continue;
		l->proposed += one->layers[i].proposed;
		l->won += one->layers[i].won;
		l->withdrawn += one->layers[i].withdrawn;
	}
	for (size_t i = 0; i < one->pair_count; i++) {
		struct summary_pair *p = pair_of(sum, one->pairs[i].first, one->pairs[i].second);

		if (!p)
			continue;
		p->agreed += one->pairs[i].agreed;
		p->disagreed += one->pairs[i].disagreed;
	}
}

void totals_merge(struct summary *sum, const struct summary *one)
{
	sum->spans += one->spans;
	sum->traces += one->traces;
	for (int rule = 0; rule < PARENT_RULES; rule++)
		sum->parents[rule] += one->parents[rule];
	for (size_t i = 0; i < one->lost_count; i++)
		add_loss(sum, one->lost[i].name, one->lost[i].count);
	merge_layers(sum, one);
	sum->conflicts += one->conflicts;
	sum->closure.closed += one->closure.closed;
	sum->closure.broken += one->closure.broken;
	sum->closure.processes += one->closure.processes;
	sum->closure.believed += one->closure.believed;
}

/* ---- writing -------------------------------------------------------------------------------- */

struct writing {
	int (*row)(void *context, const char *what, const char *name, uint64_t count);
	void *context;
	int code;
};

static void put(struct writing *w, const char *what, const char *name, uint64_t count)
{
	if (!w->code)
		w->code = w->row(w->context, what, name, count);
}

int totals_layers(const struct summary *sum,
		  int (*row)(void *context, const char *what, const char *name, uint64_t count),
		  void *context)
{
	struct writing w = { row, context, 0 };

	for (size_t i = 0; i < sum->layer_count; i++) {
		put(&w, "proposed", sum->layers[i].name, sum->layers[i].proposed);
		put(&w, "chosen", sum->layers[i].name, sum->layers[i].won);
		put(&w, "withdrawn", sum->layers[i].name, sum->layers[i].withdrawn);
	}
	for (size_t i = 0; i < sum->pair_count; i++) {
		const struct summary_pair *p = &sum->pairs[i];
		char name[PAIR_NAME_MAX];

		snprintf(name, sizeof(name), "%s+%s", p->first, p->second);
		put(&w, "agreed", name, p->agreed);
		put(&w, "disagreed", name, p->disagreed);
	}
	if (!sum->layer_count)
		return w.code;
	put(&w, "conflicts", "calls", sum->conflicts);
	put(&w, "closure", "closed", sum->closure.closed);
	put(&w, "closure", "broken", sum->closure.broken);
	put(&w, "closure", "processes", sum->closure.processes);
	put(&w, "closure", "believed", sum->closure.believed);
	return w.code;
}
