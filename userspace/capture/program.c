// SPDX-License-Identifier: GPL-2.0-only
/*
 * See program.h. An executable is an interpreter (then its language's rules, program_python.c and
 * program_rules.c, find what it runs) or the program itself. tests/unit/test_program.c lists what
 * comes out.
 */
#include "userspace/capture/program.h"

#include <errno.h>
#include <stdio.h>

#include "userspace/base/procfs.h"
#include "userspace/capture/program_rules.h"

#define CMDLINE_MAX 65536
#define PART_MAX 60 /* of "directory/name" */

struct bytes program_base_name(struct bytes path)
{
	size_t at = path.len;

	while (at && path.data[at - 1] == '/')
		path.len = --at;
	while (at && path.data[at - 1] != '/')
		at--;
	return bytes_from(path, at);
}

struct bytes program_without(struct bytes b, const char *suffix)
{
	size_t len = strlen(suffix);

	if (b.len > len && bytes_is(bytes_from(b, b.len - len), suffix))
		b.len -= len;
	return b;
}

void program_set(struct program *p, struct bytes name)
{
	if (!name.len)
		return;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(name.len < 120 ? name.len : 120),
		 (const char *)name.data);
	p->named = true;
}

void program_add_role(struct program *p, struct bytes role)
{
	size_t len = strlen(p->name);

	if (role.len && p->named)
		snprintf(p->name + len, sizeof(p->name) - len, "-%.*s",
			 (int)(role.len < 30 ? role.len : 30), (const char *)role.data);
}

static bool is_one_of(struct bytes name, const char *const *words)
{
	for (; *words; words++)
		if (bytes_is(name, *words))
			return true;
	return false;
}

bool program_vague(struct bytes name)
{
	static const char *const words[] = { "app",   "application", "main",  "Main",   "server",
					     "index", "run",         "start", "manage", "wsgi",
					     "asgi",  "__main__",    "web",   "worker", "service",
					     "api",   NULL };

	return is_one_of(name, words);
}

/* The deepest directory of a path whose name says something. */
static struct bytes telling_directory(struct bytes path)
{
	static const char *const words[] = { ".",         "..",    "tmp",    "src",    "dist",
					     "build",     "lib",   "bin",    "sbin",   "out",
					     "usr",       "opt",   "srv",    "home",   "root",
					     "var",       "www",   "html",   "public", "current",
					     "release",   "debug", "target", "local",  "code",
					     "workspace", "exe",   NULL };

	while (path.len) {
		struct bytes name = program_base_name(path);

		if (!name.len)
			break;
		if (!is_one_of(name, words) && !program_vague(name))
			return name;
		path = bytes_part(path, 0, (size_t)(name.data - path.data));
	}
	return (struct bytes){ 0 };
}

void program_set_directory(struct program *p, const char *directory)
{
	program_set(p, telling_directory(bytes_of_string(directory)));
}

void program_set_script(struct program *p, struct bytes script, const char *directory)
{
	static const char *const extensions[] = { ".py", ".pyc", ".js",  ".mjs", ".cjs", ".ts",
						  ".rb", ".ru",  ".php", ".pl",  ".sh",  ".jar" };
	struct bytes file = program_base_name(script), name = file, folder;

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		name = program_without(name, extensions[i]);
	program_set(p, name);
	if (!program_vague(name))
		return;
	folder = telling_directory(bytes_part(script, 0, (size_t)(file.data - script.data)));
	if (!folder.len && script.len && script.data[0] != '/')
		folder = telling_directory(bytes_of_string(directory));
	if (folder.len)
		snprintf(p->name, sizeof(p->name), "%.*s/%.*s",
			 (int)(folder.len < PART_MAX ? folder.len : PART_MAX),
			 (const char *)folder.data,
			 (int)(name.len < PART_MAX ? name.len : PART_MAX), (const char *)name.data);
}

/* Is `option` ("-r", "--require") among the words of list ("r --require")? */
static bool takes_word(const char *list, struct bytes option)
{
	while (*list) {
		size_t len = strcspn(list, " ");
		struct bytes word = bytes_of(list, len);

		if (len == 1 ? option.len == 2 && option.data[1] == word.data[0]
			     : bytes_equal(option, word))
			return true;
		list += len + (list[len] == ' ');
	}
	return false;
}

size_t program_first_plain(struct bytes cmdline, size_t index, const char *with_value)
{
	struct bytes word;

	while ((word = procfs_argument(cmdline, index)).len && word.data[0] == '-')
		index += takes_word(with_value, word) ? 2 : 1;
	return index;
}

