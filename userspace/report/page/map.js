// SPDX-License-Identifier: GPL-2.0-only
// Who calls whom: a drawn graph, and the same as a table.
"use strict";

const BOX = {width: 196, height: 52};
const LABELS_MAX = 60; // edges: with more, what is chosen says its numbers below
const CALLERS = "\u0000callers"; // no service has that name

function graph() {
	const nodes = new Map();
	const node = (id, values) => {
		if (!nodes.has(id))
			nodes.set(id, {id, out: [], in: [], ...values});
		return nodes.get(id);
	};
	for (const s of DATA.services)
		node(`s ${s.name}`, {name: s.name, inside: true, service: s});
	const edges = [];
	for (const e of DATA.edges) {
		const from = e.from ? node(`s ${e.from}`, {name: e.from, inside: true}) : node(CALLERS, {name: "untraced callers", system: "outside"});
		const to = e.traced ? node(`s ${e.to}`, {name: e.to, inside: true}) : node(`x ${e.to}`, {name: e.to, system: e.system});
		const edge = {from: from.id, to: to.id, a: from, b: to, data: e};
		from.out.push(edge);
		to.in.push(edge);
		edges.push(edge);
	}
	return {nodes, edges};
}

function nodeTitle(n) {
	const at = n.name.indexOf("://");
	return n.inside || at < 0 ? n.name : n.name.slice(at + 3);
}

function nodeNote(n) {
	if (n.service)
		return `${rate(n.service.requests, span_s())} \u00b7 p95 ${duration(n.service.p95)}`;
	if (n.id === CALLERS)
		return "not seen by spantap";
	return n.inside ? "traced" : SYSTEMS[n.system] || plain(n.system || "not traced");
}

const edgeMean = (e) => (e.calls ? e.total / e.calls : 0);
const edgeText = (e) => `${rate(e.calls, span_s())} \u00b7 ${duration(edgeMean(e))}`;
const edgeSays = (edge) => `${some(edge.data.calls, "call")}, ${rate(edge.data.calls, span_s())}, ${duration(edgeMean(edge.data))} on average${edge.data.errors ? `, ${percent(edge.data.errors / edge.data.calls)} errors` : ""}`;

function mapView() {
	const g = graph();
	const title = head("Who calls whom", "by rate, mean latency and errors");
	if (!g.nodes.size)
		return {title: "Map", nodes: [title, card(null, el("p", {class: "empty"}, "No service was recorded."))]};
	const about = el("div", {id: "about-node", class: "sub"}, "Choose a service to see only what it calls and who calls it. Arrow keys move.");
	const frame = el("div", {class: "map-frame"});
	const drawn = {};
	const redraw = () => {
		frame.replaceChildren(drawMap(g, about, drawn));
		frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
	};
	return {title: "Map", nodes: [title, card(null, frame, about), card("The same as a table", edgeTable())], after() {
		redraw();
		const narrow = matchMedia("(max-width: 900px)");
		narrow.addEventListener("change", redraw);
		return () => narrow.removeEventListener("change", redraw);
	}};
}

