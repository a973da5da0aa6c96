// SPDX-License-Identifier: GPL-2.0-only
// A trace as rows over time. Only rows in sight (and the one that has the focus) exist, so tens of thousands stay smooth.
"use strict";

const OVERSCAN = 8;
const INDENT_MAX = 16; // levels: deeper ones are not moved further to the right
const PRINTED = 300;

function keptTrace(id) {
	for (const e of DATA.endpoints)
		for (const t of e.slowest || [])
			if (t.trace === id && t.block >= 0)
				return [t, e];
	return [null, null];
}

function traceView(id, span) {
	const [kept] = keptTrace(id);
	const trace = kept && loadTrace(kept.block);
	if (!trace || !trace.spans.length)
		return notFound("This trace is not in this file.");
	const root = trace.roots[0];
	const services = new Set(trace.spans.filter((s) => s.kind === "server").map((s) => s.service));
	const errors = trace.spans.filter(failed).length;
	const near = DATA.endpoints.filter((e) => (e.slowest || []).some((t) => t.trace === id));
	const fall = waterfall(trace, span || kept.span);
	return {title: clip(plain(root.name), 80), view: "overview", after: fall.start, nodes: [
		el("div", {class: "head"}, el("div", {class: "kind"}, "Trace ", el("span", {class: "mono"}, trace.id)), traced(root.name, 300, "h1"),
			el("p", {class: "sub"}, "Kept for ", near.flatMap((e, i) => [i ? ", " : "", el("a", {href: endpointLink(e)}, traced(e.name, 80))]))),
		tiles([["Took", duration(root.took), trace.end > root.start + root.took + 1e6 ? `all of it ${duration(trace.end)}` : null], ["Began", clock(trace.start_us, true), day(trace.start_us)],
			["Spans", count(trace.spans.length), trace.left_out ? `${count(trace.left_out)} more had no room` : null], ["Services", count(services.size)],
			["Errors", el("span", {class: errors ? "bad" : null}, count(errors))]]),
		...fall.nodes,
	]};
}

function waterfall(trace, wanted) {
	const w = {trace, list: [], place: new Map(), rows: new Map(), from: 0, to: trace.end, query: "", matches: null, active: null, height: rowHeight()};
	w.space = el("div", {class: "space", role: "rowgroup"});
	w.box = el("div", {class: "rows", role: "treegrid", "aria-label": "Spans of the trace", "aria-colcount": 3, on: {keydown: (e) => treeKey(w, e), scroll: () => later(w), click: (e) => treeClick(w, e)}}, w.space);
	w.ticks = el("span", {class: "ticks"});
	w.side = el("aside", {class: "card side", "aria-label": "The chosen span"});
	w.found = el("span", {class: "soft found"});
	w.search = el("input", {type: "search", id: "search", placeholder: "Search names and attributes", "aria-label": "Search spans", autocomplete: "off", spellcheck: "false", on: {
		input: () => search(w, w.search.value), keydown: (e) => searchKey(w, e)}});
	const button = (text, action) => el("button", {type: "button", on: {click: action}}, text);
	w.whole = button("Whole trace", () => zoom(w, 0, trace.end));
	const tools = el("div", {class: "tools"}, el("label", {class: "field"}, w.search), w.found, button("Collapse all", () => openAll(w, false)), button("Expand all", () => openAll(w, true)),
		button("Zoom to span", () => w.active && zoom(w, w.active.start, w.active.start + w.active.took)), w.whole);
	const keys = el("p", {class: "keys"}, [["\u2191 \u2193", "move"], ["\u2190 \u2192", "collapse, expand"], ["z", "zoom to span"], ["Esc", "whole trace"], ["/", "search"], ["n", "next match"]]
		.flatMap(([key, what], i) => [i ? " \u00b7 " : "", el("kbd", {}, key), ` ${what}`]));
	w.ruler = el("div", {class: "ruler", "aria-hidden": "true"}, el("span", {}, "Span"), el("span", {class: "took num"}), w.ticks);
	const nodes = [el("div", {class: "trace"}, el("div", {class: "card"}, tools, w.ruler, w.box, keys), w.side)];
	list(w);
	const start = () => {
		measure(w);
		zoom(w, 0, trace.end);
		const chosen = trace.spans.find((s) => s.id === wanted);
		if (chosen && !w.place.has(chosen)) {
			openTo(chosen);
			list(w);
		}
		choose(w, chosen || w.list[0], false);
		w.observer = new ResizeObserver(() => measure(w));
		w.observer.observe(w.box);
		const print = () => { w.printing = true; draw(w); };
		const printed = () => { w.printing = false; draw(w); };
		addEventListener("beforeprint", print);
		addEventListener("afterprint", printed);
		return () => {
			w.observer.disconnect();
			clearTimeout(w.naming);
			removeEventListener("beforeprint", print);
			removeEventListener("afterprint", printed);
		};
	};
	return {nodes, start};
}

