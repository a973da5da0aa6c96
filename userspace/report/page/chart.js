// SPDX-License-Identifier: GPL-2.0-only
// Histograms and time lines, drawn from what C has counted. Each has its numbers as a table too.
"use strict";

const BINS_PER_DECADE = 10; // as in html_bins.h
const LEFT = 58;
const RIGHT = 12;
// In units of the drawing; on narrow screens fewer, so that texts keep their size.
const chartWidth = () => (matchMedia("(max-width: 640px)").matches ? 380 : 620);

const binStart = (n) => 1000 * 10 ** (n / BINS_PER_DECADE);

// The least of 1, 2, 5 times a power of ten that is not below value.
function niceAbove(value) {
	const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
	return [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= value * (1 - 1e-9));
}

function frame(height, label) {
	return svg("svg", {class: "chart", viewBox: `0 0 ${chartWidth()} ${height}`, role: "img", "aria-label": label});
}

const text = (x, y, anchor, content, more) => svg("text", {x, y, "text-anchor": anchor, class: more || null}, content);

function grid(top, bottom, max, format) {
	const width = chartWidth();
	return [0, 0.5, 1].flatMap((part) => {
		const y = bottom - (bottom - top) * part;
		return [svg("line", {class: part ? "grid" : "axis", x1: LEFT, x2: width - RIGHT, y1: y, y2: y}),
			text(LEFT - 8, y + 4, "end", format(max * part))];
	});
}

// Log ticks of a duration axis: 1, (2, 5) times powers of ten.
function durationTicks(low, high) {
	const decades = Math.log10(high / low);
	const ticks = [];
	for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high) + 1; p++)
		for (const n of decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5])
			if (n * 10 ** p >= low * 0.999 && n * 10 ** p <= high * 1.001)
				ticks.push(n * 10 ** p);
	return ticks;
}

function numbersTable(summary, heads, rows) {
	return el("details", {}, el("summary", {}, summary), el("div", {class: "scroll"}, el("table", {},
		el("thead", {}, el("tr", {}, heads.map((h, i) => el("th", {scope: "col", class: i ? "num" : null}, h)))),
		el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) =>
			i ? el("td", {class: "num"}, cell) : el("th", {scope: "row"}, cell))))))));
}

// sets: [{counts, first, total?}], one (bars) or two (before: bars, after: outline). marks: [["p95", ns], ...]
function histogram(sets, marks, label) {
	const full = sets.filter((s) => s.counts.length);
	if (!full.length)
		return el("p", {class: "empty"}, "Nothing to draw.");
	const first = Math.min(...full.map((s) => s.first)) - 1;
	const last = Math.max(...full.map((s) => s.first + s.counts.length)) + 1;
	const width = chartWidth();
	const [top, bottom] = [marks.length ? 34 : 12, 210];
	const both = sets.length > 1;
	const share = (s, n) => (both ? n / Math.max(1, sum(s.counts)) : n);
	const peak = Math.max(...full.flatMap((s) => s.counts.map((n) => share(s, n))));
	const max = both ? peak : niceAbove(peak);
	const x = (n) => LEFT + (width - LEFT - RIGHT) * (n - first) / (last - first);
	const y = (v) => bottom - (bottom - top) * v / (max || 1);
	const at = (ns) => x(Math.log10(Math.max(ns, 1000) / 1000) * BINS_PER_DECADE);
	const chart = frame(240, label);
	chart.append(...grid(top, bottom, max, both ? percent : (n) => (n % 1 ? "" : count(n))));
	for (const ns of durationTicks(binStart(first), binStart(last)))
		chart.append(svg("line", {class: "axis", x1: at(ns), x2: at(ns), y1: bottom, y2: bottom + 4}), text(at(ns), bottom + 18, "middle", duration(ns).replace(/\.0+(?=\u00a0)/, "")));
	chart.append(...histogramBins(sets, x, y, bottom, share));
	marks.forEach(([name, ns], i) => chart.append(svg("line", {class: "mark-line", x1: at(ns), x2: at(ns), y1: top - 4 - (i % 2) * 13, y2: bottom}),
		text(Math.min(at(ns) + 3, width - 90), top - 8 - (i % 2) * 13 + 8, "start", `${name} ${duration(ns)}`, "strong")));
	const heads = both ? ["from", "before", "after"] : ["from", "requests"];
	return el("figure", {}, chart, both && legend([["bar", "before"], ["outline", "after"]]), numbersTable("Numbers", heads, histogramRows(sets, first + 1, last - 1)));
}

