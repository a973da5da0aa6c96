// SPDX-License-Identifier: GPL-2.0-only
/* Who called connect() is told with the socket. */
#include "tests/bpf/hooks.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static void one_exchange(void *context)
{
	struct link *l = context;

	put(&l->a, 10);
	get(&l->b, 10);
	put(&l->b, 20);
	get(&l->a, 20);
}

struct opening {
	int listener;
	struct sockaddr_storage address;
	uint64_t before_ns, after_ns, inode; /* of the connect(), in shared memory */
	uint32_t pid, tid;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int listen_on_loopback(struct sockaddr_storage *address, int v6)
{
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*address);

	memset(address, 0, sizeof(*address));
	address->ss_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		((struct sockaddr_in6 *)address)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (void *)address, sizeof(*address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (void *)address, &len), 0);
	return fd;
}

/* connect() in a thread of its own; the first transfer is the main thread's. */
static void *connect_in_thread(void *context)
{
	struct opening *o = context;
	int fd = socket(o->address.ss_family, SOCK_STREAM, 0);

	o->tid = (uint32_t)gettid();
	o->before_ns = now_ns();
	CHECK(connect(fd, (void *)&o->address, sizeof(o->address)) == 0);
	o->after_ns = now_ns();
	return (void *)(intptr_t)fd;
}

static void open_and_talk(void *context)
{
	struct opening *o = context;
	pthread_t thread;
	struct link l;
	void *fd;

	o->pid = (uint32_t)getpid();
	CHECK(pthread_create(&thread, NULL, connect_in_thread, o) == 0);
	CHECK(pthread_join(thread, &fd) == 0);
	l.a = (struct end){ .fd = (int)(intptr_t)fd };
	l.b = (struct end){ .fd = accept(o->listener, NULL, NULL) };
	o->inode = socket_inode_of(l.a.fd);
	one_exchange(&l);
}

static void connect_described(void **state)
{
	struct opening *o =
		mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct event_socket *e;

	for (int v6 = 0; v6 < 2; v6++) {
		o->listener = listen_on_loopback(&o->address, v6);
		hooks_run(*state, open_and_talk, o);
		close(o->listener);
		e = hooks_event(*state, EVENT_SOCKET, o->inode, 0);
		assert_non_null(e);
		assert_int_equal(e->connect_pid, o->pid);
		assert_int_equal(e->connect_tid, o->tid);
		assert_int_not_equal(e->connect_tid, e->header.tid);
		assert_int_equal(e->connect_unit, 0);
		assert_in_range(e->connect_ns, o->before_ns, o->after_ns);
	}
	munmap(o, sizeof(*o));
}

/* Connected before, or by a process that is no target; and the end that accepted. */
static void connect_not_seen(void **state)
{
	const struct event_socket *a, *b;
	struct link l;

	link_open(&l, LINK_TCP4);
	hooks_run(*state, one_exchange, &l);
	a = hooks_event(*state, EVENT_SOCKET, l.a.inode, 0);
	b = hooks_event(*state, EVENT_SOCKET, l.b.inode, 0);
	assert_int_equal(a->connect_ns, 0);
	assert_int_equal(a->connect_tid, 0);
	assert_int_equal(b->connect_ns, 0);
	link_close(&l);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(connect_described),
		cmocka_unit_test(connect_not_seen),
	};

	return hooks_main(cases, sizeof(cases) / sizeof(cases[0]));
}
