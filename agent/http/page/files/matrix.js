// Round trips between groups of members, by their coordinates.

import { byID, count, fill, h, ms, nameOf, visible } from "./dom.js";
import { estimate } from "./distance.js";
import { median } from "./map.js";
import { on, state } from "./state.js";
import { groupsOf, tagChoice } from "./tags.js";

const sample = 24; // members of a group that count: 576 pairs are enough for a median
const membersMax = 16; // of a cluster whose members get a row each

const details = h("details", { open: true });
const bar = h("div", { class: "bar" });
const body = h("div", {
	class: "scroll",
	tabindex: "0",
	role: "group",
	"aria-label": "Round trips",
});

export function startMatrix() {
	details.append(h("summary", {}, h("h2", { id: "matrix-title" }, "Round trips")), bar, body);
	details.addEventListener("toggle", render);
	fill(byID("matrix"), details);
	on(["coordinates"], render);
}

function render() {
	const located = state.coordinates?.coordinates ?? [];
	if (!located.length || !details.open) return;
	const { tag, choice } = tagChoice();
	if (!bar.contains(document.activeElement))
		fill(bar, choice, h("span", { class: "note" }, "medians, estimated by coordinates"));
	const groups =
		tag !== ""
			? groupsOf(tag, located)
			: located.length <= membersMax
				? located.map((c) => [c.name, [c]])
				: [];
	fill(
		body,
		groups.length
			? table(groups)
			: h("p", { class: "note" }, "Choose a tag: there are too many members for a row each."),
	);
}

function table(groups) {
	const counted = groups.some(([, list]) => list.length > 1);
	const few = groups.map(([value, list]) => [value, spread(list)]);
	const cells = few.map(([, a]) => few.map(([, b]) => between(a, b)));
	const top = Math.max(...cells.flat().map((v) => v ?? 0), 1e-3);
	return h(
		"table",
		{ class: "heat" },
		h(
			"thead",
			{},
			h(
				"tr",
				{},
				h("td", {}),
				few.map(([value]) => h("th", { scope: "col" }, nameOf(value))),
			),
		),
		h(
			"tbody",
			{},
			few.map(([value], i) =>
				h(
					"tr",
					{},
					h(
						"th",
						{ scope: "row" },
						nameOf(value),
						counted && h("small", {}, ` ${count(groups[i][1].length)}`),
					),
					cells[i].map((v) => heat(v, top)),
				),
			),
		),
	);
}

function heat(v, top) {
	const cell = h("td", {}, v === undefined ? "·" : ms(v));
	if (v !== undefined)
		cell.style.setProperty("--heat", `${Math.round(45 * Math.sqrt(v / top))}%`);
	return cell;
}

// spread takes members from all of a group.
const spread = (list) =>
	list.length <= sample
		? list
		: Array.from({ length: sample }, (_, i) => list[Math.floor((i * list.length) / sample)]);

function between(a, b) {
	const all = a.flatMap((x) => b.filter((y) => y !== x).map((y) => estimate(x, y)));
	return all.length ? median(all) : undefined;
}
