// SPDX-License-Identifier: GPL-2.0-only
/* See select.h. Each kind of target is a test of one process; the machine's processes are walked
 * once. */
#include "userspace/capture/select.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "userspace/base/procfs.h"
#include "userspace/capture/container.h"
#include "userspace/capture/port.h"

#define TEXT_MAX 65536

bool select_any(const struct select_options *o)
{
	return o->pids.count || o->exes.count || o->ports.count || o->containers.count ||
	       o->cgroups.count || o->all;
}

static bool add_pid(struct select_pids *out, uint32_t pid)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->pids[i] == pid)
			return true;
	if (out->count == SELECT_PIDS_MAX)
		return false;
	out->pids[out->count++] = pid;
	return true;
}

/* ---- by PID --------------------------------------------------------------------------------- */

static int find_pids(const struct option_list *list, struct select_pids *out, struct error *error)
{
	for (size_t i = 0; i < list->count; i++) {
		char path[64];
		uint64_t pid;

		if (!bytes_number(bytes_of_string(list->items[i]), &pid) || !pid || pid > INT32_MAX)
			return error_set(error, -EINVAL,
					 "--pid: \"%s\" is not a PID: give a number, or --exe %s",
					 list->items[i], list->items[i]);
		snprintf(path, sizeof(path), "/proc/%u", (unsigned int)pid);
		if (access(path, F_OK))
			return error_set(error, -ESRCH,
					 "--pid: no process has the PID %s (`ps aux` lists them)",
					 list->items[i]);
		add_pid(out, (uint32_t)pid);
	}
	return 0;
}

/* ---- by program ----------------------------------------------------------------------------- */

static struct bytes base_name(struct bytes path)
{
	size_t at = path.len;

	while (at && path.data[at - 1] != '/')
		at--;
	return bytes_from(path, at);
}

/* The program, its name as the kernel keeps it, or (interpreters) the script. */
static bool runs_program(uint32_t pid, const char *name, struct buf *text)
{
	char exe[4096];
	struct bytes line;

	procfs_link(pid, "exe", exe, sizeof(exe));
	if (!exe[0]) /* a kernel thread, or not ours to look at */
		return false;
	if (!strcmp(exe, name) || bytes_is(base_name(bytes_of_string(exe)), name))
		return true;
	buf_reset(text);
	procfs_read_pid(pid, "comm", text);
	line = buf_bytes(text);
	if (bytes_is(bytes_part(line, 0, bytes_find(line, '\n', 0)), name))
		return true;
	buf_reset(text);
	procfs_read_pid(pid, "cmdline", text);
	for (size_t i = 0; i < 2; i++) {
		struct bytes word = procfs_argument(buf_bytes(text), i);

		if (bytes_is(word, name) || bytes_is(base_name(word), name))
			return true;
	}
	return false;
}

/* ---- by container and cgroup ---------------------------------------------------------------- */

/* In the group, or in one below it. */
static bool in_cgroup(struct bytes cgroup, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (cgroup.len) {
		size_t end = bytes_find(cgroup, '\n', 0);
		struct bytes line = bytes_part(cgroup, 0, end);

		line = bytes_from(line, bytes_find(line, '/', 0));
		if (line.len >= len && !memcmp(line.data, path, len) &&
		    (line.len == len || line.data[len] == '/' || len == 1))
			return true;
		cgroup = bytes_from(cgroup, end + 1);
	}
	return false;
}

/* A name or a PID inside becomes what can be compared with cgroup paths. */
static const char *container_of_name(const char *what, char id[CONTAINER_ID_SIZE])
{
	uint64_t pid;

	if (bytes_number(bytes_of_string(what), &pid) && pid && pid <= INT32_MAX &&
	    container_id_of((uint32_t)pid, id))
		return id;
	return container_find(what, id) ? id : what;
}

/* ---- all together --------------------------------------------------------------------------- */

struct search {
	const struct select_options *options;
	struct select_pids *out;
	const char *containers[OPTION_LIST_MAX];
	char ids[OPTION_LIST_MAX][CONTAINER_ID_SIZE];
	bool found_exe[OPTION_LIST_MAX], found_container[OPTION_LIST_MAX],
		found_cgroup[OPTION_LIST_MAX];
	struct buf text;
};

