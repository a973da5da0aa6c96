// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ruby: the execution context (rb_execution_context_t) that is current on the thread; each fiber
 * has its own. Since 3.0 that is a thread-local variable, ruby_current_ec (vm_core.h), exported up
 * to 3.2; from 3.3 on its place stands in the code of rb_fiber_current(), which reads it first.
 *
 *   libruby.so     as thread_local.h says
 *   static ruby    the program's block lies right below the thread pointer
 *
 * In 2.7 it is one for the process, which tells nothing of a thread that waits in a socket call:
 * but each thread keeps its rb_thread_t for a pthread key, and there is its context.
 */
#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/base/cursor.h"
#include "userspace/runtime/thread_local.h"
#include "userspace/runtime/thread_slot.h"

#define EM_X86_64 62
#define TLS_LEN_MAX THREAD_LOCAL_PLACE_MAX
#define VARIABLE "ruby_current_ec"
#define READS_IT "rb_fiber_current"
#define READS_IT_LEN 32
#define OF_PROCESS "ruby_current_execution_context_ptr" /* up to 2.7 */
/* Of 2.7's vm_core.h: */
#define EC_THREAD 56   /* rb_execution_context_t.thread_ptr */
#define THREAD_EC 32   /* rb_thread_t.ec */
#define THREAD_LEN 512 /* somewhere in it: thread_id, pthread_self() */

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_function function;

	(void)path;
	return elf_find(elf, "rb_fiber_current", &function) &&
	       elf_find(elf, "ruby_run_node", &function);
}

static bool is_program(const struct elf *elf)
{
	uint64_t address, len;

	return elf_section(elf, ".interp", &address, &len);
}

static bool find_below_pointer(const struct elf *elf, uint64_t place, struct recipe *out)
{
	uint64_t align = elf->tls_align ? elf->tls_align : 1, size;

	if (align > TLS_LEN_MAX || elf->tls_len > TLS_LEN_MAX || place >= elf->tls_len)
		return false;
	size = (elf->tls_len + align - 1) / align * align;
	*out = (struct recipe){ .base = RECIPE_THREAD, .steps = 1, .flags = RECIPE_NESTED };
	out->offset[0] = (int32_t)((int64_t)place - (int64_t)size);
	return true;
}

/*
 * lea rdi, [rip + pair]; call __tls_get_addr, padded so that linkers may write other code there.
 * The pair: the library's number, and the variable's place in its block.
 */
static bool find_in_code(const struct image *image, uint64_t *place)
{
	static const uint8_t lea[] = { 0x66, 0x48, 0x8d, 0x3d },
			     call[] = { 0x66, 0x66, 0x48, 0xe8 },
			     indirect[] = { 0x66, 0x48, 0xff, 0x15 };
	uint8_t code[READS_IT_LEN];
	struct elf_function f;
	struct cursor c;

	if (!elf_find(image->elf, READS_IT, &f) ||
	    !image_read(image, f.address + image->bias, code, sizeof(code)))
		return false;
	for (size_t i = 0; i + 12 <= sizeof(code); i++) {
		if (memcmp(code + i, lea, sizeof(lea)) != 0)
			continue;
		if (memcmp(code + i + 8, call, sizeof(call)) != 0 &&
		    memcmp(code + i + 8, indirect, sizeof(indirect)) != 0)
			return false;
		c = cursor_of(bytes_of(code + i + 4, 4));
		return image_read(image,
				  f.address + image->bias + i + 8 +
					  (uint64_t)(int64_t)(int32_t)cursor_le32(&c) + 8,
				  place, sizeof(*place));
	}
	return false;
}

static bool find_place(const struct image *image, uint64_t *place)
{
	if (!elf_find_variable(image->elf, VARIABLE, place) &&
	    (is_program(image->elf) || !find_in_code(image, place)))
		return false;
	return *place < TLS_LEN_MAX;
}

/* The pthread that runs this rb_thread_t keeps it there. */
static bool find_slot(const struct image *image, uint64_t thread, int32_t *offset)
{
	uint8_t words[THREAD_LEN];
	struct cursor c = cursor_of(bytes_of(words, sizeof(words)));

	if (!image_read(image, thread, words, sizeof(words)))
		return false;
	while (cursor_left(&c) >= sizeof(uint64_t)) {
		uint64_t word = cursor_le64(&c);

		if (thread_is(image, word) && thread_find_slot(image, word, thread, offset))
			return true;
	}
	return false;
}

/* -EAGAIN also where threads take turns just now. */
static int find_of_process(const struct image *image, uint64_t variable, struct recipe *out)
{
	uint64_t ec, thread, back;

	*out = (struct recipe){ .base = RECIPE_THREAD, .steps = 2, .flags = RECIPE_NESTED };
	out->offset[1] = THREAD_EC;
	if (image_read(image, variable + image->bias, &ec, sizeof(ec)) && ec &&
	    image_read(image, ec + EC_THREAD, &thread, sizeof(thread)) &&
	    image_read(image, thread + THREAD_EC, &back, sizeof(back)) && back == ec &&
	    find_slot(image, thread, &out->offset[0]))
		return 0;
	return -EAGAIN;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	uint64_t place;
	int err;

	if (image->elf->machine != EM_X86_64)
		return error_set(error, -ENOTSUP, "ruby: this processor is not known");
	if (elf_find_variable(image->elf, OF_PROCESS, &place))
		return find_of_process(image, place, out);
	if (!find_place(image, &place))
		return error_set(error, -ENOTSUP, "ruby: a build that does not tell where %s is",
				 VARIABLE);
	if (is_program(image->elf)) {
		if (!find_below_pointer(image->elf, place, out))
			return error_set(error, -ENOTSUP,
					 "ruby: thread-local storage of a form that is not known");
		return 0;
	}
	*out = (struct recipe){ .flags = RECIPE_NESTED };
	err = thread_local_steps(image, place, out);
	if (err == -ENOTSUP)
		return error_set(error, err, "ruby: a build whose threads' storage is not known");
	return err;
}

/* const char ruby_version[] = "3.1.2"; */
static bool tell_version(const struct image *image, char *out, size_t size)
{
	uint64_t address;
	size_t len = 0;

	if (!elf_find_variable(image->elf, "ruby_version", &address) || !size)
		return false;
	while (len + 1 < size && image_read(image, address + image->bias + len, out + len, 1) &&
	       ((out[len] >= '0' && out[len] <= '9') || out[len] == '.'))
		len++;
	out[len] = '\0';
	return len != 0;
}

const struct runtime ruby_runtime = { "ruby", matches, find_recipe, tell_version };
