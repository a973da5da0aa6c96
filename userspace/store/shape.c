// SPDX-License-Identifier: GPL-2.0-only
/* See shape.h. */
#include "userspace/store/shape.h"

#include <errno.h>
#include <math.h>

#include "userspace/base/json.h"
#include "userspace/base/memory.h"
#include "userspace/base/utf8.h"

#define SHAPES_MAX 16384
#define SHAPE_BYTES_MAX (16u << 20)
#define TEXTS_MAX 32768
#define TEXT_BYTES_MAX (16u << 20)
#define VALUES_MAX 65536 /* remembered to count distinct ones */
#define VALUES_BYTES_MAX (8u << 20)
#define ROW_BYTES_MAX (2u << 20)

#define NUMBERS_FIXED 16      /* distinct numbers of a key, then it varies */
#define TEXTS_FIXED 100       /* the same of texts */
#define LONG_TEXTS_FIXED 2000 /* and of long ones: statements */
#define LONG_TEXT 48
#define SHAPES_FIXED 2000 /* shapes of a context, then its most diverse key varies */
#define SHAPES_MORE 500
#define SHARED_TEXT 20 /* a varying text of this length goes to `text` when it comes again */

enum { FIELD_NAME, FIELD_MESSAGE, FIELD_SURE };

int shaper_init(struct shaper *e, sqlite3_stmt *insert_shape, sqlite3_stmt *insert_text)
{
	*e = (struct shaper){ .insert_shape = insert_shape, .insert_text = insert_text };
	dictionary_init(&e->shapes, SHAPES_MAX, SHAPE_BYTES_MAX);
	dictionary_init(&e->texts, TEXTS_MAX, TEXT_BYTES_MAX);
	dictionary_init(&e->values, VALUES_MAX, VALUES_BYTES_MAX);
	buf_init(&e->key, ROW_BYTES_MAX);
	buf_init(&e->varying, ROW_BYTES_MAX);
	buf_init(&e->attributes, ROW_BYTES_MAX);
	e->shape_next = e->text_next = 1;
	e->shape_floor = e->text_floor = 1;
	e->seen = memory_array(TEXTS_SEEN, sizeof(*e->seen));
	e->contexts = memory_array(SHAPE_CONTEXTS, sizeof(*e->contexts));
	return e->seen && e->contexts ? 0 : -ENOMEM;
}

void shaper_release(struct shaper *e)
{
	dictionary_release(&e->shapes);
	dictionary_release(&e->texts);
	dictionary_release(&e->values);
	buf_release(&e->key);
	buf_release(&e->varying);
	buf_release(&e->attributes);
	memory_free(e->seen);
	memory_free(e->contexts);
	*e = (struct shaper){ 0 };
}

static void clear_texts(struct shaper *e)
{
	dictionary_clear(&e->texts);
	e->text_floor = e->text_next;
}

static void clear_shapes(struct shaper *e)
{
	dictionary_clear(&e->shapes);
	e->shape_floor = e->shape_next;
}

void shaper_clear(struct shaper *e)
{
	clear_texts(e);
	clear_shapes(e);
}

/* ---- values as JSON ------------------------------------------------------------------------- */

/* What JSON cannot say is said around a corner: bytes that are no text as {"hex":...}. */
static void add_string(struct json *j, struct bytes value)
{
	if (utf8_valid(value) == value.len) {
		json_string(j, value);
		return;
	}
	json_object(j);
	json_key(j, "hex");
	json_hex(j, value.data, value.len);
	json_object_end(j);
}

