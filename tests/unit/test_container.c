// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/container.h: the cgroup paths of every engine, and of what is no container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/guard.h"
#include "tests/lib/server.h"
#include "userspace/capture/container.h"

#define H "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define G "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define U "1f2e3d4c-5b6a-7988-a7b6-c5d4e3f2a1b0"
#define U_ "1f2e3d4c_5b6a_7988_a7b6_c5d4e3f2a1b0"
#define TASK "0123456789abcdef0123456789abcdef"

static struct guard guard;

/* Paths with the innermost container in them. */
static const char *const containers[] = {
	/* docker, both drivers; nested; with systemd inside; a parent of its own */
	"/docker/" H,
	"/system.slice/docker-" H ".scope",
	"/system.slice/docker-" H ".scope/init.scope",
	"/system.slice/docker-" H ".scope/system.slice/nginx.service",
	"/p/" H,
	"/docker/" G "/docker/" H,
	"/system.slice/docker-" G ".scope/docker/" H,
	"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" H ".scope",
	/* podman, rootful and rootless, both drivers */
	"/libpod_parent/libpod-" H,
	"/machine.slice/libpod-" H ".scope",
	"/machine.slice/libpod-" H ".scope/container",
	"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" H ".scope/container",
	"/machine.slice/machine-libpod_pod_" G ".slice/libpod-" H ".scope",
	/* containerd and CRI-O below a kubelet, both drivers, all classes */
	"/kubepods/pod" U "/" H,
	"/kubepods/besteffort/pod" U "/" H,
	"/kubepods/burstable/pod" U "/" H,
	"/kubepods.slice/kubepods-pod" U_ ".slice/cri-containerd-" H ".scope",
	"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" U_
	".slice/cri-containerd-" H ".scope",
	"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" U_
	".slice/cri-containerd-" H ".scope",
	"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" U_ ".slice/crio-" H
	".scope",
	"/kubepods.slice/kubepods-pod" U_ ".slice/crio-" H,
	"/kubepods/burstable/pod" U "/crio-" H,
	"/kubepods.slice/kubepods-pod" U_ ".slice/docker-" H ".scope",
	"/system.slice/containerd.service/kubepods-burstable-pod" U_ ".slice:cri-containerd:" H,
	"/k8s.io/" H,
	/* kind: a kubelet in a container */
	"/docker/" G "/kubelet/kubepods/besteffort/pod" U "/" H,
	"/system.slice/docker-" G
	".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" U_
	".slice/cri-containerd-" H ".scope",
	/* Amazon ECS */
	"/ecs/" U "/" H,
	"/ecs/cluster/" TASK "/" H,
	"/ecs/" TASK "/" H,
	/* the container's own view of another one's, and garden's and mesos' depth */
	"/../../docker/" H,
};

static const char *const none[] = {
	"/",
	"",
	"/init.scope",
	"/system.slice/nginx.service",
	"/system.slice/docker.service",
	"/system.slice/containerd.service",
	"/user.slice/user-1000.slice/session-3.scope",
	"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-code.scope",
	"/machine.slice/libpod-conmon-" H ".scope",
	"/system.slice/crio-conmon-" H ".scope",
	"/machine.slice/machine-libpod_pod_" H ".slice",
	"/kubepods.slice/kubepods-pod" U_ ".slice",
	"/lxc/web",
	"/lxc.payload.web/init.scope",
	"/machine.slice/systemd-nspawn@web.service/payload",
	"/docker/0123456789abcdef",
	"/docker/" H "0",
	"/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
	"/system.slice/x" H ".service",
	"/ecs/" TASK "-",
	"/ecs/" TASK "-12x",
};

/* path as /proc/PID/cgroup has it: unified, version 1, both, and without the last newline. */
static struct bytes content(size_t form, const char *path)
{
	static const char *const formats[] = {
		"0::%s\n",
		"12:pids:%s\n11:cpu,cpuacct:%s\n1:name=systemd:%s\n",
		"1:name=systemd:%s\n0::/\n",
		"0::%s",
	};
	char text[2048];

	if (form == 1)
		snprintf(text, sizeof(text), formats[1], path, path, path);
	else if (form == 2)
		snprintf(text, sizeof(text), formats[2], path);
	else
		snprintf(text, sizeof(text), form ? formats[3] : formats[0], path);
	return guard_put(&guard, bytes_of_string(text));
}

