// SPDX-License-Identifier: GPL-2.0-only
/* The table of commands and nothing else. */
#include <stdio.h>
#include <string.h>

#include "userspace/base/log.h"
#include "userspace/command/command.h"

#define COMMANDS(X) \
	X(trace)    \
	X(record)   \
	X(report)   \
	X(diff)     \
	X(run)      \
	X(convert)  \
	X(export)   \
	X(top)      \
	X(doctor)

#define DECLARE(name) extern const struct command name##_command;
COMMANDS(DECLARE)

#define ENTRY(name) &name##_command,
static const struct command *const commands[] = { COMMANDS(ENTRY) };

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fputs("usage: spantap COMMAND [OPTIONS]\n\nTraces running programs from the kernel: no code change, no restart.\n\n",
	      out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
	fputs("\n  spantap COMMAND --help   says more, with examples\n  spantap --version\n", out);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(name, "--version")) {
		puts("spantap " SPANTAP_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i]->run(argc - 1, argv + 1);
	if (!name[0]) {
		help(stderr);
		return EXIT_USAGE;
	}
	log_error("no such command: \"%s\" (spantap --help lists them)", name);
	return EXIT_USAGE;
}
