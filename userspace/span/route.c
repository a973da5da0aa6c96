// SPDX-License-Identifier: GPL-2.0-only
/*
 * See route.h. What is learned is a tree per scope, kept as one hash table of fixed size: an entry
 * is a word at a place, a place is the entry of the word before it, and the number of an entry is
 * its slot.
 *
 *   /pair/7/edit:  (root, "pair") -> slot 17;  (17, "{id}") -> slot 4;  (4, "edit") -> slot 90
 *
 * A place that has seen too many words turns its words into {name} from then on. Until then each
 * new word was a route of its own: that is at most the limit per place, once. Words themselves are
 * not kept, only their hashes, seeded per table so that nobody can aim at a slot.
 */
#include "userspace/span/route.h"

#include <errno.h>

#include "userspace/base/map.h"
#include "userspace/base/memory.h"
#include "userspace/base/random.h"
#include "userspace/span/route_shape.h"

#define RULE_TEXT_MAX 512
#define NODES_USED_MAX (ROUTE_NODES_MAX / 4 * 3) /* keeps the search for a free slot short */
#define ROOT ROUTE_NODES_MAX                     /* the place of first segments: behind all slots */
#define SHARED_SCOPE ROUTE_SCOPES_MAX

struct node {
	uint64_t hash; /* 0: free */
	uint16_t place;
	uint16_t words; /* under this one, from requests that were found */
	uint8_t strays; /* the same, from those that were not; they may be counted in words later */
	uint8_t stray;  /* this one is such a word */
};

struct tree {
	uint64_t scope;
	uint32_t used;
	struct node nodes[ROUTE_NODES_MAX + 1];
};

struct rule {
	struct bytes pattern, template; /* in rule.text */
	char *text;
};

struct route_table {
	uint64_t seed;
	struct tree *trees[ROUTE_SCOPES_MAX + 1];
	size_t tree_count;
	struct rule rules[ROUTE_RULES_MAX];
	size_t rule_count;
};

struct route_table *route_table_new(void)
{
	struct route_table *t = memory_new(sizeof(*t));

	if (t)
		random_fill(&t->seed, sizeof(t->seed));
	return t;
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i <= ROUTE_SCOPES_MAX; i++)
		memory_free(t->trees[i]);
	for (size_t i = 0; i < t->rule_count; i++)
		memory_free(t->rules[i].text);
	memory_free(t);
}

/* The next segment of path without its matrix parameters; *at moves behind it. False at the end. */
static bool next_segment(struct bytes path, size_t *at, struct bytes *segment)
{
	size_t end;

	while (*at < path.len && path.data[*at] == '/')
		(*at)++;
	if (*at >= path.len)
		return false;
	end = bytes_find(path, '/', *at);
	*segment = bytes_part(path, *at, end - *at);
	segment->len = bytes_find(*segment, ';', 0);
	*at = end;
	return true;
}

/* ":name", "{name}" or "<name>": the name, or nothing for a literal segment. */
static struct bytes parameter_name(struct bytes segment)
{
	struct bytes inner = bytes_part(segment, 1, segment.len - 2);
	uint8_t first = segment.data[0], last = segment.data[segment.len - 1];

	if (first == ':' && segment.len > 1)
		return bytes_from(segment, 1);
	if (segment.len > 2 && ((first == '{' && last == '}') || (first == '<' && last == '>')))
		return inner;
	return (struct bytes){ 0 };
}

/* Writes the template that pattern itself is: every parameter in OpenTelemetry's braces. */
static void template_of(struct buf *out, struct bytes pattern)
{
	struct bytes segment;
	size_t at = 0;

	while (next_segment(pattern, &at, &segment)) {
		struct bytes name = segment.len ? parameter_name(segment) : segment;

		buf_add_byte(out, '/');
		if (name.len) {
			buf_add_byte(out, '{');
			buf_add_bytes(out, name);
			buf_add_byte(out, '}');
		} else {
			buf_add_bytes(out, segment);
		}
	}
	if (!out->len || pattern.data[pattern.len - 1] == '/')
		buf_add_byte(out, '/');
}

int route_rule_add(struct route_table *t, const char *text, struct error *error)
{
	struct bytes all = bytes_of_string(text);
	size_t equals = bytes_find(all, '=', 0);
	struct bytes pattern = bytes_part(all, 0, equals);
	struct rule *rule = &t->rules[t->rule_count];
	struct buf out;
	int err = -ENOMEM;

	if (pattern.len == 0 || pattern.data[0] != '/' || all.len > RULE_TEXT_MAX ||
	    equals + 1 == all.len)
		return error_set(error, -EINVAL,
				 "route %s: not a rule; write /user/:name or /PATTERN=/TEMPLATE",
				 text);
	if (t->rule_count == ROUTE_RULES_MAX)
		return error_set(error, -ENOSPC, "route %s: more than %d rules", text,
				 ROUTE_RULES_MAX);
	buf_init(&out, 3 * RULE_TEXT_MAX);
	if (equals < all.len)
		buf_add_bytes(&out, bytes_from(all, equals + 1));
	else
		template_of(&out, pattern);
	if (out.len > ROUTE_MAX) {
		err = error_set(error, -EINVAL, "route %s: longer than %d bytes", text, ROUTE_MAX);
		goto out;
	}
	/* Both parts in one block. */
	rule->text = out.full ? NULL : memory_new(pattern.len + out.len);
	if (!rule->text) {
		error_set(error, err, "route %s: no memory", text);
		goto out;
	}
	memcpy(rule->text, pattern.data, pattern.len);
	memcpy(rule->text + pattern.len, out.data, out.len);
	rule->pattern = bytes_of(rule->text, pattern.len);
	rule->template = bytes_of(rule->text + pattern.len, out.len);
	t->rule_count++;
	err = 0;
out:
	buf_release(&out);
	return err;
}

