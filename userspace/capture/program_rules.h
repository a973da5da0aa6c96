/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_CAPTURE_PROGRAM_RULES_H
#define SPANTAP_CAPTURE_PROGRAM_RULES_H

/* What program.c and its rules per language share. Private to program*.c. */

#include "userspace/capture/program.h"

/* The last part of a path. */
struct bytes program_base_name(struct bytes path);

/* b without suffix, where it ends so and is more than it. */
struct bytes program_without(struct bytes b, const char *suffix);

/* Nothing is set when name is empty. */
void program_set(struct program *p, struct bytes name);

/* "name-role": the worker of an application that has other processes, too. */
void program_add_role(struct program *p, struct bytes role);

/*
 * A script's name without its extension; one that says nothing ("app", "index") gets its
 * directory's in front: "shop/app". Directories that say nothing ("src", "dist") are passed over.
 */
void program_set_script(struct program *p, struct bytes script, const char *directory);

/* The name of the project's directory: of its deepest part that says something. */
void program_set_directory(struct program *p, const char *directory);

/* Names that say nothing, as "main". */
bool program_vague(struct bytes name);

/* Index of the first word that is no option, from index on. with_value: letters and long names
 * whose value is the next word, "r --require --import". */
size_t program_first_plain(struct bytes cmdline, size_t index, const char *with_value);

/* The value of an option in any of the forms "-A x", "--app x", "--app=x"; empty when it is not
 * there. letter may be NULL. */
struct bytes program_option(struct bytes cmdline, const char *letter, const char *name);

void program_name_python(struct program *p, struct bytes cmdline, const char *directory);
void program_name_java(struct program *p, struct bytes cmdline, const char *directory);
void program_name_node(struct program *p, struct bytes cmdline, const char *directory);
void program_name_ruby(struct program *p, struct bytes cmdline, const char *directory);
void program_name_php(struct program *p, struct bytes cmdline, const char *directory);
void program_name_dotnet(struct program *p, struct bytes cmdline, const char *directory);
void program_name_beam(struct program *p, struct bytes cmdline, const char *directory);
void program_name_script(struct program *p, struct bytes cmdline, const char *directory);

#endif
