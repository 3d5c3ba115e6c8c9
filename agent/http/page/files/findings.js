// What an operator should look at first, in sentences with links, worst first.

import { count, h, linksTo, linkTo, plural, visible, when } from "./dom.js";
import { state, tally } from "./state.js";

const most = 4; // sentences
const accusationsMin = 3; // of which something follows: a few happen to healthy clusters

export function findings() {
	const first = culprit();
	const list = [
		first?.finding,
		loss(),
		flapping(first),
		failed(),
		disagreement(),
		recovered(first?.name),
		unhealthy(),
	]
		.filter(Boolean)
		.sort((a, b) => (a.level === "hint") - (b.level === "hint"));
	return list.length ? list.slice(0, most) : [calm()];
}

const finding = (level, ...text) => ({ level, text });

const flappers = () => state.flaps?.members ?? [];

// episodes is how often a member was called failed, or suspected and refuted that, at least.
const episodes = (m) => Math.max(m.failed ?? 0, m.refuted ?? 0);

// culprit is the member that has a part in most accusations, as accuser or accused. One that
// accuses many is itself suspect: its network or its load keeps answers from it.
function culprit() {
	const { accusations = 0, accusers = [] } = state.flaps ?? {};
	if (accusations < accusationsMin) return;
	const parts = new Map();
	for (const a of accusers) parts.set(a.name, { ...a, by: a.accusations, of: 0 });
	for (const m of flappers())
		parts.set(m.name, {
			by: 0,
			...parts.get(m.name),
			name: m.name,
			changed: m,
			of: m.accused ?? 0,
		});
	const [first, second] = [...parts.values()].sort((a, b) => b.by + b.of - a.by - a.of);
	const { name, by, of, changed } = first;
	if (by + of <= accusations / 2 || (second && by + of < 1.5 * (second.by + second.of))) return;
	if (by < of) {
		if (episodes(changed) < 2) return; // it has failed, which is said elsewhere
		return {
			name,
			accuses: by > 0,
			finding: finding(
				"alert",
				changes(changed),
				by ? `; it accused others ${plural(by, "time")}` : "",
				": look there first.",
			),
		};
	}
	const health = first.health ?? healthOf(name);
	return {
		name,
		accuses: true,
		finding: finding(
			"alert",
			h(
				"b",
				{},
				`${count(by)} of ${plural(accusations, "accusation")} in the last hour came from `,
				linkTo(name),
			),
			health ? `, whose health score is ${health} (0 is best)` : "",
			of ? `, which was itself accused ${plural(of, "time")}` : "",
			first.self
				? ". That is this agent: its own network or load is the likely cause."
				: ": look there first.",
		),
	};
}

// healthOf is a member's own health score, if it was asked and has said so.
const healthOf = (name) => state.views?.agents.find((g) => g.name === name)?.health;

const changes = (m) => [
	h("b", {}, linkTo(m.name), " was ", episodesOf(m)),
	" in the last hour",
];

// episodesOf words what happened to a member that flaps.
const episodesOf = (m) =>
	[
		m.failed && `called failed ${plural(m.failed, "time")}`,
		m.refuted && `suspected ${plural(m.refuted, "time")} and refuted it`,
	]
		.filter(Boolean)
		.join(", and ");

const lossMin = 3; // probes answered over TCP alone: one or two happen

// loss: members that answer over TCP, after none of their packets had come. If they are most of all,
// the packets of this agent are the ones that get lost.
function loss() {
	const names = (state.flaps?.tcp_only ?? [])
		.filter((t) => t.times >= lossMin)
		.map((t) => t.name);
	if (!names.length) return;
	if (names.length > 1 && names.length > (tally("alive") - 1) / 2) {
		return finding(
			"alert",
			h("b", {}, "Packets to and from this agent, ", linkTo(state.agent.name), ", get lost"),
			": most others answer it over TCP but not over UDP. Look at its network, its firewall and its load.",
		);
	}
	return finding(
		"alert",
		h(
			"b",
			{},
			linksTo(names),
			names.length === 1 ? " answers" : " answer",
			" over TCP but often not over UDP",
		),
		": packets get lost on the way. Look at its network, its firewall and its load.",
	);
}

