// SPDX-License-Identifier: GPL-2.0-only
// The report's views: overview, findings, queries. An endpoint's own view is in endpoint.js.
"use strict";

const KINDS = {
	n_plus_one: "N+1 queries", duplicate_query: "duplicate query", slow_query: "slow query", chatty_cache: "chatty cache",
	repeated_lookup: "repeated lookup", serial_calls: "calls one after the other", connection_churn: "connection churn", sleep: "sleep",
	lock: "waiting for a lock", slow_first_byte: "slow first byte", errors: "errors",
};
const SYSTEMS = {postgresql: "PostgreSQL", mysql: "MySQL", mariadb: "MariaDB", redis: "Redis", http: "HTTP", memcached: "Memcached"};

const RULES = {
	unit: "read and called by the same thread, one request at a time", exclusive: "the only request open in the process during the call",
	header: "named in the request's own headers", connection: "the traced call at the other end of its connection",
	none: "a call with no known parent", "exact-id": "the runtime's own id of the request", lineage: "the thread or task was started by the request's",
	responder: "the thread that answered", completion: "the completion of the request's own operation", segment: "the same stretch of a thread's work",
};

const span_s = () => seconds(DATA.start_us, DATA.end_us);

function head(title, kind, ...more) {
	return el("div", {class: "head"}, kind && el("div", {class: "kind"}, kind), el("h1", {}, title), more);
}

function mainPart(time) {
	const [first] = timeParts(time);
	return first ? `${first[1].split(" (")[0]} ${percent(first[3])}` : "";
}

function endpointName(e) {
	return [el("a", {href: endpointLink(e)}, traced(e.name, 120)), el("small", {}, traced(e.service, 80))];
}

function latencyColumns() {
	return ["p50", "p95", "p99"].map((p) => ({title: p, num: true, value: (r) => r[p], cell: (r) => duration(r.count ? r[p] : null)}));
}

function endpointTable() {
	const all = sum(DATA.endpoints.map((e) => e.total)) || 1;
	return sortableTable({
		name: "endpoints", noun: "endpoint", caption: "Endpoints, with how long they took and where that time went", rows: DATA.endpoints,
		filter: (e) => `${e.name} ${e.service}`, flag: {text: "only with errors", keep: (e) => e.errors > 0}, sort: [6, true], empty: "No request was recorded.",
		columns: [
			{title: "Endpoint", wide: true, value: (e) => e.name, cell: endpointName},
			{title: "Requests", num: true, value: (e) => e.requests, cell: (e) => [count(e.requests), el("small", {}, rate(e.requests, span_s()))]},
			{title: "Errors", num: true, value: (e) => e.errors, cell: (e) => errorsCell(e.errors, e.requests)},
			...latencyColumns(),
			{title: "Total time", num: true, value: (e) => e.total, cell: (e) => [duration(e.total), el("small", {}, `${percent(e.total / all)} of all`)]},
			{title: "Calls each", title_long: "Calls it makes per request", num: true, value: (e) => e.calls_per_request, cell: (e) => few(e.calls_per_request)},
			{title: "Where the time went", value: (e) => mainPart(e.time), cell: (e) => [mainPart(e.time), stack(e.time, true)]},
		],
	});
}

function serviceTable() {
	return sortableTable({
		name: "services", noun: "service", caption: "Services", rows: DATA.services, sort: null, empty: "No service was recorded.",
		columns: [
			{title: "Service", wide: true, value: (s) => s.name, cell: (s) => traced(s.name, 120)},
			{title: "Requests", num: true, value: (s) => s.requests, cell: (s) => [count(s.requests), el("small", {}, rate(s.requests, span_s()))]},
			{title: "Errors", num: true, value: (s) => s.errors, cell: (s) => errorsCell(s.errors, s.requests)},
			...latencyColumns(),
			{title: "Total time", num: true, value: (s) => s.total, cell: (s) => duration(s.total)},
		],
	});
}

// The busiest two over time; errors are those of their endpoints.
function serviceTimes() {
	const errors = (s) => DATA.endpoints.filter((e) => e.service === s.name && e.timeline)
		.reduce((total, e) => total.map((n, i) => n + e.timeline.errors[i]), s.timeline.errors);
	const shown = DATA.services.filter((s) => s.timeline && s.count > 1).slice(0, 2);
	return shown.length && DATA.bucket_count ? el("div", {class: "pair more"}, shown.map((s) => el("div", {}, el("h3", {}, traced(s.name, 60), " over time"),
		timeline({...s.timeline, errors: errors(s)}, `${clip(plain(s.name), 60)}: latency, requests and errors over time`)))) : null;
}

function place(f) {
	if (!f.file)
		return null;
	return traced(`${f.file}${f.line ? `:${f.line}` : ""}${f.function ? ` ${f.function}` : ""}`, 300, "code");
}

function traceOf(e) {
	const kept = e && (e.slowest || []).find((t) => t.block >= 0);
	return kept && el("p", {}, el("a", {href: traceLink(kept)}, `Its slowest request, ${duration(kept.duration)}`));
}