function drawMap(g, about, drawn) {
	const upright = matchMedia("(max-width: 900px)").matches;
	const loops = g.edges.filter((e) => e.from === e.to);
	const edges = g.edges.filter((e) => e.from !== e.to);
	const {layers, cells, chains} = layered([...g.nodes.keys()], edges);
	const step = upright ? {layer: BOX.height + 84, row: BOX.width + 24} : {layer: BOX.width + 136, row: BOX.height + 34};
	const least = Math.min(...layers.flat().map((c) => c.at));
	const most = Math.max(...layers.flat().map((c) => c.at));
	const point = (cell) => {
		const [along, across] = [cell.layer * step.layer, (cell.at - least) * step.row];
		return upright ? [across + BOX.width / 2 + 4, along + BOX.height / 2 + 4] : [along + BOX.width / 2 + 4, across + BOX.height / 2 + 4];
	};
	const far = [(layers.length - 1) * step.layer, (most - least) * step.row];
	const [width, height] = [(upright ? far[1] : far[0]) + BOX.width + 8, (upright ? far[0] : far[1]) + BOX.height + 8];
	const root = svg("svg", {class: "map", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Service map"});
	const lines = chains.map((chain) => chain.map(point));
	setPorts(edges, lines, upright);
	edges.forEach((edge, i) => { edge.nodes = drawEdge(edge, lines[i], upright); });
	root.append(...edges.flatMap((e) => e.nodes));
	if (edges.length <= LABELS_MAX) {
		const taken = [...cells.values()].map((cell) => [...point(cell), BOX.width / 2, BOX.height / 2]);
		for (const edge of edges) {
			const texts = drawLabel(edge, taken, upright);
			edge.nodes.push(...texts);
			root.append(...texts);
		}
	}
	const boxes = new Map();
	for (const [id, n] of g.nodes) {
		const box = drawNode(n, point(cells.get(id)), loops.some((e) => e.from === id));
		boxes.set(id, box);
		root.append(box);
	}
	Object.assign(drawn, {root, boxes, edges, about, chosen: null});
	mapKeys(drawn, g, cells, layers, upright);
	return root;
}

function drawNode(n, [x, y], loop) {
	const name = plain(nodeTitle(n));
	const says = `${plain(n.name)}: ${nodeNote(n)}. Called by ${n.in.length}, calls ${n.out.length}${loop ? ", among them itself" : ""}`;
	return svg("g", {class: `node${n.inside ? " inside" : ""}`, role: "button", "aria-pressed": "false", tabindex: -1, "aria-label": clip(says, 300), transform: `translate(${x - BOX.width / 2} ${y - BOX.height / 2})`},
		svg("rect", {class: "box", width: BOX.width, height: BOX.height, rx: n.inside ? 8 : 26}), svg("title", {}, clip(plain(n.name), 300)),
		svg("text", {x: BOX.width / 2, y: 22, "text-anchor": "middle", "font-weight": n.inside ? 600 : 400}, clip(name, 25)),
		svg("text", {class: "small", x: BOX.width / 2, y: 40, "text-anchor": "middle"}, `${loop ? "\u21ba " : ""}${clip(nodeNote(n), 30)}`));
}

// Ports: edges leave and arrive spread over a side, in the order of where they go.
function setPorts(edges, chains, upright) {
	const across = upright ? 0 : 1;
	const ports = (side, index, near) => {
		const by = new Map();
		edges.forEach((edge, i) => by.set(edge[side], [...(by.get(edge[side]) || []), [chains[i][near(chains[i])][across], edge]]));
		for (const list of by.values()) {
			list.sort((a, b) => a[0] - b[0]);
			const room = Math.min(18, ((upright ? BOX.width : BOX.height) - 20) / list.length);
			list.forEach(([, edge], i) => { edge[index] = (i - (list.length - 1) / 2) * room; });
		}
	};
	ports("from", "leaves", () => 1);
	ports("to", "arrives", (chain) => chain.length - 2);
}

// The points that an edge's line goes through, from box to box, and where its arrow begins.
function edgePath(edge, points, upright) {
	const [first, last] = [points[0], points[points.length - 1]];
	const forward = upright ? last[1] > first[1] : last[0] > first[0];
	const away = (upright ? BOX.height : BOX.width) / 2 * (forward ? 1 : -1);
	const back = 8 * (forward ? 1 : -1);
	const from = upright ? [first[0] + edge.leaves, first[1] + away] : [first[0] + away, first[1] + edge.leaves];
	const tip = upright ? [last[0] + edge.arrives, last[1] - away] : [last[0] - away, last[1] + edge.arrives];
	const end = upright ? [tip[0], tip[1] - back] : [tip[0] - back, tip[1]];
	return {path: [from, ...points.slice(1, -1), end], wing: upright ? `M${tip[0]} ${tip[1]}l-4.5 ${-back}h9z` : `M${tip[0]} ${tip[1]}l${-back} -4.5v9z`};
}

function drawEdge(edge, points, upright) {
	const failing = edge.data.errors > 0 ? " failing" : "";
	const {path, wing} = edgePath(edge, points, upright);
	const curve = path.slice(1).map((p, i) => {
		const a = path[i];
		return upright ? `C${a[0]} ${(a[1] + p[1]) / 2} ${p[0]} ${(a[1] + p[1]) / 2} ${p[0]} ${p[1]}` : `C${(a[0] + p[0]) / 2} ${a[1]} ${(a[0] + p[0]) / 2} ${p[1]} ${p[0]} ${p[1]}`;
	}).join("");
	edge.path = path;
	return [svg("path", {class: `edge${failing}`, d: `M${path[0][0]} ${path[0][1]}${curve}`}, svg("title", {}, edgeSays(edge))), svg("path", {class: `arrow${failing}`, d: wing})];
}

// Where along its line a label stands on nothing else; the middle when there is no such place.
function labelPlace(edge, taken, upright) {
	const half = [50, edge.data.errors ? 17 : 9];
	const free = (x, y) => taken.every((t) => Math.abs(x - t[0]) > half[0] + t[2] || Math.abs(y - t[1]) > half[1] + t[3]);
	const at = (a, b, t) => {
		const s = t * t * (3 - 2 * t); // near enough to the curve
		return upright ? [a[0] + (b[0] - a[0]) * s, a[1] + (b[1] - a[1]) * t] : [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * s];
	};
	const segments = edge.path.slice(1).map((p, i) => [edge.path[i], p]);
	const places = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9].flatMap((t) => segments.map(([a, b]) => at(a, b, t)));
	const place = places.find(([x, y]) => free(x, y)) || places[0];
	taken.push([...place, ...half]);
	return place;
}

function drawLabel(edge, taken, upright) {
	const [x, y] = labelPlace(edge, taken, upright);
	const label = (dy, text, more) => svg("text", {class: `label ${more}`, x, y: y + dy, "text-anchor": "middle"}, text);
	return edge.data.errors ? [label(-3, edgeText(edge.data), "small"), label(12, `${percent(edge.data.errors / edge.data.calls)} errors`, "errors")] : [label(4, edgeText(edge.data), "small")];
}

function chooseNode(drawn, g, id) {
	drawn.chosen = drawn.chosen === id ? null : id;
	drawn.root.classList.toggle("choosing", drawn.chosen !== null);
	const n = g.nodes.get(drawn.chosen);
	const near = new Set(n ? [n.id, ...n.in.map((e) => e.from), ...n.out.map((e) => e.to)] : []);
	for (const [key, box] of drawn.boxes) {
		box.classList.toggle("faded", Boolean(n) && !near.has(key));
		box.classList.toggle("chosen", key === drawn.chosen);
		box.setAttribute("aria-pressed", String(key === drawn.chosen));
	}
	for (const edge of drawn.edges)
		for (const part of edge.nodes)
			part.classList.toggle("faded", Boolean(n) && edge.from !== n.id && edge.to !== n.id);
	drawn.about.replaceChildren(...(n ? aboutNode(n) : ["Choose a service to see only what it calls and who calls it. Arrow keys move."]));
	announce(n ? drawn.about.textContent : "the whole map");
}

function aboutNode(n) {
	const line = (edge, other, word) => el("li", {}, `${word} `, traced(other.name, 120), `: ${edgeSays(edge)}`);
	return [el("b", {}, traced(n.name, 120)), ` ${nodeNote(n)}`, el("ul", {}, n.in.map((e) => line(e, e.a, "called by")), n.out.map((e) => line(e, e.b, "calls")))];
}

// One stop for Tab; arrows go to the nearest node in their direction.
function mapKeys(drawn, g, cells, layers, upright) {
	const focusable = [...drawn.boxes.keys()];
	const at = (id) => cells.get(id);
	const focus = (id) => {
		for (const [key, box] of drawn.boxes)
			box.setAttribute("tabindex", key === id ? 0 : -1);
		drawn.boxes.get(id).focus();
	};
	drawn.boxes.get(focusable[0]).setAttribute("tabindex", 0);
	const move = (id, layers_on, rows_on) => {
		const here = at(id);
		const others = focusable.map(at).filter((c) => (layers_on ? Math.sign(c.layer - here.layer) === layers_on : c.layer === here.layer && Math.sign(c.at - here.at) === rows_on));
		const far = (c) => Math.abs(c.layer - here.layer) * 1000 + Math.abs(c.at - here.at);
		others.sort((a, b) => far(a) - far(b));
		if (others.length)
			focus(others[0].id);
	};
	const ways = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};
	for (const [id, box] of drawn.boxes) {
		box.addEventListener("click", () => { focus(id); chooseNode(drawn, g, id); });
		box.addEventListener("keydown", (event) => {
			if (event.key === "Enter" || event.key === " ")
				chooseNode(drawn, g, id);
			else if (event.key === "Escape" && drawn.chosen !== null)
				chooseNode(drawn, g, drawn.chosen);
			else if (ways[event.key])
				move(id, ways[event.key][upright ? 1 : 0], ways[event.key][upright ? 0 : 1]);
			else
				return;
			event.preventDefault();
		});
	}
}

function edgeTable() {
	return sortableTable({
		name: "edges", noun: "edge", caption: "Who calls whom", rows: DATA.edges, filter: (e) => `${e.from} ${e.to} ${e.system}`, flag: {text: "only with errors", keep: (e) => e.errors > 0}, sort: [6, true],
		columns: [
			{title: "From", wide: true, value: (e) => e.from, cell: (e) => (e.from ? traced(e.from, 100) : el("span", {class: "soft"}, "untraced callers"))},
			{title: "To", wide: true, value: (e) => e.to, cell: (e) => [traced(e.to, 160), el("small", {}, e.traced ? "traced" : SYSTEMS[e.system] || traced(e.system, 40))]},
			{title: "Calls", num: true, value: (e) => e.calls, cell: (e) => count(e.calls)},
			{title: "Rate", num: true, value: (e) => e.calls, cell: (e) => rate(e.calls, span_s())},
			{title: "Errors", num: true, value: (e) => e.errors, cell: (e) => errorsCell(e.errors, e.calls)},
			{title: "Mean", num: true, value: edgeMean, cell: (e) => duration(edgeMean(e))},
			{title: "Total time", num: true, value: (e) => e.total, cell: (e) => duration(e.total)},
		],
	});
}
