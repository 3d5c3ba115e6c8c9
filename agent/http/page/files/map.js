// The members as their network coordinates place them: distances are latencies.

import { byID, count, fill, h, hashOf, ms, nameOf, plural, visible } from "./dom.js";
import { estimate, picture } from "./distance.js";
import { on, state } from "./state.js";
import { groupsOf, tagChoice } from "./tags.js";
import { niceStep } from "./ticks.js";

const margin = 24; // px around the members
const reach = 16; // px within which the pointer finds a member
const namesMax = 40; // members with names beside them
const linksMax = 300; // members with their access links drawn
const colours = 6; // --c1 and so on

const canvas = h("canvas", {
	tabindex: "0",
	role: "img",
	onpointermove: point,
	onpointerdown: point,
	onpointerleave: () => show(undefined),
	onclick: open,
	onkeydown: step,
	onfocus: () => at || show(nearest()[0]),
	onblur: () => show(undefined),
});
const tip = h("div", { class: "tip", role: "status", hidden: true });
const legend = h("p", { class: "legend" });
const note = h("p", { class: "note" });
const bar = h("div", { class: "bar" });
let groups = [];
let at; // the member that is pointed at
let scale; // from ms to px: {k, x, y}

export function startMap() {
	fill(byID("map"), bar, h("div", { class: "plot" }, canvas, tip), legend, note);
	on(["coordinates", "selected", "members"], render);
	new ResizeObserver(() => requestAnimationFrame(draw)).observe(canvas);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

const placed = () => state.coordinates.coordinates;

function render() {
	const located = state.coordinates?.coordinates ?? [];
	byID("map").hidden = byID("matrix").hidden = located.length < 2;
	if (located.length < 2) return;
	const { tag, choice } = tagChoice();
	if (!bar.contains(document.activeElement)) {
		fill(
			bar,
			h("h2", { id: "map-title" }, "Latency map"),
			choice,
			h("a", { class: "raw", href: "v1/coordinates" }, "JSON"),
		);
	}
	groups = tag === "" ? [] : groupsOf(tag, located);
	fill(
		legend,
		groups
			.slice(0, 12)
			.map(([value, list], i) =>
				h(
					"span",
					{},
					h("i", { class: "c" + ((i % colours) + 1) }),
					h("bdi", {}, visible(value)),
					` ${count(list.length)}`,
				),
			),
		groups.length > 12 && h("span", {}, `and ${count(groups.length - 12)} more`),
	);
	const hidden = 1 - (state.coordinates.explained ?? 1);
	fill(
		note,
		`${plural(located.length, "member")} that this agent has probed. Distance on the map, and the circles around both ends (access links), add up to the round trip.`,
		hidden >= 0.01 && ` The map doesn't show ${(100 * hidden).toFixed(0)} % of the variance.`,
		" Point at a member for exact figures.",
	);
	canvas.setAttribute(
		"aria-label",
		`Map of ${plural(located.length, "member")} by latency. The arrow keys go through them, nearest first.`,
	);
	draw();
}

const colourOf = (name) => getComputedStyle(canvas).getPropertyValue(name);

function draw() {
	const located = state.coordinates?.coordinates;
	const { clientWidth: width, clientHeight: height } = canvas;
	if (!located?.length || !width) return;
	const ratio = devicePixelRatio || 1;
	canvas.width = width * ratio;
	canvas.height = height * ratio;
	const g = canvas.getContext("2d");
	g.scale(ratio, ratio);
	g.font = "12px system-ui, sans-serif";
	scale = fitInto(located, width, height);
	drawScale(g, width, height);
	if (at) drawLine(g);
	const group = new Map(
		groups.flatMap(([, list], i) => list.map((c) => [c.name, (i % colours) + 1])),
	);
	const ink = Array.from({ length: colours + 1 }, (_, i) => colourOf("--c" + (i || 1)));
	const bad = colourOf("--bad");
	for (const c of located) drawMember(g, c, ink[group.get(c.name) ?? 1], bad, located.length);
	if (located.length <= namesMax) drawNames(g, located, width);
	else drawGroupNames(g, width);
	place();
}

// fitInto finds the scale at which all members, with their access links, are in sight.
function fitInto(located, wide, tall) {
	let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
	for (const { x, y, height } of located) {
		const r = located.length <= linksMax ? height : 0;
		x0 = Math.min(x0, x - r);
		x1 = Math.max(x1, x + r);
		y0 = Math.min(y0, y - r);
		y1 = Math.max(y1, y + r);
	}
	const least = 0.1; // ms: members of one host are at one place
	const k = Math.min(
		(wide - 2 * margin) / Math.max(x1 - x0, least),
		(tall - 2 * margin) / Math.max(y1 - y0, least),
	);
	return { k, x: wide / 2 - (k * (x0 + x1)) / 2, y: tall / 2 + (k * (y0 + y1)) / 2 };
}

const toX = (c) => scale.x + scale.k * c.x;
const toY = (c) => scale.y - scale.k * c.y;

function drawMember(g, c, ink, bad, n) {
	const x = toX(c),
		y = toY(c);
	const failed = state.members.get(c.name)?.status === "failed";
	g.fillStyle = g.strokeStyle = failed ? bad : ink;
	if (n <= linksMax) {
		g.globalAlpha = 0.1;
		disc(g, x, y, c.height * scale.k);
		g.globalAlpha = 0.45;
		g.lineWidth = 1;
		g.stroke();
		g.globalAlpha = 1;
	}
	const r = n > 2000 ? 2 : 4;
	if (failed) {
		g.lineWidth = 2;
		g.beginPath();
		g.moveTo(x - r, y - r);
		g.lineTo(x + r, y + r);
		g.moveTo(x - r, y + r);
		g.lineTo(x + r, y - r);
		g.stroke();
	} else disc(g, x, y, r);
	if (c.name === state.coordinates.self || c.name === state.selected || c === at) {
		g.strokeStyle = colourOf("--ink");
		g.lineWidth = c.name === state.coordinates.self ? 2.5 : 1.5;
		g.beginPath();
		g.arc(x, y, r + 3, 0, 7);
		g.stroke();
	}
}

function disc(g, x, y, r) {
	g.beginPath();
	g.arc(x, y, r, 0, 7);
	g.fill();
}

// drawNames writes the names of members, without those that would cover others.
function drawNames(g, list, width) {
	g.fillStyle = colourOf("--ink");
	const taken = [];
	for (const c of list) writeAt(g, short(c.name), toX(c) + 9, toY(c) + 4, width, taken);
}

const short = (name) => {
	const t = visible(name);
	return t.length > 20 ? t.slice(0, 19) + "…" : t;
};

function drawGroupNames(g, width) {
	g.fillStyle = colourOf("--ink");
	g.font = "600 13px system-ui, sans-serif";
	const taken = [];
	for (const [value, list] of groups) {
		const middle = { x: median(list.map((c) => c.x)), y: median(list.map((c) => c.y)) };
		writeAt(g, short(value), toX(middle) + 6, toY(middle) - 10, width, taken);
	}
}

export const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

function writeAt(g, text, x, y, width, taken) {
	const w = g.measureText(text).width;
	const left = x + w < width ? x : Math.max(2, x - w - 20); // to the left of it if there is no room
	if (taken.some((t) => left < t.right && t.left < left + w && Math.abs(t.y - y) < 13)) return;
	taken.push({ left, right: left + w, y });
	g.strokeStyle = colourOf("--card");
	g.lineWidth = 3;
	g.lineJoin = "round";
	g.strokeText(text, left, y);
	g.fillText(text, left, y);
}

// drawScale draws how long a round number of milliseconds is.
function drawScale(g, width, height) {
	const step = niceStep(60 / scale.k);
	const long = step * scale.k;
	if (long > width - 2 * margin) return;
	g.strokeStyle = g.fillStyle = colourOf("--soft");
	g.lineWidth = 1.5;
	g.beginPath();
	g.moveTo(10, height - 14);
	g.lineTo(10, height - 9);
	g.lineTo(10 + long, height - 9);
	g.lineTo(10 + long, height - 14);
	g.stroke();
	g.fillText(ms(step), 14, height - 15);
}

function drawLine(g) {
	const self = state.located.get(state.coordinates.self);
	if (!self || !at) return;
	g.strokeStyle = colourOf("--soft");
	g.lineWidth = 1;
	g.setLineDash([4, 3]);
	g.beginPath();
	g.moveTo(toX(self), toY(self));
	g.lineTo(toX(at), toY(at));
	g.stroke();
	g.setLineDash([]);
}

// show tells about a member beside it.
function show(member) {
	if (member === at) return;
	at = member;
	draw();
	tip.hidden = !at;
	if (!at) return;
	const self = state.located.get(state.coordinates.self);
	const row = (k, v) => h("span", {}, k, h("i", {}, v));
	const own = at.name === state.coordinates.self;
	fill(
		tip,
		h("b", {}, nameOf(at.name)),
		own
			? h("em", {}, "this agent")
			: self && [
					row("round trip, measured", ms(at.rtt_ms)),
					row("by coordinates", ms(estimate(self, at))),
					row("by this map", ms(picture(self, at))),
				],
		row("access link (height)", ms(at.height)),
		row("adjustment", `${at.adjustment.toFixed(2)} ms`),
		row("relative error", `${Math.round(100 * at.error)} %`),
	);
	place();
}

function place() {
	if (!at || tip.hidden) return;
	const x = toX(at),
		right = x > canvas.clientWidth / 2;
	tip.style.left = right ? "auto" : `${x + 14}px`;
	tip.style.right = right ? `${canvas.clientWidth - x + 14}px` : "auto";
	tip.style.top = `${Math.max(4, Math.min(toY(at) - 20, canvas.clientHeight - tip.offsetHeight - 4))}px`;
}

function point(e) {
	if (!scale || !state.coordinates) return;
	let best,
		least = reach ** 2;
	for (const c of placed()) {
		const d = (toX(c) - e.offsetX) ** 2 + (toY(c) - e.offsetY) ** 2;
		if (d < least) [best, least] = [c, d];
	}
	show(best);
}

function open() {
	if (at) location.hash = hashOf(at.name);
}

// nearest lists the members by their distance from this agent.
function nearest() {
	const self = state.located.get(state.coordinates?.self);
	if (!self) return state.coordinates?.coordinates ?? [];
	return placed()
		.map((c) => [estimate(self, c), c])
		.sort(([a], [b]) => a - b)
		.map(([, c]) => c);
}

// step goes through the members by the arrow keys, and opens one by Enter.
function step(e) {
	if (e.key === "Enter") return open();
	const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
	if (!by) return;
	e.preventDefault();
	const list = nearest();
	const i = list.findIndex((c) => c.name === at?.name);
	show(list[(i + by + list.length) % list.length]);
}
