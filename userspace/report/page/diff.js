// SPDX-License-Identifier: GPL-2.0-only
// Before and after: what got faster or slower, how sure that is, and why.
"use strict";

const VERDICTS = {slower: ["\u25b2", "slower", "more"], faster: ["\u25bc", "faster", "fewer"], same: ["=", "no change shown", "no change shown"], not_enough_data: ["?", "not enough data", "not enough data"]};
const RANGE = 2; // the bar's ends: 2^-2 and 2^2 times

function verdict(v, counts) {
	const [sign, time, number] = VERDICTS[v] || VERDICTS.not_enough_data;
	return el("span", {class: `verdict ${v}`}, el("span", {"aria-hidden": "true"}, `${sign} `), counts ? number : time);
}

const hasInterval = (c) => Number.isFinite(c.low) && Number.isFinite(c.high);
const intervalText = (c) => (hasInterval(c) ? `${change(c.low)} to ${change(c.high)}` : "");
const points = (share) => `${share < 0 ? "\u2212" : "+"}${few(Math.abs(share) * 100)}`;
const pointsText = (c) => (hasInterval(c) ? `${points(c.difference_low)} to ${points(c.difference_high)} points` : "");

// Where the change lies and how sure that is, on a scale of factors.
function rangeBar(c) {
	if (!Number.isFinite(c.change))
		return null;
	const at = (relative) => 75 + 70 * Math.max(-1, Math.min(1, Math.log2(Math.max(1 + relative, 1e-6)) / RANGE));
	const kind = c.verdict;
	const parts = [svg("line", {class: "zero", x1: 75, x2: 75, y1: 1, y2: 17})];
	if (hasInterval(c))
		parts.push(svg("line", {class: `span ${kind}`, x1: at(c.low), x2: at(c.high), y1: 9, y2: 9, "stroke-opacity": 0.45}));
	parts.push(svg("circle", {class: kind, cx: at(c.change), cy: 9, r: 3.5}));
	return svg("svg", {class: "range", viewBox: "0 0 150 18", role: "img", "aria-label": `${change(c.change)}${intervalText(c) ? `, between ${intervalText(c)}` : ""}`}, parts);
}

const beforeAfter = (before, after, format) => [format(before), el("span", {class: "soft"}, " \u2192 "), format(after)];

function diffSentence() {
	const n = {slower: 0, faster: 0, same: 0, not_enough_data: 0};
	for (const e of DATA.endpoints)
		n[e.verdict]++;
	const part = (k, one, many) => (n[k] ? `${some(n[k], "endpoint")} ${n[k] === 1 ? one : many || one}` : null);
	const said = [part("slower", "got slower"), part("faster", "got faster"), part("same", "shows no change", "show no change"), part("not_enough_data", "has not enough data", "have not enough data")].filter(Boolean);
	if (!said.length)
		return "No endpoint is in both recordings.";
	return `${said.join(", ").replace(/, ([^,]*)$/, " and $1")}.`;
}

// The endpoints whose change moves most time, in words.
function topChanges() {
	return DATA.endpoints.filter((e) => e.verdict === "slower" || e.verdict === "faster").slice(0, 4).map((e) => el("li", {},
		el("a", {href: endpointLink(e.before)}, traced(e.before.name, 120)), ` is ${e.verdict}: mean ${duration(e.before.mean)} before, ${duration(e.after.mean)} after`, e.why ? ["; ", traced(e.why, 520)] : null, "."));
}

