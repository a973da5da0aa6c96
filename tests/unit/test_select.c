// SPDX-License-Identifier: GPL-2.0-only
/*
 * userspace/capture/select.h, port.h, listening.h and base/procfs.h, against this process and
 * children of it: by PID, name, port and cgroup, and what is said when nothing is found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userspace/base/clock.h"
#include "userspace/base/procfs.h"
#include "userspace/capture/listening.h"
#include "userspace/capture/port.h"
#include "userspace/capture/proc_tcp.h"
#include "userspace/capture/select.h"

static struct select_options options;
static struct select_pids *found;
static struct error error;
static pid_t child;
static char child_name[16], child_pid[16], port_text[8];
static int listener;
static uint16_t port;

static int find(void)
{
	memset(&error, 0, sizeof(error));
	return select_find(&options, found, &error);
}

static bool has(pid_t pid)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->pids[i] == (uint32_t)pid)
			return true;
	return false;
}

static void want(struct option_list *list, const char *what)
{
	memset(&options, 0, sizeof(options));
	list->items[list->count++] = what;
}

static void expect_error(struct option_list *list, const char *what, const char *text)
{
	want(list, what);
	assert_true(find() < 0);
	if (!strstr(error.text, text))
		fail_msg("%s: %s", what, error.text);
}

static void test_pid(void **state)
{
	(void)state;
	assert_false(select_any(&options));
	want(&options.pids, child_pid);
	assert_true(select_any(&options));
	options.pids.items[options.pids.count++] = child_pid;
	assert_int_equal(find(), 0);
	assert_int_equal(found->count, 1);
	assert_true(has(child));
	expect_error(&options.pids, "4194305", "no process has the PID 4194305");
	expect_error(&options.pids, "0", "is not a PID");
	expect_error(&options.pids, "99999999999", "is not a PID");
	expect_error(&options.pids, "redis", "--exe redis");
}

static void test_exe(void **state)
{
	char path[4096];

	(void)state;
	want(&options.exes, child_name); /* as the kernel keeps it */
	assert_int_equal(find(), 0);
	assert_int_equal(found->count, 1);
	assert_true(has(child));
	procfs_link((uint32_t)child, "exe", path, sizeof(path));
	want(&options.exes, path);
	assert_int_equal(find(), 0);
	assert_true(has(child));
	assert_false(has(getpid())); /* who asks is never meant */
	expect_error(&options.exes, "spantap-no-such-program",
		     "no running program is named spantap-no-such-program");
}

static void test_port(void **state)
{
	(void)state;
	want(&options.ports, port_text);
	assert_int_equal(find(), 0);
	assert_true(has(child)); /* inherited it */
	expect_error(&options.ports, "0", "is not a port number");
	expect_error(&options.ports, "65536", "is not a port number");
	expect_error(&options.ports, "http", "is not a port number");
	expect_error(&options.ports, "1", "nobody listens on TCP port 1");
}

static void test_cgroup(void **state)
{
	struct buf cgroup;
	struct bytes line;
	char path[4096];

	(void)state;
	buf_init(&cgroup, 65536);
	procfs_read_pid((uint32_t)child, "cgroup", &cgroup);
	line = bytes_part(buf_bytes(&cgroup), 0, bytes_find(buf_bytes(&cgroup), '\n', 0));
	line = bytes_from(line, bytes_find(line, '/', 0));
	snprintf(path, sizeof(path), "%.*s", (int)line.len, (const char *)line.data);
	buf_release(&cgroup);
	want(&options.cgroups, path);
	assert_int_equal(find(), 0);
	assert_true(has(child));
	expect_error(&options.cgroups, "/spantap-no-such-group",
		     "no process is in /spantap-no-such-group");
	expect_error(&options.containers, "spantap-no-such-box",
		     "no running container is named spantap-no-such-box");
}

/* Later looks are silent about what is not there (any more). */
static void test_again(void **state)
{
	(void)state;
	want(&options.exes, "spantap-no-such-program");
	options.ports.items[options.ports.count++] = "1";
	options.pids.items[options.pids.count++] = "4194305";
	assert_int_equal(select_find(&options, found, NULL), 0);
	assert_int_equal(found->count, 0);
}