static bool rule_matches(const struct rule *rule, struct bytes path)
{
	size_t at_pattern = 0, at_path = 0;
	struct bytes want, have;

	while (next_segment(rule->pattern, &at_pattern, &want)) {
		bool star = bytes_is(want, "*");

		if (star && at_pattern == rule->pattern.len)
			return true;
		if (!next_segment(path, &at_path, &have))
			return false;
		if (!star && !(want.len && parameter_name(want).len) && !bytes_equal(want, have))
			return false;
	}
	return !next_segment(path, &at_path, &have);
}

static struct tree *tree_of(struct route_table *t, struct bytes scope)
{
	uint64_t hash = map_hash(scope.data, scope.len, t->seed);
	size_t i;

	for (i = 0; i < t->tree_count; i++)
		if (t->trees[i]->scope == hash)
			return t->trees[i];
	if (i == ROUTE_SCOPES_MAX && t->trees[SHARED_SCOPE])
		return t->trees[SHARED_SCOPE];
	t->trees[i] = memory_new(sizeof(struct tree));
	if (!t->trees[i])
		return NULL;
	t->trees[i]->scope = hash;
	t->tree_count += i < ROUTE_SCOPES_MAX;
	return t->trees[i];
}

/* The slot of a word at a place, or the free one where it belongs. */
static uint16_t find(const struct tree *tree, uint16_t place, uint64_t hash)
{
	uint16_t i = (uint16_t)(hash % ROUTE_NODES_MAX);

	while (tree->nodes[i].hash &&
	       (tree->nodes[i].hash != hash || tree->nodes[i].place != place))
		i = (uint16_t)((i + 1) % ROUTE_NODES_MAX);
	return i;
}

static uint64_t word_hash(const struct route_table *t, uint16_t place, struct bytes word)
{
	uint64_t hash = map_hash(word.data, word.len, t->seed + place);

	return hash ? hash : 1;
}

/* Goes from *place on to the placeholder's node; a full tree stays where it is. */
static void step(const struct route_table *t, struct tree *tree, uint16_t *place,
		 const char *placeholder)
{
	uint64_t hash = word_hash(t, *place, bytes_of_string(placeholder));
	uint16_t i = find(tree, *place, hash);

	if (!tree->nodes[i].hash) {
		if (tree->used >= NODES_USED_MAX)
			return;
		tree->used++;
		tree->nodes[i] = (struct node){ .hash = hash, .place = *place };
	}
	*place = i;
}

/*
 * Is word a word of its own at *place? Then *place moves on to it. False: it is one of many, a
 * {name}.
 */
static bool learn(const struct route_table *t, struct tree *tree, uint16_t *place,
		  struct bytes word, bool found)
{
	struct node *at = &tree->nodes[*place];
	uint16_t limit = *place == ROOT ? ROUTE_ROOT_WORDS_MAX : ROUTE_WORDS_MAX;
	uint64_t hash = word_hash(t, *place, word);
	uint16_t i;

	if (at->words > limit)
		return false;
	i = find(tree, *place, hash);
	if (!tree->nodes[i].hash || (tree->nodes[i].stray && found)) {
		bool known = tree->nodes[i].hash;

		if (!known &&
		    (tree->used >= NODES_USED_MAX || (!found && at->strays >= ROUTE_STRAYS_MAX)))
			return false;
		tree->used += !known;
		at->words += found;
		at->strays += !found;
		if (at->words > limit)
			return false;
		tree->nodes[i] = (struct node){ .hash = hash,
						.place = *place,
						.words = tree->nodes[i].words,
						.strays = tree->nodes[i].strays,
						.stray = !found };
	}
	*place = i;
	return true;
}

/* Appends what stands for one segment, and moves *place on. */
static void add_segment(struct route_table *t, struct tree *tree, uint16_t *place,
			struct bytes segment, bool found, struct buf *out)
{
	size_t tail;
	const char *placeholder = route_shape(segment, &tail);

	if (!placeholder && tree && learn(t, tree, place, segment, found)) {
		buf_add_bytes(out, segment);
		return;
	}
	if (!placeholder)
		placeholder = "{name}";
	if (tree)
		step(t, tree, place, placeholder);
	buf_add_text(out, placeholder);
	buf_add_bytes(out, bytes_from(segment, segment.len - tail));
}

bool route_infer(struct route_table *t, struct bytes scope, struct bytes path, bool found,
		 struct buf *out)
{
	uint16_t place = ROOT;
	struct bytes segment;
	struct tree *tree;
	size_t at = 0, start = out->len;

	if (path.len == 0 || path.data[0] != '/')
		return false;
	for (size_t i = 0; i < t->rule_count; i++)
		if (rule_matches(&t->rules[i], path))
			return buf_add_bytes(out, t->rules[i].template);
	tree = tree_of(t, scope);
	for (size_t count = 0; next_segment(path, &at, &segment);) {
		if (segment.len == 0)
			continue;
		/* A longest word or placeholder with its tail, and the star behind it. */
		if (count++ == ROUTE_SEGMENTS_MAX || out->len - start + 64 > ROUTE_MAX) {
			buf_add_text(out, "/*");
			return !out->full;
		}
		buf_add_byte(out, '/');
		add_segment(t, tree, &place, segment, found, out);
	}
	if (out->len == start || path.data[path.len - 1] == '/')
		buf_add_byte(out, '/');
	return !out->full;
}
