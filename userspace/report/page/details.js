// SPDX-License-Identifier: GPL-2.0-only
// All that is known of one span.
"use strict";

function facts(rows, caption, more) {
	return el("table", {class: `facts ${more || ""}`}, el("caption", {class: "unseen"}, caption), el("tbody", {}, rows.filter((row) => row && row[1] !== null && row[1] !== "")
		.map(([name, value]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, value)))));
}

function parentFact(trace, span) {
	if (span.rule === "root")
		return ["Parent", "none: the trace begins here"];
	const parent = span.parent >= 0 ? trace.spans[span.parent] : null;
	const who = parent ? traced(parent.name, 80) : span.remote ? el("span", {}, "not in this trace: ", el("span", {class: "mono"}, span.remote)) : "not known";
	const rule = span.rule === "none" ? "" : el("small", {class: "soft"}, ` by ${span.rule}, sure ${Math.round(span.sure * 100)}%: ${RULES[span.rule] || ""}`);
	return ["Parent", el("span", {}, who, rule)];
}

function ownTimeBlock(span) {
	if (span.kind !== "server")
		return null;
	const {own, parts} = ownTime(span);
	const note = span.time && span.time.shared ? "The thread served other requests too: its time is theirs as well." : null;
	return el("div", {}, el("h3", {}, `Own time ${duration(own)} (${percent(own / (span.took || 1))}), not under a call`),
		own > 0 && [stack(parts), partsTable(parts, 1, "Own time by part")], note && el("p", {class: "sub"}, note));
}

// Calls that look alike, as one.
function groupDetails(trace, group) {
	const took = group.children.map((s) => s.took).sort((a, b) => a - b);
	const text = attributePairs(trace, group).find(([key]) => key === "db.query.text");
	return [
		el("h2", {}, traced(group.name, 2000), ` \u00d7${count(took.length)}`),
		el("p", {class: "sub"}, "Calls that look alike, one after the other. Open the row to see each."),
		text && traced(text[1], 1000, "code"),
		facts([["Together", `${duration(group.sum)} (${percent(group.sum / trace.end)} of the trace)`], ["From", `${duration(group.start)} into the trace`], ["Until", duration(group.start + group.took)],
			["Fastest", duration(took[0])], ["Median", duration(took[Math.floor((took.length - 1) / 2)])], ["Slowest", duration(took[took.length - 1])], ["Service", traced(group.service, 200)]], "Facts"),
	].filter(Boolean);
}

function spanDetails(trace, span) {
	if (span.group)
		return groupDetails(trace, span);
	const marks = INCOMPLETE.filter(([bit]) => span.incomplete & bit);
	const pairs = attributePairs(trace, span);
	return [
		el("h2", {}, traced(span.name, 2000)),
		el("div", {}, el("span", {class: "tag"}, span.kind), " ", el("span", {class: "tag"}, SYSTEMS[span.protocol] || span.protocol || "?"), " ", el("span", {class: `tag${failed(span) ? " bad" : ""}`}, statusText(trace, span))),
		span.message && el("p", {class: "bad"}, traced(span.message, 600)),
		marks.length && el("div", {}, marks.map(([, name, why]) => el("p", {class: "note-box"}, el("b", {}, name), `: ${why}`))),
		facts([["Took", `${duration(span.took)} (${percent(span.took / trace.end)} of the trace)`], ["Began", `${duration(span.start)} into the trace`],
			["First byte", span.ttfb >= 0 ? `after ${duration(span.ttfb - span.start)}` : "never came"], ["Service", traced(span.service, 200)], parentFact(trace, span),
			["Process", span.pid ? `${span.pid}, thread ${span.tid || "?"}` : null], ["Calls", span.children.length ? count(span.children.length) : null], ["Span", el("span", {class: "mono"}, span.id)]], "Facts"),
		ownTimeBlock(span),
		pairs.length && el("div", {}, el("h3", {}, "Attributes"), facts(pairs.map(([key, value]) => [traced(key), traced(value, 5000)]), "Attributes", "attributes")),
		span.links.length && el("div", {}, el("h3", {}, "Links"), linkList(span)),
	].filter(Boolean);
}

// [trace id, span id, ...]: those in this file can be opened.
function linkList(span) {
	const items = [];
	for (let i = 0; i < span.links.length; i += 2) {
		const [id, other] = [span.links[i], span.links[i + 1]];
		const known = keptTrace(id)[0];
		items.push(el("li", {class: "mono"}, known ? el("a", {href: link("trace", {id, span: other})}, id) : id));
	}
	return el("ul", {}, items);
}