function histogramBins(sets, x, y, bottom, share) {
	const [bars, outline] = sets;
	const nodes = bars.counts.map((n, i) => n && svg("rect", {
		class: outline ? "bin-before" : "bin", x: x(bars.first + i) + 0.5, width: x(1) - x(0) - 1, y: y(share(bars, n)), height: Math.max(1, bottom - y(share(bars, n))),
	}, svg("title", {}, `${duration(binStart(bars.first + i))} to ${duration(binStart(bars.first + i + 1))}: ${count(n)}`))).filter(Boolean);
	if (outline && outline.counts.length) {
		const steps = outline.counts.map((n, i) => `V${y(share(outline, n))}H${x(outline.first + i + 1)}`).join("");
		nodes.push(svg("path", {class: "bin-after", d: `M${x(outline.first)} ${bottom}${steps}V${bottom}`}));
	}
	return nodes;
}

function histogramRows(sets, from, to) {
	const rows = [];
	for (let n = from; n < to; n++) {
		const counts = sets.map((s) => s.counts[n - s.first] || 0);
		if (counts.some(Boolean))
			rows.push([duration(binStart(n)), ...counts.map(count)]);
	}
	return rows;
}

function legend(items) {
	const draw = {
		bar: () => svg("rect", {class: "bin-before", width: 24, height: 10}),
		outline: () => svg("path", {class: "bin-after", d: "M0 9H4V2H20V9H24"}),
		p50: () => svg("line", {class: "p50", x2: 24, y1: 5, y2: 5}),
		p95: () => svg("line", {class: "p95", x2: 24, y1: 5, y2: 5}),
		bucket: () => svg("rect", {class: "bucket", x: 6, width: 10, height: 10}),
		failed: () => svg("rect", {class: "failed", x: 6, width: 10, height: 10}),
	};
	return el("div", {class: "legend"}, items.map(([kind, name]) =>
		el("span", {}, svg("svg", {class: "chart", "aria-hidden": "true"}, draw[kind]()), name)));
}

// Latency above, how many below, on one axis of time.
function timeline(t, label) {
	if (!t || !DATA.bucket_count)
		return el("p", {class: "empty"}, "Nothing to draw.");
	const n = DATA.bucket_count;
	const width = chartWidth();
	const step = (width - LEFT - RIGHT) / n;
	const x = (i) => LEFT + step * i;
	const chart = frame(270, label);
	const most = niceAbove(Math.max(...t.p95, 1));
	const busiest = niceAbove(Math.max(...t.count, ...t.errors, 1));
	const [top, middle, low, bottom] = [12, 140, 164, 232];
	chart.append(...grid(top, middle, most, duration), ...grid(low, bottom, busiest, (v) => (v % 1 ? "" : count(v))));
	for (const key of ["p95", "p50"])
		chart.append(svg("path", {class: key, d: linePath(t.count, t[key], (i) => x(i + 0.5), (v) => middle - (middle - top) * v / most)}));
	for (let i = 0; i < n; i++)
		chart.append(...timelineBar(t, i, x(i), step, (v) => (bottom - low) * v / busiest, bottom));
	const every = Math.max(1, Math.ceil(n / (width < 500 ? 3 : 5)));
	for (let i = 0; i < n; i += every)
		chart.append(text(x(i), bottom + 17, "middle", clock(DATA.bucket_start_us + i * DATA.bucket_us, DATA.bucket_us < 1e6)));
	const rows = t.count.map((c, i) => [clock(DATA.bucket_start_us + i * DATA.bucket_us, true), count(c), count(t.errors[i]), duration(t.p50[i]), duration(t.p95[i])]);
	return el("figure", {}, chart, legend([["p50", "p50"], ["p95", "p95"], ["bucket", `requests per ${duration(DATA.bucket_us * 1000)}`], ["failed", "errors"]]),
		numbersTable("Numbers", ["from", "requests", "errors", "p50", "p95"], rows.filter((row, i) => t.count[i] || t.errors[i])));
}

// Lines where neighbours have values too; what stands alone is a dot.
function linePath(counts, values, x, y) {
	return values.map((v, i) => {
		if (!counts[i])
			return "";
		const at = [x(i), y(v)].map((n) => n.toFixed(1)).join(" ");
		if (counts[i - 1])
			return `L${at}`;
		return counts[i + 1] ? `M${at}` : `M${at}m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0`;
	}).join("");
}

function timelineBar(t, i, x, step, height, bottom) {
	if (!t.count[i] && !t.errors[i])
		return [];
	const place = {x: x + 0.5, width: Math.max(0.5, step - 1)};
	const title = () => svg("title", {}, `${clock(DATA.bucket_start_us + i * DATA.bucket_us, true)}: ${some(t.count[i], "request")}, ${some(t.errors[i], "error")}, p50 ${duration(t.p50[i])}, p95 ${duration(t.p95[i])}`);
	const all = height(Math.max(t.count[i], t.errors[i]));
	const bars = [svg("rect", {class: "bucket", ...place, y: bottom - all, height: all}, title())];
	if (t.errors[i])
		bars.push(svg("rect", {class: "failed", ...place, y: bottom - Math.max(2, height(t.errors[i])), height: Math.max(2, height(t.errors[i]))}, title()));
	return bars;
}
