// The members: filtered, sorted, and only those rows made that are in sight.

import { byID, count, fill, h, hashOf, ms, nameOf, visible } from "./dom.js";
import { on, state, tally } from "./state.js";

const rowHeight = 34; // px, as in the style sheet
const spare = 6; // rows above and below those in sight

// worst orders statuses for a reader who looks for trouble.
const worst = { failed: 0, leaving: 1, alive: 2, left: 3 };

const columns = [
	{ id: "name", title: "Name", by: (m) => m.key },
	{ id: "status", title: "Status", by: (m) => worst[m.status] ?? 4 },
	{ id: "addr", title: "Address", by: (m) => addressKey(m) },
	{ id: "tags", title: "Tags", by: (m) => tagText(m) },
	{ id: "rtt", title: "RTT", by: (m) => m.rtt_ms ?? Infinity },
	{ id: "changes", title: "Changes", hint: "in the last hour", by: (m) => -(m.changes_1h ?? 0) },
];

const addressKey = (m) => m.addr.replace(/\d+/g, (d) => d.padStart(3, "0")) + m.port;
const tagText = (m) =>
	(m.tagText ??= Object.entries(m.tags)
		.map(([k, v]) => `${k}=${v}`)
		.sort()
		.join("  "));

let shown = []; // members that pass the filter, sorted
let rows = []; // made so far; the member at index i is in row i % rows.length
let sort = { column: columns[1], down: false };
let active; // name of the member whose link the tab key reaches

const view = h("div", {
	class: "rows",
	role: "rowgroup",
	tabindex: "0",
	"aria-label": "Members",
	onscroll: () => requestAnimationFrame(renderRows),
	onkeydown: moveByKey,
});
const space = h("div", { role: "presentation" }); // as tall as all rows
const field = h("input", {
	type: "search",
	id: "filter",
	placeholder: "name, address, tag=value",
	"aria-label": "Filter members",
	oninput: renderAll,
});
const statuses = h(
	"select",
	{ id: "status", "aria-label": "Status", onchange: renderAll },
	["any status", "alive", "leaving", "left", "failed"].map((s, i) =>
		h("option", { value: i ? s : "" }, s),
	),
);
const total = h("span", { class: "note", role: "status" });
const none = h("p", { class: "note empty" });
const heads = columns.map((c) =>
	h(
		"div",
		{ role: "columnheader", class: c.id },
		h("button", { type: "button", title: c.hint, onclick: () => sortBy(c) }, c.title),
	),
);

export function startTable() {
	fill(
		byID("members"),
		h(
			"div",
			{ class: "bar" },
			h("h2", { id: "members-title" }, "Members"),
			total,
			h("a", { class: "raw", href: "v1/members" }, "JSON"),
		),
		h("div", { class: "bar" }, field, statuses),
		h(
			"div",
			{ role: "table", class: "table", "aria-labelledby": "members-title" },
			h("div", { role: "rowgroup" }, h("div", { role: "row", class: "row head" }, heads)),
			view,
		),
		none,
	);
	on(["members"], renderAll);
	on(["selected"], renderRows);
	new ResizeObserver(() => requestAnimationFrame(renderRows)).observe(view);
}

export function filterBy(status) {
	statuses.value = statuses.value === status ? "" : status;
	field.value = "";
	renderAll();
	view.scrollTop = 0;
}

function sortBy(column) {
	sort = { column, down: sort.column === column && !sort.down };
	view.scrollTop = 0;
	renderAll();
}

// choose returns the members to show, in order.
function choose() {
	const text = field.value.trim().toLowerCase(),
		status = statuses.value;
	const list = [];
	for (const m of state.members.values()) {
		if ((!status || m.status === status) && (!text || m.text.includes(text))) list.push(m);
	}
	for (const m of list) m.rank = sort.column.by(m);
	const sign = sort.down ? -1 : 1;
	return list.sort((a, b) =>
		a.rank < b.rank
			? -sign
			: a.rank > b.rank
				? sign
				: a.key < b.key
					? -1
					: a.key > b.key
						? 1
						: 0,
	);
}

