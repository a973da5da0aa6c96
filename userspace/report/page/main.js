// SPDX-License-Identifier: GPL-2.0-only
// Which view the address names; theme; the frame around views.
"use strict";

const VIEWS = DATA.kind === "diff"
	? [["overview", "Endpoints", () => diffOverview()], ["queries", "Queries", () => diffQueries()], ["appeared", "Appeared, disappeared", () => diffOnly()], ["notes", "Notes", () => diffNotes()]]
	: [["overview", "Overview", () => overview()], ["findings", "Findings", () => findingsView()], ["queries", "Queries", () => queriesView()], ["map", "Map", () => mapView()]];

const main = document.getElementById("main");
let leave = null; // what the view that is shown wants done when it goes
const scrolled = new Map(); // by address, for the way back
let shownAt = null;

function notFound(text) {
	return {title: "Not found", nodes: [el("h1", {}, text), el("p", {}, el("a", {href: "#overview"}, "To the overview"))]};
}

// "#endpoint=&service=a&name=b" as ["endpoint", Map]
function address() {
	const [view, ...pairs] = location.hash.slice(1).split("&");
	const values = {};
	for (const pair of pairs) {
		const at = pair.indexOf("=");
		try {
			values[pair.slice(0, at)] = decodeURIComponent(pair.slice(at + 1));
		} catch {
			values[pair.slice(0, at)] = ""; // typed by hand
		}
	}
	return [view.split("=")[0] || "overview", values];
}

function viewOf(name, values) {
	if (name === "endpoint")
		return DATA.kind === "diff" ? diffEndpoint(values.service, values.name) : endpointView(values.service, values.name);
	if (name === "trace" && DATA.kind !== "diff")
		return traceView(values.id, values.span);
	const found = VIEWS.find(([key]) => key === name);
	return found ? {view: name, ...found[2]()} : notFound("There is no such view.");
}

function show(first) {
	const [name, values] = address();
	if (name === "main") // the skip link
		return;
	if (leave)
		leave();
	const view = viewOf(name, values);
	main.replaceChildren(...view.nodes.flat().filter(Boolean));
	leave = view.after ? view.after() : null;
	document.title = `${view.title} \u00b7 spantap ${DATA.kind}`;
	for (const item of document.querySelectorAll("#views a"))
		if (item.dataset.view === view.view)
			item.setAttribute("aria-current", "page");
		else
			item.removeAttribute("aria-current");
	shownAt = location.hash;
	if (!first) {
		main.focus({preventScroll: true});
		announce(view.title);
	}
}

function drawViews() {
	const badge = {findings: DATA.findings && DATA.findings.length, appeared: DATA.kind === "diff" && ["endpoints_appeared", "endpoints_disappeared", "queries_appeared", "queries_disappeared"].reduce((n, key) => n + DATA[key].length, 0)};
	document.getElementById("views").replaceChildren(...VIEWS.map(([key, name]) =>
		el("li", {}, el("a", {href: `#${key}`, "data-view": key}, name, badge[key] ? el("span", {class: "badge"}, count(badge[key])) : null))));
}

// The system's choice, until somebody makes one.
function setUpTheme() {
	const button = document.getElementById("theme");
	const system = matchMedia("(prefers-color-scheme: dark)");
	const store = (value) => {
		try {
			return value ? localStorage.setItem("spantap-theme", value) : localStorage.getItem("spantap-theme");
		} catch {
			return null; // a browser that keeps nothing for files
		}
	};
	const chosen = () => document.documentElement.dataset.theme || (system.matches ? "dark" : "light");
	const say = () => button.setAttribute("aria-pressed", String(chosen() === "dark"));
	const kept = store();
	if (kept === "dark" || kept === "light")
		document.documentElement.dataset.theme = kept;
	button.addEventListener("click", () => {
		document.documentElement.dataset.theme = chosen() === "dark" ? "light" : "dark";
		store(document.documentElement.dataset.theme);
		say();
	});
	system.addEventListener("change", say);
	let shown = null; // paper is light
	addEventListener("beforeprint", () => {
		shown = document.documentElement.dataset.theme || "";
		document.documentElement.dataset.theme = "light";
	});
	addEventListener("afterprint", () => {
		if (shown)
			document.documentElement.dataset.theme = shown;
		else
			delete document.documentElement.dataset.theme;
	});
	say();
}

// The skip link must not change the address.
document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	main.focus();
});
addEventListener("scroll", () => scrolled.set(shownAt, scrollY), {passive: true});
history.scrollRestoration = "manual";
let followed = false; // a link, not the way back
document.addEventListener("click", (event) => {
	const link = event.target.closest("a[href^='#']");
	if (link && link.getAttribute("href") !== location.hash)
		followed = true;
}, true);
addEventListener("hashchange", () => {
	const y = followed ? 0 : scrolled.get(location.hash) || 0;
	followed = false;
	show(false);
	scrollTo(0, y);
});

// Drawings are made for a width: again when that changes much.
matchMedia("(max-width: 640px)").addEventListener("change", () => {
	if (main.querySelector("figure"))
		show(true);
});

setUpTheme();
drawViews();
document.getElementById("foot").textContent = `spantap ${DATA.version}. This file needs nothing else and asks for nothing. Times of day are this computer's.`;
show(true);
