// SPDX-License-Identifier: GPL-2.0-only
/* What processes of the other interpreters run: Java, Node.js, Ruby, PHP, .NET, Erlang, scripts. */
#include "userspace/capture/program_rules.h"

#include <stdio.h>

#include "userspace/base/procfs.h"

static struct bytes first_word(struct bytes title)
{
	return bytes_part(title, 0, bytes_find(title, ' ', 0));
}

/* ---- Java ----------------------------------------------------------------------------------- */

/* billing-1.2.3-SNAPSHOT: without its version. */
static struct bytes without_version(struct bytes name)
{
	struct bytes b = name;

	b = program_without(program_without(program_without(b, "-exec"), "-all"), "-SNAPSHOT");
	b = program_without(program_without(b, "-RELEASE"), ".RELEASE");
	for (size_t at = b.len; at-- > 1;) {
		if (b.data[at] == '-')
			return at + 1 < b.len ? bytes_part(b, 0, at) : name;
		if (b.data[at] != '.' && (b.data[at] < '0' || b.data[at] > '9'))
			break;
	}
	return b;
}

static void name_class(struct program *p, struct bytes class)
{
	struct bytes last, package;

	if (bytes_is(class, "org.apache.catalina.startup.Bootstrap")) {
		program_set(p, bytes_of_string("tomcat"));
		return;
	}
	class = program_base_name(class); /* module/package.Class */
	last = package = class;
	while (bytes_find(last, '.', 0) < last.len) {
		package = last;
		last = bytes_from(last, bytes_find(last, '.', 0) + 1);
	}
	program_set(p, program_vague(last) ? package : last);
}

void program_name_java(struct program *p, struct bytes cmdline, const char *directory)
{
	static const char with_value[] =
		"p --module-path -cp -classpath --class-path --add-opens --add-exports "
		"--add-modules --add-reads --patch-module --upgrade-module-path --limit-modules";
	struct bytes name = program_option(cmdline, NULL, "-Dspring.application.name"), word;
	size_t at = program_first_plain(cmdline, 1, with_value);

	if (!name.len)
		name = program_option(cmdline, NULL, "--spring.application.name");
	if (name.len) {
		program_set(p, name);
		return;
	}
	for (size_t i = 1; i < at; i++) {
		if (!bytes_is(procfs_argument(cmdline, i), "-jar"))
			continue;
		word = program_without(procfs_argument(cmdline, at), ".jar");
		program_set_script(p, without_version(word), directory);
		return;
	}
	name_class(p, procfs_argument(cmdline, at));
}

/* ---- Node.js -------------------------------------------------------------------------------- */

/* A tool of the project: the project is what runs. */
static bool name_project(struct program *p, struct bytes script, const char *directory)
{
	static const char folder[] = "node_modules/";
	const uint8_t *at =
		script.len ? memmem(script.data, script.len, folder, sizeof(folder) - 1) : NULL;

	if (!at)
		return false;
	if (at > script.data + 1)
		program_set(p,
			    program_base_name(bytes_of(script.data, (size_t)(at - script.data))));
	else
		program_set_directory(p, directory);
	return p->named;
}

static bool is_package_manager(struct bytes name)
{
	return bytes_is(name, "npm") || bytes_is(name, "npx") || bytes_is(name, "yarn") ||
	       bytes_is(name, "pnpm");
}

/* Titles: "npm start", "next-server (v14.1.0)", pm2's "node /srv/shop/server.js". */
static bool name_node_title(struct program *p, struct bytes title, const char *directory)
{
	struct bytes word = first_word(title), script;

	if (word.len == title.len)
		return false;
	script = bytes_trim(bytes_from(title, word.len + 1));
	if (bytes_is(program_base_name(word), "node")) {
		script = first_word(script);
		if (!name_project(p, script, directory))
			program_set_script(p, script, directory);
		return true;
	}
	if (bytes_starts(word, "PM2"))
		program_set(p, bytes_of_string("pm2"));
	else if (is_package_manager(word))
		program_set(p, word);
	else
		program_set_directory(p, directory);
	if (!p->named)
		program_set(p, word);
	return true;
}

void program_name_node(struct program *p, struct bytes cmdline, const char *directory)
{
	static const char with_value[] =
		"r C --require --import --loader --experimental-loader --env-file --conditions "
		"--inspect-port --title --input-type --watch-path";
	struct bytes title = procfs_argument(cmdline, 0), script, tool;

	if (name_node_title(p, title, directory) || program_option(cmdline, "-e", "--eval").len)
		return;
	script = procfs_argument(cmdline, program_first_plain(cmdline, 1, with_value));
	tool = program_without(program_without(program_base_name(script), ".js"), "-cli");
	if (is_package_manager(tool))
		program_set(p, tool);
	else if (!name_project(p, script, directory))
		program_set_script(p, script, directory);
}

