// SPDX-License-Identifier: GPL-2.0-only
/*
 * See html_page.h. The files of page/ are put into the program as they are; the Makefile knows that
 * this object is made from them too.
 */
#include "userspace/report/html_page.h"

#include <errno.h>

#include "userspace/base/random.h"

#define ASSET(name, file)                                      \
	__asm__(".pushsection .rodata\n"                       \
		"html_asset_" #name ":\n"                      \
		".incbin \"userspace/report/page/" file "\"\n" \
		"html_asset_" #name "_end:\n"                  \
		".byte 0\n"                                    \
		".popsection\n");                              \
	extern const uint8_t html_asset_##name[] HIDDEN;       \
	extern const uint8_t html_asset_##name##_end[] HIDDEN

#define HIDDEN __attribute__((visibility("hidden")))
#define BYTES(name) \
	bytes_of(html_asset_##name, (size_t)(html_asset_##name##_end - html_asset_##name))

ASSET(style, "style.css");
ASSET(style_views, "style_views.css");
ASSET(body, "body.html");
ASSET(core, "core.js");
ASSET(table, "table.js");
ASSET(chart, "chart.js");
ASSET(report, "report.js");
ASSET(endpoint, "endpoint.js");
ASSET(trace, "trace.js");
ASSET(details, "details.js");
ASSET(waterfall, "waterfall.js");
ASSET(layout, "layout.js");
ASSET(map, "map.js");
ASSET(diff, "diff.js");
ASSET(main, "main.js");

static void put(struct html_page *p, struct bytes b)
{
	fwrite(b.data, 1, b.len, p->out);
}

void html_page_begin(struct html_page *p, FILE *out, const char *title)
{
	uint8_t random[16];

	p->out = out;
	random_fill(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(p->nonce + 2 * i, 3, "%02x", random[i]);
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"script-src 'nonce-%s'; style-src 'nonce-%s'; base-uri 'none'; form-action "
		"'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<title>%s</title>\n<style nonce=\"%s\">\n",
		p->nonce, p->nonce, title, p->nonce);
	put(p, BYTES(style));
	put(p, BYTES(style_views));
	fputs("</style>\n</head>\n", out);
	put(p, BYTES(body));
}

void html_page_data(struct html_page *p, const char *id, struct bytes json)
{
	size_t at = 0;

	fprintf(p->out, "<script type=\"application/json\" id=\"%s\">", id);
	/* '<' is only ever inside a string there: without it neither </script> nor <!-- can appear.
	 */
	while (at < json.len) {
		size_t end = bytes_find(json, '<', at);

		put(p, bytes_part(json, at, end - at));
		if (end < json.len)
			fputs("\\u003c", p->out);
		at = end + 1;
	}
	fputs("</script>\n", p->out);
}

static void put_script(struct html_page *p, struct bytes script)
{
	fprintf(p->out, "<script nonce=\"%s\">\n", p->nonce);
	put(p, script);
	fputs("</script>\n", p->out);
}

int html_page_end(struct html_page *p, struct error *error)
{
	const struct bytes scripts[] = {
		BYTES(core),     BYTES(table), BYTES(chart),   BYTES(report),
		BYTES(endpoint), BYTES(trace), BYTES(details), BYTES(waterfall),
		BYTES(layout),   BYTES(map),   BYTES(diff),    BYTES(main),
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		put_script(p, scripts[i]);
	fputs("</body>\n</html>\n", p->out);
	if (fflush(p->out) != 0 || ferror(p->out))
		return error_set(error, -EIO, "the page could not be written: %m");
	return 0;
}
