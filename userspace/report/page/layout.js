// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layers for a directed graph, after Sugiyama: turn edges that would make a circle, put each node one layer after the
 * last of those that call it, give edges over several layers a bend in each, order layers so that few edges cross, then move nodes towards
 * their neighbours.
 */
"use strict";

const SWEEPS = 8;

// nodes: ids; edges: [{from, to}]. Returns {layers: [[cell, ...]], cells: Map(id -> cell), chains: [[cell, ...] per edge]}.
function layered(nodes, edges) {
	const forward = withoutCircles(nodes, edges);
	const depth = longestPaths(nodes, forward);
	const layers = [];
	const cells = new Map();
	const add = (layer, id) => {
		const cell = {id, layer, up: [], down: [], at: 0};
		(layers[layer] = layers[layer] || []).push(cell);
		return cell;
	};
	for (const id of nodes)
		cells.set(id, add(depth.get(id), id));
	const chains = forward.map(([from, to]) => {
		const chain = [cells.get(from)];
		for (let layer = depth.get(from) + 1; layer < depth.get(to); layer++)
			chain.push(add(layer, null));
		chain.push(cells.get(to));
		for (let i = 1; i < chain.length; i++) {
			chain[i - 1].down.push(chain[i]);
			chain[i].up.push(chain[i - 1]);
		}
		return chain;
	});
	for (let sweep = 0; sweep < SWEEPS; sweep++)
		orderLayers(layers, sweep % 2 === 0);
	placeCells(layers);
	return {layers, cells, chains: chains.map((chain, i) => (forward[i][2] ? [...chain].reverse() : chain))};
}

// [from, to, turned] per edge.
function withoutCircles(nodes, edges) {
	const out = new Map(nodes.map((id) => [id, []]));
	edges.forEach((edge, i) => out.get(edge.from).push([edge.to, i]));
	const state = new Map();
	const turned = new Set();
	for (const root of nodes) {
		const path = state.has(root) ? [] : [[root, 0]];
		state.set(root, state.get(root) || 1);
		while (path.length) {
			const top = path[path.length - 1];
			const next = out.get(top[0])[top[1]++];
			if (!next) {
				state.set(top[0], 2);
				path.pop();
			} else if (!state.has(next[0])) {
				state.set(next[0], 1);
				path.push([next[0], 0]);
			} else if (state.get(next[0]) === 1) {
				turned.add(next[1]);
			}
		}
	}
	return edges.map((edge, i) => (turned.has(i) ? [edge.to, edge.from, true] : [edge.from, edge.to, false]));
}

function longestPaths(nodes, edges) {
	const depth = new Map(nodes.map((id) => [id, 0]));
	for (let round = 0, moved = true; moved && round <= nodes.length; round++) {
		moved = false;
		for (const [from, to] of edges)
			if (depth.get(to) <= depth.get(from)) {
				depth.set(to, depth.get(from) + 1);
				moved = true;
			}
	}
	return depth;
}

const mean = (cells, otherwise) => (cells.length ? cells.reduce((a, c) => a + c.at, 0) / cells.length : otherwise);

function orderLayers(layers, down) {
	const numbered = () => layers.forEach((layer) => layer.forEach((cell, i) => { cell.at = i; }));
	numbered();
	for (const layer of down ? layers.slice(1) : layers.slice(0, -1).reverse()) {
		layer.map((cell) => [mean(down ? cell.up : cell.down, cell.at), cell.at, cell]).sort((a, b) => a[0] - b[0] || a[1] - b[1])
			.forEach(([, , cell], i) => { layer[i] = cell; cell.at = i; });
	}
}

// In units of one row; bends need half of one.
function placeCells(layers) {
	layers.forEach((layer) => layer.forEach((cell, i) => { cell.at = i - (layer.length - 1) / 2; }));
	const gap = (a, b) => (a.id === null || b.id === null ? 0.6 : 1);
	for (let sweep = 0; sweep < SWEEPS; sweep++)
		for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
			const wanted = layer.map((cell) => mean([...cell.up, ...cell.down], cell.at));
			layer.forEach((cell, i) => { cell.at = i ? Math.max(wanted[i], layer[i - 1].at + gap(layer[i - 1], cell)) : wanted[i]; });
			const shift = layer.reduce((total, cell, i) => total + wanted[i] - cell.at, 0) / layer.length;
			layer.forEach((cell) => { cell.at += shift; });
		}
}
