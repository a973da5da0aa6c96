// SPDX-License-Identifier: GPL-2.0-only
/*
 * See container.h. The paths that engines use are listed in tests/unit/test_container.c. Engines
 * are asked through their socket (docker), what they keep on disk (containerd) or what they run
 * (podman, CRI-O).
 */
#include "userspace/capture/container.h"

#include <curl/curl.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "userspace/base/procfs.h"

#define ID_LEN 64
#define TASK_LEN 32
#define SHORT_ID_MIN 4
#define FILE_MAX_BYTES (16u << 20)
#define ANSWER_MAX_BYTES (1u << 20)

static bool is_hex(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return b.len > 0;
}

static bool is_digits(struct bytes b)
{
	uint64_t number;

	return bytes_number(b, &number);
}

/* ECS on Fargate: 32 hex digits of the task, "-", a number. */
static bool is_fargate(struct bytes b)
{
	return b.len > TASK_LEN + 1 && b.data[TASK_LEN] == '-' &&
	       is_hex(bytes_part(b, 0, TASK_LEN)) && is_digits(bytes_from(b, TASK_LEN + 1));
}

/* The id in one path component: `ID`, `docker-ID.scope`, `libpod-ID`, `crio-ID`, ... */
static struct bytes id_of_component(struct bytes component)
{
	if (is_fargate(component))
		return component;
	/* The engine's monitor of a container is not in it. */
	if (bytes_starts(component, "libpod-conmon-") || bytes_starts(component, "crio-conmon-"))
		return (struct bytes){ 0 };
	if (component.len > 6 && bytes_is(bytes_from(component, component.len - 6), ".scope"))
		component.len -= 6;
	if (component.len < ID_LEN)
		return (struct bytes){ 0 };
	if (component.len > ID_LEN && component.data[component.len - ID_LEN - 1] != '-' &&
	    component.data[component.len - ID_LEN - 1] != ':')
		return (struct bytes){ 0 };
	component = bytes_from(component, component.len - ID_LEN);
	return is_hex(component) ? component : (struct bytes){ 0 };
}

/* Walks all path components of all lines ("0::/a/b"); stops when each returns true. */
static bool each_component(struct bytes cgroup, bool (*each)(void *context, struct bytes component),
			   void *context)
{
	while (cgroup.len) {
		size_t end = bytes_find(cgroup, '\n', 0);
		struct bytes line = bytes_part(cgroup, 0, end);
		size_t path = bytes_find(line, '/', 0);

		for (line = bytes_from(line, path + 1); line.len;) {
			size_t slash = bytes_find(line, '/', 0);

			if (each(context, bytes_part(line, 0, slash)))
				return true;
			line = bytes_from(line, slash + 1);
		}
		cgroup = bytes_from(cgroup, end + 1);
	}
	return false;
}

static bool keep_last_id(void *context, struct bytes component)
{
	struct bytes id = id_of_component(component), *last = context;

	/* Nested containers: the innermost one. */
	if (id.len)
		*last = id;
	return false;
}

bool container_id_in(struct bytes cgroup, char id[CONTAINER_ID_SIZE])
{
	struct bytes last = { 0 };

	each_component(cgroup, keep_last_id, &last);
	snprintf(id, CONTAINER_ID_SIZE, "%.*s", (int)last.len,
		 last.len ? (const char *)last.data : "");
	return last.len != 0;
}

bool container_id_of(uint32_t pid, char id[CONTAINER_ID_SIZE])
{
	struct buf cgroup;
	bool found;

	buf_init(&cgroup, 65536);
	procfs_read_pid(pid, "cgroup", &cgroup);
	found = container_id_in(buf_bytes(&cgroup), id);
	buf_release(&cgroup);
	return found;
}

static bool component_matches(void *context, struct bytes component)
{
	const char *what = context;
	struct bytes id = id_of_component(component);

	return bytes_is(component, what) ||
	       (strlen(what) >= SHORT_ID_MIN && is_hex(bytes_of_string(what)) &&
		bytes_starts(id, what));
}

bool container_matches(struct bytes cgroup, const char *what)
{
	return each_component(cgroup, component_matches, (void *)what);
}

/* ---- engines -------------------------------------------------------------------------------- */

/* The string that follows `"key":"` (spaces allowed) at or after *at; advances *at. */
static struct bytes next_string(struct bytes json, const char *key, size_t *at)
{
	size_t len = strlen(key);

	for (size_t i = *at; i + len + 3 < json.len; i++) {
		size_t from = i + len + 2, end;

		if (json.data[i] != '"' || memcmp(json.data + i + 1, key, len) ||
		    json.data[i + len + 1] != '"')
			continue;
		while (from < json.len && (json.data[from] == ':' || json.data[from] == ' '))
			from++;
		if (from >= json.len || json.data[from] != '"')
			continue;
		end = bytes_find(json, '"', from + 1);
		*at = end;
		return bytes_part(json, from + 1, end - from - 1);
	}
	*at = json.len;
	return (struct bytes){ 0 };
}

static bool copy_id(struct bytes id, char *out)
{
	if (!id.len || id.len >= CONTAINER_ID_SIZE)
		return false;
	snprintf(out, CONTAINER_ID_SIZE, "%.*s", (int)id.len, (const char *)id.data);
	return true;
}

