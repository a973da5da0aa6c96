/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BASE_LIST_H
#define SPANTAP_BASE_LIST_H

/*
 * A doubly linked ring. The head is a struct list of its own; an entry embeds one and is found
 * again with LIST_ENTRY. An entry that is in no list points to itself.
 */

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *previous;
};

#define LIST_ENTRY(entry, type, member) ((type *)((char *)(entry)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l->previous = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Takes entry out of its list, if it is in one. */
static inline void list_remove(struct list *entry)
{
	entry->next->previous = entry->previous;
	entry->previous->next = entry->next;
	list_init(entry);
}

/* Puts entry at the end, taking it out of where it was. */
static inline void list_append(struct list *head, struct list *entry)
{
	list_remove(entry);
	entry->previous = head->previous;
	entry->next = head;
	head->previous->next = entry;
	head->previous = entry;
}

#endif