function findingItem(f, own) {
	const e = DATA.endpoints[f.endpoint];
	const title = own || !e ? KINDS[f.kind] || f.kind.replaceAll("_", " ") : [el("a", {href: endpointLink(e)}, traced(e.name, 120)), el("span", {class: "soft"}, traced(e.service, 80))];
	return el("li", {class: "finding"}, el("h3", {}, own ? null : el("span", {class: "tag"}, KINDS[f.kind] || f.kind.replaceAll("_", " ")), title),
		el("div", {class: "body"}, f.evidence && el("p", {}, traced(f.evidence, 1100)), f.text && !f.evidence.includes(f.text) && traced(f.text, 1100, "code"), place(f),
			f.advice && el("p", {class: "advice"}, traced(f.advice, 1100)), !own && traceOf(e)),
		el("div", {class: "cost"}, f.cost > 0 && [el("b", {}, duration(f.cost)), el("span", {class: "soft"}, ` per request, ${percent(f.share)}`)]));
}

function findingList(findings, own) {
	return findings.length ? el("ul", {class: "findings"}, findings.map((f) => findingItem(f, own)))
		: el("p", {class: "empty"}, "Nothing stands out.");
}

function notes() {
	const list = [];
	for (const r of DATA.recordings) {
		if (r.damage)
			list.push([traced(r.path), ": ", traced(r.damage, 400)]);
		else if (!r.finished)
			list.push([traced(r.path), ": it did not end in order (or is still being written); losses may be missing from its totals."]);
	}
	if (DATA.traces_left_out)
		list.push(`${some(DATA.traces_left_out, "slow trace")} had no room in this file.`);
	if (DATA.traces_unreadable)
		list.push(`${some(DATA.traces_unreadable, "slow trace")} can no longer be read from the recording.`);
	for (const [key, noun] of [["queries_left_out", "query"], ["findings_left_out", "finding"], ["edges_left_out", "edge"], ["recordings_left_out", "recording"]])
		if (DATA[key])
			list.push(`${count(DATA[key])} more of the kind \u201c${noun}\u201d had no room in this file.`);
	if (DATA.dropped)
		list.push(`${some(DATA.dropped, "item")} did not fit the tables of the analysis: numbers are lower bounds.`);
	if (DATA.odd_times)
		list.push(`${some(DATA.odd_times, "span")} had times that cannot be right (a clock that jumped): in no number.`);
	return list.map((note) => el("p", {class: "note-box"}, note));
}

function knownParents() {
	const all = sum(Object.values(DATA.parents));
	return all ? 1 - (DATA.parents.none || 0) / all : NaN;
}

function completeness() {
	const all = sum(Object.values(DATA.parents)) || 1;
	const rules = Object.entries(DATA.parents).sort((a, b) => b[1] - a[1]);
	const lost = Object.entries(DATA.lost).sort((a, b) => b[1] - a[1]);
	const rows = (list, cells) => el("tbody", {}, list.map((item) => el("tr", {}, cells(item))));
	return card("How complete this is", notes(), el("div", {class: "pair"},
		el("div", {}, el("h3", {}, "Which rule found the parent"), rules.length ? el("table", {}, el("caption", {class: "unseen"}, "Parents by rule"), el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Rule"), el("th", {scope: "col", class: "num"}, "Spans"), el("th", {scope: "col", class: "num"}, "Share"))),
			rows(rules, ([rule, n]) => [el("th", {scope: "row"}, rule, el("small", {}, RULES[rule] || "")), el("td", {class: "num"}, count(n)), el("td", {class: "num"}, percent(n / all))])) : el("p", {class: "empty"}, "No span could have a parent."),
			DATA.agreement ? el("p", {}, "Where two rules named a caller: ", traced(DATA.agreement), ".") : null),
		el("div", {}, el("h3", {}, "What was not seen"), lost.length ? el("table", {}, el("caption", {class: "unseen"}, "Losses by reason"), el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Counter"), el("th", {scope: "col", class: "num"}, "Count"))),
			rows(lost, ([name, n]) => [el("th", {scope: "row"}, traced(name)), el("td", {class: "num"}, count(n))])) : el("p", {class: "empty"}, "Nothing is known to be lost."))));
}

function recordingsCard() {
	if (!DATA.recordings.length)
		return null;
	return card(DATA.recordings.length === 1 ? "The recording" : "The recordings", el("div", {class: "scroll"}, el("table", {}, el("caption", {class: "unseen"}, "Recordings in this report"),
		el("thead", {}, el("tr", {}, ["File", "Host", "From", "Lasted", "Spans", "Traces", "What was asked for"].map((t, i) => el("th", {scope: "col", class: i === 4 || i === 5 ? "num" : i === 0 || i === 6 ? "wide" : null}, t)))),
		el("tbody", {}, DATA.recordings.map((r) => el("tr", {}, el("th", {scope: "row", class: "wide"}, traced(r.path), el("small", {}, "spantap ", traced(r.version))), el("td", {}, traced(r.host)),
			el("td", {}, r.end_us ? `${day(r.start_us)} ${clock(r.start_us)}` : "\u2013"), el("td", {}, r.end_us ? duration((r.end_us - r.start_us) * 1000) : r.spans ? "\u2013" : "empty"),
			el("td", {class: "num"}, count(r.spans)), el("td", {class: "num"}, count(r.traces)), el("td", {class: "wide"}, r.description ? traced(r.description, 300, "code") : "\u2013")))))));
}

