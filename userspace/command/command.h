/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_COMMAND_COMMAND_H
#define SPANTAP_COMMAND_COMMAND_H

/* One command of the command line: one file, and one line in main.c. */

#define EXIT_USAGE 2

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

#endif
