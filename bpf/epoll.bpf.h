/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_BPF_EPOLL_BPF_H
#define SPANTAP_BPF_EPOLL_BPF_H

/*
 * For whom an event loop uses a socket, where its own record of the connection says so: the record is what it
 * has given to epoll (struct epoll_event.data) with that socket, so no hook in the program is needed.
 *
 *   recipe.address     where in the record the descriptor stands, which proves that it is one
 *   recipe.offset[0]   where the pointer is that connections of one request share
 *   recipe.offset[1]   from there, a number that tells the next one at this address from the last
 */

#include "bpf/recipe.bpf.h"

#define EPOLL_TAG 7ull /* programs keep bits of their own in the pointer */
#define UNIT_NUMBER_SHIFT 48

/* The first epoll set that this file is in; NULL: none. */
static __always_inline struct epitem *epoll_entry(struct file *file)
{
	struct file___before_5_11 *old = (void *)file;
	struct list_head *link;
	struct hlist_head *head;
	struct hlist_node *node;

	if (bpf_core_field_exists(file->f_ep)) {
		head = BPF_CORE_READ(file, f_ep);
		node = head ? BPF_CORE_READ(head, first) : NULL;
		return node ? (void *)node - bpf_core_field_offset(struct epitem, fllink) : NULL;
	}
	link = BPF_CORE_READ(old, f_ep_links.next);
	if (!link || link == (void *)file + bpf_core_field_offset(struct file___before_5_11, f_ep_links))
		return NULL;
	return (void *)link - bpf_core_field_offset(struct epitem___before_5_11, fllink);
}

/* 0: not known. */
static __always_inline __u64 epoll_unit(struct file *file)
{
	struct target_value *target = target_current();
	struct epitem *entry = file ? epoll_entry(file) : NULL;
	__u64 record, value = 0, number = 0;
	int fd = -1;

	if (!target || target->recipe.base != RECIPE_EPOLL || !entry)
		return 0;
	record = BPF_CORE_READ(entry, event.data) & ~EPOLL_TAG;
	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)(record + (__u64)target->recipe.address)) ||
	    fd != BPF_CORE_READ(entry, ffd.fd))
		return 0;
	if (bpf_probe_read_user(&value, sizeof(value), (void *)(record + (__s64)target->recipe.offset[0])) || !value)
		return 0;
	bpf_probe_read_user(&number, sizeof(number), (void *)(value + (__s64)target->recipe.offset[1]));
	return value ^ number << UNIT_NUMBER_SHIFT;
}

/* The same, of a socket. */
static __always_inline __u64 epoll_unit_of(struct sock *sk)
{
	return epoll_unit(BPF_CORE_READ(sk, sk_socket, file));
}

#endif