static size_t keep_answer(char *data, size_t size, size_t count, void *context)
{
	return buf_add(context, data, size * count) ? size * count : 0;
}

/* GET path from the docker engine's socket. False when there is no such engine or answer. */
static bool ask_docker(const char *path, struct buf *answer)
{
	const char *host = getenv("DOCKER_HOST");
	const char *socket =
		host && !strncmp(host, "unix://", 7) ? host + 7 : "/var/run/docker.sock";
	CURL *curl = curl_easy_init();
	char url[512];
	long status = 0;

	if (!curl)
		return false;
	snprintf(url, sizeof(url), "http://docker/%s", path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 2000L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	return status == 200;
}

/* Container names are [a-zA-Z0-9_.-]; anything else must not get into a path. */
static bool plain_name(const char *name)
{
	return name[0] &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		       strlen(name) &&
	       strcmp(name, ".") && strcmp(name, "..");
}

static bool find_docker(const char *name, char *id)
{
	struct buf answer;
	char path[256];
	size_t at = 0;
	bool found;

	buf_init(&answer, ANSWER_MAX_BYTES);
	snprintf(path, sizeof(path), "containers/%s/json", name);
	found = ask_docker(path, &answer) &&
		copy_id(next_string(buf_bytes(&answer), "Id", &at), id);
	buf_release(&answer);
	return found;
}

/*
 * podman and CRI-O, wherever they keep their files: each container has a monitor that runs as
 * "conmon ... -c ID ... -n NAME ..." as long as it does.
 */
struct conmon_search {
	const char *known, *value; /* an option and what it must be */
	const char *wanted;        /* the option whose value is found */
	char *out;
	size_t size;
	struct buf text;
};

static struct bytes option_of(struct bytes cmdline, const char *option)
{
	struct bytes word;

	for (size_t i = 1; (word = procfs_argument(cmdline, i)).len; i++)
		if (bytes_is(word, option))
			return procfs_argument(cmdline, i + 1);
	return (struct bytes){ 0 };
}

static int look_at_conmon(void *context, uint32_t pid)
{
	struct conmon_search *s = context;
	struct bytes found;

	buf_reset(&s->text);
	procfs_read_pid(pid, "comm", &s->text);
	if (!bytes_is(buf_bytes(&s->text), "conmon\n"))
		return 0;
	buf_reset(&s->text);
	procfs_read_pid(pid, "cmdline", &s->text);
	found = option_of(buf_bytes(&s->text), s->wanted);
	if (!bytes_is(option_of(buf_bytes(&s->text), s->known), s->value) || !found.len ||
	    found.len >= s->size)
		return 0;
	snprintf(s->out, s->size, "%.*s", (int)found.len, (const char *)found.data);
	return 1;
}

static bool ask_conmon(struct conmon_search *s)
{
	bool found;

	buf_init(&s->text, 65536);
	found = procfs_each_pid(look_at_conmon, s) > 0;
	buf_release(&s->text);
	return found;
}

static bool find_conmon(const char *name, char *id)
{
	struct conmon_search s = {
		.known = "-n", .value = name, .wanted = "-c", .out = id, .size = CONTAINER_ID_SIZE
	};

	return ask_conmon(&s);
}

/* containerd: a directory per container, by namespace; Kubernetes' name is an annotation of its
 * bundle. */
static bool bundle_is(const char *directory, const char *container, const char *name)
{
	char path[1024];
	struct buf file;
	size_t at = 0;
	bool found;

	if (!strcmp(container, name))
		return true;
	snprintf(path, sizeof(path), "%s/%s/config.json", directory, container);
	buf_init(&file, FILE_MAX_BYTES);
	procfs_read(path, &file);
	found = bytes_is(next_string(buf_bytes(&file), "io.kubernetes.cri.container-name", &at),
			 name);
	buf_release(&file);
	return found;
}

static bool find_in_namespace(const char *directory, const char *name, char *id)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && bundle_is(directory, entry->d_name, name))
			found = copy_id(bytes_of_string(entry->d_name), id);
	if (dir)
		closedir(dir);
	return found;
}

static bool find_containerd(const char *name, char *id)
{
	static const char root[] = "/run/containerd/io.containerd.runtime.v2.task";
	DIR *dir = opendir(root);
	struct dirent *entry;
	char path[512];
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", root, entry->d_name);
		found = find_in_namespace(path, name, id);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool container_find(const char *name, char id[CONTAINER_ID_SIZE])
{
	return plain_name(name) &&
	       (find_docker(name, id) || find_conmon(name, id) || find_containerd(name, id));
}

void container_name(const char *id, char *out, size_t size)
{
	struct conmon_search s = {
		.known = "-c", .value = id, .wanted = "-n", .out = out, .size = size
	};
	struct buf answer;
	struct bytes name;
	char path[256];
	size_t at = 0;

	out[0] = '\0';
	if (!plain_name(id) || ask_conmon(&s))
		return;
	buf_init(&answer, ANSWER_MAX_BYTES);
	snprintf(path, sizeof(path), "containers/%s/json", id);
	if (ask_docker(path, &answer)) {
		name = next_string(buf_bytes(&answer), "Name", &at);
		if (name.len && name.data[0] == '/')
			name = bytes_from(name, 1);
		snprintf(out, size, "%.*s", (int)name.len, (const char *)name.data);
	}
	buf_release(&answer);
}
