// SPDX-License-Identifier: GPL-2.0-only
// A table that sorts by click or key and filters while one types.
"use strict";

const ROWS_FIRST = 50; // what is drawn before somebody asks for more

const NATURAL = new Intl.Collator("en", {numeric: true}); // e2 before e10

// What was sorted and filtered how, for when one comes back.
const tableMemory = new Map();

// Names of endpoints do not belong in an id: of such tables a view has one.
const idOf = (options) => options.name.split(" ")[0];

/*
 * options: name (unique), noun, caption, rows, columns, filter(row) -> text to search, flag: {text, keep(row)},
 * sort: [column, descending]. A column: {title, value(row), cell(row) -> nodes, num, wide, text}: `value` is what sorts.
 */
function sortableTable(options) {
	const state = tableMemory.get(options.name) || {sort: options.sort || null, text: "", flag: false, all: false};
	tableMemory.set(options.name, state);
	const body = el("tbody");
	const more = el("div", {class: "more"});
	const heads = options.columns.map((column, index) => headCell(column, index, (i) => {
		const same = state.sort && state.sort[0] === i;
		state.sort = [i, same ? !state.sort[1] : Boolean(options.columns[i].num)];
		draw(`sorted by ${options.columns[i].title}, ${state.sort[1] ? "greatest" : "least"} first`);
	}));

	function draw(said) {
		const rows = chosenRows(options, state);
		const shown = state.all ? rows : rows.slice(0, ROWS_FIRST);
		body.replaceChildren(...shown.map((row) => bodyRow(options.columns, row)));
		if (!rows.length)
			body.append(el("tr", {}, el("td", {colspan: options.columns.length, class: "empty"},
				options.rows.length ? "Nothing matches." : options.empty || "None.")));
		heads.forEach((head, i) => setSort(head, state.sort && state.sort[0] === i ? state.sort[1] : null));
		more.replaceChildren(...(shown.length < rows.length ? [el("button", {type: "button", on: {click() {
			state.all = true;
			draw();
		}}}, `Show all ${count(rows.length)}`)] : []));
		if (said !== undefined)
			announce(`${said ? `${said}; ` : ""}${some(rows.length, options.noun)} of ${count(options.rows.length)}`);
		if (counter)
			counter.textContent = rows.length === options.rows.length ? some(rows.length, options.noun)
				: `${count(rows.length)} of ${some(options.rows.length, options.noun)}`;
	}

	const counter = options.filter ? el("span", {class: "soft spread"}) : null;
	const tools = options.filter ? filterTools(options, state, counter, draw) : null;
	const table = el("table", {id: `table-${idOf(options)}`}, el("caption", {class: "unseen"}, options.caption),
		el("thead", {}, el("tr", {}, heads)), body);
	draw();
	return [tools, el("div", {class: "scroll"}, table), more];
}

function headCell(column, index, sort) {
	const head = el("th", {scope: "col", class: `${column.num ? "num" : ""} ${column.wide ? "wide" : ""}`.trim() || null});
	if (column.value)
		head.append(el("button", {type: "button", title: column.title_long, on: {click: () => sort(index)}}, column.title));
	else
		head.append(column.title);
	return head;
}

function setSort(head, descending) {
	if (descending === null)
		head.removeAttribute("aria-sort");
	else
		head.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

function bodyRow(columns, row) {
	return el("tr", {}, columns.map((column, i) => {
		const kind = `${column.num ? "num" : ""} ${column.wide ? "wide" : ""}`.trim() || null;
		return i === 0 ? el("th", {scope: "row", class: kind}, column.cell(row)) : el("td", {class: kind}, column.cell(row));
	}));
}

function chosenRows(options, state) {
	const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
	let rows = options.rows;
	if (options.filter && words.length)
		rows = rows.filter((row) => {
			const text = options.filter(row).toLowerCase();
			return words.every((word) => text.includes(word));
		});
	if (options.flag && state.flag)
		rows = rows.filter(options.flag.keep);
	if (!state.sort)
		return rows;
	const value = options.columns[state.sort[0]].value;
	const turn = state.sort[1] ? -1 : 1;
	return rows.map((row, i) => [value(row), i, row]).sort((a, b) => {
		const order = typeof a[0] === "string" ? NATURAL.compare(a[0], b[0]) : a[0] - b[0];
		return order * turn || a[1] - b[1];
	}).map((entry) => entry[2]);
}

function filterTools(options, state, counter, draw) {
	const field = el("input", {type: "search", id: `filter-${idOf(options)}`, placeholder: "Filter", "aria-controls": `table-${idOf(options)}`,
		"aria-label": `Filter: ${options.caption}`, autocomplete: "off", spellcheck: "false", on: {input() {
			state.text = field.value;
			draw("");
		}}});
	field.value = state.text;
	const parts = [el("label", {class: "field"}, field)];
	if (options.flag) {
		const box = el("input", {type: "checkbox", id: `flag-${idOf(options)}`, on: {change() {
			state.flag = box.checked;
			draw("");
		}}});
		box.checked = state.flag;
		parts.push(el("label", {}, box, options.flag.text));
	}
	return el("div", {class: "tools"}, parts, counter);
}