function renderAll() {
	shown = choose();
	const all = state.members.size;
	total.textContent =
		shown.length === all ? count(all) : `${count(shown.length)} of ${count(all)}`;
	none.textContent = shown.length
		? ""
		: all
			? "No member matches the filter."
			: "No members yet.";
	columns.forEach((c, i) =>
		heads[i].setAttribute(
			"aria-sort",
			c !== sort.column ? "none" : sort.down ? "descending" : "ascending",
		),
	);
	view.parentElement.setAttribute("aria-rowcount", shown.length + 1);
	view.style.height = `min(${Math.max(shown.length, 3) * rowHeight + 2}px, var(--tallest))`;
	space.style.height = shown.length * rowHeight + "px";
	renderRows();
}

function renderRows() {
	const hadFocus = view.contains(document.activeElement) && document.activeElement !== view;
	const inSight = Math.ceil(view.clientHeight / rowHeight);
	const needed = Math.min(shown.length, inSight + 2 * spare);
	if (rows.length !== needed) makeRows(needed);
	const first = Math.max(
		0,
		Math.min(Math.floor(view.scrollTop / rowHeight) - spare, shown.length - needed),
	);
	if (!shown.some((m) => m.name === active)) active = shown[0]?.name;
	for (let i = first; i < first + needed; i++) renderRow(rows[i % needed], shown[i], i);
	if (hadFocus && !view.contains(document.activeElement)) view.focus({ preventScroll: true });
	if (needed && !performance.getEntriesByName("rows").length) performance.mark("rows");
}

function makeRows(n) {
	rows = Array.from({ length: n }, () => {
		const cells = columns.map((c) => h("div", { role: "cell", class: c.id }));
		const link = h("a", {});
		cells[0].append(link);
		return { e: h("div", { role: "row", class: "row" }, cells), link, cells };
	});
	fill(
		view,
		space,
		rows.map((r) => r.e),
	);
}

function renderRow(row, m, i) {
	row.e.style.transform = `translateY(${i * rowHeight}px)`;
	row.e.setAttribute("aria-rowindex", i + 2);
	row.e.classList.toggle("selected", m.name === state.selected);
	row.link.tabIndex = m.name === active ? 0 : -1;
	const [, status, addr, tags, rtt, changes] = row.cells;
	if (row.name !== m.name) {
		row.name = m.name;
		row.link.setAttribute("href", hashOf(m.name));
		row.link.title = visible(m.name);
		fill(row.link, nameOf(m.name));
	}
	const text = [
		m.status,
		`${m.addr}:${m.port}`,
		tagText(m),
		m.rtt_ms === undefined ? "" : ms(m.rtt_ms),
		m.changes_1h ? count(m.changes_1h) : "",
	];
	[status, addr, tags, rtt, changes].forEach((cell, k) => {
		const t = visible(text[k]);
		if (cell.textContent !== t) cell.textContent = t;
	});
	tags.title = visible(text[2]);
	status.className = "status is-" + m.status;
}

// moveByKey moves through the rows by the arrow keys.
function moveByKey(e) {
	const page = Math.max(1, Math.floor(view.clientHeight / rowHeight) - 1);
	const step = {
		ArrowDown: 1,
		ArrowUp: -1,
		PageDown: page,
		PageUp: -page,
		Home: -Infinity,
		End: Infinity,
	}[e.key];
	if (step === undefined || !shown.length) return;
	e.preventDefault();
	const at = shown.findIndex((m) => m.name === active);
	const next =
		document.activeElement === view
			? Math.max(at, 0)
			: Math.max(0, Math.min(at + step, shown.length - 1));
	active = shown[next].name;
	const top = next * rowHeight;
	if (top < view.scrollTop) view.scrollTop = top;
	if (top + rowHeight > view.scrollTop + view.clientHeight)
		view.scrollTop = top + rowHeight - view.clientHeight;
	renderRows();
	rows[next % rows.length].link.focus({ preventScroll: true });
}