static const char *cgroup_path(const char *given)
{
	return strncmp(given, "/sys/fs/cgroup/", 15) ? given : given + 14;
}

static bool wanted(struct search *s, uint32_t pid)
{
	const struct select_options *o = s->options;
	bool yes = false;

	for (size_t i = 0; i < o->exes.count; i++)
		if (runs_program(pid, o->exes.items[i], &s->text))
			yes = s->found_exe[i] = true;
	if (o->containers.count || o->cgroups.count) {
		buf_reset(&s->text);
		procfs_read_pid(pid, "cgroup", &s->text);
	}
	for (size_t i = 0; i < o->containers.count; i++)
		if (container_matches(buf_bytes(&s->text), s->containers[i]))
			yes = s->found_container[i] = true;
	for (size_t i = 0; i < o->cgroups.count; i++)
		if (in_cgroup(buf_bytes(&s->text), cgroup_path(o->cgroups.items[i])))
			yes = s->found_cgroup[i] = true;
	if (o->all) {
		char exe[64];

		procfs_link(pid, "exe", exe, sizeof(exe));
		yes = exe[0] != '\0';
	}
	return yes;
}

static int look_at(void *context, uint32_t pid)
{
	struct search *s = context;

	if (pid != (uint32_t)getpid() && wanted(s, pid) && !add_pid(s->out, pid))
		return -ENOSPC;
	return 0;
}

static int check_found(const struct search *s, struct error *error)
{
	const struct select_options *o = s->options;

	for (size_t i = 0; i < o->exes.count; i++)
		if (!s->found_exe[i])
			return error_set(
				error, -ESRCH,
				"--exe: no running program is named %s (`ps aux` lists them)",
				o->exes.items[i]);
	for (size_t i = 0; i < o->containers.count; i++)
		if (!s->found_container[i])
			return error_set(
				error, -ESRCH,
				"--container: no running container is named %s: give its id, its "
				"name, or the PID of a process inside",
				o->containers.items[i]);
	for (size_t i = 0; i < o->cgroups.count; i++)
		if (!s->found_cgroup[i])
			return error_set(
				error, -ESRCH,
				"--cgroup: no process is in %s (paths are as in /proc/PID/cgroup)",
				o->cgroups.items[i]);
	return 0;
}

static int search_processes(const struct select_options *o, struct select_pids *out,
			    struct error *error)
{
	struct search s = { .options = o, .out = out };
	int err;

	if (!o->exes.count && !o->containers.count && !o->cgroups.count && !o->all)
		return 0;
	for (size_t i = 0; i < o->containers.count; i++)
		s.containers[i] = container_of_name(o->containers.items[i], s.ids[i]);
	buf_init(&s.text, TEXT_MAX);
	err = procfs_each_pid(look_at, &s);
	buf_release(&s.text);
	if (err == -ENOSPC)
		return error_set(error, err, "more than %d processes match: name a smaller target",
				 SELECT_PIDS_MAX);
	return error ? check_found(&s, error) : 0;
}

static int find_ports(const struct option_list *list, struct select_pids *out, struct error *error)
{
	for (size_t i = 0; i < list->count; i++) {
		size_t before = out->count;
		uint64_t port;

		if (!bytes_number(bytes_of_string(list->items[i]), &port) || !port || port > 65535)
			return error_set(error, -EINVAL,
					 "--port: \"%s\" is not a port number (1 to 65535)",
					 list->items[i]);
		if (port_owners((uint16_t)port, out))
			return error_set(error, -ENOSPC, "--port: too many processes listen on %s",
					 list->items[i]);
		if (error && out->count == before)
			return error_set(
				error, -ESRCH,
				"--port: nobody listens on TCP port %s (`ss -ltnp` lists who does; "
				"other users' processes need sudo)",
				list->items[i]);
	}
	return 0;
}

int select_find(const struct select_options *o, struct select_pids *out, struct error *error)
{
	int err;

	out->count = 0;
	err = error ? find_pids(&o->pids, out, error) : 0;
	if (!err)
		err = find_ports(&o->ports, out, error);
	return err ? err : search_processes(o, out, error);
}