// flapping: members that flap, but for the one that is named already. If that one accuses others
// wrongly it may be why they do.
function flapping(culprit) {
	const others = flappers().filter((m) => episodes(m) > 1 && m.name !== culprit?.name);
	const [worst, ...rest] = others;
	if (!worst) return;
	if (culprit?.accuses)
		return finding(
			"hint",
			h("b", {}, linksTo(others.map((m) => m.name))),
			" flapped, too, perhaps because ",
			linkTo(culprit.name),
			" accused them.",
		);
	return finding(
		"alert",
		changes(worst),
		rest.length
			? [
					". So did ",
					linksTo(
						rest.map((m) => m.name),
						3,
					),
				]
			: "",
		".",
	);
}

function failed() {
	const n = tally("failed");
	if (!n) return;
	const names = [];
	for (const m of state.members.values()) if (m.status === "failed") names.push(m.name);
	const last = lastFailures();
	const time = (name) => last.get(name) ?? "";
	names.sort((a, b) => (time(a) < time(b) ? 1 : -1));
	return finding(
		"alert",
		h("b", {}, linksTo(names), n === 1 ? " has failed" : " have failed"),
		time(names[0]) && [n === 1 ? " at " : ", the last at ", when(time(names[0]))],
		`. ${count(tally("alive"))} of ${plural(state.members.size - tally("left"), "member")} are alive.`,
	);
}

// lastFailures is when each member last failed, as far as the timeline goes.
function lastFailures() {
	const last = new Map();
	for (const { kind, time, data } of state.events) {
		if (kind === "member-failed") data.members.forEach((m) => last.set(m.name, time));
	}
	return last;
}

function recovered(but) {
	const list = flappers().filter(
		(m) =>
			episodes(m) === 1 && m.name !== but && state.members.get(m.name)?.status === "alive",
	);
	if (!list.length) return;
	const what = list.every((m) => m.failed)
		? "called failed"
		: list.some((m) => m.failed)
			? "suspected or called failed"
			: "suspected";
	return finding(
		"hint",
		h(
			"b",
			{},
			linksTo(list.map((m) => m.name)),
			` ${list.length === 1 ? "was" : "were"} ${what} in the last hour`,
		),
		", and came back",
		list.length === 1 && list[0].last && [" at ", when(list[0].last)],
		". The history says why, best as all agents saw it.",
	);
}

function disagreement() {
	const list = state.views?.disagreements ?? [];
	if (!list.length) return;
	const { member, here, there, agents } = list[0];
	return finding(
		"alert",
		h(
			"b",
			{},
			"Not all agree: ",
			linkTo(member),
			` is ${visible(here)} here, ${visible(there)} for `,
			linksTo(agents),
		),
		list.length > 1 ? `, and ${plural(list.length - 1, "other member")} likewise.` : ".",
	);
}

const poorHealth = 2; // score from which on a member's own troubles are likely

function unhealthy() {
	const self = state.agent?.name;
	const list = (state.views?.agents ?? [])
		.filter((g) => g.name !== self && g.health >= poorHealth)
		.sort((a, b) => b.health - a.health);
	const own = state.agent?.health;
	if (own) list.unshift({ name: self, health: own });
	if (!list.length) return;
	return finding(
		"hint",
		h(
			"b",
			{},
			list
				.slice(0, 4)
				.map((g, i) => [i ? ", " : "", linkTo(g.name), ` has health score ${g.health}`]),
		),
		" (0 is best): it misses answers or gets them late, so its network or load may be at fault, and its word is worth less.",
	);
}

function calm() {
	const n = tally("alive"),
		known = state.members.size - tally("left");
	if (known === 1) return finding("good", "This agent is alone: it knows no other member.");
	return finding(
		"good",
		h("b", {}, `${n === known ? "All " : ""}${plural(n, "member")} are alive`),
		state.flaps ? ", and nobody was suspected or called failed in the last hour." : ".",
	);
}