/* ---- Ruby ----------------------------------------------------------------------------------- */

static bool is_ruby_server(struct bytes name)
{
	static const char *const names[] = { "puma",   "rails",  "rackup", "unicorn",      "thin",
					     "falcon", "bundle", "rake",   "unicorn_rails" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bytes_is(name, names[i]))
			return true;
	return false;
}

/* "puma 6.4.0 (tcp://0.0.0.0:3000) [shop]", "sidekiq 7.1.0 shop [0 of 5 busy]". */
static bool name_ruby_title(struct program *p, struct bytes title, const char *directory)
{
	size_t open = bytes_find(title, '[', 0), close = bytes_find(title, ']', open);
	struct bytes rest;

	if (bytes_starts(title, "puma") && close < title.len)
		program_set(p, bytes_part(title, open + 1, close - open - 1));
	else if (bytes_starts(title, "unicorn "))
		program_set_directory(p, directory);
	else if (bytes_starts(title, "sidekiq ")) {
		rest = bytes_from(title, strlen("sidekiq "));
		rest = bytes_from(rest, first_word(rest).len + 1);
		if (rest.len && rest.data[0] != '[')
			program_set(p, first_word(rest));
		else
			program_set_directory(p, directory);
		program_add_role(p, bytes_of_string("sidekiq"));
	}
	return p->named;
}

void program_name_ruby(struct program *p, struct bytes cmdline, const char *directory)
{
	struct bytes script, tool;

	if (name_ruby_title(p, procfs_argument(cmdline, 0), directory))
		return;
	script = procfs_argument(cmdline, program_first_plain(cmdline, 1, "I r C"));
	tool = program_base_name(script);
	if (is_ruby_server(tool) || bytes_is(tool, "sidekiq"))
		program_set_directory(p, directory);
	if (bytes_is(tool, "sidekiq"))
		program_add_role(p, tool);
	if (!p->named)
		program_set_script(p, script, directory);
}

/* ---- PHP, .NET, Erlang, scripts ------------------------------------------------------------- */

void program_name_php(struct program *p, struct bytes cmdline, const char *directory)
{
	static const char pool[] = "php-fpm: pool ";
	struct bytes title = procfs_argument(cmdline, 0), script;

	if (bytes_starts(title, pool)) {
		title = first_word(bytes_from(title, sizeof(pool) - 1));
		if (!bytes_is(title, "www")) /* the name that packages give it */
			program_set(p, title);
	}
	if (bytes_starts(bytes_of_string(p->executable), "php-")) {
		if (!p->named) /* without the version */
			snprintf(p->name, sizeof(p->name), "%.7s", p->executable);
		return;
	}
	script = procfs_argument(cmdline, program_first_plain(cmdline, 1, "c d f S t"));
	if (!script.len || bytes_is(program_base_name(script), "artisan") ||
	    bytes_is(program_base_name(script), "console"))
		program_set_directory(p, directory);
	if (!p->named)
		program_set_script(p, script, directory);
}

void program_name_dotnet(struct program *p, struct bytes cmdline, const char *directory)
{
	struct bytes word, project = program_option(cmdline, NULL, "--project");

	for (size_t i = 1; (word = procfs_argument(cmdline, i)).len; i++) {
		struct bytes name = program_base_name(word);

		if (program_without(name, ".dll").len < name.len) {
			program_set(p, program_without(name, ".dll"));
			return;
		}
	}
	if (project.len)
		program_set(p, program_without(program_base_name(project), ".csproj"));
	else
		program_set_directory(p, directory);
}

/* A node has a name: "-sname shop", "-name shop@host". */
void program_name_beam(struct program *p, struct bytes cmdline, const char *directory)
{
	struct bytes name = program_option(cmdline, "-sname", "-name");

	program_set(p, bytes_part(name, 0, bytes_find(name, '@', 0)));
	if (!p->named)
		program_set_directory(p, directory);
}

void program_name_script(struct program *p, struct bytes cmdline, const char *directory)
{
	struct bytes word;

	for (size_t i = 1; (word = procfs_argument(cmdline, i)).len && word.data[0] == '-'; i++)
		if (bytes_is(word, "-c") || bytes_is(word, "-e"))
			return;
	program_set_script(p, procfs_argument(cmdline, program_first_plain(cmdline, 1, "I O o")),
			   directory);
}
