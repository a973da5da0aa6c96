// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a Python process runs: a script, a module (-m), or an application inside one of the usual
 * servers, which name it "package.module:application" and may have changed their title to
 * "gunicorn: worker [shop.web:app]".
 */
#include "userspace/base/procfs.h"
#include "userspace/capture/program_rules.h"

static const char *const servers[] = { "gunicorn",       "uvicorn", "hypercorn", "daphne",
				       "waitress-serve", "granian", "dramatiq",  "arq",
				       "uwsgi",          NULL };

static bool is_server(struct bytes name)
{
	for (const char *const *server = servers; *server; server++)
		if (bytes_is(name, *server))
			return true;
	return false;
}

static bool in_identifier(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* Could it be "package.module"? A number, a path or an address cannot. */
static bool is_module(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (!in_identifier(b.data[i]) && (b.data[i] != '.' || i == 0))
			return false;
	return b.len && (b.data[0] < '0' || b.data[0] > '9');
}

/* Modules whose package says it all. */
static bool is_entry(struct bytes module)
{
	return bytes_is(module, "app") || bytes_is(module, "main") || bytes_is(module, "wsgi") ||
	       bytes_is(module, "asgi") || bytes_is(module, "__main__") ||
	       bytes_is(module, "application");
}

/* "package.module:application", "package.module:create()": the module. */
static void set_application(struct program *p, struct bytes target, const char *directory)
{
	struct bytes module = bytes_part(target, 0, bytes_find(target, ':', 0)), last = module;

	while (bytes_find(last, '.', 0) < last.len)
		last = bytes_from(last, bytes_find(last, '.', 0) + 1);
	if (last.len == module.len)
		program_set_script(p, module, directory);
	else
		program_set(p, is_entry(last) ? bytes_part(module, 0, module.len - last.len - 1)
					      : module);
}

/* The word with the application: the first "module:name", else the first plain one, else the last
 * module. */
static struct bytes application_word(struct bytes cmdline, size_t from)
{
	struct bytes word, plain = { 0 }, last = { 0 };
	bool option = false;

	for (size_t i = from; (word = procfs_argument(cmdline, i)).len; i++) {
		size_t colon = bytes_find(word, ':', 0);

		if (is_module(bytes_part(word, 0, colon)) && colon + 1 < word.len &&
		    (word.data[colon + 1] == '_' || word.data[colon + 1] >= 'A') &&
		    bytes_find(word, '/', 0) == word.len)
			return word;
		if (is_module(word) && program_without(word, ".py").len == word.len) {
			last = word;
			if (!plain.len && !option)
				plain = word;
		}
		option = word.data[0] == '-';
	}
	return plain.len ? plain : last;
}

/* The process of a server: "gunicorn -b :80 shop.web:app". */
static void name_server(struct program *p, struct bytes cmdline, size_t at, struct bytes server,
			const char *directory)
{
	set_application(p, application_word(cmdline, at), directory);
	if (!p->named)
		program_set_directory(p, directory);
	if (!p->named)
		program_set(p, server);
}

/* "celery -A shop worker": its application has other processes, too. */
static void name_celery(struct program *p, struct bytes cmdline, const char *directory)
{
	static const char *const roles[] = { "worker", "beat", "flower" };

	set_application(p, program_option(cmdline, "-A", "--app"), directory);
	if (!p->named)
		program_set(p, bytes_of_string("celery"));
	for (size_t r = 0; r < sizeof(roles) / sizeof(roles[0]); r++)
		for (size_t i = 2; procfs_argument(cmdline, i).len; i++)
			if (bytes_is(procfs_argument(cmdline, i), roles[r])) {
				program_add_role(p, bytes_of_string(roles[r]));
				return;
			}
}

static void name_flask(struct program *p, struct bytes cmdline, const char *directory)
{
	set_application(p, program_option(cmdline, "-A", "--app"), directory);
	if (!p->named)
		program_set_directory(p, directory);
	if (!p->named)
		program_set(p, bytes_of_string("flask"));
}

/* What stands at `at` is a command or module that may be a server. */
static bool name_known(struct program *p, struct bytes cmdline, size_t at, struct bytes word,
		       const char *directory)
{
	if (is_server(word))
		name_server(p, cmdline, at + 1, word, directory);
	else if (bytes_is(word, "celery"))
		name_celery(p, cmdline, directory);
	else if (bytes_is(word, "flask"))
		name_flask(p, cmdline, directory);
	else
		return false;
	return true;
}

/* "gunicorn: master [shop.web:app]": the title replaced the command line. */
static bool name_title(struct program *p, struct bytes cmdline, const char *directory)
{
	struct bytes title = procfs_argument(cmdline, 0);
	size_t open = bytes_find(title, '[', 0), close = bytes_find(title, ']', open);

	if (!bytes_starts(title, "gunicorn: ") || close >= title.len)
		return false;
	set_application(p, bytes_part(title, open + 1, close - open - 1), directory);
	return p->named;
}

void program_name_python(struct program *p, struct bytes cmdline, const char *directory)
{
	size_t at = 1;
	struct bytes word;

	if (name_title(p, cmdline, directory))
		return;
	for (; (word = procfs_argument(cmdline, at)).len && word.data[0] == '-'; at++) {
		if (bytes_starts(word, "-m")) {
			at += word.len == 2;
			word = word.len == 2 ? procfs_argument(cmdline, at) : bytes_from(word, 2);
			if (!name_known(p, cmdline, at, word, directory))
				program_set(p, program_without(word, ".__main__"));
			return;
		}
		if (bytes_is(word, "-c"))
			return;
		at += bytes_is(word, "-W") || bytes_is(word, "-X");
	}
	if (!word.len || name_known(p, cmdline, at, program_base_name(word), directory))
		return;
	program_set_script(p, word, directory);
	if (!bytes_is(program_base_name(word), "manage.py"))
		return;
	/* Django's: the project's directory is its name. */
	if (word.len > strlen("manage.py"))
		program_set(
			p, program_base_name(bytes_part(word, 0, word.len - strlen("/manage.py"))));
	else
		program_set_directory(p, directory);
}
