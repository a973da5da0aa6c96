// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that no buffer of a system call holds: sendfile, splice, io_uring. Lengths and positions must be right,
 * and not one byte of another buffer may be taken for theirs.
 */
#include "tests/bpf/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/bpf/uring.h"

static bool uring_works(void)
{
	struct uring u;

	if (uring_open(&u, 0))
		return false;
	close(u.fd);
	return true;
}

/* ---- sendfile and splice ---- */

static void send_file(void *context)
{
	struct link *l = context;
	static uint8_t data[100000];
	int file = memfd_create("sent", 0);
	off_t at = 0;

	put(&l->a, 10);
	fill(&l->a, data, sizeof(data));
	CHECK(write(file, data, sizeof(data)) == sizeof(data));
	CHECK(sendfile(l->a.fd, file, &at, sizeof(data)) == sizeof(data));
	put(&l->a, 20);
	get(&l->b, 100030);
}

/* All events but the first and last have no buffer and no gaps between them. */
static void expect_chunks(struct hooks *h, uint64_t socket, uint64_t len)
{
	const struct event_data *e;
	uint64_t offset = 10;

	for (unsigned int n = 1; (e = hooks_event(h, EVENT_DATA, socket, n)) && e->offset < 10 + len; n++) {
		assert_int_equal(e->offset, offset);
		assert_true(e->flags & EVENT_NO_BUFFER);
		assert_int_equal(e->head_len + e->tail_len, 0);
		offset += e->len;
		if (hooks_mode(h) == MODE_SYSCALL)
			assert_int_equal(e->len, len);
	}
	assert_int_equal(offset, 10 + len);
	assert_non_null(e);
	assert_int_equal(e->offset, offset);
	assert_int_equal(e->head_len, 20);
	assert_null(strstr(hooks_text(h, socket), "BAD"));
}

static void sendfile_lengths(void **state)
{
	uint64_t before = hooks_counter(*state, COUNTER_no_buffer);

	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;
		int size = 1 << 20;

		link_open(&l, (enum link_kind)kind);
		setsockopt(l.a.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		setsockopt(l.b.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		hooks_run(*state, send_file, &l);
		expect_chunks(*state, l.a.inode, 100000);
		link_close(&l);
	}
	assert_true(hooks_counter(*state, COUNTER_no_buffer) >= before + 3);
}

static void splice_in(void *context)
{
	struct link *l = context;
	static uint8_t data[5000];
	struct iovec iov = { data, sizeof(data) };
	int first[2], second[2];

	CHECK(pipe(first) == 0 && pipe(second) == 0);
	put(&l->a, 10);
	fill(&l->a, data, sizeof(data));
	CHECK(vmsplice(first[1], &iov, 1, 0) == sizeof(data));
	CHECK(tee(first[0], second[1], sizeof(data), 0) == sizeof(data));
	CHECK(splice(first[0], NULL, l->a.fd, NULL, sizeof(data), 0) == sizeof(data));
	put(&l->a, 20);
	get(&l->b, 5030);
}

static void splice_into(void **state)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, splice_in, &l);
		expect_chunks(*state, l.a.inode, 5000);
		link_close(&l);
	}
}

static void splice_away(void *context)
{
	struct link *l = context;
	int ends[2];
	size_t left = 3000;

	CHECK(pipe(ends) == 0);
	put(&l->a, 10);
	get(&l->b, 10);
	put(&l->a, 3000);
	wait_bytes(l->b.fd, 3000);
	while (left) {
		ssize_t n = splice(l->b.fd, NULL, ends[1], NULL, left, 0);

		CHECK(n > 0);
		left -= (size_t)n;
	}
	put(&l->a, 20);
	get(&l->b, 20);
}

/* Through a socket that had only sent so far, too. */
static void splice_away_first(void *context)
{
	struct link *l = context;
	uint8_t data[100];
	int ends[2];

	CHECK(pipe(ends) == 0);
	put(&l->b, 5);
	put(&l->a, 100);
	wait_bytes(l->b.fd, 100);
	CHECK(splice(l->b.fd, NULL, ends[1], NULL, 100, 0) == 100);
	CHECK(read(ends[0], data, 100) == 100);
	put(&l->a, 20);
	get(&l->b, 20);
}

static void splice_out(void **state)
{
	bool socket = hooks_mode(*state) == MODE_SOCKET;

	for (int kind = 0; kind < LINK_UNIX; kind++) {
		uint64_t before = hooks_counter(*state, COUNTER_spliced);
		const char *text;
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, splice_away, &l);
		text = hooks_text(*state, l.b.inode);
		assert_null(strstr(text, "BAD"));
		assert_string_equal(text + strlen(text) - strlen(" I3010+20"), " I3010+20");
		if (socket) {
			assert_string_equal(text, "S I0+10 I3010+20");
			assert_int_equal(hooks_counter(*state, COUNTER_spliced), before + 3000);
		}
		link_close(&l);

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, splice_away_first, &l);
		assert_string_equal(hooks_text(*state, l.b.inode),
				    socket ? "S O0+5 I100+20" : "S O0+5 I0+100N I100+20");
		link_close(&l);
	}
}