function overview() {
	const requests = sum(DATA.services.map((s) => s.requests));
	const errors = sum(DATA.services.map((s) => s.errors));
	const hosts = [...new Set(DATA.recordings.map((r) => r.host).filter(Boolean))];
	const known = knownParents();
	const worst = DATA.endpoints[0];
	const lost = sum(Object.values(DATA.lost));
	return {title: "Overview", nodes: [
		head("What was slow, and why", DATA.end_us ? `${day(DATA.start_us)}, ${clock(DATA.start_us)} to ${clock(DATA.end_us)}` : "an empty recording", hosts.length ? el("p", {class: "sub"}, hosts.length === 1 ? "Host " : "Hosts ", hosts.map((h, i) => [i ? ", " : "", traced(h, 80)]).flat()) : null),
		tiles([
			["Lasted", DATA.end_us ? duration((DATA.end_us - DATA.start_us) * 1000) : "\u2013", `${some(DATA.traces, "trace")}`],
			["Requests", count(requests), rate(requests, span_s())], ["Errors", el("span", {class: errors ? "bad" : null}, count(errors)), requests ? percent(errors / requests) : null],
			["Spans", count(DATA.spans), lost ? `${some(lost, "event")} not seen` : "none known to be lost"],
			["Parents known", percent(known), "of calls that can have one"],
			["Findings", count(DATA.findings.length), DATA.findings.length ? `in ${some(new Set(DATA.findings.map((f) => f.endpoint)).size, "endpoint")}` : null],
		]),
		card("What to change first", findingList(DATA.findings.slice(0, 3)), DATA.findings.length > 3 && el("p", {class: "more"}, el("a", {href: "#findings"}, `All ${count(DATA.findings.length)} findings`))),
		card("Endpoints", worst && el("p", {class: "sub"}, "By total time: what a change there can win. Open one to see where its time went."), endpointTable()),
		card("Services", serviceTable(), serviceTimes()), recordingsCard(), completeness(),
	]};
}

function findingsView() {
	return {title: "Findings", nodes: [head("Findings", "what to change, and what that would win",
		el("p", {class: "sub"}, "Greatest cost over all requests first. Each says what was seen; spantap says nothing where it is not sure.")), card("By cost", findingList(DATA.findings))]};
}

// The endpoints that make a call, those that spend most time in it first.
function callersOf(index) {
	const list = DATA.endpoints.flatMap((e) => (e.calls || []).filter((c) => c.query === index).map((c) => [c.total, e])).sort((a, b) => b[0] - a[0]);
	const shown = list.slice(0, 3).map(([, e]) => el("small", {}, el("a", {href: endpointLink(e)}, traced(e.name, 60))));
	return [shown, list.length > shown.length && el("small", {}, `and ${count(list.length - shown.length)} more`)];
}

const queryCell = (q) => [traced(q.text, 400, "code", "query"), el("small", {}, SYSTEMS[q.system] || traced(q.system, 40), " ", traced(q.target, 100))];

function queriesView() {
	const all = sum(DATA.queries.map((q) => q.total)) || 1;
	const table = sortableTable({
		name: "queries", noun: "query", caption: "Queries and calls by what they have in common", rows: DATA.queries, sort: [6, true], empty: "No call was recorded.",
		filter: (q) => `${q.text} ${q.system} ${q.target} ${q.service}`, flag: {text: "only with errors", keep: (q) => q.errors > 0},
		columns: [
			{title: "Query or call", wide: true, value: (q) => q.text, cell: queryCell},
			{title: "Called by", value: (q) => q.service, cell: (q) => [traced(q.service, 60), callersOf(DATA.queries.indexOf(q)), q.outside ? el("small", {}, `${count(q.outside)} outside of any request`) : null]},
			{title: "Calls", num: true, value: (q) => q.count, cell: (q) => count(q.count)},
			{title: "Mean", num: true, value: (q) => q.mean, cell: (q) => duration(q.mean)},
			{title: "p95", num: true, value: (q) => q.p95, cell: (q) => duration(q.p95)},
			{title: "p99", num: true, value: (q) => q.p99, cell: (q) => duration(q.p99)},
			{title: "Total time", num: true, value: (q) => q.total, cell: (q) => [duration(q.total), el("small", {}, `${percent(q.total / all)} of all calls`)]},
			{title: "Errors", num: true, value: (q) => q.errors, cell: (q) => errorsCell(q.errors, q.count)},
		],
	});
	return {title: "Queries", nodes: [head("Queries and calls", "everything that services asked of others, without values"), card(null, table)]};
}