static void test_all(void **state)
{
	(void)state;
	memset(&options, 0, sizeof(options));
	options.all = true;
	assert_true(select_any(&options));
	assert_int_equal(find(), 0);
	assert_true(has(child));
	assert_false(has(getpid()));
}

static void test_listening(void **state)
{
	uint64_t netns = proc_tcp_netns((uint32_t)getpid());
	struct listening l;

	(void)state;
	listening_init(&l);
	assert_true(listening_has(&l, netns, (uint32_t)getpid(), port, clock_now_ns()));
	assert_true(listening_has(&l, netns, (uint32_t)getpid(), port, 0));
	assert_false(listening_has(&l, netns, (uint32_t)getpid(), 1, clock_now_ns()));
	assert_false(listening_has(&l, netns + 1, (uint32_t)getpid(), port,
				   clock_now_ns())); /* of whom we know nothing */
	listening_release(&l);
	/* Who accepted may be gone: ours is the same namespace. */
	listening_init(&l);
	assert_true(listening_has(&l, netns, 0x7fffffff, port, clock_now_ns()));
	listening_release(&l);
}

static int count_self(void *context, uint32_t pid)
{
	*(int *)context += pid == (uint32_t)getpid();
	return 0;
}

static int stop_at_once(void *context, uint32_t pid)
{
	(void)context, (void)pid;
	return 7;
}

static void test_procfs(void **state)
{
	struct bytes block = bytes_of("A=1\0AB=2\0\0C=\0D", 15);
	struct stat status;
	struct buf b;
	char text[8];
	int self = 0;

	(void)state;
	assert_true(bytes_is(procfs_environment(block, "A"), "1"));
	assert_true(bytes_is(procfs_environment(block, "AB"), "2"));
	assert_int_equal(procfs_environment(block, "C").len, 0);
	assert_int_equal(procfs_environment(block, "D").len, 0);
	assert_true(bytes_is(procfs_argument(block, 1), "AB=2"));
	assert_int_equal(procfs_argument(block, 2).len, 0);
	assert_true(bytes_is(procfs_argument(block, 4), "D"));
	assert_int_equal(procfs_argument(block, 5).len, 0);
	assert_int_equal(procfs_each_pid(count_self, &self), 0);
	assert_int_equal(self, 1);
	assert_int_equal(procfs_each_pid(stop_at_once, NULL), 7);
	buf_init(&b, 4);
	assert_int_equal(procfs_read_pid((uint32_t)getpid(), "status", &b), 0);
	assert_true(bytes_is(buf_bytes(&b), "Name")); /* cut */
	assert_true(procfs_read("/proc/self/no-such-file", &b) < 0);
	buf_release(&b);
	procfs_link((uint32_t)getpid(), "exe", text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	procfs_link((uint32_t)getpid(), "no-such-link", text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(fstat(listener, &status), 0);
	assert_true(procfs_has_socket((uint32_t)child, status.st_ino));
	assert_false(procfs_has_socket((uint32_t)child, 1));
	assert_false(procfs_has_socket(0x7fffffff, status.st_ino));
}

static int setup(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int ready[2];
	char byte;

	(void)state;
	found = calloc(1, sizeof(*found));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (!found || listener < 0 || bind(listener, (struct sockaddr *)&address, len) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &len) ||
	    pipe(ready))
		return -1;
	port = ntohs(address.sin_port);
	snprintf(port_text, sizeof(port_text), "%u", port);
	snprintf(child_name, sizeof(child_name), "spt-%d", getpid());
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, child_name);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	snprintf(child_pid, sizeof(child_pid), "%d", child);
	return child < 0 || read(ready[0], &byte, 1) != 1;
}

static int teardown(void **state)
{
	(void)state;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(listener);
	free(found);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pid),       cmocka_unit_test(test_exe),
		cmocka_unit_test(test_port),      cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_again),     cmocka_unit_test(test_all),
		cmocka_unit_test(test_listening), cmocka_unit_test(test_procfs),
	};

	return cmocka_run_group_tests_name("select", tests, setup, teardown);
}
