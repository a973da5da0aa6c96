// SPDX-License-Identifier: GPL-2.0-only
// One endpoint: where its time went, how its latency is spread, what it calls, its findings and slowest traces.
"use strict";

function endpointView(service, name) {
	const e = DATA.endpoints.find((x) => x.service === service && x.name === name);
	if (!e)
		return notFound("No such endpoint in this report.");
	const index = DATA.endpoints.indexOf(e);
	const findings = DATA.findings.filter((f) => f.endpoint === index);
	const detailed = Boolean(e.histogram);
	return {title: clip(plain(e.name), 80), view: "overview", nodes: [
		el("div", {class: "head"}, el("div", {class: "kind"}, "Endpoint of ", traced(e.service, 100)), traced(e.name, 400, "h1")),
		endpointTiles(e),
		card("Where its time went", el("p", {class: "sub"}, `Of ${duration(e.mean)} on average. The parts add up: calls of one kind that overlap count once.`), stack(e.time), partsTable(e.time, e.count, "Time per request by part"), sharedNote(e)),
		findings.length ? card(findings.length === 1 ? "Finding" : "Findings", findingList(findings, true)) : null,
		detailed ? el("div", {class: "pair"},
			card("How long it took", histogram([e.histogram], e.count ? [["p50", e.p50], ["p95", e.p95]] : [], `Requests by duration: p50 ${duration(e.p50)}, p95 ${duration(e.p95)}, p99 ${duration(e.p99)}, worst ${duration(e.max)}`)),
			card("Over time", timeline(e.timeline, "Latency, requests and errors over time"))) : el("p", {class: "note-box"}, "Only the endpoints with the greatest total time have charts, calls and traces here."),
		detailed && callsCard(e), detailed && slowestCard(e),
	]};
}

function endpointTiles(e) {
	return tiles([
		["Requests", count(e.requests), rate(e.requests, span_s())],
		["Errors", el("span", {class: e.errors ? "bad" : null}, count(e.errors)), e.unanswered ? `${count(e.unanswered)} unanswered` : percent(e.errors / (e.requests || 1))],
		["Mean", duration(e.mean)], ["p50", duration(e.p50)], ["p95", duration(e.p95)], ["p99", duration(e.p99)], ["Worst", duration(e.max)],
		["Calls each", few(e.calls_per_request), e.calls_max ? `at most ${count(e.calls_max)}` : null],
	]);
}

function sharedNote(e) {
	if (!e.shared)
		return null;
	return el("p", {class: "sub more"}, `Of ${e.shared === e.requests ? "all its" : count(e.shared)} requests the cpu, waiting and blocked time is that of a thread that served others at the same time.`);
}

// Calls that have their query in the page refer to it; others bring their text.
const callQuery = (c) => (c.query === undefined ? c : DATA.queries[c.query]);

function callsCard(e) {
	const requests = e.requests || 1;
	const table = sortableTable({
		name: `calls ${e.service} ${e.name}`, noun: "call", caption: "Calls of this endpoint", rows: e.calls, sort: [4, true], empty: "It makes no calls.",
		columns: [
			{title: "Query or call", wide: true, value: (c) => callQuery(c).text, cell: (c) => [queryCell(callQuery(c)), place(c)]},
			{title: "Per request", num: true, value: (c) => c.calls / requests, cell: (c) => [few(c.calls / requests), el("small", {}, `at most ${count(c.max)}`)]},
			{title: "In requests", num: true, value: (c) => c.requests, cell: (c) => percent(c.requests / requests)},
			{title: "Mean", num: true, value: (c) => c.total / c.calls, cell: (c) => duration(c.total / c.calls)},
			{title: "Time per request", num: true, value: (c) => c.total, cell: (c) => [duration(c.total / requests), el("small", {}, shareBar(e.total ? c.total / e.total : 0))]},
			{title: "Errors", num: true, value: (c) => c.errors, cell: (c) => errorsCell(c.errors, c.calls)},
		],
	});
	return card("What it calls", table, e.calls_left_out ? el("p", {class: "sub"}, `${some(e.calls_left_out, "more call")} with less time had no room in this file.`) : null);
}

function slowestCard(e) {
	const row = (t, i) => el("tr", {}, el("th", {scope: "row"}, t.block >= 0 ? el("a", {href: traceLink(t)}, `Trace ${i + 1}`) : `Trace ${i + 1}`, el("small", {class: "mono"}, t.trace.slice(0, 16))),
		el("td", {class: "num"}, duration(t.duration)), el("td", {}, shareBar(t.duration / (e.max || 1)).slice(1)), el("td", {}, clock(t.start_us, true)),
		el("td", {}, t.error ? el("span", {class: "tag bad"}, "error") : "answered"), el("td", {}, t.block >= 0 ? "" : "not in this file"));
	return card("Its slowest requests", e.slowest.length ? el("div", {class: "scroll"}, el("table", {}, el("caption", {class: "unseen"}, "Slowest requests; each opens as a waterfall"),
		el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Trace"), el("th", {scope: "col", class: "num"}, "Took"), el("th", {scope: "col"}, el("span", {class: "unseen"}, "against the slowest")), el("th", {scope: "col"}, "Began"), el("th", {scope: "col"}, "Ended"), el("th", {scope: "col"}, el("span", {class: "unseen"}, "Note")))),
		el("tbody", {}, e.slowest.map(row)))) : el("p", {class: "empty"}, "None was kept."));
}
