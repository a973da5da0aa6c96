// SPDX-License-Identifier: GPL-2.0-only
/* See uring.h. */
#include "tests/bpf/uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/hooks.h"

#define ENTRIES 8

int uring_open(struct uring *u, uint32_t flags)
{
	struct io_uring_params p = { .flags = flags };
	size_t size;
	uint8_t *sq, *cq;

	u->fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
	if (u->fd < 0)
		return -errno;
	size = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
	sq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, IORING_OFF_SQ_RING);
	size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	cq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, IORING_OFF_CQ_RING);
	u->sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		       IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || u->sqes == MAP_FAILED)
		return -errno;
	u->sq_tail = (uint32_t *)(sq + p.sq_off.tail);
	u->sq_mask = (uint32_t *)(sq + p.sq_off.ring_mask);
	u->sq_array = (uint32_t *)(sq + p.sq_off.array);
	u->cq_head = (uint32_t *)(cq + p.cq_off.head);
	u->cq_tail = (uint32_t *)(cq + p.cq_off.tail);
	u->cq_mask = (uint32_t *)(cq + p.cq_off.ring_mask);
	u->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return 0;
}

void uring_submit(struct uring *u, uint8_t opcode, uint8_t flags, int fd, void *buffer, size_t len)
{
	uint32_t tail = *u->sq_tail, at = tail & *u->sq_mask;

	u->sqes[at] = (struct io_uring_sqe){
		.opcode = opcode, .flags = flags, .fd = fd, .addr = (uint64_t)buffer, .len = (uint32_t)len
	};
	u->sq_array[at] = at;
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
	CHECK(syscall(__NR_io_uring_enter, u->fd, 1, 0, 0, NULL, 0) == 1);
}

bool uring_done(struct uring *u, int *result)
{
	uint32_t head = *u->cq_head;

	if (head == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*result = u->cqes[head & *u->cq_mask].res;
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

int uring_wait(struct uring *u)
{
	int result;

	while (!uring_done(u, &result))
		CHECK(syscall(__NR_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) >= 0 ||
		      errno == EINTR);
	return result;
}
