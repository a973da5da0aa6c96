// SPDX-License-Identifier: GPL-2.0-only
/*
 * HotSpot: virtual threads (JDK 21 and later). A platform thread runs for itself, and is a unit as
 * threads are; while a virtual thread is mounted on it (a carrier), that counts, by its thread id.
 *
 *   Thread::_thr_current, thread-local in libjvm -> JavaThread
 *   24, 25     its _monitor_owner_id, while its _cont_entry is not NULL
 *   21 to 23   its JfrThreadLocal's _vthread_id, while the byte _vthread there is not 0; code and
 *              interpreter set both whether or not anybody records (library_call.cpp,
 *              jfrThreadLocal.cpp). The thread object itself cannot be read: collectors move it.
 *
 * Offsets come from the tables that libjvm has for the serviceability agent (vmStructs.cpp,
 * exported) and for compilers written in Java (vmStructs_jvmci.cpp, a symbol).
 */
#include <errno.h>

#include "userspace/base/bytes.h"
#include "userspace/runtime/thread_local.h"

#define EM_X86_64 62
#define ENTRY_LEN_MAX 128
#define ENTRIES_MAX 8192
#define NAME_LEN_MAX 24 /* of those that are looked for */
#define OFFSET_MAX 16384
#define BYTE_MASK 0xff
#define TABLE "gHotSpotVMStructs"
#define ENTRY "gHotSpotVMStructEntry"
#define COMPILERS_TABLE "_ZN14JVMCIVMStructs21localHotSpotVMStructsE"
#define CURRENT "_ZN6Thread12_thr_currentE"

enum field {
	THREAD_OBJECT, /* in each version's tables, once they are filled */
	VTHREAD,
	MONITOR_OWNER_ID,
	CONT_ENTRY,
	JFR_THREAD_LOCAL,
	JFR_VTHREAD_ID,
	JFR_VTHREAD,
	FIELD_COUNT,
};

static const struct {
	char type[NAME_LEN_MAX], name[NAME_LEN_MAX];
} fields[FIELD_COUNT] = {
	[THREAD_OBJECT] = { "JavaThread", "_threadObj" },
	[VTHREAD] = { "JavaThread", "_vthread" },
	[MONITOR_OWNER_ID] = { "JavaThread", "_monitor_owner_id" },
	[CONT_ENTRY] = { "JavaThread", "_cont_entry" },
	[JFR_THREAD_LOCAL] = { "Thread", "_jfr_thread_local" },
	[JFR_VTHREAD_ID] = { "JfrThreadLocal", "_vthread_id" },
	[JFR_VTHREAD] = { "JfrThreadLocal", "_vthread" },
};

/* How an entry of the tables looks; libjvm exports that, too. */
struct form {
	uint64_t len, type, name, offset;
};

/* Where the fields are in their objects; 0: the table does not have it. */
struct places {
	int32_t at[FIELD_COUNT];
};

static bool matches(const struct elf *elf, struct bytes path)
{
	uint64_t address;

	(void)path;
	return elf_find_variable(elf, TABLE, &address);
}

static bool read_variable(const struct image *image, const char *name, uint64_t *value)
{
	uint64_t address;

	return elf_find_variable(image->elf, name, &address) &&
	       image_read(image, address + image->bias, value, sizeof(*value));
}

/* 0; -EAGAIN before libjvm's initializers have run; -ENOTSUP. */
static int read_form(const struct image *image, struct form *form)
{
	if (!read_variable(image, ENTRY "ArrayStride", &form->len) ||
	    !read_variable(image, ENTRY "TypeNameOffset", &form->type) ||
	    !read_variable(image, ENTRY "FieldNameOffset", &form->name) ||
	    !read_variable(image, ENTRY "OffsetOffset", &form->offset))
		return -ENOTSUP;
	if (!form->len)
		return -EAGAIN;
	if (form->len > ENTRY_LEN_MAX || form->type > form->len - sizeof(uint64_t) ||
	    form->name > form->len - sizeof(uint64_t) ||
	    form->offset > form->len - sizeof(uint64_t))
		return -ENOTSUP;
	return 0;
}

static bool is_name(const struct image *image, uint64_t address, const char *wanted)
{
	char name[NAME_LEN_MAX] = { 0 };
	size_t len = strlen(wanted) + 1;

	return image_read(image, address, name, len) && !memcmp(name, wanted, len);
}

static uint64_t word_of(const uint8_t *entry, uint64_t at)
{
	uint64_t word;

	memcpy(&word, entry + at, sizeof(word));
	return word;
}

static void note_entry(const struct image *image, const struct form *form, const uint8_t *entry,
		       struct places *out)
{
	uint64_t offset = word_of(entry, form->offset);

	for (size_t i = 0; i < FIELD_COUNT && offset < OFFSET_MAX; i++) {
		if (out->at[i] || !is_name(image, word_of(entry, form->name), fields[i].name) ||
		    !is_name(image, word_of(entry, form->type), fields[i].type))
			continue;
		out->at[i] = (int32_t)offset;
		return;
	}
}

/* The table ends with an entry without names. -EAGAIN: it is not filled yet. */
static int read_table(const struct image *image, const struct form *form, uint64_t table,
		      struct places *out)
{
	uint8_t entry[ENTRY_LEN_MAX];

