// SPDX-License-Identifier: GPL-2.0-only
/* See thread_slot.h. glibc's struct pthread: nptl/descr.h. */
#include "userspace/runtime/thread_slot.h"

#include "userspace/base/cursor.h"

#define SELF 0x10    /* tcbhead_t.self */
#define SLOTS 0x310  /* specific_1stblock: of each key a sequence number, then the value */
#define SLOTS_MAX 32 /* further ones are elsewhere */
#define SLOT_LEN 16
#define CODE_LEN 24

bool thread_is(const struct image *image, uint64_t thread)
{
	uint64_t self;

	return thread && thread % sizeof(self) == 0 &&
	       image_read(image, thread + SELF, &self, sizeof(self)) && self == thread;
}

bool thread_keeps(const struct image *image, uint64_t thread, int32_t offset, uint64_t value)
{
	uint64_t kept;

	return image_read(image, thread + (uint64_t)(int64_t)offset, &kept, sizeof(kept)) &&
	       kept == value;
}

bool thread_find_slot(const struct image *image, uint64_t thread, uint64_t value, int32_t *offset)
{
	uint8_t slots[SLOTS_MAX * SLOT_LEN];
	struct cursor c = cursor_of(bytes_of(slots, sizeof(slots)));
	int found = 0;

	if (!value || !image_read(image, thread + SLOTS, slots, sizeof(slots)))
		return false;
	for (int32_t i = 0; i < SLOTS_MAX; i++) {
		uint64_t used = cursor_le64(&c), kept = cursor_le64(&c);

		if (!used || kept != value)
			continue;
		*offset = SLOTS + i * SLOT_LEN + SLOT_LEN / 2;
		found++;
	}
	return found == 1;
}

bool thread_find_returned(const struct image *image, const char *function, int32_t *offset)
{
	static const uint8_t here[] = { 0x64, 0x48, 0x8b, 0x04, 0x25 },
			     table[] = { 0x48, 0x8b, 0x05 },
			     there[] = { 0x64, 0x48, 0x8b, 0x00, 0xc3 },
			     landing[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct elf_function f;
	uint8_t code[CODE_LEN];
	uint64_t at;
	size_t start;
	int64_t place;
	struct cursor c;

	if (!elf_find(image->elf, function, &f) ||
	    !image_read(image, f.address + image->bias, code, sizeof(code)))
		return false;
	start = memcmp(code, landing, sizeof(landing)) ? 0 : sizeof(landing);
	if (!memcmp(code + start, here, sizeof(here)) && code[start + 9] == 0xc3) {
		c = cursor_of(bytes_of(code + start + sizeof(here), 4));
		*offset = (int32_t)cursor_le32(&c);
		return true;
	}
	if (memcmp(code + start, table, sizeof(table)) ||
	    memcmp(code + start + 7, there, sizeof(there)))
		return false;
	c = cursor_of(bytes_of(code + start + sizeof(table), 4));
	at = f.address + image->bias + start + 7 + (uint64_t)(int64_t)(int32_t)cursor_le32(&c);
	if (!image_read(image, at, &place, sizeof(place)) || place < INT32_MIN || place > INT32_MAX)
		return false;
	*offset = (int32_t)place;
	return true;
}