// The rows that are not inside something collapsed, in order.
function list(w) {
	const open = [...w.trace.roots].reverse();
	w.list = [];
	w.place.clear();
	while (open.length) {
		const span = open.pop();
		w.place.set(span, w.list.length);
		w.list.push(span);
		if (span.open)
			for (let i = span.rows.length; i-- > 0;)
				open.push(span.rows[i]);
	}
	w.box.setAttribute("aria-rowcount", w.list.length);
	w.box.style.setProperty("--all", `${w.list.length * w.height + 1}px`);
}

// As in style_views.css.
const rowHeight = () => (matchMedia("(max-width: 640px)").matches ? 44 : 28);

function measure(w) {
	w.ruler.style.paddingRight = `${w.box.offsetWidth - w.box.clientWidth}px`; // the scroll bar's
	if (w.height === rowHeight()) {
		draw(w);
		return;
	}
	w.height = rowHeight();
	w.box.style.setProperty("--all", `${w.list.length * w.height + 1}px`);
	redraw(w);
}

function later(w) {
	if (!w.frame)
		w.frame = requestAnimationFrame(() => { w.frame = 0; draw(w); });
}

function draw(w) {
	const first = w.printing ? 0 : Math.max(0, Math.floor(w.box.scrollTop / w.height) - OVERSCAN);
	const last = w.printing ? Math.min(PRINTED, w.list.length) : Math.min(w.list.length, Math.ceil((w.box.scrollTop + w.box.clientHeight) / w.height) + OVERSCAN);
	const wanted = new Set(w.list.slice(first, last));
	if (w.active)
		wanted.add(w.active);
	w.space.style.height = `${(w.printing ? last : w.list.length) * w.height}px`;
	for (const [span, row] of w.rows)
		if (!wanted.has(span) || !w.place.has(span)) {
			row.remove();
			w.rows.delete(span);
		}
	for (const span of wanted)
		if (w.place.has(span) && !w.rows.has(span)) {
			const row = drawRow(w, span);
			w.rows.set(span, row);
			w.space.append(row);
		}
}

function redraw(w) {
	const focused = w.box.contains(document.activeElement);
	for (const row of w.rows.values())
		row.remove();
	w.rows.clear();
	draw(w);
	if (focused)
		focusActive(w);
}

function focusActive(w) {
	const row = w.rows.get(w.active);
	if (row)
		row.focus({preventScroll: true});
}