	*out = (struct places){ 0 };
	for (size_t i = 0; i < ENTRIES_MAX; i++, table += form->len) {
		if (!image_read(image, table, entry, form->len))
			return -ENOTSUP;
		if (!word_of(entry, form->type))
			break;
		note_entry(image, form, entry, out);
	}
	return out->at[THREAD_OBJECT] ? 0 : -EAGAIN;
}

/* What tells, behind JavaThread: the id's offset, and relative to it, what is set while it counts.
 */
struct sign {
	int32_t id, mounted;
	int64_t mask;
};

/* 0, -EAGAIN or -ENOTSUP. */
static int find_sign(const struct image *image, const struct form *form, const struct places *p,
		     struct sign *out)
{
	struct places jfr;
	uint64_t table;
	int err;

	if (p->at[MONITOR_OWNER_ID] && p->at[CONT_ENTRY]) {
		*out = (struct sign){ p->at[MONITOR_OWNER_ID],
				      p->at[CONT_ENTRY] - p->at[MONITOR_OWNER_ID], -1 };
		return 0;
	}
	if (!elf_find_variable(image->elf, COMPILERS_TABLE, &table))
		return -ENOTSUP;
	err = read_table(image, form, table + image->bias, &jfr);
	if (err)
		return err;
	if (!jfr.at[JFR_THREAD_LOCAL] || !jfr.at[JFR_VTHREAD_ID] || !jfr.at[JFR_VTHREAD])
		return -ENOTSUP;
	*out = (struct sign){ jfr.at[JFR_THREAD_LOCAL] + jfr.at[JFR_VTHREAD_ID],
			      jfr.at[JFR_VTHREAD] - jfr.at[JFR_VTHREAD_ID], BYTE_MASK };
	return 0;
}

/* Virtual threads that cannot be told apart: which thread carries one says nothing. */
static int give_up(struct recipe *out, struct error *error, const char *what)
{
	*out = (struct recipe){ .base = RECIPE_ABSOLUTE, .steps = 1, .flags = RECIPE_NOT_THREADS };
	return error_set(error, -ENOTSUP, "java: virtual threads, in %s that is not known", what);
}

static int find_virtual(const struct image *image, const struct form *form, const struct places *p,
			struct recipe *out, struct error *error)
{
	uint64_t current;
	struct sign sign;
	int err;

	if (image->elf->machine != EM_X86_64)
		return give_up(out, error, "a processor");
	if (!elf_find_variable(image->elf, CURRENT, &current))
		return give_up(out, error, "a build without symbols,");
	err = find_sign(image, form, p, &sign);
	if (err == -ENOTSUP)
		return give_up(out, error, "a version");
	if (err)
		return err;
	err = thread_local_steps(image, current, out);
	if (err == -ENOTSUP)
		return give_up(out, error, "a C library or a build");
	if (err)
		return err;
	out->flags = RECIPE_MOUNTED;
	out->offset[out->steps++] = sign.id;
	out->active = (int16_t)sign.mounted;
	out->address = sign.mask;
	return 0;
}

static int find_recipe(const struct image *image, struct recipe *out, struct error *error)
{
	struct places places;
	struct form form;
	uint64_t table = 0;
	int err = read_form(image, &form);

	*out = (struct recipe){ 0 };
	if (!err && !read_variable(image, TABLE, &table))
		err = -ENOTSUP;
	if (!err)
		err = read_table(image, &form, table, &places);
	if (err == -ENOTSUP)
		return error_set(error, err, "java: a build whose tables are not known");
	if (err)
		return err;
	if (!places.at[VTHREAD])
		return 0; /* before 21: its threads are what runs */
	return find_virtual(image, &form, &places, out, error);
}

/* A static field's entry: its value, a C string. */
static bool read_text(const struct image *image, const uint8_t *entry, uint64_t place, char *out,
		      size_t size)
{
	uint64_t at = word_of(entry, place);
	size_t len = 0;

	if (!size || !image_read(image, at, &at, sizeof(at)))
		return false;
	while (len + 1 < size && image_read(image, at + len, out + len, 1) && out[len] > ' ' &&
	       out[len] <= '~')
		len++;
	out[len] = '\0';
	return len != 0;
}

/* Abstract_VM_Version::_s_vm_release, "17.0.15+6-LTS" */
static bool tell_version(const struct image *image, char *out, size_t size)
{
	uint8_t entry[ENTRY_LEN_MAX];
	uint64_t table, place;
	struct form form;

	if (read_form(image, &form) || !read_variable(image, TABLE, &table) ||
	    !read_variable(image, ENTRY "AddressOffset", &place) ||
	    place > form.len - sizeof(uint64_t))
		return false;
	for (size_t i = 0; i < ENTRIES_MAX; i++, table += form.len) {
		if (!image_read(image, table, entry, form.len) || !word_of(entry, form.type))
			return false;
		if (is_name(image, word_of(entry, form.name), "_s_vm_release") &&
		    is_name(image, word_of(entry, form.type), "Abstract_VM_Version"))
			return read_text(image, entry, place, out, size);
	}
	return false;
}

const struct runtime jvm_runtime = { "java", matches, find_recipe, tell_version };
