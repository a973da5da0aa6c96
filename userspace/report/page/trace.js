// SPDX-License-Identifier: GPL-2.0-only
// A trace out of its compact form (html_trace.h) into spans that know their children.
"use strict";

const KIND_NAMES = ["", "internal", "server", "client", "producer", "consumer"];
const RULE_NAMES = ["root", "none", "exact-id", "unit", "lineage", "responder", "completion", "exclusive", "segment", "header", "connection"];
const INCOMPLETE = [
	[1, "truncated", "a body or statement longer than what was copied"], [2, "attached midway", "it had begun when spantap came"],
	[4, "gap", "bytes in the middle were not seen"], [8, "late", "stamped after a call that blocked"],
	[16, "text unknown", "the statement was prepared before spantap came"], [32, "unanswered", "no answer was seen"],
];
const GROUP_MIN = 5;
const CACHES = new Set(["redis", "memcached", "valkey"]);

const loadedTraces = new Map();

// null: it is not in this file.
function loadTrace(block) {
	const source = document.getElementById(`trace-${block}`);
	if (!source)
		return null;
	if (!loadedTraces.has(block))
		loadedTraces.set(block, readTrace(JSON.parse(source.textContent)));
	return loadedTraces.get(block);
}

function readTrace(raw) {
	const text = (i) => raw.strings[i];
	const spans = raw.spans.map((row, index) => {
		const [id, parent, name, service, protocol, kind, start, ttfb, took, outcome, message, rule, sure, incomplete, pid, tid, time, attributes, links, remote] = row;
		return {
			id, index, parent, name: text(name), service: text(service), protocol: text(protocol), kind: KIND_NAMES[kind] || "internal", start, ttfb, took, outcome, message: text(message),
			rule: RULE_NAMES[rule] || "none", sure, incomplete, pid, tid, time: time ? {cpu: time[0], runqueue: time[1], blocked: time[2], shared: Boolean(time[3])} : null,
			attributes, links: links || [], remote: remote || "", children: [], depth: 0, open: true, up: null,
		};
	});
	const roots = [];
	for (const span of spans) {
		span.up = span.parent >= 0 && span.parent !== span.index ? spans[span.parent] : null;
		(span.up ? span.up.children : roots).push(span);
		span.category = category(span);
	}
	const groups = spans.flatMap((span) => groupChildren(span));
	for (const span of spans) { // parents stand before their children
		if (span.up && span.up.group)
			span.up.depth = span.up.up.depth + 1;
		span.depth = span.up ? span.up.depth + 1 : 0;
	}
	return {id: raw.id, start_us: raw.start_us, left_out: raw.left_out, strings: raw.strings, spans, groups, roots, end: spans.reduce((end, s) => Math.max(end, s.start + s.took), 1)};
}

/*
 * Calls that look alike and follow each other become one row, closed, that can be opened. What failed or is incomplete
 * stands alone: one would not see it in there.
 */
function groupChildren(parent) {
	const groups = [];
	const alike = (a, b) => a.name === b.name && a.service === b.service && a.protocol === b.protocol && a.kind === b.kind;
	const plainCall = (s) => !s.children.length && !failed(s) && !s.incomplete;
	const rows = [];
	for (let i = 0; i < parent.children.length;) {
		const first = parent.children[i];
		let end = i + 1;
		while (plainCall(first) && end < parent.children.length && plainCall(parent.children[end]) && alike(first, parent.children[end]))
			end++;
		const calls = parent.children.slice(i, end);
		rows.push(...(calls.length >= GROUP_MIN ? [makeGroup(parent, calls, groups)] : calls));
		i = end;
	}
	parent.rows = rows;
	return groups;
}

function makeGroup(parent, calls, groups) {
	const [first] = calls;
	const end = calls.reduce((latest, s) => Math.max(latest, s.start + s.took), 0);
	const group = {...first, id: `group-${first.id}`, index: `group-${first.index}`, group: true, up: parent, depth: parent.depth + 1, children: calls, rows: calls, open: false,
		start: first.start, ttfb: -1, took: end - first.start, sum: calls.reduce((total, s) => total + s.took, 0), message: "", links: [], time: null};
	for (const call of calls)
		call.up = group;
	groups.push(group);
	return group;
}

function category(span) {
	if (span.kind === "server" || span.kind === "consumer" || span.kind === "internal")
		return "server";
	if (CACHES.has(span.protocol))
		return "cache";
	return ["postgresql", "mysql", "mongodb", "sqlite", "cassandra", "clickhouse", "mssql"].includes(span.protocol) ? "database" : "service";
}

function attributePairs(trace, span) {
	const pairs = [];
	for (let i = 0; i < span.attributes.length; i += 2) {
		const value = span.attributes[i + 1];
		pairs.push([trace.strings[span.attributes[i]], Array.isArray(value) ? String(value[0]) : trace.strings[value]]);
	}
	return pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
}

// Name, service and every attribute of a span in one text, made once.
function searchText(trace, span) {
	if (span.search === undefined)
		span.search = [span.name, span.service, span.protocol, span.message, span.id, ...attributePairs(trace, span).flat()].join("\u0000").toLowerCase();
	return span.search;
}

// How much of [start, end) the children cover.
function covered(span) {
	const parts = span.children.filter((c) => c.kind !== "server").map((c) => [Math.max(c.start, span.start), Math.min(c.start + c.took, span.start + span.took)])
		.filter(([from, to]) => to > from).sort((a, b) => a[0] - b[0]);
	let total = 0;
	let end = -Infinity;
	for (const [from, to] of parts) {
		total += Math.max(0, to - Math.max(from, end));
		end = Math.max(end, to);
	}
	return total;
}

// What is not under a child, split by what the thread did; the rest was not measured.
function ownTime(span) {
	const own = Math.max(0, span.took - covered(span));
	if (!span.time)
		return {own, parts: {unaccounted: own}};
	const {cpu, runqueue, blocked} = span.time;
	return {own, parts: {cpu, runqueue, blocked, unaccounted: span.time.shared ? 0 : Math.max(0, own - cpu - runqueue - blocked)}};
}

const failed = (span) => span.outcome === 2;

function statusText(trace, span) {
	const status = attributePairs(trace, span).find(([key]) => key === "http.response.status_code");
	const word = span.outcome === 2 ? "error" : span.outcome === 1 ? "ok" : span.ttfb >= 0 ? "answered" : "no answer";
	return status ? `${word}, ${status[1]}` : word;
}
