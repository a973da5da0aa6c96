// SPDX-License-Identifier: GPL-2.0-only
/* See program.h. Rules by interpreter and server; whatever they do not know is called by its executable. */
#include "userspace/capture/program.h"

#include <errno.h>
#include <stdio.h>

#include "userspace/base/procfs.h"

#define CMDLINE_MAX 65536

static struct bytes base_name(struct bytes path)
{
	size_t at = path.len;

	while (at && path.data[at - 1] == '/')
		path.len = --at;
	while (at && path.data[at - 1] != '/')
		at--;
	return bytes_from(path, at);
}

static bool ends(struct bytes b, const char *suffix)
{
	size_t len = strlen(suffix);

	return b.len > len && bytes_is(bytes_from(b, b.len - len), suffix);
}

static struct bytes without(struct bytes b, const char *suffix)
{
	if (ends(b, suffix))
		b.len -= strlen(suffix);
	return b;
}

static void set_name(struct program *p, struct bytes name)
{
	if (!name.len)
		return;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(name.len < 120 ? name.len : 120), (const char *)name.data);
	p->named = true;
}

/* Names that say nothing: the directory says more. */
static bool vague(struct bytes name)
{
	static const char *const words[] = { "app", "main", "server", "index", "run", "start", "manage", "wsgi",
					     "asgi", "__main__", "web", "worker", "service", "api" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bytes_is(name, words[i]))
			return true;
	return false;
}

/* A script's own name; where that is vague and its directory is known and not, both: "shop/app". */
static void set_script(struct program *p, struct bytes script, const char *directory)
{
	struct bytes name = base_name(script), folder;

	name = without(without(without(without(name, ".py"), ".js"), ".rb"), ".php");
	name = without(without(without(name, ".mjs"), ".cjs"), ".ts");
	set_name(p, name);
	if (!vague(name))
		return;
	folder = script.len > base_name(script).len ?
			 base_name(bytes_part(script, 0, script.len - base_name(script).len)) :
			 base_name(bytes_of_string(directory));
	if (!folder.len || bytes_is(folder, ".") || bytes_is(folder, "..") || bytes_is(folder, "tmp"))
		return;
	snprintf(p->name, sizeof(p->name), "%.*s/%.*s", (int)(folder.len < 60 ? folder.len : 60),
		 (const char *)folder.data, (int)(name.len < 60 ? name.len : 60), (const char *)name.data);
}

/* "package.module:application" or "package.module:create()": the module. */
static void set_application(struct program *p, struct bytes target, const char *directory)
{
	struct bytes module = bytes_part(target, 0, bytes_find(target, ':', 0));
	size_t dot = bytes_find(module, '.', 0);

	if (dot < module.len) {
		struct bytes last = module;

		while (bytes_find(last, '.', 0) < last.len)
			last = bytes_from(last, bytes_find(last, '.', 0) + 1);
		set_name(p, vague(last) ? bytes_part(module, 0, module.len - last.len - 1) : module);
		return;
	}
	set_script(p, module, directory);
}

/* Options of an interpreter that take the next word as their value. */
static bool takes_word(const char *options, struct bytes word)
{
	return word.len == 2 && strchr(options, word.data[1]);
}

/* Index of the first word that is no option, from index on. */
static size_t first_plain(struct bytes cmdline, size_t index, const char *with_value)
{
	struct bytes word;

	while ((word = procfs_argument(cmdline, index)).len && word.data[0] == '-')
		index += takes_word(with_value, word) ? 2 : 1;
	return index;
}

static bool is_server(struct bytes name)
{
	static const char *const servers[] = { "gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve",
					       "granian", "celery" };

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		if (bytes_is(name, servers[i]))
			return true;
	return false;
}

/* The word with the application: the first that has a colon in it and no slash, else the first plain one. */
static struct bytes application_word(struct bytes cmdline, size_t from)
{
	struct bytes word, plain = { 0 };

	for (size_t i = from; (word = procfs_argument(cmdline, i)).len; i++) {
		size_t colon = bytes_find(word, ':', 0);

		if (word.data[0] == '-')
			continue;
		if (colon && colon < word.len && bytes_find(word, '/', 0) == word.len &&
		    (colon + 1 == word.len || word.data[colon + 1] < '0' || word.data[colon + 1] > '9'))
			return word;
		if (!plain.len && procfs_argument(cmdline, i - 1).data[0] != '-')
			plain = word;
	}
	return plain;
}

static void name_python_module(struct program *p, struct bytes cmdline, size_t at, struct bytes module,
			       const char *directory)
{
	if (is_server(module))
		set_application(p, application_word(cmdline, at), directory);
	else if (bytes_is(module, "flask")) {
		set_name(p, base_name(bytes_of_string(directory)));
		for (size_t i = at; procfs_argument(cmdline, i).len; i++)
			if (bytes_is(procfs_argument(cmdline, i), "--app") || bytes_is(procfs_argument(cmdline, i), "-A"))
				set_application(p, procfs_argument(cmdline, i + 1), directory);
	} else {
		set_name(p, module);
	}
}