function drawRow(w, span) {
	const place = w.place.get(span);
	const other = !span.up || span.up.service !== span.service;
	const missed = w.matches && !(span.group ? span.children.some((call) => w.matches.has(call)) : w.matches.has(span));
	const row = el("div", {class: `row${missed ? " missed" : ""}`, role: "row", id: `span-${span.index}`, "aria-level": span.depth + 1, "aria-rowindex": place + 1, "aria-selected": String(span === w.active),
		"aria-expanded": span.children.length ? String(span.open) : null, tabindex: span === w.active ? 0 : -1, style: {top: `${place * w.height}px`}},
	el("div", {class: "what", role: "gridcell", style: {"padding-left": `${10 + Math.min(span.depth, INDENT_MAX) * 14}px`}},
		el("span", {class: "fold", "aria-hidden": "true"}, span.children.length ? (span.open ? "\u25be" : "\u25b8") : ""),
		flags(span), label(w, span), span.group ? el("span", {class: "tag"}, `\u00d7${count(span.children.length)}`) : !span.open && el("span", {class: "tag"}, `+${count(below(span))}`), other && traced(span.service, 60, "span", "of")),
	el("div", {class: "took", role: "gridcell"}, duration(span.group ? span.sum : span.took)),
	el("div", {class: "lane", role: "gridcell", "aria-label": `from ${duration(span.start)}`}, strip(w, span)));
	row.span = span;
	return row;
}

function flags(span) {
	const marks = [];
	if (failed(span))
		marks.push(el("span", {class: "flag bad", title: "ended in an error"}, "\u2717", el("span", {class: "unseen"}, "error ")));
	if (span.incomplete)
		marks.push(el("span", {class: "flag warn", title: INCOMPLETE.filter(([bit]) => span.incomplete & bit).map((i) => i[1]).join(", ")}, "\u2026", el("span", {class: "unseen"}, "incomplete ")));
	return marks;
}

// The name, with what was searched for marked.
function label(w, span) {
	const name = clip(plain(span.name), 200);
	const at = w.query ? name.toLowerCase().indexOf(w.query) : -1;
	const node = el("span", {class: "label traced"});
	if (at < 0)
		node.append(name);
	else
		node.append(name.slice(0, at), el("mark", {}, name.slice(at, at + w.query.length)), name.slice(at + w.query.length));
	return node;
}

function below(span) {
	let n = 0;
	const open = [...span.children];
	while (open.length) {
		n++;
		for (const child of open.pop().children)
			open.push(child);
	}
	return n;
}

function strip(w, span) {
	const width = Math.max(w.to - w.from, 1);
	const left = (span.start - w.from) / width;
	const right = (span.start + span.took - w.from) / width;
	if (right < 0 || left > 1)
		return null;
	const [from, to] = [Math.max(left, -0.01), Math.min(right, 1.01)];
	const first = span.ttfb > span.start && span.took > 0 ? (span.ttfb - w.from) / width : -1;
	return el("span", {class: `strip p-${span.category}${failed(span) ? " error" : ""}${span.group ? " group" : ""}`, style: {left: `${from * 100}%`, width: `${Math.max(0, to - from) * 100}%`}},
		first > from && first < to && (to - first) * width > 0.01 * width && el("span", {class: "first", title: "first byte of the answer", style: {left: `${(first - from) / (to - from) * 100}%`}}));
}

function zoom(w, from, to) {
	const least = 1000; // a microsecond fills the width at most
	[w.from, w.to] = [from, Math.max(to, from + least)];
	w.whole.disabled = from === 0 && to === w.trace.end;
	w.ticks.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((part) => el("span", {style: {left: `${part * 100}%`}}, duration(w.from + (w.to - w.from) * part))));
	redraw(w);
}

function choose(w, span, focus) {
	const before = w.rows.get(w.active);
	if (before) {
		before.tabIndex = -1;
		before.setAttribute("aria-selected", "false");
	}
	w.active = span;
	const top = w.place.get(span) * w.height;
	if (top < w.box.scrollTop)
		w.box.scrollTop = top;
	else if (top + w.height > w.box.scrollTop + w.box.clientHeight)
		w.box.scrollTop = top + w.height - w.box.clientHeight;
	draw(w);
	const row = w.rows.get(span);
	row.tabIndex = 0;
	row.setAttribute("aria-selected", "true");
	if (focus)
		row.focus({preventScroll: true});
	w.side.replaceChildren(...spanDetails(w.trace, span));
	clearTimeout(w.naming); // browsers refuse hundreds of these
	w.naming = setTimeout(() => history.replaceState(null, "", link("trace", {id: w.trace.id, span: span.group ? span.up.id : span.id})), 300);
}

