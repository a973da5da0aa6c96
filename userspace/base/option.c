// SPDX-License-Identifier: GPL-2.0-only
/* See option.h. */
#include "userspace/base/option.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/base/bytes.h"

struct suffix {
	const char *text;
	uint64_t factor;
};

static int number_with_suffix(const char *text, const struct suffix *suffixes, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t n;

	if (!bytes_number(bytes_of(text, digits), &n))
		return -EINVAL;
	for (; suffixes->text; suffixes++)
		if (!strcmp(text + digits, suffixes->text))
			return __builtin_mul_overflow(n, suffixes->factor, out) ? -EINVAL : 0;
	return -EINVAL;
}

int option_duration(const char *text, uint64_t *out_ns)
{
	static const struct suffix suffixes[] = {
		{ "", 1000000000ull },	  { "s", 1000000000ull },     { "ms", 1000000ull },
		{ "m", 60000000000ull }, { "h", 3600000000000ull }, { NULL, 0 },
	};

	return number_with_suffix(text, suffixes, out_ns);
}

int option_size(const char *text, uint64_t *out_bytes)
{
	static const struct suffix suffixes[] = {
		{ "", 1 },		{ "K", 1024 },	       { "k", 1024 },
		{ "M", 1024 * 1024 }, { "G", 1024ull << 20 }, { NULL, 0 },
	};

	return number_with_suffix(text, suffixes, out_bytes);
}

/* Index of word in "a|b|c", -1 when it is none of them. */
static int choice_of(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (int i = 0;; i++) {
		size_t n = strcspn(words, "|");

		if (n == len && !memcmp(words, word, n))
			return i;
		if (!words[n])
			return -1;
		words += n + 1;
	}
}

static int set_value(const struct option *o, void *fields, const char *value, struct error *error)
{
	void *field = (char *)fields + o->offset;
	uint64_t number = 0;
	int err = 0;

	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
	case OPTION_OPTIONAL:
		*(const char **)field = value ? value : "";
		return 0;
	case OPTION_LIST: {
		struct option_list *list = field;

		if (list->count == OPTION_LIST_MAX)
			return error_set(error, -EINVAL, "--%s: at most %d times", o->name, OPTION_LIST_MAX);
		list->items[list->count++] = value;
		return 0;
	}
	case OPTION_NUMBER:
		err = bytes_number(bytes_of_string(value), &number) ? 0 : -EINVAL;
		break;
	case OPTION_SIZE:
		err = option_size(value, &number);
		break;
	case OPTION_DURATION:
		err = option_duration(value, &number);
		break;
	case OPTION_CHOICE:
		*(int *)field = choice_of(o->metavar, value);
		if (*(int *)field < 0)
			return error_set(error, -EINVAL, "--%s: \"%s\" is none of %s", o->name, value, o->metavar);
		return 0;
	case OPTION_HEADING:
		return 0;
	}
	if (err)
		return error_set(error, err, "--%s: \"%s\" is not a %s", o->name, value,
				 o->type == OPTION_NUMBER   ? "number" :
				 o->type == OPTION_DURATION ? "duration (500ms, 60s, 5m, 1h)" :
							      "size (4096, 16K, 2M)");
	*(uint64_t *)field = number;
	return 0;
}

static const struct option *find(const struct option *table, const char *name, size_t len)
{
	for (; table->type; table++)
		if (table->name && strlen(table->name) == len && !memcmp(table->name, name, len))
			return table;
	return NULL;
}

static const struct option *find_letter(const struct option *table, char letter)
{
	for (; table->type; table++)
		if (letter && table->letter == letter)
			return table;
	return NULL;
}

static bool takes_value(const struct option *o)
{
	return o->type != OPTION_FLAG && o->type != OPTION_OPTIONAL;
}

int option_parse(const struct option *table, int argc, char **argv, void *fields, struct option_list *rest,
		 struct error *error)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *value = NULL;
		const struct option *o;
		int err;

		if (word[0] != '-' || !word[1]) {
			if (rest->count < OPTION_LIST_MAX)
				rest->items[rest->count++] = word;
			continue;
		}
		if (!strcmp(word, "--"))
			return 0; /* the caller finds what follows by itself */
		if (word[1] == '-') {
			value = strchr(word, '=');
			o = find(table, word + 2, value ? (size_t)(value - word) - 2 : strlen(word + 2));
			value = value ? value + 1 : NULL;
		} else {
			o = word[2] ? NULL : find_letter(table, word[1]);
		}
		if (!o)
			return error_set(error, -EINVAL, "no such option: %s (--help lists them)", word);
		if (value && o->type == OPTION_FLAG)
			return error_set(error, -EINVAL, "--%s takes no value", o->name);
		if (!value && takes_value(o)) {
			if (i + 1 >= argc)
				return error_set(error, -EINVAL, "--%s needs a value: %s", o->name, o->metavar);
			value = argv[++i];
		}
		/* An optional value may stand apart when it cannot be anything else. */
		if (!value && o->type == OPTION_OPTIONAL && i + 1 < argc && argv[i + 1][0] != '-' &&
		    strchr(argv[i + 1], ':'))
			value = argv[++i];
		err = set_value(o, fields, value, error);
		if (err)
			return err;
	}
	return 0;
}

void option_help(const struct option *table, FILE *out)
{
	for (; table->type; table++) {
		char left[64];
		int len;

		if (table->type == OPTION_HEADING) {
			fprintf(out, "\n%s\n", table->help);
			continue;
		}
		len = snprintf(left, sizeof(left), table->letter ? "  -%c, --%s%s%s" : "  %c   --%s%s%s",
			       table->letter ? table->letter : ' ', table->name, table->metavar ? " " : "",
			       table->metavar ? table->metavar : "");
		if (len > 34)
			fprintf(out, "%s\n%36s%s\n", left, "", table->help);
		else
			fprintf(out, "%-36s%s\n", left, table->help);
	}
}