static void test_containers(void **state)
{
	char id[CONTAINER_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
		for (size_t form = 0; form < 4; form++) {
			if (!container_id_in(content(form, containers[i]), id))
				fail_msg("none in %s", containers[i]);
			assert_string_equal(id, H);
			assert_true(container_matches(content(form, containers[i]), H));
			assert_true(
				container_matches(content(form, containers[i]), "0123456789ab"));
			assert_false(
				container_matches(content(form, containers[i]), "0123456789ac"));
		}
	}
}

static void test_none(void **state)
{
	char id[CONTAINER_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		for (size_t form = 0; form < 4; form++) {
			if (container_id_in(content(form, none[i]), id))
				fail_msg("%s in %s", id, none[i]);
			assert_string_equal(id, "");
		}
	}
}

static void test_fargate(void **state)
{
	char id[CONTAINER_ID_SIZE];

	(void)state;
	assert_true(container_id_in(content(0, "/ecs/" TASK "/" TASK "-1234567890"), id));
	assert_string_equal(id, TASK "-1234567890");
}

/* The outer one of nested containers, a component's name, and what is too short to mean anything.
 */
static void test_matches(void **state)
{
	struct bytes nested = content(0, "/docker/" G "/docker/" H);

	(void)state;
	assert_true(container_matches(nested, G));
	assert_true(container_matches(nested, "fedcba987654"));
	assert_false(container_matches(nested, "fed"));
	assert_false(container_matches(nested, ""));
	assert_true(container_matches(content(0, "/lxc/web"), "web"));
	assert_false(container_matches(content(0, "/lxc/website"), "web"));
	assert_true(container_matches(content(0, "/system.slice/docker-" H ".scope"),
				      "docker-" H ".scope"));
}

static void test_hostile(void **state)
{
	static const char text[] =
		"12:pids:/docker/" H "\n0::/system.slice/docker-" H ".scope/x:\n::\n\n/\n";
	char id[CONTAINER_ID_SIZE], huge[8000];

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++)
		container_id_in(guard_put(&guard, bytes_of(text, cut)), id);
	memset(huge, 'a', sizeof(huge));
	assert_false(container_id_in(guard_put(&guard, bytes_of(huge, sizeof(huge))), id));
	memset(huge, '/', sizeof(huge));
	assert_false(container_id_in(guard_put(&guard, bytes_of(huge, sizeof(huge))), id));
	/* Names that must not become a path or a request. */
	assert_false(container_find("../../etc", id));
	assert_false(container_find("", id));
	assert_false(container_find("..", id));
	assert_false(container_find("a b", id));
}

/* A docker engine that knows one container. */
static void test_docker(void **state)
{
	static const char body[] =
		"{\"Id\": \"" H "\",\"Created\":\"x\",\"Name\":\"/web\",\"State\":{}}";
	struct server_step steps[] = {
		{ .status = 200, .headers = "Content-Type: application/json\r\n" },
		{ .status = 404, .headers = "Content-Type: application/json\r\n" }
	};
	char id[CONTAINER_ID_SIZE], name[64], path[64], host[96];
	struct server server;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/spantap-docker-%d.sock", (int)getpid());
	snprintf(host, sizeof(host), "unix://%s", path);
	steps[0].body = bytes_of_string(body);
	steps[1].body = bytes_of_string("{\"message\":\"No such container: x\"}");
	setenv("DOCKER_HOST", host, 1);
	assert_true(server_start(&server, steps, 1, path));
	assert_true(container_find("web", id));
	assert_string_equal(id, H);
	assert_true(server_head_has(&server, "GET /containers/web/json "));
	container_name(H, name, sizeof(name));
	assert_string_equal(name, "web");
	server_stop(&server);
	remove(path);
	assert_true(server_start(&server, steps + 1, 1, path));
	assert_false(container_find("spantap-no-such", id));
	container_name(H, name, sizeof(name));
	assert_string_equal(name, "");
	server_stop(&server);
	remove(path);
	assert_false(container_find("spantap-no-such", id));
	unsetenv("DOCKER_HOST");
}

static int setup(void **state)
{
	(void)state;
	return guard_init(&guard, 8192);
}

static int teardown(void **state)
{
	(void)state;
	guard_release(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers), cmocka_unit_test(test_none),
		cmocka_unit_test(test_fargate),    cmocka_unit_test(test_matches),
		cmocka_unit_test(test_hostile),    cmocka_unit_test(test_docker),
	};

	return cmocka_run_group_tests_name("container", tests, setup, teardown);
}