/* Numbers that are none as {"real":"nan"}. */
static void add_double(struct json *j, double value)
{
	if (isfinite(value)) {
		json_double(j, value);
		return;
	}
	json_object(j);
	json_key(j, "real");
	json_text(j, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
	json_object_end(j);
}

static void add_value(struct json *j, const struct attributes *a, const struct attribute *item)
{
	if (item->type == ATTRIBUTE_STRING)
		add_string(j, attribute_string(a, item));
	else if (item->type == ATTRIBUTE_INT)
		json_int(j, item->integer);
	else if (item->type == ATTRIBUTE_BOOL)
		json_bool(j, item->boolean);
	else
		add_double(j, item->number);
}

void shape_attributes(struct buf *out, const struct attributes *a, const bool *varies)
{
	struct json j;

	buf_reset(out);
	json_init(&j, out);
	json_object(&j);
	for (uint32_t i = 0; i < a->count; i++) {
		json_key(&j, a->items[i].key);
		if (varies && varies[i])
			json_null(&j);
		else
			add_value(&j, a, &a->items[i]);
	}
	json_object_end(&j);
}

/* The row of a long text that comes again, 0 for a new one; negative: an error. */
static int64_t shared_text(struct shaper *e, struct bytes value)
{
	uint64_t hash, *seen;
	int64_t row;
	int code;

	if (value.len < SHARED_TEXT || utf8_valid(value) != value.len)
		return 0;
	row = dictionary_find(&e->texts, value);
	if (row)
		return row;
	hash = map_hash(value.data, value.len, e->texts.map.seed);
	seen = &e->seen[hash % TEXTS_SEEN];
	if (*seen != hash) {
		*seen = hash;
		return 0;
	}
	if (dictionary_full(&e->texts, value.len))
		clear_texts(e);
	sqlite3_bind_int64(e->insert_text, 1, e->text_next);
	sqlite3_bind_text(e->insert_text, 2, (const char *)value.data, (int)value.len,
			  SQLITE_STATIC);
	code = sqlite3_step(e->insert_text);
	sqlite3_reset(e->insert_text);
	if (code != SQLITE_DONE)
		return -code;
	dictionary_add(&e->texts, value, e->text_next);
	return e->text_next++;
}

static int add_shared(struct shaper *e, struct json *j, struct bytes value)
{
	int64_t row = shared_text(e, value);

	if (row < 0)
		return (int)row;
	if (!row) {
		add_string(j, value);
		return 0;
	}
	json_array(j);
	json_int(j, row);
	json_array_end(j);
	return 0;
}

/* ---- what varies ---------------------------------------------------------------------------- */

static struct shape_context *context_of(struct shaper *e, const struct span *s)
{
	static const char *const fields[SHAPE_FIELDS] = { "", "", "" };
	struct shape_context *c = e->contexts;

	for (uint32_t i = 0; i < e->context_count; i++)
		if (e->contexts[i].protocol == s->protocol && e->contexts[i].kind == s->kind)
			return &e->contexts[i];
	if (e->context_count < SHAPE_CONTEXTS) {
		c = &e->contexts[e->context_count++];
		*c = (struct shape_context){ .protocol = s->protocol, .kind = s->kind };
		for (c->count = 0; c->count < SHAPE_FIELDS; c->count++)
			c->keys[c->count].key = fields[c->count];
		c->shapes_max = SHAPES_FIXED;
	}
	return c; /* too many kinds of spans: they share one */
}

/* *at: where it was found last plus one, since spans of a kind have their keys in one order. NULL:
 * too many keys. */
static struct shape_key *key_of(struct shape_context *c, const char *key, uint32_t *at)
{
	for (uint32_t n = 0; n < c->count; n++) {
		uint32_t i = *at + n < c->count ? *at + n : *at + n - c->count;

		if (i >= SHAPE_FIELDS && c->keys[i].key == key) {
			*at = i + 1;
			return &c->keys[i];
		}
	}
	for (uint32_t i = SHAPE_FIELDS; i < c->count; i++)
		if (!strcmp(c->keys[i].key, key))
			return &c->keys[i];
	if (c->count == SHAPE_KEYS)
		return NULL;
	c->keys[c->count] = (struct shape_key){ .key = key };
	return &c->keys[c->count++];
}

/* One more value of a key in a shape that is new. True: from now on it varies. */
static bool note_value(struct shaper *e, struct shape_context *c, struct shape_key *k,
		       struct bytes value, bool text)
{
	uint32_t most = !text                   ? NUMBERS_FIXED
			: value.len < LONG_TEXT ? TEXTS_FIXED
						: LONG_TEXTS_FIXED;
	uint64_t name[3] = { (uint64_t)(c - e->contexts), (uint64_t)(k - c->keys),
			     map_hash(value.data, value.len, e->values.map.seed) };
	struct bytes known = bytes_of(name, sizeof(name));

	if (dictionary_find(&e->values, known))
		return false;
	if (dictionary_add(&e->values, known, 1))
		dictionary_clear(&e->values); /* counts begin again, what varies stays so */
	k->varying = ++k->distinct > most;
	return k->varying;
}

/* Too many combinations: the key with the most values leaves the shape. */
static void vary_one(struct shape_context *c)
{
	struct shape_key *most = NULL;

	for (uint32_t i = 0; i < c->count; i++)
		if (!c->keys[i].varying && (!most || c->keys[i].distinct > most->distinct))
			most = &c->keys[i];
	if (most)
		most->varying = true;
	c->shapes_max += SHAPES_MORE;
}

/* ---- a span --------------------------------------------------------------------------------- */

struct placing {
	struct shaper *e;
	struct shape_context *context;
	const struct span *span;
	struct json json; /* of what varies */
	struct shape_key *keys[ATTRIBUTES_MAX];
	bool varies[ATTRIBUTES_MAX];
	bool field_varies[SHAPE_FIELDS];
};

/* What a number or a double is in a key; a string stands for itself. */
static struct bytes raw_value(const struct attributes *a, const struct attribute *item)
{
	if (item->type == ATTRIBUTE_STRING)
		return attribute_string(a, item);
	if (item->type == ATTRIBUTE_BOOL)
		return bytes_of(&item->boolean, sizeof(item->boolean));
	return bytes_of(&item->integer, sizeof(item->integer));
}

static void add_part(struct buf *key, struct bytes value)
{
	uint32_t len = (uint32_t)value.len;

	buf_add(key, &len, sizeof(len));
	buf_add_bytes(key, value);
}

static void begin_key(struct placing *p)
{
	const struct span *s = p->span;
	struct buf *key = &p->e->key;
	const struct {
		const struct protocol *protocol;
		uint32_t kind, outcome, rule, incomplete, dropped;
		uint8_t trace_flags, has_parent, parent_remote, time;
	} fixed = { s->protocol,      s->kind,
		    s->outcome,       s->rule,
		    s->incomplete,    s->attributes.dropped,
		    s->trace_flags,   s->has_parent,
		    s->parent_remote, (uint8_t)(s->time.present | s->time.shared << 1) };

	buf_reset(key);
	buf_add(key, &fixed, sizeof(fixed));
}

static int place_fields(struct placing *p)
{
	const struct shape_key *keys = p->context->keys;
	const struct span *s = p->span;
	int err = 0;

	for (int i = 0; i < SHAPE_FIELDS; i++)
		p->field_varies[i] = keys[i].varying;
	buf_add(&p->e->key, p->field_varies, sizeof(p->field_varies));
	if (p->field_varies[FIELD_NAME])
		err = add_shared(p->e, &p->json, bytes_of_string(s->name));
	else
		add_part(&p->e->key, bytes_of_string(s->name));
	if (!err && p->field_varies[FIELD_MESSAGE])
		err = add_shared(p->e, &p->json, bytes_of_string(s->outcome_message));
	else if (!err)
		add_part(&p->e->key, bytes_of_string(s->outcome_message));
	if (p->field_varies[FIELD_SURE])
		add_double(&p->json, s->sure);
	else
		add_part(&p->e->key, bytes_of(&s->sure, sizeof(s->sure)));
	return err;
}

static int place_attribute(struct placing *p, uint32_t i, uint32_t *at)
{
	const struct attributes *a = &p->span->attributes;
	const struct attribute *item = &a->items[i];
	struct {
		const char *key;
		uint32_t type, varying;
	} name = { item->key, item->type, 0 };

	p->keys[i] = key_of(p->context, item->key, at);
	p->varies[i] = !p->keys[i] || p->keys[i]->varying;
	name.varying = p->varies[i];
	if (p->varies[i])
		name.type = 0; /* the row says it */
	buf_add(&p->e->key, &name, sizeof(name));
	if (!p->varies[i]) {
		add_part(&p->e->key, raw_value(a, item));
		return 0;
	}
	if (item->type == ATTRIBUTE_STRING)
		return add_shared(p->e, &p->json, attribute_string(a, item));
	add_value(&p->json, a, item);
	return 0;
}

static int place_parts(struct placing *p)
{
	uint32_t at = SHAPE_FIELDS;
	int err;

	buf_reset(&p->e->varying);
	json_init(&p->json, &p->e->varying);
	json_array(&p->json);
	begin_key(p);
	err = place_fields(p);
	for (uint32_t i = 0; !err && i < p->span->attributes.count; i++)
		err = place_attribute(p, i, &at);
	json_array_end(&p->json);
	if (!err && (p->e->key.full || p->e->varying.full))
		err = -SQLITE_TOOBIG;
	return err;
}

/* The shape is new: its values count. True when something varies that did not, so that it must be
 * placed again. */
static bool note_values(struct placing *p)
{
	const struct attributes *a = &p->span->attributes;
	struct shape_context *c = p->context;
	struct bytes fields[SHAPE_FIELDS] = { bytes_of_string(p->span->name),
					      bytes_of_string(p->span->outcome_message),
					      bytes_of(&p->span->sure, sizeof(p->span->sure)) };
	bool again = false;

	for (int i = 0; i < SHAPE_FIELDS; i++)
		if (!p->field_varies[i])
			again |= note_value(p->e, c, &c->keys[i], fields[i], i != FIELD_SURE);
	for (uint32_t i = 0; i < a->count; i++)
		if (!p->varies[i])
			again |= note_value(p->e, c, p->keys[i], raw_value(a, &a->items[i]),
					    a->items[i].type == ATTRIBUTE_STRING);
	if (!again && ++c->shapes > c->shapes_max) {
		vary_one(c);
		again = true;
	}
	return again;
}

static void bind_text(sqlite3_stmt *row, int column, const char *text)
{
	sqlite3_bind_text(row, column, text, -1, SQLITE_STATIC);
}

static int insert_shape(struct placing *p)
{
	static const char *const statuses[] = { "unset", "ok", "error" };
	sqlite3_stmt *row = p->e->insert_shape;
	const struct span *s = p->span;
	int code;

	shape_attributes(&p->e->attributes, &s->attributes, p->varies);
	if (p->e->attributes.full)
		return SQLITE_TOOBIG;
	sqlite3_clear_bindings(row);
	sqlite3_bind_int64(row, 1, p->e->shape_next);
	bind_text(row, 2, s->protocol ? s->protocol->name : NULL);
	bind_text(row, 3, span_kind_name(s->kind));
	bind_text(row, 4, p->field_varies[FIELD_NAME] ? NULL : s->name);
	bind_text(row, 5, (unsigned int)s->outcome < 3 ? statuses[s->outcome] : "unset");
	bind_text(row, 6, p->field_varies[FIELD_MESSAGE] ? NULL : s->outcome_message);
	bind_text(row, 7, parent_rule_name(s->rule));
	if (!p->field_varies[FIELD_SURE])
		sqlite3_bind_double(row, 8, isnan(s->sure) ? 0 : s->sure);
	sqlite3_bind_int(row, 9, s->trace_flags);
	sqlite3_bind_int(row, 10, s->has_parent);
	sqlite3_bind_int(row, 11, s->parent_remote);
	sqlite3_bind_int64(row, 12, s->incomplete);
	bind_text(row, 13, !s->time.present ? NULL : s->time.shared ? "shared" : "own");
	sqlite3_bind_int64(row, 14, s->attributes.dropped);
	sqlite3_bind_text(row, 15, (const char *)p->e->attributes.data, (int)p->e->attributes.len,
			  SQLITE_STATIC);
	code = sqlite3_step(row);
	sqlite3_reset(row);
	return code;
}

int64_t shaper_place(struct shaper *e, const struct span *s, struct bytes *varying)
{
	struct placing p = { .e = e, .context = context_of(e, s), .span = s };
	int64_t row;
	int err, code;

	do {
		err = place_parts(&p);
		if (err)
			return err;
		row = dictionary_find(&e->shapes, buf_bytes(&e->key));
	} while (!row && note_values(&p));
	*varying = e->varying.len > 2 ? buf_bytes(&e->varying) : (struct bytes){ 0 };
	if (row)
		return row;
	code = insert_shape(&p);
	if (code != SQLITE_DONE)
		return -code;
	if (dictionary_full(&e->shapes, e->key.len))
		clear_shapes(e);
	dictionary_add(&e->shapes, buf_bytes(&e->key), e->shape_next);
	return e->shape_next++;
}
