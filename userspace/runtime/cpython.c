// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPython: the context (PEP 567) that is current in the thread's state. asyncio gives each task its
 * own.
 *
 *   thread pointer + pthread's slot -> PyThreadState -> context
 *
 * The state is found through the pthread key that PyGILState_GetThisThreadState uses: the
 * interpreter's own variable is emptied while the GIL is released, and that is how every socket
 * call is made. A thread that never had a context has NULL there; one that used a context variable
 * outside of Context.run() has one that was not entered, which says no more than the thread does.
 * Offsets were compiled against each version's headers.
 *
 * gevent's greenlets have no contexts, but each its own stack of frames:
 * PyThreadState.datastack_chunk since 3.11, a list of which the last member stays while the
 * greenlet lives.
 */
#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/runtime/runtime.h"

#define PTHREAD_SLOTS 0x310  /* glibc, x86-64: struct pthread.specific_1stblock */
#define PTHREAD_SLOTS_MAX 32 /* further ones are elsewhere */
#define EM_X86_64 62
#define CONTEXT_ENTERED 40 /* struct _pycontextobject.ctx_entered, 3.7 to 3.14 */

static const struct layout {
	uint64_t minor;  /* of Python 3 */
	int32_t key;     /* _PyRuntime.autoTSSkey: int is_initialized, pthread_key_t */
	int32_t context; /* PyThreadState.context */
	int32_t chunk;   /* PyThreadState.datastack_chunk; 0: there is none */
} layouts[] = {
	{ 8, 1392, 240, 0 },   { 9, 584, 240, 0 },     { 10, 584, 240, 0 },
	{ 11, 592, 224, 296 }, { 12, 1544, 208, 232 }, { 13, 2160, 208, 232 },
};

/* Has it loaded gevent's compiled part? Programs that only have greenlet (SQLAlchemy's) use
 * asyncio. */
static bool has_gevent(struct bytes maps)
{
	static const char part[] = "/gevent/_gevent_c";

	return memmem(maps.data, maps.len, part, sizeof(part) - 1) != NULL;
}

/* 0 or RUNTIME_FOR_NOW. */
static int choose(const struct layout *layout, bool gevent, struct recipe *out)
{
	if (gevent) {
		out->flags = RECIPE_NOT_THREADS | RECIPE_LAST;
		out->offset[1] = layout->chunk;
		out->steps = layout->chunk ? 2 : 0;
		out->base = layout->chunk ? RECIPE_THREAD : RECIPE_NONE;
		return 0;
	}
	out->offset[1] = layout->context;
	out->active = CONTEXT_ENTERED;
	return RUNTIME_FOR_NOW;
}

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_function function;
	uint64_t address;

	(void)path;
	return elf_find_variable(elf, "_PyRuntime", &address) &&
	       elf_find(elf, "PyContext_CopyCurrent", &function);
}

/* python3.11, libpython3.11.so.1.0: the last "python3." of the path. */
static bool minor_of_path(struct bytes path, uint64_t *minor)
{
	for (size_t i = path.len; i-- > 0;) {
		struct bytes rest = bytes_from(path, i);
		size_t digits = 0;

		if (!bytes_starts(rest, "python3."))
			continue;
		rest = bytes_from(rest, strlen("python3."));
		while (digits < rest.len && rest.data[digits] >= '0' && rest.data[digits] <= '9')
			digits++;
		return bytes_number(bytes_part(rest, 0, digits), minor);
	}
	return false;
}

/* Py_Version, 0x030b02f0, is exported since 3.11. */
static bool find_minor(const struct image *image, uint64_t *minor)
{
	uint64_t address, version = 0;

	if (!elf_find_variable(image->elf, "Py_Version", &address))
		return minor_of_path(image->path, minor);
	if (!image_read(image, address + image->bias, &version, sizeof(version)) ||
	    version >> 24 != 3)
		return false;
	*minor = version >> 16 & 0xff;
	return true;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	const struct layout *layout = NULL;
	uint64_t runtime, minor = 0;
	struct {
		int32_t initialized;
		uint32_t key;
	} key;

	if (image->elf->machine != EM_X86_64)
		return error_set(error, -ENOTSUP, "python: this processor is not known");
	if (!find_minor(image, &minor))
		return error_set(error, -ENOTSUP,
				 "python: a program that does not tell its version");
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].minor == minor)
			layout = &layouts[i];
	if (!layout)
		return error_set(error, -ENOTSUP, "python: version 3.%u is not known",
				 (unsigned int)minor);
	if (!elf_find_variable(image->elf, "_PyRuntime", &runtime) ||
	    !image_read(image, runtime + image->bias + (uint64_t)layout->key, &key, sizeof(key)) ||
	    !key.initialized)
		return -EAGAIN;
	if (key.initialized != 1 || key.key >= PTHREAD_SLOTS_MAX)
		return error_set(error, -ENOTSUP, "python: 3.%u of a form that is not known",
				 (unsigned int)minor);
	*out = (struct recipe){ .base = RECIPE_THREAD, .steps = 2 };
	out->offset[0] = PTHREAD_SLOTS + (int32_t)key.key * 16 + 8;
	return choose(layout, has_gevent(image->maps), out);
}

const struct runtime cpython_runtime = { "python", matches, find_recipe };
