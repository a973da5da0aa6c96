// SPDX-License-Identifier: GPL-2.0-only
/* See names.h. */
#include "userspace/store/names.h"

#include "userspace/base/memory.h"

#define NAMES_MAX 65536
#define NAME_LEN_MAX 1024
#define PROTOCOLS_MAX 256

struct names_entry {
	struct names_entry *next;
	char text[];
};

struct names_protocol {
	struct names_protocol *next;
	struct protocol protocol;
};

void names_init(struct names *n)
{
	*n = (struct names){ 0 };
	map_init(&n->map, sizeof(uint64_t), NAMES_MAX);
}

void names_release(struct names *n)
{
	while (n->entries) {
		struct names_entry *next = n->entries->next;

		memory_free(n->entries);
		n->entries = next;
	}
	while (n->protocols) {
		struct names_protocol *next = n->protocols->next;

		memory_free(n->protocols);
		n->protocols = next;
	}
	map_release(&n->map);
}

const char *names_text(struct names *n, struct bytes text)
{
	uint64_t hash = map_hash(text.data, text.len, n->map.seed);
	struct names_entry *e = map_find(&n->map, &hash);

	if (e && bytes_is(text, e->text))
		return e->text;
	if (text.len > NAME_LEN_MAX || n->count >= NAMES_MAX ||
	    memchr(text.data ? text.data : (void *)"", 0, text.len))
		return NULL;
	e = memory_new(sizeof(*e) + text.len + 1);
	if (!e)
		return NULL;
	if (text.len)
		memcpy(e->text, text.data, text.len);
	e->next = n->entries;
	n->entries = e;
	n->count++;
	map_set(&n->map, &hash, e); /* refused: there is one copy more */
	return e->text;
}

const struct protocol *names_protocol(struct names *n, struct bytes name)
{
	static const struct protocol unknown = { .name = "unknown", .id = PROTOCOL_UNKNOWN };
	const char *text = names_text(n, name);
	const struct protocol *found = text ? protocol_find(text) : NULL;
	struct names_protocol *p;

	if (found || !text || !*text)
		return found ? found : &unknown;
	for (p = n->protocols; p; p = p->next)
		if (p->protocol.name == text)
			return &p->protocol;
	p = n->protocol_count < PROTOCOLS_MAX ? memory_new(sizeof(*p)) : NULL;
	if (!p)
		return &unknown;
	p->protocol.name = text;
	p->next = n->protocols;
	n->protocols = p;
	n->protocol_count++;
	return &p->protocol;
}
