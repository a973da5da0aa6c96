// SPDX-License-Identifier: GPL-2.0-only
/* Who is followed: forks, threads, execs, exits; strangers pay nothing; losses are counted; verdicts obeyed. */
#include "tests/bpf/hooks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "userspace/base/clock.h"
#include "userspace/capture/target.h"

/* ---- following ---- */

static bool is_target(struct hooks *h, uint32_t pid)
{
	uint32_t value;

	return !bpf_map_lookup_elem(hooks_targets_fd(h), &pid, &value);
}

static size_t targets_count(struct hooks *h)
{
	uint32_t key, *last = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(hooks_targets_fd(h), last, &key); n++)
		last = &key;
	return n;
}

#define STORM 2000

struct storm {
	int fds[2]; /* each child says one byte here */
};

static void storm(void *context)
{
	struct storm *s = context;
	int running = 0;

	for (int i = 0; i < STORM; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			wait(NULL);
			i--;
			continue;
		}
		if (!pid) {
			uint32_t self = (uint32_t)getpid();

			_exit(write(s->fds[0], &self, sizeof(self)) != sizeof(self));
		}
		if (++running >= 20) {
			wait(NULL);
			running--;
		}
	}
	while (wait(NULL) > 0)
		;
}

/* Children that come and go while the target is added: from then on none is lost, and no dead one is kept. */
static void fork_storm(void **state)
{
	struct targets *t = targets_new(hooks_targets_fd(*state));
	static uint8_t sink[1 << 16];
	struct error error = { "" };
	size_t heard = 0, events = 0;
	struct storm s;
	uint32_t first = 0;
	pid_t pid;
	int size = 1 << 20, status = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s.fds), 0);
	setsockopt(s.fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pid = hooks_start_stranger(storm, &s);
	for (ssize_t n; heard < STORM / 4 * sizeof(uint32_t) && (n = read(s.fds[1], sink, 64)) > 0;)
		heard += (size_t)n;
	assert_int_equal(targets_add(t, (uint32_t)pid, &error), 0);
	hooks_drain(*state);
	/* Whatever was written so far may be a stranger's. */
	for (ssize_t n; (n = recv(s.fds[1], sink, sizeof(sink), MSG_DONTWAIT)) > 0;)
		heard += (size_t)n;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		for (ssize_t n; (n = recv(s.fds[1], sink, sizeof(sink), MSG_DONTWAIT)) > 0;) {
			for (size_t i = 0; i < (size_t)n / sizeof(uint32_t) && !first; i++)
				first = ((uint32_t *)sink)[i];
			heard += (size_t)n;
		}
		hooks_drain(*state);
	}
	assert_int_equal(status, 0);
	for (ssize_t n; (n = recv(s.fds[1], sink, sizeof(sink), MSG_DONTWAIT)) > 0;)
		heard += (size_t)n;
	hooks_drain(*state);
	assert_int_equal(heard, STORM * sizeof(uint32_t));
	/* From the first whose start we know to have followed, all have spoken. */
	for (const struct event_data *e; (e = hooks_event(*state, EVENT_DATA, 0, (unsigned int)events)); events++)
		if (((const uint32_t *)(e + 1))[0] == first)
			break;
	status = 0;
	for (const struct event_data *e;
	     (e = hooks_event(*state, EVENT_DATA, 0, (unsigned int)events + (unsigned int)status)); status++)
		assert_int_equal(e->header.pid, ((const uint32_t *)(e + 1))[0]);
	assert_true(first && status > STORM / 4);
	assert_int_equal(targets_count(*state), 0);
	assert_int_equal(hooks_counter(*state, COUNTER_ring_full), 0);
	targets_free(t);
	close(s.fds[0]);
	close(s.fds[1]);
}

static void process_events(void *context)
{
	struct link *l = context;

	if (!fork()) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	CHECK(wait(NULL) > 0);
	put(&l->a, 1);
}