static void name_python(struct program *p, struct bytes cmdline, const char *directory)
{
	size_t at = 1;
	struct bytes word;

	for (; (word = procfs_argument(cmdline, at)).len && word.data[0] == '-'; at++) {
		if (bytes_is(word, "-m")) {
			name_python_module(p, cmdline, at + 2, procfs_argument(cmdline, at + 1), directory);
			return;
		}
		if (bytes_is(word, "-c"))
			return;
		at += takes_word("WX", word);
	}
	if (!word.len)
		return;
	if (is_server(base_name(word)) || bytes_is(base_name(word), "flask"))
		name_python_module(p, cmdline, at + 1, base_name(word), directory);
	else
		set_script(p, word, directory);
}

static void name_java(struct program *p, struct bytes cmdline)
{
	struct bytes word;

	for (size_t i = 1; (word = procfs_argument(cmdline, i)).len; i++) {
		if (bytes_is(word, "-jar")) {
			set_name(p, without(base_name(procfs_argument(cmdline, i + 1)), ".jar"));
			return;
		}
		if (bytes_is(word, "-cp") || bytes_is(word, "-classpath") || bytes_is(word, "--module-path") ||
		    bytes_is(word, "-p")) {
			i++;
			continue;
		}
		if (word.data[0] == '-')
			continue;
		while (bytes_find(word, '.', 0) < word.len) /* a class: its last part */
			word = bytes_from(word, bytes_find(word, '.', 0) + 1);
		set_name(p, word);
		return;
	}
}

/* "gunicorn: master [shop]", "php-fpm: pool www", "puma 5.6 (tcp://...) [shop]": what the title says. */
static bool name_title(struct program *p, struct bytes cmdline)
{
	struct bytes title = procfs_argument(cmdline, 0);
	size_t open = bytes_find(title, '[', 0), close = bytes_find(title, ']', open);

	if (!bytes_starts(title, "gunicorn: ") && !bytes_starts(title, "puma"))
		return false;
	if (close < title.len && close > open + 1)
		set_application(p, bytes_part(title, open + 1, close - open - 1), "");
	return p->named;
}

struct interpreter {
	const char *prefix; /* of the executable's name */
	const char *language, *runtime;
};

static const struct interpreter interpreters[] = {
	{ "python", "python", "cpython" }, { "pypy", "python", "pypy" },   { "node", "nodejs", "nodejs" },
	{ "bun", "nodejs", "bun" },	   { "java", "java", "hotspot" },  { "ruby", "ruby", "ruby" },
	{ "php", "php", "php" },	   { "dotnet", "dotnet", ".NET" }, { "beam", "erlang", "beam" },
	{ "perl", "", "perl" },
};

void program_name(struct program *p, const char *path, struct bytes cmdline, const char *directory)
{
	struct bytes executable = base_name(bytes_of_string(path));
	const char *language = "";

	*p = (struct program){ 0 };
	snprintf(p->path, sizeof(p->path), "%s", path);
	snprintf(p->executable, sizeof(p->executable), "%.*s", (int)(executable.len < 60 ? executable.len : 60),
		 (const char *)executable.data);
	snprintf(p->name, sizeof(p->name), "%s", p->executable);
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		if (!bytes_starts(executable, interpreters[i].prefix))
			continue;
		language = interpreters[i].language;
		snprintf(p->language, sizeof(p->language), "%s", language);
		snprintf(p->runtime, sizeof(p->runtime), "%s", interpreters[i].runtime);
		break;
	}
	if (name_title(p, cmdline))
		return;
	if (!strcmp(language, "python"))
		name_python(p, cmdline, directory);
	else if (!strcmp(language, "java"))
		name_java(p, cmdline);
	else if (!strcmp(language, "nodejs"))
		set_script(p, procfs_argument(cmdline, first_plain(cmdline, 1, "r")), directory);
	else if (!strcmp(language, "ruby") || !strcmp(p->runtime, "perl"))
		set_script(p, procfs_argument(cmdline, first_plain(cmdline, 1, "IrC")), directory);
	else if (!strcmp(language, "dotnet"))
		set_name(p, without(base_name(procfs_argument(cmdline, 1)), ".dll"));
	else if (!strcmp(language, "php") && !bytes_starts(executable, "php-fpm"))
		set_script(p, procfs_argument(cmdline, first_plain(cmdline, 1, "cdfSt")), directory);
}

int program_read(uint32_t pid, struct program *p)
{
	char path[4096], directory[4096];
	struct buf cmdline;
	int err;

	procfs_link(pid, "exe", path, sizeof(path));
	procfs_link(pid, "cwd", directory, sizeof(directory));
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
