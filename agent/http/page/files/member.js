// One member: what it is, how far away, and how this agent came to its opinion of it.

import { get } from "./api.js";
import { byID, fill, h, linksTo, linkTo, ms, nameOf, plural, visible, when } from "./dom.js";
import { estimate, picture } from "./distance.js";
import { changed, on, state } from "./state.js";

export function startMember() {
	const card = byID("member");
	const load = async () => {
		const { selected: name, joint } = state;
		if (joint && state.history) return; // asking all is a query: once for each click
		const history =
			name === undefined
				? undefined
				: await get(pathOf(name)).catch((e) => ({ error: e.message }));
		if (name !== state.selected || joint !== state.joint) return;
		state.history = history;
		changed("history");
	};
	const toggle = () => {
		state.joint = !state.joint;
		state.history = undefined;
		changed("history");
		load();
	};
	const choose = () => {
		const name = fromHash();
		if (name === state.selected) return;
		state.selected = name;
		state.history = undefined;
		state.joint = false;
		changed("selected", "history");
	};
	addEventListener("hashchange", () => {
		choose();
		if (state.selected !== undefined) reveal(card);
	});
	on(["selected"], load);
	on(["history", "members", "coordinates", "flaps"], () => render(card, toggle));
	choose();
}

const pathOf = (name) =>
	`v1/members/${encodeURIComponent(name)}/history${state.joint ? "?all=true" : ""}`;

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

function render(card, toggle) {
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
			h("a", { class: "raw", href: pathOf(name) }, "JSON"),
			h("button", { type: "button", id: "member-close", onclick: close }, "Close"),
		),
		m ? facts(m) : h("p", { class: "note" }, "No member has this name now."),
		h(
			"div",
			{ class: "bar" },
			h("h3", {}, `How ${whose()} came to its opinion`),
			h(
				"button",
				{
					type: "button",
					id: "member-joint",
					"aria-pressed": String(state.joint),
					onclick: toggle,
				},
				"As all agents saw it",
			),
		),
		state.joint && accounts(),
		story(),
	);
	if (focused) byID(focused)?.focus({ preventScroll: true });
}

const whose = () => {
	if (state.joint) return "each agent";
	return state.agent ? visible(state.agent.name) : "this agent";
};

// accounts says what the story of all agents is made of.
function accounts() {
	const { agents, missing, as_seen_by } = state.history ?? {};
	if (!agents) return;
	const off = Math.max(...agents.map((a) => a.clock_error_ms));
	return h(
		"p",
		{ class: "note" },
		`${plural(agents.length, "agent")} answered`,
		missing.length > 0 && [", not ", linksTo(missing)],
		". Times are by the clock of ",
		nameOf(as_seen_by),
		off > 0 && `, those of others may be off by ${ms(off)}`,
		"; what caused a change comes before it.",
	);
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
	const { error, changes, dropped = 0, agents = [] } = state.history ?? {};
	const older = agents.reduce((n, a) => n + a.dropped, dropped);
	if (error) return h("p", { class: "note" }, visible(error));
	if (!changes)
		return h("p", { class: "note" }, state.joint ? "Asking all agents …" : "Loading …");
	if (!changes.length) return h("p", { class: "note" }, "No changes are known.");
	return [
		h(
			"ol",
			{ class: "story", tabindex: "0", "aria-label": "Changes, newest first" },
			[...changes].reverse().map(change),
		),
		older > 0 &&
			h("p", { class: "note" }, `${plural(older, "older change")} no longer kept or sent.`),
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
			c.by !== undefined && [" as ", linkTo(c.by), " saw it"],
			c.reordered && ", placed by cause",
		),
		h("div", {}, visible(c.text)),
		links(c),
	);

// links lead to the members that a change came from.
function links({ accuser, via, probe, confirmers, others, spread_ms }) {
	const list = [
		[spread_ms > 0 ? `seen within ${ms(spread_ms)} by` : "seen by", others],
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