/* ---- io_uring ---- */

struct operation {
	uint8_t send, receive, flags;
};

struct transfers {
	struct link link;
	struct operation operation;
};

static void uring_transfers(void *context)
{
	struct transfers *t = context;
	struct link *l = &t->link;
	uint8_t buffer[100];
	struct uring u;

	CHECK(uring_open(&u, 0) == 0);
	put(&l->a, 10);
	get(&l->b, 10);
	fill(&l->a, buffer, 100);
	uring_submit(&u, t->operation.send, t->operation.flags, l->a.fd, buffer, 100);
	CHECK(uring_wait(&u) == 100);
	wait_bytes(l->b.fd, 100);
	uring_submit(&u, t->operation.receive, t->operation.flags, l->b.fd, buffer, 100);
	CHECK(uring_wait(&u) == 100);
	put(&l->a, 20);
	get(&l->b, 20);
}

static void uring_lengths(void **state)
{
	static const struct operation operations[] = {
		{ IORING_OP_SEND, IORING_OP_RECV, 0 },
		{ IORING_OP_WRITE, IORING_OP_READ, 0 },
		{ IORING_OP_SEND, IORING_OP_RECV, IOSQE_ASYNC }, /* on a worker thread */
	};
	bool socket = hooks_mode(*state) == MODE_SOCKET;

	if (!uring_works())
		skip();
	for (int kind = 0; kind < (socket ? LINK_KINDS : LINK_UNIX); kind++) {
		for (size_t i = 0; i < 3; i++) {
			uint64_t before = hooks_counter(*state, COUNTER_no_buffer);
			struct transfers t = { .operation = operations[i] };

			link_open(&t.link, (enum link_kind)kind);
			hooks_run(*state, uring_transfers, &t);
			/* The fallback sees nothing of it, but knows that something was there. */
			assert_string_equal(hooks_text(*state, t.link.a.inode),
					    socket ? "S O0+10 O10+100N O110+20" : "S O0+10 O110+20");
			assert_string_equal(hooks_text(*state, t.link.b.inode),
					    socket ? "S I0+10 I10+100N I110+20" : "S I0+10 I110+20");
			assert_true(hooks_counter(*state, COUNTER_no_buffer) >= before + 2);
			link_close(&t.link);
		}
	}
}

/*
 * A receive that was armed completes while the thread is in another call: its length, and nothing of the
 * other call's buffer, which here holds another secret.
 */
struct armed {
	struct link link;
	uint32_t setup;
	bool same_socket; /* the other call reads the very socket */
	bool ready;	  /* the other call finds its bytes at once, the receive completes on its way out */
	int pipe[2];
};

static void feed_armed(struct armed *t)
{
	char secret[100];

	memset(secret, 'X', sizeof(secret));
	usleep(t->ready ? 0 : 30000);
	put(&t->link.a, 50);
	usleep(t->ready ? 0 : 30000);
	if (t->same_socket)
		put(&t->link.a, 50);
	else
		CHECK(write(t->pipe[1], secret, 50) == 50);
	_exit(0);
}

static void receive_armed(void *context)
{
	struct armed *t = context;
	static uint8_t into[100], buffer[100];
	struct uring u;
	pid_t pid;

	CHECK(pipe(t->pipe) == 0);
	CHECK(uring_open(&u, t->setup) == 0 || uring_open(&u, 0) == 0); /* older kernels know no flags */
	put(&t->link.a, 10);
	get(&t->link.b, 10);
	uring_submit(&u, IORING_OP_RECV, 0, t->link.b.fd, into, 50); /* the rest is the read's */
	pid = fork();
	if (!pid)
		feed_armed(t);
	if (t->ready)
		CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(read(t->same_socket ? t->link.b.fd : t->pipe[0], buffer, 50) == 50);
	CHECK(uring_wait(&u) > 0);
	if (!t->ready)
		CHECK(waitpid(pid, NULL, 0) == pid);
}

static void armed_receive(void **state)
{
	static const uint32_t setups[] = { 0, IORING_SETUP_COOP_TASKRUN };

	if (!uring_works())
		skip();
	for (int i = 0; i < 8; i++) {
		struct armed t = { .setup = setups[i & 1], .same_socket = i & 2, .ready = i & 4 };
		const struct event_data *e;
		uint64_t moved = 0, lengths = 0;

		link_open(&t.link, LINK_TCP4);
		hooks_run(*state, receive_armed, &t);
		for (unsigned int n = 1; (e = hooks_event(*state, EVENT_DATA, t.link.b.inode, n)); n++) {
			moved += e->len;
			if (e->flags & EVENT_NO_BUFFER)
				lengths += e->len;
			if (e->flags & EVENT_NO_BUFFER)
				assert_int_equal(e->head_len + e->tail_len, 0);
			else
				assert_true(t.same_socket);
		}
		/* Nor anything of it anywhere else. */
		assert_null(strstr(hooks_text(*state, t.link.b.inode), "BAD"));
		if (hooks_mode(*state) == MODE_SOCKET) {
			assert_int_equal(moved, t.same_socket ? 100 : 50);
			assert_true(lengths > 0);
		}
		link_close(&t.link);
	}
}

