// SPDX-License-Identifier: GPL-2.0-only
/* What keys do: see top_view.h. */
#include "userspace/report/top_view.h"

#include "userspace/base/utf8.h"

static const char sort_keys[TOP_SORTS] = { 't', 'r', 'e', 'm', 'l', 'w', 'n' };

char top_sort_key(enum top_sort sort)
{
	return sort_keys[sort];
}

void top_view_init(struct top_view *v)
{
	*v = (struct top_view){ .page = 1 };
}

void top_view_release(struct top_view *v)
{
	top_rows_release(&v->rows);
}

/* ---- the filter ----------------------------------------------------------------------------- */

static void type(struct top_view *v, uint32_t code)
{
	size_t len = strlen(v->filter), need = code < 0x80      ? 1
					       : code < 0x800   ? 2
					       : code < 0x10000 ? 3
								: 4;
	uint8_t *out = (uint8_t *)v->filter + len;

	if (code < ' ' || code == 0x7f || code > 0x10ffff || len + need >= sizeof(v->filter))
		return;
	if (need == 1) {
		out[0] = (uint8_t)code;
	} else {
		for (size_t i = need; i-- > 1; code >>= 6)
			out[i] = (uint8_t)(0x80 | (code & 0x3f));
		out[0] = (uint8_t)(code | (0xf00u >> need & 0xff));
	}
	out[need] = '\0';
}

static void untype(struct top_view *v)
{
	size_t len = strlen(v->filter);

	while (len && ((uint8_t)v->filter[--len] & 0xc0) == 0x80)
		;
	v->filter[len] = '\0';
}

static void key_typing(struct top_view *v, uint32_t key)
{
	if (key == TOP_KEY_ENTER)
		v->typing = false;
	else if (key == TOP_KEY_BACKSPACE)
		untype(v);
	else if (key == 0x15) /* Ctrl-U, as in a shell */
		v->filter[0] = '\0';
	else if (key != TOP_KEY_ESCAPE)
		type(v, key);
	if (key == TOP_KEY_ESCAPE) {
		memcpy(v->filter, v->filter_before, sizeof(v->filter));
		v->typing = false;
	}
	v->selected[v->table] = 0;
}

/* ---- moving --------------------------------------------------------------------------------- */

/* How far a key moves; 0: it does not. */
static int64_t distance(const struct top_view *v, uint32_t key)
{
	int64_t page = v->page > 1 ? v->page - 1 : 1;

	switch (key) {
	case TOP_KEY_UP:
	case 'k':
		return -1;
	case TOP_KEY_DOWN:
	case 'j':
		return 1;
	case TOP_KEY_PAGE_UP:
		return -page;
	case TOP_KEY_PAGE_DOWN:
		return page;
	case TOP_KEY_HOME:
	case 'g':
		return -INT32_MAX;
	case TOP_KEY_END:
	case 'G':
		return INT32_MAX;
	default:
		return 0;
	}
}

static int64_t clamp(int64_t value, int64_t most)
{
	return value < 0 || most < 0 ? 0 : value > most ? most : value;
}

static void select_row(struct top_view *v, int64_t by)
{
	uint64_t *selected = &v->selected[v->table];
	int64_t at = 0;

	for (size_t i = 0; i < v->rows.count; i++)
		if (v->rows.items[i].key == *selected)
			at = (int64_t)i;
	at = clamp(at + by, (int64_t)v->rows.count - 1);
	*selected = at && v->rows.count ? v->rows.items[at].key : 0;
}

static void open_detail(struct top_view *v)
{
	const struct top_row *row = v->rows.count ? &v->rows.items[0] : NULL;

	for (size_t i = 0; i < v->rows.count; i++)
		if (v->rows.items[i].key == v->selected[v->table])
			row = &v->rows.items[i];
	if (!row)
		return;
	v->detail = true;
	v->detail_table = v->table;
	v->detail_key = row->key;
	v->scroll = 0;
	v->detail_name[0] = '\0';
}

/* ---- all ------------------------------------------------------------------------------------ */

static void show_table(struct top_view *v, uint32_t table)
{
	v->table = (enum top_table)(table % TOP_TABLES);
	v->detail = false;
}

static bool key_sort(struct top_view *v, uint32_t key)
{
	for (int i = 0; i < TOP_SORTS; i++) {
		if (key != (uint8_t)sort_keys[i])
			continue;
		v->reverse[v->table] =
			v->sort[v->table] == (enum top_sort)i && !v->reverse[v->table];
		v->sort[v->table] = (enum top_sort)i;
		return true;
	}
	return false;
}

static void key_list(struct top_view *v, uint32_t key)
{
	if (distance(v, key)) {
		select_row(v, distance(v, key));
	} else if (key == TOP_KEY_ENTER || key == TOP_KEY_RIGHT) {
		open_detail(v);
	} else if (key == 'R') {
		v->reverse[v->table] = !v->reverse[v->table];
	} else if (key == '/') {
		v->typing = true;
		memcpy(v->filter_before, v->filter, sizeof(v->filter));
	} else if (key == TOP_KEY_ESCAPE) {
		v->filter[0] = '\0';
	} else {
		key_sort(v, key);
	}
}

static void key_page(struct top_view *v, uint32_t key)
{
	if (distance(v, key))
		v->scroll = (int)clamp(v->scroll + distance(v, key), v->scroll_max);
	else if (key == TOP_KEY_ESCAPE || key == TOP_KEY_BACKSPACE || key == TOP_KEY_LEFT ||
		 key == '?')
		v->scroll = 0, v->detail = v->help && v->detail, v->help = false;
}

enum top_action top_view_key(struct top_view *v, uint32_t key)
{
	if (v->typing) {
		key_typing(v, key);
		return TOP_DRAW;
	}
	switch (key) {
	case 'q':
		return TOP_QUIT;
	case 'p':
	case ' ':
		return TOP_PAUSE;
	case 'c':
		return TOP_CLEAR;
	case TOP_KEY_TAB:
		show_table(v, v->table + 1u);
		break;
	case TOP_KEY_BACK_TAB:
		show_table(v, v->table + TOP_TABLES - 1u);
		break;
	case '1':
	case '2':
	case '3':
		show_table(v, key - '1');
		break;
	default:
		if (key == '?' && !v->help)
			v->help = true, v->scroll = 0;
		else if (v->help || v->detail)
			key_page(v, key);
		else
			key_list(v, key);
		return TOP_DRAW;
	}
	v->help = false;
	return TOP_DRAW;
}
