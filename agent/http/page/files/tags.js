// The tag by which map and matrix group members.

import { h, visible } from "./dom.js";
import { changed, state } from "./state.js";

const usual = ["dc", "datacenter", "region", "zone", "az", "site", "rack", "role"];
const valuesMax = 24;

// groupable lists the tags that have some, but not too many, values: first the apart of them that
// have several, the likeliest first.
function groupable() {
	const values = new Map();
	for (const m of state.members.values()) {
		for (const [k, v] of Object.entries(m.tags)) {
			if (!values.has(k)) values.set(k, new Set());
			if (values.get(k).size <= valuesMax) values.get(k).add(v);
		}
	}
	const order = (k) => (usual.includes(k) ? usual.indexOf(k) : usual.length);
	const several = (k) => values.get(k).size > 1;
	const keys = [...values.keys()]
		.filter((k) => values.get(k).size <= valuesMax)
		.sort(
			(a, b) =>
				several(b) - several(a) || order(a) - order(b) || (a < b ? -1 : 1),
		);
	return { keys, apart: keys.filter(several).length };
}

// chosen is the tag, or "" for none. By itself none is chosen that all members have with one value.
function chosen({ keys, apart }) {
	if (state.tag === "" || keys.includes(state.tag)) return state.tag;
	return apart ? keys[0] : "";
}

// tagChoice makes the element with which to choose, and says which tag is chosen.
export function tagChoice() {
	const tags = groupable();
	const tag = chosen(tags);
	const choose = (e) => {
		state.tag = e.target.value;
		changed("coordinates");
	};
	return {
		tag,
		choice: h(
			"label",
			{},
			"by tag ",
			h(
				"select",
				{ onchange: choose, id: undefined },
				["", ...tags.keys].map((k) =>
					h("option", { value: k, selected: k === tag }, k === "" ? "none" : visible(k)),
				),
			),
		),
	};
}

// groupsOf sorts the located members into groups by a tag, at most some of them.
export function groupsOf(tag, located) {
	const groups = new Map();
	for (const c of located) {
		const tags = state.members.get(c.name)?.tags ?? {};
		// A tag may be called "constructor", which all objects have.
		const value = Object.hasOwn(tags, tag) ? tags[tag] : undefined;
		const key = value === undefined ? "(without)" : value;
		if (!groups.has(key)) groups.set(key, []);
		groups.get(key).push(c);
	}
	return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}