/* One thread waits in a read of the socket while another arms and reaps a receive of the same one. */
static void *reap(void *context)
{
	struct armed *t = context;
	static uint8_t into[100];
	struct uring u;

	CHECK(uring_open(&u, 0) == 0);
	do
		uring_submit(&u, IORING_OP_RECV, 0, t->link.b.fd, into, 20);
	while (uring_wait(&u) > 0);
	return NULL;
}

static void *feed(void *context)
{
	struct armed *t = context;

	for (int i = 0; i < 500; i++) {
		put(&t->link.a, 10);
		usleep(100);
	}
	shutdown(t->link.a.fd, SHUT_WR);
	return NULL;
}

static void receive_together(void *context)
{
	struct armed *t = context;
	pthread_t threads[2];
	uint8_t buffer[20];

	CHECK(pthread_create(&threads[0], NULL, reap, t) == 0);
	CHECK(pthread_create(&threads[1], NULL, feed, t) == 0);
	while (read(t->link.b.fd, buffer, sizeof(buffer)) > 0)
		;
	CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
}

/* Who took what is a race; whatever was copied must be what the stream has at that offset. */
static void shared_receive(void **state)
{
	const struct event_data *e;
	uint64_t wrong = 0, all = 0;
	struct armed t = { 0 };

	if (!uring_works())
		skip();
	link_open(&t.link, LINK_TCP4);
	hooks_run(*state, receive_together, &t);
	for (unsigned int n = 0; (e = hooks_event(*state, EVENT_DATA, t.link.b.inode, n)); n++) {
		const uint8_t *bytes = (const uint8_t *)(e + 1);

		all++;
		for (unsigned int i = 0; i < e->head_len; i++)
			if (bytes[i] != pattern(e->offset + i)) {
				wrong++;
				break;
			}
	}
	assert_true(all > 100);
	/* Two threads that are told in the other order swap their offsets; the fallback is told of one only. */
	if (hooks_mode(*state) == MODE_SOCKET)
		assert_true(wrong * 20 < all);
	link_close(&t.link);
}

/* ---- 32-bit callers ---- */

#if defined(__x86_64__)
static long call_32(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void low_calls(void *context)
{
	struct link *l = context;
	uint8_t *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t *args = (uint32_t *)(low + 2048);

	CHECK(low != MAP_FAILED);
	put(&l->a, 10);
	get(&l->b, 10);
	fill(&l->a, low, 100);
	CHECK(call_32(4, l->a.fd, (long)low, 100) == 100); /* write */
	fill(&l->a, low, 50);
	args[0] = (uint32_t)l->a.fd;
	args[1] = (uint32_t)(uintptr_t)low;
	args[2] = 50;
	args[3] = 0;
	CHECK(call_32(102, 9, (long)args, 0) == 50); /* socketcall: send */
	wait_bytes(l->b.fd, 150);
	CHECK(call_32(3, l->b.fd, (long)low, 100) == 100); /* read */
	args[0] = (uint32_t)l->b.fd;
	args[3] = MSG_PEEK;
	CHECK(call_32(102, 10, (long)args, 0) == 50); /* socketcall: recv */
	args[3] = 0;
	CHECK(call_32(102, 10, (long)args, 0) == 50);
	put(&l->a, 20);
	get(&l->b, 20);
}

static void callers_32(void **state)
{
	uint64_t before = hooks_counter(*state, COUNTER_compat);

	if (call_32(20, 0, 0, 0) != getpid()) /* the kernel may not have them */
		skip();
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, low_calls, &l);
		assert_string_equal(hooks_text(*state, l.a.inode), "S O0+10 O10+100N O110+50N O160+20");
		assert_string_equal(hooks_text(*state, l.b.inode), "S I0+10 I10+100N I110+50N I160+20");
		link_close(&l);
	}
	assert_true(hooks_counter(*state, COUNTER_compat) >= before + 12);
}
#else
static void callers_32(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(sendfile_lengths), cmocka_unit_test(splice_into),
		cmocka_unit_test(splice_out),	    cmocka_unit_test(uring_lengths),
		cmocka_unit_test(armed_receive),    cmocka_unit_test(shared_receive),
		cmocka_unit_test(callers_32),
	};

	return hooks_main(cases, sizeof(cases) / sizeof(cases[0]));
}
