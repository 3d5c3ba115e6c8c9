// One member: what it is, how far away, and how this agent came to its opinion of it.

import { get } from "./api.js";
import { byID, fill, h, linksTo, ms, nameOf, plural, visible, when } from "./dom.js";
import { estimate, picture } from "./distance.js";
import { changed, on, state } from "./state.js";

export function startMember() {
	const card = byID("member");
	const load = async () => {
		const name = state.selected;
		const history =
			name === undefined
				? undefined
				: await get(`v1/members/${encodeURIComponent(name)}/history`).catch((e) => ({
						error: e.message,
					}));
		if (name !== state.selected) return;
		state.history = history;
		changed("history");
	};
	const choose = () => {
		const name = fromHash();
		if (name === state.selected) return;
		state.selected = name;
		state.history = undefined;
		changed("selected", "history");
	};
	addEventListener("hashchange", () => {
		choose();
		if (state.selected !== undefined) reveal(card);
	});
	on(["selected"], load);
	on(["history", "members", "coordinates", "flaps"], () => render(card));
	choose();
}

function fromHash() {
	const [, name] = location.hash.match(/^#member=(.*)$/) ?? [];
	try {
		return name && decodeURIComponent(name);
	} catch {
		return undefined; // not a link of ours
	}
}

// reveal brings the card into view, where the columns are below each other.
function reveal(card) {
	card.hidden = false;
	card.scrollIntoView({ block: "nearest" });
	byID("member-title")?.focus({ preventScroll: true });
}

const close = () => {
	location.hash = "";
};

function render(card) {
	const name = state.selected;
	card.hidden = name === undefined;
	if (card.hidden) return fill(card);
	const m = state.members.get(name);
	const focused = card.contains(document.activeElement) ? document.activeElement.id : "";
	fill(
		card,
		h(
			"div",
			{ class: "bar" },
			h(
				"h2",
				{ id: "member-title", tabindex: "-1" },
				nameOf(name),
				name === state.agent?.name ? " (this agent)" : "",
			),
			m && h("span", { class: "status is-" + m.status }, m.status),
			h(
				"a",
				{ class: "raw", href: `v1/members/${encodeURIComponent(name)}/history` },
				"JSON",
			),
			h("button", { type: "button", id: "member-close", onclick: close }, "Close"),
		),
		m ? facts(m) : h("p", { class: "note" }, "No member has this name now."),
		h(
			"h3",
			{},
			`How ${state.agent ? visible(state.agent.name) : "this agent"} came to its opinion`,
		),
		story(),
	);
	if (focused) byID(focused)?.focus({ preventScroll: true });
}

function facts(m) {
	const rows = [
		["Address", visible(`${m.addr}:${m.port}`)],
		["Round trip", distances(m)],
	];
	const tags = Object.entries(m.tags).sort();
	if (tags.length)
		rows.push([
			"Tags",
			tags.map(([k, v]) =>
				h(
					"span",
					{ class: "tag" },
					h("bdi", {}, visible(k)),
					"=",
					h("bdi", {}, visible(v)),
				),
			),
		]);
	const loss = state.flaps?.tcp_only?.find((t) => t.name === m.name);
	if (loss)
		rows.push([
			"Packets",
			[
				`get lost: it answered ${plural(loss.times, "probe")} over TCP but not over UDP in the last hour, the last at `,
				when(loss.last),
			],
		]);
	if (typeof m.protocol === "number") rows.push(["Protocol", m.protocol]);
	return h(
		"dl",
		{},
		rows.map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]),
	);
}

function distances(m) {
	const self = state.located.get(state.coordinates?.self),
		other = state.located.get(m.name);
	if (m.name === state.agent?.name) return "this agent itself";
	if (!self || !other)
		return m.rtt_ms === undefined ? "not measured yet" : `${ms(m.rtt_ms)} measured`;
	return `${ms(m.rtt_ms)} measured, ${ms(estimate(self, other))} by coordinates, ${ms(picture(self, other))} by the map`;
}

function story() {
	const { error, changes, dropped } = state.history ?? {};
	if (error) return h("p", { class: "note" }, visible(error));
	if (!changes) return h("p", { class: "note" }, "Loading …");
	if (!changes.length) return h("p", { class: "note" }, "No changes are known.");
	return [
		h(
			"ol",
			{ class: "story", tabindex: "0", "aria-label": "Changes, newest first" },
			[...changes].reverse().map(change),
		),
		dropped > 0 &&
			h("p", { class: "note" }, `${plural(dropped, "older change")} no longer kept.`),
	];
}

const change = (c) =>
	h(
		"li",
		{ class: "is-" + c.to },
		h(
			"div",
			{},
			when(c.time),
			" ",
			h(
				"b",
				{},
				c.from === c.to ? visible(c.cause) : `${visible(c.from)} → ${visible(c.to)}`,
			),
		),
		h("div", {}, visible(c.text)),
		links(c),
	);

// links lead to the members that a change came from.
function links({ accuser, via, probe, confirmers }) {
	const list = [
		["accuser", accuser],
		["heard from", via],
		["relays", probe?.relays],
		["confirmed by", confirmers],
	]
		.filter(([, names]) => names?.length)
		.map(([role, names]) => [role, " ", linksTo([names].flat())]);
	return (
		list.length > 0 &&
		h(
			"div",
			{ class: "note" },
			list.map((l, i) => [i ? " · " : "", l]),
		)
	);
}
