// SPDX-License-Identifier: GPL-2.0-only
// What every view uses: elements, numbers, texts. All that was traced reaches the page through text nodes only.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);

const PARTS = [
	["cpu", "cpu"], ["runqueue", "waiting for a cpu"], ["blocked", "blocked (sleep, lock, disk)"], ["database", "database"],
	["cache", "cache"], ["service", "other services"], ["unaccounted", "not accounted for"],
];

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
	for (const [key, value] of Object.entries(properties || {})) {
		if (key === "on")
			for (const [event, handler] of Object.entries(value))
				node.addEventListener(event, handler);
		else if (key === "style")
			for (const [name, set] of Object.entries(value))
				node.style.setProperty(name, set);
		else if (value !== undefined && value !== null && value !== false)
			node.setAttribute(key, value === true ? "" : value);
	}
	for (const child of children.flat(Infinity))
		if (child !== null && child !== undefined && child !== false)
			node.append(child);
	return node;
}

// el("td", {class: "num"}, "12", ...): texts become text nodes.
const el = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
const svg = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

// Control characters, and those that turn the writing direction, are shown by their number.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const plain = (text) => String(text).replace(UNSEEN, (c) =>
	c === "\n" || c === "\t" ? " " : `\u27e8${c.charCodeAt(0).toString(16).padStart(2, "0")}\u27e9`);
const clip = (text, max) => (text.length > max ? `${text.slice(0, max)}\u2026` : text);

// What a traced program chose: isolated, so that it cannot turn its neighbours' direction.
const traced = (text, max = 300, tag = "span", more = "") =>
	el(tag, {class: `traced ${more}`, title: String(text).length > max ? clip(plain(text), 2000) : null}, clip(plain(text), max));

function digits(value) {
	if (value >= 100)
		return value.toFixed(0);
	return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function duration(ns) {
	if (ns === null || ns === undefined || Number.isNaN(ns))
		return "\u2013";
	if (ns < 0)
		return `\u2212${duration(-ns)}`;
	if (ns < 999.5)
		return ns < 0.5 ? "0" : `${Math.round(ns)}\u00a0ns`;
	if (ns < 999500)
		return `${digits(ns / 1e3)}\u00a0\u00b5s`;
	if (ns < 999500000)
		return `${digits(ns / 1e6)}\u00a0ms`;
	if (ns < 120e9)
		return `${digits(ns / 1e9)}\u00a0s`;
	if (ns < 7200e9)
		return `${digits(ns / 60e9)}\u00a0min`;
	return ns < 172800e9 ? `${digits(ns / 3600e9)}\u00a0h` : `${digits(ns / 86400e9)}\u00a0d`;
}

const NUMBER = new Intl.NumberFormat("en-US");
const count = (n) => NUMBER.format(n);
const some = (n, one, many) => `${count(n)} ${n === 1 ? one : many || `${one.replace(/y$/, "ie")}s`}`;
const few = (n) => (n === 0 ? "0" : n < 0.01 ? "<0.01" : n < 10 && n % 1 ? n.toFixed(n < 1 ? 2 : 1) : count(Math.round(n)));

function percent(share) {
	if (!Number.isFinite(share))
		return "\u2013";
	const p = share * 100;
	if (p > 0 && p < 0.1)
		return "<0.1%";
	return `${p > 0 && p < 9.95 ? p.toFixed(1) : Math.round(p)}%`;
}

function change(relative) {
	if (relative === undefined || !Number.isFinite(relative))
		return "\u2013";
	if (relative >= 9.995)
		return `${few(1 + relative)}\u00d7`;
	const p = relative * 100;
	const size = Math.abs(p) < 9.95 ? Math.abs(p).toFixed(1) : count(Math.round(Math.abs(p)));
	return Math.abs(p) < 0.05 ? "0%" : `${p < 0 ? "\u2212" : "+"}${size}%`;
}

const seconds = (start_us, end_us) => Math.max((end_us - start_us) / 1e6, 1e-6);
const rate = (n, over) => (over > 1e-5 ? `${few(n / over)}/s` : "\u2013");

const pad = (n, width = 2) => String(n).padStart(width, "0");
function clock(us, fine) {
	const at = new Date(us / 1000);
	const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
	return fine ? `${time}.${pad(at.getMilliseconds(), 3)}` : time;
}
function day(us) {
	const at = new Date(us / 1000);
	return Number.isNaN(at.getTime()) ? "\u2013" : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

// Said to who listens instead of looks.
let announcing = 0;
function announce(text) {
	clearTimeout(announcing);
	announcing = setTimeout(() => { document.getElementById("live").textContent = text; }, 150);
}

// #endpoint=service|name: whatever is in a name survives encodeURIComponent, lone surrogates aside.
function link(view, values) {
	const parts = Object.entries(values || {}).map(([key, value]) => `${key}=${encodeURIComponent(String(value).toWellFormed ? String(value).toWellFormed() : value)}`);
	return `#${[view, ...parts].join("&")}`;
}
const endpointLink = (e) => link("endpoint", {service: e.service, name: e.name});
const traceLink = (t) => link("trace", {id: t.trace, span: t.span});

function card(title, ...content) {
	return el("section", {class: "card"}, title && el("h2", {}, title), ...content);
}

// [["requests", "12", "3.1/s"], ...]
function tiles(list) {
	return el("dl", {class: "tiles"}, list.map(([name, value, note]) =>
		el("div", {}, el("dt", {}, name), el("dd", {}, value), note && el("dd", {class: "note"}, note))));
}

const sum = (list) => list.reduce((a, b) => a + b, 0);

// [[key, text, ns, share], ...], greatest first
function timeParts(time) {
	const total = sum(PARTS.map(([key]) => time[key] || 0));
	return PARTS.map(([key, text]) => [key, text, time[key] || 0, total ? (time[key] || 0) / total : 0])
		.filter(([, , ns]) => ns > 0).sort((a, b) => b[2] - a[2]);
}

const timeText = (time) => timeParts(time).map(([, text, , share]) => `${text} ${percent(share)}`).join(", ") || "no time";

// A bar whose parts fill it (of a whole that may be longer, to compare two).
function stack(time, small, whole) {
	const parts = timeParts(time);
	const total = whole || sum(parts.map((p) => p[2])) || 1;
	return el("div", {class: `stack${small ? " small" : ""}`, role: "img", "aria-label": timeText(time)},
		parts.map(([key, text, ns, share]) => el("span", {
			class: `p-${key}`, title: `${text}: ${duration(ns)}, ${percent(share)}`, style: {flex: `0 1 ${ns / total * 100}%`},
		}, !small && ns / total > 0.12 ? `${text.split(" (")[0]} ${percent(share)}` : null)));
}

function partsTable(time, per, caption) {
	return el("table", {class: "parts"}, el("caption", {class: "unseen"}, caption), el("thead", {class: "unseen"},
		el("tr", {}, ["part", "per request", "share"].map((t) => el("th", {scope: "col"}, t)))),
	el("tbody", {}, timeParts(time).map(([key, text, ns, share]) => el("tr", {},
		el("th", {scope: "row"}, el("span", {class: `swatch p-${key}`}), text),
		el("td", {class: "num"}, duration(ns / (per || 1))), el("td", {class: "num"}, percent(share))))));
}

function shareBar(share) {
	return [percent(share), el("span", {class: "share", "aria-hidden": "true"},
		el("span", {style: {width: `${Math.min(100, Math.max(0, share * 100))}%`}}))];
}

const errorsCell = (n, of) => (n ? el("span", {class: "bad"}, `${count(n)} (${percent(n / of)})`) : "0");
