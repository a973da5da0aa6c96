/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_TESTS_BPF_URING_H
#define SPANTAP_TESTS_BPF_URING_H

/* As much io_uring as the tests need, on the bare system calls: one operation at a time. */

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uring {
	int fd;
	uint32_t *sq_tail, *sq_mask, *sq_array;
	uint32_t *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

/* 0 or a negative errno (no io_uring here). flags: IORING_SETUP_*. */
int uring_open(struct uring *u, uint32_t flags);

/* Starts one operation (IORING_OP_*, IOSQE_* flags); it need not be done when this returns. */
void uring_submit(struct uring *u, uint8_t opcode, uint8_t flags, int fd, void *buffer, size_t len);

/* Waits for one to be done: what it returned. */
int uring_wait(struct uring *u);

/* The same without entering the kernel: false when none is done. */
bool uring_done(struct uring *u, int *result);

#endif