static void forks_and_execs(void **state)
{
	static const uint32_t what[] = { PROCESS_FORK, PROCESS_EXEC, PROCESS_EXIT, PROCESS_EXIT };
	const struct event_process *fork_event, *e;
	struct link l;
	pid_t pid;

	link_open(&l, LINK_UNIX);
	pid = hooks_start(*state, process_events, &l);
	hooks_finish(*state, pid);
	fork_event = hooks_event(*state, EVENT_PROCESS, 0, 0);
	for (unsigned int i = 0; i < 4; i++) {
		e = hooks_event(*state, EVENT_PROCESS, 0, i);
		assert_non_null(e);
		assert_int_equal(e->what, what[i]);
		assert_int_equal(e->header.pid, i < 3 ? fork_event->header.pid : (uint32_t)pid);
	}
	assert_int_equal(fork_event->parent, pid);
	assert_null(hooks_event(*state, EVENT_PROCESS, 0, 4));
	assert_false(is_target(*state, (uint32_t)pid));
	link_close(&l);
}

static void *put_later(void *context)
{
	usleep(30000);
	put(&((struct link *)context)->a, 10);
	_exit(0);
}

static void leader_leaves(void *context)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, put_later, context) == 0);
	syscall(SYS_exit, 0);
}

/* The target lives until its last thread ends. */
static void leader_first(void **state)
{
	const struct event_data *e;
	struct link l;
	pid_t pid;

	link_open(&l, LINK_TCP4);
	pid = hooks_start(*state, leader_leaves, &l);
	hooks_finish(*state, pid);
	e = hooks_event(*state, EVENT_DATA, l.a.inode, 0);
	assert_non_null(e);
	assert_int_equal(e->header.pid, pid);
	assert_true(e->header.tid != (uint32_t)pid);
	assert_null(hooks_event(*state, EVENT_PROCESS, 0, 1)); /* one exit */
	assert_false(is_target(*state, (uint32_t)pid));
	link_close(&l);
}

static void *exec_shell(void *context)
{
	CHECK(dup2(((struct link *)context)->a.fd, 5) == 5); /* the shell wants one digit */
	execl("/bin/sh", "sh", "-c", "echo hello >&5", NULL);
	return NULL;
}

static void exec_in_thread(void *context)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, exec_shell, context) == 0);
	pause();
}

/* exec by a thread that is not the leader takes the leader's number over: still the target. */
static void thread_execs(void **state)
{
	const struct event_data *e;
	struct link l;
	pid_t pid;

	link_open(&l, LINK_UNIX);
	pid = hooks_start(*state, exec_in_thread, &l);
	hooks_finish(*state, pid);
	e = hooks_event(*state, EVENT_DATA, l.a.inode, 0);
	assert_non_null(e);
	assert_int_equal(e->header.pid, pid);
	assert_int_equal(e->len, 6);
	assert_memory_equal(e + 1, "hello\n", 6);
	assert_false(is_target(*state, (uint32_t)pid));
	link_close(&l);
}

/* ---- times ---- */

#define TICK_NS (4 * NS_PER_MS)