function setOpen(w, span, open) {
	if (!span.children.length || span.open === open)
		return;
	span.open = open;
	list(w);
	redraw(w);
	announce(`${open ? "expanded" : "collapsed"}, ${some(w.list.length, "row")}`);
}

function openAll(w, open) {
	for (const span of [...w.trace.spans, ...w.trace.groups])
		span.open = open || !span.children.length;
	if (!open)
		for (const root of w.trace.roots)
			w.active = w.place.has(w.active) && w.trace.roots.includes(w.active) ? w.active : root;
	list(w);
	w.box.scrollTop = 0;
	redraw(w);
	choose(w, w.place.has(w.active) ? w.active : w.list[0], false);
	announce(some(w.list.length, "row"));
}

function treeClick(w, event) {
	const row = event.target.closest(".row");
	if (!row)
		return;
	if (event.target.closest(".fold") && row.span.children.length)
		setOpen(w, row.span, !row.span.open);
	choose(w, row.span, true);
}

function treeKey(w, event) {
	if (event.ctrlKey || event.metaKey || event.altKey || !w.active)
		return;
	const at = w.place.get(w.active);
	const page = Math.max(1, Math.floor(w.box.clientHeight / w.height) - 1);
	const go = (n) => choose(w, w.list[Math.max(0, Math.min(w.list.length - 1, n))], true);
	const actions = {
		ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1), PageDown: () => go(at + page), PageUp: () => go(at - page), Home: () => go(0), End: () => go(w.list.length - 1),
		ArrowRight: () => (w.active.children.length && !w.active.open ? setOpen(w, w.active, true) : w.active.children.length && go(at + 1)),
		ArrowLeft: () => (w.active.children.length && w.active.open ? setOpen(w, w.active, false) : w.active.up && choose(w, w.active.up, true)),
		Enter: () => setOpen(w, w.active, !w.active.open), " ": () => setOpen(w, w.active, !w.active.open),
		z: () => zoom(w, w.active.start, w.active.start + w.active.took), Escape: () => zoom(w, 0, w.trace.end),
		"/": () => w.search.focus(), n: () => nextMatch(w, 1), N: () => nextMatch(w, -1),
	};
	if (actions[event.key]) {
		event.preventDefault();
		actions[event.key]();
	}
}

function search(w, text) {
	w.query = text.trim().toLowerCase();
	w.matches = w.query ? new Set(w.trace.spans.filter((span) => searchText(w.trace, span).includes(w.query))) : null;
	w.found.textContent = w.matches ? `${some(w.matches.size, "match", "matches")}` : "";
	announce(w.found.textContent);
	redraw(w);
	if (w.matches && w.matches.size)
		showFirst(w, [...w.matches][0]);
}

// Brings a match into sight without taking the focus from the search, or what it is closed in.
function showFirst(w, span) {
	for (let up = span; up; up = up.up)
		if (w.place.has(up)) {
			choose(w, up, false);
			return;
		}
}

function openTo(span) {
	for (let up = span.up; up; up = up.up)
		up.open = true;
}

function searchKey(w, event) {
	if (event.key === "Enter")
		nextMatch(w, event.shiftKey ? -1 : 1, true);
	else if (event.key === "ArrowDown")
		focusActive(w);
	else
		return;
	event.preventDefault();
}

// The next match in the order of the whole tree, also inside what is collapsed: that is opened.
function nextMatch(w, step, stay) {
	if (!w.matches || !w.matches.size)
		return;
	const order = [...w.matches];
	const at = (w.active.group ? w.active.children[0] : w.active).index;
	const now = order.findIndex((span) => span.index >= at);
	const exact = now >= 0 && order[now] === w.active;
	const next = now < 0 ? (step > 0 ? 0 : order.length - 1) : now + (step > 0 ? (exact ? 1 : 0) : -1);
	const span = order[(next + order.length) % order.length];
	openTo(span);
	list(w);
	redraw(w);
	choose(w, span, !stay);
}