function diffTiles() {
	const [b, a] = [DATA.before, DATA.after];
	const rates = [b, a].map((s) => rate(s.requests, seconds(s.start_us, s.end_us)));
	const means = [b, a].map((s) => (s.requests ? s.total / s.requests : null));
	return tiles([
		["Requests", beforeAfter(b.requests, a.requests, count), `${rates[0]} \u2192 ${rates[1]}`],
		["Mean of all", beforeAfter(means[0], means[1], duration), means[0] && means[1] ? change(means[1] / means[0] - 1) : null],
		["Errors", beforeAfter(b.errors, a.errors, count), `${percent(b.errors / (b.requests || 1))} \u2192 ${percent(a.errors / (a.requests || 1))}`],
		["Recorded", beforeAfter((b.end_us - b.start_us) * 1000, (a.end_us - a.start_us) * 1000, duration), b.start_us ? `${day(b.start_us)} ${clock(b.start_us)}, ${day(a.start_us)} ${clock(a.start_us)}` : null],
	]);
}

const ORDER = {slower: 0, faster: 1, same: 2, not_enough_data: 3};

function diffColumns(name) {
	const pair = (key) => ({title: key, num: true, value: (r) => r.after[key], cell: (r) => beforeAfter(r.before[key], r.after[key], duration)});
	return [
		name,
		{title: "Verdict", value: (r) => `${ORDER[r.verdict]}`, cell: (r) => verdict(r.verdict)},
		{title: name.counts, num: true, value: (r) => r.after.count, cell: (r) => beforeAfter(r.before.count, r.after.count, count)},
		pair("p50"), pair("p95"),
		{title: "Change", title_long: "A typical one after against a typical one before, and what holds that with 95 % confidence", num: true, value: (r) => r.shift.change || 0,
			cell: (r) => [change(r.shift.change), intervalText(r.shift) && el("small", {}, intervalText(r.shift))]},
		{title: el("span", {class: "unseen"}, "Change, drawn"), cell: (r) => rangeBar(r.shift)},
		{title: "Errors", num: true, value: (r) => r.errors.after, cell: (r) => beforeAfter(r.errors.before, r.errors.after, percent)},
	];
}

function diffOverview() {
	const columns = diffColumns({title: "Endpoint", counts: "Requests", wide: true, value: (e) => e.before.name, cell: (e) => [el("a", {href: endpointLink(e.before)}, traced(e.before.name, 120)), el("small", {}, traced(e.before.service, 80)), e.why && el("small", {}, traced(e.why, 140))]});
	columns.push({title: "Calls each", num: true, value: (e) => e.calls.after, cell: (e) => beforeAfter(e.calls.before, e.calls.after, few)});
	const table = sortableTable({name: "diff", noun: "endpoint", caption: "Endpoints before and after", rows: DATA.endpoints, columns, sort: null, empty: "No endpoint is in both recordings.",
		filter: (e) => `${e.before.name} ${e.before.service} ${e.verdict.replaceAll("_", " ")}`, flag: {text: "only changed", keep: (e) => e.verdict === "slower" || e.verdict === "faster"}});
	const top = topChanges();
	return {title: "Before and after", nodes: [
		head("Before and after", "what changed, how sure that is, and why"), card(null, el("p", {class: "lead"}, DATA.overall ? traced(DATA.overall, 800) : diffSentence()), top.length > 1 ? el("ul", {}, top) : null, DATA.overall && el("p", {class: "sub"}, diffSentence())), diffTiles(),
		DATA.notes.length ? card("Before you trust this", DATA.notes.map((text) => el("p", {class: "note-box"}, traced(text, 600)))) : null,
		card("Endpoints", table, el("p", {class: "sub more"}, "The dot is the change, the line its interval, the middle no change, the ends a quarter and four times.")),
	]};
}

