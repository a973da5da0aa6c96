// SPDX-License-Identifier: GPL-2.0-only
/*
 * tokio (Rust): the task that runs. Since 1.22 its id stands in the thread-local CONTEXT
 * (tokio/src/runtime/context.rs, current_task_id) while the task is polled, on the threads for
 * blocking work too; ids are counted up and not used again. Tasks move between threads.
 *
 *   thread pointer + CONTEXT + field -> Option<Id>
 *
 * Rust orders the fields of a structure as it likes: which one it is, the code that writes it
 * tells, set_current_task_id() or what it was inlined into. An Id is NonZeroU64 since 1.4x: none is
 * 0. It was a plain u64 before, and a word before it says whether there is one.
 */
#include <elf.h>
#include <errno.h>

#include "userspace/base/memory.h"
#include "userspace/base/rust_symbol.h"
#include "userspace/base/thread_stores.h"
#include "userspace/runtime/runtime.h"

#define WORD 8
#define CODE_LEN_MAX 4096 /* real ones have up to 400 bytes */
#define CLOSURE_LEN_MAX 256
#define BLOCK_LEN_MAX 65536
#define FUNCTIONS_MAX 256
#define STRINGS_LEN_MAX (32u << 20)

/* The thread-local block that has it. */
static bool find_context(const struct elf *elf, struct elf_symbol *out)
{
	size_t at = 0;

	while (elf_next_symbol(elf, &at, out))
		if (out->thread_local_one &&
		    rust_symbol_has(out->name, "tokio::runtime::context::CONTEXT"))
			return true;
	return false;
}

/* Of a program without symbols the texts of panics still name tokio's sources. */
static bool mentions_tokio(const struct elf *elf)
{
	static const char mention[] = "/tokio-1.";
	uint64_t address, offset, len;
	uint8_t *text;
	bool found;

	if (elf->tables[1].entries_len ||
	    !elf_section_in_file(elf, ".rodata", &address, &offset, &len) || len > STRINGS_LEN_MAX)
		return false;
	text = memory_new(len ? len : 1);
	found = text && !elf_read(elf, offset, text, len) &&
		memmem(text, len, mention, sizeof(mention) - 1);
	memory_free(text);
	return found;
}

/* A library that has tokio inside does not say what its program runs. */
static bool is_program(const struct elf *elf)
{
	struct elf_function f;
	uint64_t address, len;

	return elf_section(elf, ".interp", &address, &len) || elf_find(elf, "main", &f);
}

static bool matches(const struct elf *elf, struct bytes path)
{
	struct elf_symbol context;

	(void)path;
	return elf->tls_len && is_program(elf) &&
	       (find_context(elf, &context) || mentions_tokio(elf));
}

/* ---- the field ------------------------------------------------------------------------------ */

struct search {
	const struct elf *elf;
	int64_t from, to; /* of CONTEXT, from the thread pointer */
	int64_t place;    /* the id's; 0: not found yet */
	bool tagged;      /* the word before says whether there is one */
	bool unclear;
	size_t functions;
};

/* One word is the id; two, one behind the other, are its mark and itself. More are something else.
 */
static void look_at(struct search *s, const struct elf_symbol *f)
{
	struct thread_stores found;
	uint8_t code[CODE_LEN_MAX];
	uint64_t offset;
	bool tagged;

	if (f->len > sizeof(code) || s->functions++ > FUNCTIONS_MAX ||
	    !elf_offset(s->elf, f->address, f->len, &offset) ||
	    elf_read(s->elf, offset, code, f->len))
		return;
	thread_stores_find(s->elf->machine, bytes_of(code, f->len), s->from, s->to, &found);
	tagged = found.count == 2 && found.at[1] == found.at[0] + WORD;
	if (found.count != 1 && !tagged)
		return;
	s->unclear |= s->place && (s->place != found.at[tagged] || s->tagged != tagged);
	s->place = found.at[tagged];
	s->tagged = tagged;
}

/* Those that do little else. */
static bool writes_it(const struct elf_symbol *f)
{
	static const char guard[] = "TaskIdGuard";

	if (!f->function || !f->len)
		return false;
	return rust_symbol_has(f->name, "tokio::runtime::context::set_current_task_id") ||
	       rust_symbol_has(f->name, "tokio::runtime::task::core::set_stage") ||
	       (memmem(f->name.data, f->name.len, guard, sizeof(guard) - 1) &&
		memmem(f->name.data, f->name.len, "tokio", 5));
}

