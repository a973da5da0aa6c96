/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SPANTAP_RUNTIME_RUNTIME_H
#define SPANTAP_RUNTIME_RUNTIME_H

/*
 * What spantap knows of language runtimes: where one keeps the id of what runs on a thread. A
 * runtime is one file with a `const struct runtime NAME_runtime` and one line in registry.h;
 * versions are data in that file. What it does not know for sure it leaves alone: a process without
 * a recipe is told apart by its threads.
 */

#include "bpf/config.h"
#include "userspace/base/elf.h"
#include "userspace/base/error.h"

/* A file that a process has mapped, and the process's memory. Both are hostile. */
struct image {
	uint32_t pid;
	int memory_fd; /* /proc/PID/mem, for reading */
	const struct elf *elf;
	struct bytes path;
	uint64_t bias;     /* what to add to an address of the file */
	struct bytes maps; /* the text of /proc/PID/maps */
};

#define RUNTIME_FOR_NOW 1

/* Reads the process's memory; false when it is not there. */
bool image_read(const struct image *image, uint64_t address, void *out, size_t len);

struct runtime {
	const char *name;
	/* Is this file the runtime? Asked once per file. */
	bool (*matches)(const struct elf *elf, struct bytes path);
	/*
	 * Fills *out. 0; RUNTIME_FOR_NOW: ask again, what it loads later may change it; -EAGAIN: it
	 * has not started yet, ask again; -ENOTSUP with a sentence in *error: a version or form
	 * that is not known (where its threads carry what runs, *out may say that they tell
	 * nothing).
	 */
	int (*find_recipe)(const struct image *image, struct recipe *out, struct error *error);
	/* For people, "3.11.2"; false where it is not told. NULL: never. */
	bool (*version)(const struct image *image, char *out, size_t size);
};

extern const struct runtime *const runtimes[]; /* ended by NULL */

/* NULL: none. */
const struct runtime *runtime_of_file(const struct elf *elf, struct bytes path);

#endif