function diffEndpoint(service, name) {
	const e = DATA.endpoints.find((x) => x.before.service === service && x.before.name === name);
	if (!e)
		return notFound("No such endpoint in both recordings.");
	const numbers = [["A typical request", e.shift, duration], ["Mean", e.mean, duration], ["p50", e.p50, duration], ["p95", e.p95, duration], ["p99", e.p99, duration], ["Errors", e.errors, percent, true], ["Calls per request", e.calls, few, true],
		...PARTS.filter(([key]) => e.time[key].before || e.time[key].after).map(([key, text]) => [`Time: ${text}`, e.time[key], duration])];
	return {title: clip(plain(name), 80), view: "overview", nodes: [
		el("div", {class: "head"}, el("div", {class: "kind"}, "Endpoint of ", traced(service, 100)), traced(name, 400, "h1")),
		card(null, el("p", {class: "lead"}, verdict(e.verdict), e.why ? [": ", traced(e.why, 520)] : null, ".")),
		card("Numbers", changeTable(numbers)), card("Where its time went, per request", againstBars(e)),
		e.histogram_before ? card("How long it took", histogram([e.histogram_before, e.histogram_after], [], "Share of requests by duration, before and after")) : null,
		e.call_list ? callChanges(e) : null,
	]};
}

function changeTable(rows) {
	return el("div", {class: "scroll"}, el("table", {}, el("caption", {class: "unseen"}, "Numbers before and after"), el("thead", {}, el("tr", {}, ["", "Before", "After", "Change", "Interval", "", "Verdict"].map((t, i) =>
		el(t ? "th" : "td", {scope: t ? "col" : null, class: t && i < 5 ? "num" : null}, t)))),
	el("tbody", {}, rows.map(([name, c, format, counts]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {class: "num"}, c === rows[0][1] ? "" : format(c.before)), el("td", {class: "num"}, c === rows[0][1] ? "" : format(c.after)),
		el("td", {class: "num"}, change(c.change)), el("td", {class: "num"}, (name === "Errors" ? pointsText(c) : intervalText(c)) || "\u2013"), el("td", {}, name === "Errors" ? null : rangeBar(c)), el("td", {}, verdict(c.verdict, counts)))))));
}

// Both bars on one scale.
function againstBars(e) {
	const side = (s) => Object.fromEntries(PARTS.map(([key]) => [key, s.count ? s.time[key] / s.count : 0]));
	const [before, after] = [side(e.before), side(e.after)];
	const whole = Math.max(...[before, after].map((s) => sum(Object.values(s))));
	const row = (name, time) => [el("span", {class: "soft"}, name), stack(time, false, whole), el("span", {class: "num"}, duration(sum(Object.values(time))))];
	const parts = PARTS.filter(([key]) => before[key] || after[key]);
	return [el("div", {class: "against"}, row("before", before), row("after", after)),
		el("table", {class: "parts"}, el("caption", {class: "unseen"}, "Time per request by part"), el("thead", {}, el("tr", {}, ["Part", "Before", "After", "Difference"].map((t, i) => el("th", {scope: "col", class: i ? "num" : null}, t)))),
			el("tbody", {}, parts.map(([key, text]) => el("tr", {}, el("th", {scope: "row"}, el("span", {class: `swatch p-${key}`}), text), el("td", {class: "num"}, duration(before[key])), el("td", {class: "num"}, duration(after[key])), el("td", {class: "num"}, signed(after[key] - before[key]))))))];
}

const signed = (ns) => (Math.abs(ns) < 0.5 ? "0" : ns > 0 ? `+${duration(ns)}` : duration(ns));

function callChanges(e) {
	const table = sortableTable({name: `changes ${e.before.service} ${e.before.name}`, noun: "call", caption: "Calls before and after", rows: e.call_list, sort: null, empty: "It makes no calls.",
		columns: [
			{title: "Query or call", wide: true, value: (c) => c.text, cell: (c) => [queryCell(c), !c.there_before ? el("span", {class: "tag"}, "new") : !c.there_after ? el("span", {class: "tag"}, "gone") : null]},
			{title: "Per request", num: true, value: (c) => c.calls_after, cell: (c) => beforeAfter(c.calls_before, c.calls_after, few)},
			{title: "Time per request", num: true, value: (c) => c.ns_after, cell: (c) => beforeAfter(c.ns_before, c.ns_after, duration)},
			{title: "Difference", num: true, value: (c) => c.ns_after - c.ns_before, cell: (c) => signed(c.ns_after - c.ns_before)},
		]});
	return card("What it calls", table, e.calls_left_out ? el("p", {class: "sub"}, `${some(e.calls_left_out, "more call")} had no room in this file.`) : null);
}

