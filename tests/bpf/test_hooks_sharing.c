// SPDX-License-Identifier: GPL-2.0-only
/* One socket, many descriptors and processes; one descriptor, many sockets; and sockets that are none of ours. */
#include "tests/bpf/hooks.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/wait.h>

static void through_copies(void *context)
{
	struct link *l = context;
	struct end copy = l->a;

	put(&l->a, 10);
	copy.sent = l->a.sent;
	copy.fd = dup(l->a.fd);
	put(&copy, 20);
	copy.fd = dup2(copy.fd, 200);
	put(&copy, 30);
	l->a.sent = copy.sent;
	if (!fork()) { /* a target too */
		put(&l->a, 40);
		_exit(0);
	}
	CHECK(wait(NULL) > 0);
	fill(&l->a, (uint8_t[40]){ 0 }, 40);
	put(&l->a, 50);
	get(&l->b, 150);
}

static void copies(void **state)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		hooks_run(*state, through_copies, &l);
		assert_string_equal(hooks_text(*state, l.a.inode), "S O0+10 O10+20 O30+30 O60+40 O100+50");
		assert_string_equal(hooks_text(*state, l.b.inode), "S I0+150");
		link_close(&l);
	}
}

static void pass(int through, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { "f", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(through, &m, 0), 1);
}

static int passed_fd(int through)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = sizeof(control.space) };
	int fd;

	CHECK(recvmsg(through, &m, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

struct passing {
	int through;
	struct end end;
};

static void use_passed(void *context)
{
	struct passing *p = context;

	p->end.fd = passed_fd(p->through);
	put(&p->end, 30);
	get(&p->end, 40);
}

/* A socket made by a stranger after the target was forked. */
static void passed(void **state)
{
	struct passing p = { 0 };
	struct link l;
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p.through = pair[1];
	pid = hooks_start(*state, use_passed, &p);
	link_open(&l, LINK_TCP4);
	put(&l.b, 40);
	pass(pair[0], l.a.fd);
	hooks_finish(*state, pid);
	assert_string_equal(hooks_text(*state, l.a.inode), "S O0+30 I0+40");
	link_close(&l);
	close(pair[0]);
	close(pair[1]);
}

static void put_20(void *context)
{
	put(&((struct link *)context)->a, 20);
}

/* A stranger's bytes on a target's TCP socket are a gap of the right size, and not copied. */
static void shared_with_stranger(void **state)
{
	uint64_t missed = hooks_counter(*state, COUNTER_spliced);
	struct link l;
	pid_t pid;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, put_20, &l);
	pid = hooks_start_stranger(put_20, &l);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	l.a.sent = 40;
	hooks_finish(*state, hooks_start(*state, put_20, &l));
	assert_string_equal(hooks_text(*state, l.a.inode), "S O0+20 O40+20");
	assert_int_equal(hooks_counter(*state, COUNTER_spliced), missed + 20);
	link_close(&l);
}

static void datagrams(void *context)
{
	int udp[2] = { socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0) };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int pair[2], packets[2];
	char buffer[32];

	(void)context;
	CHECK(bind(udp[0], (void *)&address, len) == 0 && getsockname(udp[0], (void *)&address, &len) == 0);
	CHECK(connect(udp[1], (void *)&address, len) == 0);
	CHECK(send(udp[1], "datagram", 8, 0) == 8 && recv(udp[0], buffer, 32, 0) == 8);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	CHECK(write(pair[0], "datagram", 8) == 8 && read(pair[1], buffer, 32) == 8);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets) == 0);
	CHECK(write(packets[0], "datagram", 8) == 8 && read(packets[1], buffer, 32) == 8);
}

static void no_datagrams(void **state)
{
	hooks_run(*state, datagrams, NULL);
	assert_null(hooks_event(*state, EVENT_DATA, 0, 0));
	assert_null(hooks_event(*state, EVENT_SOCKET, 0, 0));
}

/* The same descriptor number, another socket each time: each is described, each begins at 0. */
static void reuse(void *context)
{
	struct end ends[2];
	int pair[2], fd = -1;

	(void)context;
	for (int i = 0; i < 200; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && (fd < 0 || fd == pair[0]));
		fd = pair[0];
		ends[0] = (struct end){ .fd = pair[0] };
		ends[1] = (struct end){ .fd = pair[1] };
		put(&ends[0], 10);
		get(&ends[1], 10);
		close(pair[0]);
		close(pair[1]);
	}
}

static void descriptors_reused(void **state)
{
	const struct event_socket *s;
	unsigned int n = 0;

	hooks_run(*state, reuse, NULL);
	for (; (s = hooks_event(*state, EVENT_SOCKET, 0, n)); n++) {
		const char *text = hooks_text(*state, s->socket);

		assert_true(!strcmp(text, "S O0+10") || !strcmp(text, "S I0+10"));
	}
	assert_int_equal(n, 400);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(passed),
		cmocka_unit_test(shared_with_stranger),
		cmocka_unit_test(no_datagrams),
		cmocka_unit_test(descriptors_reused),
	};

	return hooks_main(cases, sizeof(cases) / sizeof(cases[0]));
}