/*
 * Without optimization the closure in set_current_task_id() has Context in %rdi, adds the field's
 * place, and calls Cell::replace. Of ids of one word only: such a Context is the first in its
 * block, whatever the standard library.
 *
 *   add $0x30, %rdi; mov (%rax), %rsi; call
 */
static void look_at_closure(struct search *s, const struct elf_symbol *f)
{
	static const uint8_t add[] = { 0x48, 0x83, 0xc7 }, load[] = { 0x48, 0x8b, 0x30 };
	uint8_t code[CLOSURE_LEN_MAX];
	struct bytes text = bytes_of(code, f->len), rest;
	const uint8_t *at;
	uint64_t offset;

	if (f->len > sizeof(code) || !elf_offset(s->elf, f->address, f->len, &offset) ||
	    elf_read(s->elf, offset, code, f->len))
		return;
	at = memmem(text.data, text.len, add, sizeof(add));
	rest = bytes_from(text, at ? (size_t)(at - text.data) + sizeof(add) : text.len);
	if (rest.len < 1 + sizeof(load) + 1 || rest.data[0] % WORD || rest.data[0] > INT8_MAX ||
	    memcmp(rest.data + 1, load, sizeof(load)) != 0 ||
	    (rest.data[1 + sizeof(load)] != 0xe8 && rest.data[1 + sizeof(load)] != 0xff))
		return;
	if (s->from + rest.data[0] <= s->to - WORD)
		s->place = s->from + rest.data[0];
}

static void look_at_closures(struct search *s)
{
	struct elf_symbol f;
	size_t at = 0;

	while (!s->place && elf_next_symbol(s->elf, &at, &f))
		if (f.function && f.len && rust_symbol_is_closure(f.name) &&
		    rust_symbol_has(f.name, "tokio::runtime::context::set_current_task_id"))
			look_at_closure(s, &f);
}

static bool find_field(const struct elf *elf, const struct elf_symbol *context, struct search *out)
{
	uint64_t align = elf->tls_align ? elf->tls_align : 1, size;
	struct elf_symbol f;
	size_t at = 0;

	if (align > BLOCK_LEN_MAX || elf->tls_len > BLOCK_LEN_MAX ||
	    context->address >= elf->tls_len || context->len > elf->tls_len - context->address)
		return false;
	size = (elf->tls_len + align - 1) / align * align;
	*out = (struct search){ .elf = elf, .from = (int64_t)context->address - (int64_t)size };
	out->to = out->from + (int64_t)context->len;
	while (elf_next_symbol(elf, &at, &f))
		if (writes_it(&f))
			look_at(out, &f);
	if (!out->place)
		look_at_closures(out);
	return out->place && !out->unclear;
}

static uint64_t find_counter(const struct image *image)
{
	struct elf_symbol s;
	size_t at = 0;

	while (elf_next_symbol(image->elf, &at, &s))
		if (!s.function && !s.thread_local_one &&
		    rust_symbol_has(s.name, "tokio::runtime::task::Id::next::NEXT_ID"))
			return s.address + image->bias;
	return 0;
}

/* Its tasks move between threads all the same: those say nothing. */
static int refuse(struct recipe *out, struct error *error, const char *why)
{
	*out = (struct recipe){ .base = RECIPE_ABSOLUTE, .steps = 1, .flags = RECIPE_NOT_THREADS };
	return error_set(error, -ENOTSUP, "tokio: %s", why);
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	const struct elf *elf = image->elf;
	struct elf_symbol context;
	struct search found;

	if (!find_context(elf, &context))
		return refuse(out, error, "a program without symbols");
	if (elf->machine != EM_X86_64)
		return refuse(out, error, "this processor is not known");
	if (!find_field(elf, &context, &found))
		return refuse(out, error,
			      "a version before 1.22, or code of a form that is not known");
	*out = (struct recipe){ .base = RECIPE_THREAD,
				.steps = 1,
				.flags = RECIPE_NOT_THREADS | RECIPE_TASKS,
				.address = (int64_t)find_counter(image) };
	out->offset[0] = (int32_t)found.place;
	if (!found.tagged)
		return 0;
	out->flags |= RECIPE_MOUNTED;
	out->active = -WORD;
	out->address = 1;
	return 0;
}

const struct runtime tokio_runtime = { "tokio", matches, find_recipe, NULL };