function diffQueries() {
	const columns = diffColumns({title: "Query or call", counts: "Calls", wide: true, value: (q) => q.before.text, cell: (q) => queryCell(q.before)});
	const table = sortableTable({name: "diff-queries", noun: "query", caption: "Queries before and after", rows: DATA.queries, columns, sort: null, empty: "No query is in both recordings.",
		filter: (q) => `${q.before.text} ${q.before.service} ${q.before.system} ${q.before.target}`, flag: {text: "only changed", keep: (q) => q.verdict === "slower" || q.verdict === "faster"}});
	return {title: "Queries", nodes: [head("Queries and calls", "by what they have in common, without values"), card(null, table)]};
}

function diffOnly() {
	const endpoints = (key, title) => card(title, sortableTable({name: key, noun: "endpoint", caption: title, rows: DATA[key], sort: null, columns: [
		{title: "Endpoint", wide: true, value: (e) => e.name, cell: (e) => [traced(e.name, 120), el("small", {}, traced(e.service, 80))]},
		{title: "Requests", num: true, value: (e) => e.requests, cell: (e) => count(e.requests)}, {title: "p50", num: true, value: (e) => e.p50, cell: (e) => duration(e.p50)},
		{title: "p95", num: true, value: (e) => e.p95, cell: (e) => duration(e.p95)}, {title: "Errors", num: true, value: (e) => e.errors, cell: (e) => errorsCell(e.errors, e.requests)}]}));
	const queries = (key, title) => card(title, sortableTable({name: key, noun: "query", caption: title, rows: DATA[key], sort: null, columns: [
		{title: "Query or call", wide: true, value: (q) => q.text, cell: queryCell}, {title: "Called by", value: (q) => q.service, cell: (q) => traced(q.service, 60)},
		{title: "Calls", num: true, value: (q) => q.count, cell: (q) => count(q.count)}, {title: "Mean", num: true, value: (q) => q.mean, cell: (q) => duration(q.mean)}]}));
	return {title: "Appeared, disappeared", nodes: [head("Only on one side", "what appeared and what disappeared"),
		endpoints("endpoints_appeared", "Endpoints that appeared"), endpoints("endpoints_disappeared", "Endpoints that disappeared"), queries("queries_appeared", "Queries that appeared"), queries("queries_disappeared", "Queries that disappeared")]};
}

function diffNotes() {
	const note = (text) => el("li", {}, text);
	const parents = (s) => {
		const all = sum(Object.values(s.parents));
		return all ? percent(1 - (s.parents.none || 0) / all) : "\u2013";
	};
	return {title: "Notes", nodes: [head("Notes", "how the verdicts were reached"), card(null, el("ul", {},
		note(`A verdict needs a rank test over all requests that stays significant after correcting for all ${some(DATA.tests, "comparison")} made here; otherwise it says \u201cno change shown\u201d or \u201cnot enough data\u201d.`),
		note("An interval holds the true change of its number in 95 of 100 such comparisons. A verdict is for all numbers together and so needs more: an interval without 0 can be \u201cno change shown\u201d."),
		note("Two runs on a busy machine differ by more than chance: compare under the same load."),
		note(`Parents known: ${parents(DATA.before)} before, ${parents(DATA.after)} after. Calls without a parent belong to no endpoint.`),
		DATA.before.dropped + DATA.after.dropped ? note(`${some(DATA.before.dropped + DATA.after.dropped, "item")} did not fit the tables of the analysis.`) : null,
		DATA.left_out ? note(`${some(DATA.left_out, "more change")} had no room in this file.`) : null))]};
}