struct bytes program_option(struct bytes cmdline, const char *letter, const char *name)
{
	size_t len = strlen(name);
	struct bytes word;

	for (size_t i = 1; (word = procfs_argument(cmdline, i)).len; i++) {
		if (bytes_is(word, name) || (letter && bytes_is(word, letter)))
			return procfs_argument(cmdline, i + 1);
		if (bytes_starts(word, name) && word.len > len && word.data[len] == '=')
			return bytes_from(word, len + 1);
	}
	return (struct bytes){ 0 };
}

/* ---- what is it? ---------------------------------------------------------------------------- */

struct interpreter {
	const char *prefix; /* of the executable's name; a version may follow */
	const char *language, *runtime;
	void (*name)(struct program *p, struct bytes cmdline, const char *directory);
};

static const struct interpreter interpreters[] = {
	{ "python", "python", "cpython", program_name_python },
	{ "pypy", "python", "pypy", program_name_python },
	{ "node", "nodejs", "nodejs", program_name_node },
	{ "nodejs", "nodejs", "nodejs", program_name_node },
	{ "bun", "nodejs", "bun", program_name_node },
	{ "java", "java", "hotspot", program_name_java },
	{ "ruby", "ruby", "ruby", program_name_ruby },
	{ "php", "php", "php", program_name_php },
	{ "php-fpm", "php", "php", program_name_php },
	{ "php-cgi", "php", "php", program_name_php },
	{ "dotnet", "dotnet", ".NET", program_name_dotnet },
	{ "beam", "erlang", "beam", program_name_beam },
	{ "perl", "", "perl", program_name_script },
	{ "bash", "", "", program_name_script },
	{ "dash", "", "", program_name_script },
	{ "sh", "", "", program_name_script },
};

/* python3.11, php-fpm8.2, beam.smp; but not node_exporter. */
static const struct interpreter *find_interpreter(struct bytes executable)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		size_t len = strlen(interpreters[i].prefix);

		if (bytes_starts(executable, interpreters[i].prefix) &&
		    (executable.len == len || executable.data[len] == '.' ||
		     (executable.data[len] >= '0' && executable.data[len] <= '9')))
			return &interpreters[i];
	}
	return NULL;
}

void program_name(struct program *p, const char *path, struct bytes cmdline, const char *directory)
{
	struct bytes executable = program_base_name(bytes_of_string(path));
	const struct interpreter *interpreter = find_interpreter(executable);

	*p = (struct program){ 0 };
	snprintf(p->path, sizeof(p->path), "%s", path);
	snprintf(p->executable, sizeof(p->executable), "%.*s",
		 (int)(executable.len < 60 ? executable.len : 60), (const char *)executable.data);
	snprintf(p->name, sizeof(p->name), "%s", p->executable);
	if (!interpreter) {
		if (program_vague(executable)) /* known only where its directory says more */
			program_set_script(p, bytes_of_string(path), "");
		p->named = strcmp(p->name, p->executable) != 0;
		return;
	}
	snprintf(p->language, sizeof(p->language), "%s", interpreter->language);
	snprintf(p->runtime, sizeof(p->runtime), "%s", interpreter->runtime);
	interpreter->name(p, cmdline, directory);
}

int program_read(uint32_t pid, struct program *p)
{
	char path[4096], directory[4096];
	struct buf cmdline;
	int err;

	procfs_link(pid, "exe", path, sizeof(path));
	procfs_link(pid, "cwd", directory, sizeof(directory));
	path[program_without(bytes_of_string(path), " (deleted)").len] =
		'\0'; /* replaced by a newer version */
	buf_init(&cmdline, CMDLINE_MAX);
	err = procfs_read_pid(pid, "cmdline", &cmdline);
	if (!err && !path[0]) { /* not ours to look at, or a zombie: what it calls itself */
		struct buf comm;

		buf_init(&comm, 64);
		err = procfs_read_pid(pid, "comm", &comm);
		snprintf(path, sizeof(path), "%.*s", (int)bytes_find(buf_bytes(&comm), '\n', 0),
			 comm.data ? (const char *)comm.data : "");
		buf_release(&comm);
	}
	if (!err)
		program_name(p, path, buf_bytes(&cmdline), directory);
	buf_release(&cmdline);
	return err || !path[0] ? -ESRCH : 0;
}
