// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPython: the context (PEP 567) that is current in the thread's state. asyncio gives each task its
 * own.
 *
 *   thread pointer + pthread's slot (3.15: a thread-local variable) -> PyThreadState -> context
 *
 * The state is the one that PyGILState_GetThisThreadState finds: the interpreter's own variable is
 * emptied while the GIL is released, and that is how every socket call is made. Where a thread
 * keeps it is looked up on a thread whose state the interpreter has in its list, so that a build
 * that is laid out otherwise has no recipe instead of a wrong one. A thread that never had a
 * context has NULL there; one that used a context variable outside of Context.run() has one that
 * was not entered, which says no more than the thread does. Offsets were compiled against each
 * version's headers.
 *
 * gevent's greenlets have no contexts, but each its own stack of frames:
 * PyThreadState.datastack_chunk since 3.11, a list of which the last member stays while the
 * greenlet lives.
 */
#include <errno.h>
#include <stdio.h>

#include "userspace/base/bytes.h"
#include "userspace/runtime/runtime.h"
#include "userspace/runtime/thread_slot.h"

#define EM_X86_64 62
#define STATE_NEXT 8 /* PyThreadState.next: of the interpreter's other threads */
#define STATES_MAX 64
#define CONTEXT_ENTERED 40 /* struct _pycontextobject.ctx_entered */
#define OB_TYPE 8

static const struct layout {
	uint64_t minor;       /* of Python 3 */
	int32_t interpreters; /* _PyRuntime.interpreters.head */
	int32_t threads;      /* PyInterpreterState.threads.head, before 3.11 tstate_head */
	int32_t thread;       /* PyThreadState.thread_id: pthread_self() */
	int32_t context;      /* PyThreadState.context */
	int32_t chunk;        /* PyThreadState.datastack_chunk; 0: there is none */
} layouts[] = {
	{ 8, 32, 8, 176, 240, 0 },        { 9, 32, 8, 176, 240, 0 },
	{ 10, 32, 8, 176, 240, 0 },       { 11, 40, 16, 152, 224, 296 },
	{ 12, 40, 72, 136, 208, 232 },    { 13, 632, 7344, 152, 208, 232 },
	{ 14, 808, 7344, 152, 208, 232 }, { 15, 936, 7336, 176, 232, 256 },
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

/* Built without a GIL (3.13t): reference counts that are merged. */
static bool is_free_threaded(const struct elf *elf)
{
	struct elf_function function;

	return elf_find(elf, "_Py_MergeZeroLocalRefcount", &function);
}

static bool read_word(const struct image *image, uint64_t address, int32_t offset, uint64_t *out)
{
	return image_read(image, address + (uint64_t)(int64_t)offset, out, sizeof(*out));
}

/* Where does this thread keep its state? */
static bool find_place(const struct image *image, uint64_t thread, uint64_t state, int32_t *place)
{
	if (thread_find_returned(image, "PyGILState_GetThisThreadState", place))
		return thread_keeps(image, thread, *place, state);
	return thread_find_slot(image, thread, state, place);
}

/* What the state has for a context is one. */
static bool has_context(const struct image *image, const struct layout *layout, uint64_t state,
			int32_t ob_type)
{
	uint64_t wanted, context, type;

	if (!read_word(image, state, layout->context, &context))
		return false;
	return !context ||
	       (elf_find_variable(image->elf, "PyContext_Type", &wanted) &&
		read_word(image, context, ob_type, &type) && type == wanted + image->bias);
}

/* False too while the interpreter is starting. */
static bool find_state(const struct image *image, const struct layout *layout, uint64_t runtime,
		       struct recipe *out)
{
	uint64_t interpreter, state, thread;

	if (!read_word(image, runtime, layout->interpreters, &interpreter) || !interpreter ||
	    !read_word(image, interpreter, layout->threads, &state))
		return false;
	for (int i = 0; state && i < STATES_MAX; i++) {
		if (read_word(image, state, layout->thread, &thread) && thread_is(image, thread) &&
		    find_place(image, thread, state, &out->offset[0]))
			return has_context(image, layout, state, (int32_t)out->address);
		if (!read_word(image, state, STATE_NEXT, &state))
			break;
	}
	return false;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	const struct layout *layout = NULL;
	uint64_t runtime, minor = 0;

	if (image->elf->machine != EM_X86_64)
		return error_set(error, -ENOTSUP, "python: this processor is not known");
	if (!find_minor(image, &minor))
		return error_set(error, -ENOTSUP,
				 "python: a program that does not tell its version");
	if (is_free_threaded(image->elf))
		return error_set(error, -ENOTSUP, "python: a build without a GIL");
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].minor == minor)
			layout = &layouts[i];
	if (!layout)
		return error_set(error, -ENOTSUP, "python: version 3.%u is not known",
				 (unsigned int)minor);
	*out = (struct recipe){ .base = RECIPE_THREAD, .steps = 2 };
	out->address = OB_TYPE;
	if (!elf_find_variable(image->elf, "_PyRuntime", &runtime) ||
	    !find_state(image, layout, runtime + image->bias, out))
		return -EAGAIN;
	return choose(layout, has_gevent(image->maps), out);
}

static bool tell_version(const struct image *image, char *out, size_t size)
{
	uint64_t address, version = 0, minor;

	if (elf_find_variable(image->elf, "Py_Version", &address) &&
	    image_read(image, address + image->bias, &version, 4))
		return snprintf(out, size, "%u.%u.%u", (unsigned int)(version >> 24 & 0xff),
				(unsigned int)(version >> 16 & 0xff),
				(unsigned int)(version >> 8 & 0xff)) > 0;
	return minor_of_path(image->path, &minor) &&
	       snprintf(out, size, "3.%u", (unsigned int)minor) > 0;
}

const struct runtime cpython_runtime = { "python", matches, find_recipe, tell_version };