static void burn(uint64_t ns)
{
	struct timespec t;
	uint64_t until;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	until = (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec + ns;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while ((uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec < until);
}

static void burn_and_sleep(void *context)
{
	struct link *l = context;

	put(&l->a, 1);
	burn(50 * NS_PER_MS);
	put(&l->a, 2);
	usleep(50000);
	put(&l->a, 3);
	for (int i = 0; i < 200; i++)
		put(&l->a, 4);
}

static void thread_times(void **state)
{
	const struct event_data *e[3], *last, *next;
	struct link l;

	link_open(&l, LINK_UNIX);
	hooks_run(*state, burn_and_sleep, &l);
	for (unsigned int i = 0; i < 3; i++)
		e[i] = hooks_event(*state, EVENT_DATA, l.a.inode, i);
	/* Right to a tick of the scheduler. */
	assert_in_range(e[1]->cpu_ns - e[0]->cpu_ns, 50 * NS_PER_MS - TICK_NS, 60 * NS_PER_MS + TICK_NS);
	assert_in_range(e[2]->cpu_ns + TICK_NS - e[1]->cpu_ns, 0, 10 * NS_PER_MS + TICK_NS);
	assert_true(e[2]->header.time_ns - e[1]->header.time_ns >= 50 * NS_PER_MS);
	last = e[2];
	for (unsigned int i = 3; (next = hooks_event(*state, EVENT_DATA, l.a.inode, i)); i++, last = next) {
		assert_true(next->cpu_ns + TICK_NS >= last->cpu_ns);
		assert_true(next->runqueue_ns >= last->runqueue_ns);
		assert_true((int64_t)(next->cpu_ns - last->cpu_ns) <=
			    (int64_t)(next->header.time_ns - last->header.time_ns + TICK_NS));
	}
	link_close(&l);
}

/* Two that want one processor: what one burns the other waits. */
static void rivals(void *context)
{
	struct link *l = context;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
	if (!fork()) {
		burn(200 * NS_PER_MS);
		_exit(0);
	}
	put(&l->a, 1);
	burn(50 * NS_PER_MS);
	put(&l->a, 2);
	CHECK(wait(NULL) > 0);
}

static void runqueue(void **state)
{
	const struct event_data *first, *second;
	struct link l;

	link_open(&l, LINK_UNIX);
	hooks_run(*state, rivals, &l);
	first = hooks_event(*state, EVENT_DATA, l.a.inode, 0);
	second = hooks_event(*state, EVENT_DATA, l.a.inode, 1);
	assert_true(second->runqueue_ns - first->runqueue_ns >= 20 * NS_PER_MS);
	link_close(&l);
}

/* ---- strangers ---- */

static void talk(void *context)
{
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		struct link l;

		link_open(&l, (enum link_kind)kind);
		put(&l.a, 5000);
		get(&l.b, 5000);
		link_close(&l);
	}
	(void)context;
}

static void strangers(void **state)
{
	uint64_t before[COUNTER_COUNT];
	size_t states = hooks_states(*state);
	pid_t pid;

	for (int i = 0; i < COUNTER_COUNT; i++)
		before[i] = hooks_counter(*state, (enum counter)i);
	pid = hooks_start_stranger(talk, NULL);
	hooks_finish(*state, pid);
	assert_int_equal(hooks_count(*state), 0);
	assert_int_equal(hooks_states(*state), states);
	for (int i = 0; i < COUNTER_COUNT; i++)
		assert_int_equal(hooks_counter(*state, (enum counter)i), before[i]);
}

/* ---- verdicts and losses ---- */

static void put_many(void *context)
{
	for (int i = 0; i < 40; i++)
		put(&((struct link *)context)->a, 10);
}

static void foreign(void **state)
{
	struct verdict_value v = { .foreign = VERDICT_UNWANTED };
	uint64_t before = hooks_counter(*state, COUNTER_foreign);
	struct link l;

	link_open(&l, LINK_UNIX);
	assert_int_equal(bpf_map_update_elem(hooks_verdicts_fd(*state), &l.a.inode, &v, BPF_ANY), 0);
	hooks_run(*state, put_many, &l);
	assert_string_equal(hooks_text(*state, l.a.inode), "");
	assert_int_equal(hooks_counter(*state, COUNTER_foreign), before + 40);
	/* Called decodable again: the next look finds it, and the position is right. */
	v = (struct verdict_value){ .head_in = 3, .head_out = 3 };
	assert_int_equal(bpf_map_update_elem(hooks_verdicts_fd(*state), &l.a.inode, &v, BPF_ANY), 0);
	l.a.sent = 400;
	hooks_run(*state, put_many, &l); /* 41 to 80: looks at 64 */
	assert_memory_equal(hooks_text(*state, l.a.inode), "S O630+10 O640+10", 17);
	assert_int_equal(((const struct event_data *)hooks_event(*state, EVENT_DATA, l.a.inode, 0))->head_len, 3);
	/* Its ciphertext is seen elsewhere as plaintext: nothing is lost, so nothing is counted. */
	v = (struct verdict_value){ .foreign = VERDICT_CIPHERTEXT };
	before = hooks_counter(*state, COUNTER_foreign);
	assert_int_equal(bpf_map_update_elem(hooks_verdicts_fd(*state), &l.a.inode, &v, BPF_ANY), 0);
	l.a.sent = 800;
	hooks_run(*state, put_many, &l);
	hooks_run(*state, put_many, &l); /* 121 to 160: looked at 128 */
	assert_int_equal(hooks_counter(*state, COUNTER_foreign), before);
	assert_int_equal(bpf_map_delete_elem(hooks_verdicts_fd(*state), &l.a.inode), 0);
	link_close(&l);
}

/* A ring that nobody empties: what does not fit is counted, and positions go on. */
static void ring_full(void **state)
{
	struct hooks *h = hooks_new(hooks_mode(*state), 4096, 64);
	const struct event_data *e = NULL, *next;
	unsigned int n = 0;
	struct link l;

	assert_non_null(h);
	link_open(&l, LINK_UNIX);
	hooks_run(h, put_many, &l);
	while ((next = hooks_event(h, EVENT_DATA, l.a.inode, n))) {
		e = next;
		n++;
	}
	assert_true(n > 5 && n < 40);
	assert_true(hooks_counter(h, COUNTER_ring_full) >= 40 - n);
	assert_int_equal(hooks_counter(h, COUNTER_events), n);
	assert_int_equal(e->offset, (n - 1) * 10);
	hooks_forget(h);
	l.a.sent = 400;
	hooks_finish(h, hooks_start(h, put_many, &l));
	assert_memory_equal(hooks_text(h, l.a.inode), "O400+10", 7);
	link_close(&l);
	hooks_free(h);
}

/* In a network namespace whose sockets have no room for options, state on the socket finds none either. */
static void without_room(void *context)
{
	struct link l;
	int fd;

	(void)context;
	CHECK(unshare(CLONE_NEWNET) == 0);
	fd = open("/proc/sys/net/core/optmem_max", O_WRONLY);
	if (fd < 0 || write(fd, "8", 1) != 1)
		_exit(77); /* before 6.9 it is the machine's */
	link_open(&l, LINK_UNIX);
	put(&l.a, 10);
}

static void state_full(void **state)
{
	uint64_t before = hooks_counter(*state, COUNTER_state_full);
	int status;
	pid_t pid;

	pid = hooks_start(*state, without_room, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		skip();
	hooks_drain(*state);
	if (hooks_mode(*state) == MODE_SYSCALL) { /* keeps it elsewhere, and the least recently used makes room */
		assert_int_equal(hooks_counter(*state, COUNTER_state_full), before);
		assert_non_null(hooks_event(*state, EVENT_DATA, 0, 0));
		return;
	}
	assert_int_equal(hooks_counter(*state, COUNTER_state_full), before + 1);
	assert_null(hooks_event(*state, EVENT_DATA, 0, 0));
}

static void fork_some(void *context)
{
	(void)context;
	for (int i = 0; i < 5; i++) {
		if (!fork())
			_exit(0);
		CHECK(wait(NULL) > 0);
	}
}

/* All places are taken: children that find none are counted. */
static void targets_full(void **state)
{
	struct hooks *h = hooks_new(hooks_mode(*state), 1 << 16, 64);
	uint32_t value = 0, pid = 1u << 30;
	pid_t child;

	assert_non_null(h);
	for (uint32_t i = 0; i < TARGETS_MAX - 1; i++, pid++)
		assert_int_equal(bpf_map_update_elem(hooks_targets_fd(h), &pid, &value, BPF_ANY), 0);
	child = hooks_start(h, fork_some, NULL);
	hooks_finish(h, child);
	assert_int_equal(hooks_counter(h, COUNTER_targets_full), 5);
	hooks_free(h);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(fork_storm),	  cmocka_unit_test(forks_and_execs),
		cmocka_unit_test(leader_first),	  cmocka_unit_test(thread_execs),
		cmocka_unit_test(thread_times),	  cmocka_unit_test(runqueue),
		cmocka_unit_test(strangers),	  cmocka_unit_test(foreign),
		cmocka_unit_test(ring_full),	  cmocka_unit_test(state_full),
		cmocka_unit_test(targets_full),
	};

	return hooks_main(cases, sizeof(cases) / sizeof(cases[0]));
}
